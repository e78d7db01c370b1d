"""What findings weigh, and the verdict that they and problems come to. Pure, and the same for every entry point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from attest_governance.model import Enforcement, Problem, Severity, Summary
from attest_governance.model.finding import SEVERITIES

if TYPE_CHECKING:
    from attest_governance.model import Finding, Resource, Skipped
    from attest_governance.model.sources import Manifests
    from attest_governance.model.verdict import Verdict


class Rules(msgspec.Struct, frozen=True):
    """What makes a run fail.

    Attributes:
        fail_on_violation: strict findings deny; when false they are shown only.
        strict: warnings deny too.
        fail_on: the least severity that denies; findings below it are shown only. None for all.
        allow_empty: a run that judged nothing is allowed; when false it is undecided.
    """

    fail_on_violation: bool = True
    strict: bool = False
    fail_on: Severity | None = None
    allow_empty: bool = False


class Counted(msgspec.Struct, frozen=True):
    """How much was looked at."""

    files: int = 0
    resources: int = 0
    skipped: int = 0
    policies: int = 0


def decide(findings: Sequence[Finding], problems: Sequence[Problem], counted: Counted, rules: Rules) -> Summary:
    """Counts what a run found and decides.

    An error among the problems makes the verdict `error` whatever was found: what could not be
    decided is neither allowed nor denied.
    """
    errors = sum(problem.severity == "error" for problem in problems)
    plain = Counter(finding.enforcement for finding in findings if finding.waiver is None)
    return Summary(
        verdict=verdict_of(findings, errors, rules),
        violations=plain["strict"],
        warnings=plain["warn"],
        dryrun=plain["dryrun"],
        exempted=len(findings) - plain.total(),
        errors=errors,
        **msgspec.structs.asdict(counted),
    )


def verdict_of(findings: Sequence[Finding], errors: int, rules: Rules) -> Verdict:
    """The verdict on findings, where so many errors kept us from deciding."""
    if errors:
        return "error"
    if rules.fail_on_violation and any(_denies(finding, rules) for finding in findings):
        return "deny"
    return "allow"


def _denies(finding: Finding, rules: Rules) -> bool:
    if finding.waiver is not None or finding.enforcement == "dryrun":
        return False
    if finding.enforcement == "warn" and not rules.strict:
        return False
    return rules.fail_on is None or SEVERITIES.index(finding.severity) <= SEVERITIES.index(rules.fail_on)


_SHOWN = 3
"""How many reasons for skipping the message gives."""


def nothing_judged(
    counted: Counted, rules: Rules, manifests: Manifests, skipped: Sequence[Skipped]
) -> tuple[Problem, ...]:
    """The problem of a run that judged no resource: what was found instead, and what to do."""
    if counted.resources or rules.allow_empty:
        return ()
    empty = next((text.file for text in manifests.inputs if not text.text.strip()), "")
    if empty and not manifests.paths:
        hint = "see what the command before the pipe said; --allow-empty where there may be nothing to judge"
        return (_problem(f"{empty} is empty: there is no resource to judge", empty, hint),)
    hint = "name files or folders that hold Kubernetes manifests; --allow-empty where there may be none"
    where = ", ".join((*manifests.paths[:_SHOWN], *(text.file for text in manifests.inputs)))
    return (_problem(f"there is no resource to judge: {_found(counted, skipped)}", where, hint),)


def _found(counted: Counted, skipped: Sequence[Skipped]) -> str:
    files = f"{counted.files} file{'' if counted.files == 1 else 's'}"
    if not skipped:
        return f"{files} looked at, nothing in {'it' if counted.files == 1 else 'them'}"
    reasons = Counter(one.reason for one in skipped).most_common(_SHOWN)
    return f"{files} looked at, {len(skipped)} skipped ({'; '.join(reason for reason, _ in reasons)})"


def _problem(message: str, file: str, hint: str) -> Problem:
    return Problem(severity="error", code="nothing_judged", message=message, file=file, hint=hint)


_WEIGHT: dict[Enforcement, int] = {"strict": 2, "warn": 1, "dryrun": 0}


class Step(msgspec.Struct, frozen=True):
    """What findings of a policy do in some namespaces (globs; none for all) from some moment on (None for always)."""

    enforcement: Enforcement
    namespaces: tuple[str, ...] = ()
    begins: datetime | None = None

    def holds(self, namespace: str, now: datetime) -> bool:
        """Whether it says anything of a namespace at `now`."""
        begun = self.begins is None or self.begins <= now
        return begun and (not self.namespaces or any(fnmatchcase(namespace, glob) for glob in self.namespaces))


class Weights(msgspec.Struct, frozen=True):
    """What configuration makes of findings, by the name of their policy; it may be silent."""

    enforcement: Mapping[str, Enforcement | None] = {}
    severity: Mapping[str, Severity] = {}
    off: frozenset[str] = frozenset()
    """Policies that say nothing here."""
    rollout: Mapping[str, tuple[Step, ...]] = {}
    """Of the steps that hold the last counts, before `enforcement`."""


def enforce(findings: Iterable[Finding], weights: Callable[[Finding], Weights], now: datetime) -> tuple[Finding, ...]:
    """Gives each finding the weight that holds for it.

    Args:
        findings: with the enforcement that their rule or constraint states.
        weights: what configuration says where a finding is.
        now: the moment of the check, with its offset.
    """
    known: dict[tuple[object, ...], tuple[Weights, Enforcement, Severity]] = {}
    out = []
    for finding in findings:
        own, resource = weights(finding), finding.resource
        stated, severity = finding.enforcement, finding.severity
        namespace = _namespace(resource) if own.rollout else ""
        key = (id(own), finding.policy, stated, severity, finding.engine, namespace, not resource.fragment)
        if (found := known.get(key)) is None:
            found = known[key] = (own, *_weighed(finding, own, now))  # which stays, and with it its id
        if found[1] != stated or found[2] != severity:
            finding = msgspec.structs.replace(finding, enforcement=found[1], severity=found[2])  # noqa: PLW2901
        out.append(finding)
    return tuple(out)


def level(stated: Enforcement, engine: str, configured: Enforcement | None) -> Enforcement:
    """The enforcement that holds, of what a rule or constraint states and what configuration says.

    A plain policy's `warn` rule stays a warning under `strict`; configuration only lowers. A
    Gatekeeper constraint states its own action, which configuration may replace either way.
    """
    if configured is None or (engine == "opa" and _WEIGHT[configured] > _WEIGHT[stated]):
        return stated
    return configured


def _configured(finding: Finding, weights: Weights, now: datetime) -> Enforcement | None:
    for step in reversed(weights.rollout.get(finding.policy, ())):
        if step.holds(_namespace(finding.resource), now):
            return step.enforcement
    return weights.enforcement.get(finding.policy)


def _namespace(resource: Resource) -> str:
    return resource.name if resource.kind == "Namespace" else resource.namespace


def _weighed(finding: Finding, weights: Weights, now: datetime) -> tuple[Enforcement, Severity]:
    holds = level(finding.enforcement, finding.engine, _configured(finding, weights, now))
    if finding.resource.fragment and holds == "strict":
        holds = "warn"  # what a part lacks the whole may have, and the whole is judged in the same run
    return holds, weights.severity.get(finding.policy, finding.severity)
