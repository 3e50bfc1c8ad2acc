"""Three verifiers behind one question: this evidence, this collateral, this moment: what say you?

Ours are the pure functions, with exactly the collateral that is handed over. The others are
`dcap_qvl` 0.7.0 and `sgx_dcap_quote_verify` 0.0.3, a binding of an older QVL of Intel's, which
takes the PCK chain apart from the quote.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import chain as join

import dcap_qvl
import sgx_dcap_quote_verify as binding

from forensics.case.loose import make_loose_subject, prove_loose_certification
from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.collateral import parse_enclave_identity, parse_tcb_info, split_envelope
from forensics.formats.crl import parse_crl
from forensics.formats.pem import split_pem
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote, parse_quote
from forensics.simulate.certificates import encode_pem
from forensics.verify.appraisal import Appraiser, Judgement
from forensics.verify.archive import Selection
from forensics.verify.chain import prove_chain, unproven_chain
from forensics.verify.documents import find_signers, prove_crl, prove_document
from forensics.verify.facts import ChainFact, CrlFact, DocumentFact
from forensics.verify.signatures import verify_raw

SECOND = 1_000_000


@dataclass(frozen=True)
class Exhibit:
    """A quote with the collateral that judges it. Documents are whole bodies of PCS, CRLs DER,
    chains PEM, `root` the trusted root in DER, `moment` in seconds since the epoch.
    """

    quote: bytes
    pck_crl_issuer_chain: bytes
    root_ca_crl: bytes
    pck_crl: bytes
    tcb_info_issuer_chain: bytes
    tcb_info: bytes
    qe_identity_issuer_chain: bytes
    qe_identity: bytes
    root: bytes
    moment: int

    @cached_property
    def parsed(self) -> Quote | None:
        """The parts of the quote; None where it cannot be read."""
        try:
            return parse_quote(self.quote)
        except EvidenceError:
            return None


@dataclass(frozen=True)
class Answer:
    """`status` is Intel's TCB status of an accepted quote; `note` says why it was not accepted."""

    accepted: bool
    status: str | None
    note: str = ""
    advisories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class OurAnswer(Answer):
    """With the checks behind it: `failed` and `lacking` decide, `strict` does not."""

    failed: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()
    strict: frozenset[str] = frozenset()
    quarantined: tuple[str, ...] = ()

    @property
    def refused_for(self) -> frozenset[str]:
        """The failed checks, those that lack their input, and the codes of what is unreadable."""
        return self.failed | self.lacking | frozenset(self.quarantined)


# --- ours -----------------------------------------------------------------------------------


def ask_ours(exhibit: Exhibit) -> OurAnswer:
    """What cannot be read is quarantined, here as in a case, and then lacking."""
    quote = exhibit.parsed
    if quote is None:
        return OurAnswer(False, None, "quote in quarantine", quarantined=(_reason(exhibit.quote),))
    quarantined: list[str] = []
    chain = _prove_chain(quote, exhibit.root)
    known = _known_certificates(exhibit, quote)
    signers = _find_signers(known, exhibit.root)
    documents = {
        kind: _attempt(quarantined, _prove_document, kind, data, signers, exhibit.root)
        for kind, data in (("tcb_info", exhibit.tcb_info), ("qe_identity", exhibit.qe_identity))
    }
    crls = [
        _attempt(quarantined, _prove_crl, data, known)
        for data in (exhibit.root_ca_crl, exhibit.pck_crl)
    ]
    selection = Selection(
        documents["tcb_info"],
        documents["qe_identity"],
        _issued_by(chain.root_subject, crls),
        _issued_by(chain.ca_subject, crls),
    )
    judgement = _judge(quote, chain, selection, exhibit.moment * SECOND)
    accepted = judgement.outcome == "accepted"
    return OurAnswer(
        accepted,
        judgement.status if accepted else None,
        note=judgement.outcome,
        advisories=judgement.advisory_ids if accepted else None,
        failed=frozenset(judgement.failed_checks),
        lacking=frozenset(judgement.undetermined_checks),
        strict=frozenset(judgement.strict_failures),
        quarantined=tuple(quarantined),
    )


def _reason(data: bytes) -> str:
    try:
        parse_quote(data)
    except EvidenceError as error:
        return error.code
    raise AssertionError("the quote can be read after all")


def _attempt(quarantined, prove, *arguments):
    """What `prove` gives, or None with a note of the code under which it was quarantined."""
    try:
        return prove(*arguments)
    except EvidenceError as error:
        quarantined.append(error.code)
        return None


