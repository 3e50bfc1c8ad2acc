"""Certificate chains: roles, issuers, and Intel's profile (P7), one breach at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from forensics.errors import EvidenceError
from forensics.formats.certificates import parse_certificate
from forensics.formats.pck import SGX_EXTENSION
from forensics.simulate import keys
from forensics.simulate.certificates import Identity, chain_pem, intel_name
from forensics.simulate.sgx_extension import encode_entries
from forensics.verify.chain import REQUIRED_EXTENSIONS, assign_roles, prove_chain, unproven_chain
from forensics.verify.facts import ChainFact

INTEL_ROOT_KEY = bytes.fromhex(
    "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
    "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"
)


def prove(kit: Any, *certificates: Identity) -> Any:
    return prove_chain(chain_pem(*(c.der for c in certificates)), {kit.anchor})


def failures(fact: Any) -> list[str]:
    return [check for check, outcome in fact.results.items() if outcome[0] == "fail"]


def test_a_healthy_chain_says_everything(kit: Any) -> None:
    pck = kit.pck(extension={"cpu_svn": bytes(range(32, 48))})
    fact = prove(kit, pck, kit.pki.platform_ca, kit.pki.root)

    assert failures(fact) == []
    assert fact.trusted
    leaf, ca, root = (
        parse_certificate(each.der) for each in (pck, kit.pki.platform_ca, kit.pki.root)
    )
    assert fact == ChainFact(
        certification_data_id=sha256(chain_pem(leaf.der, ca.der, root.der)).digest(),
        results=fact.results,
        root_key=kit.anchor,
        root_subject=root.subject,
        ca_key=keys.public_bytes(kit.pki.platform_ca.key),
        ca_subject=ca.subject,
        ca_name="Intel SGX PCK Platform CA",
        ca_serial=f"{ca.serial:x}",
        pck_key=keys.public_bytes(pck.key),
        pck_id=sha256(leaf.tbs).digest(),
        pck_serial=f"{pck.spec.serial:x}",
        chain_id=sha256(leaf.der + ca.der + root.der).digest(),
        chain_signed_id=sha256(leaf.tbs + ca.tbs + root.tbs).digest(),
        not_before=kit.to_microseconds(datetime(2025, 6, 1, tzinfo=UTC)),
        not_after=kit.to_microseconds(pck.spec.validity[1]),
        ppid=bytes(range(16)),
        fmspc=kit.FMSPC,
        pce_id=bytes(2),
        pce_svn=kit.PCE_SVN,
        tcb_components=kit.COMPONENTS,
        pck_cpu_svn=bytes(range(32, 48)),
        sgx_type=1,
        platform_instance_id=bytes(range(16, 32)),
    )


def test_order_changes_neither_roles_nor_signed_parts(kit: Any) -> None:
    pck = kit.pck()
    ordered = prove(kit, pck, kit.pki.platform_ca, kit.pki.root)
    reversed_ = prove(kit, kit.pki.root, kit.pki.platform_ca, pck)

    assert failures(reversed_) == []
    assert reversed_.pck_id == ordered.pck_id
    assert reversed_.certification_data_id != ordered.certification_data_id


def test_no_anchor_trusts_nothing(kit: Any) -> None:
    data = kit.chain(kit.pck())

    assert failures(prove_chain(data, set())) == ["P2"]
    assert failures(prove_chain(data, {INTEL_ROOT_KEY})) == ["P2"]
    assert failures(prove_chain(data, {INTEL_ROOT_KEY, kit.anchor})) == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(36), id="zeros"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", id="no-der"),
        pytest.param(b"-----BEGIN CERTIFICATE-----", id="no-end"),
    ],
)
def test_what_is_no_chain_fails_p1_and_skips_the_rest(data: bytes) -> None:
    fact = prove_chain(data, {INTEL_ROOT_KEY})

    assert failures(fact) == ["P1"]
    assert [*fact.results] == ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
    assert {fact.results[f"P{n}"] for n in range(2, 8)} == {("skipped", "", "prevented by P1")}
    assert fact.fmspc is None
    assert not fact.trusted


def test_other_certification_data_proves_nothing() -> None:
    fact = unproven_chain(bytes(36))

    names = ("P1", "P2", "P3", "P4", "P5", "P6", "P7")
    assert fact.results == dict.fromkeys(names, ("skipped", "", "prevented by F4"))
    assert not fact.trusted


@pytest.mark.parametrize("absent", ["leaf", "ca", "root"])
def test_each_role_must_be_there(kit: Any, absent: str) -> None:
    roles = {"leaf": kit.pck(), "ca": kit.pki.platform_ca, "root": kit.pki.root}
    found = [certificate for role, certificate in roles.items() if role != absent]
    chain = (*found, found[0])
    fact = prove(kit, *chain)

    names = ", ".join(parse_certificate(each.der).subject_name for each in chain)
    assert failures(fact) == ["P1"]
    assert fact.results["P1"][2] == f"roles not found among: {names}"


def test_the_five_extensions() -> None:
    """Spelled out once more: the other tests go by the list (QVL X509Constants.h)."""
    assert {*REQUIRED_EXTENSIONS} == {
        "2.5.29.14",  # subject key identifier
        "2.5.29.15",  # key usage
        "2.5.29.19",  # basic constraints
        "2.5.29.31",  # CRL distribution points
        "2.5.29.35",  # authority key identifier
    }


@pytest.mark.parametrize("oid", REQUIRED_EXTENSIONS)
@pytest.mark.parametrize("who", ["leaf", "ca", "root"])
def test_each_certificate_needs_the_five_extensions(kit: Any, who: str, oid: str) -> None:
    omit = (ObjectIdentifier(oid),)
    chain = {
        "leaf": lambda: (kit.pck(omit=omit), kit.pki.platform_ca, kit.pki.root),
        "ca": lambda: (kit.pck(), kit.ca(omit=omit), kit.pki.root),
        "root": lambda: (kit.pck(), kit.pki.platform_ca, kit.root(omit=omit)),
    }[who]()
    fact = prove(kit, *chain)

    assert failures(fact) == ["P1"]
    assert fact.results["P1"][2].endswith(f": no extension {oid}")


def test_the_first_lack_is_told(kit: Any) -> None:
    omit = tuple(map(ObjectIdentifier, reversed(REQUIRED_EXTENSIONS)))
    fact = prove(kit, kit.pck(), kit.ca(omit=omit), kit.pki.root)

    told = f"Intel SGX PCK Platform CA: no extension {REQUIRED_EXTENSIONS[0]}"
    assert fact.results["P1"][2] == told


def test_what_is_wrong_with_roles_has_a_code(kit: Any) -> None:
    pck, ca, root = (parse_certificate(c.der) for c in (kit.pck(), kit.ca(), kit.root()))
    bare = parse_certificate(kit.root(omit=(ExtensionOID.KEY_USAGE,)).der)

    assert assign_roles([pck, ca, root]) == (root, ca, pck)
    for chain in ([pck, ca], [pck, ca, bare], [pck, ca, ca]):
        with pytest.raises(EvidenceError) as raised:
            assign_roles(chain)
        assert raised.value.code == "bad-chain"


def test_a_root_with_another_kind_of_key(kit: Any) -> None:
    key = ec.derive_private_key(99, ec.SECP384R1())
    fact = prove(kit, kit.pck(), kit.pki.platform_ca, kit.root(key=key, issuer_key=key))

    assert failures(fact) == ["P2", "P3", "P4", "P7"]
    assert fact.results["P2"][2] == "no P-256 key"


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        pytest.param("2.5.29.19", "0401ff", id="constraints-of-another-type"),
        pytest.param("2.5.29.19", "3003010100", id="constraints-with-the-default-written"),
        pytest.param("2.5.29.19", "3003020101", id="path-length-of-no-ca"),
        pytest.param("2.5.29.15", "3000", id="usage-of-another-type"),
        pytest.param("2.5.29.15", "0300", id="usage-without-bits"),
    ],
)
def test_constraints_and_usage_can_be_read(kit: Any, oid: str, value: str) -> None:
    """P7 looks at what the parser wrote anew; what it cannot read is no certificate."""
    broken = x509.UnrecognizedExtension(ObjectIdentifier(oid), bytes.fromhex(value))

    assert failures(prove(kit, kit.pck(), kit.ca(**_with(broken)), kit.pki.root)) == ["P1"]


@pytest.mark.parametrize("name", ["Intel SGX PCK Certificates CA", "Some SGX PCK Certificate"])
def test_roles_are_found_by_parts_of_names(kit: Any, name: str) -> None:
    """As QVL: the names are searched, not compared."""
    if name.endswith("CA"):
        ca = kit.ca(subject=intel_name("Another CA of Intel Platform"))
        pck = kit.pck(issuer=ca.spec.subject, issuer_key=ca.key)
    else:
        ca, pck = kit.pki.platform_ca, kit.pck(subject=intel_name(name))

    assert failures(prove(kit, pck, ca, kit.pki.root)) == []


def test_names_of_issuers_are_compared_whole(kit: Any) -> None:
    renamed = kit.ca(subject=intel_name("Intel SGX PCK Platform CA 2"))

    fact = prove(kit, kit.pck(), renamed, kit.pki.root)

    assert failures(fact) == ["P5"]
    assert fact.results["P5"][1:] == (
        "issued by Intel SGX PCK Platform CA 2",
        "issuer name Intel SGX PCK Platform CA",
    )


def test_the_same_keys_under_another_root_name(kit: Any) -> None:
    renamed = kit.root(subject=intel_name("Root CA"), issuer=intel_name("Root CA"))

    assert failures(prove(kit, kit.pck(), kit.pki.platform_ca, renamed)) == ["P4"]


# --- P7 -------------------------------------------------------------------------------------


def _usage(*granted: str) -> x509.KeyUsage:
    usages = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in granted for name in usages})


def _with(extension: x509.ExtensionType, *, critical: bool = True) -> dict[str, Any]:
    return {"omit": (extension.oid,), "extra": ((extension, critical),)}


def _critical(oid: str) -> dict[str, Any]:
    extra = x509.UnrecognizedExtension(ObjectIdentifier(oid), b"\x05\x00")
    return {"extra": ((extra, True),)}


_NAMES = x509.NameConstraints([x509.DNSName("example.org")], None)

BREACHES: dict[str, tuple[Callable[[Any], tuple[Identity, ...]], str]] = {
    "leaf-may-sign-certificates": (
        lambda kit: (kit.pck(**_with(_usage("key_cert_sign"))), kit.pki.platform_ca, kit.pki.root),
        "PCK: key usage",
    ),
    "leaf-may-not-sign-anything": (
        lambda kit: (kit.pck(**_with(_usage())), kit.pki.platform_ca, kit.pki.root),
        "PCK: key usage",
    ),
    "leaf-may-commit-only": (
        lambda kit: (
            kit.pck(**_with(_usage("content_commitment"))),
            kit.pki.platform_ca,
            kit.pki.root,
        ),
        "PCK: key usage",
    ),
    "leaf-is-ca": (
        lambda kit: (kit.pck(is_ca=True), kit.pki.platform_ca, kit.pki.root),
        "PCK: key usage; PCK: basic constraints",
    ),
    "leaf-with-ca-constraint-only": (
        lambda kit: (
            kit.pck(**_with(x509.BasicConstraints(ca=True, path_length=None))),
            kit.pki.platform_ca,
            kit.pki.root,
        ),
        "PCK: basic constraints",
    ),
    "ca-may-not-sign": (
        lambda kit: (
            kit.pck(),
            kit.ca(**_with(_usage("digital_signature", "crl_sign"))),
            kit.pki.root,
        ),
        "CA: key usage",
    ),
    "ca-is-no-ca": (
        lambda kit: (
            kit.pck(),
            kit.ca(**_with(x509.BasicConstraints(ca=False, path_length=None))),
            kit.pki.root,
        ),
        "CA: basic constraints",
    ),
    "root-may-not-sign": (
        lambda kit: (
            kit.pck(),
            kit.pki.platform_ca,
            kit.root(**_with(_usage("digital_signature", "crl_sign"))),
        ),
        "root: key usage",
    ),
    "unknown-critical-extension-of-ca": (
        lambda kit: (kit.pck(), kit.ca(**_critical("1.2.3.4")), kit.pki.root),
        "CA: unknown critical extension 1.2.3.4",
    ),
    "name-constraints-are-unknown": (
        lambda kit: (kit.pck(), kit.ca(extra=((_NAMES, True),)), kit.pki.root),
        "CA: unknown critical extension 2.5.29.30",
    ),
    "no-room-below-the-root": (
        lambda kit: (kit.pck(), kit.pki.platform_ca, kit.root(path_length=0)),
        "root: path length",
    ),
    "ca-of-neither-kind": (
        lambda kit: _renamed_ca(kit, "Intel SGX PCK CA"),
        "CA is neither Processor nor Platform CA; SGX extension does not fit the kind of CA; "
        "SGX type 1 does not fit the kind of CA",
    ),
    "platform-leaf-below-processor-ca": (
        lambda kit: (
            kit.pck(issuer=kit.pki.processor_ca.spec.subject, issuer_key=kit.pki.processor_ca.key),
            kit.pki.processor_ca,
            kit.pki.root,
        ),
        "SGX extension does not fit the kind of CA; SGX type 1 does not fit the kind of CA",
    ),
    "processor-leaf-below-platform-ca": (
        lambda kit: (
            kit.pck(extension={"platform_instance_id": None}),
            kit.pki.platform_ca,
            kit.pki.root,
        ),
        "SGX extension does not fit the kind of CA",
    ),
    "scalable-below-processor-ca": (
        lambda kit: (
            kit.pck("processor", extension={"sgx_type": 2}),
            kit.pki.processor_ca,
            kit.pki.root,
        ),
        "SGX type 2 does not fit the kind of CA",
    ),
    "standard-below-platform-ca": (
        lambda kit: (kit.pck(extension={"sgx_type": 0}), kit.pki.platform_ca, kit.pki.root),
        "SGX type 0 does not fit the kind of CA",
    ),
    "leaf-on-p384": (
        lambda kit: (
            kit.pck(key=ec.derive_private_key(99, ec.SECP384R1())),
            kit.pki.platform_ca,
            kit.pki.root,
        ),
        "PCK: key is not on P-256",
    ),
    "leaf-with-sha512": (
        lambda kit: (kit.pck(hash_algorithm=SHA512()), kit.pki.platform_ca, kit.pki.root),
        "PCK: not ecdsa-with-SHA256",
    ),
}


def _renamed_ca(kit: Any, name: str) -> tuple[Identity, ...]:
    ca = kit.ca(subject=intel_name(name))
    return kit.pck(issuer=ca.spec.subject, issuer_key=ca.key), ca, kit.pki.root


@pytest.mark.parametrize("breach", BREACHES)
def test_profile(kit: Any, breach: str) -> None:
    forge, observed = BREACHES[breach]
    fact = prove(kit, *forge(kit))

    assert fact.results["P7"] == ("fail", "Intel's certificate profile", observed)


@pytest.mark.parametrize(("ca", "kind"), [("processor", 0), *(("platform", n) for n in (1, 2, 3))])
def test_the_sgx_type_fits_the_kind_of_ca(kit: Any, ca: Any, kind: int) -> None:
    pck = kit.pck(ca, extension={"sgx_type": kind})

    assert failures(prove(kit, pck, kit.pki.ca(ca), kit.pki.root)) == []


def test_an_unknown_extension_may_be_there(kit: Any) -> None:
    extra = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    pck = kit.pck(extra=((extra, False),))

    assert failures(prove(kit, pck, kit.pki.platform_ca, kit.pki.root)) == []


def test_a_critical_sgx_extension_is_known(kit: Any) -> None:
    extension = x509.UnrecognizedExtension(
        ObjectIdentifier(SGX_EXTENSION), encode_entries(kit.extension().entries())
    )
    pck = kit.pck(sgx_extension=None, extra=((extension, True),))

    assert failures(prove(kit, pck, kit.pki.platform_ca, kit.pki.root)) == []


def test_both_algorithms_of_a_certificate_count(kit: Any) -> None:
    """The one outside is under no signature: there anybody can write another."""
    pck = kit.pck().der
    sha256_id, sha384_id = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d040303")
    before, _, after = pck.rpartition(sha256_id)
    changed = before + sha384_id + after
    fact = prove_chain(chain_pem(changed, kit.pki.platform_ca.der, kit.pki.root.der), {kit.anchor})

    assert parse_certificate(changed).tbs == parse_certificate(pck).tbs
    assert fact.results["P7"][2] == "PCK: not ecdsa-with-SHA256"


@pytest.mark.parametrize("kind", ["platform", "processor"])
def test_both_kinds_of_ca_keep_the_profile(kit: Any, kind: str) -> None:
    fact = prove(kit, kit.pck(kind), kit.pki.ca(kind), kit.pki.root)

    assert failures(fact) == []
    assert (fact.platform_instance_id is None) == (kind == "processor")


def test_whatever_byte_changes_a_trusted_chain_says_the_same(kit: Any) -> None:
    """One bit flipped in every seventh byte: refused, or the same certificates in disguise."""
    data = kit.chain(kit.pck())
    wanted = prove_chain(data, {kit.anchor})
    free = 0

    for position in range(0, len(data), 7):
        changed = data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]
        fact = prove_chain(changed, {kit.anchor})
        if fact.trusted:
            free += 1
            assert fact.chain_signed_id == wanted.chain_signed_id
            assert (fact.pck_id, fact.fmspc) == (wanted.pck_id, wanted.fmspc)
    assert free < 10
