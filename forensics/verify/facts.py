"""Facts: what was proven once of each distinct input, as plain values that a table can hold.

Field names are the column names of the fact tables in `forensics.case.tables`. Times are
microseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from forensics.formats.collateral import Outline
from forensics.formats.snp import SnpReport
from forensics.verify.checks import Outcome, judge

Results = dict[str, Outcome]


@dataclass(frozen=True)
class ChainFact:
    """Certification data: checks P1-P7 and what the PCK certificate says of the platform.

    Everything but `results` is None where the chain did not parse (`P1`), and the fields of the
    SGX extension also where that is malformed (`P6`).
    """

    certification_data_id: bytes
    results: Results
    root_key: bytes | None = None
    root_subject: bytes | None = None
    ca_key: bytes | None = None
    ca_subject: bytes | None = None
    ca_name: str | None = None
    ca_serial: str | None = None
    pck_key: bytes | None = None
    pck_id: bytes | None = None
    pck_serial: str | None = None
    chain_id: bytes | None = None
    chain_signed_id: bytes | None = None
    not_before: int | None = None
    not_after: int | None = None
    ppid: bytes | None = None
    fmspc: bytes | None = None
    pce_id: bytes | None = None
    pce_svn: int | None = None
    tcb_components: bytes | None = None
    pck_cpu_svn: bytes | None = None
    sgx_type: int | None = None
    platform_instance_id: bytes | None = None

    @property
    def trusted(self) -> bool:
        """P1-P6 pass: the chain is Intel's, or that of another anchor of the case."""
        return all(self.results[f"P{n}"][0] == "pass" for n in range(1, 7))


@dataclass(frozen=True)
class CertificationFact:
    """An attestation key with what certifies it: checks K1-K4."""

    certification_id: bytes
    certification_data_id: bytes
    results: Results
    qe_misc_select: int
    qe_attributes: bytes
    qe_mrsigner: bytes
    qe_isv_prodid: int
    qe_isv_svn: int

    @property
    def proven(self) -> bool:
        return all(self.results[check][0] == "pass" for check in ("K1", "K2", "K4"))


@dataclass(frozen=True)
class EndorsementFact:
    """A VCEK or VLEK certificate: check N2 and what it says of its key.

    All attributes but the first two are None where it could not be read, those of root and CA also
    where its issuers are not known. Keys of root and CA are SubjectPublicKeyInfo, DER.
    """

    endorsement_id: bytes
    results: Results
    vek_id: bytes | None = None
    kind: str | None = None
    product: str | None = None
    hardware_id: bytes | None = None
    csp_id: str | None = None
    vek_tcb: bytes | None = None
    vek_key: bytes | None = None
    vek_serial: str | None = None
    not_before: int | None = None
    not_after: int | None = None
    root_key: bytes | None = None
    root_subject: bytes | None = None
    ca_key: bytes | None = None
    ca_subject: bytes | None = None
    ca_name: str | None = None
    ca_serial: str | None = None

    @property
    def trusted(self) -> bool:
        """The chain is AMD's, or that of another anchor of the case."""
        return self.results["N2"][0] == "pass"

    def with_chain(self, **chain: bytes | str) -> EndorsementFact:
        """The same with the fields of root and CA."""
        return replace(self, **chain)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SignerFact:
    """A TCB signing certificate under a root; `trusted`: that root is an anchor of the case.

    `not_after` is the earliest of both. Keys are `X ‖ Y`.
    """

    certificate_id: bytes
    key: bytes
    serial: str
    not_before: int
    not_after: int
    root_key: bytes
    trusted: bool


@dataclass(frozen=True)
class DocumentFact:
    """A TCB info or enclave identity: checks S1, S3-S6, and a certificate of the key that signed
    it. Intel certifies the same key anew: then each certificate makes a fact of its own.
    """

    document_id: bytes
    outline: Outline
    results: Results
    signer: SignerFact | None = None

    @property
    def signer_key(self) -> bytes | None:
        return self.signer.key if self.signer else None

    @property
    def root_key(self) -> bytes | None:
        return self.signer.root_key if self.signer else None

    @cached_property
    def authentic(self) -> bool:
        return all(outcome[0] == "pass" for outcome in self.results.values())

    def under(self, signer: SignerFact) -> DocumentFact:
        """The same under this certificate of the key that signed it."""
        first = judge(signer.trusted, "a root that is a trust anchor", signer.root_key)
        return replace(self, results=self.results | {"S1": first}, signer=signer)


def list_signings(
    fact: DocumentFact, key: bytes | None, signers: Iterable[SignerFact]
) -> list[DocumentFact]:
    """A document under each trusted certificate of the key that signed it.

    Where none is trusted, under the first: anyone can issue as many as he likes.
    """
    fitting = [signer for signer in signers if signer.key == key]
    chosen = [signer for signer in fitting if signer.trusted] or fitting[:1]
    return [fact.under(signer) for signer in chosen] or [fact]


@dataclass(frozen=True)
class CrlFact:
    """A CRL and the known certificate whose key signed it, if any did."""

    crl_id: bytes
    issuer: bytes
    issuer_name: str
    issuer_key: bytes | None
    this_update: int
    next_update: int | None
    complete: bool
    number: int | None
    revoked: frozenset[str] = field(repr=False)
    partial: bool | None = False
    trusted: bool | None = False

    @property
    def authentic(self) -> bool:
        return self.issuer_key is not None and self.complete


@dataclass(frozen=True)
class Subject:
    """Everything of a quote that an appraisal looks at; millions of quotes share a few of these.

    `results` holds F1-F4, K5 and the strict checks A1-A4 of a quote. Of an SEV-SNP report there are
    the report's signed bytes (REPORT_DATA as zeros), and the VEK certificate that fits, if any.
    """

    subject_no: int
    tee: str
    certification_id: bytes | None
    results: Results
    tee_tcb_svn: bytes | None = None
    tee_tcb_svn_2: bytes | None = None
    mrsigner_seam: bytes | None = None
    seam_attributes: bytes | None = None
    report: SnpReport | None = None
    endorsement_id: bytes | None = None
    signature_ok: bool | None = None
