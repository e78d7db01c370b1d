"""`.attest` in folders below a project: it may ask for more, and excuse nothing (ADR 0022).

Folders count by what is judged, not by where somebody stands: those between the project and each file or folder that
is judged. Only where nothing has a path, as on standard input, the working directory stands for it.
"""

from __future__ import annotations

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

_OF_A_POLICY = ("name", "enabled", "enforcement", "severity")


def nested_layers(root: Path, start: Path, judged: Iterable[str], own: Sequence[Layer], files: Files) -> list[Layer]:
    """What the folders below a project add to its layers; of two, the stricter counts.

    Args:
        root: the project.
        start: the working directory.
        judged: what is judged, relative to it.
        own: the layers of files that hold for the whole project.
        files: reads the files.

    Raises:
        ConfigurationError: a folder asks for anything but more, by each line that does, or has governance of its own.
    """
    asked = [folder for path in judged for folder in _below(root, start / path)]
    kept: list[Layer] = []
    errors: list[ConfigurationError] = []
    for folder in dict.fromkeys([*asked, *_below(root, start)]):
        try:
            layer = _read(root, folder, start, files)
            errors += _looser(own, layer) if layer else []
        except ConfigurationError as error:
            errors.append(error)
            continue
        if layer and not errors and (folder in asked or not asked):
            kept.append(_stricter(own, kept, layer))
    if errors:
        raise ConfigurationError.of(errors)
    return kept


def _below(root: Path, path: Path) -> list[Path]:
    """The folders from below the project down to a path, outermost first."""
    real, top = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    return [one for one in reversed([real, *real.parents]) if one != top and one.is_relative_to(top)]


def _read(root: Path, folder: Path, start: Path, files: Files) -> Layer | None:
    for marker in GOVERNING:
        if is_there(folder, marker):
            hint = f"move what it says to `{root / '.attest'}`"
            shown = os.path.relpath(folder / marker, start)
            raise ConfigurationError("only the root of a project is governed", file=shown, line=1, hint=hint)
    path = folder / PROJECT_FILE
    return read_layer(path, os.path.relpath(path, start), folder, files) if is_there(folder, PROJECT_FILE) else None


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
