"""Findings, which `detect` makes anew, and the append-only journals of what was done about them."""

from __future__ import annotations

from forensics.case.tables.schema import Column, Table

FINDING = Table(
    "finding",
    "derived",
    "One row per finding of the newest `detect`, and per earlier one that is now resolved.",
    (
        Column("finding_id", "text", "first 16 hex digits of the fingerprint", "plain"),
        Column(
            "fingerprint",
            "text",
            "SHA-256 over detector, subject and discriminator: stable over runs",
            "plain",
        ),
        Column("detector", "text", "id of the detector"),
        Column("detector_version", "i64", "version of its SQL"),
        Column("title", "text", "the detector's title"),
        Column("severity", "text", "critical, high, medium, low or info"),
        Column("subject_type", "text", "what the finding is about, e.g. enclave, platform"),
        Column("subject_id", "text", "which one"),
        Column("first_seen", "time", "first offending sighting; null when its time is not known"),
        Column("last_seen", "time", "last offending sighting; null when its time is not known"),
        Column(
            "observation_ids",
            "text[]",
            "the sightings, in the order in which the detector tells them",
        ),
        Column("summary", "text", "one line for a person"),
        Column("details", "json", "JSON object; its keys are documented in the detector's header"),
        Column(
            "state",
            "text",
            "`new`; `recurring` (seen before); `reopened` (back after it was resolved, closed or "
            "suppressed); `unobserved` (open, and could not be judged again); `resolved` (judged "
            "again, and clean); `suppressed`; `closed` (by an analyst)",
        ),
        Column("state_since", "time", "the run in which it came into this state"),
        Column("opened_at", "time", "the run in which it was last new or reopened"),
        Column(
            "cause",
            "text",
            "what brought it into this state. The world: `evidence`, `time`. What we know: "
            "`manifest`, `collateral`. The tool: `detector`. People: `suppression`, `triage`",
        ),
        Column("suppression", "text", "id of the suppression that holds it down"),
        Column("triage", "text", "what an analyst last said of it, see `triage`"),
        Column(
            "unjudged", "i64", "what its detector could not judge when it last gave this finding"
        ),
    ),
)

DETECTION = Table(
    "detection",
    "derived",
    "One row per detector: how its newest run went, and what it could not judge.",
    (
        Column("detector", "text", "id of the detector"),
        Column("detector_version", "i64", "version of its SQL"),
        Column("sql_sha256", "text", "SHA-256 of the query that ran, header aside"),
        Column("params", "json", "JSON object: the values bound to its parameters"),
        Column("outcome", "text", "evaluated or not_evaluable"),
        Column("findings", "i64", "findings that it gave"),
        Column("unjudged", "i64", "subjects that it could not judge"),
        Column("gaps", "json", "JSON array of [reason, count] for those subjects"),
        Column("as_of", "time", "the cut-off of the run"),
        Column("evidence_entry", "i64", "the newest ledger entry with evidence that it saw"),
        Column(
            "known_entry",
            "i64",
            "the one that a run saw before more evidence came: feeds of that time are waited for",
        ),
        Column("cut_off", "time", "`as_of`, or earlier where the detector waits for a feed"),
        Column("waiting", "i64", "findings that wait for a feed to catch up"),
        Column(
            "mode", "text", "full, or incremental: only what new evidence touches was judged again"
        ),
        Column("mode_reason", "text", "why it ran in full; null when it did not"),
        Column("observations_read", "i64", "sightings judged again; null in a full run"),
        Column(
            "basis", "json", "JSON object: how far the run had seen, for the next one to go on from"
        ),
    ),
)

VERDICT_STATE = Table(
    "verdict_state",
    "derived",
    "What the newest `detect` knew as verdicts, condensed: where a later one differs, the "
    "sightings that it is about are judged again.",
    (
        Column(
            "aspect", "text", "receipt or hindsight: what it says; with `grounds`: its collateral"
        ),
        Column("subject_no", "i64", "the subject judged", "delta"),
        Column("starts", "i64", "first moment at which this holds", "delta"),
        Column("ends", "i64", "first moment at which it no longer holds", "delta"),
        Column("digest", "text", "MD5 over that aspect of the judgement, its span aside", "plain"),
    ),
)

LANDMARK = Table(
    "landmark",
    "derived",
    "What the newest `detect` knew as the outermost sightings of each kind: all that a screen of "
    "the past has to read.",
    (
        Column("kind", "id", "SHA-256 over what was shown, by whom, where and to whom", "plain"),
        Column("first_no", "i64", "the first sighting of that kind", "delta"),
        Column("first_at", "time", "when it was received"),
        Column("last_no", "i64", "the last one", "delta"),
        Column("last_at", "time", "when it was received"),
        Column("highest_no", "i64", "the one with the highest number of its writer's own count"),
        Column("highest", "i64", "that number"),
    ),
)

