"""Collateral as Intel's PCS serves it: TCB info v2 and v3, enclave identities, issuer chains, CRLs.

Documents are plain dicts until `sign_document` freezes them into compact JSON under the TCB
signer, so a test changes whatever it likes before, or the bytes after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from forensics.simulate.keys import PrivateKey, sign
from forensics.simulate.pki import CaKind, Pki, build_crl
from forensics.simulate.quotes import (
    DEFAULT_QE_SVN,
    QE_MRSIGNER,
    QE_PRODID,
    TD_QE_MRSIGNER,
    TD_QE_PRODID,
)

Document = dict[str, Any]
Tee = Literal["sgx", "tdx"]

VALIDITY = timedelta(days=30)
ROOT_CRL_VALIDITY = timedelta(days=365)

# The components that Intel names; the others are unnamed and compared all the same.
_SGX_NAMES: tuple[dict[str, str], ...] = (
    {"category": "BIOS", "type": "Early Microcode Update"},
    {"category": "OS/VMM", "type": "SGX Late Microcode Update"},
    {"category": "OS/VMM", "type": "TXT SINIT"},
    {"category": "BIOS"},
    {"category": "BIOS"},
    {"category": "BIOS"},
    {},
    {"category": "OS/VMM", "type": "SEAMLDR ACM"},
)
_TDX_NAMES: tuple[dict[str, str], ...] = (
    {"category": "OS/VMM", "type": "TDX Module"},
    {"category": "OS/VMM", "type": "TDX Module"},
    {"category": "OS/VMM", "type": "TDX Late Microcode Update"},
)


@dataclass(frozen=True)
class TcbLevel:
    """One level of a TCB info. `tdx` is None in SGX documents."""

    components: bytes
    pce_svn: int
    status: str = "UpToDate"
    tdx: bytes | None = None
    date: str = "2025-05-14T00:00:00Z"
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True)
class SvnLevel:
    """One level of an enclave identity or of a TDX module identity."""

    isv_svn: int
    status: str = "UpToDate"
    date: str = "2025-05-14T00:00:00Z"
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True)
class TdxModule:
    """One TDX module identity: `TDX_01` is major version 1."""

    version: int
    levels: tuple[SvnLevel, ...]
    mrsigner: bytes = bytes(48)
    attributes: bytes = bytes(8)
    attributes_mask: bytes = b"\xff" * 8


DEFAULT_MODULES = (TdxModule(1, (SvnLevel(4), SvnLevel(2, "OutOfDate"))),)


def tcb_info(
    tee: Tee,
    *,
    fmspc: bytes,
    issued: datetime,
    levels: Iterable[TcbLevel],
    expires: datetime | None = None,
    evaluation: int = 17,
    version: int = 3,
    modules: Sequence[TdxModule] = DEFAULT_MODULES,
) -> Document:
    """The `tcbInfo` object. Levels are kept in the order given (Intel: highest first).

    Version 2 is SGX only, with sixteen named members in place of the component list.
    """
    document: Document = {"id": tee.upper()} if version == 3 else {}
    document |= {
        "version": version,
        "issueDate": format_time(issued),
        "nextUpdate": format_time(expires or issued + VALIDITY),
        "fmspc": fmspc.hex(),
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": evaluation,
    }
    if tee == "tdx":
        document["tdxModule"] = _module_body(TdxModule(0, ()))
    if tee == "tdx" and modules:  # Intel's verifier refuses an empty list
        document["tdxModuleIdentities"] = [
            {
                "id": f"TDX_{module.version:02X}",
                **_module_body(module),
                "tcbLevels": [_svn_level(level) for level in module.levels],
            }
            for module in modules
        ]
    document["tcbLevels"] = [_tcb_level(level, version) for level in levels]
    return document


def qe_identity(
    tee: Tee,
    *,
    issued: datetime,
    expires: datetime | None = None,
    evaluation: int = 17,
    levels: Iterable[SvnLevel] = (
        SvnLevel(DEFAULT_QE_SVN),
        SvnLevel(DEFAULT_QE_SVN - 2, "OutOfDate", "2023-02-15T00:00:00Z", ("INTEL-SA-00615",)),
    ),
    **overrides: Any,
) -> Document:
    """The `enclaveIdentity` object, QE or TD_QE; `overrides` replace members by their names."""
    is_sgx = tee == "sgx"
    document = {
        "id": "QE" if is_sgx else "TD_QE",
        "version": 2,
        "issueDate": format_time(issued),
        "nextUpdate": format_time(expires or issued + VALIDITY),
        "tcbEvaluationDataNumber": evaluation,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": (QE_MRSIGNER if is_sgx else TD_QE_MRSIGNER).hex().upper(),
        "isvprodid": QE_PRODID if is_sgx else TD_QE_PRODID,
        "tcbLevels": [_svn_level(level) for level in levels],
    }
    return document | overrides


@dataclass(frozen=True)
class SignedDocument:
    """The signed JSON text and its signature `r ‖ s`."""

    kind: Literal["tcbInfo", "enclaveIdentity"]
    body: bytes
    signature: bytes

    def envelope(self) -> bytes:
        """The response body of PCS."""
        return b'{"%s":%s,"signature":"%s"}' % (
            self.kind.encode(),
            self.body,
            self.signature.hex().encode(),
        )


def sign_document(document: Document, key: PrivateKey) -> SignedDocument:
    """Compact JSON in member order, signed; the member `mrsigner` marks an identity."""
    body = json.dumps(document, separators=(",", ":")).encode()
    kind: Literal["tcbInfo", "enclaveIdentity"] = (
        "enclaveIdentity" if "mrsigner" in document else "tcbInfo"
    )
    return SignedDocument(kind, body, sign(key, body))


@dataclass(frozen=True)
class Collateral:
    """What verifies one quote: the nine fields of the collateral JSON. CRLs are DER."""

    pck_crl_issuer_chain: bytes
    root_ca_crl: bytes
    pck_crl: bytes
    tcb_info_issuer_chain: bytes
    tcb_info: SignedDocument
    qe_identity_issuer_chain: bytes
    qe_identity: SignedDocument

    def to_json(self) -> bytes:
        """The nine-field object, in the order that dcap-qvl writes."""
        members = {
            "pck_crl_issuer_chain": self.pck_crl_issuer_chain.decode(),
            "root_ca_crl": self.root_ca_crl.hex(),
            "pck_crl": self.pck_crl.hex(),
            "tcb_info_issuer_chain": self.tcb_info_issuer_chain.decode(),
            "tcb_info": self.tcb_info.body.decode(),
            "tcb_info_signature": self.tcb_info.signature.hex(),
            "qe_identity_issuer_chain": self.qe_identity_issuer_chain.decode(),
            "qe_identity": self.qe_identity.body.decode(),
            "qe_identity_signature": self.qe_identity.signature.hex(),
        }
        return json.dumps(members, separators=(",", ":")).encode()


@dataclass(frozen=True)
class CollateralPlan:
    """What `build_collateral` should say; the defaults accept a healthy platform."""

    tee: Tee
    fmspc: bytes
    issued: datetime
    levels: tuple[TcbLevel, ...]
    ca: CaKind = "platform"
    evaluation: int = 17
    modules: tuple[TdxModule, ...] = DEFAULT_MODULES
    qe_levels: tuple[SvnLevel, ...] = (SvnLevel(DEFAULT_QE_SVN),)
    revoked_pcks: tuple[int, ...] = ()
    revoked_by_root: tuple[int, ...] = ()
    tcb_overrides: Document = field(default_factory=dict)
    qe_overrides: Document = field(default_factory=dict)


def build_collateral(pki: Pki, plan: CollateralPlan) -> Collateral:
    """The whole bundle for one platform kind, everything issued at `plan.issued`."""
    info = tcb_info(
        plan.tee,
        fmspc=plan.fmspc,
        issued=plan.issued,
        levels=plan.levels,
        evaluation=plan.evaluation,
        modules=plan.modules,
    )
    identity = qe_identity(
        plan.tee, issued=plan.issued, levels=plan.qe_levels, evaluation=plan.evaluation
    )
    signer = pki.tcb_signing.key
    return Collateral(
        pck_crl_issuer_chain=pki.pck_crl_chain(plan.ca),
        root_ca_crl=build_crl(
            pki.root,
            this_update=plan.issued,
            next_update=plan.issued + ROOT_CRL_VALIDITY,
            revoked=plan.revoked_by_root,
        ),
        pck_crl=build_crl(
            pki.ca(plan.ca),
            this_update=plan.issued,
            next_update=plan.issued + VALIDITY,
            revoked=plan.revoked_pcks,
        ),
        tcb_info_issuer_chain=pki.tcb_signing_chain(),
        tcb_info=sign_document(info | plan.tcb_overrides, signer),
        qe_identity_issuer_chain=pki.tcb_signing_chain(),
        qe_identity=sign_document(identity | plan.qe_overrides, signer),
    )


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DDThh:mm:ssZ`, the only form that Intel's library reads."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _tcb_level(level: TcbLevel, version: int) -> Document:
    tcb: Document
    if version == 2:
        tcb = {f"sgxtcbcomp{i:02}svn": svn for i, svn in enumerate(level.components, start=1)}
        tcb["pcesvn"] = level.pce_svn
    else:
        tcb = {
            "sgxtcbcomponents": _components(level.components, _SGX_NAMES),
            "pcesvn": level.pce_svn,
        }
        if level.tdx is not None:
            tcb["tdxtcbcomponents"] = _components(level.tdx, _TDX_NAMES)
    return _level(tcb, level)


def _svn_level(level: SvnLevel) -> Document:
    return _level({"isvsvn": level.isv_svn}, level)


def _level(tcb: Document, level: TcbLevel | SvnLevel) -> Document:
    entry: Document = {"tcb": tcb, "tcbDate": level.date, "tcbStatus": level.status}
    if level.advisories:
        entry["advisoryIDs"] = list(level.advisories)
    return entry


def _components(svns: bytes, names: Sequence[dict[str, str]]) -> list[Document]:
    return [
        {"svn": svn, **(names[position] if position < len(names) else {})}
        for position, svn in enumerate(svns)
    ]


def _module_body(module: TdxModule) -> Document:
    return {
        "mrsigner": module.mrsigner.hex().upper(),
        "attributes": module.attributes.hex().upper(),
        "attributesMask": module.attributes_mask.hex().upper(),
    }
