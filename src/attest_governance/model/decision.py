"""A decision of the server, as its log keeps it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from attest_governance.model.finding import Waiver

SCHEMA = "attest.continuu.ms/decision/v1"


class LoggedFinding(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A finding as the log keeps it."""

    policy: str
    rule: str
    severity: str
    enforcement: str
    message: str
    path: str = ""
    waiver: Waiver | None = None
    controls: tuple[str, ...] = ()
    """The controls that it is about."""
    also: tuple[str, ...] = ()
    """The policies that it speaks for besides its own."""


class LoggedResource(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a request was about, as it says itself."""

    api_version: str
    kind: str
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""

    @property
    def id(self) -> str:
        """`Kind/namespace/name`, with the subresource where there is one."""
        whole = "/".join(part for part in (self.kind, self.namespace, self.name) if part)
        return f"{whole} ({self.sub_resource})" if self.sub_resource else whole


class Decision(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """One answer of the server, with what it came from."""

    schema: str = msgspec.field(default_factory=lambda: SCHEMA)  # made, since a default would be left out
    id: str
    time: str
    """RFC 3339 in UTC."""
    door: Literal["admit", "check", "data"]
    verdict: Literal["allow", "deny", "error"]
    """*error*: it could not be decided, and `allowed` is what the failure policy made of that."""
    allowed: bool
    uid: str = ""
    operation: str = ""
    resource: LoggedResource | None = None
    user: str = ""
    dry_run: bool = False
    findings: tuple[LoggedFinding, ...] = ()
    problems: tuple[str, ...] = ()
    policy_set: str = ""
    milliseconds: float = 0
    input_digest: str = ""
    """SHA-256 of the bytes that were judged."""
    input: dict[str, Any] | None = None
    """What was judged, where that is kept."""
    masked: bool = False
    """Whether something was taken out of `input`."""
