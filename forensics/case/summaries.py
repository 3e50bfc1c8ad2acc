"""All the summaries of a case's history."""

from __future__ import annotations

from typing import Final

from forensics.case.latencies import LATENCIES, WAYS
from forensics.case.loose_ends import LOOSE_ENDS
from forensics.case.source_extents import SOURCE_EXTENTS
from forensics.case.stretches import STRETCHES
from forensics.case.summary import Summary

SUMMARIES: Final[tuple[Summary, ...]] = (LATENCIES, WAYS, LOOSE_ENDS, STRETCHES, SOURCE_EXTENTS)
