"""The Grafana dashboard and the Prometheus rules of `deploy/`.

Against what Grafana publishes, a parser of PromQL, and the metrics of a real run.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from forensics.report.metrics import METRICS, PREFIX

ROOT = Path(__file__).parents[2]
CONSUMERS = ROOT / "tests" / "consumers"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
RULES = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]
PANEL_EXPRESSIONS = [t["expr"] for panel in DASHBOARD["panels"] for t in panel["targets"]]
EXPRESSIONS = [*PANEL_EXPRESSIONS, *(rule["expr"] for rule in RULES)]
EVENT = (
    '{"event_type":"enclave_launch","timestamp":"2026-01-05T10:00:00Z","container_id":"c",'
    '"enclave_id":"e","runtime":"ironclaw"}\n'
)


# What Grafana publishes


def find_type_errors(folder: Path, *dashboards: object) -> list[str]:
    """What the TypeScript compiler says about dashboards, by Grafana's own types."""
    compiler, node = CONSUMERS / "node_modules" / "typescript" / "bin" / "tsc", shutil.which("node")
    if node is None or not compiler.exists():
        pytest.skip("no types of Grafana: npm ci --prefix tests/consumers --ignore-scripts")
    program = folder / "dashboards.ts"
    program.write_text(
        f'import type {{ PrometheusDashboard }} from "{CONSUMERS / "dashboard"}";\n'
        f"export const given: PrometheusDashboard[] = [\n"
        + "".join(f"{json.dumps(dashboard)},\n" for dashboard in dashboards)
        + "];\n"
    )
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext"]
    options += ["--moduleResolution", "bundler"]
    command = [node, str(compiler), *options, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    errors = [line for line in done.stdout.splitlines() if ": error TS" in line]
    assert bool(done.returncode) == bool(errors), done.stdout + done.stderr
    return errors


def test_grafana_knows_every_field_of_the_dashboard(tmp_path: Path) -> None:
    assert find_type_errors(tmp_path, DASHBOARD) == []


def test_the_types_of_grafana_do_look(tmp_path: Path) -> None:
    panel = DASHBOARD["panels"][0]
    [target] = panel["targets"]
    complaints = {
        "'string' is not assignable to type 'number'": {"gridPos": panel["gridPos"] | {"w": "6"}},
        "'\"colour\"' does not exist": {"colour": "red"},
        "'\"expression\"' does not exist": {"targets": [target | {"expression": "up"}]},
        "'\"tabular\"' is not assignable": {"targets": [target | {"format": "tabular"}]},
        "Property 'type' is missing": {"type": None},
    }
    broken = []
    for changes in complaints.values():
        changed = {k: v for k, v in (panel | changes).items() if v is not None}
        broken.append(DASHBOARD | {"panels": [changed]})
    for complaint, error in zip(complaints, find_type_errors(tmp_path, *broken), strict=True):
        assert complaint in error


def test_panels_have_their_own_ids_and_places() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken), "panels lie over each other"
    assert max(x for x, _ in taken) < 24
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


# What Prometheus is asked


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Metric -> its labels, as an audit that does all it can writes them."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "events.jsonl").write_text(EVENT)
    command = [sys.executable, "-m", "forensics", "audit", "case", "events.jsonl"]
    command += ["--on-finding", f'"{sys.executable}" -c ""', "--output", "prometheus=out.prom"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in text_string_to_metric_families((folder / "out.prom").read_text())
    }


def parts_of(expression: str) -> list[Any]:
    found: list[Any] = []
    promql.walk(promql.parse(expression), lambda node: found.append(node))
    return found


def selectors_of(expression: str) -> list[Any]:
    return [part for part in parts_of(expression) if isinstance(part, promql.VectorSelector)]


def groups_of(expression: str) -> set[str]:
    modifiers = (getattr(part, "modifier", None) for part in parts_of(expression))
    return {
        label
        for modifier in modifiers
        if isinstance(modifier, promql.AggModifier)
        for label in modifier.labels
    }


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_asks_for_what_a_run_writes(
    written: dict[str, set[str]], expression: str
) -> None:
    selectors = selectors_of(expression)
    assert selectors
    for selector in selectors:
        labels = written[selector.name]
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels
        assert groups_of(expression) <= labels


@pytest.mark.parametrize("target", [t for p in DASHBOARD["panels"] for t in p["targets"]])
def test_every_legend_names_a_label(written: dict[str, set[str]], target: dict[str, Any]) -> None:
    named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
    [selector] = selectors_of(target["expr"])
    assert named <= (groups_of(target["expr"]) or written[selector.name])


def test_every_metric_is_written_and_shown(written: dict[str, set[str]]) -> None:
    names = {f"{PREFIX}_{name}" for name in METRICS}
    assert set(written) == names
    assert {s.name for text in PANEL_EXPRESSIONS for s in selectors_of(text)} == names


@pytest.mark.parametrize("broken", ["sum by (a (x)", "x{a=~'['}", "time() -", "sum(1)"])
def test_the_parser_of_promql_does_look(broken: str) -> None:
    with pytest.raises(ValueError):
        promql.parse(broken)
