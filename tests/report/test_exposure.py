"""What cannot be trusted: things, hosts and secrets of grave findings."""

from __future__ import annotations

from typing import Any

from forensics.report.exposure import read_exposure
from tests.report.conftest import Scene, at


def accuse(scene: Scene, name: str, kind: str, subject: str, *shown: str, **more: Any) -> None:
    told = {
        "state": "new", "severity": "high", "detector": "d", "observation_ids": list(shown),
        "first_seen": at(100), "last_seen": at(200),
    }  # fmt: skip
    scene.add("finding", finding_id=name, subject_type=kind, subject_id=subject, **told | more)


def release(scene: Scene, second: int | None, secret: str | None, **told: Any) -> None:
    line = len(scene.rows.get("release", ()))
    when = {} if second is None else {"timestamp": at(second)}
    scene.add("release", source_id="s", source_line=line, secret_id=secret, **when, **told)


def test_an_enclave_is_untrusted_since_its_first_grave_finding(scene: Scene) -> None:
    shown = scene.sight(150, None, enclave_id="e1", node_id="n1")
    accuse(scene, "f1", "enclave", "e1", shown)
    accuse(
        scene,
        "f2",
        "enclave",
        "e1",
        severity="critical",
        first_seen=at(50),
        last_seen=at(150),
        detector="c",
    )
    accuse(scene, "f3", "enclave", "e2", severity="medium")
    accuse(scene, "f4", "enclave", "e3", state="closed")
    accuse(scene, "f5", "node", "n9")
    scene.add("launch", enclave_id="e1", node_id="n2")
    scene.add("launch", container_id="e1", node_id="n3")
    release(scene, 49, "before", enclave_id="e1")
    release(scene, 50, "then", enclave_id="e1")
    release(scene, None, None, enclave_id="e1")
    release(scene, 60, "of another", enclave_id="e2")

    exposure = read_exposure(scene.read())

    first, second = exposure.things
    assert (first.kind, first.name, first.critical) == ("enclave", "e1", True)
    assert (first.since, first.until) == (at(50), at(200))
    assert first.findings == (("f2", "c"), ("f1", "d"))
    assert first.hosts.shown == ("n1", "n2")
    assert (first.releases, first.secrets.shown) == (2, ("then", "unnamed"))
    assert (second.kind, second.name, second.critical) == ("node", "n9", False)
    assert (second.hosts.shown, second.releases) == (("n9",), 0)
    assert exposure.kinds == (("enclave", 1), ("node", 1))
    assert (exposure.total, exposure.since, exposure.releases) == (2, at(50), 2)
    assert exposure.hosts.shown == ("n1", "n2", "n9")


def test_evidence_makes_the_enclaves_untrusted_that_showed_it_then(scene: Scene) -> None:
    original = scene.sight(99, None, enclave_id="honest", node_id="n1", session_id="s1")
    replay = scene.sight(100, None, enclave_id="thief", node_id="n2", session_id="s2")
    last = scene.sight(200, None, enclave_id="second", node_id="n3")
    accuse(scene, "f1", "signing_event", "x", original, replay, last)
    accuse(scene, "f2", "session", "s3", first_seen=None, last_seen=None)
    release(scene, 10, "honest's", enclave_id="honest", session_id="s1")
    release(scene, 10, "early", enclave_id="thief", session_id="s2")
    release(scene, 10, "in the session", enclave_id="third", session_id="s3")

    exposure = read_exposure(scene.read())

    assert {thing.name: thing.hosts.shown for thing in exposure.things} == {
        "thief": ("n2",), "third": (), "second": ("n3",),
    }  # fmt: skip
    assert {thing.name: thing.secrets.shown for thing in exposure.things if thing.releases} == {
        "thief": ("early",), "third": ("in the session",),
    }  # fmt: skip
    assert exposure.undated == 1


def test_the_critical_come_first_then_those_that_got_secrets(scene: Scene) -> None:
    accuse(scene, "f1", "enclave", "plain", first_seen=at(1))
    accuse(scene, "f2", "enclave", "late")
    accuse(scene, "f3", "enclave", "told", first_seen=at(300), last_seen=at(400))
    accuse(scene, "f4", "enclave", "grave", severity="critical", first_seen=at(500))
    release(scene, 600, "s", enclave_id="told")
    assert [thing.name for thing in read_exposure(scene.read()).things] == [
        "grave",
        "told",
        "plain",
        "late",
    ]
