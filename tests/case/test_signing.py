"""Keys, signed checkpoints, and a case whose every commit is signed."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from forgery import rewrite_entry

from forensics.case.case import create_case, open_case
from forensics.case.checkpoints import (
    Checkpoint,
    format_verifier_key,
    hash_key,
    parse_head,
    parse_note,
    sign_checkpoint,
)
from forensics.case.custody import verify_custody
from forensics.case.proofs import describe_head
from forensics.case.signing import PublicKey, encode_private_key, parse_public_key, read_signer
from forensics.errors import CustodyError, UsageError

AT = datetime(2024, 5, 2, tzinfo=UTC)
HEAD = Checkpoint("quote-forensics/" + "ab" * 32, 3, bytes(range(32)))


@pytest.fixture
def make_signer(tmp_path: Path):
    def make(number: int = 1):
        path = tmp_path / f"key-{number}.pem"
        path.write_bytes(encode_private_key(bytes([number]) * 32))
        return read_signer(path)

    return make


@pytest.fixture
def signed(tmp_path: Path, make_signer):
    """A signed case of three entries."""
    case = create_case(tmp_path / "signed", name="s", at=AT, anchors=[], signer=make_signer())
    for number in range(2):
        commit(case, number)
    return case


def commit(case, number: int) -> None:
    with case.writer(action="test", at=AT, who="tester") as writer:
        path = writer.new_path("launch")
        path.write_bytes(bytes(number + 1))
        writer.adopt_file("launch", path, 0)


def find(case, **known):
    problems = verify_custody(case, **known)
    return {(p.path, p.code) for p in problems if p.code != "file-unreadable"}


def test_the_public_key_is_the_one_of_rfc_8032(tmp_path: Path):
    """Section 7.1, test 1."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    path = tmp_path / "key.pem"
    path.write_bytes(encode_private_key(seed))
    key = read_signer(path).public_key
    expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.data.hex() == expected
    assert parse_public_key(key.text + "\n") == key
    assert seed.hex() not in repr(read_signer(path))


def test_the_hash_of_a_key_is_that_of_signed_notes():
    """The key in the documentation of Go's `sumdb/note`, which C2SP signed-note took over."""
    key = PublicKey(base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:])
    assert hash_key("PeterNeumann", key).hex() == "c74f20a3"
    assert format_verifier_key("PeterNeumann", key) == (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )


def test_a_note_reads_back_and_its_signature_holds_for_its_key_alone(make_signer):
    signer, other = make_signer(1), make_signer(2)
    text = sign_checkpoint(HEAD, signer)
    note = parse_note(text.encode())
    assert note.checkpoint == HEAD
    assert note.find_signer([other.public_key, signer.public_key]) == signer.public_key
    assert note.find_signer([other.public_key]) is None
    forged = parse_note(text.replace("\n3\n", "\n4\n").encode())
    assert forged.find_signer([signer.public_key]) is None
    assert parse_note(HEAD.text.encode()).find_signer([signer.public_key]) is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_verifies_a_note(make_signer, tmp_path: Path):
    signer = make_signer()
    body, _, line = sign_checkpoint(HEAD, signer).partition("\n\n")
    (tmp_path / "body").write_text(body + "\n")
    (tmp_path / "signature").write_bytes(base64.b64decode(line.split()[-1])[4:])
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-in", "body", "-sigfile", "signature"]
    result = subprocess.run(
        [*command, "-inkey", signer.path], cwd=tmp_path, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        HEAD.text.encode() + b"more\n",
        HEAD.text.replace("\n3\n", "\n03\n").encode(),
        HEAD.text.replace("\n3\n", "\n-3\n").encode(),
        HEAD.text.replace("quote-forensics/", "example.org/").encode(),
        HEAD.text.replace("AAEC", "AAE").encode(),
        HEAD.text.encode() + "\n\u2014 name !!\n".encode(),
        HEAD.text.encode() + b"\n- name AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(data: bytes):
    with pytest.raises(CustodyError) as error:
        parse_note(data)
    assert error.value.code == "bad-checkpoint"
    with pytest.raises(UsageError) as usage:
        parse_head(data)
    assert usage.value.code == "bad-head"


@pytest.mark.parametrize("tail", ["", "\n\u2014 name AAAA"])
def test_a_note_beside_an_entry_has_its_end(tail: str):
    """A head that went through mail may lack it; in a file of the case each byte counts."""
    data = (HEAD.text + tail).encode().removesuffix(b"\n")
    with pytest.raises(CustodyError) as error:
        parse_note(data)
    assert error.value.code == "bad-checkpoint"
    assert parse_head(data).checkpoint == HEAD


@pytest.mark.parametrize("data", [b"[", b"[]", b"{}", b'{"checkpoint": 1}', b"[" * 100_000, b"[1]"])
def test_json_without_a_checkpoint_is_no_head(data: bytes):
    with pytest.raises(UsageError) as error:
        parse_head(data)
    assert error.value.code == "bad-head"


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "AAAA", "é", base64.b64encode(bytes(33)).decode()],
)
def test_what_is_no_public_key_is_refused(text: str):
    with pytest.raises(UsageError) as error:
        parse_public_key(text)
    assert error.value.code == "bad-public-key"


