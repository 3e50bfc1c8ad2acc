"""Quotes of every version, built field by field and signed by keys of the simulated hierarchy.

The result is a `forensics.formats.quote.Quote`: a test forges any part with `dataclasses.replace`
and takes `to_bytes()`. Bodies are complete field dicts in the vendor's names; what is not given is
what a healthy enclave or TD reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256, sha384

from forensics.formats.layout import Layout, Value
from forensics.formats.pem import split_pem
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, CERTIFICATION_QE_REPORT, Quote
from forensics.formats.structures import (
    BODIES_V5,
    BODY_DESCRIPTOR_V5,
    HEADERS,
    INTEL_QE_VENDOR_ID,
    KEY_TYPE_ECDSA_P256,
    SGX_REPORT,
    TD_REPORT_10,
    TD_REPORT_15,
    TEE_SGX,
    TEE_TDX,
)
from forensics.simulate.certificates import chain_pem, flip_certificate_signature
from forensics.simulate.keys import PrivateKey, flip_s, public_bytes, sign, sign_with_nonce

Fields = dict[str, Value]

# Intel's published signers of the quoting enclaves (PCS enclave identities QE and TD_QE).
QE_MRSIGNER = bytes.fromhex("8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff")
TD_QE_MRSIGNER = bytes.fromhex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5")
QE_PRODID, TD_QE_PRODID = 1, 2
DEFAULT_QE_SVN = 8

AUTH_DATA = bytes(range(32))  # what Intel's quoting enclave puts there

_XFRM = bytes.fromhex("e700000000000000")
_SGX_ATTRIBUTES = bytes.fromhex("0500000000000000") + _XFRM  # INIT, MODE64BIT
_QE_ATTRIBUTES = bytes.fromhex("1500000000000000") + _XFRM  # and PROVISION_KEY
_TD_ATTRIBUTES = bytes.fromhex("0000001000000000")  # SEPT_VE_DISABLE
_XFAM = bytes.fromhex("e702060000000000")
_CPU_SVN = bytes.fromhex("0c0c100fffff01000000000000000000")


def sgx_body(**fields: Value) -> Fields:
    """Fields of an SGX report body: a production enclave of no signer in particular."""
    defaults: Fields = {
        "cpu_svn": _CPU_SVN,
        "attributes": _SGX_ATTRIBUTES,
        "mrenclave": sha256(b"mrenclave").digest(),
        "mrsigner": sha256(b"mrsigner").digest(),
        "isv_prodid": 1,
        "isv_svn": 1,
    }
    return _fill(SGX_REPORT, defaults | fields)


def td_body(layout: Layout = TD_REPORT_10, **fields: Value) -> Fields:
    """Fields of a TD report body, `TD_REPORT_10` or `TD_REPORT_15`: a production TD."""
    defaults: Fields = {
        "tee_tcb_svn": bytes((6, 1, 3)).ljust(16, b"\0"),
        "mr_seam": sha384(b"mr_seam").digest(),
        "td_attributes": _TD_ATTRIBUTES,
        "xfam": _XFAM,
        "mrtd": sha384(b"mrtd").digest(),
    }
    for number in range(4):
        defaults[f"rtmr{number}"] = sha384(b"rtmr%d" % number).digest()
    if layout is TD_REPORT_15:
        defaults["tee_tcb_svn_2"] = fields.get("tee_tcb_svn", defaults["tee_tcb_svn"])
    return _fill(layout, defaults | fields)


def qe_body(tee: str = "sgx", **fields: Value) -> Fields:
    """Fields of the report of Intel's quoting enclave, QE (`sgx`) or TD_QE (`tdx`).

    REPORT_DATA is left zero; `certify` binds the attestation key there unless it is given.
    """
    is_sgx = tee == "sgx"
    defaults: Fields = {
        "attributes": _QE_ATTRIBUTES,
        "mrenclave": sha256(b"qe" if is_sgx else b"td_qe").digest(),
        "mrsigner": QE_MRSIGNER if is_sgx else TD_QE_MRSIGNER,
        "isv_prodid": QE_PRODID if is_sgx else TD_QE_PRODID,
        "isv_svn": DEFAULT_QE_SVN,
        "report_data": bytes(64),
    }
    return sgx_body(**(defaults | fields))


@dataclass(frozen=True)
class Certification:
    """An attestation key and what certifies it: made once per platform, used by every quote."""

    key: PrivateKey
    qe_report: bytes
    qe_signature: bytes
    auth_data: bytes
    certification_type: int
    certification_data: bytes


def certify(
    key: PrivateKey,
    pck_key: PrivateKey,
    chain: bytes,
    *,
    tee: str = "sgx",
    qe: Mapping[str, Value] | None = None,
    auth_data: bytes = AUTH_DATA,
    certification_type: int = CERTIFICATION_PCK_CHAIN,
    qe_nonce: int | None = None,
) -> Certification:
    """What the quoting enclave and the PCE do: bind `key` in a QE report, sign it with the PCK.

    `qe` overrides fields of the QE report, REPORT_DATA among them; `qe_nonce` fixes the `k` of
    its signature.
    """
    fields = qe_body(tee, **(dict(qe) if qe else {}))
    if not qe or "report_data" not in qe:
        bound = sha256(public_bytes(key) + auth_data).digest()
        fields["report_data"] = bound + bytes(32)
    report = SGX_REPORT.emit(fields)
    return Certification(
        key=key,
        qe_report=report,
        qe_signature=_sign(pck_key, report, qe_nonce),
        auth_data=auth_data,
        certification_type=certification_type,
        certification_data=chain,
    )


def build_quote(
    certification: Certification,
    body: Mapping[str, Value],
    *,
    version: int = 3,
    header: Mapping[str, Value] | None = None,
    descriptor: Mapping[str, Value] | None = None,
    signing_key: PrivateKey | None = None,
    nonce: int | None = None,
    trailing: bytes = b"",
) -> Quote:
    """A signed quote over `body`, whose field names decide its kind (SGX, TD 1.0, TD 1.5).

    `header` and `descriptor` (v5) override fields before signing, `signing_key` signs in place of
    the certified key, and `nonce` fixes the `k` of the signature.
    """
    layout = _layout_of(body)
    tee_type = TEE_SGX if layout is SGX_REPORT else TEE_TDX
    signed = emit_header(version, tee_type=tee_type, **(header or {}))
    if version == 5:
        body_type = next(number for number, known in BODIES_V5.items() if known is layout)
        values: Fields = {"body_type": body_type, "body_size": layout.size}
        signed += BODY_DESCRIPTOR_V5.emit(values | dict(descriptor or {}))
    signed += layout.emit(dict(body))
    return Quote(
        version=version,
        body_layout=layout,
        signed=signed,
        signature=_sign(signing_key or certification.key, signed, nonce),
        attestation_key=public_bytes(certification.key),
        qe_report=certification.qe_report,
        qe_signature=certification.qe_signature,
        qe_auth_data=certification.auth_data,
        certification_type=certification.certification_type,
        certification_data=certification.certification_data,
        outer_certification_type=None if version == 3 else CERTIFICATION_QE_REPORT,
        trailing=trailing,
    )


def emit_header(version: int, **fields: Value) -> bytes:
    """The 48 header bytes of that version, Intel's vendor id and key type unless given."""
    defaults: Fields = {
        "version": version,
        "att_key_type": KEY_TYPE_ECDSA_P256,
        "qe_vendor_id": INTEL_QE_VENDOR_ID,
    }
    return HEADERS[version].emit(_fill(HEADERS[version], defaults | fields))


