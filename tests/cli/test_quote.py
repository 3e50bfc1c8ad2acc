"""`quote`: bytes by default, `show` and `diff`, from a case and from files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "sample_data"
QUOTES = SAMPLE / "evidence" / "quotes"
END_OF_SAMPLE = "2026-01-08T00:00:00Z"


def incident(name: str) -> dict:
    findings = json.loads((SAMPLE / "truth.json").read_text())["findings"]
    return next(entry for entry in findings if entry["incident"] == name)


def page_of(run, *arguments: object) -> dict:
    result = run("quote", "show", *arguments, "--format", "json")
    assert result.code == 0, result.err
    (page,) = result.records
    return page


def test_the_short_form_writes_the_original_bytes(run, audited: Path, tmp_path: Path):
    quote_id = incident("plain-replay")["quote_ids"][0]
    for form in ((), ("bytes",)):
        out = tmp_path / "quote.bin"
        assert run("quote", *form, audited, quote_id[:12], "--out", out).code == 0
        assert hashlib.sha256(out.read_bytes()).hexdigest() == quote_id
    before = run("quote", "--out", out, audited, quote_id[:12])  # options may come first
    assert before.code == 0


def test_a_quote_file_and_its_sighting_begin_alike(run, audited: Path):
    quote_id = hashlib.sha256(next(QUOTES.glob("*.bin")).read_bytes()).hexdigest()
    sightings = f"SELECT observation_id FROM observation WHERE quote_id = '{quote_id}'"
    rows = run("sql", audited, sightings, "--format", "json").records
    assert any(row["observation_id"].startswith(quote_id[:12]) for row in rows)
    assert page_of(run, audited, quote_id[:12]) == page_of(run, audited, quote_id)


def test_show_has_every_byte_the_verdict_and_the_findings(run, audited: Path):
    told = incident("lying-verifier")
    page = page_of(run, audited, told["quote_ids"][0])
    assert page["quote_id"] == told["quote_ids"][0]
    sizes = sum(row["size"] for row in page["fields"])
    assert f"{sizes} bytes" in [row["meaning"] for row in page["summary"]]
    receipt, hindsight = sorted(page["verdicts"], key=lambda row: row["moment"], reverse=True)
    assert (receipt["moment"], receipt["outcome"]) == ("receipt", "rejected")
    assert receipt["failed_checks"] == hindsight["failed_checks"] == ["R4"]
    assert page["sightings"][0]["claimed"].startswith("OK")
    assert {row["detector"] for row in page["findings"]} >= {"verdict-contradiction"}
    assert [row["role"] for row in page["certificates"]] == ["PCK", "CA", "root"]
    assert {row["what"] for row in page["platform"]} >= {"fmspc", "components", "pce_svn"}


def test_an_observation_shows_its_own_sighting_only(run, audited: Path):
    quote_id = incident("plain-replay")["quote_ids"][0]
    sightings = page_of(run, audited, quote_id)["sightings"]
    assert len(sightings) == 2
    page = page_of(run, audited, sightings[1]["observation_id"])
    assert page["quote_id"] == quote_id
    assert [row["observation_id"] for row in page["sightings"]] == [sightings[1]["observation_id"]]
    assert {row["sightings"] for row in page["verdicts"]} == {1}


@pytest.mark.parametrize("name", ["payments-0.bin", "ledger-1.hex", "vault-2.b64"])
def test_a_file_is_judged_without_and_with_a_case(run, audited: Path, name: str):
    alone = page_of(
        run, QUOTES / name, "--root-ca", SAMPLE / "root_ca.pem", "--as-of", END_OF_SAMPLE
    )
    assert alone["verdicts"][0]["outcome"] == "undetermined"
    assert alone["verdicts"][0]["failed_checks"] == []
    within = page_of(run, audited, QUOTES / name, "--as-of", END_OF_SAMPLE)
    assert within["fields"] == alone["fields"]
    assert within["verdicts"][0]["outcome"] == "accepted"
    stored = page_of(run, audited, within["quote_id"])
    hindsight = [row["status"] for row in stored["verdicts"] if row["moment"] == "hindsight"]
    assert hindsight == [within["verdicts"][0]["status"]]


def test_a_foreign_root_and_a_forgery_are_rejected(run, tmp_path: Path):
    page = page_of(run, QUOTES / "payments-0.bin", "--as-of", END_OF_SAMPLE)
    assert (page["verdicts"][0]["outcome"], page["verdicts"][0]["failed_checks"]) == (
        *("rejected", ["P2"]),
    )
    data = bytearray((QUOTES / "payments-0.bin").read_bytes())
    data[400] ^= 1  # REPORT_DATA
    forged = tmp_path / "forged.bin"
    forged.write_bytes(data)
    page = page_of(run, forged, "--root-ca", SAMPLE / "root_ca.pem", "--as-of", END_OF_SAMPLE)
    assert page["verdicts"][0]["failed_checks"] == ["K5"]


def test_the_page_as_text_and_as_csv(run, audited: Path):
    quote_id = incident("doppelganger")["quote_ids"][0]
    text = run("quote", "show", audited, quote_id).out
    for word in ("MODE64BIT", "quote signature (K5)", "Intel SGX PCK Certificate", "doppelganger"):
        assert word in text
    lines = run("quote", "show", audited, quote_id, "--format", "csv").out.splitlines()
    assert lines[0].startswith("part,offset,size,field,value")
    assert any(line.startswith("body,") and ",mrenclave," in line for line in lines)


def test_diff_finds_the_disguise(run, audited: Path, tmp_path: Path):
    first, second = incident("disguised-replay-quote-signature")["quote_ids"]
    (record,) = run("quote", "diff", audited, first, second, "--format", "json").records
    assert record["conclusion"].startswith("one signing event in other bytes")
    assert [row["field"] for row in record["fields"]] == ["signature_s"]
    file = tmp_path / "first.bin"
    run("quote", audited, first, "--out", file)
    (mixed,) = run("quote", "diff", audited, file, second, "--format", "json").records
    assert mixed == record
    result = run("quote", "diff", file, file)
    assert (result.code, result.out.splitlines()[0]) == (0, "the same quote")
    shown = run("quote", "diff", audited, first, second)
    assert "1 of 1 in unsigned bytes" in shown.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show",), None),
        (("show", "no-such-file"), "unreadable-path"),
        (("show", "{case}", "0000000000"), "no-match"),
        (("show", "{case}", "zz"), "bad-id"),
        (("show", "a", "b", "c"), "bad-target"),
        (("show", "{case}", "00", "--as-of", "2026-01-08T00:00:00Z"), "bad-target"),
        (("show", "{case}", "00", "--no-intel-root"), "other-anchors"),
        (("show", "{case}", str(SAMPLE / "root_ca.pem"), "--root-ca", "none"), "other-anchors"),
        (("show", str(SAMPLE / "root_ca.pem")), "too-short"),
        (("diff", "only-one"), "bad-target"),
        (("diff", "{case}", "0000000000", "0000000000"), "no-match"),
    ],
)
def test_mistakes(run, audited: Path, arguments: tuple[str, ...], code: str | None):
    result = run("quote", *(argument.format(case=audited) for argument in arguments))
    assert (result.code, result.out) == (2, "")
    assert code is None or f"[{code}]" in result.err


def test_an_event_without_a_quote_has_no_page(run, tmp_path: Path):
    event = {"event_type": "enclave_attestation", "timestamp": "2026-01-05T00:00:00Z"}
    (tmp_path / "event.jsonl").write_text(json.dumps(event) + "\n")
    case = tmp_path / "case"
    assert run("init", case).code == 0
    assert run("ingest", case, tmp_path / "event.jsonl").code == 0
    (row,) = run("sql", case, "SELECT observation_id FROM observation", "-f", "json").records
    result = run("quote", "show", case, row["observation_id"])
    assert (result.code, result.out, "[no-quote]" in result.err) == (2, "", True)


def test_hostile_strings_stay_text(run, tmp_path: Path):
    file = tmp_path / "evil\x1b[2J.bin"
    result = run("quote", "show", file)
    assert "\x1b" not in result.err
