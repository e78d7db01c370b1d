"""Which decisions of a log others would have been: each is taken again, at its own moment, by another runtime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.decide.failure import answer
from attest_governance.errors import AttestError
from attest_governance.exempt.times import parse_instant
from attest_governance.model.sources import Manifests, Text
from attest_governance.server.current import failing

if TYPE_CHECKING:
    from attest_governance.model.decision import Decision
    from attest_governance.runtime import Runtime

SCHEMA = "attest.continuu.ms/replay/v1"
Replayed = Literal["equal", "different", "undecided", "not replayable"]


class Replay(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one decision."""

    id: str
    resource: str
    became: Replayed
    before: str
    """The verdict that was."""
    after: str = ""
    """The verdict that would be."""
    reasons: tuple[str, ...] = ()
    """`[policy] message` of what would be said, or why it can't be told."""


class ReplayReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What became of the decisions of a log."""

    schema: str = SCHEMA
    equal: int
    different: int
    undecided: int
    not_replayable: int
    decisions: tuple[Replay, ...]
    """Those that are not equal."""


def report(replays: Sequence[Replay]) -> ReplayReport:
    """Counts what became of decisions."""
    counts = Counter(one.became for one in replays)
    return ReplayReport(
        equal=counts["equal"],
        different=counts["different"],
        undecided=counts["undecided"],
        not_replayable=counts["not replayable"],
        decisions=tuple(one for one in replays if one.became != "equal"),
    )


def replay(runtime: Runtime, decisions: Iterable[Decision]) -> Iterator[Replay]:
    """Takes decisions again. Nothing is put on record: nothing is deployed by it."""
    for one in decisions:
        resource = one.resource.id if one.resource else one.door
        known = Replay(one.id, resource, "not replayable", one.verdict)
        if one.input is None or one.masked:
            why = "its input was not kept" if one.input is None else "parts of its input are masked"
            yield msgspec.structs.replace(known, reasons=(why,))
        else:
            yield _again(runtime, one, known)


def _again(runtime: Runtime, decision: Decision, known: Replay) -> Replay:
    review = Text(decision.id, msgspec.json.encode(decision.input).decode())
    try:
        now = parse_instant(decision.time)
        outcome = runtime.judge(Manifests(review=review), now, recorded=False)
    except (AttestError, ValueError) as error:
        return msgspec.structs.replace(known, became="undecided", reasons=(str(error),))
    decided = answer(outcome.findings, outcome.problems, runtime.rules, failing(runtime))
    said = [f"[{one.policy}] {one.message}" for one in outcome.findings if one.waiver is None]
    failed = [one.message for one in decided.failures]
    became: Replayed = "equal" if decided.verdict == decision.verdict else "different"
    if decided.verdict == "error":
        became = "undecided"
    return msgspec.structs.replace(known, became=became, after=decided.verdict, reasons=(*said, *failed))
