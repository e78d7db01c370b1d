"""Where the files that belong to the package are: the Go programs and the shipped policies.

Both are found in an installed wheel and in a checkout that is installed in place.
"""

from __future__ import annotations

import os
from pathlib import Path

from attest_governance.errors import EngineError, InputError, PolicyError

PACKAGE = Path(__file__).resolve().parent
LIBRARY = "lib"
"""The folder of the shipped policies whose rules any policy may use."""


def engine_path() -> Path:
    """The engine's executable: the file that `ATTEST_ENGINE` names, else the one in the package.

    Raises:
        EngineError: there is no such file, or it is not executable.
    """
    return _program("attest-engine", "the engine", "ATTEST_ENGINE")


def render_path() -> Path:
    """The executable that renders charts: the file that `ATTEST_RENDER` names, else the one in the package.

    Raises:
        EngineError: there is no such file, or it is not executable.
    """
    return _program("attest-render", "the program that renders", "ATTEST_RENDER")


def _program(name: str, what: str, variable: str) -> Path:
    named = os.environ.get(variable, "")
    path = Path(named) if named else PACKAGE / "bin" / (f"{name}.exe" if os.name == "nt" else name)
    if not path.is_file():
        hint = f"correct or unset {variable}" if named else _install_hint()
        raise EngineError(f"{what} `{path}` does not exist", hint=hint)
    if not os.access(path, os.X_OK):
        raise EngineError(f"{what} `{path}` is not executable", hint=f"run `chmod +x {path}`")
    return path


def shipped_policies() -> Path:
    """The folder of the policies that ship with the package.

    Raises:
        PolicyError: the folder is missing.
    """
    return _shipped("policies")


def shipped_frameworks() -> Path:
    """The folder of the compliance frameworks that ship with the package.

    Raises:
        PolicyError: the folder is missing.
    """
    return _shipped("frameworks")


def _shipped(name: str) -> Path:
    installed, checkout = PACKAGE / name, _checkout() / name
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise PolicyError(f"the shipped {name} are missing: `{installed}` does not exist", hint=_install_hint())


def deploy_files() -> Path:
    """The folder of what runs the server in a cluster.

    Raises:
        InputError: the folder is missing.
    """
    installed, checkout = PACKAGE / "deploy", _checkout() / "deploy"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise InputError(f"the manifests are missing: `{installed}` does not exist", hint=_install_hint())


def shipped_folders(shipped: Path) -> tuple[str, ...]:
    """The folders of the shipped policies, which make way for those of a project."""
    return tuple(sorted(str(path) for path in shipped.iterdir() if path.is_dir() and path.name != LIBRARY))


def _checkout() -> Path:
    """The repository's root, where the package is used from `src`."""
    return PACKAGE.parent.parent


def _install_hint() -> str:
    in_checkout = (_checkout() / "engine" / "go.mod").is_file()
    return "run `make engine`" if in_checkout else "install the product again, with `--force-reinstall`"
