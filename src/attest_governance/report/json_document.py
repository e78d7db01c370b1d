"""`--format json`: one document, the same bytes for the same outcome."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.report.clean import UNSAFE_BEYOND_C0, inert, inert_json
from attest_governance.report.document import document, entries, without_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest_governance.model import Outcome
    from attest_governance.report.interface import ReportOptions

# The encoder escapes C0, as JSON must; all other characters that could mislead a reader or a terminal
# are escaped as well, which changes no value.
_UNSAFE = re.compile(f"[{UNSAFE_BEYOND_C0}]")


_PART = 500
_NONE, _OPEN, _CLOSE = '"findings": []', '"findings": [', "\n  ]"
_BEFORE, _AFTER = f"{{\n  {_OPEN}", f"{_CLOSE}\n}}"


class JsonReporter:
    """Prints the document of `document.py` with an indentation of two."""

    def write(self, outcome: Outcome, out: TextIO, options: ReportOptions) -> None:  # noqa: ARG002
        """See `Reporter.write`."""
        # No free text stands before the findings, so the first mark is that of their list.
        before, mark, after = to_json(document(outcome)).partition(_NONE)
        out.write(before)
        out.write(mark if not outcome.findings else _OPEN)
        out.writelines(_findings(outcome))
        out.write(f"{after}\n")


def _findings(outcome: Outcome) -> Iterator[str]:
    """The list of findings in parts, which keeps the memory of a large report small and in the processor's caches."""
    every = entries(outcome.findings)
    opened, closed = len(_BEFORE), -len(_AFTER)
    separator = ""
    while part := list(islice(every, _PART)):
        yield separator
        yield to_json({"findings": part})[opened:closed]
        separator = ","
    if separator:
        yield _CLOSE


def write_shown(document: object, lines: Iterable[str], name: str, out: TextIO) -> None:
    """Writes a result in the format `name`: the document as `json`, else its lines, each of which is clean already."""
    out.write(f"{to_json(document)}\n" if name == "json" else inert("".join(f"{line}\n" for line in lines)))


def to_json(value: object, indent: int = 2) -> str:
    """JSON in which every character is safe to look at; on one line where the indentation is negative."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(without_surrogates(msgspec.to_builtins(value)))
    text = (encoded if indent < 0 else msgspec.json.format(encoded, indent=indent)).decode()
    if not encoded.isascii() or b"\x7f" in encoded:  # else there is nothing to escape, and looking is slow
        text = _UNSAFE.sub(_escape, text)
    return inert_json(text)


def _escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