def resign(quote: Quote, key: PrivateKey) -> Quote:
    """The same signed bytes under a new signature: after a part of `signed` was replaced."""
    return replace(quote, signature=sign(key, quote.signed))


def flip_quote_signature(quote: Quote) -> Quote:
    """Disguise `quote_signature_s`."""
    return replace(quote, signature=flip_s(quote.signature))


def flip_qe_signature(quote: Quote) -> Quote:
    """Disguise `qe_signature_s`."""
    return replace(quote, qe_signature=flip_s(quote.qe_signature))


def flip_chain_signature(quote: Quote, position: int = 0) -> Quote:
    """Disguise `certificate_signature_s`: position 0 is the PCK certificate, 1 its CA, 2 the root.

    Intel's QVL compares root certificates by signature, so it refuses a flipped root.
    """
    blocks = [der for _, der in split_pem(quote.certification_data)]
    blocks[position] = flip_certificate_signature(blocks[position])
    return replace(quote, certification_data=chain_pem(*blocks) + b"\0")


def rewrap_chain(quote: Quote) -> Quote:
    """Disguise `certification_data`: CRLF line ends, the same certificates."""
    return replace(quote, certification_data=quote.certification_data.replace(b"\n", b"\r\n"))


def append_trailing(quote: Quote, data: bytes) -> Quote:
    """Disguise `trailing_bytes` when `data` is not all zero."""
    return replace(quote, trailing=quote.trailing + data)


def _sign(key: PrivateKey, message: bytes, nonce: int | None) -> bytes:
    return sign(key, message) if nonce is None else sign_with_nonce(key, message, nonce)


def _layout_of(body: Mapping[str, Value]) -> Layout:
    if "mrenclave" in body:
        return SGX_REPORT
    return TD_REPORT_15 if "tee_tcb_svn_2" in body else TD_REPORT_10


def _fill(layout: Layout, given: Fields) -> Fields:
    unknown = given.keys() - set(layout.names)
    if unknown:
        raise TypeError(f"{layout.title} has no field {', '.join(sorted(unknown))}")
    return {
        field.name: given.get(field.name, 0 if field.is_integer else bytes(field.size))
        for field in layout
    }
