"""Facts: what was proven once of each distinct input."""

from __future__ import annotations

from forensics.case.tables.schema import Column, Table

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
        Column("signer_key", "bytes", "public key that signed it, X ‖ Y: see `fact_signer`"),
    ),
)

FACT_SIGNER = Table(
    "fact_signer",
    "fact",
    "TCB signing certificates, under each root that issued them.",
    (
        Column("certificate_id", "id", "the certificate"),
        Column("key", "bytes", "its public key, X ‖ Y"),
        Column("serial", "text", "its serial number, hex"),
        Column("not_before", "i64", "start of its validity"),
        Column("not_after", "i64", "earliest notAfter of it and its root"),
        Column("root_key", "bytes", "public key of the root, X ‖ Y"),
        Column("trusted", "bool", "the root is a trust anchor"),
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
        Column(
            "issuer_key",
            "bytes",
            "key that signed it, X ‖ Y, or DER of an RSA key; null: none known",
        ),
        Column("this_update", "i64", "issued"),
        Column("next_update", "i64", "expires"),
        Column("complete", "bool", "has CRLNumber and AuthorityKeyIdentifier; AMD's need not"),
        Column("authentic", "bool", "complete and signed by a known issuer"),
        Column("number", "text", "CRLNumber"),
        Column("revoked", "text[]", "revoked serial numbers, hex"),
        Column("partial", "bool", "an extension says that it lists some revocations only"),
        Column("trusted", "bool", "its issuer is a trust anchor, or has its certificate from one"),
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
        Column("tee", "text", "sgx, tdx or snp"),
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
        Column("statement_id", "id", "SNP: the report, REPORT_DATA aside"),
        Column("endorsement_id", "id", "SNP: the VEK certificate; null when none fits"),
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

FACT_REPORT = Table(
    "fact_report",
    "fact",
    "What an SEV-SNP report's signature proves (N4), under which VEK certificate, and its subject. "
    "Renewed when a certificate comes that may fit better.",
    (
        Column("quote_no", "i64", "the report", "delta"),
        Column("signature_ok", "bool", "N4; null when no VEK certificate fits"),
        Column("subject_no", "i64", "the appraisal subject"),
        Column("endorsement_id", "id", "the VEK certificate; null when none fits"),
    ),
)

FACT_ENDORSEMENT = Table(
    "fact_endorsement",
    "fact",
    "What a VCEK or VLEK certificate proves of itself: check N2 and its extensions.",
    (
        Column("endorsement_id", "id", "SHA-256 of its DER", "plain"),
        Column("results", "json", "check id -> [result, expected, observed]"),
        Column("trusted", "bool", "N2 passes: the chain ends in a trust anchor of the case"),
        Column("vek_id", "bytes", "SHA-256 of the certificate's signed part"),
        Column("kind", "text", "vcek or vlek"),
        Column("product", "text", "milan, genoa or turin"),
        Column("hardware_id", "bytes", "the chip, 64 bytes; null: a VLEK"),
        Column("csp_id", "text", "VLEK: the cloud provider that it is for"),
        Column("vek_tcb", "bytes", "the TCB that the key stands for, 8 bytes"),
        Column("vek_key", "bytes", "public key, X ‖ Y of P-384"),
        Column("vek_serial", "text", "serial number, hex; AMD's are 0"),
        Column("not_before", "i64", "latest notBefore in the chain"),
        Column("not_after", "i64", "earliest notAfter in the chain"),
        Column("root_key", "bytes", "public key of the ARK, DER"),
        Column("root_subject", "bytes", "subject of the ARK, DER"),
        Column("ca_key", "bytes", "public key of the ASK, DER"),
        Column("ca_subject", "bytes", "subject of the ASK, DER"),
        Column("ca_name", "text", "common name of the ASK"),
        Column("ca_serial", "text", "serial number of the ASK, hex"),
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

FACT_TABLES = (
    FACT_CHAIN,
    FACT_CERTIFICATION,
    FACT_DOCUMENT,
    FACT_SIGNER,
    FACT_COMPONENT,
    FACT_CRL,
    FACT_CERTIFICATE,
    SUBJECT,
    FACT_QUOTE,
    FACT_ENDORSEMENT,
    FACT_REPORT,
    FACT_KEY_RECOVERY,
)
