"""A detector: one SQL file whose header says everything that its query does not.

The header is TOML in `-- ` comment lines between two `-- ---` lines, so the file stays plain SQL
for editors and for the DuckDB shell. What may be checked without running SQL is checked here;
whether header and query agree is the linter's business (`forensics.detect.lint`).

Every error is a `DetectorError` with code `detector-header` whose message names the file.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import Final

from forensics.detect.headers import Header, header_error
from forensics.detect.parameters import Parameter, parse_parameters
from forensics.detect.sides import Sides, read_sides
from forensics.detect.totals import TYPES, Totals

SEVERITIES: Final = ("critical", "high", "medium", "low", "info")  # most severe first
STATUSES: Final = ("draft", "stable", "deprecated")
OUTPUT_COLUMNS: Final = {
    "subject_type": "VARCHAR",
    "subject_id": "VARCHAR",
    "first_seen": "TIMESTAMP WITH TIME ZONE",
    "last_seen": "TIMESTAMP WITH TIME ZONE",
    "observation_ids": "VARCHAR[]",
    "severity": "VARCHAR",
    "summary": "VARCHAR",
    "details": "VARCHAR",
}
FEED_VIEWS: Final = {  # views of events that come in feeds -> the time of an event
    "observation": "received_at",
    "launch": "timestamp",
    "stop": "timestamp",
    "nonce": "timestamp",
    "release": "timestamp",
}
ONE_BY_ONE: Final = "observation_id"
"""As a scope: each sighting offends by itself, or not."""
_FENCE = "-- ---"
_COMMENT = "--"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# How citations begin that mean nothing elsewhere: numbers of our catalogue, our own papers.
_OWN_WRITING = ("detector D", "detectors D", "detector catalogue", "spec/")


@dataclass(frozen=True, slots=True)
class Blindness:
    """Subjects that a detector could not judge: why, and a query that counts them, of views or of
    what the detector's own query makes of them.

    `widens`: whether it counts one depends on other history than what the scope holds. `anew`: it
    counts them from landmarks, and from views that are read whole, as from everything.
    """

    reason: str
    count: str
    widens: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector as declared by its file.

    `severity` is the highest that a row may carry. `requires` names views without whose rows
    nothing can be judged at all. `discriminator` names the keys of `details` that tell several
    findings about one subject apart; they and the subject make the fingerprint, by the rule that
    `fingerprint_version` numbers. `waits_for` names views of whose absence it concludes something:
    their feeds are waited for (`forensics.detect.feeds`). `signed` says that only proven evidence
    may raise a finding. `clocks` says whose clocks its times are by, where no detail of the finding
    does.

    `scope`, `suspects`, `around`, `widens` and `widens_when` say how little has to be read when
    little is new: see `forensics.detect.scope`. Views that are `apart` are read whole, and no
    sighting is compared with them: a change in them is no reason to read all sightings. Nor is what
    comes into those that are `dated`: it bears on what the screen leaves, or on what `again` asks
    for. Sightings that share a value with new events in a column that it `follows` are read too:
    what could not be judged changes with an event. `sums` names the keys of `details` that count
    rows of what the scope connects, and so add up over it; `totals` says the same of rows that the
    query weighs against all history (`forensics.detect.totals`). Without a scope every run reads
    everything, and `in_full` says why.
    """

    id: str
    title: str
    version: int
    fingerprint_version: int
    status: str
    severity: str
    signed: bool
    question: str
    why: str
    inputs: tuple[str, ...]
    requires: tuple[str, ...]
    waits_for: tuple[str, ...]
    scope: tuple[str, ...]
    suspects: str | None
    around: str | None
    widens: bool
    widens_when: str | None
    apart: tuple[str, ...]
    dated: tuple[str, ...]
    again: str | None
    follows: tuple[str, ...]
    sums: tuple[str, ...]
    totals: Totals | None
    in_full: str | None
    grain: str
    discriminator: tuple[str, ...]
    nulls: str
    clocks: str | None
    false_positives: tuple[str, ...]
    blind_spots: tuple[str, ...]
    attack: tuple[str, ...]
    spec: tuple[str, ...]
    created: datetime.date
    updated: datetime.date
    params: tuple[Parameter, ...]
    columns: tuple[str, ...]
    details: tuple[tuple[str, str], ...]
    sides: Sides | None
    not_evaluable: tuple[Blindness, ...]
    folder: str
    header: str
    sql: str

    @property
    def path(self) -> str:
        """The file's place below its queries directory."""
        return f"{self.folder}/{self.id}.sql"

    @property
    def text(self) -> str:
        """The file as a person reads it: header and query."""
        comment = "\n".join(f"-- {line}".rstrip() for line in self.header.split("\n"))
        return f"{_FENCE}\n{comment}\n{_FENCE}\n{self.sql}\n"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns by whose equality the query relates sightings."""
        return () if self.scope == (ONE_BY_ONE,) else self.scope

    @property
    def standards(self) -> tuple[str, ...]:
        """What `spec` cites that others wrote."""
        return tuple(cited for cited in self.spec if not cited.startswith(_OWN_WRITING))

    @property
    def statements(self) -> tuple[str, ...]:
        """The query, and what counts the subjects that it could not judge."""
        return (self.sql, *(blindness.count for blindness in self.not_evaluable))

    @property
    def sql_sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def header_sha256(self) -> str:
        return hashlib.sha256(self.header.encode()).hexdigest()


def parse_detector(text: str, folder: str, name: str) -> Detector:
    """The detector in `text`, the content of `folder/name.sql`."""
    where = f"{folder}/{name}.sql"
    header_text, sql = _split(text, where)
    try:
        values = tomllib.loads(header_text)
    except tomllib.TOMLDecodeError as error:
        raise header_error(where, f"its header is not TOML: {error}") from error
    header = Header(where, values)
    detector = _read(header, folder, header_text, sql)
    header.refuse_the_rest()
    if detector.id != name:
        raise header_error(where, f"its id is {detector.id!r}, its file name says {name!r}")
    return detector


def _split(text: str, where: str) -> tuple[str, str]:
    """Header (comment marks taken off) and query of a detector's file."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise header_error(where, f"its first line is not {_FENCE!r}")
    header: list[str] = []
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _FENCE:
            return "\n".join(header), "\n".join(lines[number + 1 :]).strip()
        if not line.startswith(_COMMENT):
            raise header_error(where, f"line {number + 1} of its header is not a comment")
        header.append(line.removeprefix(_COMMENT).removeprefix(" ").rstrip())
    raise header_error(where, f"its header has no closing {_FENCE!r}")


