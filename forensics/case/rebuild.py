"""Stored columns -> the original bytes of a quote, proven by their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from forensics.case.damage import blaming_damage
from forensics.errors import CustodyError, UsageError
from forensics.formats.quote import Quote
from forensics.formats.snp import SnpReport
from forensics.formats.structures import BODIES_V5, SGX_REPORT, TD_REPORT_10

if TYPE_CHECKING:
    from forensics.case.folder import CaseFolder

Row = dict[str, object]

_PARTS = ("statement", "certification", "certification_data")
_BATCH_ROWS = 1 << 12


def rebuild_quote(case: CaseFolder, quote_id: bytes) -> bytes:
    """The quote's bytes as they were seen.

    Raises `UsageError` (`no-quote`) when the case has none of that SHA-256, and `CustodyError`:
    `quote-damaged` when the stored parts do not give it, `custody-broken` when they cannot be read.
    """
    with blaming_damage(case.path, case.ledger):
        return _rebuild_quote(case, quote_id)


def _rebuild_quote(case: CaseFolder, quote_id: bytes) -> bytes:
    row = _find(case, "quote", "quote_id", quote_id)
    if row is None:
        raise UsageError("no-quote", f"no quote {quote_id.hex()} in this case")
    statement = _find_part(case, "statement", "statement_id", row)
    if statement["tee"] == "snp":
        rebuilt = join_report(row, statement)
    else:
        certification = _find_part(case, "certification", "certification_id", row)
        data = _find_part(case, "certification_data", "certification_data_id", certification)
        rebuilt = join_quote(row, statement, certification, data)
    if hashlib.sha256(rebuilt).digest() != quote_id:
        message = f"the stored parts of quote {quote_id.hex()} give other bytes"
        raise CustodyError("quote-damaged", message)
    return rebuilt


def rebuild_quotes(case: CaseFolder) -> Iterator[tuple[bytes, bytes]]:
    """`(SHA-256, original bytes)` of every quote, in ledger order.

    Its repeated parts are held in memory, its own rows are not. Raises `CustodyError`
    (`quote-damaged`).
    """
    parts = {name: _load_parts(case, name) for name in _PARTS}
    for path in case.files("quote"):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS):
                for row in batch.to_pylist():
                    yield row["quote_id"], _rebuild(row, parts)


def _rebuild(row: Row, parts: Mapping[str, Mapping[object, Row]]) -> bytes:
    quote_id = _bytes(row, "quote_id")
    try:
        statement = parts["statement"][row["statement_id"]]
        if statement["tee"] == "snp":
            rebuilt = join_report(row, statement)
        else:
            certification = parts["certification"][row["certification_id"]]
            data = parts["certification_data"][certification["certification_data_id"]]
            rebuilt = join_quote(row, statement, certification, data)
    except KeyError:
        message = f"parts of the quote {quote_id.hex()} are not in the case"
        raise CustodyError("quote-damaged", message) from None
    if hashlib.sha256(rebuilt).digest() != quote_id:
        message = f"the stored parts of quote {quote_id.hex()} give other bytes"
        raise CustodyError("quote-damaged", message)
    return rebuilt


def _load_parts(case: CaseFolder, table: str) -> dict[object, Row]:
    rows = (row for path in case.files(table) for row in pq.read_table(path).to_pylist())
    return {row[f"{table}_id"]: row for row in rows}


def join_quote(row: Row, statement: Row, certification: Row, certification_data: Row) -> bytes:
    """The bytes of a quote from its stored rows; nothing is checked."""
    version = _integer(statement, "version")
    if version == 5:
        layout = BODIES_V5[_integer(statement, "body_type")]
    else:
        layout = SGX_REPORT if statement["tee"] == "sgx" else TD_REPORT_10
    outer_type = row["outer_certification_type"]
    return Quote(
        version=version,
        body_layout=layout,
        signed=_signed(row, statement),
        signature=_bytes(row, "signature_r") + _bytes(row, "signature_s"),
        attestation_key=_bytes(certification, "attestation_key"),
        qe_report=_bytes(certification, "qe_report"),
        qe_signature=_bytes(certification, "qe_signature_r")
        + _bytes(certification, "qe_signature_s"),
        qe_auth_data=_bytes(certification, "qe_auth_data"),
        certification_type=_integer(certification, "certification_type"),
        certification_data=_bytes(certification_data, "data"),
        outer_certification_type=None if outer_type is None else int(str(outer_type)),
        outer_slack=_bytes(row, "outer_slack"),
        slack=_bytes(row, "slack"),
        trailing=_trailing(row),
    ).to_bytes()


def join_report(row: Row, statement: Row) -> bytes:
    """The bytes of an SEV-SNP report from its stored rows; nothing is checked."""
    return SnpReport(
        signed=_signed(row, statement),
        signature_r=_bytes(row, "wide_r"),
        signature_s=_bytes(row, "wide_s"),
        slack=_bytes(row, "slack"),
        trailing=_trailing(row),
    ).to_bytes()


def _signed(row: Row, statement: Row) -> bytes:
    return _bytes(statement, "head") + _bytes(row, "report_data") + _bytes(statement, "tail")


def _trailing(row: Row) -> bytes:
    if row["trailing"] is None:
        return bytes(_integer(row, "trailing_size"))
    return _bytes(row, "trailing")


def _find(case: CaseFolder, table: str, column: str, value: object) -> Row | None:
    files = [str(path) for path in case.files(table)]
    if not files:
        return None
    rows = ds.dataset(files, format="parquet").to_table(filter=pc.field(column) == value)
    found: list[Row] = rows.to_pylist()
    return found[0] if found else None


def _find_part(case: CaseFolder, table: str, column: str, owner: Row) -> Row:
    row = _find(case, table, column, owner[column])
    if row is None:
        raise CustodyError("quote-damaged", f"the quote's {table} is not in the case")
    return row


def _bytes(row: Row, name: str) -> bytes:
    value = row[name]
    assert isinstance(value, bytes)
    return value


def _integer(row: Row, name: str) -> int:
    value = row[name]
    assert isinstance(value, int)
    return value
