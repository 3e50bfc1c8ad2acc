"""Views of evidence as it was seen, and of what was proven and judged of it."""

from __future__ import annotations

from forensics.case.contract.schema import (
    BOOLEAN,
    INTEGER,
    LIST,
    PLACE,
    TEXT,
    TIME,
    WHO,
    View,
    list_columns,
    list_fields,
)
from forensics.case.tables import SGX_REPORT_COLUMNS, SNP_REPORT_COLUMNS, TD_REPORT_COLUMNS

OBSERVATION = View(
    "observation",
    "One row per time that evidence or a verifier's statement was seen.",
    (
        *list_columns(
            ("observation_id", TEXT, "id of the sighting: source and line"),
            ("observation_no", INTEGER, "ledger order over the whole case"),
            ("quote_id", TEXT, "SHA-256 of the quote's bytes as seen; null when none came"),
            ("quote_no", INTEGER, "the quote by number: joins faster than its id"),
        ),
        *PLACE,
        *list_columns(
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
        *WHO,
        *list_columns(
            ("peer", TEXT, "network peer, as logged"),
            ("peer_address", TEXT, "the same without its port, which may be another each time"),
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
                "the verifier said that the quote is good, or gave it a weaker TCB status, or a "
                "word that is not known here, and its policy allowed it; null: said nothing",
            ),
            (
                "claimed_status",
                TEXT,
                "the TCB status logged as tcb_level, else as quote_status, in the spelling of TCB "
                "info; null: none of Intel's",
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
        *list_columns(
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
        *list_fields(*SGX_REPORT_COLUMNS, *TD_REPORT_COLUMNS),
        *list_columns(
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
            ("reserved_nonzero", TEXT, "names of reserved fields that are not zero; null: none"),
        ),
        *list_fields(*SNP_REPORT_COLUMNS),
        *list_columns(
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
    list_columns(
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
    list_columns(
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
        (
            "chosen_collateral",
            LIST,
            "hindsight: what of it `verify --collateral` chose; null: nothing",
        ),
    ),
)

CHECK_RESULT = View(
    "check_result",
    "One row per verdict and check, computed when asked for.",
    list_columns(
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
    list_columns(
        ("observation_id", TEXT, "the sighting"),
        ("observation_no", INTEGER, "the sighting by number: joins faster than its id"),
        ("quote_id", TEXT, "the quote"),
        ("workload_id", TEXT, "the workload whose rule was applied"),
        ("rule", TEXT, "the rule in words, e.g. sha256(initial_state ‖ nonce)"),
        ("result", TEXT, "match, mismatch or not_evaluable"),
        ("missing", TEXT, "inputs that were not there; null when none"),
        ("expected_report_data", TEXT, "the 64 bytes that the rule gives; null when not evaluable"),
        (
            "initial_state_from",
            TEXT,
            "event or launch: who told the initial state that the result is for; null: the rule "
            "reads none, or nobody told one",
        ),
    ),
)

RESHOWN = View(
    "reshown",
    "One row per sighting of a proven signing event that was seen more than once, in whatever "
    "bytes. Evidence shown again tells an old state.",
    list_columns(
        ("observation_id", TEXT, "the sighting"),
        ("observation_no", INTEGER, "the sighting by number: joins faster than its id"),
        ("signing_id", TEXT, "the signing event"),
        ("showing", INTEGER, "1, 2, … in the order of received_at"),
        (
            "trusted_showing",
            INTEGER,
            "1, 2, … of trusted quotes with a time alone; 1 also up to 5 minutes after the first, "
            "where a sighting names what none before it named, and no other host, container, "
            "enclave, workload, session or nonce: it is another log of the same delivery; null for "
            "others",
        ),
    ),
)
