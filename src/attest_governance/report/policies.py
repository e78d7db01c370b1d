"""Lists and descriptions of policies, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.clean import one_line
from attest_governance.report.json_document import write_shown

if TYPE_CHECKING:
    from attest_governance.model.policy import Description, Row

LIST_SCHEMA, SHOW_SCHEMA = "attest.continuu.ms/policies/v1", "attest.continuu.ms/policy/v1"


def write_policies(rows: Sequence[Row], name: str, out: TextIO, *, verbose: bool = False) -> None:
    """Writes a list, as text or json; as text, verbosely, with how many policies are evaluated compiled."""
    lines = _list_lines(rows) + [_evaluators(rows)] * verbose
    write_shown({"schema": LIST_SCHEMA, "policies": rows}, map(one_line, lines), name, out)


def write_policy(description: Description, name: str, out: TextIO) -> None:
    """Writes a description, as text or json."""
    document = {"schema": SHOW_SCHEMA, **msgspec.to_builtins(description)}
    write_shown(document, map(one_line, _show_lines(description)), name, out)


def _list_lines(rows: Sequence[Row]) -> list[str]:
    width = max((len(row.name) for row in rows), default=0)
    lines = [
        f"{row.name:<{width}}  {row.severity:<8}  {row.enforcement if row.enabled else 'disabled':<8}  {_title(row)}"
        for row in rows
    ]
    return [f"{'policy':<{width}}  severity  action    what it asks", *(line.rstrip() for line in lines)]


def _title(row: Row) -> str:
    notes = [f"replaces the shipped {', '.join(row.replaces)}"] if row.replaces else []
    notes += [f"review by {row.review_by}"] if row.review_by else []
    return f"{row.title} ({'; '.join(notes)})" if notes else row.title


def _evaluators(rows: Sequence[Row]) -> str:
    return (
        f"{sum(row.compiled for row in rows)} of {len(rows)} policies are evaluated compiled, the others by OPA or CEL"
    )


def _show_lines(description: Description) -> list[str]:
    policy = description.policy
    lines = [f"{policy.name}: {policy.title}" if policy.title else policy.name, ""]
    lines += [*policy.description.strip().splitlines(), ""] if policy.description else []
    action = description.enforcement if description.enabled else "disabled"
    facts = {
        "severity": policy.severity,
        "action": action,
        "what to do": policy.remediation,
        "controls": ", ".join(policy.controls),
        "see also": ", ".join(policy.related),
        "file": f"{policy.file}:{policy.line}",
    }
    lines += [f"{name:<11} {value}" for name, value in facts.items() if value]
    lines += _parameter_lines(description)
    for what, files in (("pass", description.passing), ("fail", description.failing)):
        lines += ["", f"examples that {what}:", *(f"  {file}" for file in files)] if files else []
    return lines


def _parameter_lines(description: Description) -> list[str]:
    properties = (description.policy.parameters or {}).get("properties", {})
    if not properties:
        return []
    lines = ["", "parameters:"]
    for name, schema in sorted(properties.items()):
        kind = schema.get("type", "any") if isinstance(schema, dict) else "any"
        value = description.configured.get(name, description.policy.defaults.get(name))
        lines.append(f"  {name} ({kind}) = {msgspec.json.encode(value).decode()}")
        text = schema.get("description", "") if isinstance(schema, dict) else ""
        lines += [f"      {line}" for line in text.splitlines()]
    return lines
