"""The rules of a SARIF run: one for each policy that took part, with what GitHub asks of a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attest_governance import clean
from attest_governance.model import Policy
from attest_governance.report.github import markdown

if TYPE_CHECKING:
    from attest_governance.model import Outcome

SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""GitHub's bands: above 9.0 critical, from 7.0 high, from 4.0 medium, below that low."""
LEVELS = {"strict": "error", "warn": "warning", "dryrun": "note"}

_LONGEST_TEXT = 1024
_LONGEST_NAME = 255
_MOST_TAGS = 20
_URL = re.compile(r"https?://[\w.~:/?#@!$&'()*+,;=%-]+", re.ASCII)


def rules(outcome: Outcome) -> list[dict[str, Any]]:
    """All policies of the outcome, and those that only findings name, in the order of their names."""
    known = {policy.name: policy for policy in outcome.policies}
    worst: dict[str, str] = {}
    enforced: dict[str, str] = {}
    for finding in outcome.findings:
        known.setdefault(finding.policy, Policy(finding.policy, engine=finding.engine))
        worst[finding.policy] = _worse(worst.get(finding.policy, ""), finding.severity)
        enforced.setdefault(finding.policy, finding.enforcement)
    return [
        # A rule has one severity on GitHub; a policy whose findings differ gets that of the worst.
        _rule(known[name], worst.get(name) or known[name].severity, enforced.get(name) or known[name].enforcement)
        for name in sorted(known)
    ]


def _worse(one: str, other: str) -> str:
    return max(one, other, key=lambda severity: float(SECURITY_SEVERITY.get(severity, "0")))


def _rule(policy: Policy, severity: str, enforcement: str) -> dict[str, Any]:
    severity = severity if severity in SECURITY_SEVERITY else "medium"
    title = policy.title or policy.name
    description = policy.description or title
    rule: dict[str, Any] = {
        "id": policy.name,
        "name": _identifier(policy.name),
        "shortDescription": {"text": short(title)},
        "fullDescription": {"text": short(description)},
        "help": {"text": short(_help(policy, description)), "markdown": short(_markdown(policy, title, description))},
        "defaultConfiguration": {"level": LEVELS.get(enforcement, "error")},
        "properties": {
            "precision": "very-high",
            "problem.severity": {"warn": "warning", "dryrun": "recommendation"}.get(enforcement, "error"),
            "security-severity": SECURITY_SEVERITY[severity],
            "tags": _tags(policy),
        },
    }
    link = next((url for url in policy.related if _URL.fullmatch(url)), "")
    return rule | {"helpUri": link} if link else rule


def short(text: str, limit: int = _LONGEST_TEXT) -> str:
    """A harmless text of at most `limit` characters, never empty."""
    harmless = clean.block(text.strip()) or "-"
    return harmless if len(harmless) <= limit else f"{harmless[: limit - 1]}…"


def _identifier(name: str) -> str:
    """`attest-security` as `AttestSecurity`: the readable name of a rule is one word."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST_NAME] or "Policy"


def _help(policy: Policy, description: str) -> str:
    parts = [description]
    if policy.remediation:
        parts.append(f"Fix: {policy.remediation}")
    if policy.controls:
        parts.append(f"Controls: {', '.join(policy.controls)}")
    return "\n".join(parts)


def _markdown(policy: Policy, title: str, description: str) -> str:
    parts = [f"**{markdown(title)}**", markdown(description)]
    if policy.remediation:
        parts.append(f"**Fix:** {markdown(policy.remediation)}")
    if policy.controls:
        parts.append(f"**Controls:** {markdown(', '.join(policy.controls))}")
    return "\n\n".join(parts)


def _tags(policy: Policy) -> list[str]:
    wanted: Iterable[str] = ("security", "kubernetes", policy.engine, *policy.controls)
    return list(dict.fromkeys(short(tag, 100) for tag in wanted))[:_MOST_TAGS]
