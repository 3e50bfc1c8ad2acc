"""Members of `extra` that views show as columns: what many logs have and the normal form lacks.

Names as the sources write them: a count of the writer's own events, the TCB evaluation number that
a verifier used, the claims of a verifier's token (a JWS, or its claims as an object, or flat
beside the other fields), and the evidence of devices that came with the quote. Every expression is
NULL for what is not there or not of that form, so that nothing in the evidence can make a view
fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EVALUATION_NUMBERS = ("tcb_evaluation_data_number", "tcb_eval_number", "tcb_eval_num")
SEQUENCES = ("sequence_no", "sequence", "seq")

# MAA's and ITA's names; ITA's second version nests them under the TEE.
QUOTE_HASHES = (
    "x-ms-sgx-collateral.quotehash",
    "maa-attestationcollateral.quotehash",
    "quote_sha256",
    "quotehash",
)
MEASUREMENTS = (
    "x-ms-sgx-mrenclave",
    "sgx-mrenclave",
    "sgx_mrenclave",
    "sgx.sgx_mrenclave",
    "tdx_mrtd",
    "tdx.tdx_mrtd",
)
SIGNERS = ("x-ms-sgx-mrsigner", "sgx-mrsigner", "sgx_mrsigner", "sgx.sgx_mrsigner")
REPORT_DATA = (
    "x-ms-sgx-report-data",
    "sgx_report_data",
    "sgx.sgx_report_data",
    "tdx_report_data",
    "tdx.tdx_report_data",
)

# Devices: members that hold evidence, that hold a verdict, and that name the nonce answered.
DEVICE_EVIDENCE = {
    "gpu": ("gpu_evidence", "gpu_token", "nvidia_payload", "nvidia_token"),
    "tpm": ("tpm_evidence", "tpm_quote"),
}
DEVICE_VERDICTS = {
    "gpu": ("gpu_verdict", "gpu_status", "gpu_attested"),
    "tpm": ("tpm_verdict", "tpm_status"),
}
DEVICE_TOKENS = {"gpu": ("gpu_token", "nvidia_token")}
_NONCE = "eat_nonce"


def first_text(document: str, names: Sequence[str]) -> str:
    """SQL: the first member that is there, as text. A dot goes into an object."""
    members = ", ".join(f"{document} ->> '{_path(name)}'" for name in names)
    return f"coalesce({members})"


def first_number(document: str, names: Sequence[str]) -> str:
    """SQL: the first member that is there, as a number; NULL when it is none."""
    return f"TRY_CAST({first_text(document, names)} AS BIGINT)"


def token_text(extra: str) -> str:
    """SQL: the token as it was logged, when it was logged as text."""
    return f"CASE WHEN json_type({extra}, '$.token') = 'VARCHAR' THEN {extra} ->> '$.token' END"


def token_claim(extra: str, names: Sequence[str]) -> str:
    """SQL: a claim of the token, in lower case; of the event itself when there is no token."""
    claims = (
        f"CASE WHEN {_is_there(extra, 'token')} THEN {_claims(extra, 'token')} ELSE {extra} END"
    )
    return f"lower({first_text(f'({claims})', names)})"


def devices(extra: str, members: Mapping[str, Sequence[str]]) -> str:
    """SQL: sorted list of the devices with at least one of their members there."""
    named = ", ".join(
        f"CASE WHEN {first_text(extra, names)} <> '' THEN '{device}' END"
        for device, names in members.items()
    )
    return f"list_sort(list_distinct([{named}]))"


def device_nonce(extra: str, device: str) -> str:
    """SQL: the nonce that the evidence of a device answers, as hex; NULL when it is not hex."""
    said = [first_text(extra, (f"{device}_nonce",))]
    said += [
        first_text(f"({_claims(extra, name)})", (_NONCE,)) for name in DEVICE_TOKENS.get(device, ())
    ]
    nonce = f"lower(coalesce({', '.join(said)}))"
    return f"CASE WHEN regexp_full_match({nonce}, '([0-9a-f]{{2}})+') THEN {nonce} END"


def _is_there(extra: str, member: str) -> str:
    return f"coalesce(json_type({extra}, '$.{member}') IN ('VARCHAR', 'OBJECT'), false)"


def _claims(extra: str, member: str) -> str:
    """SQL: the claims in a member, be it a JWS or the claims as an object; else NULL."""
    payload = f"split_part({extra} ->> '$.{member}', '.', 2)"
    padded = f"rpad({payload}, ((length({payload}) + 3) // 4 * 4)::INTEGER, '=')"
    standard = f"replace(replace({padded}, '-', '+'), '_', '/')"
    decoded = f"TRY(decode(from_base64({standard})))"
    return (
        f"CASE json_type({extra}, '$.{member}') "
        f"WHEN 'VARCHAR' THEN CASE WHEN json_valid({decoded}) THEN {decoded} END "
        f"WHEN 'OBJECT' THEN {extra} ->> '$.{member}' END"
    )


def _path(name: str) -> str:
    return "$." + ".".join(f'"{part}"' for part in name.split("."))


def _list_members(members: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(name for names in members.values() for name in names)


def _list_nonces(device: str) -> tuple[str, ...]:
    tokens = DEVICE_TOKENS.get(device, ())
    return (f"{device}_nonce", *(f"{name}.{_NONCE}" for name in tokens))


_EXTRA = "o.extra"

SHOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "claimed_evaluation_number": (first_number(_EXTRA, EVALUATION_NUMBERS), EVALUATION_NUMBERS),
    "sequence_no": (first_number(_EXTRA, SEQUENCES), SEQUENCES),
    "token_id": (f"sha256({token_text(_EXTRA)})", ("token",)),
    "token_quote_hash": (token_claim(_EXTRA, QUOTE_HASHES), QUOTE_HASHES),
    "token_measurement": (token_claim(_EXTRA, MEASUREMENTS), MEASUREMENTS),
    "token_mrsigner": (token_claim(_EXTRA, SIGNERS), SIGNERS),
    "token_report_data": (token_claim(_EXTRA, REPORT_DATA), REPORT_DATA),
    "device_evidence": (devices(_EXTRA, DEVICE_EVIDENCE), _list_members(DEVICE_EVIDENCE)),
    "device_verdicts": (devices(_EXTRA, DEVICE_VERDICTS), _list_members(DEVICE_VERDICTS)),
    "gpu_nonce": (device_nonce(_EXTRA, "gpu"), _list_nonces("gpu")),
    "tpm_nonce": (device_nonce(_EXTRA, "tpm"), _list_nonces("tpm")),
}
"""Columns of the view `observation`: SQL over the observation `o`, and the members it reads."""
