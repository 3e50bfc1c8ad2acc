"""Views that sum up the whole history in few rows."""

from __future__ import annotations

from forensics.case import tables
from forensics.case.contract.schema import INTEGER, TEXT, TIME, View, list_columns, show_table

LATENCY = show_table(
    tables.LATENCY,
    "How often each platform took how long to answer a verifier: of trusted evidence that was "
    "shown for the first time and not refused, with both times.",
)

TRAFFIC = View(
    "traffic",
    "How many answers to challenges were received, and secrets released, in each hour.",
    list_columns(
        ("hour_no", INTEGER, "the hour, counted from the beginning of 1970"),
        ("answers", INTEGER, "evidence with a nonce that was received in it"),
        ("releases", INTEGER, "releases in it that name a session or an enclave"),
    ),
)

WAY = show_table(
    tables.WAY,
    "One row per platform, enclave and address of a peer: how many of its answers came from there, "
    "of those that tell how long they took.",
)

LOOSE_END = show_table(
    tables.LOOSE_END,
    "What nothing was found for: one row per challenge of an enclave, answer or release. Answers "
    "are among them only where there is a log of challenges.",
)

STRETCH = show_table(
    tables.STRETCH,
    "One row per writer and unbroken stretch of the numbers that it gives its events.",
)

SOURCE_EXTENT = show_table(
    tables.SOURCE_EXTENT,
    "One row per source of observations that have an event id: the time that these cover.",
)

EXTENT = View(
    "extent",
    "From when to when each kind of event is on record.",
    list_columns(
        (
            "kind",
            TEXT,
            "sighting (every observation), observation (those of events alone), launch, stop, "
            "nonce or release",
        ),
        ("first_at", TIME, "the first; null when there is none"),
        ("last_at", TIME, "the last"),
    ),
)
