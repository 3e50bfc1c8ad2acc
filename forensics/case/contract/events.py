"""Views of what was read, and of the events that are no sighting of a quote."""

from __future__ import annotations

from forensics.case.contract.schema import (
    BOOLEAN,
    INTEGER,
    PLACE,
    TEXT,
    TIME,
    WHO,
    View,
    list_columns,
)

SOURCE = View(
    "source",
    "One row per ingested file or archive member.",
    list_columns(
        ("source_id", TEXT, "SHA-256 of its bytes"),
        ("path", TEXT, "path as given"),
        ("kind", TEXT, "what the content is"),
        ("size", INTEGER, "bytes"),
        ("ingested_at", TIME, "when the ingest began"),
        ("ledger_entry", INTEGER, "entry that committed it"),
        ("records", INTEGER, "records found in it"),
        ("rows", INTEGER, "rows that came out, quarantine aside"),
        ("quarantined", INTEGER, "quarantine rows that came out"),
    ),
)

QUARANTINE = View(
    "quarantine",
    "One row per record that could not be read, or not wholly.",
    (
        *PLACE,
        *list_columns(
            (
                "byte_offset",
                INTEGER,
                "byte at which reading failed, from 0: of the record (a byte order mark not "
                "counted), or of the decoded quote that cannot be parsed; null where no place is "
                "known",
            ),
            ("reason", TEXT, "stable code"),
            ("message", TEXT, "one line"),
            ("sha256", TEXT, "SHA-256 of the whole record, or of the quote in it, as in `data`"),
            (
                "data",
                "BLOB",
                "bytes of the record, or of the quote in it that cannot be parsed: at most the "
                "first MiB",
            ),
        ),
    ),
)

_LAUNCH = (
    *PLACE,
    *list_columns(("timestamp", TIME, "when")),
    *WHO,
    *list_columns(
        ("runtime", TEXT, "e.g. ironclaw"),
        ("image", TEXT, "container image"),
        ("image_digest", TEXT, "container image digest"),
        ("initial_state", TEXT, "hash of the launch parameters"),
        ("expects_attestation", BOOLEAN, "default true"),
        ("extra", TEXT, "unknown fields as a JSON object"),
    ),
)
LAUNCH = View("launch", "One row per workload start.", _LAUNCH)
STOP = View("stop", "One row per workload stop.", _LAUNCH)

NONCE = View(
    "nonce",
    "One row per challenge that a verifier issued.",
    (
        *PLACE,
        *list_columns(
            ("timestamp", TIME, "when issued"),
            ("nonce", TEXT, "the challenge"),
            ("issuer", TEXT, "who issued it"),
            ("enclave_id", TEXT, "for whom"),
            ("session_id", TEXT, "in which session"),
            ("expires_at", TIME, "valid until"),
            ("extra", TEXT, "unknown fields as a JSON object"),
        ),
    ),
)

RELEASE = View(
    "release",
    "One row per secret that was released.",
    (
        *PLACE,
        *list_columns(
            ("timestamp", TIME, "when"),
            ("session_id", TEXT, "in which session"),
            ("enclave_id", TEXT, "to whom"),
            ("secret_id", TEXT, "which secret"),
            ("extra", TEXT, "unknown fields as a JSON object"),
        ),
    ),
)
