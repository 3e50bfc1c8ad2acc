"""Going on from the run before: evidence in instalments, each held against a run in full."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.case import Case, create_case
from forensics.case.connection import connect
from forensics.case.landmarks import renew_landmarks
from forensics.case.news import Horizon, store_look
from forensics.case.query import open_locked
from forensics.case.verification import verify_case
from forensics.detect.catalog import Catalog, load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.detector import Detector
from forensics.detect.findings import make_finding, rank
from forensics.detect.incremental import Past, recall, why_in_full
from forensics.detect.parameters import bind
from forensics.detect.run import DetectorRun, Gap
from forensics.detect.scope import name_aspects
from forensics.detect.store import (
    describe_run,
    load_detections,
    load_findings,
    save_detection,
    save_findings,
)
from forensics.detect.triage import save_word
from forensics.formats.pem import split_pem
from forensics.simulate import simulate
from forensics.sources import ingest_paths

SAMPLE = Path(__file__).parents[2] / "sample_data"
START = datetime(2026, 1, 5, tzinfo=UTC)
INSTALMENTS = 4
CATALOG = load_catalog()


def read_lines(log: Path) -> list[str]:
    """The lines of a log of the sample, with their ends."""
    data = log.read_bytes()
    text = (gzip.decompress(data) if log.suffix == ".gz" else data).decode()
    return text.splitlines(keepends=True)


def deal_lines(folder: Path) -> Iterator[list[Path]]:
    """The sample's evidence in instalments; of each log every part has lines of every day."""
    chance = random.Random(5)
    evidence = SAMPLE / "evidence"
    logs = sorted((evidence / "events").iterdir())
    parts: list[list[Path]] = [[] for _ in range(INSTALMENTS)]
    for log in logs:
        dealt: list[list[str]] = [[] for _ in range(INSTALMENTS)]
        for line in read_lines(log):
            # Most comes at once: then the rest touches little enough to be worth narrowing to.
            dealt[chance.choices(range(INSTALMENTS), (70, 10, 10, 10))[0]].append(line)
        for number, some in enumerate(dealt):
            if some:
                path = folder / f"{number}-{log.name.removesuffix('.gz')}"
                path.write_text("".join(some))
                parts[number].append(path)
    parts[0] += [evidence / "manifest.toml", evidence / "collateral" / "2026-01-04T0000-17"]
    parts[0] += sorted(p for p in (evidence / "collateral").iterdir() if p.is_file())
    # Other collateral half-way: receipts of old evidence change, and only by that.
    parts[2] += [evidence / "collateral" / "2026-01-06T1200-18"]
    parts[3] += [evidence / "quotes"]
    yield from parts


def run_all(case: Case, as_of: datetime, catalog: Catalog = CATALOG, **how: Any) -> Detection:
    """One `detect`, kept in the case."""
    with case.writer(action="detect", at=as_of, who="test") as writer:
        connection = open_locked(case, check_results=False, custody_problems=True)
        records = load_detections(connection)
        detectors = list(catalog.values())
        past = recall(case, connection, records, detectors, full=how.pop("full", False))
        detection = detect(connection, catalog, as_of=as_of, past=past, **how)
        bases = {run.detector.id: past.describe(run, as_of) for run in detection.runs}
        save_detection(writer, detection.findings, detection.runs, records, bases)
        store_look(connection, writer)
    return detection


def told(detection: Detection) -> dict[str, tuple[Any, Any]]:
    return {run.detector.id: (rank(run.findings), run.gaps) for run in detection.runs}


def take_in(case: Case, paths: list[Path], as_of: datetime) -> None:
    with case.writer(action="ingest", at=as_of, who="test") as writer:
        ingest_paths(writer, paths)
    verify_case(case, as_of=as_of, at=as_of, who="test", threads=1)


def judge_twice(case: Case, paths: list[Path], as_of: datetime) -> Detection:
    """What `detect` says of new evidence, which is held against a full run."""
    take_in(case, paths, as_of)
    detection = run_all(case, as_of)
    connection = open_locked(case, check_results=False, custody_problems=True)
    full = detect(connection, CATALOG, as_of=as_of)
    assert told(detection) == told(full), f"as of {as_of}"
    return detection


