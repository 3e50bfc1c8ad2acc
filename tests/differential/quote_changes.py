"""The ways in which the bytes of a good quote are changed, by name.

The classes are those of the measurements that this toolkit's rules rest on: what is covered by a
signature, one byte at a time; lengths and types; the certificates and their text; both forms of
every signature; bytes after the end. A change that has no meaning for a quote gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from forensics.formats.pem import split_pem
from forensics.formats.quote import Quote
from forensics.simulate.certificates import chain_pem, encode_pem, flip_certificate_signature
from forensics.simulate.keys import P256_ORDER, flip_s
from forensics.simulate.quotes import flip_qe_signature, flip_quote_signature, rewrap_chain

Change = Callable[[Quote], bytes]

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
_ROLES = ("leaf", "ca", "root")


def list_changes(quote: Quote) -> Iterator[tuple[str, bytes]]:
    """(name of the change, the changed bytes), the same names for every quote of a kind."""
    for group in (_signed_parts, _signatures, _lengths, _types, _texts, _certificates, _ends):
        yield from group(quote)


def list_flips(quote: Quote, step: int) -> Iterator[tuple[str, bytes]]:
    """One bit of every byte of the quote; in the certification data, of every `step`th."""
    data, at = quote.to_bytes(), Offsets(quote)
    positions = (
        *range(at.cert_data),
        *range(at.cert_data, at.cert_end, step),
        *range(at.cert_end, len(data)),
    )
    for position in positions:
        yield f"one bit of byte {position}", flip(data, position)


def flip(data: bytes, position: int, mask: int = 1) -> bytes:
    return data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]


def _put(data: bytes, position: int, value: int, size: int) -> bytes:
    limited = value % (1 << 8 * size)
    return data[:position] + limited.to_bytes(size, "little") + data[position + size :]


class Offsets:
    """Where the parts of a quote stand in its bytes."""

    def __init__(self, quote: Quote) -> None:
        self.sig_data_len = len(quote.signed)
        self.signature = self.sig_data_len + 4
        self.attestation_key = self.signature + 64
        self.outer_type = self.attestation_key + 64
        self.outer_len = self.outer_type + 2
        self.qe_report = self.outer_type + (0 if quote.version == 3 else 6)
        self.qe_signature = self.qe_report + 384
        self.auth_len = self.qe_signature + 64
        self.auth_data = self.auth_len + 2
        self.cert_type = self.auth_data + len(quote.qe_auth_data)
        self.cert_len = self.cert_type + 2
        self.cert_data = self.cert_len + 4
        self.cert_end = self.cert_data + len(quote.certification_data)


def _signed_parts(quote: Quote) -> Iterator[tuple[str, bytes]]:
    data, at = quote.to_bytes(), Offsets(quote)
    body = quote.body_offset
    places = {
        "version": 0,
        "key type": 2,
        "tee type": 4,
        "header bytes 8-11": 9,
        "vendor id": 15,
        "user data": 30,
        "first byte of the body": body,
        "report data": quote.report_data_offset + 5,
        "last byte of the body": len(quote.signed) - 1,
        "attestation key x": at.attestation_key + 3,
        "attestation key y": at.attestation_key + 40,
        "QE report": at.qe_report + 70,
        "QE REPORT_DATA": at.qe_report + 325,
        "QE REPORT_DATA, second half": at.qe_report + 370,
        "QE authentication data": at.auth_data + 1,
        "r": at.signature + 7,
        "s": at.signature + 39,
        "r of the QE report": at.qe_signature + 7,
        "s of the QE report": at.qe_signature + 39,
    }
    for name, position in places.items():
        yield f"one bit of {name}", flip(data, position)
    if quote.version == 5:
        yield "body type of another TEE", _put(data, 48, 1 if quote.tee == "tdx" else 2, 2)
        yield "body size + 1", _put(data, 50, quote.body_layout.size + 1, 4)
    yield "header of another version", _put(data, 0, 4 if quote.version == 3 else 3, 2)


def _signatures(quote: Quote) -> Iterator[tuple[str, bytes]]:
    yield "s := n - s of the quote", flip_quote_signature(quote).to_bytes()
    yield "s := n - s of the QE report", flip_qe_signature(quote).to_bytes()
    yield "s := n - s of both", flip_qe_signature(flip_quote_signature(quote)).to_bytes()
    r, s = quote.signature[:32], quote.signature[32:]
    order = P256_ORDER.to_bytes(32)
    forged = {
        "r = 0": bytes(32) + s,
        "s = 0": r + bytes(32),
        "r = n": order + s,
        "s = n": r + order,
        "r and s exchanged": s + r,
        "r := n - r": flip_s(s + r)[32:] + s,
        "signature of the QE report": quote.qe_signature,
    }
    for name, signature in forged.items():
        yield name, replace(quote, signature=signature).to_bytes()
    yield (
        "QE report signature of the quote",
        replace(quote, qe_signature=quote.signature).to_bytes(),
    )
    for name, key in (("zero", bytes(64)), ("off the curve", b"\x05" * 64)):
        yield f"attestation key {name}", replace(quote, attestation_key=key).to_bytes()
    mirrored = quote.attestation_key[:32] + flip(quote.attestation_key[32:], 0, 0xFF)
    yield "attestation key with another y", replace(quote, attestation_key=mirrored).to_bytes()


def _lengths(quote: Quote) -> Iterator[tuple[str, bytes]]:
    data, at = quote.to_bytes(), Offsets(quote)
    fields = {"sig_data_len": (at.sig_data_len, 4), "auth_len": (at.auth_len, 2)}
    fields["cert_size"] = (at.cert_len, 4)
    if quote.version > 3:
        fields["outer_cert_size"] = (at.outer_len, 4)
    for name, (position, size) in fields.items():
        declared = int.from_bytes(data[position : position + size], "little")
        for offset in (-500, -10, -2, -1, 1, 16):
            yield f"{name} {offset:+}", _put(data, position, declared + offset, size)
        yield f"{name} = 0", _put(data, position, 0, size)
        yield f"{name} = all ones", _put(data, position, -1, size)
    for size in (0, 432, 1019, 1020, at.cert_data, at.cert_end - 1):
        yield f"cut to {size} bytes", data[:size]
    auth, text = quote.qe_auth_data, quote.certification_data
    moved = replace(quote, qe_auth_data=auth[:-1], certification_data=auth[-1:] + text)
    yield "last byte of authentication data moved on", moved.to_bytes()


def _types(quote: Quote) -> Iterator[tuple[str, bytes]]:
    for number in (0, 1, 2, 3, 4, 6, 7, 0x8005):
        yield f"cert_type = {number:#x}", replace(quote, certification_type=number).to_bytes()
    if quote.version > 3:
        for number in (0, 1, 5, 7, 0x8006):
            changed = replace(quote, outer_certification_type=number)
            yield f"outer_cert_type = {number:#x}", changed.to_bytes()


def _texts(quote: Quote) -> Iterator[tuple[str, bytes]]:
    """The PEM text; every length field follows, unless the name says otherwise."""
    text = quote.certification_data
    between = text.index(_BEGIN, 1)
    inside = between // 2
    end = text.rindex(_END) + len(_END)
    texts = {
        "PEM with CRLF": rewrap_chain(quote).certification_data,
        "PEM + LF": text + b"\n",
        "PEM + NUL": text + b"\0",
        "PEM + text": text + b"A" * 16,
        "PEM without its tail": text[:end],
        "PEM with another tail": text[:end] + b"\x42",
        "LF before the certificates": b"\n" + text,
        "LF between the certificates": text[:between] + b"\n" + text[between:],
        "text before the certificates": b"x\n" + text,
        "text between the certificates": text[:between] + b"x\n" + text[between:],
        "blank inside base64": text[:inside] + b" " + text[inside:],
        "TAB inside base64": text[:inside] + b"\t" + text[inside:],
        "NUL inside base64": text[:inside] + b"\0" + text[inside:],
        "letter outside the alphabet": text[:inside] + b"!" + text[inside + 1 :],
        "base64 on one line": _join_lines(text),
        "lower-case label": text.replace(b"CERTIFICATE", b"certificate"),
        "no PEM": b"",
        "PEM of NULs": bytes(len(text)),
    }
    for name, changed in texts.items():
        yield name, replace(quote, certification_data=changed).to_bytes()
    data, at = quote.to_bytes(), Offsets(quote)
    longer = data[: at.cert_data] + texts["PEM with CRLF"] + data[at.cert_end :]
    yield "PEM with CRLF, lengths left", longer


def _join_lines(text: bytes) -> bytes:
    return re.sub(
        rb"(?<=-----BEGIN CERTIFICATE-----\n)[^-]+(?=\n-----END)",
        lambda match: match[0].replace(b"\n", b""),
        text,
    )


def _certificates(quote: Quote) -> Iterator[tuple[str, bytes]]:
    leaf, ca, root = (der for _, der in split_pem(quote.certification_data))
    chains = {
        "CA dropped": (leaf, root),
        "leaf dropped": (ca, root),
        "root dropped": (leaf, ca),
        "leaf alone": (leaf,),
        "root repeated": (leaf, ca, root, root),
        "leaf repeated": (leaf, ca, root, leaf),
        "CA repeated": (leaf, ca, ca, root),
        "order CA, leaf, root": (ca, leaf, root),
        "order leaf, root, CA": (leaf, root, ca),
        "order root, CA, leaf": (root, ca, leaf),
    }
    for name, chain in chains.items():
        yield name, replace(quote, certification_data=chain_pem(*chain) + b"\0").to_bytes()
    for number, role in enumerate(_ROLES):
        ders = [leaf, ca, root]
        yield from _changed_certificate(quote, ders, number, role)


def _changed_certificate(
    quote: Quote, ders: list[bytes], number: int, role: str
) -> Iterator[tuple[str, bytes]]:
    def build(block: bytes) -> bytes:
        blocks = [encode_pem(der) for der in ders]
        blocks[number] = block
        return replace(quote, certification_data=b"".join(blocks) + b"\0").to_bytes()

    block = encode_pem(ders[number])
    yield f"s := n - s of the {role}", build(encode_pem(flip_certificate_signature(ders[number])))
    yield f"BEGIN of the {role}", build(flip(block, 2))
    yield f"label of the {role}", build(flip(block, block.index(b"TIFI"), 0x20))
    for share in (0.1, 0.35, 0.6, 0.9):
        position = int(len(block) * share)
        position += block[position] == 0x0A
        letter = ALPHABET[(ALPHABET.index(block[position]) + 1) % 64]
        yield (
            f"base64 letter at {share} of the {role}",
            build(block[:position] + bytes((letter,)) + block[position + 1 :]),
        )
    bare = block.removesuffix(_END).rstrip(b"\n")
    if bare.endswith(b"="):
        unpadded = bare.rstrip(b"=")
        padding = bare[len(unpadded) :]
        other = ALPHABET[ALPHABET.index(unpadded[-1]) ^ 1]
        unused = unpadded[:-1] + bytes((other,)) + padding
        yield f"unused bit of base64 of the {role}", build(unused + b"\n" + _END)
        yield f"no padding in base64 of the {role}", build(unpadded + b"\n" + _END)


def _ends(quote: Quote) -> Iterator[tuple[str, bytes]]:
    data = quote.to_bytes()
    ends = {
        "1 x 00": b"\0",
        "1 x 41": b"A",
        "64 x 00": bytes(64),
        "64 x ff": b"\xff" * 64,
        "4096 x 41": b"A" * 4096,
        "a second copy": data,
    }
    for name, end in ends.items():
        yield f"after the end: {name}", data + end
    for size in (1, 16, 4096):
        yield f"slack of {size} in sig_data_len", replace(quote, slack=b"A" * size).to_bytes()
    if quote.version > 3:
        yield "slack of 1 in outer_cert_size", replace(quote, outer_slack=b"A").to_bytes()
