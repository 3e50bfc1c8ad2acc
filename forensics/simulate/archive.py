"""The fleet's collateral over time: what a daily job that calls PCS would have kept.

Evaluation 17 is in force at first. The TCB recovery publishes 18, under which the fleet's
firmware still passes, as `SWHardeningNeeded`, until its platforms are reprovisioned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forensics.simulate.certificates import encode_pem
from forensics.simulate.collateral import (
    ROOT_CRL_VALIDITY,
    VALIDITY,
    Collateral,
    SignedDocument,
    SvnLevel,
    TcbLevel,
    Tee,
    qe_identity,
    sign_document,
    tcb_info,
)
from forensics.simulate.pki import CaKind, Pki, build_crl
from forensics.simulate.platforms import (
    CLIENT_FMSPC,
    CURRENT,
    NEGLECTED,
    RECOVERED,
    SERVER_FMSPC,
    Generation,
)

REISSUE = timedelta(days=7)
_ROOT_CRL_AGE = timedelta(days=60)
_ADVISORIES = ("INTEL-SA-01153",)
_KINDS: tuple[tuple[Tee, bytes], ...] = (
    ("sgx", SERVER_FMSPC),
    ("tdx", SERVER_FMSPC),
    ("sgx", CLIENT_FMSPC),
)


@dataclass(frozen=True)
class Revocation:
    """A PCK certificate that its CA lists from `since` on."""

    serial: int
    ca: CaKind
    since: datetime


@dataclass
class Archive:
    """Everything issued for the fleet between `start` and `end`."""

    pki: Pki
    start: datetime
    end: datetime
    recovery: datetime
    revocations: list[Revocation] = field(default_factory=list)

    def issues(self) -> list[tuple[datetime, int]]:
        """`(issued, evaluation number)` of each collateral version, in order of time."""
        moments = []
        issued = self.start - timedelta(days=1)
        while issued < self.end:
            moments.append(issued)
            issued += REISSUE
        moments = sorted({*moments, self.recovery, *(r.since for r in self.revocations)})
        return [(at, self.evaluation_at(at)) for at in moments]

    def evaluation_at(self, at: datetime) -> int:
        return 18 if at >= self.recovery else 17

    def status_of(self, generation: Generation, at: datetime) -> str:
        """The status that the collateral issued last before `at` gives to a platform."""
        if generation.rank == NEGLECTED.rank:
            return "OutOfDate"
        lags = generation.rank == CURRENT.rank and self.evaluation_at(at) == 18
        return "SWHardeningNeeded" if lags else "UpToDate"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """`(path, content)` of each file that the daily job kept."""
        yield "collateral/tcb_signing_chain.pem", self.pki.tcb_signing_chain()
        for ca in ("platform", "processor"):
            yield f"collateral/pck_{ca}_ca_chain.pem", self.pki.pck_crl_chain(ca)
        yield "collateral/root_ca_crl.hex", self._root_crl().hex().encode()
        for issued, evaluation in self.issues():
            folder = f"collateral/{issued:%Y-%m-%dT%H%M}-{evaluation}"
            for tee, fmspc in _KINDS:
                name = f"{folder}/tcb_info_{tee}_{fmspc.hex()}.json"
                yield name, self._tcb_info(tee, fmspc, issued).envelope()
            for tee in ("sgx", "tdx"):
                yield f"{folder}/qe_identity_{tee}.json", self._qe_identity(tee, issued).envelope()
            yield f"{folder}/pck_crl_platform.der", self._pck_crl("platform", issued)
            pem = encode_pem(self._pck_crl("processor", issued), "X509 CRL")
            yield f"{folder}/pck_crl_processor.pem", pem

    def bundle(self, tee: Tee, fmspc: bytes, at: datetime) -> Collateral:
        """The nine fields that were in force at `at`."""
        issued = [moment for moment, _ in self.issues() if moment <= at][-1]
        ca: CaKind = "platform" if fmspc == SERVER_FMSPC else "processor"
        return Collateral(
            pck_crl_issuer_chain=self.pki.pck_crl_chain(ca),
            root_ca_crl=self._root_crl(),
            pck_crl=self._pck_crl(ca, issued),
            tcb_info_issuer_chain=self.pki.tcb_signing_chain(),
            tcb_info=self._tcb_info(tee, fmspc, issued),
            qe_identity_issuer_chain=self.pki.tcb_signing_chain(),
            qe_identity=self._qe_identity(tee, issued),
        )

    def _tcb_info(self, tee: Tee, fmspc: bytes, issued: datetime) -> SignedDocument:
        evaluation = self.evaluation_at(issued)
        known = (RECOVERED, CURRENT, NEGLECTED) if evaluation == 18 else (CURRENT, NEGLECTED)
        levels = [
            TcbLevel(
                generation.components,
                generation.pce_svn,
                status := self.status_of(generation, issued),
                # One below what the platforms have, as real documents are.
                bytes((5, 1, 2)).ljust(16, b"\0") if tee == "tdx" else None,
                advisories=() if status == "UpToDate" else _ADVISORIES,
            )
            for generation in known
        ]
        document = tcb_info(tee, fmspc=fmspc, issued=issued, levels=levels, evaluation=evaluation)
        return sign_document(document, self.pki.tcb_signing.key)

    def _qe_identity(self, tee: Tee, issued: datetime) -> SignedDocument:
        levels = (SvnLevel(8), SvnLevel(6, "OutOfDate", "2023-02-15T00:00:00Z", _ADVISORIES))
        document = qe_identity(
            tee, issued=issued, evaluation=self.evaluation_at(issued), levels=levels
        )
        return sign_document(document, self.pki.tcb_signing.key)

    def _pck_crl(self, ca: CaKind, issued: datetime) -> bytes:
        return build_crl(
            self.pki.ca(ca),
            this_update=issued,
            next_update=issued + VALIDITY,
            revoked=[r.serial for r in self.revocations if r.ca == ca and r.since <= issued],
        )

    def _root_crl(self) -> bytes:
        issued = self.start - _ROOT_CRL_AGE
        return build_crl(self.pki.root, this_update=issued, next_update=issued + ROOT_CRL_VALIDITY)
