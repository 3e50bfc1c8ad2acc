"""Every stored table, declared once: name, columns, meaning, and how it grows.

The Arrow schema (writing), the DuckDB declaration (a table without files still exists, empty) and
the reference page derive from these declarations. Digests and keys are stored as raw bytes; the
views of `forensics.case.views` show them as lower-case hex.

`evidence` tables are append-only. `fact` tables hold what was proven once of distinct inputs,
`derived` ones what is rebuilt whole by `verify`; both can be deleted and come out the same.
`journal` tables are append-only: what analysts and programs did about findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

from forensics.formats.layout import Layout
from forensics.formats.structures import (
    BODY_DESCRIPTOR_V5,
    HEADER_V3,
    HEADER_V4,
    SGX_REPORT,
    TD_REPORT_15,
)

# Type words and what they are in DuckDB. `id` is a SHA-256, `time` UTC microseconds.
DUCKDB_TYPES = {
    "id": "BLOB",
    "bytes": "BLOB",
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bool": "BOOLEAN",
    "u16": "USMALLINT",
    "u32": "UINTEGER",
    "u64": "UBIGINT",
    "i64": "BIGINT",
    "time": "TIMESTAMP WITH TIME ZONE",
    "text[]": "VARCHAR[]",
}

# Numbers and times are near-sequential: delta encoding beats a dictionary there. The digests and
# signatures named `unique` below are incompressible: a dictionary would only cost.
Encoding = Literal["dictionary", "delta", "plain"]
Role = Literal["evidence", "fact", "derived", "journal"]


@dataclass(frozen=True, slots=True)
class Column:
    """`size` is set for byte columns of one fixed size."""

    name: str
    type: str
    doc: str
    encoding: Encoding = "dictionary"
    size: int | None = None


@dataclass(frozen=True)
class Table:
    name: str
    role: Role
    doc: str
    columns: tuple[Column, ...]
    by_month: str | None = None  # the time column whose month partitions the files

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        types: dict[str, pa.DataType] = {
            "id": pa.binary(32),
            "bytes": pa.binary(),
            "text": pa.string(),
            "json": pa.string(),
            "bool": pa.bool_(),
            "u16": pa.uint16(),
            "u32": pa.uint32(),
            "u64": pa.uint64(),
            "i64": pa.int64(),
            "time": pa.timestamp("us", tz="UTC"),
            "text[]": pa.list_(pa.string()),
        }
        return pa.schema(
            (column.name, pa.binary(column.size) if column.size else types[column.type])
            for column in self.columns
        )

    def duckdb_nulls(self) -> str:
        """A typed row of nulls, the shape of a table that has no file yet."""
        return ", ".join(f'NULL::{DUCKDB_TYPES[c.type]} AS "{c.name}"' for c in self.columns)


def layout_columns(
    layout: Layout, leave_out: tuple[str, ...] = (), prefix: str = ""
) -> list[Column]:
    """Stored columns of a binary structure, one per field."""
    return [
        Column(prefix + field.name, field.kind, f"{field.doc} ({field.spec})")
        if field.is_integer
        else Column(prefix + field.name, "bytes", f"{field.doc} ({field.spec})", size=field.size)
        for field in layout
        if field.name not in leave_out
    ]


SGX_REPORT_COLUMNS = tuple(layout_columns(SGX_REPORT, ("report_data",)))
TD_REPORT_COLUMNS = tuple(layout_columns(TD_REPORT_15, ("report_data",)))


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
        Column("byte_offset", "i64", "offset of the problem in the record or file", "delta"),
        Column("reason", "text", "stable code, see docs/reference/reasons.md"),
        Column("message", "text", "one line for a person"),
        Column("sha256", "id", "SHA-256 of the whole record", "plain"),
        Column("data", "bytes", "the record; its first MiB when it is larger", "plain"),
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
        Column("certification_id", "id", "attestation key and QE block"),
        Column("outer_certification_type", "u16", "v4, v5: 6 in a well-formed quote"),
        Column("outer_slack", "bytes", "bytes after the certification data, inside its block"),
        Column("slack", "bytes", "bytes after the block, inside the signature length"),
        Column("size", "i64", "bytes as seen"),
        Column("trailing_size", "i64", "bytes after the declared end"),
        Column("trailing", "bytes", "those bytes; null when they are all zero"),
    ),
)

STATEMENT = Table(
    "statement",
    "evidence",
    "One row per distinct header and body, REPORT_DATA aside. Fields that a version does not "
    "have are null.",
    (
        Column("statement_id", "id", "SHA-256 of the signed bytes without REPORT_DATA", "plain"),
        Column("tee", "text", "sgx or tdx, by the body"),
        Column("head", "bytes", "signed bytes before REPORT_DATA", "plain"),
        Column("tail", "bytes", "signed bytes after REPORT_DATA", "plain"),
        *_unique(
            [
                *layout_columns(HEADER_V3),
                *layout_columns(HEADER_V4),
                *layout_columns(BODY_DESCRIPTOR_V5),
                *SGX_REPORT_COLUMNS,
                *TD_REPORT_COLUMNS,
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
        Column("report_data_digest", "text", "none, sha256, sha384 or sha512"),
        Column("report_data_parts", "text[]", "fields whose bytes are concatenated"),
        Column("report_data_pad", "text", "right"),
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


# Facts and derived tables hold times as microseconds since the epoch, UTC: they are read back as
# numbers, and the views turn them into timestamps.

FACT_CHAIN = Table(
    "fact_chain",
    "fact",
    "What certification data proves of itself: checks P1-P7 and the PCK certificate's fields.",
    (
        Column("certification_data_id", "id", "the certification data", "plain"),
        Column("results", "json", "check id -> [result, expected, observed]"),
        Column("trusted", "bool", "P1-P6 pass: the chain ends in a trust anchor of the case"),
        Column("root_key", "bytes", "public key of the root, X ‖ Y"),
        Column("root_subject", "bytes", "subject of the root, DER"),
        Column("ca_key", "bytes", "public key of the PCK CA, X ‖ Y"),
        Column("ca_subject", "bytes", "subject of the PCK CA, DER"),
        Column("ca_name", "text", "common name of the PCK CA"),
        Column("ca_serial", "text", "serial number of the PCK CA, hex"),
        Column("pck_key", "bytes", "PCK public key, X ‖ Y"),
        Column("pck_id", "bytes", "SHA-256 of the PCK certificate's signed part"),
        Column("pck_serial", "text", "serial number of the PCK certificate, hex"),
        Column("chain_id", "bytes", "SHA-256 over the certificates' DER, in order"),
        Column("chain_signed_id", "bytes", "SHA-256 over their signed parts, in order"),
        Column("not_before", "i64", "latest notBefore in the chain"),
        Column("not_after", "i64", "earliest notAfter in the chain"),
        Column("ppid", "bytes", "platform provisioning id"),
        Column("fmspc", "bytes", "6 bytes"),
        Column("pce_id", "bytes", "2 bytes"),
        Column("pce_svn", "i64", "PCE SVN"),
        Column("tcb_components", "bytes", "16 component SVNs"),
        Column("pck_cpu_svn", "bytes", "CPUSVN as in the certificate"),
        Column("sgx_type", "i64", "0 standard, 1 scalable, 2 scalable with integrity"),
        Column("platform_instance_id", "bytes", "Platform CA only"),
    ),
)

FACT_CERTIFICATION = Table(
    "fact_certification",
    "fact",
    "What an attestation key's certification proves: checks K1-K4.",
    (
        Column("certification_id", "id", "the certification", "plain"),
        Column("certification_data_id", "id", "its certification data"),
        Column("results", "json", "check id -> [result, expected, observed]"),
        Column("proven", "bool", "K1, K2 and K4 pass"),
        Column("qe_misc_select", "i64", "MISCSELECT of the quoting enclave"),
        Column("qe_attributes", "bytes", "attributes of the quoting enclave"),
        Column("qe_mrsigner", "bytes", "MRSIGNER of the quoting enclave"),
        Column("qe_isv_prodid", "i64", "ISVPRODID of the quoting enclave"),
        Column("qe_isv_svn", "i64", "ISVSVN of the quoting enclave"),
    ),
)

FACT_DOCUMENT = Table(
    "fact_document",
    "fact",
    "What a TCB info or enclave identity proves: checks S1, S3-S6, and what selects it.",
    (
        Column("document_id", "id", "the document", "plain"),
        Column("kind", "text", "tcb_info or qe_identity"),
        Column("id", "text", "SGX, TDX, QE, TD_QE …"),
        Column("version", "i64", "document version"),
        Column("issued_at", "i64", "issueDate"),
        Column("expires_at", "i64", "nextUpdate"),
        Column("evaluation_number", "i64", "tcbEvaluationDataNumber"),
        Column("fmspc", "bytes", "TCB info only"),
        Column("pce_id", "bytes", "TCB info only"),
        Column("results", "json", "check id -> [result, expected, observed]"),
        Column("authentic", "bool", "all of them pass"),
        Column("signer_serial", "text", "TCB signing certificate that signed it, hex"),
        Column("signer_not_before", "i64", "start of that certificate's validity"),
        Column("signer_not_after", "i64", "earliest notAfter of the signing chain"),
        Column("root_key", "bytes", "public key of the signing chain's root, X ‖ Y"),
    ),
)

FACT_COMPONENT = Table(
    "fact_component",
    "fact",
    "What a TCB info says of each of the 16 components, over all its levels.",
    (
        Column("document_id", "id", "the TCB info"),
        Column("fmspc", "bytes", "its FMSPC"),
        Column("family", "text", "sgx: PCK TCB components; tdx: TEE TCB SVN"),
        Column("position", "i64", "0 to 15"),
        Column("named", "bool", "some level has an SVN above 0, a category or a type there"),
        Column("category", "text", "as Intel names it"),
        Column("type", "text", "as Intel names it"),
    ),
)

FACT_CRL = Table(
    "fact_crl",
    "fact",
    "What a CRL proves, and which known key signed it.",
    (
        Column("crl_id", "id", "the CRL", "plain"),
        Column("issuer", "bytes", "issuer name, DER"),
        Column("issuer_name", "text", "issuer's common name"),
        Column("issuer_key", "bytes", "key that signed it, X ‖ Y; null when none known did"),
        Column("this_update", "i64", "issued"),
        Column("next_update", "i64", "expires"),
        Column("complete", "bool", "has CRLNumber and AuthorityKeyIdentifier"),
        Column("authentic", "bool", "complete and signed by a known issuer"),
        Column("number", "text", "CRLNumber"),
        Column("revoked", "text[]", "revoked serial numbers, hex"),
    ),
)

FACT_CERTIFICATE = Table(
    "fact_certificate",
    "fact",
    "The fields of every distinct certificate, from files and from quotes.",
    (
        Column("certificate_id", "id", "SHA-256 of its DER", "plain"),
        Column("tbs_id", "id", "SHA-256 of its signed part", "plain"),
        Column("subject", "text", "common name"),
        Column("issuer", "text", "issuer's common name"),
        Column("serial", "text", "hex"),
        Column("not_before", "i64", "start of validity"),
        Column("not_after", "i64", "end of validity"),
    ),
)

SUBJECT = Table(
    "subject",
    "fact",
    "One row per distinct combination of what an appraisal looks at in a quote.",
    (
        Column("subject_no", "i64", "number", "delta"),
        Column("tee", "text", "sgx or tdx"),
        Column("version", "u16", "quote version"),
        Column("tee_type", "u32", "as in the header"),
        Column("qe_vendor_id", "bytes", "as in the header"),
        Column("body_type", "u16", "v5 only"),
        Column("certification_id", "id", "the certification"),
        Column("certification_type", "u16", "type of the certification data"),
        Column("outer_certification_type", "u16", "v4, v5"),
        Column("outer_slack_size", "i64", "unread bytes in the outer block"),
        Column("signature_ok", "bool", "K5"),
        Column("attributes", "bytes", "SGX"),
        Column("td_attributes", "bytes", "TDX"),
        Column("tee_tcb_svn", "bytes", "TDX"),
        Column("tee_tcb_svn_2", "bytes", "TD report 1.5"),
        Column("mrsigner_seam", "bytes", "TDX"),
        Column("seam_attributes", "bytes", "TDX"),
        Column("mr_service_td", "bytes", "TD report 1.5"),
    ),
)

FACT_QUOTE = Table(
    "fact_quote",
    "fact",
    "What a quote's own signature proves (K5), and the appraisal subject it belongs to.",
    (
        Column("quote_no", "i64", "the quote", "delta"),
        Column("signature_ok", "bool", "K5"),
        Column("subject_no", "i64", "the appraisal subject"),
    ),
)

FACT_KEY_RECOVERY = Table(
    "fact_key_recovery",
    "fact",
    "One row per attestation key and r that repeats over different signed content in proven "
    "quotes. The private key itself is never kept.",
    (
        Column("attestation_key", "bytes", "X ‖ Y", size=64),
        Column("signature_r", "bytes", "the r that repeats", size=32),
        Column("first_quote_id", "id", "one quote of the pair that was solved"),
        Column("second_quote_id", "id", "the other one"),
        Column("confirmed", "bool", "the solution is the private key: it gives the public key"),
    ),
)

_JUDGEMENT = (
    Column("subject_no", "i64", "the subject judged", "delta"),
    Column("starts", "i64", "first moment at which this holds", "delta"),
    Column("ends", "i64", "first moment at which it no longer holds", "delta"),
    Column("outcome", "text", "accepted, rejected or undetermined"),
    Column("status", "text", "Intel's TCB status"),
    Column("failed_checks", "text[]", "checks of Intel's verifier that failed"),
    Column("undetermined_checks", "text[]", "checks of Intel's verifier without an input"),
    Column("strict_failures", "text[]", "strict checks of ours that failed"),
    Column("advisory_ids", "text[]", "security advisories"),
    Column("tcb_info_id", "text", "TCB info used, hex"),
    Column("qe_identity_id", "text", "enclave identity used, hex"),
    Column("pck_crl_id", "text", "PCK CRL used, hex"),
    Column("root_crl_id", "text", "root CA CRL used, hex"),
    Column("tcb_evaluation_data_number", "i64", "of the TCB info"),
    Column("qe_evaluation_data_number", "i64", "of the enclave identity"),
    Column("collateral_issued_at", "i64", "latest issue date of the collateral"),
    Column("collateral_expires_at", "i64", "earliest expiry of the collateral"),
    Column("other_collateral_accepts", "bool", "rejected, but other collateral then valid accepts"),
)

RECEIPT = Table(
    "receipt",
    "derived",
    "Judgements at the moments at which evidence was received: per subject and stretch of time.",
    _JUDGEMENT,
)

HINDSIGHT = Table(
    "hindsight",
    "derived",
    "Judgements at the moment of the last `verify --as-of`, one per subject.",
    _JUDGEMENT,
)

JUDGED_CHECK = Table(
    "judged_check",
    "derived",
    "One row per judgement and check; never stored, filled when `check_result` is asked for.",
    (
        Column("moment", "text", "receipt or hindsight"),
        Column("subject_no", "i64", "the subject judged"),
        Column("starts", "i64", "the judgement's first moment"),
        Column("check_id", "text", "e.g. K5"),
        Column("result", "text", "pass, fail, error, skipped or not_applicable"),
        Column("expected", "text", "what would have passed"),
        Column("observed", "text", "what was there"),
    ),
)

CUSTODY_PROBLEM = Table(
    "custody_problem",
    "derived",
    "One row per difference between the case and its ledger; never stored, filled when asked for.",
    (
        Column("level", "text", "failure or note"),
        Column("path", "text", "relative to the case"),
        Column("code", "text", "stable code"),
        Column("message", "text", "one line"),
    ),
)

BINDING = Table(
    "binding",
    "derived",
    "One row per quote observation that a REPORT_DATA rule applies to.",
    (
        Column("observation_no", "i64", "the sighting", "delta"),
        Column("workload_id", "text", "workload whose rule was applied"),
        Column("rule", "text", "the rule in words"),
        Column("result", "text", "match, mismatch or not_evaluable"),
        Column("missing", "text", "inputs that were not there"),
        Column("expected_report_data", "bytes", "what the rule gives; null on a match", "plain"),
    ),
)

DERIVED_TABLES = (
    FACT_CHAIN,
    FACT_CERTIFICATION,
    FACT_DOCUMENT,
    FACT_COMPONENT,
    FACT_CRL,
    FACT_CERTIFICATE,
    SUBJECT,
    FACT_QUOTE,
    FACT_KEY_RECOVERY,
    RECEIPT,
    HINDSIGHT,
    BINDING,
)

FINDING = Table(
    "finding",
    "derived",
    "One row per finding of the newest `detect`, and per earlier one that is now resolved.",
    (
        Column("finding_id", "text", "first 16 hex digits of the fingerprint", "plain"),
        Column("fingerprint", "text", "SHA-256 over detector, subject and discriminator", "plain"),
        Column("detector", "text", "id of the detector"),
        Column("detector_version", "i64", "version of its SQL"),
        Column("title", "text", "the detector's title"),
        Column("severity", "text", "critical, high, medium, low or info"),
        Column("subject_type", "text", "what the finding is about"),
        Column("subject_id", "text", "which one"),
        Column("first_seen", "time", "first offending sighting"),
        Column("last_seen", "time", "last offending sighting"),
        Column("observation_ids", "text[]", "the sightings, in the detector's order"),
        Column("summary", "text", "one line for a person"),
        Column("details", "json", "JSON object"),
        Column("state", "text", "see the view"),
        Column("state_since", "time", "the run in which it came into this state"),
        Column("opened_at", "time", "the run in which it was last new or reopened"),
        Column("cause", "text", "what brought it into this state: evidence, detector, …"),
        Column("suppression", "text", "id of the suppression that holds it down"),
        Column("triage", "text", "what an analyst last said of it"),
        Column("unjudged", "i64", "what its detector could not judge when it last gave it"),
    ),
)

DETECTION = Table(
    "detection",
    "derived",
    "One row per detector: how its newest run went, and what it could not judge.",
    (
        Column("detector", "text", "id of the detector"),
        Column("detector_version", "i64", "version of its SQL"),
        Column("sql_sha256", "text", "SHA-256 of the query that ran"),
        Column("params", "json", "the values bound to its parameters"),
        Column("outcome", "text", "evaluated or not_evaluable"),
        Column("findings", "i64", "findings that it gave"),
        Column("unjudged", "i64", "subjects that it could not judge"),
        Column("gaps", "json", "array of [reason, count]"),
        Column("as_of", "time", "the cut-off of the run"),
        Column("evidence_entry", "i64", "the newest ledger entry with evidence that it saw"),
        Column("cut_off", "time", "as_of, or earlier where the detector waits for a feed"),
        Column("waiting", "i64", "findings that wait for a feed to catch up"),
        Column("mode", "text", "full or incremental"),
        Column("mode_reason", "text", "why it ran in full"),
        Column("observations_read", "i64", "sightings judged again by an incremental run"),
        Column("basis", "json", "how far the run had seen"),
    ),
)

VERDICT_STATE = Table(
    "verdict_state",
    "derived",
    "What the newest `detect` knew as verdicts, condensed: where a later one differs, the "
    "sightings that it is about are judged again.",
    (
        Column("moment", "text", "receipt or hindsight"),
        Column("subject_no", "i64", "the subject judged", "delta"),
        Column("starts", "i64", "first moment at which this holds", "delta"),
        Column("ends", "i64", "first moment at which it no longer holds", "delta"),
        Column("digest", "text", "MD5 over the judgement, its span aside", "plain"),
    ),
)

FINDING_TABLES = (FINDING, DETECTION, VERDICT_STATE)

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
        Column("observation_ids", "text[]", "the sightings that were known then"),
    ),
)

NOTIFICATION = Table(
    "notification",
    "journal",
    "One row per finding that was handed to a command (`audit --on-finding`).",
    (
        Column("fingerprint", "text", "the finding", "plain"),
        Column("opened_at", "time", "the opening of the finding that it was about", "delta"),
        Column("command", "text", "the command and its arguments, as a JSON array"),
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
        Column("record", "json", "all of `findings/run.json`", "plain"),
    ),
)

JOURNAL_TABLES = (TRIAGE, NOTIFICATION, RUN)

TABLES = (*EVIDENCE_TABLES, *DERIVED_TABLES, *FINDING_TABLES, *JOURNAL_TABLES)
