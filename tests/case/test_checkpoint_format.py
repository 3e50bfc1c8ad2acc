"""Checkpoints and proofs by a second implementation, written from the specifications alone.

C2SP signed-note and tlog-checkpoint, RFC 6962 (section 2.1) and RFC 8032 (section 5.1): nothing of
the package is used to check what the package wrote. A public note checks this implementation.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from forensics.case.case import create_case
from forensics.case.checkpoints import format_verifier_key, hash_key, parse_note
from forensics.case.custody import verify_custody
from forensics.case.proofs import describe_head, make_proof, write_head
from forensics.case.signing import PublicKey, encode_private_key, read_signer
from forensics.errors import CustodyError

# golang.org/x/mod/sumdb/note: the example of its documentation.
PUBLIC_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLIC_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P)
    return x % P, y % P


def multiply(n: int, point: Point) -> Point:
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def decompress(data: bytes) -> Point:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0
    return (P - x if x & 1 != sign else x), y


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    s = int.from_bytes(signature[32:], "little")
    challenge = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(challenge, "little") % ORDER
    if len(signature) != 64 or s >= ORDER:
        return False
    expected = add(decompress(signature[:32]), multiply(k, decompress(public)))
    return multiply(s, BASE) == expected


def open_note(note: str, verifier_key: str) -> str:
    """The text of a note that the key has signed."""
    name, key_id, encoded = verifier_key.split("+", 2)
    typed = base64.b64decode(encoded)
    assert typed[0] == 1
    assert len(typed) == 33
    assert key_id == hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    assert all(character >= " " or character == "\n" for character in note)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    assert signatures.endswith("\n")
    for line in signatures.splitlines():
        dash, signed_by, data = line.split(" ")
        signature = base64.b64decode(data, validate=True)
        assert dash == "\u2014"
        if (signed_by, signature[:4].hex()) == (name, key_id):
            assert ed25519_holds(typed[1:], text.encode(), signature[4:])
            return text
    raise AssertionError("not signed by that key")


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if len(entries) < 2:
        return hashlib.sha256(b"".join(b"\0" + entry for entry in entries)).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    halves = tree_hash(entries[:k]) + tree_hash(entries[k:])
    return hashlib.sha256(b"\1" + halves).digest()


def root_of_path(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to, by the definition of PATH in RFC 6962, 2.1.1."""
    if size == 1:
        assert path == []
        return hashlib.sha256(b"\0" + entry).digest()
    k = 1 << (size - 1).bit_length() - 1
    *rest, sibling = path
    if index < k:
        return hashlib.sha256(b"\1" + root_of_path(entry, index, k, rest) + sibling).digest()
    below = root_of_path(entry, index - k, size - k, rest)
    return hashlib.sha256(b"\1" + sibling + below).digest()


def roots_of_consistency(
    old: int, size: int, path: list[bytes], old_root: bytes, whole: bool = True
) -> tuple[bytes, bytes]:
    """`(older, newer)` root that a proof leads to, by SUBPROOF of RFC 6962, 2.1.2."""
    if old == size:
        node = old_root if whole else path[0]
        assert len(path) == (0 if whole else 1)
        return node, node
    k = 1 << (size - 1).bit_length() - 1
    *rest, sibling = path
    if old <= k:
        older, newer = roots_of_consistency(old, k, rest, old_root, whole)
        return older, hashlib.sha256(b"\1" + newer + sibling).digest()
    older, newer = roots_of_consistency(old - k, size - k, rest, old_root, False)
    return (
        hashlib.sha256(b"\1" + sibling + older).digest(),
        hashlib.sha256(b"\1" + sibling + newer).digest(),
    )


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory):
    """A signed case of seven entries, and its checkpoint after each."""
    from datetime import UTC, datetime

    import pyarrow as pa

    from forensics.case.files import SCHEMAS

    at = datetime(2024, 5, 1, tzinfo=UTC)
    folder = tmp_path_factory.mktemp("format")
    (folder / "key").write_bytes(encode_private_key(bytes(range(32))))
    signer = read_signer(folder / "key")
    case = create_case(folder / "case", name="x", at=at, anchors=[], signer=signer)
    heads = [write_head(case.ledger)]
    for _ in range(6):
        with case.writer(action="x", at=at, who="") as writer:
            writer.append_table("nonce", pa.Table.from_pylist([{}], schema=SCHEMAS["nonce"]))
        heads.append(write_head(case.ledger))
    return case, signer, heads


