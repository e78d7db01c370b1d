"""What a command line has around it: the engine, the environment, the clock."""

from __future__ import annotations

import atexit
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.cli.saying import tell
from attest_governance.errors import AttestError, EngineError
from attest_governance.evaluate import Engine
from attest_governance.govern import PIN
from attest_governance.resources import LIBRARY, engine_path, shipped_folders, shipped_frameworks, shipped_policies

if TYPE_CHECKING:
    from attest_governance.adapters.evidence_cache import EvidenceCache
    from attest_governance.attestations.collect import Collected
    from attest_governance.attestations.kept import Store
    from attest_governance.attestations.sources import Sources
    from attest_governance.comply.frameworks import Library
    from attest_governance.load.bundles import Fetched, Remote
    from attest_governance.load.files import Files
    from attest_governance.load.settings import Settings
    from attest_governance.model import Policy, Problem
    from attest_governance.model.rendering import RenderedFolder, Rendering, RenderOptions, Tool
    from attest_governance.model.sources import Manifests, ResultsPlace, Verification
    from attest_governance.model.verdict import Validation
    from attest_governance.request import CollectEvidence, Environment, Evidence, Inspect, Request
    from attest_governance.runtime import Runtime

_started: list[Engine] = []


def engine() -> Engine:
    """The engine of this process, ended at exit.

    Raises:
        EngineError: there is none on this machine.
    """
    if not _started:
        new = Engine(engine_path())
        _started.append(new)
        atexit.register(new.close)
    return _started[0]


def environment() -> Environment:
    """What this process finds around it."""
    from attest_governance.model.sources import ResultsPlace  # noqa: PLC0415
    from attest_governance.request import Environment  # noqa: PLC0415 (imports the flow)

    place = results_place()
    return Environment(
        cwd=Path.cwd(),
        home=Path.home(),
        variables=os.environ,
        shipped=shipped_policies(),
        frameworks=shipped_frameworks(),
        fetch_bundle=fetch_bundle,
        collect_evidence=_collect_evidence,
        ignored=_ignored,
        results=ResultsPlace() if is_of_project(place) else place,
        render=render_folder,
    )


def render_folder(folder: RenderedFolder, options: RenderOptions, named: Sequence[str]) -> Rendering:
    """Renders a folder below one of those that are named; nothing outside of its repository, or of that, is read."""
    from attest_governance.adapters.git import top  # noqa: PLC0415
    from attest_governance.adapters.rendering import render  # noqa: PLC0415 (few runs render anything)

    real = Path(folder.real)
    whole = (Path(os.path.realpath(path)) for path in named)
    root = top(real) or next((path for path in whole if real.is_relative_to(path)), real)
    tool: Tool = "kustomize" if folder.kind == "kustomize" else "helm"
    return render(real, options, tool=tool, root=root, shown=folder.path)


def _collect_evidence(settings: Settings, judged: Sequence[str], files: Files, earlier: bool) -> Evidence:  # noqa: FBT001 (a port)
    from attest_governance.request import Evidence  # noqa: PLC0415

    found = collected(settings, judged, files, earlier=earlier)
    return Evidence(found.document, found.notices)


def collected(
    settings: Settings, judged: Sequence[str], files: Files, *, earlier: bool, receipts: Sequence[Path] = ()
) -> Collected:
    """What proofs prove of what manifests name, as the configuration says.

    Args:
        settings: the configuration in force.
        judged: files and folders with manifests.
        files: reads what says whom to trust.
        earlier: whether what was kept of earlier runs may be gone by, and this one is kept.
        receipts: further folders of proofs.
    """
    from attest_governance.adapters.clock import system_clock  # noqa: PLC0415
    from attest_governance.attestations.collect import collect  # noqa: PLC0415 (cryptography is slow to import)
    from attest_governance.attestations.sources import sources  # noqa: PLC0415

    store = None if os.environ.get(PIN) or not earlier else _evidence_cache()
    given = sources(settings, system_clock(), files, docker_configuration(), store)
    return collect(given.beside(receipts), judged, store)


