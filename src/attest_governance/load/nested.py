"""`.attest` in folders below a project: it may ask for more, and excuse nothing (ADR 0022).

Folders count by what is judged, not by where somebody stands: those between the project and each file or folder that
is judged, and those below it. Only where nothing has a path, as on standard input, the working directory stands for it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration_files import GOVERNING, PROJECT_FILE, Layer, is_there, read_layer
from attest_governance.load.configuration_layers import merged
from attest_governance.load.weakening import STRICTER_ON, weaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest_governance.load.files import Files
    from attest_governance.load.settings import Key

_ATTEST = PROJECT_FILE.parts[0]
_NOT_WALKED = frozenset((_ATTEST, ".git", ".hg", ".svn", "node_modules", ".terraform"))
"""Folders in which the engine looks for no manifests."""
_MOST = 1_000_000
"""Folders that are looked into; the engine gives up, with an error, before that many."""
_OF_A_POLICY = ("name", "enabled", "enforcement", "severity")


def nested_layers(
    root: Path, start: Path, judged: Iterable[str], own: Sequence[Layer], files: Files
) -> dict[Path, Layer]:
    """What the folders below a project ask for, by folder, outermost first; paths have no links.

    Args:
        root: the project.
        start: the working directory.
        judged: what is judged, relative to it.
        own: the layers of files that hold for the whole project.
        files: reads the files.

    Raises:
        ConfigurationError: a folder asks for anything but more, by each line that does, or has governance of its own.
    """
    here, found = Path(os.path.realpath(start)), _Folders(Path(os.path.realpath(root)))
    paths = [Path(os.path.realpath(start / path)) for path in judged]
    for path in paths:
        found.upward(path)
        found.downward(path)
    asked = set(found.configured)
    found.upward(here)
    layers: dict[Path, Layer] = {}
    errors: list[ConfigurationError] = []
    for folder in sorted(found.configured):
        try:
            layer = _read(root, folder, start, files)
            errors += _looser(own, layer) if layer else []
        except ConfigurationError as error:
            errors.append(error)
            continue
        if layer and (folder in asked or not paths):
            layers[folder] = layer
    if errors:
        raise ConfigurationError.of(errors)
    return layers


def strictest(own: Sequence[Layer], nested: Iterable[Layer]) -> list[Layer]:
    """The layers of folders without what is weaker than another of them asks for.

    Raises:
        ConfigurationError: two of them define one policy differently.
    """
    kept: list[Layer] = []
    for layer in nested:
        kept.append(_stricter(own, kept, layer))
    return kept


class _Folders:
    """The folders that hold `.attest`, on the way to what is judged and below it; each is looked into once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self.configured: set[Path] = set()
        self._entered: set[str] = set()

    def upward(self, path: Path) -> None:
        """The folders from a path up to below the project."""
        self.configured |= {one for one in (path, *path.parents) if self._below(one) and os.path.lexists(one / _ATTEST)}

    def downward(self, path: Path) -> None:
        """The folders below a path, as far as the engine walks: links are followed, folders of tools are not.

        What can't be looked into is the engine's to tell, which reads the manifests there.
        """
        waiting = [str(path)]
        while waiting and len(self._entered) < _MOST:
            folder = waiting.pop()
            if folder in self._entered:
                continue
            self._entered.add(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == _ATTEST and self._below(Path(folder)):
                        self.configured.add(Path(folder))
                    elif entry.name not in _NOT_WALKED and entry.is_dir():
                        waiting.append(os.path.realpath(entry) if entry.is_symlink() else entry.path)

    def _below(self, folder: Path) -> bool:
        return folder != self._top and folder.is_relative_to(self._top)


def _read(root: Path, folder: Path, start: Path, files: Files) -> Layer | None:
    for marker in GOVERNING:
        if is_there(folder, marker):
            hint = f"move what it says to `{root / '.attest'}`"
            shown = os.path.relpath(folder / marker, start)
            raise ConfigurationError("only the root of a project is governed", file=shown, line=1, hint=hint)
    path = folder / PROJECT_FILE
    if not is_there(folder, PROJECT_FILE):
        return None
    layer = read_layer(path, os.path.relpath(path, start), folder, files)
    adding = tuple(msgspec.structs.replace(module, adds=True) for module in layer.modules)
    return msgspec.structs.replace(layer, modules=adding)


def _looser(own: Sequence[Layer], layer: Layer) -> Iterator[ConfigurationError]:
    refused = {words: key for key in layer.sources if (words := _unknown(key))}
    for key, words in weaker(merged(own), merged([*own, layer])).items():
        if not _unknown(key):
            refused[f"{words} below the project"] = key
    hint = "in a folder below a project, policies can be switched on and made stricter; all else is the project's"
    for words, key in refused.items():
        at = layer.sources.get(key) or layer.sources.get(key[:-1]) or next(iter(layer.sources.values()))
        yield ConfigurationError(words, file=at.file, line=at.line, column=at.column, hint=hint)


def _unknown(key: Key) -> str:
    """Why a key can't be set in a nested folder; empty where it can."""
    if key[0] == "policies":
        named = len(key) > 2 and key[2] not in _OF_A_POLICY  # noqa: PLR2004 (policies, its name, its field)
        return f"`{key[2]}` can't be set below the project" if named else ""
    if key[0] != "policy":
        return f"`{key[0]}` can't be set below the project"
    known = len(key) < 2 or key[1] in {*STRICTER_ON, "custom_policies"}  # noqa: PLR2004 (policy, its field)
    return "" if known else f"`policy.{key[1]}` can't be set below the project"


def _stricter(own: Sequence[Layer], kept: Sequence[Layer], layer: Layer) -> Layer:
    """The layer without what is weaker than another folder asks for."""
    before = [*own, *kept]
    weak = weaker(merged(before), merged([*before, layer]))
    for key, words in weak.items():
        if key not in layer.sources:
            raise ConfigurationError(f"{words} in another folder that is judged", hint="judge the folders one by one")
    return msgspec.structs.replace(layer, sources={key: at for key, at in layer.sources.items() if key not in weak})
