"""The declared layouts of quotes and reports, per version.

Sources, in short form in each field's `spec`:

* `sgx_quote_3.h`, `sgx_quote_4.h`, `sgx_quote_5.h`, `sgx_report.h`: Intel SGX DCAP headers.
* `QVL QuoteStructures.h`: Intel's Quote Verification Library, QuoteVerification/Src.
* `TDX module ABI`: Intel TDX Module ABI specification, TDREPORT / TDINFO.
* `AMD 56860`: SEV Secure Nested Paging Firmware ABI Specification, ATTESTATION_REPORT.

Layouts of different versions are declared apart even where they agree, because the same four
header bytes mean different things in v3 and v4.
"""

from __future__ import annotations

from forensics.formats.layout import Field, Layout

INTEL_QE_VENDOR_ID = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")

TEE_SGX = 0x00
TEE_TDX = 0x81

KEY_TYPE_ECDSA_P256 = 2
KEY_TYPES = (0, 1, KEY_TYPE_ECDSA_P256, 3)  # EPID unlinkable, linkable; ECDSA P-256, P-384


def _header(name: str, title: str, source: str, middle: tuple[Field, ...]) -> Layout:
    """A quote header: 48 bytes, the same in all versions but for the four bytes at offset 8."""
    return Layout(
        name,
        title,
        48,
        (
            Field("version", 0, 2, "u16", "quote format version", source),
            Field("att_key_type", 2, 2, "u16", "2 = ECDSA-256-with-P-256", source),
            Field("tee_type", 4, 4, "u32", "0 = SGX, 0x81 = TDX; v3: reserved, zero", source),
            *middle,
            Field("qe_vendor_id", 12, 16, "bytes", "who made the quoting enclave", source),
            Field(
                "user_data", 28, 20, "bytes", "bytes 0-15: QE_ID; all zero on some clouds", source
            ),
        ),
    )


HEADER_V3 = _header(
    "header_v3",
    "quote header v3",
    "sgx_quote_3.h sgx_quote_header_t",
    (
        Field("header_qe_svn", 8, 2, "u16", "ISVSVN of the QE now; informative", "sgx_quote_3.h"),
        Field(
            "header_pce_svn", 10, 2, "u16", "ISVSVN of the PCE now; informative", "sgx_quote_3.h"
        ),
    ),
)
HEADER_V4 = _header(
    "header_v4",
    "quote header v4",
    "sgx_quote_4.h sgx_quote4_header_t",
    (Field("header_reserved", 8, 4, "reserved", "zero in every known quote", "sgx_quote_4.h"),),
)
HEADER_V5 = _header(
    "header_v5",
    "quote header v5",
    "sgx_quote_5.h sgx_quote5_header_t",
    (Field("header_reserved", 8, 4, "reserved", "zero in every known quote", "sgx_quote_5.h"),),
)

BODY_DESCRIPTOR_V5 = Layout(
    "body_descriptor_v5",
    "quote v5 body descriptor",
    6,
    (
        Field("body_type", 0, 2, "u16", "1 = SGX, 2 = TD 1.0, 3 = TD 1.5", "sgx_quote_5.h"),
        Field("body_size", 2, 4, "u32", "size of the body in bytes", "sgx_quote_5.h"),
    ),
)

_R = "sgx_report.h sgx_report_body_t"
SGX_REPORT = Layout(
    "sgx_report",
    "SGX enclave report body",
    384,
    (
        Field("cpu_svn", 0, 16, "bytes", "raw CPUSVN; not comparable with TCB components", _R),
        Field("misc_select", 16, 4, "u32", "MISCSELECT of the SSA frame", _R),
        Field("reserved1", 20, 12, "reserved", "zero", _R),
        Field("isv_ext_prodid", 32, 16, "bytes", "KSS extended product id", _R),
        Field("attributes", 48, 16, "bytes", "FLAGS (8) then XFRM (8)", _R),
        Field("mrenclave", 64, 32, "bytes", "SHA-256 of the enclave as built", _R),
        Field("reserved2", 96, 32, "reserved", "zero", _R),
        Field("mrsigner", 128, 32, "bytes", "SHA-256 of the signer's RSA modulus", _R),
        Field("reserved3", 160, 32, "reserved", "zero", _R),
        Field("config_id", 192, 64, "bytes", "KSS configuration id", _R),
        Field("isv_prodid", 256, 2, "u16", "product id given by the signer", _R),
        Field("isv_svn", 258, 2, "u16", "security version given by the signer", _R),
        Field("config_svn", 260, 2, "u16", "KSS configuration security version", _R),
        Field("reserved4", 262, 42, "reserved", "zero", _R),
        Field("isv_family_id", 304, 16, "bytes", "KSS family id", _R),
        Field("report_data", 320, 64, "bytes", "what the enclave chose to bind", _R),
    ),
)

