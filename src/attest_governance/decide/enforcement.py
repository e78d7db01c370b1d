"""How much a finding weighs: what its rule says, and what configuration makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from attest_governance.model import Enforcement, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from attest_governance.model import Finding

_WEIGHT: dict[Enforcement, int] = {"strict": 2, "warn": 1, "dryrun": 0}


class Weights(msgspec.Struct, frozen=True):
    """What configuration makes of findings, by the name of their policy; it may be silent."""

    enforcement: Mapping[str, Enforcement | None] = {}
    severity: Mapping[str, Severity] = {}
    off: frozenset[str] = frozenset()
    """Policies that say nothing here."""


def enforce(findings: Iterable[Finding], weights: Callable[[Finding], Weights]) -> tuple[Finding, ...]:
    """Gives each finding the weight that holds for it.

    Args:
        findings: with the enforcement that their rule or constraint states.
        weights: what configuration says where a finding is.
    """
    return tuple(_weighed(finding, weights(finding)) for finding in findings)


def level(stated: Enforcement, engine: str, configured: Enforcement | None) -> Enforcement:
    """The enforcement that holds, of what a rule or constraint states and what configuration says.

    A plain policy's `warn` rule stays a warning under `strict`; configuration only lowers. A
    Gatekeeper constraint states its own action, which configuration may replace either way.
    """
    if configured is None or (engine == "opa" and _WEIGHT[configured] > _WEIGHT[stated]):
        return stated
    return configured


def _weighed(finding: Finding, weights: Weights) -> Finding:
    holds = level(finding.enforcement, finding.engine, weights.enforcement.get(finding.policy))
    severity = weights.severity.get(finding.policy, finding.severity)
    if (holds, severity) == (finding.enforcement, finding.severity):
        return finding
    return msgspec.structs.replace(finding, enforcement=holds, severity=severity)
