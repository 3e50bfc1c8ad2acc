"""Writes the reference pages and the made parts of other pages from the code.

    python docs/generate.py [ROOT]

ROOT (default: this repository) gets `docs/reference/*.md`; in its `README.md` and in some pages of
its `docs/`, what stands between the markers is renewed. The same code gives the same bytes: a test
makes everything anew elsewhere and compares.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typer.main import get_command

from forensics.case.contract import COLUMNS, VIEWS
from forensics.case.extras import SHOWN
from forensics.case.tables import DUCKDB_TYPES, TABLES, Column, Table
from forensics.cli.exit_codes import EXIT_CODES, FOUND
from forensics.cli.main import app
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import ONE_BY_ONE, Detector
from forensics.detect.reading import read_columns
from forensics.formats.anatomy import Cover, dissect_quote
from forensics.formats.evidence import Evidence
from forensics.formats.layout import Layout
from forensics.formats.quote import Quote
from forensics.formats.snp import COORDINATE_SIZE, SnpReport
from forensics.formats.structures import (
    CERTIFICATION_TYPES,
    LAYOUTS,
    MISC_SELECT_BITS,
    SGX_FLAG_BITS,
    SGX_REPORT,
    SIGNING_KEYS,
    SNP_PLATFORM_BITS,
    SNP_POLICY_BITS,
    SNP_SIGNED_SIZE,
    SNP_VERSIONS,
    TD_ATTRIBUTE_BITS,
    XFEATURE_BITS,
)
from forensics.sources.events import CLAIMS, DUPLICATE_KEYS
from forensics.sources.fields import EVENT_TYPES, FORMS, OBSERVATION, EventType
from forensics.sources.limits import DEFAULT_LIMITS, MIB, Limits
from forensics.sources.manifest import (
    ALLOW_KEYS,
    EXPECTED_KEYS,
    KEPT_KEYS,
    PLATFORM_KEYS,
    POLICY_KEYS,
    RULE_KEYS,
    WORKLOAD_KEYS,
    Keys,
)
from forensics.sources.reasons import REASONS
from forensics.verify import multibuffer
from forensics.verify.binding import RECIPES, SIZE, Rule
from forensics.verify.checks import CHECKS
from forensics.verify.engine import OPENSSL

# Parts of docs/disagreements.md, and the verifier of each.
DISAGREEMENTS = {
    "dcap-qvl": "dcap-qvl 0.7.0",
    "binding": "older binding",
    "qvl": "QVL 2024",
}

NOTICE = "<!-- Made by docs/generate.py from the code. Do not edit. -->"
REPOSITORY = Path(__file__).parent.parent

# What this default is depends on the machine that makes the page.
MACHINE_DEFAULTS = {"threads": "as many as CPUs"}


def write_reference(root: Path) -> None:
    """Write `ROOT/docs/reference/*.md`; renew the made parts of other pages."""
    directory = root / "docs" / "reference"
    directory.mkdir(parents=True, exist_ok=True)
    pages = {
        "views.md": describe_views(),
        "tables.md": describe_tables(),
        "layouts.md": describe_layouts(),
        "checks.md": describe_checks(),
        "detectors.md": describe_detectors(),
        "commands.md": describe_commands(),
        "reasons.md": describe_reasons(),
        "events.md": describe_events(),
    }
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
    renew_parts(root / "docs" / "disagreements.md", compare_verifiers())
    renew_parts(root / "docs" / "manifests.md", describe_manifests())
    readme = root / "README.md"
    parts = {
        "detectors": summarise_detectors(),
        "audit": run_demonstration(readme.read_text(encoding="utf-8")),
        "exit codes": describe_exit_codes(),
    }
    renew_parts(readme, parts)


def renew_parts(page: Path, parts: Mapping[str, str]) -> None:
    text = page.read_text(encoding="utf-8")
    for name, content in parts.items():
        text = replace_part(text, name, content)
    page.write_text(text, encoding="utf-8")


def compare_verifiers() -> dict[str, str]:
    """A table for each verifier, from the rows that the differential tests hold every difference
    against.
    """
    sys.path.append(str(REPOSITORY / "tests"))  # where those tests find their own modules
    rows = import_module("differential.known").KNOWN
    head = ("id", "there", "here", "why", "whose rule")
    return {
        name: _table(
            head,
            (
                (f"`{row.id}`", row.theirs, row.ours, row.reason, row.follow)
                for row in rows
                if row.verifier == verifier
            ),
        )
        for name, verifier in DISAGREEMENTS.items()
    }


def replace_part(text: str, name: str, content: str) -> str:
    """`text` with `content` between the markers of that name, which must stand in it once."""
    start = f"<!-- begin {name}: made by docs/generate.py -->"
    end = f"<!-- end {name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}\n{content}\n{end}{after}"


def summarise_detectors() -> str:
    """The catalogue by its folders: what each is about is the folder's name."""
    by_folder: dict[str, list[str]] = {}
    for d in load_catalog().values():
        link = f"[{d.id}](docs/reference/detectors.md#{d.id})"
        by_folder.setdefault(d.folder, []).append(link)
    rows = [(folder, ", ".join(links)) for folder, links in sorted(by_folder.items())]
    return _table(("about", "detectors"), rows)


