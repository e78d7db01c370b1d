"""`attest policy explain`: a finding of a report is traced to its lines of policy and manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Attest, Write, valid

CHECK = ("policy", "check", "examples", "-p", "policies", "--format", "json")
EXPLAIN = ("policy", "explain", "-p", "policies")

pytestmark = pytest.mark.usefixtures("security")


def report(attest: Attest) -> dict[str, Any]:
    return attest(*CHECK, code=1).json()


def test_the_places_and_the_reason(attest: Attest, write: Write) -> None:
    write(**{"report.json": json.dumps(report(attest))})
    out = attest(*EXPLAIN, "report.json", "--index", "2", code=0).out
    assert "Pod web: Privileged containers are not allowed: web [attest-security]" in out
    assert "in the manifest at examples/pod.yaml:10:9 (/spec/containers/0/securityContext/privileged)" in out
    assert "by the policy at policies/security.rego:12, rule attest.security.violation" in out
    assert "holds    15  container.securityContext.privileged == true" in out


FORMS = {
    "a report": lambda document: document,
    "a list": lambda document: document["findings"],
    "a finding": lambda document: document["findings"][0],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_finding_is_read(form: Any, attest: Attest) -> None:
    found = report(attest)
    ran = attest(*EXPLAIN, "-", "--format", "json", stdin=json.dumps(form(found)), code=0)
    explained = valid("explanation", ran.out)["explanations"]
    wanted = [found["findings"][0]] if isinstance(form(found), dict) and "policy" in form(found) else found["findings"]
    assert [one["finding"]["message"] for one in explained] == [one["message"] for one in wanted]
    assert all(one["found"] and one["rules"] for one in explained)


def test_each_finding_has_its_own_steps(attest: Attest) -> None:
    ran = attest(*EXPLAIN, "-", "--format", "json", stdin=json.dumps(report(attest)), code=0)
    for one in valid("explanation", ran.out)["explanations"]:
        [rule] = one["rules"]
        results = [node for node in rule["children"] if node["kind"] == "result"]
        assert [node["message"] for node in results] == [one["finding"]["message"]]


def test_what_is_not_found_any_more(attest: Attest) -> None:
    finding = {**report(attest)["findings"][0], "message": "something else"}
    ran = attest(*EXPLAIN, "-", stdin=json.dumps(finding), code=2)
    assert "one of them has changed since the report" in ran.out


def test_a_manifest_that_has_moved_on_is_shown_as_it_is(attest: Attest, project: Any) -> None:
    finding = report(attest)["findings"][1]
    pod = project / "examples" / "pod.yaml"
    pod.write_text("# a line more\n" + pod.read_text())
    assert "examples/pod.yaml:11:9" in attest(*EXPLAIN, "-", stdin=json.dumps(finding), code=0).out
