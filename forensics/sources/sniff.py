"""What a file is, by its content. Its name decides nothing."""

from __future__ import annotations

import re
from enum import StrEnum

from forensics.errors import EvidenceError
from forensics.formats.quote import looks_like_quote
from forensics.formats.snp import looks_like_report
from forensics.sources.encodings import decode_binary
from forensics.sources.members import BOM

# How much of a file the decision may need: a quote in hex, wrapped, is about 20 KiB.
HEAD_SIZE = 1 << 18

_AZURE_HCL = b"HCLA"


class Kind(StrEnum):
    """Families of content; `TEXT` stands for binary evidence written in hex or base64."""

    EMPTY = "empty"
    QUOTE = "quote"
    WRAPPED_REPORT = "wrapped_report"
    DER = "der"
    PEM = "pem"
    JSON_OBJECT = "json_object"
    JSON_ARRAY = "json_array"
    JSON_LINES = "json_lines"
    TEXT = "text"
    TOML = "toml"
    YAML = "yaml"
    GZIP = "gzip"
    ZSTD = "zstd"
    XZ = "xz"
    BZIP2 = "bzip2"
    ZIP = "zip"
    TAR = "tar"
    OTHER_ARCHIVE = "other_archive"
    UTF16 = "utf16"
    UNRECOGNISED = "unrecognised"


ARCHIVES = frozenset({Kind.GZIP, Kind.ZSTD, Kind.XZ, Kind.BZIP2, Kind.ZIP, Kind.TAR})

_MAGIC = {
    b"\x1f\x8b": Kind.GZIP,
    b"\x28\xb5\x2f\xfd": Kind.ZSTD,
    b"PK\x03\x04": Kind.ZIP,
    b"PK\x05\x06": Kind.ZIP,
    b"\xfd7zXZ\x00": Kind.XZ,
    b"BZh": Kind.BZIP2,
    b"7z\xbc\xaf\x27\x1c": Kind.OTHER_ARCHIVE,
    b"Rar!\x1a\x07": Kind.OTHER_ARCHIVE,
    b"\x04\x22\x4d\x18": Kind.OTHER_ARCHIVE,
    b"\xff\xfe": Kind.UTF16,
    b"\xfe\xff": Kind.UTF16,
}
_LINES_LOOKED_AT = 64
_ARRAY = re.compile(rb"\[\s*+(?:[\[{\"\]]|$)")  # of objects; other arrays are not evidence
_PEM = re.compile(rb"(?:-----|%2D%2D%2D%2D%2D)BEGIN[ A-Z0-9%]{1,60}(?:-----|%2D%2D)")
# Padding also ends a line: each may hold a quote of its own.
_ENCODED = re.compile(rb"(?:(?:0x)?[A-Za-z0-9+/_\-\s]{16,}+={0,2}+\s*+)++\x00?")
_TOML = re.compile(
    rb"^[ \t]*(?:\[\[[ \t]*(?:workload|platform)[ \t]*\]\]|\[[ \t]*policy[ \t]*\]"
    rb"|workload[ \t]*=|platform[ \t]*=[ \t]*\[)",
    re.MULTILINE,
)
_YAML = re.compile(
    rb"^(?:(?:workload|policy)[ \t]*:|platform[ \t]*:[ \t]*\r?\n[ \t]*-)", re.MULTILINE
)


def sniff(head: bytes, size: int) -> Kind:
    """The family of a file of `size` bytes that begins with `head`."""
    if not size:
        return Kind.EMPTY
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return Kind.TAR
    return _sniff_binary(head, size) or _sniff_text(head)


def _sniff_binary(head: bytes, size: int) -> Kind | None:
    if looks_like_report(head, size) or looks_like_quote(head):
        return Kind.QUOTE
    if head.startswith(_AZURE_HCL):
        return Kind.WRAPPED_REPORT
    if head[0] == 0x30 and head[1:2] in (b"\x80", b"\x81", b"\x82", b"\x83", b"\x84"):
        return Kind.DER
    return None


def _sniff_text(head: bytes) -> Kind:
    head = head.removeprefix(BOM)
    text = head.lstrip()
    if text.startswith(b"{"):
        return Kind.JSON_OBJECT
    if _TOML.search(head):  # before arrays: a table header begins like one
        return Kind.TOML
    if _has_event_line(text):
        return Kind.JSON_LINES
    if _ARRAY.match(text):
        return Kind.JSON_ARRAY
    if _PEM.search(head):
        return Kind.PEM
    if _YAML.search(head):
        return Kind.YAML
    if _ENCODED.fullmatch(head):
        return Kind.TEXT
    return Kind.UNRECOGNISED


def _has_event_line(text: bytes) -> bool:
    """Whether an event stands on a line below a first line that is something else.

    So a log is recognised although its first record is damaged. In an array written line by line,
    the first line ends in its bracket or in a comma.
    """
    lines = text.split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]
    if lines[0].rstrip().endswith((b"[", b",")):
        return False
    return any(
        line.startswith(b"{") and b'"event_type"' in line and line.rstrip().endswith(b"}")
        for line in lines[1:]
    )


def decode_text(data: bytes) -> tuple[Kind, bytes]:
    """Binary evidence out of hex or base64 text, and what it is; else the text itself."""
    try:
        text = data.removeprefix(BOM).rstrip(b"\x00 \t\r\n").decode("ascii")
        decoded = decode_binary(text)
    except (UnicodeDecodeError, EvidenceError):
        return Kind.UNRECOGNISED, data
    if not decoded:
        return Kind.UNRECOGNISED, data
    return _sniff_binary(decoded, len(decoded)) or Kind.UNRECOGNISED, decoded


def holds_many_quotes(data: bytes) -> bool:
    """Whether each line of the text is a quote of its own, not a piece of a wrapped one."""
    first, newline, rest = data.strip().partition(b"\n")
    if not newline or not rest.strip() or len(first) < 1020:
        return False
    _, decoded = decode_text(first)
    return looks_like_quote(decoded) or looks_like_report(decoded, len(decoded))