def run_demonstration(readme: str) -> str:
    """What the audit of the README's first command prints, stderr and stdout as on a terminal.

    That command installs no optional engine; the machine that makes the page may have one.
    """
    command = readme.partition("quote-forensics audit demo-case ")[2].partition(" ||")[0]
    arguments = shlex.split(command.replace("\\\n", " "))
    with TemporaryDirectory() as scratch:
        result = subprocess.run(
            [sys.executable, "-u", "-m", "forensics", "audit", f"{scratch}/case", *arguments],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if result.returncode != FOUND:
        raise RuntimeError(f"the README's audit ended with {result.returncode}: {result.stdout}")
    told = result.stdout.replace(f"({multibuffer.NAME})", f"({OPENSSL.name})")
    return f"```text\n{told}```"


def describe_views() -> str:
    parts = [
        _opening(
            "Views",
            "What `quote-forensics sql`, notebooks and detectors see. Names and types never "
            "change; columns may be added. Digests, keys, measurements and ids are lower-case hex "
            "text; times are UTC. `check_result` is computed when it is asked for.",
        )
    ]
    for view in VIEWS:
        rows = [(f"`{c.name}`", c.type, c.doc) for c in view.columns]
        parts += [f"## {view.name}", view.doc, _table(("column", "type", "meaning"), rows)]
    return _page(parts)


def describe_tables() -> str:
    types = [(f"`{word}`", duckdb) for word, duckdb in DUCKDB_TYPES.items()]
    parts = [
        _opening(
            "Stored tables",
            "The Parquet files below `CASE/tables/`. Evidence tables are append-only; fact and "
            "derived tables can be deleted and come out the same. They may change between "
            "versions: write queries against the [views](views.md).",
        ),
        _table(("type", "in DuckDB"), types),
    ]
    for table in TABLES:
        rows = [(f"`{c.name}`", _show_type(c), c.doc) for c in table.columns]
        parts += [
            f"## {table.name}",
            f"{table.doc} {_describe_growth(table)}",
            _table(("column", "type", "meaning"), rows),
        ]
    return _page(parts)


def _show_type(column: Column) -> str:
    return column.type if column.size is None else f"{column.type} ({column.size})"


def _describe_growth(table: Table) -> str:
    month = f", partitioned by the month of `{table.by_month}`" if table.by_month else ""
    return f"*({table.role}{month})*"


def describe_layouts() -> str:
    parts = [
        _opening(
            "Binary layouts",
            "Offsets and sizes in bytes, integers little-endian. The parsers, the emitter and the "
            "stored columns are derived from the same declarations as this page.",
        )
    ]
    for layout in LAYOUTS:
        parts += [f"## {layout.title}", _describe_fields(layout)]
    parts += [
        "## SGX ATTRIBUTES.FLAGS bits",
        _table(("bit", "name"), [(str(bit), name) for bit, name in SGX_FLAG_BITS.items()]),
        "## TD attributes bits",
        _table(("bit", "name"), [(str(bit), name) for bit, name in TD_ATTRIBUTE_BITS.items()]),
        "## Bits of SGX ATTRIBUTES.XFRM and of XFAM",
        _table(("bit", "name"), [(str(bit), name) for bit, name in XFEATURE_BITS.items()]),
        "## MISCSELECT bits",
        _table(("bit", "name"), [(str(bit), name) for bit, name in MISC_SELECT_BITS.items()]),
        "## Types of certification data",
        _table(("type", "what"), [(str(n), name) for n, name in CERTIFICATION_TYPES.items()]),
        "## Bits of the guest policy of an SEV-SNP report",
        _table(("bit", "name"), [(str(bit), name) for bit, name in SNP_POLICY_BITS.items()]),
        "## Bits of the platform info of an SEV-SNP report",
        _table(("bit", "name"), [(str(bit), name) for bit, name in SNP_PLATFORM_BITS.items()]),
        "## Signing keys of an SEV-SNP report",
        _table(("number", "key"), [(str(n), name.upper()) for n, name in SIGNING_KEYS.items()]),
        "## What covers which part",
        "Of a quote:",
        _describe_covers(_QUOTE),
        "Of an SEV-SNP report:",
        _describe_covers(_REPORT),
    ]
    return _page(parts)


def _describe_covers(example: Evidence) -> str:
    """By the pieces of evidence that has all parts; it need not verify."""
    rows: dict[tuple[str, Cover], list[str]] = {}
    for piece in dissect_quote(example):
        rows.setdefault((piece.part, piece.cover), []).append(f"`{piece.name}`")
    of_part = Counter(part for part, _ in rows)
    lines = []
    for (part, cover), names in rows.items():
        whole = "all fields" if of_part[part] == 1 else "all other fields"
        lines.append((part, whole if cover in _OF_STRUCTURES else ", ".join(names), str(cover)))
    return _table(("part", "fields", "a change is noticed by"), lines)


# Signatures over a whole structure: its fields are listed above.
_OF_STRUCTURES = (Cover.quote_signature, Cover.qe_signature, Cover.report_signature)
_PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
_QUOTE = Quote(
    version=4,
    body_layout=SGX_REPORT,
    signed=bytes(48 + SGX_REPORT.size),
    signature=bytes(64),
    attestation_key=bytes(64),
    qe_report=bytes(SGX_REPORT.size),
    qe_signature=bytes(64),
    qe_auth_data=bytes(32),
    certification_type=5,
    certification_data=_PEM + _PEM,
    outer_certification_type=6,
    outer_slack=b"x",
    slack=b"x",
    trailing=b"x",
)
_REPORT = SnpReport(
    signed=max(SNP_VERSIONS).to_bytes(4, "little").ljust(SNP_SIGNED_SIZE, b"\0"),
    signature_r=bytes(COORDINATE_SIZE),
    signature_s=bytes(COORDINATE_SIZE),
    trailing=b"x",
)


def _describe_fields(layout: Layout) -> str:
    rows = [(str(f.offset), str(f.size), f"`{f.name}`", f.kind, f.doc, f.spec) for f in layout]
    head = ("offset", "size", "field", "kind", "meaning", "source")
    return f"{layout.size} bytes.\n\n{_table(head, rows)}"


def describe_checks() -> str:
    rows = [
        (c.id, c.title, c.input_class, "strict" if c.strict else "", f"`{c.qvl}`" if c.qvl else "–")
        for c in CHECKS
    ]
    return _page(
        [
            _opening(
                "Checks",
                "In the order of Intel's verifier. Class Q needs the quote alone, C one collateral "
                "document, X facts of both, T a moment. *Strict* checks are this tool's own: they "
                "are reported and never change an outcome. The last column is the status that "
                "Intel's library reports when the check fails; it makes neither strict checks nor "
                "those of AMD's reports (N).",
            ),
            _table(("id", "check", "class", "", "Intel's status"), rows),
        ]
    )


def describe_detectors() -> str:
    catalog = load_catalog()
    parts = [
        _opening(
            "Detectors",
            "From the headers of `queries/*/*.sql`. `quote-forensics detectors ID` prints the SQL. "
            "*Signed* detectors look only at evidence whose own signatures verify.",
        )
    ]
    for detector in catalog.values():
        parts += _describe_detector(detector)
    return _page(parts)


def _describe_detector(detector: Detector) -> list[str]:
    signed = ", signed" if detector.signed else ""
    facts = [
        ("file", f"`queries/{detector.path}`"),
        ("severity", f"at most {detector.severity}{signed}"),
        ("version", f"{detector.version} ({detector.status}, {detector.updated})"),
        ("inputs", ", ".join(f"[{view}](views.md#{view})" for view in detector.inputs)),
        ("waits for", ", ".join(f"the feed of {view}s" for view in detector.waits_for)),
        ("a later run reads", _describe_reading(detector)),
        ("grain", detector.grain),
        ("NULLs", detector.nulls),
        ("clocks", detector.clocks or ""),
        ("benign causes", "; ".join(detector.false_positives)),
        ("blind spots", "; ".join(detector.blind_spots)),
        ("not evaluable", "; ".join(gap.reason for gap in detector.not_evaluable)),
        ("against each other", _describe_sides(detector)),
        ("attack", "; ".join(detector.attack)),
        ("specification", "; ".join(detector.spec)),
    ]
    parts = [
        f"## {detector.id}",
        f"**{detector.title}.** {detector.question} {detector.why}",
        _table(("", ""), [fact for fact in facts if fact[1]]),
    ]
    if detector.params:
        rows = [(f"`{p.name}`", p.type, p.default or "", p.meaning) for p in detector.params]
        parts.append(_table(("parameter", "type", "default", "meaning"), rows))
    if detector.details:
        keys = [(f"`{key}`", meaning) for key, meaning in detector.details]
        parts.append(_table(("key of `details`", "meaning"), keys))
    return parts


def _describe_sides(detector: Detector) -> str:
    if not detector.sides:
        return "the first sighting and the last"
    one, other = (
        f"{side.words} (`{side.key}`)" for side in (detector.sides.one, detector.sides.other)
    )
    return f"{detector.sides.fact}: {one}; {other}"


def _describe_reading(detector: Detector) -> str:
    if not detector.scope:
        return f"everything: {detector.in_full}"
    if detector.scope == (ONE_BY_ONE,):
        reach = "what is new: each sighting offends by itself"
    else:
        keys = ", ".join(f"`{key}`" for key in detector.scope)
        reach = f"what new evidence touches through {keys}"
        if detector.suspects:
            reach += ", where its screen of the first and last sightings leaves a suspect"
        if detector.around:
            reach += f"; with what came within `{detector.around}` of it"
    if detector.dated and detector.again:
        reach += "; and what came in the time that new documents or logs are of"
    elif detector.again:
        reach += "; and what the sums of all history make suspect"
    reasons = ["finds something"] if detector.widens else []
    if detector.widens_when:
        tipped = "finds what it weighs against all history tipped"
        reasons.append(tipped if detector.totals else "looks at what no key leads to")
    if any(blindness.widens for blindness in detector.not_evaluable):
        reasons.append("meets what it could not judge for want of other history")
    return f"{reach}; everything once it {' or '.join(reasons)}" if reasons else reach


def describe_commands() -> str:
    parts = [
        _opening("Commands", "`quote-forensics COMMAND --help` says the same."),
        "## Exit codes",
        describe_exit_codes(),
    ]
    for name, command in _walk(get_command(app)):
        parts += _describe_command(name, command)
    return _page(parts)


def describe_exit_codes() -> str:
    rows = [(str(code), meaning) for code, meaning in EXIT_CODES]
    return f"The first that applies, from the top:\n\n{_table(('code', 'meaning'), rows)}"


# Typer builds its commands on a private copy of click, whose classes cannot be imported: `Any`.
def _walk(group: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _describe_command(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["quote-forensics", name, "[OPTIONS]", *map(_show_argument, arguments)])
    parts = [f"## {name}", f"`{usage}`", *_describe_help(command.help)]
    if options:
        head = ("option", "meaning", "default")
        parts.append(_table(head, [_describe_option(option) for option in options]))
    return parts


def _show_argument(argument: Any) -> str:
    metavar = str(argument.metavar or argument.name.upper())
    return metavar if argument.required or metavar.startswith("[") else f"[{metavar}]"


def _describe_help(text: str) -> list[str]:
    """Paragraphs; those that click is told not to wrap (a leading \\b) become code blocks."""
    parts = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b"):
            title, *lines = paragraph.removeprefix("\b\n").split("\n")
            parts += [
                title,
                "\n".join(["```", *(line.removeprefix("  ") for line in lines), "```"]),
            ]
        else:
            parts.append(paragraph.replace("\n", " "))
    return parts


def _describe_option(option: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = f" {option.metavar}" if option.metavar else ""
    meaning = option.help or ""
    if option.multiple and "repeatable" not in meaning:
        meaning += " Repeatable."
    return names + metavar, meaning, _show_default(option)


def _show_default(option: Any) -> str:
    if option.name in MACHINE_DEFAULTS:
        return MACHINE_DEFAULTS[option.name]
    if option.default is None or option.is_flag:
        return ""
    return str(getattr(option.default, "value", option.default))


def describe_reasons() -> str:
    rows = [(f"`{code}`", meaning) for code, meaning in REASONS.items()]
    return _page(
        [
            _opening(
                "Quarantine reasons",
                "What cannot be read ends as a row of the view [quarantine](views.md#quarantine), "
                "with its bytes and one of these permanent codes.",
            ),
            _table(("reason", "meaning"), rows),
            "## Limits",
            "What is beyond one is quarantined. The other records of its file are read, and of an "
            "archive the members before it; a single compressed file that expands too far is "
            "quarantined whole.",
            _table(("limit", "value", "reason"), list_limits(DEFAULT_LIMITS)),
        ]
    )


def describe_events() -> str:
    types: dict[str, list[str]] = {}
    for name, kind in EVENT_TYPES.items():
        types.setdefault(kind.table, []).append(name)
    claims = ", ".join(f"`{name}`" for name in CLAIMS)
    parts = [
        _opening(
            "Events",
            "An event is one JSON object: a line of a log, a member of an array, or a file. It has "
            "an `event_type`, or else a `timestamp` or a `quote`. A `timestamp` that can be read "
            "is all that is required; null says nothing. The fields of a sighting may also stand "
            "in `NAME.json` beside a quote `NAME.bin`, there without a `timestamp`. Columns are "
            "those of the [views](views.md).",
        ),
        "## What is not of this form",
        "Nothing is lost. A field that this page does not name stays in the column `extra`, as "
        "does a value of another form than the field's; that record is also in "
        "[quarantine](reasons.md). So is one that repeats a key: its last value counts, and "
        f"`{DUPLICATE_KEYS}` in `extra` names it. Without a `timestamp` there is no row at all.",
        f"A claim of another form ({claims}) is evidence against the verifier: its column keeps it "
        "as logged, or `extra` where the column cannot, and `malformed_claims` names it.",
        "## Any other type, or none: a sighting",
        *_describe_event(OBSERVATION),
        "These columns are read from `extra`. Of several members the first that is there counts, "
        "of devices each; a dot goes into an object. `token_…` are claims of `token` (a JWS, or an "
        "object), or of the event itself where it has none.",
        _table(
            ("members", "column", "meaning"),
            (
                (", ".join(f"`{name}`" for name in names), *_find_column(OBSERVATION, column))
                for column, (_, names) in SHOWN.items()
            ),
        ),
    ]
    for kind in {kind.table: kind for kind in EVENT_TYPES.values()}.values():
        parts += [f"## {', '.join(types[kind.table])}", *_describe_event(kind)]
    return _page(parts)


def _describe_event(kind: EventType) -> list[str]:
    [table] = [table for table in TABLES if table.name == kind.table]
    rows = (
        (f"`{name}`", FORMS[read], *_find_column(kind, column))
        for name, (column, read) in kind.fields.items()
    )
    return [
        f"[{table.name}](tables.md#{table.name}): {table.doc}",
        _table(("field", "form", "column", "meaning"), rows),
    ]


def _find_column(kind: EventType, name: str) -> tuple[str, str]:
    """A column of the view of these events, and its meaning; a whole view for the quote itself."""
    [view] = [view for view in VIEWS if view.name == kind.table]
    docs = {column.name: column.doc for column in view.columns}
    if name in docs:
        return f"`{name}`", docs[name]
    [other] = [view for view in VIEWS if view.name == name]
    return f"a row of [{name}](views.md#{name})", other.doc


# Where the keys of a manifest stand, the stored table of their columns, and what shows columns that
# the view of that name has not.
_PLACES: tuple[tuple[str, Keys, str, Mapping[str, Sequence[str]]], ...] = (
    ("`[[workload]]`", WORKLOAD_KEYS, "workload", {}),
    ("`allow` of a workload", {**ALLOW_KEYS, **KEPT_KEYS}, "reference_value", {}),
    (
        "`report_data` of a workload",
        RULE_KEYS,
        "workload",
        {"workload": ("report_data_rule",), "binding": COLUMNS["binding"]},
    ),
    ("`expected` of a workload", EXPECTED_KEYS, "workload", {}),
    ("`[[platform]]`", PLATFORM_KEYS, "listed_platform", {}),
    ("`[policy]`", POLICY_KEYS, "policy", {}),
)


def describe_manifests() -> dict[str, str]:
    """The tables of the keys, and that of the recipes."""
    head = ("key", "form", "means", "read by")
    keys = [
        f"{place}:\n\n{_table(head, _describe_keys(keys, table, shown))}"
        for place, keys, table, shown in _PLACES
    ]
    recipes = _table(
        ("recipe", "REPORT_DATA is"),
        ((f"`{name}`", _describe_rule(rule)) for name, rule in RECIPES.items()),
    )
    return {"keys": "\n\n".join(keys), "recipes": recipes}


def _describe_keys(
    keys: Keys, table: str, shown: Mapping[str, Sequence[str]]
) -> Iterable[Sequence[str]]:
    """A row for the keys that have all but their names in common."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, (column, form) in keys.items():
        readers = _list_readers(shown or {table: (column,)})
        row = (form.words, _find_meaning(table, column), readers)
        rows.setdefault(row, []).append(f"`{name}`")
    return ((", ".join(names), *row) for row, names in rows.items())


def _find_meaning(table: str, column: str) -> str:
    """As the table says it, or the view of that name."""
    docs = {c.name: c.doc for view in VIEWS if view.name == table for c in view.columns}
    docs |= {c.name: c.doc for stored in TABLES if stored.name == table for c in stored.columns}
    return docs[column]


def _list_readers(columns: Mapping[str, Sequence[str]]) -> str:
    """The detectors that read one of these columns, by view."""
    return ", ".join(
        f"[{detector.id}](reference/detectors.md#{detector.id})"
        for detector in load_catalog().values()
        if any(
            not set(names).isdisjoint(read_columns(detector).get(view, ()))
            for view, names in columns.items()
        )
    )


def _describe_rule(rule: Rule) -> str:
    data = " ‖ ".join(f"`{part}`" for part in rule.parts)
    data += " as JSON with sorted keys and no blanks" if rule.canonical_json else ""
    compared = "" if rule.compared == SIZE else f"; its first {rule.compared} bytes are compared"
    return f"{data if rule.digest == 'none' else f'{rule.digest} of {data}'}{compared}"


def list_limits(limits: Limits) -> list[tuple[str, str, str]]:
    """Each limit of an ingest in words, its value, and the reason that names it."""

    def size(count: int) -> str:
        return f"{count // MIB} MiB"

    expanded = f"{limits.expansion_ratio} times its size, or {size(limits.free_expansion)}"
    return [
        ("a file that is no stream of records", size(limits.whole_file), "`too-large`"),
        ("a line, or a member of a JSON array", size(limits.record), "`line-too-long`"),
        ("nesting of JSON values", f"{limits.depth}", "`nesting-too-deep`"),
        ("archives in archives (a `.tar.gz` is two)", f"{limits.nesting}", "`nesting-limit`"),
        ("members of an archive", f"{limits.members:,}", "`expansion-limit`"),
        (
            "what comes out of an archive, or of a single compressed file",
            f"{expanded} where that is more; a large member counts twice, as it is read twice",
            "`expansion-limit`",
        ),
    ]


def _opening(title: str, text: str) -> str:
    return f"# {title}\n\n{NOTICE}\n\n{text}"


def _page(parts: Sequence[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_escape, line)) + " |" for line in lines)


def _escape(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY)