def read_entries(case) -> list[bytes]:
    return [path.read_bytes() for path in sorted((case.path / "ledger").glob("*.json"))]


def test_the_second_implementation_reads_a_public_note():
    assert open_note(PUBLIC_NOTE, PUBLIC_KEY).startswith("If you think cryptography")
    with pytest.raises(AssertionError):
        open_note(PUBLIC_NOTE.replace("cryptography", "Cryptography"), PUBLIC_KEY)


def test_ours_gives_public_keys_the_ids_that_others_gave_them():
    for public in (
        PUBLIC_KEY,
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ):
        name, key_id, encoded = public.split("+", 2)
        key = PublicKey(base64.b64decode(encoded)[1:])
        assert hash_key(name, key).hex() == key_id
        assert format_verifier_key(name, key) == public


def test_each_checkpoint_is_what_the_specifications_say(signed):
    case, signer, heads = signed
    entries = read_entries(case)
    origin = "quote-forensics/" + hashlib.sha256(entries[0]).hexdigest()
    verifier_key = format_verifier_key(origin, signer.public_key)
    for size, head in enumerate(heads, 1):
        lines = open_note(head, verifier_key).split("\n")
        assert lines == [
            origin,
            str(size),
            base64.b64encode(tree_hash(entries[:size])).decode(),
            "",
        ]
        assert (case.path / f"ledger/{size:08}.note").read_text() == head


def test_proofs_lead_to_the_roots_by_the_definitions(signed):
    case, _, heads = signed
    entries = read_entries(case)
    size, root = len(entries), tree_hash(entries)
    for old, head in enumerate(heads, 1):
        kept = parse_note(head.encode()).checkpoint
        numbers = list(range(1, size + 1))
        proof = json.loads(make_proof(case.ledger, heads[-1], kept, numbers))
        path = [base64.b64decode(text) for text in proof["consistency"]["hashes"]]
        old_root = tree_hash(entries[:old])
        assert roots_of_consistency(old, size, path, old_root) == (old_root, root)
        for item in proof["inclusion"]:
            path = [base64.b64decode(text) for text in item["hashes"]]
            entry = item["text"].encode()
            assert entry == entries[item["entry"] - 1]
            assert root_of_path(entry, item["entry"] - 1, size, path) == root


def test_cosignatures_of_witnesses_are_no_hindrance(signed, tmp_path: Path):
    """At least sixteen signatures, of sizes to come, by keys that nobody here knows."""
    case, signer, heads = signed
    strange = base64.b64encode(bytes(4 + 5000)).decode()
    more = "".join(f"— witness.example/{n} {strange}\n" for n in range(15))
    path = tmp_path / "note"
    path.write_text(heads[-1] + more)
    note = parse_note(path.read_bytes())
    assert note.checkpoint == describe_head(case.ledger)
    assert note.find_signer([signer.public_key]) == signer.public_key
    assert len(note.signatures) == 16
    assert verify_custody(case, heads=[note.checkpoint]) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n7\n", "\n07\n"),
        lambda t: t.replace("\n7\n", "\n+7\n"),
        lambda t: t.replace("quote-forensics/", "quote-forensics/\x1b"),
        lambda t: t.replace("\n\n", "\n\n\n"),
        lambda t: t.replace("\n\n", "\nextension\n\n"),
        lambda t: t.replace("\u2014 ", "- "),
        lambda t: t[:-1],
        lambda t: t + "\n",
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("=\n\n", "\n\n"),
    ],
)
def test_what_is_no_checkpoint_of_ours_is_refused(signed, change):
    _, _, heads = signed
    with pytest.raises(CustodyError) as error:
        parse_note(change(heads[-1]).encode())
    assert error.value.code == "bad-checkpoint"


def test_a_bad_signature_of_a_known_key_spoils_the_note(signed):
    _, signer, heads = signed
    text, _, line = heads[-1].partition("\n\n")
    dash, name, data = line.split()
    signature = bytearray(base64.b64decode(data))
    signature[-1] ^= 1
    bad = f"{dash} {name} {base64.b64encode(signature).decode()}\n"
    note = parse_note(f"{text}\n\n{bad}{line}".encode())
    assert note.find_signer([signer.public_key]) is None
