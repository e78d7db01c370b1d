"""What is asked for: the terms of an exemption, an override, a policy set. Typed, checked, signed as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.decoding import convert
from attest_governance.exempt import Scope
from attest_governance.exempt.times import format_instant, parse_instant

if TYPE_CHECKING:
    from attest_governance.govern.records.event import Event, Subject

_PATTERN = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9*?._:/-]{0,252}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_PATH = re.compile(r"(?!.*(^|/)\.\.?(/|$))[^/\x00-\x1f\\][^\x00-\x1f\\]*(?<!/)")
_MAX_REASON = 2000


class ExemptionTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An exemption: globs as in `exempt.Scope`, a reason, and the time."""

    policy: str
    kind: str
    name: str
    reason: str
    expires_at: str
    namespace: str = ""
    labels: dict[str, str] = {}
    images: list[str] = []
    not_before: str = ""
    asked: list[str] = []
    """Whom the requester asked for approval: people or teams, for information only."""

    @property
    def scope(self) -> Scope:
        """What is covered; a resource without namespace is covered by an empty one only."""
        return Scope(self.policy, self.kind, self.namespace, self.name, self.labels, tuple(self.images))


class OverrideTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An emergency override: like an exemption, but signed by more people and for a short time."""

    policy: str
    kind: str
    namespace: str
    name: str
    reason: str
    expires_at: str

    @property
    def scope(self) -> Scope:
        """What is covered."""
        return Scope(self.policy, self.kind, self.namespace, self.name)


class PolicySetTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A state of the policies: each file with its digest, and the trust files word for word."""

    roots: list[str]
    files: dict[str, str]
    reason: str
    previous: list[str] = []
    """Digests of the requests of the approved sets that this one follows."""
    governance: str = ""
    signers: str = ""
    revoked: str = ""


Terms = ExemptionTerms | OverrideTerms | PolicySetTerms

_TYPES: dict[Subject, type[Terms]] = {
    "exemption": ExemptionTerms,
    "override": OverrideTerms,
    "policy-set": PolicySetTerms,
}


def terms_of(event: Event) -> Terms:
    """The typed terms of a request or an extension.

    Raises:
        ValueError: they are not the terms of such an event.
    """
    terms = convert(event.terms, _TYPES[event.subject])
    check_terms(terms)
    return terms


def check_terms(terms: Terms) -> None:
    """Checks what the types can't say.

    Raises:
        ValueError: it names the field that is wrong.
    """
    if not terms.reason.strip() or len(terms.reason) > _MAX_REASON:
        raise ValueError(f"`reason` must say why, in at most {_MAX_REASON} characters")
    if isinstance(terms, PolicySetTerms):
        _check_files(terms)
        return
    for name in ("policy", "kind", "name", "namespace"):
        value = getattr(terms, name)
        if not _PATTERN.fullmatch(value) and not (name == "namespace" and value == ""):
            raise ValueError(f"`{name}` is not a name or a glob: `{value}`")
    _check_instant(terms.expires_at, "expires_at")
    if isinstance(terms, ExemptionTerms):
        _check_exemption(terms)


def _check_exemption(terms: ExemptionTerms) -> None:
    if terms.not_before:
        _check_instant(terms.not_before, "not_before")
        if terms.not_before >= terms.expires_at:
            raise ValueError("`expires_at` must come after `not_before`")
    for image in terms.images:
        if not _DIGEST.fullmatch(image):
            raise ValueError(f"`images` holds `{image}`, which is not a digest such as `sha256:…`")


def _check_files(terms: PolicySetTerms) -> None:
    for path in (*terms.roots, *terms.files):
        if not _PATH.fullmatch(path):
            raise ValueError(f"`{path}` is not a path inside the project")
    if not all(map(_DIGEST.fullmatch, [*terms.files.values(), *terms.previous])):
        raise ValueError("a digest is malformed")


def _check_instant(text: str, field: str) -> None:
    moment = parse_instant(text)
    if format_instant(moment) != text or moment.microsecond:
        raise ValueError(f"`{field}` must be in UTC, to the second: `{text}`")


def to_dict(terms: Terms) -> dict[str, Any]:
    """The terms as an event holds them.

    Raises:
        ValueError: they are not complete; see `check_terms`.
    """
    check_terms(terms)
    found: dict[str, Any] = msgspec.to_builtins(terms)
    return found
