"""`verify`: prove facts and renew verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli import steps
from forensics.cli.options import (
    DEFAULT_THREADS,
    CaseArgument,
    FastOption,
    FormatOption,
    NowOption,
    SignKeyOption,
    ThreadsOption,
    as_of_option,
    load_signer,
    read_time,
)
from forensics.cli.output import Format, print_records, say, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.case.case import Case

AsOfOption = Annotated[str | None, as_of_option("Moment of the hindsight verdicts")]


def verify(
    case: CaseArgument,
    as_of: AsOfOption = None,
    form: FormatOption = Format.table,
    collateral: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Judge what it is about with this version alone."),
    ] = None,
    threads: ThreadsOption = DEFAULT_THREADS,
    fast: FastOption = True,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Prove the facts that are missing and renew the verdicts.

    Signatures, chains and key bindings are proven once. Judging again at another moment verifies
    no signature again.

    \b
    Examples:
      quote-forensics verify incident-42
      quote-forensics verify incident-42 --as-of 2026-03-31T00:00:00Z
      quote-forensics verify incident-42 --collateral 908920283b53
    """
    from forensics.case.case import open_case

    moment = read_time(now)
    opened = open_case(case, load_signer(sign_key))
    chosen = _find_collateral(opened, collateral or [])
    summary = steps.verify(
        opened,
        moment if as_of is None else read_time(as_of),
        moment,
        threads=threads,
        fast=fast,
        chosen=chosen,
    )
    rows = [
        {"what": "signatures verified", "name": name, "count": count}
        for name, count in summary.signatures.items()
    ]
    rows.append(
        {"what": "signatures verified", "name": "all", "count": summary.signatures_verified}
    )
    rows += [
        {"what": f"{when} verdicts", "name": outcome, "count": count}
        for (when, outcome), count in summary.outcomes.items()
    ]
    print_records(rows, ("what", "name", "count"), form)
    say(f"hindsight as of {to_plain(summary.as_of)}; signatures by {summary.engine}")
    for identity, count in _count_verdicts(opened, chosen):
        say(f"hindsight with {identity} alone for what it is about: {count} verdict(s) rest on it")


def _count_verdicts(case: Case, chosen: list[bytes]) -> Iterator[tuple[str, int]]:
    """How many hindsight verdicts each of these versions of the collateral decides."""
    if not chosen:
        return
    from forensics.case.connection import connect
    from forensics.verify.archive import COLLATERAL_IDS

    sql = (
        "SELECT count(*) FROM verdict WHERE moment = 'hindsight' "
        f"AND list_contains([{', '.join(COLLATERAL_IDS)}], $chosen)"
    )
    connection = connect(case)
    for identity in chosen:
        [(count,)] = connection.execute(sql, {"chosen": identity.hex()}).fetchall()
        yield identity.hex(), count


def _find_collateral(case: Case, identifiers: list[str]) -> list[bytes]:
    """Ids of TCB infos, enclave identities and CRLs, by the start of each."""
    if not identifiers:
        return []
    from forensics.case.connection import connect
    from forensics.case.lookup import find_one

    connection = connect(case)
    return [
        bytes.fromhex(find_one(connection, ("collateral", "crl"), identifier).identifier)
        for identifier in identifiers
    ]
