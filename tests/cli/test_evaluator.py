"""`policy.evaluator`: who evaluates Rego changes no answer, no error and no place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POLICY = """\
package own

violation contains {"msg": msg} if {
	some container in input.resource.spec.containers
	not startswith(container.image, "registry.company.com/")
	msg := sprintf("image %v", [container.image])
}

violation contains {"msg": "replicas"} if to_number(input.resource.spec.replicas) < 2
"""
ASKS_A_HOST = """\
package asks

violation contains {"msg": "told"} if http.send({"method": "GET", "url": "http://company.invalid"}).status_code == 200
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  replicas: %s
  containers:
    - {name: one, image: nginx}
    - {name: two, image: registry.company.com/two}
"""


@pytest.fixture
def evaluated(attest: Attest, project: Path) -> list[tuple[object, ...]]:
    """What a check comes to with each of the evaluators: a finding with its place, and an error of a builtin."""
    (project / "policies").mkdir()
    (project / "policies" / "own.rego").write_text(POLICY)
    (project / "good.yaml").write_text(POD % "'3'")
    (project / "bad.yaml").write_text(POD % "many")
    answers: list[tuple[object, ...]] = []
    for evaluator in ("opa", "compiled", "both"):
        ran = attest(
            "policy",
            "check",
            ".",
            "--policy-dir",
            "policies",
            "--format",
            "json",
            env={"ATTEST_POLICY_EVALUATOR": evaluator},
        )
        document = json.loads(ran.out)
        findings = [(one["message"], one["location"]) for one in document["findings"]]
        answers.append((ran.code, findings, [problem["message"] for problem in document["problems"]]))
    return answers


def test_who_evaluates_changes_nothing(evaluated: list[tuple[object, ...]]) -> None:
    assert evaluated[0] == evaluated[1] == evaluated[2]
    assert len(evaluated[0][1]) == 2  # type: ignore[arg-type]
    assert "to_number" in str(evaluated[0][2])


def test_the_list_says_how_many_are_compiled(attest: Attest, project: Path) -> None:
    (project / "policies").mkdir()
    (project / "policies" / "own.rego").write_text(POLICY)
    (project / "policies" / "asks.rego").write_text(ASKS_A_HOST)
    for evaluator, said in {"compiled": "1 of 2 policies", "opa": "0 of 2 policies"}.items():
        env = {"ATTEST_POLICY_EVALUATOR": evaluator}
        ran = attest("policy", "list", "--policy-dir", "policies", "--verbose", env=env, code=0)
        assert said in ran.out.splitlines()[-1]
