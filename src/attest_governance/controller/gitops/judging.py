"""Judges the objects of a revision: by the controller's policies, and by what the repository asks of itself.

The stricter wins. The controller's runtime is the one that every door opens, gate included. What the repository
configures (its `.attest`) judges as well, as it would in its pipeline, and can therefore only add denials; it gets no
network, no file outside of the checkout, and an engine of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.adapters.cluster import Object
from attest_governance.adapters.git_fetch import Checkout
from attest_governance.controller.gitops.floor import Demands
from attest_governance.controller.gitops.manifests import Manifest, canonical
from attest_governance.controller.gitops.proofs import Proven, prove
from attest_governance.errors import ConfigurationError
from attest_governance.evaluate import Engine
from attest_governance.load.configuration import load_settings
from attest_governance.load.configuration_files import project_root
from attest_governance.model import Outcome, Verdict
from attest_governance.model.finding import SEVERITIES, in_order
from attest_governance.model.sources import Manifests, Text
from attest_governance.request import Environment, Evidence, Request
from attest_governance.runtime import open_runtime

if TYPE_CHECKING:
    from pathlib import Path

    from attest_governance.attestations.sources import Sources
    from attest_governance.load.files import Files
    from attest_governance.load.settings import Settings
    from attest_governance.model import Finding

MOST_MEMORY = 2 << 30
"""What the engine of repositories may take, in bytes."""
_BUNDLE = "ATTEST_POLICY_POLICY_BUNDLE_URL"
ReadSources = Callable[["Settings", datetime, "Files"], "Sources"]
"""Whom the controller trusts for proofs, as its configuration says."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller judges with."""

    engine: Engine
    untrusted_engine: Engine
    """Judges by what repositories bring."""
    request: Request
    environment: Environment
    """The controller's own: its configuration, not that of a repository."""
    sources: ReadSources
    deadline: float = 120.0


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision came to."""

    verdict: Verdict
    proven: Proven
    lacking: str
    """What of the demanded proofs is missing; empty where nothing is."""
    why: str
    """The first thing that speaks against it; empty where nothing does."""
    outcomes: tuple[Outcome, ...]
    notices: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all judgements, the worst first."""
        found = [one for outcome in self.outcomes for one in outcome.findings]
        return tuple(sorted(found, key=lambda one: (not one.counts, SEVERITIES.index(one.severity), in_order(one))))


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged."""

    checkout: Checkout
    path: str
    manifests: tuple[Manifest, ...]
    namespace: str
    namespaces: tuple[Object, ...] = ()
    """The Namespaces that it goes to, as they are in the cluster."""
    demands: Demands


def judge(means: Means, question: Question, now: datetime) -> Judged:
    """Judges a revision at one moment.

    Raises:
        AttestError: nothing could be decided.
    """
    proven, outcome, asked = _by_controller(means, question, now)
    outcomes = [outcome]
    if question.demands.bundle:
        outcomes.append(_by_bundle(means, question, now))
    if _governs_itself(question.checkout.folder):
        outcomes.append(_by_repository(means, question, proven, now))
    why = _why(outcomes, question.demands, asked)
    return Judged(
        verdict=_verdict(outcomes, why),
        proven=proven,
        lacking=proven.lacking(question.demands),
        why=why,
        outcomes=tuple(outcomes),
        notices=(*question.demands.notices, *proven.notices),
    )


def _by_controller(means: Means, question: Question, now: datetime) -> tuple[Proven, Outcome, frozenset[str]]:
    found: list[Proven] = []

    def proofs(settings: Settings, _: Sequence[str], files: Files, __: bool) -> Evidence:  # noqa: FBT001 (a port)
        proven = prove(means.sources(settings, now, files), question.checkout, question.path, question.demands)
        found.append(proven)
        return Evidence(_facts(proven))

    environment = msgspec.structs.replace(means.environment, collect_evidence=proofs)
    wanted = bool(question.demands.receipts or question.demands.attestations or question.demands.trusted_keys)
    request = msgspec.structs.replace(means.request, verify_evidence=wanted, disallow_annotation_exemptions=True)
    with open_runtime(means.engine, request, environment, now=now) as runtime:
        outcome = runtime.judge(_manifests(question), now, deadline=means.deadline)
        asked = frozenset(one.name for one in runtime.selected)
    return (found[0] if found else Proven()), outcome, asked


def _facts(proven: Proven) -> dict[str, Any]:
    from attest_governance.attestations.facts import document  # noqa: PLC0415 (few applications have proofs)

    return document(proven.facts)


def _by_bundle(means: Means, question: Question, now: datetime) -> Outcome:
    """By the policies of a bundle that the project lists, with the configuration of the controller.

    Raises:
        ConfigurationError: the configuration uses no bundles, so that it would not be asked.
    """
    variables = {**means.environment.variables, _BUNDLE: question.demands.bundle}
    environment = msgspec.structs.replace(means.environment, variables=variables)
    # Folders that are named take the place of what is configured, bundles among it.
    request = msgspec.structs.replace(means.request, folders=(), names=(), disallow_annotation_exemptions=True)
    with open_runtime(means.engine, request, environment, now=now) as runtime:
        if runtime.prepared.downloaded is None:
            what = f"the bundle `{question.demands.bundle}` is asked for, and the controller uses none"
            raise ConfigurationError(what, hint="set `policy.enabled` to true in its configuration")
        return runtime.judge(_manifests(question), now, deadline=means.deadline)


def _governs_itself(folder: Path) -> bool:
    return project_root(folder, folder.parent) is not None


def _by_repository(means: Means, question: Question, proven: Proven, now: datetime) -> Outcome:
    """By what the repository asks of itself, in its own words and places."""
    folder = question.checkout.folder
    environment = Environment(
        cwd=folder, home=folder.parent, variables={}, shipped=means.environment.shipped,
        collect_evidence=lambda *_: Evidence(_facts(proven)),
    )  # fmt: skip
    _check_repository(load_settings(start=folder, home=folder.parent, environ={}, judged=(question.path,)), folder)
    request = Request(judged=(question.path,), no_cache=True)
    with open_runtime(means.untrusted_engine, request, environment, now=now) as runtime:
        return runtime.judge(_manifests(question), now, deadline=means.deadline, recorded=False)


def _check_repository(settings: Settings, folder: Path) -> None:
    """Refuses configuration that would lead elsewhere: its author chooses where the controller looks."""
    policy = settings.policy
    wishes = {
        "policy.policy_bundle_url": policy.policy_bundle_url,
        "policy.allow_net": policy.allow_net,
        "evidence.registries": settings.evidence.registries,
        "policy.external_data": policy.external_data,
        "policy.memory": policy.memory > MOST_MEMORY,
    }
    for key, value in wishes.items():
        if value:
            raise ConfigurationError(
                f"the repository sets `{key}`, which the controller does not do for repositories",
                hint="configure it in the controller, or take it out of the repository",
            )
    for path in (settings.bundle, settings.bundle_key):
        if path is not None and not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError("the repository names policies outside of itself", hint="bring them along")


def _manifests(question: Question) -> Manifests:
    return Manifests(
        inputs=tuple(one.text for one in question.manifests),
        namespace=question.namespace,
        inventory_inputs=tuple(
            Text(f"Namespace/{one['metadata']['name']}", canonical(one)) for one in question.namespaces
        ),
    )


def _why(outcomes: Sequence[Outcome], demands: Demands, asked: frozenset[str]) -> str:
    """The first thing that speaks against a revision."""
    missing = [name for name in demands.policies if name not in asked]
    if missing:
        return f"the required policy `{missing[0]}` is not in force"
    failed = [one for outcome in outcomes for one in outcome.problems if one.severity == "error"]
    if failed:
        return f"{failed[0].where}: {failed[0].message}" if failed[0].where else failed[0].message
    denied = demands.strict_policies and any(one.summary.verdict == "deny" for one in outcomes)
    against = [one for outcome in outcomes for one in outcome.findings if _speaks_against(one, demands, denied=denied)]
    if not against:
        return "the policies deny it" if denied else ""
    more = f", and {len(against) - 1} more" if len(against) > 1 else ""
    return f"[{against[0].policy}] {against[0].message}{more}"


def _speaks_against(finding: Finding, demands: Demands, *, denied: bool) -> bool:
    """Whether a finding is why: one that counts, or any of a required policy that nobody exempts."""
    required = demands.strict_policies and finding.policy in demands.policies
    return finding.waiver is None and (required or (denied and finding.counts))


def _verdict(outcomes: Sequence[Outcome], why: str) -> Verdict:
    if any(one.summary.verdict == "error" for one in outcomes):
        return "error"
    return "deny" if why else "allow"
