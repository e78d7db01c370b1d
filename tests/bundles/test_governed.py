"""A download in a project whose policies must be approved: only a key that the approved rules trust stands for that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attest_governance.errors import ConfigurationError
from tests.bundles.conftest import Publisher
from tests.govern.people import POLICY_APPROVAL, RULES, govern
from tests.govern.test_policyset import approve_set, propose

Govern = Callable[..., None]
ELSEWHERE = "is not part of the approved set"


def digest(key: Path) -> str:
    """How the rules name a file of public keys."""
    return "sha256:" + hashlib.sha256(key.read_bytes()).hexdigest()


@pytest.fixture
def governed(publisher: Publisher) -> Govern:
    """Makes the project a governed one that trusts some keys for bundles, and has it approved as it is."""
    publisher.publish("1", "no owner")

    def make(*trusted: str, **options: str) -> None:
        publisher.configure(**options)
        keys = f"    bundle_keys: [{', '.join(trusted)}]\n" if trusted else ""
        govern(publisher.project, RULES + POLICY_APPROVAL + keys)
        moment = datetime.now(UTC) - timedelta(minutes=1)
        record = propose(publisher.project, moment)
        approve_set(publisher.project, record, "alice", "dave", now=moment)

    return make


def refused(publisher: Publisher, *said: str) -> None:
    """A check decides nothing, and says why and what to do."""
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert ran.out == ""
    assert all(text in ran.err for text in said), ran.err


def test_what_an_approved_key_signs_is_used(publisher: Publisher, governed: Govern) -> None:
    governed(digest(publisher.keys.public("ed")))
    assert publisher.says() == ("no owner", [])
    assert "signed with an approved key" in publisher.attest("policy", "check", "pod.yaml", code=1).out


def test_new_revisions_need_no_new_approval(publisher: Publisher, governed: Govern) -> None:
    governed(digest(publisher.keys.public("ed")))
    publisher.publish("2", "still no owner")
    assert publisher.says()[0] == "still no owner"


def test_without_a_listed_key_it_is_refused(publisher: Publisher, governed: Govern) -> None:
    governed()
    key = digest(publisher.keys.public("ed"))
    refused(publisher, ELSEWHERE, f"add `{key}` to `governance.policy_approval.bundle_keys`")


def test_an_unsigned_bundle_is_refused(publisher: Publisher, governed: Govern) -> None:
    publisher.publish("1", "no owner", key="")
    governed(digest(publisher.keys.public("ed")), policy_bundle_key="")
    refused(publisher, ELSEWHERE, "set `policy.policy_bundle_key`")


def test_another_key_from_a_variable_is_refused(publisher: Publisher, governed: Govern) -> None:
    governed(digest(publisher.keys.public("ed")))
    publisher.publish("2", "no owner", key="ec")
    stranger = {"ATTEST_POLICY_POLICY_BUNDLE_KEY": str(publisher.keys.public("ec"))}
    ran = publisher.attest("policy", "check", "pod.yaml", env=stranger, code=2)
    assert "nobody has approved the key that signs it" in ran.err


def test_rules_that_were_not_approved_trust_nobody(publisher: Publisher, governed: Govern) -> None:
    governed()
    rules = publisher.project / ".attest/governance.yaml"
    rules.write_text(f"{rules.read_text()}    bundle_keys: [{digest(publisher.keys.public('ed'))}]\n")
    refused(publisher, "differ from the last approved set", "governance.yaml (changed)")


def test_files_that_no_signature_covers_are_refused(publisher: Publisher, governed: Govern) -> None:
    governed(digest(publisher.keys.public("ed")), policy_bundle_exclude='["*.rego"]')
    refused(publisher, ELSEWHERE, "does not cover `*.rego`")


def test_a_copy_that_was_altered_is_refused(publisher: Publisher, governed: Govern, tmp_path: Path) -> None:
    governed(digest(publisher.keys.public("ed")), policy_bundle_max_age="1h")
    assert publisher.says()[0] == "no owner"
    (copy,) = (tmp_path / "home" / ".cache").rglob("*.tar.gz")
    publisher.publish("1", "nothing to see", key="ec")
    copy.write_bytes(publisher.server.body)
    publisher.server.status = 503
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert ran.out == ""
    assert "bundle" in ran.err


@pytest.mark.parametrize("text", ["sha256:00", "company.pub", "5"])
def test_a_key_that_is_no_digest(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"governance\.yaml:17:19: `{text}` is no digest"):
        govern(tmp_path, RULES + POLICY_APPROVAL + f'    bundle_keys: ["{text}"]\n')
