"""The SQL behind the views of quotes, and of what was shown more than once."""

from __future__ import annotations

from forensics.case.claims import CLAIMED_OK
from forensics.case.expressions import (
    RECEIVED,
    byte,
    field,
    flag,
    observation_id,
    to_hex,
    unless_zero,
)
from forensics.case.reserved import name_nonzero_in_qe_report, name_nonzero_in_statement
from forensics.case.tables import SGX_REPORT_COLUMNS, SNP_REPORT_COLUMNS, TD_REPORT_COLUMNS
from forensics.formats.structures import SIGNING_KEYS, SNP_DEBUG_BIT, SNP_MIGRATE_BIT

_SIGNING_KEY = (
    f"CASE {byte('s.key_info', 0)} // 4 & 7 "
    + " ".join(f"WHEN {number} THEN '{name}'" for number, name in SIGNING_KEYS.items())
    + f" ELSE ({byte('s.key_info', 0)} // 4 & 7)::VARCHAR END"
)

_BODY_COLUMNS = (*SGX_REPORT_COLUMNS, *TD_REPORT_COLUMNS)
_SNP_FIELDS = {
    **{column.name: field(column) for column in SNP_REPORT_COLUMNS},
    "chip_id": f"{unless_zero('s.chip_id', 64)} AS chip_id",
    "policy_abi_minor": f"{byte('s.policy', 0)}::BIGINT AS policy_abi_minor",
    "policy_abi_major": f"{byte('s.policy', 1)}::BIGINT AS policy_abi_major",
    "policy_smt": f"{flag('s.policy', 16)} AS policy_smt",
    "policy_migrate_ma": f"{flag('s.policy', SNP_MIGRATE_BIT)} AS policy_migrate_ma",
    "signing_key": f"{_SIGNING_KEY} AS signing_key",
    "mask_chip_key": f"{flag('s.key_info', 1)} AS mask_chip_key",
    "author_key_en": f"{flag('s.key_info', 0)} AS author_key_en",
}
_SIGNED = "s.head || q.report_data || s.tail"

# What quotes share is shown once for each statement and certification, not once for each quote.
STATEMENT_SQL = f"""
SELECT s.statement_id, s.head, s.tail,
       s.tee,
       s.version::BIGINT AS version,
       s.header_qe_svn::BIGINT AS header_qe_svn,
       s.header_pce_svn::BIGINT AS header_pce_svn,
       {to_hex("s.qe_vendor_id")} AS qe_vendor_id,
       {to_hex("s.user_data")} AS user_data,
       nullif({to_hex("s.user_data")}[1:32], repeat('0', 32)) AS qe_id,
       s.body_type::BIGINT AS body_type,
       CASE s.tee WHEN 'sgx' THEN {flag("s.attributes", 1)}
                  WHEN 'snp' THEN {flag("s.policy", SNP_DEBUG_BIT)}
                  ELSE {flag("s.td_attributes", 0)} END AS debug,
       {name_nonzero_in_statement("s")} AS reserved_nonzero,
       {", ".join(field(column) for column in _BODY_COLUMNS)},
       {", ".join(_SNP_FIELDS.values())}
FROM stored.statement AS s
"""

