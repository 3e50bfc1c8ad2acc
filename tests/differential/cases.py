"""What is put before the verifiers: real sets, their changes, and the attack cases."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from differential import collateral_changes, quote_changes
from differential.verifiers import Answer, Exhibit, ask_ours
from verify import (
    test_attacks_on_chains,
    test_attacks_on_collateral,
    test_attacks_on_quotes,
    test_checks,
    test_times,
)

from forensics.case.settings import load_intel_root
from forensics.errors import EvidenceError

VECTORS = Path(os.environ.get("QUOTE_VECTORS", "../shared/vectors"))
MANIFEST = VECTORS / "manifest.json"

BASES_PER_KIND = {("sgx", 3): 12, ("tdx", 4): 14, ("tdx", 5): 6}
BINDING_EVERY = 5  # of the bases; the binding is slow
TEXT_STEP = 3
FLIPS_FOR_BINDING = 17  # one flip in so many


@dataclass(frozen=True)
class Case:
    """`with_binding`: Intel's older binding is asked too. `recorded`: what QVL of 2024 said."""

    name: str
    exhibit: Exhibit
    with_binding: bool = False
    recorded: Answer | None = None


# --- real sets ------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def open_sets() -> tuple[tuple[dict[str, Any], Exhibit], ...]:
    """(entry of the manifest, exhibit at `verify_at`) of every set with all its collateral."""
    entries = json.loads(MANIFEST.read_text())
    return tuple(
        (entry, _open_set(entry))
        for entry in entries
        if entry["tee"] in ("sgx", "tdx") and entry["complete_collateral"]
    )


def _open_set(entry: dict[str, Any]) -> Exhibit:
    folder = VECTORS / entry["name"]
    own = folder / "trusted_root.der"
    return Exhibit(
        quote=(folder / "quote.bin").read_bytes(),
        pck_crl_issuer_chain=(folder / "pck_crl_issuer_chain.pem").read_bytes(),
        root_ca_crl=(folder / "root_ca_crl.der").read_bytes(),
        pck_crl=(folder / "pck_crl.der").read_bytes(),
        tcb_info_issuer_chain=(folder / "tcb_info_issuer_chain.pem").read_bytes(),
        tcb_info=(folder / "tcb_info.json").read_bytes(),
        qe_identity_issuer_chain=(folder / "qe_identity_issuer_chain.pem").read_bytes(),
        qe_identity=(folder / "qe_identity.json").read_bytes(),
        root=own.read_bytes() if own.exists() else load_intel_root(),
        moment=_seconds(entry["verify_at"]),
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def list_vectors() -> Iterator[Case]:
    """Every set at `verify_at`, as found and cut, and at every edge of time."""
    for number, (entry, exhibit) in enumerate(open_sets()):
        name = entry["name"]
        yield Case(name, exhibit, with_binding=True, recorded=_read_answer(entry["reference"]))
        found = VECTORS / name / "quote_as_found.bin"
        if found.exists():
            padded = replace(exhibit, quote=found.read_bytes())
            answers = entry["oracle_as_found_with_trailing_zeros"]
            recorded = _read_answer(answers["intel_qvl_2024"])
            yield Case(f"{name}, as found", padded, recorded=recorded)
        for edge, answers in entry["oracle_at"].items():
            yield Case(
                f"{name}, {edge}",
                replace(exhibit, moment=_seconds(answers["time"])),
                with_binding=number % BINDING_EVERY == 0,
                recorded=_read_answer(answers["intel_qvl_2024"]),
            )


def _read_answer(record: dict[str, Any]) -> Answer:
    accepted = record["accepted"]
    return Answer(accepted, record["status"] if accepted else None, str(record.get("note")))


# --- changes to real sets -------------------------------------------------------------------


@lru_cache(maxsize=1)
def choose_bases() -> tuple[tuple[str, Exhibit], ...]:
    """Distinct accepted quotes of every kind, with the collateral of the manifest's first set."""
    seen: set[str] = set()
    chosen = []
    left = Counter(BASES_PER_KIND)
    for entry, exhibit in open_sets():
        kind = (entry["tee"], entry["quote_version"])
        fresh = entry["compare"] and entry["quote_sha256"] not in seen and left[kind] > 0
        if fresh and ask_ours(exhibit).accepted:
            seen.add(entry["quote_sha256"])
            left[kind] -= 1
            chosen.append((entry["name"], exhibit))
    return tuple(chosen)


def list_changes() -> Iterator[Case]:
    """Every class of change, of the quote and of its collateral, to every base."""
    bases = choose_bases()
    for number, (name, exhibit) in enumerate(bases):
        assert exhibit.parsed is not None
        with_binding = number % BINDING_EVERY == 0
        for change, quote in quote_changes.list_changes(exhibit.parsed):
            yield Case(f"{name}, {change}", replace(exhibit, quote=quote), with_binding)
        others = [bases[(number + step) % len(bases)][1] for step in (1, 2, 5)]
        for change, changed in collateral_changes.list_changes(exhibit, others):
            yield Case(f"{name}, {change}", changed, with_binding)


def list_flips() -> Iterator[Case]:
    """One bit of every byte, of one quote of every kind that every verifier accepts.

    In the certificates' text, which is long and mostly alike, in every third byte only.
    """
    seen = set()
    for name, exhibit in choose_bases():
        quote = exhibit.parsed
        assert quote is not None
        kind = (quote.tee, quote.version)
        if kind in seen or ask_ours(exhibit).strict:
            continue
        seen.add(kind)
        for number, (change, data) in enumerate(quote_changes.list_flips(quote, TEXT_STEP)):
            with_binding = number % FLIPS_FOR_BINDING == 0
            yield Case(f"{name}, {change}", replace(exhibit, quote=data), with_binding)


# --- attacks --------------------------------------------------------------------------------

ATTACKS = (
    *test_attacks_on_quotes.ATTACKS,
    *test_attacks_on_chains.ATTACKS,
    *test_attacks_on_collateral.ATTACKS,
)


def list_attacks(kit: Any) -> Iterator[Case]:
    """The attack cases as far as they are one quote with one set of collateral."""
    for name, forge, _ in ATTACKS:
        try:
            evidence = forge(kit)
        except EvidenceError:
            continue  # an envelope that no reader takes apart: the attack ends before a quote
        yield Case(name, exhibit_of(evidence), with_binding=True)


# --- one check at a time --------------------------------------------------------------------


PARTIAL_CRLS = (
    x509.DeltaCRLIndicator(1),
    x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=True,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    ),
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
)


