"""What each detector means, from bytes to findings: what must be found, how grave, and what not.

The stories follow the catalogue's definitions, not the queries. All of them lie in one case, as in
a real one, and none may disturb another.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import open_case
from forensics.case.query import open_locked
from forensics.cli import steps
from forensics.cli.options import read_anchors
from forensics.detect.catalog import load_catalog
from forensics.detect.run import run_detector
from forensics.simulate import events, quotes
from forensics.simulate.workloads import LEDGER, PAYMENTS, VAULT
from tests.detect.meanings import CUT_OFF, Evidence, Story, Tell, at

RUN_AT = datetime(2026, 3, 1, tzinfo=UTC)
BESIDE_THE_POINT = ("known-exposure", "relay-suspected")  # of the whole fleet; a statistic
OLD, NEW = LEDGER.builds
REFUSED = {"quote_status": "ERROR", "policy_allowed": False}
OWN_WORD = {"quote_status": "verified (with advisories)", "policy_allowed": True}


@dataclass(frozen=True)
class Meaning:
    tell: Tell
    found: frozenset[str]


MEANINGS: dict[str, Meaning] = {}


def finds(*found: str) -> Callable[[Tell], Tell]:
    """The story gives these findings, `detector severity`, and no others."""

    def declare(tell: Tell) -> Tell:
        MEANINGS[tell.__name__.replace("_", "-")] = Meaning(tell, frozenset(found))
        return tell

    return declare


REPLAYED = ("replayed-quote critical", "unknown-nonce high")
UNBOUND = ("trusted-rogue critical", "report-data-mismatch high")
UNAPPROVED = ("doppelganger-quote critical", "policy-contradiction critical")


# -- replays ------------------------------------------------------------------------------------


@finds(*REPLAYED)
def shown_in_another_session(story: Story) -> None:
    instance, session, quote = story.begin()
    again = story.session(instance, at(12), like=session)
    story.receive(instance, again, quote, at(12))


@finds("replayed-quote high", *UNBOUND, "silent-enclave medium")
def shown_again_and_refused(story: Story) -> None:
    instance, _, quote = story.begin()
    story.receive(instance, story.session(instance, at(12)), quote, at(12), **REFUSED)


@finds()
def retried_up_to_a_minute_later(story: Story) -> None:
    instance, session, quote = story.begin()
    story.receive(instance, session, quote, at(10, 0, 35))
    story.receive(instance, session, quotes.append_trailing(quote, bytes(70)), at(10, 1, 5))


@finds("replayed-quote critical", "late-nonce medium")
def retried_later(story: Story) -> None:
    instance, session, quote = story.begin()
    story.receive(instance, session, quote, at(10, 5, 5))


@finds()
def logged_by_two_verifiers(story: Story) -> None:
    instance, session, quote = story.begin()
    story.receive(instance, session, quote, at(10, 0, 50), backend_verifier="another")


@finds()
def collected_twice(story: Story) -> None:
    """Once with less around it, and its time in another zone."""
    instance, session, quote = story.begin()
    changes = {"event_id": f"{story.name}/1", "received_at": None}
    stamp = "2026-01-05T15:00:05.400+05:00"
    story.receive(instance, session, quote, at(10), "copy.jsonl", timestamp=stamp, **changes)


@finds()
def kept_as_files_beside_its_event(story: Story) -> None:
    _, _, quote = story.begin()
    story.evidence.files[f"{story.name}.bin"] = quote.to_bytes()
    story.evidence.files[f"{story.name}.hex"] = quote.to_bytes().hex().encode()


@finds("replayed-quote critical", *UNBOUND)
def answered_two_nonces_where_no_session_is_logged(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(10))
    first, second = (story.session(instance, at(10, 0, s)) for s in (4.6, 24.6))
    quote = story.quote(instance, first)
    for session, when in ((first, at(10, 0, 5)), (second, at(10, 0, 25))):
        story.receive(instance, session, quote, when, session_id=None)


@finds("replayed-quote critical", "two-places-at-once critical", "unknown-nonce high", *UNBOUND)
def shown_for_another_enclave(story: Story) -> None:
    instance, session, quote = story.begin()
    other = story.instance(host=1)
    story.launch(other, at(10, 0, 3))
    state = instance.initial_state.hex()
    story.receive(other, session, quote, at(10, 0, 9), initial_state=state)


@finds("disguised-replay critical")
def disguised_in_its_own_session(story: Story) -> None:
    instance, session, quote = story.begin()
    story.receive(instance, session, quotes.flip_qe_signature(quote), at(10, 0, 25))


@finds("resigned-report medium", "unknown-nonce high")
def signed_anew(story: Story) -> None:
    instance, session, _ = story.begin()
    again = story.session(instance, at(10, 30), like=session)
    story.receive(instance, again, story.quote(instance, again, signature_nonce=7**80), at(10, 30))


@finds("signature-nonce-reuse critical")
def signed_with_one_k(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(10))
    for minute in (0, 30):
        session = story.session(instance, at(10, minute, 4.6))
        quote = story.quote(instance, session, signature_nonce=11**70)
        story.receive(instance, session, quote, at(10, minute, 5))


# -- rollback -----------------------------------------------------------------------------------


def run_builds(story: Story, *, secret: bool = False, **changes: Any) -> None:
    """The new build at one, the old one in the same enclave at three."""
    for build, hour in ((NEW, 1), (OLD, 3)):
        instance = story.instance(LEDGER, build=build, enclave="own")
        story.launch(instance, at(hour))
        session, _ = story.attest(instance, at(hour, 0, 5), **changes)
    if secret:
        story.release(instance, session, at(3, 0, 6))


@finds("svn-rollback high")
def rolled_back(story: Story) -> None:
    run_builds(story)


@finds("svn-rollback critical")
def rolled_back_and_given_a_secret(story: Story) -> None:
    run_builds(story, secret=True)


@finds("svn-rollback high")
def rolled_back_without_a_workload_id(story: Story) -> None:
    run_builds(story, workload_id=None)


@finds("svn-rollback high")
def rolled_back_without_an_enclave_id(story: Story) -> None:
    run_builds(story, enclave_id=None)


@finds()
def rolled_out_side_by_side(story: Story) -> None:
    for build, minute in ((NEW, 0), (OLD, 59)):
        instance = story.instance(LEDGER, build=build)
        story.launch(instance, at(1, minute))
        story.attest(instance, at(1, minute, 5))


@finds("svn-rollback low")
def lagging(story: Story) -> None:
    old, new = (story.instance(LEDGER, build=build) for build in (OLD, NEW))
    for hour, instance in enumerate((old, new)):
        story.launch(instance, at(hour))
        story.attest(instance, at(hour, 0, 5))
    story.attest(old, at(5))


# -- approval -----------------------------------------------------------------------------------


@finds(*UNAPPROVED)
def of_unknown_code(story: Story) -> None:
    story.begin(body={"mrenclave": b"\7" * 32})


@finds("doppelganger-quote critical", "silent-enclave medium")
def of_unknown_code_that_the_policy_refused(story: Story) -> None:
    story.begin(body={"mrenclave": b"\x08" * 32}, policy_allowed=False)


@finds(*UNAPPROVED)
def under_the_minimum(story: Story) -> None:
    story.begin(body={"isv_svn": 3})


@finds(*UNAPPROVED)
def of_unknown_code_by_its_claims_alone(story: Story) -> None:
    story.begin(quote=None, mrenclave="ab" * 32)


@finds()
def approved_by_its_claims_alone(story: Story) -> None:
    story.begin(quote=None)


@finds()
def approved_from_that_instant(story: Story) -> None:
    story.approved_from = at(10, 0, 5)
    story.begin()


@finds(*UNAPPROVED)
def approved_until_that_instant(story: Story) -> None:
    story.approved_to = at(10, 0, 5)
    story.begin()


@finds()
def of_another_run_time_register_that_the_manifest_does_not_name(story: Story) -> None:
    instance = story.instance(VAULT)
    story.launch(instance, at(10))
    story.attest(instance, at(10, 0, 5), body={"rtmr3": b"\7" * 48})


@finds(*UNAPPROVED)
def of_another_run_time_register_that_the_manifest_names(story: Story) -> None:
    instance = story.instance(VAULT)
    story.launch(instance, at(10))
    story.attest(instance, at(10, 0, 5), body={"rtmr1": b"\7" * 48})


@finds("debug-enclave critical")
def with_performance_monitoring(story: Story) -> None:
    instance = story.instance(VAULT)
    story.launch(instance, at(10))
    attributes = bytes.fromhex("0000001000000080")
    story.attest(instance, at(10, 0, 5), body={"td_attributes": attributes})


# -- bindings and claims ------------------------------------------------------------------------


@finds(*UNBOUND)
def of_another_launch(story: Story) -> None:
    story.begin(initial_state="cd" * 32)


@finds(*UNBOUND)
def of_another_launch_and_a_workload_that_no_manifest_names(story: Story) -> None:
    story.begin(initial_state="cd" * 32, workload_id="elsewhere")


@finds(*UNBOUND)
def launched_in_another_state_than_it_tells(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(10), initial_state="cd" * 32)
    story.attest(instance, at(10, 0, 5))


@finds(*UNBOUND)
def launched_in_another_state_and_telling_none(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(10), initial_state="cd" * 32)
    story.attest(instance, at(10, 0, 5), initial_state=None)


@finds()
def launched_in_the_state_that_the_event_does_not_tell(story: Story) -> None:
    story.begin(initial_state=None)


@finds("policy-contradiction critical")
def allowed_by_the_name_that_intels_service_has_for_it(story: Story) -> None:
    story.begin(quote_status="TCB_OUT_OF_DATE", tcb_level=None)


@finds()
def of_a_workload_that_no_manifest_names(story: Story) -> None:
    story.begin(workload_id="elsewhere")


@finds()
def with_nothing_to_recompute(story: Story) -> None:
    story.begin(initial_state=None)


@finds("report-data-mismatch high")
def with_other_report_data_in_the_log(story: Story) -> None:
    story.begin(report_data="cd" * 64)


@finds("claim-mismatch critical")
def with_another_version_in_the_log(story: Story) -> None:
    story.begin(isv_svn=9)


@finds("malformed-claim low")
def with_a_digest_of_31_bytes_in_the_log(story: Story) -> None:
    story.begin(mrenclave="cd" * 31, backend_verifier=story.name)


@finds("verdict-contradiction critical", "invalid-evidence medium")
def with_a_signature_that_does_not_hold(story: Story, **claims: Any) -> None:
    instance = story.instance()
    story.launch(instance, at(10))
    session = story.session(instance, at(10, 0, 4.6))
    quote = replace(story.quote(instance, session), signature=b"\1" * 64)
    story.receive(instance, session, quote, at(10, 0, 5), **claims)


@finds("verdict-contradiction critical", "invalid-evidence medium")
def called_good_in_a_word_of_its_own(story: Story) -> None:
    with_a_signature_that_does_not_hold(story, **OWN_WORD)


@finds()
def good_in_a_word_of_its_own(story: Story) -> None:
    story.begin(**OWN_WORD)


@finds("policy-contradiction critical")
def allowed_although_out_of_date(story: Story) -> None:
    story.begin(tcb_level="OUT_OF_DATE")


@finds()
def logged_in_other_words(story: Story) -> None:
    story.begin(tcb_level="up-to-date", quote_status="SGX_QL_QV_RESULT_OK")


@finds()
def logged_with_a_level_that_is_no_status(story: Story) -> None:
    story.begin(tcb_level="17")


@finds("not-forwarded medium")
def kept_from_the_siem(story: Story) -> None:
    story.begin(siem_forwarded=False)


@finds()
def logged_in_other_encodings(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(10), timestamp="2026-01-05T15:30:00.000001+05:30")
    session = story.session(instance, at(10, 0, 4.6))
    quote = story.quote(instance, session)
    claims = events.make_claims(quote, "UpToDate", "")
    story.receive(
        instance, session, quote, at(10, 0, 5),
        quote=quote.to_bytes().hex().upper(), nonce=b64encode(session.nonce).decode(),
        mrenclave=claims["mrenclave"].upper(), isv_svn=str(claims["isv_svn"]),
        mrsigner=b64encode(bytes.fromhex(claims["mrsigner"])).decode(),
        received_at="2026-01-05T05:00:05.25-05:00",
    )  # fmt: skip


# -- silence ------------------------------------------------------------------------------------


def attested_after(story: Story, seconds: float) -> None:
    instance = story.instance()
    story.launch(instance, at(11))
    story.attest(instance, at(11, 0, seconds))


@finds()
def heard_in_time(story: Story) -> None:
    attested_after(story, 29.999)


@finds("silent-enclave high")
def heard_in_the_second_window(story: Story) -> None:
    attested_after(story, 30)


@finds("silent-enclave critical")
def heard_after_the_second_window(story: Story) -> None:
    attested_after(story, 60)


@finds("silent-enclave high")
def launched_just_before_the_cut_off(story: Story) -> None:
    story.launch(story.instance(), CUT_OFF - timedelta(seconds=30))


@finds()
def launched_too_late_to_tell(story: Story) -> None:
    story.launch(story.instance(), CUT_OFF - timedelta(seconds=29))


@finds()
def stopped_in_its_first_window(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(11))
    story.stop(instance, at(11, 0, 20))


@finds()
def not_expected_to_attest(story: Story) -> None:
    story.launch(story.instance(), at(11), expects_attestation=False)
    story.launch(story.instance(), at(12), runtime="runc")


@finds("silent-enclave high", "wrongful-reject medium")
def failed_three_times(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(11))
    for minute in (0, 20, 40):
        story.attest(instance, at(11, minute, 5), **REFUSED)


@finds()
def weak_three_times_and_allowed(story: Story) -> None:
    instance = story.instance()
    story.launch(instance, at(11))
    for minute in (0, 20, 40):
        story.attest(instance, at(11, minute, 5), quote_status="SWHardeningNeeded")


@finds("unexpected-attestation high")
def never_launched(story: Story) -> None:
    story.attest(story.instance(PAYMENTS), at(13))


@finds("secret-without-evidence critical")
def given_a_secret_for_nothing(story: Story) -> None:
    instance, session, _ = story.begin()
    story.release(instance, story.session(instance, at(13, 30), like=session), at(13, 30))


# -- from bytes to findings ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What was found, by story."""
    folder = tmp_path_factory.mktemp("meanings")
    evidence = Evidence()
    for name, meaning in MEANINGS.items():
        meaning.tell(Story(name, evidence))
    evidence.write(folder / "evidence")
    (folder / "root.pem").write_bytes(evidence.fleet.pki.root.pem)
    return find(folder)


