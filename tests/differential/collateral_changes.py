"""The ways in which collateral of a good quote is changed, by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from differential.quote_changes import flip
from differential.verifiers import Exhibit

from forensics.formats.collateral import split_envelope
from forensics.formats.pem import split_pem
from forensics.simulate.certificates import chain_pem, flip_certificate_signature
from forensics.simulate.keys import flip_s

_MEMBERS = {"tcb_info": "tcbInfo", "qe_identity": "enclaveIdentity"}
_CHAINS = ("tcb_info_issuer_chain", "qe_identity_issuer_chain")


def list_changes(exhibit: Exhibit, others: list[Exhibit]) -> Iterator[tuple[str, Exhibit]]:
    """(name of the change, the changed exhibit). `others` lend their own pieces."""
    for name in _MEMBERS:
        for change, data in _documents(name, exhibit):
            yield f"{name}: {change}", replace(exhibit, **{name: data})
    for name in ("root_ca_crl", "pck_crl"):
        for change, data in _crls(name, exhibit):
            yield f"{name}: {change}", replace(exhibit, **{name: data})
    for name in _CHAINS:
        for change, data in _chains(name, exhibit):
            yield f"{name}: {change}", replace(exhibit, **{name: data})
    chain = exhibit.pck_crl_issuer_chain
    for change, data in (
        ("empty", b""),
        ("CRLF", chain.replace(b"\n", b"\r\n")),
        ("of the TCB signer", exhibit.tcb_info_issuer_chain),
    ):
        changed = replace(exhibit, pck_crl_issuer_chain=data)
        yield f"pck_crl_issuer_chain: {change}", changed
    everything = dict.fromkeys(("pck_crl_issuer_chain", *_CHAINS), b"")
    yield "all issuer chains: empty", replace(exhibit, **everything)
    yield from _exchanges(exhibit, others)


def _documents(name: str, exhibit: Exhibit) -> Iterator[tuple[str, bytes]]:
    data: bytes = getattr(exhibit, name)
    _, body, signature = split_envelope(data)
    member = _MEMBERS[name].encode()

    def envelope(body: bytes = body, signature: bytes = signature) -> bytes:
        return b'{"%s":%s,"signature":"%s"}' % (member, body, signature.hex().encode())

    digits = signature.hex().encode()
    pretty = json.dumps(json.loads(body), indent=2).encode()
    yield "s := n - s", envelope(signature=flip_s(signature))
    yield "signature in upper case", envelope().replace(digits, digits.upper())
    yield (
        "blanks around the signed object",
        b'{ "%s" : %s ,\n"signature" : "%s" }\n'
        % (
            member,
            body,
            digits,
        ),
    )
    yield "another member", envelope()[:-1] + b',"x":1}'
    yield "signature first", b'{"signature":"%s","%s":%s}' % (digits, member, body)
    yield "pretty-printed", envelope(pretty)
    yield "a blank inside the signed object", envelope(b"{ " + body[1:])
    yield "a member inside the signed object", envelope(body[:-1] + b',"x":1}')
    yield "a member twice", envelope(body[:-1] + b',"version":3}')
    yield "an escape in a string", envelope(body.replace(b'"id"', b'"\\u0069d"', 1))
    yield (
        "another status",
        envelope(re.sub(rb'"(OutOfDate|UpToDate)"', b'"Revoked"', body, count=1)),
    )
    yield (
        "another SVN",
        envelope(re.sub(rb'("(?:isv|pce)?svn":\s?)\d+', rb"\g<1>99", body, count=1)),
    )
    yield "another end", envelope(re.sub(rb'("nextUpdate":\s?")20\d\d', rb"\g<1>2046", body))
    yield "one bit of the signature", envelope(signature=flip(signature, 20))
    yield "signature of zeros", envelope(signature=bytes(64))
    yield "no signature", b'{"%s":%s}' % (member, body)
    yield "short signature", envelope(signature=signature[:63])
    yield "no JSON", data[:-1]
    yield "empty", b""
    other = exhibit.qe_identity if name == "tcb_info" else exhibit.tcb_info
    yield "the other document", other
    yield "signature of the other document", envelope(signature=split_envelope(other)[2])


def _crls(name: str, exhibit: Exhibit) -> Iterator[tuple[str, bytes]]:
    data: bytes = getattr(exhibit, name)
    yield "s := n - s", flip_certificate_signature(data)
    yield "a byte after the end", data + b"\0"
    yield "one bit of the signature", flip(data, len(data) - 10)
    yield "one bit of a date", flip(data, data.index(b"\x17\x0d") + 11)
    yield "cut", data[:-1]
    yield "empty", b""
    yield "the other CRL", exhibit.pck_crl if name == "root_ca_crl" else exhibit.root_ca_crl


def _chains(name: str, exhibit: Exhibit) -> Iterator[tuple[str, bytes]]:
    text: bytes = getattr(exhibit, name)
    signer, root = (der for _, der in split_pem(text))
    yield "CRLF", text.replace(b"\n", b"\r\n")
    yield "empty", b""
    yield "signer alone", chain_pem(signer)
    yield "root alone", chain_pem(root)
    yield "order root, signer", chain_pem(root, signer)
    yield "root twice", chain_pem(signer, root, root)
    yield "that of the PCK CRL", exhibit.pck_crl_issuer_chain
    yield "s := n - s of the signer", chain_pem(flip_certificate_signature(signer), root)
    yield "s := n - s of the root", chain_pem(signer, flip_certificate_signature(root))
    yield "one bit of the signer", chain_pem(flip(signer, len(signer) - 10), root)


def _exchanges(exhibit: Exhibit, others: list[Exhibit]) -> Iterator[tuple[str, Exhibit]]:
    """Pieces of other sets: another platform, another issue, another CA, another signer."""
    fields = ("tcb_info", "qe_identity", "root_ca_crl", "pck_crl", *_CHAINS)
    for number, other in enumerate(others):
        for name in fields:
            if getattr(other, name) != getattr(exhibit, name):
                changed = replace(exhibit, **{name: getattr(other, name)})
                yield f"{name}: that of another set ({number})", changed
        mine, theirs = exhibit.parsed, other.parsed
        if (
            mine
            and theirs
            and mine.version == theirs.version
            and mine.qe_report != theirs.qe_report
        ):
            spliced = replace(mine, certification_data=theirs.certification_data)
            yield f"PCK chain of another set ({number})", replace(exhibit, quote=spliced.to_bytes())
            spliced = replace(mine, signed=theirs.signed, signature=theirs.signature)
            yield f"body of another set ({number})", replace(exhibit, quote=spliced.to_bytes())