def _read(header: Header, folder: str, header_text: str, sql: str) -> Detector:
    identifier = header.text("id")
    if not _ID.fullmatch(identifier):
        raise header_error(header.where, f"id {identifier!r} is not kebab-case")
    detector = Detector(
        id=identifier,
        title=header.text("title"),
        version=header.number("version"),
        fingerprint_version=header.number("fingerprint_version"),
        status=header.choice("status", STATUSES),
        severity=header.choice("severity", SEVERITIES),
        signed=header.flag("sig"),
        question=header.text("question"),
        why=header.text("why"),
        inputs=header.texts("inputs"),
        requires=header.texts("requires", empty=True),
        waits_for=header.texts("waits_for", empty=True),
        scope=header.texts("scope", empty=True),
        suspects=header.text("suspects", empty=True),
        around=header.text("around", empty=True),
        widens=header.flag("widens", empty=True),
        widens_when=header.text("widens_when", empty=True),
        apart=header.texts("apart", empty=True),
        dated=header.texts("dated", empty=True),
        again=header.text("again", empty=True),
        follows=header.texts("follows", empty=True),
        sums=header.texts("sums", empty=True),
        totals=_read_totals(header),
        in_full=header.text("in_full", empty=True),
        grain=header.text("grain"),
        discriminator=header.texts("discriminator", empty=True),
        nulls=header.text("nulls"),
        clocks=header.text("clocks", empty=True),
        false_positives=header.texts("false_positives"),
        blind_spots=header.texts("blind_spots"),
        attack=header.texts("attack"),
        spec=header.texts("spec"),
        created=header.date("created"),
        updated=header.date("updated"),
        params=parse_parameters(header),
        columns=header.texts("columns"),
        details=tuple(header.table("details").items()),
        sides=read_sides(header),
        not_evaluable=tuple(
            Blindness(
                entry.text("reason"),
                entry.text("count").strip(),
                entry.flag("widens", empty=True),
                entry.flag("anew", empty=True),
            )
            for entry in header.entries("not_evaluable")
        ),
        folder=folder,
        header=header_text,
        sql=sql,
    )
    _check_agreement(detector, header.where)
    return detector