CERTIFICATION_SQL = f"""
SELECT c.certification_id AS id, c.attestation_key AS key, fc.proven, ch.trusted,
       sha256(c.attestation_key) AS attestation_key_id,
       {to_hex("c.attestation_key")} AS attestation_key,
       c.qe_isv_svn::BIGINT AS qe_isv_svn,
       c.qe_isv_prodid::BIGINT AS qe_isv_prodid,
       {to_hex("c.qe_cpu_svn")} AS qe_cpu_svn,
       {to_hex("c.qe_mrsigner")} AS qe_mrsigner,
       {to_hex("c.qe_mrenclave")} AS qe_mrenclave,
       {name_nonzero_in_qe_report("c")} AS qe_reserved_nonzero,
       sha256(c.qe_auth_data) AS qe_auth_id,
       {to_hex("c.qe_signature_r")} AS qe_signature_r,
       {to_hex("c.qe_signature_s")} AS qe_signature_s,
       c.certification_type::BIGINT AS certification_type,
       {to_hex("c.certification_id")} AS certification_id,
       {to_hex("c.certification_data_id")} AS certification_data_id,
       ch.pce_svn AS pce_svn,
       {to_hex("ch.tcb_components")} AS tcb_components,
       {to_hex("ch.fmspc")} AS fmspc,
       ch.sgx_type AS sgx_type,
       {to_hex("ch.ppid")} AS ppid,
       {to_hex("ch.pck_id")} AS pck_id,
       ch.pck_serial AS pck_serial,
       ch.ca_serial AS pck_ca_serial,
       ch.ca_name AS pck_ca,
       {to_hex("ch.chain_id")} AS chain_id,
       {to_hex("ch.chain_signed_id")} AS chain_signed_id
FROM stored.certification AS c
LEFT JOIN stored.fact_certification AS fc ON fc.certification_id = c.certification_id
LEFT JOIN stored.fact_chain AS ch ON ch.certification_data_id = c.certification_data_id
"""

_ENDORSEMENT = f"""
SELECT endorsement_id, vek_key AS key, sha256(vek_key) AS key_id, trusted,
       {to_hex("hardware_id")} AS hardware_id, vek_id, kind, product, vek_tcb, csp_id
FROM stored.fact_endorsement
"""
# A trusted VEK speaks for its own chip and as what it is; a VLEK, or a masked chip id, names none.
_ENDORSED = """e.trusted AND e.kind = s.signing_key
           AND coalesce(e.hardware_id = s.chip_id, true)"""


def show_quotes(source: str) -> str:
    """The columns of the view `quote`, of rows of `stored.quote`."""
    return f"""
SELECT {to_hex("q.quote_id")} AS quote_id,
       q.quote_no,
       sha256({_SIGNED}) AS signed_id,
       sha256(coalesce(c.key, e.key, ''::BLOB) || ({_SIGNED}) || coalesce(q.signature_r, q.wide_r))
           AS signing_id,
       {to_hex("coalesce(q.signature_r, q.wide_r)")} AS signature_r,
       {to_hex("coalesce(q.signature_s, q.wide_s)")} AS signature_s,
       coalesce(c.attestation_key_id, e.key_id) AS attestation_key_id,
       coalesce(c.attestation_key, {to_hex("e.key")}) AS attestation_key,
       f.signature_ok AND coalesce(c.proven, true) AS proven,
       f.signature_ok AND coalesce(c.proven AND c.trusted, {_ENDORSED}) AS trusted,
       s.tee, s.version, s.header_qe_svn, s.header_pce_svn, s.qe_vendor_id, s.user_data, s.qe_id,
       s.body_type, s.debug,
       {to_hex("q.report_data")} AS report_data,
       {", ".join(f's."{column.name}"' for column in _BODY_COLUMNS)},
       c.qe_isv_svn, c.qe_isv_prodid, c.qe_cpu_svn, c.qe_mrsigner, c.qe_mrenclave, c.qe_auth_id,
       c.qe_signature_r, c.qe_signature_s, c.certification_type, c.certification_id,
       c.certification_data_id, c.pce_svn, c.tcb_components, c.fmspc, c.sgx_type, c.ppid,
       c.pck_id, c.pck_serial, c.pck_ca_serial, c.pck_ca, c.chain_id, c.chain_signed_id,
       q.size,
       q.trailing_size,
       q.trailing IS NOT NULL AS trailing_nonzero,
       coalesce(octet_length(q.slack), 0) + coalesce(octet_length(q.outer_slack), 0)
           AS slack_size,
       nullif(concat_ws(' ', s.reserved_nonzero, c.qe_reserved_nonzero), '') AS reserved_nonzero,
       {", ".join(f's."{name}"' for name in _SNP_FIELDS)},
       coalesce(c.ppid, s.chip_id) AS platform_id,
       {to_hex("e.vek_id")} AS vek_id, e.kind AS vek_kind, e.product AS vek_product,
       {to_hex("e.vek_tcb")} AS vek_tcb, e.csp_id
FROM {source} AS q
JOIN stored.shown_statement AS s ON s.statement_id = q.statement_id
LEFT JOIN stored.shown_certification AS c ON c.id = q.certification_id
LEFT JOIN stored.filed AS f ON f.quote_no = q.quote_no
LEFT JOIN ({_ENDORSEMENT}) AS e ON e.endorsement_id = f.endorsement_id
"""


