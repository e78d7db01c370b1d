"""What each finding of a shipped policy says to do: which field to set, and to what; and which controls it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .test_examples import CASES, _evidence, _parameters

if TYPE_CHECKING:
    from attest_governance.model import Finding

    from .conftest import Judge, Load

# A field or annotation by its name (`hostPort`, `spec.type`, `company.com/team`), or a value or command as it is typed.
NAMED = re.compile(r"\b[a-z]+[A-Z]\w*|\b\w+(\[\w*\])?\.\w|\w/\w|`[^`]+`|\b(allowed|require)_\w+")


def _found(load: Load, judge: Judge) -> list[tuple[Finding, str]]:
    remediation = {policy.name: policy.remediation for policy in load().policies}
    found = []
    for folder, verdict, file in CASES:
        if verdict == "fail" and folder.name != "kubernetes-schemas":  # the engine's own words, with the nearest name
            policies = load(evidence=_evidence(folder))
            judged = judge(policies, file, policy=folder.name, parameters=_parameters(folder))
            found += [(finding, remediation[folder.name]) for finding in judged]
    return found


def test_every_fix_is_of_its_finding_and_names_what_to_set(load: Load, judge: Judge) -> None:
    found = _found(load, judge)
    assert {finding.policy for finding, _ in found} == {f.name for f, _, _ in CASES} - {"kubernetes-schemas"}
    for finding, remediation in found:
        told = f"{finding.policy}: {finding.message}: {finding.fix}"
        assert finding.fix != remediation, told
        assert finding.fix.endswith("."), told
        assert NAMED.search(finding.fix), told


def test_a_finding_is_about_some_of_the_controls_of_its_policy(load: Load, judge: Judge) -> None:
    listed = {policy.name: policy.controls for policy in load().policies}
    named = {(f.policy, *f.details.get("controls", listed[f.policy])) for f, _ in _found(load, judge)}
    assert [(policy, *of) for policy, *of in named if not set(of) <= set(listed[policy])] == []
    whole = {policy for policy, *of in named if len(of) == len(listed[policy]) > 3}
    assert whole == set(), "a finding that claims everything proves nothing"
