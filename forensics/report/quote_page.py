"""A quote on one page: each field with its meaning and its signature, certificates, verdict.

From a case, or from bytes that no case holds. All parts are rows, ready for a table or for JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.case.facts import read_endorsements
from forensics.case.lookup import find_one
from forensics.case.loose import judge_loose, judge_loose_report
from forensics.errors import EvidenceError, UsageError
from forensics.formats.anatomy import UNSIGNED, Piece, dissect_quote
from forensics.formats.certificates import Certificate
from forensics.formats.evidence import Evidence, parse_evidence
from forensics.formats.meaning import interpret
from forensics.formats.pck import SGX_EXTENSION, parse_chain, parse_sgx_extension
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote
from forensics.formats.snp import SnpReport
from forensics.formats.vek import TCB_PLACES, generation_of, split_tcb
from forensics.verify.appraisal import format_time
from forensics.verify.facts import EndorsementFact
from forensics.verify.report_signature import Endorsers

if TYPE_CHECKING:
    import duckdb

    from forensics.case.case import Case
    from forensics.case.judgements import Bench

Row = dict[str, Any]

MOST_SIGHTINGS = 100  # shown, from the first on; the page says how many there are
_SHORT = 64  # bytes of a value that are printed in full

SUMMARY = ("what", "value", "meaning")
FIELDS = ("part", "offset", "size", "field", "value", "says", "meaning", "covered_by", "unsigned")
CERTIFICATES = ("role", "subject", "issuer", "serial", "not_before", "not_after", "signed_id")
VERDICTS = (
    *("moment", "as_of", "outcome", "status", "failed_checks", "undetermined_checks"),
    *("strict_failures", "advisory_ids", "sightings"),
)
SIGHTINGS = ("observation_id", "received_at", "enclave_id", "node_id", "claimed", "receipt")
FINDINGS = ("finding_id", "severity", "detector", "summary")


@dataclass
class QuotePage:
    """`quote` is the parsed quote; the rest are rows with the columns named above."""

    quote: Evidence = field(repr=False)
    quote_id: str
    summary: list[Row] = field(default_factory=list, repr=False)
    verdicts: list[Row] = field(default_factory=list)
    sightings: list[Row] = field(default_factory=list, repr=False)
    findings: list[Row] = field(default_factory=list, repr=False)
    fields: list[Row] = field(default_factory=list, repr=False)
    certificates: list[Row] = field(default_factory=list, repr=False)
    platform: list[Row] = field(default_factory=list, repr=False)


def describe_stored(
    case: Case, connection: duckdb.DuckDBPyConnection, identifier: str
) -> QuotePage:
    """The page of a quote, or of one sighting of it, by the start of either id.

    Raises `UsageError` (`no-match`, `ambiguous`, `bad-id`, `no-quote`).
    """
    match = find_one(connection, ("quote", "observation"), identifier, same="quote_id")
    quote_id = match.row["quote_id"]
    sighting = match.identifier if match.view == "observation" else None
    page = describe_bytes(
        load_stored(case, match.view, quote_id), _read_endorsement(connection, quote_id)
    )
    condition = "quote_id = $quote AND ($sighting IS NULL OR observation_id = $sighting)"
    given = {"quote": quote_id, "sighting": sighting}
    page.verdicts = _query(connection, _VERDICTS.format(condition=condition), given)
    page.sightings = _query(connection, _SIGHTINGS.format(condition=condition), given)
    page.findings = _query(connection, _FINDINGS.format(condition=condition), given)
    total = sum(row["sightings"] for row in page.verdicts if row["moment"] == "receipt")
    if total > len(page.sightings):
        page.summary.append(_summarise("sightings", total, f"the first {MOST_SIGHTINGS} are shown"))
    return page


def load_stored(case: Case, view: str, quote_id: str | None) -> bytes:
    """Raises `UsageError` (`no-quote`) for an observation without one that can be read."""
    if quote_id is None:
        raise UsageError("no-quote", f"that {view} came without a quote that can be read")
    return case.quote_bytes(bytes.fromhex(quote_id))


def describe_loose(
    data: bytes, anchors: Collection[bytes], moment: datetime, bench: Bench | None = None
) -> QuotePage:
    """The page of a quote that is in no case, judged at `moment`.

    `anchors` are root public keys `X ‖ Y`; without a `bench` there is no collateral, and what
    needs some stays undetermined. Raises `EvidenceError` as `parse_evidence` does.
    """
    quote = parse_evidence(data)
    endorsement = None
    if isinstance(quote, SnpReport):
        endorsed = Endorsers(bench.endorsements.values() if bench else ()).find(quote)
        if bench and endorsed.endorsement_id:
            endorsement = bench.endorsements[endorsed.endorsement_id]
        judgement = judge_loose_report(quote, endorsed, moment, bench)
    else:
        judgement = judge_loose(quote, anchors, moment, bench)
    page = describe_bytes(data, endorsement)
    page.verdicts = [
        {
            "moment": "with the case's collateral" if bench else "without collateral",
            "as_of": moment,
            "outcome": judgement.outcome,
            "status": judgement.status,
            "failed_checks": judgement.failed_checks,
            "undetermined_checks": judgement.undetermined_checks,
            "strict_failures": judgement.strict_failures,
            "advisory_ids": list(judgement.advisory_ids),
            "sightings": None,
        }
    ]
    return page


def describe_bytes(data: bytes, endorsement: EndorsementFact | None = None) -> QuotePage:
    """What the bytes alone say, and the VEK certificate of a report: no verdict.

    Raises `EvidenceError` as `parse_evidence` does.
    """
    quote = parse_evidence(data)
    page = QuotePage(
        quote=quote,
        quote_id=hashlib.sha256(data).hexdigest(),
        fields=[_describe_piece(piece) for piece in dissect_quote(quote)],
    )
    if isinstance(quote, SnpReport):
        key = endorsement.vek_key if endorsement else None
        page.platform = _describe_snp_platform(quote, endorsement)
    else:
        key = quote.attestation_key
        certificates = _read_certificates(quote)
        page.certificates = [_describe_certificate(certificate) for certificate in certificates]
        page.platform = [row for c in certificates for row in _describe_platform(c)]
    page.summary = _summarise_quote(quote, key or b"", data)
    return page


def _summarise_quote(quote: Evidence, key: bytes, data: bytes) -> list[Row]:
    r = quote.signature_r
    return [
        _summarise("kind", f"{quote.tee.upper()}, version {quote.version}", f"{len(data)} bytes"),
        _summarise("quote_id", _hash(data), "SHA-256 of the bytes as seen"),
        _summarise("signed_id", _hash(quote.signed), "SHA-256 of what the attestation key signed"),
        _summarise(
            "signing_id",
            _hash(key + quote.signed + r),
            "one signing event: the same in every disguise of this quote",
        ),
        _summarise("attestation_key_id", _hash(key), "SHA-256 of the key that signed it")
        if key
        else _summarise("attestation_key_id", None, "the certificate of its key is not there"),
    ]


def _summarise(what: str, value: object, meaning: str) -> Row:
    return dict(zip(SUMMARY, (what, value, meaning), strict=True))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _describe_piece(piece: Piece) -> Row:
    return {
        "part": piece.part,
        "offset": piece.offset,
        "size": len(piece.data),
        "field": piece.name,
        "value": show_value(piece),
        "says": interpret(piece),
        "meaning": piece.doc,
        "covered_by": str(piece.cover),
        "unsigned": piece.cover in UNSIGNED,
        "source": piece.spec,
    }


def show_value(piece: Piece) -> str | int:
    """Number or hex; for long values the SHA-256, as the bytes are in the quote."""
    if len(piece.data) > _SHORT:
        return f"{len(piece.data)} bytes, SHA-256 {_hash(piece.data)}"
    return piece.data.hex() if isinstance(piece.value, bytes) else piece.value


def _read_certificates(quote: Quote) -> list[Certificate]:
    if quote.certification_type != CERTIFICATION_PCK_CHAIN:
        return []
    try:
        return parse_chain(quote.certification_data)
    except EvidenceError:
        return []  # the fields show the bytes, and check P1 fails


def _describe_certificate(certificate: Certificate) -> Row:
    return {
        "role": _name_role(certificate),
        "subject": certificate.subject_name,
        "issuer": certificate.issuer_name,
        "serial": f"{certificate.serial:x}",
        "not_before": format_time(certificate.not_before),
        "not_after": format_time(certificate.not_after),
        "signed_id": certificate.tbs_id.hex(),
        "certificate_id": certificate.certificate_id.hex(),
    }


def _name_role(certificate: Certificate) -> str:
    if SGX_EXTENSION in certificate.extensions:
        return "PCK"
    return "root" if certificate.self_issued else "CA"


_PLATFORM = {
    "fmspc": "family, model, stepping, platform: picks the TCB info",
    "pce_id": "provisioning certification enclave",
    "pce_svn": "its security version",
    "components": "the 16 TCB component SVNs",
    "cpu_svn": "raw CPUSVN that they were derived from",
    "ppid": "identifies the processor package",
    "sgx_type": "0 standard, 1 and 2 scalable",
    "platform_instance_id": "identifies the platform, also over several packages",
    "dynamic_platform": "packages can be added",
    "cached_keys": "keys are kept by Intel's registration service",
    "smt_enabled": "hyper-threading is on",
}


def _describe_platform(certificate: Certificate) -> list[Row]:
    if SGX_EXTENSION not in certificate.extensions:
        return []
    try:
        extension = parse_sgx_extension(certificate.extensions[SGX_EXTENSION][1])
    except EvidenceError as error:
        return [_summarise("SGX extension", None, error.message)]
    values = asdict(extension)
    return [
        _summarise(name, value.hex() if isinstance(value, bytes) else value, meaning)
        for name, meaning in _PLATFORM.items()
        if (value := values[name]) is not None
    ]


_TCBS = ("reported_tcb", "committed_tcb", "launch_tcb", "current_tcb")


def _read_endorsement(
    connection: duckdb.DuckDBPyConnection, quote_id: str | None
) -> EndorsementFact | None:
    """The VEK certificate that a stored report is checked against."""
    rows = connection.execute(
        "SELECT f.endorsement_id FROM stored.filed AS f "
        "JOIN stored.quote AS q ON q.quote_no = f.quote_no WHERE q.quote_id = unhex(?)",
        [quote_id],
    ).fetchall()
    return read_endorsements(connection).get(rows[0][0]) if rows else None


def _describe_snp_platform(report: SnpReport, endorsement: EndorsementFact | None) -> list[Row]:
    """The TCBs by component, where the generation is known, and what the certificate says."""
    body = report.body
    cpuid = body.get("cpuid")
    product = generation_of(cpuid) if isinstance(cpuid, bytes) else None
    product = product or (endorsement.product if endorsement else None)
    rows = []
    if product in TCB_PLACES:
        for name in _TCBS:
            value = body[name]
            assert isinstance(value, bytes)
            shown = " ".join(f"{part} {n}" for part, n in split_tcb(value, product).items())
            rows.append(_summarise(name, shown, f"by component, as {product} has them"))
    if endorsement is None:
        return [*rows, _summarise("VEK", None, "no certificate in the case fits this report")]
    chip = endorsement.hardware_id
    return [
        *rows,
        _summarise("VEK", endorsement.kind, f"certificate {endorsement.endorsement_id.hex()}"),
        _summarise("product", endorsement.product, "by the certificate"),
        _summarise("issued by", endorsement.ca_name, "the ASK or ASVK; empty when not known"),
        _summarise("hardware id", chip.hex() if chip else None, "the chip of a VCEK"),
        _summarise("CSP", endorsement.csp_id, "the cloud provider of a VLEK"),
    ]


_VERDICTS = """
SELECT moment, min(as_of) AS as_of, outcome, status, failed_checks, undetermined_checks,
       strict_failures, advisory_ids, count(*) AS sightings
