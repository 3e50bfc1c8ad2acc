"""Shared by all rooms: one quote judged in memory without a case, one audited case, and processes
that die.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from forensics.case import processes
from forensics.case.loose import make_loose_subject, prove_loose_certification
from forensics.formats.certificates import parse_certificate
from forensics.formats.collateral import parse_enclave_identity, parse_tcb_info
from forensics.formats.crl import parse_crl
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, parse_quote
from forensics.verify.appraisal import Appraiser, Judgement
from forensics.verify.archive import Archive, Selection
from forensics.verify.chain import prove_chain, unproven_chain
from forensics.verify.documents import find_signers, prove_crl, prove_document
from forensics.verify.facts import CrlFact, DocumentFact, list_signings
from forensics.verify.signatures import verify_raw

SAMPLE = Path(__file__).parents[1] / "sample_data"
END_OF_SAMPLE = "2026-01-08T00:00:00Z"


@dataclass(frozen=True)
class Bundle:
    """Collateral: documents as (kind, signed text, signature), CRLs, certificates in DER."""

    documents: tuple[tuple[str, bytes, bytes], ...] = ()
    crls: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()


class Trial:
    """One quote with one bundle: everything proven once, to be judged at any moment.

    `chain` stands in for the quote's own certification data.
    """

    def __init__(
        self,
        quote: bytes,
        bundle: Bundle,
        anchors: Collection[bytes],
        chain: bytes | None = None,
    ) -> None:
        self.quote = parse_quote(quote)
        known = [parse_certificate(der) for der in bundle.certificates]
        signers = find_signers(known, anchors)
        self.bodies: dict[bytes, bytes] = {}
        self.documents: list[DocumentFact] = []
        for kind, body, signature in bundle.documents:
            fact = prove_document(kind, body, signature, signers)
            self.bodies[fact.document_id] = body
            self.documents += list_signings(fact, fact.signer_key, [s.fact for s in signers])
        self.crls: list[CrlFact] = [prove_crl(parse_crl(data), known) for data in bundle.crls]
        is_chain = self.quote.certification_type == CERTIFICATION_PCK_CHAIN
        data = self.quote.certification_data if chain is None else chain
        proven = is_chain or chain is not None
        self.chain = prove_chain(data, anchors) if proven else unproven_chain(data)
        self.certification = prove_loose_certification(self.quote, self.chain)
        parts = (self.quote.attestation_key, self.quote.signature, self.quote.signed)
        self.subject = make_loose_subject(self.quote, verify_raw(*parts))
        self.archive = Archive(self.documents, self.crls)

    def at(self, moment: int) -> Judgement:
        """Judge at `moment` (microseconds) with what the archive's rule selects."""
        context = self.archive.context(self.chain, self.subject.tee)
        return self._judge(context.select(moment), moment)

    def handed(self, moment: int) -> Judgement:
        """Judge as a live verifier does: with the first piece of each kind, whatever it says."""
        kinds = {document.outline.kind: document for document in reversed(self.documents)}
        crls = {crl.issuer: crl for crl in reversed(self.crls)}
        selection = Selection(
            kinds.get("tcb_info"),
            kinds.get("qe_identity"),
            crls.get(self.chain.root_subject or b""),
            crls.get(self.chain.ca_subject or b""),
        )
        return self._judge(selection, moment)

    def _judge(self, selection: Selection, moment: int) -> Judgement:
        return self._appraiser.judge(
            self.subject, self.certification, self.chain, selection, moment
        )

    @cached_property
    def _appraiser(self) -> Appraiser:
        return Appraiser(
            lambda document: parse_tcb_info(self.bodies[document.document_id]),
            lambda document: parse_enclave_identity(self.bodies[document.document_id]),
        )


@pytest.fixture(scope="session")
def bundle_of() -> type[Bundle]:
    return Bundle


@pytest.fixture(scope="session")
def try_quote() -> type[Trial]:
    return Trial


@pytest.fixture(scope="session")
def judge_quote() -> Callable[[bytes, Bundle, Collection[bytes], int], Judgement]:
    def judge(
        quote: bytes, collateral: Bundle, anchors: Collection[bytes], moment: int
    ) -> Judgement:
        return Trial(quote, collateral, anchors).at(moment)

    return judge


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A case with the audited sample; tests must not change it."""
    from forensics.cli.main import main

    case = tmp_path_factory.mktemp("audited") / "case"
    arguments = ["audit", str(case), str(SAMPLE / "evidence")]
    arguments += ["--root-ca", str(SAMPLE / "root_ca.pem"), "--as-of", END_OF_SAMPLE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["quote-forensics", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 1
    entries = sorted((case / "ledger").iterdir())
    yield case
    assert sorted((case / "ledger").iterdir()) == entries, "a test changed the shared case"


@pytest.fixture
def dying_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that work for a command are killed as soon as they are started."""
    start = processes._start

    def start_and_kill(module: str) -> subprocess.Popen[bytes]:
        process = start(module)
        os.kill(process.pid, 9)
        process.wait()
        return process

    monkeypatch.setattr(processes, "_start", start_and_kill)
