"""Reports in a cluster: one for each object, none that is stale, none that etcd refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from attest_governance.adapters.cluster import Kind, Object
from attest_governance.controller.audit.audit import audit, published
from attest_governance.controller.audit.reports import LABEL, Reports, Written
from attest_governance.controller.audit.scope import Scope
from attest_governance.errors import ClusterError, OutputError, UsageError
from attest_governance.runtime import Runtime

from .conftest import NOW
from .memory import CLUSTER_REPORT, NODE, POD, REPORT, SERVICE, MemoryCluster, named, pod

Opened = Callable[..., Runtime]
NODES = """package nodes
violation contains "no label" if {
	input.resource.kind == "Node"
	not input.resource.metadata.labels
}
"""
MANY = """package many
violation contains {"msg": sprintf("%d: %s", [n, input.resource.metadata.annotations.long])} if {
	some n in numbers.range(1, 300)
	input.resource.spec.hostNetwork
}
"""


def run(cluster: MemoryCluster, runtime: Runtime, scope: Scope = Scope()) -> Written:  # noqa: B008 (frozen)
    return published(cluster, audit(cluster, runtime, scope, NOW), scope, NOW)


def held(cluster: MemoryCluster, kind: Kind = REPORT) -> list[Object]:
    return [value for (of, _, _), value in cluster.objects.items() if of == kind]


def test_each_object_that_something_is_said_of_has_a_report(cluster: MemoryCluster, opened: Opened) -> None:
    for name, host in (("a", True), ("b", False), ("c", True)):
        cluster.put(POD, pod(name, host=host))
    assert run(cluster, opened()) == Written(applied=2)
    first = min(held(cluster), key=lambda one: str(one["scope"]["name"]))
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "uid-11"}
    assert first["scope"] == {**owner, "namespace": "shop"}
    assert first["metadata"]["ownerReferences"] == [owner]
    assert first["metadata"]["labels"] == {LABEL: "audit", "app.kubernetes.io/managed-by": "attest"}
    assert first["summary"] == {"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0}
    assert first["results"][0]["message"] == "the host's network is not for pods"
    assert "line" not in first["results"][0]["properties"]


def test_what_has_no_namespace_has_a_cluster_report(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(NODE, named("one"))
    run(cluster, opened(NODES))
    [report] = held(cluster, CLUSTER_REPORT)
    assert "namespace" not in report["metadata"]
    assert not held(cluster)


def test_a_report_that_says_the_same_is_not_written_again(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    run(cluster, opened())
    assert run(cluster, opened()) == Written(unchanged=1)


def test_stale_reports_are_deleted(cluster: MemoryCluster, opened: Opened) -> None:
    for name in ("fixed", "removed", "kept"):
        cluster.put(POD, pod(name, host=True))
    run(cluster, opened())
    cluster.put(POD, pod("fixed"))
    cluster.remove(POD, "removed", "shop")
    assert run(cluster, opened()) == Written(unchanged=1, deleted=2)
    assert [one["scope"]["name"] for one in held(cluster)] == ["kept"]


def test_what_was_not_looked_at_keeps_its_reports(cluster: MemoryCluster, opened: Opened) -> None:
    for namespace in ("shop", "bank"):
        cluster.put(POD, pod("a", namespace, host=True))
    run(cluster, opened())
    cluster.remove(POD, "a", "shop")
    cluster.put(SERVICE, named("s", "bank"))
    assert run(cluster, opened(), Scope(("bank",))).deleted == 0
    assert run(cluster, opened(), Scope(kinds=("Service",))).deleted == 0
    cluster.failing["pods"] = "forbidden"
    assert run(cluster, opened()).deleted == 0
    cluster.failing.clear()
    assert run(cluster, opened()).deleted == 1


def test_a_kind_that_is_gone_takes_its_reports_with_it(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    cluster.put(SERVICE, named("s", "shop"))
    run(cluster, opened())
    cluster.kinds_served = tuple(kind for kind in cluster.kinds_served if kind != POD)
    cluster.failures = (ClusterError("`x/v1`: gone"),)
    assert run(cluster, opened()).deleted == 0, "what can't be discovered may be there"
    cluster.failures = ()
    assert run(cluster, opened()).deleted == 1


def test_policies_that_can_not_be_used_delete_nothing(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True))
    run(cluster, opened())
    assert run(cluster, opened("package broken\nviolation contains")) == Written()


def test_reports_of_others_are_left_alone(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a"))
    cluster.put(REPORT, named("theirs", "shop"))
    assert run(cluster, opened()).deleted == 0


def test_no_report_is_larger_than_etcd_takes(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, pod("a", host=True, annotations={"long": "x" * 20_000}))
    run(cluster, opened(MANY))
    reports = held(cluster)
    assert len(reports) > 1
    assert all(len(json.dumps(one)) < 1_000_000 for one in reports)
    assert sum(len(one["results"]) for one in reports) == 300
    assert all(one["message"].endswith("more characters)") for report in reports for one in report["results"])
    cluster.put(POD, pod("a", host=True, annotations={"long": "x"}))
    run(cluster, opened(MANY))
    assert len(held(cluster)) == 1, "the further parts are stale"


def test_an_object_that_is_gone_when_its_report_is_written_is_no_failure(
    cluster: MemoryCluster, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        cluster.put(POD, pod(name, host=True))
    audited, apply = audit(cluster, opened(), Scope(), NOW), cluster.apply

    def refuses(kind: Kind, value: Object, **how: Any) -> Object:
        if value["scope"]["name"] == "a":
            raise ClusterError("namespaces `shop` not found")
        return apply(kind, value, **how)

    monkeypatch.setattr(cluster, "apply", refuses)
    with pytest.raises(OutputError, match="a report can't be written: namespaces `shop` not found"):
        published(cluster, audited, Scope(), NOW)
    assert len(held(cluster)) == 1, "the others are written"
    cluster.remove(POD, "a", "shop")
    published(cluster, audited, Scope(), NOW)


def test_a_problem_of_an_object_is_in_its_report(cluster: MemoryCluster, opened: Opened) -> None:
    cluster.put(POD, {**pod("a"), "items": []})
    run(cluster, opened())
    [report] = held(cluster)
    assert report["summary"]["error"] == 1


def test_a_cluster_without_reports_says_what_to_install(cluster: MemoryCluster) -> None:
    cluster.kinds_served = (POD,)
    with pytest.raises(UsageError, match=r"does not serve `openreports\.io/v1alpha1`"):
        Reports(cluster)
