"""Views that sum up the whole history in few rows."""

from __future__ import annotations

from forensics.case.contract.schema import INTEGER, TEXT, TIME, View, list_columns

LATENCY = View(
    "latency",
    "How often each platform took how long to answer a verifier: of trusted evidence that was "
    "shown for the first time and not refused, with both times.",
    list_columns(
        ("platform_id", TEXT, "PPID, else chip id, else attestation key id"),
        ("backend_verifier", TEXT, "the verifier, as logged"),
        ("took_ms", INTEGER, "from nonce_issued_at to received_at, in whole milliseconds"),
        ("answers", INTEGER, "answers that took so long"),
        ("one_peer", TEXT, "where they came from: the first in the order of text"),
        ("other_peer", TEXT, "and the last"),
    ),
)

TRAFFIC = View(
    "traffic",
    "How many answers to challenges were received, and secrets released, in each hour.",
    list_columns(
        ("hour_no", INTEGER, "the hour, counted from the beginning of 1970"),
        ("answers", INTEGER, "sightings with a nonce that were received in it"),
        ("releases", INTEGER, "releases in it that name a session or an enclave"),
    ),
)

WAY = View(
    "way",
    "One row per platform, enclave and network peer: how many of its answers came from there, of "
    "those that tell how long they took.",
    list_columns(
        ("platform_id", TEXT, "PPID or chip, else the attestation key"),
        ("enclave_id", TEXT, "the enclave"),
        ("peer", TEXT, "the peer"),
        ("answers", INTEGER, "as counted by `latency`"),
    ),
)

LOOSE_END = View(
    "loose_end",
    "What nothing was found for: one row per challenge of an enclave, answer or release. Answers "
    "are among them only where there is a log of challenges.",
    list_columns(
        (
            "kind",
            TEXT,
            "challenge: no sighting has its nonce; answer: no log has its nonce; release: no "
            "evidence in its session, else of its enclave",
        ),
        ("key_id", TEXT, "a challenge's nonce, a release's session; null for an answer"),
        (
            "subject_id",
            TEXT,
            "a challenge's enclave; an answer's, else its container or observation_id; a "
            "release's session, else enclave",
        ),
        ("happened_at", TIME, "when it was issued (at first), received or released"),
        ("observation_no", INTEGER, "the answer, by number; null for others"),
    ),
)

STRETCH = View(
    "stretch",
    "One row per writer and unbroken stretch of the numbers that it gives its events.",
    list_columns(
        ("backend_verifier", TEXT, "the writer"),
        ("first_no", INTEGER, "the first number, 0 or above"),
        ("last_no", INTEGER, "the last number"),
        ("first_at", TIME, "received_at of the event of the first number"),
        ("last_at", TIME, "the same of the last"),
        ("first_id", TEXT, "observation_id of the event of the first number"),
        ("last_id", TEXT, "the same of the last"),
    ),
)

SOURCE_EXTENT = View(
    "source_extent",
    "One row per source of observations that have an event id: the time that these cover.",
    list_columns(
        ("source_id", TEXT, "the source"),
        ("events", INTEGER, "how many there are"),
        ("first_at", TIME, "the first received_at; null when none has any"),
        ("last_at", TIME, "the last"),
    ),
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
