"""Parts of lists on their way to the engine: in files of a private folder, but for Secrets, which stay in memory."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Kind
from attest_governance.adapters.listing import objects
from attest_governance.errors import GoneError, OutputError
from attest_governance.model.sources import Manifests, Text

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Head, Page, WholeCluster

_TRIES = 3
"""How often a list is begun that the cluster forgets before it is whole."""
_TOGETHER = 100
"""Objects in a file: all of a file are decoded before the first is judged."""
POINT = "audit.gatekeeper.sh"
"""Of Gatekeeper's scoped actions, those of audits count."""


class Part(msgspec.Struct, frozen=True):
    """A part of a list; `text` is None where it is in a file of that name."""

    file: str
    kind: Kind
    text: str | None = None
    beside: bool = False
    """Whether it is there to be looked up alone: its objects are in no namespace that is judged."""


class Spool:
    """What was listed of a cluster. Use it as a context: at its end nothing is left.

    Args:
        cluster: whose objects they are.
        within: where the private folder is made; None for where the system has such folders.
    """

    def __init__(self, cluster: WholeCluster, within: Path | None = None) -> None:
        self._cluster, self._within = cluster, within
        self.cluster = cluster.name
        self._folder = Path()
        self._count = 0
        self.parts: dict[Kind, tuple[Part, ...]] = {}
        self.versions: dict[Kind, str] = {}
        """The version of each list, from which a watch may go on."""

    def __enter__(self) -> Spool:
        with _explained(self._within):
            self._folder = Path(tempfile.mkdtemp(prefix="attest-audit-", dir=self._within))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, kind: Kind, namespaces: Collection[str] = (), *, whole: bool = False) -> tuple[Head, ...]:
        """Takes all objects of a kind, or those in some namespaces, and returns the heads of these.

        Args:
            kind: the kind.
            namespaces: where they are; empty for everywhere.
            whole: whether the others are taken as well, to be looked up.

        Raises:
            ClusterError: the cluster can't be asked.
            OutputError: there is no room for them.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._taken(kind, namespaces, whole=whole)
            except GoneError:
                if attempt == _TRIES:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def drop(self, kind: Kind) -> None:
        """Removes what was taken of a kind."""
        self.versions.pop(kind, None)
        for part in self.parts.pop(kind, ()):
            if part.text is None:
                Path(part.file).unlink(missing_ok=True)

    def manifests(self, judged: Collection[Kind], looked_up: Collection[Kind] = ()) -> Manifests:
        """What was taken of some kinds, to be judged, and of others to be looked up."""
        parts = [(part, kind in judged and not part.beside) for kind, some in self.parts.items() for part in some]
        subject = [part for part, is_judged in parts if is_judged]
        beside = [part for part, is_judged in parts if not is_judged and part.kind in looked_up]
        return Manifests(
            paths=tuple(part.file for part in subject if part.text is None),
            inputs=tuple(Text(part.file, part.text) for part in subject if part.text is not None),
            inventory=tuple(part.file for part in beside if part.text is None),
            inventory_inputs=tuple(Text(part.file, part.text) for part in beside if part.text is not None),
            enforcement_point=POINT,
        )

    def _taken(self, kind: Kind, namespaces: Collection[str], *, whole: bool) -> tuple[Head, ...]:
        self.drop(kind)
        heads: list[Head] = []
        parts: list[Part] = []
        self.parts[kind] = ()
        for namespace in ("",) if whole or not namespaces else namespaces:
            for page in self._cluster.pages(kind, namespace):
                self.versions[kind] = page.version
                inside = [not (whole and namespaces) or head.namespace in namespaces for head in page.heads]
                heads += (head for head, counts in zip(page.heads, inside, strict=True) if counts)
                parts += self._parts(kind, page, inside)
                self.parts[kind] = tuple(parts)
        return tuple(heads)

    def _parts(self, kind: Kind, page: Page, inside: list[bool]) -> Iterator[Part]:
        """Files with an object a line: where something is in a list, that takes as long to find as the list is."""
        every = objects(page, kind)
        for beside in (False, True):
            some = [content for content, counts in zip(every, inside, strict=True) if counts != beside]
            for start in range(0, len(some), _TOGETHER):
                yield self._part(kind, b"\n".join(some[start : start + _TOGETHER]), beside=beside)

    def _part(self, kind: Kind, content: bytes, *, beside: bool = False) -> Part:
        self._count += 1
        file = str(self._folder / f"{self._count:06}.json")
        if (kind.api_version, kind.kind) == ("v1", "Secret"):
            return Part(file, kind, content.decode("utf-8", "replace"), beside)
        with _explained(self._within):
            Path(file).write_bytes(content)
        return Part(file, kind, None, beside)


@contextlib.contextmanager
def _explained(within: Path | None) -> Iterator[None]:
    """Says of an error of the system what could not be done."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"can't keep what the cluster lists: {error.strerror or error}".lower(),
            file=str(within or tempfile.gettempdir()),
            hint="name a folder with more room by TMPDIR",
        ) from error
