from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics.case.case import create_case, open_case
from forensics.case.settings import load_intel_root
from forensics.errors import CustodyError, UsageError
from forensics.formats.der import extract_public_key_info

AT = datetime(2024, 5, 2, 10, tzinfo=timezone(timedelta(hours=2)))


def test_the_intel_root_is_the_published_one():
    root = load_intel_root()
    assert hashlib.sha256(root).hexdigest() == (
        "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
    )
    key = x509.load_der_x509_certificate(root).public_key()
    expected = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert extract_public_key_info(root) == expected


@pytest.mark.parametrize("name", ["plain", 'quo"te\\', "tab\tnew\nline\x7f\x00", "ünïcode 😀", ""])
def test_settings_read_back(tmp_path, name):
    made = create_case(tmp_path / "c", name=name, at=AT, anchors=[load_intel_root()] * 2)
    read = open_case(tmp_path / "c").settings
    assert read == made.settings
    assert read.name == name
    assert len(read.anchors) == 1
    assert read.created == datetime(2024, 5, 2, 8, tzinfo=UTC)


def test_the_defaults_of_an_older_version_are_passed_over(tmp_path):
    made = create_case(tmp_path / "c", name="c", at=AT, anchors=[load_intel_root()])
    with (tmp_path / "c" / "case.toml").open("a") as settings:
        settings.write('\n[defaults]\n"retry window" = 60\n')
    assert open_case(tmp_path / "c").settings == made.settings


def test_a_case_is_not_made_over_something_else(tmp_path):
    create_case(tmp_path / "c", name="c", at=AT, anchors=[])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    for name, code in (("c", "case-exists"), ("full", "not-empty"), ("file", "bad-path")):
        with pytest.raises(UsageError) as error:
            create_case(tmp_path / name, name="c", at=AT, anchors=[])
        assert error.value.code == code


def test_an_interrupted_creation_can_be_repeated(tmp_path):
    create_case(tmp_path / "c", name="c", at=AT, anchors=[])
    (tmp_path / "c" / "case.toml").unlink()
    create_case(tmp_path / "c", name="d", at=AT, anchors=[])
    assert open_case(tmp_path / "c").settings.name == "d"


@pytest.mark.parametrize("anchor", [b"", b"junk", b"\x30\x80", load_intel_root()[:100]])
def test_an_anchor_must_be_a_certificate(tmp_path, anchor):
    with pytest.raises(UsageError) as error:
        create_case(tmp_path / "c", name="c", at=AT, anchors=[anchor])
    assert error.value.code == "bad-anchor"


def test_a_missing_case(tmp_path):
    with pytest.raises(UsageError) as error:
        open_case(tmp_path)
    assert error.value.code == "no-case"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("44a0196b", "44a0196c", "anchor-mismatch"),
        ("name =", "name", "bad-settings"),
        ("created =", "made =", "bad-settings"),
        ("-----BEGIN", "----BEGIN", "bad-settings"),
        ("[[trust_anchor]]", "[trust_anchor]", "bad-settings"),
        ("sha256 = ", "sha256 = 1 #", "anchor-mismatch"),
        ("certificate = ", "certificate = 1\nother = ", "bad-settings"),
        ("[[trust_anchor]]", "[[signing_key]]\ned25519 = 1\n[[trust_anchor]]", "bad-settings"),
    ],
)
def test_damaged_settings(tmp_path, old, new, code):
    create_case(tmp_path / "c", name="c", at=AT, anchors=[load_intel_root()])
    path = tmp_path / "c" / "case.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(CustodyError) as error:
        open_case(tmp_path / "c")
    assert error.value.code == code


def test_settings_that_are_not_text(tmp_path):
    create_case(tmp_path / "c", name="c", at=AT, anchors=[])
    (tmp_path / "c" / "case.toml").write_bytes(b"\xff\xfe" * 10)
    with pytest.raises(CustodyError) as error:
        open_case(tmp_path / "c")
    assert error.value.code == "bad-settings"
