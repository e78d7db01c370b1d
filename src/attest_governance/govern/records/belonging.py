"""Which project a record belongs to, so that none counts in a repository into which it was copied.

A project has a random id, in a trust file. Each event carries it from then on. Records that were signed
before count as long as that file lists their requests: `adopt` writes it so that none is lost.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import ConfigurationError, GovernanceError, OutputError

if TYPE_CHECKING:
    from attest_governance.govern.records.event import Event
    from attest_governance.govern.records.record import Record

IDENTITY_FILE = ".attest/governance/project"

_ID_BYTES = 16
_LINE = re.compile(r"(project) ([0-9a-f]{32})|(adopted) (sha256:[0-9a-f]{64})(?: [a-z0-9-]+)?")
_HEADER = "# Records signed for another project don't count in this one. Of those without a project, the adopted do.\n"


class Identity(msgspec.Struct, frozen=True):
    """A project's id, empty where it has none, and the requests without one that it has adopted, by digest."""

    id: str = ""
    adopted: frozenset[str] = frozenset()

    def owns(self, request: Event) -> bool:
        """Whether a request was made for this project, or adopted by it."""
        return request.project == self.id or (not request.project and request.digest in self.adopted)


def parse_identity(text: str) -> Identity:
    """Reads the file; an empty one is none.

    Raises:
        ConfigurationError: a line can't be read, or there is no id or more than one. With file and line.
    """
    ids, adopted = list[str](), set[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise _refused("the line is neither `project` and 32 hexadecimal digits nor `adopted` and a digest", number)
        ids += [found[2]] if found[1] else []
        adopted |= {found[4]} if found[3] else set()
        if len(ids) > 1:
            raise _refused("the project has two ids", number)
    if text and not ids:
        raise _refused("there is no line `project ID`", 1)
    return Identity("".join(ids), frozenset(adopted))


def ensure_own(identity: Identity, record: Record) -> None:
    """Insists that a record was signed for a project. A policy set says by its digests what it follows.

    Raises:
        GovernanceError: it was signed for another one, or was not adopted.
    """
    request = record.request
    if request.event.subject == "policy-set":
        return
    for signed in record.events:
        if signed.event.project not in ("", identity.id):
            raise GovernanceError(f"it was signed for another project, {signed.event.project}", file=signed.where)
    if not identity.owns(request.event):
        raise GovernanceError(
            "it was signed before this project had an id, and was not adopted",
            file=request.where,
            hint="if it is one of yours, `attest governance migrate` adopts it",
        )


def adopt(root: Path, identity: Identity, requests: Iterable[Event]) -> Identity:
    """Gives a project its id, where it has none, and adopts requests that were made without one.

    Raises:
        OutputError: the file can't be written.
    """
    lines = [f"adopted {one.digest} {one.id}" for one in requests]
    begin = [] if identity.id else [_HEADER + f"project {secrets.token_hex(_ID_BYTES)}"]
    path = root / IDENTITY_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if identity.id else "x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in (*begin, *lines))
        return parse_identity(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"the project's id can't be written: {error.strerror}", file=IDENTITY_FILE) from error


def _refused(message: str, line: int) -> ConfigurationError:
    return ConfigurationError(message, file=IDENTITY_FILE, line=line, hint="restore the file from version control")
