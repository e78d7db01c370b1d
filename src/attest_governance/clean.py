r"""Makes hostile text harmless to those who read it.

Messages, names and lines of manifests are written by others. Escape sequences could rewrite a
terminal, bidirectional controls could reorder what a reviewer sees, invisible characters could hide
a difference, and a line that starts with `::` is an order to the runner of a GitHub workflow.
Such characters are shown as the escapes that a programmer would write: `\x1b`, `\u202e`.
"""

from __future__ import annotations

import io
import re
from typing import BinaryIO

# DEL and C1, then what is invisible or reorders: soft hyphen, Arabic letter mark, Hangul and
# Mongolian fillers, zero-width and directional marks, line separators, embeddings, isolates,
# variation-like fillers, BOM, interlinear annotations, surrogates, noncharacters, language tags.
# ZWJ and ZWNJ stay: emoji and several scripts are spelled with them.
UNSAFE_BEYOND_C0 = (
    "\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
UNSAFE = f"\x00-\x1f{UNSAFE_BEYOND_C0}"
_UNSAFE = re.compile(f"[{UNSAFE}]")
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n"})
# Colours, and the erasing of a line of progress: what this program itself says to a terminal.
_ACTIVE = re.compile(f"(\x1b\\[[0-9;]*m|\r\x1b\\[K)|[\x00-\x08\x0b-\x1f{UNSAFE_BEYOND_C0}]")
_WORKFLOW_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)


def _escape(match: re.Match[str]) -> str:
    return escape_of(match.group())


def escape_of(character: str) -> str:
    r"""The escape that stands for a character: `\n`, `\x1b`, `\u202e` or `\U000e0041`."""
    return character.encode("unicode_escape").decode("ascii")


def is_plain(text: str) -> bool:
    """Whether nothing in a text needs attention; quick, may say no to text that is harmless."""
    return text.isascii() and text.isprintable()


def one_line(text: str) -> str:
    """A text as one harmless line: line breaks are shown as escapes too."""
    if is_plain(text):
        return text
    return _UNSAFE.sub(_escape, text)


def lines(text: str) -> list[str]:
    """A text as harmless lines; the break is the line feed, with or without a carriage return."""
    if is_plain(text):
        return [text]
    return [one_line(line) for line in text.replace("\r\n", "\n").split("\n")]


def block(text: str) -> str:
    """A text with its line feeds kept and all else harmless."""
    return "\n".join(lines(text))


def inert_json(text: str) -> str:
    r"""The same for JSON and for YAML in double quotes, without changing a value: `##[` as `##\u005b`."""
    # To look for one character first takes a twentieth of the time, and most texts have none.
    return text.replace("##[", "##\\u005b") if "#" in text else text


def inert(text: str) -> str:
    """Takes the force out of what a GitHub runner would obey (`::add-mask::`, `##[group]`)."""
    if "::" in text:
        text = _WORKFLOW_COMMAND.sub(r"\1\\x3a", text)
    return text.replace("##[", "##\\x5b") if "##[" in text else text


class InertStream(io.TextIOWrapper):
    """A stream that nobody who reads it obeys: whatever is written to it is shown.

    It is what standard output and standard error are, so that a command that forgets to clean a word does no harm.

    Args:
        buffer: where the bytes go.
        terminal: whether the program's own colours are let through.
        encoding: of the bytes; what it lacks is shown as escapes.
        newline: as in `open`.
        line_buffering: as in `open`.
    """

    def __init__(
        self,
        buffer: BinaryIO,
        *,
        terminal: bool,
        encoding: str = "utf-8",
        newline: str | None = None,
        line_buffering: bool = False,
    ) -> None:
        super().__init__(
            buffer, encoding=encoding, errors="backslashreplace", newline=newline, line_buffering=line_buffering
        )
        self._terminal = terminal
        self._at_start = True  # nothing but space stands on the line yet

    def write(self, text: str) -> int:
        """Writes a text, with all that could be obeyed as escapes."""
        shown = text if _is_quiet(text) else _ACTIVE.sub(self._escape, text)
        first, feed, rest = shown.partition("\n")
        super().write((inert if self._at_start else _inert_later)(first) + feed + inert(rest))
        last = rest.rpartition("\n")[2] if feed else first
        self._at_start = not last.strip() and (bool(feed) or self._at_start)
        return len(text)

    def _escape(self, match: re.Match[str]) -> str:
        return match[0] if match[1] and self._terminal else one_line(match[0])


def _is_quiet(text: str) -> bool:
    """Whether nothing in a text needs escapes; takes a tenth of the time that looking for it takes, and may say no."""
    return text.isascii() and len(text.encode().translate(None, _CONTROLS)) == len(text)


def _inert_later(text: str) -> str:
    """Of what stands behind something on its line, a runner obeys only this."""
    return text.replace("##[", "##\\x5b")
