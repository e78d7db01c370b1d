"""Causal events: what each step started from and ended with, chained by hashes to the root that a receipt signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.hashing import blake3_hex, blake3_raw, is_hash
from attest_governance.attestations.instants import nanoseconds, written
from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.receipts.model import ExitCode, Receipt
from attest_governance.attestations.trust.keys import SIGNATURE_DIGITS, from_hex, verify_ed25519

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "events/"
_DOMAIN = "attest-causal-event/v2"


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that ran, as the ledger keeps it."""

    event_id: str
    step_name: str
    causal_parents: tuple[str, ...]
    input_hash: str
    output_hash: str
    timestamp: str
    exit_code: ExitCode
    pipeline_hash: str
    environment_hash: str
    signer_public_key: str | None = None
    signature: str | None = None
    metadata: dict[str, str] = {}


def read_events(entries: Mapping[str, bytes], name: str) -> dict[str, Event]:
    """The events of an archive by their ids, each held against its own contents.

    Raises:
        ValueError: an event does not follow from its contents, or its signature does not fit.
        InputError: an event can't be read in one way alone.
    """
    found = {}
    for path, data in entries.items():
        if path.startswith(FOLDER):
            event = typed(strict_json(data, f"{name}:{path}", "event"), Event)
            _check(event, path)
            found[event.event_id] = event
    return found


def check_chain(receipt: Receipt, events: Mapping[str, Event]) -> None:
    """Whether the events are those that the receipt's root stands for.

    Raises:
        ValueError: one is missing, one too many, or they make another root.
    """
    if not receipt.causal_events:
        raise ValueError("the receipt names no events")
    named = set(receipt.causal_events)
    if len(named) < len(receipt.causal_events):
        raise ValueError("the receipt names an event twice")
    known = _reachable(named, events)
    if stray := sorted(set(events) - known):
        raise ValueError(f"an event that nothing refers to: {stray[0]}")
    for one in receipt.causal_events:
        _check_step(events[one], receipt)
    content = b"".join(_content(events[one]) for one in receipt.causal_events)
    if blake3_hex(content) != receipt.causal_chain_hash:
        raise ValueError("the events do not recompute to the root that is signed")


def _reachable(named: set[str], events: Mapping[str, Event]) -> set[str]:
    known, waiting = set(named), list(named)
    while waiting:
        one = waiting.pop()
        if one not in events:
            raise ValueError(f"an event is missing: {one}")
        new = set(events[one].causal_parents) - known
        known |= new
        waiting.extend(new)
    return known


def _check(event: Event, path: str) -> None:
    if path != f"{FOLDER}{event.event_id}.json" or not is_hash(event.event_id):
        raise ValueError(f"`{path}` holds another event than it is named for")
    if blake3_hex(_content(event)) != event.event_id:
        raise ValueError(f"the event {event.event_id} does not follow from its contents")
    if (event.signature is None) != (event.signer_public_key is None):
        raise ValueError(f"the event {event.event_id} is signed in part")
    if event.signature is not None and event.signer_public_key is not None:
        public = from_hex(event.signer_public_key, 64)
        verify_ed25519(public, from_hex(event.signature, SIGNATURE_DIGITS), _signed(event))


def _check_step(event: Event, receipt: Receipt) -> None:
    said = (event.step_name, event.input_hash, event.output_hash, event.exit_code)
    steps = {(step.name, step.input_hash, step.output_hash, step.exit_code) for step in receipt.steps}
    if said not in steps or event.pipeline_hash != receipt.pipeline_hash:
        raise ValueError(f"the event {event.event_id} is not of a step of this receipt")


def _content(event: Event) -> bytes:
    fields = [
        ("domain", _DOMAIN),
        ("step", event.step_name),
        ("input", event.input_hash),
        ("output", event.output_hash),
        ("pipeline", event.pipeline_hash),
        ("environment", event.environment_hash),
        ("exit", str(event.exit_code)),
        ("timestamp", written(nanoseconds(event.timestamp), "+00:00")),
        ("parents", str(len(event.causal_parents))),
        *(("parent", parent) for parent in event.causal_parents),
    ]
    return blake3_raw(b"".join(_field(label, value) for label, value in fields))


def _field(label: str, value: str) -> bytes:
    """A field with the lengths of its parts, so that no two lists of fields give the same bytes."""
    data = value.encode()
    return f"{len(label)}:{label}:{len(data)}:".encode() + data + b"\n"


def _signed(event: Event) -> bytes:
    """What an event's signature covers: compact JSON with its keys in their order."""
    value = {
        "causal_parents": event.causal_parents,
        "environment_hash": event.environment_hash,
        "event_id": event.event_id,
        "exit_code": event.exit_code,
        "input_hash": event.input_hash,
        "output_hash": event.output_hash,
        "pipeline_hash": event.pipeline_hash,
        "step_name": event.step_name,
        "timestamp": written(nanoseconds(event.timestamp), "+00:00"),
    }
    return msgspec.json.encode(value)