_T = "TDX module ABI, TDREPORT_STRUCT; QVL QuoteStructures.h TDReport10"
_TD_FIELDS = (
    Field("tee_tcb_svn", 0, 16, "bytes", "TDX module SVN, major version, microcode, …", _T),
    Field("mr_seam", 16, 48, "bytes", "SHA-384 of the TDX module", _T),
    Field("mrsigner_seam", 64, 48, "bytes", "zero for Intel's modules", _T),
    Field("seam_attributes", 112, 8, "bytes", "zero today", _T),
    Field("td_attributes", 120, 8, "bytes", "TD attributes; bit 0 DEBUG", _T),
    Field("xfam", 128, 8, "bytes", "extended features enabled", _T),
    Field("mrtd", 136, 48, "bytes", "SHA-384 of the TD's initial contents", _T),
    Field("mr_config_id", 184, 48, "bytes", "software-defined configuration id", _T),
    Field("mr_owner", 232, 48, "bytes", "software-defined owner id", _T),
    Field("mr_owner_config", 280, 48, "bytes", "software-defined owner configuration", _T),
    Field("rtmr0", 328, 48, "bytes", "runtime measurement register 0", _T),
    Field("rtmr1", 376, 48, "bytes", "runtime measurement register 1", _T),
    Field("rtmr2", 424, 48, "bytes", "runtime measurement register 2", _T),
    Field("rtmr3", 472, 48, "bytes", "runtime measurement register 3", _T),
    Field("report_data", 520, 64, "bytes", "what the TD chose to bind", _T),
)
TD_REPORT_10 = Layout("td_report_10", "TD report body 1.0", 584, _TD_FIELDS)

_T5 = "sgx_quote_5.h sgx_report2_body_v1_5_t; QVL QuoteStructures.h TDReport15"
TD_REPORT_15 = Layout(
    "td_report_15",
    "TD report body 1.5",
    648,
    (
        *_TD_FIELDS,
        Field("tee_tcb_svn_2", 584, 16, "bytes", "SVNs of the module now loaded", _T5),
        Field("mr_service_td", 600, 48, "bytes", "hash of bound service TDs, else zero", _T5),
    ),
)

_N = "AMD 56860, ATTESTATION_REPORT"
SNP_REPORT_SIZE = 0x4A0
SNP_SIGNED_SIZE = 0x2A0  # in every version; what follows is the signature and unsigned
SNP_VERSIONS = (2, 3, 4, 5)


