"""The wrong code, the wrong binding, or one identity in two places."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from forensics.formats.layout import Value
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.workloads import PAYMENTS, VAULT, Build, Workload

_SGX_DEBUG = bytes.fromhex("0700000000000000e700000000000000")
_TD_DEBUG = bytes.fromhex("0100001000000000")


def inject_doppelganger(scene: Scene) -> None:
    """A genuine enclave of the right signer, with a measurement nobody approved."""
    at = scene.at(0.63)
    rogue: dict[str, Value] = {"mrenclave": sha256(b"rogue build").digest()}
    instance = scene.launch(at, attests=False)
    session = scene.fleet.open_session(instance, at + timedelta(seconds=5))
    quote = scene.fleet.make_quote(instance, session, body=rogue)
    logged = scene.fleet.log_attestation(instance, session, quote)
    scene.fleet.release_secret(logged)
    scene.expect("doppelganger-quote", "critical", logged, note="unapproved MRENCLAVE")
    scene.expect("policy-contradiction", "critical", logged, note="allowed all the same")


def inject_doppelganger_svn(scene: Scene) -> None:
    """An enclave of the right signer and product, below every approved ISVSVN."""
    at = scene.at(0.64)
    instance = scene.launch(at, build=Build(PAYMENTS.id, 3), attests=False)
    logged = scene.fleet.attest(instance, at + timedelta(seconds=5))
    scene.expect("doppelganger-quote", "critical", logged, note="ISVSVN 3 under min_isv_svn 5")
    scene.expect("policy-contradiction", "critical", logged)
    subject = ("enclave", instance.enclave_id)
    scene.expect("svn-rollback", "high", logged, subject=subject, note="the fleet was at 5")


def inject_signer_change(scene: Scene) -> None:
    """A known service under another signer."""
    at = scene.at(0.65)
    instance = scene.launch(at, attests=False)
    session = scene.fleet.open_session(instance, at + timedelta(seconds=5))
    signer: dict[str, Value] = {"mrsigner": sha256(b"another signer").digest()}
    quote = scene.fleet.make_quote(instance, session, body=signer)
    logged = scene.fleet.log_attestation(instance, session, quote)
    scene.expect("signer-change", "high", logged)
    scene.expect("doppelganger-quote", "critical", logged, note="unapproved MRSIGNER")
    scene.expect("policy-contradiction", "critical", logged)


def inject_trusted_rogue(scene: Scene) -> None:
    """Everything verifies, but REPORT_DATA binds another launch than the one claimed."""
    at = scene.at(0.66)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=5))
    quote = scene.fleet.make_quote(
        instance, session, bound_state=sha256(b"attacker's launch").digest()
    )
    logged = scene.fleet.log_attestation(instance, session, quote)
    scene.fleet.release_secret(logged)
    scene.expect("trusted-rogue", "critical", logged)
    scene.expect("report-data-mismatch", "high", logged)


def inject_report_data_claim(scene: Scene) -> None:
    """The log's own REPORT_DATA is not the quote's."""
    at = scene.at(0.67)
    instance = scene.launch(at)
    session = scene.fleet.open_session(instance, at + timedelta(minutes=5))
    logged = scene.fleet.log_attestation(
        instance,
        session,
        scene.fleet.make_quote(instance, session),
        changes={"report_data": sha256(b"other").digest().ljust(64, b"\0").hex()},
    )
    scene.expect("report-data-mismatch", "high", logged)


def inject_debug_enclave(scene: Scene) -> None:
    """The approved code in an enclave, and in a TD, that the host can read."""
    at = scene.at(0.68)
    debugs: tuple[tuple[Workload, dict[str, Value]], ...] = (
        (PAYMENTS, {"attributes": _SGX_DEBUG}),
        (VAULT, {"td_attributes": _TD_DEBUG}),
    )
    for number, (workload, body) in enumerate(debugs):
        start = at + timedelta(minutes=3 * number)
        instance = scene.launch(start, workload=workload, attests=False)
        session = scene.fleet.open_session(instance, start + timedelta(seconds=5))
        quote = scene.fleet.make_quote(instance, session, body=body)
        scene.expect(
            "debug-enclave", "critical", scene.fleet.log_attestation(instance, session, quote)
        )


def inject_two_places(scene: Scene) -> None:
    """One enclave id attests on two hosts by turns."""
    fleet = scene.fleet
    at = scene.at(0.65)
    here = scene.launch(at)
    there = scene.launch(
        at + timedelta(minutes=1),
        platform=fleet.spare_platform("second-place"),
        enclave_id=here.enclave_id,
    )
    logged = [
        fleet.attest(here if minutes % 2 else there, at + timedelta(minutes=minutes))
        for minutes in (3, 4, 5, 6)
    ]
    scene.expect("two-places-at-once", "critical", *logged, subject=("enclave", here.enclave_id))


def inject_unexpected_attestation(scene: Scene) -> None:
    """An enclave attests that no runtime ever started."""
    at = scene.at(0.62)
    instance = scene.launch(at, logged=False, attests=False)
    logged = scene.fleet.attest(instance, at + timedelta(seconds=5))
    subject = ("container", instance.container_id)
    scene.expect("unexpected-attestation", "high", logged, subject=subject)


def inject_shared_key(scene: Scene) -> None:
    """Two hosts, one attestation key: it was copied out of its quoting enclave."""
    fleet = scene.fleet
    logged = []
    for number in (1, 2):
        at = scene.at(0.63) + timedelta(minutes=3 * number)
        platform = fleet.spare_platform(f"shared-key-{number}")
        certification = platform.certify_key("sgx", platform.generation_at(at), "shared")
        instance = scene.launch(at, platform=platform, attests=False)
        session = fleet.open_session(instance, at + timedelta(seconds=5))
        quote = fleet.make_quote(instance, session, certification=certification)
        logged.append(fleet.log_attestation(instance, session, quote))
    key = logged[0].quote.attestation_key.hex()
    scene.expect("shared-attestation-key", "critical", *logged, subject=("attestation_key", key))


def inject_key_drift(scene: Scene) -> None:
    """A host changes its attestation key although nothing else about it changed."""
    fleet = scene.fleet
    at = scene.at(0.61)
    platform = fleet.spare_platform("key-drift")
    instance = scene.launch(at, platform=platform, attests=False)
    first = fleet.attest(instance, at + timedelta(seconds=5))
    session = fleet.open_session(instance, at + timedelta(minutes=40))
    certification = platform.certify_key("sgx", platform.generation_at(at), "drifted")
    quote = fleet.make_quote(instance, session, certification=certification)
    second = fleet.log_attestation(instance, session, quote)
    subject = ("platform", platform.ppid.hex())
    scene.expect("attestation-key-drift", "high", first, second, subject=subject)


INCIDENTS = (
    Incident("doppelganger", "an unapproved measurement, accepted", inject_doppelganger),
    Incident("doppelganger-svn", "an ISVSVN below the minimum", inject_doppelganger_svn),
    Incident("signer-change", "a known service under another signer", inject_signer_change),
    Incident("trusted-rogue", "REPORT_DATA binds another launch", inject_trusted_rogue),
    Incident(
        "report-data-claim", "the logged REPORT_DATA is not the quote's", inject_report_data_claim
    ),
    Incident("debug-enclave", "DEBUG attributes in an accepted quote", inject_debug_enclave),
    Incident("two-places", "one enclave id on two hosts", inject_two_places),
    Incident("unexpected-attestation", "evidence without a launch", inject_unexpected_attestation),
    Incident("shared-attestation-key", "one attestation key, two hosts", inject_shared_key),
    Incident("attestation-key-drift", "a new key for no reason", inject_key_drift),
)
