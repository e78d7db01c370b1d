"""What a check must know of the trail, without reading it: what was taken away, and how late it has been.

The answer is kept beside the trail, as far as it was read, with the hash of the entry up to which it
holds. That hash covers all entries before it, so an answer about another trail, or about one that was
cut, is noticed and found out again. It belongs to this machine like the trail itself (ADR 0015), and
is worth as much: `attest audit verify` takes nothing from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import parse_instant
from attest_governance.govern.records.event import TAKING, ensure_clock
from attest_governance.govern.trail.audit import entry_of
from attest_governance.model.governance import Entry

if TYPE_CHECKING:
    from attest_governance.adapters.store_trail import TrailFile

_KEEP_FROM = 1 << 16
"""How many bytes of the trail may be read again by each check."""
_MARKS = tuple(f'.{act}"'.encode() for act in TAKING)


class Known(msgspec.Struct, frozen=True):
    """What is known of the first `size` bytes of a trail."""

    size: int = 0
    hash: str = ""
    """That of the last entry."""
    last: str = ""
    """When the last entry was made: entries are never older than those before them."""
    taken: tuple[Entry, ...] = ()
    """The rejections and revocations."""

    @property
    def latest(self) -> datetime | None:
        """When the last entry was made; `None` where there is none."""
        try:
            return parse_instant(self.last) if self.last else None
        except ValueError as error:
            raise GovernanceError(f"the audit trail is damaged: {error}") from error

    def ensure_not_after(self, now: datetime) -> None:
        """Insists that the clock is not behind the trail.

        Raises:
            GovernanceError: it is, by more than `CLOCK_SKEW`: what has ended could be revived, and
                what a key signs could be dated back to when it was good.
        """
        if self.latest:
            ensure_clock(now, self.latest, "the audit trail of this machine holds an entry")


def known(trail: TrailFile) -> Known:
    """What the whole trail says, of which only its new lines are read.

    Raises:
        GovernanceError: a line that must be read is no entry.
    """
    before = _kept(trail)
    after = before
    for block in trail.blocks(before.size):
        last = entry_of(block[block.rfind(b"\n", 0, -1) + 1 : -1], trail.name, 0)
        taken = (*after.taken, *_taken(block, trail.name))
        after = Known(after.size + len(block), last.hash, max(after.last, last.at), taken)
    if after.size - before.size > _KEEP_FROM:
        trail.keep_index(msgspec.json.encode(after))
    return after


def _kept(trail: TrailFile) -> Known:
    try:
        kept = decode(trail.index() or b"{}", Known)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Known()
    line = trail.line_before(kept.size) if kept.size > 0 else b""
    return kept if line and entry_of(line, trail.name, 0).hash == kept.hash else Known()


def _taken(block: bytes, name: str) -> Iterator[Entry]:
    for start in sorted({block.rfind(b"\n", 0, at) + 1 for at in _places(block)}):
        entry = entry_of(block[start : block.index(b"\n", start)], name, 0)
        if entry.kind.rpartition(".")[2] in TAKING:
            yield entry


def _places(block: bytes) -> Iterator[int]:
    for mark in _MARKS:
        at = block.find(mark)
        while at >= 0:
            yield at
            at = block.find(mark, at + 1)
