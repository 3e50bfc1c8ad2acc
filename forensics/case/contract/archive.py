"""Views of collateral and certificates."""

from __future__ import annotations

from forensics.case.contract.schema import BOOLEAN, INTEGER, LIST, TEXT, TIME, View, list_columns

COLLATERAL = View(
    "collateral",
    "One row per distinct TCB info or enclave identity.",
    list_columns(
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
        (
            "root_ids",
            LIST,
            "SHA-256 of the key of each trust anchor that its signer is certified under",
        ),
    ),
)

TCB_COMPONENT = View(
    "tcb_component",
    "One row per FMSPC, component family and position: does any TCB info of it name that byte?",
    list_columns(
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
    list_columns(
        ("crl_id", TEXT, "SHA-256 of its DER"),
        ("issuer", TEXT, "issuer's common name"),
        ("this_update", TIME, "issued"),
        ("next_update", TIME, "expires"),
        ("crl_number", TEXT, "CRLNumber; 1 in every CRL of Intel"),
        ("revoked", INTEGER, "number of entries"),
        ("revoked_serials", LIST, "their serial numbers, hex"),
        ("authentic", BOOLEAN, "signed by a trusted issuer; null before verify"),
        ("first_acquired_at", TIME, "when this tool first read it"),
        ("issuer_key_id", TEXT, "SHA-256 of the key that signed it; null: no known one"),
    ),
)

ACQUISITION = View(
    "acquisition",
    "One row per time that a TCB info, enclave identity, CRL or certificate was read.",
    list_columns(
        ("item_id", TEXT, "its collateral_id, crl_id or certificate_id"),
        ("kind", TEXT, "tcb_info, qe_identity, crl or certificate"),
        ("source_id", TEXT, "the source that it came in"),
        ("source_line", INTEGER, "1-based line or array member; null for a whole file"),
        ("path", TEXT, "of the source, as given"),
        ("acquired_at", TIME, "when the ingest that read it began"),
        ("ledger_entry", INTEGER, "ledger entry that committed it"),
    ),
)

CERTIFICATE = View(
    "certificate",
    "One row per distinct certificate, from files and from quotes.",
    list_columns(
        ("certificate_id", TEXT, "SHA-256 of its DER"),
        ("tbs_id", TEXT, "SHA-256 of its signed part: the identity that no re-signing hides"),
        ("subject", TEXT, "common name"),
        ("issuer", TEXT, "issuer's common name"),
        ("serial", TEXT, "hex"),
        ("not_before", TIME, "start of validity"),
        ("not_after", TIME, "end of validity"),
    ),
)
