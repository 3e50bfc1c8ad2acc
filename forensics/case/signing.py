"""Ed25519 keys that sign a case's ledger: PEM files outside the case, public keys inside it.

`cryptography` is loaded only where something is signed or verified: most commands do neither.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case.text import clean_text
from forensics.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_SIZE = 32
_LARGEST_KEY_FILE = 1 << 16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: 32 bytes, as RFC 8032 has them."""

    data: bytes

    @property
    def text(self) -> str:
        """Base64: how `custody keygen` prints it and `case.toml` states it."""
        return base64.b64encode(self.data).decode()

    @property
    def key_id(self) -> str:
        """SHA-256 of the 32 bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (64 bytes) over `message` is this key's."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.data).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that is at hand; its text never shows the key."""

    public_key: PublicKey
    path: Path
    _private_key: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private_key.sign(message)

    def __repr__(self) -> str:
        return f"Signer({self.public_key.text})"


def parse_public_key(text: str) -> PublicKey:
    """A key from its base64. Raises `UsageError` (`bad-public-key`)."""
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        data = b""
    if len(data) != KEY_SIZE:
        message = f"not an Ed25519 public key in base64: {text!r:.80}"
        raise UsageError("bad-public-key", message)
    return PublicKey(data)


def choose_signer(keys: tuple[PublicKey, ...], signer: Signer | None, case: Path) -> Signer | None:
    """The signer of a commit to `case`, which names `keys`.

    Raises `UsageError`: `signature-wanted`, `foreign-key`, `unsigned-case`, `key-in-case`.
    """
    if signer is None:
        if keys:
            raise UsageError("signature-wanted", "this case signs its ledger: give --sign-key")
        return None
    if not keys:
        message = "this case names no signing key; that is decided when it is made"
        raise UsageError("unsigned-case", message)
    if signer.public_key not in keys:
        message = f"this case does not name the key {signer.public_key.text}"
        raise UsageError("foreign-key", message)
    if case.resolve() in signer.path.resolve().parents:
        # Whoever gets hold of the case could sign what he likes.
        raise UsageError("key-in-case", "the private key lies inside the case: move it away")
    return signer


def encode_private_key(seed: bytes) -> bytes:
    """The private key of a 32-byte seed as PEM (PKCS #8, not encrypted)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def read_signer(path: Path) -> Signer:
    """The key in a PEM file. Raises `UsageError` (`unreadable-path`, `bad-sign-key`)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    shown = clean_text(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_KEY_FILE)
    except OSError as error:
        raise UsageError("unreadable-path", f"cannot read {shown}: {error.strerror}") from None
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError):  # TypeError: it wants a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        message = f"{shown} holds no unencrypted Ed25519 private key in PEM"
        raise UsageError("bad-sign-key", message)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signer(PublicKey(public), path.absolute(), key)
