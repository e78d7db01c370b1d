"""Fingerprints: what makes a finding the same finding after lines have moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import mul
from struct import unpack
from typing import TYPE_CHECKING

from attest_governance.model.finding import digest_of

if TYPE_CHECKING:
    from attest_governance.model import Finding

_BLOCK = 100
_BASE = 37
_WORD = (1 << 64) - 1
_END = "\uffff"
_UNITS = f"<{_BLOCK}H"
_POWERS = tuple(pow(_BASE, power, _WORD + 1) for power in reversed(range(_BLOCK)))


class Fingerprints:
    """Gives each finding of a run a fingerprint of its own.

    It is made of the policy, the rule, the resource, the field and the text of the line, so that it
    stays when lines are added above, and changes when the line at fault is changed. Findings that
    agree in all of that are numbered in their order.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, finding: Finding, file: str, line: str) -> str:
        """The fingerprint of the next finding, 32 hexadecimal digits and a number.

        `file` is as the repository names it; of `line`, the text of its line, white space is ignored.
        """
        subject = finding.resource
        path = finding.location.path
        parts = (finding.policy, finding.rule, file, subject.api_version, subject.id, path, "".join(line.split()))
        digest = digest_of(parts)
        self._seen[digest] += 1
        return f"{digest}:{self._seen[digest]}"


class LineHashes:
    """The hashes that GitHub code scanning recognises lines of one file by (`primaryLocationLineHash`).

    A line's hash is that of the first 100 UTF-16 units from its start on, white space within lines left
    out: a polynomial in 37 modulo 2^64. Equal hashes in a file are numbered. GitHub's own upload action
    computes the same where it is used; other ways of uploading need it in the report.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        bare = "\n".join(lines).replace(" ", "").replace("\t", "")
        self._bare, self._text, self._plain = bare.split("\n"), bare + _END, bare.isascii()
        self._seen: dict[str, int] = {}
        self._blocks: list[tuple[str, int]] = []
        self._start = 0
        self._known: dict[int, str] = {}

    def of(self, line: int) -> str:
        """The hash of a line (1-based), as `hexadecimal:number`; empty where there is no such line."""
        if not 1 <= line <= len(self._bare):
            return ""
        known = self._known.get(line)  # several findings may stand on one
        if known is None:
            self._reach(line)
            block, number = self._blocks[line - 1]
            units = block.encode("utf-16-le", "surrogatepass").ljust(2 * _BLOCK, b"\0")
            value: int = sum(map(mul, unpack(_UNITS, units), _POWERS))
            known = self._known[line] = f"{value & _WORD:x}:{number}"
        return known

    def _reach(self, line: int) -> None:
        """Looks at all lines up to one: findings come in the order of lines, and few look at the last one."""
        seen, start = self._seen, self._start
        for bare in self._bare[len(self._blocks) : line]:
            block = self._text[start : start + _BLOCK]
            if not self._plain:  # characters may be two units
                units = block.encode("utf-16-le", "surrogatepass")[: 2 * _BLOCK]
                block = units.decode("utf-16-le", "surrogatepass")
            number = seen[block] = seen.get(block, 0) + 1
            start += len(bare) + 1
            self._blocks.append((block, number))
        self._start = start