FROM verdict WHERE {condition}
GROUP BY ALL
ORDER BY moment DESC, as_of NULLS FIRST, outcome, status, failed_checks, undetermined_checks,
         strict_failures, advisory_ids
"""

_SIGHTINGS = f"""
SELECT o.observation_id, o.received_at, o.enclave_id, o.node_id,
       concat_ws(', ', o.claimed_quote_status, o.claimed_tcb_level,
                 CASE o.claimed_policy_allowed WHEN true THEN 'allowed' WHEN false THEN 'denied' END
       ) AS claimed,
       concat_ws(' ', v.outcome, v.status) AS receipt
FROM (SELECT * FROM observation WHERE {{condition}}) AS o
LEFT JOIN verdict AS v ON v.observation_id = o.observation_id AND v.moment = 'receipt'
ORDER BY o.received_at NULLS FIRST, o.observation_no
LIMIT {MOST_SIGHTINGS}
"""

_FINDINGS = f"""
SELECT finding_id, severity, detector, summary
FROM finding
WHERE list_has_any(observation_ids,
                   (SELECT list(observation_id) FROM observation WHERE {{condition}}))
ORDER BY first_seen, detector, finding_id
LIMIT {MOST_SIGHTINGS}
"""


def _query(
    connection: duckdb.DuckDBPyConnection, sql: str, given: dict[str, str | None]
) -> list[Row]:
    rows: list[Row] = connection.sql(sql, params=given).to_arrow_table().to_pylist()
    return rows


PARTS: tuple[tuple[str, Sequence[str]], ...] = (
    ("summary", SUMMARY),
    ("verdicts", VERDICTS),
    ("sightings", SIGHTINGS),
    ("findings", FINDINGS),
    ("fields", FIELDS),
    ("certificates", CERTIFICATES),
    ("platform", SUMMARY),
)
"""The parts of a page in the order of reading, and the columns that are shown of each."""


def to_record(page: QuotePage) -> Row:
    """The page as one JSON-ready object."""
    return {"quote_id": page.quote_id, **{name: getattr(page, name) for name, _ in PARTS}}
