"""What a user asks for, and what is found around it: everything that a runtime is opened from.

Entry points describe the wish in a `Request` and their surroundings in an `Environment`; every
file that a verdict depends on, but for policies and manifests, is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from attest_governance.comply.frameworks import Library, read_frameworks, with_list
from attest_governance.decide import Baseline
from attest_governance.decide.baseline import SCHEMA as BASELINE_SCHEMA
from attest_governance.errors import InputError, PolicyError, UsageError
from attest_governance.evaluate import EngineOptions
from attest_governance.evaluate.requests import InspectBundle
from attest_governance.govern import PIN
from attest_governance.load.bundles import Fetched, Remote, remote
from attest_governance.load.compliance import parameters as asked_parameters
from attest_governance.load.configuration import load_settings
from attest_governance.load.documents import convert, data_documents, read_document
from attest_governance.load.evidence import read_evidence
from attest_governance.load.files import Files
from attest_governance.load.leaving import configured_filter, given_filter
from attest_governance.load.selection import SCHEMAS, Selection, policy_sources, select
from attest_governance.load.settings import InputForm, Profile, Settings
from attest_governance.load.standing import Standings
from attest_governance.model import Problem, Severity
from attest_governance.model.compliance import Framework
from attest_governance.model.sources import (
    BundleAnswer,
    LeaveOut,
    PolicySources,
    ReadFile,
    ResultsPlace,
    Selected,
    Text,
)
from attest_governance.rendering import RenderFolder
from attest_governance.resources import LIBRARY

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine
    from attest_governance.model import Policy

Inspect: TypeAlias = Callable[[Path], BundleAnswer]
"""Verifies and compiles an archive."""
FetchBundle: TypeAlias = Callable[[Remote, Inspect], Fetched]
"""Brings a bundle onto this machine, once it is inspected."""


class Evidence(msgspec.Struct, frozen=True):
    """What is known about images: the document that policies see, and what a person should know of how it was made."""

    document: dict[str, Any]
    notices: tuple[str, ...] = ()


CollectEvidence: TypeAlias = Callable[[Settings, Sequence[str], Files, bool], Evidence]
"""Verifies the proofs for what is judged: the facts that hold. What says whom to trust is read by the reader; the last
says whether what was kept of earlier runs may be gone by."""


class Environment(msgspec.Struct, frozen=True):
    """What a run finds around it; nothing below reads these from the process."""

    cwd: Path
    home: Path
    variables: Mapping[str, str]
    shipped: Path
    """The folder of the shipped policies."""
    frameworks: Path | None = None
    """The folder of the shipped compliance frameworks; None where none are asked for."""
    fetch_bundle: FetchBundle | None = None
    """Brings the bundle of `policy_bundle_url` onto this machine; None where that is not possible."""
    collect_evidence: CollectEvidence | None = None
    """Verifies proofs; None where that is not possible."""
    serve_evidence: CollectEvidence | None = None
    """The same for a server, which learns of images as they come."""
    ignored: Callable[[Path], tuple[str, ...]] | None = None
    """What git neither tracks nor wants to below a folder; None where nobody asks it."""
    results: ResultsPlace = ResultsPlace()
    render: RenderFolder | None = None
    """Renders charts and kustomizations; None where that is not possible."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """By which policies to judge, and how strictly: the options of `attest policy check` and its relatives."""

    folders: tuple[str, ...] = ()
    with_shipped: bool = False
    profile: Profile | None = None
    input_form: InputForm | None = None
    names: tuple[str, ...] = ()
    strict: bool = False
    fail_on: Severity | None = None
    fail_fast: bool = False
    allow_empty: bool = False
    schemas: bool = False
    """Whether resources are held to the types of Kubernetes whatever policies are asked."""
    parameters: Path | None = None
    data: tuple[Path, ...] = ()
    evidence: Path | None = None
    verify_evidence: bool = False
    """Whether proofs are verified now; so it is where the configuration says so and no evidence is given."""
    resolve_tags: bool = False
    """Whether registries say which digest a tag names."""
    jobs: int = 0
    governed: bool = False
    """Whether to refuse what a governed project has not approved, instead of telling."""
    no_cache: bool = False
    """Whether all is computed anew, and nothing of it is kept."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    from_cluster: bool = False
    """Whether a cluster's Gatekeeper objects are the policies (`documents`, if there are any), beside `folders`."""
    documents: tuple[Text, ...] = ()
    no_render: bool = False
    """Whether charts and kustomizations are left as they are."""
    scans: bool = False
    """Whether a project as a whole is judged, in which policies with their examples and tests are none of it."""
    disallow_exemptions: bool = False
    disallow_annotation_exemptions: bool = False
    baseline: Path | None = None
    judged: tuple[str, ...] = ()
    """Files and folders that are about to be judged; the working directory where none is named."""
    checked: bool = False
    """Whether to tell what passed, too."""
    serving: bool = False
    """Whether a server asks: evaluation is measured, and a resource's own word is not taken unless configured."""
    timed: bool = False
    """Whether evaluation is measured."""
    kept: bool = False
    """Whether the policies are kept, for processes that may not find their files: see `Runtime.packed`."""
    prints: bool = False
    """Whether calls of `print` are kept, for the tools that show what they say."""
    frameworks: tuple[str, ...] = ()
    """Compliance frameworks whose policies are asked as well, by name or path."""
    draft: bool = False
    """For authors' tools, which deploy nothing: policies that nobody has approved are told of, not refused."""

    @property
    def chosen(self) -> bool:
        """Whether the request itself says where policies are, so that those of the configuration don't count."""
        return bool(self.folders) or self.from_cluster

    @property
    def overrides(self) -> Mapping[str, object]:
        """What the request says of the configuration, by key; None says nothing."""
        return {
            "policy.profile": self.profile,
            "policy.input_form": self.input_form,
            "evidence.resolve_tags": self.resolve_tags or None,
        }


