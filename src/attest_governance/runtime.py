"""What a verdict depends on, but for resources and time: opened once, the policy gate included.

Every entry point opens a `Runtime` and asks it; nobody else loads policies to judge by, reads governance, or decides.

1. Configuration and documents are read (`request.prepare`).
2. Policies are loaded, and the configuration is held against them.
3. The gate: where governance asks for approved policies (§11), what was loaded must be an approved set.
4. Exemptions and overrides are gathered with their times, in force or not (§6, §11).

A runtime is immutable: who wants newer policies opens another one beside it. `judge` asks what is in force at its
`now`, so a verdict is right to the second without a new runtime.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.check import Exempting, Plan, acheck, check
from attest_governance.decide import Rules, Step, Weights
from attest_governance.errors import EngineError, GovernanceError
from attest_governance.evaluate import CheckOptions, Engine, KeptPolicies, LoadedPolicies, milliseconds
from attest_governance.evaluate.messages import ReachAnswer
from attest_governance.evaluate.requests import Query, Reach
from attest_governance.exempt import Annotations, Exemptions, declared
from attest_governance.govern import PIN
from attest_governance.load.compliance import check_compliance
from attest_governance.load.configuration_files import project_root
from attest_governance.load.parameters import check_parameters
from attest_governance.load.selection import asked_by
from attest_governance.load.weakening import switched_off
from attest_governance.model import Problem
from attest_governance.model.sources import Selected
from attest_governance.rendering import RenderFolder, rendered
from attest_governance.request import Prepared, prepare

if TYPE_CHECKING:
    from attest_governance.adapters.sql_store import Database
    from attest_governance.evaluate import Batch, Inventory
    from attest_governance.evaluate.messages import QueryAnswer
    from attest_governance.evaluate.requests import ServedKind
    from attest_governance.exempt import Exemption
    from attest_governance.govern.policysets.departures import Download
    from attest_governance.govern.policysets.gate import Run
    from attest_governance.govern.snapshot import InForce, Snapshot  # noqa: TC004 (a member, of a module that is slow to import)
    from attest_governance.load.settings import PolicySettings, Settings
    from attest_governance.model import Finding, Outcome, Policy
    from attest_governance.model.policy import GroupKind
    from attest_governance.model.sources import InlinePolicy, Manifests, PolicySources, ReadFile
    from attest_governance.request import Environment, Request


class Runtime(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Policies, configuration and exemptions, ready to judge. Open one with `open_runtime`.

    Any thread may judge with it. Its policy set is freed when it is closed and nobody uses it any more.
    """

    engine: Engine
    prepared: Prepared
    loaded: LoadedPolicies
    selected: tuple[Selected, ...]
    """The policies that are asked, with their parameters."""
    weights: Weights
    """What configuration makes of findings."""
    root: Path | None
    """The governed project; None where there is none."""
    opened: datetime
    pin: str
    """The policy set that must be among the approved ones, by its digest; empty where none is named."""
    problems: tuple[Problem, ...]
    """What is known to be wrong before anything is judged."""
    notices: tuple[str, ...]
    users: _Users
    render: RenderFolder | None = None
    """Renders what is rendered before it is deployed."""
    settled: InForce | None = None
    """What governance exempts, where that was settled when the runtime was packed; None where records are read."""

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.prepared.settings

    @property
    def sources(self) -> PolicySources:
        """Where the policies come from."""
        return self.prepared.sources

    @property
    def read(self) -> tuple[ReadFile, ...]:
        """Every file that a verdict depends on, but for manifests, with the digest of the bytes that were used."""
        return (*self.prepared.read, *self.loaded.read)

    @property
    def generation(self) -> str:
        """A digest of all that a finding depends on, but for the resource: two runtimes that share it agree."""
        parts = [
            sorted((one.file, one.sha256) for one in self.read),
            self.sources,
            self.selected,
            self.prepared.baseline,
            self.weights,
            self._weights_below,
            self.fragments,
        ]
        return sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    @property
    def rules(self) -> Rules:
        """What makes a judgement a denial."""
        request = self.prepared.request
        return Rules(self.settings.policy.fail_on_violation, request.strict, request.fail_on, request.allow_empty)

    @property
    def fragments(self) -> bool:
        """Whether patches of kustomizations are parts of resources; who governs takes nobody's word for that."""
        return self.root is None and not self.prepared.request.governed

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All policies of the set, selected or not."""
        return self.loaded.policies

    def speaks_of(self, group: str, kind: str) -> bool:
        """Whether a policy that is asked may look at objects of a kind. Where it may not, there is nothing to judge."""
        return any(not kinds or any(one.includes(group, kind) for one in kinds) for kinds in self._kinds)

    @cached_property
    def _kinds(self) -> frozenset[tuple[GroupKind, ...]]:
        """What the policies that are asked look at."""
        asked = {one.name for one in self.selected}
        return frozenset(policy.judges for policy in self.policies if policy.name in asked)

    def judge(
        self,
        manifests: Manifests,
        now: datetime,
        progress: Callable[[Batch], None] | None = None,
        *,
        deadline: float = 0,
        recorded: bool = True,
        inventory: Inventory | None = None,
        engine: Engine | None = None,
    ) -> Outcome:
        """Judges manifests at one moment, and puts the use of exemptions on record, unless it is a draft.

        Args:
            manifests: what to judge.
            now: the moment of the judgement, with its offset.
            progress: called with each part of the result.
            deadline: seconds after which the engine gives up; 0 for as long as it takes.
            recorded: whether the use of exemptions is put on record; nothing is deployed by a dry run.
            inventory: what policies may look up beside the manifests; None for nothing.
            engine: who evaluates; None for the one that loaded the policies.

        Raises:
            AttestError: nothing could be decided: a record can't be trusted, the engine failed, or the use of an
                exemption could not be recorded.
        """
        with self.users:
            in_force = self.in_force(now)
            plan = self._plan(manifests, in_force, deadline, inventory)
            outcome = check(engine or self.engine, self.loaded, plan, now=now, progress=progress)
        if recorded:
            self._record(outcome, in_force, now)
        return self._noticed(outcome)

    async def areview(
        self,
        manifests: Manifests,
        now: datetime,
        progress: Callable[[Batch], None] | None = None,
        *,
        deadline: float = 0,
        recorded: bool = True,
        inventory: Inventory | None = None,
        engine: Engine | None = None,
    ) -> Outcome:
        """Is `judge` of an AdmissionReview, for tasks: whatever has to be waited for blocks nobody else.

        Raises:
            AttestError: as `judge` does.
        """
        import asyncio  # noqa: PLC0415 (only a server needs it, and it is a tenth of a short run)

        with self.users:
            known = self.root is None or "_records" in self.__dict__  # else records are read
            in_force = self.in_force(now) if known else await asyncio.to_thread(self.in_force, now)
            plan = self._plan(manifests, in_force, deadline, inventory)
            outcome = await acheck(engine or self.engine, self.loaded, plan, now=now, progress=progress)
        if recorded and in_force is not None and any(one.waiver is not None for one in outcome.findings):
            await asyncio.to_thread(self._record, outcome, in_force, now)
        return self._noticed(outcome)

    def _record(self, outcome: Outcome, in_force: InForce | None, now: datetime) -> None:
        """Puts the use of exemptions on record, unless what is judged is a draft."""
        if in_force is None or in_force.project is None or self.prepared.request.draft:
            return
        from attest_governance.govern.snapshot import record_enforcement  # noqa: PLC0415 (see `governed_root`)

        record_enforcement(in_force.project, outcome.findings, now)

    def _noticed(self, outcome: Outcome) -> Outcome:
        return msgspec.structs.replace(outcome, notices=(*outcome.notices, *self.unproven))

    def query(self, package: str, path: tuple[str, ...], document: str, deadline: float) -> QueryAnswer:
        """What rules of a package come to with an input document (JSON, or empty): no verdict, and nothing is exempted.

        Raises:
            EngineError: the engine failed, or the input can't be read.
        """
        with self.users:
            timeout = milliseconds(min(self.settings.policy.timeout, deadline))
            return self.engine.ask_about(
                self.loaded, lambda name: Query(name, package, path, document, timeout), deadline=deadline
            )

    def reach(self, kinds: tuple[ServedKind, ...]) -> ReachAnswer:
        """At which kinds of a cluster the policies may look; what they look up, they say themselves.

        Policies that are not usable look at none.

        Raises:
            EngineError: the engine failed.
        """
        if not self.loaded.usable:
            return ReachAnswer()
        with self.users:
            return self.engine.ask_about(self.loaded, lambda name: Reach(name, self.selected, kinds))

    def turning_point(self, now: datetime) -> datetime | None:
        """The next moment at which findings may weigh something else, though nothing changes but the time.

        The ends of waivers are not among them: each finding says its own.

        Raises:
            GovernanceError: the records can't be trusted.
        """
        begins = {one.not_before for one in self._declared}
        for weights in (self.weights, *self._weights_below.values()):
            begins |= {step.begins for steps in weights.rollout.values() for step in steps}
        if self._records:
            begins |= set(self._records.moments)
        return min((one for one in begins if one is not None and one > now), default=None)

    def plan(self, manifests: Manifests, now: datetime) -> Plan:
        """All that a judgement at `now` would go by, for the tools that show how it comes about."""
        return self._plan(manifests, self.in_force(now))

    def in_force(self, now: datetime) -> InForce | None:
        """What governance exempts at `now`; None where the project has none.

        Raises:
            GovernanceError: the records can't be trusted.
        """
        if self.settled is not None:
            return self.settled
        return self._records.in_force(now) if self._records else None

    @cached_property
    def _records(self) -> Snapshot | None:
        """The records of governance, read and verified once for this runtime, when they are first asked for."""
        if self.root is None:
            return None
        from attest_governance.govern.policysets.history import open_trusted  # noqa: PLC0415 (see `governed_root`)
        from attest_governance.govern.snapshot import Snapshot  # noqa: PLC0415

        return Snapshot(open_trusted(self.root, self.opened, self.pin), self._declared)

    @cached_property
    def _declared(self) -> Exemptions:
        return declared(self.settings.exemptions)

    def exemptions(self, now: datetime) -> tuple[Exemption, ...]:
        """The exemptions and overrides that there are, those included that are over or have not begun at `now`.

        Raises:
            GovernanceError: the records can't be trusted.
        """
        return self._exempting(self.in_force(now)).exemptions

    @cached_property
    def records_database(self) -> Database | None:
        """The database that holds the records of governance; None where folders do, or nothing is governed."""
        if self.root is None:
            return None
        from attest_governance.adapters.sql_store import database  # noqa: PLC0415 (see `governed_root`)
        from attest_governance.govern.project import open_project  # noqa: PLC0415

        place = open_project(self.root).rules.records
        return database(place, self.root) if place else None

    def packed(self, now: datetime) -> Packed:
        """All that a judgement at `now` goes by, for a process that has none of the files; the request asks for `kept`.

        Raises:
            GovernanceError: the records can't be trusted.
        """
        in_force = self.in_force(now)
        settled = msgspec.structs.replace(in_force, project=None) if in_force else None
        same = {name: getattr(self, name) for name in Packed.__struct_fields__ if name not in ("policies", "settled")}
        return Packed(**same, policies=self.loaded.kept, settled=settled)

    def drafted(self, loaded: LoadedPolicies) -> Runtime:
        """The same with another policy set, which stays the caller's: for a policy that is being written."""
        return msgspec.structs.replace(self, **_asked(self.prepared, loaded))

    @cached_property
    def _weights_below(self) -> dict[Path | None, Weights]:
        """What folders of the project make of findings, and what holds elsewhere; empty where none asks for more."""
        places = self.settings.places
        if places is None:
            return {}
        return {
            folder: self._weights_by(settings, places.elsewhere)
            for folder, settings in ((None, places.elsewhere), *places.folders.items())
        }

    def _weights_by(self, settings: Settings, elsewhere: Settings) -> Weights:
        given = {one.name: settings.for_policy(one.name) for one in self.selected}
        standings = msgspec.structs.replace(self.prepared.standings, settings=settings)
        before = {name: elsewhere.for_policy(name).severity for name in given}
        asked = asked_by(standings, self.settings, self.policies, self.prepared.request.names, self.prepared.also)
        return Weights(
            enforcement={name: own.enforcement for name, own in given.items()},
            rollout=_rollout(given),
            severity={name: own.severity for name, own in given.items() if own.severity not in (None, before[name])},
            off=frozenset(given) - asked,
        )

    def _weighing(self) -> Callable[[Finding], Weights]:
        """What configuration makes of a finding where it is; each file is looked for once."""
        places = self.settings.places
        if places is None:
            return lambda _: self.weights
        below, folder = self._weights_below, cache(places.folder)
        return lambda finding: below[folder(finding.location.file)]

    @cached_property
    def unproven(self) -> tuple[str, ...]:
        """What is not asked for want of evidence, and how it would be (ADR 0030)."""
        asked = {one.name: one.parameters for one in self.selected}
        off = [
            f"`{name}` of `{policy.name}`"
            for policy in self.policies
            for name in self.prepared.standings.without_evidence(policy)
            if asked.get(policy.name, {}).get(name) is False
        ]
        if not off:
            return ()
        why = "images are not asked for attestations and receipts: there is no evidence of any"
        return (f"{why}; pass it with --evidence, or set {' and '.join(off)} to true",)

    @property
    def closed(self) -> bool:
        """Whether it judges no more."""
        return self.users.closed

    def close(self) -> None:
        """Frees the policy set, after the last judgement that is under way."""
        self.users.close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan(
        self, manifests: Manifests, governed: InForce | None, deadline: float = 0, inventory: Inventory | None = None
    ) -> Plan:
        request, policy = self.prepared.request, self.settings.policy
        in_force = None if request.disallow_exemptions else governed
        options = CheckOptions(
            timeout=policy.timeout,
            jobs=request.jobs,
            checked=request.checked,
            fail_fast=request.fail_fast,
            debug=policy.debug,
            fragments=self.fragments,
            deadline=deadline,
            timed=request.serving or request.timed,
            results=self.prepared.results,
            inventory=inventory,
        )
        left = self.prepared.leave_out
        whole = rendered(self.engine, manifests, left, self.render, bases=self.fragments)
        failed = (one.problem for one in whole.renderings if one.problem)
        return Plan(
            manifests=whole,
            selected=self.selected,
            options=options,
            weights=self._weighing(),
            exempting=self._exempting(in_force),
            rules=self.rules,
            baseline=self.prepared.baseline,
            baseline_file=str(request.baseline or ""),
            problems=(*self.problems, *(in_force.problems if in_force else ()), *failed),
            notices=(*self.notices, *(in_force.notices if in_force else ())),
        )

    def _exempting(self, in_force: InForce | None) -> Exempting:
        request, settings = self.prepared.request, self.settings
        if request.disallow_exemptions:
            return Exempting(annotations=Annotations.IGNORED)
        exemptions = in_force.exemptions if in_force else self._declared
        worth = in_force.annotations if in_force else Annotations.SELF_DECLARED
        untold = request.serving and in_force is None and settings.server.annotations == "ignore"
        ignored = untold or request.disallow_annotation_exemptions or settings.policy.annotations == "ignore"
        return Exempting(exemptions=exemptions, annotations=Annotations.IGNORED if ignored else worth)


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime on its way to another process, for judgements at one moment; its members are those of `Runtime`."""

    policies: KeptPolicies
    prepared: Prepared
    selected: tuple[Selected, ...]
    weights: Weights
    root: Path | None
    opened: datetime
    pin: str
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
    settled: InForce | None

    def unpacked(self, engine: Engine) -> Runtime:
        """The runtime again, with an engine that is given the very same policies. No file is read.

        Raises:
            EngineError: the engine failed, or comes to other policies.
        """
        loaded = engine.load_kept(self.policies)
        same = {name: getattr(self, name) for name in self.__struct_fields__ if name != "policies"}
        return Runtime(**same, engine=engine, loaded=loaded, users=_Users(loaded))


def open_runtime(engine: Engine, request: Request, environment: Environment, *, now: datetime) -> Runtime:
    """Opens what a request asks for, by policies that must be approved at `now`, which has an offset.

    Raises:
        AttestError: a file is missing or wrong, the policies are not approved, or the engine failed.
    """
    prepared = prepare(engine, request, environment)
    root = governed_root(environment)
    if request.strict or root is not None:  # a rule that could not be evaluated must not pass there
        sources = msgspec.structs.replace(prepared.sources, strict_errors=True)
        if root is not None:  # nobody approves what stands in a home folder
            sources = msgspec.structs.replace(sources, modules=_adding(prepared))
        # What looks like an example of a policy may be deployed all the same.
        leave_out = msgspec.structs.replace(prepared.leave_out, examples=prepared.leave_out.examples and root is None)
        prepared = msgspec.structs.replace(prepared, sources=sources, leave_out=leave_out)
    loaded = engine.load(prepared.sources, keep=request.serving or request.kept)
    users = _Users(loaded)
    try:
        notices = _passed_gate(prepared, loaded, environment, root, now)
        return Runtime(
            engine=engine,
            prepared=prepared,
            root=root,
            opened=now,
            pin=environment.variables.get(PIN, ""),
            notices=(*notices, *_replaced(loaded), *(prepared.evidence.notices if prepared.evidence else ())),
            users=users,
            render=None if request.no_render else environment.render,
            **_asked(prepared, loaded),
        )
    except BaseException:
        users.close()
        raise


def _adding(prepared: Prepared) -> tuple[InlinePolicy, ...]:
    """The policies of the configuration, of which those of the global file must not take the place of a shipped one."""
    elsewhere = str(prepared.settings.global_file)
    return tuple(
        msgspec.structs.replace(one, adds=one.adds or one.file == elsewhere) for one in prepared.sources.modules
    )


def _replaced(loaded: LoadedPolicies) -> tuple[str, ...]:
    """Who expects a policy of ours must know that it is theirs."""
    own = [f"{', '.join(f'`{name}`' for name in one.replaces)} ({one.file})" for one in loaded.policies if one.replaces]
    return (f"policies of the project replace the shipped ones of their name: {', '.join(own)}",) if own else ()


def governed_root(environment: Environment) -> Path | None:
    """The governed project that the working directory is in.

    Signatures and records take 50 ms to import, so a folder that is in no project pays nothing.

    Raises:
        ConfigurationError: governance was removed by deleting its file, or it can't be told.
    """
    root = project_root(environment.cwd, environment.home)
    if root is None:
        return None
    from attest_governance.govern.project import is_governed  # noqa: PLC0415

    return root if is_governed(root) else None


def _passed_gate(
    prepared: Prepared, loaded: LoadedPolicies, environment: Environment, root: Path | None, now: datetime
) -> tuple[str, ...]:
    """Insists that the run goes by an approved set, unless nothing is judged by it; returns notices."""
    pin = environment.variables.get(PIN, "")
    if root is None:
        if pin and not prepared.request.draft:
            raise GovernanceError(
                f"`{PIN}` is set, but no governance file is here", hint="run in the governed project, or unset it"
            )
        return ()
    from attest_governance.govern.policysets.gate import policy_gate  # noqa: PLC0415 (see `governed_root`)

    try:
        return policy_gate(root, now, _run(prepared, loaded, environment, insists=bool(pin)), pin)
    except GovernanceError as error:
        if not prepared.request.draft:
            raise
        return (f"these are not the approved policies: {error.message}",)


def _run(prepared: Prepared, loaded: LoadedPolicies, environment: Environment, *, insists: bool) -> Run:
    """What the gate must know."""
    from attest_governance.govern.policysets.departures import departures  # noqa: PLC0415 (see `governed_root`)
    from attest_governance.govern.policysets.gate import Run  # noqa: PLC0415

    request, settings = prepared.request, prepared.settings
    elsewhere = os.path.realpath(settings.global_file)
    ships = os.path.realpath(environment.frameworks) if environment.frameworks else ""
    baseline = (f"the baseline `{request.baseline}` hides findings",) if request.baseline else ()
    return Run(
        read=tuple(
            one
            for one in (*prepared.read, *loaded.read)
            if one.file != elsewhere and not (ships and Path(one.file).is_relative_to(ships))
        ),
        shipped=environment.shipped,
        bundle=_download(prepared),
        departures=departures(msgspec.structs.asdict(request), environment.variables, settings),
        softened=(*switched_off(settings), *baseline),
        asks_rego=settings.policy.enabled and settings.policy.opa_enabled,
        insists=insists or request.governed,
    )


def _download(prepared: Prepared) -> Download | None:
    """The bundle from a server, with what the engine insists on before it reads it."""
    if prepared.downloaded is None:
        return None
    from attest_governance.govern.policysets.departures import Download  # noqa: PLC0415 (see `governed_root`)
    from attest_governance.govern.signing.canonical import digest_of  # noqa: PLC0415

    url, trusted = prepared.settings.policy.policy_bundle_url, prepared.sources.verification
    if trusted is None:
        return Download(prepared.downloaded, url)
    return Download(prepared.downloaded, url, digest_of(trusted.keys.encode()), tuple(trusted.exclude))


def _asked(prepared: Prepared, loaded: LoadedPolicies) -> dict[str, Any]:
    """The members of a runtime that follow from its policy set and the configuration."""
    if not loaded.usable:
        # A name that is missing, or a parameter that nobody takes, is no news where a policy can't be read.
        return {"loaded": loaded, "selected": (), "weights": Weights(), "problems": prepared.problems}
    selected = prepared.choose(loaded.policies)
    complete = not prepared.request.chosen
    wrong = (
        *check_parameters(prepared.standings, loaded.policies, complete=complete),
        *(_compliance(prepared, loaded) if complete and prepared.sources.opa else ()),
    )
    given = {one.name: prepared.settings.for_policy(one.name) for one in selected}
    silent = () if selected or prepared.request.allow_empty else (_no_policy(prepared, loaded),)
    return {
        "loaded": loaded,
        "selected": selected,
        "weights": Weights({name: own.enforcement for name, own in given.items()}, rollout=_rollout(given)),
        "problems": (*prepared.problems, *wrong, *silent),
    }


def _compliance(prepared: Prepared, loaded: LoadedPolicies) -> tuple[Problem, ...]:
    """What is wrong with the frameworks of the configuration."""
    controls = [control.id for control in prepared.soc2.controls] if prepared.soc2 else None
    return tuple(check_compliance(prepared.standings, loaded.policies, controls))


def _rollout(given: Mapping[str, PolicySettings]) -> dict[str, tuple[Step, ...]]:
    """How policies are made stricter step by step, by name."""
    return {
        name: tuple(Step(one.enforcement, one.namespaces, one.begins) for one in own.rollout)
        for name, own in given.items()
        if own.rollout
    }


def _no_policy(prepared: Prepared, loaded: LoadedPolicies) -> Problem:
    """Where no policy is asked, nothing is judged, so nothing is allowed."""
    settings, folders = prepared.settings, ", ".join(prepared.request.folders)
    if not settings.policy.enabled:
        at = settings.source(("policy", "enabled"))
        return Problem(
            "error",
            "no_policy",
            "no policy is asked: `policy.enabled` is false",
            file=at.file,
            line=at.line,
            column=at.column,
            hint="set it to true; --allow-empty where nothing is to be judged",
        )
    found = f"none of {len(loaded.policies)} is enabled" if loaded.policies else "none was found"
    hint = "name a folder that holds policies, or enable some; --allow-empty where nothing is to be judged"
    return Problem("error", "no_policy", f"there is no policy to judge by: {found}", file=folders, hint=hint)


class _Users:
    """Counts who uses a policy set, its owner among them, and frees it after the last."""

    def __init__(self, loaded: LoadedPolicies) -> None:
        self._loaded, self._lock = loaded, threading.Lock()
        self._count, self._closed = 1, False

    @property
    def closed(self) -> bool:
        """Whether its owner is done with it."""
        return self._closed

    def __enter__(self) -> None:
        """Keeps the set until the block ends.

        Raises:
            EngineError: it was closed.
        """
        with self._lock:
            if self._closed:
                raise EngineError("the runtime was closed", hint="open another one")
            self._count += 1

    def __exit__(self, *_: object) -> None:
        self._leave()

    def close(self) -> None:
        """Ends the owner's use; a second time does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._count -= 1
            last = not self._count
        if last:
            self._loaded.close()
