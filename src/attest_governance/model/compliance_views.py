"""Frameworks, their coverage, and what became of controls between two reports, as commands show them."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from attest_governance.model.compliance import ComplianceVerdict, FrameworkReport, Report, State

DIFFERENCE_SCHEMA: Final = "attest.continuu.ms/compliance-diff/v1"
STATUS_SCHEMA: Final = "attest.continuu.ms/compliance-status/v1"
CONTROLS_SCHEMA: Final = "attest.continuu.ms/compliance-controls/v1"
EXPLANATION_SCHEMA: Final = "attest.continuu.ms/compliance-explanation/v1"
COVERAGE_SCHEMA: Final = "attest.continuu.ms/compliance-coverage/v1"
Became = Literal["worse", "better", "disappeared", "new", "same"]


class Told(msgspec.Struct, frozen=True):
    """A finding of a report, as far as it matters here."""

    fingerprint: str
    standing: str
    policy: str
    message: str
    location: dict[str, Any]
    controls: tuple[str, ...]

    @property
    def where(self) -> str:
        """`file:line`."""
        return f"{self.location.get('file', '')}:{self.location.get('line', 0)}"


class Read(msgspec.Struct, frozen=True, rename="camel"):
    """A report that was read, as far as it matters here."""

    schema: str
    generated_at: str
    frameworks: tuple[FrameworkReport, ...]
    findings: tuple[Told, ...]


class ControlChange(msgspec.Struct, frozen=True):
    """What became of a control; a state is empty where a report does not have it."""

    control: str
    """`framework/id`."""
    became: Became
    before: str
    after: str
    failed_before: int = msgspec.field(default=0, name="failedBefore")
    failed_after: int = msgspec.field(default=0, name="failedAfter")


class Differences(msgspec.Struct, frozen=True, tag_field="schema", tag=DIFFERENCE_SCHEMA):
    """What `attest compliance diff --format json` prints."""

    before: str
    """When the first report was made."""
    after: str
    controls: tuple[ControlChange, ...]
    """Those that are not the same, the worse ones first."""
    appeared: tuple[Told, ...]
    """Findings that count now and did not before."""
    gone: tuple[Told, ...]
    """Findings that counted before, and are gone or excused now."""

    @property
    def worse(self) -> bool:
        """Whether a control became worse, or is no longer reported on."""
        return any(one.became in ("worse", "disappeared") for one in self.controls)


class PolicyView(msgspec.Struct, frozen=True):
    """A policy that serves a control."""

    policy: str
    title: str
    rules: tuple[str, ...]
    kinds: tuple[str, ...]
    reason: str
    """Why it shows nothing here; empty where it may."""


class ControlView(msgspec.Struct, frozen=True):
    """A control, and what serves it here."""

    framework: str
    id: str
    title: str
    category: str
    policies: tuple[PolicyView, ...]
    manual: tuple[str, ...]
    limits: str
    source: str
    """`file:line`."""


class FrameworkView(msgspec.Struct, frozen=True):
    """A framework with its controls."""

    name: str
    title: str
    version: str
    reference: str
    shipped: bool
    controls: tuple[ControlView, ...]


class Gap(msgspec.Struct, frozen=True):
    """A control that nothing enforces, and why."""

    control: str
    reason: str


class FrameworkCoverage(msgspec.Struct, frozen=True):
    """How much of a framework policies enforce."""

    name: str
    controls: int
    enforced: int
    """Controls for which a policy is asked."""
    manual: int
    gaps: tuple[Gap, ...]


class Coverage(msgspec.Struct, frozen=True, rename="camel", tag_field="schema", tag=COVERAGE_SCHEMA):
    """Which controls nothing enforces, and which policies serve none."""

    frameworks: tuple[FrameworkCoverage, ...]
    serving_nothing: tuple[str, ...]


class Status(msgspec.Struct, frozen=True, rename="camel", tag_field="schema", tag=STATUS_SCHEMA):
    """What `attest compliance status --format json` prints."""

    verdict: ComplianceVerdict
    frameworks: dict[str, dict[State, int]]
    """How many controls of each framework are in each state."""
    not_met: tuple[str, ...]
    """The controls that are not met, as `framework/id`."""


def status_of(report: Report) -> Status:
    """A report on one screen."""
    failing = tuple(f"{framework.name}/{one.id}" for framework, one in report.controls if one.state == "not met")
    return Status(report.verdict, {one.name: one.states for one in report.frameworks}, failing)


class Controls(msgspec.Struct, frozen=True, tag_field="schema", tag=CONTROLS_SCHEMA):
    """What `attest compliance controls --format json` prints."""

    frameworks: tuple[FrameworkView, ...]


class Explained(msgspec.Struct, frozen=True, tag_field="schema", tag=EXPLANATION_SCHEMA):
    """What `attest compliance explain --format json` prints: the control in each framework that has one of its id."""

    controls: tuple[ControlView, ...]
