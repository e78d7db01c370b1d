"""Starts a project: a commented configuration, a first policy with its test, a workflow. Overwrites nothing."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from attest_governance.errors import OutputError

TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    ".attest/policies.yaml": "policies.yaml",
    "policies/deployment/required-labels.rego": "required-labels.rego",
    "policies/deployment/required-labels_test.rego": "required-labels_test.rego",
    ".github/workflows/policy-validation.yml": "policy-validation.yml",
}
"""What is written, and the template that it is written from."""


class Scaffolded(msgspec.Struct, frozen=True):
    """A file of the new project, and whether it was written or was there before."""

    path: str
    action: Literal["written", "kept"]


class InitDocument(msgspec.Struct, frozen=True, tag_field="schema", tag="attest.continuu.ms/init/v1"):
    """What `attest policy init --format json` prints."""

    directory: str
    files: tuple[Scaffolded, ...]


def scaffold(directory: Path) -> tuple[Scaffolded, ...]:
    """Writes the files of a new project that are not there yet, into a folder that is made where it is missing.

    Raises:
        OutputError: a file can't be written, or a link leads out of the folder.
    """
    return tuple(Scaffolded(path, _write(directory, path, template)) for path, template in FILES.items())


def _write(directory: Path, path: str, template: str) -> Literal["written", "kept"]:
    target = directory / PurePosixPath(path)
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(directory.resolve()):
            raise OutputError("a link leads out of the project", file=str(target.parent), hint="remove the link")
        # Mode `x` refuses whatever is there, a link to nowhere included.
        with target.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        if target.parent.is_dir():
            return "kept"
        raise OutputError("a file is in the way of a folder", file=str(target.parent)) from None
    except OSError as error:
        raise OutputError(f"can't write the file: {error.strerror}", file=str(target)) from None
    return "written"
