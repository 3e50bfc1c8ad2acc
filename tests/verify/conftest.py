"""A workshop for forgeries: healthy evidence under a root of its own, one part bent at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forensics.errors import EvidenceError
from forensics.formats.layout import Value
from forensics.formats.pem import split_pem
from forensics.formats.quote import Quote
from forensics.formats.structures import TD_REPORT_10, TD_REPORT_15
from forensics.simulate import collateral as col
from forensics.simulate import keys, pki, quotes
from forensics.simulate.certificates import CertificateSpec, Identity, chain_pem
from forensics.simulate.sgx_extension import SgxExtension
from forensics.verify.appraisal import Judgement

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = ISSUED + timedelta(days=4)

KIND_OF_MEMBER = {"tcbInfo": "tcb_info", "enclaveIdentity": "qe_identity"}


@dataclass(frozen=True)
class Evidence:
    """A quote with all that judges it. `handed`: the archive's selection rule has no say."""

    kit: Kit
    quote: Quote
    collateral: col.Collateral
    anchors: frozenset[bytes]
    moment: datetime = NOW
    handed: bool = False
    raw: bytes | None = None
    more_documents: tuple[col.SignedDocument, ...] = ()
    more_crls: tuple[bytes, ...] = ()
    without: tuple[str, ...] = ()
    more_certificates: tuple[bytes, ...] = field(default=())

    def bend(self, **changes: Any) -> Evidence:
        return replace(self, **changes)

    def bend_quote(self, **changes: Any) -> Evidence:
        """Replace parts of the quote without signing again."""
        return replace(self, quote=replace(self.quote, **changes))

    def bend_collateral(self, **changes: Any) -> Evidence:
        return replace(self, collateral=replace(self.collateral, **changes))

    def bundle(self) -> Any:
        """Everything as a `Bundle`, without the fields of the collateral named in `without`."""
        parts = self.collateral
        documents = [
            getattr(parts, name) for name in ("tcb_info", "qe_identity") if name not in self.without
        ]
        crls = [getattr(parts, n) for n in ("root_ca_crl", "pck_crl") if n not in self.without]
        chains = [
            getattr(parts, name)
            for name in (
                "pck_crl_issuer_chain",
                "tcb_info_issuer_chain",
                "qe_identity_issuer_chain",
            )
            if name not in self.without
        ]
        certificates = [der for chain in chains for _, der in split_pem(chain)]
        return self.kit.bundle_of(
            tuple(
                (KIND_OF_MEMBER[d.kind], d.body, d.signature)
                for d in (*documents, *self.more_documents)
            ),
            (*crls, *self.more_crls),
            tuple(dict.fromkeys((*certificates, *self.more_certificates))),
        )

    @property
    def trial(self) -> Any:
        """Everything proven, to be judged at any moment."""
        data = self.quote.to_bytes() if self.raw is None else self.raw
        return self.kit.try_quote(data, self.bundle(), self.anchors)

    def judge(self, moment: datetime | None = None) -> Judgement:
        at = to_microseconds(moment or self.moment)
        trial = self.trial
        judgement: Judgement = trial.handed(at) if self.handed else trial.at(at)
        return judgement


