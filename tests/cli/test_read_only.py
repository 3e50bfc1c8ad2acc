"""A case on a medium that cannot be written is looked at like any other, and by anybody.

Twice: on a file system mounted read-only (where this process may mount), and without the right to
write (a privileged process gives up the privilege to write all the same).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"

# Every command in one process; from its last argument a JSON array of argument lists.
DRIVER = """
import contextlib, io, json, sys
from forensics.cli.main import main
results = []
for arguments in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["quote-forensics", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""
MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


class Medium:
    """A case that cannot be written, and a folder beside it that can."""

    def __init__(self, folder: Path, how: str) -> None:
        self.case, self.out, self.how = folder / "case", folder / "out", how

    def start(self, *command: object) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.out),
        }
        prefix: list[object] = []
        if self.how == "mount":
            prefix = ["unshare", "--mount", "sh", "-c", MOUNT, "sh", self.case]
        elif os.geteuid() == 0:
            prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
        return subprocess.run(
            [*map(str, (*prefix, *command))],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
        places = {"CASE": str(self.case), "OUT": str(self.out)}
        filled = [[places.get(word, word) for word in command] for command in commands]
        result = self.start(sys.executable, "-c", DRIVER, json.dumps(filled))
        assert result.returncode == 0, result.stderr
        return [tuple(item) for item in json.loads(result.stdout)]


@pytest.fixture(scope="module", params=["mount", "rights"])
def medium(
    request: pytest.FixtureRequest, audited: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Medium]:
    folder = tmp_path_factory.mktemp(request.param)
    medium = Medium(folder, request.param)
    shutil.copytree(audited, medium.case)
    (medium.case / ".lock").unlink()
    if request.param == "rights":
        for path in (*medium.case.rglob("*"), medium.case):
            path.chmod(0o555 if path.is_dir() else 0o444)
    medium.out.mkdir()
    try:
        try:
            probe = medium.start("true")
        except OSError as error:
            pytest.skip(f"cannot be tried here: {error}")
        if probe.returncode:
            pytest.skip(f"cannot be tried here: {probe.stderr.strip()[-100:]}")
        assert medium.start("touch", medium.case / "x").returncode != 0
        yield medium
    finally:
        for path in (medium.case, *(p for p in medium.case.rglob("*") if p.is_dir())):
            path.chmod(0o755)


def digest_all(case: Path) -> dict[str, str]:
    return {
        path.relative_to(case).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in case.rglob("*")
        if path.is_file()
    }


def test_looking_needs_no_right_to_write(medium: Medium):
    before = digest_all(medium.case)
    queried = medium.run(
        ("findings", "CASE", "--format", "json"),
        ("sql", "CASE", "SELECT quote_id FROM quote ORDER BY ALL LIMIT 1", "-f", "json"),
    )
    (finding, *_), (quote,) = (json.loads(out) for _, out, _ in queried)
    head = medium.out / "head"
    ((_, text, _),) = medium.run(("custody", "anchor", "CASE"))
    head.write_text(text)
    looks = [
        ("findings", "CASE"),
        ("sql", "CASE", "SELECT count(*) FROM check_result"),
        ("sql", "CASE", "SELECT count(*) FROM custody_problem"),
        ("show", "CASE", finding["finding_id"]),
        ("explain", "CASE", finding["finding_id"]),
        ("timeline", "CASE"),
        ("collateral", "CASE"),
        ("quote", "CASE", quote["quote_id"], "--out", os.devnull),
        ("custody", "verify", "CASE", "--head", str(head)),
        ("custody", "log", "CASE"),
        ("custody", "anchor", "CASE"),
        ("custody", "prove", "CASE", "--from", str(head)),
        ("export", "views", "CASE", str(medium.out / "views")),
        ("export", "bundle", "CASE", str(medium.out / "bundle")),
    ]
    for look, (code, out, err) in zip(looks, medium.run(*looks), strict=True):
        assert code == 0, (look, out, err)
        assert out or "export" in look or "quote" in look, look
    assert digest_all(medium.case) == before


def test_what_changes_a_case_says_that_it_cannot(medium: Medium):
    before = digest_all(medium.case)
    changes = [
        ("ingest", "CASE", str(SAMPLE / "evidence" / "manifest.toml")),
        ("verify", "CASE"),
        ("detect", "CASE"),
        ("compact", "CASE"),
        ("audit", "CASE"),
    ]
    for change, (code, out, err) in zip(changes, medium.run(*changes), strict=True):
        assert (code, out) == (2, ""), change
        assert err.splitlines()[-1].endswith("[not-writable]"), (change, err)
    assert digest_all(medium.case) == before
