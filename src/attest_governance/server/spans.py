"""The parts of a request, as traces show them: the wait for a turn, the judgement, the log. Else nobody asks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from attest_governance.model import Outcome

    Attributes: TypeAlias = Mapping[str, str | int | float]


_NOTHING = contextlib.nullcontext()


class Spans(Protocol):
    """Takes the parts of the request that the context belongs to. Any thread may tell of one."""

    def waited(self, since: int) -> None:
        """A request waited for its turn from a moment (nanoseconds since 1970) until now."""

    def part(self, name: str) -> contextlib.AbstractContextManager[None]:
        """What is done within is one part."""

    def judged(self, outcome: Outcome) -> None:
        """The part that goes on came to an outcome."""


class NoSpans:
    """Nobody asks."""

    def waited(self, since: int) -> None:
        """Is told for nothing."""

    def part(self, name: str) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 (the port's)
        """Nothing is kept of it."""
        return _NOTHING

    def judged(self, outcome: Outcome) -> None:
        """Is told for nothing."""


def said_of(outcome: Outcome) -> Attributes:
    """What a trace holds of a judgement: how it ended, how much was found, and how long each evaluator took."""
    told: dict[str, str | int | float] = {
        "attest.verdict": outcome.summary.verdict,
        "attest.findings": len(outcome.findings),
        "attest.waived": sum(one.waiver is not None for one in outcome.findings),
        "attest.problems": len(outcome.problems),
    }
    return told | {f"attest.{engine}.seconds": nanoseconds / 1e9 for engine, nanoseconds in outcome.spent.items()}
