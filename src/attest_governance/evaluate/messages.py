"""What the engine answers, as it stands on the wire, and how it becomes values of the model."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from attest_governance.model import (
    Checked,
    Enforcement,
    Finding,
    Location,
    Policy,
    Problem,
    Resource,
    Severity,
    Skipped,
)
from attest_governance.model.sources import ReadFile


class Versions(msgspec.Struct, frozen=True):
    """Answer of `initialize`."""

    protocol: int
    engine: str
    opa: str
    gatekeeper: str
    go: str


class LoadAnswer(msgspec.Struct, frozen=True):
    """Answer of `policies/load`; without a `set` nothing may be judged."""

    set: str
    policies: tuple[Policy, ...] = ()
    problems: tuple[Problem, ...] = ()
    read: tuple[ReadFile, ...] = ()


class WireFinding(msgspec.Struct, frozen=True, gc=False):
    """A finding whose resource is an index into its batch."""

    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    resource: int
    location: Location
    details: dict[str, Any] = {}
    fix: str = ""

    def finding(self, resources: tuple[Resource, ...]) -> Finding:
        """The finding with its resource."""
        # By position, since names cost half as much again, and a run may have very many.
        return Finding(
            self.policy,
            self.engine,
            self.rule,
            self.severity,
            self.enforcement,
            self.message,
            resources[self.resource],
            self.location,
            None,
            self.details,
            self.fix,
        )


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """One evaluation of one policy on one resource, recorded where debugging asks for it.

    `nanoseconds` is 0 for a constraint: all constraints of a resource are evaluated in one go.
    """

    decision_id: str
    time: str
    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    resource: str
    file: str
    line: int
    nanoseconds: int
    violations: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class WireBatch(msgspec.Struct, frozen=True):
    """A notification `check/batch`."""

    files: int = 0
    total: int = 0
    judged: int = 0
    unspoken: dict[str, int] = {}
    resources: tuple[Resource, ...] = ()
    findings: tuple[WireFinding, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    checked: tuple[Checked, ...] = ()
    decisions: tuple[Decision, ...] = ()


class Batch(msgspec.Struct, frozen=True):
    """What some files came to, complete, in the order of the files."""

    files: int
    total: int
    """How many files there are in the whole run."""
    judged: int
    """How many resources were judged."""
    unspoken: dict[str, int]
    """Of these, how many no selected policy looks at, by kind."""
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...]
    checked: tuple[Checked, ...]
    decisions: tuple[Decision, ...] = ()


class CheckAnswer(msgspec.Struct, frozen=True):
    """Answer of `check`."""

    files: int
    resources: int
    unspoken: int
    skipped: int


class Validation(msgspec.Struct, frozen=True):
    """Answer of `validate`: what was looked at, and everything that is wrong with it."""

    files: int
    resources: int = 0
    policies: tuple[Policy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[Problem, ...] = ()


class RegoTemplate(msgspec.Struct, frozen=True):
    """A plain policy as the Rego of a Gatekeeper template, v1, and what the rest of the template depends on."""

    policy: str
    kind: str
    package: str
    rego: str
    libs: tuple[str, ...] = ()
    level: str = ""
    match: dict[str, Any] | None = None
    """A match block for constraints, where the policy's METADATA states one."""
    rules: tuple[str, ...] = ()
    evidence: bool = False
    network: bool = False
    namespace: bool = False
    inventory: bool = False


class SourceObject(msgspec.Struct, frozen=True):
    """A Gatekeeper object as it was read, at `line` of `file`."""

    file: str
    line: int
    value: dict[str, Any]


class TemplatesAnswer(msgspec.Struct, frozen=True):
    """Answer of `gatekeeper/templates`."""

    templates: tuple[RegoTemplate, ...] = ()
    objects: tuple[SourceObject, ...] = ()
    problems: tuple[Problem, ...] = ()


def batch(wire: WireBatch) -> Batch:
    """The batch in values of the model."""
    return Batch(
        files=wire.files,
        total=wire.total,
        judged=wire.judged,
        unspoken=wire.unspoken,
        findings=tuple(each.finding(wire.resources) for each in wire.findings),
        problems=wire.problems,
        skipped=wire.skipped,
        checked=wire.checked,
        decisions=wire.decisions,
    )
