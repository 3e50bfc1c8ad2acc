"""Evidence of any TEE: SGX and TDX quotes, SEV-SNP reports. The bytes say which."""

from __future__ import annotations

from forensics.errors import EvidenceError
from forensics.formats.quote import MAX_QUOTE_SIZE, Quote, parse_quote
from forensics.formats.snp import SnpReport, looks_like_report, parse_report

Evidence = Quote | SnpReport


def parse_evidence(data: bytes) -> Evidence:
    """Parse a quote or a report. Raises `EvidenceError` as `parse_quote` and `parse_report` do."""
    if looks_like_report(data, len(data)):
        if len(data) > MAX_QUOTE_SIZE:
            raise EvidenceError("too-large", f"{len(data)} bytes; the limit is {MAX_QUOTE_SIZE}")
        return parse_report(data)
    return parse_quote(data)
