"""Proving VEK certificates (N2) and the signatures of SEV-SNP reports (N4).

A report's certificate may come long after it. A report without a trusted key is tried again when
certificates come, each pair of report and key once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from forensics.case.derived import DerivedTables, copy_to
from forensics.case.facts import endorsement_row, read_endorsements
from forensics.case.tables import FACT_ENDORSEMENT, FACT_REPORT, SUBJECT
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.snp import SnpReport
from forensics.formats.vek import is_vek
from forensics.verify.endorsement import is_amd_authority, prove_endorsement
from forensics.verify.facts import EndorsementFact
from forensics.verify.report_signature import NOBODY, Endorsed, Endorsers

if TYPE_CHECKING:
    import duckdb

_BATCH = 1 << 12  # reports

_REPORTS = """
SELECT q.quote_no, q.statement_id, s.version, s.head || q.report_data || s.tail AS signed,
       q.wide_r, q.wide_s, f.endorsement_id, f.signature_ok, f.quote_no IS NOT NULL
FROM stored.quote AS q
JOIN stored.statement AS s ON s.statement_id = q.statement_id AND s.tee = 'snp'
LEFT JOIN stored.fact_report AS f ON f.quote_no = q.quote_no
LEFT JOIN stored.fact_endorsement AS e ON e.endorsement_id = f.endorsement_id
WHERE f.quote_no IS NULL OR ($again AND NOT coalesce(f.signature_ok AND e.trusted, false))
ORDER BY q.quote_no
"""


class _Report(NamedTuple):
    quote_no: int
    statement_id: bytes
    version: int
    signed: bytes
    r: bytes
    s: bytes
    endorsement_id: bytes | None
    signature_ok: bool | None
    known: bool


class _Proven(NamedTuple):
    quote_no: int
    statement_id: bytes
    version: int
    endorsed: Endorsed
    renewed: bool


_SubjectKey = tuple[int, bytes, bytes | None, bool | None]


def prove_reports(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    issuers: Sequence[Certificate],
    anchors: Iterable[bytes],
    threads: int,
) -> dict[str, int]:
    """Prove what is new or can be known better. Returns signatures tried, by what they sign.

    `issuers` are all certificates of the case, `anchors` the trusted roots (DER).
    """
    before = read_endorsements(connection)
    changed = _renew_endorsements(tables, before, issuers, anchors)
    counts = {"endorsements": len(changed)}
    (held,) = connection.execute(
        "SELECT count(*) FROM stored.statement WHERE tee = 'snp'"
    ).fetchall()[0]
    if held:
        endorsers = Endorsers({**before, **changed}.values())
        fresh = {
            key
            for key, fact in changed.items()
            if key not in before or fact.trusted > before[key].trusted
        }
        proven = list(_prove(connection, endorsers, fresh, bool(changed), threads))
        _store(connection, tables, proven)
        counts["reports"] = sum(item.endorsed.signature_ok is not None for item in proven)
    return counts


def _renew_endorsements(
    tables: DerivedTables,
    before: dict[bytes, EndorsementFact],
    issuers: Sequence[Certificate],
    anchors: Iterable[bytes],
) -> dict[bytes, EndorsementFact]:
    """Facts that are new, and those that more certificates changed: an issuer may have come."""
    veks = [c for c in issuers if is_vek(c) and not _is_settled(c, before.get(c.certificate_id))]
    if not veks:
        return {}
    trusted = {parse_certificate(anchor).public_key_info for anchor in anchors}
    authorities = [certificate for certificate in issuers if is_amd_authority(certificate)]
    facts = [prove_endorsement(vek, authorities, trusted) for vek in veks]
    changed = {f.endorsement_id: f for f in facts if before.get(f.endorsement_id) != f}
    if changed.keys() & before.keys():
        kept = {**before, **changed}
        tables.replace(FACT_ENDORSEMENT, [endorsement_row(kept[key]) for key in sorted(kept)])
    else:
        tables.append(FACT_ENDORSEMENT, [endorsement_row(changed[key]) for key in sorted(changed)])
    return changed


def _is_settled(vek: Certificate, fact: EndorsementFact | None) -> bool:
    """No other issuer could tell more: this one is trusted, and lasts as long as the VEK."""
    return fact is not None and fact.trusted and fact.not_after == vek.not_after


def _prove(
    connection: duckdb.DuckDBPyConnection,
    endorsers: Endorsers,
    fresh: Iterable[bytes],
    again: bool,
    threads: int,
) -> Iterator[_Proven]:
    fresh = frozenset(fresh)

    def prove(report: _Report) -> _Proven:
        parsed = SnpReport(report.signed, report.r, report.s)
        earlier = NOBODY
        if report.known:
            earlier = Endorsed(report.endorsement_id, report.signature_ok)
        found = endorsers.find(parsed, earlier, fresh if report.known else None)
        return _Proven(report.quote_no, report.statement_id, report.version, found, report.known)

    cursor = connection.cursor()  # a result ends when its connection runs something else
    result = cursor.execute(_REPORTS, {"again": again})
    with ThreadPoolExecutor(threads) as pool:
        while rows := result.fetchmany(_BATCH):
            yield from pool.map(prove, (_Report(*row) for row in rows))


def _store(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, proven: Sequence[_Proven]
) -> None:
    """File the reports under their subjects; in place of all rows where one is known better."""
    import pyarrow as pa

    if not proven:
        return
    numbers = _file_subjects(connection, tables, proven)
    columns = {
        "quote_no": [item.quote_no for item in proven],
        "signature_ok": [item.endorsed.signature_ok for item in proven],
        "subject_no": [numbers[_subject_key(item)] for item in proven],
        "endorsement_id": [item.endorsed.endorsement_id for item in proven],
    }
    connection.register("proven_report", pa.table(columns, schema=FACT_REPORT.arrow_schema()))
    if any(item.renewed for item in proven):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE all_report AS SELECT * FROM proven_report UNION ALL "
            "SELECT * FROM stored.fact_report WHERE quote_no NOT IN "
            "(SELECT quote_no FROM proven_report)"
        )
        with tables.replacement(FACT_REPORT) as path:
            copy_to(connection, "(FROM all_report ORDER BY quote_no)", path)
        connection.execute("DROP TABLE all_report")
    else:
        with tables.new_file(FACT_REPORT) as path:
            copy_to(connection, "(FROM proven_report ORDER BY quote_no)", path)
    connection.unregister("proven_report")


def _file_subjects(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, proven: Sequence[_Proven]
) -> dict[_SubjectKey, int]:
    """Number the subjects that are new, in the order of their keys; the number of each."""
    rows = connection.execute(
        "SELECT version, statement_id, endorsement_id, signature_ok, subject_no "
        "FROM stored.subject WHERE tee = 'snp'"
    ).fetchall()
    numbers: dict[_SubjectKey, int] = {tuple(key): number for *key, number in rows}
    (last,) = connection.execute(
        "SELECT coalesce(max(subject_no), 0) FROM stored.subject"
    ).fetchall()[0]
    new = sorted({_subject_key(item) for item in proven} - numbers.keys(), key=_sortable)
    numbers |= {key: number for number, key in enumerate(new, last + 1)}
    tables.append(
        SUBJECT,
        [
            {
                "subject_no": numbers[key],
                "tee": "snp",
                "version": key[0],
                "statement_id": key[1],
                "endorsement_id": key[2],
                "signature_ok": key[3],
            }
            for key in new
        ],
    )
    return numbers


def _subject_key(item: _Proven) -> _SubjectKey:
    endorsed = item.endorsed
    return item.version, item.statement_id, endorsed.endorsement_id, endorsed.signature_ok


def _sortable(key: _SubjectKey) -> tuple[int, bytes, bytes, int]:
    version, statement, endorsement, signature_ok = key
    return version, statement, endorsement or b"", -1 if signature_ok is None else signature_ok
