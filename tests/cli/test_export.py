"""What leaves a case: a bundle that verifies itself, and views without platform identifiers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
from ast import parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from forensics.case.case import open_case
from forensics.case.connection import connect
from forensics.cli.steps import ingest
from forensics.errors import UsageError
from forensics.report.bundle import export_bundle
from forensics.report.drafts import create_folder
from forensics.report.redaction import WITHHELD
from forensics.report.verify_bundle import check_bundle

SAMPLE = Path(__file__).parents[2] / "sample_data"
AT = datetime(2026, 1, 9, tzinfo=UTC)
NOW = ("--now", AT.isoformat())
REDACTION_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def whole(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audited sample, and records in quarantine."""
    folder = tmp_path_factory.mktemp("whole")
    case = Path(shutil.copytree(audited, folder / "case"))
    lines = '{"event_type": "enclave_attestation", "quote": "AwA="}\n{\n'
    (folder / "broken.jsonl").write_text(lines)
    ingest(open_case(case), [folder / "broken.jsonl"], AT, threads=1)
    return case


@pytest.fixture(scope="module")
def bundle(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle") / "case.bag"
    export_bundle(open_case(whole), target, AT)
    return target


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def verify(bundle: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Without site packages, the environment, or this project on the path."""
    command = [sys.executable, "-I", "-S", bundle / "verify_bundle.py", *arguments]
    return subprocess.run(
        list(map(str, command)), cwd=bundle.parent, capture_output=True, text=True, check=False
    )


def test_a_bundle_verifies_itself_with_the_standard_library_alone(bundle: Path):
    result = verify(bundle)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("the bundle holds: 6 ledger entries, newest ")
    assert (bundle / "bagit.txt").read_text().startswith("BagIt-Version: 1.0\n")
    facts = dict(line.split(": ", 1) for line in (bundle / "bag-info.txt").read_text().splitlines())
    payload = [path for path in (bundle / "data").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in payload)
    assert facts["Payload-Oxum"] == f"{size}.{len(payload)}"
    assert facts["Bag-Software-Agent"].startswith("quote-forensics ")
    for path in (bundle, *bundle.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444)
    parse((bundle / "verify_bundle.py").read_text(), feature_version=(3, 8))


def test_another_implementation_of_bagit_accepts_it(bundle: Path, copied: Path):
    import bagit

    bag = bagit.Bag(str(bundle))
    assert bag.validate()
    assert (bag.version_info, bag.algorithms) == ((1, 0), ["sha256"])
    assert set(bag.payload_entries()) == {
        path.relative_to(bundle).as_posix()
        for path in (bundle / "data").rglob("*")
        if path.is_file()
    }
    assert not list(bag.missing_optional_tagfiles())
    (copied / "data/case/case.toml").write_bytes(b"x")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(copied)).validate()


def test_the_evidence_in_it_is_what_was_seen(bundle: Path, whole: Path):
    connection = connect(open_case(whole))
    for folder, column, view in (
        ("quotes", "quote_id", "quote"),
        ("crls", "crl_id", "crl"),
        ("documents", "collateral_id", "collateral"),
    ):
        rows = connection.execute(f"SELECT {column} FROM {view}").fetchall()
        assert rows
        found = {path.stem for path in (bundle / "data/evidence" / folder).rglob("*.*")}
        assert found == {identity for (identity,) in rows}
    lines = (bundle / "data/views/finding.jsonl").read_text().splitlines()
    (count,) = connection.execute("SELECT count(*) FROM finding").fetchone()
    assert len([json.loads(line) for line in lines]) == count > 0
    texts = {path.stem for path in (bundle / "data/detectors").rglob("*.sql")}
    assert {"replayed-quote", "silent-enclave"} <= texts


def test_every_byte_of_evidence_is_rebuilt(bundle: Path, whole: Path):
    case = open_case(whole)
    connection = connect(case)
    found = {path.stem: path for path in (bundle / "data/evidence/quotes").rglob("*.bin")}
    quotes = [
        quote_id for (quote_id,) in connection.execute("SELECT quote_id FROM quote").fetchall()
    ]
    assert found[quotes[0]].read_bytes() == case.quote_bytes(bytes.fromhex(quotes[0]))
    for quote_id in quotes:
        data = found[quote_id].read_bytes()
        assert sha256(data).hexdigest() == quote_id
    for name, column in (("certificate", "certificate_id"), ("crl", "crl_id")):
        kept = connection.execute(f"SELECT hex({column}), data FROM stored.{name}").fetchall()
        for identity, data in kept:
            (path,) = (bundle / "data/evidence").glob(f"{name}s/??/{identity.lower()}.der")
            assert path.read_bytes() == data
    lost = connection.execute("SELECT hex(sha256), data FROM stored.quarantine").fetchall()
    for identity, data in lost:
        (path,) = (bundle / "data/evidence/quarantine").glob(f"??/{identity.lower()}.*")
        assert path.read_bytes() == data
    assert lost


def test_the_case_in_it_opens(run, bundle: Path, whole: Path):
    case = bundle / "data/case"
    assert run("custody", "verify", case).code == 0
    query = "SELECT outcome, count(*) AS n FROM verdict GROUP BY ALL ORDER BY ALL"
    assert run("sql", case, query).out == run("sql", whole, query).out


def mend_manifests(bundle: Path) -> None:
    """What somebody who changes a bundle and knows BagIt would do."""

    def digest(path: Path) -> str:
        return sha256(path.read_bytes()).hexdigest()

    payload = sorted(path for path in (bundle / "data").rglob("*") if path.is_file())
    tags = sorted(path for path in bundle.iterdir() if path.is_file())
    for name, paths in (("manifest-sha256.txt", payload), ("tagmanifest-sha256.txt", tags)):
        lines = [
            f"{digest(path)}  {path.relative_to(bundle).as_posix()}\n"
            for path in paths
            if path.name != "tagmanifest-sha256.txt"
        ]
        (bundle / name).write_text("".join(lines))


def find_problems(bundle: Path) -> str:
    problems, _ = check_bundle(bundle, None)
    return "\n".join(problems)


def find_file(bundle: Path, pattern: str) -> Path:
    return min(bundle.glob(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        "data/case/ledger/00000002.json",
        "data/case/tables/quote/*.parquet",
        "data/case/case.toml",
        "data/evidence/quotes/*/*.bin",
        "data/evidence/documents/*/*.body",
        "data/evidence/documents/*/*.signature",
        "data/evidence/crls/*/*.der",
        "data/evidence/certificates/*/*.der",
        "data/evidence/quarantine/*/*.bin",
        "verify_bundle.py",
        "bagit.txt",
        "tagmanifest-sha256.txt",
        "data/views/finding.jsonl",
        "data/detectors/replay/replayed-quote.sql",
        "bag-info.txt",
        "head.txt",
        "manifest-sha256.txt",
    ],
)
def test_a_changed_removed_or_swapped_file_is_named(copied: Path, pattern: str):
    path = find_file(copied, pattern)
    name = path.relative_to(copied).as_posix()
    kept = path.read_bytes()
    middle = len(kept) // 2
    path.write_bytes(kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :])
    assert name in find_problems(copied)
    path.write_bytes(kept[:-1])
    assert name in find_problems(copied)
    path.unlink()
    assert name in find_problems(copied)
    path.symlink_to(copied.parent / "elsewhere")
    assert name in find_problems(copied)


@pytest.mark.parametrize(
    "pattern",
    [
        "head.txt",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
        "bag-info.txt",
        "data/case/ledger/00000002.json",
        "data/case/tables/quote/*.parquet",
        "data/evidence/quotes/*/*.bin",
        "data/evidence/documents/*/*.signature",
        "data/sources.jsonl",
    ],
)
def test_a_file_without_an_end_does_not_hold_the_verifier(copied: Path, pattern: str):
    path = copied / pattern if pattern == "data/sources.jsonl" else find_file(copied, pattern)
    for replace in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        path.unlink(missing_ok=True)
        replace(path)
        result = verify(copied)
        assert (result.returncode, result.stderr) == (1, "")
        assert f"{path.relative_to(copied).as_posix()}: no regular file" in result.stdout


@pytest.mark.parametrize("module", ["base64", "json", "__future__", "os", "re", "stat"])
def test_a_module_beside_the_verifier_is_not_run(copied: Path, module: str):
    """As a recipient calls it, without flags."""
    (copied / f"{module}.py").write_text("raise SystemExit('the bundle holds: ' + __file__)")
    command = [sys.executable, copied / "verify_bundle.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == f"{module}.py: not listed in tagmanifest-sha256.txt\n"


def test_a_private_bundle_stays_private(whole: Path, tmp_path: Path):
    before = os.umask(0o077)
    try:
        export_bundle(open_case(whole), tmp_path / "bag", AT)
    finally:
        os.umask(before)
    for path in (tmp_path / "bag", *(tmp_path / "bag").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o500 if path.is_dir() else 0o400)


def test_two_at_once_do_not_take_each_others_files(whole: Path, tmp_path: Path):
    target = tmp_path / "bag"
    with create_folder(target, "a bundle") as draft:
        (draft / "ours").write_text("x")
        with pytest.raises(UsageError) as refused:
            export_bundle(open_case(whole), target, AT)
        assert refused.value.code == "path-busy"
        assert (draft / "ours").exists()
    assert [path.name for path in target.iterdir()] == ["ours"]
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def test_what_a_killed_process_left_is_thrown_away(whole: Path, tmp_path: Path):
    (tmp_path / ".bag.draft").mkdir()
    (tmp_path / ".bag.draft" / "left").write_text("x")
    export_bundle(open_case(whole), tmp_path / "bag", AT)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
    assert not (tmp_path / "bag" / "left").exists()


def test_a_link_in_the_place_of_the_draft_is_not_followed(whole: Path, tmp_path: Path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_text("x")
    (tmp_path / ".bag.draft").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError) as refused:
        export_bundle(open_case(whole), tmp_path / "bag", AT)
    assert refused.value.code == "unwritable-path"
    assert (tmp_path / "victim" / "kept").exists()


def test_a_swap_names_both(copied: Path):
    first, second = sorted(copied.glob("data/evidence/quotes/*/*.bin"))[:2]
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    said = find_problems(copied)
    assert first.name in said
    assert second.name in said


def test_a_bundle_with_many_wounds_names_each(copied: Path):
    wounds = [find_file(copied, f"data/{name}") for name in ("views/*", "case/case.toml")]
    for path in wounds:
        path.write_bytes(b"x")
    (copied / "added").write_text("x")
    gone = find_file(copied, "data/evidence/crls/*/*.der")
    gone.unlink()
    result = verify(copied)
    assert (result.returncode, result.stderr) == (1, "")
    for path in (*wounds, copied / "added", gone):
        assert f"{path.relative_to(copied).as_posix()}: " in result.stdout


def test_an_added_file_is_named(copied: Path):
    for name in ("data/extra.txt", "extra.txt", "data/case/tables/quote/00000002-9.parquet"):
        (copied / name).write_text("x")
        assert name in find_problems(copied)
        (copied / name).unlink()
    assert find_problems(copied) == ""


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("data/case/ledger/00000002.json", "does not continue"),
        ("data/case/ledger/00000005.json", "not those of this head"),
        ("data/case/tables/quote/*.parquet", "not the file that the ledger names"),
        ("data/evidence/quotes/*/*.bin", "its name is not its SHA-256"),
        ("data/evidence/documents/*/*.body", "not the SHA-256 of it and its signature"),
    ],
)
def test_with_mended_manifests_the_ledger_still_finds_it(copied: Path, pattern: str, said: str):
    path = find_file(copied, pattern)
    if path.suffix == ".json":
        path.write_bytes(path.read_bytes().replace(b'"who":"', b'"who":"x'))
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    mend_manifests(copied)
    assert said in find_problems(copied)


def test_a_head_that_was_kept_elsewhere_is_held_against_it(run, copied: Path, whole: Path):
    head = copied.parent / "head"
    for form in ("table", "json"):
        head.write_text(run("custody", "anchor", whole, "--format", form).out)
        assert verify(copied, "--head", head).returncode == 0
    origin, size, root = (copied / "head.txt").read_text().split("\n")[:3]
    for forged in (
        f"{origin}\n{size}\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{origin}\n{int(size) + 1}\n{root}\n",
        f"quote-forensics/{'0' * 64}\n{size}\n{root}\n",
        "nonsense",
    ):
        head.write_text(forged)
        assert verify(copied, "--head", head).returncode == 1


@pytest.fixture(scope="module")
def with_sources(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All original sources but the one that is gone: `broken.jsonl`."""
    target = tmp_path_factory.mktemp("sources") / "case.bag"
    export_bundle(open_case(whole), target, AT, sources=[SAMPLE / "evidence"])
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def test_the_original_sources_are_in_it_byte_for_byte(with_sources: Path, whole: Path):
    originals = {
        path.name: path.read_bytes() for path in (with_sources / "data/sources").rglob("?" * 64)
    }
    files = [path for path in (SAMPLE / "evidence").rglob("*") if path.is_file()]
    assert originals == {sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in files}
    lines = [
        json.loads(line) for line in (with_sources / "data/sources.jsonl").read_text().splitlines()
    ]
    named = [s for entry in open_case(whole).ledger.entries for s in entry.sources]
    assert [line["source_id"] for line in lines] == [source.source_id for source in named]
    assert [line["path"].rpartition("/")[2] for line in lines if line["held"] == "missing"] == [
        "broken.jsonl"
    ]
    members = [line for line in lines if line["held"] == "member"]
    assert members
    assert all(line["inside"] in originals and "!" in line["path"] for line in members)
    result = verify(with_sources)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


def test_the_command_names_the_sources_that_it_did_not_find(run, whole: Path, tmp_path: Path):
    events = SAMPLE / "evidence/events"
    result = run("export", "bundle", whole, tmp_path / "bag", "--sources", events, *NOW)
    assert (result.code, result.out) == (3, "")
    missing = [line for line in result.err.splitlines() if line.startswith("missing: ")]
    total = sum(len(entry.sources) for entry in open_case(whole).ledger.entries)
    assert f"{len(missing)} of {total} original sources were not found" in result.err
    assert any("manifest.toml" in line for line in missing)
    assert not any("/events/" in line for line in missing)
    info = (tmp_path / "bag/bag-info.txt").read_text()
    found = total - len(missing)
    assert f"Original-Sources: {found} of {total}, {len(missing)} missing\n" in info


def test_a_source_of_another_content_is_not_taken(run, whole: Path, tmp_path: Path):
    """Of the same name and size, with one bit flipped."""
    original = SAMPLE / "evidence/manifest.toml"
    data = bytearray(original.read_bytes())
    data[5] ^= 1
    (tmp_path / "manifest.toml").write_bytes(data)
    result = run(
        "export", "bundle", whole, tmp_path / "bag", "--sources", tmp_path / "manifest.toml"
    )
    assert result.code == 3
    assert not (tmp_path / "bag/data/sources").exists()
    assert verify(tmp_path / "bag").returncode == 0


SOURCE_DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "changed": lambda source, _: source.write_bytes(source.read_bytes()[:-1] + b"?"),
    "removed": lambda source, _: source.unlink(),
    "renamed": lambda source, _: source.rename(source.with_name("0" * 64)),
    "not listed": lambda _, listed: listed.unlink(),
    "list cut": lambda _, listed: listed.write_bytes(listed.read_bytes()[:1000]),
    "a line left out": lambda _, listed: listed.write_bytes(
        b"".join(listed.read_bytes().splitlines(keepends=True)[1:])
    ),
    "called missing": lambda source, listed: listed.write_text(
        listed.read_text().replace('"held": "file"', '"held": "missing"')
    ),
    "called held": lambda source, listed: listed.write_text(
        listed.read_text().replace('"held": "missing"', '"held": "file"')
    ),
}


@pytest.mark.parametrize("damage", SOURCE_DAMAGE)
def test_the_ledger_finds_other_sources_than_its_own(
    with_sources: Path, tmp_path: Path, damage: str
):
    """With all lists of hashes mended after the change."""
    copy = Path(shutil.copytree(with_sources, tmp_path / "copy"))
    source = find_file(copy, "data/sources/*/*")
    SOURCE_DAMAGE[damage](source, copy / "data/sources.jsonl")
    mend_manifests(copy)
    assert "data/sources" in find_problems(copy)


def test_original_files_do_not_go_into_a_redacted_bundle(run, whole: Path, tmp_path: Path):
    key = tmp_path / "key"
    key.write_bytes(REDACTION_KEY)
    result = run("export", "bundle", whole, tmp_path / "bag", "--redact", key, "--sources", SAMPLE)
    assert (result.code, "[redacted-sources]" in result.err) == (2, True)


def test_the_same_case_gives_the_same_bundle(run, whole: Path, bundle: Path, tmp_path: Path):
    again = tmp_path / "again.bag"
    assert run("export", "bundle", whole, again, *NOW).code == 0
    for path in (path for path in bundle.rglob("*") if path.is_file()):
        assert (again / path.relative_to(bundle)).read_bytes() == path.read_bytes(), path.name
    result = run("export", "bundle", whole, again, *NOW)
    assert (result.code, "[path-exists]" in result.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["again.bag"]


def test_a_case_that_contradicts_its_ledger_is_not_bundled(run, whole: Path, tmp_path: Path):
    case = shutil.copytree(whole, tmp_path / "case")
    find_file(case, "tables/quote/*.parquet").unlink()
    result = run("export", "bundle", case, tmp_path / "out.bag")
    assert (result.code, "[custody-broken]" in result.err) == (4, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case"]


def test_a_signed_case_keeps_its_signatures_in_a_bundle(run, tmp_path: Path):
    key, case, out = tmp_path / "key.pem", tmp_path / "case", tmp_path / "out"
    assert run("custody", "keygen", key).code == 0
    assert run("init", case, "--sign-key", key).code == 0
    assert run("export", "bundle", case, out, *NOW).code == 0
    assert (out / "data/case/ledger/00000001.note").exists()
    assert "\n\n\u2014 quote-forensics/" in (out / "head.txt").read_text()
    assert find_problems(out) == ""
    assert run("custody", "verify", out / "data/case", "--head", out / "head.txt").code == 0


def read_views(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for path in sorted(folder.iterdir()):
        for line in path.read_text().splitlines():
            yield path.stem, json.loads(line)


@pytest.fixture
def redacted(run, whole: Path, tmp_path: Path) -> Path:
    key = tmp_path / "key"
    key.write_bytes(REDACTION_KEY)
    out = tmp_path / "redacted"
    assert run("export", "views", whole, out, "--redact", key).code == 0
    return out


def test_views_are_exported_whole(run, whole: Path, tmp_path: Path):
    out = tmp_path / "views"
    rows = run("export", "views", whole, out, "--format", "json").records
    counts = {row["view"]: row["rows"] for row in rows}
    assert counts["observation"] > 0
    assert counts["check_result"] > counts["verdict"] > 0
    assert {path.stem for path in out.iterdir()} == set(counts)
    chosen = tmp_path / "chosen"
    assert run("export", "views", whole, chosen, "--view", "finding").code == 0
    assert [path.name for path in chosen.iterdir()] == ["finding.jsonl"]


def collect_secrets(case: Path) -> set[bytes]:
    """What names the platforms and sessions of a case: from its stored tables, not the views."""
    connection = connect(open_case(case))
    secrets: set[bytes] = set()
    for table, columns in (
        ("fact_chain", ("ppid", "pck_serial", "pck_id", "pck_key", "platform_instance_id")),
        ("fact_chain", ("chain_id", "chain_signed_id")),
        ("certification", ("attestation_key", "qe_signature_r", "qe_signature_s")),
        ("statement", ("user_data",)),
        ("quote", ("signature_r", "signature_s")),
        ("observation", ("session_id", "node_id", "container_id", "event_id", "peer")),
        ("launch", ("node_id", "container_id")),
        ("certificate", ("certificate_id", "data")),
        ("certification_data", ("data",)),
    ):
        for column in columns:
            sql = f"SELECT DISTINCT {column} FROM stored.{table} WHERE {column} IS NOT NULL"
            found = [value for (value,) in connection.execute(sql).fetchall()]
            secrets.update(v if isinstance(v, bytes) else str(v).encode() for v in found)
    return {secret for secret in secrets if secret.strip(b"\0") and len(secret) >= 6}


def spell(secret: bytes) -> Iterator[bytes]:
    """The ways in which bytes are written into text. For long ones a part is enough."""
    secret = secret[:48]
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for cut in range(3):  # wherever it begins within three bytes
        piece = secret[cut:]
        yield base64.b64encode(piece[: len(piece) // 3 * 3])
        yield base64.urlsafe_b64encode(piece[: len(piece) // 3 * 3])


def find_secrets(folder: Path, secrets: set[bytes]) -> set[bytes]:
    text = b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return {s for s in secrets if any(len(w) >= 6 and w in text for w in spell(s))}


def test_no_identifier_survives_redaction(
    run, whole: Path, redacted: Path, bundle: Path, tmp_path: Path
):
    secrets = collect_secrets(whole)
    assert len(secrets) > 500
    assert len(find_secrets(bundle, secrets)) > 300  # they are found where they are
    assert find_secrets(redacted, secrets) == set()
    out = tmp_path / "redacted.bag"
    result = run("export", "bundle", whole, out, "--redact", tmp_path / "key", *NOW)
    assert result.code == 0
    assert find_secrets(out, secrets) == set()
    for _, row in read_views(redacted):
        assert all(row[name] is None for name in WITHHELD.intersection(row))
        if "details" in row:
            assert json.loads(row["details"]) is not None
    check = verify(out)
    assert (check.returncode, "redacted, without the ledger" in check.stdout) == (0, True)
    assert "Redacted: HMAC-SHA-256 under the key " in (out / "bag-info.txt").read_text()
    assert (out / "data/views/quote.jsonl").read_bytes() == (redacted / "quote.jsonl").read_bytes()
    assert REDACTION_KEY.hex() not in (out / "bag-info.txt").read_text()
    assert verify(out, "--head", out / "head.txt").returncode == 1


def test_findings_leave_without_identifiers_in_every_format(run, whole: Path, tmp_path: Path):
    from forensics.report.formats import FORMATS

    key, out = tmp_path / "key", tmp_path / "out"
    key.write_bytes(REDACTION_KEY)
    out.mkdir()
    secrets = collect_secrets(whole)
    for form in FORMATS:
        target = out / form
        command = ("export", "findings", whole, "--format", form, "--out", target)
        assert run(*command).code == 0
        plain = target.read_bytes()
        assert run(*command, "--redact", key).code == 0
        assert plain
        assert target.read_bytes()
    assert find_secrets(out, secrets) == set()
    (hidden, *_) = json.loads(f"[{','.join((out / 'jsonl').read_text().splitlines())}]")
    assert hidden["finding_id"].startswith("redacted-")


def test_the_same_platform_stays_the_same(run, whole: Path, redacted: Path, tmp_path: Path):
    """Rows can still be joined and counted, within an export and between two of one key."""
    again, other = tmp_path / "again", tmp_path / "other"
    keys = {"again": REDACTION_KEY, "other": REDACTION_KEY[::-1]}
    for name, key in keys.items():
        (tmp_path / f"{name}.key").write_bytes(key)
        out = tmp_path / name
        arguments = ("--view", "quote", "--redact", tmp_path / f"{name}.key")
        assert run("export", "views", whole, out, *arguments).code == 0
    ours = (redacted / "quote.jsonl").read_text()
    assert (again / "quote.jsonl").read_text() == ours
    assert (other / "quote.jsonl").read_text() != ours
    (platforms,) = connect(open_case(whole)).execute(
        "SELECT count(DISTINCT ppid) FROM quote"
    ).fetchone()  # fmt: skip
    rows = [json.loads(line) for line in ours.splitlines()]
    assert len({row["ppid"] for row in rows if row["ppid"]}) == platforms > 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("export", "views", "{case}", "out", "--view", "none"), "no-such-view"),
        (("export", "views", "{case}", "out", "--redact", "none"), "unreadable-path"),
        (("export", "views", "{case}", "out", "--redact", os.devnull), "bad-redaction-key"),
        (("export", "views", "{case}", "out", "--redact", "large"), "unreadable-path"),
        (("export", "views", "{case}", "{case}"), "path-exists"),
        (("export", "views", "{case}", "/dev/null/out"), "unwritable-path"),
        (("export", "bundle", "{case}", "{case}"), "path-exists"),
        (("export", "bundle", "{case}", "{case}/tables/out"), "inside-case"),
        (("export", "bundle", "{case}", "out", "--redact", os.devnull), "bad-redaction-key"),
        (("export", "bundle", "{case}", "out", "--sources", "none"), "unreadable-path"),
        (("export", "bundle", "none", "out"), "no-case"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:40],
)
def test_mistakes_are_one_line_and_exit_two(
    run, whole: Path, tmp_path: Path, monkeypatch, arguments: tuple[str, ...], code: str
):
    monkeypatch.chdir(tmp_path)
    Path("large").write_bytes(REDACTION_KEY * (1 << 13))  # its beginning would be another key
    result = run(*(argument.format(case=whole) for argument in arguments))
    assert (result.code, result.out) == (2, "")
    assert f"[{code}]" in result.err
    assert not (tmp_path / "out").exists()
