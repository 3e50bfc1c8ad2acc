"""Verify the bundle that this file lies in, or another. Needs Python 3.8 and nothing else.

    python3 verify_bundle.py [BUNDLE] [--head FILE]

Checked: every file is listed with its SHA-256 and none is missing or added (BagIt, RFC 8493); the
ledger's entries are numbered without a gap and each names the SHA-256 of the one before; every
table file of the case is the one that the ledger names; each piece of evidence has the SHA-256 that
is its name; each original source is one that the ledger names, and data/sources.jsonl says of each
that the ledger names whether it is here; the head is the RFC 6962 root over the entries. With
--head, a head that was kept elsewhere (`custody anchor`): the ledger extends it. A redacted bundle
has no ledger and no evidence: of it the files alone are checked.

Not checked: Ed25519 signatures and RFC 3161 timestamps (Python's standard library has neither;
`quote-forensics custody verify data/case` checks both), and the attestation evidence itself. Nor
that all of data/evidence and data/views is still there and says what follows from data/case: the
lists of hashes alone hold them, and who changes a file can mend those; this tool makes both anew
from data/case. Who made the bundle could have made all of it, this file too: compare the head with
one that was kept elsewhere, and use a copy of this file that you trust.

Exit 0: the bundle holds. Exit 1: it does not, each difference on a line.
"""

# Annotations are in quotes, and nothing is imported before the path is set right: whoever can put a
# module beside this file could otherwise have it run in place of Python's own.
import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_ORIGINAL = re.compile(r"data/sources/([0-9a-f]{2})/([0-9a-f]{64})")
_EVIDENCE = re.compile(r"data/evidence/[a-z]+/[0-9a-f]{2}/([0-9a-f]{64})(\.[a-z]+)")
_ZEROS = "0" * 64


def main(arguments: "list[str]") -> int:
    here: str | None = None
    head: str | None = None
    while arguments:
        first, *arguments = arguments
        if first == "--head" and arguments and head is None:
            head, *arguments = arguments
        elif here is None and not first.startswith("-"):
            here = first
        else:
            sys.stderr.write(__doc__ or "")
            return 2
    root = Path(here) if here is not None else Path(__file__).resolve().parent
    try:
        problems, said = check_bundle(root, None if head is None else Path(head))
    except OSError as error:
        problems, said = [f"{error.filename}: {error.strerror}"], ""
    for problem in problems:
        sys.stdout.write(ascii(problem)[1:-1] + "\n")
    if not problems:
        sys.stdout.write(said + "\n")
    return 1 if problems else 0


def check_bundle(root: Path, head: "Path | None") -> "tuple[list[str], str]":
    """What is wrong with a bundle, and what to say when nothing is."""
    problems = list(check_bag(root))
    if is_redacted(root):
        if head is not None:
            problems.append("bag-info.txt: redacted, no ledger to hold against a head")
        return problems, "the bundle holds: redacted, without the ledger and the evidence"
    entries = read_entries(root / "data" / "case" / "ledger", problems)
    problems += check_case(root / "data" / "case", entries)
    problems += check_originals(root / "data", entries)
    problems += check_head(root / "head.txt", entries, "head.txt", whole=True)
    if head is not None:
        problems += check_head(head, entries, str(head), whole=False)
    newest = hashlib.sha256(entries[-1]).hexdigest() if entries else _ZEROS
    return problems, f"the bundle holds: {len(entries)} ledger entries, newest {newest}"


def is_redacted(root: Path) -> bool:
    """It says so, and there is no case in it."""
    try:
        said = read_file(root / "bag-info.txt").decode().split("\n")
    except (OSError, ValueError):
        return False
    return not (root / "data" / "case").exists() and any(x.startswith("Redacted: ") for x in said)