class Prepared(msgspec.Struct, frozen=True, dict=True):
    """A request with the configuration in force, before policies are loaded."""

    request: Request
    settings: Settings
    sources: PolicySources
    parameters: Mapping[str, Any] = {}
    """Those of `--parameters`, by the name of the policy."""
    evidence: Evidence | None = None
    baseline: Baseline | None = None
    read: tuple[ReadFile, ...] = ()
    """Every file that was read for all this."""
    problems: tuple[Problem, ...] = ()
    """What a person should know about where policies come from."""
    bundle: Fetched | None = None
    """The bundle from a server that is among the sources."""
    leave_out: LeaveOut = LeaveOut()
    """What of the folders that are judged is not looked at."""
    results: ResultsPlace = ResultsPlace()
    """What earlier runs came to, as far as this one may use it."""
    frameworks: tuple[Framework, ...] = ()
    """Those that the request names."""
    soc2: Framework | None = None
    """What the project's own list of controls is held against, where it has one."""

    @property
    def downloaded(self) -> Path | None:
        """Where that bundle is."""
        return self.bundle.path if self.bundle else None

    @property
    def standings(self) -> Standings:
        """What holds for each policy, but for flags that name policies or parameters."""
        return Standings(self.settings, self.evidence is not None, self.request.chosen)

    @property
    def also(self) -> tuple[str, ...]:
        """Policies that are asked whatever else is, unless the configuration switches them off by name."""
        serving = {name for one in self.frameworks for name in one.names}
        asked = sorted(name for name in serving if self.settings.for_policy(name).enabled is not False)
        return (*((SCHEMAS,) if self.request.schemas else ()), *asked)

    def choose(self, policies: Sequence[Policy], *names: str) -> tuple[Selected, ...]:
        """The policies that the request means, or those of other `names`, with their parameters.

        Raises:
            AttestError: a name or a file of the request is wrong.
        """
        chosen = select(policies, self.standings, names or self.request.names, also=self.also)
        selected = tuple(map(self._for_frameworks, chosen))
        if self.request.parameters is None:
            return selected
        _refuse_unknown(self.parameters, [policy.name for policy in policies], self.request.parameters)
        return tuple(
            msgspec.structs.replace(one, parameters={**one.parameters, **self.parameters.get(one.name, {})})
            for one in selected
        )

    def _for_frameworks(self, one: Selected) -> Selected:
        """A policy with the parameters that controls need, where the configuration says nothing of them."""
        own = {**self.settings.for_policy(one.name).parameters, **asked_parameters(self.settings, one.name)}
        needed: dict[str, Any] = {}
        for name, value in self._needed.get(one.name, ()):
            if name not in own:
                needed.setdefault(name, value)
        return msgspec.structs.replace(one, parameters={**one.parameters, **needed}) if needed else one

    @cached_property
    def _needed(self) -> dict[str, list[tuple[str, Any]]]:
        """The parameters that controls need, by policy; of two values the first counts."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for framework in self.frameworks:
            for control in framework.controls:
                for one in control.policies:
                    found.setdefault(one.policy, []).extend(one.parameters.items())
        return found


def prepare(engine: Engine, request: Request, environment: Environment) -> Prepared:
    """Reads configuration and documents, settles where policies come from, and gives the engine its options.

    Raises:
        AttestError: a file is missing or wrong.
    """
    files = Files()
    settings = load_settings(
        start=environment.cwd,
        home=environment.home,
        environ=environment.variables,
        overrides=request.overrides,
        judged=request.judged,
        reader=files,
    )
    engine.configure(EngineOptions(memory=settings.policy.memory, jobs=request.jobs, lasting=request.serving))
    selection = Selection(request.folders, request.with_shipped, request.names, request.schemas, request.from_cluster)
    evidence = _evidence(request, settings, environment, files)
    data = data_documents(request.data, evidence.document if evidence else None, files)
    fetched = _fetched(engine, request, settings, environment)
    bundle = fetched.path if fetched else None
    sources = policy_sources(selection, settings, environment.shipped, data, bundle, reader=files)
    parameters = read_document(request.parameters, "parameters file", files) if request.parameters else {}
    baseline = read_baseline(request.baseline, files) if request.baseline else None
    frameworks, soc2 = _frameworks(request, settings, environment, files), _soc2(settings, environment, files)
    return Prepared(
        request=request,
        settings=settings,
        sources=msgspec.structs.replace(sources, prints=request.prints, documents=request.documents),
        parameters=parameters,
        evidence=evidence,
        baseline=baseline,
        read=tuple(files.seen),
        problems=fetched.problems if fetched else (),
        bundle=fetched,
        leave_out=leave_out(request, settings, environment),
        results=environment.results if _goes_by_earlier_runs(request, environment) else ResultsPlace(),
        frameworks=frameworks,
        soc2=soc2,
    )


def _frameworks(request: Request, settings: Settings, environment: Environment, files: Files) -> tuple[Framework, ...]:
    """The compliance frameworks that a request names.

    Raises:
        ConfigurationError: there is none of a name, or a file of one is wrong.
    """
    if not request.frameworks:
        return ()
    library = _library(settings, environment)
    if library is None:
        raise UsageError("compliance frameworks can't be read here", hint="use `attest compliance`")
    soc2 = settings.compliance.soc2
    listed = soc2.controls if soc2.enabled else ()
    found = read_frameworks(request.frameworks, library, files)
    return tuple(with_list(one, listed) if one.name == "soc2" and listed else one for one in found)


def _soc2(settings: Settings, environment: Environment, files: Files) -> Framework | None:
    """The framework whose controls the configuration lists; None where it lists none."""
    library = _library(settings, environment)
    if library is None or not settings.compliance.soc2.controls:
        return None
    (found,) = read_frameworks(("soc2",), library, files)
    return found


def _library(settings: Settings, environment: Environment) -> Library | None:
    if environment.frameworks is None:
        return None
    return Library(environment.frameworks, settings.root or environment.cwd, environment.cwd)


def _evidence(request: Request, settings: Settings, environment: Environment, files: Files) -> Evidence | None:
    """The facts that policies see: those of a file, or those that hold when proofs are verified now."""
    if request.evidence and request.verify_evidence:
        hint = "pass the document, or have the proofs verified"
        raise UsageError("--evidence and --verify-evidence are two ways to say one thing", hint=hint)
    if request.resolve_tags and (request.evidence or not (request.verify_evidence or settings.evidence.verify)):
        hint = "add --verify-evidence"
        raise UsageError("--resolve-tags says nothing unless proofs are verified", hint=hint)
    if request.evidence:
        return Evidence(read_evidence(request.evidence, files))
    if not (request.verify_evidence or settings.evidence.verify):
        return None
    collect = environment.serve_evidence if request.serving else environment.collect_evidence
    if collect is None:
        hint = "pass facts with --evidence; `attest policy evidence collect` writes them"
        raise UsageError("proofs can't be verified here: it is not known what will be judged", hint=hint)
    return collect(settings, request.judged, files, _goes_by_earlier_runs(request, environment))


def _goes_by_earlier_runs(request: Request, environment: Environment) -> bool:
    return not (request.no_cache or _insists(request, environment))


def _insists(request: Request, environment: Environment) -> bool:
    """Whether the run refuses what nobody has approved: a pipeline's caches were written by others."""
    return request.governed or bool(environment.variables.get(PIN))


