"""What there is to say of policies, for lists and pages."""

from __future__ import annotations

from typing import Any

import msgspec

from attest_governance.model.policy import Policy


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
