"""Loads the configuration in force: global file, project file, variables, flags; the later wins (§4)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration_files import (
    PROJECT_FILE,
    Layer,
    global_file,
    project_root,
    read_layer,
)
from attest_governance.load.configuration_layers import environment_layer, merged, override_layer
from attest_governance.load.files import Files
from attest_governance.load.nested import nested_layers, strictest
from attest_governance.load.settings import Places
from attest_governance.load.weakening import weaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from attest_governance.load.settings import Key, Settings

_BUNDLE: Key = ("policy", "policy_bundle_path")
_BUNDLE_KEY: Key = ("policy", "policy_bundle_key")


def load_settings(
    *,
    start: Path,
    home: Path,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    judged: Iterable[str] = (),
    reader: Files | None = None,
) -> Settings:
    """Loads the configuration that holds in a folder.

    Args:
        start: the working directory, absolute; the project is looked for from here upward.
        home: the user's home folder, absolute.
        environ: the environment variables.
        overrides: what flags say, by key (`{"policy.timeout": "5s"}`); None as value says nothing.
        judged: the files and folders that are judged: what stands in `.attest` on the way to them counts as well.
        reader: what remembers the files that were read.

    Raises:
        ConfigurationError: with every error of every file, variable and flag.
    """
    at, reader = global_file(home, environ), reader or Files()
    root = project_root(start, home)
    project = root / PROJECT_FILE if root else None
    found = [path for path in (at, project) if path and os.path.lexists(path)]
    layers = _read_all(
        [
            *(partial(read_layer, path, _shown(path, at, start), _base(path, at), reader) for path in found),
            partial(environment_layer, environ, start),
            partial(override_layer, overrides or {}, start),
        ]
    )
    own = layers[: len(found)]
    nested = nested_layers(root, start, judged, own, reader) if root else {}
    said = layers[len(found) :]
    below = strictest(own, nested.values())
    settings = merged([*own, *below, *said])
    return msgspec.structs.replace(
        settings,
        root=root,
        places=_places(start, own, nested, said),
        departs=_departs([layer for path, layer in zip(found, own, strict=True) if path == project] + below, settings),
        global_file=at,
        files=tuple(found),
        bases=_bases(layers),
        bundle=_path(settings.policy.policy_bundle_path, _BUNDLE, layers, home),
        bundle_key=_path(settings.policy.policy_bundle_key, _BUNDLE_KEY, layers, home),
    )


def _places(start: Path, own: Sequence[Layer], nested: Mapping[Path, Layer], said: Sequence[Layer]) -> Places | None:
    """What holds in each folder that asks for more, and where nobody does; None where no folder does."""
    folders = {}
    for folder in nested:
        on_the_way = [layer for above, layer in nested.items() if folder.is_relative_to(above)]
        folders[folder] = merged([*own, *strictest(own, on_the_way), *said])
    return Places(start, merged([*own, *said]), folders) if folders else None


def _departs(approved: Sequence[Layer], settings: Settings) -> dict[Key, str]:
    """What is weaker than the files of the project say, which alone can be approved."""
    files = merged(approved)
    found = weaker(files, settings)
    if files.exemptions != settings.exemptions:
        found["exemptions",] = "exemptions are declared elsewhere"
    return found


def _read_all(readers: Iterable[Callable[[], Layer]]) -> list[Layer]:
    """Reads every layer before it gives up, so that one run shows all there is to mend."""
    layers: list[Layer] = []
    errors: list[ConfigurationError] = []
    for read in readers:
        try:
            layers.append(read())
        except ConfigurationError as error:
            errors.append(error)
    if errors:
        raise ConfigurationError.of(errors)
    return layers


def _base(path: Path, at: Path) -> Path:
    """The global file's own folder, the project's root: never the working directory, which may be anyone's."""
    return path.parent if path == at else path.parent.parent


def _shown(path: Path, at: Path, start: Path) -> str:
    return str(path) if path == at else os.path.relpath(path, start)


def _path(path: str, key: Key, layers: Sequence[Layer], home: Path) -> Path | None:
    if not path:
        return None
    base = next(layer.base for layer in reversed(layers) if key in layer.sources)
    return home / path[2:] if path.startswith("~/") else base / path


def _bases(layers: Sequence[Layer]) -> dict[str, Path]:
    """Where relative paths in keys of `evidence` start: as with other paths, at the place of the layer that wins."""
    return {
        str(key[1]): layer.base for layer in layers for key in layer.sources if key[:1] == ("evidence",) and key[1:]
    }


def bundle_paths(settings: Settings) -> tuple[Path, ...]:
    """The configured policy folders, for a caller that is about to evaluate policies.

    Raises:
        ConfigurationError: the path does not exist.
    """
    if settings.bundle is None:
        return ()
    if not settings.bundle.exists():
        message = f"`policy.policy_bundle_path` names `{settings.policy.policy_bundle_path}`, which does not exist"
        raise located(settings, _BUNDLE, message, f"it stands for `{settings.bundle}`")
    return (settings.bundle,)


def located(settings: Settings, key: Key, message: str, hint: str) -> ConfigurationError:
    """An error at the place of a key."""
    source = settings.source(key)
    named = "" if source.kind == "file" else f"{source}: "
    return ConfigurationError(f"{named}{message}", file=source.file, line=source.line, column=source.column, hint=hint)
