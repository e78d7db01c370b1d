"""From the files of a revision to its objects: plain manifests, a chart or a kustomization, whatever the path names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.rendering import render, tool_of
from attest_governance.controller.gitops.manifests import Manifest, plain_files, read_manifests
from attest_governance.errors import InputError
from attest_governance.model.problem import refuse
from attest_governance.model.rendering import RenderLimits, RenderOptions

if TYPE_CHECKING:
    from attest_governance.adapters.git_fetch import Checkout
    from attest_governance.controller.gitops.model import Application
    from attest_governance.model.rendering import Rendering, Tool

_LIMITS = RenderLimits(seconds=30.0, memory=512 << 20)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be rendered, and a chart how."""

    path: str
    release: str
    namespace: str
    value_files: tuple[str, ...] = ()
    """Relative to the path."""
    set_values: tuple[str, ...] = ()


def wanted_of(application: Application) -> Wanted:
    """A chart is rendered as a release of the application's name, for the namespace that it goes to."""
    source = application.spec.source
    return Wanted(
        path=source.path,
        release=source.helm.release or application.name,
        namespace=application.spec.destination.namespace,
        value_files=source.helm.value_files,
        set_values=source.helm.set_values,
    )


def manifests_of(checkout: Checkout, wanted: Wanted) -> tuple[Manifest, ...]:
    """The objects of a path in a revision.

    Raises:
        InputError: there is none, or something can't be read or rendered.
        EngineError: the program that renders failed.
    """
    folder = within(checkout, wanted.path)
    _check_left_out(checkout, wanted.path)
    tool = tool_of(folder)
    found = _plain(checkout, folder) if tool == "plain" else _rendered(checkout, wanted, folder, tool)
    if not found:
        raise InputError("the path holds no objects, and nothing is taken away for that", hint="correct the path")
    return found


def within(checkout: Checkout, path: str) -> Path:
    """A folder or file of the checkout.

    Raises:
        InputError: it leads elsewhere.
    """
    root = checkout.folder.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root) or found.is_relative_to(root / ".git"):
        raise InputError(f"the path `{path}` leads out of the repository", hint="name a folder of it")
    return found


def _check_left_out(checkout: Checkout, path: str) -> None:
    """Links, submodules and what is too large must not be among the manifests."""
    inside = path.removeprefix("./").strip("/")
    for name, why in checkout.left_out.items():
        if inside in ("", ".") or name == inside or name.startswith(f"{inside}/"):
            raise InputError(f"it can't be deployed: {why}", file=name)


def _plain(checkout: Checkout, folder: Path) -> tuple[Manifest, ...]:
    root = checkout.folder.resolve()
    return read_manifests((one.relative_to(root).as_posix(), one.read_bytes()) for one in plain_files(folder))


def _rendered(checkout: Checkout, wanted: Wanted, folder: Path, tool: Tool) -> tuple[Manifest, ...]:
    root = checkout.folder.resolve()
    shown = folder.relative_to(root).as_posix()
    rendering = render(folder, _options(checkout, wanted), tool=tool, root=root, limits=_LIMITS, shown=shown)
    if rendering.problem is not None:
        refuse((rendering.problem,), lambda _: InputError)
    read = read_manifests((one.name, one.text.encode()) for one in rendering.documents)
    return tuple(_placed(read, rendering))


def _options(checkout: Checkout, wanted: Wanted) -> RenderOptions:
    return RenderOptions(
        values=tuple(within(checkout, f"{wanted.path}/{one}") for one in wanted.value_files),
        set_values=wanted.set_values,
        release=wanted.release,
        namespace=wanted.namespace,
    )


def _placed(read: tuple[Manifest, ...], rendering: Rendering) -> Iterator[Manifest]:
    """Where each object comes from, as a person would look for it."""
    documents = {one.name: one for one in rendering.documents}
    for one in read:
        file, line = rendering.origin(documents[one.file], one.line)
        yield msgspec.structs.replace(one, file=file or rendering.folder, line=max(line, 1))
