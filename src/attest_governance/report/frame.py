"""A code frame: the offending line with a line of context and the span underlined."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from attest_governance.clean import is_plain, one_line

CONTEXT = 1
CUT = "…"
_TAB = "    "
_MAX_LINE = 4000
_WIDE = ("W", "F")


class Span(NamedTuple):
    """A place in a file: 1-based, the end exclusive; an `end_line` of 0 means a point."""

    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0


class Frame(NamedTuple):
    """Finished lines of a frame; `mark` is the index of the underline, -1 where there is none."""

    lines: list[str]
    mark: int


def frame(lines: Sequence[str], span: Span, width: int) -> Frame:
    """Draws the frame; no lines where the file has no such line.

    Args:
        lines: the file.
        span: the place to show; of a span over several lines the first is underlined.
        width: the columns that a line of the frame may take, gutter included.
    """
    if not 1 <= span.line <= len(lines):
        return Frame([], -1)
    first = max(1, span.line - CONTEXT)
    last = min(len(lines), span.line + CONTEXT)
    digits = len(str(last))
    room = max(20, width - digits - 3)
    start, end = _columns(lines[span.line - 1], span)
    view = _View(lines[span.line - 1], start, end, room)
    drawn: list[str] = []
    for number in range(first, last + 1):
        text = view.text if number == span.line else view.beside(lines[number - 1])
        drawn.append(f"{number:>{digits}} | {text}".rstrip())
        if number == span.line and view.underline:
            drawn.append(f"{'':>{digits}} | {view.underline}")
    mark = span.line - first + 1 if view.underline else -1
    # An empty line below says nothing; one above would move the mark and is rare.
    return Frame(drawn[:-1] if drawn[-1][digits:] == " |" else drawn, mark)


def _columns(line: str, span: Span) -> tuple[int, int]:
    """The underlined part of the line as 0-based offsets; empty where no column is known."""
    if span.column < 1 or span.column > len(line) + 1:
        return 0, 0
    start = span.column - 1
    ends_here = span.end_line in (0, span.line)
    end = span.end_column - 1 if ends_here and span.end_column else len(line.rstrip())
    if not span.end_line and not span.end_column:
        end = start + 1
    return start, max(start + 1, min(end, max(len(line.rstrip()), start + 1)))


class _View:
    """One line, cut around the span where it is too long, and its neighbours cut alike."""

    def __init__(self, line: str, start: int, end: int, room: int) -> None:
        self._room = room
        self._from = 0
        if is_plain(line) and len(line) <= room:
            self.text = line
            self.underline = " " * start + "^" * (end - start)
        else:
            self._from = max(0, start - room // 3) if len(line) > room else 0
            self.text, self.underline = self._cut(line, start, end)

    def beside(self, line: str) -> str:
        """A neighbouring line, from the same column on."""
        if is_plain(line) and len(line) <= self._room and not self._from:
            return line
        return self._cut(line, 0, 0)[0]

    def _cut(self, line: str, start: int, end: int) -> tuple[str, str]:
        text, marks = [CUT] if self._from else [], [" "] if self._from else []
        used = len(text)
        for offset in range(self._from, min(len(line), self._from + _MAX_LINE)):
            shown = _shown(line[offset])
            size = cells(shown)
            if used + size > self._room - 1 and offset + 1 < len(line):
                text.append(CUT)
                break
            text.append(shown)
            marks.append(("^" if start <= offset < end else " ") * size)
            used += size
        if end > len(line):
            marks.append("^")
        return "".join(text), "".join(marks).rstrip()


def _shown(character: str) -> str:
    if is_plain(character):
        return character
    return _TAB if character == "\t" else one_line(character)


def cells(text: str) -> int:
    """The columns that a text takes in a terminal: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
