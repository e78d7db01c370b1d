r"""Makes hostile text harmless to those who read it.

Messages, names and lines of manifests are written by others. Escape sequences could rewrite a
terminal, bidirectional controls could reorder what a reviewer sees, invisible characters could hide
a difference, and a line that starts with `::` is an order to the runner of a GitHub workflow.
Such characters are shown as the escapes that a programmer would write: `\x1b`, `\u202e`.
"""

from __future__ import annotations

import re

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
    return text.replace("##[", "##\\u005b") if "##[" in text else text


def inert(text: str) -> str:
    """Takes the force out of what a GitHub runner would obey (`::add-mask::`, `##[group]`)."""
    if "::" in text:
        text = _WORKFLOW_COMMAND.sub(r"\1\\x3a", text)
    return text.replace("##[", "##\\x5b") if "##[" in text else text