def check_bag(root: Path) -> "Iterator[str]":
    """Every file against the manifests, and the manifests against every file."""
    listed: dict[str, str] = {}
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        yield from read_manifest(root / name, listed)
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*")}
    for name, path in sorted(found.items()):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            yield f"{name}: no regular file"
        elif path.is_file() and name not in listed and name != "tagmanifest-sha256.txt":
            yield f"{name}: not listed in {_list_for(name)}"
    for name, digest in sorted(listed.items()):
        yield from check_file(name, found.get(name), digest)


def _list_for(name: str) -> str:
    return "manifest-sha256.txt" if name.startswith("data/") else "tagmanifest-sha256.txt"


def check_file(name: str, place: "Path | None", digest: str) -> "Iterator[str]":
    """A listed file against its digest; evidence against its name too."""
    if place is None or not is_regular(place):
        yield f"{name}: missing, listed in {_list_for(name)}"
        return
    try:
        actual = digest_file(place)
    except OSError as error:
        yield f"{name}: cannot be read ({error.strerror})"
        return
    evidence = _EVIDENCE.fullmatch(name)
    if actual != digest:
        yield f"{name}: SHA-256 {actual}, in {_list_for(name)} {digest}"
    elif evidence and evidence[2] in (".bin", ".der") and evidence[1] != actual:
        yield f"{name}: its name is not its SHA-256"
    elif evidence and evidence[2] == ".body" and evidence[1] != digest_document(place):
        yield f"{name}: its name is not the SHA-256 of it and its signature"


def read_manifest(path: Path, listed: "dict[str, str]") -> "Iterator[str]":
    """Add what a manifest lists; what is wrong with it."""
    try:
        text = read_file(path).decode()
    except (OSError, ValueError) as error:
        yield f"{path.name}: {error}"
        return
    if text and not text.endswith("\n"):
        yield f"{path.name}: its last line has no end"
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if not match or ".." in match[2].split("/") or match[2].startswith("/"):
            yield f"{path.name}: unusable line {line[:100]!r}"
        elif match[2].startswith("data/") != (path.name == "manifest-sha256.txt"):
            yield f"{path.name}: {match[2]} belongs into the other manifest"
        elif match[2] in listed:
            yield f"{path.name}: {match[2]} is listed twice"
        else:
            listed[match[2]] = match[1]


def read_entries(folder: Path, problems: "list[str]") -> "list[bytes]":
    """The bytes of the ledger's entries in order."""
    entries: list[bytes] = []
    for path in sorted(folder.glob("*.json")):
        name = f"data/case/ledger/{path.name}"
        if path.name != f"{len(entries) + 1:08}.json":
            problems.append(f"{name}: entry {len(entries) + 1} is missing before it")
            break
        try:
            entries.append(read_file(path))
        except OSError as error:
            problems.append(f"{name}: cannot be read ({error.strerror})")
            break
    if not entries:
        problems.append("data/case/ledger: no entries")
    return entries


def check_case(root: Path, entries: "list[bytes]") -> "Iterator[str]":
    """The chain, and the table files that it leaves in the case."""
    previous = _ZEROS
    live: dict[str, tuple[str, int]] = {}
    for number, data in enumerate(entries, 1):
        name = f"data/case/ledger/{number:08}.json"
        try:
            entry = json.loads(data)
            stated = (entry["entry"], entry["previous"])
            removed = list(entry["removed"])
            files = {file["path"]: (file["sha256"], file["size"]) for file in entry["files"]}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            yield f"{name}: unreadable ({error})"
            return
        if stated != (number, previous):
            yield f"{name}: does not continue the entry before it"
        previous = hashlib.sha256(data).hexdigest()
        for path in removed:
            if live.pop(path, None) is None:
                yield f"{name}: removes {path!r}, which is not there"
        live.update(files)
    held = {
        path.relative_to(root).as_posix(): path
        for path in (root / "tables").rglob("*")
        if is_regular(path)
    }
    for path in sorted(set(live) | set(held)):
        if path not in held:
            yield f"data/case/{path}: the ledger names it and it is missing"
        elif path not in live:
            yield f"data/case/{path}: the ledger does not name it"
        elif (digest_file(held[path]), held[path].stat().st_size) != live[path]:
            yield f"data/case/{path}: not the file that the ledger names"


