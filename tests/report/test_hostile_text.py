"""No text whatsoever breaks the syntax of a format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance.model import Checked, Location, Outcome, Policy, Problem, Resource, Skipped, Waiver

from .test_sarif import SCHEMA
from .values import finding, outcome, render

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    ["", "]]>", "<!--", "&amp;", "---", "...", "\u0000", "\ud800", "${{ x }}", '"', "\\", "\r\n", "%0A", "🙂" * 3]
)


def outcome_of(text: str, other: str) -> Outcome:
    """A run in which every string is one of two."""
    subject = Resource(text, other, text, other)
    file = text.replace("\0", "")
    waived = Waiver("approved", text, (other,), text, other, text)
    at = Location(file, 1, 1, 1, 3, other)
    given_findings = [
        finding(policy=text, rule=other, message=text, resource=subject, location=at, fix=other, details={text: other}),
        finding(policy=other, message=other, resource=subject, location=at, waiver=waived),
    ]
    return outcome(
        *given_findings,
        problems=(Problem("error", text, other, file, 1, 1, hint=text, policy=other, resource=text),),
        policies=(Policy(text, title=other, description=text, remediation=other, controls=(text,), related=(other,)),),
        skipped=(Skipped(file, 1, other),),
        checked=(Checked(subject, file, 1, (text, other, "quiet")),),
        notices=(text, other),
        sources={file: f"{text}\n{other}"},
    )


def sarif(text: str) -> None:
    SCHEMA.validate(json.loads(text))


def github(text: str) -> None:
    assert all(line.startswith("::") for line in text.rstrip("\n").split("\n")[:-1])


SYNTAX: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "yaml": yaml.safe_load,
    "sarif": sarif,
    "junit": lambda text: ET.fromstring(text.encode("utf-8")),  # noqa: S314 (our own output)
    "github": github,
    "openreports": lambda text: list(yaml.safe_load_all(text)),
    "text": lambda text: text.encode("utf-8"),
    "table": lambda text: text.encode("utf-8"),
}


@pytest.mark.parametrize("format_name", SYNTAX)
@settings(deadline=None, max_examples=60)
@given(text=TEXT, other=TEXT)
def test_syntax(format_name: str, text: str, other: str) -> None:
    SYNTAX[format_name](render(format_name, outcome_of(text, other), detailed=True, verbose=True, show_exempted=True))


def test_the_schema_can_refuse() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        SCHEMA.validate({"version": "2.1.0", "runs": [{"results": []}]})
