"""Repeating our decisive steps with `openssl` alone: the files, and the command for each.

Whoever doubts a verdict need not trust this tool: every signature is written out with its key and
the exact bytes it covers, and plain `openssl` says whether it holds.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate
from forensics.formats.pck import parse_chain
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote
from forensics.verify.chain import assign_roles
from forensics.verify.signatures import load_key


@dataclass(frozen=True)
class Step:
    """One check, repeated. `command` runs in the folder of the files; `expect` is part of what it
    prints when the check passes, and not otherwise.
    """

    check_id: str
    title: str
    command: str
    expect: str
    files: dict[str, bytes] = field(repr=False)


def quote_steps(quote: Quote) -> list[Step]:
    """K5, K2, K1, and P3-P5 where the quote has a chain that parses."""
    steps = []
    key = _key_pem(quote.attestation_key)
    if key is not None:
        signed = {"quote_signed.bin": quote.signed, "attestation_key.pem": key}
        steps.append(
            _signature_step(
                "K5", "Quote signature under the attestation key", signed, "quote", quote.signature
            )
        )
    bound = quote.attestation_key + quote.qe_auth_data
    steps.append(
        Step(
            "K2",
            "QE report binds the attestation key: its REPORT_DATA begins with this digest",
            "openssl dgst -sha256 attestation_key_and_auth_data.bin",
            quote.qe_report[320:352].hex(),
            {"attestation_key_and_auth_data.bin": bound},
        )
    )
    if quote.certification_type == CERTIFICATION_PCK_CHAIN:
        steps += _chain_steps(quote)
    return steps


def document_step(
    check_id: str, kind: str, body: bytes, signature: bytes, signer: Certificate
) -> Step:
    """S4 or S6: the signature of a TCB info or enclave identity."""
    title = "TCB info" if check_id == "S4" else "QE identity"
    assert signer.public_key is not None
    files = {f"{kind}.json": body, f"{kind}_key.pem": _key_pem(signer.public_key) or b""}
    return _signature_step(check_id, f"{title} signature", files, kind, signature)


def crl_step(check_id: str, name: str, der: bytes, issuer: Certificate) -> Step:
    """R1 or R2: the signature of a CRL under its issuer's certificate."""
    files = {f"{name}.crl": der, f"{name}_issuer.pem": _certificate_pem(issuer)}
    return Step(
        check_id,
        "Signature of the CRL under its issuer",
        f"openssl crl -inform DER -in {name}.crl -noout -CAfile {name}_issuer.pem",
        "verify OK",
        files,
    )


def revocation_step(check_id: str, name: str, der: bytes, serial: str) -> Step:
    """R3 or R4: is a serial number listed? Passes when it is not."""
    padded = serial.upper().zfill(len(serial) + len(serial) % 2)
    return Step(
        check_id,
        f"Serial number {serial} in the CRL",
        f"openssl crl -inform DER -in {name}.crl -noout -text | grep -q {padded} || echo unlisted",
        "unlisted",
        {f"{name}.crl": der},
    )


def find_issuer(candidates: Iterable[Certificate], name: bytes, key: bytes) -> Certificate | None:
    return next((c for c in candidates if c.subject == name and c.public_key == key), None)


def _chain_steps(quote: Quote) -> list[Step]:
    try:
        root, ca, pck = assign_roles(parse_chain(quote.certification_data))
    except EvidenceError:
        return []
    files = {
        "root.pem": _certificate_pem(root),
        "pck_ca.pem": _certificate_pem(ca),
        "pck.pem": _certificate_pem(pck),
    }
    steps = [
        Step(
            "P3",
            "Fingerprint of the root's public key, to hold against the trust anchor",
            "openssl x509 -in root.pem -noout -pubkey | openssl pkey -pubin -outform DER "
            "| openssl dgst -sha256",
            _key_digest(root),
            files,
        ),
        Step(
            "P5",
            "PCK chain: root, PCK CA, PCK certificate (time left out)",
            "openssl verify -no_check_time -CAfile root.pem -untrusted pck_ca.pem pck.pem",
            "pck.pem: OK",
            files,
        ),
    ]
    if pck.public_key is not None:
        signed = {"qe_report.bin": quote.qe_report, "pck_key.pem": _key_pem(pck.public_key) or b""}
        steps.insert(
            0,
            _signature_step(
                "K1",
                "QE report signature under the PCK key",
                signed,
                "qe_report",
                quote.qe_signature,
            ),
        )
    return steps


def _signature_step(
    check_id: str, title: str, files: dict[str, bytes], name: str, signature: bytes
) -> Step:
    """`files` holds the signed bytes, then the public key."""
    signed, key = files
    der = encode_dss_signature(
        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    )
    return Step(
        check_id,
        title,
        f"openssl dgst -sha256 -verify {key} -signature {name}_signature.der {signed}",
        "Verified OK",
        files | {f"{name}_signature.der": der},
    )


def _key_pem(point: bytes) -> bytes | None:
    key = load_key(point)
    if key is None:
        return None
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _key_digest(certificate: Certificate) -> str:
    key = load_key(certificate.public_key or b"")
    if key is None:
        return "no P-256 key"
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _certificate_pem(certificate: Certificate) -> bytes:
    from cryptography import x509

    return x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM)


def collect_files(steps: Sequence[Step]) -> dict[str, bytes]:
    """All files of the steps; equal names hold equal bytes."""
    return {name: data for step in steps for name, data in step.files.items()}


def make_script(steps: Sequence[Step]) -> str:
    """A shell script that runs every step and says whether its output is what a pass prints.

    It is made of our own words and file names; nothing in it comes from evidence but hex digits.
    """
    lines = ["#!/bin/sh", 'cd "$(dirname "$0")" || exit 2']
    for step in steps:
        lines += [
            f"echo {shlex.quote(f'{step.check_id}: {step.title}')}",
            f"output=$({{ {step.command}; }} 2>&1)",
            f'case "$output" in *"{step.expect}"*) echo "  as expected: {step.expect}" ;;',
            '  *) echo "  DIFFERENT: $output" ;; esac',
        ]
    return "\n".join(lines) + "\n"
