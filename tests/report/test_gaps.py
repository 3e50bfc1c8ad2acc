"""What could not be looked at, in numbers; and what the collateral covers."""

from __future__ import annotations

from forensics.report.coverage import read_coverage
from forensics.report.gaps import read_gaps
from tests.report.conftest import Scene, at

QUOTE = {"tee": "sgx"}


def test_everything_that_limits_the_findings_is_counted(scene: Scene) -> None:
    def judge(observation: str, moment: str, outcome: str, *lacking: str) -> None:
        told = {"outcome": outcome, "undetermined_checks": list(lacking)}
        scene.add("verdict", observation_id=observation, moment=moment, **told)

    for second in (5, 6, 7):
        lost = scene.sight(second, QUOTE, None)
        judge(lost, "receipt", "undetermined", "S3", "T4")
    judge(lost, "hindsight", "undetermined", "S3")
    judge(scene.sight(8, QUOTE, None), "receipt", "accepted", "R1")
    for second in (None, None):
        judge(scene.sight(second, QUOTE), "hindsight", "accepted")
    scene.sight(9, None, None)
    scene.add("quarantine", reason="b", message="2")
    scene.add("quarantine", reason="b", message="1")
    scene.add("quarantine", reason="a", message="3")
    scene.add("detection", detector="z", gaps='[["no time", 2], ["no key", 3]]')
    scene.add("detection", detector="a", gaps="[]")

    gaps = read_gaps(scene.read())

    assert [tuple(row) for row in gaps.unseen.rows] == [
        ("quote that was never verified: run verify", 3),
        ("receipt verdict undetermined", 3),
        ("sighting without a time: it has no receipt verdict", 2),
        ("hindsight verdict undetermined", 1),
        ("statement of a verifier without a quote that can be read", 1),
    ]
    assert [tuple(row) for row in gaps.blocked.rows] == [
        ("receipt", "S3", 3),
        ("receipt", "T4", 3),
        ("hindsight", "S3", 1),
    ]
    assert (gaps.detectors, gaps.unjudged, gaps.quarantined) == (2, 5, 3)
    assert [tuple(row) for row in gaps.blind.rows] == [("z", "no time", 2), ("z", "no key", 3)]
    assert [tuple(row) for row in gaps.quarantine.rows] == [("b", 2, "1"), ("a", 1, "3")]


def test_a_series_is_covered_where_an_authentic_version_is_in_force(scene: Scene) -> None:
    documents = ((0, 99, True), (50, 199, True), (60, 70, True), (200, 299, True), (400, 499, True))
    for start, end, authentic in (*documents, (299, 400, False), (300, 399, None)):
        scene.add(
            "collateral", kind="qe_identity", id="QE", authentic=authentic,
            issued_at=at(start), expires_at=at(end),
        )  # fmt: skip
    scene.add("crl", issuer="CA", authentic=True, this_update=at(0))
    scene.add("crl", issuer="CA", authentic=True, this_update=at(10), next_update=at(19))
    told = {"kind": "tcb_info", "id": "SGX", "issued_at": at(0), "expires_at": at(9)}
    scene.add("collateral", fmspc="f", authentic=False, **told)
    connection = scene.read()

    crl, identity, info = read_coverage(connection)

    assert (crl.key, crl.intervals, crl.versions) == ("CA", ((at(10), at(20)),), 2)
    assert identity.intervals == ((at(0), at(300)), (at(400), at(500)))
    assert identity.gaps == [(at(300), at(400))]
    assert (identity.versions, identity.unauthentic, identity.unproven) == (7, 1, 1)
    assert (info.key, info.intervals) == ("SGX f", ())
    assert identity.draw(at(0), at(500), 5) == "███·█"
    assert identity.draw(at(250), at(450), 2) == "▒▒"
    day = "2026-01-05"
    assert [tuple(row) for row in read_gaps(connection).collateral.rows] == [
        ("crl", "CA", "", 2, 0, at(10), at(20), 0, "none"),
        ("qe_identity", "QE", "", 7, 1, at(0), at(500), 1, f"{day} to {day}"),
        ("tcb_info", "SGX f", "", 1, 1, None, None, 0, "none"),
    ]
    assert read_gaps(connection).unseen.rows == []


def test_roots_and_cas_of_one_name_cover_for_themselves(scene: Scene) -> None:
    """A root of one's own beside Intel's, with the same names: neither fills the other's gaps."""
    spans = (("a" * 64, 0, 99), ("b" * 64, 100, 199), ("a" * 64, 200, 299))
    for key, start, end in spans:
        told = {"authentic": True, "issued_at": at(start), "expires_at": at(end)}
        scene.add("collateral", kind="qe_identity", id="QE", root_ids=[key], **told)
        times = {"this_update": at(start), "next_update": at(end)}
        scene.add("crl", issuer="CA", authentic=True, issuer_key_id=key, **times)
    both = ["a" * 64, "b" * 64]  # one key that both have certified
    told = {"authentic": True, "issued_at": at(0), "expires_at": at(49)}
    scene.add("collateral", kind="tcb_info", id="SGX", fmspc="f", root_ids=both, **told)

    series = read_coverage(scene.read())

    assert [(entry.kind, entry.authority[0], len(entry.gaps)) for entry in series] == [
        ("crl", "a", 1),
        ("crl", "b", 0),
        ("qe_identity", "a", 1),
        ("qe_identity", "b", 0),
        ("tcb_info", "a", 0),
        ("tcb_info", "b", 0),
    ]
