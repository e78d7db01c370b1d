"""`attest policy profile`: the numbers agree with one another, and every format can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Attest, Write, valid

pytestmark = pytest.mark.usefixtures("security")
PROFILE = ("policy", "profile", "policies/", "--benchmark-data", "examples/")


@pytest.fixture
def profile(attest: Attest) -> dict[str, Any]:
    """The profile of the project's policy on its Pod."""
    found: dict[str, Any] = valid("profile", attest(*PROFILE, "--format", "json", code=0).out)["profile"]
    return found


def test_the_policy_is_measured(profile: dict[str, Any]) -> None:
    [policy] = profile["policies"]
    at = policy["perResource"]
    assert (policy["policy"], policy["evaluations"], profile["resources"]) == ("attest-security", 1, 1)
    assert 0 < at["p50"] == at["p90"] == at["p95"] == at["p99"] == at["max"] == policy["time"]
    assert min(policy["rounds"]) == policy["time"]
    assert policy["bytes"] > policy["objects"] > 0
    assert profile["calibration"] > 0


def test_lines_are_counted_as_the_policy_runs(profile: dict[str, Any]) -> None:
    own = {one["line"]: one for one in profile["lines"] if one["file"] == "policies/security.rego"}
    assert own[5]["text"] == 'input.resource.kind == "Pod"'
    assert own[5]["evaluations"] == 1
    assert own[8]["evaluations"] == 2 * 3, "two containers, three expressions that the compiler makes of the line"


def test_rules_are_counted(profile: dict[str, Any]) -> None:
    bodies = {one["line"]: one for one in profile["rules"] if one["rule"] == "attest.security.violation"}
    assert {line: one["evaluations"] for line, one in bodies.items()} == {4: 1, 12: 1}
    assert all(0 < one["self"] <= one["time"] for one in bodies.values())


def test_the_flame_graph_adds_up(profile: dict[str, Any]) -> None:
    def check(frame: dict[str, Any]) -> None:
        children = frame.get("children", [])
        assert frame.get("time", 0) == frame.get("self", 0) + sum(child.get("time", 0) for child in children)
        for child in children:
            check(child)

    for root in profile["flame"]:
        check(root)


def test_a_ranked_table(attest: Attest) -> None:
    out = attest(*PROFILE, code=0).out
    assert "1 policy over 1 resource, best of 5 rounds" in out
    for head in ("TIME", "P95", "EVALUATIONS", "ALLOCATED", "POLICY", "OWN", "REDOS"):
        assert head in out


def test_the_name_of_the_file_decides_the_format(attest: Attest, project: Path) -> None:
    for name in ("a.json", "a.html", "a.speedscope.json", "a.txt"):
        attest(*PROFILE, "--output", name, code=0)
    valid("profile", (project / "a.json").read_text())
    assert (project / "a.html").read_text().startswith("<!doctype html>")
    assert "speedscope" in json.loads((project / "a.speedscope.json").read_text())["$schema"]
    assert (project / "a.txt").read_text().startswith("1 policy over")


def test_comparing_with_the_same_is_no_failure(attest: Attest) -> None:
    attest(*PROFILE, "--output", "before.json", code=0)
    ran = attest(*PROFILE, "--compare", "before.json", "--threshold", "300", code=0)
    assert "compared with the other profile" in ran.out


SLOW = """
violation[{"violated": true, "message": "never"}] {
    numbers.range(1, 300)[i] * numbers.range(1, 100)[j] < 0
}
"""


def test_a_policy_that_became_slow_fails(attest: Attest, project: Path) -> None:
    attest(*PROFILE, "--output", "before.json", code=0)
    file = project / "policies" / "security.rego"
    file.write_text(file.read_text() + SLOW)
    ran = attest(*PROFILE, "--compare", "before.json", "--threshold", "50", "--format", "json", code=1)
    [change] = valid("profile", ran.out)["changes"]
    assert change["slower"]
    assert change["ratio"] > 5


def test_other_data_can_not_be_compared(attest: Attest) -> None:
    attest(*PROFILE, "--output", "before.json", code=0)
    ran = attest("policy", "profile", "policies/", "--compare", "before.json", code=2)
    assert "the profiles were taken over different data: 1 resources then, 2 now" in ran.err


def test_without_data_the_examples_are_measured(attest: Attest) -> None:
    document = valid("profile", attest("policy", "profile", "policies/", "--format", "json", code=0).out)
    assert document["profile"]["resources"] == 2


ALONE = """package alone

violation contains msg if {
	some c in input.resource.spec.containers
	endswith(c.image, ":latest")
	msg := sprintf("%s has no version", [c.name])
}
"""


def test_resources_are_made_for_a_policy_without_examples(attest: Attest, write: Write) -> None:
    write(**{"alone/alone.rego": ALONE})
    out = attest("policy", "profile", "--verbose", "alone/", code=0).out
    assert "1 policy over " in out
    assert "alone.violation" in out
    assert "<made for alone>" in out
    again = [json.loads(attest("policy", "profile", "alone/", "-f", "json", code=0).out)["profile"] for _ in range(2)]
    assert again[0]["resources"] == again[1]["resources"] > 1
    evaluations = {one["line"]: one["evaluations"] for one in again[0]["lines"]}
    assert evaluations[6], "some of them violate the policy"


def test_resources_are_made_beside_the_examples_of_others(attest: Attest, write: Write) -> None:
    write(**{"alone/alone.rego": ALONE})
    own = json.loads(attest("policy", "profile", "policies/", "-f", "json", code=0).out)["profile"]
    both = json.loads(attest("policy", "profile", "policies/", "alone/", "-f", "json", code=0).out)["profile"]
    assert both["resources"] > own["resources"]


def test_where_nothing_can_be_made_it_says_so(attest: Attest, write: Write) -> None:
    text = 'policy: {custom_policies: [{name: own, rego_code: "package own\\ndeny contains input.resource.kind"}]}\n'
    write(**{".attest/policies.yaml": text})
    assert "--benchmark-data" in attest("policy", "profile", "own", code=2).err
