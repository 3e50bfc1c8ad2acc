"""An attacker's text in every field of the evidence, and what comes out of every command.

The whole sample is rewritten so that its texts begin with payloads: terminal escapes, overrides of
direction, formulas, SQL, markup. It must still be read and judged like the sample, and no command
in any format may print anything that a terminal, a spreadsheet or a console library would obey.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import re
import shutil
import sys
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pytest

from forensics.cli.export_findings import FindingFormat
from forensics.cli.main import main
from forensics.simulate.certificates import chain_pem
from forensics.simulate.pki import make_pki

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
NOW = "2026-01-08T00:00:00Z"
FORMATS = ("table", "json", "jsonl", "csv")

ESCAPES = "\x1b[31m\x1b]0;title\x07\x9b2J\x7f\r\n\x08\u202e\u2066\u200b\u2028\ufeff\U000e0041"
MARKUP = "<script>alert(1)</script>&lt;[red]red[/red][/][link=file:///etc/passwd]:smile:`$(reboot)`"
SQL = "'; DROP TABLE finding; --\" \\ %s {0} $1"
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "\r=2", " =3", "\uff1d1")

# What names and relates; what a verifier claims is left alone, or nothing would be judged.
NAMING = {
    *("event_id", "session_id", "enclave_id", "workload_id", "node_id", "container_id", "peer"),
    *("backend_verifier", "issuer", "secret_id", "image", "image_digest", "runtime"),
}
CLAIMS = ("quote_status", "pck_cert_status", "tcb_level", "policy_mode", "mrenclave", "isv_svn")


def poison(name: str, text: str) -> str:
    """The same text in the same field becomes the same poisoned text, so that relations hold."""
    formula = FORMULAS[sum(name.encode()) % len(FORMULAS)]
    return f"{formula}{ESCAPES}{MARKUP}{SQL}{text}"


def poison_event(event: dict[str, Any], number: int) -> dict[str, Any]:
    changed = {
        name: poison(name, value) if name in NAMING and isinstance(value, str) else value
        for name, value in event.items()
    }
    changed[poison("extra", "name")] = {poison("extra", "key"): [poison("extra", "value")]}
    if number % 5 == 0:
        changed |= {name: poison(name, "claim") for name in CLAIMS}
        changed["sgx_extensions"] = [poison("extensions", "one"), poison("extensions", "two")]
    if number % 7 == 0:
        changed["verified_at"] = poison("time", "when")  # goes to quarantine with the event
    return changed


def poison_manifest(text: str) -> str:
    manifest = tomllib.loads(text)
    for workload in manifest["workload"]:
        workload["id"] = poison("workload_id", workload["id"])
        workload["expected"]["runtime"] = poison("runtime", workload["expected"]["runtime"])
        workload[poison("extra", "key")] = poison("extra", "value")
    return json.dumps(manifest)


def write_evidence(folder: Path) -> None:
    """The sample, poisoned, under names that are payloads themselves."""
    name = f"=1+1{ESCAPES}{MARKUP}".replace("/", "|")[:80]
    shutil.copytree(SAMPLE / "evidence" / "collateral", folder / "collateral")
    for number, path in enumerate(sorted((SAMPLE / "evidence" / "events").iterdir())):
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
        events = (poison_event(json.loads(line), n) for n, line in enumerate(lines))
        text = "".join(json.dumps(event) + "\n" for event in events)
        (folder / f"{name}{number}.jsonl").write_text(text)
    manifest = (SAMPLE / "evidence" / "manifest.toml").read_text()
    (folder / f"{name}manifest").write_text(poison_manifest(manifest))
    (folder / f"{name}bad").write_text(poison("bad", "file"))
    (folder / f"{name}link").symlink_to(name)
    (folder / f"{name}.tar").write_bytes(tar_up(f"../../{name}/{MARKUP}"))
    (folder / "certificates.pem").write_bytes(make_certificates())


def tar_up(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"bad"))
    return buffer.getvalue()


def make_certificates() -> bytes:
    """An unrelated root whose name is a payload of the length that X.509 allows."""
    der = bytearray(make_pki(99).root.der)
    name = b"Intel SGX Root CA"
    payload = b"=\x1b[31m\xe2\x80\xae[red]<b>"
    assert len(payload) == len(name)
    return chain_pem(bytes(der.replace(name, payload)))


class Result(NamedTuple):
    code: int
    out: str
    err: str


def call(*arguments: object, out: TextIO | None = None) -> Result:
    """The real command line in this process."""
    out, err, code = out or io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["quote-forensics", *map(str, arguments)])
        patch.setenv("USER", poison("user", "me").replace("\0", ""))
        patch.setenv("LOGNAME", poison("user", "me"))
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Result(code, out.getvalue() if isinstance(out, io.StringIO) else "", err.getvalue())


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("payloads")
    write_evidence(folder / "evidence")
    case = folder / "case=\x1b[31m[red]\u202e'"
    arguments = ["--root-ca", SAMPLE / "root_ca.pem", "--as-of", NOW, "--now", NOW]
    result = call("audit", case, folder / "evidence", *arguments)
    assert result.code == 1, result.err
    check_text(result.out)
    check_text(result.err)
    return case


def check_text(text: str) -> None:
    """Nothing but what can be printed, in lines that we ended."""
    left = {character for character in text if not character.isprintable()} - {"\n"}
    assert not left, ascii(text[:2000])


def check_csv(text: str) -> None:
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            number = re.fullmatch(r"-?\d+(\.\d+)?", cell)
            assert number or not cell.strip().startswith((*"=+-@", "\uff1d")), ascii(cell[:200])


def find_ids(case: Path) -> dict[str, str]:
    """One id of each kind of thing that a command can be asked about."""
    queries = {
        "finding": "SELECT finding_id FROM finding ORDER BY detector LIMIT 1",
        "observation": "SELECT observation_id FROM observation ORDER BY ALL LIMIT 1",
        "quote": "SELECT quote_id FROM quote ORDER BY ALL LIMIT 1",
        "other": "SELECT quote_id FROM quote ORDER BY ALL DESC LIMIT 1",
        "source": "SELECT source_id FROM source WHERE quarantined > 0 ORDER BY ALL LIMIT 1",
    }
    return {
        name: next(iter(json.loads(call("sql", case, sql, "-f", "json").out)[0].values()))
        for name, sql in queries.items()
    }


def list_looks(ids: dict[str, str]) -> Iterator[tuple[str, ...]]:
    views = ("observation", "quarantine", "source", "launch", "nonce", "release", "finding")
    for view in (*views, "reference_value", "certificate", "collateral", "crl", "detection"):
        yield "sql", f"SELECT * FROM {view} LIMIT 40"
    yield "sql", f"""SELECT 1 AS "{poison("column", "n").replace('"', '""')}" """
    yield ("findings",)
    yield "show", ids["source"]
    yield "show", ids["observation"]
    yield "explain", ids["finding"]
    yield "explain", ids["observation"]
    yield ("timeline",)
    yield ("collateral",)
    yield ("coverage",)
    yield "quote", "show", ids["quote"]
    yield "quote", "diff", ids["quote"], ids["other"]
    yield "custody", "log"
    yield "custody", "verify"
    yield "custody", "anchor"


