"""PEM text -> DER blocks, as tolerant as Intel's QVL and no more.

Certificate chains reach us inside quotes, in HTTP headers (percent-encoded) and in files. White
space, CRLF, comments between blocks and a trailing NUL change the bytes but not the certificates
(vectors/mutations.md); a character outside the base64 alphabet does not belong to any block.
"""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

from forensics.errors import EvidenceError

MAX_BLOCKS = 64

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_BLANKS = b"\r\n\t "


def locate_pem(text: bytes) -> list[tuple[int, int]]:
    """(start, stop) of each block of plain PEM, its BEGIN and END lines included.

    Raises `EvidenceError` (`bad-pem`) when there are more than 64.
    """
    spans: list[tuple[int, int]] = []
    for match in _BLOCK.finditer(text):
        if len(spans) == MAX_BLOCKS:
            raise EvidenceError("bad-pem", f"more than {MAX_BLOCKS} PEM blocks", match.start())
        spans.append(match.span())
    return spans


def encode_pem(label: str, der: bytes) -> bytes:
    """PEM text of one block, in lines of 64 characters."""
    body = binascii.b2a_base64(der, newline=False).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def split_pem(text: bytes) -> list[tuple[str, bytes]]:
    """`(label, DER)` of each block in order, from plain or percent-encoded PEM.

    Raises `EvidenceError` (`bad-pem`) when there is no block, a block is not base64, or there are
    more than 64.
    """
    if b"-----BEGIN%20" in text:
        text = unquote_to_bytes(text)
    blocks: list[tuple[str, bytes]] = []
    for match in _BLOCK.finditer(text):
        if len(blocks) == MAX_BLOCKS:
            raise EvidenceError("bad-pem", f"more than {MAX_BLOCKS} PEM blocks", match.start())
        body = match[2].translate(None, _BLANKS)
        if not _BASE64.fullmatch(body):
            raise EvidenceError("bad-pem", "PEM block is not base64", match.start())
        try:
            blocks.append((match[1].decode(), binascii.a2b_base64(body)))
        except binascii.Error as error:
            raise EvidenceError("bad-pem", f"PEM block: {error}", match.start()) from None
    if not blocks:
        raise EvidenceError("bad-pem", "no PEM block")
    return blocks
