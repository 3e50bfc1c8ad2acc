"""Which collateral judges: the selection rule of the archive, on facts made by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest

from forensics.formats.collateral import Outline
from forensics.verify.archive import (
    COLLATERAL_IDS,
    MAX_ALTERNATIVES,
    NO_TIME,
    SECOND,
    Archive,
    Context,
    Selection,
)
from forensics.verify.checks import judge
from forensics.verify.facts import (
    ChainFact,
    CrlFact,
    DocumentFact,
    EndorsementFact,
    SignerFact,
    list_signings,
)

ROOT, CA = b"root key", b"ca key"
ROOT_NAME, CA_NAME = b"root", b"ca"
FMSPC = bytes(6)
PASS, FAILED = judge(True, "", ""), judge(False, "", "")
CHAIN = ChainFact(
    b"chain",
    {f"P{n}": PASS for n in range(1, 8)},
    root_key=ROOT,
    root_subject=ROOT_NAME,
    ca_key=CA,
    ca_subject=CA_NAME,
    fmspc=FMSPC,
    pce_id=bytes(2),
)


def info(
    name: str,
    start: int | None,
    end: int | None,
    *,
    authentic: bool = True,
    number: int | None = 17,
    version: int | None = 3,
    tee: str = "SGX",
    fmspc: bytes = FMSPC,
    root: bytes | None = ROOT,
    pce_id: bytes = bytes(2),
) -> DocumentFact:
    """A TCB info in force from `start` to `end`, in seconds."""
    outline = Outline("tcb_info", tee, version, micro(start), micro(end), number, fmspc, pce_id)
    results = {"S1": PASS, "S3": PASS, "S4": PASS if authentic else FAILED}
    by = signer() if root == ROOT else signer(root=root) if root else None
    return DocumentFact(name.encode(), outline, results, by if authentic else None)


def identity(name: str, start: int, end: int, kind: str = "QE") -> DocumentFact:
    outline = Outline("qe_identity", kind, 2, micro(start), micro(end), 17, None, None)
    return DocumentFact(name.encode(), outline, {"S5": PASS}, signer())


def signer(
    serial: str = "1",
    start: int = 0,
    end: int = 10_000,
    *,
    key: bytes = b"signing key",
    root: bytes = ROOT,
    trusted: bool = True,
) -> SignerFact:
    """A TCB signing certificate from `start` to `end`, in seconds."""
    start, end = start * SECOND, end * SECOND
    return SignerFact(serial.encode(), key, serial, start, end, root, trusted)


def crl(
    name: str,
    start: int,
    end: int | None,
    *,
    issuer: bytes = CA_NAME,
    key: bytes | None = CA,
    complete: bool = True,
) -> CrlFact:
    return CrlFact(
        name.encode(), issuer, "", key, start * SECOND, micro(end), complete, 1, frozenset()
    )


def micro(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * SECOND


def chosen(documents: list[DocumentFact], at: int, tee: str = "sgx") -> str | None:
    selected = Archive(documents, []).context(CHAIN, tee).select(at * SECOND).tcb_info
    return selected.document_id.decode() if selected else None


OLD, NEW = info("old", 100, 200), info("new", 150, 250)
OTHER_PCE = info("other pce", 150, 250, pce_id=b"\1\0")
FORGED = info("forged", 120, 900, authentic=False, number=99)


@pytest.mark.parametrize(
    ("documents", "at", "expected"),
    [
        pytest.param([], 100, None, id="nothing"),
        pytest.param([OLD, NEW], 100, "old", id="first-second-in-force"),
        pytest.param([OLD, NEW], 149, "old", id="before-the-newer"),
        pytest.param([OLD, NEW], 150, "new", id="from-the-issue-of-the-newer"),
        pytest.param([OLD, NEW], 200, "new", id="both-in-force"),
        pytest.param([OLD, NEW], 250, "new", id="last-second-in-force"),
        pytest.param([OLD, NEW], 251, "new", id="all-expired-the-last"),
        pytest.param([info("a", 100, 200), NEW], 251, "new", id="the-last-whatever-its-id"),
        pytest.param(
            [info("a", 100, 200, version=None), OLD], 150, "old", id="a-version-before-none"
        ),
        pytest.param([OLD, NEW], 99, "old", id="all-in-the-future-the-first"),
        pytest.param([OLD, info("gap", 300, 400)], 250, "gap", id="future-before-expired"),
        pytest.param([OLD, FORGED], 130, "old", id="authentic-before-newer"),
        pytest.param([OLD, FORGED], 500, "old", id="authentic-before-in-force"),
        pytest.param([FORGED], 130, "forged", id="forged-is-seen-to-fail"),
        pytest.param(
            [OLD, info("re-issued", 100, 300, number=18)], 150, "re-issued", id="tie-by-number"
        ),
        pytest.param([OLD, info("a v2", 100, 200, version=2)], 150, "old", id="tie-by-version"),
        pytest.param([info("b", 100, 200), info("a", 100, 200)], 150, "a", id="tie-by-id"),
        pytest.param(
            [info("number", 100, 200, number=18), info("late", 101, 200, number=17)],
            150,
            "late",
            id="issue-date-before-number",
        ),
        pytest.param([OLD, info("endless", None, None)], 150, "old", id="no-dates-never-in-force"),
        pytest.param([OLD, info("no number", 100, 200, number=None)], 150, "old", id="no-number"),
        pytest.param([OLD, info("tdx", 150, 250, tee="TDX")], 180, "old", id="other-tee"),
        pytest.param([OLD, info("f", 150, 250, fmspc=b"123456")], 180, "old", id="other-fmspc"),
        pytest.param([OLD, info("r", 150, 250, root=b"other")], 180, "old", id="other-root"),
        pytest.param([OLD, OTHER_PCE], 180, "old", id="other-pce-id"),
        pytest.param([OLD, OTHER_PCE], 230, "old", id="other-pce-id-though-expired"),
        pytest.param([OTHER_PCE], 180, "other pce", id="other-pce-id-is-seen-to-fail"),
        pytest.param([FORGED, OTHER_PCE], 180, "other pce", id="authentic-before-its-pce-id"),
    ],
)
def test_selection(documents: list[DocumentFact], at: int, expected: str | None) -> None:
    for order in permutations(documents):
        assert chosen(list(order), at) == expected


@pytest.mark.parametrize(("at", "expected"), [(200 * SECOND, "old"), (201 * SECOND - 1, "old")])
def test_the_second_of_expiry_is_in_force(at: int, expected: str) -> None:
    future = info("future", 300, 400)
    selected = Archive([OLD, future], []).context(CHAIN, "sgx").select(at).tcb_info
    after = Archive([OLD, future], []).context(CHAIN, "sgx").select(201 * SECOND).tcb_info

    assert selected is not None
    assert selected.document_id.decode() == expected
    assert after is future


@pytest.mark.parametrize(("tee", "expected"), [("sgx", b"qe"), ("tdx", b"td_qe")])
def test_identity_of_the_tee(tee: str, expected: bytes) -> None:
    documents = [
        identity("qe", 100, 200),
        identity("td_qe", 100, 200, "TD_QE"),
        identity("qve", 150, 200, "QVE"),
    ]
    selected = Archive(documents, []).context(CHAIN, tee).select(160 * SECOND).qe_identity

    assert selected is not None
    assert selected.document_id == expected


def test_crls_by_issuer_and_key() -> None:
    lists = [
        crl("pck", 100, 200),
        crl("root", 100, 900, issuer=ROOT_NAME, key=ROOT),
        crl("other ca of that name", 150, 250, key=b"other"),
        crl("nobody's", 150, 250, key=None),
        crl("incomplete", 150, 250, complete=False),
        replace(crl("delta", 150, 250), partial=True),
        crl("other issuer", 150, 250, issuer=b"processor"),
    ]
    selection = Archive([], lists).context(CHAIN, "sgx").select(160 * SECOND)

    assert selection.pck_crl is lists[0]
    assert selection.root_crl is lists[1]


def test_a_part_of_a_list_is_used_where_there_is_no_whole_one() -> None:
    """As QVL uses it; but a whole list that has expired is not passed over for it."""
    delta, whole = replace(crl("delta", 150, 250), partial=True), crl("whole", 10, 20)
    for lists, expected in (([delta], delta), ([delta, whole], whole)):
        selection = Archive([], lists).context(CHAIN, "sgx").select(160 * SECOND)
        assert selection.pck_crl is expected


def test_a_crl_that_nobody_signed_is_seen_to_fail() -> None:
    nobodys = crl("nobody's", 150, 250, key=None)

    assert Archive([], [nobodys]).context(CHAIN, "sgx").select(160 * SECOND).pck_crl is nobodys


def test_boundaries_are_where_a_selection_can_change() -> None:
    context = Archive([OLD, NEW], [crl("a", 120, 180), crl("endless", 130, None)]).context(
        CHAIN, "sgx"
    )

    assert [moment // SECOND for moment in context.boundaries] == [
        0,
        100,
        120,
        130,
        150,
        181,
        201,
        251,
        10_001,
    ]


def test_nothing_changes_between_boundaries() -> None:
    documents = [OLD, NEW, FORGED, info("gap", 300, 400), info("again", 100, 300, number=18)]
    context = Archive(documents, [crl("a", 120, 180), crl("b", 170, 210)]).context(CHAIN, "sgx")
    edges = context.boundaries

    for start, end in pairwise(edges):
        first, middle, last = (context.select(at) for at in (start, (start + end) // 2, end - 1))
        assert first == middle == last


def test_contexts_are_shared_by_equal_chains() -> None:
    archive = Archive([OLD], [])
    twin = replace(CHAIN, certification_data_id=b"another text of the same chain")

    assert archive.context(CHAIN, "sgx") is archive.context(twin, "sgx")
    assert archive.context(CHAIN, "sgx") is not archive.context(CHAIN, "tdx")


@pytest.mark.parametrize(("at", "found"), [(99, 0), (100, 1), (150, 1), (200, 1), (201, 0)])
def test_alternatives_are_authentic_and_in_force(at: int, found: int) -> None:
    lists = [crl("pck", 10, 900), crl("root", 10, 900, issuer=ROOT_NAME, key=ROOT)]
    documents = [identity("qe", 10, 900), OLD, info("forged", 10, 900, authentic=False)]
    context = Archive(documents, lists).context(CHAIN, "sgx")

    alternatives = list(context.alternatives(at * SECOND))

    assert [selection.tcb_info for selection in alternatives] == [OLD] * found


def test_identities_of_other_roots_are_not_about_the_subject() -> None:
    foreign = replace(identity("foreign", 150, 250), signer=signer(root=b"other"))
    context = Archive([identity("qe", 100, 200), foreign], []).context(CHAIN, "sgx")

    assert [fact.document_id for fact in context.qe_identities] == [b"qe"]


def test_alternatives_are_bounded() -> None:
    many = tuple(info(f"{n}", 100, 200) for n in range(40))
    ids = tuple(identity(f"{n}", 100, 200) for n in range(40))
    root = (crl("root", 100, 200, issuer=ROOT_NAME, key=ROOT),)
    context = Context(many, ids, root, (crl("pck", 100, 200),))

    assert len(list(context.alternatives(150 * SECOND))) == MAX_ALTERNATIVES == 1024


def test_chosen_collateral_judges_alone_what_it_is_about():
    """At a moment when the rule would take the newer one, and even once it is no longer valid."""
    crls = [crl("a", 100, 200), crl("b", 150, 250)]
    archive = Archive([OLD, NEW], crls, chosen=[OLD.document_id])
    for at in (160, 260):
        selected = archive.context(CHAIN, "sgx").select(at * SECOND)
        assert selected.tcb_info is OLD
    assert archive.context(CHAIN, "sgx").select(160 * SECOND).root_crl is None
    free = Archive([OLD, NEW], crls).context(CHAIN, "sgx").select(160 * SECOND)
    assert free.tcb_info is NEW


def test_chosen_collateral_of_others_changes_nothing():
    foreign = info("foreign", 100, 200, fmspc=b"\1" * 6)
    archive = Archive([OLD, NEW, foreign], [], chosen=[foreign.document_id])
    assert archive.context(CHAIN, "sgx").select(160 * SECOND).tcb_info is NEW


# --- contexts -------------------------------------------------------------------------------

ROOT_CRL = crl("root crl", 100, 200, issuer=ROOT_NAME, key=ROOT)
PIECES = (info("info", 10, 20), identity("identity", 30, 40), ROOT_CRL, crl("pck crl", 50, 60))


def archive_of(*pieces: DocumentFact | CrlFact) -> Archive:
    documents = [piece for piece in pieces if isinstance(piece, DocumentFact)]
    return Archive(documents, [piece for piece in pieces if isinstance(piece, CrlFact)])


@pytest.mark.parametrize(
    ("field", "lost"),
    [
        ("root_key", {"tcb_infos", "qe_identities", "root_crls"}),
        ("root_subject", {"root_crls"}),
        ("ca_key", {"pck_crls"}),
        ("ca_subject", {"pck_crls"}),
        ("fmspc", {"tcb_infos"}),
    ],
)
def test_chains_that_differ_have_contexts_of_their_own(field: str, lost: set[str]) -> None:
    archive = archive_of(*PIECES)
    known = archive.context(CHAIN, "sgx")
    other = archive.context(replace(CHAIN, **{field: b"another"}), "sgx")

    kinds = ("tcb_infos", "qe_identities", "root_crls", "pck_crls")
    assert all(len(getattr(known, kind)) == 1 for kind in kinds)
    assert {kind for kind in kinds if not getattr(other, kind)} == lost
    assert archive.context(CHAIN, "sgx") == known


def test_what_a_document_calls_itself_does_not_change_its_kind() -> None:
    """Such a one is of no supported format, and a candidate for nothing else."""
    archive = archive_of(info("info", 10, 20, tee="QE"), identity("identity", 10, 20, "SGX"))
    context = archive.context(replace(CHAIN, fmspc=None), "sgx")

    assert (context.tcb_infos, context.qe_identities) == ((), ())


def test_the_same_chain_has_a_context_for_each_tee() -> None:
    archive = archive_of(*PIECES)

    assert archive.context(CHAIN, "sgx").tcb_infos == PIECES[:1]
    assert archive.context(CHAIN, "tdx").tcb_infos == ()


def test_a_report_has_the_crls_of_its_root_alone() -> None:
    archive = archive_of(*PIECES)
    endorsement = EndorsementFact(b"vek", {"N2": PASS}, root_key=ROOT, root_subject=ROOT_NAME)
    nothing = Context((), (), (), ())

    assert archive.context(endorsement, "snp") == replace(nothing, root_crls=(ROOT_CRL,))
    for unknown in (None, EndorsementFact(b"vek", {"N2": FAILED})):
        assert archive.context(unknown, "snp") == nothing


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: type(piece).__name__)
def test_every_piece_has_boundaries(piece: DocumentFact | CrlFact) -> None:
    """A document those of its signer too."""
    boundaries = archive_of(piece).context(CHAIN, "sgx").boundaries

    if isinstance(piece, CrlFact):
        assert boundaries == [piece.this_update, (piece.next_update or 0) + SECOND]
    else:
        start, end = piece.outline.issued_at or 0, piece.outline.expires_at or 0
        assert boundaries == sorted({start, end + SECOND, 0, 10_001 * SECOND})


def test_at_no_time_nothing_is_used() -> None:
    context = archive_of(*PIECES).context(CHAIN, "sgx")

    assert context.select(NO_TIME) == Selection(None, None, None, None)


def test_what_a_verdict_names_is_found_again() -> None:
    archive = archive_of(*PIECES)
    names = ("info", "identity", "root crl", "pck crl")
    used = {column: name.encode().hex() for column, name in zip(COLLATERAL_IDS, names, strict=True)}

    assert COLLATERAL_IDS == ("tcb_info_id", "qe_identity_id", "root_crl_id", "pck_crl_id")
    nothing = dict.fromkeys(COLLATERAL_IDS)
    assert archive.recall(used, ROOT, 15) == Selection(*PIECES)  # type: ignore[arg-type]
    assert archive.recall(nothing, ROOT, 15) == Selection(None, None, None, None)


# --- Several certificates of one key ----------------------------------------------------------

FIRST, RENEWED = signer("old", 0, 100), signer("new", 80, 1_000)
FOREIGN = signer("foreign", 0, 2_000, root=b"another root")
UNTRUSTED = signer("forged", 0, 5_000, root=b"nobody's root", trusted=False)


def signed_by(*signers: SignerFact, start: int = 0, end: int = 500) -> Archive:
    documents = list_signings(info("info", start, end), b"signing key", signers)
    return Archive(documents, [ROOT_CRL])


def name_signer(archive: Archive, at: int, chain: ChainFact = CHAIN) -> str | None:
    document = archive.context(chain, "sgx").select(at * SECOND).tcb_info
    return document.signer.serial if document and document.signer else None


@pytest.mark.parametrize("signers", list(permutations((FIRST, RENEWED, FOREIGN, UNTRUSTED))))
@pytest.mark.parametrize(
    ("at", "expected"),
    [(10, "old"), (79, "old"), (80, "new"), (100, "new"), (101, "new"), (1_001, "new")],
)
def test_the_certificate_that_holds_at_the_moment_is_used(
    signers: tuple[SignerFact, ...], at: int, expected: str
) -> None:
    """In whatever order the certificates came, and whoever else certified the key."""
    assert name_signer(signed_by(*signers), at) == expected


def test_a_verdict_is_recalled_with_the_certificate_that_it_had() -> None:
    archive = signed_by(RENEWED, FIRST, FOREIGN)
    used = dict.fromkeys(COLLATERAL_IDS) | {"tcb_info_id": b"info".hex()}
    for at in (10, 80, 500):
        selection = archive.context(CHAIN, "sgx").select(at * SECOND)
        assert archive.recall(used, ROOT, at * SECOND).tcb_info == selection.tcb_info


def test_one_key_under_two_roots_speaks_under_both() -> None:
    archive = signed_by(FIRST, FOREIGN)

    assert name_signer(archive, 50) == "old"
    assert name_signer(archive, 50, replace(CHAIN, root_key=b"another root")) == "foreign"


def test_nobody_fills_an_archive_with_certificates_of_his_own() -> None:
    forged = [signer(str(n), root=str(n).encode(), trusted=False) for n in range(1_000)]

    assert len(list_signings(info("info", 0, 1), b"signing key", [FIRST, *forged])) == 1
    assert len(list_signings(info("info", 0, 1), b"signing key", forged)) == 1


def test_a_signer_ends_what_it_signed() -> None:
    """The later document is in force by its own dates, and the certificate behind it has ended."""
    ended = info("late", 150, 600).under(signer("short", 0, 160))
    archive = Archive([info("early", 100, 600).under(RENEWED), ended], [])

    assert name_signer(archive, 160) == "short"
    assert name_signer(archive, 161) == "new"


def test_a_revoked_signer_displaces_nobody() -> None:
    """From the moment on at which the list was issued that is used."""
    listing = replace(ROOT_CRL, revoked=frozenset({"stolen"}), this_update=200 * SECOND,
                      next_update=900 * SECOND)  # fmt: skip
    forged = info("late", 150, 600).under(signer("stolen"))
    archive = Archive([info("early", 100, 600).under(RENEWED), forged], [listing])

    assert name_signer(archive, 199) == "stolen"  # nobody could know
    assert name_signer(archive, 200) == "new"
    assert name_signer(Archive([forged], [listing]), 200) == "stolen"  # and S2 fails
