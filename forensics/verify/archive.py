"""Which collateral is judged with at a moment: the selection rule, in one place.

Everything ever ingested is a candidate. For one subject and one moment `t`, of the documents that
are *about* the subject (same root, TEE, FMSPC, PCE-ID; for CRLs the same issuer), the one used is

1. authentic before not authentic: a forged document never displaces a real one;
2. of documents, one whose signer the root CRL that is used does not list; of CRLs, one that lists
   everything: a delta or a scoped list would hide what a whole one revokes;
3. in force at `t` (issued <= t <= expiry), of these the latest issued;
4. else not yet expired at `t` but issued later, the earliest issued: Intel's library accepts that
   too, and the strict check T6 then fails;
5. else expired, the one that expired last: the checks T2-T5 then fail;

with ties broken by the higher evaluation number, then document version, then id. The moment of
expiry itself is still in force (QVL compares with `>`), to the second as Intel counts time.

A document also expires with the certificates behind it. Where several certify the key that signed
it, under the root of the subject, one that began by `t` is used, the longest-lived of these: Intel
certifies its key anew, and what the case learned first decides nothing.

Where no authentic TCB info of that FMSPC has the PCE-ID, those of others stay candidates and fail
M3, as in QVL, which is given one document.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from typing import Any, TypeVar

from forensics.formats.collateral import QE_IDENTITY, TCB_INFO
from forensics.verify.facts import ChainFact, CrlFact, DocumentFact, EndorsementFact

SECOND = 1_000_000
LAST_SECOND = 253_402_300_799  # of the year 9999: no calendar goes further
COLLATERAL_IDS = ("tcb_info_id", "qe_identity_id", "root_crl_id", "pck_crl_id")
"""The columns of a verdict that name what a `Selection` holds, in its order."""
NO_TIME = -(1 << 62) - 1
"""The moment of what was seen at no known time: before all others, and nothing is in force."""
MAX_ALTERNATIVES = 1024  # an archive full of near-copies must not stall an appraisal

CONTEXT_COLUMNS = ("root_key", "root_subject", "ca_key", "ca_subject", "fmspc", "pce_id")
"""What decides, beside the TEE, which collateral is about a subject with this chain."""

_MOST_CONTEXTS = 1 << 12
_NEVER = 1 << 62
_Item = TypeVar("_Item", DocumentFact, CrlFact)


@dataclass(frozen=True)
class Selection:
    """The collateral used at one moment; None where the case has none that is about the subject."""

    tcb_info: DocumentFact | None
    qe_identity: DocumentFact | None
    root_crl: CrlFact | None
    pck_crl: CrlFact | None

    def name_used(self) -> dict[str, str | None]:
        """The ids in hex by `COLLATERAL_IDS`; None where there is nothing."""
        documents = (self.tcb_info, self.qe_identity)
        ids = [None if d is None else d.document_id.hex() for d in documents]
        ids += [None if c is None else c.crl_id.hex() for c in (self.root_crl, self.pck_crl)]
        return dict(zip(COLLATERAL_IDS, ids, strict=True))


@dataclass(frozen=True)
class Context:
    """The candidates of all subjects that share root, CA, TEE, FMSPC and PCE-ID."""

    tcb_infos: tuple[DocumentFact, ...]
    qe_identities: tuple[DocumentFact, ...]
    root_crls: tuple[CrlFact, ...]
    pck_crls: tuple[CrlFact, ...]
    _selected: dict[int, Selection] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def boundaries(self) -> list[int]:
        """Moments at which the selection or the outcome of a time check can change, ascending."""
        moments: set[int] = set()
        for document in (*self.tcb_infos, *self.qe_identities):
            moments.update(_interval(document))
            if document.signer is not None:
                moments.update((document.signer.not_before, document.signer.not_after + SECOND))
        for crl in (*self.root_crls, *self.pck_crls):
            moments.update(_interval(crl))
        return sorted(moments - {_NEVER, -_NEVER})

    def select(self, moment: int) -> Selection:
        """What is used at a moment; found once, because many subjects share both."""
        if moment == NO_TIME:
            return Selection(None, None, None, None)
        if moment not in self._selected:
            parts = (self.tcb_infos, self.qe_identities, self.root_crls, self.pck_crls)
            self._selected[moment] = _select(*parts, moment)
        return self._selected[moment]

    def alternatives(self, moment: int) -> Iterator[Selection]:
        """Every selection of authentic collateral that is in force at `moment`."""
        parts = (
            _in_force(self.tcb_infos, moment),
            _in_force(self.qe_identities, moment),
            _in_force(self.root_crls, moment),
            _in_force(self.pck_crls, moment),
        )
        for combination in islice(product(*parts), MAX_ALTERNATIVES):
            yield Selection(*combination)


class Archive:
    """All proven documents and CRLs of a case.

    `chosen` names documents and CRLs by id: what they are about is judged with no others.
    """

    def __init__(
        self,
        documents: Iterable[DocumentFact],
        crls: Iterable[CrlFact],
        chosen: Collection[bytes] = (),
    ) -> None:
        self.documents = list(documents)
        self.crls = list(crls)
        self._chosen = frozenset(chosen)
        self._contexts: dict[tuple[object, ...], Context] = {}

    def context(self, chain: ChainFact | EndorsementFact | None, tee: str) -> Context:
        """Candidates for a subject with this chain.

        For a report these are CRLs only, and none where its certificate is missing.
        """
        if not isinstance(chain, ChainFact):
            return self._report_context(chain)
        key = (tee, *(getattr(chain, name) for name in CONTEXT_COLUMNS))
        if key not in self._contexts:
            if len(self._contexts) >= _MOST_CONTEXTS:  # damaged chains have one each
                self._contexts = {}
            self._contexts[key] = Context(
                tcb_infos=self._prefer(self._find_tcb_infos(chain, tee)),
                qe_identities=self._prefer(self._find_qe_identities(chain, tee)),
                root_crls=self._prefer(self._find_crls(chain.root_subject, chain.root_key)),
                pck_crls=self._prefer(self._find_crls(chain.ca_subject, chain.ca_key)),
            )
        return self._contexts[key]

    def _report_context(self, endorsement: EndorsementFact | None) -> Context:
        root = (endorsement.root_subject, endorsement.root_key) if endorsement else (None, None)
        if root not in self._contexts:
            self._contexts[root] = Context((), (), self._prefer(self._find_crls(*root)), ())
        return self._contexts[root]

    def recall(
        self, used: Mapping[str, str | None], root_key: bytes | None, moment: int
    ) -> Selection:
        """The selection that a verdict names by `COLLATERAL_IDS` (hex, None for what was missing),
        for a chain under this root.
        """
        info, identity, root_crl, pck_crl = (
            self._by_id.get(used[name] or "", ()) for name in COLLATERAL_IDS
        )
        infos, identities = (
            [d for d in found if _same_root(d.root_key, root_key)] for found in (info, identity)
        )
        return _select(infos, identities, root_crl, pck_crl, moment)

    @cached_property
    def _by_id(self) -> dict[str, list[Any]]:
        """Documents, under each of their signers, and CRLs."""
        items: list[DocumentFact | CrlFact] = [*self.documents, *self.crls]
        found = defaultdict(list)
        for item in items:
            found[identify(item).hex()].append(item)
        return found

    def _prefer(self, candidates: tuple[_Item, ...]) -> tuple[_Item, ...]:
        """The chosen ones among the candidates, where there are any."""
        return tuple(c for c in candidates if identify(c) in self._chosen) or candidates

    def _find_tcb_infos(self, chain: ChainFact, tee: str) -> tuple[DocumentFact, ...]:
        found = tuple(
            d
            for d in self.documents
            if d.outline.kind == TCB_INFO
            and d.outline.id.lower() == tee
            and d.outline.fmspc == chain.fmspc
            and _same_root(d.root_key, chain.root_key)
        )
        fitting = tuple(d for d in found if d.outline.pce_id == chain.pce_id)
        return fitting if any(d.authentic for d in fitting) else found

    def _find_qe_identities(self, chain: ChainFact, tee: str) -> tuple[DocumentFact, ...]:
        wanted = "TD_QE" if tee == "tdx" else "QE"
        return tuple(
            d
            for d in self.documents
            if d.outline.kind == QE_IDENTITY
            and d.outline.id == wanted
            and _same_root(d.root_key, chain.root_key)
        )

    def _find_crls(self, subject: bytes | None, key: bytes | None) -> tuple[CrlFact, ...]:
        return tuple(c for c in self.crls if c.issuer == subject and _same_root(c.issuer_key, key))


def identify(item: DocumentFact | CrlFact) -> bytes:
    return item.crl_id if isinstance(item, CrlFact) else item.document_id


def _same_root(found: bytes | None, wanted: bytes | None) -> bool:
    """A document that nobody signed stays a candidate: it must be seen to fail."""
    return found is None or found == wanted


def _interval(item: DocumentFact | CrlFact) -> tuple[int, int]:
    """Half-open validity `[issued, expired)` in microseconds; unknown ends never cover anything."""
    start: int | None
    end: int | None
    if isinstance(item, CrlFact):
        start, end = item.this_update, item.next_update
    else:
        start, end = item.outline.issued_at, item.outline.expires_at
    return (_NEVER if start is None else start, -_NEVER if end is None else end + SECOND)


def _usable(item: DocumentFact | CrlFact) -> tuple[int, int]:
    """The same, but for a document no longer than the certificates behind it."""
    start, end = _interval(item)
    if isinstance(item, DocumentFact) and item.signer is not None:
        end = min(end, item.signer.not_after + SECOND)
    return start, end


def _rank(
    item: DocumentFact | CrlFact, moment: int, revoked: Collection[str] = ()
) -> tuple[object, ...]:
    """The candidate with the smallest is used; `revoked`: serials of signers not to be believed."""
    start, end = _usable(item)
    if start <= moment < end:
        preference = (0, -start)
    elif moment < end:
        preference = (1, start)
    else:
        preference = (2, -end)
    if isinstance(item, CrlFact):
        return (not item.authentic, bool(item.partial), *preference, item.crl_id)
    outline, signer = item.outline, item.signer
    tie = (-(outline.evaluation_number or 0), -(outline.version or 0), item.document_id)
    if signer is None:
        return (not item.authentic, False, *preference, *tie)
    own = (signer.not_before > moment, -signer.not_after, signer.certificate_id, signer.root_key)
    return (not item.authentic, signer.serial in revoked, *preference, *tie, *own)


def _in_force(items: Sequence[_Item], moment: int) -> list[_Item]:
    return [i for i in items if i.authentic and _usable(i)[0] <= moment < _usable(i)[1]]


def _select(
    tcb_infos: Sequence[DocumentFact],
    qe_identities: Sequence[DocumentFact],
    root_crls: Sequence[CrlFact],
    pck_crls: Sequence[CrlFact],
    moment: int,
) -> Selection:
    root_crl = _best(root_crls, moment)
    # A list issued after the moment may name what was not revoked yet.
    revoked = root_crl.revoked if root_crl and root_crl.this_update <= moment else ()
    return Selection(
        tcb_info=_best(tcb_infos, moment, revoked),
        qe_identity=_best(qe_identities, moment, revoked),
        root_crl=root_crl,
        pck_crl=_best(pck_crls, moment),
    )


def _best(items: Sequence[_Item], moment: int, revoked: Collection[str] = ()) -> _Item | None:
    return min(items, key=lambda item: _rank(item, moment, revoked), default=None)
