"""What the value of a field says in words."""

from __future__ import annotations

import pytest

from forensics.formats.anatomy import Cover, Piece
from forensics.formats.meaning import interpret
from forensics.formats.structures import INTEL_QE_VENDOR_ID


@pytest.mark.parametrize(
    ("name", "kind", "value", "words"),
    [
        ("mrenclave", "bytes", bytes(32), "all zero"),
        ("mrenclave", "bytes", bytes(31) + b"\1", ""),
        ("isv_svn", "u16", bytes(2), ""),
        ("a_word", "bytes", bytes(4), ""),
        ("a_field", "bytes", bytes(5), "all zero"),
        ("gap", "reserved", bytes(4), "zero, as it should be"),
        ("gap", "reserved", b"\0\0\0\1", "NOT ZERO"),
        ("user_data", "bytes", bytes(20), "QE_ID all zero"),
        ("user_data", "bytes", b"\1" + bytes(19), "QE_ID 01" + "00" * 15),
        ("user_data", "bytes", bytes(16) + b"\1" * 4, "QE_ID all zero"),
        ("misc_select", "u32", bytes(4), "none"),
        ("tee_tcb_svn", "bytes", bytes((4, 1, 13)), "TDX module 1, SVN 4; microcode 13"),
        ("chip_id", "bytes", bytes(64), "all zero: masked, or the key is a VLEK"),
        ("chip_id", "bytes", bytes(63) + b"\1", ""),
        ("trailing", "bytes", bytes(3), "padding: zeros"),
        ("trailing", "bytes", b"\0\1", "NOT ZERO: somebody put this there"),
        ("qe_vendor_id", "bytes", INTEL_QE_VENDOR_ID, "Intel"),
        ("vmpl", "u32", b"\2\0\0\0", "VMPL 2"),
        ("vmpl", "u32", b"\xff" * 4, "ASKED BY THE HOST"),
    ],
)
def test_a_value_in_words(name: str, kind: str, value: bytes, words: str) -> None:
    piece = Piece("body", name, 0, value, kind, "", "", Cover.nothing)  # type: ignore[arg-type]
    assert interpret(piece) == words
