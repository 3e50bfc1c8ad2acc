"""What sums up the history in a few rows, and is continued instead of being made anew.

A look at a case leaves it behind as a stored table, and the next look brings it up to date with
what came since, as with landmarks (`forensics.case.landmarks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.case.tables import Table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class Summary:
    """A table, and two queries for its rows as they are now: from everything (`anew`); and from
    what is stored and what came since (`gone_on`), such as the sightings after `$after` and the
    relations of `forensics.case.news`. `outdated` has rows where the latter will not do.
    """

    table: Table
    anew: str
    gone_on: str
    outdated: str | None = None

    @property
    def sql(self) -> str:
        """What its rows depend on."""
        return self.anew + self.gone_on

    def renew(
        self, connection: duckdb.DuckDBPyConnection, after: int = 0, *, holds: bool = False
    ) -> None:
        """Make the view of the table's name give the present rows while the connection lives.

        `holds`: the stored rows are those as of `after`. Otherwise they are made anew.
        """
        if holds and self.outdated:
            holds = not connection.execute(self.outdated).fetchall()
        query, values = (self.gone_on, {"after": after}) if holds else (self.anew, None)
        name = self.table.name
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}_now AS {query}", values)
        connection.execute(
            f"CREATE OR REPLACE VIEW memory.main.{name} AS FROM temp.main.{name}_now"
        )

    def read(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """The rows that `renew` noted, as they are stored."""
        names = ", ".join(self.table.names)
        relation = connection.sql(f"SELECT {names} FROM {self.table.name}_now ORDER BY ALL")
        return relation.to_arrow_table().cast(self.table.arrow_schema())
