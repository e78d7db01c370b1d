"""Keeps what charts and kustomizations rendered to: one file a folder, as it was judged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from attest_governance.report.output import write_file

if TYPE_CHECKING:
    from attest_governance.model import Rendering


def write_rendered(renderings: Sequence[Rendering], folder: Path) -> None:
    """Writes `FOLDER/<path of what was rendered>/<tool>.yaml` for each, with the file that each document comes from.

    Raises:
        OutputError: it can't be written.
    """
    for one in renderings:
        if one.problem is None:
            parts = [part for part in Path(one.folder).parts if part not in ("..", Path(one.folder).anchor)]
            write_file(folder.joinpath(*parts, f"{one.tool}.yaml"), partial(_write, one))


def _write(rendering: Rendering, out: TextIO) -> None:
    for document in rendering.documents:
        file, _ = rendering.origin(document, 1)
        source = "".join(character for character in file if character.isprintable())
        separator = "" if document.text.lstrip().startswith("---") else "---\n"
        out.write(
            f"{separator}# Source: {source}\n{document.text.rstrip()}\n" if separator else f"{document.text.rstrip()}\n"
        )
