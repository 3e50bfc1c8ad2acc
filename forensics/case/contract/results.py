"""Views of what commands found, and of what was said and done about it."""

from __future__ import annotations

from forensics.case import tables
from forensics.case.contract.schema import TEXT, list_columns, show_table

CUSTODY_PROBLEM = show_table(tables.CUSTODY_PROBLEM)
FINDING = show_table(
    tables.FINDING,
    more=list_columns(
        ("reference", TEXT, "the section of the reference page that describes the detector")
    ),
)
DETECTION = show_table(tables.DETECTION)
TRIAGE = show_table(tables.TRIAGE)
NOTIFICATION = show_table(tables.NOTIFICATION)
RUN = show_table(tables.RUN)
