"""Checks R1, R2 and S1-S6 as far as a document alone decides them: format and authenticity.

Which certificate signed a document is found among all certificates of the case: a PCS body comes
without its chain, and Intel re-issues the signing certificate for the same key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate
from forensics.formats.collateral import (
    TCB_INFO,
    document_id,
    outline_document,
    parse_enclave_identity,
    parse_tcb_info,
)
from forensics.formats.crl import Crl
from forensics.formats.json_text import compact, parse_object
from forensics.verify.amd_signatures import verify_pss
from forensics.verify.chain import find_absent_extensions, is_signed_by
from forensics.verify.checks import Outcome, judge, missing
from forensics.verify.facts import CrlFact, DocumentFact, Results, SignerFact
from forensics.verify.signatures import verify_der, verify_raw

SIGNER_NAME = "SGX TCB Signing"


@dataclass(frozen=True)
class Signer:
    """A TCB signing certificate with the root that issued it; `trusted`: the root is an anchor."""

    certificate: Certificate
    root: Certificate
    trusted: bool

    @cached_property
    def fact(self) -> SignerFact:
        return SignerFact(
            certificate_id=self.certificate.certificate_id,
            key=self.certificate.public_key or b"",
            serial=f"{self.certificate.serial:x}",
            not_before=self.certificate.not_before,
            not_after=min(self.certificate.not_after, self.root.not_after),
            root_key=self.root.public_key or b"",
            trusted=self.trusted,
        )


def find_signers(certificates: Iterable[Certificate], anchors: Collection[bytes]) -> list[Signer]:
    """TCB signing certificates with a valid chain, trusted and long-lived ones first.

    As in a PCK chain, no certificate may lack an extension of Intel's (QVL TCBSigningChain.cpp).
    """
    known = [c for c in certificates if not find_absent_extensions(c)]
    roots = [c for c in known if is_signed_by(c, c)]
    signers = [
        Signer(certificate, root, root.public_key in anchors)
        for certificate in known
        if SIGNER_NAME in certificate.subject_name and not certificate.self_issued
        for root in roots
        if is_signed_by(certificate, root)
    ]
    return sorted(
        signers,
        key=lambda s: (not s.trusted, -s.fact.not_after, s.certificate.der, s.root.der),
    )


def prove_document(
    kind: str, body: bytes, signature: bytes, signers: Sequence[Signer]
) -> DocumentFact:
    """Prove one document. `signers` come from `find_signers`; the first that fits is named."""
    outline = outline_document(kind, body)
    form, sign = ("S3", "S4") if kind == TCB_INFO else ("S5", "S6")
    results: Results = {form: _check_format(kind, body)}
    found = find_signature(body, signature, signers)
    if found is None:
        results |= _unsigned(sign, bool(signers))
        return DocumentFact(document_id(body, signature), outline, results)
    results[sign] = judge(True, "signed by the TCB signing key", "valid")
    fact = DocumentFact(document_id(body, signature), outline, results)
    return fact.under(found[0].fact)


def find_signature(
    body: bytes, signature: bytes, signers: Sequence[Signer]
) -> tuple[Signer, bytes] | None:
    """Who signed a document, and the text that is signed.

    QVL rewrites the document without white space before it verifies; so may we.
    """
    rewritten = compact(parse_object(body))
    for message in dict.fromkeys((body, rewritten)):
        for signer in signers:
            key = signer.certificate.public_key
            if key is not None and verify_raw(key, signature, message):
                return signer, message
    return None


def prove_crl(
    crl: Crl, issuers: Iterable[Certificate], anchors: Collection[Certificate] = ()
) -> CrlFact:
    """Find the certificate that issued a CRL: its name and its key both fit.

    Anyone can call a CA of his own by Intel's name: `trusted` says whether a certificate of that
    name and key is an anchor's, or was issued by one.
    """
    named = [certificate for certificate in issuers if certificate.subject == crl.issuer]
    issuer = next((certificate for certificate in named if _signs(certificate, crl)), None)
    same = [c for c in named if issuer and c.public_key_info == issuer.public_key_info]
    theirs = issuer is not None and issuer.public_key is None  # AMD's, who promise no extensions
    return CrlFact(
        crl_id=crl.crl_id,
        issuer=crl.issuer,
        issuer_name=crl.issuer_name,
        issuer_key=(issuer.public_key or issuer.public_key_info) if issuer else None,
        this_update=crl.this_update,
        next_update=crl.next_update,
        complete=theirs or (crl.number is not None and crl.has_authority_key_id),
        number=crl.number,
        revoked=frozenset(f"{serial:x}" for serial in crl.revoked),
        partial=crl.partial,
        trusted=any(_is_under(c, anchor) for c in same for anchor in anchors),
    )


def _is_under(certificate: Certificate, anchor: Certificate) -> bool:
    return certificate.public_key_info == anchor.public_key_info or is_signed_by(
        certificate, anchor
    )


def _signs(certificate: Certificate, crl: Crl) -> bool:
    if certificate.public_key is None:
        return verify_pss(certificate.public_key_info, crl.signature, crl.tbs)
    return verify_der(certificate.public_key, crl.signature, crl.tbs)


def _check_format(kind: str, body: bytes) -> Outcome:
    expected = "a supported format"
    try:
        if kind == TCB_INFO:
            parse_tcb_info(body)
        else:
            parse_enclave_identity(body)
    except EvidenceError as error:
        return judge(False, expected, error.message)
    return judge(True, expected, "supported")


def _unsigned(sign: str, have_signers: bool) -> Results:
    if not have_signers:
        absent = missing("a TCB signing certificate with its root")
        return {"S1": absent, sign: absent}
    return {
        "S1": missing("a TCB signing certificate that fits"),
        sign: judge(False, "signed by a known TCB signing key", "by none of them"),
    }
