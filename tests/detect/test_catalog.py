"""The catalogue and its lock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.detect.catalog import load_catalog, own_queries
from forensics.detect.lock import LOCK_NAME, make_lock, renew_lock, write_text
from forensics.errors import DetectorError, UsageError

CATALOG = load_catalog()


def text_of(name: str, new_name: str) -> str:
    return CATALOG[name].text.replace(f'id = "{name}"', f'id = "{new_name}"', 1)


def put(folder: Path, name: str, text: str) -> None:
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / f"{name}.sql").write_text(text)


def test_ids_are_unique_and_sorted() -> None:
    assert list(CATALOG) == sorted(CATALOG)
    assert all(name == detector.id for name, detector in CATALOG.items())
    files = list(Path(str(own_queries())).rglob("*.sql"))
    assert len(files) == len(CATALOG)


def test_the_files_are_read_as_they_stand() -> None:
    for path in Path(str(own_queries())).rglob("*.sql"):
        assert CATALOG[path.stem].text == path.read_text()


def test_each_says_what_a_later_run_reads() -> None:
    assert [name for name, d in CATALOG.items() if bool(d.scope) == bool(d.in_full)] == []


# Still being worked on: each with what its reader has instead for now.
SAY_OTHERWISE = {
    "relay-suspected": "took_ms and usual_ms hold the same skew of the same two clocks",
    "svn-rollback": "highest_since and first_seen show the margin to the window of a roll-out",
    "unknown-nonce": "answer_time says how far the nonce log reaches; nonces are compared",
}
TOLD = {"margin_ms", "skew_explains"}


def test_each_rule_with_a_time_limit_says_whose_clock() -> None:
    timed = {
        name: {key for key, _ in detector.details} >= TOLD or bool(detector.clocks)
        for name, detector in CATALOG.items()
        if any(parameter.type == "INTERVAL" for parameter in detector.params)
    }
    assert [name for name, told in timed.items() if not told] == sorted(SAY_OTHERWISE)


def test_what_clocks_explain_is_told_beside_the_margin() -> None:
    """By one name everywhere; and `skew_ms` never without both."""
    for detector in CATALOG.values():
        keys = {key for key, _ in detector.details}
        assert not {"skew_ms", "skew_explains"} & keys or keys >= TOLD, detector.id
        assert not {"margin_seconds", "skew_seconds", "explained"} & keys, detector.id


def test_own_detectors_join_the_catalogue(tmp_path: Path) -> None:
    put(tmp_path, "acme-debug", text_of("debug-enclave", "acme-debug"))
    catalog = load_catalog([tmp_path])
    assert set(catalog) == {*CATALOG, "acme-debug"}
    assert catalog["acme-debug"].folder == "own"


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("debug-enclave", text_of("debug-enclave", "debug-enclave"), "detector-id"),
        ("acme", text_of("debug-enclave", "other"), "detector-header"),
        ("acme", "SELECT 1", "detector-header"),
        ("acme", "-- ---\n" + "-- x\n" * 100_000, "detector-header"),
        (
            "acme",
            text_of("debug-enclave", "acme").replace(
                "FROM observation AS o\n    JOIN", "FROM read_csv('/etc/passwd') AS o\n    JOIN"
            ),
            "detector-lint",
        ),
    ],
)
def test_foreign_detectors_keep_the_contract(
    tmp_path: Path, name: str, text: str, code: str
) -> None:
    put(tmp_path, name, text)
    with pytest.raises(DetectorError) as caught:
        load_catalog([tmp_path])
    assert caught.value.code == code


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    put(tmp_path, "acme", "")
    (tmp_path / "own" / "acme.sql").write_bytes(b"\xff\xfe")
    with pytest.raises(DetectorError) as caught:
        load_catalog([tmp_path])
    assert caught.value.code == "detector-header"


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_catalog([tmp_path / "none"])
    assert caught.value.code == "no-such-directory"


def test_the_lock_is_the_catalogue() -> None:
    """After a change: step `version`, then `python -m forensics.detect.lock`."""
    stored = (Path(str(own_queries())) / LOCK_NAME).read_text()
    assert stored == write_text(make_lock(CATALOG))


def test_a_silent_change_is_refused() -> None:
    lock = json.loads(write_text(make_lock(CATALOG)))
    detector = CATALOG["debug-enclave"]
    changed = replace(detector, sql=detector.sql + " ")
    with pytest.raises(DetectorError) as caught:
        renew_lock(lock, {**CATALOG, "debug-enclave": changed})
    assert caught.value.code == "detector-version"
    stepped = {**CATALOG, "debug-enclave": replace(changed, version=detector.version + 1)}
    assert renew_lock(lock, stepped) == make_lock(stepped)
    reworded = {**CATALOG, "debug-enclave": replace(detector, header=detector.header + " ")}
    assert renew_lock(lock, reworded) == make_lock(reworded)


def test_an_id_never_vanishes_and_a_version_never_falls() -> None:
    lock = make_lock(CATALOG)
    fewer = {name: detector for name, detector in CATALOG.items() if name != "debug-enclave"}
    older = {**CATALOG, "debug-enclave": replace(CATALOG["debug-enclave"], version=0)}
    for catalog in (fewer, older):
        with pytest.raises(DetectorError) as caught:
            renew_lock(lock, catalog)
        assert caught.value.code == "detector-version"
