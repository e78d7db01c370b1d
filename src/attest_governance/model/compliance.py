"""Frameworks, and what a run shows of their controls: for reports, and for packs that prove them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from attest_governance.model.finding import Enforcement, Finding, Waiver
from attest_governance.model.history import Moment
from attest_governance.model.problem import Problem
from attest_governance.model.verdict import Skipped

DISCLAIMER = "A policy that passes is evidence for a control, not compliance: an auditor judges that."

State = Literal["not met", "partly met", "not assessed", "exempted", "met", "manual"]
STATES: tuple[State, ...] = ("not met", "partly met", "not assessed", "exempted", "met", "manual")
"""The worst first; *manual* is nothing that policies can show."""
ComplianceVerdict = Literal["met", "not met", "undecided"]
Origin = Literal["manifests", "findings", "cluster", "decisions"]


class Serving(msgspec.Struct, frozen=True, rename="camel"):
    """A policy that is evidence for a control."""

    policy: str
    rules: tuple[str, ...] = ()
    """Which findings of the policy count: those that state one of these names in their `controls`."""
    kinds: tuple[str, ...] = ()
    """The kinds of resources of which it can say something; globs."""
    parameters: dict[str, Any] = {}
    """What it must be asked with, or it shows nothing for the control."""
    needs: tuple[str, ...] = ()
    """Parameters of which one must be on (true, or not empty), or it shows nothing for the control."""
    line: int = 0
    column: int = 0


class Control(msgspec.Struct, frozen=True, rename="camel"):
    """A control of a framework, and what serves it."""

    id: str
    title: str
    category: str = ""
    policies: tuple[Serving, ...] = ()
    manual: tuple[str, ...] = ()
    """What must be shown besides, which no policy can."""
    limits: str = ""
    """What a reader must know of what the policies show."""
    file: str = ""
    line: int = 0
    column: int = 0


class Framework(msgspec.Struct, frozen=True, rename="camel"):
    """Controls of one standard, from one file or several."""

    name: str
    title: str
    version: str = ""
    reference: str = ""
    """Where the standard is."""
    prefix: str = ""
    """How policies name its controls: `SOC2-` before the id."""
    controls: tuple[Control, ...] = ()
    files: tuple[str, ...] = ()
    shipped: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The policies that serve it."""
        return frozenset(one.policy for control in self.controls for one in control.policies)


class Counts(msgspec.Struct, frozen=True, rename="camel"):
    """Resources, each counted once: those that were looked at are those that passed, failed or were exempted."""

    resources: int = 0
    passed: int = 0
    failed: int = 0
    exempted: int = 0
    """Resources that fail, and whose every finding is exempted."""
    at_least: bool = False
    """Whether more may have been looked at than can be told from what was given."""


class PolicyEvidence(msgspec.Struct, frozen=True, rename="camel"):
    """What a policy shows for one control."""

    policy: str
    rules: tuple[str, ...]
    kinds: tuple[str, ...]
    counts: Counts = Counts()
    reason: str = ""
    """Why it shows nothing; empty where it does."""


class ControlState(msgspec.Struct, frozen=True, rename="camel"):
    """What is shown of a control."""

    id: str
    title: str
    category: str
    state: State
    reasons: tuple[str, ...]
    """Why the state is not *met*, in words."""
    counts: Counts
    policies: tuple[PolicyEvidence, ...]
    manual: tuple[str, ...] = ()
    limits: str = ""
    findings: tuple[int, ...] = ()
    """Places in the report's `findings`."""
    exemptions: tuple[int, ...] = ()
    """Places in the report's `exemptions`."""


class FrameworkReport(msgspec.Struct, frozen=True, rename="camel"):
    """What is shown of a framework."""

    name: str
    title: str
    version: str
    reference: str
    files: tuple[str, ...]
    states: dict[State, int]
    """How many controls are in each state."""
    controls: tuple[ControlState, ...]


