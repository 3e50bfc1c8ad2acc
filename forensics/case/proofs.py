"""Proofs that travel: an entry is in a ledger, and a ledger extends the one that was seen before.

A proof is one JSON object:

    {"type": "quote-forensics/proof/1",
     "checkpoint": "<the newer head, a checkpoint with any signatures>",
     "consistency": {"size": 3, "hashes": ["<base64>", …]},        null without an older head
     "inclusion": [{"entry": 5, "text": "<the entry's bytes>", "hashes": ["<base64>", …]}, …]}

It is checked with itself, the head that a witness kept, and SHA-256. No case is needed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from forensics.case.checkpoints import (
    Checkpoint,
    Note,
    make_origin,
    parse_note,
    read_note,
    sign_checkpoint,
)
from forensics.case.ledger import Entry, Ledger, decode_entry
from forensics.case.merkle import (
    hash_leaf,
    prove_consistency,
    prove_inclusion,
    verify_consistency,
    verify_inclusion,
)
from forensics.case.signing import Signer
from forensics.errors import CustodyError, UsageError

MAX_PROOF_SIZE = 1 << 28

_TYPE: Final = "quote-forensics/proof/1"


class Consistency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    hashes: list[str]


class Inclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entry: int
    text: str
    hashes: list[str]


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See the module."""

    type: Literal["quote-forensics/proof/1"] = _TYPE
    checkpoint: str
    consistency: Consistency | None
    inclusion: list[Inclusion]


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof that holds says."""

    older: Checkpoint
    newer: Note
    entries: tuple[Entry, ...]
    """Entries that are below the newer head."""


def describe_head(ledger: Ledger) -> Checkpoint:
    """The checkpoint of the ledger as it was read. Raises `UsageError` (`empty-ledger`)."""
    if not ledger.digests:
        raise UsageError("empty-ledger", "the ledger has no entries")
    return Checkpoint(make_origin(ledger.digests[0]), ledger.tree.size, ledger.tree.root())


def write_head(ledger: Ledger, signer: Signer | None = None) -> str:
    """The head as text: signed by `signer`, else with the signature beside the newest entry.

    Raises `UsageError` (`empty-ledger`), and `CustodyError` (`bad-checkpoint`) when what lies
    beside the newest entry is not the note of this ledger.
    """
    head = describe_head(ledger)
    if signer is not None:
        return sign_checkpoint(head, signer)
    if not ledger.has_note(head.size):
        return head.text
    path = ledger.locate_note(head.size)
    if read_note(path).checkpoint != head:
        raise CustodyError("bad-checkpoint", f"ledger/{path.name} is another ledger's head")
    return path.read_bytes().decode()


def make_proof(
    ledger: Ledger, head: str, since: Checkpoint | None, entries: Sequence[int]
) -> bytes:
    """A proof as JSON: the ledger extends `since`, and holds these entries (numbers from 1).

    `head` is what `write_head` gave. Raises `UsageError` (`no-entry`) and `CustodyError`
    (`head-contradicted`) when the ledger does not extend `since`.
    """
    size = ledger.tree.size
    consistency = None
    if since is not None:
        if since.origin != describe_head(ledger).origin:
            raise CustodyError("head-contradicted", f"that is another case's head: {since.origin}")
        if since.size > size:
            message = f"that head has {since.size} entries, the ledger {size}"
            raise CustodyError("head-contradicted", message)
        path = prove_consistency(since.size, ledger.leaves)
        root = describe_head(ledger).root
        if not verify_consistency(since.size, since.root, size, root, path):
            message = f"the ledger does not extend that head of {since.size} entries"
            raise CustodyError("head-contradicted", message)
        consistency = Consistency(since.size, _encode(path))
    included = []
    for number in entries:
        if not 1 <= number <= size:
            raise UsageError("no-entry", f"the ledger has no entry {number}")
        path = prove_inclusion(number - 1, ledger.leaves)
        text = ledger.read_bytes(number).decode()
        included.append(Inclusion(number, text, _encode(path)))
    proof = Proof(checkpoint=head, consistency=consistency, inclusion=included)
    return msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n"


def check_proof(data: bytes, kept: Checkpoint) -> Proven:
    """Check a proof against the head that was kept.

    Raises `UsageError` (`bad-proof`) for what is no proof, and `CustodyError` (`proof-fails`).
    """
    try:
        proof = msgspec.json.decode(data, type=Proof)
        newer = parse_note(proof.checkpoint.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UsageError("bad-proof", f"not a proof: {error}") from None
    except CustodyError as error:
        raise UsageError("bad-proof", f"not a proof: {error.message}") from None
    _check_extension(proof, kept, newer.checkpoint)
    entries = [_check_inclusion(item, newer.checkpoint) for item in proof.inclusion]
    return Proven(kept, newer, tuple(entries))


def _check_extension(proof: Proof, kept: Checkpoint, newer: Checkpoint) -> None:
    if newer.origin != kept.origin:
        raise CustodyError("proof-fails", "the proof is about another case than the head")
    if newer == kept:
        return
    if proof.consistency is None or proof.consistency.size != kept.size:
        message = f"the proof says nothing about the head of {kept.size} entries"
        raise CustodyError("proof-fails", message)
    path = _decode(proof.consistency.hashes)
    if not verify_consistency(kept.size, kept.root, newer.size, newer.root, path):
        message = f"the ledger of {newer.size} entries does not extend the head of {kept.size}"
        raise CustodyError("proof-fails", message)


def _check_inclusion(item: Inclusion, newer: Checkpoint) -> Entry:
    data = item.text.encode()
    leaf = hash_leaf(data)
    path = _decode(item.hashes)
    if not verify_inclusion(leaf, item.entry - 1, newer.size, path, newer.root):
        message = f"the text of entry {item.entry} is not what the ledger holds there"
        raise CustodyError("proof-fails", message)
    return decode_entry(data, f"entry {item.entry}")


def _encode(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(data).decode() for data in hashes]


def _decode(texts: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError):
        raise UsageError("bad-proof", "a hash of the proof is not base64") from None
