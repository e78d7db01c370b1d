"""Fingerprints: what makes a finding the same finding after lines have moved."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest_governance.model import Finding

_BLOCK = 100
_BASE = 37
_WORD = (1 << 64) - 1
_END = "\uffff"


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

        Args:
            finding: the finding.
            file: its file as the repository names it.
            line: the text of its line; white space is ignored.
        """
        subject = finding.resource
        path = finding.location.path
        parts = (finding.policy, finding.rule, file, subject.api_version, subject.id, path, "".join(line.split()))
        # The length before each part keeps two lists of parts from running into the same text.
        text = "".join(f"{len(part)}:{part}" for part in parts)
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}:{self._seen[digest]}"


class LineHashes:
    """The hashes that GitHub code scanning recognises lines of one file by (`primaryLocationLineHash`).

    A line's hash is that of the first 100 UTF-16 units from its start on, white space within lines left
    out: a polynomial in 37 modulo 2^64. Equal hashes in a file are numbered. GitHub's own upload action
    computes the same where it is used; other ways of uploading need it in the report.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        bare = [line.replace(" ", "").replace("\t", "") for line in lines]
        self._text = "\n".join(bare) + _END
        self._starts = [0]
        for line in bare[:-1]:
            self._starts.append(self._starts[-1] + len(line) + 1)
        seen: Counter[str] = Counter()
        self._numbers: list[int] = []
        for at in range(len(self._starts)):
            block = self._block(at)
            seen[block] += 1
            self._numbers.append(seen[block])

    def of(self, line: int) -> str:
        """The hash of a line (1-based), as `hexadecimal:number`; empty where there is no such line."""
        if not 1 <= line <= len(self._starts):
            return ""
        return f"{_polynomial(self._block(line - 1)):x}:{self._numbers[line - 1]}"

    def _block(self, at: int) -> str:
        start = self._starts[at]
        return self._text[start : start + _BLOCK]


def _polynomial(block: str) -> int:
    units = block.encode("utf-16-le", "surrogatepass").ljust(2 * _BLOCK, b"\0")[: 2 * _BLOCK]
    value = 0
    for at in range(0, len(units), 2):
        value = (value * _BASE + int.from_bytes(units[at : at + 2], "little")) & _WORD
    return value
