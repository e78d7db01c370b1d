"""What serves the controls of frameworks in a project, before anything is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attest_governance.comply.serving import entries_of
from attest_governance.errors import place
from attest_governance.model.compliance_views import (
    ControlView,
    Coverage,
    FrameworkCoverage,
    FrameworkView,
    Gap,
    PolicyView,
)

if TYPE_CHECKING:
    from attest_governance.comply.serving import Asked
    from attest_governance.model.compliance import Control, Framework


def views(frameworks: Sequence[Framework], known: Mapping[str, Asked]) -> tuple[FrameworkView, ...]:
    """Frameworks, and what serves each of their controls."""
    return tuple(
        FrameworkView(
            one.name,
            one.title,
            one.version,
            one.reference,
            one.shipped,
            tuple(_control(control, one, known) for control in one.controls),
        )
        for one in frameworks
    )


def _control(control: Control, framework: Framework, known: Mapping[str, Asked]) -> ControlView:
    policies = tuple(
        PolicyView(
            entry.serving.policy,
            known[entry.serving.policy].policy.title if entry.serving.policy in known else "",
            entry.serving.rules,
            entry.serving.kinds,
            entry.reason,
        )
        for entry in entries_of(control, framework, known)
    )
    source = place(control.file, control.line, 0)
    return ControlView(
        framework.name, control.id, control.title, control.category, policies, control.manual, control.limits, source
    )


def coverage(found: Sequence[FrameworkView], known: Mapping[str, Asked]) -> Coverage:
    """Which controls nothing enforces, and which of the policies that are asked serve none."""
    serving = {policy.policy for one in found for control in one.controls for policy in control.policies}
    return Coverage(
        tuple(map(_covered, found)),
        tuple(sorted(name for name, one in known.items() if name not in serving and one.asked)),
    )


def _covered(framework: FrameworkView) -> FrameworkCoverage:
    manual = [one for one in framework.controls if not one.policies and one.manual]
    gaps = [gap for one in framework.controls if one not in manual and (gap := _gap(one))]
    enforced = len(framework.controls) - len(manual) - len(gaps)
    return FrameworkCoverage(framework.name, len(framework.controls), enforced, len(manual), tuple(gaps))


def _gap(control: ControlView) -> Gap | None:
    if not control.policies:
        return Gap(control.id, "no policy serves it")
    if any(not one.reason for one in control.policies):
        return None
    return Gap(control.id, "; ".join(f"`{one.policy}`: {one.reason}" for one in control.policies))