def test_what_is_no_private_key_is_refused(tmp_path: Path):
    path = tmp_path / "key.pem"
    for data in (b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        path.write_bytes(data)
        with pytest.raises(UsageError) as error:
            read_signer(path)
        assert error.value.code == "bad-sign-key"
    with pytest.raises(UsageError) as error:
        read_signer(tmp_path / "none")
    assert error.value.code == "unreadable-path"


def test_every_entry_of_a_signed_case_is_signed(signed):
    assert find(signed) == set()
    assert find(open_case(signed.path)) == set()
    names = sorted(path.name for path in (signed.path / "ledger").iterdir())
    assert names == [f"{number:08}.{kind}" for number in (1, 2, 3) for kind in ("json", "note")]
    newest = parse_note((signed.path / "ledger" / "00000003.note").read_bytes())
    assert newest.checkpoint == describe_head(signed.ledger)


def test_a_missing_or_damaged_signature_is_named(signed):
    note = signed.path / "ledger" / "00000002.note"
    kept = note.read_bytes()
    note.unlink()
    assert find(signed) == {("ledger/00000002.note", "signature-missing")}
    for offset in range(len(kept)):
        damaged = bytearray(kept)
        damaged[offset] ^= 1
        note.write_bytes(damaged)
        assert find(signed) == {("ledger/00000002.note", "signature-invalid")}, offset
    note.write_bytes((signed.path / "ledger" / "00000003.note").read_bytes())
    assert find(signed) == {("ledger/00000002.note", "signature-invalid")}
    note.unlink()
    note.mkdir()
    assert find(signed) == {("ledger/00000002.note", "signature-invalid")}


def test_a_rewritten_newest_entry_is_found_by_its_signature(signed):
    """What the chain alone cannot show."""
    path = signed.path / "ledger" / "00000003.json"
    rewrite_entry(path, lambda values: values.update(who="nobody"))
    assert find(signed) == {("ledger/00000003.note", "signature-invalid")}


def test_a_case_that_was_made_anew_with_another_key_is_found(signed, make_signer, tmp_path: Path):
    ours, theirs = make_signer(1), make_signer(2)
    other = create_case(
        tmp_path / "other", name="s", at=AT, anchors=[], signer=theirs,
        signing_keys=[ours.public_key],
    )  # fmt: skip
    assert find(other) == set()
    found = find(other, signing_keys=[ours.public_key])
    assert found == {("ledger/00000001.note", "signature-invalid")}
    unsigned = create_case(tmp_path / "unsigned", name="s", at=AT, anchors=[])
    assert find(unsigned, signing_keys=[ours.public_key]) == {
        ("case.toml", "keys-changed"),
        ("ledger/00000001.note", "signature-missing"),
    }
    assert find(signed, signing_keys=[ours.public_key]) == set()


def test_keys_cannot_be_taken_out_of_the_settings(signed):
    settings = signed.path / "case.toml"
    text = settings.read_text()
    settings.write_text(text.split("[[signing_key]]")[0])
    changed = open_case(signed.path)
    assert ("case.toml", "keys-changed") in find(changed)
    settings.write_text(text.replace("ed25519 = ", "rsa = "))
    with pytest.raises(CustodyError) as error:
        open_case(signed.path)
    assert error.value.code == "bad-settings"


def test_a_commit_without_the_right_key_is_refused(signed, make_signer, tmp_path: Path):
    before = sorted(signed.path.rglob("*"))
    refused = {
        "signature-wanted": open_case(signed.path),
        "foreign-key": open_case(signed.path, make_signer(2)),
    }
    for code, case in refused.items():
        with pytest.raises(UsageError) as error:
            commit(case, 3)
        assert error.value.code == code
    unsigned = create_case(tmp_path / "unsigned", name="u", at=AT, anchors=[])
    with pytest.raises(UsageError) as error:
        commit(open_case(unsigned.path, make_signer()), 3)
    assert error.value.code == "unsigned-case"
    with pytest.raises(UsageError) as error:
        create_case(
            tmp_path / "new", name="n", at=AT, anchors=[], signing_keys=[make_signer().public_key]
        )
    assert error.value.code == "signature-wanted"
    assert not (tmp_path / "new").exists()
    assert sorted(signed.path.rglob("*")) == before


def test_a_private_key_inside_the_case_is_refused(signed, make_signer):
    inside = signed.path / "key.pem"
    shutil.copy(make_signer().path, inside)
    with pytest.raises(UsageError) as error:
        commit(open_case(signed.path, read_signer(inside)), 3)
    assert error.value.code == "key-in-case"


def test_a_colleague_signs_with_a_key_of_their_own(tmp_path: Path, make_signer):
    ours, theirs = make_signer(1), make_signer(2)
    case = create_case(
        tmp_path / "shared", name="s", at=AT, anchors=[], signer=ours,
        signing_keys=[theirs.public_key],
    )  # fmt: skip
    commit(open_case(case.path, theirs), 0)
    assert find(case) == set()
    note = parse_note((case.path / "ledger" / "00000002.note").read_bytes())
    assert note.find_signer([ours.public_key, theirs.public_key]) == theirs.public_key


def test_a_signature_without_its_entry_is_a_leftover(signed, make_signer):
    """A crash between the two leaves it; the next writer writes another in its place."""
    early = signed.path / "ledger" / "00000004.note"
    early.write_text("half a note")
    (problem,) = (p for p in verify_custody(signed) if p.code == "stray-file")
    assert (problem.path, problem.level) == ("ledger/00000004.note", "note")
    commit(open_case(signed.path, make_signer()), 5)
    assert find(signed) == set()