class PolicyUse(msgspec.Struct, frozen=True, rename="camel"):
    """A policy that serves a control of the report, as it was asked."""

    name: str
    title: str
    engine: str
    file: str
    digest: str
    """`sha256:…` of its file, which says which version it is; empty where that is not known."""
    shipped: bool
    asked: bool
    enforced: bool
    """Whether a check of the project asks it, too; else it was asked for the report alone."""
    enforcement: str
    parameters: dict[str, Any] = {}
    counts: Counts = Counts()
    """Of all resources that it looked at, whatever their kind."""


class ResourceSeen(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A resource that was looked at."""

    api_version: str
    kind: str
    namespace: str
    name: str
    file: str
    line: int
    policies: tuple[str, ...] = ()
    """The policies that looked at it, of those that serve a control of the report."""


class ReportedFinding(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A finding with the controls that it speaks against, as `framework/id`."""

    finding: Finding
    controls: tuple[str, ...]
    since: str = ""
    """The first moment at which it is known to have been found (RFC 3339, UTC); empty where that is not known."""


class ExemptionUse(msgspec.Struct, frozen=True, rename="camel"):
    """An exemption that excused findings of the report, or would have if it had not expired."""

    waiver: Waiver
    findings: int
    policies: tuple[str, ...]


class KindCount(msgspec.Struct, frozen=True):
    """How many resources there are of a kind."""

    kind: str
    resources: int


class PolicyGap(msgspec.Struct, frozen=True):
    """A policy that serves a control and was not asked, or does not deny, and why."""

    policy: str
    reason: str


class NotLookedAt(msgspec.Struct, frozen=True, rename="camel"):
    """What the report says nothing of."""

    kinds: tuple[KindCount, ...] = ()
    """Resources of which no policy of the frameworks speaks."""
    controls: tuple[str, ...] = ()
    """Controls that no policy serves, as `framework/id`."""
    policies: tuple[PolicyGap, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    """Documents that are no resources, and files and folders that were left out."""
    namespaces: tuple[str, ...] = ()
    """Namespaces that a policy was told not to look at, with its name."""
    other: tuple[str, ...] = ()
    """What else, in words: evidence that is too old, decisions by other policies."""


class Scope(msgspec.Struct, frozen=True, rename="camel"):
    """What the report is about."""

    origin: Origin
    paths: tuple[str, ...] = ()
    files: int = 0
    resources: int = 0
    cluster: str = ""
    """The cluster whose audit it is about."""
    at: str = ""
    """When it was audited."""
    since: str = ""
    until: str = ""
    max_age: str = ""
    """How old what passes may be, as a duration (`30d`); empty where there is no limit."""
    decisions: int = 0
    prevented: int = 0
    """Requests that were refused, so that nothing of them was deployed."""


class Report(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a run shows of the controls of frameworks, with all that it follows from."""

    version: str
    """Of the product."""
    generated_at: str
    """RFC 3339 in UTC."""
    verdict: ComplianceVerdict
    scope: Scope
    policy_set: str
    frameworks: tuple[FrameworkReport, ...]
    policies: tuple[PolicyUse, ...] = ()
    resources: tuple[ResourceSeen, ...] = ()
    findings: tuple[ReportedFinding, ...] = ()
    exemptions: tuple[ExemptionUse, ...] = ()
    expired: tuple[str, ...] = ()
    """Exemptions that are over, in words: their findings count."""
    not_looked_at: NotLookedAt = NotLookedAt()
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    past: tuple[Moment, ...] = ()
    """The reports before, and this one, where earlier ones were given."""

    @property
    def controls(self) -> Iterator[tuple[FrameworkReport, ControlState]]:
        """Every control with its framework."""
        return ((framework, control) for framework in self.frameworks for control in framework.controls)

    def findings_of(self, control: ControlState) -> Iterator[ReportedFinding]:
        """The findings that speak against a control, exempted ones too."""
        return (self.findings[place] for place in control.findings)


def enforcement_words(enforcement: Enforcement | str) -> str:
    """What a policy does that does not deny: `warns only`, `is a dry run`; empty for `strict`."""
    return {"warn": "warns only", "dryrun": "is a dry run"}.get(enforcement, "")
