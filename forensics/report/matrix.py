"""Three verdicts side by side: what was claimed, what it should have been, what we say now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forensics.report.rows import fetch
from forensics.report.tables import Table

if TYPE_CHECKING:
    import duckdb

CLAIMS = ("good", "not good", "no word")
OUTCOMES = ("accepted", "rejected", "undetermined", "no quote")

_SHOWN = 20  # sightings of each cell

# One expression each, so that a reader can repeat the count.
_CLAIM = """
CASE WHEN claimed_ok THEN 'good' WHEN NOT claimed_ok THEN 'not good' ELSE 'no word' END
"""
_CELLS = f"""
SELECT {_CLAIM} AS claimed,
       CASE WHEN quoted THEN coalesce(receipt, 'undetermined') ELSE 'no quote' END AS receipt,
       CASE WHEN quoted THEN coalesce(hindsight, 'undetermined') ELSE 'no quote' END AS hindsight,
       observation_id, received_at, enclave_id, node_id, receipt_status, hindsight_status,
       observation_no
FROM sighting
"""


@dataclass(frozen=True)
class Cell:
    """One combination. `worth` says why it deserves a look; empty when all three agree."""

    claimed: str
    receipt: str
    hindsight: str
    number: int
    worth: str
    sightings: Table

    @property
    def anchor(self) -> str:
        words = (self.claimed, self.receipt, self.hindsight)
        return "cell-" + "-".join(word.replace(" ", "") for word in words)


@dataclass(frozen=True)
class Matrix:
    cells: tuple[Cell, ...]
    receipts: tuple[str, ...]
    hindsights: tuple[str, ...]

    def has(self, claimed: str, receipt: str) -> bool:
        return any((cell.claimed, cell.receipt) == (claimed, receipt) for cell in self.cells)

    def find(self, claimed: str, receipt: str, hindsight: str) -> Cell | None:
        wanted = (claimed, receipt, hindsight)
        return next((c for c in self.cells if (c.claimed, c.receipt, c.hindsight) == wanted), None)


def read_counts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, int]]:
    """(claimed, receipt, hindsight, sightings) as they occur. Needs `make_sightings`."""
    sql = f"SELECT claimed, receipt, hindsight, count(*) FROM ({_CELLS}) GROUP BY ALL ORDER BY ALL"
    return [(row[0], row[1], row[2], row[3]) for row in fetch(connection, sql)]


def read_matrix(connection: duckdb.DuckDBPyConnection) -> Matrix:
    """Every combination that occurs, with its first sightings. Needs `make_sightings`."""
    counts = read_counts(connection)
    relation = connection.sql(
        f"SELECT * FROM ({_CELLS}) QUALIFY row_number() OVER (PARTITION BY claimed, receipt, "
        f"hindsight ORDER BY received_at, observation_no) <= {_SHOWN} "
        "ORDER BY received_at NULLS FIRST, observation_no"
    )
    rows = relation.to_arrow_table().to_pylist()
    cells = [_make_cell(row[:3], row[3], rows) for row in counts]
    return Matrix(
        cells=tuple(cells),
        receipts=tuple(name for name in OUTCOMES if any(c.receipt == name for c in cells)),
        hindsights=tuple(name for name in OUTCOMES if any(c.hindsight == name for c in cells)),
    )


def _make_cell(words: tuple[str, ...], number: int, rows: list[dict[str, Any]]) -> Cell:
    claimed, receipt, hindsight = words
    own = [row for row in rows if (row["claimed"], row["receipt"], row["hindsight"]) == words]
    columns = (
        *("observation_id", "received_at", "enclave_id", "node_id"),
        *("receipt_status", "hindsight_status"),
    )
    table = Table(
        caption=f"Claimed {claimed}, receipt {receipt}, hindsight {hindsight}",
        columns=columns,
        rows=[[row[name] for name in columns] for row in own],
        total=number,
        rest=_make_query(claimed, receipt, hindsight),
    )
    return Cell(claimed, receipt, hindsight, number, _judge(claimed, receipt, hindsight), table)


def _judge(claimed: str, receipt: str, hindsight: str) -> str:
    if claimed == "good" and receipt == "rejected":
        return "the verifier lied or was broken"
    if claimed == "not good" and receipt == "accepted":
        return "refused although it verifies"
    if receipt == "accepted" and hindsight == "rejected":
        return "exposure that nobody could have seen then"
    if receipt == "rejected" and hindsight == "accepted":
        return "only collateral of a later time accepts it"
    if "undetermined" in (receipt, hindsight):
        return "the case lacks collateral, or a time, to decide"
    return ""


def _make_query(claimed: str, receipt: str, hindsight: str) -> str:
    """The SELECT that lists the whole cell; nothing in it comes from evidence."""
    claim = {"good": "o.claimed_ok", "not good": "NOT o.claimed_ok"}.get(
        claimed, "o.claimed_ok IS NULL"
    )
    if receipt == "no quote":
        return f"SELECT * FROM observation o WHERE o.quote_id IS NULL AND {claim}"
    return (
        "SELECT o.* FROM observation o JOIN verdict r USING (observation_id) "
        "LEFT JOIN verdict h ON h.observation_id = o.observation_id AND h.moment = 'hindsight' "
        f"WHERE r.moment = 'receipt' AND {claim} AND r.outcome = '{receipt}' "
        f"AND coalesce(h.outcome, 'undetermined') = '{hindsight}'"
    )