def leave_out(request: Request, settings: Settings, environment: Environment) -> LeaveOut:
    """What of the folders that are judged is not looked at.

    Raises:
        AttestError: a pattern is none.
    """
    filters = (
        configured_filter(settings, environment.cwd),
        given_filter(environment.cwd, request.include, request.exclude),
    )
    folders = [environment.cwd / path for path in request.judged if (environment.cwd / path).is_dir()]
    ask = environment.ignored
    policies = (*(str(path) for path in (settings.bundle,) if path), *request.folders) if request.scans else ()
    return LeaveOut(
        filters=tuple(one for one in filters if one is not None),
        ignored=tuple(path for folder in folders for path in ask(folder)) if ask else (),
        policies=tuple(str(environment.cwd / path) for path in policies),
        examples=request.scans,
    )


def _fetched(engine: Engine, request: Request, settings: Settings, environment: Environment) -> Fetched | None:
    """The bundle of `policy_bundle_url`, where the request uses what is configured."""
    wanted = None if request.chosen or not settings.policy.enabled else remote(settings)
    if wanted is None:
        return None
    if environment.fetch_bundle is None:
        raise PolicyError("`policy.policy_bundle_url` can't be loaded here", hint="set `policy_bundle_path` instead")
    if _insists(request, environment):
        wanted = msgspec.structs.replace(wanted, cached=False)
    return environment.fetch_bundle(wanted, inspector(engine, environment.shipped, wanted))


def inspector(engine: Engine, shipped: Path, wanted: Remote) -> Inspect:
    """Has the engine verify and compile what a server sends."""
    libraries = (str(shipped / LIBRARY),)
    return lambda path: engine.ask(InspectBundle(str(path), wanted.verification, libraries, compile=True))


def read_baseline(path: Path, files: Files) -> Baseline:
    """Reads a baseline file.

    Raises:
        InputError: the file can't be read or is no baseline.
    """
    document = read_document(path, "baseline", files)
    hint = "make one with --create-baseline"
    return convert(document, Baseline, str(path), "baseline", hint=hint, schema=BASELINE_SCHEMA)


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    for name, parameters in given.items():
        if name not in known:
            raise PolicyError(
                f"no policy is named `{name}`", file=str(path), hint=f"the policies are {', '.join(known)}"
            )
        if not isinstance(parameters, dict):
            raise InputError(
                f"the parameters of `{name}` must be an object", file=str(path), hint="write `name: value` pairs"
            )
