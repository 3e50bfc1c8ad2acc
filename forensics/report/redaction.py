"""Platform identifiers out of the documented views, by keyed hashing.

A value is replaced by the start of its HMAC-SHA-256 under a key: whoever has the key can find a
platform again; anyone else can still see that two rows are about the same one. Every text column of
the views is of one of four kinds, and one that is of none is left out:

* `HASHED`: names a platform, a session or a host, or gives its keys away (a public key can be
  computed from a signature and what it signs, so the halves of signatures are here too);
* `WITHHELD`: an identifier could stand anywhere in it (evidence as bytes, paths, what somebody else
  logged in fields that we do not know): null;
* `SPOKEN`: text and JSON, in which every identifier that the case knows is replaced;
* `KEPT`: measurements, digests of what is not about one platform, and words of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.case.contract import LIST, TEXT, VIEWS
from forensics.errors import UsageError

if TYPE_CHECKING:
    import duckdb

    from forensics.report.outgoing import Outgoing

# Few in number beside the quotes: these are looked for in text.
_NAMES = frozenset(
    {
        *("attestation_key", "attestation_key_id", "certificate_id", "certification_data_id"),
        *("certification_id", "chain_id", "chain_signed_id", "container_id", "event_id", "node_id"),
        *("pck_ca_serial", "pck_id", "pck_serial", "peer", "ppid", "qe_auth_id", "qe_id"),
        *("revoked_serials", "runtime_data_id", "serial", "session_id", "tbs_id", "user_data"),
        *("chip_id", "csp_id", "platform_id", "report_id", "report_id_ma", "vek_id"),
        *("one_peer", "other_peer", "peer_address"),
        "who",  # user@host
    }
)
_SIGNATURE_HALVES = frozenset({"signature_r", "signature_s", "qe_signature_r", "qe_signature_s"})
# SHA-256 over what a finding is about: a guessed host name could be confirmed.
_FINGERPRINTS = frozenset({"finding_id", "fingerprint"})

HASHED = _NAMES | _SIGNATURE_HALVES | _FINGERPRINTS
WITHHELD = frozenset(
    {
        *("body", "command", "data", "extra", "message", "note", "path", "record"),
        *("runtime_data", "sgx_extensions"),
    }
)
SPOKEN_JSON = frozenset({"basis", "details", "params"})
SPOKEN = SPOKEN_JSON.union(
    {
        *("accept", "backend_verifier", "claimed_pck_cert_status", "claimed_policy_mode"),
        *("claimed_mrenclave", "claimed_mrsigner", "claimed_quote_status", "claimed_report_data"),
        *("device_evidence", "device_verdicts", "gpu_nonce", "mode_reason", "suppression"),
        *("tpm_nonce", "triage"),
        *("claimed_tcb_level", "enclave_id", "event_type", "evidence", "expected", "gaps", "image"),
        *("image_digest", "initial_state", "issuer", "missing", "mode", "nonce", "observed"),
        "item_id",  # of a certificate, too
        *("key_id", "report_data", "report_data_rule", "rule", "runtime", "secret_id", "subject"),
        "reference",
        *("subject_id", "summary", "token_measurement", "token_mrsigner", "token_quote_hash"),
        *("token_report_data", "workload_id"),
    }
)
KEPT = frozenset(
    {
        # ids of evidence: SHA-256 of bytes that hold a signature, or of whole files
        *("chosen_collateral", "collateral_id", "crl_id", "first_quote_id", "observation_id"),
        *("first_id", "last_id", "observation_ids"),
        *("pck_crl_id", "qe_identity_id", "quote_id", "root_crl_id", "second_quote_id", "sha256"),
        *("signed_id", "signing_id", "source_id", "sql_sha256", "tcb_info_id", "token_id"),
        # keys of vendors' CAs
        *("issuer_key_id", "root_ids"),
        # what runs, and on which kind of machine
        *("attributes", "config_id", "cpu_svn", "expected_report_data", "fmspc"),
        *("isv_ext_prodid", "isv_family_id", "mr_config_id", "mr_owner", "mr_owner_config"),
        *("mr_seam", "mr_service_td", "mrenclave", "mrsigner", "mrsigner_seam", "mrtd", "pce_id"),
        *("qe_cpu_svn", "qe_mrenclave", "qe_mrsigner", "qe_vendor_id", "reserved1", "reserved2"),
        *("reserved3", "reserved4", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "seam_attributes"),
        *("tcb_components", "td_attributes", "tee", "tee_tcb_svn", "tee_tcb_svn_2", "xfam"),
        *("author_key_digest", "committed_tcb", "committed_version", "cpuid", "current_mit_vector"),
        *("current_tcb", "current_version", "family_id", "host_data", "id_key_digest", "image_id"),
        *("key_info", "launch_mit_vector", "launch_tcb", "measurement", "platform_info", "policy"),
        *("reported_tcb", "signing_key", "vek_kind", "vek_product", "vek_tcb"),
        # words of this tool, and of Intel's documents
        *("advisory_ids", "category", "cause", "check_id", "claimed_status", "code", "crl_number"),
        "detector",
        *("failed_checks", "family", "id", "initial_state_from", "kind", "level"),
        *("malformed_claims", "moment", "reserved_nonzero"),
        *("outcome", "pck_ca", "reason", "result", "severity", "state", "status"),
        *("strict_failures", "subject_type", "title", "type", "undetermined_checks"),
    }
)

PREFIX = "redacted-"
MIN_KEY_SIZE = 16

_DIGITS = 24  # 96 bits: two of a billion identifiers do not meet
_RUN = re.compile(r"[^\W_]+")  # letters and digits
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_JOINERS = "-_.:/@+"
_SHORT = 6  # a session "s-1" is not in "s-1-2"; a host "node-07" is in "vm-on-node-07"
_LONG_HEX = 64  # beyond: several fields in a row, with an identifier perhaps among them

_LISTS = frozenset(column.name for view in VIEWS for column in view.columns if column.type == LIST)


class Redactor:
    """Replaces the platform identifiers of one case, the same one always the same way."""

    def __init__(self, key: bytes, connection: duckdb.DuckDBPyConnection) -> None:
        """Raises `UsageError` (`bad-redaction-key`) for a key that could be guessed."""
        if len(key) < MIN_KEY_SIZE or len(set(key)) == 1:
            message = f"a redaction key has at least {MIN_KEY_SIZE} random bytes"
            raise UsageError("bad-redaction-key", message)
        self._key = key
        found = _find_identifiers(connection)
        self._known = {_fold(text): text for text in sorted(found) if _RUN.search(text)}
        """Identifiers from their first letter or digit to their last, by how they are looked up."""
        self._signs = sorted((t for t in found if not _RUN.search(t)), key=len, reverse=True)
        """Those without a letter or digit."""
        self._lengths = _index_lengths(self._known)
        self._hex_sizes = sorted({len(t) for t in self._known if _HEX.fullmatch(t)}, reverse=True)

    @property
    def key_id(self) -> str:
        """Tells keys apart and does not give them away: 16 hex digits."""
        return self._hash("key id")[:16]

    def replace(self, value: str) -> str:
        """Zeros alone name nobody: unused fields hold them."""
        if not value.strip("0"):
            return value
        return PREFIX + self._hash(_normalise(value))[:_DIGITS]

    def apply(self, name: str, value: Any) -> Any:
        """The value of a column as it may be shown."""
        if value is None or isinstance(value, bool | int | float | datetime):
            return value
        if name in HASHED:
            listed = isinstance(value, list)
            return [self.replace(item) for item in value] if listed else self.replace(value)
        if name in SPOKEN_JSON:
            return json.dumps(self.speak(json.loads(value)), ensure_ascii=False)
        if name in SPOKEN:
            return self.speak(value)
        return value if name in KEPT else None

    def apply_all(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row as it may be shown."""
        return {name: self.apply(name, value) for name, value in row.items()}

    def apply_to_finding(self, item: Outgoing) -> Outgoing:
        """A finding and its sighting as they may be shown."""
        finding = {entry.name: getattr(item.finding, entry.name) for entry in fields(item.finding)}
        shown = self.apply_all(finding) | {"observation_ids": item.finding.observation_ids}
        return replace(
            item,
            finding=replace(item.finding, **shown),
            seen={n: v for n, v in self.apply_all(item.seen).items() if v is not None},
            quote={n: v for n, v in self.apply_all(item.quote).items() if v is not None},
        )

    def speak(self, value: Any) -> Any:
        """Text, or what JSON holds of it, with every known identifier replaced."""
        if isinstance(value, str):
            return self._speak_text(value)
        if isinstance(value, list):
            return [self.speak(item) for item in value]
        if isinstance(value, dict):
            return {self._speak_text(key): self.speak(item) for key, item in value.items()}
        return value

    def _speak_text(self, text: str) -> str:
        for sign in self._signs:
            text = text.replace(sign, self.replace(sign))
        runs = [match.span() for match in _RUN.finditer(text)]
        parts: list[str] = []
        position = place = 0
        while place < len(runs):
            start = runs[place][0]
            found = self._match(text, runs, place)
            if found is None:
                end = runs[place][1]
                parts += text[position:start], self._search_hex(text[start:end])
                place += 1
            else:
                length, identifier = found
                end = runs[place + length - 1][1]
                parts += text[position:start], self.replace(identifier)
                place += length
            position = end
        parts.append(text[position:])
        return "".join(parts)

    def _match(self, text: str, runs: list[tuple[int, int]], place: int) -> tuple[int, str] | None:
        """The longest identifier that begins with run `place`: how many runs, and which."""
        start, end = runs[place]
        for length in self._lengths.get(text[start:end].casefold(), ()):
            if place + length > len(runs):
                continue
            end = runs[place + length - 1][1]
            identifier = self._known.get(_fold(text[start:end]))
            if identifier is not None and not (
                end - start < _SHORT and _is_joined(text, start, end)
            ):
                return length, identifier
        return None

    def _search_hex(self, run: str) -> str:
        """Identifiers inside a longer run of hex digits."""
        if len(run) <= _LONG_HEX or not _HEX.fullmatch(run):
            return run
        text = run.lower()
        for size in self._hex_sizes:
            for offset in range(0, len(text) - size + 1, 2):
                if text[offset : offset + size] in self._known:
                    return self.replace(run)
        return run

    def _hash(self, value: str) -> str:
        data = value.encode("utf-8", "backslashreplace")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()


