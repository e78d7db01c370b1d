"""What a report is made from: resources that were looked at, and what was found, wherever both come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import InputError
from attest_governance.exempt.times import format_duration, parse_instant
from attest_governance.model import Evaluated, Finding, Problem, Skipped
from attest_governance.model.compliance import Scope
from attest_governance.model.verdict import AuditedPart

if TYPE_CHECKING:
    from attest_governance.comply.serving import Asked
    from attest_governance.model import Checked, Outcome


class Limit(msgspec.Struct, frozen=True):
    """How old evidence may be at the moment of the report; a finding is one however old it is."""

    now: datetime
    age: timedelta | None = None
    """None where there is no limit."""

    def holds(self, moment: datetime) -> bool:
        """Whether what was seen at a moment is not too old."""
        return self.age is None or moment >= self.now - self.age

    def __str__(self) -> str:
        return format_duration(self.age) if self.age else ""


class Looked(msgspec.Struct, frozen=True, gc=False):
    """A resource, and the policies that looked at it and were not spoken for by others."""

    api_version: str
    kind: str
    namespace: str
    name: str
    file: str
    line: int
    policies: tuple[str, ...] = ()
    silent: bool = False
    """Whether what passed of it is no evidence, for a reason that is told besides."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells resources of a run apart."""
        return (self.file, self.kind, self.namespace, self.name)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report is made from, but for the frameworks and the policies."""

    scope: Scope
    looked: Sequence[Looked]
    findings: Sequence[Finding]
    """With those that another one speaks for."""
    told: int
    """How many of `findings`, the first ones, reports show."""
    controls: Callable[[Finding], tuple[str, ...]]
    """The controls that a finding states, or its policy."""
    asked: Mapping[str, Mapping[str, int]] | None = None
    """Where resources are not known one by one: how many each policy looked at, by its name and their kind."""
    silent: Mapping[str, str] = {}
    """The policies that show nothing here, whatever they passed, and why."""
    fragments: int = 0
    """Parts of resources, which are judged with the whole."""
    policy_set: str = ""
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    since: Callable[[Finding], str] = lambda _: ""
    other: tuple[str, ...] = ()
    """What else was not looked at, in words."""


def of_outcome(outcome: Outcome, paths: Iterable[str]) -> Evidence:
    """What a check found, which kept what it looked at (`Request.checked`)."""
    found = [one for one in outcome.findings if not one.resource.fragment]
    folded = [one for one in outcome.folded if not one.resource.fragment]
    # A policy that another one speaks for looked at the resource all the same.
    spoken: dict[tuple[str, str], set[str]] = {}
    for finding in folded:
        spoken.setdefault((finding.location.file, finding.resource.id), set()).add(finding.policy)
    looked = tuple(
        _looked(one, spoken.get((one.file, one.resource.id), ()))
        for one in outcome.checked
        if not one.resource.fragment
    )
    return Evidence(
        scope=Scope("manifests", tuple(paths), outcome.summary.files, len(looked)),
        looked=looked,
        findings=(*found, *folded),
        told=len(found),
        controls=outcome.controls,
        fragments=len(outcome.checked) - len(looked),
        policy_set=outcome.policy_set,
        problems=outcome.problems,
        notices=outcome.notices,
        skipped=outcome.skipped,
    )


def _looked(one: Checked, spoken: Collection[str]) -> Looked:
    subject = one.resource
    policies = tuple(sorted({*one.policies, *spoken})) if spoken else one.policies
    return Looked(subject.api_version, subject.kind, subject.namespace, subject.name, one.file, one.line, policies)


CHECK_SCHEMA = "attest.continuu.ms/check/v1"
LARGEST = 1 << 30
"""Bytes of a document of findings."""


class FoundEarlier(Finding, frozen=True, gc=False):
    """A finding of a document, with the controls that it states."""

    controls: tuple[str, ...] = ()


class CheckDocument(msgspec.Struct, frozen=True, rename="camel"):
    """What `attest policy check --format json` wrote, as far as it matters here."""

    schema: str
    files: int
    resources: int
    policy_set: str
    evaluated: tuple[Evaluated, ...]
    findings: tuple[FoundEarlier, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...]
    notices: tuple[str, ...]
    audited: AuditedPart | None = None


def of_document(data: bytes, path: str, policy_set: str, known: Mapping[str, Asked], limit: Limit) -> Evidence:
    """What a document of findings shows, that a check or an audit wrote.

    Args:
        data: the document.
        path: what messages call it.
        policy_set: the digest of the policies in force: what others passed is no evidence.
        known: these policies, as they are asked: what was asked in another way is no evidence.
        limit: how old an audit may be.

    Raises:
        InputError: it can't be read, is no such document, or does not say how old it is where that matters.
    """
    document = _document(data, path)
    too_old = _too_old(document, path, limit)
    others = "" if document.policy_set == policy_set else "it was asked by other policies than those in force"
    then = {one.policy: one for one in document.evaluated}
    silent = {name: too_old or others or _asked_otherwise(one, then.get(name)) for name, one in known.items()}
    found = [one for one in document.findings if not one.resource.fragment]
    return Evidence(
        scope=_scope(document, path, limit),
        looked=(),
        findings=(*found, *(one for finding in found for one in _spoken_for(finding))),
        told=len(found),
        controls=stated,
        asked={one.policy: one.kinds for one in document.evaluated if not silent.get(one.policy)},
        silent={name: why for name, why in silent.items() if why},
        policy_set=document.policy_set,
        problems=document.problems,
        notices=document.notices,
        skipped=document.skipped,
        other=tuple(_left_out(document, path, too_old, others)),
    )


def _too_old(document: CheckDocument, path: str, limit: Limit) -> str:
    """Why nothing that passed is evidence any more; empty where it is.

    Raises:
        InputError: when it was made is not known, or is still to come.
    """
    audited = document.audited
    if audited is None:
        if limit.age is None:
            return ""
        hint = "an audit does (`attest cluster audit --format json`); else leave --max-age out"
        raise InputError("the document does not say when it was made", file=path, hint=hint)
    try:
        moment = parse_instant(audited.at)
    except ValueError as error:
        raise InputError(f"the audit has no time: {error}", file=path, hint="make it again") from error
    if moment > limit.now:
        what = f"the audit is of {audited.at}, which is still to come"
        raise InputError(what, file=path, hint="set the clock right")
    return "" if limit.holds(moment) else f"it is older than {limit}"


def _asked_otherwise(asked: Asked, then: Evaluated | None) -> str:
    """Why what a policy passed is no evidence for how it is asked now; empty where it is."""
    if then is None:
        return "it was not asked there" if asked.asked else ""
    given = {**asked.policy.defaults, **then.parameters}
    same = not asked.asked or _plain(given) == _plain(asked.parameters)
    return "" if same else "it was asked with other parameters than now"


def _plain(value: Mapping[str, Any]) -> object:
    """Values as a document holds them, where numbers have lost the digits that they were written in."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _scope(document: CheckDocument, path: str, limit: Limit) -> Scope:
    audited = document.audited
    if audited is None:
        return Scope("findings", (path,), document.files, document.resources)
    cluster, at = audited.cluster, audited.at
    return Scope("cluster", (path,), 0, document.resources, cluster=cluster, at=at, max_age=str(limit))


