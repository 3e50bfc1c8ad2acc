"""Views of what commands found, and of what was said and done about it."""

from __future__ import annotations

from forensics.case.contract.schema import INTEGER, LIST, TEXT, TIME, View, list_columns

CUSTODY_PROBLEM = View(
    "custody_problem",
    "One row per difference between the case and its ledger, computed when asked for.",
    list_columns(
        ("level", TEXT, "failure, or note: worth a look, contradicts nothing"),
        ("path", TEXT, "relative to the case"),
        ("code", TEXT, "stable code, e.g. file-changed"),
        ("message", TEXT, "one line"),
    ),
)

FINDING = View(
    "finding",
    "One row per finding of the newest `detect`, and per earlier one that is now resolved.",
    list_columns(
        ("finding_id", TEXT, "first 16 hex digits of the fingerprint"),
        ("fingerprint", TEXT, "SHA-256 over detector, subject and discriminator: stable over runs"),
        ("detector", TEXT, "id of the detector"),
        ("detector_version", INTEGER, "version of its SQL"),
        ("title", TEXT, "the detector's title"),
        ("severity", TEXT, "critical, high, medium, low or info"),
        ("subject_type", TEXT, "what the finding is about, e.g. enclave, platform"),
        ("subject_id", TEXT, "which one"),
        ("first_seen", TIME, "first offending sighting; null when its time is not known"),
        ("last_seen", TIME, "last offending sighting; null when its time is not known"),
        ("observation_ids", LIST, "the sightings, in the order in which the detector tells them"),
        ("summary", TEXT, "one line for a person"),
        ("details", TEXT, "JSON object; its keys are documented in the detector's header"),
        (
            "state",
            TEXT,
            "`new`; `recurring` (seen before); `reopened` (back after it was resolved, closed or "
            "suppressed); `unobserved` (open, and could not be judged again); `resolved` (judged "
            "again, and clean); `suppressed`; `closed` (by an analyst)",
        ),
        ("state_since", TIME, "the run in which it came into this state"),
        ("opened_at", TIME, "the run in which it was last new or reopened"),
        (
            "cause",
            TEXT,
            "what brought it into this state. The world: `evidence`, `time`. What we know: "
            "`manifest`, `collateral`. The tool: `detector`. People: `suppression`, `triage`",
        ),
        ("suppression", TEXT, "id of the suppression that holds it down"),
        ("triage", TEXT, "what an analyst last said of it, see `triage`"),
        ("unjudged", INTEGER, "what its detector could not judge when it last gave this finding"),
        ("reference", TEXT, "the section of the reference page that describes the detector"),
    ),
)

DETECTION = View(
    "detection",
    "One row per detector: how its newest run went, and what it could not judge.",
    list_columns(
        ("detector", TEXT, "id of the detector"),
        ("detector_version", INTEGER, "version of its SQL"),
        ("sql_sha256", TEXT, "SHA-256 of the query that ran, header aside"),
        ("params", TEXT, "JSON object: the values bound to its parameters"),
        ("outcome", TEXT, "evaluated or not_evaluable"),
        ("findings", INTEGER, "findings that it gave"),
        ("unjudged", INTEGER, "subjects that it could not judge"),
        ("gaps", TEXT, "JSON array of [reason, count] for those subjects"),
        ("as_of", TIME, "the cut-off of the run"),
        ("evidence_entry", INTEGER, "the newest ledger entry with evidence that it saw"),
        (
            "known_entry",
            INTEGER,
            "the one that a run saw before more evidence came: feeds of that time are waited for",
        ),
        ("cut_off", TIME, "`as_of`, or earlier where the detector waits for a feed"),
        ("waiting", INTEGER, "findings that wait for a feed to catch up"),
        ("mode", TEXT, "full, or incremental: only what new evidence touches was judged again"),
        ("mode_reason", TEXT, "why it ran in full; null when it did not"),
        ("observations_read", INTEGER, "sightings judged again; null in a full run"),
        ("basis", TEXT, "JSON object: how far the run had seen, for the next one to go on from"),
    ),
)

TRIAGE = View(
    "triage",
    "One row per word of an analyst about a finding; the newest counts.",
    list_columns(
        ("word_no", INTEGER, "1, 2, … in the order of the ledger"),
        ("fingerprint", TEXT, "the finding"),
        ("state", TEXT, "open, acknowledged, closed or false-positive"),
        ("note", TEXT, "why"),
        ("who", TEXT, "who said it"),
        ("said_at", TIME, "when"),
        ("observation_ids", LIST, "the sightings that were known then: others reopen it"),
    ),
)

NOTIFICATION = View(
    "notification",
    "One row per finding that was handed to a command (`audit --on-finding`).",
    list_columns(
        ("fingerprint", TEXT, "the finding"),
        ("opened_at", TIME, "the opening of the finding that it was about"),
        ("command", TEXT, "JSON array: the command and its arguments"),
        ("attempts", INTEGER, "how often it was called"),
        ("exit_code", INTEGER, "of the last call; null when it could not start or took too long"),
        ("message", TEXT, "what went wrong with the last call"),
        ("notified_at", TIME, "when the run was"),
    ),
)

RUN = View(
    "run",
    "One row per audit.",
    list_columns(
        ("started_at", TIME, "when it began"),
        ("as_of", TIME, "its cut-off"),
        ("exit_code", INTEGER, "how it ended"),
        ("reason", TEXT, "why it ended so"),
        ("record", TEXT, "JSON object: all of `findings/run.json`"),
    ),
)
