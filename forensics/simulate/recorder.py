"""Events and quote files of the fleet, collected in memory and laid out as collectors leave them.

One JSON-lines file per party and day, older verifier logs compressed; copies made by a second
collector; what an outage held back, in one late file.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One logged line: which party's log, when on that party's clock, what."""

    stream: str
    at: datetime
    event: Event


@dataclass(frozen=True)
class QuoteFile:
    """A quote kept as a file; `fields` is its sidecar."""

    name: str
    data: bytes
    fields: Event | None = None

    def content(self) -> bytes:
        """Raw, hex or base64, as the name says."""
        if self.name.endswith(".hex"):
            return self.data.hex().encode() + b"\n"
        if self.name.endswith(".b64"):
            return b64encode(self.data) + b"\n"
        return self.data


@dataclass
class Recorder:
    """What was logged; `held_back` is the outage of one stream's collector."""

    held_back: tuple[str, datetime, datetime] | None = None
    entries: list[Entry] = field(default_factory=list)
    quotes: list[QuoteFile] = field(default_factory=list)

    def add(self, stream: str, at: datetime, event: Event) -> Entry:
        if self.held_back is not None:
            name, start, end = self.held_back
            if stream == name and start <= at < end:
                stream = "backfill"
        entry = Entry(stream, at, event)
        self.entries.append(entry)
        return entry

    def add_copy(self, entry: Entry) -> None:
        """The same line again, in the file of another collector."""
        self.entries.append(Entry("siem-export", entry.at, entry.event))

    def add_quote(self, name: str, data: bytes, fields: Event | None = None) -> None:
        self.quotes.append(QuoteFile(name, data, fields))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """`(path, content)` below the evidence directory."""
        by_file: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.entries:
            by_file.setdefault((entry.stream, f"{entry.at:%Y-%m-%d}"), []).append(entry)
        last_day = max((day for _, day in by_file), default="")
        for (stream, day), entries in sorted(by_file.items()):
            entries.sort(key=lambda entry: entry.at)
            text = b"".join(encode_event(entry.event) + b"\n" for entry in entries)
            if day < last_day and stream.startswith(("verifier", "backfill")):
                yield f"events/{stream}-{day}.jsonl.gz", gzip.compress(text, mtime=0)
            else:
                yield f"events/{stream}-{day}.jsonl", text
        for quote in self.quotes:
            yield f"quotes/{quote.name}", quote.content()
            if quote.fields is not None:
                stem = quote.name.rpartition(".")[0]
                yield f"quotes/{stem}.json", encode_event(quote.fields) + b"\n"


def encode_event(event: Event) -> bytes:
    """Compact JSON in member order."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def format_clock(moment: datetime) -> str:
    """RFC 3339 with milliseconds, UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
