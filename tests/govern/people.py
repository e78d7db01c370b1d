"""A governed project in a folder, and the people who work in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attest_governance.exempt import Exemption, Exemptions, Scope
from attest_governance.exempt.times import format_instant
from attest_governance.govern.policysets.history import open_trusted
from attest_governance.govern.project import Project, is_governed, open_project
from attest_governance.govern.records.terms import ExemptionTerms, OverrideTerms
from attest_governance.govern.records.workflow import Workflow
from attest_governance.govern.signing.signers import FileSigner
from attest_governance.govern.snapshot import InForce, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

RULES = """\
governance:
  teams:
    security-team: [alice@company.com, carol@company.com]
    compliance-team: [dave@company.com]
  exemption_approval:
    required_approvers: 1
    required_teams: ["security-team"]
    max_duration: "30d"
  emergency_override:
    enabled: true
    required_approvers: 2
    audit_trail: required
"""
POLICY_APPROVAL = """\
  policy_approval:
    required_reviewers: 2
    required_teams: ["security-team", "compliance-team"]
    auto_merge: false
"""
PEOPLE = ("alice", "bob", "carol", "dave", "erin")


@cache
def signer(name: str) -> FileSigner:
    """The key of a person, always the same one for the same name."""
    return FileSigner(Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")))


def address(name: str) -> str:
    return f"{name}@company.com"


def signer_line(name: str, options: str = "", key: str = "") -> str:
    return f"{address(name)} {options + ' ' if options else ''}{signer(key or name).key.line}\n"


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def govern(root: Path, rules: str = RULES, signers: str | None = None) -> Project:
    """Makes a folder a governed project, in which everybody has a key."""
    write(root, ".attest/governance.yaml", rules)
    lines = "".join(map(signer_line, PEOPLE)) if signers is None else signers
    write(root, ".attest/governance/allowed_signers", lines)
    return open_project(root)


def work(root: Path, name: str, now: datetime = NOW) -> Workflow:
    """A person at work, as the folder is now."""
    return Workflow(open_project(root), signer(name), now)


def terms(now: datetime = NOW, days: float = 30, **fields: Any) -> ExemptionTerms:
    defaults: dict[str, Any] = {
        "policy": "attest-security",
        "kind": "Pod",
        "namespace": "monitoring",
        "name": "legacy-app",
        "reason": "Legacy app migration in progress",
        "expires_at": format_instant(now + timedelta(days=days)),
    }
    return ExemptionTerms(**{**defaults, **fields})


def override_terms(now: datetime = NOW, hours: float = 2) -> OverrideTerms:
    return OverrideTerms(
        policy="*",
        kind="*",
        namespace="prod",
        name="*",
        reason="the site is down",
        expires_at=format_instant(now + timedelta(hours=hours)),
    )


def ask(root: Path, who: str = "bob", now: datetime = NOW, **fields: Any) -> str:
    """Requests an exemption and gives its id."""
    return work(root, who, now).request("exemption", terms(now, **fields)).record.id


def approve(root: Path, record: str, name: str = "alice", now: datetime = NOW, comment: str = "fine") -> None:
    person = work(root, name, now)
    person.approve(person.find("exemption", record), comment)


def declared() -> Exemption:
    """An exemption as the configuration declares it."""
    return Exemption(
        "declared", Scope("attest-security"), "legacy", ("team@company.com",), NOW + DAY, source="policies.yaml:3"
    )


def exemptions_in_force(root: Path, now: datetime, declared: Sequence[Exemption] = ()) -> InForce:
    """What a check of the folder would be given at a moment."""
    if not is_governed(root):
        return InForce(exemptions=Exemptions(declared))
    return Snapshot(open_trusted(root, now), declared).in_force(now)
