"""Collateral: Intel's signed documents, CRLs and certificates, from any of their wrappings.

Every item is stored once under its own id and every sighting of it is an acquisition. One bad item
beside good ones costs only itself: the record then has rows and a problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from forensics.case.records import Problem, Record
from forensics.errors import EvidenceError
from forensics.formats.certificates import parse_certificate
from forensics.formats.collateral import (
    QE_IDENTITY,
    TCB_INFO,
    decode_signature,
    document_id,
    split_envelope,
)
from forensics.formats.crl import parse_crl
from forensics.formats.json_text import find_repeated_keys, parse_object
from forensics.formats.pem import split_pem
from forensics.sources.encodings import decode_binary

CHAIN_FIELDS = (
    "pck_crl_issuer_chain",
    "tcb_info_issuer_chain",
    "qe_identity_issuer_chain",
    "pck_certificate_chain",
)
CRL_FIELDS = ("root_ca_crl", "pck_crl")
DOCUMENT_FIELDS = {"tcb_info": TCB_INFO, "qe_identity": QE_IDENTITY}
NINE_FIELDS = frozenset(
    (*CHAIN_FIELDS[:3], *CRL_FIELDS, *DOCUMENT_FIELDS, *(f"{n}_signature" for n in DOCUMENT_FIELDS))
)

_Input = TypeVar("_Input")


class Items:
    """The distinct collateral items of one record, and the first thing wrong among them."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, bytes], list[tuple[str, dict[str, object]]]] = {}
        self.problem: Problem | None = None

    def add_document(self, kind: str, body: bytes, signature: bytes) -> None:
        parse_object(body)
        identity = document_id(body, signature)
        row: dict[str, object] = {"kind": kind, "body": body, "signature": signature}
        self._add("document", "document_id", kind, identity, row)

    def add_certificate(self, der: bytes) -> None:
        parse_certificate(der)
        identity = hashlib.sha256(der).digest()
        self._add("certificate", "certificate_id", "certificate", identity, {"data": der})

    def add_crl(self, data: bytes) -> None:
        crl = parse_crl(data)
        self._add("crl", "crl_id", "crl", crl.crl_id, {"data": crl.der})

    def add_pem(self, text: bytes) -> None:
        """Every certificate and CRL in `text`, which may be percent-encoded."""
        if b"%2D-" in text or b"%2D%2D" in text or b"%20" in text:
            text = unquote_to_bytes(text)
        for label, der in split_pem(text):
            if label.endswith("CERTIFICATE"):
                self.attempt(label, self.add_certificate, der)
            elif label == "X509 CRL":
                self.attempt(label, self.add_crl, der)
            else:
                self.note(label, EvidenceError("unsupported-pem", "not a certificate or CRL"))

    def attempt(self, what: str, add: Callable[[_Input], None], value: _Input) -> None:
        """`add(value)`; what it refuses becomes this record's problem."""
        try:
            add(value)
        except EvidenceError as error:
            self.note(what, error)

    def note(self, what: str, error: EvidenceError) -> None:
        message = f"{what}: {error.message}"
        if self.problem is None:
            self.problem = Problem(error.code, message)
        else:
            self.problem.message += f"; {message}"

    def record(self, data: bytes, line: int | None) -> Record:
        rows = [row for pair in self._rows.values() for row in pair]
        if not rows and self.problem is None:
            self.problem = Problem("bad-collateral", "no collateral in it")
        return Record(line, data, rows, problem=self.problem)

    def _add(
        self, table: str, id_column: str, kind: str, identity: bytes, row: dict[str, object]
    ) -> None:
        acquisition: dict[str, object] = {"item_id": identity, "kind": kind}
        self._rows[table, identity] = [
            (table, {id_column: identity, **row}),
            ("acquisition", acquisition),
        ]


def read_pcs_body(data: bytes, line: int | None) -> Record:
    """A PCS response: `{"tcbInfo": …, "signature": …}` or the same with `enclaveIdentity`."""
    items = Items()
    try:
        items.add_document(*split_envelope(data))
    except EvidenceError as error:
        items.note("PCS response", error)
    return items.record(data, line)


def read_collateral(value: dict[str, object], data: bytes, line: int | None) -> Record:
    """The nine-field JSON; a field that is missing is not a problem, a wrong one is.

    Of a field that stands twice neither value is taken: another reader would take the other.
    """
    items = Items()
    for name in find_repeated_keys(data):
        value.pop(name, None)
        items.note(name, EvidenceError("duplicate-key", "stands twice"))
    for name in CHAIN_FIELDS:
        for text in _texts(items, value, name):
            items.attempt(name, items.add_pem, text.encode())
    for name in CRL_FIELDS:
        for text in _texts(items, value, name):
            items.attempt(name, partial(_add_crl_text, items), text)
    for name, kind in DOCUMENT_FIELDS.items():
        signature = value.get(f"{name}_signature")
        for text in _texts(items, value, name):
            add = partial(_add_document_text, items, kind, signature)
            items.attempt(name, add, text)
    return items.record(data, line)


def read_pem(data: bytes) -> Record:
    """A file of PEM blocks."""
    items = Items()
    items.attempt("PEM", items.add_pem, data)
    return items.record(data, None)


def read_der(der: bytes, data: bytes, is_crl: bool) -> Record:
    """A certificate or CRL in DER; `data` is the file that it was decoded from."""
    items = Items()
    if is_crl:
        items.attempt("CRL", items.add_crl, der)
    else:
        items.attempt("certificate", items.add_certificate, der)
    return items.record(data, None)


def _texts(items: Items, value: dict[str, object], name: str) -> Iterable[str]:
    """The string at `name`: one, or none when it is absent, empty or of another type."""
    text = value.get(name)
    if isinstance(text, str):
        if text.strip():
            yield text
    elif text is not None:
        items.note(name, EvidenceError("wrong-type", "not a string"))


def _add_crl_text(items: Items, text: str) -> None:
    if text.lstrip().startswith("-----BEGIN"):
        items.add_pem(text.encode())
    else:
        items.add_crl(decode_binary(text.rstrip("\x00")))


def _add_document_text(items: Items, kind: str, signature: object, text: str) -> None:
    """The signed text beside its signature; some writers put the whole PCS response there."""
    body = text.encode()
    if "tcbInfo" in text[:64] or "enclaveIdentity" in text[:64]:
        found, body, inner = split_envelope(body)
        if found != kind:
            raise EvidenceError("bad-collateral", f"holds a {found}")
        items.add_document(kind, body, inner)
    else:
        items.add_document(kind, body, decode_signature(signature))
