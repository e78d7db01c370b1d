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
from attest_governance.load.settings import ConfigurationFile, CustomPolicy, Key, Source
from attest_governance.model.sources import InlinePolicy

if TYPE_CHECKING:
    from attest_governance.load.yaml_positions import Mark, Scalar

PROJECT_FILE = Path(".attest", "policies.yaml")
GOVERNING = tuple(Path(".attest", name) for name in ("governance.yaml", "governance", "exemptions"))
"""What only a governed project has; whatever of it is left, governance is not off."""
MAX_BYTES = 4 * 2**20


class Layer(msgspec.Struct, frozen=True):
    """What one file, or the variables, or the flags say; only keys in `sources` are given."""

    contents: ConfigurationFile
    sources: Mapping[Key, Source]
    modules: tuple[InlinePolicy, ...] = ()
    base: Path = Path()
    """The folder that relative paths in the layer start from."""


def global_file(home: Path, environ: Mapping[str, str]) -> Path:
    """Where the global file is, whether or not it exists: `$XDG_CONFIG_HOME` or `~/.config`."""
    configured = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(configured) if configured and Path(configured).is_absolute() else home / ".config"
    return base / "attest" / "policies.yaml"


def project_root(start: Path, home: Path) -> Path | None:
    """The project that a folder belongs to: the outermost one with `.attest`, as far as its repository reaches.

    Repositories in repositories (submodules, vendored code) belong to the outer one where that is governed, so that
    nobody leaves governance by standing elsewhere; its mere configuration ends at the inner repository. Without any
    repository the search ends at the home folder. ADR 0022 has the reasons.

    Raises:
        ConfigurationError: it can't be told, since a folder can't be looked into.
    """
    folders = [start, *start.parents]
    tops = [at for at, folder in enumerate(folders) if is_there(folder, Path(".git"))]
    inner = tops[0] if tops else folders.index(home) if home in folders else len(folders) - 1
    above = folders[inner + 1 : tops[-1] + 1] if tops else []
    found = [folder for folder in above if any(is_there(folder, one) for one in GOVERNING)]
    if not found:
        markers = (PROJECT_FILE, *GOVERNING)
        found = [folder for folder in folders[: inner + 1] if any(is_there(folder, one) for one in markers)]
    return found[-1] if found else None


def is_there(folder: Path, marker: Path) -> bool:
    """Whether something is there that counts: not what anybody may have put into a folder that is shared, as `/tmp` is.

    Raises:
        ConfigurationError: it can't be told.
    """
    try:
        os.lstat(folder / marker)
        ours = (0, os.geteuid(), folder.stat().st_uid) if _shared(folder) else ()
        return not ours or os.lstat(folder / marker.parts[0]).st_uid in ours
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        hint = "whether it is governed decides what is allowed: let it be read"
        raise ConfigurationError(f"can't look for `{marker}`: {error.strerror}", file=str(folder), hint=hint) from error


def _shared(folder: Path) -> bool:
    """Whether everybody may add to a folder, and nobody replace what is another's.

    Where they may do both, a folder below could be replaced as well: nothing is gained by not believing what is beside.
    """
    shared = stat.S_IWOTH | stat.S_ISVTX
    return os.name == "posix" and folder.stat().st_mode & shared == shared


def read_file(path: Path, shown: str, files: Files | None = None) -> str:
    """The text of a configuration file, without byte order mark; `shown` is its name in error messages.

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


def _module(policy: CustomPolicy, code: Scalar, text: str, shown: str) -> InlinePolicy:
    """Where the Rego's own first line stands: below the `|` of a block, else behind the quote."""
    line, column = code.mark.line, code.mark.column + len(code.style)
    if code.style in {"|", ">"}:
        lines = text[code.mark.start : code.mark.end].splitlines()[1:]
        first = next((line for line in lines if line.strip()), "")
        kept = next((line for line in code.text.splitlines() if line.strip()), "")
        line, column = line + 1, 1 + max(0, len(first) - len(kept))
    return InlinePolicy(shown, line, column, policy.rego_code, policy.name, policy.severity or "", policy.level)
