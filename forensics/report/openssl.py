"""Repeating our decisive steps with `openssl` alone: the files, and the command for each.

Whoever doubts a verdict need not trust this tool: every signature is written out with its key and
the exact bytes it covers, and plain `openssl` says whether it holds.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate
from forensics.formats.pck import parse_chain
from forensics.formats.pem import encode_pem
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote
from forensics.formats.snp import SnpReport
from forensics.verify.amd_signatures import load_p384_key
from forensics.verify.appraisal import format_time
from forensics.verify.archive import SECOND
from forensics.verify.chain import assign_roles
from forensics.verify.documents import Signer
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


def quote_steps(quote: Quote, anchors: Sequence[bytes]) -> list[Step]:
    """K5, K2, K1, and P2-P5 where the quote has a chain that parses.

    `anchors` are the root public keys `X ‖ Y` that the case trusts.
    """
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
    return steps + _chain_steps(quote, anchors)


def report_steps(
    report: SnpReport, key: bytes | None, chain: Sequence[Certificate], at: int | None
) -> list[Step]:
    """N4 under the VEK (`X ‖ Y`); where `chain` is (VEK, ASK, ARK) certificates, N2 and the time
    of N8, `at` in whole seconds since the epoch.
    """
    steps = []
    public = load_p384_key(key) if key else None
    if public is not None:
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = {"report_signed.bin": report.signed, "vek_key.pem": pem}
        title = "Report signature under the VEK"
        steps.append(_signature_step("N4", title, signed, "report", report.signature, "sha384"))
    if len(chain) == len(_AMD_CHAIN):
        files = {name: _certificate_pem(c) for name, c in zip(_AMD_CHAIN, chain, strict=True)}
        steps += [
            Step(
                "N2",
                "Fingerprint of the ARK's public key, to hold against the trust anchor",
                "openssl x509 -in ark.pem -noout -pubkey | openssl pkey -pubin -outform DER "
                "| openssl dgst -sha256",
                hashlib.sha256(chain[-1].public_key_info).hexdigest(),
                files,
            ),
            Step(
                "N2",
                "VEK chain: ARK, ASK, VEK certificate (time left out)",
                "openssl verify -no_check_time -CAfile ark.pem -untrusted ask.pem vek.pem",
                "vek.pem: OK",
                files,
            ),
        ]
        if at is not None:
            steps.append(_certificate_end_step("N8", "VEK chain", at, files))
    return steps


_INTEL_CHAIN = ("root.pem", "pck_ca.pem", "pck.pem")
_AMD_CHAIN = ("vek.pem", "ask.pem", "ark.pem")


def document_steps(
    check_id: str, kind: str, body: bytes, signature: bytes, signer: Signer
) -> list[Step]:
    """S4 or S6, the signature of a TCB info or enclave identity; S1, the signer's by its root."""
    title = "TCB info" if check_id == "S4" else "QE identity"
    certificate = signer.certificate
    assert certificate.public_key is not None
    signed = {f"{kind}.json": body, f"{kind}_key.pem": _key_pem(certificate.public_key) or b""}
    return [
        _signature_step(check_id, f"{title} signature", signed, kind, signature),
        Step(
            "S1",
            f"TCB signing certificate of the {title} under its root (time left out)",
            f"openssl verify -no_check_time -CAfile {kind}_root.pem {kind}_signer.pem",
            f"{kind}_signer.pem: OK",
            _signer_files(kind, signer),
        ),
    ]


def _signer_files(kind: str, signer: Signer) -> dict[str, bytes]:
    return {
        f"{kind}_root.pem": _certificate_pem(signer.root),
        f"{kind}_signer.pem": _certificate_pem(signer.certificate),
    }


def time_steps(quote: Quote, at: int, crls: Mapping[str, bytes]) -> list[Step]:
    """T1, and T2 of each CRL: whether `at` lies before the ends, and in the CRL's period.

    `at` in whole seconds since the epoch; `crls`: `root_ca` or `pck_ca` -> DER. None where the
    quote has no chain that parses.
    """
    chain = _read_chain(quote)
    if chain is None:
        return []
    return [
        _certificate_end_step("T1", "PCK chain", at, chain),
        *(_crl_time_step(name, at, der) for name, der in crls.items()),
    ]


def signer_time_step(kind: str, at: int, signer: Signer) -> Step:
    """T3 of the signer of a document; `at` as in `time_steps`."""
    title = f"Certificates that signed the {kind}"
    return _certificate_end_step("T3", title, at, _signer_files(kind, signer))


def _certificate_end_step(check_id: str, title: str, at: int, files: dict[str, bytes]) -> Step:
    """The end alone: where a certificate begins is the strict check T6, and `openssl verify` would
    report both.
    """
    end = _date("openssl x509 -in $file -noout -enddate")
    ends = f"for file in {' '.join(files)}; do {end}; done | LC_ALL=C sort"
    return _order_step(check_id, f"{title}: not at an end", (_moment(at), ends), files)


def _crl_time_step(name: str, at: int, der: bytes) -> Step:
    """T2: thisUpdate <= t <= nextUpdate, and nothing about the certificates (5.1)."""
    crl = f"openssl crl -inform DER -in {name}.crl -noout"
    dates = (_date(f"{crl} -lastupdate"), _moment(at), _date(f"{crl} -nextupdate"))
    return _order_step("T2", "CRL: in force", dates, {f"{name}.crl": der})


def _moment(at: int) -> str:
    return f"echo '={format_time(at * SECOND).replace('T', ' ')}'"


def _date(command: str) -> str:
    """A line that ends with `=` and a date, or with nothing where there is none to be read."""
    return f"{command} -dateopt iso_8601 || echo ="


