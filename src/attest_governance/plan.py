"""Turns what a user asks for into a plan that `check` can carry out.

Entry points describe the wish in a `Request` and their surroundings in an `Environment`; every
file that a run depends on, but for policies and manifests, is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from attest_governance.check import Exempting, Plan
from attest_governance.decide import Baseline, Rules, make_baseline
from attest_governance.decide.baseline import SCHEMA as BASELINE_SCHEMA
from attest_governance.errors import InputError, PolicyError, UsageError
from attest_governance.evaluate import CheckOptions, EngineOptions
from attest_governance.exempt import Annotations, declared
from attest_governance.load.bundles import Fetched, Remote, remote
from attest_governance.load.configuration import load_settings
from attest_governance.load.documents import data_documents, read_document
from attest_governance.load.evidence import read_evidence
from attest_governance.load.parameters import check_parameters
from attest_governance.load.selection import Selection, policy_sources, select
from attest_governance.load.settings import Settings
from attest_governance.model import Problem, Severity
from attest_governance.model.sources import Manifests, PolicySources, Selected, Text
from attest_governance.report import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.evaluate import LoadedPolicies
    from attest_governance.model import Finding

STDIN = "<stdin>"
MAX_STDIN = 256 << 20


FetchBundle: TypeAlias = Callable[[Remote, EngineOptions], Fetched]
"""Fetches a bundle; the options are those that the engine is to run with."""


class Environment(msgspec.Struct, frozen=True):
    """What a run finds around it; nothing below reads these from the process."""

    cwd: Path
    home: Path
    variables: Mapping[str, str]
    shipped: Path
    """The folder of the shipped policies."""
    fetch_bundle: FetchBundle | None = None
    """Brings the bundle of `policy_bundle_url` onto this machine; None where that is not possible."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asks for: the options of `attest policy check` and its relatives."""

    paths: tuple[str, ...] = ()
    stdin: str = ""
    """The text of standard input, where a path is `-`."""
    folders: tuple[str, ...] = ()
    with_shipped: bool = False
    names: tuple[str, ...] = ()
    strict: bool = False
    fail_on: Severity | None = None
    fail_fast: bool = False
    parameters: Path | None = None
    data: tuple[Path, ...] = ()
    evidence: Path | None = None
    namespace: str = ""
    inventory: tuple[str, ...] = ()
    jobs: int = 0
    checked: bool = False
    allow_exemptions: bool = True
    allow_annotations: bool = True
    baseline: Path | None = None


class Prepared(msgspec.Struct, frozen=True):
    """A request with the configuration in force, before policies are loaded."""

    request: Request
    settings: Settings
    sources: PolicySources
    problems: tuple[Problem, ...] = ()
    """What a person should know about where policies come from."""
    downloaded: Path | None = None
    """The bundle from a server that is among the sources."""

    @property
    def engine(self) -> EngineOptions:
        """How the engine is to run."""
        return EngineOptions(memory=self.settings.policy.memory, jobs=self.request.jobs)


def prepare(request: Request, environment: Environment, overrides: Mapping[str, object] | None = None) -> Prepared:
    """Reads configuration and documents, and settles where policies come from.

    Raises:
        AttestError: a file is missing or wrong.
    """
    settings = load_settings(
        start=environment.cwd, home=environment.home, environ=environment.variables, overrides=overrides
    )
    selection = Selection(request.folders, request.with_shipped, request.names)
    data = data_documents(request.data, read_evidence(request.evidence) if request.evidence else None)
    fetched = _fetched(request, settings, environment)
    downloaded = fetched.path if fetched else None
    sources = policy_sources(selection, settings, environment.shipped, data, downloaded)
    return Prepared(request, settings, sources, fetched.problems if fetched else (), downloaded)


def _fetched(request: Request, settings: Settings, environment: Environment) -> Fetched | None:
    """The bundle of `policy_bundle_url`, where the request uses what is configured."""
    wanted = None if request.folders or not settings.policy.enabled else remote(settings)
    if wanted is None:
        return None
    if environment.fetch_bundle is None:
        raise PolicyError("`policy.policy_bundle_url` can't be loaded here", hint="set `policy_bundle_path` instead")
    return environment.fetch_bundle(wanted, EngineOptions(memory=settings.policy.memory, jobs=request.jobs))


