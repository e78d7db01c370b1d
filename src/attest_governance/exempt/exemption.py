"""Exemptions: what they cover, by globs, when, and who says so."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

import msgspec

from attest_governance.exempt.times import format_instant
from attest_governance.model import Finding, Resource, Waiver


def matches(pattern: str, text: str) -> bool:
    """Tells whether the whole of `text` matches `pattern`, case-sensitively.

    `*` stands for any run of characters, also an empty one and one with slashes; `?` stands for
    exactly one character; everything else, brackets included, stands for itself. The work is at most
    `len(pattern) * len(text)` steps.
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    if "?" in pattern:
        return _walk(pattern, text)
    first, *between, last = pattern.split("*")
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in between:  # the first place of a piece leaves most room for those behind it
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def beginning(pattern: str) -> str:
    """How every text begins that matches a pattern."""
    return pattern.partition("*")[0].partition("?")[0]


def _walk(pattern: str, text: str) -> bool:
    """Is `matches` for every pattern, character by character. It goes back to the last star only."""
    at, mark, star, resume = 0, 0, -1, 0
    while mark < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, mark
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[mark]):
            at, mark = at + 1, mark + 1
        elif star >= 0:
            at, mark, resume = star + 1, resume + 1, resume + 1
        else:
            return False
    return all(rest == "*" for rest in pattern[at:])


def matches_policy(pattern: str, policy: str, rule: str) -> bool:
    """Tells whether `pattern` names the policy, or `policy/rule` for one rule of it."""
    return matches(pattern, policy) or matches(pattern, f"{policy}/{rule}")


_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")


Kind = Literal["approved", "declared", "annotated", "override"]
"""Who says so: the signatures that governance asks for; the configuration, as trustworthy as whoever may change it;
the resource itself, which proves nothing; or the signatures of an emergency, short, and shouted in every report."""


class Scope(msgspec.Struct, frozen=True, rename="camel"):
    """What an exemption covers. Every field is a glob (see `pattern`); all of them must match.

    `policy` is a policy, or `policy/rule` for one of its rules. `labels` maps keys, written out,
    to globs of their values. `images` are digests (`sha256:…`): where there are any, each image of
    the resource must be pinned to one of them, so that a container added later is not covered.
    """

    policy: str
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"
    labels: dict[str, str] = {}
    images: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Tells whether the finding's policy, rule and resource are all within this scope."""
        return matches_policy(self.policy, finding.policy, finding.rule) and self.covers_resource(finding.resource)

    def covers_resource(self, resource: Resource) -> bool:
        """Tells whether the resource is within this scope, whatever the policy."""
        return (
            matches(self.kind, resource.kind)
            and matches(self.namespace, resource.namespace)
            and matches(self.name, resource.name)
            and all(key in resource.labels and matches(glob, resource.labels[key]) for key, glob in self.labels.items())
            and self._covers_images(resource.images)
        )

    def _covers_images(self, images: tuple[str, ...]) -> bool:
        if not self.images:
            return True
        digests = [found[1] if (found := _DIGEST.search(image)) else "" for image in images]
        return bool(digests) and all(digest in self.images for digest in digests)

    def __str__(self) -> str:
        resource = "/".join((self.kind, self.namespace, self.name))
        return f"{self.policy} on {resource}"


class Exemption(msgspec.Struct, frozen=True, rename="camel"):
    """An exemption from `not_before` until just before `expires_at`, both in UTC.

    Kinds differ in what stands behind them, never in how they match.
    """

    kind: Kind
    scope: Scope
    reason: str
    approved_by: tuple[str, ...]
    expires_at: datetime
    not_before: datetime | None = None
    id: str = ""
    source: str = ""
    """`file:line` of the record, or the resource whose annotation it is."""

    def begun(self, now: datetime) -> bool:
        """Tells whether the exemption's first second has come."""
        return self.not_before is None or self.not_before <= now

    def expired(self, now: datetime) -> bool:
        """Tells whether the exemption is over; at `expires_at` itself it is."""
        return self.expires_at <= now

    def in_force(self, now: datetime) -> bool:
        """Tells whether `now` lies in the exemption's time."""
        return self.begun(now) and not self.expired(now)

    def waiver(self) -> Waiver:
        """The waiver that a covered finding carries into every report."""
        return Waiver(
            kind=self.kind,
            reason=self.reason,
            approved_by=self.approved_by,
            expires_at=format_instant(self.expires_at),
            id=self.id,
            source=self.source,
        )


PREFERENCE: tuple[Kind, ...] = ("approved", "declared", "annotated", "override")
"""Which exemption a finding carries when several cover it: the best proven, an override last."""