# The r of a signature repeats seldom: only sightings of such quotes are put in order.
_AGAIN = """(
    SELECT * FROM stored.quote
    WHERE coalesce(signature_r, wide_r) IN (
        SELECT coalesce(q.signature_r, q.wide_r)
        FROM stored.observation AS o
        JOIN stored.quote AS q ON q.quote_no = o.quote_no
        GROUP BY coalesce(q.signature_r, q.wide_r)
        HAVING count(*) > 1
    )
)"""
# A gateway and a broker may both log one delivery, each with what it knows.
_WHOSE = ("node_id", "container_id", "enclave_id", "workload_id")
_TOLD = (*_WHOSE, "peer", "backend_verifier", "nonce_issued_at", "quote_generated_at", "claimed_ok")
_SAME = (*_WHOSE, "session_id", "nonce")  # what they tell alike, where both do
LOGGED = tuple(dict.fromkeys((*_TOLD, *_SAME)))
"""Columns of an observation that tell whether it is another log of a delivery."""
_DELIVERY = "INTERVAL 5 MINUTE"
_NAMES_MORE = " OR ".join(
    f"{name} IS NOT NULL AND count({name}) FILTER (WHERE trusted) OVER before = 0" for name in _TOLD
)
_AGREES = " AND ".join(
    f"coalesce({name} = min({name}) FILTER (WHERE trusted) OVER before, true)" for name in _SAME
)


def order_showings(shown: str, event: str) -> str:
    """A query for the rows of `reshown`, of a query `shown` for all sightings that may be in it.

    `shown` has their ids, `signing_id`, `seen_at`, `trusted` and the columns `LOGGED`; `event` are
    the columns that are alike in one signing event.
    """
    return f"""
SELECT observation_id, observation_no, signing_id, showing,
       CASE WHEN NOT trusted THEN NULL
            WHEN names_more AND agrees AND seen_at <= first_at + {_DELIVERY} THEN 1
            ELSE place END AS trusted_showing
FROM (
    SELECT *, row_number() OVER event AS showing, count(*) OVER whole AS showings,
           count(*) FILTER (WHERE trusted) OVER event AS place,
           min(seen_at) FILTER (WHERE trusted) OVER whole AS first_at,
           {_NAMES_MORE} AS names_more,
           {_AGREES} AS agrees
    FROM ({shown}) AS shown
    WINDOW whole AS (PARTITION BY {event}),
           event AS (
               PARTITION BY {event} ORDER BY seen_at, observation_no
               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
           ),
           before AS (
               PARTITION BY {event} ORDER BY seen_at, observation_no
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           )
) AS ordered
WHERE showings > 1
"""


_FIELDS = ", ".join(f"o.{name}" for name in LOGGED if name != "claimed_ok")
RESHOWN_SQL = order_showings(
    f"""
    SELECT {observation_id("o")} AS observation_id, o.observation_no, q.signing_id,
           {RECEIVED} AS seen_at, {RECEIVED} IS NOT NULL AND coalesce(q.trusted, false) AS trusted,
           {_FIELDS}, {CLAIMED_OK} AS claimed_ok
    FROM ({show_quotes(_AGAIN)}) AS q
    JOIN stored.observation AS o ON o.quote_no = q.quote_no
    WHERE q.proven
    """,
    "signing_id",
)
