"""What the words that verifiers log mean: which TCB status, and whether the quote was called good.

Each part of Intel's software spells a status in its own way: `OutOfDate` in TCB info,
`STATUS_TCB_OUT_OF_DATE` in the QVL, `SGX_QL_QV_RESULT_OUT_OF_DATE` in QvE (which says CONFIG for
CONFIGURATION), `TCB_OUT_OF_DATE` in the verification service (which puts an AND before it). Others
have words of their own, EAR's `affirming` among them (draft-ietf-rats-ar4si, section 2.3); one that
is neither known nor like a refusal says nothing, and its policy's word stands. A code may follow:
`SGX_QL_QV_RESULT_OUT_OF_DATE (0xa002)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from forensics.formats.collateral import TCB_STATUSES
from forensics.verify.tcb import RELAUNCH, RELAUNCH_AND_CONFIGURE, REVOKED

_BEST: Final = TCB_STATUSES[0]
_STATUSES: Final = (*TCB_STATUSES, RELAUNCH, RELAUNCH_AND_CONFIGURE)
_PREFIXES: Final = ("", "TCB", "STATUSTCB", "SGXQLQVRESULT")
# What verifiers in the field log for a good quote (design: `quote_status` OK).
_GOOD: Final = (
    *("OK", "STATUSOK", "SGXQLQVRESULTOK", "SUCCESS", "VALID", "VERIFIED", "TRUSTED"),
    *("ACCEPTED", "PASS", "PASSED", "AFFIRMING"),
)
_LIMITED: Final = ("WARNING", "EXPIRED", "COLLATERALEXPIRED")  # like a weak status
# Codes of Intel's that are no status, and what refusals are called.
_REFUSAL: Final = (
    "^(STATUS|SGXQL|NOT|ERR|BAD|NOK|NO$|KO$|FALSE$)|INVALID|FAIL|ERROR|REVOKED|REJECT|REFUSED|"
    "DENIED|DENY|FORBID|DISALLOW|BLOCKED|MISMATCH|MALFORMED|CORRUPT|TAMPER|COMPROMISED|ILLEGAL|"
    "ABORT|TIMEOUT|CONTRAINDICATED|EXPIRED|(DIS|MIS|UN|NON|NOT)(TRUST|AFFIRM)|"
    "UN(SAFE|AUTHORI|SUPPORTED|SPECIFIED|RECOGNI|AVAILABLE|SUCCESS)|"
    "(UN|NON|NOT)(OK|VERIF|VALID|ACCEPT|COMPLIAN|ALLOWED|PERMITTED|PASSED|FOUND)"
)
# Said of a quote on which nothing of that was found: no refusal, if no praise either.
_DENIAL: Final = (
    "(NOT?|NON|UN|WITHOUT|0)(ERROR|FAIL(URE|ED)|REVO(KED|CATION)|EXPIRED|MISMATCH|TAMPER)"
)
_CODE: Final = "[(:=]+(0X[0-9A-F]+|[0-9]+)[)]?$"


def _read_word(column: str) -> str:
    """A word without what spellings differ in, as SQL."""
    bare = f"translate(upper({column}), ' _-' || chr(9) || chr(10) || chr(13), '')"
    return f"regexp_replace({bare}, '{_CODE}', '')"


def _spell(status: str) -> list[str]:
    """A status in all spellings, as `_read_word` gives them."""
    name = status.upper()
    forms = (
        name,
        name.replace("CONFIGURATION", "CONFIG"),
        name.replace("OUTOFDATECONFIGURATION", "OUTOFDATEANDCONFIGURATION"),
    )
    return sorted({prefix + form for prefix in _PREFIXES for form in forms})


def _list(words: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def _name_status(column: str) -> str:
    word = _read_word(column)
    cases = " ".join(f"WHEN {word} IN {_list(_spell(name))} THEN '{name}'" for name in _STATUSES)
    return f"CASE {cases} END"


CLAIMED_STATUS: Final = (
    f"coalesce({_name_status('o.claimed_tcb_level')}, {_name_status('o.claimed_quote_status')})"
)
"""The TCB status that the verifier of an observation `o` logged, as Intel writes it in TCB info."""

_WEAK: Final = [name for name in _STATUSES if name not in {_BEST, REVOKED}]
_WORD: Final = _read_word("o.claimed_quote_status")
CLAIMED_OK: Final = f"""
CASE WHEN {_WORD} IN {_list([*_GOOD, *_spell(_BEST)])} THEN true
     WHEN {_WORD} IN {_list([*_LIMITED, *(word for name in _WEAK for word in _spell(name))])}
     THEN coalesce(o.claimed_policy_allowed, false)
     WHEN regexp_matches(regexp_replace({_WORD}, '{_DENIAL}', '', 'g'), '{_REFUSAL}') THEN false
     WHEN o.claimed_quote_status IS NOT NULL THEN o.claimed_policy_allowed
     WHEN o.claimed_policy_allowed THEN true
END
"""
"""Whether the verifier of an observation `o` called its quote good, as far as it said: a weaker
status is good enough where its policy allowed it, and of a word that is not known the policy tells.
"""
