"""The outcome of a run: the verdict with everything that led to it."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from attest_governance.model.finding import Finding, Resource
from attest_governance.model.policy import Policy
from attest_governance.model.problem import Problem

Verdict = Literal["allow", "deny", "error"]


class Skipped(msgspec.Struct, frozen=True, rename="camel"):
    """A document that is not a Kubernetes resource, and why we think so."""

    file: str
    line: int
    reason: str


class Checked(msgspec.Struct, frozen=True, rename="camel"):
    """A resource that was judged, with the policies that looked at it (asked for by JUnit alone)."""

    resource: Resource
    file: str
    line: int
    policies: tuple[str, ...] = ()


class Evaluated(msgspec.Struct, frozen=True, rename="camel"):
    """How a policy fared: the resources that it looked at, and those of them about which it said nothing."""

    policy: str
    resources: int
    passed: int


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
    sources: dict[str, str] = {}
    """Texts that can't be read again, by the name that locations give them (`<stdin>`)."""

    def controls(self, finding: Finding) -> tuple[str, ...]:
        """The controls that a finding is about: those that its rule names, else those of its policy."""
        named = finding.details.get("controls")
        if isinstance(named, list) and all(isinstance(control, str) for control in named):
            return tuple(named)
        return self._controls_of_policies.get(finding.policy, ())

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