@pytest.fixture(scope="module")
def instalments(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, list[Detection]]:
    """The case, and what each instalment's `detect` said; each is held against a full run."""
    folder = tmp_path_factory.mktemp("instalments")
    (_, root), *_ = split_pem((SAMPLE / "root_ca.pem").read_bytes())
    case = create_case(folder / "case", name="in parts", at=START, anchors=[root])
    detections = []
    for number, paths in enumerate(deal_lines(folder)):
        detections.append(judge_twice(case, paths, START + timedelta(days=1 + number)))
    return case, detections


@pytest.fixture
def own_case(instalments: tuple[Case, list[Detection]], tmp_path: Path) -> Case:
    case, _ = instalments
    shutil.copytree(case.path, tmp_path / "case")
    return Case(tmp_path / "case", case.settings)


def modes(detection: Detection) -> dict[str, str]:
    return {run.detector.id: run.mode for run in detection.runs}


def test_instalments_give_what_a_full_run_gives(
    instalments: tuple[Case, list[Detection]],
) -> None:
    _, detections = instalments
    assert set(modes(detections[0]).values()) == {"full"}
    for later in detections[1:]:
        narrow = {name for name, mode in modes(later).items() if mode == "incremental"}
        # Others may meet too much that changed: new collateral gives old evidence other receipts.
        assert "claim-mismatch" in narrow
    reasons = {run.full_because for later in detections[1:] for run in later.runs}
    assert "new evidence touches most of the history" in reasons


@pytest.mark.parametrize(
    "late", [["vcek.der"], ["cert_chain.pem"], ["cert_chain.pem", "vcek.der"]], ids="+".join
)
def test_a_certificate_that_comes_after_its_reports_has_them_judged_anew(
    tmp_path: Path, late: list[str]
) -> None:
    at = START + timedelta(days=1)
    simulate(tmp_path / "sim", days=1, platforms=1, incidents=["snp-field-drift"])
    certificates = [tmp_path / name for name in late]
    for path in certificates:
        (tmp_path / "sim" / "evidence" / "amd" / path.name).rename(path)
    roots = [der for _, der in split_pem((tmp_path / "sim" / "root_ca.pem").read_bytes())]
    case = create_case(tmp_path / "case", name="late", at=START, anchors=roots)
    take_in(case, [tmp_path / "sim" / "evidence"], at)
    assert not run_of(run_all(case, at), "snp-field-drift").findings
    take_in(case, certificates, at)
    later = run_all(case, at)
    assert run_of(later, "snp-field-drift").findings
    connection = open_locked(case, check_results=False, custody_problems=True)
    assert told(later) == told(detect(connection, CATALOG, as_of=at))


def test_what_is_apart_may_change(instalments: tuple[Case, list[Detection]]) -> None:
    """Collateral is held against collateral, or against the sightings that were judged with it."""
    _, detections = instalments
    assert run_of(detections[2], "collateral-equivocation").mode == "incremental"
    # Most of what there is came after it was issued.
    reason = "new evidence touches most of the history"
    for name in ("expired-collateral-accepted", "stale-collateral", "tcb-recovery-lag"):
        assert run_of(detections[2], name).full_because == reason


def test_sums_over_verdicts_that_changed_are_counted_anew(
    instalments: tuple[Case, list[Detection]],
) -> None:
    _, detections = instalments
    run = run_of(detections[2], "known-exposure")
    assert run.full_because == "verdicts changed that its sums are of"


def test_little_is_read_where_little_is_new(instalments: tuple[Case, list[Detection]]) -> None:
    case, detections = instalments
    [(everything,)] = (
        open_locked(case, check_results=False).execute("SELECT count(*) FROM observation")
    ).fetchall()
    runs = {run.detector.id: run for run in detections[-1].runs}
    read = runs["claim-mismatch"].observations_read
    assert read is not None
    assert read < everything / 3


AS_OF = START + timedelta(days=INSTALMENTS)