def find(folder: Path) -> dict[str, set[str]]:
    anchors = read_anchors([folder / "root.pem"], no_intel_root=True)
    steps.make_case(folder / "case", anchors, RUN_AT)
    case = open_case(folder / "case")
    assert steps.ingest(case, [folder / "evidence"], RUN_AT, threads=1).quarantined == 0
    steps.verify(case, CUT_OFF, RUN_AT, threads=1)
    connection = open_locked(case, check_results=False)
    owners = dict(
        connection.execute(
            "SELECT observation_id, split_part(event_id, '/', 1) FROM observation"
            " UNION ALL SELECT enclave_id, workload_id FROM launch"
            " UNION ALL SELECT session_id, enclave_id FROM release"
        ).fetchall()
    )
    found: dict[str, set[str]] = defaultdict(set)
    for detector in load_catalog().values():
        if detector.status != "stable" or detector.id in (*BESIDE_THE_POINT, "custody-break"):
            continue
        for finding in run_detector(connection, detector, as_of=CUT_OFF).findings:
            named = {owners.get(name) for name in finding.observation_ids} - {None, ""}
            owner = owners.get(finding.subject_id, "")
            for story in named or {owners.get(owner, owner).split("-", 1)[1]}:
                found[story].add(f"{finding.detector} {finding.severity}")
    return found


@pytest.mark.parametrize("name", MEANINGS)
def test_a_story_is_told_as_the_catalogue_means_it(name: str, told: dict[str, set[str]]) -> None:
    assert told.get(name, set()) == MEANINGS[name].found


def test_nothing_else_is_found(told: dict[str, set[str]]) -> None:
    assert set(told) <= set(MEANINGS)
