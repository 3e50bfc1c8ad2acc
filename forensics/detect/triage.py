"""What analysts say about findings: kept in the case, one row per statement; the newest counts.

A statement that closes a finding covers the sightings known at the time. A sighting that came later
reopens the finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from forensics.case.tables import TRIAGE
from forensics.errors import UsageError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from forensics.detect.findings import Finding

CLOSING: Final = frozenset({"closed", "false-positive"})
LONGEST_NOTE: Final = 4096


class TableWriter(Protocol):
    """What this module needs of a case's writer."""

    def append_table(self, name: str, data: pa.Table, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Word:
    """What an analyst last said about a finding, and the sightings known then."""

    state: str
    sightings: frozenset[str]

    def closes(self, observation_ids: Sequence[str]) -> bool:
        return self.state in CLOSING and self.sightings.issuperset(observation_ids)


def load_words(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Word]:
    """The newest statement about each finding, by fingerprint."""
    relation = connection.sql(
        """
        SELECT fingerprint,
               arg_max(state, word_no) AS state,
               arg_max(observation_ids, word_no) AS observation_ids
        FROM triage
        GROUP BY fingerprint
        ORDER BY fingerprint
        """
    )
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return {
        row["fingerprint"]: Word(row["state"], frozenset(row["observation_ids"])) for row in rows
    }


def count_words(connection: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM triage").fetchall()
    return int(count)


def save_word(
    writer: TableWriter,
    number: int,
    finding: Finding,
    state: str,
    note: str,
    who: str,
    at: datetime,
) -> None:
    """Add the `number`-th statement of the case. Raises `UsageError` (`bad-note`)."""
    import pyarrow as pa

    if not note.strip() or len(note) > LONGEST_NOTE:
        raise UsageError("bad-note", f"a note has 1 to {LONGEST_NOTE} characters")
    row = {
        "word_no": number,
        "fingerprint": finding.fingerprint,
        "state": state,
        "note": note,
        "who": who,
        "said_at": at,
        "observation_ids": list(finding.observation_ids),
    }
    writer.append_table("triage", pa.Table.from_pylist([row], schema=TRIAGE.arrow_schema()))
