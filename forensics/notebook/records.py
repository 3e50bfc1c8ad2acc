"""Answers that a notebook can show, and hand on as a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from forensics.notebook.html import MOST_ROWS, render_table, to_text

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Row = dict[str, Any]


class Records:
    """Rows in a fixed order. Iterating gives dictionaries; the last line of a cell shows a table.

    `.pl()`, `.df()` and `.arrow()` give all rows and columns as Polars, pandas and Arrow.
    """

    def __init__(self, title: str, table: pa.Table, shown: Sequence[str] = ()) -> None:
        """`shown`: the columns that the table on the screen has; default all."""
        self.title = title
        self._table = table
        self._shown = tuple(shown) or tuple(table.column_names)

    @property
    def columns(self) -> list[str]:
        return list(self._table.column_names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._table.to_pylist())

    def __getitem__(self, index: int) -> Row:
        row: Row = self._table.slice(range(len(self))[index], 1).to_pylist()[0]
        return row

    def where(self, **values: object) -> Records:
        """The rows whose columns have exactly these values.

        >>> len(case.findings().where(detector="svn-rollback"))
        1
        """
        import pyarrow.compute as pc

        table = self._table
        for name, value in values.items():
            table = table.filter(pc.equal(table[name], value))
        return Records(self.title, table, self._shown)

    def arrow(self) -> pa.Table:
        return self._table

    def pl(self) -> pl.DataFrame:
        import polars as pl

        frame = pl.from_arrow(self._table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def df(self) -> pd.DataFrame:
        """Needs pandas, which the extra `notebook` installs."""
        frame: pd.DataFrame = self._table.to_pandas()
        return frame

    def __repr__(self) -> str:
        lines = [f"{self.title}: {len(self)} rows"]
        lines += [
            "  " + "  ".join(to_text(row[name]) for name in self._shown)
            for row in self._table.slice(0, _FEW).to_pylist()
        ]
        if len(self) > _FEW:
            lines.append("  …")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = self._table.slice(0, MOST_ROWS).to_pylist()
        return render_table(f"{self.title}: {len(self)} rows", self._shown, rows, len(self))


_FEW = 5  # rows of the plain text form
