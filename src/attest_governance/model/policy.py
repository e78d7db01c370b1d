"""A policy as the engine describes it after loading, and what there is to say of it in lists and pages."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class LookedUp(msgspec.Struct, frozen=True, rename="camel"):
    """A kind of objects that policies look up; without `api_version` that of every group, and `*` whatever there is."""

    api_version: str
    kind: str


class GroupKind(msgspec.Struct, frozen=True):
    """A kind of objects in a group, either of which may be `*`."""

    group: str
    kind: str

    def includes(self, group: str, kind: str) -> bool:
        """Whether an object of a group and kind is one of these."""
        return self.group in ("*", group) and self.kind in ("*", kind)


class Policy(msgspec.Struct, frozen=True, rename="camel"):
    """A Rego package with a `violation`, `deny` or `warn` set, or a Gatekeeper constraint."""

    name: str
    engine: Literal["opa", "gatekeeper"] = "opa"
    package: str = ""
    """Dotted package path (`attest.security`); empty for a constraint."""
    rules: tuple[str, ...] = ()
    """Those of `violation`, `deny` and `warn` that the package defines."""
    title: str = ""
    description: str = ""
    severity: str = ""
    remediation: str = ""
    parameters: dict[str, Any] | None = None
    """JSON schema of `input.parameters`, from METADATA `custom.parameters`."""
    defaults: dict[str, Any] = {}
    controls: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    rego_version: Literal["v1", "v0", ""] = ""
    enforcement: str = ""
    """Of a constraint: its own enforcement, already mapped to strict, warn or dryrun."""
    compiled: bool = False
    """Whether the compiled evaluator is asked; else OPA's, or CEL."""
    profiles: dict[str, dict[str, Any]] | None = None
    """The profiles that it belongs to, each with the parameters that it has there; None where METADATA names none."""
    evidence: tuple[str, ...] = ()
    """Parameters whose default of true is one of false where there is no evidence."""
    review_by: str = ""
    """The day by which its owners look at it again (METADATA `custom.review_by`); empty where none is stated."""
    shipped: bool = False
    replaces: tuple[str, ...] = ()
    """The names of the shipped policies that this one, of the project, stands in for."""
    looks_up: tuple[LookedUp, ...] = ()
    """What of `data.inventory` it reads."""
    judges: tuple[GroupKind, ...] = ()
    """Kinds outside of which it looks at nothing; where there is none, it may look at anything."""


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """A policy in an overview, with what configuration makes of it."""

    name: str
    title: str
    engine: str
    severity: str
    enforcement: str
    enabled: bool
    file: str
    compiled: bool
    review_by: str
    shipped: bool
    replaces: tuple[str, ...]


class Description(msgspec.Struct, frozen=True, rename="camel"):
    """A policy in full. `examples` are manifests beside the policy, in folders `pass` and `fail`."""

    policy: Policy
    enforcement: str
    enabled: bool
    configured: dict[str, Any]
    passing: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