@lru_cache(maxsize=4096)
def _parse_certificate(data: bytes) -> Certificate | None:
    try:
        return parse_certificate(data)
    except EvidenceError:
        return None


@lru_cache(maxsize=4096)
def _read_certificates(text: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM text that can be read, as DER."""
    try:
        blocks = split_pem(text)
    except EvidenceError:
        return ()
    return tuple(der for _, der in blocks if _parse_certificate(der))


def _known_certificates(exhibit: Exhibit, quote: Quote) -> tuple[bytes, ...]:
    """As in a case: the anchor, those of files, and those of the quote's own chain."""
    texts = (
        exhibit.pck_crl_issuer_chain,
        exhibit.tcb_info_issuer_chain,
        exhibit.qe_identity_issuer_chain,
        quote.certification_data,
    )
    return tuple(dict.fromkeys((exhibit.root, *join(*map(_read_certificates, texts)))))


@lru_cache(maxsize=4096)
def _find_signers(known: tuple[bytes, ...], root: bytes) -> tuple[bytes, ...]:
    """The certificates of the TCB signers and their roots, without all the others."""
    signers = find_signers(filter(None, map(_parse_certificate, known)), {_anchor(root)})
    return tuple(dict.fromkeys(join(*((s.certificate.der, s.root.der) for s in signers))))


def _anchor(root: bytes) -> bytes:
    certificate = _parse_certificate(root)
    assert certificate is not None
    assert certificate.public_key is not None
    return certificate.public_key


@lru_cache(maxsize=4096)
def _prove_document(
    kind: str, data: bytes, known: tuple[bytes, ...], root: bytes
) -> DocumentFact | None:
    found, body, signature = split_envelope(data)
    if found != kind:
        return None
    certificates = list(filter(None, map(_parse_certificate, known)))
    fact = prove_document(kind, body, signature, find_signers(certificates, {_anchor(root)}))
    _BODIES[fact.document_id] = body
    return fact


@lru_cache(maxsize=4096)
def _prove_crl(data: bytes, known: tuple[bytes, ...]) -> CrlFact:
    return prove_crl(parse_crl(data), list(filter(None, map(_parse_certificate, known))))


def _issued_by(subject: bytes | None, crls: list[CrlFact | None]) -> CrlFact | None:
    return next((crl for crl in crls if crl and crl.issuer == subject), None)


def _prove_chain(quote: Quote, root: bytes) -> ChainFact:
    if quote.certification_type != CERTIFICATION_PCK_CHAIN:
        return unproven_chain(quote.certification_data)
    return _prove_chain_data(quote.certification_data, root)


@lru_cache(maxsize=4096)
def _prove_chain_data(data: bytes, root: bytes) -> ChainFact:
    return prove_chain(data, {_anchor(root)})


_BODIES: dict[bytes, bytes] = {}
_read_tcb_info = lru_cache(maxsize=4096)(parse_tcb_info)
_read_identity = lru_cache(maxsize=4096)(parse_enclave_identity)
_APPRAISER = Appraiser(
    lambda document: _read_tcb_info(_BODIES[document.document_id]),
    lambda document: _read_identity(_BODIES[document.document_id]),
)

SIGNATURES: dict[tuple[bytes, bytes, bytes], bool] = {}
"""Every (key, signature, message) of a quote or QE report that was asked about, with our answer."""


def _verify(key: bytes, signature: bytes, message: bytes) -> bool:
    triple = (key, signature, message)
    if triple not in SIGNATURES:
        SIGNATURES[triple] = verify_raw(*triple)
    return SIGNATURES[triple]


def _judge(quote: Quote, chain: ChainFact, selection: Selection, moment: int) -> Judgement:
    certification = prove_loose_certification(quote, chain)
    if chain.pck_key is not None:
        valid = _verify(chain.pck_key, quote.qe_signature, quote.qe_report)
        assert valid == (certification.results["K1"][0] == "pass")
    valid = _verify(quote.attestation_key, quote.signature, quote.signed)
    subject = make_loose_subject(quote, valid)
    return _APPRAISER.judge(subject, certification, chain, selection, moment)


# --- dcap-qvl -------------------------------------------------------------------------------


def ask_dcap_qvl(exhibit: Exhibit) -> Answer:
    """dcap-qvl takes documents without their envelopes: what we cannot take apart it never sees."""
    try:
        parts = _for_dcap_qvl(
            exhibit.pck_crl_issuer_chain,
            exhibit.root_ca_crl,
            exhibit.pck_crl,
            exhibit.tcb_info_issuer_chain,
            exhibit.tcb_info,
            exhibit.qe_identity_issuer_chain,
            exhibit.qe_identity,
        )
    except EvidenceError as error:
        return Answer(False, None, f"not asked: {error.code}")
    try:
        report = dcap_qvl.verify_with_root_ca(exhibit.quote, parts, exhibit.root, exhibit.moment)
    except ValueError as error:
        return Answer(False, None, str(error))
    return Answer(True, report.status, advisories=tuple(sorted(set(report.advisory_ids))))


@lru_cache(maxsize=4096)
def _for_dcap_qvl(
    pck_crl_issuer_chain: bytes,
    root_ca_crl: bytes,
    pck_crl: bytes,
    tcb_info_issuer_chain: bytes,
    tcb_info: bytes,
    qe_identity_issuer_chain: bytes,
    qe_identity: bytes,
) -> dcap_qvl.QuoteCollateralV3:
    _, info, info_signature = split_envelope(tcb_info)
    _, identity, identity_signature = split_envelope(qe_identity)
    return dcap_qvl.QuoteCollateralV3(
        pck_crl_issuer_chain=pck_crl_issuer_chain.decode(),
        root_ca_crl=root_ca_crl,
        pck_crl=pck_crl,
        tcb_info_issuer_chain=tcb_info_issuer_chain.decode(),
        tcb_info=info.decode(),
        tcb_info_signature=info_signature,
        qe_identity_issuer_chain=qe_identity_issuer_chain.decode(),
        qe_identity=identity.decode(),
        qe_identity_signature=identity_signature,
    )


# --- Intel's older binding ------------------------------------------------------------------

_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----\r?\n?")

STATUS_OF_INTEL = {
    "STATUS_OK": "UpToDate",
    "STATUS_TCB_SW_HARDENING_NEEDED": "SWHardeningNeeded",
    "STATUS_TCB_CONFIGURATION_NEEDED": "ConfigurationNeeded",
    "STATUS_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED": "ConfigurationAndSWHardeningNeeded",
    "STATUS_TCB_OUT_OF_DATE": "OutOfDate",
    "STATUS_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED": "OutOfDateConfigurationNeeded",
}


def ask_binding(exhibit: Exhibit) -> Answer:
    """`note`: the four statuses (PCK chain, TCB info, QE identity, quote) without `STATUS_`."""
    leaf, rest = _split_chain(exhibit.quote)
    moment = datetime.fromtimestamp(exhibit.moment)  # noqa: DTZ006 (it reads local time)
    try:
        result = binding.verify(
            encode_pem(exhibit.root).decode(),
            leaf.decode(errors="replace"),
            rest.decode(errors="replace"),
            exhibit.root_ca_crl.hex(),
            exhibit.pck_crl.hex(),
            exhibit.tcb_info.decode(errors="replace"),
            exhibit.tcb_info_issuer_chain.decode(errors="replace"),
            exhibit.quote,
            exhibit.qe_identity.decode(errors="replace"),
            moment,
        )
    except (ValueError, RuntimeError, TypeError) as error:
        return Answer(False, None, f"{type(error).__name__}: {error}")
    statuses = [
        getattr(result, f"{what}_status").name
        for what in ("pck_certificate", "tcb_info", "qe_identity", "quote")
    ]
    note = " ".join(status.removeprefix("STATUS_") for status in statuses)
    if set(statuses[:3]) == {"STATUS_OK"} and statuses[3] in STATUS_OF_INTEL:
        return Answer(True, STATUS_OF_INTEL[statuses[3]], note)
    return Answer(False, None, note)


def _split_chain(quote: bytes) -> tuple[bytes, bytes]:
    """(PCK certificate, text of the other certificates) as a caller cuts them from a quote."""
    blocks = [(match[0], match[1]) for match in _PEM_BLOCK.finditer(quote)]
    if not blocks:
        return b"", b""
    chosen = next((n for n, (_, body) in enumerate(blocks) if _names_pck(body)), 0)
    leaf, _ = blocks.pop(chosen)
    return leaf, b"".join(text for text, _ in blocks)


def _names_pck(body: bytes) -> bool:
    try:
        return b"SGX PCK Certificate" in binascii.a2b_base64(body)
    except binascii.Error:
        return False