def to_microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class Kit:
    """Builds healthy evidence; every argument bends one thing."""

    FMSPC = bytes.fromhex("b0c06f000000")
    COMPONENTS = SgxExtension(b"", b"").components
    PCE_SVN = 13
    TDX_LEVEL = bytes((5, 1, 2)).ljust(16, b"\0")
    ISSUED = ISSUED
    NOW = NOW
    to_microseconds = staticmethod(to_microseconds)

    def __init__(self, bundle_of: Callable[..., Any], try_quote: Callable[..., Any]) -> None:
        self.bundle_of = bundle_of
        self.try_quote = try_quote
        self.pki = pki.make_pki(7)
        self.foreign = pki.make_pki(8)  # the same names, other keys
        self.key = keys.derive_key(7, "attestation key")
        self.other_key = keys.derive_key(7, "another key")
        self.anchor = keys.public_bytes(self.pki.root.key)

    def extension(self, ca: pki.CaKind = "platform", **fields: Any) -> SgxExtension:
        server = ca == "platform"
        base = SgxExtension(
            ppid=bytes(range(16)),
            fmspc=self.FMSPC,
            sgx_type=1 if server else 0,
            platform_instance_id=bytes(range(16, 32)) if server else None,
        )
        return replace(base, **fields)

    def pck(
        self,
        ca: pki.CaKind = "platform",
        *,
        authority: pki.Pki | None = None,
        extension: Mapping[str, Any] | None = None,
        not_before: datetime = datetime(2025, 6, 1, tzinfo=UTC),
        **spec: Any,
    ) -> Identity:
        """The PCK certificate; `extension` bends its SGX extension, `spec` anything else."""
        healthy = (authority or self.pki).pck_spec(
            self.extension(ca, **(extension or {})), label="pck", ca=ca, not_before=not_before
        )
        return Identity.issue(replace(healthy, **spec))

    def ca(self, kind: pki.CaKind = "platform", **spec: Any) -> Identity:
        return Identity.issue(replace(self.pki.ca(kind).spec, **spec))

    def root(self, **spec: Any) -> Identity:
        return Identity.issue(replace(self.pki.root.spec, **spec))

    def chain(
        self, pck: Identity, ca: Identity | None = None, root: Identity | None = None
    ) -> bytes:
        return (
            chain_pem(pck.der, (ca or self.pki.platform_ca).der, (root or self.pki.root).der)
            + b"\0"
        )

    def certify(
        self, tee: str = "sgx", pck: Identity | None = None, chain: bytes | None = None, **rest: Any
    ) -> quotes.Certification:
        pck = pck or self.pck()
        return quotes.certify(
            rest.pop("key", self.key),
            pck.key,
            self.chain(pck) if chain is None else chain,
            tee=tee,
            **rest,
        )

    def sgx(
        self,
        version: int = 3,
        certification: quotes.Certification | None = None,
        body: Mapping[str, Value] | None = None,
        **rest: Any,
    ) -> Quote:
        return quotes.build_quote(
            certification or self.certify(),
            quotes.sgx_body(**(body or {})),
            version=version,
            **rest,
        )

    def tdx(
        self,
        version: int = 4,
        certification: quotes.Certification | None = None,
        body: Mapping[str, Value] | None = None,
        td15: bool = False,
        **rest: Any,
    ) -> Quote:
        return quotes.build_quote(
            certification or self.certify("tdx"),
            quotes.td_body(TD_REPORT_15 if td15 else TD_REPORT_10, **(body or {})),
            version=version,
            **rest,
        )

    def level(self, tee: str = "sgx", status: str = "UpToDate", **rest: Any) -> col.TcbLevel:
        healthy = {
            "components": self.COMPONENTS,
            "pce_svn": self.PCE_SVN,
            "tdx": self.TDX_LEVEL if tee == "tdx" else None,
        }
        return col.TcbLevel(status=status, **(healthy | rest))

    def plan(self, tee: col.Tee = "sgx", **rest: Any) -> col.CollateralPlan:
        healthy = col.CollateralPlan(tee, self.FMSPC, ISSUED, (self.level(tee),))
        return replace(healthy, **rest)

    def collateral(self, tee: col.Tee = "sgx", **rest: Any) -> col.Collateral:
        return col.build_collateral(self.pki, self.plan(tee, **rest))

    def sign(self, document: col.Document, key: keys.PrivateKey | None = None) -> Any:
        return col.sign_document(document, key or self.pki.tcb_signing.key)

    def crl(self, issuer: Identity, days: int = 30, start: datetime = ISSUED, **rest: Any) -> bytes:
        return pki.build_crl(
            issuer, this_update=start, next_update=start + timedelta(days=days), **rest
        )

    def evidence(
        self,
        quote: Quote | None = None,
        collateral: col.Collateral | None = None,
        **rest: Any,
    ) -> Evidence:
        """Healthy SGX evidence unless something else is given; the collateral fits the quote."""
        quote = quote or self.sgx()
        tee: col.Tee = "tdx" if quote.tee == "tdx" else "sgx"
        return Evidence(
            self,
            quote,
            collateral or self.collateral(tee),
            frozenset((self.anchor,)),
            **rest,
        )

    def sgx_evidence(self, pck: Identity | None = None, **rest: Any) -> Evidence:
        """SGX evidence around a PCK certificate or a whole chain (`ca`, `root`)."""
        pck = pck or self.pck()
        chain = self.chain(pck, rest.pop("ca", None), rest.pop("root", None))
        return self.evidence(self.sgx(certification=self.certify(pck=pck, chain=chain)), **rest)

    def describe(self, forge: Callable[[Kit], Evidence]) -> str:
        """Outcome, status, every failing check, and what lacks its input; or the quarantine."""
        try:
            judgement = forge(self).judge()
        except EvidenceError as error:
            return f"quarantine: {error.code}"
        text = " ".join(filter(None, (judgement.outcome, judgement.status)))
        failed = sorted([*judgement.failed_checks, *judgement.strict_failures])
        if failed:
            text += ": " + " ".join(failed)
        if judgement.undetermined_checks:
            text += "; lacks " + " ".join(judgement.undetermined_checks)
        return text

    @staticmethod
    def respec(identity: Identity, **changes: Any) -> CertificateSpec:
        return replace(identity.spec, **changes)


@pytest.fixture(scope="session")
def kit(bundle_of: Callable[..., Any], try_quote: Callable[..., Any]) -> Kit:
    return Kit(bundle_of, try_quote)
