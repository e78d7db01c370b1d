"""What is found about a compliance pack, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attest_governance.report import words

if TYPE_CHECKING:
    from attest_governance.model.packs import PackView


def lines(view: PackView) -> Iterator[str]:
    """What is proven, what the signer only states, and what is refused; the last line tells the outcome."""
    if view.made_at:
        versions = ", ".join(f"{name} {value}" for name, value in view.versions.items())
        yield f"a pack of {', '.join(view.frameworks) or 'no framework'}, made at {view.made_at} with {versions}"
    for standing in ("proven", "stated", "refused"):
        for check in view.checks:
            if check.standing == standing:
                yield f"{standing:<8} {check.name}: {check.detail}"
    refused = sum(check.standing == "refused" for check in view.checks)
    if view.intact:
        yield f"intact: {view.pack} is as `{view.signer}` signed it"
    else:
        yield f"refused: {view.pack}, for {words.count(refused, 'reason')}"