def test_nothing_new_is_nothing_read_whatever_the_scope(own_case: Case) -> None:
    later = AS_OF + timedelta(days=1)
    again = judge_twice(own_case, [], later)
    read = {run.detector.id: run.observations_read for run in again.runs}
    # The cut-off moved: whether silence has become too long, and whose revocation has come to be
    # known, is asked of the landmarks.
    asked = {"revoked-in-hindsight", "silent-enclave"}
    assert {name for name, count in read.items() if count != 0} == asked
    assert None not in {run.cut_off for run in again.runs}
    findings = {f.fingerprint: f.state for f in again.findings}
    assert set(findings.values()) <= {"recurring", "resolved"}
    assert any(run.findings for run in again.runs)


def test_what_triage_closed_is_still_given(own_case: Case) -> None:
    closed = next(f for f in run_all(own_case, AS_OF).findings if f.state == "recurring")
    with own_case.writer(action="triage", at=AS_OF, who="test") as writer:
        stored = load_findings(connect(own_case))
        moved = [replace(f, state="closed") if f == closed else f for f in stored]
        save_findings(writer, moved)
        save_word(writer, 1, closed, "closed", "seen", "test", AS_OF)
    again = run_all(own_case, AS_OF)
    assert run_of(again, closed.detector).observations_read == 0
    [after] = [f for f in again.findings if f.fingerprint == closed.fingerprint]
    assert (after.state, after.triage) == ("closed", "closed")


def test_what_was_unobserved_is_so_until_somebody_looks_again(own_case: Case) -> None:
    """Nothing has changed: why it could not be judged is not asked again."""
    with own_case.writer(action="triage", at=AS_OF, who="test") as writer:
        stored = load_findings(connect(own_case))
        model = next(f for f in stored if f.detector == "trusted-rogue")
        gone = replace(model, fingerprint="0" * 64, finding_id="0" * 16, state="unobserved")
        save_findings(writer, [*stored, gone])

    def state(detection: Detection) -> str:
        return next(f.state for f in detection.findings if f.fingerprint == gone.fingerprint)

    again = run_all(own_case, AS_OF)
    assert run_of(again, gone.detector).observations_read == 0
    assert state(again) == "unobserved"
    assert state(run_all(own_case, AS_OF, full=True)) == "resolved"


def test_a_finding_that_nobody_gave_is_not_carried_on(own_case: Case) -> None:
    """One that triage took from `unobserved` to `closed`: its detector has to say."""
    with own_case.writer(action="triage", at=AS_OF, who="test") as writer:
        stored = load_findings(connect(own_case))
        victim = next(f for f in stored if f.detector == "replayed-quote")
        save_findings(writer, [replace(f, state="unobserved") if f == victim else f
                               for f in stored])  # fmt: skip
    again = run_all(own_case, AS_OF)
    assert run_of(again, "replayed-quote").observations_read != 0
    assert victim.fingerprint in {f.fingerprint for f in run_of(again, "replayed-quote").findings}


def test_sums_of_findings_that_are_not_at_hand_are_counted_anew(own_case: Case) -> None:
    run_all(own_case, AS_OF)
    with own_case.writer(action="triage", at=AS_OF, who="test") as writer:
        stored = load_findings(connect(own_case))
        save_findings(writer, [f for f in stored if f.detector != "known-exposure"])
    again = run_of(run_all(own_case, AS_OF), "known-exposure")
    assert again.full_because == "what it found before is not at hand"
    assert again.findings


def test_another_header_is_judged_again(own_case: Case) -> None:
    gap = CATALOG["replayed-quote"].not_evaluable
    changed = replace(CATALOG["replayed-quote"], title="Other", header="changed")
    again = run_all(own_case, AS_OF, {**CATALOG, changed.id: changed})
    assert gap == changed.not_evaluable
    assert run_of(again, changed.id).observations_read != 0
    assert {f.title for f in run_of(again, changed.id).findings} == {"Other"}


