"""Exemptions from the configuration: complete, or refused by name, file and line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from attest_governance.errors import ConfigurationError
from attest_governance.exempt import Scope, declared
from attest_governance.model.sources import ExemptionEntry

ENTRY = ExemptionEntry(
    policy_name="attest-security",
    resource_kind="Pod",
    resource_name="legacy-monitoring",
    resource_namespace="monitoring",
    reason="Legacy monitoring tool pending security upgrade",
    approved_by="security-team@company.com",
    expires_at="2024-06-30T23:59:59Z",
    file=".attest/policies.yaml",
    line=14,
    column=5,
)

REFUSED = {
    "no policy": (replace(ENTRY, policy_name=""), "from `\\?` has no `policy_name`"),
    "no reason": (replace(ENTRY, reason=""), "from `attest-security` has no `reason`"),
    "a reason of spaces": (replace(ENTRY, reason="  "), "has no `reason`"),
    "no approver": (replace(ENTRY, approved_by=""), "has no `approved_by`"),
    "no expiry": (replace(ENTRY, expires_at=""), "has no `expires_at`"),
    "an expiry without offset": (replace(ENTRY, expires_at="2024-06-30"), "`expires_at` that can't be read"),
    "a start that is no time": (replace(ENTRY, not_before="soon"), "`not_before` that can't be read"),
    "an end before the start": (replace(ENTRY, not_before="2024-07-01T00:00:00Z"), "ends before it begins"),
    "an end at the start": (replace(ENTRY, not_before="2024-06-30T23:59:59Z"), "ends before it begins"),
    "a digest that is a tag": (replace(ENTRY, image_digest="v1.2"), "has `v1.2` as `image_digest`"),
}


def test_the_specifications_entry_becomes_an_exemption() -> None:
    (one,) = declared([ENTRY])
    assert one.scope == Scope(policy="attest-security", kind="Pod", namespace="monitoring", name="legacy-monitoring")
    assert one.expires_at == datetime(2024, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert one.approved_by == ("security-team@company.com",)
    assert (one.kind, one.source) == ("declared", ".attest/policies.yaml:14")


def test_fields_left_out_match_everything() -> None:
    (one,) = declared([replace(ENTRY, resource_kind="", resource_name="", resource_namespace="", rule="deny")])
    assert one.scope == Scope(policy="attest-security/deny")


@pytest.mark.parametrize(("entry", "message"), REFUSED.values(), ids=REFUSED)
def test_an_incomplete_entry_is_refused_by_name_file_and_line(entry: ExemptionEntry, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        declared([ENTRY, entry])
    assert "Pod/monitoring/legacy-monitoring" in caught.value.message
    assert caught.value.where == ".attest/policies.yaml:14:5"
    assert caught.value.hint