LATENCY = Table(
    "latency",
    "derived",
    "The view of that name as the newest `detect` knew it, for the next one to go on from.",
    (
        Column("platform_id", "text", "PPID, else chip id, else attestation key id"),
        Column("backend_verifier", "text", "the verifier, as logged"),
        Column(
            "took_ms", "i64", "from nonce_issued_at to received_at, in whole milliseconds", "delta"
        ),
        Column("answers", "i64", "answers that took so long"),
        Column("one_peer", "text", "addresses that they came from: the first in the order of text"),
        Column("other_peer", "text", "and the last"),
    ),
)

WAY = Table(
    "way",
    "derived",
    "The view of that name as the newest `detect` knew it, for the next one to go on from.",
    (
        Column("platform_id", "text", "PPID or chip, else the attestation key"),
        Column("enclave_id", "text", "the enclave"),
        Column("peer", "text", "its address"),
        Column("answers", "i64", "as counted by `latency`"),
    ),
)

LOOSE_END = Table(
    "loose_end",
    "derived",
    "The view of that name as the newest `detect` knew it, for the next one to go on from.",
    (
        Column(
            "kind",
            "text",
            "challenge: no sighting has its nonce; answer: no log has its nonce; release: no "
            "evidence in its session, else of its enclave",
        ),
        Column("key_id", "text", "a challenge's nonce, a release's session; null for an answer"),
        Column(
            "subject_id",
            "text",
            "a challenge's enclave; an answer's, else its container or observation_id; a "
            "release's session, else enclave",
        ),
        Column("happened_at", "time", "when it was issued (at first), received or released"),
        Column("observation_no", "i64", "the answer, by number; null for others"),
    ),
)

STRETCH = Table(
    "stretch",
    "derived",
    "The view of that name as the newest `detect` knew it, for the next one to go on from.",
    (
        Column("backend_verifier", "text", "the writer"),
        Column("first_no", "i64", "the first number, 0 or above"),
        Column("last_no", "i64", "the last number"),
        Column("first_at", "time", "received_at of the event of the first number"),
        Column("last_at", "time", "the same of the last"),
        Column("first_id", "text", "observation_id of the event of the first number"),
        Column("last_id", "text", "the same of the last"),
    ),
)

SOURCE_EXTENT = Table(
    "source_extent",
    "derived",
    "The view of that name as the newest `detect` knew it, for the next one to go on from.",
    (
        Column("source_id", "text", "the source"),
        Column("events", "i64", "how many there are"),
        Column("first_at", "time", "the first received_at; null when none has any"),
        Column("last_at", "time", "the last"),
    ),
)

FINDING_TABLES = (
    *(FINDING, DETECTION, VERDICT_STATE, LANDMARK),
    *(LATENCY, WAY, LOOSE_END, STRETCH, SOURCE_EXTENT),
)

TRIAGE = Table(
    "triage",
    "journal",
    "One row per word of an analyst about a finding; the newest counts.",
    (
        Column("word_no", "i64", "1, 2, … in the order of the ledger", "delta"),
        Column("fingerprint", "text", "the finding", "plain"),
        Column("state", "text", "open, acknowledged, closed or false-positive"),
        Column("note", "text", "why", "plain"),
        Column("who", "text", "who said it"),
        Column("said_at", "time", "when", "delta"),
        Column("observation_ids", "text[]", "the sightings that were known then: others reopen it"),
    ),
)

NOTIFICATION = Table(
    "notification",
    "journal",
    "One row per finding that was handed to a command (`audit --on-finding`).",
    (
        Column("fingerprint", "text", "the finding", "plain"),
        Column("opened_at", "time", "the opening of the finding that it was about", "delta"),
        Column("command", "text", "JSON array: the command and its arguments"),
        Column("attempts", "i64", "how often it was called"),
        Column(
            "exit_code", "i64", "of the last call; null when it could not start or took too long"
        ),
        Column("message", "text", "what went wrong with the last call", "plain"),
        Column("notified_at", "time", "when the run was", "delta"),
    ),
)

RUN = Table(
    "run",
    "journal",
    "One row per audit.",
    (
        Column("started_at", "time", "when it began", "delta"),
        Column("as_of", "time", "its cut-off", "delta"),
        Column("exit_code", "i64", "how it ended"),
        Column("reason", "text", "why it ended so"),
        Column("record", "json", "JSON object: all of `findings/run.json`", "plain"),
    ),
)

JOURNAL_TABLES = (TRIAGE, NOTIFICATION, RUN)
