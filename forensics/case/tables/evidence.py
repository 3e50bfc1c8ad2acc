"""Evidence: append-only tables of what was read."""

from __future__ import annotations

from forensics.case.tables.schema import Column, Table, layout_columns
from forensics.formats.structures import (
    BODY_DESCRIPTOR_V5,
    HEADER_V3,
    HEADER_V4,
    SGX_REPORT,
    SNP_REPORT_V5,
    SNP_SIGNED_SIZE,
    TD_REPORT_15,
)

SGX_REPORT_COLUMNS = tuple(layout_columns(SGX_REPORT, ("report_data",)))
TD_REPORT_COLUMNS = tuple(layout_columns(TD_REPORT_15, ("report_data",)))
# The newest version has all fields. `version` is a column of every kind of evidence; what is
# reserved is in `head` and `tail`, and what is not signed in the table `quote`.
SNP_REPORT_COLUMNS = tuple(
    layout_columns(
        SNP_REPORT_V5,
        (
            *("version", "report_data"),
            *(f.name for f in SNP_REPORT_V5 if f.kind == "reserved" or f.offset >= SNP_SIGNED_SIZE),
        ),
    )
)


def _unique(columns: list[Column]) -> tuple[Column, ...]:
    """The columns of several layouts side by side, each name once."""
    return tuple({column.name: column for column in columns}.values())