def served_sources(settings: Settings, files: Files, store: Store) -> Sources:
    """Where proofs lie and whom to trust, for a server that keeps what it brought in a store of its own."""
    from attest_governance.adapters.clock import system_clock  # noqa: PLC0415
    from attest_governance.attestations.sources import sources  # noqa: PLC0415 (cryptography is slow to import)

    return sources(settings, system_clock(), files, docker_configuration(), store)


def _evidence_cache() -> EvidenceCache | None:
    """What earlier collections came to; None where it can't be kept from others."""
    from attest_governance.adapters.evidence_cache import EvidenceCache  # noqa: PLC0415

    place = evidence_place()
    if is_of_project(place):
        return None
    with contextlib.suppress(OSError):
        return EvidenceCache(Path(place.folder), Path(place.key))
    return None


def evidence_place() -> ResultsPlace:
    """Where what proofs came to is kept from one run to the next."""
    from attest_governance.model.sources import ResultsPlace  # noqa: PLC0415

    return ResultsPlace(str(_cache_folder() / "evidence"), str(_xdg("XDG_STATE_HOME", ".local/state") / "evidence.key"))


def docker_configuration() -> Path:
    """Where Docker keeps its configuration on this machine."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def results_place() -> ResultsPlace:
    """Where what files came to is kept from one run to the next."""
    from attest_governance.model.sources import ResultsPlace  # noqa: PLC0415

    return ResultsPlace(str(_cache_folder() / "results"), str(state_folder() / "results.key"))


def is_of_project(place: ResultsPlace) -> bool:
    """Whether it is in the repository that is worked in: whoever wrote that would say what is found in it."""
    from attest_governance.report.source import find_repository  # noqa: PLC0415 (few commands need it)

    repository = os.path.realpath(find_repository(Path.cwd()))
    return any(Path(os.path.realpath(one)).is_relative_to(repository) for one in (place.folder, place.key))


def _cache_folder() -> Path:
    """Where what can be had again is kept."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_folder() -> Path:
    """Where what must be remembered is kept."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    """A folder of ours, as the XDG base directories have it: a relative path is no path."""
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else Path.home() / default) / "attest"


def _ignored(folder: Path) -> tuple[str, ...]:
    from attest_governance.adapters.git import ignored  # noqa: PLC0415 (only folders are asked about)

    return ignored(folder)


def open_here(request: Request, now: datetime, served: CollectEvidence | None = None) -> Runtime:
    """The runtime of a request in this process's surroundings; to be closed. A draft's notices are told.

    Args:
        request: what is asked.
        now: the moment.
        served: brings the facts for a server.

    Raises:
        AttestError: a file is missing or wrong, the policies are not approved, or the engine failed.
    """
    from attest_governance.runtime import open_runtime  # noqa: PLC0415 (imports the flow)

    around = msgspec.structs.replace(environment(), serve_evidence=served)
    runtime = open_runtime(engine(), request, around, now=now)
    if request.draft:
        for notice in runtime.notices:
            tell(f"notice: {notice}")
    return runtime


def settings_here(judged: Sequence[str] = (), overrides: Mapping[str, object] | None = None) -> Settings:
    """The configuration in force in the working directory, or for what is judged.

    Raises:
        ConfigurationError: with every error of every file and variable.
    """
    from attest_governance.load.configuration import load_settings  # noqa: PLC0415 (few commands need it)

    return load_settings(start=Path.cwd(), home=Path.home(), environ=os.environ, judged=judged, overrides=overrides)


def library_here() -> Library:
    """Where compliance frameworks are found from the working directory."""
    from attest_governance.comply.frameworks import Library  # noqa: PLC0415 (few commands need it)

    return Library(shipped_frameworks(), settings_here().root or Path.cwd(), Path.cwd())


def known_policies() -> tuple[Policy, ...]:
    """The policies of the working directory; none where they can't be told, which whoever judges by them says."""
    from attest_governance.adapters.clock import system_clock  # noqa: PLC0415 (few commands need it)
    from attest_governance.request import Request  # noqa: PLC0415
    from attest_governance.runtime import open_runtime  # noqa: PLC0415 (imports the flow)

    try:
        with open_runtime(engine(), Request(draft=True), environment(), now=system_clock()) as runtime:
            return runtime.policies if runtime.loaded.usable else ()
    except AttestError:
        return ()


