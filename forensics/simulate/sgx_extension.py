"""The SGX extension of PCK certificates, OID 1.2.840.113741.1.13.1, as Intel encodes it.

Source: Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SGX_EXTENSION_OID = "1.2.840.113741.1.13.1"

STANDARD, SCALABLE, SCALABLE_WITH_INTEGRITY = 0, 1, 2

_BOOLEAN, _INTEGER, _OCTETS, _OBJECT_ID, _ENUMERATED, _SEQUENCE = 1, 2, 4, 6, 0x0A, 0x30


@dataclass(frozen=True)
class SgxExtension:
    """What a PCK certificate says about its platform.

    `components` are the 16 TCB component SVNs; `cpu_svn` is their raw form and equals them when
    not given. A Platform CA leaf has the last four fields, a Processor CA leaf none of them.
    """

    ppid: bytes
    fmspc: bytes
    components: bytes = bytes((5, 5, 2, 4, 1, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    pce_svn: int = 13
    cpu_svn: bytes | None = None
    pce_id: bytes = bytes(2)
    sgx_type: int = STANDARD
    platform_instance_id: bytes | None = None
    dynamic_platform: bool = False
    cached_keys: bool = False
    smt_enabled: bool = True

    def entries(self) -> list[bytes]:
        """The encoded `SEQUENCE {OID, value}` entries: 5, or 7 with a platform instance."""
        tcb = [
            *(
                _entry((2, number), _integer(svn))
                for number, svn in enumerate(self.components, start=1)
            ),
            _entry((2, 17), _integer(self.pce_svn)),
            _entry((2, 18), _element(_OCTETS, self.cpu_svn or self.components)),
        ]
        entries = [
            _entry((1,), _element(_OCTETS, self.ppid)),
            _entry((2,), _element(_SEQUENCE, b"".join(tcb))),
            _entry((3,), _element(_OCTETS, self.pce_id)),
            _entry((4,), _element(_OCTETS, self.fmspc)),
            _entry((5,), _element(_ENUMERATED, bytes((self.sgx_type,)))),
        ]
        if self.platform_instance_id is not None:
            flags = (self.dynamic_platform, self.cached_keys, self.smt_enabled)
            configuration = b"".join(
                _entry((7, number), _element(_BOOLEAN, b"\xff" if flag else b"\0"))
                for number, flag in enumerate(flags, start=1)
            )
            entries += [
                _entry((6,), _element(_OCTETS, self.platform_instance_id)),
                _entry((7,), _element(_SEQUENCE, configuration)),
            ]
        return entries

    def to_der(self) -> bytes:
        """The extension's value."""
        return encode_entries(self.entries())


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Entries -> extension value; apart, so that a test can drop or repeat one."""
    return _element(_SEQUENCE, b"".join(entries))


def _entry(suffix: tuple[int, ...], value: bytes) -> bytes:
    # 1.2.840.113741.1.13.1 in base 128, then the sub-identifiers, all below 128.
    arcs = bytes.fromhex("2a864886f84d010d01") + bytes(suffix)
    return _element(_SEQUENCE, _element(_OBJECT_ID, arcs) + value)


def _integer(value: int) -> bytes:
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def _element(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + encode_length(len(contents)) + contents


def encode_length(length: int) -> bytes:
    """A DER length in its minimal form."""
    if length < 0x80:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + length.to_bytes(size)