def _left_out(document: CheckDocument, path: str, too_old: str, others: str) -> Iterator[str]:
    audited = document.audited
    if too_old and audited:
        yield f"what passed in the audit of {audited.at}, since {too_old}"
    if others:
        yield f"what passed by other policies than those in force: {path} was made by {document.policy_set}"
    if audited is None:
        return
    if audited.namespaces:
        yield f"namespaces of the cluster other than {', '.join(audited.namespaces)}"
    if audited.kinds:
        yield f"kinds of the cluster other than {', '.join(audited.kinds)}"
    if audited.unseen:
        yield f"of these kinds of the cluster anything: {', '.join(audited.unseen)}"


def _document(data: bytes, path: str) -> CheckDocument:
    hint = "name what `attest policy check` or `attest cluster audit` wrote with --format json"
    try:
        document = decode(data, CheckDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the file holds no findings: {error}", file=path, hint=hint) from error
    if document.schema != CHECK_SCHEMA:
        raise InputError(f"the document has the schema `{document.schema}`", file=path, hint=hint)
    if any(one.resources and not one.kinds for one in document.evaluated):
        raise InputError("the document does not say which kinds were looked at", file=path, hint="make it again")
    return document


def _spoken_for(finding: FoundEarlier) -> list[FoundEarlier]:
    """The findings of other policies that a finding speaks for."""
    also: Any = finding.details.get("also", ())
    names = also if isinstance(also, list) else []
    return [msgspec.structs.replace(finding, policy=name) for name in names if isinstance(name, str)]


def stated(finding: Finding) -> tuple[str, ...]:
    """The controls that a finding of a document states."""
    return finding.controls if isinstance(finding, FoundEarlier) else ()
