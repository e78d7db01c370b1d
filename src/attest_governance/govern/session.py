"""What an entry point does for a person: opens the project, finds their key, acts, seals the trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from attest_governance.decoding import convert
from attest_governance.errors import AttestError, GovernanceError, OutputError, UsageError
from attest_governance.exempt.times import format_instant, parse_duration, parse_instant
from attest_governance.govern import PIN
from attest_governance.govern.policysets.history import History, read_history, with_trust_of
from attest_governance.govern.project import HEAD_FILE, Project, open_project
from attest_governance.govern.records.terms import ExemptionTerms, OverrideTerms
from attest_governance.govern.records.workflow import Workflow
from attest_governance.govern.signing.identity import choose_signer
from attest_governance.govern.trail import audit
from attest_governance.writing import replacing

if TYPE_CHECKING:
    from attest_governance.govern.records.judgement import Judgement
    from attest_governance.govern.signing.sshsig import Signer


T = TypeVar("T")


class Session(msgspec.Struct, frozen=True):
    """A project, opened at one moment by one process, under the keys and rules of its current policy set."""

    project: Project
    now: datetime
    environment: Mapping[str, str]
    history: History = History(None, ())
    """The policy sets, where policies need approval."""

    def act(self, do: Callable[[Workflow], Judgement], key: Path | None, person: str = "") -> Judgement:
        """Lets a person act, and seals the audit trail with their key: that of `--key`, if it was given.

        Where `person` is named, whoever has the key must be that one.

        Raises:
            GovernanceError: the act is not allowed.
            UsageError: there is no key to sign with.
        """
        signer = choose_signer(self.project.root, self.project.trust, key, person, self.environment)
        workflow = Workflow(self.project, signer, self.now)
        if person and workflow.person != person:
            raise GovernanceError(f"you sign as `{workflow.person}`, not as `{person}`")
        judgement = do(workflow)
        try:
            seal(self.project, workflow.person, signer, self.now)
        except AttestError as error:
            message = f"`{judgement.record.id}` is signed and kept, but the audit trail is not sealed: {error.message}"
            raise GovernanceError(message, file=error.file, line=error.line, hint=error.hint) from error
        return judgement


def open_session(root: Path, now: datetime, environment: Mapping[str, str]) -> Session:
    """Opens a governed project for a person.

    Raises:
        ConfigurationError: there is no governance file, or a trust file is wrong.
    """
    project = open_project(root)
    history = read_history(project, now, environment.get(PIN, ""))
    trusted = with_trust_of(project, history.current.terms) if history.current else project
    return Session(trusted, now, environment, history)


def seal(project: Project, person: str, signer: Signer, now: datetime) -> audit.Head | None:
    """Signs the end of the audit trail, so that cutting it off shows; `None` when there is no trail."""
    chain = audit.verify(project.trail)
    if not chain:
        return None
    head = audit.make_head(chain, person, now, signer)
    path = project.root / HEAD_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(head)).decode() + "\n")
    except OSError as error:
        raise OutputError(f"the head of the audit trail can't be written: {error.strerror}", file=HEAD_FILE) from error
    return head


def exemption_terms(
    policy: str,
    resource: str,
    reason: str,
    duration: str,
    now: datetime,
    *,
    not_before: str = "",
    labels: Mapping[str, str] | None = None,
    images: tuple[str, ...] = (),
    asked: tuple[str, ...] = (),
) -> ExemptionTerms:
    """Makes the terms of a request from what a person typed.

    Raises:
        UsageError: the resource, the duration or the start can't be read.
    """
    kind, namespace, name = parse_resource(resource)
    begin = _read(parse_instant, not_before) if not_before else now
    return ExemptionTerms(
        policy=policy,
        kind=kind,
        namespace=namespace,
        name=name,
        reason=reason,
        expires_at=format_instant(begin + _read(parse_duration, duration)),
        not_before=format_instant(begin) if not_before else "",
        labels=dict(labels or {}),
        images=list(images),
        asked=list(asked),
    )


def override_terms(policy: str, scope: str, reason: str, duration: str, now: datetime) -> OverrideTerms:
    """Makes the terms of an emergency override; `scope` is `all`, `namespace/NAME` or `Kind/ns/name`.

    Raises:
        UsageError: the scope or the duration can't be read.
    """
    words = scope.split("/")
    if scope in ("all", "*"):
        kind, namespace, name = "*", "*", "*"
    elif words[0] == "namespace" and len(words) == 2:  # noqa: PLR2004
        kind, namespace, name = "*", words[1], "*"
    else:
        kind, namespace, name = parse_resource(scope)
    return OverrideTerms(policy, kind, namespace, name, reason, format_instant(now + _read(parse_duration, duration)))


def parse_resource(text: str) -> tuple[str, str, str]:
    """Reads `Kind/namespace/name`, or `Kind/name` for a resource without a namespace.

    Raises:
        UsageError: it is neither.
    """
    words = text.split("/")
    if not 2 <= len(words) <= 3 or not all(words):  # noqa: PLR2004
        raise UsageError(f"`{text}` is not `Kind/namespace/name`", hint="such as Pod/monitoring/legacy-app")
    return (words[0], words[1], words[2]) if len(words) == 3 else (words[0], "", words[1])  # noqa: PLR2004


def extended_terms(judgement: Judgement, duration: str, reason: str, now: datetime) -> ExemptionTerms:
    """The terms of an extension: the same but for the end, `duration` from now, and a new reason if given."""
    before = convert(judgement.request.terms, ExemptionTerms)
    end = format_instant(now + _read(parse_duration, duration))
    return msgspec.structs.replace(before, expires_at=end, reason=reason or before.reason)


def _read(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
