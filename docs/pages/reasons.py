"""reference/reasons.md: why evidence is quarantined, and the limits of an ingest."""

from __future__ import annotations

from forensics.sources.limits import DEFAULT_LIMITS, MIB, Limits
from forensics.sources.reasons import REASONS
from pages.markdown import make_opening, make_page, make_table


def describe_reasons() -> str:
    rows = [(f"`{code}`", meaning) for code, meaning in REASONS.items()]
    return make_page(
        [
            make_opening(
                "Quarantine reasons",
                "What cannot be read ends as a row of the view [quarantine](views.md#quarantine), "
                "with its bytes and one of these permanent codes.",
            ),
            make_table(("reason", "meaning"), rows),
            "## Limits",
            "What is beyond one is quarantined. The other records of its file are read, and of an "
            "archive the members before it; a single compressed file that expands too far is "
            "quarantined whole.",
            make_table(("limit", "value", "reason"), _list_limits(DEFAULT_LIMITS)),
        ]
    )


def _list_limits(limits: Limits) -> list[tuple[str, str, str]]:
    """Each limit of an ingest in words, its value, and the reason that names it."""

    def size(count: int) -> str:
        return f"{count // MIB} MiB"

    expanded = f"{limits.expansion_ratio} times its size, or {size(limits.free_expansion)}"
    return [
        ("a file that is no stream of records", size(limits.whole_file), "`too-large`"),
        ("a line, or a member of a JSON array", size(limits.record), "`line-too-long`"),
        ("nesting of JSON values", f"{limits.depth}", "`nesting-too-deep`"),
        ("archives in archives (a `.tar.gz` is two)", f"{limits.nesting}", "`nesting-limit`"),
        ("members of an archive", f"{limits.members:,}", "`expansion-limit`"),
        (
            "what comes out of an archive, or of a single compressed file",
            f"{expanded} where that is more; a large member counts twice, as it is read twice",
            "`expansion-limit`",
        ),
    ]
