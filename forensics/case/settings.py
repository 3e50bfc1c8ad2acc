"""`case.toml`: name, creation time, trust anchors and signing keys of a case.

Trust anchors are root certificates. Each is stated three ways, so that a person can compare it
with the vendor's publication and no edit of the PEM goes unnoticed: the certificate, its SHA-256,
and the SHA-256 of its public key (SubjectPublicKeyInfo).

A case that names signing keys is signed by one of them with every commit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from forensics.case.signing import PublicKey, parse_public_key
from forensics.case.text import clean_text
from forensics.errors import CustodyError, EvidenceError, UsageError
from forensics.formats.der import extract_public_key_info
from forensics.formats.pem import split_pem

MAX_SETTINGS_SIZE = 1 << 20
AMD_PRODUCTS = ("milan", "genoa", "turin")


@dataclass(frozen=True)
class Anchor:
    """A trusted root certificate, DER."""

    der: bytes

    @cached_property
    def certificate_id(self) -> str:
        """SHA-256 of the DER, hex."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def key_id(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hex. Raises `EvidenceError` (`bad-der`)."""
        return hashlib.sha256(extract_public_key_info(self.der)).hexdigest()


@dataclass(frozen=True)
class Settings:
    """What `case.toml` says."""

    name: str
    created: datetime
    anchors: tuple[Anchor, ...]
    signing_keys: tuple[PublicKey, ...] = ()


def load_intel_root() -> bytes:
    """Intel's SGX root certificate (`Intel SGX Root CA`, 2018 to 2049), DER."""
    return _load_root("intel_sgx_root_ca.pem")


def load_amd_roots() -> list[bytes]:
    """AMD's root keys for SEV (`ARK-Milan`, `ARK-Genoa`, `ARK-Turin`), DER."""
    return [_load_root(f"amd_ark_{product}.pem") for product in AMD_PRODUCTS]


def load_vendor_roots() -> list[bytes]:
    """The roots that a case trusts by default: Intel's and AMD's."""
    return [load_intel_root(), *load_amd_roots()]


def _load_root(name: str) -> bytes:
    text = files("forensics.case").joinpath(name).read_bytes()
    return split_pem(text)[0][1]


def format_settings(settings: Settings) -> str:
    """The text of `case.toml`; `parse_settings` reads it back."""
    lines = [
        f"name = {_quote(settings.name)}",
        f"created = {settings.created.astimezone(UTC).isoformat()}",
    ]
    for anchor in settings.anchors:
        body = base64.b64encode(anchor.der).decode()
        lines += [
            "",
            "[[trust_anchor]]",
            f"sha256 = {_quote(anchor.certificate_id)}",
            f"public_key_sha256 = {_quote(anchor.key_id)}",
            "certificate = '''",
            "-----BEGIN CERTIFICATE-----",
            *textwrap.wrap(body, 64),
            "-----END CERTIFICATE-----",
            "'''",
        ]
    for key in settings.signing_keys:
        lines += ["", "[[signing_key]]", f"ed25519 = {_quote(key.text)}"]
    return "\n".join(lines) + "\n"


def make_settings(
    name: str,
    created: datetime,
    anchors: Sequence[bytes],
    signing_keys: Sequence[PublicKey] = (),
) -> Settings:
    """Checked settings. Raises `UsageError` (`bad-anchor`, `naive-time`)."""
    if created.tzinfo is None:
        raise UsageError("naive-time", "a creation time without a time zone")
    unique = tuple({der: Anchor(der) for der in anchors}.values())
    for anchor in unique:
        try:
            extract_public_key_info(anchor.der)
        except EvidenceError as error:
            message = f"a trust anchor is no X.509 certificate: {error.message}"
            raise UsageError("bad-anchor", message) from None
    return Settings(name, created, unique, tuple(dict.fromkeys(signing_keys)))


def read_settings(path: Path) -> Settings:
    """Settings from `case.toml`. Raises `CustodyError` (`bad-settings`, `anchor-mismatch`)."""
    if path.exists() and not path.is_file():  # a pipe, say, would hold us for ever
        raise CustodyError("bad-settings", "case.toml is not a file")
    with path.open("rb") as file:
        data = file.read(MAX_SETTINGS_SIZE + 1)
    if len(data) > MAX_SETTINGS_SIZE:
        raise CustodyError("bad-settings", "case.toml is larger than it can be")
    try:
        return parse_settings(tomllib.loads(data.decode()))
    except (ValueError, KeyError, TypeError, EvidenceError, UsageError, RecursionError) as error:
        message = f"case.toml cannot be read: {_describe(error)}"
        raise CustodyError("bad-settings", message) from None


def parse_settings(values: Mapping[str, object]) -> Settings:
    """Settings from the values of `case.toml`; others, as older versions wrote, are passed over.

    Raises `CustodyError` (`anchor-mismatch`), `EvidenceError`, `UsageError`, `KeyError`,
    `TypeError` or `ValueError`.
    """
    name, created = values["name"], values["created"]
    stated, keys = values.get("trust_anchor", []), values.get("signing_key", [])
    if not isinstance(name, str) or not isinstance(created, datetime) or created.tzinfo is None:
        raise ValueError("name must be text and created a time with its time zone")
    if not isinstance(stated, list) or not isinstance(keys, list):
        raise TypeError("trust_anchor and signing_key must be arrays of tables")
    anchors = tuple(_parse_anchor(item) for item in stated)
    signing_keys = tuple(parse_public_key(_read_text(item, "ed25519")) for item in keys)
    return Settings(name, created, anchors, signing_keys)


def _parse_anchor(stated: Mapping[str, object]) -> Anchor:
    blocks = split_pem(_read_text(stated, "certificate").encode())
    anchor = Anchor(blocks[0][1])
    said = (stated["sha256"], stated["public_key_sha256"])
    if len(blocks) != 1 or said != (anchor.certificate_id, anchor.key_id):
        message = f"case.toml: trust anchor {said[0]!r} is not the certificate beside it"
        raise CustodyError("anchor-mismatch", message)
    return anchor


def _read_text(table: Mapping[str, object], name: str) -> str:
    value = table[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text")
    return value


def _describe(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _quote(text: str) -> str:
    """A TOML basic string: JSON's escapes, and DEL, which JSON leaves alone."""
    text = json.dumps(clean_text(text), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