def place(case: Path, look: tuple[str, ...]) -> tuple[object, ...]:
    """The case goes behind the command's name."""
    words = 2 if look[0] in ("custody", "quote", "export") else 1
    return (*look[:words], case, *look[words:])


@pytest.mark.parametrize("form", FORMATS)
def test_no_command_prints_what_evidence_says_raw(case: Path, form: str):
    ids = find_ids(case)
    # What prints one JSON format prints the other: a few commands show that it does.
    for look in islice(list_looks(ids), 0, None, 5 if form == "jsonl" else 1):
        result = call(*place(case, look), "--format", form)
        assert result.code == 0, (look, result.err)
        check_text(result.out)
        check_text(result.err)
        if form == "csv":
            check_csv(result.out)
        elif form == "json":
            json.loads(result.out)


def test_pages_and_exports_hold_no_raw_text(case: Path, tmp_path: Path):
    page = tmp_path / "report.html"
    assert call("report", case, "--html", page, "--now", NOW).code == 0
    text = page.read_text()
    check_text(text)
    assert "<script>alert" not in text
    assert "[red]" in text
    for form in set(FindingFormat) - {FindingFormat.parquet}:
        written = tmp_path / form.value
        result = call("export", "findings", case, "--format", form.value, "--out", written)
        assert result.code == 0, result.err
        exported = written.read_text().replace("\ufeff", "")  # syslog marks its text as UTF-8 so
        check_text(exported)
        if form in (FindingFormat.csv, FindingFormat.timesketch):
            check_csv(exported)


def test_json_keeps_every_character(case: Path):
    rows = json.loads(call("sql", case, "SELECT node_id FROM launch", "-f", "json").out)
    assert all(row["node_id"].startswith(poison("node_id", "")) for row in rows)
    assert len(rows) > 10


def test_a_terminal_gets_our_own_colours_and_no_others(case: Path):
    ids = find_ids(case)
    looks = [("findings",), ("show", ids["observation"]), ("explain", ids["finding"])]
    looks += [("sql", "SELECT node_id, workload_id FROM launch LIMIT 3"), ("custody", "log")]
    looks += [("timeline", "--until", "2026-01-05T12:00:00Z")]
    for look in looks:
        text = run_in_terminal(*place(case, look))
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
        check_text(plain)
        if look[0] != "custody":
            assert "[red]" in re.sub(r"\s+", "", plain)  # shown, not obeyed


def run_in_terminal(*arguments: object) -> str:
    """What a command writes to a terminal of 400 columns."""
    ours, its = pty.openpty()
    data = bytearray()
    reader = threading.Thread(target=drain, args=(ours, data))
    reader.start()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(its, "w", encoding="utf-8") as terminal:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "400")
        result = call(*arguments, out=terminal)
    reader.join()
    os.close(ours)
    assert result.code == 0, result.err
    return data.decode().replace("\r\n", "\n")


def drain(descriptor: int, data: bytearray) -> None:
    with suppress(OSError):  # the other side is closed
        while chunk := os.read(descriptor, 1 << 16):
            data += chunk


def test_poisoned_evidence_is_judged_like_the_sample(case: Path):
    """The poison is in names only: what it says of the evidence stays."""
    rows = json.loads(call("findings", case, "--format", "json").out)
    truth = json.loads((SAMPLE / "truth.json").read_text())
    expected = {finding["detector"] for finding in truth["findings"]}
    assert expected <= {row["detector"] for row in rows}
    rows = json.loads(call("sql", case, "FROM finding", "--format", "json").out)
    assert any("[red]" in row["summary"] or "[red]" in row["details"] for row in rows)
