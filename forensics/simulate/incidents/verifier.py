"""Verifiers and collectors that fail, lie or keep quiet, and evidence that is no evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from forensics.formats.quote import Quote
from forensics.formats.structures import SGX_REPORT
from forensics.simulate.archive import Revocation
from forensics.simulate.events import bytes_of
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation
from forensics.simulate.keys import derive_bytes, derive_key
from forensics.simulate.platforms import NEGLECTED, Platform, make_platform
from forensics.simulate.quotes import certify
from forensics.simulate.recorder import format_clock

_REJECTED: dict[str, Any] = {
    "quote_status": "INVALID_SIGNATURE",
    "tcb_level": None,
    "policy_allowed": False,
}


def _attest_with(
    scene: Scene,
    fraction: float,
    changes: dict[str, Any],
    *,
    platform: Platform | None = None,
) -> Attestation:
    """A genuine attestation that the verifier logs with `changes`."""
    at = scene.at(fraction)
    instance = scene.launch(at, platform=platform, attests=False)
    session = scene.fleet.open_session(instance, at + timedelta(seconds=6))
    quote = scene.fleet.make_quote(instance, session)
    return scene.fleet.log_attestation(instance, session, quote, changes=changes)


def _expect_failure(scene: Scene, failed: Attestation) -> None:
    subject = ("enclave", failed.instance.enclave_id)
    scene.expect("silent-enclave", "medium", failed, subject=subject, note="one refusal")


def inject_lying_verifier(scene: Scene) -> None:
    """OK for a quote whose PCK certificate has been revoked for long."""
    fleet = scene.fleet
    platform = fleet.spare_platform("revoked")
    pck = platform.pck(platform.generation_at(fleet.start))
    since = fleet.start - timedelta(days=1)
    fleet.archive.revocations.append(Revocation(pck.spec.serial, platform.ca, since))
    logged = _attest_with(scene, 0.71, {}, platform=platform)
    fleet.release_secret(logged)
    scene.expect("verdict-contradiction", "critical", logged, note="revoked PCK certificate")
    session = ("session", logged.session.session_id)
    scene.expect("secret-without-evidence", "critical", logged, subject=session)


def inject_forged_accepted(scene: Scene) -> None:
    """OK for a quote whose report was edited after it was signed."""
    at = scene.at(0.72)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=6))
    forged = _edit_config_svn(scene.fleet.make_quote(instance, session))
    logged = scene.fleet.log_attestation(instance, session, forged)
    scene.expect("verdict-contradiction", "critical", logged, note="the signature does not verify")
    scene.expect("invalid-evidence", "medium", logged)


def _edit_config_svn(quote: Quote) -> Quote:
    offset = quote.body_offset + SGX_REPORT["config_svn"].offset
    signed = bytearray(quote.signed)
    signed[offset] ^= 1
    return replace(quote, signed=bytes(signed))


def inject_claim_mismatch(scene: Scene) -> None:
    """The log says ISVSVN 6; the quote beside it says 5."""
    logged = _attest_with(scene, 0.73, {"isv_svn": 6})
    scene.expect("claim-mismatch", "critical", logged)


def inject_policy_contradiction(scene: Scene) -> None:
    """STRICT, and yet a platform with neglected firmware is allowed."""
    fleet = scene.fleet
    platform = make_platform(fleet.pki, "neglected", server=False, start=NEGLECTED)
    logged = _attest_with(scene, 0.74, {}, platform=platform)
    scene.expect("policy-contradiction", "critical", logged, note="OutOfDate under STRICT")
    family = ("platform_family", platform.fmspc.hex())
    scene.expect("known-exposure", "medium", logged, subject=family)
    scene.expect("weak-status-accepted", "medium", logged)


def inject_wrongful_reject(scene: Scene) -> None:
    """A good quote that the verifier refuses once."""
    logged = _attest_with(scene, 0.745, _REJECTED)
    scene.expect("wrongful-reject", "medium", logged)
    _expect_failure(scene, logged)


def inject_known_bad_verifier(scene: Scene) -> None:
    """A build that never checks the QE identity (CVE-2026-22696) accepts somebody else's QE."""
    fleet = scene.fleet
    build = {"backend_verifier": "dcap-qvl/0.3.8"}
    _attest_with(scene, 0.748, build)
    at = scene.at(0.749)
    instance = scene.launch(at)
    platform = instance.platform
    generation = platform.generation_at(at)
    pck = platform.pck(generation)
    certification = certify(
        derive_key(fleet.seed, "key of a foreign QE"),
        pck.key,
        platform.pki.pck_chain(pck, platform.ca),
        qe={
            "cpu_svn": generation.cpu_svn,
            "isv_svn": generation.qe_svn,
            "mrenclave": sha256(b"a foreign QE").digest(),
            "mrsigner": bytes(31) + b"\1",
        },
    )
    session = fleet.open_session(instance, at + timedelta(minutes=5))
    quote = fleet.make_quote(instance, session, certification=certification)
    logged = fleet.log_attestation(instance, session, quote, changes=build)
    scene.expect("known-bad-verifier", "high", logged)
    scene.expect("verdict-contradiction", "critical", logged, note="MRSIGNER of the QE")
    scene.expect("firmware-drift", "low", logged, subject=("platform", platform.ppid.hex()))


