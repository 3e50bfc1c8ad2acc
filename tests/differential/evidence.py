"""What can be seen of evidence, for the rows of known disagreements to refer to.

These readers are more lenient than ours: they also see what our own refuse to read.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain as join
from typing import TYPE_CHECKING, Any

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.collateral import parse_tcb_info, split_envelope
from forensics.formats.crl import Crl, parse_crl
from forensics.formats.der import read_element
from forensics.formats.json_text import compact, parse_object
from forensics.formats.pck import (
    CA_NAME,
    PCK_NAME,
    SGX_EXTENSION,
    SgxExtension,
    parse_sgx_extension,
)
from forensics.simulate.certificates import chain_pem
from forensics.verify.chain import BASIC_CONSTRAINTS, REQUIRED_EXTENSIONS, is_signed_by
from forensics.verify.documents import SIGNER_NAME, Signer, find_signature

if TYPE_CHECKING:
    from differential.verifiers import Exhibit

_BLOCK = re.compile(rb"-----BEGIN ([^-]+)-----([^-]*)-----END \1-----")
_IS_CA = b"\x01\x01\xff"  # BOOLEAN TRUE in DER
SECOND = 1_000_000


@lru_cache(maxsize=1024)
def read_certificates(text: bytes) -> tuple[Certificate | None, ...]:
    """The certificate of each PEM block; None where there is none to read."""
    return tuple(_read_block(match[2]) for match in _BLOCK.finditer(text))


def _read_block(body: bytes) -> Certificate | None:
    try:
        return parse_certificate(binascii.a2b_base64(body))
    except (binascii.Error, EvidenceError):
        return None


@lru_cache(maxsize=64)
def read_root(der: bytes) -> Certificate:
    return parse_certificate(der)


def quote_chain(exhibit: Exhibit) -> tuple[Certificate | None, ...]:
    quote = exhibit.parsed
    return read_certificates(quote.certification_data) if quote else ()


def starts_with_leaf_and_ca(exhibit: Exhibit) -> bool:
    """The quote's first two certificates are a PCK certificate and its CA, under the root."""
    leaf, ca = (*quote_chain(exhibit)[:2], None, None)[:2]
    if leaf is None or ca is None:
        return False
    return is_signed_by(leaf, ca) and is_signed_by(ca, read_root(exhibit.root))


def has_root_key(exhibit: Exhibit) -> bool:
    """The quote's certificates can all be read, and one is of the trusted root's key."""
    chain = quote_chain(exhibit)
    key = read_root(exhibit.root).public_key
    return None not in chain and any(c and c.public_key == key for c in chain)


def has_other_root_certificate(exhibit: Exhibit) -> bool:
    """A chain carries another certificate of the trusted root's key."""
    root = read_root(exhibit.root)
    chains = (*quote_chain(exhibit), *read_certificates(exhibit.tcb_info_issuer_chain))
    return any(c and c.public_key == root.public_key and c.der != root.der for c in chains)


def signs(chain: bytes, exhibit: Exhibit, *, count: int | None = None) -> bool:
    """The chain is plain PEM and begins with a TCB signer of the root's, valid at the moment.

    `count`: and has that many certificates.
    """
    certificates = read_certificates(chain)
    ders = [certificate.der for certificate in certificates if certificate]
    if not ders or chain_pem(*ders).strip() != chain.replace(b"\r\n", b"\n").strip():
        return False
    return count in (None, len(certificates)) and _may_sign(certificates[0], exhibit)


def is_signed(document: bytes, exhibit: Exhibit) -> bool:
    """Some certificate of the exhibit is of the TCB signer that signed this body of PCS."""
    chains = (exhibit.tcb_info_issuer_chain, exhibit.qe_identity_issuer_chain)
    known = (*quote_chain(exhibit), *join(*map(read_certificates, chains)))
    root = read_root(exhibit.root)
    signers = [Signer(c, root, True) for c in known if c and _may_sign(c, exhibit)]
    _, body, signature = split_envelope(document)
    return find_signature(body, signature, signers) is not None


def _may_sign(certificate: Certificate | None, exhibit: Exhibit) -> bool:
    return (
        certificate is not None
        and is_signer(certificate)
        and is_signed_by(certificate, read_root(exhibit.root))
        and certificate.not_before <= exhibit.moment * SECOND <= certificate.not_after
    )


