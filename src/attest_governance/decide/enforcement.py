"""How much a finding weighs: what its rule says, and what configuration makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attest_governance.model import Enforcement, Finding

_WEIGHT: dict[Enforcement, int] = {"strict": 2, "warn": 1, "dryrun": 0}


def enforce(findings: Iterable[Finding], configured: Callable[[str], Enforcement | None]) -> tuple[Finding, ...]:
    """Gives each finding the enforcement that holds for it.

    Args:
        findings: with the enforcement that their rule or constraint states.
        configured: the enforcement that configuration gives a policy by name, None where it is silent.
    """
    return tuple(_enforced(finding, configured(finding.policy)) for finding in findings)


def level(stated: Enforcement, engine: str, configured: Enforcement | None) -> Enforcement:
    """The enforcement that holds, of what a rule or constraint states and what configuration says.

    A plain policy's `warn` rule stays a warning under `strict`; configuration only lowers. A
    Gatekeeper constraint states its own action, which configuration may replace either way.
    """
    if configured is None or (engine == "opa" and _WEIGHT[configured] > _WEIGHT[stated]):
        return stated
    return configured


def _enforced(finding: Finding, configured: Enforcement | None) -> Finding:
    holds = level(finding.enforcement, finding.engine, configured)
    return finding if holds == finding.enforcement else msgspec.structs.replace(finding, enforcement=holds)
