"""`collateral`: what the archive covers, with the gaps as a picture."""

from __future__ import annotations

from forensics.cli.options import CaseArgument, FormatOption
from forensics.cli.output import Format, print_records, say, to_plain

WIDTH = 60


def collateral(case: CaseArgument, form: FormatOption = Format.table) -> None:
    """Which collateral the case holds, per FMSPC and CA, and when none was in force.

    In the picture █ is covered, ▒ partly, · not at all. A quote received in a gap is undetermined,
    or judged by what was issued only later: then the strict check T6 fails. The authority is the
    key that speaks: a CRL's issuer, else the root; two roots may use the same names.

    \b
    Examples:
      quote-forensics collateral incident-42
      quote-forensics sql incident-42 "SELECT * FROM collateral ORDER BY issued_at"
      quote-forensics sql incident-42 "SELECT * FROM acquisition ORDER BY acquired_at, path"
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.report.coverage import find_span, read_coverage

    coverages = read_coverage(connect(open_case(case)))
    span = find_span(coverages)
    rows = [
        {
            "kind": entry.kind,
            "key": entry.key,
            "authority": entry.authority or None,
            "versions": entry.versions,
            "unauthentic": entry.unauthentic,
            "unproven": entry.unproven,
            "from": entry.intervals[0][0] if entry.intervals else None,
            "to": entry.intervals[-1][1] if entry.intervals else None,
            "gaps": [[to_plain(start), to_plain(end)] for start, end in entry.gaps],
            "picture": entry.draw(*span, WIDTH) if span else "",
        }
        for entry in coverages
    ]
    proof = ("unauthentic", "unproven")
    columns = ("kind", "key", "authority", "versions", *proof, "from", "to", "gaps", "picture")
    if form is Format.table:
        rows = [
            row | {"gaps": len(entry.gaps), "authority": entry.short_authority}
            for row, entry in zip(rows, coverages, strict=True)
        ]
        shown = ("kind", "key", "authority", "versions", *proof, "gaps", "picture")
        print_records(rows, columns, form, shown=shown)
        if span:
            say(f"picture: {to_plain(span[0])} to {to_plain(span[1])}")
    else:
        print_records(rows, columns, form)
    unproven = sum(entry.unproven for entry in coverages)
    if unproven:
        say(f"{unproven} document(s) and CRL(s) are not proven yet: run `verify`")