SOURCE = Table(
    "source",
    "evidence",
    "One row per ingested file or archive member.",
    (
        Column("source_id", "id", "SHA-256 of its bytes", "plain"),
        Column("path", "text", "path as given; `archive!member` inside an archive", "plain"),
        Column("kind", "text", "what the content is: quote, events, tcb_info, …"),
        Column("size", "i64", "bytes", "delta"),
        Column("ingested_at", "time", "when the ingest that read it began", "delta"),
        Column("ledger_entry", "i64", "ledger entry that committed it", "delta"),
        Column("records", "i64", "records found in it: lines, array members, or 1", "delta"),
        Column("rows", "i64", "rows that came out of it, quarantine rows aside", "delta"),
        Column("quarantined", "i64", "quarantine rows that came out of it", "delta"),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "evidence",
    "One row per record that could not be read, or not wholly, with its bytes.",
    (
        Column("source_id", "id", "the source"),
        Column(
            "source_line", "i64", "1-based line or array member; null for a whole file", "delta"
        ),
        Column(
            "byte_offset",
            "i64",
            "byte at which reading failed, from 0: of the record (a byte order mark not counted), "
            "or of the decoded quote that cannot be parsed; null where no place is known",
            "delta",
        ),
        Column("reason", "text", "stable code, see docs/reference/reasons.md"),
        Column("message", "text", "one line for a person"),
        Column(
            "sha256",
            "id",
            "SHA-256 of the whole record, or of the quote in it, as in `data`",
            "plain",
        ),
        Column(
            "data",
            "bytes",
            "bytes of the record, or of the quote in it that cannot be parsed: at most the "
            "first MiB",
            "plain",
        ),
    ),
)

# Claims keep the log's own text, so that a malformed one survives as it was.
CLAIM_COLUMNS = (
    Column("claimed_mrenclave", "text", "claim as logged"),
    Column("claimed_mrsigner", "text", "claim as logged"),
    Column("claimed_isv_prodid", "i64", "claim as logged; null when it is no number"),
    Column("claimed_isv_svn", "i64", "claim as logged; null when it is no number"),
    Column("claimed_report_data", "text", "claim as logged; null when equal to the quote's"),
    Column("report_data_claimed_as_quoted", "bool", "the claim is the quote's own REPORT_DATA"),
    Column("claimed_quote_status", "text", "quote_status as logged"),
    Column("claimed_pck_cert_status", "text", "pck_cert_status as logged"),
    Column("claimed_tcb_level", "text", "tcb_level as logged"),
    Column("claimed_policy_allowed", "bool", "policy_allowed as logged"),
    Column("claimed_policy_mode", "text", "policy_mode as logged"),
)

OBSERVATION = Table(
    "observation",
    "evidence",
    "One row per time that evidence or a verifier's statement was seen.",
    (
        Column("observation_no", "i64", "ledger order, from 1 in the whole case", "delta"),
        Column("quote_no", "i64", "the quote seen; null when none came", "delta"),
        Column("source_id", "id", "where it was read"),
        Column(
            "source_line", "i64", "1-based line or array member; null for a whole file", "delta"
        ),
        Column("event_type", "text", "as logged; null for a bare quote"),
        Column("event_id", "text", "the source's own id", "plain"),
        Column("session_id", "text", "the source's own session", "plain"),
        Column("timestamp", "time", "when the verifier logged it", "delta"),
        Column("received_at", "time", "as logged; the view falls back to other clocks", "delta"),
        Column("nonce_issued_at", "time", "on the issuer's clock", "delta"),
        Column("quote_generated_at", "time", "on the attester's clock", "delta"),
        Column("verified_at", "time", "on the verifier's clock", "delta"),
        Column("collateral_fetched_at", "time", "on the verifier's clock", "delta"),
        Column("nonce", "bytes", "the verifier's challenge, decoded", "plain"),
        Column("enclave_id", "text", "who"),
        Column("workload_id", "text", "who"),
        Column("node_id", "text", "who"),
        Column("container_id", "text", "who"),
        Column("peer", "text", "who"),
        Column("initial_state", "bytes", "hash of the launch parameters that should be bound"),
        Column("runtime_data", "bytes", "held data that should be bound"),
        *CLAIM_COLUMNS,
        Column("sgx_extensions", "text[]", "as logged"),
        Column("backend_verifier", "text", "as logged"),
        Column("siem_forwarded", "bool", "as logged"),
        Column("malformed_claims", "text[]", "claims that cannot be what they claim to be"),
        Column("extra", "json", "fields this tool does not know, as logged"),
    ),
    by_month="received_at",
)

_IDENTITY = (
    Column("enclave_id", "text", "who"),
    Column("workload_id", "text", "who"),
    Column("node_id", "text", "who"),
    Column("container_id", "text", "who"),
)
_PLACE = (
    Column("source_id", "id", "where it was read"),
    Column("source_line", "i64", "1-based line or array member", "delta"),
)

LAUNCH = Table(
    "launch",
    "evidence",
    "One row per start or stop of a workload, as the runtime logged it.",
    (
        Column("event_type", "text", "enclave_launch or enclave_stop"),
        *_PLACE,
        Column("timestamp", "time", "when", "delta"),
        *_IDENTITY,
        Column("runtime", "text", "e.g. ironclaw"),
        Column("image", "text", "container image"),
        Column("image_digest", "text", "container image digest"),
        Column("initial_state", "bytes", "hash of the launch parameters"),
        Column("expects_attestation", "bool", "default true"),
        Column("extra", "json", "fields this tool does not know"),
    ),
    by_month="timestamp",
)

NONCE = Table(
    "nonce",
    "evidence",
    "One row per challenge that a verifier issued.",
    (
        *_PLACE,
        Column("timestamp", "time", "when issued", "delta"),
        Column("nonce", "bytes", "the challenge, decoded", "plain"),
        Column("issuer", "text", "who issued it"),
        Column("enclave_id", "text", "for whom"),
        Column("session_id", "text", "in which session", "plain"),
        Column("expires_at", "time", "valid until", "delta"),
        Column("extra", "json", "fields this tool does not know"),
    ),
    by_month="timestamp",
)

RELEASE = Table(
    "release",
    "evidence",
    "One row per secret that was released.",
    (
        *_PLACE,
        Column("timestamp", "time", "when", "delta"),
        Column("session_id", "text", "in which session", "plain"),
        Column("enclave_id", "text", "to whom"),
        Column("secret_id", "text", "which secret"),
        Column("extra", "json", "fields this tool does not know"),
    ),
    by_month="timestamp",
)

QUOTE = Table(
    "quote",
    "evidence",
    "One row per distinct quote: what no other quote shares. Joins with its repeated parts "
    "(statement, certification, certification_data) rebuild its bytes exactly.",
    (
        Column("quote_no", "i64", "ledger order, from 1 in the whole case", "delta"),
        Column("quote_id", "id", "SHA-256 of its bytes as seen", "plain"),
        Column("statement_id", "id", "header and body without REPORT_DATA"),
        Column("report_data", "bytes", "what the attester chose to bind", "plain", 64),
        Column("signature_r", "bytes", "r of the quote signature, big-endian", "plain", 32),
        Column("signature_s", "bytes", "s of the quote signature, big-endian", "plain", 32),
        Column("certification_id", "id", "attestation key and QE block; null: an SEV-SNP report"),
        Column("outer_certification_type", "u16", "v4, v5: 6 in a well-formed quote"),
        Column("outer_slack", "bytes", "bytes after the certification data, inside its block"),
        Column(
            "slack",
            "bytes",
            "bytes after the block, inside the signature length; of a report "
            "its unsigned end, empty when all zero",
        ),
        Column("size", "i64", "bytes as seen"),
        Column("trailing_size", "i64", "bytes after the declared end"),
        Column("trailing", "bytes", "those bytes; null when they are all zero"),
        Column("wide_r", "bytes", "r of a report's signature, big-endian; signature_r is null"),
        Column("wide_s", "bytes", "s of a report's signature, big-endian; signature_s is null"),
    ),
)

STATEMENT = Table(
    "statement",
    "evidence",
    "One row per distinct header and body, REPORT_DATA aside. Fields that a version does not "
    "have are null.",
    (
        Column("statement_id", "id", "SHA-256 of the signed bytes without REPORT_DATA", "plain"),
        Column("tee", "text", "sgx, tdx or snp, by the body"),
        Column("head", "bytes", "signed bytes before REPORT_DATA", "plain"),
        Column("tail", "bytes", "signed bytes after REPORT_DATA", "plain"),
        *_unique(
            [
                *layout_columns(HEADER_V3),
                *layout_columns(HEADER_V4),
                *layout_columns(BODY_DESCRIPTOR_V5),
                *SGX_REPORT_COLUMNS,
                *TD_REPORT_COLUMNS,
                *SNP_REPORT_COLUMNS,
            ]
        ),
    ),
)

CERTIFICATION = Table(
    "certification",
    "evidence",
    "One row per distinct attestation key with what certifies it: QE report, its signature, "
    "authentication data, certification data.",
    (
        Column("certification_id", "id", "SHA-256 over all parts", "plain"),
        Column("attestation_key", "bytes", "X ‖ Y", "plain", 64),
        Column("qe_report", "bytes", "the QE's report, as signed", "plain", 384),
        *layout_columns(SGX_REPORT, prefix="qe_"),
        Column("qe_signature_r", "bytes", "r of the QE report signature", "plain", 32),
        Column("qe_signature_s", "bytes", "s of the QE report signature", "plain", 32),
        Column("qe_auth_data", "bytes", "QE authentication data"),
        Column("certification_type", "u16", "1-5; 5 = PCK chain"),
        Column("certification_data_id", "id", "the certification data"),
    ),
)

CERTIFICATION_DATA = Table(
    "certification_data",
    "evidence",
    "One row per distinct certification data, usually a PCK chain in PEM.",
    (
        Column("certification_data_id", "id", "SHA-256 of the data", "plain"),
        Column("data", "bytes", "as in the quote", "plain"),
    ),
)

DOCUMENT = Table(
    "document",
    "evidence",
    "One row per distinct signed collateral document: TCB info or enclave identity.",
    (
        Column("document_id", "id", "SHA-256 of body and signature", "plain"),
        Column("kind", "text", "tcb_info or qe_identity"),
        Column("body", "bytes", "the signed bytes exactly as served", "plain"),
        Column("signature", "bytes", "r ‖ s as decoded from hex", "plain"),
    ),
)

CRL = Table(
    "crl",
    "evidence",
    "One row per distinct certificate revocation list.",
    (
        Column("crl_id", "id", "SHA-256 of its DER", "plain"),
        Column("data", "bytes", "DER", "plain"),
    ),
)

CERTIFICATE = Table(
    "certificate",
    "evidence",
    "One row per distinct certificate seen outside a quote.",
    (
        Column("certificate_id", "id", "SHA-256 of its DER", "plain"),
        Column("data", "bytes", "DER", "plain"),
    ),
)

ACQUISITION = Table(
    "acquisition",
    "evidence",
    "One row per sighting of a collateral document, CRL or certificate.",
    (
        Column("item_id", "id", "document, CRL or certificate"),
        Column("kind", "text", "tcb_info, qe_identity, crl or certificate"),
        *_PLACE,
    ),
)

REFERENCE_VALUE = Table(
    "reference_value",
    "evidence",
    "One row per `allow` entry of a manifest: one approved measurement.",
    (
        *_PLACE,
        Column("workload_id", "text", "the workload that it approves"),
        Column("mrenclave", "bytes", "SGX, 32 bytes"),
        Column("mrsigner", "bytes", "SGX, 32 bytes"),
        Column("isv_prodid", "i64", "SGX"),
        Column("min_isv_svn", "i64", "SGX: lowest accepted ISVSVN"),
        Column("mrtd", "bytes", "TDX, 48 bytes"),
        Column("rtmr0", "bytes", "TDX, 48 bytes"),
        Column("rtmr1", "bytes", "TDX, 48 bytes"),
        Column("rtmr2", "bytes", "TDX, 48 bytes"),
        Column("rtmr3", "bytes", "TDX, 48 bytes"),
        Column("valid_from", "time", "inclusive; null = always"),
        Column("valid_to", "time", "exclusive; null = for ever"),
        Column("extra", "json", "keys this tool does not know"),
        Column("measurement", "bytes", "SNP, 48 bytes"),
        Column("host_data", "bytes", "SNP, 32 bytes"),
    ),
)

LISTED_PLATFORM = Table(
    "listed_platform",
    "evidence",
    "One row per `platform` entry of a manifest: one host that is one's own.",
    (
        *_PLACE,
        Column("ppid", "bytes", "the platform, 16 bytes"),
        Column("node_id", "text", "the host that it is; null = any"),
        Column("valid_from", "time", "inclusive; null = always"),
        Column("valid_to", "time", "exclusive; null = for ever"),
    ),
)

WORKLOAD = Table(
    "workload",
    "evidence",
    "One row per workload of a manifest: what its launches should do and bind.",
    (
        *_PLACE,
        Column("workload_id", "text", "id"),
        Column("report_data_digest", "text", "digest of the parts; none: the parts themselves"),
        Column("report_data_parts", "text[]", "fields whose bytes are concatenated"),
        Column("report_data_pad", "text", "where zeros fill up to 64 bytes"),
        Column("report_data_recipe", "text", "a named recipe instead"),
        Column("runtime", "text", "runtime that is expected to attest"),
        Column("attest_within_ms", "i64", "time a launch has to attest"),
        Column("evidence", "text[]", "evidence that must come with the quote, e.g. gpu"),
        Column("one_per_platform", "bool", "its instances must not share a platform"),
    ),
)

POLICY = Table(
    "policy",
    "evidence",
    "One row per manifest with a policy.",
    (
        *_PLACE,
        Column("mode", "text", "e.g. STRICT"),
        Column("max_quote_age_ms", "i64", "oldest acceptable quote"),
        Column("max_collateral_age_ms", "i64", "oldest acceptable collateral"),
        Column("accept", "text[]", "accepted TCB statuses"),
    ),
)

TIMESTAMP_TOKEN = Table(
    "timestamp_token",
    "evidence",
    "One row per RFC 3161 timestamp on a head of the ledger.",
    (
        Column("entry", "i64", "the ledger entry that was the head", "delta"),
        Column("entry_sha256", "id", "SHA-256 of its file: what the authority signed"),
        Column("issued_at", "time", "when, by the authority's clock", "delta"),
        Column("authority", "text", "subject of the certificate that signed"),
        Column("response", "bytes", "the TimeStampResp, DER", "plain"),
        Column("anchors", "bytes", "the roots it was held against, PEM"),
    ),
)

EVIDENCE_TABLES = (
    SOURCE,
    QUARANTINE,
    OBSERVATION,
    LAUNCH,
    NONCE,
    RELEASE,
    QUOTE,
    STATEMENT,
    CERTIFICATION,
    CERTIFICATION_DATA,
    DOCUMENT,
    CRL,
    CERTIFICATE,
    ACQUISITION,
    REFERENCE_VALUE,
    LISTED_PLATFORM,
    WORKLOAD,
    POLICY,
    TIMESTAMP_TOKEN,
)
