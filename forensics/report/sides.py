"""The two sides of each detector's findings: which of its `details` stand against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Two keys of `details`, and the words that say whose each is.

    The key `subject_id` is the finding's own.
    """

    fact: str
    one: str
    one_key: str
    other: str
    other_key: str


_RULE = Pair(
    "REPORT_DATA",
    *("the workload's rule gives", "expected_report_data"),
    *("the quote holds", "quoted_report_data"),
)
_SAID = "the verifier's words"
_ACCEPTED = ("accepted, times", "accepted")

# A detector that is not here is told by its sightings: what was claimed, and what we say of it.
PAIRS: Mapping[str, Pair] = {
    "ambiguous-evidence": Pair("evidence", "beyond all fields", "kinds", *_ACCEPTED),
    "anti-affinity": Pair("replicas", "in all", "replicas", "on one platform", "enclaves"),
    "attestation-key-drift": Pair(
        "attestation key", "one quoting enclave", "quoting_enclave", "signed with", "keys"
    ),
    "backdated-approval": Pair(
        "approval", "claims to hold from", "valid_from", "was made at", "approved_at"
    ),
    "channel-diversion": Pair("host", "launched on", "launched_on", "the platform's home", "home"),
    "claim-mismatch": Pair("identity", _SAID, "claimed", "the quote itself", "quoted"),
    "clone-resume": Pair("one memory", "answered from", "instances", "how", "kind"),
    "co-tenant-disagreement": Pair(
        "state of one platform", "of its", "part", "reported by turns", "states"
    ),
    "collateral-equivocation": Pair(
        "collateral of one date", "says", "first_content", "and says", "second_content"
    ),
    "collateral-rollback": Pair("number", "highest before", "highest", "gone back to", "used"),
    "composite-evidence-missing": Pair("evidence", "demanded of", "device", "what came", "kind"),
    "constant-report-data": Pair(
        "REPORT_DATA", "the workload's rule", "rule", "different values in all", "values"
    ),
    "custody-break": Pair("file", "the ledger names", "subject_id", "it differs", "messages"),
    "debug-enclave": Pair("debug mode", *_ACCEPTED, "debuggable", "measurements"),
    "doppelganger-quote": Pair(
        "measurement", "the reference values say", "reasons", "accepted all the same", "subject_id"
    ),
    "expired-collateral-accepted": Pair(
        "collateral", "expired, ms before", "margin_ms", "OK said by", "verifiers"
    ),
    "fail-then-pass": Pair("verdict", "refused by", "refused_by", "accepted by", "accepted_by"),
    "firmware-drift": Pair("firmware", "this platform alone", "value", "others", "others"),
    "hindsight-exposure": Pair(
        "TCB status", "at receipt", "receipt_statuses", "in hindsight", "status"
    ),
    "impossible-rate": Pair("one key", "on hosts", "nodes", "quotes within one window", "peak"),
    "impossible-time": Pair(
        "order of time", "by the clocks of", "clocks", "impossible by, ms", "margin_ms"
    ),
    "invalid-evidence": Pair("signature", "quotes that it fails for", "quotes", *_ACCEPTED),
    "known-bad-verifier": Pair(
        "verifier", "its build does not do", "hole", "OK said to what fails, times", "rejected"
    ),
    "known-exposure": Pair("platform", "known to be open to", "exposure", *_ACCEPTED),
    "late-nonce": Pair(
        "nonce", "expired, ms before the answer", "margin_ms", "accepted by", "verifiers"
    ),
    "log-gap": Pair("events", "there", "known", "missing", "missing"),
    "malformed-claim": Pair(
        "claim", "of impossible form", "claims", "logged all the same, times", "sightings"
    ),
    "nonce-reuse": Pair("nonce", "issued, times", "issued", "used in", "sessions"),
    "not-forwarded": Pair("event", "logged by", "verifiers", "and to the SIEM", "kind"),
    "pck-downgrade": Pair("PCK certificate's TCB", "earlier", "higher", "later", "lower"),
    "platform-identity-churn": Pair(
        "identity", "one platform by", "kind", "showed by turns", "identities"
    ),
    "platform-relocation": Pair("place", "before", "moved_from", "after", "moved_to"),
    "policy-contradiction": Pair(
        "measurement", "the policy's verdict", "reason", "allowed all the same", "measurements"
    ),
    "post-measurement-change": Pair("measured part", "was", "was", "became", "became"),
    "qe-svn-rollback": Pair("version", "earlier", "highest", "later", "lowest"),
    "relay-suspected": Pair("answer", "usual, ms", "usual_ms", "took, ms", "took_ms"),
    "report-data-mismatch": _RULE,
    "resigned-report": Pair(
        "signature", "one report with", "report_data", "signed, times", "signatures"
    ),
    "revoked-in-hindsight": Pair(
        "PCK certificate", "accepted before, times", "sightings", "revoked at", "revoked_at"
    ),
    "runtime-register-regression": Pair(
        "register", "had gone on to", "between", "went back to", "returned"
    ),
    "secret-without-evidence": Pair(
        "release", "the secret released", "secret_id", "its evidence", "kind"
    ),
    "shared-attestation-key": Pair(
        "attestation key", "one key, of", "qe_ids", "signed on platforms", "ppids"
    ),
    "signature-nonce-collision": Pair(
        "r of a signature", "shared by keys", "attestation_keys", "of platforms", "platforms"
    ),
    "signature-nonce-reuse": Pair(
        "r of a signature", "one r", "signature_r", "over different messages", "messages"
    ),
    "signer-change": Pair("signer", "known until then", "before", "then", "mrsigner"),
    "silent-enclave": Pair(
        "attestation",
        *("the launch log: launched at", "launched_at"),
        *("first attested", "attested_at"),
    ),
    "snp-field-drift": Pair("guest", "was", "before", "became", "became"),
    "stale-collateral": Pair(
        "evaluation number", "fetched", "fetched_evaluation", "issued by then", "missed_evaluation"
    ),
    "superseded-measurement": Pair(
        "measurement", "had been replaced by", "newer", "shown again", "measurement"
    ),
    "svn-rollback": Pair("ISVSVN", "out before", "highest_isv_svn", "accepted later", "isv_svn"),
    "tcb-incoherence": Pair("TCB", "by", "kind", "claimed against certified", "contradictions"),
    "tcb-recovery-lag": Pair(
        "TCB", "called out of date at", "demoted_at", "shown since", "statuses"
    ),
    "tcb-rollback": Pair("platform's TCB", "higher since", "higher_since", "fell", "lowered"),
    "token-evidence-mismatch": Pair(
        "token", "claims that disagree", "claims", "about the quote", "other_quotes"
    ),
    "trusted-rogue": _RULE,
    "two-places-at-once": Pair("place", "in all of", "places", "at once, for ms", "margin_ms"),
    "unexpected-attestation": Pair(
        "instance", "launched, ms later", "margin_ms", "attested as", "enclave_id"
    ),
    "unknown-nonce": Pair("nonce", "the nonce log says", "kind", *_ACCEPTED),
    "unlisted-platform": Pair("platform", "the list says", "kind", *_ACCEPTED),
    "verdict-contradiction": Pair("verdict", _SAID, "claimed", "checks that fail", "failed_checks"),
    "weak-status-accepted": Pair(
        "TCB status", "as the verifier logged it", "claimed_levels", "recomputed", "status"
    ),
    "wrongful-reject": Pair("verdict", _SAID, "claimed", "recomputed", "statuses"),
}