def list_single_checks(kit: Any) -> Iterator[Case]:
    """For every check the evidence that fails it alone; everything at both ends of its validity."""
    for single in test_checks.CASES:
        yield Case(str(single), exhibit_of(single.forge(kit)), with_binding=True)
    for extension in PARTIAL_CRLS:
        crl = kit.crl(kit.pki.platform_ca, critical=extension)
        exhibit = exhibit_of(kit.evidence().bend_collateral(pck_crl=crl))
        yield Case(f"PCK CRL with {type(extension).__name__}", exhibit, with_binding=True)
    for edge in (*test_times.STARTS, *test_times.ENDS):
        exhibit = exhibit_of(edge.build(kit, test_times.EDGE))
        for offset in (-1, 0, 1):
            at = replace(exhibit, moment=int(test_times.EDGE.timestamp()) + offset)
            yield Case(f"{edge}, {offset:+} s", at, with_binding=True)


def exhibit_of(evidence: Any) -> Exhibit:
    """Simulated evidence; what it lacks is empty here, as a live verifier would see it."""
    parts = evidence.collateral
    pieces = {
        "pck_crl_issuer_chain": parts.pck_crl_issuer_chain,
        "root_ca_crl": parts.root_ca_crl,
        "pck_crl": parts.pck_crl,
        "tcb_info_issuer_chain": parts.tcb_info_issuer_chain,
        "tcb_info": parts.tcb_info.envelope(),
        "qe_identity_issuer_chain": parts.qe_identity_issuer_chain,
        "qe_identity": parts.qe_identity.envelope(),
    }
    return Exhibit(
        quote=evidence.quote.to_bytes() if evidence.raw is None else evidence.raw,
        root=evidence.kit.pki.root.der,
        moment=int(evidence.moment.timestamp()),
        **pieces | dict.fromkeys(evidence.without, b""),
    )
