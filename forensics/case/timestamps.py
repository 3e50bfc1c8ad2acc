"""RFC 3161 timestamps: that a head of the ledger existed at a time, by an authority's word.

The response is stored as it came, with the root certificates that it was checked against. Both are
checked again by every `custody verify`, offline.

Checked: the response is a grant, its imprint is the SHA-256 of an entry's file, one signer signed
it, the signer's certificate is for time stamping alone, and its chain ends at a root that was given
and was valid at the time stated. Not checked: whether that certificate had been revoked by then,
the policy that the authority followed, and the nonce of a request that we have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.case.folder import CaseFolder
from forensics.case.tables import TIMESTAMP_TOKEN
from forensics.case.text import clean_text
from forensics.errors import CustodyError, EvidenceError, UsageError
from forensics.formats.pem import split_pem

if TYPE_CHECKING:
    from types import ModuleType

    from rfc3161_client import TimeStampResponse

ACTION = "timestamp"
NO_LIBRARY = "no-timestamp-library"
MAX_RESPONSE_SIZE = 1 << 20

_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a response that holds says: entry `entry` was the head no later than `issued_at`."""

    entry: int
    entry_sha256: bytes
    issued_at: datetime
    authority: str


def verify_response(response: bytes, anchors: bytes, digests: Sequence[str]) -> Timestamp:
    """Check a response (DER) against root certificates (PEM) and the ledger's digests.

    `digests` are the SHA-256 of the entries' files in hex, oldest first. Raises `UsageError`
    (`no-timestamp-library`, `bad-tsa-ca`) and `CustodyError` (`timestamp-invalid`).
    """
    client = _load_library()
    roots = _read_anchors(anchors)
    try:
        decoded: TimeStampResponse = client.decode_timestamp_response(response)
        imprint = decoded.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != _SHA256:
            raise CustodyError("timestamp-invalid", "the timestamp is not over a SHA-256")
        if imprint.message.hex() not in digests:
            message = f"no entry's file has the SHA-256 {imprint.message.hex()} it is about"
            raise CustodyError("timestamp-invalid", message)
        client.VerifierBuilder(roots=roots).build().verify(decoded, imprint.message)
        issued_at = decoded.tst_info.gen_time.astimezone(UTC)
        authority = _name_signer(decoded)
    except (client.VerificationError, ValueError) as error:
        message = f"the timestamp does not hold: {str(error).splitlines()[0]:.200}"
        raise CustodyError("timestamp-invalid", message) from None
    entry = digests.index(imprint.message.hex()) + 1
    return Timestamp(entry, imprint.message, issued_at, authority)


def attach_timestamp(
    case: CaseFolder, response: bytes, anchors: bytes, *, at: datetime, who: str
) -> Timestamp:
    """Store a response that holds, as a commit of its own.

    Raises what `verify_response` raises, and `UsageError` (`timestamp-known`).
    """
    stamp = verify_response(response, anchors, case.ledger.digests)
    notes = {
        "covers_entry": str(stamp.entry),
        "covers_sha256": stamp.entry_sha256.hex(),
        "issued_at": stamp.issued_at.isoformat(),
        "authority": stamp.authority,
    }
    with case.writer(action=ACTION, at=at, who=who, notes=notes) as writer:
        import pyarrow as pa

        stored = read_timestamps(case.files(TIMESTAMP_TOKEN.name))
        if any(row["response"] == response for row in stored):
            raise UsageError("timestamp-known", "the case holds that timestamp already")
        row = {
            "entry": stamp.entry,
            "entry_sha256": stamp.entry_sha256,
            "issued_at": stamp.issued_at,
            "authority": stamp.authority,
            "response": response,
            "anchors": anchors,
        }
        schema = TIMESTAMP_TOKEN.arrow_schema()
        writer.append_table(TIMESTAMP_TOKEN.name, pa.Table.from_pylist([row], schema=schema))
    return stamp


def read_timestamps(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The stored rows, as `forensics.case.tables.TIMESTAMP_TOKEN` declares them."""
    import pyarrow.parquet as pq

    return [row for path in files for row in pq.read_table(path).to_pylist()]


def check_timestamps(files: Sequence[Path], digests: Sequence[str]) -> Iterator[CustodyError]:
    """What is wrong with stored timestamps; `files` are those of the table, hashed before.

    A `no-timestamp-library` says that nothing was looked at.
    """
    for row in read_timestamps(files):
        try:
            stamp = verify_response(row["response"], row["anchors"], digests)
        except UsageError as error:
            yield CustodyError(error.code, error.message)
            if error.code == NO_LIBRARY:
                return
            continue
        except CustodyError as error:
            yield error
            continue
        stated = Timestamp(row["entry"], row["entry_sha256"], row["issued_at"], row["authority"])
        if stamp != stated:
            yield CustodyError("timestamp-invalid", "the row says other than its response")


def _load_library() -> ModuleType:
    try:
        import rfc3161_client
    except ImportError:
        message = "timestamps need the extra `quote-forensics[timestamps]`"
        raise UsageError(NO_LIBRARY, message) from None
    return rfc3161_client


def _read_anchors(anchors: bytes) -> list[object]:
    from cryptography import x509

    try:
        blocks = [der for label, der in split_pem(anchors) if label == "CERTIFICATE"]
        if not blocks:
            raise UsageError("bad-tsa-ca", "no certificate of a timestamping authority's root")
        return [x509.load_der_x509_certificate(der) for der in blocks]
    except (EvidenceError, ValueError) as error:
        raise UsageError("bad-tsa-ca", f"not PEM certificates: {error}") from None


def _name_signer(response: TimeStampResponse) -> str:
    """Subject of the embedded certificate that signed, RFC 4514."""
    from cryptography import x509

    (signer,) = response.signed_data.signer_infos
    for der in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        same_issuer = certificate.issuer == signer.issuer
        if same_issuer and certificate.serial_number == signer.serial_number:
            return clean_text(certificate.subject.rfc4514_string())
    raise ValueError("the certificate that signed is not in the response")
