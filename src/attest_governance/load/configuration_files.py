"""Finds and reads the configuration files: the global one and the project's."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.load.decoding import Decoder, SourceOf
from attest_governance.load.files import Files, decode_text
from attest_governance.load.settings import ConfigurationFile, CustomPolicy, InlineModule, Key, Source

if TYPE_CHECKING:
    from attest_governance.load.yaml_positions import Mark, Scalar

PROJECT_FILE = Path(".attest", "policies.yaml")
MAX_BYTES = 4 * 2**20


class Layer(msgspec.Struct, frozen=True):
    """What one file, or the variables, or the flags say; only keys in `sources` are given."""

    contents: ConfigurationFile
    sources: Mapping[Key, Source]
    modules: tuple[InlineModule, ...] = ()
    base: Path = Path()
    """The folder that relative paths in the layer start from."""


def global_file(home: Path, environ: Mapping[str, str]) -> Path:
    """Where the global file is, whether or not it exists: `$XDG_CONFIG_HOME` or `~/.config`."""
    configured = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(configured) if configured and Path(configured).is_absolute() else home / ".config"
    return base / "attest" / "policies.yaml"


def project_root(start: Path, home: Path, marker: Path = PROJECT_FILE) -> Path | None:
    """The nearest folder, from `start` upward, with a `.attest/policies.yaml` (or another `marker`).

    The search ends at the root of the repository and at the home folder, and it does not enter a
    folder above `start` that everyone can write to, such as `/tmp`: anyone could put a file there.
    """
    for folder in (start, *start.parents):
        if folder != start and _open_to_everyone(folder):
            return None
        if os.path.lexists(folder / marker):
            return folder
        if folder == home or (folder / ".git").exists():
            return None
    return None


def _open_to_everyone(folder: Path) -> bool:
    try:
        return os.name == "posix" and bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def read_file(path: Path, shown: str, files: Files | None = None) -> str:
    """The text of a configuration file, without byte order mark.

    Args:
        path: the file.
        shown: its name in error messages.
        files: what remembers that it was read.

    Raises:
        ConfigurationError: it can't be read, is no regular file, is too large or no UTF-8.
    """
    data = (files or Files()).read(
        path, "configuration", limit=MAX_BYTES, shown=shown, error=ConfigurationError, pipes=False
    )
    return decode_text(data, "configuration", shown, ConfigurationError)


def read_layer(path: Path, shown: str, base: Path, files: Files | None = None) -> Layer:
    """Reads and checks one configuration file.

    Raises:
        ConfigurationError: with every error of the file.
    """
    return parse_layer(read_file(path, shown, files), shown, base)


def parse_layer(text: str, shown: str, base: Path) -> Layer:
    """Checks the text of a configuration file; see `read_layer`."""
    from attest_governance.load.yaml_reader import read_yaml  # noqa: PLC0415 - most folders have no file to read

    decoder = Decoder(_source_of(shown))
    contents = decoder.section(read_yaml(text, shown), ConfigurationFile)
    if decoder.errors or contents is None:
        raise ConfigurationError.of(decoder.errors)
    modules = tuple(
        _module(policy, decoder.rego[policy.name], text, shown) for policy in contents.policy.custom_policies
    )
    return Layer(contents, decoder.sources, modules, base)


def _source_of(shown: str) -> SourceOf:
    def source(value: Mark, key: Mark) -> Source:
        return Source(
            "file", file=shown, line=value.line, column=value.column, key_line=key.line, key_column=key.column
        )

    return source


def _module(policy: CustomPolicy, code: Scalar, text: str, shown: str) -> InlineModule:
    """Where the Rego's own first line stands: below the `|` of a block, else behind the quote."""
    mark = code.mark
    if code.style not in {"|", ">"}:
        return InlineModule(policy, shown, mark.line, mark.column + len(code.style))
    lines = text[mark.start : mark.end].splitlines()[1:]
    first = next((line for line in lines if line.strip()), "")
    kept = next((line for line in code.text.splitlines() if line.strip()), "")
    return InlineModule(policy, shown, mark.line + 1, 1 + max(0, len(first) - len(kept)))
