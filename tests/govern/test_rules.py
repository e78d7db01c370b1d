"""`governance.yaml`: as the specification writes it, and nothing that it does not mean."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from attest_governance.errors import ConfigurationError
from attest_governance.govern.rules import ApprovalRule, parse_rules

from .people import POLICY_APPROVAL, RULES

SHARED = Path(os.environ.get("ATTEST_SHARED", Path(__file__).parents[3] / "shared"))
TEAMS = "  teams: {security-team: [a], compliance-team: [b]}\n"


def test_the_specifications_file_is_read_as_written() -> None:
    seed = SHARED / "seed.md"
    if not seed.exists():
        pytest.skip(f"LOUD: {seed} is not here, so the specification's own governance.yaml was not read")
    (snippet,) = re.findall(r"```yaml\n# \.attest/governance\.yaml\ngovernance:\n(.*?)```", seed.read_text(), re.DOTALL)
    rules = parse_rules(f"governance:\n{TEAMS}{snippet}")
    teams = ("security-team", "compliance-team")
    assert rules.policy_approval == ApprovalRule(2, teams)
    assert rules.exemption_approval == ApprovalRule(1, ("security-team",), timedelta(days=30))
    assert rules.emergency_override == ApprovalRule(2, (), timedelta(days=1), frozenset("ab"))
    assert not rules.auto_merge
    assert rules.audit_required


def test_what_is_left_out_is_not_governed() -> None:
    rules = parse_rules("governance: {teams: {t: [a]}}\n")
    assert (rules.policy_approval, rules.exemption_approval, rules.emergency_override) == (None, None, None)


def test_an_override_can_be_switched_off() -> None:
    assert parse_rules(RULES.replace("enabled: true", "enabled: false")).emergency_override is None


REFUSED = {
    "no governance": ("policies: []\n", 1, "unknown key `policies`"),
    "a typing error": (RULES.replace("exemption_approval", "exemption_aproval"), 5, "unknown key `exemption_aproval`"),
    "an unknown key": (RULES.replace("max_duration", "max_time"), 8, "unknown key `max_time`"),
    "no approver": (RULES.replace("required_approvers: 1", "required_approvers: 0"), 6, "from 1 to 100"),
    "a number in quotes": (RULES.replace("required_approvers: 1", 'required_approvers: "1"'), 6, "from 1 to 100"),
    "true for one": (RULES.replace("required_approvers: 1", "required_approvers: true"), 6, "from 1 to 100"),
    "no number at all": (RULES.replace("    required_approvers: 1\n", ""), 5, "is missing"),
    "a team without members": (RULES.replace('["security-team"]', '["other-team"]'), 7, "has no members"),
    "an empty team": (RULES.replace("[alice@company.com, carol@company.com]", "[]"), 7, "has no members"),
    "a member twice": (RULES.replace("carol@company.com", "Alice@company.com"), 3, "names somebody twice"),
    "a duration that is none": (RULES.replace('"30d"', '"a month"'), 8, "not a duration"),
    "yes": (RULES.replace("enabled: true", "enabled: yes"), 10, "more than one way"),
    "a flag that is text": (RULES.replace("enabled: true", 'enabled: "false"'), 10, "`enabled` must be true or false"),
    "an unknown word": (
        RULES.replace("audit_trail: required", "audit_trail: maybe"),
        12,
        "`audit_trail` must be `required` or `optional`",
    ),
    "a section twice": (RULES + POLICY_APPROVAL + POLICY_APPROVAL, 17, "given twice"),
}


@pytest.mark.parametrize(("text", "line", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse_rules(text)
    assert (caught.value.file, caught.value.line) == (".attest/governance.yaml", line)


def test_the_nearest_key_is_offered() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_rules(RULES.replace("exemption_approval", "exemption_aproval"))
    assert caught.value.hint == "did you mean `exemption_approval`?"
