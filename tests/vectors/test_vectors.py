"""Real evidence before our eyes and Intel's: the verdicts of QVL (March 2024) at every moment.

`compare: false` in the manifest marks sets where our verdict is known to differ, or where a chain
had to be supplied; each of those is named below with what we say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import pytest
from vectors.real_sets import VECTORS, needs_vectors, read_sets

from forensics.case.settings import load_intel_root
from forensics.formats.certificates import parse_certificate
from forensics.formats.collateral import split_envelope
from forensics.formats.pem import split_pem

CHAINS = (
    "pck_crl_issuer_chain.pem",
    "tcb_info_issuer_chain.pem",
    "qe_identity_issuer_chain.pem",
)

pytestmark = needs_vectors


sets = partial(read_sets, "sgx", "tdx")


def complete(compare: bool) -> list[str]:
    return [
        name
        for name, entry in sets().items()
        if entry["complete_collateral"] and entry["compare"] == compare
    ]


def microseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


class Vector:
    """One set, as its folder holds it."""

    def __init__(self, name: str, bundle_of: Callable[..., Any], trial: Callable[..., Any]) -> None:
        self.entry = sets()[name]
        self.folder = VECTORS / name
        self._bundle_of = bundle_of
        self._trial = trial

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    @cached_property
    def anchors(self) -> set[bytes]:
        own = self.folder / "trusted_root.der"
        root = own.read_bytes() if own.exists() else load_intel_root()
        key = parse_certificate(root).public_key
        assert key is not None
        return {key}

    @cached_property
    def bundle(self) -> Any:
        return self._bundle_of(
            tuple(split_envelope(self.read(n)) for n in ("tcb_info.json", "qe_identity.json")),
            tuple(self.read(n) for n in ("pck_crl.der", "root_ca_crl.der")),
            tuple(dict.fromkeys(der for chain in CHAINS for _, der in split_pem(self.read(chain)))),
        )

    def prove(self, quote: str = "quote.bin", *, supplied: bool = False) -> Any:
        chain = self.read("pck_certificate_chain.pem") if supplied else None
        return self._trial(self.read(quote), self.bundle, self.anchors, chain)

    def oracles(self) -> Iterator[tuple[str, int, dict[str, Any], dict[str, Any]]]:
        """(name, moment, Intel's verdict, all verdicts) at `verify_at` and at each edge of time."""
        entry = self.entry
        yield "verify_at", microseconds(entry["verify_at"]), entry["reference"], entry["oracle"]
        for name, answers in entry["oracle_at"].items():
            yield name, microseconds(answers["time"]), answers["intel_qvl_2024"], answers


@pytest.fixture
def open_vector(
    bundle_of: Callable[..., Any], try_quote: Callable[..., Any]
) -> Callable[[str], Vector]:
    return lambda name: Vector(name, bundle_of, try_quote)


def verdict(judgement: Any) -> tuple[bool, str | None]:
    accepted = judgement.outcome == "accepted"
    return accepted, judgement.status if accepted else None


def expected(reference: dict[str, Any]) -> tuple[bool, str | None]:
    return reference["accepted"], reference["status"] if reference["accepted"] else None


@pytest.mark.parametrize("name", complete(True))
def test_intels_verdict_at_every_moment(open_vector: Callable[[str], Vector], name: str) -> None:
    vector = open_vector(name)
    trial = vector.prove()

    for edge, moment, reference, answers in vector.oracles():
        judgement = trial.at(moment)
        assert (edge, *verdict(judgement)) == (edge, *expected(reference))
        theirs = answers["dcap_qvl"]
        if judgement.outcome == "accepted" and theirs["ok"]:
            assert judgement.advisory_ids == tuple(sorted(theirs["advisory_ids"])), edge


@pytest.mark.parametrize(
    "name", [n for n in complete(True) if (VECTORS / n / "quote_as_found.bin").exists()]
)
def test_padding_changes_nothing(open_vector: Callable[[str], Vector], name: str) -> None:
    vector = open_vector(name)
    cut, found = vector.prove(), vector.prove("quote_as_found.bin")
    moment = microseconds(vector.entry["verify_at"])

    assert found.quote.trailing.startswith(cut.quote.trailing)
    assert found.quote.signed == cut.quote.signed
    assert found.at(moment).results == cut.at(moment).results
    assert verdict(found.at(moment)) == expected(vector.entry["reference"])


# --- sets that differ -----------------------------------------------------------------------

OLDER_ROOT = "accepted: the key of the older root certificate is the anchor's"
BAD_SIGNATURE = "rejected by both: the quote's signature is bad"
OTHER_ISSUER = "rejected by both: the PCK CA is not issued by this root"
DAMAGED_CHAIN = "rejected: the quote's chain is damaged; with the supplied one as Intel's library"
OTHER_ROOT = "rejected: the quote's root is another; with the supplied chain as Intel's library"
NO_CHAIN = "rejected: certification data of type 1; with the supplied chain all else is accepted"
SAMPLE = "rejected by both: a synthetic sample, whose module has no identity"

# Class, status where the quote alone is accepted, else the checks that fail.
OF_OLDER_ROOT = (OLDER_ROOT, "OutOfDate", [])
DIFFERENT: dict[str, tuple[str, str | None, list[str]]] = {
    "inteldcap-sgx-v3-64ad9190": OF_OLDER_ROOT,
    "openenclave-sgx-v3-74433285": OF_OLDER_ROOT,
    "openenclave-sgx-v3-f1ff3893": OF_OLDER_ROOT,
    "openenclave-sgx-v3-f6caddab": OF_OLDER_ROOT,
    "openenclave-sgx-v3-2a49ce72": (OTHER_ISSUER, None, ["P4", "P5"]),
    "openenclave-sgx-v3-44724863": (BAD_SIGNATURE, None, ["K5"]),
    "openenclave-sgx-v3-4e3f9fa7": (DAMAGED_CHAIN, None, ["P1"]),
    "automata-tdx-v4-a15cfbbe": (DAMAGED_CHAIN, None, ["P1"]),
    "openenclave-sgx-v3-f4f27469": (OTHER_ROOT, None, ["P2", "P3", "P4"]),
    "intelqvl-sample-sgx-v3-testroot": (NO_CHAIN, None, ["F4"]),
    "intelqvl-sample-tdx-v4-testroot": (SAMPLE, None, ["P1"]),
}


def stem(name: str) -> str:
    return name.removesuffix("-v2tcb").removesuffix("-alt")


@pytest.mark.parametrize("name", complete(False))
def test_known_differences(open_vector: Callable[[str], Vector], name: str) -> None:
    vector = open_vector(name)
    _, status, failed = DIFFERENT[stem(name)]
    judgement = vector.prove().at(microseconds(vector.entry["verify_at"]))

    assert verdict(judgement) == (status is not None, status)
    assert judgement.failed_checks == failed


@pytest.mark.parametrize(
    "name", [n for n in complete(False) if (VECTORS / n / "pck_certificate_chain.pem").exists()]
)
def test_supplied_chains_give_intels_verdict(
    open_vector: Callable[[str], Vector], name: str
) -> None:
    vector = open_vector(name)
    judgement = vector.prove(supplied=True).at(microseconds(vector.entry["verify_at"]))
    accepted, status = expected(vector.entry["reference"])

    if DIFFERENT[stem(name)][0] == NO_CHAIN:  # F4 looks at the quote, whatever is supplied
        assert judgement.failed_checks == ["F4"]
        assert judgement.results["V3"] == ("pass", "not Revoked", status)
    else:
        assert verdict(judgement) == (accepted, status)


def test_every_known_difference_is_still_there() -> None:
    assert {stem(name) for name in complete(False)} == set(DIFFERENT)


# --- strict checks --------------------------------------------------------------------------

CHECK_OF_CLASS = {"debug": "A1", "sept_ve_disable": "A3", "mrservicetd": "A4", "not_before": "T6"}


@pytest.mark.parametrize("name", complete(True))
def test_strict_checks_find_the_classes_of_the_manifest(
    open_vector: Callable[[str], Vector], name: str
) -> None:
    """What Intel's library leaves to the relying party, and dcap-qvl refuses, is seen."""
    vector = open_vector(name)
    judgement = vector.prove().at(microseconds(vector.entry["verify_at"]))
    classes = set(vector.entry["reference"]["classes"]) & set(CHECK_OF_CLASS)

    found = {check for check in CHECK_OF_CLASS.values() if check in judgement.strict_failures}
    assert {CHECK_OF_CLASS[name] for name in classes} <= found
    assert ("A1" in found) == vector.entry["debug"]


def test_the_vectors_are_all_there() -> None:
    assert len(complete(True)) >= 121
    assert len(complete(False)) >= 20
