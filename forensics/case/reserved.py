"""SQL that names the reserved fields which are not zero, from the layouts that declare them."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.formats.layout import Layout
from forensics.formats.structures import (
    HEADER_V4,
    SGX_REPORT,
    SNP_REPORT_V2,
    SNP_REPORTS,
    SNP_SIGNED_SIZE,
)

_Reserved = tuple[str, str, int]  # name, SQL for its hex, bytes
_REPORT_DATA = SNP_REPORT_V2["report_data"]  # where it is in every version


def name_nonzero_in_statement(alias: str) -> str:
    """The names, one blank between them, of a row of `stored.statement`; null where there are none.

    An SNP report has no columns for what is reserved, which differs by its version.
    """
    versions = " ".join(
        f"WHEN {version} THEN {_name_nonzero(_slice_report(alias, version))}"
        for version in SNP_REPORTS
    )
    columns = [*_list_columns(alias, HEADER_V4), *_list_columns(alias, SGX_REPORT)]
    return (
        f"CASE WHEN {alias}.tee = 'snp' THEN CASE {alias}.version {versions} END "
        f"ELSE {_name_nonzero(columns)} END"
    )


def name_nonzero_in_qe_report(alias: str) -> str:
    """The same of the QE's report in a row of `stored.certification`."""
    return _name_nonzero(_list_columns(alias, SGX_REPORT, "qe_"))


def _list_columns(alias: str, layout: Layout, prefix: str = "") -> list[_Reserved]:
    return [
        (prefix + field.name, f'hex({alias}."{prefix}{field.name}")', field.size)
        for field in layout
        if field.kind == "reserved"
    ]


def _slice_report(alias: str, version: int) -> list[_Reserved]:
    found = []
    for field in SNP_REPORTS[version]:
        if field.kind == "reserved" and field.offset < SNP_SIGNED_SIZE:
            after = field.offset - _REPORT_DATA.offset - _REPORT_DATA.size
            part, start = ("tail", after) if after >= 0 else ("head", field.offset)
            digits = f"hex({alias}.{part})[{2 * start + 1}:{2 * (start + field.size)}]"
            found.append((field.name, digits, field.size))
    return found


def _name_nonzero(fields: Iterable[_Reserved]) -> str:
    named = ", ".join(
        f"CASE WHEN {digits} <> repeat('0', {2 * size}) THEN '{name}' END"
        for name, digits, size in fields
    )
    return f"nullif(concat_ws(' ', {named}), '')"
