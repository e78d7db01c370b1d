"""Frameworks, their coverage, and differences between reports, a line each, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attest_governance.report.compliance_text import counted, scope

if TYPE_CHECKING:
    from attest_governance.model.compliance import Report
    from attest_governance.model.compliance_views import ControlView, Coverage, Differences, FrameworkView

_WORST = 20


def status_lines(report: Report) -> Iterator[str]:
    """One screen: how each framework stands, and what is not met first."""
    for framework in report.frameworks:
        numbers = ", ".join(f"{number} {state}" for state, number in framework.states.items() if number)
        yield f"{framework.title}: {numbers}"
    failing = [(framework, one) for framework, one in report.controls if one.state == "not met"]
    failing.sort(key=lambda pair: -pair[1].counts.failed)
    for framework, one in failing[:_WORST]:
        yield f"  not met  {framework.name}/{one.id}  {one.title}  {counted(one.counts)}"
    if len(failing) > _WORST:
        yield f"  {len(failing) - _WORST} more are not met; `attest compliance report` has them all"
    yield from scope(report.scope)
    errors = sum(one.severity == "error" for one in report.problems)
    if errors:
        yield f"not decided: {errors} error{'' if errors == 1 else 's'}; `attest compliance report` says which"
    yield report.verdict


def controls_lines(frameworks: Sequence[FrameworkView]) -> Iterator[str]:
    """The controls of frameworks, with what serves each."""
    for framework in frameworks:
        version = f" ({framework.version})" if framework.version else ""
        yield f"{framework.name}  {framework.title}{version}"
        for one in framework.controls:
            served = ", ".join(each.policy for each in one.policies) or (
                "manual" if one.manual else "nothing serves it"
            )
            yield f"  {one.id:<12}  {one.title}: {served}"


def control_lines(control: ControlView) -> Iterator[str]:
    """One control in full."""
    yield f"{control.framework}/{control.id}  {control.title}"
    if control.category:
        yield f"  part of:  {control.category}"
    for one in control.policies:
        yield f"  policy:   {one.policy}{f': {one.title}' if one.title else ''}"
        rules = ", ".join(one.rules)
        yield f"    counts: {f'findings that state {rules}' if rules else 'every finding'}"
        yield f"    kinds:  {', '.join(one.kinds) or 'all'}"
        yield f"    here:   {one.reason or 'it is asked'}"
    for text in control.manual:
        yield f"  besides:  {text}"
    if control.limits:
        yield f"  limits:   {control.limits}"
    yield f"  stated:   {control.source}"


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """What nothing enforces, and which policies serve nothing."""
    for one in coverage.frameworks:
        yield f"{one.name}: policies enforce {one.enforced} of {one.controls} controls, {one.manual} are manual"
        yield from (f"  {gap.control}: {gap.reason}" for gap in one.gaps)
    if coverage.serving_nothing:
        yield f"policies that serve no control: {', '.join(coverage.serving_nothing)}"


def difference_lines(found: Differences) -> Iterator[str]:
    """What became of controls, then of findings."""
    for one in found.controls:
        failed = f", {one.failed_before} failed, now {one.failed_after}" if one.before == one.after else ""
        yield f"{one.became}: {one.control}: {one.before or 'not reported'}, now {one.after or 'not reported'}{failed}"
    yield from (f"found: {one.where}: [{one.policy}] {one.message}" for one in found.appeared)
    yield from (f"gone: {one.where}: [{one.policy}] {one.message}" for one in found.gone)
    worse = sum(one.became in ("worse", "disappeared") for one in found.controls)
    better = sum(one.became == "better" for one in found.controls)
    yield f"{worse} worse, {better} better; {len(found.appeared)} findings more, {len(found.gone)} less"
