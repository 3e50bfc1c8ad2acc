"""`custody`: who did what to a case, that it is still so, and how others can hold us to it."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli.exit_codes import CUSTODY_BROKEN
from forensics.cli.files import SMALL, read_file
from forensics.cli.options import (
    CaseArgument,
    FormatOption,
    NowOption,
    SignKeyOption,
    load_signer,
    read_time,
    read_user,
)
from forensics.cli.output import Format, print_records, say, to_plain, write_line
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.checkpoints import Note

custody_app = typer.Typer(no_args_is_help=True, help="The chain of custody.")

HeadOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--head", metavar="FILE", help="A head that a witness kept: the ledger must extend it."
    ),
]
PublicKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key", metavar="KEY", help="A key, known from elsewhere, that must have signed."
    ),
]


@custody_app.command("verify")
def custody_verify(
    case: CaseArgument,
    head: HeadOption = None,
    public_key: PublicKeyOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Check every file against the ledger, and the ledger against itself (exit 4 on a problem).

    Every changed, missing, truncated, swapped or added file or entry is named. Not a failure, but
    named too: what a commit that was cut off leaves behind. What a case alone cannot show: that its
    newest entries were cut off, or that all of it was replaced. Give a head that was kept elsewhere
    (`custody anchor`), and the public key of a case that signs. In findings/, suppressions.toml and
    run.json are not held against anything: people edit the one, each audit renews the other.

    \b
    Examples:
      quote-forensics custody verify incident-42
      quote-forensics custody verify incident-42 --head heads/2026-01.txt
    """
    from forensics.case.case import open_case
    from forensics.case.custody import verify_custody
    from forensics.case.signing import parse_public_key

    heads = [_read_head(path).checkpoint for path in head or ()]
    keys = [parse_public_key(text) for text in public_key or ()]
    problems = verify_custody(open_case(case), heads=heads, signing_keys=keys)
    rows = [
        {"level": p.level, "path": p.path, "code": p.code, "message": p.message} for p in problems
    ]
    if rows or form is not Format.table:
        print_records(rows, ("level", "code", "path", "message"), form)
    if any(problem.level == "failure" for problem in problems):
        raise typer.Exit(CUSTODY_BROKEN)
    if form is Format.table:
        write_line(sys.stdout, "custody holds")
    if not heads:
        say("not shown: that no newest entry was cut off (give --head with a head kept elsewhere)")


@custody_app.command("log")
def custody_log(case: CaseArgument, form: FormatOption = Format.table) -> None:
    """Who did what to the case, when, and with what: one record per entry of the ledger.

    \b
    Examples:
      quote-forensics custody log incident-42
      quote-forensics custody log incident-42 --format json | jq '.[].sources[].path'
    """
    from forensics.case.case import open_case
    from forensics.case.history import COLUMNS, describe_history

    shown = ("entry", "time", "who", "tool", "action", "what")
    print_records(describe_history(open_case(case)), COLUMNS, form, shown=shown)


@custody_app.command("anchor")
def custody_anchor(
    case: CaseArgument, sign_key: SignKeyOption = None, form: FormatOption = Format.table
) -> None:
    """Print the head of the ledger, for a witness outside.

    It is a C2SP tlog-checkpoint: which case, how many entries, and the RFC 6962 root over their
    bytes. Signed (a C2SP signed note) when the case signs or a key is given. Keep it where whoever
    can write the case cannot; `custody verify --head` and `custody prove` hold the case to it.

    \b
    Examples:
      quote-forensics custody anchor incident-42 > heads/2026-01.txt
      quote-forensics custody anchor incident-42 --format json
    """
    from forensics.case.case import open_case
    from forensics.case.checkpoints import format_verifier_key, parse_note
    from forensics.case.proofs import describe_head, write_head

    signer = load_signer(sign_key)
    opened = open_case(case)
    ledger = opened.ledger
    head = describe_head(ledger)
    text = write_head(ledger, signer)
    keys = [signer.public_key] if signer else opened.settings.signing_keys
    last = ledger.entries[-1]
    if form is Format.table:
        say(f"entry {last.entry} of {last.time}, SHA-256 {ledger.head}")
        sys.stdout.write(text)
        return
    record = {
        "entry": last.entry,
        "sha256": ledger.head,
        "time": last.time,
        "origin": head.origin,
        "size": head.size,
        "root_hash": head.root.hex(),
        "checkpoint": text,
        "signed": parse_note(text.encode()).find_signer(keys) is not None,
        "verifier_keys": [format_verifier_key(head.origin, key) for key in keys],
    }
    print_records([record], tuple(record), form)


