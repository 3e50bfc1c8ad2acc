"""The verdicts of a case as the comparison puts them: each quote at its moment, with the collateral
that the case selected for it, read back from the case's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from differential.evidence import read_certificates
from differential.verifiers import Exhibit, OurAnswer

from forensics.case.case import Case as Filed
from forensics.case.case import open_case
from forensics.case.connection import connect
from forensics.formats.certificates import parse_certificate
from forensics.simulate.certificates import chain_pem
from forensics.simulate.collateral import SignedDocument
from forensics.verify.documents import Signer, find_signature, find_signers

_MEMBERS = {"tcb_info": "tcbInfo", "qe_identity": "enclaveIdentity"}
_VERDICTS = """
    SELECT v.*, epoch_us(v.as_of) // 1000000 AS seconds, q.tee, q.version
    FROM verdict AS v JOIN quote AS q USING (quote_id)
    WHERE q.tee <> 'snp' AND v.as_of IS NOT NULL AND v.moment = $moment
    ORDER BY v.observation_no
"""


class Shelf:
    """Quotes and collateral of a case, by the ids that its verdicts name."""

    def __init__(self, case: Path) -> None:
        self._case: Filed = open_case(case)
        self._connection = connect(self._case)
        self._documents = {
            identity.hex(): (kind, body, signature)
            for identity, kind, body, signature in self._rows("document")
        }
        self._crls = {identity.hex(): data for identity, data in self._rows("crl")}
        anchors = (parse_certificate(anchor.der) for anchor in self._case.settings.anchors)
        self._anchors = {anchor.public_key: anchor for anchor in anchors if anchor.public_key}
        known = [parse_certificate(data) for _, data in self._rows("certificate")]
        self._signers = find_signers([*known, *self._anchors.values()], set(self._anchors))
        self._quotes: dict[str, bytes] = {}
        self._envelopes: dict[str | None, tuple[bytes, bytes]] = {None: (b"", b"")}

    def list_verdicts(
        self, moment: str, step: int = 1
    ) -> Iterator[tuple[str, dict[str, Any], Exhibit]]:
        """(name, row of the view `verdict` with `seconds`, `tee` and `version`, exhibit).

        Of one verdict in `step`.
        """
        relation = self._connection.sql(_VERDICTS, params={"moment": moment})
        for row in relation.to_arrow_table().to_pylist()[::step]:
            name = f"{row['observation_id']} at {moment} ({row['as_of']})"
            yield name, row, self._exhibit(row)

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(f"FROM stored.{table}").fetchall()

    def _exhibit(self, row: dict[str, Any]) -> Exhibit:
        quote = self._quote(row["quote_id"])
        theirs = read_certificates(quote)
        root = next((self._anchors[c.public_key] for c in theirs if self._is_anchor(c)), None)
        info, info_chain = self._envelope(row["tcb_info_id"])
        identity, identity_chain = self._envelope(row["qe_identity_id"])
        return Exhibit(
            quote=quote,
            pck_crl_issuer_chain=chain_pem(*(c.der for c in theirs[1:] if c)),
            root_ca_crl=self._crls.get(row["root_crl_id"], b""),
            pck_crl=self._crls.get(row["pck_crl_id"], b""),
            tcb_info_issuer_chain=info_chain,
            tcb_info=info,
            qe_identity_issuer_chain=identity_chain,
            qe_identity=identity,
            root=(root or next(iter(self._anchors.values()))).der,
            moment=row["seconds"],
        )

    def _is_anchor(self, certificate: Any) -> bool:
        return certificate is not None and certificate.public_key in self._anchors

    def _quote(self, quote_id: str) -> bytes:
        if quote_id not in self._quotes:
            self._quotes[quote_id] = self._case.quote_bytes(bytes.fromhex(quote_id))
        return self._quotes[quote_id]

    def _envelope(self, document_id: str | None) -> tuple[bytes, bytes]:
        """(response body of PCS, chain of its signer), both empty where there is no document."""
        if document_id not in self._envelopes:
            kind, body, signature = self._documents[document_id or ""]
            found = find_signature(body, signature, self._signers)
            chain = self._chain(found[0]) if found else b""
            envelope = SignedDocument(_MEMBERS[kind], body, signature).envelope()
            self._envelopes[document_id] = (envelope, chain)
        return self._envelopes[document_id]

    @staticmethod
    def _chain(signer: Signer) -> bytes:
        return chain_pem(signer.certificate.der, signer.root.der)


def read_answer(row: dict[str, Any]) -> OurAnswer:
    """A row of the view `verdict` as an answer that can be compared."""
    accepted = row["outcome"] == "accepted"
    return OurAnswer(
        accepted,
        row["status"] if accepted else None,
        note=row["outcome"],
        advisories=tuple(row["advisory_ids"]) if accepted else None,
        failed=frozenset(row["failed_checks"]),
        lacking=frozenset(row["undetermined_checks"]),
        strict=frozenset(row["strict_failures"]),
    )
