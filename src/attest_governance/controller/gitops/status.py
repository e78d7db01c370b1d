"""What an application's status says, by the conventions of Kubernetes: a phase for people, conditions for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.clean import one_line
from attest_governance.controller.gitops.applying import stamp
from attest_governance.controller.gitops.health import STATES, Health
from attest_governance.controller.gitops.judging import Judged
from attest_governance.controller.gitops.model import API_VERSION, Application, Phase
from attest_governance.report.words import count

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

WORST = 10
MOST_NOTICES = 20
MOST_HISTORY = 20
_LONGEST = 1000
CONDITIONS = ("Verified", "PolicyCompliant", "Synced", "Healthy")


class Condition(msgspec.Struct, frozen=True):
    """What is known of one question; None is `Unknown`."""

    holds: bool | None
    reason: str
    message: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a synchronisation came to so far; what is empty is taken from the status before."""

    phase: Phase
    message: str = ""
    observed: str = ""
    applied: str = ""
    syncing: str | None = None
    """The revision that is begun and not ended; empty for none."""
    inventory: tuple[str, ...] | None = None
    judged: Judged | None = None
    handled: str = ""
    conditions: Mapping[str, Condition] = {}
    objects: int = 0
    """How many objects were applied, where a revision was."""


def status_of(application: Application, report: Report, now: datetime) -> dict[str, Any]:
    """The status that follows one, whole: what is left out of it would be removed."""
    before = application.status
    applied = report.applied or before.get("appliedRevision", "")
    status: dict[str, Any] = {
        "phase": report.phase,
        "message": _short(report.message),
        "observedGeneration": application.generation,
        "observedRevision": report.observed or before.get("observedRevision", ""),
        "appliedRevision": applied,
        "syncingRevision": before.get("syncingRevision", "") if report.syncing is None else report.syncing,
        "inventory": list(before.get("inventory") or () if report.inventory is None else report.inventory),
        "history": _history(before.get("history") or (), report, now),
        "handledSync": report.handled or before.get("handledSync", ""),
        "conditions": _conditions(application, report, now),
    }
    if report.applied:
        status["lastSyncTime"] = stamp(now)
    elif before.get("lastSyncTime"):
        status["lastSyncTime"] = before["lastSyncTime"]
    if again := _again(report, now) if report.judged else before.get("judgeAgainAt"):
        status["judgeAgainAt"] = again
    findings = _findings(application, report) if report.judged else before.get("findings")
    notices = report.judged.notices if report.judged else before.get("notices") or ()
    return {
        **status,
        **({"findings": findings} if findings else {}),
        "notices": [_short(one) for one in notices[:MOST_NOTICES]],
    }


def as_object(application: Application, status: Mapping[str, Any]) -> Object:
    """The object whose status is to be applied; its UID keeps it from another that has the name by now."""
    metadata = {"name": application.name, "namespace": application.namespace, "uid": application.uid}
    return {"apiVersion": API_VERSION, "kind": "AttestApplication", "metadata": metadata, "status": dict(status)}


def health_condition(found: Mapping[str, Health]) -> Condition:
    """Whether all objects are healthy, by their names, and else which is the worst."""
    if not found:
        return Condition(holds=None, reason="Unknown", message="nothing is applied")
    name, worst = min(sorted(found.items()), key=lambda pair: STATES.index(pair[1].state))
    if worst.state == "Healthy":
        return Condition(holds=True, reason="Healthy", message=f"{count(len(found), 'object')} healthy")
    return Condition(holds=False, reason=worst.state, message=f"{name}: {worst.why}")


def verified_condition(judged: Judged) -> Condition:
    """Whether the demanded proofs are there."""
    if judged.lacking:
        return Condition(holds=False, reason="NotVerified", message=judged.lacking)
    return Condition(
        holds=True, reason="Verified", message=f"{count(judged.proven.receipts, 'receipt')} for the revision"
    )


def compliant_condition(judged: Judged) -> Condition:
    """Whether the policies allow it; unknown where they could not decide."""
    if judged.verdict == "error":
        return Condition(holds=None, reason="CouldNotDecide", message=judged.why)
    if judged.verdict == "deny":
        return Condition(holds=False, reason="Denied", message=judged.why)
    return Condition(holds=True, reason="Allowed")


def _conditions(application: Application, report: Report, now: datetime) -> list[dict[str, Any]]:
    """Each condition, the old one where nothing is said of it; a time changes with the status alone."""
    before = {one["type"]: one for one in application.status.get("conditions") or ()}
    found = []
    for type_ in CONDITIONS:
        new, old = report.conditions.get(type_), before.get(type_)
        if new is None:
            found += [old] if old else []
            continue
        word = "Unknown" if new.holds is None else str(new.holds)
        since = old["lastTransitionTime"] if old and old["status"] == word else stamp(now)
        found.append(
            {
                "type": type_,
                "status": word,
                "reason": new.reason,
                "message": _short(new.message),
                "lastTransitionTime": since,
                "observedGeneration": application.generation,
            }
        )
    return found


def _findings(application: Application, report: Report) -> dict[str, Any]:
    judged = report.judged
    if judged is None:
        return {}
    summaries = [one.summary for one in judged.outcomes]
    source = application.spec.source
    again = f"run `attest policy check {source.path}` in {source.repo_url} at {report.observed}"
    return {
        "violations": sum(one.violations for one in summaries),
        "warnings": sum(one.warnings for one in summaries),
        "exempted": sum(one.exempted for one in summaries),
        "errors": sum(one.errors for one in summaries),
        "resources": max((one.resources for one in summaries), default=0),
        "report": _short(again),
        "worst": [
            {
                "policy": one.policy,
                "severity": one.severity,
                "enforcement": one.enforcement if one.waiver is None else "exempted",
                "resource": _short(one.resource.id),
                "place": _short(f"{one.location.file}{one.location.path}"),
                "message": _short(one.message),
            }
            for one in judged.findings[:WORST]
        ],
    }


def _again(report: Report, now: datetime) -> str:
    """The first end, after now, of an exemption that a finding is waived by; empty for none."""
    found = report.judged.findings if report.judged else ()
    ends = [datetime.fromisoformat(one.waiver.expires_at) for one in found if one.waiver and one.waiver.expires_at]
    return stamp(min(later)) if (later := [one for one in ends if one > now]) else ""


def _history(before: Sequence[Mapping[str, Any]], report: Report, now: datetime) -> list[Mapping[str, Any]]:
    if not report.applied or (before and before[0]["revision"] == report.applied):
        return list(before)
    entry = {"revision": report.applied, "appliedAt": stamp(now), "objects": report.objects}
    return [entry, *before][:MOST_HISTORY]


def _short(text: str) -> str:
    """What others wrote, on one line and of a length that a status can hold."""
    clean = one_line(text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"