@custody_app.command("prove")
def custody_prove(
    case: CaseArgument,
    since: Annotated[
        Path | None,
        typer.Option("--from", metavar="HEAD_FILE", help="Prove that the case extends this head."),
    ] = None,
    entry: Annotated[
        list[int] | None,
        typer.Option("--entry", metavar="N", help="Prove that this entry is in it [newest]."),
    ] = None,
) -> None:
    """Export proofs (RFC 6962) that entries are in the ledger and that it extends an older head.

    Who kept last month's head checks them with `custody check-proof`, without the case.

    Example: quote-forensics custody prove incident-42 --from heads/2026-01.txt > proof.json
    """
    from forensics.case.case import open_case
    from forensics.case.proofs import make_proof, write_head

    older = _read_head(since).checkpoint if since else None
    ledger = open_case(case).ledger
    head = write_head(ledger)
    entries = entry or [ledger.tree.size]
    sys.stdout.write(make_proof(ledger, head, older, entries).decode())


@custody_app.command("check-proof")
def custody_check_proof(
    proof: Annotated[Path, typer.Argument(metavar="FILE", help="What `custody prove` printed.")],
    head: Annotated[Path, typer.Argument(metavar="HEAD_FILE", help="The head that was kept.")],
    public_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Both heads must be signed by this key."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Check a proof with nothing but the head that was kept (exit 4 when it fails).

    Example: quote-forensics custody check-proof proof.json heads/2026-01.txt
    """
    from forensics.case.history import summarise
    from forensics.case.proofs import MAX_PROOF_SIZE, check_proof

    kept = _read_head(head)
    proven = check_proof(read_file(proof, MAX_PROOF_SIZE), kept.checkpoint)
    if public_key is not None:
        _check_signatures(public_key, (kept, proven.newer))
    rows = [
        {"entry": e.entry, "time": e.time, "who": e.who, "action": e.action, "what": summarise(e)}
        for e in proven.entries
    ]
    print_records(rows, ("entry", "time", "who", "action", "what"), form)
    say(
        f"proven: the ledger of {proven.newer.checkpoint.size} entries extends the head of "
        f"{kept.checkpoint.size} that was kept"
    )


@custody_app.command("attach-timestamp")
def custody_attach_timestamp(
    case: CaseArgument,
    response: Annotated[
        Path, typer.Argument(metavar="RESPONSE", help="The authority's answer (.tsr, DER).")
    ],
    tsa_ca: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Root certificate(s) of the authority, PEM."),
    ],
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Store an RFC 3161 timestamp on the ledger's head, after it was checked offline.

    Checked, now and by every `custody verify`: it is a grant over the SHA-256 of a ledger entry's
    file, one signer signed it, the signer's certificate is for time stamping and was valid at the
    time stated, and its chain ends at the root given. Not checked: whether that certificate had
    been revoked, the authority's policy, and the nonce of the request. The answer must carry the
    signer's certificate (`-cert`).

    \b
    Examples:
      openssl ts -query -data incident-42/ledger/00000004.json -sha256 -cert -out head.tsq
      quote-forensics custody attach-timestamp incident-42 head.tsr --tsa-ca authority.pem
    """
    from forensics.case.case import open_case
    from forensics.case.timestamps import MAX_RESPONSE_SIZE, attach_timestamp

    stamp = attach_timestamp(
        open_case(case, load_signer(sign_key)),
        read_file(response, MAX_RESPONSE_SIZE),
        read_file(tsa_ca, SMALL),
        at=read_time(now),
        who=read_user(),
    )
    say(
        f"entry {stamp.entry} was the head no later than {to_plain(stamp.issued_at)}, "
        f"says {stamp.authority}"
    )


@custody_app.command("keygen")
def custody_keygen(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes: new.")],
    form: FormatOption = Format.table,
) -> None:
    """Make an Ed25519 key for signing ledgers; prints its public key.

    The private key is PEM (PKCS #8), not encrypted, readable by you alone. Keep it outside every
    case. `init --sign-key FILE` makes a case that names the key.

    Example: quote-forensics custody keygen ~/.config/custody.pem
    """
    from forensics.case.folder import SETTINGS_NAME
    from forensics.case.signing import KEY_SIZE, encode_private_key, read_signer

    target = file.absolute()
    if any((folder / SETTINGS_NAME).exists() for folder in target.resolve().parents):
        raise UsageError("key-in-case", "a private key does not belong inside a case")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(encode_private_key(secrets.token_bytes(KEY_SIZE)))
            stream.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise UsageError("unwritable-path", f"cannot make {file}: {error.strerror}") from None
    key = read_signer(target).public_key
    record = {"public_key": key.text, "key_id": key.key_id, "file": str(file)}
    if form is Format.table:
        write_line(sys.stdout, key.text)
    else:
        print_records([record], tuple(record), form)


def _read_head(path: Path) -> Note:
    from forensics.case.checkpoints import parse_head

    return parse_head(read_file(path, SMALL))


def _check_signatures(public_key: str, notes: tuple[Note, ...]) -> None:
    """Raises `CustodyError` (`proof-fails`)."""
    from forensics.case.signing import parse_public_key
    from forensics.errors import CustodyError

    key = parse_public_key(public_key)
    for note in notes:
        if note.find_signer([key]) is None:
            message = f"the head of {note.checkpoint.size} entries is not signed by that key"
            raise CustodyError("proof-fails", message)
