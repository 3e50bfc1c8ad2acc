"""SQL expressions that the views share: bytes as hex, bits and bytes of bit fields, times, ids."""

from __future__ import annotations

from forensics.case.tables import Column
from forensics.verify.archive import NO_TIME

RECEIVED = "coalesce(o.received_at, o.verified_at, o.timestamp)"
"""When an observation `o` was received, as far as its own clocks tell."""
RECEIVED_OR_NO_TIME = f"coalesce(epoch_us({RECEIVED}), {NO_TIME})"
"""The same in microseconds, as the moment of its receipt's verdict."""
_SCHEME = "(?:[A-Za-z][A-Za-z0-9+.-]*:(?://)?)"
_IN_BRACKETS = rf"({_SCHEME}?)(?:\[|%5B)(.+?)(?:\]|%5D)(?::[0-9]+)?"
_WITH_PORT = rf"({_SCHEME}[^:/\[\]]+|[^:/\[\]]*):[0-9]+"
PEER_ADDRESS = (
    f"nullif(regexp_replace(o.peer, '^(?:{_IN_BRACKETS}|{_WITH_PORT})$', '\\1\\2\\3'), '')"
)
"""The peer of an observation `o` without its port: 192.0.2.7:443, [2001:db8::7]:443, tcp://host:80,
and as gRPC writes it, ipv6:%5B2001:db8::7%5D:443. What only looks like a port stays: 2001:db8::7,
spiffe://domain/workload.
"""
IS_EVIDENCE = "(o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)"
"""Whether an observation `o` is of evidence, and no event of a type that is not known here."""


def to_hex(expression: str) -> str:
    return f"lower(hex({expression}))"


def instant(expression: str) -> str:
    """A timestamp from microseconds since the epoch."""
    return f"make_timestamptz({expression})"


def field(column: Column) -> str:
    name = f's."{column.name}"'
    if column.type in ("u16", "u32", "u64"):
        return f'{name}::BIGINT AS "{column.name}"'
    return f'{to_hex(name)} AS "{column.name}"'


def observation_id(alias: str) -> str:
    """Source and line as hex: half of the source's SHA-256, then the line (0: whole file)."""
    return (
        f"concat({to_hex(f'{alias}.source_id')}[1:32], "
        f"printf('%08x', coalesce({alias}.source_line, 0)))"
    )


def byte(blob: str, place: int) -> str:
    """A byte of a blob, as a number."""
    return f"('0x' || hex({blob})[{2 * place + 1}:{2 * place + 2}])::INTEGER"


def flag(blob: str, bit: int) -> str:
    """A bit of a little-endian bit field."""
    return f"({byte(blob, bit // 8)} & {1 << bit % 8}) <> 0"


def unless_zero(blob: str, size: int) -> str:
    """Hex of a blob of that size; null when it is all zero."""
    return f"nullif({to_hex(blob)}, repeat('0', {2 * size}))"
