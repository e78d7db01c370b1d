"""Sets a value in the global configuration file: checked first, written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration_files import read_file
from attest_governance.load.configuration_keys import Target, decode_value, find_target
from attest_governance.load.decoding import origin_of
from attest_governance.load.quantities import QUANTITIES
from attest_governance.load.settings import Source
from attest_governance.writing import lock, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_SECONDS = 0.02
LOCK_SECONDS = 10.0


def set_value(path: Path, key: str, value: str, *, patience: float = LOCK_SECONDS) -> bool:
    """Sets a key in a configuration file and keeps everything else in it, comments included.

    The file is made where it is missing, readable by its owner alone. Processes that do this at
    the same time take turns.

    Args:
        path: the file.
        key: such as `policy.debug` or `policies.image-security.enforcement`.
        value: the value as text; lists are separated by commas, parameters may be JSON.
        patience: seconds to wait for another process that edits the file.

    Returns:
        Whether the file changed.

    Raises:
        ConfigurationError: the key is unknown, the value is not acceptable, the file is not valid,
            or it can't be written.
    """
    from attest_governance.load.yaml_editing import set_in_yaml  # noqa: PLC0415 - the parser is heavy

    target = find_target(key)
    rendered = _rendered(target, value)
    place = _writable(path)
    with _turn(place, patience):
        before = read_file(place, str(path)) if place.exists() else ""
        after = set_in_yaml(before, target.key, rendered, str(path))
        if after != before:
            _write(place, after)
    return after != before


def parsed_value(key: str, value: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value of a key as text, in the form in which flags give values.

    Raises:
        ConfigurationError: it is no value of the key.
    """
    target = find_target(key)
    parsed = _parsed(target, value)
    _decoded(target, parsed)
    return parsed


def _rendered(target: Target, value: str) -> str:
    from attest_governance.load.yaml_editing import render  # noqa: PLC0415 - the parser is heavy

    decoded = _decoded(target, _parsed(target, value))
    # A duration or a size stays as it was written; what has one spelling is written in it.
    notation = target.extra.get("reader") in QUANTITIES
    return value if notation else render(decoded)


def _decoded(target: Target, parsed: Any) -> Any:  # noqa: ANN401 - whatever the key holds
    decoded, _, errors = decode_value(target, parsed, Source("flag", "value"))
    if errors:
        error = errors[0]
        raise ConfigurationError(error.message.removeprefix("flag value: "), hint=error.hint)
    return decoded


def _parsed(target: Target, value: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """JSON where the type leaves it open (parameters) or the value is a list; else the text itself."""
    if target.type is Any or (origin_of(target.type) is tuple and value.lstrip().startswith("[")):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _writable(path: Path) -> Path:
    """The file behind a link, which some people keep in a repository; a link to another's file is refused."""
    if not path.is_symlink():
        return path
    place = Path(os.path.realpath(path))
    try:
        status = place.stat()
    except OSError:
        raise ConfigurationError("this is a link to nothing", file=str(path), hint="remove the link") from None
    if not stat.S_ISREG(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
        raise ConfigurationError(
            f"this is a link to `{place}`, which is not a file of yours", file=str(path), hint="remove the link"
        )
    return place


@contextmanager
def _turn(path: Path, patience: float) -> Iterator[None]:
    """Holds the lock beside the file; the lock file stays, since removing it would let two in at once."""
    beside = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        end = time.monotonic() + patience
        while not lock(descriptor, wait=False):
            if time.monotonic() >= end:
                raise ConfigurationError("another process is editing the file", file=str(path), hint="try again")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Replaces the file in one step; it keeps its owner, and a first file is its owner's alone."""
    try:
        with replacing(path, 0o600) as file:
            file.write(text)
            if os.name == "posix" and path.exists():
                status = path.stat()
                with suppress(PermissionError):
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"can't write the file: {error.strerror}", file=str(path))
