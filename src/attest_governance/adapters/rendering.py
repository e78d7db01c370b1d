"""Renders Helm charts and kustomizations with a program of ours (`attest-render`), one process a folder.

A template can't be stopped and a chart is hostile, so each rendering is a process behind walls (no network, no other
program, no writing, nothing outside of a root) that is killed when it takes too long (ADR 0057).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.git import top
from attest_governance.decoding import decode
from attest_governance.errors import AttestError, EngineError, InputError
from attest_governance.load.files import Files
from attest_governance.model.problem import Problem
from attest_governance.model.rendering import RenderedDocument, Rendering, RenderLimits, RenderOptions
from attest_governance.resources import render_path

if TYPE_CHECKING:
    from attest_governance.model.rendering import Tool

CHART = "Chart.yaml"
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MANIFESTS = (".yaml", ".yml", ".json")
_MEMORY_CODE = 70
_DEFAULT_NAMESPACE = "default"


class _Values(msgspec.Struct, frozen=True):
    file: str
    text: str


class _Chart(msgspec.Struct, frozen=True, rename="camel"):
    release: str
    namespace: str
    values: tuple[_Values, ...]
    set: tuple[str, ...]
    kube_version: str
    api_versions: tuple[str, ...] = msgspec.field(name="apiVersions")


class _Limits(msgspec.Struct, frozen=True):
    memory: int
    output: int
    files: int
    bytes: int


class _Request(msgspec.Struct, frozen=True):
    folder: str
    root: str
    tool: str
    chart: _Chart
    limits: _Limits


class _Document(msgspec.Struct, frozen=True):
    text: str
    places: tuple[int, ...] | None
    elements: dict[str, tuple[int, int, int, int]] = {}


class _Error(msgspec.Struct, frozen=True):
    message: str
    file: str
    line: int
    column: int
    hint: str


class _Answer(msgspec.Struct, frozen=True):
    documents: tuple[_Document, ...] | None = None
    files: tuple[str, ...] | None = None
    templates: tuple[str, ...] | None = None
    bases: tuple[str, ...] | None = None
    patches: tuple[str, ...] | None = None
    read: tuple[str, ...] | None = None
    error: _Error | None = None


def tool_of(folder: Path) -> Tool:
    """What renders a folder by itself: a chart, a kustomization, or nothing (`plain`).

    Raises:
        InputError: it is both a chart and a kustomization.
    """
    chart = (folder / CHART).is_file()
    kustomization = next((name for name in KUSTOMIZATIONS if (folder / name).is_file()), "")
    if chart and kustomization:
        hint = "move one of them into a folder of its own"
        raise InputError(f"this folder is a chart and has a `{kustomization}`", file=str(folder), hint=hint)
    return "helm" if chart else "kustomize" if kustomization else "plain"


def render(
    folder: Path,
    options: RenderOptions | None = None,
    *,
    tool: Tool | None = None,
    root: Path | None = None,
    limits: RenderLimits | None = None,
    shown: str = "",
) -> Rendering:
    """Renders a folder; what is wrong with it is the problem of the rendering.

    Args:
        folder: of a chart, a kustomization, or plain manifests.
        options: how charts are rendered.
        tool: what renders it; found out where it is None.
        root: the folder that nothing is read outside of, links resolved; else the repository that `folder` is in, else
            `folder` itself.
        limits: what the rendering may cost.
        shown: what the user calls `folder`, which places begin with.

    Raises:
        InputError: the folder is several things at once, or a file of values can't be read.
        EngineError: the program is missing, or it failed.
    """
    real, chosen = Path(os.path.realpath(folder)), limits or RenderLimits()
    which = tool or tool_of(real)
    within = Path(os.path.realpath(root)) if root else root_of(real)
    names = _Names(real, shown or str(folder))
    if which == "plain":
        return _plain(real, within, chosen, names)
    request = _Request(str(real), str(within), which, _chart(options or RenderOptions()), _limits(chosen))
    answer = _asked(request, chosen, names)
    return _rendering(answer, which, names)


def root_of(folder: Path) -> Path:
    """The folder that nothing is read outside of: the repository, else the folder itself."""
    return top(folder) or folder


class _Names:
    """Names files as the user would type them, given what they call one folder."""

    def __init__(self, folder: Path, shown: str) -> None:
        self.folder, self.shown = folder, shown

    def name(self, file: str) -> str:
        """Relative to what the user typed where it is inside of that, else to the working directory, else whole."""
        if not file:
            return ""
        path, here = Path(file), Path(os.path.realpath(Path.cwd()))
        if path.is_relative_to(self.folder):
            return str(Path(self.shown) / path.relative_to(self.folder))
        if path.is_relative_to(here) and not Path(self.shown).is_absolute():
            return str(path.relative_to(here))
        return file


def _chart(options: RenderOptions) -> _Chart:
    return _Chart(
        release=options.release,
        namespace=options.namespace or _DEFAULT_NAMESPACE,
        values=tuple(_read(file) for file in options.values),
        set=options.set_values,
        kube_version=options.kube_version,
        api_versions=options.api_versions,
    )


def _read(file: Path) -> _Values:
    raw = Files().read(file, "values file")
    try:
        return _Values(str(file), raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is not UTF-8 at byte {error.start}", file=str(file), hint="convert it to UTF-8"
        ) from error


def _limits(limits: RenderLimits) -> _Limits:
    return _Limits(limits.memory, limits.output, limits.files, limits.bytes)


def _asked(request: _Request, limits: RenderLimits, names: _Names) -> _Answer:
    """The answer of a process of its own; one that takes too long, or needs too much, is an error of the folder."""
    try:
        done = subprocess.run(
            [str(render_path())],
            input=msgspec.json.encode(request),
            capture_output=True,
            check=False,
            timeout=limits.seconds,
            env={},
            cwd=request.root,
        )
    except subprocess.TimeoutExpired:
        return _failed(request, f"it does not end within {limits.seconds:g} s", "look for a loop in its templates")
    except OSError as error:
        raise EngineError(f"the program that renders can't be started: {error.strerror}") from error
    if done.returncode != 0:
        return _failed(request, *_end(done, limits))
    try:
        return decode(done.stdout, _Answer)
    except msgspec.DecodeError as error:
        raise EngineError("the program that renders gave no answer", hint=f"report it: {names.shown}") from error


def _end(done: subprocess.CompletedProcess[bytes], limits: RenderLimits) -> tuple[str, str]:
    """Why a process ended without an answer, and what to do."""
    said = done.stderr.decode(errors="replace").strip().split("\n", 1)[0][:200]
    if done.returncode == _MEMORY_CODE or "out of memory" in said or "cannot allocate" in said:
        return f"it needs more than {limits.memory >> 20} MiB of memory", "look for what grows without end in it"
    if "stack" in said:
        return "its templates call one another without end", "look for a template that includes itself"
    return f"the process that rendered it ended with {done.returncode}{f': {said}' if said else ''}", ""


def _failed(request: _Request, why: str, hint: str) -> _Answer:
    names = (CHART,) if request.tool == "helm" else KUSTOMIZATIONS
    file = next((str(path) for name in names if (path := Path(request.folder, name)).is_file()), request.folder)
    what = "chart" if request.tool == "helm" else "kustomization"
    return _Answer(error=_Error(f"the {what} can't be rendered: {why}", file, 1, 0, hint))


def _rendering(answer: _Answer, tool: Tool, names: _Names) -> Rendering:
    if answer.error is not None:
        return Rendering(names.shown, tool, problem=_problem(answer.error, names))
    documents = tuple(
        RenderedDocument(f"<rendered {names.shown} {number}>", one.text, one.places or (), one.elements)
        for number, one in enumerate(answer.documents or (), 1)
    )
    return Rendering(
        folder=names.shown,
        tool=tool,
        documents=documents,
        files=tuple(map(names.name, answer.files or ())),
        templates=answer.templates or (),
        bases=answer.bases or (),
        patches=answer.patches or (),
        read=tuple(map(names.name, answer.read or ())),
    )


def _problem(error: _Error, names: _Names) -> Problem:
    file = names.name(error.file) if Path(error.file).is_absolute() else error.file
    hint = error.hint or "correct it, or leave the folder out with --exclude"
    return Problem("error", "rendering", error.message, file or names.shown, error.line, error.column, hint=hint)


def _plain(folder: Path, root: Path, limits: RenderLimits, names: _Names) -> Rendering:
    """The manifests below a folder as they are, each line being its own origin."""
    files: list[str] = []
    documents: list[RenderedDocument] = []
    left = limits.bytes
    for path in _manifests(folder, root):
        try:
            raw = Files().read(path, "manifest", limit=left, pipes=False)
            text = raw.decode("utf-8")
        except (AttestError, UnicodeDecodeError) as error:
            message = error.message if isinstance(error, AttestError) else "the file is not UTF-8"
            return Rendering(
                names.shown, "plain", problem=Problem("error", "rendering", message, names.name(str(path)), 1)
            )
        left -= len(raw)
        if left < 0 or len(files) >= limits.files:
            message = "there are more manifests, or larger ones, than may be read"
            return Rendering(names.shown, "plain", problem=Problem("error", "rendering", message, names.shown))
        places = _own_places(len(files), text)
        files.append(names.name(str(path)))
        documents.append(RenderedDocument(f"<rendered {names.shown} {len(files)}>", text, places))
    return Rendering(names.shown, "plain", tuple(documents), tuple(files))


def _own_places(index: int, text: str) -> tuple[int, ...]:
    lines = enumerate(text.split("\n"), 1)
    indents = ((number, len(line) - len(line.lstrip()) + 1, len(line.rstrip()) + 1) for number, line in lines)
    return tuple(part for number, begin, end in indents for part in (index, number, -begin, end))


def _manifests(folder: Path, root: Path) -> Iterator[Path]:
    """The files that `kubectl apply --recursive` would read, in a stable order; what leads out of the root is none."""
    for current, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(current, name)
            if path.suffix.lower() in _MANIFESTS and Path(os.path.realpath(path)).is_relative_to(root):
                yield path
