"""One pass over a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from attest_governance.adapters.cluster import Kind
from attest_governance.controller.audit.audit import audit
from attest_governance.controller.audit.scope import Scope, extent
from attest_governance.errors import ClusterError, GoneError, UsageError
from attest_governance.model import Outcome
from attest_governance.runtime import Runtime

from .conftest import NOW, REFERENCES
from .memory import (
    CLUSTER_REPORT,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    POD,
    REPORT,
    SECRET,
    SERVICE,
    MemoryCluster,
    named,
    pod,
)

Opened = Callable[..., Runtime]
EVERYTHING = Scope()


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(one.location.file, one.message) for one in outcome.findings]


def test_every_object_is_judged_and_named_by_where_the_cluster_has_it(cluster: MemoryCluster, opened: Opened) -> None:
    for name in ("a", "b", "c", "d", "e"):
        cluster.put(POD, pod(name, host=name in "be"))
    cluster.put(NODE, named("one"))
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    host = "the host's network is not for pods"
    assert told(outcome) == [
        ("<memory>/api/v1/namespaces/shop/pods/b", host),
        ("<memory>/api/v1/namespaces/shop/pods/e", host),
    ]
    assert [one.location.path for one in outcome.findings] == ["/spec/hostNetwork"] * 2
    assert (outcome.summary.verdict, outcome.summary.resources) == ("deny", 6)


def test_an_audit_says_what_a_check_of_the_same_objects_says(cluster: MemoryCluster, opened: Opened) -> None:
    for name in ("a", "b", "c"):
        cluster.put(POD, pod(name, host=name == "b"))
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    assert [one.policy for one in outcome.evaluated] == ["own"]
    assert (outcome.evaluated[0].resources, outcome.evaluated[0].passed) == (3, 2)
    assert not outcome.problems


def test_a_namespace_and_a_kind_limit_what_is_judged(cluster: MemoryCluster, opened: Opened) -> None:
    for namespace in ("shop", "bank"):
        cluster.put(POD, pod("web", namespace, host=True))
        cluster.put(SERVICE, named("web", namespace))
    cluster.put(NODE, named("one"))
    outcome = audit(cluster, opened(), Scope(("bank",)), NOW).outcome
    assert [one.location.file for one in outcome.findings] == ["<memory>/api/v1/namespaces/bank/pods/web"]
    assert outcome.summary.resources == 2
    assert audit(cluster, opened(), Scope(kinds=("services",)), NOW).outcome.summary.resources == 2
    assert "list pods in bank" in cluster.log
    assert "list nodes" not in cluster.log


@pytest.mark.parametrize("name", ["Pod", "pods", "pod", "deployments.apps", "Deployment"])
def test_a_kind_has_several_names(cluster: MemoryCluster, opened: Opened, name: str) -> None:
    assert len(extent(cluster, opened(), Scope(kinds=(name,))).judged) == 1


def test_a_kind_that_is_not_served_is_refused(cluster: MemoryCluster, opened: Opened) -> None:
    with pytest.raises(UsageError, match="serves no kind `Pot`") as refused:
        audit(cluster, opened(), Scope(kinds=("Pot",)), NOW)
    assert refused.value.hint == "did you mean `pod`?"


def test_policies_look_up_the_whole_cluster_whatever_part_is_judged(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(NAMESPACE, named("shop"))
    for name in ("a", "b", "c"):
        cluster.put(DEPLOYMENT, named(name, "shop"))
    for name, namespace in (("a", "shop"), ("b", "bank"), ("c", "shop"), ("d", "shop")):
        cluster.put(SERVICE, named(name, namespace))
    runtime = opened(REFERENCES)
    expected = [("<memory>/apis/apps/v1/namespaces/shop/deployments/b", "no service of its name")]
    for scope in (EVERYTHING, Scope(("shop",)), Scope(kinds=("Deployment",)), Scope(("shop",), ("Deployment",))):
        outcome = audit(cluster, runtime, scope, NOW).outcome
        assert told(outcome) == expected, scope
        assert not outcome.problems, scope


def test_what_is_looked_up_alone_is_not_judged(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(DEPLOYMENT, named("a", "shop"))
    cluster.put(SERVICE, named("a", "shop"))
    runtime = opened(REFERENCES)
    assert audit(cluster, runtime, Scope(kinds=("Deployment",)), NOW).outcome.summary.resources == 1
    assert extent(cluster, runtime, EVERYTHING).looked_up == (NAMESPACE, SERVICE)


VERSION = """package versioned
violation contains "no old service" if {
	input.resource.kind == "Deployment"
	not data.inventory.namespace[input.resource.metadata.namespace]["v0"].Service[input.resource.metadata.name]
}
"""


def test_a_policy_looks_up_the_version_that_it_names(cluster: MemoryCluster, opened: Opened) -> None:
    old = Kind("v0", "Service", "services", namespaced=True)
    cluster.others = (old,)
    cluster.put(DEPLOYMENT, named("a", "shop"))
    cluster.put(old, named("a", "shop"))
    runtime = opened(VERSION)
    assert extent(cluster, runtime, EVERYTHING).looked_up == (NAMESPACE, old)
    assert audit(cluster, runtime, EVERYTHING, NOW).outcome.summary.verdict == "allow"


def test_a_list_that_the_cluster_forgets_is_begun_anew(cluster: MemoryCluster, opened: Opened) -> None:
    for name in ("a", "b", "c", "d", "e"):
        cluster.put(POD, pod(name, host=name in "ae"))
    cluster.gone = 2
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    assert (len(outcome.findings), outcome.summary.resources, outcome.problems) == (2, 5, ())
    assert cluster.log.count("list pods") == 3


def test_a_list_that_is_forgotten_again_and_again_is_no_verdict(cluster: MemoryCluster, opened: Opened) -> None:
    for name in ("a", "b", "c"):
        cluster.put(POD, pod(name))
    cluster.gone = 3
    found = audit(cluster, opened(), EVERYTHING, NOW)
    [problem] = found.outcome.problems
    assert (found.outcome.summary.verdict, problem.code) == ("error", "not_listed")
    assert problem.message == "the pods of the cluster can't be listed: the continue token is too old"
    assert POD not in found.kinds


def test_what_can_not_be_listed_is_no_verdict_and_the_rest_is_judged(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    cluster.failing["secrets"] = "secrets is forbidden"
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    [problem] = outcome.problems
    assert (outcome.summary.verdict, len(outcome.findings)) == ("error", 1)
    assert (problem.file, problem.hint) == ("<memory>/api/v1/secrets", "ask for the rights")


def test_a_group_that_can_not_be_discovered_is_no_verdict(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a"))
    cluster.failures = (ClusterError("`metrics.k8s.io/v1`: the server is gone"),)
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    assert outcome.summary.verdict == "error"
    assert outcome.problems[0].message == "the kinds of `metrics.k8s.io/v1`: the server is gone"


def test_an_object_that_looks_like_a_list_is_not_replaced_by_what_is_in_it(
    cluster: MemoryCluster, opened: Opened
) -> None:
    cluster.put(POD, {**pod("a", host=True), "items": []})
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    [problem] = [one for one in outcome.problems if one.code == "nested_items"]
    assert (outcome.summary.verdict, problem.file) == ("error", "<memory>/api/v1/namespaces/shop/pods/a")


def test_secrets_are_judged_and_never_written_to_a_file(
    cluster: MemoryCluster, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cluster.put(SECRET, named("key", "shop", data={"password": "aHVudGVyMg=="}))
    cluster.put(POD, pod("a"))
    seen: list[str] = []

    def look(*_: object) -> None:
        seen.extend(file.read_text() for folder in tmp_path.glob("attest-audit-*") for file in folder.iterdir())

    outcome = audit(cluster, opened(), EVERYTHING, NOW, progress=look).outcome
    assert outcome.summary.resources == 2
    assert seen
    assert not any("aHVudGVyMg" in text for text in seen)
    assert not list(tmp_path.glob("attest-audit-*")), "nothing is left of what was listed"


def test_our_own_reports_are_not_judged(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(REPORT, named("r", "shop"))
    cluster.put(CLUSTER_REPORT, named("r"))
    cluster.put(POD, pod("a"))
    assert audit(cluster, opened(), EVERYTHING, NOW).outcome.summary.resources == 1


def test_an_exemption_covers_an_object_of_a_cluster(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    text = (
        "exemptions: [{policy_name: own, resource_name: a, reason: soon, approved_by: sam,"
        ' expires_at: "2026-03-01T12:00:01Z"}]\n'
    )
    outcome = audit(cluster, opened(configuration=text), EVERYTHING, NOW).outcome
    assert (outcome.summary.verdict, outcome.summary.exempted) == ("allow", 1)
    later = NOW.replace(second=1)
    assert audit(cluster, opened(configuration=text), EVERYTHING, later).outcome.summary.verdict == "deny"


def test_the_word_of_an_object_exempts_it_from_nothing(cluster: MemoryCluster, opened: Opened) -> None:
    said = {
        "policy.attest.continuu.ms/exempt": "true",
        "policy.attest.continuu.ms/exempt-reason": "please",
        "policy.attest.continuu.ms/exempt-approved-by": "me",
        "policy.attest.continuu.ms/exempt-expires": "2099-01-01T00:00:00Z",
    }
    cluster.put(POD, pod("a", host=True, annotations=said))
    outcome = audit(cluster, opened(), EVERYTHING, NOW).outcome
    assert outcome.summary.verdict == "deny"


def test_an_empty_cluster_is_no_allowance(cluster: MemoryCluster, opened: Opened) -> None:
    assert audit(cluster, opened(), EVERYTHING, NOW).outcome.summary.verdict == "error"


CONSTRAINTS = """apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: own}
spec:
  crd: {spec: {names: {kind: Own}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package own
        violation[{"msg": "no host"}] { input.review.object.spec.hostNetwork }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Own
metadata: {name: pods}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}], namespaceSelector: {matchLabels: {env: prod}}}
"""


def test_only_kinds_that_a_constraint_matches_are_listed(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(NAMESPACE, {"metadata": {"name": "shop", "labels": {"env": "prod"}}})
    cluster.put(NAMESPACE, named("test"))
    for namespace in ("shop", "test"):
        cluster.put(POD, pod("a", namespace, host=True))
    outcome = audit(cluster, opened(CONSTRAINTS), EVERYTHING, NOW).outcome
    assert told(outcome) == [("<memory>/api/v1/namespaces/shop/pods/a", "no host")]
    assert cluster.log == ["list pods", "list namespaces"]


def test_a_version_that_is_gone_is_told_as_such(cluster: MemoryCluster) -> None:
    cluster.forget()
    with pytest.raises(GoneError):
        list(cluster.changes(POD, "1"))