def configuration_problems(request: Request) -> tuple[Problem, ...]:
    """What a check in the working directory would say of its configuration, and of the policies that this names.

    Raises:
        EngineError: the engine failed.
    """
    from attest_governance.adapters.clock import system_clock  # noqa: PLC0415 (few commands need it)
    from attest_governance.exempt import declared  # noqa: PLC0415
    from attest_governance.model import Problem  # noqa: PLC0415
    from attest_governance.runtime import open_runtime  # noqa: PLC0415 (imports the flow)

    wanted = msgspec.structs.replace(request, draft=True, allow_empty=True)
    found: tuple[Problem, ...] = ()
    try:
        with open_runtime(engine(), wanted, environment(), now=system_clock()) as runtime:
            found = (*runtime.loaded.problems, *runtime.problems)
            declared(runtime.settings.exemptions)
    except EngineError:
        raise
    except AttestError as error:
        return (*found, Problem.at(error, "error", "configuration", error.message))
    return found


def validated(
    given: Manifests,
    *,
    request: Request,
    verification: Verification | None = None,
) -> Validation:
    """What is wrong with policies, bundles of them and manifests, beside the policies that ship, as a check has them.

    Raises:
        ConfigurationError: the configuration is wrong, by which a check would go.
        EngineError: the engine failed.
    """
    from attest_governance.evaluate.requests import Validate  # noqa: PLC0415 (few commands need it)
    from attest_governance.rendering import rendered  # noqa: PLC0415
    from attest_governance.request import leave_out  # noqa: PLC0415

    here, settings = environment(), settings_here(given.paths, request.overrides)
    left = leave_out(msgspec.structs.replace(request, judged=given.paths), settings, here)
    given = rendered(engine(), given, left, None if request.no_render else here.render, bases=True)
    libraries, shipped = (str(here.shipped / LIBRARY),), shipped_folders(here.shipped)
    options = settings.policy
    wish = Validate(
        given.paths,
        libraries,
        shipped,
        given.leave_out,
        given.texts,
        verification,
        options.kubernetes_version,
        options.input_form,
    )
    return _moved(engine().ask(wish), given.renderings)


def _moved(found: Validation, renderings: Sequence[Rendering]) -> Validation:
    """What was found, at the files that it was rendered from, with what could not be rendered."""
    from attest_governance.model.rendering import Origins  # noqa: PLC0415 (few commands need it)

    origins, failed = Origins(renderings), (one.problem for one in renderings if one.problem)
    problems = (*map(origins.problem, found.problems), *failed)
    skipped = tuple(map(origins.skipped, found.skipped))
    return msgspec.structs.replace(found, problems=problems, skipped=skipped)


def fetch_bundle(remote: Remote, inspect: Inspect) -> Fetched:
    """Brings a bundle onto this machine.

    Raises:
        AttestError: there is none that may be used.
    """
    from attest_governance.adapters.bundle_cache import BundleCache  # noqa: PLC0415
    from attest_governance.adapters.bundles import fetch  # noqa: PLC0415
    from attest_governance.adapters.http import get  # noqa: PLC0415 (few commands need any of this)
    from attest_governance.cli.progress import Progress  # noqa: PLC0415

    with Progress(f"fetching {remote.url}"):
        folder = _cache_folder() / "bundles" if remote.cached else _own_folder()
        cache = BundleCache(folder, remote.url, remote.project)
        return fetch(remote, cache, get, inspect, time.time())


def _own_folder() -> Path:
    """A folder for this process alone, removed at its end."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415 (few commands need it)

    folder = TemporaryDirectory(prefix="attest-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
