"""A manifest's list of one's own platforms: three spellings, read strictly."""

from __future__ import annotations

import json

import pytest

from forensics.sources.manifest import decode_toml, decode_yaml, read_manifest
from forensics.sources.sniff import Kind, sniff

ONE, OTHER = "0a" * 16, "0b" * 16

TOML = f"""
[[platform]]
ppid = "{ONE}"
node_id = "node-1"
valid_from = "2024-01-01T00:00:00Z"
valid_to = 2024-09-01T00:00:00Z

[[platform]]
ppid = "{OTHER}"
"""

YAML = f"""platform:
  - {{ppid: "{ONE}", node_id: node-1, valid_from: 2024-01-01T00:00:00Z,
      valid_to: "2024-09-01T00:00:00Z"}}
  - ppid: "{OTHER}"
"""

ROWS = [
    (
        "listed_platform",
        {
            "ppid": bytes.fromhex(ONE),
            "node_id": "node-1",
            "valid_from": 1704067200000000,
            "valid_to": 1725148800000000,
        },
    ),
    ("listed_platform", {"ppid": bytes.fromhex(OTHER)}),
]


@pytest.mark.parametrize("kind", [Kind.TOML, Kind.YAML])
def test_every_spelling_gives_the_same_rows(kind: Kind) -> None:
    text = (TOML if kind is Kind.TOML else YAML).encode()
    value = decode_toml(text) if kind is Kind.TOML else decode_yaml(text)
    record = read_manifest(value, text, None)

    assert sniff(text, len(text)) is kind
    assert record.problem is None
    assert list(record.rows) == ROWS


def test_a_json_list_is_a_manifest() -> None:
    text = json.dumps({"platform": [{"ppid": OTHER}]}).encode()

    assert list(read_manifest(json.loads(text), text, None).rows) == ROWS[1:]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"ppid": "0a" * 15},
        {"ppid": 7},
        {"ppid": ONE, "node_id": 7},
        {"ppid": ONE, "valid_from": "2024-01-01"},
        {"ppid": ONE, "valid_from": "2024-01-01T00:00:00Z", "valid_to": "2024-01-01T00:00:00Z"},
        {"ppid": ONE, "sockets": 2},
    ],
)
def test_an_entry_that_is_not_understood_is_refused_alone(entry: dict[str, object]) -> None:
    record = read_manifest({"platform": [entry, {"ppid": OTHER}]}, b"", None)

    assert record.problem is not None
    assert record.problem.reason == "bad-manifest"
    assert "platform 1" in record.problem.message
    assert list(record.rows) == ROWS[1:]


def test_a_platform_elsewhere_is_no_manifest() -> None:
    text = b"name: build\nplatform: linux\nsteps:\n  - run: make\n"

    assert sniff(text, len(text)) is not Kind.YAML