def _snp_report(
    name: str, title: str, cpuid: tuple[Field, ...], mitigations: tuple[Field, ...]
) -> Layout:
    """An SEV-SNP attestation report: the same in all versions but for what was once reserved."""
    return Layout(
        name,
        title,
        SNP_REPORT_SIZE,
        (
            Field("version", 0x000, 4, "u32", "report format version", _N),
            Field("guest_svn", 0x004, 4, "u32", "security version given by the guest's owner", _N),
            Field("policy", 0x008, 8, "bytes", "guest policy; bit 19 DEBUG", _N),
            Field("family_id", 0x010, 16, "bytes", "family id of the ID block", _N),
            Field("image_id", 0x020, 16, "bytes", "image id of the ID block", _N),
            Field("vmpl", 0x030, 4, "u32", "privilege level that asked; 0xFFFFFFFF: the host", _N),
            Field("signature_algo", 0x034, 4, "u32", "1 = ECDSA P-384 with SHA-384", _N),
            Field("current_tcb", 0x038, 8, "bytes", "TCB that runs now, perhaps provisional", _N),
            Field("platform_info", 0x040, 8, "bytes", "platform features that are on", _N),
            Field("key_info", 0x048, 4, "bytes", "AUTHOR_KEY_EN, MASK_CHIP_KEY, SIGNING_KEY", _N),
            Field("snp_reserved1", 0x04C, 4, "reserved", "zero", _N),
            Field("report_data", 0x050, 64, "bytes", "what the guest chose to bind", _N),
            Field("measurement", 0x090, 48, "bytes", "SHA-384 of the guest as launched", _N),
            Field("host_data", 0x0C0, 32, "bytes", "chosen by the host at launch", _N),
            Field("id_key_digest", 0x0E0, 48, "bytes", "SHA-384 of the ID key", _N),
            Field("author_key_digest", 0x110, 48, "bytes", "SHA-384 of the author key", _N),
            Field("report_id", 0x140, 32, "bytes", "names the guest from launch to end", _N),
            Field("report_id_ma", 0x160, 32, "bytes", "report id of its migration agent", _N),
            Field("reported_tcb", 0x180, 8, "bytes", "TCB that the signing key stands for", _N),
            *cpuid,
            Field("chip_id", 0x1A0, 64, "bytes", "names the chip; zero when masked", _N),
            Field("committed_tcb", 0x1E0, 8, "bytes", "TCB below which nothing is loaded", _N),
            Field("current_version", 0x1E8, 3, "bytes", "firmware now: build, minor, major", _N),
            Field("snp_reserved3", 0x1EB, 1, "reserved", "zero", _N),
            Field("committed_version", 0x1EC, 3, "bytes", "the same, committed", _N),
            Field("snp_reserved4", 0x1EF, 1, "reserved", "zero", _N),
            Field("launch_tcb", 0x1F0, 8, "bytes", "TCB when the guest was launched", _N),
            *mitigations,
            Field("snp_reserved6", 0x208, 152, "reserved", "zero", _N),
            Field("snp_signature_r", 0x2A0, 72, "bytes", "r, little-endian", _N),
            Field("snp_signature_s", 0x2E8, 72, "bytes", "s, little-endian", _N),
            Field("snp_unsigned", 0x330, 368, "reserved", "zero; no signature covers it", _N),
        ),
    )


_CPUID_RESERVED = (Field("snp_reserved2", 0x188, 24, "reserved", "zero", _N),)
_CPUID = (
    Field("cpuid", 0x188, 3, "bytes", "family, model, stepping", _N),
    Field("snp_reserved2", 0x18B, 21, "reserved", "zero", _N),
)
_MITIGATIONS_RESERVED = (Field("snp_reserved5", 0x1F8, 16, "reserved", "zero", _N),)
_MITIGATIONS = (
    Field("launch_mit_vector", 0x1F8, 8, "bytes", "mitigations verified at launch", _N),
    Field("current_mit_vector", 0x200, 8, "bytes", "mitigations verified now", _N),
)
SNP_REPORT_V2 = _snp_report(
    "snp_report_v2", "SEV-SNP report v2", _CPUID_RESERVED, _MITIGATIONS_RESERVED
)
SNP_REPORT_V3 = _snp_report("snp_report_v3", "SEV-SNP report v3", _CPUID, _MITIGATIONS_RESERVED)
SNP_REPORT_V5 = _snp_report("snp_report_v5", "SEV-SNP report v5", _CPUID, _MITIGATIONS)
# Turin's firmware already fills the mitigation vectors of version 4.
SNP_REPORTS = {2: SNP_REPORT_V2, 3: SNP_REPORT_V3, 4: SNP_REPORT_V5, 5: SNP_REPORT_V5}

HEADERS = {3: HEADER_V3, 4: HEADER_V4, 5: HEADER_V5}
BODIES_V5 = {1: SGX_REPORT, 2: TD_REPORT_10, 3: TD_REPORT_15}

