"""What the value of a field says, in words: bits by name, types by name, oddities pointed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forensics.formats.anatomy import Piece
from forensics.formats.structures import (
    CERTIFICATION_TYPES,
    INTEL_QE_VENDOR_ID,
    KEY_TYPE_ECDSA_P256,
    MISC_SELECT_BITS,
    SGX_FLAG_BITS,
    SNP_HOST_VMPL,
    SNP_PLATFORM_BITS,
    SNP_POLICY_BITS,
    SNP_SIGNATURE_ECDSA_P384,
    TD_ATTRIBUTE_BITS,
    TEE_SGX,
    TEE_TDX,
    XFEATURE_BITS,
    bit,
    masks_chip_key,
    signing_key,
)
from forensics.formats.vek import generation_of

_SGX_FLAGS_SIZE = 8  # of ATTRIBUTES; XFRM follows


def interpret(piece: Piece) -> str:
    """The value in words; empty where the number or the hex says it all."""
    if piece.kind == "reserved":
        return "zero, as it should be" if not any(piece.data) else "NOT ZERO"
    reader = _READERS.get(piece.name)
    if reader is not None:
        return reader(piece.data)
    return "all zero" if len(piece.data) > 4 and not any(piece.data) else ""


def name_bits(value: bytes, names: Mapping[int, str]) -> str:
    """Names of the bits that are set in a little-endian bit field."""
    number = int.from_bytes(value, "little")
    places = (place for place in range(len(value) * 8) if number >> place & 1)
    return " ".join(names.get(place, f"bit{place}") for place in places) or "none"


def _read_attributes(value: bytes) -> str:
    flags, xfrm = value[:_SGX_FLAGS_SIZE], value[_SGX_FLAGS_SIZE:]
    return f"{name_bits(flags, SGX_FLAG_BITS)}; XFRM {name_bits(xfrm, XFEATURE_BITS)}"


def _read_user_data(value: bytes) -> str:
    return f"QE_ID {value[:16].hex()}" if any(value[:16]) else "QE_ID all zero"


def _read_tcb_svn(value: bytes) -> str:
    return f"TDX module {value[1]}, SVN {value[0]}; microcode {value[2]}"


def _read_policy(value: bytes) -> str:
    flags = int.from_bytes(value, "little") >> 16 << 16
    names = name_bits(flags.to_bytes(8, "little"), SNP_POLICY_BITS)
    return f"ABI {value[1]}.{value[0]} or later; {names}"


def _read_vmpl(value: bytes) -> str:
    number = int.from_bytes(value, "little")
    return "ASKED BY THE HOST" if number == SNP_HOST_VMPL else f"VMPL {number}"


def _read_key_info(value: bytes) -> str:
    words = [f"signed by {signing_key(value).upper()}"]
    words += ["author key"] if bit(value, 0) else []
    words += ["chip key MASKED"] if masks_chip_key(value) else []
    return ", ".join(words)


def _read_cpuid(value: bytes) -> str:
    family, model, stepping = value
    name = generation_of(value)
    return f"family {family:#x}, model {model:#x}, stepping {stepping}: {name or 'unknown'}"


def _read_version(value: bytes) -> str:
    build, minor, major = value
    return f"{major}.{minor}, build {build}"


def _read_chip_id(value: bytes) -> str:
    return "" if any(value) else "all zero: masked, or the key is a VLEK"


def _read_trailing(value: bytes) -> str:
    return "padding: zeros" if not any(value) else "NOT ZERO: somebody put this there"


def _name_number(names: Mapping[int, str]) -> Callable[[bytes], str]:
    return lambda value: names.get(int.from_bytes(value, "little"), "unknown")


_READERS: dict[str, Callable[[bytes], str]] = {
    "att_key_type": _name_number({KEY_TYPE_ECDSA_P256: "ECDSA P-256"}),
    "tee_type": _name_number({TEE_SGX: "SGX", TEE_TDX: "TDX"}),
    "qe_vendor_id": lambda value: "Intel" if value == INTEL_QE_VENDOR_ID else "NOT INTEL",
    "user_data": _read_user_data,
    "body_type": _name_number({1: "SGX", 2: "TD 1.0", 3: "TD 1.5"}),
    "attributes": _read_attributes,
    "misc_select": lambda value: name_bits(value, MISC_SELECT_BITS),
    "td_attributes": lambda value: name_bits(value, TD_ATTRIBUTE_BITS),
    "xfam": lambda value: name_bits(value, XFEATURE_BITS),
    "tee_tcb_svn": _read_tcb_svn,
    "tee_tcb_svn_2": _read_tcb_svn,
    "outer_certification_type": _name_number(CERTIFICATION_TYPES),
    "certification_type": _name_number(CERTIFICATION_TYPES),
    "trailing": _read_trailing,
    "policy": _read_policy,
    "vmpl": _read_vmpl,
    "signature_algo": _name_number({SNP_SIGNATURE_ECDSA_P384: "ECDSA P-384, SHA-384"}),
    "platform_info": lambda value: name_bits(value, SNP_PLATFORM_BITS),
    "key_info": _read_key_info,
    "cpuid": _read_cpuid,
    "chip_id": _read_chip_id,
    "current_version": _read_version,
    "committed_version": _read_version,
}
