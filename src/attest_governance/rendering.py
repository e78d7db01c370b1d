"""What is rendered before it is deployed is judged as it is deployed: charts and kustomizations in folders (ADR 0058).

The engine finds them, by the walk of the check itself; a port renders each. What they render to joins what is judged,
and files that are judged by it are not looked at once more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from attest_governance.errors import UsageError
from attest_governance.evaluate.requests import FindFolders
from attest_governance.model.rendering import RenderedFolder, Rendering, RenderOptions
from attest_governance.model.sources import LeaveOut, Left, Manifests

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine

RenderFolder: TypeAlias = Callable[[RenderedFolder, RenderOptions, Sequence[str]], Rendering]
"""Renders a folder that was found below one of some paths."""
_AT_ONCE = 4
"""How many are rendered at a time; each may need a gigabyte of memory."""


def rendered(
    engine: Engine, manifests: Manifests, leave_out: LeaveOut, render: RenderFolder | None, *, bases: bool
) -> Manifests:
    """The manifests with what their charts and kustomizations render to.

    Args:
        engine: finds them.
        manifests: what is to be judged, and how it is rendered.
        leave_out: what of folders is not looked at.
        render: the port; None where nothing can be rendered.
        bases: whether files whose resources a kustomization changes are judged by what becomes of them alone.

    Raises:
        UsageError: values are given to several charts, or to none.
        EngineError: the engine or the program that renders failed.
    """
    options, folders = manifests.rendering, tuple(path for path in manifests.paths if Path(path).is_dir())
    whole = msgspec.structs.replace(manifests, leave_out=leave_out)
    if options is None or render is None:
        return whole
    roots = roots_of(engine.ask(FindFolders(folders, leave_out)).folders) if folders else ()
    _meant(options, roots)
    if not roots:
        return whole
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 (few runs render anything)

    how = msgspec.structs.replace(options, namespace=manifests.namespace)
    with ThreadPoolExecutor(min(_AT_ONCE, os.cpu_count() or 1)) as pool:
        made = tuple(pool.map(lambda folder: render(folder, how, folders), roots))
    left = (*leave_out.rendered, *_left(made, bases=bases))
    return msgspec.structs.replace(whole, renderings=made, leave_out=msgspec.structs.replace(leave_out, rendered=left))


def roots_of(folders: Sequence[RenderedFolder]) -> tuple[RenderedFolder, ...]:
    """The folders that nothing else brings in, in their order: what is brought in is judged as a part of that.

    Charts within the `charts` of another, libraries and components are no roots. Kustomizations that bring in one
    another in a circle are reported by the first of them.
    """
    first = {(one.real, one.kind): one for one in reversed(folders)}
    unique = [one for one in folders if first[(one.real, one.kind)] is one]
    uses = {one.real: one.uses for one in unique if one.kind in ("kustomize", "component")}
    reached = _reached((used for one in unique for used in one.uses if used != one.real), uses)
    charts = [one.real for one in unique if one.kind in ("helm", "library")]
    roots = [
        one
        for one in unique
        if one.real not in reached
        and (one.kind == "kustomize" or (one.kind == "helm" and not any(_depends(one.real, other) for other in charts)))
    ]
    known = _reached((one.real for one in roots), uses)
    for one in unique:
        if one.kind == "kustomize" and one.real not in known:
            roots.append(one)
            known |= _reached([one.real], uses)
    return tuple(sorted(roots, key=unique.index))


def _depends(chart: str, other: str) -> bool:
    """Whether a chart lies in the folder `charts` of another."""
    return Path(chart).is_relative_to(Path(other, "charts"))


def _reached(start: Iterable[str], uses: dict[str, tuple[str, ...]]) -> set[str]:
    """All that kustomizations bring in, from some folders on, these among them."""
    reached, left = set[str](), list(start)
    while left:
        one = left.pop()
        if one not in reached:
            reached.add(one)
            left += uses.get(one, ())
    return reached


def _meant(options: RenderOptions, roots: Sequence[RenderedFolder]) -> None:
    """Values are for one chart: two charts rarely mean the same by one key."""
    charts = [one.path for one in roots if one.kind == "helm"]
    if not (options.values or options.set_values) or len(charts) == 1:
        return
    flag = "--values" if options.values else "--set"
    if not charts:
        raise UsageError(f"{flag} is for a chart, and there is none", hint="name a folder with a Chart.yaml")
    shown = ", ".join(f"`{one}`" for one in charts[:3])
    raise UsageError(f"{flag} is for one chart, and there are {len(charts)}: {shown}", hint="check them one by one")


def _left(made: Sequence[Rendering], *, bases: bool) -> Iterator[Left]:
    """The files that need not be looked at once more, with the reason."""
    for one in made:
        for path in (*one.templates, *(one.bases if bases else ())):
            yield Left(path, one.instead)