def _read_totals(header: Header) -> Totals | None:
    """What `[totals.NAME]` says, of which there is one or none."""
    tables = header.tables("totals")
    if len(tables) > 1:
        raise header_error(header.where, f"totals of {sorted(tables)}, which are more than one")
    for part, table in tables.items():
        columns = table.rest()
        if not columns or not set(columns.values()) <= set(TYPES):
            raise header_error(table.where, f"its columns are not each one of {list(TYPES)}")
        if not all(_NAME.fullmatch(name) for name in (part, *columns)):
            raise header_error(table.where, "it and its columns have names of a-z, 0-9 and _")
        kinds = list(columns.values())
        if "key" in kinds[kinds.count("key") :]:
            raise header_error(table.where, "its keys come first")
        return Totals(part, tuple(columns.items()))
    return None


def _check_agreement(detector: Detector, where: str) -> None:
    """What one key of the header says about another."""
    documented = {key for key, _ in detector.details}
    told = detector.sides.keys if detector.sides else ()
    named = {"discriminator": detector.discriminator, "sums": detector.sums, "sides": told}
    for name, keys in named.items():
        if undocumented := sorted(set(keys) - documented):
            raise header_error(where, f"{name} {undocumented} is not in [details]")
    if detector.columns != tuple(OUTPUT_COLUMNS):
        raise header_error(where, f"columns must be exactly {list(OUTPUT_COLUMNS)}")
    if not {*detector.requires, *detector.waits_for} <= set(detector.inputs):
        raise header_error(where, "requires or waits_for names views that are not in inputs")
    _check_scope(detector, where)
    _check_waiting(detector, where)
    if detector.updated < detector.created:
        raise header_error(where, "updated lies before created")
    if not detector.sql:
        raise header_error(where, "it has no query")


def _check_scope(detector: Detector, where: str) -> None:
    if detector.in_full and detector.scope:
        raise header_error(where, "in_full says why there is no scope, and there is one")
    widens = (detector.widens, detector.widens_when, *(b.widens for b in detector.not_evaluable))
    if any((detector.suspects, detector.apart, *widens)) and not detector.scope:
        raise header_error(where, "suspects, widens and apart mean nothing without a scope")
    if not {*detector.apart, *detector.dated} <= set(detector.inputs):
        raise header_error(where, "apart or dated names views that are not in inputs")
    if detector.dated and not (detector.again or detector.suspects):
        raise header_error(where, "what is dated bears on what again or suspects says")
    if detector.again and not (detector.dated or detector.apart):
        raise header_error(where, "again means nothing where nothing is apart or dated")
    if detector.sums and (detector.suspects or not detector.scope):
        raise header_error(where, "sums are over a scope, without suspects")
    if detector.totals and not detector.keys:
        raise header_error(where, "totals are over what keys connect")
    if (detector.around or detector.follows) and not detector.suspects:
        raise header_error(where, "around and follows mean nothing without suspects")
    intervals = {parameter.name for parameter in detector.params if parameter.type == "INTERVAL"}
    if detector.around and detector.around not in intervals:
        raise header_error(where, f"around {detector.around!r} is no parameter of type INTERVAL")


def _check_waiting(detector: Detector, where: str) -> None:
    strange = sorted(set(detector.waits_for) - set(FEED_VIEWS))
    if strange:
        raise header_error(where, f"waits_for {strange[0]!r}, which is no feed of events")
