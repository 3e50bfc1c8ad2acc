"""Intel's signed collateral documents: TCB info v2 and v3, enclave identity v2.

Sources: Intel PCS API v4 documentation; QVL AttestationParsers (TcbInfo.cpp, TcbLevel.cpp,
EnclaveIdentity.cpp). Schema violations raise `EvidenceError` (`bad-tcb-info`, `bad-qe-identity`):
they are the checks S3 and S5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from forensics.errors import EvidenceError
from forensics.formats.json_text import parse_object, slice_members
from forensics.formats.times import to_microseconds

TCB_INFO = "tcb_info"
QE_IDENTITY = "qe_identity"
MEMBER_OF_KIND = {TCB_INFO: "tcbInfo", QE_IDENTITY: "enclaveIdentity"}

TCB_STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)
MODULE_STATUSES = ("UpToDate", "OutOfDate", "Revoked")
ENCLAVE_STATUSES = (*MODULE_STATUSES, "ConfigurationNeeded", "OutOfDateConfigurationNeeded")
"""QVL reads two more words than Intel's documents have; E6 counts them as out of date."""

MAX_LEVELS = 4096

_T = TypeVar("_T")

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_HEX_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")


@dataclass(frozen=True)
class Outline:
    """What selects a document, readable even where the rest of it is malformed.

    `id` is SGX, TDX, QE, TD_QE …; times are microseconds since the epoch, UTC.
    """

    kind: str
    id: str
    version: int | None
    issued_at: int | None
    expires_at: int | None
    evaluation_number: int | None
    fmspc: bytes | None
    pce_id: bytes | None