def check_originals(data: Path, entries: "list[bytes]") -> "Iterator[str]":
    """The original sources, and the list of them, against what the ledger names."""
    listed = data / "sources.jsonl"
    found = {path.name: path for path in (data / "sources").rglob("*") if is_regular(path)}
    if not listed.is_file():
        if found:
            yield "data/sources.jsonl: missing, although there are sources"
        return
    try:
        named = [source for entry in entries for source in json.loads(entry)["sources"]]
        sizes = {source["source_id"]: source["size"] for source in named}
        lines = [json.loads(line) for line in read_file(listed).decode().splitlines()]
        stated = [(line["source_id"], line["path"], line["size"]) for line in lines]
        held = {line["source_id"] for line in lines if line["held"] == "file"}
        inside = {line["inside"] for line in lines if line["held"] == "member"}
        known = {line["held"] for line in lines} <= {"file", "member", "missing"}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"data/sources.jsonl: unreadable ({error})"
        return
    if not known or stated != [(s["source_id"], s["path"], s["size"]) for s in named]:
        yield "data/sources.jsonl: not the list of the sources that the ledger names"
    for name in sorted((held | inside) - set(found)):
        yield f"data/sources/{name[:2]}/{name}: missing, data/sources.jsonl says that it is here"
    for name, path in sorted(found.items()):
        shown = f"data/sources/{path.parent.name}/{name}"
        if name not in held or not _ORIGINAL.fullmatch(shown):
            yield f"{shown}: not a source that data/sources.jsonl says is here"
        elif (digest_file(path), path.stat().st_size) != (name, sizes.get(name)):
            yield f"{shown}: not the source that the ledger names"


def check_head(path: Path, entries: "list[bytes]", shown: str, *, whole: bool) -> "Iterator[str]":
    """A checkpoint against the entries: all of them (`whole`), or the first of them."""
    if not entries:
        return
    try:
        data = read_file(path) if whole else path.read_bytes()  # a kept one may come by a pipe
        origin, size, root = parse_checkpoint(data.decode("utf-8-sig"))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        yield f"{shown}: no head ({error})"
        return
    if origin != f"quote-forensics/{hashlib.sha256(entries[0]).hexdigest()}":
        yield f"{shown}: the head of another case"
    elif not 0 < size <= len(entries) or (whole and size != len(entries)):
        yield f"{shown}: a head of {size} entries, here are {len(entries)}"
    elif compute_root([hashlib.sha256(b"\0" + data).digest() for data in entries[:size]]) != root:
        yield f"{shown}: the ledger's first {size} entries are not those of this head"


def parse_checkpoint(text: str) -> "tuple[str, int, bytes]":
    """Origin, size and root of a checkpoint, or of the JSON that `custody anchor` prints."""
    if text.lstrip()[:1] in ("[", "{"):
        record = json.loads(text)
        text = (record[0] if isinstance(record, list) else record)["checkpoint"]
    origin, size, root = text.split()[:3]
    return origin, int(size), base64.b64decode(root, validate=True)


def compute_root(leaves: "list[bytes]") -> bytes:
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    halves = compute_root(leaves[:split]) + compute_root(leaves[split:])
    return hashlib.sha256(b"\1" + halves).digest()


def digest_document(path: Path) -> str:
    """SHA-256 of a signed document and its signature, which lies beside it."""
    try:
        data = read_file(path) + read_file(path.with_suffix(".signature"))
    except OSError:
        return ""  # the missing one is named as such
    return hashlib.sha256(data).hexdigest()


def is_regular(path: Path) -> bool:
    """A file of the bundle itself: a link may lead to one that has no end."""
    return path.is_file() and not path.is_symlink()


def read_file(path: Path) -> bytes:
    """A pipe would hold us for ever, and a device may have no end. Raises OSError."""
    if not S_ISREG(path.lstat().st_mode):
        raise OSError(0, "no regular file", str(path))
    return path.read_bytes()


def digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
