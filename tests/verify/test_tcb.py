"""TCB level selection, convergence and the relaunch rule, as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest

from forensics.formats.collateral import (
    TCB_STATUSES,
    EnclaveIdentity,
    Outline,
    SvnLevel,
    TcbInfo,
    TcbLevel,
    TdxModule,
    parse_tcb_info,
)
from forensics.simulate import collateral as col
from forensics.verify.tcb import (
    Platform,
    TdxTcb,
    converge,
    evaluate_qe,
    evaluate_tcb,
    select_module,
    select_sgx_level,
    select_svn_level,
    select_tdx_level,
)

OUTLINE = Outline("tcb_info", "TDX", 3, 0, 0, 17, bytes(6), bytes(2))
UP, SWH, CN, CSWH = TCB_STATUSES[:4]
OLD, OLD_CN, REVOKED = TCB_STATUSES[4:]
NONE = "NotSupported"
RELAUNCH, RELAUNCH_CN = "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"

FULL = Platform(bytes((5, 5, 2, 4, 1, 200)) + bytes(10), 13)


def components(*values: int) -> tuple[int, ...]:
    return tuple(values) + (0,) * (16 - len(values))


def level(
    *sgx: int, pce: int = 0, tdx: tuple[int, ...] | None = None, status: str = UP
) -> TcbLevel:
    filled = None if tdx is None else components(*tdx)
    return TcbLevel(components(*sgx), pce, filled, "2025-01-01T00:00:00Z", status, ())


def svn(isv_svn: int, status: str = UP) -> SvnLevel:
    return SvnLevel(isv_svn, "2025-01-01T00:00:00Z", status, ())


def module(version: int, *levels: SvnLevel) -> TdxModule:
    return TdxModule(f"TDX_{version:02X}", bytes(48), bytes(8), bytes(8), levels)


def info(*levels: TcbLevel, modules: tuple[TdxModule, ...] | None = None) -> TcbInfo:
    return TcbInfo(OUTLINE, levels, module(0), modules)


def launch(*values: int) -> bytes:
    return bytes(values) + bytes(16 - len(values))


# --- level selection ------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(16))
def test_every_component_counts(position: int) -> None:
    have = Platform(bytes((7,)) * 16, 7)
    exact = tuple([7] * 16)
    above = (*exact[:position], 8, *exact[position + 1 :])

    assert select_sgx_level([level(*above, pce=7), level(*exact, pce=7)], have) == level(
        *exact, pce=7
    )
    assert select_sgx_level([level(*above, pce=7)], have) is None


def test_components_are_unsigned() -> None:
    wanted = level(5, 5, 2, 4, 1, 200)

    assert select_sgx_level([wanted], FULL) == wanted
    assert select_sgx_level([level(5, 5, 2, 4, 1, 201)], FULL) is None


@pytest.mark.parametrize(("pce", "reached"), [(12, True), (13, True), (14, False)])
def test_pce_svn_counts(pce: int, reached: bool) -> None:
    assert (select_sgx_level([level(pce=pce)], FULL) is not None) == reached


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_document_order_does_not_matter(order: tuple[int, ...]) -> None:
    steps = [
        col.TcbLevel(bytes((9,)).ljust(16, b"\0"), 13, "Revoked"),
        col.TcbLevel(bytes((5,)).ljust(16, b"\0"), 13, "SWHardeningNeeded"),
        col.TcbLevel(bytes((5,)).ljust(16, b"\0"), 5, "OutOfDate"),
    ]
    issued = col.datetime(2026, 1, 1)
    document = col.tcb_info(
        "sgx", fmspc=bytes(6), issued=issued, levels=[steps[number] for number in order]
    )
    parsed = parse_tcb_info(col.json.dumps(document).encode())

    assert [entry.status for entry in parsed.levels] == [REVOKED, SWH, OLD]
    assert parsed.in_order == (order == (0, 1, 2))
    assert evaluate_tcb(parsed, FULL, None, UP).status == SWH


@pytest.mark.parametrize(
    ("svns", "wanted", "reached"),
    [
        pytest.param((3, 0, 5), (3, 0, 5), True, id="version-0-equal"),
        pytest.param((2, 0, 5), (3, 0, 5), False, id="version-0-component-0-below"),
        pytest.param((3, 0, 5), (3, 1, 5), False, id="version-0-component-1-below"),
        pytest.param((0, 1, 5), (3, 1, 5), True, id="version-1-skips-component-0"),
        pytest.param((9, 1, 5), (3, 2, 5), True, id="version-1-skips-component-1"),
        pytest.param((9, 1, 4), (3, 1, 5), False, id="version-1-component-2-below"),
        pytest.param((9, 1, 5, *[0] * 12, 1), (0, 0, 5, *[0] * 12, 2), False, id="component-15"),
    ],
)
def test_tdx_components_from_two_when_the_module_has_a_version(
    svns: tuple[int, ...], wanted: tuple[int, ...], reached: bool
) -> None:
    selected = select_tdx_level([level(tdx=wanted)], FULL, TdxTcb(launch(*svns), None))

    assert (selected is not None) == reached


def test_a_tdx_level_needs_the_sgx_components_too() -> None:
    tdx = TdxTcb(launch(9, 1, 9), None)

    assert select_tdx_level([level(6, tdx=())], FULL, tdx) is None
    assert select_tdx_level([level(6, tdx=()), level(5, tdx=(0, 0, 9))], FULL, tdx) == level(
        5, tdx=(0, 0, 9)
    )


# --- modules and quoting enclaves -----------------------------------------------------------


@pytest.mark.parametrize("version", [1, 9, 10, 15, 16, 255])
def test_modules_are_found_by_version_in_hex(version: int) -> None:
    known = tuple(module(number) for number in (1, 9, 10, 15, 16, 255))

    found = select_module(info(level(tdx=()), modules=known), version)

    assert found is not None
    assert found.id == f"TDX_{version:02X}"


def test_module_ids_are_compared_without_case() -> None:
    lower = TdxModule("tdx_0a", bytes(48), bytes(8), bytes(8), ())

    assert select_module(info(level(tdx=()), modules=(lower,)), 10) is lower


@pytest.mark.parametrize("modules", [None, (), (module(2),)], ids=["absent", "empty", "other"])
def test_a_module_without_identity_is_none(modules: Any) -> None:
    assert select_module(info(level(tdx=()), modules=modules), 1) is None


@pytest.mark.parametrize(
    ("isv_svn", "status"), [(0, None), (3, None), (4, OLD), (5, OLD), (6, UP), (65535, UP)]
)
def test_svn_levels_at_their_boundaries(isv_svn: int, status: str | None) -> None:
    selected = select_svn_level([svn(6), svn(4, OLD)], isv_svn)

    assert (selected.status if selected else None) == status


@pytest.mark.parametrize(
    ("isv_svn", "status"), [(5, NONE), (6, REVOKED), (7, OLD), (8, UP), (9, UP)]
)
def test_quoting_enclave_status(isv_svn: int, status: str) -> None:
    levels = (svn(8), svn(7, OLD), svn(6, REVOKED))
    blank = {name: bytes(4) for name in ("misc_select", "misc_select_mask")}
    identity = EnclaveIdentity(
        OUTLINE,
        **blank,
        attributes=bytes(16),
        attributes_mask=bytes(16),
        mrsigner=bytes(32),
        isv_prodid=1,
        levels=levels,
    )

    assert evaluate_qe(identity, isv_svn)[0] == status


@pytest.mark.parametrize("word", [CN, OLD_CN])
def test_a_quoting_enclave_is_out_of_date_by_any_other_word(word: str) -> None:
    found = svn(8, word)
    identity = EnclaveIdentity(
        OUTLINE, bytes(4), bytes(4), bytes(16), bytes(16), bytes(32), 1, levels=(found,)
    )

    assert evaluate_qe(identity, 8) == ("OutOfDate", found)


# --- convergence ----------------------------------------------------------------------------

CONVERGED = {
    # status: with UpToDate, OutOfDate, Revoked, NotSupported of module or quoting enclave
    UP: (UP, OLD, REVOKED, NONE),
    SWH: (SWH, OLD, REVOKED, NONE),
    CN: (CN, OLD_CN, REVOKED, NONE),
    CSWH: (CSWH, OLD_CN, REVOKED, NONE),
    OLD: (OLD, OLD, REVOKED, NONE),
    OLD_CN: (OLD_CN, OLD_CN, REVOKED, NONE),
    RELAUNCH: (RELAUNCH, RELAUNCH, REVOKED, NONE),
    RELAUNCH_CN: (RELAUNCH_CN, RELAUNCH_CN, REVOKED, NONE),
    REVOKED: (REVOKED, REVOKED, REVOKED, NONE),
    NONE: (NONE, NONE, NONE, NONE),
}
PAIRS = [
    (status, other, expected)
    for status, row in CONVERGED.items()
    for other, expected in zip((UP, OLD, REVOKED, NONE), row, strict=True)
]


@pytest.mark.parametrize(("status", "other", "expected"), PAIRS)
def test_convergence(status: str, other: str, expected: str) -> None:
    assert converge(status, other) == expected


def test_the_table_has_every_status() -> None:
    assert set(CONVERGED) == {*TCB_STATUSES, RELAUNCH, RELAUNCH_CN, NONE}


@pytest.mark.parametrize("status", TCB_STATUSES)
@pytest.mark.parametrize("qe", [UP, OLD, REVOKED, NONE])
def test_sgx_status_is_platform_with_quoting_enclave(status: str, qe: str) -> None:
    evaluation = evaluate_tcb(info(level(status=status)), FULL, None, qe)

    assert evaluation.status == converge(status, qe)
    assert evaluation.terminal == (evaluation.status in (REVOKED, NONE))


@pytest.mark.parametrize("status", TCB_STATUSES)
@pytest.mark.parametrize("qe", [UP, OLD, REVOKED, NONE])
@pytest.mark.parametrize("of_module", [UP, OLD, REVOKED])
def test_tdx_status_is_platform_with_module_with_quoting_enclave(
    status: str, of_module: str, qe: str
) -> None:
    document = info(level(tdx=(), status=status), modules=(module(1, svn(2, of_module)),))

    evaluation = evaluate_tcb(document, FULL, TdxTcb(launch(2, 1), None), qe)

    assert evaluation.status == converge(converge(status, of_module), qe)
    assert evaluation.note == f"{status}, module {of_module}"


def test_a_module_that_the_document_does_not_know_is_not_supported() -> None:
    """Check D1 comes before; here the status shows it by itself."""
    document = info(level(tdx=()), modules=(module(2, svn(1)),))

    evaluation = evaluate_tcb(document, FULL, TdxTcb(launch(2, 1), None), UP)

    assert (evaluation.status, evaluation.module_level) == (NONE, None)


def test_module_version_zero_has_no_module_status() -> None:
    document = info(level(tdx=(2,), status=SWH), modules=(module(1, svn(9, REVOKED)),))

    evaluation = evaluate_tcb(document, FULL, TdxTcb(launch(2, 0), None), UP)

    assert (evaluation.status, evaluation.module_level) == (SWH, None)
    assert evaluation.note == "SWHardeningNeeded, module UpToDate"


def test_a_revoked_sgx_level_alone_does_not_fail_a_td() -> None:
    """QVL looks at the SGX-only level in the relaunch rule and nowhere else."""
    document = info(
        level(tdx=(0, 0, 9), status=REVOKED),
        level(tdx=(), status=OLD),
        modules=(module(1, svn(2)),),
    )

    assert evaluate_tcb(document, FULL, TdxTcb(launch(2, 1), None), UP).status == OLD


# --- relaunch -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relaunch:
    """A TD launched under an old module, and the module updated under it: what differs."""

    name: str
    expected: str
    now: tuple[int, ...] | None = (4, 1, 3)
    launched: tuple[int, ...] = (2, 1, 3)
    levels: tuple[TcbLevel, ...] = (level(tdx=(4, 1, 3)),)
    modules: tuple[TdxModule, ...] = (module(1, svn(4), svn(2, OLD)),)
    qe: str = UP
    platform: Platform = field(default=FULL)


RELAUNCHES = (
    Relaunch("cured-by-relaunch", RELAUNCH),
    Relaunch("hardening-needed", RELAUNCH, levels=(level(tdx=(4, 1, 3), status=SWH),)),
    Relaunch("configuration", RELAUNCH_CN, levels=(level(tdx=(4, 1, 3), status=CN),)),
    Relaunch("configuration-and-hardening", RELAUNCH_CN, levels=(level(tdx=(4,), status=CSWH),)),
    Relaunch("td-report-1.0", OLD, now=None),
    Relaunch("module-now-still-old", OLD, now=(3, 1, 3)),
    Relaunch("module-now-newer", RELAUNCH, now=(5, 1, 3)),
    Relaunch("microcode-now-below-newest", OLD, now=(4, 1, 2)),
    Relaunch(
        "microcode-now-between-the-levels",
        OLD,
        now=(4, 1, 2),
        launched=(2, 1, 2),
        levels=(level(tdx=(4, 1, 3)), level(tdx=(2, 1, 2), status=OLD)),
    ),
    Relaunch("microcode-now-above-newest", RELAUNCH, now=(4, 1, 4)),
    Relaunch("not-updated-at-all", OLD, now=(2, 1, 3)),
    Relaunch("launch-was-current", UP, launched=(4, 1, 3)),
    Relaunch("quoting-enclave-old", OLD, qe=OLD),
    Relaunch("quoting-enclave-revoked", REVOKED, qe=REVOKED),
    Relaunch("quoting-enclave-unknown", NONE, qe=NONE),
    Relaunch("module-revoked-at-launch", REVOKED, modules=(module(1, svn(4), svn(2, REVOKED)),)),
    Relaunch("platform-old", OLD, levels=(level(tdx=(4, 1, 3), status=OLD),)),
    Relaunch("platform-old-configuration", OLD_CN, levels=(level(tdx=(4,), status=OLD_CN),)),
    Relaunch("platform-revoked", REVOKED, levels=(level(tdx=(4, 1, 3), status=REVOKED),)),
    Relaunch(
        "td-microcode-old-at-launch",
        RELAUNCH,
        launched=(2, 1, 2),
        levels=(level(tdx=(4, 1, 3)), level(tdx=(2, 1, 2), status=OLD)),
    ),
    Relaunch(
        "td-old-with-configuration",
        RELAUNCH_CN,
        launched=(2, 1, 2),
        levels=(level(tdx=(4, 1, 3)), level(tdx=(2, 1, 2), status=OLD_CN)),
    ),
    Relaunch(
        "module-current-but-microcode-old-at-launch",
        OLD,
        launched=(4, 1, 2),
        levels=(level(tdx=(4, 1, 3)), level(tdx=(2, 1, 2), status=OLD)),
    ),
    Relaunch(
        "td-revoked-at-launch",
        REVOKED,
        launched=(2, 1, 2),
        levels=(level(tdx=(4, 1, 3)), level(tdx=(2, 1, 2), status=REVOKED)),
    ),
    Relaunch(
        "td-old-and-the-newest-with-configuration",
        RELAUNCH_CN,
        launched=(2, 1, 2),
        levels=(level(tdx=(4, 1, 3), status=CN), level(tdx=(2, 1, 2), status=OLD)),
    ),
    Relaunch(
        "sgx-level-old",
        OLD,
        levels=(level(6, tdx=(4, 1, 3)), level(5, tdx=(2, 1, 3), status=OLD)),
    ),
    Relaunch("module-now-of-version-0", RELAUNCH, now=(4, 0, 3)),
    Relaunch("module-now-of-version-0-below", OLD, now=(3, 0, 3)),
    Relaunch("module-now-without-identity", NONE, now=(4, 9, 3)),
    Relaunch(
        "module-now-without-levels",
        NONE,
        now=(4, 2, 3),
        modules=(module(1, svn(4), svn(2, OLD)), module(2)),
    ),
    Relaunch(
        "module-now-of-another-version",
        RELAUNCH,
        now=(7, 2, 3),
        modules=(module(1, svn(4), svn(2, OLD)), module(2, svn(7), svn(1, OLD))),
    ),
    Relaunch(
        "module-now-of-another-version-below-its-newest",
        OLD,
        now=(6, 2, 3),
        modules=(module(1, svn(4), svn(2, OLD)), module(2, svn(7), svn(1, OLD))),
    ),
)


@pytest.mark.parametrize("case", RELAUNCHES, ids=lambda case: case.name)
def test_relaunch_rule(case: Relaunch) -> None:
    now = None if case.now is None else launch(*case.now)
    tdx = TdxTcb(launch(*case.launched), now)

    evaluation = evaluate_tcb(info(*case.levels, modules=case.modules), case.platform, tdx, case.qe)

    assert evaluation.status == case.expected


# --- the same through signed documents and quotes ---------------------------------------------

THROUGH_QUOTES = [
    *[("sgx", status, UP, UP, status) for status in TCB_STATUSES],
    *[("tdx", status, UP, UP, status) for status in TCB_STATUSES],
    ("sgx", UP, UP, OLD, OLD),
    ("sgx", CN, UP, OLD, OLD_CN),
    ("sgx", CSWH, UP, OLD, OLD_CN),
    ("tdx", CN, OLD, UP, OLD_CN),
    ("tdx", SWH, OLD, UP, OLD),
    ("tdx15", UP, OLD, UP, RELAUNCH),
    ("tdx15", CN, OLD, UP, RELAUNCH_CN),
    ("tdx15", CSWH, OLD, UP, RELAUNCH_CN),
    ("tdx15", UP, OLD, OLD, OLD),
]


@pytest.mark.parametrize(("kind", "platform", "of_module", "qe", "expected"), THROUGH_QUOTES)
def test_status_through_a_whole_quote(
    kit: Any, kind: str, platform: str, of_module: str, qe: str, expected: str
) -> None:
    tee = "sgx" if kind == "sgx" else "tdx"
    svns = {"tee_tcb_svn": launch(2, 1, 3)}
    build = {
        "sgx": lambda: kit.sgx(),
        "tdx": lambda: kit.tdx(body=svns),
        "tdx15": lambda: kit.tdx(5, td15=True, body=svns | {"tee_tcb_svn_2": launch(4, 1, 3)}),
    }[kind]
    collateral = kit.collateral(
        tee,
        levels=(kit.level(tee, platform),),
        modules=(col.TdxModule(1, (col.SvnLevel(4), col.SvnLevel(2, of_module))),),
        qe_levels=(col.SvnLevel(9), col.SvnLevel(8, qe)) if qe != UP else (col.SvnLevel(8),),
    )

    judgement = kit.evidence(build(), collateral).judge()

    assert judgement.outcome == ("rejected" if expected == REVOKED else "accepted")
    assert judgement.status == expected


def test_advisories_of_platform_module_and_quoting_enclave(kit: Any) -> None:
    collateral = kit.collateral(
        "tdx",
        levels=(kit.level("tdx", advisories=("INTEL-SA-00003", "INTEL-SA-00001")),),
        modules=(col.TdxModule(1, (col.SvnLevel(4, advisories=("INTEL-SA-00002",)),)),),
        qe_levels=(col.SvnLevel(8, advisories=("INTEL-SA-00001", "INTEL-SA-00004")),),
    )

    judgement = kit.evidence(kit.tdx(), collateral).judge()

    assert judgement.advisory_ids == tuple(f"INTEL-SA-0000{n}" for n in (1, 2, 3, 4))
