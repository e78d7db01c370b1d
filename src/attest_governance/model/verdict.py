"""The outcome of a run: the verdict with everything that led to it."""

from __future__ import annotations

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


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to: what `report` writes and what the exit code is made from."""

    summary: Summary
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    policies: tuple[Policy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    checked: tuple[Checked, ...] = ()
    notices: tuple[str, ...] = ()
    """Sentences that every text report must show (expiring exemptions, overrides in force, …)."""
    sources: dict[str, str] = {}
    """Texts that can't be read again, by the name that locations give them (`<stdin>`)."""


class Validation(msgspec.Struct, frozen=True):
    """What was looked at by `validate`, and everything that is wrong with it, in the order of file and line."""

    files: int
    resources: int = 0
    policies: tuple[Policy, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[Problem, ...] = ()
