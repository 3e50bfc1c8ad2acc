"""The kit against independent verifiers: what it builds is what Intel's formats mean."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from hashlib import sha256

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sgx_dcap_quote_verify import verify as intel_verify

from forensics.formats.layout import Layout
from forensics.formats.pem import split_pem
from forensics.formats.quote import Quote, parse_quote
from forensics.formats.structures import SGX_REPORT, TD_REPORT_10, TD_REPORT_15
from forensics.simulate import certificates, keys, pki, quotes
from forensics.simulate import collateral as col
from forensics.simulate.sgx_extension import SgxExtension

ISSUED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW = ISSUED + dt.timedelta(days=4)
FMSPC = bytes.fromhex("00906ed50000")
COMPONENTS = SgxExtension(b"", b"").components
TDX = bytes((5, 1, 2)).ljust(16, b"\0")

PKI = pki.make_pki(7)


def _extension(ca: pki.CaKind, **fields: object) -> SgxExtension:
    instance = bytes(range(16)) if ca == "platform" else None
    base = SgxExtension(
        ppid=sha256(b"ppid").digest()[:16],
        fmspc=FMSPC,
        sgx_type=1 if ca == "platform" else 0,
        platform_instance_id=instance,
    )
    return replace(base, **fields)


def _certification(tee: str, ca: pki.CaKind = "platform", **kwargs: object) -> quotes.Certification:
    pck = PKI.issue_pck(_extension(ca), label=f"{ca}", ca=ca)
    key = keys.derive_key(7, "attestation key")
    return quotes.certify(key, pck.key, PKI.pck_chain(pck, ca), tee=tee, **kwargs)


def _quote(version: int, layout: Layout, ca: pki.CaKind = "platform") -> Quote:
    if layout is SGX_REPORT:
        return quotes.build_quote(_certification("sgx", ca), quotes.sgx_body(), version=version)
    return quotes.build_quote(_certification("tdx", ca), quotes.td_body(layout), version=version)


def _plan(
    tee: col.Tee, ca: pki.CaKind = "platform", status: str = "UpToDate"
) -> col.CollateralPlan:
    level = col.TcbLevel(COMPONENTS, 13, status, TDX if tee == "tdx" else None)
    return col.CollateralPlan(tee, FMSPC, ISSUED, (level,), ca)


def _dcap_qvl(quote: Quote, collateral: col.Collateral, now: dt.datetime = NOW) -> str:
    bundle = dcap_qvl.QuoteCollateralV3.from_json(collateral.to_json().decode())
    root = PKI.root.der
    report = dcap_qvl.verify_with_root_ca(quote.to_bytes(), bundle, root, int(now.timestamp()))
    return str(report.status)


@pytest.mark.parametrize(
    ("version", "layout"),
    [(3, SGX_REPORT), (4, TD_REPORT_10), (5, TD_REPORT_10), (5, TD_REPORT_15)],
)
@pytest.mark.parametrize("ca", ["platform", "processor"])
def test_dcap_qvl_accepts_what_the_kit_builds(version: int, layout: Layout, ca: pki.CaKind) -> None:
    tee: col.Tee = "sgx" if layout is SGX_REPORT else "tdx"
    collateral = col.build_collateral(PKI, _plan(tee, ca))

    assert _dcap_qvl(_quote(version, layout, ca), collateral) == "UpToDate"


@pytest.mark.parametrize(
    "status",
    [
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
    ],
)
def test_the_status_of_the_matching_level_comes_out(status: str) -> None:
    collateral = col.build_collateral(PKI, _plan("sgx", status=status))

    assert _dcap_qvl(_quote(3, SGX_REPORT), collateral) == status


def test_a_revoked_level_is_refused() -> None:
    collateral = col.build_collateral(PKI, _plan("sgx", status="Revoked"))

    with pytest.raises(ValueError, match=r"(?i)revoked"):
        _dcap_qvl(_quote(3, SGX_REPORT), collateral)


@pytest.mark.parametrize("ca", ["platform", "processor"])
@pytest.mark.parametrize(("version", "layout"), [(3, SGX_REPORT), (4, TD_REPORT_10)])
def test_intel_accepts_what_the_kit_builds(version: int, layout: Layout, ca: pki.CaKind) -> None:
    tee: col.Tee = "sgx" if layout is SGX_REPORT else "tdx"
    plan = replace(_plan(tee, ca), modules=())
    quote = _quote(version, layout, ca)
    if tee == "tdx":  # this binding knows no TDX module identities: major version 0
        body = quotes.td_body(layout, tee_tcb_svn=bytes((6, 0, 3)).ljust(16, b"\0"))
        plan = replace(
            plan, levels=(replace(plan.levels[0], tdx=bytes((5, 0, 2)).ljust(16, b"\0")),)
        )
        quote = quotes.build_quote(_certification("tdx", ca), body, version=version)

    assert _intel(quote, col.build_collateral(PKI, plan)) == "STATUS_OK"


def _intel(quote: Quote, collateral: col.Collateral) -> str:
    chain = [certificates.encode_pem(der) for _, der in split_pem(quote.certification_data)]
    result = intel_verify(
        PKI.root.pem.decode(),
        chain[0].decode(),
        b"".join(chain[1:]).decode(),
        certificates.encode_pem(collateral.root_ca_crl, "X509 CRL").decode(),
        certificates.encode_pem(collateral.pck_crl, "X509 CRL").decode(),
        collateral.tcb_info.envelope().decode(),
        collateral.tcb_info_issuer_chain.decode(),
        quote.to_bytes(),
        collateral.qe_identity.envelope().decode(),
        NOW.replace(tzinfo=None),
    )
    statuses = (
        result.pck_certificate_status,
        result.tcb_info_status,
        result.qe_identity_status,
        result.quote_status,
    )
    return next((s.name for s in statuses if s.name != "STATUS_OK"), "STATUS_OK")


@pytest.mark.parametrize(
    ("version", "layout"),
    [
        (3, SGX_REPORT),
        (4, SGX_REPORT),
        (4, TD_REPORT_10),
        (5, SGX_REPORT),
        (5, TD_REPORT_10),
        (5, TD_REPORT_15),
    ],
)
def test_quotes_parse_and_rebuild(version: int, layout: Layout) -> None:
    quote = quotes.append_trailing(_quote(version, layout), bytes(70))

    parsed = parse_quote(quote.to_bytes())

    assert parsed == quote
    assert parsed.body_layout is layout


@pytest.mark.parametrize(
    "disguise",
    [
        quotes.flip_quote_signature,
        quotes.flip_qe_signature,
        quotes.flip_chain_signature,
        quotes.rewrap_chain,
        lambda quote: quotes.append_trailing(quote, b"\x01"),
    ],
)
def test_a_disguised_quote_still_verifies(disguise: object) -> None:
    quote = _quote(3, SGX_REPORT)
    disguised = disguise(quote)

    assert disguised.to_bytes() != quote.to_bytes()
    assert disguised.signature[:32] == quote.signature[:32]
    assert _dcap_qvl(disguised, col.build_collateral(PKI, _plan("sgx"))) == "UpToDate"


def test_a_revoked_pck_is_refused() -> None:
    pck = PKI.issue_pck(_extension("platform"), label="platform")
    plan = replace(_plan("sgx"), revoked_pcks=(pck.spec.serial,))

    with pytest.raises(ValueError, match=r"(?i)revoked"):
        _dcap_qvl(_quote(3, SGX_REPORT), col.build_collateral(PKI, plan))


def test_a_fixed_nonce_signs_as_ecdsa_does() -> None:
    key = keys.derive_key(1, "k")
    first = keys.sign_with_nonce(key, b"one", 12345)
    second = keys.sign_with_nonce(key, b"two", 12345)

    for signature, message in ((first, b"one"), (second, b"two"), (keys.flip_s(first), b"one")):
        key.public_key().verify(keys.signature_to_der(signature), message, ec.ECDSA(SHA256()))
    assert first[:32] == second[:32]
    with pytest.raises(InvalidSignature):
        key.public_key().verify(keys.signature_to_der(first), b"two", ec.ECDSA(SHA256()))


def test_one_seed_gives_one_hierarchy() -> None:
    again = pki.make_pki(7)

    assert again.root.der == PKI.root.der
    assert again.tcb_signing.der == PKI.tcb_signing.der
    assert pki.make_pki(8).root.der != PKI.root.der
    assert _quote(5, TD_REPORT_15).to_bytes() == _quote(5, TD_REPORT_15).to_bytes()


def test_certificates_carry_intels_extensions_in_intels_order() -> None:
    pck = PKI.issue_pck(_extension("platform"), label="platform")
    names = [extension.oid.dotted_string for extension in pck.certificate.extensions]

    assert names == [
        "2.5.29.35",
        "2.5.29.31",
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.19",
        "1.2.840.113741.1.13.1",
    ]


@pytest.mark.parametrize(("ca", "entries"), [("platform", 7), ("processor", 5)])
def test_the_sgx_extension_has_the_entries_of_its_ca(ca: pki.CaKind, entries: int) -> None:
    extension = _extension(ca)

    assert len(extension.entries()) == entries


def test_one_value_of_a_certificate_can_be_forged() -> None:
    spec = PKI.pck_spec(_extension("platform"), label="forged")
    forged = replace(spec, is_ca=True, omit=(x509.OID_SUBJECT_KEY_IDENTIFIER,), serial=5)
    certificate = certificates.Identity.issue(forged).certificate

    assert certificate.serial_number == 5
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="mrenclav"):
        quotes.sgx_body(mrenclav=bytes(32))


def test_tcb_info_v2_names_its_components() -> None:
    document = col.tcb_info(
        "sgx",
        fmspc=FMSPC,
        issued=ISSUED,
        levels=[col.TcbLevel(COMPONENTS, 13)],
        version=2,
    )

    assert "id" not in document
    assert document["tcbLevels"][0]["tcb"]["sgxtcbcomp06svn"] == COMPONENTS[5]


@pytest.mark.parametrize(
    ("level_status", "loaded", "status"),
    [
        ("UpToDate", (6, 1, 3), "TDRelaunchAdvised"),
        ("ConfigurationNeeded", (6, 1, 3), "TDRelaunchAdvisedConfigurationNeeded"),
        ("UpToDate", (3, 1, 3), "OutOfDate"),  # the module now loaded is as old
    ],
)
def test_a_td_on_an_updated_module_is_advised_to_relaunch(
    level_status: str, loaded: tuple[int, ...], status: str
) -> None:
    launched = bytes((3, 1, 2)).ljust(16, b"\0")  # below the module identity's level 4
    body = quotes.td_body(
        TD_REPORT_15, tee_tcb_svn=launched, tee_tcb_svn_2=bytes(loaded).ljust(16, b"\0")
    )
    quote = quotes.build_quote(_certification("tdx"), body, version=5)

    plan = _plan("tdx", status=level_status)
    assert _dcap_qvl(quote, col.build_collateral(PKI, plan)) == status


@pytest.mark.parametrize(
    ("qe_level", "status"), [("UpToDate", "UpToDate"), ("OutOfDate", "OutOfDate")]
)
def test_the_quoting_enclave_counts(qe_level: str, status: str) -> None:
    plan = replace(
        _plan("sgx"), qe_levels=(col.SvnLevel(9), col.SvnLevel(quotes.DEFAULT_QE_SVN, qe_level))
    )

    assert _dcap_qvl(_quote(3, SGX_REPORT), col.build_collateral(PKI, plan)) == status
