"""Whole files that are one record each: raw and encoded quotes aside, everything but JSON."""

from __future__ import annotations

from forensics.case.records import Record
from forensics.errors import EvidenceError
from forensics.formats.crl import parse_crl
from forensics.sources.collateral import read_der, read_pem
from forensics.sources.manifest import decode_toml, decode_yaml, read_manifest
from forensics.sources.objects import MANIFEST, UNRECOGNISED, refuse
from forensics.sources.sniff import Kind

CERTIFICATES = "certificates"
CRL = "crl"

_REFUSALS = {
    Kind.EMPTY: ("empty", "the file is empty"),
    Kind.WRAPPED_REPORT: ("unsupported-wrapper", "Azure's HCL report: cut out the report in it"),
    Kind.OTHER_ARCHIVE: (
        "unsupported-archive",
        "only gzip, zstd, xz, bzip2, zip and tar are opened",
    ),
    Kind.UTF16: ("not-utf8", "text in UTF-16"),
    Kind.UNRECOGNISED: ("unrecognised-content", "nothing that this tool knows"),
}


def read_file(kind: Kind, data: bytes, original: bytes) -> tuple[str, Record]:
    """(source kind, record) of a file. `data` is its content, `original` what it was decoded from.

    The record's bytes are always the file's own.
    """
    if kind is Kind.DER:
        return _read_der(data, original)
    if kind is Kind.PEM:
        name = CRL if b"X509" in data and b"CERTIFICATE" not in data else CERTIFICATES
        return name, read_pem(data)
    if kind in (Kind.TOML, Kind.YAML):
        return MANIFEST, _read_manifest_text(kind, data)
    code, message = _REFUSALS.get(kind, _REFUSALS[Kind.UNRECOGNISED])
    return str(kind), refuse(original, None, EvidenceError(code, message))


def _read_der(data: bytes, original: bytes) -> tuple[str, Record]:
    """A CRL or a certificate: what can be read as neither is refused as the latter."""
    try:
        parse_crl(data)
    except EvidenceError as problem:
        if problem.code == "too-large":
            return CRL, refuse(original, None, problem)
        record = read_der(data, original, is_crl=False)
        if record.problem is None:
            return CERTIFICATES, record
        error = EvidenceError("bad-der", "neither a certificate nor a CRL can be read from it")
        return UNRECOGNISED, refuse(original, None, error)
    return CRL, read_der(data, original, is_crl=True)


def _read_manifest_text(kind: Kind, data: bytes) -> Record:
    try:
        value = decode_toml(data) if kind is Kind.TOML else decode_yaml(data)
    except EvidenceError as error:
        return refuse(data, None, error)
    return read_manifest(value, data, None)
