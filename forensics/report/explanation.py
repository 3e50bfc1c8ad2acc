"""Explaining one verdict: the facts that conflict, every check, the collateral, the proof.

An explanation is about one sighting at one moment. A finding is explained through its sightings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forensics.case.collateral_proof import read_issuers
from forensics.case.facts import read_candidate
from forensics.case.judgements import Bench
from forensics.case.lookup import find_one
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.evidence import parse_evidence
from forensics.formats.quote import Quote
from forensics.formats.snp import SnpReport
from forensics.formats.times import to_microseconds
from forensics.report.openssl import (
    Step,
    crl_form_step,
    crl_step,
    document_steps,
    find_issuer,
    quote_steps,
    report_steps,
    revocation_step,
    signer_time_step,
    time_steps,
)
from forensics.report.text import to_plain
from forensics.verify.appraisal import Judgement, format_time
from forensics.verify.archive import NO_TIME, SECOND
from forensics.verify.checks import CHECK_OF_ID
from forensics.verify.documents import find_signature, find_signers
from forensics.verify.facts import ChainFact, CrlFact, EndorsementFact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from forensics.case.case import Case

Row = dict[str, Any]

# The verifier's claim, and what stands against it: column of `observation`, of `quote`.
_CLAIMS = (
    ("mrenclave", "claimed_mrenclave", "mrenclave"),
    ("mrsigner", "claimed_mrsigner", "mrsigner"),
    ("isv_prodid", "claimed_isv_prodid", "isv_prodid"),
    ("isv_svn", "claimed_isv_svn", "isv_svn"),
    ("report_data", "claimed_report_data", "report_data"),
)


EXPLAINED = (
    *("observation_id", "moment", "as_of", "outcome"),
    *("facts", "checks", "collateral", "lacking"),
)


@dataclass
class Explanation:
    """All parts as rows for printing; `steps` repeat the checks with openssl."""

    observation_id: str
    moment: str
    as_of: str | None
    outcome: str
    facts: list[Row] = field(default_factory=list)
    checks: list[Row] = field(default_factory=list)
    collateral: list[Row] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def find_subject(
    connection: duckdb.DuckDBPyConnection, identifier: str
) -> tuple[Row | None, list[str]]:
    """(finding or None, observation ids) that an id stands for.

    The sightings that offend come before those that they are compared with. Raises `UsageError`
    (`no-match`, `ambiguous`).
    """
    match = find_one(connection, ("finding", "observation"), identifier)
    if match.view == "finding":
        return match.row, _order_sightings(connection, match.row)
    return None, [match.identifier]


def _order_sightings(connection: duckdb.DuckDBPyConnection, finding: Row) -> list[str]:
    identities: list[str] = list(finding["observation_ids"])
    rows = connection.execute(
        "SELECT observation_id FROM observation "
        "WHERE observation_id IN (SELECT unnest($wanted::VARCHAR[])) "
        "AND received_at BETWEEN CAST($first AS TIMESTAMPTZ) AND CAST($last AS TIMESTAMPTZ)",
        {"wanted": identities, "first": finding["first_seen"], "last": finding["last_seen"]},
    ).fetchall()
    offending = {identity for (identity,) in rows}
    return sorted(identities, key=lambda identity: identity not in offending)


class Explainer:
    def __init__(self, case: Case, connection: duckdb.DuckDBPyConnection) -> None:
        self._case = case
        self._connection = connection
        self._bench = Bench(connection)

    def explain(self, observation_id: str, moment: str) -> Explanation:
        """`moment` is receipt or hindsight."""
        observation = self._one("observation", "observation_id", observation_id)
        verdicts = {
            row["moment"]: row for row in self._rows("verdict", "observation_id", observation_id)
        }
        verdict = verdicts.get(moment)
        explanation = Explanation(
            observation_id=observation_id,
            moment=moment,
            as_of=None if verdict is None else to_plain(verdict["as_of"]),
            outcome=verdict["outcome"] if verdict else "not judged",
        )
        quote = None
        if observation["quote_id"]:
            quote = self._one("quote", "quote_id", observation["quote_id"])
        explanation.facts = compare_claims(observation, quote, verdicts)
        explanation.facts += self._binding(observation_id)
        if quote is None:
            explanation.lacking.append("the quote: the event came without one that can be read")
            return explanation
        if verdict is None:
            explanation.lacking.append("a verdict: `verify` has not judged this evidence yet")
        elif verdict["as_of"] is None:
            explanation.lacking.append("a moment: the evidence has no time")
        evidence = parse_evidence(self._case.quote_bytes(bytes.fromhex(quote["quote_id"])))
        if not isinstance(evidence, SnpReport):  # a report's key is not in it
            explanation.steps = quote_steps(evidence, self._trusted_keys())
        if verdict is not None:
            self._add_judgement(explanation, observation_id, verdict, evidence)
        return explanation

    def _add_judgement(
        self,
        explanation: Explanation,
        observation_id: str,
        verdict: Row,
        evidence: Quote | SnpReport,
    ) -> None:
        [(number,)] = self._connection.execute(
            "SELECT f.subject_no FROM stored.filed AS f "
            "JOIN stored.quote AS q ON q.quote_no = f.quote_no "
            "JOIN observation AS o ON o.quote_id = lower(hex(q.quote_id)) "
            "WHERE o.observation_id = ?",
            [observation_id],
        ).fetchall()
        candidate = read_candidate(self._connection, number)
        as_of = verdict["as_of"]
        at = NO_TIME if as_of is None else to_microseconds(as_of)
        judgement = self._bench.recall(candidate, at, verdict)
        for identity, (result, expected, observed) in judgement.results.items():
            check = CHECK_OF_ID[identity]
            explanation.checks.append(
                {
                    "check_id": check.id,
                    "title": check.title,
                    "result": result,
                    "expected": expected,
                    "observed": observed,
                    "ours": check.strict,
                }
            )
            if result == "error":
                explanation.lacking.append(f"{check.id}: {expected}")
        chosen = verdict["chosen_collateral"] or ()
        explanation.collateral = [
            {**row, "chosen": row["id"] in chosen, **self._find_acquisition(row["id"])}
            for row in _describe_collateral(judgement)
        ]
        chain = candidate.chain
        second = None if at == NO_TIME else at // SECOND
        if isinstance(chain, ChainFact) and isinstance(evidence, Quote):
            explanation.steps += self._collateral_steps(judgement, chain, second)
            if second is not None:
                crls = {
                    "root_ca": judgement.selection.root_crl,
                    "pck_ca": judgement.selection.pck_crl,
                }
                read = {name: self._read_crl(crl) for name, crl in crls.items() if crl}
                explanation.steps += time_steps(evidence, second, read)
        elif isinstance(chain, EndorsementFact) and isinstance(evidence, SnpReport):
            explanation.steps += self._report_steps(judgement, chain, evidence, second)

    def _report_steps(
        self,
        judgement: Judgement,
        endorsement: EndorsementFact,
        report: SnpReport,
        second: int | None,
    ) -> list[Step]:
        """N4, N2 and N8; `second` since the epoch, where the moment is known."""
        known = read_issuers(self._connection, [a.der for a in self._case.settings.anchors])
        chain = [c for c in known if c.certificate_id == endorsement.endorsement_id]
        for subject, key in (
            (endorsement.ca_subject, endorsement.ca_key),
            (endorsement.root_subject, endorsement.root_key),
        ):
            issuer = find_issuer(known, subject or b"", key or b"")
            chain += [issuer] if issuer else []
        steps = report_steps(report, endorsement.vek_key, chain, second)
        crl = judgement.selection.root_crl
        if crl is not None and endorsement.ca_serial is not None:
            steps += self._crl_steps("N8", "N8", "ark", crl, endorsement.ca_serial, known)
        return steps

    def _crl_steps(
        self,
        signed: str,
        listed: str,
        name: str,
        crl: CrlFact,
        serial: str | None,
        issuers: Sequence[Certificate],
        issuer_key: bytes | None = None,
    ) -> list[Step]:
        """The checks of a CRL's signature, and that a serial number is not in it.

        `issuer_key`: whose signature it should have, where that is not the one it has.
        """
        data = self._read_crl(crl)
        issuer = find_issuer(issuers, crl.issuer, issuer_key or crl.issuer_key or b"")
        steps = [] if issuer is None else [crl_step(signed, name, data, issuer)]
        return steps + ([] if serial is None else [revocation_step(listed, name, data, serial)])

    def _collateral_steps(
        self, judgement: Judgement, chain: ChainFact, second: int | None
    ) -> list[Step]:
        issuers = read_issuers(self._connection, [a.der for a in self._case.settings.anchors])
        signers = find_signers(issuers, self._trusted_keys())
        steps = []
        serials = []
        selection = judgement.selection
        for check, document in (("S4", selection.tcb_info), ("S6", selection.qe_identity)):
            if document is None:
                continue
            body, signature = self._connection.execute(
                "SELECT body, signature FROM stored.document WHERE document_id = ?",
                [document.document_id],
            ).fetchall()[0]
            # First the certificate that the verdict used: its key may have several.
            signers.sort(key=lambda signer: signer.fact != document.signer)
            found = find_signature(body, signature, signers)
            if found is None and signers:  # nobody's: let openssl say so of the likeliest signer
                found = signers[0], body
            if found is not None:
                signer, text = found
                kind = document.outline.kind
                steps += document_steps(check, kind, text, signature, signer)
                steps += [] if second is None else [signer_time_step(kind, second, signer)]
            if document.signer is not None:
                serials.append(document.signer.serial)
        crls = (
            ("R1", "R3", "root_ca", selection.root_crl, chain.ca_serial, chain.root_key),
            ("R2", "R4", "pck_ca", selection.pck_crl, chain.pck_serial, chain.ca_key),
        )
        for signed, listed, name, crl, serial, key in crls:
            if crl is not None:
                steps += self._crl_steps(signed, listed, name, crl, serial, issuers, key)
                steps.append(crl_form_step(signed, name, self._read_crl(crl)))
        if selection.root_crl is not None:
            data = self._read_crl(selection.root_crl)
            steps += [revocation_step("S2", "root_ca", data, s) for s in dict.fromkeys(serials)]
        return steps

    def _trusted_keys(self) -> list[bytes]:
        """Public keys `X ‖ Y` of the trust anchors on P-256, in the order of the settings."""
        keys = (parse_certificate(a.der).public_key for a in self._case.settings.anchors)
        return [key for key in keys if key is not None]

    def _find_acquisition(self, item_id: str) -> Row:
        """When the case first read a document or CRL, and from where."""
        rows = self._rows("acquisition", "item_id", item_id)
        if not rows:  # a case that lost tables still explains what it has
            return {"acquired": None, "from": None}
        first = min(rows, key=lambda row: (row["acquired_at"], row["path"]))
        return {"acquired": to_plain(first["acquired_at"]), "from": first["path"]}

    def _read_crl(self, crl: CrlFact) -> bytes:
        (data,) = self._connection.execute(
            "SELECT data FROM stored.crl WHERE crl_id = ?", [crl.crl_id]
        ).fetchall()[0]
        assert isinstance(data, bytes)
        return data

    def _binding(self, observation_id: str) -> list[Row]:
        return [
            {
                "fact": f"report_data by the rule {row['rule']} of {row['workload_id']}"
                + (", state as launched" if row["initial_state_from"] == "launch" else ""),
                "claimed": row["expected_report_data"] or f"not evaluable: {row['missing']}",
                "evidence": row["result"],
                "conflict": row["result"] == "mismatch",
            }
            for row in self._rows("binding", "observation_id", observation_id)
        ]

    def _rows(self, view: str, column: str, value: str) -> list[Row]:
        relation = self._connection.sql(
            f'SELECT * FROM "{view}" WHERE "{column}" = ? ORDER BY ALL', params=[value]
        )
        rows: list[Row] = relation.to_arrow_table().to_pylist()
        return rows

    def _one(self, view: str, column: str, value: str) -> Row:
        return self._rows(view, column, value)[0]


def compare_claims(observation: Row, quote: Row | None, verdicts: dict[str, Row]) -> list[Row]:
    """Claim beside evidence, conflicts marked."""
    facts = []
    for name, claim, column in _CLAIMS:
        claimed = observation[claim]
        found = quote[column] if quote else None
        if claimed is not None or found is not None:
            conflict = claimed is not None and found is not None and claimed != found
            facts.append(
                {"fact": name, "claimed": claimed, "evidence": found, "conflict": conflict}
            )
    for moment, verdict in sorted(verdicts.items(), reverse=True):  # receipt first
        shown = verdict["outcome"] + (f", {verdict['status']}" if verdict["status"] else "")
        if verdict["failed_checks"]:
            shown += f" (failed: {', '.join(verdict['failed_checks'])})"
        contradiction = verdict["outcome"] == "rejected" and bool(observation["claimed_ok"])
        facts.append(
            {
                "fact": f"verdict at {moment}",
                "claimed": _say_claim(observation),
                "evidence": shown,
                "conflict": contradiction,
            }
        )
    return facts


def _say_claim(observation: Row) -> str | None:
    parts = (
        observation["claimed_quote_status"],
        observation["claimed_tcb_level"],
        {True: "allowed", False: "denied", None: None}[observation["claimed_policy_allowed"]],
    )
    return ", ".join(part for part in parts if part) or None


def _describe_collateral(judgement: Judgement) -> list[Row]:
    rows: list[Row] = []
    selection = judgement.selection
    for document in (selection.tcb_info, selection.qe_identity):
        if document is not None:
            outline = document.outline
            rows.append(
                {
                    "kind": f"{outline.kind} {outline.id}",
                    "id": document.document_id.hex(),
                    "issued": _show_time(outline.issued_at),
                    "expires": _show_time(outline.expires_at),
                    "number": outline.evaluation_number,
                }
            )
    rows += [
        {
            "kind": f"crl {crl.issuer_name}",
            "id": crl.crl_id.hex(),
            "issued": _show_time(crl.this_update),
            "expires": _show_time(crl.next_update),
            "number": None,
        }
        for crl in (selection.root_crl, selection.pck_crl)
        if crl is not None
    ]
    return rows


def _show_time(moment: int | None) -> str | None:
    return None if moment is None else format_time(moment)


def to_empty_record(moment: str) -> Row:
    """As `to_record`, for a finding without a sighting: silence has none."""
    return to_record(Explanation("", moment, None, "no sighting")) | {"observation_id": None}


def to_record(explanation: Explanation) -> Row:
    """The explanation as one JSON-ready object."""
    record: Row = {name: getattr(explanation, name) for name in EXPLAINED}
    record["steps"] = [
        {
            "check_id": step.check_id,
            "title": step.title,
            "command": step.command,
            "expect": step.expect,
            "files": sorted(step.files),
        }
        for step in explanation.steps
    ]
    return record
