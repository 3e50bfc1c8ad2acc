"""The events of the normal form, as each party of the simulated fleet writes them.

Every function gets the moments as that party's clock shows them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from forensics.formats.evidence import Evidence
from forensics.formats.layout import Value
from forensics.simulate.instances import Instance, Session
from forensics.simulate.platforms import Platform
from forensics.simulate.recorder import Event, format_clock
from forensics.simulate.workloads import RUNTIME

NONCE_LIFETIME = timedelta(seconds=60)


def describe_instance(instance: Instance) -> Event:
    """The members that say who it was."""
    return {
        "enclave_id": instance.enclave_id,
        "workload_id": instance.workload.id,
        "node_id": instance.platform.node_id,
        "container_id": instance.container_id,
    }


def make_launch(instance: Instance, at: datetime) -> Event:
    return {
        "timestamp": format_clock(at),
        "event_type": "enclave_launch",
        **describe_instance(instance),
        "runtime": RUNTIME,
        "image": f"registry.example/{instance.workload.id}:{instance.build.svn}",
        "image_digest": instance.build.image_digest,
        "initial_state": instance.initial_state.hex(),
    }


def make_plain_launch(platform: Platform, container_id: str, at: datetime) -> Event:
    """A container of a runtime that does not attest."""
    return {
        "timestamp": format_clock(at),
        "event_type": "enclave_launch",
        "node_id": platform.node_id,
        "container_id": container_id,
        "workload_id": "frontend",
        "runtime": "runc",
        "image": "registry.example/frontend:31",
        "expects_attestation": False,
    }


def make_stop(instance: Instance, at: datetime) -> Event:
    return {
        "timestamp": format_clock(at),
        "event_type": "enclave_stop",
        **describe_instance(instance),
    }


def make_nonce(instance: Instance, session: Session, issuer: str, at: datetime) -> Event:
    return {
        "timestamp": format_clock(at),
        "event_type": "nonce_issued",
        "nonce": session.nonce.hex(),
        "issuer": issuer,
        "enclave_id": instance.enclave_id,
        "session_id": session.session_id,
        "expires_at": format_clock(at + NONCE_LIFETIME),
    }


def make_release(session_id: str, instance: Instance, at: datetime) -> Event:
    return {
        "timestamp": format_clock(at),
        "event_type": "secret_released",
        "session_id": session_id,
        "enclave_id": instance.enclave_id,
        "secret_id": f"{instance.workload.id}/master-key",
    }


def make_claims(quote: Evidence, tcb_level: str, backend: str) -> Event:
    """What an honest verifier says about an acceptable quote."""
    body = quote.body
    claims: Event = {"report_data": quote.report_data.hex()}
    if quote.tee == "sgx":
        claims |= {
            "mrenclave": bytes_of(body["mrenclave"]).hex(),
            "mrsigner": bytes_of(body["mrsigner"]).hex(),
            "isv_prodid": body["isv_prodid"],
            "isv_svn": body["isv_svn"],
        }
    return claims | {
        "quote_status": "OK",
        "pck_cert_status": "VALID",
        "tcb_level": tcb_level,
        "policy_allowed": True,
        "policy_mode": "STRICT",
        "backend_verifier": backend,
        "siem_forwarded": True,
    }


def bytes_of(value: Value) -> bytes:
    """A field that is known to be bytes."""
    assert isinstance(value, bytes)
    return value
