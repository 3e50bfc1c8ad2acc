"""Evidence built at random: platforms, documents, certificates, and plain damage.

Hypothesis draws, derandomized: the same cases every time. What is signed is signed properly, under
a root of the kit's own, so that what the verifiers judge is the content.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier
from differential.cases import PARTIAL_CRLS, Case, exhibit_of
from differential.verifiers import Exhibit
from hypothesis import strategies as st

from forensics.formats.collateral import TCB_STATUSES
from forensics.simulate import collateral as col
from forensics.simulate.certificates import Identity, chain_pem, intel_name
from forensics.simulate.sgx_extension import encode_entries

Draw = Callable[[st.SearchStrategy[Any]], Any]

OF_MODULES = (*("UpToDate",) * 5, *("OutOfDate",) * 4, "Revoked")
DAY = 24 * 3600
MOMENTS = (*(4 * DAY,) * 12, -1, 0, 1, 30 * DAY - 1, 30 * DAY, 30 * DAY + 1, 366 * DAY)


def _rarely(draw: Draw, usual: Any, *unusual: Any, one_in: int = 12) -> Any:
    """The usual value, and once in so many draws another."""
    if draw(st.integers(1, one_in)) < one_in:
        return usual
    return draw(st.sampled_from(unusual))


# --- platforms ------------------------------------------------------------------------------


@st.composite
def platforms(draw: Draw, kit: Any) -> Case:
    """A healthy quote of a platform anywhere around the levels of its TCB info."""
    tee = draw(st.sampled_from(("sgx", "tdx", "tdx")))
    launch = _draw_tdx_tcb(draw)
    collateral = _draw_collateral(draw, kit, tee, launch)
    quote = _draw_sgx(draw, kit) if tee == "sgx" else _draw_tdx(draw, kit, launch)
    moment = kit.ISSUED + timedelta(seconds=draw(st.sampled_from(MOMENTS)))
    evidence = kit.evidence(quote, collateral, moment=moment)
    return Case(f"{tee} platform", exhibit_of(evidence), with_binding=draw(st.integers(0, 2)) == 0)


def _draw_tdx_tcb(draw: Draw) -> bytes:
    minor, module = draw(st.integers(1, 6)), draw(st.sampled_from((0, 1, 1, 1, 2, 10)))
    return bytes((minor, module, draw(st.integers(2, 4)))).ljust(16, b"\0")


def _draw_near(draw: Draw, svns: bytes) -> bytes:
    """One or two components moved, most often down."""
    moved = bytearray(svns)
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        position = draw(st.integers(0, 15))
        step = draw(st.sampled_from((-2, -1, -1, 1)))
        moved[position] = min(255, max(0, moved[position] + step))
    return bytes(moved)


def _draw_levels(draw: Draw, kit: Any, tee: str, launch: bytes) -> tuple[col.TcbLevel, ...]:
    made = [
        kit.level(
            tee,
            draw(st.sampled_from(TCB_STATUSES)),
            components=_draw_near(draw, kit.COMPONENTS),
            pce_svn=draw(st.sampled_from((11, 12, 13, 13, 13, 14))),
            tdx=_draw_near(draw, launch) if tee == "tdx" else None,
            advisories=(f"INTEL-SA-{number:05}",),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    return tuple({(one.components, one.pce_svn, one.tdx): one for one in made}.values())


def _draw_svn_levels(draw: Draw, prefix: str) -> tuple[col.SvnLevel, ...]:
    svns = draw(st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True))
    return tuple(
        col.SvnLevel(svn, draw(st.sampled_from(OF_MODULES)), advisories=(f"{prefix}{svn}",))
        for svn in svns
    )


def _draw_collateral(draw: Draw, kit: Any, tee: str, launch: bytes) -> col.Collateral:
    numbers = draw(st.lists(st.sampled_from((1, 2, 10)), min_size=1, max_size=3, unique=True))
    modules = tuple(
        col.TdxModule(
            number,
            _draw_svn_levels(draw, f"M{number}."),
            mrsigner=_rarely(draw, bytes(48), b"\x01" * 48),
            attributes=_rarely(draw, bytes(8), b"\x01".ljust(8, b"\0")),
            attributes_mask=_rarely(draw, b"\xff" * 8, bytes(8), b"\xfe".ljust(8, b"\xff")),
        )
        for number in numbers
    )
    return kit.collateral(
        tee,
        levels=_draw_levels(draw, kit, tee, launch),
        modules=modules,
        qe_levels=_draw_svn_levels(draw, "Q"),
        revoked_pcks=_rarely(draw, (), (kit.pck().spec.serial,), (5,)),
        revoked_by_root=_rarely(
            draw,
            (),
            (kit.pki.platform_ca.spec.serial,),
            (kit.pki.tcb_signing.spec.serial,),
            (kit.pki.root.spec.serial,),
        ),
        fmspc=_rarely(draw, kit.FMSPC, bytes(6)),
        tcb_overrides=_rarely(
            draw,
            {},
            {"pceId": "0001"},
            {"tcbEvaluationDataNumber": 16},
            {"issueDate": "2026-01-05T00:00:01Z"},
            {"nextUpdate": "2026-01-04T23:59:59Z"},
        ),
        qe_overrides=_rarely(
            draw,
            {},
            {"issueDate": "2026-01-05T00:00:01Z"},
            {"isvprodid": 7},
            {"miscselect": "00000001"},
            {"attributesMask": "FF" * 16},
        ),
    )


def _draw_certification(draw: Draw, kit: Any, tee: str) -> Any:
    fields = {"isv_svn": draw(st.integers(4, 9))}
    fields |= _rarely(
        draw,
        {},
        {"misc_select": 1},
        {"attributes": b"\x17".ljust(16, b"\0")},
        {"attributes": b"\x11".ljust(16, b"\xff")},
        {"mrsigner": bytes(32)},
    )
    auth_data = _rarely(draw, bytes(range(32)), b"", bytes(33), bytes(1000))
    return kit.certify(tee, qe=fields, auth_data=auth_data)


def _draw_sgx(draw: Draw, kit: Any) -> Any:
    flags = _rarely(draw, 0x05, 0x07, 0x15, 0x04, 0x85)
    body = {"attributes": bytes((flags,)).ljust(8, b"\0") + b"\xe7".ljust(8, b"\0")}
    version = _rarely(draw, 3, 4, 5)
    return kit.sgx(version, _draw_certification(draw, kit, "sgx"), body)


def _draw_tdx(draw: Draw, kit: Any, launch: bytes) -> Any:
    version, td15 = draw(st.sampled_from(((4, False), (5, False), (5, True), (5, True))))
    bits = {
        28,
        *draw(st.sets(st.sampled_from((0, 1, 4, 5, 16, 27, 28, 29, 30, 31, 62, 63)), max_size=1)),
    }
    bits = _rarely(draw, {28}, bits, set(), one_in=6)
    body: dict[str, Any] = {
        "tee_tcb_svn": launch,
        "td_attributes": sum(1 << bit for bit in bits).to_bytes(8, "little"),
        "seam_attributes": _rarely(draw, bytes(8), b"\x01".ljust(8, b"\0"), one_in=20),
        "mrsigner_seam": _rarely(draw, bytes(48), b"\x01" * 48, one_in=20),
    }
    if td15:
        body["tee_tcb_svn_2"] = _draw_tdx_tcb(draw)
        body["mr_service_td"] = _rarely(draw, bytes(48), b"\x01" * 48)
    return kit.tdx(version, _draw_certification(draw, kit, "tdx"), body, td15=td15)


# --- documents ------------------------------------------------------------------------------

VALUES = (
    *(None, True, False, -1, 0, 1, 2, 3, 16, 255, 256, 0xFFFF, 0x10000, 1 << 31, 1 << 32, 1 << 64),
    *(1.0, 0.5, 1e99, "", "0", "00", "0000", "SGX", "TDX", "QE", "TDX_01", "tdx_01", "UpToDate"),
    *("Revoked", "uptodate", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0Z", "\u00e9"),
    *("2026-01-01T00:00:00+00:00", "2026-01-01 00:00:00", [], {}, [1], [{}], ["INTEL-SA-1"]),
)


@st.composite
def documents(draw: Draw, kit: Any) -> Case:
    """A document with one member changed, signed again by the TCB signer."""
    tee = draw(st.sampled_from(("sgx", "tdx")))
    evidence = kit.evidence(getattr(kit, tee)())
    name = draw(st.sampled_from(("tcb_info", "tcb_info", "qe_identity")))
    signed = getattr(evidence.collateral, name)
    document = json.loads(signed.body)
    what = _change_member(draw, document)
    changed = replace(kit.sign(document), kind=signed.kind)
    exhibit = exhibit_of(evidence.bend_collateral(**{name: changed}))
    return Case(f"{tee} {name}: {what}", exhibit, with_binding=draw(st.booleans()))


def _change_member(draw: Draw, document: Any) -> str:
    """Delete, rename, replace or vary one member somewhere; says what was done."""
    holder, key, path = document, None, ""
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        path += f"/{key}"
        inner = holder[key]
        if not (isinstance(inner, (dict, list)) and inner) or draw(st.integers(0, 3)) == 0:
            break
        holder = inner
    action = draw(st.sampled_from(("delete", "rename", "replace", "replace", "vary", "repeat")))
    if action == "rename" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif action == "repeat" and isinstance(holder, list):
        holder.insert(key, inner)
    elif action == "vary" and isinstance(inner, str):
        holder[key] = draw(
            st.sampled_from((inner.upper(), inner.lower(), inner + "0", inner[:-1], f" {inner}"))
        )
    elif action == "delete":
        del holder[key]
    else:
        holder[key] = draw(st.sampled_from(VALUES))
        action = f"replace with {holder[key]!r}"
    return f"{action} {path}"


# --- certificates and CRLs ------------------------------------------------------------------

REQUIRED = (
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.BASIC_CONSTRAINTS,
)
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
NAMES = ("SGX PCK Certificate", "Intel SGX PCK Certificate CA", "Intel SGX Root CA", "CA", "Nobody")


@st.composite
def certificates(draw: Draw, kit: Any) -> Case:
    """One certificate says something else, and all below it are issued again."""
    role = draw(st.sampled_from(("pck", "pck", "ca", "root", "signer")))
    what, changes = _draw_certificate_change(draw, kit, role)
    evidence, root = _issue(kit, role, changes)
    moment = kit.ISSUED + timedelta(days=draw(st.sampled_from((4, 4, 4, 0, 30))))
    exhibit = replace(exhibit_of(evidence.bend(moment=moment)), root=root)
    return Case(f"{role}: {what}", exhibit, with_binding=True)


def _draw_certificate_change(draw: Draw, kit: Any, role: str) -> tuple[str, dict[str, Any]]:
    start, end = kit.ISSUED - timedelta(days=100), kit.ISSUED + timedelta(days=900)
    oid = draw(st.sampled_from(REQUIRED))
    choices: list[tuple[str, dict[str, Any]]] = [
        (f"without {oid.dotted_string}", {"omit": (oid,)}),
        ("unknown extension", {"extra": ((UNKNOWN, False),)}),
        ("unknown critical extension", {"extra": ((UNKNOWN, True),)}),
        ("signed with SHA-384", {"hash_algorithm": SHA384()}),
        ("CA bit", {"is_ca": True, "path_length": None}),
        ("no CA bit", {"is_ca": False, "path_length": None}),
        ("path length 0", {"is_ca": True, "path_length": 0}),
        ("serial 1", {"serial": 1}),
        ("begins later", {"validity": (kit.ISSUED + timedelta(days=10), end)}),
        ("ends at the moment", {"validity": (start, kit.NOW)}),
        ("ended", {"validity": (start, kit.NOW - timedelta(seconds=1))}),
        ("other CRL address", {"crl_url": "https://example.com/a.crl"}),
    ]
    name = draw(st.sampled_from(NAMES))
    choices.append((f"named {name}", {"subject": intel_name(name)}))
    if role == "pck":
        choices += [("SGX extension", {"sgx_extension": _draw_extension(draw, kit)})] * 6
    return draw(st.sampled_from(choices))


def _draw_extension(draw: Draw, kit: Any) -> bytes | None:
    fields = draw(
        st.sampled_from(
            (
                {"ppid": bytes(15)},
                {"fmspc": bytes(5)},
                {"pce_id": b"\x01\x00"},
                {"components": bytes(range(1, 17))},
                {"cpu_svn": bytes(16)},
                {"pce_svn": 0},
                {"pce_svn": 0xFFFF},
                {"sgx_type": 3},
                {"platform_instance_id": None},
                {"smt_enabled": False},
            )
        )
    )
    extension = kit.extension(**fields)
    entries = extension.entries()
    position = draw(st.integers(0, len(entries) - 1))
    return draw(
        st.sampled_from(
            (
                None,
                extension.to_der(),
                encode_entries(entries[:position] + entries[position + 1 :]),
                encode_entries([*entries, entries[position]]),
                encode_entries(entries[::-1]),
                extension.to_der() + b"\0",
            )
        )
    )


def _issue(kit: Any, role: str, changes: dict[str, Any]) -> tuple[Any, bytes]:
    """The evidence, and the trusted root in DER."""
    trusted = kit.pki.root.der
    if role == "pck":
        return kit.sgx_evidence(kit.pck(**changes)), trusted
    if role == "ca":
        ca = kit.ca(**changes)
        evidence = kit.sgx_evidence(kit.pck(issuer=ca.spec.subject), ca=ca)
        return evidence.bend_collateral(pck_crl=kit.crl(ca)), trusted
    if role == "root":
        return _issue_root(kit, changes)
    signer = Identity.issue(kit.respec(kit.pki.tcb_signing, **changes))
    chain = chain_pem(signer.der, trusted)
    return _with_signing_chain(kit.evidence(), chain), trusted


def _issue_root(kit: Any, changes: dict[str, Any]) -> tuple[Any, bytes]:
    own = {"issuer": changes["subject"]} if "subject" in changes else {}
    root = kit.root(**changes, **own)
    ca = kit.ca(issuer=root.spec.subject)
    signer = Identity.issue(kit.respec(kit.pki.tcb_signing, issuer=root.spec.subject))
    evidence = kit.sgx_evidence(kit.pck(), ca=ca, root=root)
    evidence = evidence.bend_collateral(root_ca_crl=kit.crl(root, days=365))
    return _with_signing_chain(evidence, chain_pem(signer.der, root.der)), root.der


def _with_signing_chain(evidence: Any, chain: bytes) -> Any:
    return evidence.bend_collateral(tcb_info_issuer_chain=chain, qe_identity_issuer_chain=chain)


@st.composite
def crls(draw: Draw, kit: Any) -> Case:
    """A CRL of another issuer, key, time or content."""
    name = draw(st.sampled_from(("root_ca_crl", "pck_crl")))
    issuers = (kit.pki.root, kit.pki.platform_ca, kit.pki.processor_ca, kit.foreign.root)
    own = kit.pki.root if name == "root_ca_crl" else kit.pki.platform_ca
    issuer = _rarely(draw, own, *issuers, one_in=4)
    serials = (kit.pck().spec.serial, own.spec.serial, kit.pki.tcb_signing.spec.serial, 1)
    crl = kit.crl(
        issuer,
        days=draw(st.sampled_from((1, 4, 5, 30, 4000))),
        start=kit.ISSUED + timedelta(days=draw(st.sampled_from((0, 0, 0, -100, 4, 5)))),
        revoked=tuple(draw(st.lists(st.sampled_from(serials), max_size=2, unique=True))),
        number=_rarely(draw, 1, None, 0, 1 << 100),
        authority_key=_rarely(draw, True, False),
        critical=_rarely(draw, None, *PARTIAL_CRLS),
        signing_key=_rarely(draw, None, kit.other_key, kit.pki.tcb_signing.key),
        issuer_name=_rarely(draw, None, own.spec.subject, intel_name("Nobody")),
    )
    exhibit = exhibit_of(kit.evidence().bend_collateral(**{name: crl}))
    return Case(f"{name}", exhibit, with_binding=draw(st.booleans()))


# --- damage ---------------------------------------------------------------------------------

PIECES = (
    *("quote", "quote", "quote", "quote", "tcb_info", "qe_identity", "root_ca_crl", "pck_crl"),
    *("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain"),
)


@st.composite
def damages(draw: Draw, exhibits: tuple[Exhibit, ...]) -> Case:
    """One to three edits anywhere in one piece of evidence."""
    exhibit = draw(st.sampled_from(exhibits))
    name = draw(st.sampled_from(PIECES))
    data = getattr(exhibit, name)
    edits = []
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("flip", "set", "insert", "delete", "cut", "repeat")))
        edits.append(f"{kind} {position}")
        data = _edit(draw, data, position, kind)
    if name not in ("quote", "root_ca_crl", "pck_crl"):
        data = data.decode(errors="replace").encode()
    changed = replace(exhibit, **{name: data})
    return Case(f"{name}: {', '.join(edits)}", changed, with_binding=draw(st.integers(0, 5)) == 0)


def _edit(draw: Draw, data: bytes, position: int, kind: str) -> bytes:
    before, after = data[:position], data[position:]
    if kind == "flip":
        return before + bytes(b ^ 1 << draw(st.integers(0, 7)) for b in after[:1]) + after[1:]
    if kind == "set":
        return before + draw(st.binary(min_size=1, max_size=4)) + after[4:]
    if kind == "insert":
        return before + draw(st.sampled_from((b" ", b"\n", b"\0", b"A", b"\r\n"))) + after
    if kind == "delete":
        return before + after[draw(st.integers(1, 8)) :]
    if kind == "cut":
        return before
    return before + after[:64] + after
