"""TCB level selection and convergence, as Intel's QVL does it.

Sources: QVL Verifiers/Checks/TcbLevelCheck.cpp, TDRelaunchCheck.cpp, Utils/TcbStatusUtils; PCS API
documentation v4, "Get TDX TCB Info", step 3. Components 0 and 1 of TEE_TCB_SVN are judged by the
module identity, not by the platform level, when the module's major version is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.formats.collateral import EnclaveIdentity, SvnLevel, TcbInfo, TcbLevel, TdxModule

REVOKED = "Revoked"
NOT_SUPPORTED = "NotSupported"
RELAUNCH = "TDRelaunchAdvised"
RELAUNCH_AND_CONFIGURE = "TDRelaunchAdvisedConfigurationNeeded"

_CURRENT = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
)
_CONFIGURATION = ("ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded")
_STALE = ("OutOfDate", "OutOfDateConfigurationNeeded")


@dataclass(frozen=True)
class Platform:
    """What the PCK certificate says: 16 component SVNs and the PCE SVN."""

    components: bytes
    pce_svn: int


@dataclass(frozen=True)
class TdxTcb:
    """TEE_TCB_SVN at launch and, in TD reports 1.5, of the module now loaded (16 bytes each)."""

    launch: bytes
    current: bytes | None

    @property
    def module_version(self) -> int:
        return self.launch[1]


@dataclass(frozen=True)
class TcbEvaluation:
    """`status` is Intel's word, or `NotSupported`; `note` says how it came about.

    It converges what the TCB info says about platform and module with what the identity says about
    the quoting enclave.
    """

    platform_status: str
    qe_status: str
    level: TcbLevel | None
    module_level: SvnLevel | None
    note: str

    @property
    def status(self) -> str:
        return converge(self.platform_status, self.qe_status)

    @property
    def terminal(self) -> bool:
        return self.status in (REVOKED, NOT_SUPPORTED)


def select_sgx_level(levels: Sequence[TcbLevel], platform: Platform) -> TcbLevel | None:
    """First level, in descending order, that the platform reaches."""
    return next((level for level in levels if _reaches_sgx(level, platform)), None)


def select_tdx_level(
    levels: Sequence[TcbLevel], platform: Platform, tdx: TdxTcb
) -> TcbLevel | None:
    """First level that platform and TD reach; `levels` are those of a TDX document."""
    first = 2 if tdx.module_version > 0 else 0
    for level in levels:
        assert level.tdx is not None
        pairs = zip(tdx.launch[first:], level.tdx[first:], strict=True)
        if all(have >= need for have, need in pairs) and _reaches_sgx(level, platform):
            return level
    return None


def select_module(info: TcbInfo, version: int) -> TdxModule | None:
    """The identity of a TDX module version (1-255); None when the document has none."""
    wanted = f"TDX_{version:02X}"
    return next((m for m in info.module_identities or () if m.id.upper() == wanted), None)


def select_svn_level(levels: Sequence[SvnLevel], isv_svn: int) -> SvnLevel | None:
    """First level that `isv_svn` reaches, in the order given."""
    return next((level for level in levels if isv_svn >= level.isv_svn), None)


def evaluate_qe(identity: EnclaveIdentity, isv_svn: int) -> tuple[str, SvnLevel | None]:
    """E6: whatever is neither up to date nor revoked is out of date."""
    level = select_svn_level(identity.levels, isv_svn)
    if level is None:
        return NOT_SUPPORTED, None
    return (level.status if level.status in ("UpToDate", REVOKED) else "OutOfDate"), level


def evaluate_tcb(
    info: TcbInfo, platform: Platform, tdx: TdxTcb | None, qe_status: str
) -> TcbEvaluation:
    """Select the levels and converge platform, module and quoting enclave into one status."""
    if tdx is None:
        level = select_sgx_level(info.levels, platform)
        if level is None:
            return _reach_nothing(qe_status)
        return TcbEvaluation(level.status, qe_status, level, None, level.status)
    return _evaluate_tdx(info, platform, tdx, qe_status)


def converge(status: str, other: str) -> str:
    """The status of a platform together with that of its module or quoting enclave."""
    if NOT_SUPPORTED in (status, other):
        return NOT_SUPPORTED
    if REVOKED in (status, other):
        return REVOKED
    if other == "OutOfDate":
        if status in ("UpToDate", "SWHardeningNeeded"):
            return "OutOfDate"
        if status in _CONFIGURATION:
            return "OutOfDateConfigurationNeeded"
    return status


def _reaches_sgx(level: TcbLevel, platform: Platform) -> bool:
    return platform.pce_svn >= level.pce_svn and all(
        have >= need for have, need in zip(platform.components, level.sgx, strict=True)
    )


def _evaluate_tdx(info: TcbInfo, platform: Platform, tdx: TdxTcb, qe_status: str) -> TcbEvaluation:
    level = select_tdx_level(info.levels, platform, tdx)
    if level is None:
        return _reach_nothing(qe_status)
    module_status, module_level = "UpToDate", None
    if tdx.module_version > 0:
        module = select_module(info, tdx.module_version)
        module_level = select_svn_level(module.levels if module else (), tdx.launch[0])
        module_status = module_level.status if module_level else NOT_SUPPORTED
    status = converge(level.status, module_status)
    note = f"{level.status}, module {module_status}"
    advised = _advise_relaunch(info, platform, tdx, status, module_status, qe_status)
    return TcbEvaluation(advised or status, qe_status, level, module_level, note)


def _reach_nothing(qe_status: str) -> TcbEvaluation:
    return TcbEvaluation(NOT_SUPPORTED, qe_status, None, None, "no TCB level reached")


def _advise_relaunch(
    info: TcbInfo,
    platform: Platform,
    tdx: TdxTcb,
    status: str,
    module_status: str,
    qe_status: str,
) -> str | None:
    """The relaunch rule: the module was updated under a running TD, which a relaunch would cure."""
    sgx_level, newest = select_sgx_level(info.levels, platform), info.levels[0].tdx
    assert sgx_level is not None  # the TD's level is one of those that the platform reaches
    assert newest is not None
    if (
        tdx.current is None
        or qe_status != "UpToDate"
        or module_status != "OutOfDate"
        or status not in _STALE
        or sgx_level.status not in _CURRENT
    ):
        return None
    needed = newest[0]
    if tdx.current[1] > 0:
        module = select_module(info, tdx.current[1])
        if module is None or not module.levels:
            return NOT_SUPPORTED
        needed = module.levels[0].isv_svn
    if tdx.current[0] < needed or tdx.current[2] < newest[2]:
        return None
    if sgx_level.status in _CONFIGURATION or status == "OutOfDateConfigurationNeeded":
        return RELAUNCH_AND_CONFIGURE
    return RELAUNCH