def test_another_version_of_the_tool_judges_all_history_again(
    own_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.detect.incremental.TOOL_VERSION", "99.0")
    again = run_all(own_case, AS_OF)
    reasons = {run.full_because for run in again.runs if run.detector.scope and run.evaluated}
    assert reasons == {"the version of the tool changed"}


def test_landmarks_by_another_rule_are_not_gone_on_from(
    own_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def renew(connection: duckdb.DuckDBPyConnection, after: int, *, holds: bool) -> None:
        asked.append(holds)
        renew_landmarks(connection, after, holds=holds)

    monkeypatch.setattr("forensics.case.news.renew_landmarks", renew)
    run_all(own_case, AS_OF)
    monkeypatch.setattr("forensics.case.landmarks._RULE", "another")
    run_all(own_case, AS_OF)
    run_all(own_case, AS_OF)
    assert asked == [True, False, True]


def test_another_detector_starts_afresh(own_case: Case) -> None:
    claim = CATALOG["claim-mismatch"]
    detection = run_all(own_case, AS_OF, {claim.id: replace(claim, sql=f"{claim.sql}\n-- changed")})
    assert [run.full_because for run in detection.runs] == ["its query changed"]


@pytest.fixture
def fed_case(own_case: Case, tmp_path: Path) -> Case:
    """One event more than the newest run saw."""
    late = tmp_path / "late.jsonl"
    late.write_text('{"timestamp":"2026-01-06T00:00:00Z","event_type":"enclave_attestation"}\n')
    take_in(own_case, [late], AS_OF)
    return own_case


def test_what_could_not_be_judged_before_is_counted_with_what_is_new(
    own_case: Case, tmp_path: Path
) -> None:
    catalog = {"expired-collateral-accepted": CATALOG["expired-collateral-accepted"]}
    for number in (1, 2):
        late = tmp_path / f"{number}.jsonl"
        late.write_text(
            '{"timestamp":"2026-01-06T00:00:00Z","event_type":"enclave_attestation",'
            f'"event_id":"unkept-{number}","quote_status":"OK"}}\n'
        )
        take_in(own_case, [late], AS_OF)
        detection = run_all(own_case, AS_OF, catalog)
        connection = open_locked(own_case, check_results=False, custody_problems=True)
        assert told(detection) == told(detect(connection, catalog, as_of=AS_OF))
        [run] = detection.runs
        assert run.mode == "incremental"
        assert Gap("claimed OK, but the quote was not kept", number) in run.gaps


@pytest.mark.parametrize(
    ("excuse", "reason"), [("it counts", "it counts"), (None, "it declares no scope")]
)
def test_without_a_scope_new_evidence_is_judged_with_the_old(
    fed_case: Case, excuse: str | None, reason: str
) -> None:
    """One of one's own needs no excuse for having none."""
    plain = replace(
        CATALOG["not-forwarded"], scope=(), widens_when=None, in_full=excuse, header="of another"
    )
    detection = run_all(fed_case, AS_OF, {plain.id: plain})
    assert [run.full_because for run in detection.runs] == [reason]


def test_for_a_detector_without_anything_to_judge_nothing_is_made_ready(
    fed_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[str] = []

    @contextmanager
    def load(_connection: object, detectors: Iterable[Detector]) -> Iterator[None]:
        ready.extend(detector.id for detector in detectors)
        yield

    monkeypatch.setattr("forensics.detect.detection.loaded", load)
    blind = {run.detector.id for run in run_all(fed_case, AS_OF).runs if not run.evaluated}
    assert blind
    assert ready
    assert blind.isdisjoint(ready)


def run_of(detection: Detection, name: str) -> DetectorRun:
    return next(run for run in detection.runs if run.detector.id == name)


def test_another_parameter_starts_afresh(own_case: Case) -> None:
    changed = run_all(own_case, AS_OF, overrides={"retry_window": "5s"})
    assert run_of(changed, "replayed-quote").full_because == "its parameters changed"
    assert run_of(changed, "claim-mismatch").mode == "incremental"


def test_an_earlier_cut_off_starts_afresh(own_case: Case) -> None:
    changed = run_all(own_case, AS_OF - timedelta(days=1))
    assert run_of(changed, "silent-enclave").full_because == "its cut-off changed"


def test_another_manifest_starts_afresh(own_case: Case, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.toml"
    manifest.write_text((SAMPLE / "evidence" / "manifest.toml").read_text() + "\n# renewed\n")
    text = manifest.read_text().replace('mode = "STRICT"', 'mode = "PERMISSIVE"')
    manifest.write_text(text)
    take_in(own_case, [manifest], AS_OF)
    changed = run_all(own_case, AS_OF)
    reason = run_of(changed, "policy-contradiction").full_because
    assert reason is not None
    assert reason.startswith("its input ")


def test_a_full_run_can_be_asked_for(own_case: Case) -> None:
    assert {run.full_because for run in run_all(own_case, AS_OF, full=True).runs} == {"asked for"}


def test_unverified_evidence_is_nothing_to_go_on_from(own_case: Case, tmp_path: Path) -> None:
    late = tmp_path / "late.jsonl"
    late.write_text('{"timestamp":"2026-01-06T00:00:00Z","event_type":"enclave_attestation"}\n')
    with own_case.writer(action="ingest", at=AS_OF, who="test") as writer:
        ingest_paths(writer, [late])
    run_all(own_case, AS_OF)
    take_in(own_case, [], AS_OF)
    after = run_all(own_case, AS_OF)
    reasons = {run.full_because for run in after.runs}
    assert reasons == {"not all evidence was verified in the run before"}


# --- what keeps a detector from going on, told from what its last run left --------------------

HORIZON = Horizon(7, 100, True, "verdicts", "landmarks")
ALL_VIEWS = {view for detector in CATALOG.values() for view in detector.inputs}


def past_of(detector: Detector, **changes: Any) -> Past:
    """After a run of the detector at `AS_OF`: nothing has changed since but what is said."""
    now = Past(
        now=HORIZON,
        since=HORIZON,
        obstacle=None,
        verdicts=True,
        changed_aspects=frozenset(),
        records={},
        digests=dict.fromkeys(ALL_VIEWS, "as it was"),
        known_digests=dict.fromkeys(ALL_VIEWS, "as it was"),
        still=True,
    )
    run = DetectorRun(detector, bind(detector.params, AS_OF, {}), True, (), ())
    record = describe_run(run) | {"basis": now.describe(run, AS_OF)}
    row = {name: changes.pop(name) for name in list(changes) if name in record}
    basis = {name: changes.pop(name) for name in ("header", "tool", "entry") if name in changes}
    if basis:
        row["basis"] = json.dumps(json.loads(record["basis"]) | basis)
    return replace(now, **{"records": {detector.id: record | row}} | changes)


def moved(*views: str) -> dict[str, str]:
    return dict.fromkeys(ALL_VIEWS, "as it was") | dict.fromkeys(views, "moved")


LATER = AS_OF + timedelta(microseconds=1)
EARLIER = AS_OF - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("replayed-quote", {}, None),
        ("replayed-quote", {"obstacle": "facts were rebuilt"}, "facts were rebuilt"),
        ("replayed-quote", {"records": {}}, "it did not judge in the run before"),
        ("replayed-quote", {"outcome": "not_evaluable"}, "it did not judge in the run before"),
        ("replayed-quote", {"basis": None}, "it did not judge in the run before"),
        ("replayed-quote", {"sql_sha256": "other"}, "its query changed"),
        ("replayed-quote", {"header": "other"}, "its header changed"),
        ("replayed-quote", {"params": '{"retry_window": "1s"}'}, "its parameters changed"),
        ("replayed-quote", {"tool": "0.0"}, "the version of the tool changed"),
        ("replayed-quote", {"entry": 6}, "it did not run when the others did"),
        ("replayed-quote", {"verdicts": False}, None),
        ("verdict-contradiction", {"verdicts": False}, "the verdicts that it saw are not known"),
        ("stale-collateral", {"digests": moved("policy")}, "its input policy changed"),
        ("stale-collateral", {"digests": moved("workload")}, None),
        ("stale-collateral", {"digests": moved("collateral")}, None),  # that may be new
        (
            "stale-collateral",
            {"known_digests": moved("collateral")},
            "its input collateral changed",
        ),
        ("replayed-quote", {"digests": moved(*ALL_VIEWS)}, None),
        ("collateral-equivocation", {"digests": moved("collateral", "crl")}, None),
        ("custody-break", {}, CATALOG["custody-break"].in_full),
    ],
)
def test_what_keeps_a_detector_from_going_on(
    name: str, changes: dict[str, Any], reason: str | None
) -> None:
    detector = CATALOG[name]
    params = bind(detector.params, AS_OF, {})
    assert why_in_full(detector, past_of(detector, **changes), params) == reason


def test_what_a_query_looks_at_is_told_from_what_its_counts_do() -> None:
    """What a verdict rests on, in this one: by that no platform lags that did not before."""
    detector = CATALOG["tcb-recovery-lag"]
    assert name_aspects(detector) == ("receipt", "receipt grounds")
    assert name_aspects(replace(detector, not_evaluable=())) == ("receipt",)


def test_rules_that_bindings_are_made_by_are_read_whole() -> None:
    detector = replace(CATALOG["replayed-quote"], inputs=("binding", "observation", "source"))
    params = bind(detector.params, AS_OF, {})
    for view in ("reference_value", "workload"):
        past = replace(past_of(detector), digests=moved(view))
        assert why_in_full(detector, past, params) == f"its input {view} changed"


@pytest.mark.parametrize(
    ("name", "suspects", "as_of", "reason"),
    [
        ("silent-enclave", True, AS_OF, None),
        ("silent-enclave", True, LATER, None),
        ("silent-enclave", True, EARLIER, "its cut-off changed"),
        ("silent-enclave", False, AS_OF, None),
        ("silent-enclave", False, LATER, "its cut-off changed"),
        ("replayed-quote", False, LATER, None),
    ],
)
def test_which_cut_off_may_move(
    name: str, suspects: bool, as_of: datetime, reason: str | None
) -> None:
    detector = CATALOG[name] if suspects else replace(CATALOG[name], suspects=None)
    params = bind(detector.params, as_of, {})
    assert why_in_full(detector, past_of(detector), params) == reason


@pytest.mark.parametrize(
    ("name", "changes", "as_of", "carried"),
    [
        ("replayed-quote", {}, AS_OF, True),
        ("replayed-quote", {}, LATER, True),
        ("replayed-quote", {"still": False}, AS_OF, False),
        ("replayed-quote", {"obstacle": "asked for"}, AS_OF, False),
        ("replayed-quote", {"records": {}}, AS_OF, False),
        ("replayed-quote", {"basis": None}, AS_OF, False),
        ("replayed-quote", {"waiting": 1}, AS_OF, False),
        ("replayed-quote", {"findings": 1}, AS_OF, False),
        ("replayed-quote", {"header": "other"}, AS_OF, False),
        ("replayed-quote", {"sql_sha256": "other"}, AS_OF, False),
        ("replayed-quote", {"changed_aspects": {"receipt", "hindsight"}}, AS_OF, True),
        ("verdict-contradiction", {"changed_aspects": {"receipt"}}, AS_OF, False),
        ("verdict-contradiction", {"changed_aspects": {"hindsight"}}, AS_OF, True),
        ("verdict-contradiction", {"changed_aspects": {"receipt grounds"}}, AS_OF, True),
        ("tcb-recovery-lag", {"changed_aspects": {"receipt grounds"}}, AS_OF, False),
        ("tcb-recovery-lag", {"changed_aspects": {"hindsight grounds"}}, AS_OF, True),
        ("verdict-contradiction", {}, LATER, True),
        ("hindsight-exposure", {}, AS_OF, True),
        ("hindsight-exposure", {}, LATER, False),
        ("silent-enclave", {}, AS_OF, True),
        ("silent-enclave", {}, LATER, False),
        ("silent-enclave", {"basis": None}, AS_OF, False),
        ("custody-break", {"still": False}, AS_OF, True),
        ("custody-break", {"digests": moved("custody_problem")}, AS_OF, False),
        ("collateral-equivocation", {"digests": moved("crl")}, AS_OF, False),
        ("collateral-equivocation", {"digests": moved("policy")}, AS_OF, True),
    ],
)
def test_what_is_carried_on_unread(
    name: str, changes: dict[str, Any], as_of: datetime, carried: bool
) -> None:
    detector = CATALOG[name]
    run = past_of(detector, **changes).carry(detector, [], as_of=as_of, overrides={})
    assert (run is not None) == carried


def test_a_run_that_is_carried_on_says_what_the_last_one_said() -> None:
    detector = CATALOG["replayed-quote"]
    row = dict.fromkeys(("first_seen", "last_seen")) | {
        "subject_type": "quote", "subject_id": "q", "observation_ids": [], "severity": "high",
        "summary": "", "details": "{}",
    }  # fmt: skip
    found = make_finding(detector, row)
    known = [replace(found, state="closed", triage="closed"), replace(found, state="unobserved")]
    past = past_of(detector, findings=1, gaps='[["why", 2]]')
    run = past.carry(detector, known, as_of=AS_OF, overrides={})
    assert run is not None
    assert (run.evaluated, run.findings, run.gaps) == (True, (found,), (Gap("why", 2),))
    assert (run.mode, run.observations_read) == ("incremental", 0)
    blind = past_of(detector, outcome="not_evaluable", gaps='[["no rows in quote", 1]]')
    again = blind.carry(detector, [], as_of=AS_OF, overrides={})
    assert again is not None
    assert (again.evaluated, again.gaps) == (False, (Gap("no rows in quote", 1),))


SIEM_START = datetime(2026, 1, 5, tzinfo=UTC)
FORWARDED: dict[int, tuple[set[int], set[int]]] = {
    0: (set(range(40)), set(range(40)) - {7, 8}),
    1: (set(range(40, 46)), {40, 41, 43, 44, 45, 7}),
    2: (set(range(46, 52)), set()),
    3: ({52}, {46, 47, 48, 50, 51, 52}),
    4: ({53}, set()),
}
"""Night -> the events that the verifier logged, and those in the SIEM's log that came with it."""


@pytest.fixture(scope="module")
def siem_nights(tmp_path_factory: pytest.TempPathFactory) -> list[Detection]:
    """Nights of a case with a log of the SIEM, each held against a full run."""
    folder = tmp_path_factory.mktemp("siem-nights")
    case = create_case(folder / "case", name="nights", at=SIEM_START, anchors=[])
    catalog = {"not-forwarded": CATALOG["not-forwarded"]}
    detections = []
    for night, logs in FORWARDED.items():
        at = SIEM_START + timedelta(days=night + 1)
        take_in(case, [write_log(folder / where, night, events)
                       for where, events in zip(("verifier", "siem"), logs, strict=True)
                       if events], at)  # fmt: skip
        detections.append(run_all(case, at, catalog))
        whole = detect(open_locked(case, check_results=False), catalog, as_of=at)
        assert told(detections[-1]) == told(whole)
    return detections


def write_log(folder: Path, night: int, events: set[int]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"night-{night}.jsonl"
    lines = (json.dumps(make_event(number)) for number in sorted(events))
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def make_event(number: int) -> dict[str, Any]:
    at = SIEM_START + timedelta(minutes=number)
    return {
        "event_type": "enclave_attestation",
        "event_id": f"evt-{number}",
        "enclave_id": f"enc-{number % 5}",
        "timestamp": at.isoformat(),
    }


def test_nights_with_a_log_of_the_siem_read_what_is_new(siem_nights: list[Detection]) -> None:
    runs = [run for night in siem_nights for run in night.runs]
    assert [run.full_because for run in runs[1:]] == [None] * 4
    # With copies in both logs, events before, and those that are looked up again or stay missing.
    assert [run.observations_read for run in runs[1:]] == [6 + 6 + 2, 6 + 2, 1 + 6 + 6 + 2, 1 + 3]
    assert [run.totals for run in runs] == [
        [[40, 38]],
        [[46, 44]],
        [[46, 44]],
        [[53, 50]],
        [[53, 50]],
    ]


def test_what_the_siem_lacks_is_told_apart_from_what_came_after_its_log(
    siem_nights: list[Detection],
) -> None:
    missing = [
        {finding.subject_id for finding in run.findings}
        for night in siem_nights
        for run in night.runs
    ]
    assert missing == [
        {"enc-2", "enc-3"},
        {"enc-3", "enc-2"},  # 8; and 42 instead of 7
        {"enc-3", "enc-2"},
        {"enc-3", "enc-2", "enc-4"},
        {"enc-3", "enc-2", "enc-4"},
    ]
    assert [run.unjudged for night in siem_nights for run in night.runs] == [0, 0, 6, 0, 1]
