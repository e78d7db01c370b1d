"""Where the files that belong to the package are: the engine and the shipped policies.

Both are found in an installed wheel and in a checkout that is installed in place.
"""

from __future__ import annotations

import os
from pathlib import Path

from attest_governance.errors import EngineError, PolicyError

PACKAGE = Path(__file__).resolve().parent
LIBRARY = "lib"
"""The folder of the shipped policies whose rules any policy may use."""


def engine_path() -> Path:
    """The engine's executable: the file that `ATTEST_ENGINE` names, else the one in the package.

    Raises:
        EngineError: there is no such file, or it is not executable.
    """
    named = os.environ.get("ATTEST_ENGINE", "")
    path = Path(named) if named else PACKAGE / "bin" / _executable()
    if not path.is_file():
        hint = "correct or unset ATTEST_ENGINE" if named else _install_hint()
        raise EngineError(f"the engine `{path}` does not exist", hint=hint)
    if not os.access(path, os.X_OK):
        raise EngineError(f"the engine `{path}` is not executable", hint=f"run `chmod +x {path}`")
    return path


def shipped_policies() -> Path:
    """The folder of the policies that ship with the package.

    Raises:
        PolicyError: the folder is missing.
    """
    installed, checkout = PACKAGE / "policies", _checkout() / "policies"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise PolicyError(f"the shipped policies are missing: `{installed}` does not exist", hint=_install_hint())


def shipped_folders(shipped: Path) -> tuple[str, ...]:
    """The folders of the shipped policies, which make way for those of a project."""
    return tuple(sorted(str(path) for path in shipped.iterdir() if path.is_dir() and path.name != LIBRARY))


def _checkout() -> Path:
    """The repository's root, where the package is used from `src`."""
    return PACKAGE.parent.parent


def _executable() -> str:
    return "attest-engine.exe" if os.name == "nt" else "attest-engine"


def _install_hint() -> str:
    in_checkout = (_checkout() / "engine" / "go.mod").is_file()
    return "run `make engine`" if in_checkout else "install the product again, with `--force-reinstall`"