LAYOUTS = (
    HEADER_V3,
    HEADER_V4,
    HEADER_V5,
    BODY_DESCRIPTOR_V5,
    SGX_REPORT,
    TD_REPORT_10,
    TD_REPORT_15,
    SNP_REPORT_V2,
    SNP_REPORT_V3,
    SNP_REPORT_V5,
)


def bit(value: bytes, position: int) -> bool:
    """Bit `position` of a little-endian bit field."""
    return bool(value[position // 8] >> (position % 8) & 1)


SGX_FLAG_BITS = {
    0: "INIT",
    1: "DEBUG",
    2: "MODE64BIT",
    4: "PROVISION_KEY",
    5: "EINITTOKEN_KEY",
    6: "CET",
    7: "KSS",
    10: "AEX_NOTIFY",
}
TD_ATTRIBUTE_BITS = {
    0: "DEBUG",
    4: "HGS_PLUS_PROF",
    5: "PERF_PROF",
    6: "PMT_PROF",
    16: "ICSSD",
    27: "LASS",
    28: "SEPT_VE_DISABLE",
    29: "MIGRATABLE",
    30: "PKS",
    31: "KL",
    62: "TPA",
    63: "PERFMON",
}
# State components of XSAVE: SGX ATTRIBUTES.XFRM and TD XFAM. Intel SDM volume 1, section 13.1.
XFEATURE_BITS = {
    0: "x87",
    1: "SSE",
    2: "AVX",
    3: "BNDREGS",
    4: "BNDCSR",
    5: "AVX512_OPMASK",
    6: "AVX512_ZMM_HI256",
    7: "AVX512_HI16_ZMM",
    8: "PT",
    9: "PKRU",
    10: "PASID",
    11: "CET_U",
    12: "CET_S",
    13: "HDC",
    14: "UINTR",
    15: "LBR",
    16: "HWP",
    17: "AMX_TILECFG",
    18: "AMX_TILEDATA",
    19: "APX",
}
# Intel SDM volume 3D, section 34.7.2 (SECS.MISCSELECT).
MISC_SELECT_BITS = {0: "EXINFO", 1: "CPINFO"}
# sgx_quote_3.h sgx_ql_cert_key_type_t
CERTIFICATION_TYPES = {
    1: "PPID in clear",
    2: "PPID, RSA-2048",
    3: "PPID, RSA-3072",
    4: "PCK leaf certificate",
    5: "PCK certificate chain",
    6: "QE report certification data",
    7: "platform manifest",
}
# AMD 56860, table "Guest Policy Structure"; bits 0-7 and 8-15 are the ABI's minor and major.
SNP_POLICY_BITS = {
    16: "SMT",
    17: "RESERVED_ONE",
    18: "MIGRATE_MA",
    19: "DEBUG",
    20: "SINGLE_SOCKET",
    21: "CXL_ALLOW",
    22: "MEM_AES_256_XTS",
    23: "RAPL_DIS",
    24: "CIPHERTEXT_HIDING_DRAM",
    25: "PAGE_SWAP_DISABLE",
}
SNP_PLATFORM_BITS = {
    0: "SMT_EN",
    1: "TSME_EN",
    2: "ECC_EN",
    3: "RAPL_DIS",
    4: "CIPHERTEXT_HIDING_DRAM_EN",
    5: "ALIAS_CHECK_COMPLETE",
    7: "TIO_EN",
}
SNP_DEBUG_BIT = 19
SNP_MIGRATE_BIT = 18
SNP_HOST_VMPL = 0xFFFFFFFF
SNP_SIGNATURE_ECDSA_P384 = 1
SIGNING_KEYS = {0: "vcek", 1: "vlek", 7: "none"}


def signing_key(key_info: bytes) -> str:
    """Which key signed by the report's own word: vcek, vlek, none, or a number."""
    number = key_info[0] >> 2 & 7
    return SIGNING_KEYS.get(number, str(number))


def masks_chip_key(key_info: bytes) -> bool:
    """MASK_CHIP_KEY: the firmware put zeros where the signature would be."""
    return bit(key_info, 1)