def inject_not_forwarded(scene: Scene) -> None:
    logged = _attest_with(scene, 0.75, {"siem_forwarded": False})
    scene.expect("not-forwarded", "medium", logged)


def inject_malformed_claim(scene: Scene) -> None:
    """An MRENCLAVE of 31 bytes, as real logs have had."""
    at = scene.at(0.76)
    instance = scene.launch(at, attests=False)
    session = scene.fleet.open_session(instance, at + timedelta(seconds=6))
    quote = scene.fleet.make_quote(instance, session)
    cut = bytes_of(quote.body["mrenclave"])[:31].hex()
    logged = scene.fleet.log_attestation(instance, session, quote, changes={"mrenclave": cut})
    scene.expect("malformed-claim", "low", logged)


def inject_invalid_evidence(scene: Scene) -> None:
    """Noise in place of a signature; the verifier says so."""
    at = scene.at(0.77)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=6))
    noise = derive_bytes(scene.fleet.seed, "noise", 64)
    quote = replace(scene.fleet.make_quote(instance, session), signature=noise)
    logged = scene.fleet.log_attestation(instance, session, quote, changes=_REJECTED)
    scene.expect("invalid-evidence", "medium", logged)
    _expect_failure(scene, logged)


def inject_silent_enclave(scene: Scene) -> None:
    """A launch that is never followed by evidence."""
    at = scene.at(0.78)
    subject = ("enclave", scene.launch(at, attests=False).enclave_id)
    scene.expect("silent-enclave", "critical", subject=subject, at=at, note="nothing ever came")


def inject_late_enclave(scene: Scene) -> None:
    """A launch whose evidence comes after 45 seconds, where 30 are allowed."""
    at = scene.at(0.79)
    instance = scene.launch(at, attests=False)
    scene.fleet.attest(instance, at + timedelta(seconds=45))
    subject = ("enclave", instance.enclave_id)
    scene.expect("silent-enclave", "high", subject=subject, at=at, note="one window missed")


def inject_failing_enclave(scene: Scene) -> None:
    """Three attestations in a row that the verifier refuses."""
    at = scene.at(0.8)
    instance = scene.launch(at, attests=False)
    failed = {"quote_status": "FAILED", "tcb_level": None, "policy_allowed": False}
    logged = []
    for seconds in (4, 12, 20):
        session = scene.fleet.open_session(instance, at + timedelta(seconds=seconds))
        quote = scene.fleet.make_quote(instance, session)
        logged.append(scene.fleet.log_attestation(instance, session, quote, changes=failed))
    subject = ("enclave", instance.enclave_id)
    scene.expect("silent-enclave", "high", *logged, subject=subject, note="three failures")
    scene.expect("wrongful-reject", "medium", *logged, subject=subject, note="they are genuine")


def inject_fail_then_pass(scene: Scene) -> None:
    """Refused by one verifier, accepted by the other half a minute later."""
    at = scene.at(0.81)
    fleet = scene.fleet
    instance = scene.launch(at)
    session = fleet.open_session(instance, at + timedelta(minutes=5))
    quote = fleet.make_quote(instance, session)
    failed = fleet.log_attestation(instance, session, quote, changes=_REJECTED)
    later = failed.at + timedelta(seconds=30)
    passed = fleet.log_attestation(instance, session, quote, at=later, verifier="verifier-b")
    scene.expect("fail-then-pass", "high", failed, passed)
    scene.expect("wrongful-reject", "medium", failed)
    _expect_failure(scene, failed)


