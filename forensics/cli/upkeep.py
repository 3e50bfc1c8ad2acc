"""`compact`: fewer files, the same rows."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.cli.options import (
    CaseArgument,
    FormatOption,
    NowOption,
    SignKeyOption,
    load_signer,
    read_time,
    read_user,
)
from forensics.cli.output import Format, print_records, say

_MIB = 1 << 20


def compact(
    case: CaseArgument,
    small_file: Annotated[
        int, typer.Option(metavar="MIB", min=1, help="Merge files that are smaller than this.")
    ] = 64,
    sign_key: SignKeyOption = None,
    form: FormatOption = Format.table,
    now: NowOption = None,
) -> None:
    """Merge small files of each table under a new ledger entry; rows stay as they are.

    Every file is held against the ledger first. The entry says which files each new file was made
    of. Readers keep working: what they are reading is deleted later.

    Example: quote-forensics compact nightly
    """
    from forensics.case.case import open_case
    from forensics.case.compaction import compact_case

    opened = open_case(case, load_signer(sign_key))
    summary = compact_case(opened, at=read_time(now), who=read_user(), small_file=small_file * _MIB)
    rows = [
        {"table": table, "files_before": before, "files_after": after}
        for table, (before, after) in sorted(summary.tables.items())
    ]
    print_records(rows, ("table", "files_before", "files_after"), form)
    say("nothing to merge" if summary.entry is None else f"ledger entry {summary.entry}")
