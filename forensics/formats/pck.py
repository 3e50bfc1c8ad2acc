"""The PCK certificate's SGX extension and the certification data that carries the chain.

Source: Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, section
1.3.5; QVL AttestationParsers (PckCertificate.cpp). Order inside the extension is not significant.
"""

from __future__ import annotations

from dataclasses import dataclass

from forensics.errors import EvidenceError
from forensics.formats import der
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.pem import split_pem

SGX_EXTENSION = "1.2.840.113741.1.13.1"

PCK_NAME = "SGX PCK Certificate"
CA_NAME = "CA"

_TCB_ENTRIES = 18
_PROCESSOR_ENTRIES = 5  # Processor CA: PPID, TCB, PCEID, FMSPC, SGX type
_PLATFORM_ENTRIES = 7  # Platform CA: PlatformInstanceID and Configuration as well


@dataclass(frozen=True)
class SgxExtension:
    """What the PCK certificate says about the platform. `components` are the 16 TCB SVNs."""

    ppid: bytes
    components: bytes
    pce_svn: int
    cpu_svn: bytes
    pce_id: bytes
    fmspc: bytes
    sgx_type: int
    platform_instance_id: bytes | None
    dynamic_platform: bool | None
    cached_keys: bool | None
    smt_enabled: bool | None


def parse_sgx_extension(value: bytes) -> SgxExtension:
    """Parse the extension's DER value. Raises `EvidenceError` (`bad-sgx-extension`)."""
    try:
        return _read_extension(value)
    except EvidenceError as error:
        raise EvidenceError("bad-sgx-extension", f"SGX extension: {error.message}") from None


def parse_chain(data: bytes) -> list[Certificate]:
    """The certificates of certification data type 5, in the order in which they stand.

    Raises `EvidenceError` (`bad-pem`, `bad-certificate`).
    """
    return [parse_certificate(block) for label, block in split_pem(data) if label == "CERTIFICATE"]


def _read_extension(value: bytes) -> SgxExtension:
    entries = _read_entries(der.read_exactly(value, der.SEQUENCE), SGX_EXTENSION)
    if len(entries) not in (_PROCESSOR_ENTRIES, _PLATFORM_ENTRIES):
        raise EvidenceError("bad-der", f"{len(entries)} entries, expected 5 or 7")
    tag, tcb = _take(entries, "2")
    if tag != der.SEQUENCE:
        raise EvidenceError("bad-der", "TCB is not a sequence")
    tcb_entries = _read_entries(tcb, f"{SGX_EXTENSION}.2")
    if len(tcb_entries) != _TCB_ENTRIES:
        raise EvidenceError("bad-der", f"TCB has {len(tcb_entries)} entries, expected 18")
    configuration = _read_configuration(entries)
    return SgxExtension(
        ppid=_octets(entries, "1", 16),
        components=bytes(_integer(tcb_entries, str(n), 0xFF) for n in range(1, 17)),
        pce_svn=_integer(tcb_entries, "17", 0xFFFF),
        cpu_svn=_octets(tcb_entries, "18", 16),
        pce_id=_octets(entries, "3", 2),
        fmspc=_octets(entries, "4", 6),
        sgx_type=_integer(entries, "5", 0xFF, der.ENUMERATED),  # Intel may add types
        platform_instance_id=_octets(entries, "6", 16) if "6" in entries else None,
        dynamic_platform=configuration.get("1"),
        cached_keys=configuration.get("2"),
        smt_enabled=configuration.get("3"),
    )


_Entries = dict[str, tuple[int, bytes]]


def _read_entries(data: bytes, prefix: str) -> _Entries:
    """OID suffix -> (tag, contents) of SEQUENCE { OID, value } elements."""
    entries: _Entries = {}
    for tag, pair in der.iterate_elements(data):
        if tag != der.SEQUENCE:
            raise EvidenceError("bad-der", "entry is not a sequence")
        oid_tag, oid, end = der.read_element(pair)
        value_tag, value, stop = der.read_element(pair, end)
        if oid_tag != der.OBJECT_ID or stop != len(pair):
            raise EvidenceError("bad-der", "entry is not a pair of OID and value")
        name = der.decode_object_id(oid)
        suffix = name.removeprefix(prefix + ".")
        if suffix == name or suffix in entries:
            raise EvidenceError("bad-der", f"unexpected or repeated entry {name}")
        entries[suffix] = (value_tag, value)
    return entries


def _take(entries: _Entries, suffix: str) -> tuple[int, bytes]:
    if suffix not in entries:
        raise EvidenceError("bad-der", f"entry {suffix} is missing")
    return entries[suffix]


def _octets(entries: _Entries, suffix: str, size: int) -> bytes:
    tag, value = _take(entries, suffix)
    if tag != der.OCTET_STRING or len(value) != size:
        raise EvidenceError("bad-der", f"entry {suffix} is not {size} octets")
    return value


def _integer(entries: _Entries, suffix: str, limit: int, expected: int = der.INTEGER) -> int:
    tag, contents = _take(entries, suffix)
    value = der.decode_integer(contents) if tag == expected else -1
    if not 0 <= value <= limit:
        raise EvidenceError("bad-der", f"entry {suffix} is not a number up to {limit}")
    return value


def _read_configuration(entries: _Entries) -> dict[str, bool]:
    if "7" not in entries:
        return {}
    tag, value = entries["7"]
    if tag != der.SEQUENCE:
        raise EvidenceError("bad-der", "configuration is not a sequence")
    flags = _read_entries(value, f"{SGX_EXTENSION}.7")
    if any(tag != der.BOOLEAN or len(contents) != 1 for tag, contents in flags.values()):
        raise EvidenceError("bad-der", "configuration entry is not a boolean")
    return {suffix: contents != b"\x00" for suffix, (_, contents) in flags.items()}
