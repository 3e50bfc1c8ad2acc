"""Intel's signed documents: what they must say, and each way of not saying it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.collateral import (
    QE_IDENTITY,
    TCB_INFO,
    describe_components,
    document_id,
    outline_document,
    parse_enclave_identity,
    parse_tcb_info,
    split_envelope,
)
from forensics.simulate import collateral as col

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECONDS = 1767225600 * 1_000_000
FMSPC = bytes.fromhex("00906ed50000")
SVNS = bytes(range(1, 17))
Document = dict[str, Any]


def tcb_info(tee: col.Tee = "tdx", version: int = 3) -> Document:
    levels = [
        col.TcbLevel(SVNS, 13, "UpToDate", SVNS if tee == "tdx" else None, advisories=("A", "B")),
        col.TcbLevel(SVNS, 5, "OutOfDate", SVNS if tee == "tdx" else None),
    ]
    document: Document = json.loads(
        json.dumps(col.tcb_info(tee, fmspc=FMSPC, issued=ISSUED, levels=levels, version=version))
    )
    return document


def qe_identity(tee: col.Tee = "sgx") -> Document:
    document: Document = json.loads(json.dumps(col.qe_identity(tee, issued=ISSUED)))
    return document


def body(document: Document) -> bytes:
    return json.dumps(document).encode()


def code_of(read: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(EvidenceError) as caught:
        read(data)
    assert "\n" not in caught.value.message
    return caught.value.code


def at(document: Document, path: str) -> tuple[Any, Any]:
    """The container and key of a dotted path; numbers index lists."""
    *parents, last = path.split(".")
    for name in parents:
        document = document[int(name) if name.isdigit() else name]
    return document, int(last) if last.isdigit() else last


# --- healthy --------------------------------------------------------------------------------


def test_tcb_info_of_a_td() -> None:
    info = parse_tcb_info(body(tcb_info()))

    assert (info.outline.kind, info.outline.id, info.outline.version) == (TCB_INFO, "TDX", 3)
    assert info.outline.issued_at == MICROSECONDS
    assert info.outline.expires_at == MICROSECONDS + 30 * 86_400 * 1_000_000
    assert (info.outline.evaluation_number, info.outline.fmspc) == (17, FMSPC)
    assert info.levels[0].sgx == info.levels[0].tdx == tuple(SVNS)
    assert [level.pce_svn for level in info.levels] == [13, 5]
    assert info.levels[0].advisory_ids == ("A", "B")
    assert info.module is not None
    assert info.module_identities is not None
    assert [module.id for module in info.module_identities] == ["TDX_01"]
    assert [level.isv_svn for level in info.module_identities[0].levels] == [4, 2]


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_say_the_same_of_sgx(version: int) -> None:
    info = parse_tcb_info(body(tcb_info("sgx", version)))

    assert (info.outline.id, info.outline.version) == ("SGX", version)
    assert info.levels == parse_tcb_info(body(tcb_info("sgx"))).levels
    assert (info.module, info.module_identities) == (None, None)


@pytest.mark.parametrize(("tee", "name", "product"), [("sgx", "QE", 1), ("tdx", "TD_QE", 2)])
def test_enclave_identity(tee: col.Tee, name: str, product: int) -> None:
    identity = parse_enclave_identity(body(qe_identity(tee)))

    assert (identity.outline.kind, identity.outline.id) == (QE_IDENTITY, name)
    assert identity.isv_prodid == product
    assert identity.attributes.hex() == "11" + "00" * 15
    assert identity.attributes_mask.hex() == "fb" + "ff" * 7 + "00" * 8
    assert [level.isv_svn for level in identity.levels] == [8, 6]


def test_levels_are_sorted_and_the_disorder_is_noted() -> None:
    document = tcb_info()
    document["tcbLevels"].reverse()
    document["tdxModuleIdentities"][0]["tcbLevels"].reverse()
    info = parse_tcb_info(body(document))

    assert info.levels == parse_tcb_info(body(tcb_info())).levels
    assert info.module_identities == parse_tcb_info(body(tcb_info())).module_identities
    assert not info.in_order
    assert parse_tcb_info(body(tcb_info())).in_order


def test_levels_of_an_enclave_keep_their_order() -> None:
    document = qe_identity()
    document["tcbLevels"].reverse()

    assert [level.isv_svn for level in parse_enclave_identity(body(document)).levels] == [6, 8]


def test_order_is_components_then_pce_svn_then_tdx() -> None:
    low, high = bytes(16), bytes(15) + b"\x01"
    ordered = [(high, 0, low), (low, 2, low), (low, 1, high), (low, 1, low)]
    levels = [col.TcbLevel(sgx, pce, "UpToDate", tdx) for sgx, pce, tdx in reversed(ordered)]
    document = col.tcb_info("tdx", fmspc=FMSPC, issued=ISSUED, levels=levels)

    found = parse_tcb_info(body(document)).levels
    assert [(bytes(f.sgx), f.pce_svn, bytes(f.tdx or ())) for f in found] == ordered


def test_unknown_members_are_of_no_account() -> None:
    document = tcb_info() | {"new": {"in": "PCS 5"}}
    document["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][0]["note"] = 1

    assert parse_tcb_info(body(document)) == parse_tcb_info(body(tcb_info()))


def test_case_of_hex_is_of_no_account() -> None:
    document = tcb_info() | {"fmspc": "00906ED50000"}

    assert parse_tcb_info(body(document)).outline.fmspc == FMSPC


def test_a_td_document_may_lack_module_identities() -> None:
    document = tcb_info()
    del document["tdxModuleIdentities"]

    assert parse_tcb_info(body(document)).module_identities is None


# --- violations -----------------------------------------------------------------------------

LEVEL = "tcbLevels.0"
TCB = f"{LEVEL}.tcb"
MODULE = "tdxModuleIdentities.0"
DATES = ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00+00:00"]
DATES += ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z"]
DATES += ["2026-01-01T00:00:60Z", "2026-01-01t00:00:00z", " 2026-01-01T00:00:00Z", ""]
DATES += ["٢٠٢٦-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n"]

TCB_INFO_VIOLATIONS: dict[str, list[Any]] = {
    "id": ["sgx", "TDX ", "", "SEV", None, 3],
    "version": [0, 1, 4, "3", 3.0, None, True],
    "issueDate": [*DATES, None, 5],
    "nextUpdate": DATES[:2],
    "fmspc": ["", "00906ed5000", "00906ed5000000", "00906ed5000g", None, 906],
    "pceId": ["", "000", "00000", "zzzz", None],
    "tcbType": [1, -1, "0", None, False, 0.0],
    "tcbEvaluationDataNumber": [-1, 1 << 32, "17", None, 1.5],
    "tdxModule": [None, [], "x"],
    "tdxModule.mrsigner": ["00" * 32, "00" * 49, None],
    "tdxModule.attributes": ["00" * 7, None],
    "tdxModule.attributesMask": ["00" * 9, 5],
    "tdxModuleIdentities": [None, [], {}, [5], "x"],
    f"{MODULE}.id": [None, 1],
    f"{MODULE}.mrsigner": ["00" * 47, None],
    f"{MODULE}.tcbLevels": [[], None, [[]]],
    f"{MODULE}.tcbLevels.0.tcb": [None, 5],
    f"{MODULE}.tcbLevels.0.tcb.isvsvn": [-1, "4", None, 1 << 32],
    f"{MODULE}.tcbLevels.0.tcbStatus": ["ConfigurationNeeded", "uptodate", None],
    f"{MODULE}.tcbLevels.0.tcbDate": ["yesterday", None],
    "tcbLevels": [[], None, {}, [None], "x"],
    TCB: [None, []],
    f"{TCB}.pcesvn": [-1, 65536, "13", None],
    f"{TCB}.sgxtcbcomponents": [[], [{"svn": 1}] * 15, [{"svn": 1}] * 17, [1] * 16, None],
    f"{TCB}.tdxtcbcomponents": [[], [{"svn": 1}] * 15, None],
    f"{TCB}.sgxtcbcomponents.15.svn": [-1, 65536, "1", None, True],
    f"{LEVEL}.tcbStatus": ["Up-To-Date", "UpToDate ", "HardeningNeeded", "", None, 5],
    f"{LEVEL}.tcbDate": ["2025-05-14", None],
    f"{LEVEL}.advisoryIDs": ["INTEL-SA-00001", [5], {}, None],
}
IDENTITY_VIOLATIONS: dict[str, list[Any]] = {
    "id": ["qe", "TDQE", None],
    "version": [1, 3, "2", None],
    "issueDate": DATES[:1],
    "nextUpdate": DATES[-1:],
    "tcbEvaluationDataNumber": [-1, None],
    "miscselect": ["0" * 7, "0" * 9, None],
    "miscselectMask": ["", 0],
    "attributes": ["11", None],
    "attributesMask": ["00" * 17, None],
    "mrsigner": ["00" * 31, "00" * 33, None],
    "isvprodid": [-1, 65536, "1", None],
    "tcbLevels": [[], None],
    f"{LEVEL}.tcb.isvsvn": [-1, None],
    f"{LEVEL}.tcbStatus": ["SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded", None],
    f"{LEVEL}.tcbDate": ["", None],
    f"{LEVEL}.advisoryIDs": [None],
}


def violations(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(path, value, id=f"{path}={value!r:.30}")
        for path, values in table.items()
        for value in values
    ]


@pytest.mark.parametrize(("path", "value"), violations(TCB_INFO_VIOLATIONS))
def test_tcb_info_violations(path: str, value: Any) -> None:
    document = tcb_info()
    container, name = at(document, path)
    container[name] = value

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


@pytest.mark.parametrize(("path", "value"), violations(IDENTITY_VIOLATIONS))
def test_identity_violations(path: str, value: Any) -> None:
    document = qe_identity()
    container, name = at(document, path)
    container[name] = value

    assert code_of(parse_enclave_identity, body(document)) == "bad-qe-identity"


OPTIONAL = {"tdxModuleIdentities", f"{LEVEL}.advisoryIDs"}


@pytest.mark.parametrize("path", [p for p in TCB_INFO_VIOLATIONS if p not in OPTIONAL])
def test_tcb_info_lacks_nothing(path: str) -> None:
    document = tcb_info()
    container, name = at(document, path)
    del container[name]

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


@pytest.mark.parametrize("path", [p for p in IDENTITY_VIOLATIONS if p not in OPTIONAL])
def test_identity_lacks_nothing(path: str) -> None:
    document = qe_identity()
    container, name = at(document, path)
    del container[name]

    assert code_of(parse_enclave_identity, body(document)) == "bad-qe-identity"


@pytest.mark.parametrize("name", ["tdxModule", "tdxModuleIdentities"])
def test_sgx_documents_have_no_module(name: str) -> None:
    document = tcb_info("sgx") | {name: tcb_info()[name]}

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


@pytest.mark.parametrize("number", [1, 9, 16])
@pytest.mark.parametrize("value", [-1, 256, "1", None])
def test_components_of_version_2(number: int, value: Any) -> None:
    document = tcb_info("sgx", 2)
    document["tcbLevels"][0]["tcb"][f"sgxtcbcomp{number:02}svn"] = value

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


def test_version_2_is_sgx_only() -> None:
    document = tcb_info("sgx", 2) | {"tdxModule": tcb_info()["tdxModule"]}

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


def test_equal_levels_are_refused_whatever_their_status() -> None:
    document = tcb_info()
    document["tcbLevels"][1]["tcb"] = document["tcbLevels"][0]["tcb"]

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


@pytest.mark.parametrize("first", [0, 1])
def test_equal_levels_of_a_module_are_refused_in_either_order(first: int) -> None:
    document = tcb_info()
    levels = document["tdxModuleIdentities"][0]["tcbLevels"]
    levels[1 - first]["tcb"] = levels[first]["tcb"]

    assert code_of(parse_tcb_info, body(document)) == "bad-tcb-info"


@pytest.mark.parametrize("word", ["ConfigurationNeeded", "OutOfDateConfigurationNeeded"])
@pytest.mark.parametrize("position", [0, 1])
def test_words_that_qvl_reads_of_an_enclave(word: str, position: int) -> None:
    document = qe_identity()
    document["tcbLevels"][position]["tcbStatus"] = word

    assert parse_enclave_identity(body(document)).levels[position].status == word


@pytest.mark.parametrize("read", [parse_tcb_info, parse_enclave_identity])
@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"a":1,"a":1}', b"[" * 5000, b'{"id":"\\ud800"}'],
)
def test_what_is_no_document(read: Callable[[bytes], object], data: bytes) -> None:
    assert code_of(read, data) in ("bad-tcb-info", "bad-qe-identity")


def test_levels_are_counted() -> None:
    document = qe_identity()
    document["tcbLevels"] *= 4096

    assert code_of(parse_enclave_identity, body(document)) == "bad-qe-identity"


# --- outline, envelope, components ----------------------------------------------------------


def test_an_outline_is_what_the_parser_reads() -> None:
    assert outline_document(TCB_INFO, body(tcb_info())) == parse_tcb_info(body(tcb_info())).outline
    assert (
        outline_document(QE_IDENTITY, body(qe_identity()))
        == parse_enclave_identity(body(qe_identity())).outline
    )


@pytest.mark.parametrize("told", ["TDX", "QE", "SGX", 5])
def test_version_2_is_about_sgx_whatever_it_calls_itself(told: object) -> None:
    document = tcb_info("sgx", version=2) | {"id": told}
    outline = outline_document(TCB_INFO, body(document))

    assert outline.id == "SGX"
    assert outline == parse_tcb_info(body(document)).outline


@pytest.mark.parametrize(
    ("member", "field", "value"),
    [
        ("version", "version", None),
        ("issueDate", "issued_at", None),
        ("nextUpdate", "expires_at", None),
        ("tcbEvaluationDataNumber", "evaluation_number", None),
        ("fmspc", "fmspc", None),
        ("pceId", "pce_id", None),
        ("id", "id", "SGX"),
    ],
)
def test_an_outline_survives_what_is_malformed(member: str, field: str, value: Any) -> None:
    outline = outline_document(TCB_INFO, body(tcb_info() | {member: ["malformed"]}))
    healthy = outline_document(TCB_INFO, body(tcb_info()))

    assert getattr(outline, field) == value
    assert sum(getattr(outline, n) != getattr(healthy, n) for n in outline.__dict__) == 1


def test_envelopes() -> None:
    inner = b'{ "version" : 3 }'
    digits = "0F" * 64

    assert split_envelope(b'{"tcbInfo":%s,"signature":"%s"}' % (inner, digits.encode())) == (
        TCB_INFO,
        inner,
        b"\x0f" * 64,
    )
    kind, *_ = split_envelope(b'{"signature":"%s","enclaveIdentity":{}}' % digits.encode())
    assert kind == QE_IDENTITY


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", "bad-collateral"),
        (b'{"tcbInfo":{},"enclaveIdentity":{},"signature":""}', "bad-collateral"),
        (b'{"tcbInfo":{}}', "bad-collateral"),
        (b'{"tcbInfo":{},"signature":null}', "bad-collateral"),
        (b'{"tcbInfo":{},"signature":"%s"}' % (b"0" * 127), "bad-collateral"),
        (b'{"tcbInfo":{},"signature":"%s"}' % (b"0" * 130), "bad-collateral"),
        (b'{"tcbInfo":{},"signature":"%s"}' % (b"0" * 127 + b"g"), "bad-collateral"),
        (b'{"tcbInfo":{},"signature":"%s\\n"}' % (b"0" * 128), "bad-collateral"),
        (b'{"tcbInfo":{},"tcbInfo":{},"signature":""}', "duplicate-key"),
        (b"[]", "not-an-object"),
        (b"", "bad-json"),
    ],
)
def test_other_envelopes(data: bytes, code: str) -> None:
    assert code_of(split_envelope, data) == code


def test_a_document_is_its_text_and_its_signature() -> None:
    ids = {document_id(text, tail) for text in (b"a", b"b") for tail in (bytes(64), b"\1" * 64)}

    assert len(ids) == 4


def test_components_are_described() -> None:
    named = [c for c in describe_components(body(tcb_info())) if c.category or c.type]

    assert len(describe_components(body(tcb_info()))) == 32
    assert {(c.family, c.position) for c in named} >= {("sgx", 0), ("sgx", 7), ("tdx", 1)}
    assert len(describe_components(body(tcb_info("sgx")))) == 16
    assert len(describe_components(body(tcb_info("sgx", 2)))) == 16


def test_every_real_document_is_read(vectors: Path) -> None:
    infos, identities = (
        sorted(vectors.glob("*/tcb_info.json")),
        sorted(vectors.glob("*/qe_id*.json")),
    )

    for file in (*infos, *identities):
        kind, text, _ = split_envelope(file.read_bytes())
        read = parse_tcb_info if kind == TCB_INFO else parse_enclave_identity
        assert read(text).outline == outline_document(kind, text)
    assert len(infos) > 100
    assert len(identities) > 100


# --- hostile --------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-1, 70_000) | st.text(max_size=10)
PATHS = [*TCB_INFO_VIOLATIONS, "tcbLevels.1", f"{TCB}.sgxtcbcomponents.3"]


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(PATHS), value=SCALARS | st.lists(SCALARS, max_size=3))
def test_any_value_anywhere(path: str, value: object) -> None:
    document = tcb_info()
    container, name = at(document, path)
    container[name] = value
    data = body(document)
    try:
        info = parse_tcb_info(data)
    except EvidenceError as error:
        refused = error.code
    else:
        refused = ""
        assert outline_document(TCB_INFO, data) == info.outline
        describe_components(data)
    assert refused in ("", "bad-tcb-info")


@settings(max_examples=60, deadline=None)
@given(days=st.integers(-400_000, 1_000_000))
def test_any_date(days: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    try:
        moment += timedelta(days=days)
    except OverflowError:
        return
    text = f"{moment.year:04}-{moment:%m-%dT%H:%M:%SZ}"
    outline = outline_document(TCB_INFO, body(tcb_info() | {"issueDate": text}))

    assert outline.issued_at == days * 86_400 * 1_000_000
