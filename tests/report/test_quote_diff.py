"""What `quote diff` says about two quotes, for every way in which they can be related."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forensics.formats.quote import Quote
from forensics.report.quote_diff import Difference, compare_quotes
from forensics.simulate import keys, pki, quotes
from forensics.simulate.sgx_extension import SgxExtension


@pytest.fixture(scope="module")
def certification() -> quotes.Certification:
    authority = pki.make_pki(7)
    pck = authority.issue_pck(SgxExtension(bytes(16), bytes(6)), label="pck")
    key = keys.derive_key(7, "attestation key")
    return quotes.certify(key, pck.key, authority.pck_chain(pck))


@pytest.fixture(scope="module")
def quote(certification: quotes.Certification) -> Quote:
    return quotes.build_quote(certification, quotes.sgx_body(), nonce=11)


def fields_of(difference: Difference) -> dict[str, dict[str, object]]:
    return {row["field"]: row for row in difference.fields}


def test_the_same_quote_differs_in_nothing(quote: Quote) -> None:
    difference = compare_quotes(quote, quote)
    assert difference.conclusion == "the same quote"
    assert difference.fields == []


@pytest.mark.parametrize(
    ("disguise", "field"),
    [
        (quotes.flip_quote_signature, "signature_s"),
        (quotes.flip_qe_signature, "qe_signature_s"),
        (quotes.flip_chain_signature, "certificate_0"),
        (lambda q: replace(q, trailing=b"\0\0"), "trailing"),
        (lambda q: replace(q, slack=b"x"), "slack"),
        (
            lambda q: replace(q, certification_data=q.certification_data + b"\n\n"),
            "text_after_certificates",
        ),
    ],
)
def test_a_disguise_is_one_signing_event_in_unsigned_bytes(
    quote: Quote, disguise, field: str
) -> None:
    difference = compare_quotes(quote, disguise(quote))
    assert difference.conclusion.startswith("one signing event in other bytes")
    rows = fields_of(difference)
    assert field in rows
    assert difference.unsigned == difference.fields, "no signed byte differs"
    if field.endswith("_s"):
        assert "same signature" in str(rows[field]["note"])
    if field == "certificate_0":
        assert "the same signed part, outer signature n - s" in str(rows[field]["note"])


def test_line_breaks_in_a_certificate_are_no_other_certificate(quote: Quote) -> None:
    text = quote.certification_data.replace(b"\n", b"\r\n", 3)
    rows = fields_of(compare_quotes(quote, replace(quote, certification_data=text)))
    assert str(rows["certificate_0"]["note"]).endswith("the same certificate, other text")
    assert rows["certificate_0"]["unsigned"]


def test_another_certificate_is_signed_bytes(quote: Quote) -> None:
    other = pki.make_pki(8)
    pck = other.issue_pck(SgxExtension(bytes(16), bytes(6)), label="pck")
    changed = replace(quote, certification_data=other.pck_chain(pck))
    row = fields_of(compare_quotes(quote, changed))["certificate_0"]
    assert not row["unsigned"]
    assert "other certificates" in str(row["note"])


def test_signed_anew(certification: quotes.Certification, quote: Quote) -> None:
    anew = quotes.build_quote(certification, quotes.sgx_body(), nonce=12)
    difference = compare_quotes(quote, anew)
    assert difference.conclusion.startswith("the same statement signed anew")
    assert set(fields_of(difference)) == {"signature_r", "signature_s"}
    assert fields_of(difference)["signature_s"]["note"] == ""


def test_a_repeated_r_gives_the_key_away(certification: quotes.Certification, quote: Quote) -> None:
    other = quotes.build_quote(certification, quotes.sgx_body(isv_svn=9), nonce=11)
    difference = compare_quotes(quote, other)
    assert "private key can be computed" in difference.conclusion
    row = fields_of(difference)["isv_svn"]
    assert (row["bytes"], row["unsigned"]) == ("0", False)


def test_other_content_under_one_key(certification: quotes.Certification, quote: Quote) -> None:
    debug = quotes.sgx_body(attributes=bytes([7]) + bytes(15))
    difference = compare_quotes(quote, quotes.build_quote(certification, debug, nonce=13))
    assert difference.conclusion == "two statements under one attestation key"
    assert "DEBUG" in str(fields_of(difference)["attributes"]["note"])


def test_a_forgery_proves_nothing(quote: Quote) -> None:
    forged = replace(quote, signed=quote.signed[:-1] + b"\1")
    assert compare_quotes(quote, forged).conclusion.startswith("at least one is not signed")


def test_quotes_of_different_kinds_are_compared_too(
    certification: quotes.Certification, quote: Quote
) -> None:
    v4 = quotes.build_quote(certification, quotes.sgx_body(), version=4, nonce=14)
    rows = fields_of(compare_quotes(quote, v4))
    assert rows["header_qe_svn"]["note"] == "only in a"
    assert rows["outer_certification_type"]["note"] == "only in b"