@dataclass(frozen=True)
class TcbLevel:
    """One platform level; `tdx` is None in SGX documents."""

    sgx: tuple[int, ...]
    pce_svn: int
    tdx: tuple[int, ...] | None
    date: str
    status: str
    advisory_ids: tuple[str, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """QVL's sort key (TcbLevel.cpp operator>): components, PCESVN, TDX components."""
        return (self.sgx, self.pce_svn, self.tdx or ())


@dataclass(frozen=True)
class SvnLevel:
    """A level of a quoting enclave or of a TDX module."""

    isv_svn: int
    date: str
    status: str
    advisory_ids: tuple[str, ...]


@dataclass(frozen=True)
class TdxModule:
    """A TDX module identity; `levels` are in descending order. `id` is empty for tdxModule."""

    id: str
    mrsigner: bytes
    attributes: bytes
    attributes_mask: bytes
    levels: tuple[SvnLevel, ...]


@dataclass(frozen=True)
class TcbInfo:
    """`levels` are in QVL's descending order, whatever the order in the document."""

    outline: Outline
    levels: tuple[TcbLevel, ...]
    module: TdxModule | None
    module_identities: tuple[TdxModule, ...] | None
    in_order: bool = field(default=True)


@dataclass(frozen=True)
class EnclaveIdentity:
    """`levels` are in document order, which is the order QVL tries them in."""

    outline: Outline
    misc_select: bytes
    misc_select_mask: bytes
    attributes: bytes
    attributes_mask: bytes
    mrsigner: bytes
    isv_prodid: int
    levels: tuple[SvnLevel, ...]


def document_id(body: bytes, signature: bytes) -> bytes:
    """Identity of a document in the archive: SHA-256 of its signed text and its signature."""
    return hashlib.sha256(body + signature).digest()


def split_envelope(data: bytes) -> tuple[str, bytes, bytes]:
    """(kind, signed text byte-exact, signature r ‖ s) of a PCS response body.

    Raises `EvidenceError`: those of `slice_members`, or `bad-collateral`.
    """
    members = slice_members(data)
    kinds = [kind for kind, member in MEMBER_OF_KIND.items() if member in members]
    if len(kinds) != 1:
        raise EvidenceError("bad-collateral", "neither tcbInfo nor enclaveIdentity, or both")
    signature = parse_object(b'{"signature":' + members.get("signature", b"null") + b"}")
    return kinds[0], members[MEMBER_OF_KIND[kinds[0]]], decode_signature(signature["signature"])


def decode_signature(value: object) -> bytes:
    """64 bytes from 128 hex digits. Raises `EvidenceError` (`bad-collateral`)."""
    if not isinstance(value, str) or not _HEX_SIGNATURE.fullmatch(value):
        raise EvidenceError("bad-collateral", "signature is not 128 hex digits")
    return bytes.fromhex(value)


def outline_document(kind: str, body: bytes) -> Outline:
    """Read what selects the document; whatever is missing or malformed there is None or empty."""
    members = parse_object(body)
    version = _tolerate(lambda: _number(members, "version"))
    return Outline(
        kind=kind,
        id=_choose_id(kind, version, _tolerate(lambda: _text(members, "id"))),
        version=version,
        issued_at=_tolerate(lambda: _date(members, "issueDate")),
        expires_at=_tolerate(lambda: _date(members, "nextUpdate")),
        evaluation_number=_tolerate(lambda: _number(members, "tcbEvaluationDataNumber")),
        fmspc=_tolerate(lambda: _hex(members, "fmspc", 6)),
        pce_id=_tolerate(lambda: _hex(members, "pceId", 2)),
    )


def _choose_id(kind: str, version: int | None, told: str | None) -> str:
    """TCB infos of version 2 are about SGX, whatever a member `id` says: they have none."""
    if kind == TCB_INFO and (version == 2 or told is None):
        return "SGX"
    return told or ""


def parse_tcb_info(body: bytes) -> TcbInfo:
    """Parse the signed text of a TCB info. Raises `EvidenceError` (`bad-tcb-info`)."""
    try:
        return _read_tcb_info(body)
    except EvidenceError as error:
        raise EvidenceError("bad-tcb-info", f"TCB info: {error.message}") from None


@dataclass(frozen=True)
class Component:
    """One of the 16 components of a family (`sgx` or `tdx`), over all levels of a TCB info.

    `named`: some level has an SVN above zero, a category or a type there; the others say nothing.
    """

    family: str
    position: int
    named: bool
    category: str | None
    type: str | None


def describe_components(body: bytes) -> list[Component]:
    """What a TCB info says about its components. Raises `EvidenceError` (`bad-tcb-info`)."""
    parse_tcb_info(body)
    levels = [_object(level, "tcb") for level in _list(parse_object(body), "tcbLevels")]
    return [
        Component(
            family=family,
            position=position,
            named=any(
                slot.get("svn") or slot.get("category") or slot.get("type") for slot in slots
            ),
            category=_first_text(slots, "category"),
            type=_first_text(slots, "type"),
        )
        for family in ("sgx", "tdx")
        for position, slots in enumerate(zip(*_slots(levels, family), strict=True))
    ]


def _slots(levels: list[dict[str, object]], family: str) -> list[list[dict[str, object]]]:
    """Per level, the 16 component objects of a family; none for a family the document lacks."""
    name = f"{family}tcbcomponents"
    if all(name in level for level in levels):
        return [_list(level, name) for level in levels]
    if family == "sgx":  # v2 has plain numbers
        numbers = range(1, 17)
        return [[{"svn": level.get(f"sgxtcbcomp{n:02}svn")} for n in numbers] for level in levels]
    return []


def _first_text(slots: tuple[dict[str, object], ...], name: str) -> str | None:
    return next((text for slot in slots if isinstance(text := slot.get(name), str) and text), None)


def parse_enclave_identity(body: bytes) -> EnclaveIdentity:
    """Parse the signed text of an enclave identity. Raises `EvidenceError` (`bad-qe-identity`)."""
    try:
        return _read_enclave_identity(body)
    except EvidenceError as error:
        raise EvidenceError("bad-qe-identity", f"enclave identity: {error.message}") from None


def _read_tcb_info(body: bytes) -> TcbInfo:
    members = parse_object(body)
    version = _number(members, "version")
    if version not in (2, 3):
        raise _invalid(f"version {version}")
    outline = Outline(
        kind=TCB_INFO,
        id=_choose_id(TCB_INFO, version, _text(members, "id") if version == 3 else None),
        version=version,
        issued_at=_date(members, "issueDate"),
        expires_at=_date(members, "nextUpdate"),
        evaluation_number=_number(members, "tcbEvaluationDataNumber"),
        fmspc=_hex(members, "fmspc", 6),
        pce_id=_hex(members, "pceId", 2),
    )
    if outline.id not in ("SGX", "TDX"):
        raise _invalid(f"id {outline.id!r:.40}")
    if _number(members, "tcbType") != 0:
        raise _invalid("tcbType is not 0")
    tdx = outline.id == "TDX"
    if ("tdxModule" in members) != tdx:
        raise _invalid("tdxModule belongs to TDX documents, and to all of them")
    if "tdxModuleIdentities" in members and not tdx and version == 3:
        raise _invalid("tdxModuleIdentities belongs to TDX documents")
    levels = [_read_tcb_level(item, version, tdx) for item in _list(members, "tcbLevels")]
    ordered = sorted(levels, key=lambda level: level.order, reverse=True)
    if len({level.order for level in levels}) != len(levels):
        raise _invalid("two TCB levels are equal")
    identities = None
    if tdx and "tdxModuleIdentities" in members:
        items = _list(members, "tdxModuleIdentities")
        identities = tuple(_read_module(item, _text(item, "id")) for item in items)
    module = _read_module(_object(members, "tdxModule"), "") if tdx else None
    return TcbInfo(outline, tuple(ordered), module, identities, in_order=ordered == levels)


def _read_tcb_level(item: Mapping[str, object], version: int, tdx: bool) -> TcbLevel:
    tcb = _object(item, "tcb")
    if version == 2:
        sgx = tuple(_number(tcb, f"sgxtcbcomp{n:02}svn", 0xFF) for n in range(1, 17))
    else:
        sgx = _components(tcb, "sgxtcbcomponents")
    return TcbLevel(
        sgx=sgx,
        pce_svn=_number(tcb, "pcesvn", 0xFFFF),
        tdx=_components(tcb, "tdxtcbcomponents") if tdx else None,
        date=_dated(item),
        status=_word(item, "tcbStatus", TCB_STATUSES),
        advisory_ids=_advisories(item),
    )


def _components(tcb: Mapping[str, object], name: str) -> tuple[int, ...]:
    items = _list(tcb, name)
    if len(items) != 16:
        raise _invalid(f"{name} has {len(items)} entries, expected 16")
    return tuple(_number(item, "svn", 0xFFFF) for item in items)


def _read_module(item: Mapping[str, object], identity: str) -> TdxModule:
    levels: tuple[SvnLevel, ...] = ()
    if identity:
        read = _svn_levels(item, MODULE_STATUSES)
        levels = tuple(sorted(read, key=lambda level: level.isv_svn, reverse=True))
        if len({level.isv_svn for level in levels}) != len(levels):
            raise _invalid(f"two levels of {identity!r:.40} are equal")
    return TdxModule(
        id=identity,
        mrsigner=_hex(item, "mrsigner", 48),
        attributes=_hex(item, "attributes", 8),
        attributes_mask=_hex(item, "attributesMask", 8),
        levels=levels,
    )


def _read_enclave_identity(body: bytes) -> EnclaveIdentity:
    members = parse_object(body)
    outline = Outline(
        kind=QE_IDENTITY,
        id=_word(members, "id", ("QE", "TD_QE", "QVE", "QAE")),
        version=_number(members, "version"),
        issued_at=_date(members, "issueDate"),
        expires_at=_date(members, "nextUpdate"),
        evaluation_number=_number(members, "tcbEvaluationDataNumber"),
        fmspc=None,
        pce_id=None,
    )
    if outline.version != 2:
        raise _invalid(f"version {outline.version}")
    return EnclaveIdentity(
        outline=outline,
        misc_select=_hex(members, "miscselect", 4),
        misc_select_mask=_hex(members, "miscselectMask", 4),
        attributes=_hex(members, "attributes", 16),
        attributes_mask=_hex(members, "attributesMask", 16),
        mrsigner=_hex(members, "mrsigner", 32),
        isv_prodid=_number(members, "isvprodid", 0xFFFF),
        levels=_svn_levels(members, ENCLAVE_STATUSES),
    )


def _svn_levels(item: Mapping[str, object], statuses: tuple[str, ...]) -> tuple[SvnLevel, ...]:
    return tuple(
        SvnLevel(
            isv_svn=_number(_object(level, "tcb"), "isvsvn"),
            date=_dated(level),
            status=_word(level, "tcbStatus", statuses),
            advisory_ids=_advisories(level),
        )
        for level in _list(item, "tcbLevels")
    )


def _invalid(message: str) -> EvidenceError:
    return EvidenceError("bad-collateral", message)


def _tolerate(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except EvidenceError:
        return None


def _text(item: Mapping[str, object], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise _invalid(f"{name} is not a string")
    return value


def _word(item: Mapping[str, object], name: str, words: tuple[str, ...]) -> str:
    value = _text(item, name)
    if value not in words:
        raise _invalid(f"{name} is {value!r:.60}")
    return value


def _number(item: Mapping[str, object], name: str, limit: int = 0xFFFFFFFF) -> int:
    value = item.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise _invalid(f"{name} is not a number up to {limit}")
    return value


def _hex(item: Mapping[str, object], name: str, size: int) -> bytes:
    value = _text(item, name)
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", value):
        raise _invalid(f"{name} is not {size} bytes in hex")
    return bytes.fromhex(value)


def _date(item: Mapping[str, object], name: str) -> int:
    value = _text(item, name)
    try:
        if not _DATE.fullmatch(value):
            raise ValueError
        moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _invalid(f"{name} is not YYYY-MM-DDThh:mm:ssZ") from None
    return to_microseconds(moment)


def _dated(item: Mapping[str, object]) -> str:
    _date(item, "tcbDate")
    return _text(item, "tcbDate")


def _object(item: Mapping[str, object], name: str) -> dict[str, object]:
    value = item.get(name)
    if not isinstance(value, dict):
        raise _invalid(f"{name} is not an object")
    return value


def _list(item: Mapping[str, object], name: str) -> list[dict[str, object]]:
    value = item.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _invalid(f"{name} is not a list of objects")
    if not 1 <= len(value) <= MAX_LEVELS:
        raise _invalid(f"{name} has {len(value)} entries")
    return value


def _advisories(item: Mapping[str, object]) -> tuple[str, ...]:
    value = item.get("advisoryIDs", [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _invalid("advisoryIDs is not a list of strings")
    return tuple(value)
