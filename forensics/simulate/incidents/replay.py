"""Old evidence shown again: plainly, disguised, after it was superseded; and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from forensics.formats.quote import Quote
from forensics.simulate import quotes
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation, Instance, Session
from forensics.simulate.keys import derive_integer
from forensics.simulate.workloads import PAYMENTS

_HOUR = timedelta(hours=1)
_VERIFIER = "verifier-b"
_FOREIGN = "the nonce was issued for the original's session"


def _replay(
    scene: Scene,
    original: Attestation,
    at: datetime,
    quote: Quote | None = None,
) -> Attestation:
    """The same quote in a new session, to a verifier that lets the attester name the nonce."""
    session = scene.fleet.open_session(
        original.instance,
        at,
        nonce=original.session.nonce,
        announced=False,
        verifier=_VERIFIER,
    )
    return scene.fleet.log_attestation(
        original.instance, session, quote or original.quote, verifier=_VERIFIER
    )


def inject_plain_replay(scene: Scene) -> None:
    at = scene.at(0.56)
    original = scene.fleet.attest(scene.launch(at), at + timedelta(minutes=20))
    replay = _replay(scene, original, at + _HOUR)
    scene.fleet.release_secret(replay)
    scene.expect(
        "replayed-quote",
        "critical",
        original,
        replay,
        note="the same bytes in another session, 40 minutes later",
    )
    scene.expect("unknown-nonce", "high", replay, note=_FOREIGN)


def inject_superseded_replay(scene: Scene) -> None:
    """A quote of the build before last, from before the roll-out, under a fresh nonce."""
    at = scene.at(0.33)
    old = scene.launch(at, build=PAYMENTS.builds[0], attests=False)
    original = scene.fleet.attest(old, at + timedelta(seconds=6))
    scene.fleet.log_stop(old, at + timedelta(minutes=30))

    again = scene.at(0.9)
    new = scene.launch(again, enclave_id=old.enclave_id)
    session = scene.fleet.open_session(new, again + timedelta(minutes=15))
    replay = scene.fleet.log_attestation(new, session, original.quote)
    scene.expect("replayed-quote", "critical", original, replay, note="shown after an upgrade")
    scene.expect("trusted-rogue", "critical", replay, note="the fresh nonce is not bound")
    scene.expect("report-data-mismatch", "high", replay)
    scene.expect("doppelganger-quote", "critical", replay, note="approval of the build had ended")
    scene.expect("policy-contradiction", "critical", replay)
    enclave, host = ("enclave", old.enclave_id), ("platform", old.platform.ppid.hex())
    scene.expect("svn-rollback", "high", original, replay, subject=enclave)
    scene.expect("tcb-rollback", "high", original, replay, subject=host)


def _disguised(
    disguise: str, change: Callable[[Quote], Quote], fraction: float
) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        at = scene.at(fraction)
        original = scene.fleet.attest(scene.launch(at), at + timedelta(minutes=20))
        replay = _replay(scene, original, at + _HOUR, quote=change(original.quote))
        for detector in ("disguised-replay", "replayed-quote"):
            scene.expect(detector, "critical", original, replay, note=disguise)
        scene.expect("unknown-nonce", "high", replay, note=_FOREIGN)
        if disguise == "trailing_bytes":
            scene.expect("ambiguous-evidence", "medium", replay)

    return inject


def _sessions(scene: Scene, at: datetime, *, one_nonce: bool) -> tuple[Instance, Session, Session]:
    """An instance with two sessions an hour apart."""
    instance = scene.launch(at)
    first = scene.fleet.open_session(instance, at + timedelta(minutes=10))
    second = scene.fleet.open_session(
        instance,
        at + timedelta(minutes=70),
        nonce=first.nonce if one_nonce else None,
        announced=not one_nonce,
    )
    return instance, first, second


def inject_resigned_report(scene: Scene) -> None:
    """The verifier challenges twice with one nonce; the enclave signs the same report anew."""
    instance, first, second = _sessions(scene, scene.at(0.58), one_nonce=True)
    fleet = scene.fleet
    logged = fleet.log_attestation(instance, first, fleet.make_quote(instance, first))
    fresh = derive_integer(fleet.seed, "resigned report", 2**250) + 1
    quote = fleet.make_quote(instance, second, signature_nonce=fresh)
    again = fleet.log_attestation(instance, second, quote)
    scene.expect("resigned-report", "medium", logged, again)
    scene.expect("unknown-nonce", "high", again, note="the nonce was issued for the first session")


def inject_signature_nonce_reuse(scene: Scene) -> None:
    """One k under two messages: anyone can compute the attestation key."""
    fleet = scene.fleet
    platform = fleet.spare_platform("k-reuse")
    at = scene.at(0.6)
    instance = scene.launch(at, platform=platform)
    reused = derive_integer(fleet.seed, "reused k", 2**250) + 1
    logged = []
    for minutes in (10, 50):
        session = fleet.open_session(instance, at + timedelta(minutes=minutes))
        quote = fleet.make_quote(instance, session, signature_nonce=reused)
        logged.append(fleet.log_attestation(instance, session, quote))
    key = logged[0].quote.attestation_key.hex()
    scene.expect("signature-nonce-reuse", "critical", *logged, subject=("attestation_key", key))


def inject_signature_nonce_collision(scene: Scene) -> None:
    """Two keys draw the same k: a cloned or broken generator."""
    fleet = scene.fleet
    shared = derive_integer(fleet.seed, "shared k", 2**250) + 1
    logged = []
    for number in (1, 2):
        at = scene.at(0.6) + timedelta(minutes=3 * number)
        instance = scene.launch(at, platform=fleet.spare_platform(f"k-collision-{number}"))
        session = fleet.open_session(instance, at + timedelta(minutes=1))
        quote = fleet.make_quote(instance, session, signature_nonce=shared)
        logged.append(fleet.log_attestation(instance, session, quote))
    scene.expect("signature-nonce-collision", "critical", *logged)


def inject_nonce_reuse(scene: Scene) -> None:
    """A verifier issues one nonce to two enclaves."""
    fleet = scene.fleet
    at = scene.at(0.62)
    logged = []
    nonce: bytes | None = None
    for number in (1, 2):
        start = at + timedelta(minutes=4 * number)
        instance = scene.launch(start)
        session = fleet.open_session(instance, start + timedelta(minutes=2), nonce=nonce)
        nonce = session.nonce
        logged.append(fleet.log_attestation(instance, session, fleet.make_quote(instance, session)))
    scene.expect("nonce-reuse", "high", *logged, subject=("nonce", logged[0].session.nonce.hex()))


INCIDENTS = (
    Incident("plain-replay", "a quote shown again in another session", inject_plain_replay),
    Incident(
        "disguised-replay-quote-signature",
        "a replay with n - s in the quote signature",
        _disguised("quote_signature_s", quotes.flip_quote_signature, 0.57),
    ),
    Incident(
        "disguised-replay-qe-signature",
        "a replay with n - s in the QE report signature",
        _disguised("qe_signature_s", quotes.flip_qe_signature, 0.58),
    ),
    Incident(
        "disguised-replay-certificate-signature",
        "a replay with n - s in the PCK certificate's signature",
        _disguised("certificate_signature_s", quotes.flip_chain_signature, 0.59),
    ),
    Incident(
        "disguised-replay-certification-data",
        "a replay with other line ends in the PEM chain",
        _disguised("certification_data", quotes.rewrap_chain, 0.6),
    ),
    Incident(
        "disguised-replay-trailing-bytes",
        "a replay with bytes after the declared end",
        _disguised(
            "trailing_bytes", lambda quote: quotes.append_trailing(quote, b"\x01\x02\x03"), 0.61
        ),
    ),
    Incident(
        "superseded-replay", "a quote of a retired build shown again", inject_superseded_replay
    ),
    Incident("resigned-report", "one report signed twice", inject_resigned_report),
    Incident("signature-nonce-reuse", "one k under two messages", inject_signature_nonce_reuse),
    Incident("signature-nonce-collision", "one k under two keys", inject_signature_nonce_collision),
    Incident("nonce-reuse", "one challenge for two enclaves", inject_nonce_reuse),
)