def make_plan(prepared: Prepared, loaded: LoadedPolicies) -> Plan:
    """The plan of a run, once it is known which policies there are.

    Raises:
        AttestError: a name or a file of the request is wrong, or there is no policy to ask.
    """
    request, settings = prepared.request, prepared.settings
    selected = choose(prepared, loaded)
    return Plan(
        manifests=_manifests(request),
        selected=selected,
        options=CheckOptions(
            settings.policy.timeout, request.jobs, request.checked, request.fail_fast, settings.policy.debug
        ),
        enforcement={one.name: settings.for_policy(one.name).enforcement for one in selected},
        exempting=_exempting(request, settings),
        rules=Rules(settings.policy.fail_on_violation, request.strict, request.fail_on),
        baseline=read_baseline(request.baseline) if request.baseline else None,
        baseline_file=str(request.baseline or ""),
        problems=(*prepared.problems, *configuration_problems(prepared, loaded)),
    )


def choose(prepared: Prepared, loaded: LoadedPolicies) -> tuple[Selected, ...]:
    """The policies that a request means, with their parameters.

    Raises:
        AttestError: a name or a file of the request is wrong, or there is no policy to ask.
    """
    request, settings = prepared.request, prepared.settings
    if not loaded.usable:
        return ()  # a name that is missing is no news where a policy can't be read
    selected = _with_parameters(select(loaded.policies, settings, request.names), request.parameters, loaded)
    if not selected and settings.policy.enabled:
        raise PolicyError(
            "there is no policy to judge by",
            file=", ".join(request.folders),
            hint="name a folder that holds policies, or enable some",
        )
    return selected


def configuration_problems(prepared: Prepared, loaded: LoadedPolicies) -> tuple[Problem, ...]:
    """What the configuration says of policies that they don't accept."""
    if not loaded.usable:
        return ()
    return check_parameters(prepared.settings, loaded.policies, complete=not prepared.request.folders)


def read_baseline(path: Path) -> Baseline:
    """Reads a baseline file.

    Raises:
        InputError: the file can't be read or is no baseline.
    """
    document = read_document(path, "baseline")
    try:
        baseline = msgspec.convert(document, Baseline)
    except msgspec.ValidationError as error:
        raise InputError(
            f"this is no baseline: {error}", file=str(path), hint="make one with --create-baseline"
        ) from error
    if baseline.schema != BASELINE_SCHEMA:
        raise InputError(
            f"unknown baseline schema `{baseline.schema}`", file=str(path), hint="make one with --create-baseline"
        )
    return baseline


def save_baseline(path: Path, findings: Sequence[Finding]) -> None:
    """Writes the baseline of a run.

    Raises:
        OutputError: the file can't be written.
    """
    document = msgspec.json.format(msgspec.json.encode(make_baseline(findings)), indent=2).decode()
    write_file(path, lambda out: out.write(document + "\n"))


def _manifests(request: Request) -> Manifests:
    if not request.paths:
        raise UsageError("nothing to check", hint="name files or folders, or `-` for standard input")
    inputs = (Text(STDIN, request.stdin),) if "-" in request.paths else ()
    paths = tuple(path for path in request.paths if path != "-")
    return Manifests(paths=paths, inputs=inputs, namespace=request.namespace, inventory=request.inventory)


def _exempting(request: Request, settings: Settings) -> Exempting:
    if not request.allow_exemptions:
        return Exempting(annotations=Annotations.IGNORED)
    worth = Annotations.SELF_DECLARED if request.allow_annotations else Annotations.IGNORED
    return Exempting(exemptions=declared(settings.exemptions), annotations=worth)


def _with_parameters(selected: tuple[Selected, ...], path: Path | None, loaded: LoadedPolicies) -> tuple[Selected, ...]:
    """Lays the parameters of `--parameters FILE` over those of the configuration."""
    if path is None:
        return selected
    given = read_document(path, "parameters file")
    _refuse_unknown(given, [policy.name for policy in loaded.policies], path)
    return tuple(
        msgspec.structs.replace(one, parameters={**one.parameters, **given.get(one.name, {})}) for one in selected
    )


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
