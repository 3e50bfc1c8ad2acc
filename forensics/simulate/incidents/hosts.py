"""Hosts that somebody else works with: relays, diversions, copied keys, machines on no list.

`unlisted-platform` comes last: its list names every platform that has attested until then.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from forensics.simulate.collateral import format_time, sign_document
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation, Instance
from forensics.simulate.platforms import CLIENT_FMSPC, NEGLECTED, make_platform

_USUAL_PEER, _RELAY_PEER = "192.0.2.20", "198.51.100.66"
_EXTRACTION = "INTEL-SA-00657"  # the AEPIC leak


def inject_relay(scene: Scene) -> None:
    """One answer takes six seconds longer than the others, and comes from another address."""
    fleet = scene.fleet
    at = scene.at(0.57)
    instance = scene.launch(at, platform=fleet.spare_platform("relayed"), attests=False)
    for minutes in range(12):
        _answer(scene, instance, minutes, _USUAL_PEER)
    relayed = _answer(scene, instance, 12, _RELAY_PEER, late=timedelta(seconds=6))
    subject = ("enclave", instance.enclave_id)
    scene.expect("relay-suspected", "high", relayed, subject=subject)


def _answer(
    scene: Scene, instance: Instance, minutes: int, peer: str, late: timedelta = timedelta()
) -> Attestation:
    """An attestation so many minutes after the scene's moment, logged with its peer."""
    fleet = scene.fleet
    session = fleet.open_session(instance, scene.at(0.57) + timedelta(minutes=minutes, seconds=5))
    took = fleet.delay(session.session_id, 250, 600)
    return fleet.log_attestation(
        instance,
        session,
        fleet.make_quote(instance, session),
        at=session.issued_at + took + late,
        changes={"peer": peer},
    )


def inject_channel_diversion(scene: Scene) -> None:
    """A workload is started on one host, and the evidence of its session is another host's."""
    fleet = scene.fleet
    at = scene.at(0.59)
    hosts = [fleet.spare_platform(f"diverted-{number}") for number in (1, 2)]
    here, there = [scene.launch(at, platform=host, attests=False) for host in hosts]
    for minutes in range(0, 12, 3):
        for instance in (here, there):
            fleet.attest(instance, at + timedelta(minutes=minutes, seconds=5))
    session = fleet.open_session(here, at + timedelta(minutes=10))
    diverted = fleet.log_attestation(
        here, session, fleet.make_quote(replace(here, platform=hosts[1]), session)
    )
    fleet.attest(there, at + timedelta(minutes=20))
    subject = ("enclave", here.enclave_id)
    scene.expect("channel-diversion", "high", diverted, subject=subject)


def inject_impossible_rate(scene: Scene) -> None:
    """A copied attestation key, and the honest host beside it, sign by turns every two seconds."""
    fleet = scene.fleet
    at = scene.at(0.58)
    here = fleet.spare_platform("copied-from")
    there = replace(here, node_id=fleet.spare_platform("copied-to").node_id)
    instances = [scene.launch(at, platform=host, attests=False) for host in (here, there)]
    logged = [
        fleet.attest(instances[number % 2], at + timedelta(seconds=5 + 2 * number))
        for number in range(6)
    ]
    key = logged[0].quote.attestation_key.hex()
    scene.expect("impossible-rate", "high", *logged, subject=("attestation_key", key))


def inject_known_exposure(scene: Scene) -> None:
    """An advisory says that a TCB level leaks keys; a neglected host of that level is accepted."""
    fleet = scene.fleet
    at = scene.at(0.73)
    platform = make_platform(fleet.pki, "exposed", server=False, start=NEGLECTED)
    instance = scene.launch(at, platform=platform, attests=False)
    logged = fleet.attest(instance, at + timedelta(seconds=5), release=True)
    issued = fleet.moment(0.7)
    served = fleet.archive.bundle("sgx", CLIENT_FMSPC, issued).tcb_info
    document = json.loads(served.body)
    document["issueDate"] = format_time(issued)
    for level in document["tcbLevels"]:
        if level["tcbStatus"] == "OutOfDate":
            level["advisoryIDs"] = [*level["advisoryIDs"], _EXTRACTION]
    other = sign_document(document, fleet.pki.tcb_signing.key)
    fleet.extra_files[f"collateral/tcb_info_sgx_{CLIENT_FMSPC.hex()}_late.json"] = other.envelope()
    subject = ("platform_family", CLIENT_FMSPC.hex())
    scene.expect("known-exposure", "high", logged, subject=subject)
    scene.expect("policy-contradiction", "critical", logged, note="OutOfDate under STRICT")
    scene.expect("weak-status-accepted", "medium", logged)


def inject_unlisted_platform(scene: Scene) -> None:
    """The fleet lists its platforms; one that attests is not among them."""
    fleet = scene.fleet
    at = scene.at(0.6)
    listed = sorted(fleet.attested)
    instance = scene.launch(at, platform=fleet.spare_platform("unlisted"), attests=False)
    logged = fleet.attest(instance, at + timedelta(seconds=5))
    text = "\n".join(f'[[platform]]\nppid = "{ppid.hex()}"\n' for ppid in listed)
    fleet.extra_files["platforms.toml"] = text.encode()
    subject = ("platform", instance.platform.ppid.hex())
    scene.expect("unlisted-platform", "high", logged, subject=subject)


INCIDENTS = (
    Incident("relay", "an answer that took a detour", inject_relay),
    Incident("channel-diversion", "evidence of another host", inject_channel_diversion),
    Incident("impossible-rate", "one key at work on two hosts", inject_impossible_rate),
    Incident("known-exposure", "a level from which keys leak", inject_known_exposure),
    Incident("unlisted-platform", "a platform on no list", inject_unlisted_platform),
)
