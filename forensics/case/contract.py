"""The columns of the views that SQL users, notebooks and detectors rely on.

Contract: names and types never change; columns may be added. The SQL behind each view is in
`forensics.case.views`; a test holds the two together. Digests, keys, measurements and ids are
lower-case hex text; times are `TIMESTAMP WITH TIME ZONE` in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

from forensics.case.tables import (
    SGX_REPORT_COLUMNS,
    SNP_REPORT_COLUMNS,
    TD_REPORT_COLUMNS,
    Column,
)

REFERENCE_PAGE = "docs/reference/detectors.md"
"""One section per detector, made from the headers."""

TEXT = "VARCHAR"
TIME = "TIMESTAMP WITH TIME ZONE"
INTEGER = "BIGINT"
BOOLEAN = "BOOLEAN"
LIST = "VARCHAR[]"


@dataclass(frozen=True, slots=True)
class ViewColumn:
    name: str
    type: str
    doc: str


@dataclass(frozen=True)
class View:
    name: str
    doc: str
    columns: tuple[ViewColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _columns(*rows: tuple[str, str, str]) -> tuple[ViewColumn, ...]:
    return tuple(ViewColumn(*row) for row in rows)


def _fields(*columns: Column) -> tuple[ViewColumn, ...]:
    """Columns of a binary structure: numbers as numbers, everything else as hex."""
    return tuple(
        ViewColumn(c.name, INTEGER if c.type in ("u16", "u32", "u64") else TEXT, c.doc)
        for c in columns
    )


_WHO = _columns(
    ("enclave_id", TEXT, "enclave or TD, as logged"),
    ("workload_id", TEXT, "workload, as logged"),
    ("node_id", TEXT, "host, as logged"),
    ("container_id", TEXT, "container, as logged"),
)
_PLACE = _columns(
    ("source_id", TEXT, "SHA-256 of the source it was read from"),
    ("source_line", INTEGER, "1-based line or array member; null for a whole file"),
)

OBSERVATION = View(
    "observation",
    "One row per time that evidence or a verifier's statement was seen.",
    (
        *_columns(
            ("observation_id", TEXT, "id of the sighting: source and line"),
            ("observation_no", INTEGER, "ledger order over the whole case"),
            ("quote_id", TEXT, "SHA-256 of the quote's bytes as seen; null when none came"),
            ("quote_no", INTEGER, "the quote by number: joins faster than its id"),
        ),
        *_PLACE,
        *_columns(
            ("event_type", TEXT, "as logged; null for a bare quote"),
            ("event_id", TEXT, "the source's own id"),
            ("session_id", TEXT, "the source's own session"),
            ("timestamp", TIME, "when the verifier logged it"),
            ("received_at", TIME, "received_at, else verified_at, else timestamp"),
            ("nonce_issued_at", TIME, "on the issuer's clock"),
            ("quote_generated_at", TIME, "on the attester's clock"),
            ("verified_at", TIME, "on the verifier's clock"),
            ("collateral_fetched_at", TIME, "on the verifier's clock"),
            ("nonce", TEXT, "the verifier's challenge"),
        ),
        *_WHO,
        *_columns(
            ("peer", TEXT, "network peer, as logged"),
            ("initial_state", TEXT, "hash of the launch parameters that should be bound"),
            ("runtime_data", TEXT, "held data that should be bound"),
            ("runtime_data_id", TEXT, "SHA-256 of runtime_data"),
            ("claimed_mrenclave", TEXT, "claim: lower-case hex when well-formed, else as logged"),
            ("claimed_mrsigner", TEXT, "claim: lower-case hex when well-formed, else as logged"),
            ("claimed_isv_prodid", INTEGER, "claim"),
            ("claimed_isv_svn", INTEGER, "claim"),
            ("claimed_report_data", TEXT, "claim: lower-case hex when well-formed, else as logged"),
            ("claimed_quote_status", TEXT, "quote_status as logged"),
            ("claimed_pck_cert_status", TEXT, "pck_cert_status as logged"),
            ("claimed_tcb_level", TEXT, "tcb_level as logged"),
            ("claimed_policy_allowed", BOOLEAN, "policy_allowed as logged"),
            ("claimed_policy_mode", TEXT, "policy_mode as logged"),
            (
                "claimed_ok",
                BOOLEAN,
                "the verifier said that the quote is good, or gave it a weaker TCB status that its "
                "policy allowed; null: said nothing",
            ),
            ("sgx_extensions", LIST, "as logged"),
            ("backend_verifier", TEXT, "as logged"),
            ("siem_forwarded", BOOLEAN, "as logged"),
            ("malformed_claims", LIST, "claims that cannot be what they claim to be"),
            ("claimed_evaluation_number", INTEGER, "TCB evaluation number used; of `extra`"),
            ("sequence_no", INTEGER, "the writer's own count of its events; of `extra`"),
            ("token_id", TEXT, "SHA-256 of the verifier's token (a JWS); of `extra`"),
            ("token_quote_hash", TEXT, "what the token says is the quote's SHA-256"),
            ("token_measurement", TEXT, "the token's MRENCLAVE or MRTD"),
            ("token_mrsigner", TEXT, "the token's MRSIGNER"),
            ("token_report_data", TEXT, "the token's REPORT_DATA"),
            ("device_evidence", LIST, "devices whose evidence came too: gpu, tpm; of `extra`"),
            ("device_verdicts", LIST, "devices that a verdict was logged about; of `extra`"),
            ("gpu_nonce", TEXT, "the nonce that the GPU's evidence answers; of `extra`"),
            ("tpm_nonce", TEXT, "the nonce that the TPM's evidence answers; of `extra`"),
            ("extra", TEXT, "unknown fields as a JSON object"),
        ),
    ),
)

QUOTE = View(
    "quote",
    "One row per distinct quote.",
    (
        *_columns(
            ("quote_id", TEXT, "SHA-256 of its bytes as seen"),
            ("quote_no", INTEGER, "order of first sight over the whole case, from 1"),
            ("signed_id", TEXT, "SHA-256 of the signed region"),
            ("signing_id", TEXT, "one signing event: attestation key, signed region and r"),
            ("signature_r", TEXT, "r of the quote signature"),
            ("signature_s", TEXT, "s of the quote signature"),
            (
                "attestation_key_id",
                TEXT,
                "SHA-256 of the attestation key, the VEK of SNP",
            ),
            ("attestation_key", TEXT, "X ‖ Y"),
            ("proven", BOOLEAN, "K1, K2, K4 and K5 pass, or N4 of SNP; null: not known"),
            ("trusted", BOOLEAN, "proven, and the PCK or VEK chain ends in a trust anchor"),
            ("tee", TEXT, "sgx, tdx or snp"),
            ("version", INTEGER, "quote format version"),
            ("header_qe_svn", INTEGER, "v3 header, informative"),
            ("header_pce_svn", INTEGER, "v3 header, informative"),
            ("qe_vendor_id", TEXT, "header"),
            ("user_data", TEXT, "header"),
            ("qe_id", TEXT, "first 16 bytes of user_data; null when all zero"),
            ("body_type", INTEGER, "v5 only"),
            ("debug", BOOLEAN, "DEBUG attribute of the enclave or TD, DEBUG policy of the guest"),
            ("report_data", TEXT, "what the attester chose to bind"),
        ),
        *_fields(*SGX_REPORT_COLUMNS, *TD_REPORT_COLUMNS),
        *_columns(
            ("qe_isv_svn", INTEGER, "of the quoting enclave"),
            ("qe_isv_prodid", INTEGER, "of the quoting enclave"),
            ("qe_cpu_svn", TEXT, "of the quoting enclave's report"),
            ("qe_mrsigner", TEXT, "of the quoting enclave"),
            ("qe_mrenclave", TEXT, "of the quoting enclave"),
            ("qe_auth_id", TEXT, "SHA-256 of the QE authentication data"),
            ("qe_signature_r", TEXT, "of the QE report signature"),
            ("qe_signature_s", TEXT, "of the QE report signature"),
            ("certification_type", INTEGER, "5 = PCK chain"),
            ("certification_id", TEXT, "attestation key and everything that certifies it"),
            ("certification_data_id", TEXT, "SHA-256 of the certification data"),
            ("pce_svn", INTEGER, "PCE SVN of the PCK certificate"),
            ("tcb_components", TEXT, "the 16 TCB component SVNs of the PCK certificate"),
            ("fmspc", TEXT, "of the PCK certificate"),
            ("sgx_type", INTEGER, "of the PCK certificate: 0 standard, 1 and 2 scalable"),
            ("ppid", TEXT, "of the PCK certificate"),
            ("pck_id", TEXT, "SHA-256 of the PCK certificate's signed part"),
            ("pck_serial", TEXT, "serial number of the PCK certificate, hex"),
            ("pck_ca_serial", TEXT, "serial number of the CA that issued it, hex"),
            ("pck_ca", TEXT, "common name of the CA that issued the PCK certificate"),
            ("chain_id", TEXT, "SHA-256 over the chain's DER certificates, in order"),
            ("chain_signed_id", TEXT, "SHA-256 over their signed parts: no re-signing hides it"),
            ("size", INTEGER, "bytes as seen"),
            ("trailing_size", INTEGER, "bytes after the declared end"),
            ("trailing_nonzero", BOOLEAN, "some of them are not zero"),
            ("slack_size", INTEGER, "bytes inside the declared lengths that nothing reads"),
        ),
        *_fields(*SNP_REPORT_COLUMNS),
        *_columns(
            ("policy_abi_minor", INTEGER, "SNP policy: least minor version of the firmware ABI"),
            ("policy_abi_major", INTEGER, "SNP policy: least major version of the firmware ABI"),
            ("policy_smt", BOOLEAN, "SNP policy: simultaneous multi-threading is allowed"),
            ("policy_migrate_ma", BOOLEAN, "SNP policy: a migration agent is allowed"),
            ("signing_key", TEXT, "SNP: vcek, vlek or none, by the report's own word"),
            ("mask_chip_key", BOOLEAN, "SNP: the firmware does not sign"),
            ("author_key_en", BOOLEAN, "SNP: the ID key is certified by an author key"),
            ("platform_id", TEXT, "ppid of SGX and TDX, chip_id of SNP"),
            ("vek_id", TEXT, "SNP: SHA-256 of the signed part of the certificate that fits"),
            ("vek_kind", TEXT, "SNP: vcek or vlek, by that certificate"),
            ("vek_product", TEXT, "SNP: milan, genoa or turin, by that certificate"),
            ("vek_tcb", TEXT, "SNP: the TCB that the certificate's key stands for"),
            ("csp_id", TEXT, "SNP: the cloud provider of a VLEK certificate"),
        ),
    ),
)

KEY_RECOVERY = View(
    "key_recovery",
    "One row per attestation key and r that repeats over different signed content, in proven "
    "quotes: could the private key be computed from the two signatures?",
    _columns(
        ("attestation_key_id", TEXT, "SHA-256 of the attestation key"),
        ("signature_r", TEXT, "the r that repeats"),
        ("first_quote_id", TEXT, "one quote of the pair that was solved"),
        ("second_quote_id", TEXT, "the other one"),
        ("confirmed", BOOLEAN, "the solution is the private key: it gives the public key"),
    ),
)

VERDICT = View(
    "verdict",
    "One row per quote observation and moment.",
    _columns(
        ("observation_id", TEXT, "the sighting"),
        ("observation_no", INTEGER, "the sighting by number: joins faster than its id"),
        ("quote_id", TEXT, "the quote"),
        ("moment", TEXT, "receipt or hindsight"),
        ("as_of", TIME, "the instant judged: received_at, or the run's --as-of"),
        ("outcome", TEXT, "accepted, rejected or undetermined"),
        ("status", TEXT, "Intel's TCB status; null when none applies"),
        ("failed_checks", LIST, "ids of the checks of Intel's verifier that failed"),
        ("undetermined_checks", LIST, "ids of its checks that could not be decided"),
        ("strict_failures", LIST, "ids of this tool's own strict checks that failed"),
        ("advisory_ids", LIST, "Intel's security advisories for that TCB level"),
        ("tcb_info_id", TEXT, "the TCB info used"),
        ("qe_identity_id", TEXT, "the enclave identity used"),
        ("pck_crl_id", TEXT, "the PCK CRL used"),
        ("root_crl_id", TEXT, "the root CA CRL used"),
        ("tcb_evaluation_data_number", INTEGER, "of the TCB info"),
        ("qe_evaluation_data_number", INTEGER, "of the enclave identity"),
        ("collateral_issued_at", TIME, "latest issue date of the collateral used"),
        ("collateral_expires_at", TIME, "earliest expiry of the collateral used"),
        (
            "other_collateral_accepts",
            BOOLEAN,
            "rejected, but other archived collateral valid at as_of accepts; null: not rejected",
        ),
    ),
)

CHECK_RESULT = View(
    "check_result",
    "One row per verdict and check, computed when asked for.",
    _columns(
        ("observation_id", TEXT, "the sighting"),
        ("quote_id", TEXT, "the quote"),
        ("moment", TEXT, "receipt or hindsight"),
        ("check_id", TEXT, "id of the check, e.g. K5"),
        ("result", TEXT, "pass, fail, error, skipped or not_applicable"),
        ("expected", TEXT, "what would have passed"),
        ("observed", TEXT, "what was there"),
    ),
)

BINDING = View(
    "binding",
    "One row per quote observation that a REPORT_DATA rule applies to: the rule recomputed.",
    _columns(
        ("observation_id", TEXT, "the sighting"),
        ("observation_no", INTEGER, "the sighting by number: joins faster than its id"),
        ("quote_id", TEXT, "the quote"),
        ("workload_id", TEXT, "the workload whose rule was applied"),
        ("rule", TEXT, "the rule in words, e.g. sha256(initial_state ‖ nonce)"),
        ("result", TEXT, "match, mismatch or not_evaluable"),
        ("missing", TEXT, "inputs that were not there; null when none"),
        ("expected_report_data", TEXT, "the 64 bytes that the rule gives; null when not evaluable"),
    ),
)

RESHOWN = View(
    "reshown",
    "One row per sighting of a proven signing event that was seen more than once, in whatever "
    "bytes. Evidence shown again tells an old state.",
    _columns(
        ("observation_id", TEXT, "the sighting"),
        ("observation_no", INTEGER, "the sighting by number: joins faster than its id"),
        ("signing_id", TEXT, "the signing event"),
        ("showing", INTEGER, "1, 2, … in the order of received_at"),
        (
            "trusted_showing",
            INTEGER,
            "1, 2, … of trusted quotes with a time alone; null for others",
        ),
    ),
)

LATENCY = View(
    "latency",
    "How often each platform took how long to answer a verifier: of trusted evidence that was "
    "shown for the first time and not refused, with both times.",
    _columns(
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
    _columns(
        ("hour_no", INTEGER, "the hour, counted from the beginning of 1970"),
        ("answers", INTEGER, "sightings with a nonce that were received in it"),
        ("releases", INTEGER, "releases in it that name a session or an enclave"),
    ),
)

LOOSE_END = View(
    "loose_end",
    "What nothing was found for: one row per challenge of an enclave, answer or release. Answers "
    "are among them only where there is a log of challenges.",
    _columns(
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
    _columns(
        ("backend_verifier", TEXT, "the writer"),
        ("first_no", INTEGER, "the first number, 0 or above"),
        ("last_no", INTEGER, "the last number"),
        ("first_at", TIME, "received_at of the event of the first number"),
        ("last_at", TIME, "the same of the last"),
        ("first_id", TEXT, "observation_id of the event of the first number"),
        ("last_id", TEXT, "the same of the last"),
    ),
)

EXTENT = View(
    "extent",
    "From when to when each kind of event is on record.",
    _columns(
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

SOURCE = View(
    "source",
    "One row per ingested file or archive member.",
    _columns(
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
        *_PLACE,
        *_columns(
            ("byte_offset", INTEGER, "offset of the problem"),
            ("reason", TEXT, "stable code"),
            ("message", TEXT, "one line"),
            ("sha256", TEXT, "SHA-256 of the record"),
            ("data", "BLOB", "the record's bytes"),
        ),
    ),
)

_LAUNCH = (
    *_PLACE,
    *_columns(("timestamp", TIME, "when")),
    *_WHO,
    *_columns(
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
        *_PLACE,
        *_columns(
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
        *_PLACE,
        *_columns(
            ("timestamp", TIME, "when"),
            ("session_id", TEXT, "in which session"),
            ("enclave_id", TEXT, "to whom"),
            ("secret_id", TEXT, "which secret"),
            ("extra", TEXT, "unknown fields as a JSON object"),
        ),
    ),
)

REFERENCE_VALUE = View(
    "reference_value",
    "One row per approved measurement and window; of one approval, as the newest manifest has it.",
    (
        *_PLACE,
        *_columns(
            ("workload_id", TEXT, "workload that it approves"),
            ("mrenclave", TEXT, "SGX"),
            ("mrsigner", TEXT, "SGX"),
            ("isv_prodid", INTEGER, "SGX"),
            ("min_isv_svn", INTEGER, "SGX: lowest accepted ISVSVN"),
            ("mrtd", TEXT, "TDX"),
            ("rtmr0", TEXT, "TDX"),
            ("rtmr1", TEXT, "TDX"),
            ("rtmr2", TEXT, "TDX"),
            ("rtmr3", TEXT, "TDX"),
            ("measurement", TEXT, "SNP"),
            ("host_data", TEXT, "SNP"),
            ("valid_from", TIME, "inclusive; null = always"),
            ("valid_to", TIME, "exclusive; null = for ever"),
            ("approved_at", TIME, "when it was approved, if the entry says so"),
            ("recorded_at", TIME, "when this tool first read it, with this window or a wider one"),
            ("workload_recorded_at", TIME, "when this tool first read approvals of the workload"),
        ),
    ),
)

LISTED_PLATFORM = View(
    "listed_platform",
    "One row per platform that a manifest lists as one's own.",
    (
        *_PLACE,
        *_columns(
            ("ppid", TEXT, "the platform"),
            ("node_id", TEXT, "the host that it is; null = any"),
            ("valid_from", TIME, "inclusive; null = always"),
            ("valid_to", TIME, "exclusive; null = for ever"),
            ("recorded_at", TIME, "when this tool first read it"),
        ),
    ),
)

WORKLOAD = View(
    "workload",
    "One row per workload of the newest manifest that names it.",
    _columns(
        ("workload_id", TEXT, "id"),
        ("report_data_rule", TEXT, "the REPORT_DATA rule in words; null when there is none"),
        ("runtime", TEXT, "runtime that is expected to attest"),
        ("attest_within_ms", INTEGER, "milliseconds a launch has to attest; null: not said"),
        ("evidence", LIST, "evidence that must come with the quote, e.g. gpu; null: none"),
        ("one_per_platform", BOOLEAN, "its instances must not share a platform"),
    ),
)

POLICY = View(
    "policy",
    "The policy of the newest manifest that has one: one row or none.",
    _columns(
        ("mode", TEXT, "e.g. STRICT"),
        ("max_quote_age_ms", INTEGER, "oldest acceptable quote"),
        ("max_collateral_age_ms", INTEGER, "oldest acceptable collateral"),
        ("accept", LIST, "accepted TCB statuses"),
    ),
)

COLLATERAL = View(
    "collateral",
    "One row per distinct TCB info or enclave identity.",
    _columns(
        ("collateral_id", TEXT, "SHA-256 of body and signature"),
        ("kind", TEXT, "tcb_info or qe_identity"),
        ("id", TEXT, "SGX, TDX, QE, TD_QE …"),
        ("fmspc", TEXT, "TCB info only"),
        ("pce_id", TEXT, "TCB info only"),
        ("version", INTEGER, "document version"),
        ("tcb_evaluation_data_number", INTEGER, "Intel's evaluation number"),
        ("issued_at", TIME, "issueDate"),
        ("expires_at", TIME, "nextUpdate"),
        ("authentic", BOOLEAN, "signed by a trusted TCB signing certificate; null before verify"),
        ("first_acquired_at", TIME, "when this tool first read it"),
        ("body", TEXT, "the signed JSON text"),
    ),
)

TCB_COMPONENT = View(
    "tcb_component",
    "One row per FMSPC, component family and position: does any TCB info of it name that byte?",
    _columns(
        ("fmspc", TEXT, "of the TCB info"),
        ("family", TEXT, "sgx: PCK TCB components; tdx: TEE TCB SVN"),
        ("position", INTEGER, "0 to 15"),
        ("named", BOOLEAN, "some TCB level has an SVN above 0, a category or a type there"),
        ("category", TEXT, "as Intel names it, e.g. BIOS; null when it does not"),
        ("type", TEXT, "as Intel names it, e.g. Early Microcode Update; null when it does not"),
    ),
)

CRL = View(
    "crl",
    "One row per distinct certificate revocation list.",
    _columns(
        ("crl_id", TEXT, "SHA-256 of its DER"),
        ("issuer", TEXT, "issuer's common name"),
        ("this_update", TIME, "issued"),
        ("next_update", TIME, "expires"),
        ("crl_number", TEXT, "CRLNumber; 1 in every CRL of Intel"),
        ("revoked", INTEGER, "number of entries"),
        ("revoked_serials", LIST, "their serial numbers, hex"),
        ("authentic", BOOLEAN, "signed by a trusted issuer; null before verify"),
        ("first_acquired_at", TIME, "when this tool first read it"),
    ),
)

CERTIFICATE = View(
    "certificate",
    "One row per distinct certificate, from files and from quotes.",
    _columns(
        ("certificate_id", TEXT, "SHA-256 of its DER"),
        ("tbs_id", TEXT, "SHA-256 of its signed part: the identity that no re-signing hides"),
        ("subject", TEXT, "common name"),
        ("issuer", TEXT, "issuer's common name"),
        ("serial", TEXT, "hex"),
        ("not_before", TIME, "start of validity"),
        ("not_after", TIME, "end of validity"),
    ),
)

CUSTODY_PROBLEM = View(
    "custody_problem",
    "One row per difference between the case and its ledger, computed when asked for.",
    _columns(
        ("level", TEXT, "failure, or note: worth a look, contradicts nothing"),
        ("path", TEXT, "relative to the case"),
        ("code", TEXT, "stable code, e.g. file-changed"),
        ("message", TEXT, "one line"),
    ),
)

FINDING = View(
    "finding",
    "One row per finding of the newest `detect`, and per earlier one that is now resolved.",
    _columns(
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
    _columns(
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
    _columns(
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
    _columns(
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
    _columns(
        ("started_at", TIME, "when it began"),
        ("as_of", TIME, "its cut-off"),
        ("exit_code", INTEGER, "how it ended"),
        ("reason", TEXT, "why it ended so"),
        ("record", TEXT, "JSON object: all of `findings/run.json`"),
    ),
)

VIEWS = (
    OBSERVATION,
    QUOTE,
    KEY_RECOVERY,
    VERDICT,
    CHECK_RESULT,
    BINDING,
    RESHOWN,
    LATENCY,
    LOOSE_END,
    STRETCH,
    TRAFFIC,
    EXTENT,
    SOURCE,
    QUARANTINE,
    LAUNCH,
    STOP,
    NONCE,
    RELEASE,
    REFERENCE_VALUE,
    LISTED_PLATFORM,
    WORKLOAD,
    POLICY,
    COLLATERAL,
    TCB_COMPONENT,
    CRL,
    CERTIFICATE,
    CUSTODY_PROBLEM,
    FINDING,
    DETECTION,
    TRIAGE,
    NOTIFICATION,
    RUN,
)

COLUMNS = {view.name: view.names for view in VIEWS}
"""View -> the names of its columns, in order."""
