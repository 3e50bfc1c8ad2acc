"""Heads of a ledger as transparency logs write them: C2SP tlog-checkpoint in a C2SP signed-note.

    quote-forensics/<SHA-256 of the first entry>      the origin: which case
    3                                                 how many entries
    <base64>                                          RFC 6962 root over the entries' bytes

    — <origin> <base64 of key hash and signature>

The em-dash line is there when a key was; what is signed is everything above the blank line, its
line end included. The key's name is the origin, as that specification asks of logs.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from forensics.case.disk import read_record
from forensics.case.merkle import HASH_SIZE
from forensics.case.signing import PublicKey, Signer
from forensics.errors import CustodyError, UsageError

ORIGIN_PREFIX = "quote-forensics/"
MAX_NOTE_SIZE = 1 << 18  # sixteen signatures of 5 kB and more, as C2SP asks for

_ED25519 = b"\x01"  # C2SP signed-note, signature types
_HASH_SIZE = 4
_DASH = "\u2014"
_ORIGIN = re.compile(f"{ORIGIN_PREFIX}[0-9a-f]{{64}}")
_SIZE = re.compile(r"[1-9][0-9]{0,15}")
_SIGNATURE = re.compile(f"{_DASH} ([^ +\\s]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`size` entries with this 32-byte root, of the case that `origin` names."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Three lines, each with its end."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with whatever signature lines came with it, not verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes], ...] = ()
    """(name of the key, key hash and signature)"""

    def find_signer(self, keys: Iterable[PublicKey]) -> PublicKey | None:
        """The first of `keys` whose signature is here and holds; none if one of theirs fails."""
        message = self.checkpoint.text.encode()
        name = self.checkpoint.origin
        found: PublicKey | None = None
        for key in keys:
            for signed_by, data in self.signatures:
                known = signed_by == name and data[:_HASH_SIZE] == hash_key(name, key)
                if not known:
                    continue
                if not key.verifies(data[_HASH_SIZE:], message):
                    return None
                found = found or key
        return found


def make_origin(first_entry: str) -> str:
    """The origin of the case whose first entry's file has this SHA-256 (hex)."""
    return ORIGIN_PREFIX + first_entry


def hash_key(name: str, key: PublicKey) -> bytes:
    """The 4 bytes that tell keys apart in a note."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.data).digest()[:_HASH_SIZE]


def format_verifier_key(origin: str, key: PublicKey) -> str:
    """The key in the form that witnesses and log monitors take: name, key hash, key."""
    encoded = base64.b64encode(_ED25519 + key.data).decode()
    return f"{origin}+{hash_key(origin, key).hex()}+{encoded}"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The text of the signed note."""
    name = checkpoint.origin
    signature = signer.sign(checkpoint.text.encode())
    line = base64.b64encode(hash_key(name, signer.public_key) + signature).decode()
    return f"{checkpoint.text}\n{_DASH} {name} {line}\n"


def read_note(path: Path) -> Note:
    """A note from its file. Raises `CustodyError` (`bad-checkpoint`)."""
    return parse_note(read_record(path, path.name, MAX_NOTE_SIZE, "bad-checkpoint"))


def parse_note(data: bytes) -> Note:
    """A checkpoint, with or without signatures. Raises `CustodyError` (`bad-checkpoint`)."""
    try:
        body, blank, signatures = data.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise CustodyError("bad-checkpoint", "a checkpoint is UTF-8 text") from None
    if blank:
        body += "\n"
        if not signatures.endswith("\n"):
            raise CustodyError("bad-checkpoint", "a signature line without an end")
    lines = signatures.removesuffix("\n").split("\n") if blank else []
    return Note(_parse_checkpoint(body), tuple(_parse_signature(line) for line in lines))


def parse_head(data: bytes) -> Note:
    """A head as `custody anchor` prints it: a checkpoint, or JSON with one in it.

    What mail and editors do to the ends of lines, to the end and to the beginning is undone: a head
    is held against hashes, not against its bytes. Raises `UsageError` (`bad-head`).
    """
    try:
        if data.lstrip()[:1] in (b"[", b"{"):
            record = json.loads(data)
            record = record[0] if isinstance(record, list) else record
            data = record["checkpoint"].encode()
        text = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").strip(b" \t\n")
        return parse_note(text + b"\n")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        message = "not a head that `custody anchor` printed"
    except CustodyError as error:
        message = f"not a head that `custody anchor` printed: {error.message}"
    raise UsageError("bad-head", message)


def _parse_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):
        raise CustodyError("bad-checkpoint", "not the three lines of a checkpoint")
    root = _decode(lines[2])
    if len(root) != HASH_SIZE or not _ORIGIN.fullmatch(lines[0]):
        raise CustodyError("bad-checkpoint", "no head of a quote-forensics ledger")
    return Checkpoint(lines[0], int(lines[1]), root)


def _parse_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    if not match:
        raise CustodyError("bad-checkpoint", f"not a signature line: {line!r:.80}")
    return match[1], _decode(match[2])


def _decode(text: str) -> bytes:
    """One spelling only: in a file that must not change, the unused bits count too."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise CustodyError("bad-checkpoint", f"not base64: {text!r:.80}")
    return data
