"""The SGX extension of PCK certificates: values, counts, order, and every wrong turn."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.certificates import parse_certificate
from forensics.formats.pck import SGX_EXTENSION, parse_chain, parse_sgx_extension
from forensics.formats.pem import split_pem
from forensics.simulate import pki
from forensics.simulate.sgx_extension import SgxExtension, encode_entries, encode_length

PLATFORM = SgxExtension(
    ppid=bytes(range(16)),
    fmspc=bytes.fromhex("00906ed50000"),
    components=bytes((0, 1, 127, 128, 200, 255)) + bytes(10),
    pce_svn=13,
    cpu_svn=bytes(range(16, 32)),
    pce_id=b"\x01\x02",
    sgx_type=1,
    platform_instance_id=bytes(range(32, 48)),
    dynamic_platform=True,
    cached_keys=False,
    smt_enabled=True,
)
PROCESSOR = replace(PLATFORM, platform_instance_id=None, sgx_type=0)

ARCS = bytes.fromhex("2a864886f84d010d01")


def element(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + encode_length(len(contents)) + contents


def entry(suffix: tuple[int, ...], value: bytes) -> bytes:
    return element(0x30, element(6, ARCS + bytes(suffix)) + value)


def tcb(*entries: bytes) -> bytes:
    return entry((2,), element(0x30, b"".join(entries)))


def tcb_entries() -> list[bytes]:
    """The 18 entries of a healthy TCB."""
    return [
        *(entry((2, n), element(2, bytes((n,)))) for n in range(1, 17)),
        entry((2, 17), element(2, b"\x0d")),
        entry((2, 18), element(4, bytes(16))),
    ]


def with_tcb(entries: list[bytes]) -> bytes:
    parts = PLATFORM.entries()
    return encode_entries([parts[0], tcb(*entries), *parts[2:]])


def code_of(value: bytes) -> str:
    with pytest.raises(EvidenceError) as caught:
        parse_sgx_extension(value)
    assert "\n" not in caught.value.message
    return caught.value.code


def test_values_of_a_platform() -> None:
    parsed = parse_sgx_extension(PLATFORM.to_der())

    assert parsed.ppid == PLATFORM.ppid
    assert parsed.components == PLATFORM.components
    assert parsed.pce_svn == 13
    assert parsed.cpu_svn == PLATFORM.cpu_svn
    assert parsed.pce_id == b"\x01\x02"
    assert parsed.fmspc == PLATFORM.fmspc
    assert parsed.sgx_type == 1
    assert parsed.platform_instance_id == PLATFORM.platform_instance_id
    assert (parsed.dynamic_platform, parsed.cached_keys, parsed.smt_enabled) == (True, False, True)


def test_values_of_a_processor() -> None:
    parsed = parse_sgx_extension(PROCESSOR.to_der())

    assert parsed.platform_instance_id is None
    assert (parsed.dynamic_platform, parsed.cached_keys, parsed.smt_enabled) == (None, None, None)


@pytest.mark.parametrize("svn", [0, 1, 127, 128, 200, 255])
@pytest.mark.parametrize("position", [0, 7, 15])
def test_components_up_to_255(svn: int, position: int) -> None:
    components = bytes(svn if n == position else 1 for n in range(16))

    assert parse_sgx_extension(replace(PLATFORM, components=components).to_der()).components == (
        components
    )


@pytest.mark.parametrize("svn", [0, 127, 128, 255, 256, 32767, 32768, 65535])
def test_pce_svn_up_to_65535(svn: int) -> None:
    assert parse_sgx_extension(replace(PLATFORM, pce_svn=svn).to_der()).pce_svn == svn


def test_pce_svn_of_three_bytes_is_refused() -> None:
    entries = tcb_entries()
    entries[16] = entry((2, 17), element(2, b"\x01\x00\x00"))

    assert code_of(with_tcb(entries)) == "bad-sgx-extension"


@pytest.mark.parametrize("turn", range(7))
def test_order_of_entries_is_of_no_account(turn: int) -> None:
    parts = PLATFORM.entries()
    turned = parts[turn:] + parts[:turn]

    assert parse_sgx_extension(encode_entries(turned)) == parse_sgx_extension(PLATFORM.to_der())


def test_order_inside_the_tcb_is_of_no_account() -> None:
    wanted = parse_sgx_extension(with_tcb(tcb_entries()))

    assert wanted.components == bytes(range(1, 17))
    assert parse_sgx_extension(with_tcb(tcb_entries()[::-1])) == wanted


def test_every_order_of_a_processor_leaf() -> None:
    wanted = parse_sgx_extension(PROCESSOR.to_der())

    for order in permutations(PROCESSOR.entries()):
        assert parse_sgx_extension(encode_entries(order)) == wanted


@pytest.mark.parametrize("absent", range(7))
def test_no_entry_of_a_platform_may_be_absent(absent: int) -> None:
    parts = PLATFORM.entries()
    del parts[absent]

    assert code_of(encode_entries(parts)) == "bad-sgx-extension"


@pytest.mark.parametrize("absent", range(5))
def test_no_entry_may_be_in_place_of_another(absent: int) -> None:
    parts = PROCESSOR.entries()
    parts[absent] = entry((9,), element(4, b""))

    assert code_of(encode_entries(parts)) == "bad-sgx-extension"


@pytest.mark.parametrize("repeated", range(5))
def test_no_entry_twice(repeated: int) -> None:
    parts = PROCESSOR.entries()

    assert code_of(encode_entries([*parts, parts[repeated]])) == "bad-sgx-extension"
    parts[(repeated + 1) % 5] = parts[repeated]
    assert code_of(encode_entries(parts)) == "bad-sgx-extension"


@pytest.mark.parametrize("absent", range(18))
def test_the_tcb_has_eighteen(absent: int) -> None:
    entries = tcb_entries()
    left = entries[:absent] + entries[absent + 1 :]

    assert code_of(with_tcb(left)) == "bad-sgx-extension"
    assert code_of(with_tcb([*left, entry((2, 19), element(2, b"\x01"))])) == "bad-sgx-extension"
    assert code_of(with_tcb([*entries, entries[absent]])) == "bad-sgx-extension"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(element(2, b"\x80"), id="negative"),
        pytest.param(element(2, b"\xff"), id="minus-one"),
        pytest.param(element(2, b"\x01\x00"), id="256"),
        pytest.param(element(2, b"\x00\x01"), id="not-minimal"),
        pytest.param(element(2, b""), id="empty"),
        pytest.param(element(4, b"\x01"), id="octets"),
        pytest.param(element(10, b"\x01"), id="enumerated"),
        pytest.param(b"", id="nothing"),
        pytest.param(element(2, b"\x01") * 2, id="two"),
    ],
)
def test_components_are_integers_up_to_255(value: bytes) -> None:
    entries = tcb_entries()
    entries[3] = entry((2, 4), value)

    assert code_of(with_tcb(entries)) == "bad-sgx-extension"


@pytest.mark.parametrize(
    ("position", "value"),
    [
        pytest.param(0, entry((1,), element(4, bytes(15))), id="ppid-of-15"),
        pytest.param(0, entry((1,), element(4, bytes(17))), id="ppid-of-17"),
        pytest.param(0, entry((1,), element(3, bytes(16))), id="ppid-as-bits"),
        pytest.param(1, entry((2,), element(0x31, b"")), id="tcb-as-set"),
        pytest.param(2, entry((3,), element(4, bytes(1))), id="pce-id-of-1"),
        pytest.param(3, entry((4,), element(4, bytes(5))), id="fmspc-of-5"),
        pytest.param(3, entry((4,), element(4, b"")), id="fmspc-empty"),
        pytest.param(4, entry((5,), element(10, b"\x01\x00")), id="type-256"),
        pytest.param(4, entry((5,), element(2, b"\x01")), id="type-as-integer"),
        pytest.param(4, element(0x31, b""), id="entry-as-set"),
        pytest.param(4, element(0x30, element(4, b"x") * 2), id="entry-without-name"),
        pytest.param(
            4, element(0x30, element(4, ARCS + b"\5") + element(10, b"\0")), id="name-as-octets"
        ),
        pytest.param(4, element(0x30, element(6, ARCS + b"\5")), id="entry-without-value"),
        pytest.param(
            4, element(0x30, element(6, b"\x2a\x03") + element(10, b"\0")), id="other-oid"
        ),
        pytest.param(
            4, element(0x30, element(6, ARCS) + element(10, b"\0")), id="oid-of-the-whole"
        ),
        pytest.param(5, entry((6,), element(4, bytes(15))), id="instance-of-15"),
        pytest.param(6, entry((7,), element(4, b"")), id="configuration-as-octets"),
        pytest.param(
            6, entry((7,), element(0x30, entry((7, 1), element(2, b"\1")))), id="flag-as-integer"
        ),
        pytest.param(
            6, entry((7,), element(0x30, entry((7, 1), element(1, b"\xff\xff")))), id="flag-of-2"
        ),
        pytest.param(
            6,
            entry(
                (7,),
                element(
                    0x30, entry((7, 1), element(1, b"\xff")) + entry((7, 2), element(2, b"\1"))
                ),
            ),
            id="second-flag-as-integer",
        ),
    ],
)
def test_other_values_are_refused(position: int, value: bytes) -> None:
    parts = PLATFORM.entries()
    parts[position] = value

    assert code_of(encode_entries(parts)) == "bad-sgx-extension"


@pytest.mark.parametrize(
    "value", [b"", b"\x30", b"\x30\x00", b"\x04\x00", PLATFORM.to_der() + b"\0"]
)
def test_what_is_no_extension(value: bytes) -> None:
    assert code_of(value) == "bad-sgx-extension"


def test_every_truncation() -> None:
    data = PLATFORM.to_der()

    assert {code_of(data[:size]) for size in range(len(data))} == {"bad-sgx-extension"}


# --- chains ---------------------------------------------------------------------------------


def test_chains_keep_their_order() -> None:
    authority = pki.make_pki(5)
    pck = authority.issue_pck(PLATFORM, label="pck")
    chain = parse_chain(authority.pck_chain(pck))

    assert [c.der for c in chain] == [pck.der, authority.platform_ca.der, authority.root.der]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad-pem"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "bad-certificate"),
    ],
)
def test_what_is_no_chain(data: bytes, code: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_chain(data)

    assert caught.value.code == code


def test_every_real_extension_is_read(vectors: Path) -> None:
    read = 0
    for file in sorted(vectors.glob("*/pck_certificate_chain.pem")):
        for _, der in split_pem(file.read_bytes()):
            certificate = parse_certificate(der)
            if SGX_EXTENSION in certificate.extensions:
                parse_sgx_extension(certificate.extensions[SGX_EXTENSION][1])
                read += 1
    assert read >= 3


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(PLATFORM.to_der()) - 1), value=st.integers(0, 255))
def test_mutations(position: int, value: int) -> None:
    data = bytearray(PLATFORM.to_der())
    data[position] = value
    try:
        parsed, code = parse_sgx_extension(bytes(data)), ""
    except EvidenceError as error:
        parsed, code = None, error.code
    if parsed is None:
        assert code == "bad-sgx-extension"
    else:
        assert len(parsed.components) == 16
