"""What of a request and its outcome goes into the decision log."""

from __future__ import annotations

import time
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.exempt.times import format_instant
from attest_governance.model.decision import Decision, LoggedFinding, LoggedResource
from attest_governance.server.masking import MASK, hidden, masked, secrets_of

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome
    from attest_governance.server.review import ReviewRequest


def undecided(number: str, request: ReviewRequest, body: bytes, began: float, now: datetime) -> Decision:
    """A decision that says what was asked, and that nothing was decided; `began` is of the monotonic clock."""
    kind = request.kind
    version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    return Decision(
        id=number,
        time=format_instant(now),
        door="admit",
        verdict="error",
        allowed=False,
        uid=request.uid,
        operation=request.operation,
        resource=LoggedResource(version, kind.kind, request.name, request.namespace, request.sub_resource),
        user=request.user_info.username,
        dry_run=bool(request.dry_run),
        milliseconds=milliseconds(began),
        input_digest=sha256(body).hexdigest(),
    )


def milliseconds(began: float) -> float:
    """The time since a moment of the monotonic clock."""
    return round((time.monotonic() - began) * 1000, 3)


def logged(outcome: Outcome) -> tuple[LoggedFinding, ...]:
    """The findings of an outcome as the log keeps them."""
    return tuple(_logged(one, outcome.controls(one)) for one in outcome.findings)


def _logged(finding: Finding, controls: tuple[str, ...]) -> LoggedFinding:
    also = finding.details.get("also")
    return LoggedFinding(
        finding.policy,
        finding.rule,
        finding.severity,
        finding.enforcement,
        finding.message,
        finding.location.path,
        finding.waiver,
        controls,
        tuple(one for one in also if isinstance(one, str)) if isinstance(also, list) else (),
    )


def with_input(decision: Decision, body: bytes, masks: tuple[str, ...], *, kept: bool) -> Decision:
    """The decision with what was judged, less what must not be kept; its words are without values of Secrets, too."""
    try:
        review: dict[str, Any] = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):  # then nobody can tell which words of it are secret
        silent = tuple(msgspec.structs.replace(one, message=MASK) for one in decision.findings)
        return msgspec.structs.replace(decision, findings=silent, problems=(MASK,) if decision.problems else ())
    secrets, touched = _take_out(review["request"], masks)
    findings = tuple(msgspec.structs.replace(one, message=hidden(one.message, secrets)) for one in decision.findings)
    problems = tuple(hidden(one, secrets) for one in decision.problems)
    told = msgspec.structs.replace(decision, findings=findings, problems=problems)
    return msgspec.structs.replace(told, input=review, masked=touched) if kept else told


def _take_out(request: dict[str, Any], masks: tuple[str, ...]) -> tuple[set[str], bool]:
    """Masks the objects of a request; says which texts are secret, and whether anything was masked."""
    secrets: set[str] = set()
    touched = False
    for member in ("object", "oldObject"):
        one = request.get(member)
        if isinstance(one, dict):
            secrets |= secrets_of(one)
            request[member], changed = masked(one, masks)
            touched = touched or changed
    return secrets, touched