def has_odd_signer(exhibit: Exhibit) -> bool:
    """A TCB signer that is a CA, or with a critical extension that Intel's do not have."""
    chains = (exhibit.tcb_info_issuer_chain, exhibit.qe_identity_issuer_chain)
    signers = [c for chain in chains for c in read_certificates(chain)[:1] if is_signer(c)]
    return any(
        _IS_CA in c.extensions.get(BASIC_CONSTRAINTS, (True, b""))[1]
        or any(critical and oid not in REQUIRED_EXTENSIONS for oid, (critical, _) in _items(c))
        for c in signers
        if c
    )


def _items(certificate: Certificate) -> Iterable[tuple[str, tuple[bool, bytes]]]:
    return certificate.extensions.items()


def list_crls(exhibit: Exhibit) -> Iterator[Crl]:
    for data in (exhibit.root_ca_crl, exhibit.pck_crl):
        try:
            yield parse_crl(data)
        except EvidenceError:
            continue


def signed_texts(exhibit: Exhibit) -> Iterator[bytes]:
    for data in (exhibit.tcb_info, exhibit.qe_identity):
        try:
            yield split_envelope(data)[1]
        except EvidenceError:
            continue


def is_rewritten(text: bytes) -> bool:
    """The signed text is not the compact form that its signer signed."""
    return compact(parse_object(text)) != text


def read_tcb_info(exhibit: Exhibit) -> dict[str, Any]:
    """The TCB info without any check of its form; empty where it is no JSON."""
    return _read_member(exhibit.tcb_info, "tcbInfo")


def read_qe_identity(exhibit: Exhibit) -> dict[str, Any]:
    """As `read_tcb_info`."""
    return _read_member(exhibit.qe_identity, "enclaveIdentity")


def _read_member(document: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(document)[name]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def leaves_mask(identity: dict[str, Any], name: str) -> bool:
    """The value of `miscselect` or `attributes` has a bit that its mask has not."""
    value, mask = (int(str(identity.get(key, "0")), 16) for key in (name, f"{name}Mask"))
    return bool(value & ~mask)


def is_fine_without_identities(exhibit: Exhibit) -> bool:
    """The TCB info has a supported format, once its module identities are left out."""
    found = {k: v for k, v in read_tcb_info(exhibit).items() if k != "tdxModuleIdentities"}
    try:
        parse_tcb_info(compact(found))
    except EvidenceError:
        return False
    return True


def module_version(exhibit: Exhibit) -> int:
    """TEE_TCB_SVN[1] of a TD, 0 of an enclave."""
    quote = exhibit.parsed
    svn = quote.body.get("tee_tcb_svn") if quote else None
    return svn[1] if isinstance(svn, bytes) else 0


def read_seam_attributes(exhibit: Exhibit) -> tuple[int, int, int] | None:
    """SEAMATTRIBUTES of a TD, with what the TCB info names for its module, and the mask."""
    found, info = exhibit.parsed, read_tcb_info(exhibit)
    used = f"TDX_{module_version(exhibit):02X}"
    named = [m for m in info.get("tdxModuleIdentities", []) if m["id"].upper() == used]
    if found is None or found.tee != "tdx" or not named:
        return None
    seam = found.body["seam_attributes"]
    assert isinstance(seam, bytes)
    stated = (named[0][name] for name in ("attributes", "attributesMask"))
    wanted, mask = (int.from_bytes(bytes.fromhex(text), "little") for text in stated)
    return int.from_bytes(seam, "little"), wanted, mask


def is_signer(certificate: Certificate | None) -> bool:
    return certificate is not None and SIGNER_NAME in certificate.subject_name


def is_pck(certificate: Certificate | None) -> bool:
    return certificate is not None and PCK_NAME in certificate.subject_name


def is_ca(certificate: Certificate | None) -> bool:
    named = certificate is not None and CA_NAME in certificate.subject_name
    return named and certificate is not None and not certificate.self_issued


def _pck(exhibit: Exhibit) -> Certificate | None:
    return next(filter(is_pck, quote_chain(exhibit)), None)


def read_sgx_extension(exhibit: Exhibit) -> SgxExtension | None:
    pck = _pck(exhibit)
    try:
        return parse_sgx_extension(pck.extensions[SGX_EXTENSION][1]) if pck else None
    except (EvidenceError, KeyError):
        return None


def has_bytes_after_sgx_extension(exhibit: Exhibit) -> bool:
    pck = _pck(exhibit)
    if pck is None or SGX_EXTENSION not in pck.extensions:
        return False
    value = pck.extensions[SGX_EXTENSION][1]
    return read_element(value)[2] < len(value)
