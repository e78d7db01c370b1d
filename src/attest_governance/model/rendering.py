"""What charts and kustomizations render to, and which line of which file made each line of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from attest_governance.model.finding import Finding, Location, Rendered
from attest_governance.model.problem import Problem

if TYPE_CHECKING:
    from attest_governance.model.verdict import Checked, Skipped

Tool = Literal["helm", "kustomize", "plain"]
_PER_LINE = 4
"""The numbers that a line of a rendered text has in `RenderedDocument.places`."""
_SHOWN_LINES, _SHOWN_CHARACTERS = 5, 200
"""How much of what was rendered a finding shows."""


class RenderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How charts are rendered, as the options of `helm template` say it."""

    values: tuple[Path, ...] = ()
    """Files, of which the later wins."""
    set_values: tuple[str, ...] = ()
    """`key=value`, which win over files."""
    release: str = "release-name"
    namespace: str = ""
    """Of the release; `default` where it is empty."""
    kube_version: str = ""
    """The version of Kubernetes; that of Helm where it is empty."""
    api_versions: tuple[str, ...] = ()


class RenderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one rendering may cost."""

    seconds: Annotated[float, Meta(gt=0)] = 60.0
    memory: int = 1 << 30
    """Bytes of the heap."""
    output: int = 64 << 20
    """Bytes of all that is rendered."""
    files: int = 20_000
    """How many are read."""
    bytes: int = 256 << 20
    """Of these files together, unpacked."""


class RenderedFolder(msgspec.Struct, frozen=True):
    """A folder that is rendered before it is deployed."""

    path: str
    """As the user would type it."""
    real: str
    """Absolute and without links."""
    file: str
    """What makes it one, as the user would type it."""
    kind: Literal["helm", "library", "kustomize", "component"]
    uses: tuple[str, ...] = ()
    """What a kustomization brings in: folders and files, absolute and without links."""


class RenderedDocument(msgspec.Struct, frozen=True):
    """A text of one or more YAML documents that come from one place."""

    name: str
    """What the text is called where only its own places are known, such as `<rendered charts/web 1>`."""
    text: str
    places: tuple[int, ...] = ()
    """For each line of the text four numbers: the index of a file of the rendering, the line of it that made this one
    (0 where only the file is known), and the columns at which what stands there begins and ends; the first of them is
    negative where the two lines say the same."""
    elements: dict[str, tuple[int, int, int, int]] = {}
    """Such numbers for elements of lists whose first line was made elsewhere than they, by their path."""


class Rendering(msgspec.Struct, frozen=True):
    """What one folder renders to; with a problem there is nothing of it."""

    folder: str
    """As the user would type it."""
    tool: Tool
    documents: tuple[RenderedDocument, ...] = ()
    files: tuple[str, ...] = ()
    """The files that places index, as the user would type them."""
    templates: tuple[str, ...] = ()
    """Files, absolute and without links, that hold nothing, read as manifests, but what they render to."""
    bases: tuple[str, ...] = ()
    """Such files all of whose resources are among the rendered ones, changed or not."""
    patches: tuple[str, ...] = ()
    """Such files of patches that were applied."""
    read: tuple[str, ...] = ()
    """The folders of charts and kustomizations that took part, as the user would type them."""
    problem: Problem | None = None

    @property
    def instead(self) -> str:
        """Why a file is left out that is judged as a part of it."""
        return f"judged as `{self.folder}` renders it"

    def origin(self, document: RenderedDocument, line: int) -> tuple[str, int]:
        """The file and the line that made a line (from 1) of a document; line 0 where only the file is known."""
        at = (line - 1) * _PER_LINE
        if not 0 <= at < len(document.places):
            return "", 0
        return self.files[document.places[at]], document.places[at + 1]


class Origins:
    """Moves what is said of rendered texts to the files that they were rendered from."""

    def __init__(self, renderings: Iterable[Rendering]) -> None:
        every = tuple(renderings)
        self._known = {one.name: (rendering, one) for rendering in every for one in rendering.documents}
        self._read = {folder: one.folder for one in every for folder in one.read}

    def __bool__(self) -> bool:
        return bool(self._known)

    def finding(self, finding: Finding) -> Finding:
        """The finding where a person can end it, with what was rendered there."""
        known = self._known.get(finding.location.file)
        if known is None:
            return finding
        rendering, document = known
        at, same = _moved(rendering, document, finding.location)
        secret = finding.details.get("secret") is True
        excerpt = "" if same or secret else _excerpt(document.text, finding.location)
        rendered = Rendered(rendering.folder, rendering.tool, finding.location.line, excerpt)
        details = _within(finding.details, at)
        return msgspec.structs.replace(finding, location=at, rendered=rendered, details=details)

    def problem(self, problem: Problem) -> Problem:
        """The problem at the place of what was rendered."""
        known = self._known.get(problem.file)
        if known is None:
            return self._other(problem)
        rendering, document = known
        where = Location(
            problem.file, max(problem.line, 1), max(problem.column, 1), problem.end_line, problem.end_column
        )
        at, _ = _moved(rendering, document, where)
        message = f"{problem.message} (in what `{rendering.folder}` renders to, line {where.line})"
        moved = msgspec.structs.replace(
            problem, file=at.file, line=at.line, column=at.column, end_line=0, end_column=0, message=message
        )
        return self._other(moved)

    def _other(self, problem: Problem) -> Problem:
        known = self._known.get(problem.other_file)
        if known is None:
            return problem
        rendering, document = known
        file, _ = rendering.origin(document, 1)
        message = problem.message.replace(document.name, file)
        return msgspec.structs.replace(problem, other_file=file, message=message)

    def skipped(self, skipped: Skipped) -> Skipped:
        """What was no resource, where it was rendered from."""
        path = Path(skipped.file)
        if path.name.lower().startswith("kustomization") and (made := self._read.get(str(path.parent))) is not None:
            return msgspec.structs.replace(skipped, reason=f"a kustomization: what `{made}` renders to is judged")
        file, line = self._line(skipped.file, skipped.line)
        return msgspec.structs.replace(skipped, file=file, line=line)

    def checked(self, checked: Checked) -> Checked:
        """What was judged, where it was rendered from."""
        file, line = self._line(checked.file, checked.line)
        return msgspec.structs.replace(checked, file=file, line=line)

    def _line(self, file: str, line: int) -> tuple[str, int]:
        known = self._known.get(file)
        if known is None:
            return file, line
        rendering, document = known
        made, number = rendering.origin(document, line)
        return made or rendering.folder, max(number, 1)


def _moved(rendering: Rendering, document: RenderedDocument, at: Location) -> tuple[Location, bool]:
    """The place that made a place, and whether the same text stands there."""
    element = document.elements.get(at.path)
    if element is not None:
        index, line, begin, end = element
        return Location(rendering.files[index], max(line, 1), abs(begin), max(line, 1), max(end, 1), at.path), True
    file, line = rendering.origin(document, at.line)
    if not file or not line:
        return Location(file or rendering.folder, 1, 1, 1, 1, at.path), False
    begin, end = document.places[(at.line - 1) * _PER_LINE + 2 : at.line * _PER_LINE]
    if begin > 0:
        return Location(file, line, begin, line, max(end, begin), at.path), False
    text = document.text.split("\n")[at.line - 1]
    shift = -begin - (len(text) - len(text.lstrip()) + 1)
    last = at.end_column + shift if at.end_line == at.line else end
    return Location(file, line, max(at.column + shift, 1), line, max(last, 1), at.path), True


def _excerpt(text: str, at: Location) -> str:
    """The lines that were rendered, as far as they are shown."""
    last = max(at.line, min(at.end_line or at.line, at.line + _SHOWN_LINES - 1))
    return "\n".join(line[:_SHOWN_CHARACTERS] for line in text.split("\n")[at.line - 1 : last])


def _within(details: dict[str, Any], at: Location) -> dict[str, Any]:
    """The details with the span of the whole text (`within`) moved as well: reports mask it where it is secret."""
    if "within" not in details:
        return details
    return {**details, "within": [at.line, at.column, at.end_line, at.end_column]}
