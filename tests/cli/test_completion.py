"""Tab in a shell: what completes to what, asked as the shells ask."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def complete(run, monkeypatch: pytest.MonkeyPatch):
    """What bash is offered for the last word of a line."""

    def ask(*words: object) -> list[str]:
        line = ["quote-forensics", *map(str, words)]
        with monkeypatch.context() as patch:
            patch.setenv("_QUOTE_FORENSICS_COMPLETE", "complete_bash")
            patch.setenv("COMP_WORDS", " ".join(line))
            patch.setenv("COMP_CWORD", str(len(line) - 1))
            result = run()
        assert result.err == ""
        return result.out.split()

    return ask


def test_commands_options_and_choices_complete(complete):
    assert complete("fi") == ["findings"]
    assert complete("custody", "ver") == ["verify"]
    assert "--as-of" in complete("verify", "case", "--as")
    assert complete("findings", "case", "--severity", "me") == ["medium"]
    assert complete("summary", "case", "--format", "js") == ["json", "jsonl"]


def test_detectors_complete_by_id(complete):
    assert complete("detectors", "svn") == ["svn-rollback"]
    assert complete("detect", "case", "--detector", "silent") == ["silent-enclave"]
    assert complete("findings", "case", "--detector", "nothing-like-it") == []


def test_findings_of_the_case_complete_by_id(complete, audited: Path):
    assert complete("show", audited, "dc66") == ["dc660a31fcbdfb08"]
    assert complete("explain", audited, "dc66") == ["dc660a31fcbdfb08"]
    assert len(complete("show", audited, "d")) == 4


def test_where_there_is_no_case_nothing_is_offered(complete, tmp_path: Path):
    assert complete("show", tmp_path / "none", "dc66") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_for_the_command(run, shell: str, monkeypatch):
    monkeypatch.setenv("_QUOTE_FORENSICS_COMPLETE", f"source_{shell}")
    script = run().out
    assert f"complete_{shell}" in script
    assert "quote-forensics" in script
    assert "python -m" not in script


def test_bash_itself_completes_with_the_script(tmp_path: Path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    command = tmp_path / "quote-forensics"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {json.dumps(str(ROOT))})\n"
        "from forensics.cli.main import main\nmain()\n"
    )
    command.chmod(0o755)
    script = f"""
        PATH="{tmp_path}:$PATH"
        eval "$(_QUOTE_FORENSICS_COMPLETE=source_bash quote-forensics)"
        COMP_WORDS=(quote-forensics time) COMP_CWORD=1
        function_name=$(complete -p quote-forensics | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        $function_name quote-forensics
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["timeline"]
