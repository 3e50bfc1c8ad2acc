"""RFC 3161 timestamps on the ledger's head, made by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from forgery import rewrite_entry

from forensics.case.case import open_case
from forensics.case.custody import verify_custody
from forensics.case.timestamps import attach_timestamp
from forensics.errors import CustodyError, UsageError

pytest.importorskip("rfc3161_client", reason="needs the extra `timestamps`")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

AT = datetime(2024, 5, 2, tzinfo=UTC)

CONFIGURATION = """
[tsa]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
ordering = no
tsa_name = no
"""
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass
class Authority:
    """A timestamping authority of two certificates in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "tsa.cnf").write_text(CONFIGURATION)
        (self.folder / "serial").write_text("01\n")
        self.run(
            "req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-subj",
            f"/CN=Root of {self.folder.name}", "-days", "30",
        )  # fmt: skip
        (self.folder / "extensions").write_text("extendedKeyUsage=critical,timeStamping\n")
        self.run(
            "req", *CURVE, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test stamps",
        )  # fmt: skip
        self.run(
            "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "tsa.pem", "-extfile", "extensions", "-days", "20",
        )  # fmt: skip

    @property
    def root(self) -> bytes:
        return (self.folder / "ca.pem").read_bytes()

    def stamp(self, data: Path, digest: str = "-sha256", with_certificate: bool = True) -> bytes:
        certificate = ["-cert"] if with_certificate else []
        self.run("ts", "-query", "-data", str(data), digest, *certificate, "-out", "query")
        self.run(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query",
            "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "response",
        )  # fmt: skip
        return (self.folder / "response").read_bytes()

    def run(self, *arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=self.folder, capture_output=True, check=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "ours")


@pytest.fixture
def attach(case):
    def call(response: bytes, root: bytes):
        return attach_timestamp(open_case(case.path), response, root, at=AT, who="tester")

    return call


@pytest.fixture
def head(case) -> Path:
    return max((case.path / "ledger").glob("*.json"))


def problems(case) -> set[str]:
    return {problem.code for problem in verify_custody(case)}


def test_a_timestamp_on_the_head_is_stored_and_verified_again(case, authority, attach, head):
    stamp = attach(authority.stamp(head), authority.root)
    assert (stamp.entry, stamp.authority) == (1, "CN=Test stamps")
    assert stamp.entry_sha256.hex() == case.ledger.digests[0]
    entry = case.ledger.entries[-1]
    assert (entry.action, entry.notes["covers_entry"]) == ("timestamp", "1")
    assert problems(case) == set()
    # The head that the first timestamp made can be stamped in its turn.
    newer = max((case.path / "ledger").glob("*.json"))
    assert attach(authority.stamp(newer), authority.root).entry == 2
    assert problems(case) == set()


def test_the_same_timestamp_is_stored_once(case, authority, attach, head):
    response = authority.stamp(head)
    attach(response, authority.root)
    with pytest.raises(UsageError) as error:
        attach(response, authority.root)
    assert error.value.code == "timestamp-known"
    assert len(case.ledger.entries) == 2


def test_what_does_not_hold_is_refused(case, authority, attach, head, tmp_path: Path):
    other = Authority(tmp_path / "theirs")
    response = authority.stamp(head)
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"another file")
    refused = {
        "another root": (response, other.root),
        "another file": (authority.stamp(stranger), authority.root),
        "another digest": (authority.stamp(head, "-sha512"), authority.root),
        "no certificate": (authority.stamp(head, with_certificate=False), authority.root),
        "garbage": (b"garbage", authority.root),
        "empty": (b"", authority.root),
        "truncated": (response[:-1], authority.root),
    }
    for name, arguments in refused.items():
        with pytest.raises(CustodyError) as error:
            attach(*arguments)
        assert error.value.code == "timestamp-invalid", name
    for root in (b"", b"garbage"):
        with pytest.raises(UsageError) as usage:
            attach(response, root)
        assert usage.value.code == "bad-tsa-ca"


def test_a_changed_response_does_not_hold(case, authority, attach, head):
    """Every byte of what is signed; a certificate that nobody uses may follow the signature."""
    response = authority.stamp(head)
    codes = []
    for offset in range(0, len(response), 5):
        changed = bytearray(response)
        changed[offset] ^= 1
        try:
            attach(bytes(changed), authority.root)
        except CustodyError as error:
            codes.append(error.code)
        else:
            codes.append("holds")
    assert set(codes) == {"timestamp-invalid", "holds"}
    assert codes.count("holds") < 5


def test_a_timestamp_dies_with_the_entry_that_it_covers(case, authority, attach, head):
    """Whoever rewrites the ledger's start cannot have had it stamped at that time."""
    attach(authority.stamp(head), authority.root)
    rewrite_entry(head, lambda values: values.update(action="inil"))
    assert {"entry-broken", "timestamp-invalid"} <= problems(case)


def test_the_commands_attach_and_verify(run_command, case, authority, head, tmp_path: Path):
    response = tmp_path / "head.tsr"
    response.write_bytes(authority.stamp(head))
    root = authority.folder / "ca.pem"
    result = run_command("custody", "attach-timestamp", case.path, response, "--tsa-ca", root)
    assert result.returncode == 0, result.stderr
    assert "entry 1 was the head no later than" in result.stderr
    assert run_command("custody", "verify", case.path).returncode == 0
    again = run_command("custody", "attach-timestamp", case.path, response, "--tsa-ca", root)
    assert (again.returncode, "[timestamp-known]" in again.stderr) == (2, True)


@pytest.fixture
def run_command():
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "forensics", *map(str, arguments)]
        root = Path(__file__).parents[2]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    return call
