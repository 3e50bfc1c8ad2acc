"""Healthy quotes of every version, and where the real ones are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forensics.formats.quote import Quote
from forensics.formats.structures import TD_REPORT_10, TD_REPORT_15
from forensics.simulate import keys, pki, quotes
from forensics.simulate.sgx_extension import SgxExtension

VECTORS = Path(os.environ.get("QUOTE_VECTORS", "../shared/vectors"))


def _build() -> dict[str, Quote]:
    authority = pki.make_pki(5)
    extension = SgxExtension(bytes(16), bytes(6), platform_instance_id=bytes(16))
    pck = authority.issue_pck(extension, label="pck")
    key = keys.derive_key(5, "attestation key")
    chain = authority.pck_chain(pck)
    sgx = quotes.certify(key, pck.key, chain)
    tdx = quotes.certify(key, pck.key, chain, tee="tdx")
    return {
        "sgx-v3": quotes.build_quote(sgx, quotes.sgx_body(), version=3),
        "sgx-v4": quotes.build_quote(sgx, quotes.sgx_body(), version=4),
        "sgx-v5": quotes.build_quote(sgx, quotes.sgx_body(), version=5),
        "tdx-v4": quotes.build_quote(tdx, quotes.td_body(TD_REPORT_10), version=4),
        "tdx-v5-1.0": quotes.build_quote(tdx, quotes.td_body(TD_REPORT_10), version=5),
        "tdx-v5-1.5": quotes.build_quote(tdx, quotes.td_body(TD_REPORT_15), version=5),
    }


@pytest.fixture(scope="session")
def healthy() -> dict[str, Quote]:
    return _build()


@pytest.fixture(scope="session")
def vectors() -> Path:
    if not VECTORS.is_dir():
        pytest.skip("QUOTE_VECTORS does not lead to the real vectors")
    return VECTORS
