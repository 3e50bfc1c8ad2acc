"""The bulk corpus is real evidence: distinct, signed, accepted, and the same every time."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from pathlib import Path

import dcap_qvl
from bulk import load_corpus
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def test_the_corpus_is_distinct_accepted_and_deterministic(tmp_path: Path) -> None:
    corpus = load_corpus()
    lines = b"".join(
        corpus.emit_lines(first, end=40, seed=1, platforms=4, quotes=40)
        for first in (0, corpus.CHUNK)
    ).splitlines()
    for name, content in corpus.surround(corpus.make_archive(1)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    root = x509.load_pem_x509_certificate((tmp_path / "root_ca.pem").read_bytes())

    assert len(set(lines)) == 40
    for line in lines[:8]:
        event = json.loads(line)
        quote = b64decode(event["quote"])
        fmspc = dcap_qvl.parse_quote(quote).fmspc().lower()
        text = (tmp_path / "collateral" / f"{fmspc}.json").read_text()
        report = dcap_qvl.verify_with_root_ca(
            quote,
            dcap_qvl.QuoteCollateralV3.from_json(text),
            root.public_bytes(Encoding.DER),
            int(datetime.fromisoformat(event["received_at"]).timestamp()),
        )
        assert report.status == "UpToDate"
    assert corpus.emit_lines(0, end=40, seed=1, platforms=4, quotes=40).splitlines() == lines