def _normalise(value: str) -> str:
    """One spelling of hex, so that one platform has one name."""
    return value.lower() if _HEX.fullmatch(value) else value


def _fold(text: str) -> str:
    """How an identifier is looked up: a host is the same in capitals, a short word is not."""
    return text if len(text) < _SHORT else text.casefold()


def _index_lengths(known: Iterable[str]) -> dict[str, list[int]]:
    """By its first run: how many runs the identifiers that begin with it have, most first."""
    lengths: dict[str, set[int]] = {}
    for text in known:
        runs = _RUN.findall(text)
        lengths.setdefault(runs[0].casefold(), set()).add(len(runs))
    return {run: sorted(counts, reverse=True) for run, counts in lengths.items()}


def _is_joined(text: str, start: int, end: int) -> bool:
    """Part of a longer name: `s-1` in `s-1-2`."""
    before = start >= 2 and text[start - 1] in _JOINERS and text[start - 2].isalnum()
    after = end + 1 < len(text) and text[end] in _JOINERS and text[end + 1].isalnum()
    return before or after


def _find_identifiers(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found: set[str] = set()
    for view in VIEWS:
        names = _NAMES.intersection(c.name for c in view.columns if c.type in (TEXT, LIST))
        if view.name == "key_recovery":
            names |= {"signature_r"}  # findings name those that repeat
        for name in sorted(names):
            value = f'unnest("{name}")' if name in _LISTS else f'"{name}"'
            sql = f'SELECT DISTINCT {value} AS value FROM "{view.name}" WHERE "{name}" IS NOT NULL'
            for (text,) in connection.execute(sql).fetchall():
                found.add(_normalise(_trim(str(text))))
    return {text for text in found if text.strip("0")}


def _trim(text: str) -> str:
    """From the first letter or digit to the last. Where there is none: all of it, or nothing where
    it is no more than ASCII's marks, which stand in every text.
    """
    spans = [match.span() for match in _RUN.finditer(text)]
    if spans:
        return text[spans[0][0] : spans[-1][1]]
    return "" if text.isascii() else text.strip()
