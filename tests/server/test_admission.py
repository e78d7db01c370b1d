"""What an API server is answered."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.server.conftest import NOW, Start, pod, review

BARE = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {}}
EXEC = {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"], "container": "web", "metadata": {"labels": {}}}
RELABELLED = {**pod(), "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "other"}}}
TEMPLATE = """
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: whoasks}
spec:
  crd: {spec: {names: {kind: WhoAsks}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package whoasks
      violation[{"msg": msg}] {
        input.review.userInfo.username == "mallory"
        asked := input.review
        msg := sprintf("%s may not %s a %s", [asked.userInfo.username, asked.operation, asked.object.kind])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: WhoAsks
metadata: {name: nobody}
spec: {match: {kinds: [{apiGroups: ["*"], kinds: ["*"]}]}}
"""


@pytest.mark.parametrize(
    ("value", "operation", "more", "said"),
    [
        pytest.param(pod(), "CREATE", {}, "", id="a pod that nobody complains of"),
        pytest.param(pod(hostNetwork=True), "CREATE", {}, "the host's network", id="one that violates"),
        pytest.param(
            pod(), "CREATE", {"userInfo": {"username": "mallory"}}, "mallory may not CREATE", id="by the user"
        ),
        pytest.param(pod(), "UPDATE", {"oldObject": pod()}, "", id="an update that changes nothing"),
        pytest.param(pod(), "UPDATE", {"oldObject": RELABELLED}, "the name changed", id="an update by the old object"),
        pytest.param(None, "DELETE", {"oldObject": pod()}, "", id="a deletion"),
        pytest.param(None, "DELETE", {"oldObject": pod(hostNetwork=True)}, "the host's", id="a deletion that violates"),
        pytest.param(EXEC, "CONNECT", {"subResource": "exec"}, "", id="a connection"),
        pytest.param(
            EXEC, "CONNECT", {"userInfo": {"username": "mallory"}}, "mallory may not CONNECT", id="a connection, denied"
        ),
        pytest.param(pod(hostNetwork=True), "CREATE", {"dryRun": True}, "the host's network", id="a dry run"),
    ],
)
def test_operations(start: Start, value: Any, operation: str, more: dict[str, Any], said: str) -> None:
    response = start().admit(value, operation, **more)
    assert response["allowed"] is not bool(said)
    assert said in response.get("status", {}).get("message", "")
    assert response["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"


def test_a_denial_names_policy_reason_field_and_the_way_out(start: Start) -> None:
    status = start().admit(pod(hostNetwork=True))["status"]
    assert status == {
        "status": "Failure",
        "code": 403,
        "reason": "Forbidden",
        "message": "[own] the host's network is not for pods (/spec/hostNetwork)\n"
        "to exempt it, whoever runs the server adds `policy_name: own` to `exemptions`",
    }


def test_warnings_are_told_and_do_not_deny(start: Start) -> None:
    response = start().admit(BARE)
    assert response["allowed"]
    assert response["warnings"] == ["[own] no labels (/metadata)"]
    assert "status" not in response


def test_the_audit_log_says_which_decision_it_was(start: Start) -> None:
    kept = start().admit(pod(hostNetwork=True))["auditAnnotations"]
    assert len(kept.pop("decision")) == 32
    assert kept == {"verdict": "deny", "policies": "own"}


def test_constraints_see_the_request_as_gatekeeper_gives_it(start: Start, tmp_path: Any) -> None:
    (tmp_path / "whoasks.yaml").write_text(TEMPLATE)
    server = start(folders=("whoasks.yaml",))
    assert server.admit(pod())["allowed"]
    response = server.admit(None, "DELETE", oldObject=pod(), userInfo={"username": "mallory"})
    assert response["status"]["message"].startswith("[WhoAsks/nobody] mallory may not DELETE a Pod (/kind)\n")


EXEMPTION = """exemptions:
- policy_name: own
  resource_name: web
  reason: soon
  approved_by: sam
  expires_at: "2026-03-01T12:00:00Z"
"""


def test_an_exemption_ends_to_the_second(start: Start) -> None:
    server = start(configuration=EXEMPTION)
    for seconds, allowed in ((-1, True), (0, False), (1, False)):
        server.clock[0] = NOW + timedelta(seconds=seconds)
        response = server.admit(pod(hostNetwork=True))
        assert response["allowed"] is allowed
    server.clock[0] = NOW - timedelta(seconds=1)
    kept = server.admit(pod(hostNetwork=True))["auditAnnotations"]
    assert kept["exemptions"].endswith("policies.yaml:2")


@pytest.mark.parametrize(("configuration", "allowed"), [("", False), ("server: {annotations: honour}\n", True)])
def test_a_resource_s_own_word_is_not_taken_unless_configured(start: Start, configuration: str, allowed: bool) -> None:
    value = pod(hostNetwork=True)
    prefix = "policy.attest.continuu.ms/exempt"
    value["metadata"] = {
        **value["metadata"],
        "annotations": {
            prefix: "true",
            f"{prefix}-reason": "mine",
            f"{prefix}-approved-by": "me",
            f"{prefix}-expires": "2026-03-02T12:00:00Z",
        },
    }
    assert start(configuration=configuration).admit(value)["allowed"] is allowed


def test_messages_of_others_are_one_line_each(start: Start) -> None:
    policy = 'package own\ndeny contains "a\\n[attest] fine\\u001b[2J" if true\nwarn contains "b\\nc" if true\n'
    response = start(policy).admit(pod())
    assert response["status"]["message"].splitlines()[0] == "[own] a\\n[attest] fine\\x1b[2J"
    assert response["warnings"] == ["[own] b\\nc"]


def test_many_findings_are_bounded(start: Start) -> None:
    policy = """package own
long := concat("", [x | some i in numbers.range(1, 2000); x := "y"])
deny contains sprintf("%d %s", [n, long]) if some n in numbers.range(1, 50)
warn contains sprintf("w%d", [n]) if some n in numbers.range(1, 50)
"""
    response = start(policy).admit(pod())
    lines = response["status"]["message"].splitlines()
    assert len(lines) == 12
    assert lines[10] == "and 40 more"
    assert max(map(len, lines)) <= 1000
    assert len(response["warnings"]) == 21


BROKEN = """package broken
violation contains {"msg": "never"} if {
	input.resource.metadata.name == "web"
	a == 1
}
a := 1
a := 2 if input.resource.kind == "Pod"
"""


@pytest.mark.parametrize(
    ("configuration", "allowed"),
    [
        pytest.param("", False, id="it fails by default"),
        pytest.param("server: {failure_policy: ignore}\n", True, id="all failures are ignored"),
        pytest.param("policies: [{name: broken, failure_policy: ignore}]\n", True, id="that of the policy is ignored"),
        pytest.param(
            "server: {failure_policy: ignore}\npolicies: [{name: broken, failure_policy: fail}]\n",
            False,
            id="that of the policy counts",
        ),
    ],
)
def test_a_policy_that_can_not_judge(start: Start, configuration: str, allowed: bool) -> None:
    response = start(BROKEN, configuration).admit(pod())
    assert response["allowed"] is allowed
    if allowed:
        assert response["warnings"][0].startswith("not judged: [broken] ")
    else:
        assert response["status"]["code"] == 500
        assert response["status"]["message"].startswith("[broken] ")
    assert response["auditAnnotations"]["failed"] == "broken"


def test_a_violation_counts_whatever_else_fails_and_is_ignored(start: Start, tmp_path: Any) -> None:
    (tmp_path / "broken.rego").write_text(BROKEN)
    server = start(configuration="server: {failure_policy: ignore}\n", folders=("own.rego", "broken.rego"))
    response = server.admit(pod(hostNetwork=True))
    assert not response["allowed"]
    assert response["status"]["code"] == 403


def test_requests_are_judged_at_the_same_time(start: Start) -> None:
    server = start()
    values = [pod(hostNetwork=bool(number % 2)) for number in range(40)]

    async def all_of_them() -> list[bool]:
        asked = [server.aask("POST", "/v1/admit", json.dumps(review(value)).encode()) for value in values]
        return [answer.response["allowed"] for answer in await asyncio.gather(*asked)]

    assert asyncio.run(all_of_them()) == [number % 2 == 0 for number in range(40)]
