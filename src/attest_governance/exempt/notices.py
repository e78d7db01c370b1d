"""What a person must read about exemptions beside the findings: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.exempt.exemption import Exemption, Override
from attest_governance.exempt.times import format_instant

if TYPE_CHECKING:
    from attest_governance.exempt.apply import Exempted


def notices(exempted: Exempted) -> tuple[str, ...]:
    """Sentences for the text reports: overrides first, then what ended, ends soon, is unused or refused."""
    return (
        *(f"EMERGENCY OVERRIDE IN FORCE: {_named(one)}, {_waived(count)}" for one, count in _overrides(exempted)),
        *(f"exemption expired: {_named(one)}" for one in exempted.expired),
        *(f"exemption expires within 7 days: {_named(one)}" for one in exempted.expiring),
        *(f"exemption covers nothing in this run: {_named(one)}" for one in exempted.unused),
        *(f"annotation not honoured: {one.resource} ({one.file}:{one.line}): {one.reason}" for one in exempted.refused),
    )


def _overrides(exempted: Exempted) -> list[tuple[Exemption, int]]:
    idle = [(one, 0) for one in exempted.unused if isinstance(one, Override)]
    return [pair for pair in exempted.applied if isinstance(pair[0], Override)] + idle


def _named(exemption: Exemption) -> str:
    who = exemption.id or exemption.source
    end = format_instant(exemption.expires_at)
    return f"{exemption.scope} until {end} ({exemption.kind}{', ' + who if who else ''}): {exemption.reason}"


def _waived(count: int) -> str:
    return f"{count} finding{'' if count == 1 else 's'} waived"
