"""How a policy came to what it says of one input."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from attest_governance.model.finding import Enforcement, Finding, Location, Resource, Severity, Waiver
from attest_governance.model.problem import Problem

Kind = Literal["rule", "expression", "element", "result", "note", "print", "more"]


class Value(msgspec.Struct, frozen=True):
    """What a variable, reference or call of the source was; `undefined` where it was nothing."""

    name: str
    value: str


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of an evaluation, with the steps that it led to."""

    kind: Kind
    name: str = ""
    """Of a rule, with its package."""
    text: str = ""
    """The source of an expression, or what was said."""
    outcome: Literal["holds", "fails", ""] = ""
    again: bool = False
    """Another solution of an expression that was shown before."""
    reason: str = ""
    """Why it failed."""
    values: tuple[Value, ...] = ()
    file: str = ""
    line: int = 0
    column: int = 0
    count: int = 0
    """How many siblings a `more` stands for."""
    message: str = ""
    """Of a result that is a violation."""
    children: tuple[Node, ...] = ()


class Printed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one call of `print` said."""

    text: str
    file: str = ""
    line: int = 0


class Complaint(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A finding of a trace, whose policy and resource are those of the trace."""

    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    location: Location
    waiver: Waiver | None = None
    details: dict[str, Any] = {}
    fix: str = ""


class Trace(msgspec.Struct, frozen=True, rename="camel"):
    """What one policy said of one input, and how it came to that; `nanoseconds` include the tracing."""

    decision_id: str
    policy: str
    engine: Literal["opa", "gatekeeper"]
    resource: Resource
    file: str
    line: int
    nanoseconds: int
    findings: tuple[Complaint, ...] = ()
    problems: tuple[Problem, ...] = ()
    rules: tuple[Node, ...] = ()
    printed: tuple[Printed, ...] = ()
    truncated: bool = False
    """A limit was reached: what followed is not in the tree."""


class Traces(msgspec.Struct, frozen=True, rename="camel"):
    """Every trace of a run, in the order of the inputs and policies."""

    traces: tuple[Trace, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What is wrong with the inputs; problems of an evaluation are those of its trace."""


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """Why a finding was found."""

    finding: Finding
    """With its place in the manifest as it is now."""
    found: bool
    """Whether the policy still says so of the manifest."""
    decision_id: str = ""
    rules: tuple[Node, ...] = ()
    """The bodies of rules that gave the finding, with the steps that led to it."""
    printed: tuple[Printed, ...] = ()
