"""The outcome of a run: the verdict with everything that led to it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import msgspec

from attest_governance.errors import place
from attest_governance.model.finding import Finding, Resource, cause_of
from attest_governance.model.policy import Policy
from attest_governance.model.problem import Problem
from attest_governance.model.rendering import Rendering

Verdict = Literal["allow", "deny", "error"]


class Skipped(msgspec.Struct, frozen=True, rename="camel"):
    """A document that is not a Kubernetes resource, or a file or folder that was left out, and why."""

    file: str
    line: int
    """0 for a file or folder."""
    reason: str

    @property
    def where(self) -> str:
        """`file:line`, or the path of a file or folder."""
        return place(self.file, self.line, 0)


class Checked(msgspec.Struct, frozen=True, rename="camel"):
    """A resource that was judged, with the policies that looked at it (asked for by JUnit alone)."""

    resource: Resource
    file: str
    line: int
    policies: tuple[str, ...] = ()


class AuditedPart(msgspec.Struct, frozen=True, rename="camel"):
    """Of which cluster an audit is, when it was made, and what it left out."""

    cluster: str
    """How people call the cluster."""
    at: str
    """The moment, RFC 3339 in UTC."""
    namespaces: tuple[str, ...] = ()
    """Those that it was of; all if none."""
    kinds: tuple[str, ...] = ()
    """Those that it was of, as they were named; all if none."""
    unseen: tuple[str, ...] = ()
    """Kinds that the cluster serves, and of which nothing was looked at."""


class Evaluated(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a policy fared: the resources that it looked at, and those of them about which it said nothing."""

    policy: str
    resources: int
    passed: int
    kinds: dict[str, int] = {}
    """How many resources it looked at, by kind."""
    parameters: dict[str, Any] = {}
    """What it was asked with, but for defaults."""


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    """The counts that every format shows; all of them are of findings unless their name says otherwise."""

    verdict: Verdict
    violations: int
    warnings: int
    dryrun: int
    exempted: int
    errors: int
    resources: int
    policies: int
    files: int = 0
    skipped: int = 0


class Outcome(msgspec.Struct, frozen=True, dict=True):
    """What a run came to: what `report` writes and what the exit code is made from."""

    summary: Summary
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    policies: tuple[Policy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    checked: tuple[Checked, ...] = ()
    evaluated: tuple[Evaluated, ...] = ()
    """The policies that took part, by name."""
    policy_set: str = ""
    """The SHA-256 of all that the policies are made of, as `sha256:…`; it says which version of them judged."""
    notices: tuple[str, ...] = ()
    """Sentences that every text report must show (expiring exemptions, overrides in force, …)."""
    spent: dict[str, int] = {}
    """Nanoseconds of evaluation by engine, where that was measured."""
    rendered: tuple[Rendering, ...] = ()
    """What charts and kustomizations came to."""
    folded: tuple[Finding, ...] = ()
    """Findings that another one speaks for: one cause is told once."""
    audited: AuditedPart | None = None
    """Of an audit of a cluster; None for manifests."""
    sources: dict[str, str] = {}
    """Texts that can't be read again, by the name that locations give them (`<stdin>`)."""

    def controls(self, finding: Finding) -> tuple[str, ...]:
        """The controls that a finding is about: those that its rule names, else those of its policy.

        One that speaks for findings of other policies is about theirs, too.
        """
        if not finding.details:
            return self._controls_of_policies.get(finding.policy, ())
        own = self._own_controls(finding)
        if "also" not in finding.details:
            return own
        others = self._spoken_for.get(cause_of(finding), ())
        return tuple(dict.fromkeys((*own, *(control for one in others for control in self._own_controls(one)))))

    def _own_controls(self, finding: Finding) -> tuple[str, ...]:
        named = finding.details.get("controls")
        if isinstance(named, list) and all(isinstance(control, str) for control in named):
            return tuple(named)
        return self._controls_of_policies.get(finding.policy, ())

    @cached_property
    def _spoken_for(self) -> dict[tuple[str, int, str, str, str], list[Finding]]:
        found: dict[tuple[str, int, str, str, str], list[Finding]] = {}
        for one in self.folded:
            found.setdefault(cause_of(one), []).append(one)
        return found

    @cached_property
    def _controls_of_policies(self) -> dict[str, tuple[str, ...]]:
        return {policy.name: policy.controls for policy in self.policies}


class Validation(msgspec.Struct, frozen=True):
    """What was looked at by `validate`, and everything that is wrong with it, in the order of file and line."""

    files: int
    resources: int = 0
    policies: tuple[Policy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[Problem, ...] = ()