def inject_unknown_nonce(scene: Scene) -> None:
    """A challenge that no verifier issued."""
    at = scene.at(0.82)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=5), announced=False)
    logged = scene.fleet.log_attestation(
        instance, session, scene.fleet.make_quote(instance, session)
    )
    scene.expect("unknown-nonce", "high", logged)


def inject_late_nonce(scene: Scene) -> None:
    """An answer that is accepted ten minutes after its challenge expired."""
    at = scene.at(0.83)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=5))
    quote = scene.fleet.make_quote(instance, session)
    late = session.issued_at + timedelta(minutes=11)
    logged = scene.fleet.log_attestation(instance, session, quote, at=late)
    scene.expect("late-nonce", "medium", logged)
    scene.expect("relay-suspected", "low", logged, note="slow, and nothing else speaks for a relay")


def inject_impossible_time(scene: Scene) -> None:
    """A quote that was received two hours before its nonce existed."""
    fleet = scene.fleet
    at = scene.at(0.84)
    later = fleet.clock("verifier-a", at + timedelta(hours=2))
    logged = _attest_with(scene, 0.84, {"nonce_issued_at": format_clock(later)})
    scene.expect("impossible-time", "high", logged)


def inject_secret_without_evidence(scene: Scene) -> None:
    """The key broker hands out a secret in a session that nobody attested in."""
    fleet = scene.fleet
    at = scene.at(0.86)
    instance = scene.launch(at)
    session_id = fleet.name("ses", "no evidence", 8)
    moment = at + timedelta(minutes=9)
    fleet.log_release(instance, session_id, moment)
    subject = ("session", session_id)
    scene.expect("secret-without-evidence", "critical", subject=subject, at=moment)


def inject_log_gap(scene: Scene) -> None:
    """Four answers of one enclave are cut from the log; another one's, between them, is there."""
    fleet = scene.fleet
    at = scene.at(0.87)
    victim, other = scene.launch(at), scene.launch(at)
    since = at + timedelta(minutes=10)
    for minutes in range(4):
        fleet.open_session(victim, since + timedelta(minutes=minutes))
    fleet.attest(other, since + timedelta(minutes=2, seconds=30))
    subject = ("enclave", victim.enclave_id)
    scene.expect("log-gap", "high", subject=subject, at=since)


INCIDENTS = (
    Incident("lying-verifier", "OK for a revoked PCK certificate", inject_lying_verifier),
    Incident("forged-accepted", "OK for a broken signature", inject_forged_accepted),
    Incident("claim-mismatch", "the log misquotes the quote", inject_claim_mismatch),
    Incident("policy-contradiction", "STRICT, and allowed", inject_policy_contradiction),
    Incident("wrongful-reject", "a good quote refused", inject_wrongful_reject),
    Incident("known-bad-verifier", "a verdict of a broken build", inject_known_bad_verifier),
    Incident("not-forwarded", "an event that the SIEM never got", inject_not_forwarded),
    Incident("malformed-claim", "an MRENCLAVE of 31 bytes", inject_malformed_claim),
    Incident("invalid-evidence", "noise for a signature", inject_invalid_evidence),
    Incident("silent-enclave", "a launch without evidence", inject_silent_enclave),
    Incident("late-enclave", "evidence after the first window", inject_late_enclave),
    Incident("failing-enclave", "three refusals in a row", inject_failing_enclave),
    Incident("fail-then-pass", "refused here, accepted there", inject_fail_then_pass),
    Incident("unknown-nonce", "a challenge nobody issued", inject_unknown_nonce),
    Incident("late-nonce", "an answer after the challenge expired", inject_late_nonce),
    Incident("impossible-time", "received before its nonce existed", inject_impossible_time),
    Incident("log-gap", "one enclave's answers are cut out", inject_log_gap),
    Incident(
        "secret-without-evidence", "a secret without evidence", inject_secret_without_evidence
    ),
)