def _order_step(check_id: str, title: str, dates: Iterable[str], files: dict[str, bytes]) -> Step:
    """Dates have to come in order, and equal ones do: QVL's edges are in force.

    `openssl verify -attime` ends a validity with its last second. No date, which openssl calls
    NONE, comes before every other.
    """
    lines = f"{{ {'; '.join(dates)}; }} | sed 's/.*=//; s/NONE//'"
    return Step(check_id, title, f"{lines} | LC_ALL=C sort -c && echo in time", "in time", files)


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


def crl_form_step(check_id: str, name: str, der: bytes) -> Step:
    """R1 or R2: QVL refuses a CRL without the two extensions that RFC 5280, 5.2 demands."""
    return Step(
        check_id,
        "The CRL has a number and names the key of its issuer",
        f"openssl crl -inform DER -in {name}.crl -noout -text "
        "| grep -cE '^ +X509v3 (CRL Number|Authority Key Identifier): *(critical)?$' "
        "| sed 's/$/ of 2/'",
        "2 of 2",
        {f"{name}.crl": der},
    )


def revocation_step(check_id: str, name: str, der: bytes, serial: str) -> Step:
    """R3, R4 or S2: is a serial number listed? Passes when it is not."""
    padded = serial.upper().zfill(len(serial) + len(serial) % 2)
    return Step(
        check_id,
        f"Serial number {serial} in the CRL",
        f"listed=$(openssl crl -inform DER -in {name}.crl -noout -text) "  # none if not readable
        f"&& ! echo \"$listed\" | grep -q 'Serial Number: {padded}$' && echo unlisted",
        "unlisted",
        {f"{name}.crl": der},
    )


def find_issuer(candidates: Iterable[Certificate], name: bytes, key: bytes) -> Certificate | None:
    """The certificate of that subject and key: `X ‖ Y`, or the DER of another kind of key."""
    return next(
        (c for c in candidates if c.subject == name and key in (c.public_key, c.public_key_info)),
        None,
    )


def _read_chain(quote: Quote) -> dict[str, bytes] | None:
    """The certificates of a quote as files; None where it has none that can be read."""
    if quote.certification_type != CERTIFICATION_PCK_CHAIN:
        return None
    try:
        chain = assign_roles(parse_chain(quote.certification_data))
    except EvidenceError:
        return None
    return {name: _certificate_pem(c) for name, c in zip(_INTEL_CHAIN, chain, strict=True)}


def _chain_steps(quote: Quote, anchors: Sequence[bytes]) -> list[Step]:
    files = _read_chain(quote)
    if files is None:
        return []
    root, _, pck = assign_roles(parse_chain(quote.certification_data))
    trusted = root.public_key if root.public_key in anchors else next(iter(anchors), None)
    steps = [
        Step(
            "P2",
            "Fingerprint of the root's public key: that of a trust anchor",
            "openssl x509 -in root.pem -noout -pubkey | openssl pkey -pubin -outform DER "
            "| openssl dgst -sha256",
            _key_digest(trusted),
            files,
        ),
        Step(
            "P3",
            "The root's own signature",
            "openssl verify -no_check_time -check_ss_sig -CAfile root.pem root.pem",
            "root.pem: OK",
            files,
        ),
        Step(
            "P4",
            "PCK CA under the root (time left out)",
            "openssl verify -no_check_time -CAfile root.pem pck_ca.pem",
            "pck_ca.pem: OK",
            files,
        ),
        Step(
            "P5",
            "PCK certificate under the PCK CA (time left out)",
            "openssl verify -no_check_time -partial_chain -CAfile pck_ca.pem pck.pem",
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
    check_id: str,
    title: str,
    files: dict[str, bytes],
    name: str,
    signature: bytes,
    digest: str = "sha256",
) -> Step:
    """`files` holds the signed bytes, then the public key; `signature` is `r ‖ s`."""
    signed, key = files
    middle = len(signature) // 2
    der = encode_dss_signature(
        int.from_bytes(signature[:middle], "big"), int.from_bytes(signature[middle:], "big")
    )
    return Step(
        check_id,
        title,
        f"openssl dgst -{digest} -verify {key} -signature {name}_signature.der {signed}",
        "Verified OK",
        files | {f"{name}_signature.der": der},
    )


def _key_pem(point: bytes) -> bytes | None:
    key = load_key(point)
    if key is None:
        return None
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _key_digest(point: bytes | None) -> str:
    key = load_key(point or b"")
    if key is None:
        return "no P-256 key"
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _certificate_pem(certificate: Certificate) -> bytes:
    return encode_pem("CERTIFICATE", certificate.der)


def collect_files(steps: Sequence[Step]) -> dict[str, bytes]:
    """All files of the steps; equal names hold equal bytes."""
    return {name: data for step in steps for name, data in step.files.items()}


def make_script(steps: Sequence[Step]) -> str:
    """A shell script that runs every step and says whether its output is what a pass prints.

    It exits 1 when any is not, 2 when it cannot start.
    It is made of our own words and file names; nothing in it comes from evidence but hex digits.
    """
    lines = ["#!/bin/sh", 'cd "$(dirname "$0")" || exit 2', "different=0"]
    if not steps:
        lines.append("echo 'nothing to repeat: no key and signature of this is in the case'")
    for step in steps:
        lines += [
            f"echo {shlex.quote(f'{step.check_id}: {step.title}')}",
            f"output=$({{ {step.command}; }} 2>&1)",
            f'case "$output" in *"{step.expect}"*) echo "  as expected: {step.expect}" ;;',
            '  *) different=1; echo "  DIFFERENT: $output" ;; esac',
        ]
    lines.append("exit $different")
    return "\n".join(lines) + "\n"
