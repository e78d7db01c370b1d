"""What policies look up in an inventory that outlives requests."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from attest_governance.errors import EngineCrashedError, InventoryFullError
from attest_governance.evaluate import CheckOptions, Engine, Inventory, LoadedPolicies
from attest_governance.evaluate.requests import GetStatus, ObjectName
from attest_governance.model.sources import Manifests, PolicySources, Selected, Text
from attest_governance.resources import engine_path

POLICY = """package lone

violation contains msg if {
	input.resource.kind == "Deployment"
	count(guards) == 0
	msg := sprintf("no budget guards %s in %s", [input.resource.metadata.name, input.namespace.metadata.labels.env])
}

guards contains name if {
	some name
	some version
	data.inventory.namespace[input.resource.metadata.namespace][version].PodDisruptionBudget[name]
}
"""
TEMPLATE = """apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: uniquehost}
spec:
  crd: {spec: {names: {kind: UniqueHost}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package uniquehost
      violation[{"msg": msg}] {
        host := input.review.object.spec.rules[_].host
        other := data.inventory.namespace[ns][_].Ingress[name]
        other.spec.rules[_].host == host
        ns != input.review.object.metadata.namespace
        msg := sprintf("%s is %s/%s's", [host, ns, name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: UniqueHost
metadata: {name: all}
---
apiVersion: syncset.gatekeeper.sh/v1alpha1
kind: SyncSet
metadata: {name: hosts}
spec: {gvks: [{group: networking.k8s.io, version: v1, kind: Ingress}]}
---
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec: {sync: {syncOnly: [{group: "", version: v1, kind: Pod}]}}
"""
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: own, namespace: shop}
spec: {rules: [{host: a.example}]}
"""
BUDGET = ObjectName("policy/v1", "PodDisruptionBudget", "shop", "web")
NAMESPACE = ObjectName("v1", "Namespace", "", "shop")


def told(name: ObjectName, **more: object) -> dict[ObjectName, bytes]:
    metadata = {"name": name.name, "namespace": name.namespace, "labels": {"env": "test"}}
    value = {"apiVersion": name.api_version, "kind": name.kind, "metadata": metadata, **more}
    return {name: json.dumps(value).encode()}


@pytest.fixture
def engine() -> Iterator[Engine]:
    running = Engine(engine_path())
    yield running
    running.close()


@pytest.fixture
def loaded(engine: Engine, tmp_path: Path) -> LoadedPolicies:
    (tmp_path / "lone.rego").write_text(POLICY)
    (tmp_path / "unique.yaml").write_text(TEMPLATE)
    found = engine.load(PolicySources(paths=(str(tmp_path),)))
    assert [one.message for one in found.problems] == []
    return found


def said(engine: Engine, loaded: LoadedPolicies, inventory: Inventory, *texts: str) -> list[str]:
    selected = tuple(Selected(one.name, {}) for one in loaded.policies)
    inputs = tuple(Text(f"{number}.yaml", text) for number, text in enumerate(texts))
    batches = engine.check(loaded, selected, Manifests(inputs=inputs), CheckOptions(inventory=inventory))
    return [
        *(finding.message for batch in batches for finding in batch.findings),
        *(problem.message for batch in batches for problem in batch.problems),
    ]


def test_policies_see_each_state(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory = Inventory()
    inventory.change(told(NAMESPACE))
    assert said(engine, loaded, inventory, DEPLOYMENT) == ["no budget guards web in test"]
    inventory.change(told(BUDGET))
    assert said(engine, loaded, inventory, DEPLOYMENT) == []
    inventory.change({}, [BUDGET])
    assert said(engine, loaded, inventory, DEPLOYMENT) == ["no budget guards web in test"]


def test_what_is_kept_of_a_policy_is_not_that_of_another_state(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "p.rego").write_text(
        "package p\nnames contains name if data.inventory.cluster.v1.Node[name]\nmany := count(names) > 1\n"
        'violation contains concat(" ", names)\nviolation contains "many" if many\n'
    )
    loaded, inventory = engine.load(PolicySources(paths=(str(tmp_path),))), Inventory()
    for wanted in (["a"], ["a b", "many"], ["b"]):
        names = wanted[0].split()
        inventory.change(
            {k: v for name in names for k, v in told(ObjectName("v1", "Node", "", name)).items()},
            [ObjectName("v1", "Node", "", name) for name in "ab" if name not in names],
        )
        assert sorted(said(engine, loaded, inventory, DEPLOYMENT)) == wanted


def test_templates_see_it_too(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory, other = Inventory(), ObjectName("networking.k8s.io/v1", "Ingress", "blog", "theirs")
    inventory.change(told(other, spec={"rules": [{"host": "a.example"}]}))
    assert said(engine, loaded, inventory, INGRESS) == ["a.example is blog/theirs's"]
    inventory.change(told(other, spec={"rules": [{"host": "b.example"}]}))
    assert said(engine, loaded, inventory, INGRESS) == []


def test_a_manifest_takes_the_place_of_the_object_of_its_name(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory = Inventory()
    for name in ("one", "two"):
        theirs = ObjectName("networking.k8s.io/v1", "Ingress", name, "theirs")
        inventory.change(told(theirs, spec={"rules": [{"host": "a.example"}]}))
    moved = INGRESS.replace("own", "theirs").replace("shop", "one").replace("a.ex", "c.ex")
    assert said(engine, loaded, inventory, INGRESS, moved) == ["a.example is two/theirs's"]


def test_the_engine_says_what_is_looked_up(loaded: LoadedPolicies) -> None:
    seen = {one.name: [(kind.api_version, kind.kind) for kind in one.looks_up] for one in loaded.policies}
    assert seen == {"lone": [("", "PodDisruptionBudget")], "UniqueHost/all": [("", "Ingress")]}
    synced = [(one.api_version, one.kind) for one in loaded.synced]
    assert synced == [
        ("networking.k8s.io/v1", "Ingress"),
        ("v1", "Pod"),
    ]


def test_an_engine_that_takes_the_place_of_another_is_told_all(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory = Inventory()
    inventory.change(told(NAMESPACE) | told(BUDGET))
    assert said(engine, loaded, inventory, DEPLOYMENT) == []
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashedError):
        engine.ask(GetStatus())
    assert said(engine, loaded, inventory, DEPLOYMENT) == []


def test_there_is_room_for_so_much(engine: Engine, loaded: LoadedPolicies) -> None:
    texts = told(NAMESPACE)
    inventory = Inventory(most=len(texts[NAMESPACE]) + 10)
    inventory.change(texts)
    with pytest.raises(InventoryFullError, match=f"and may hold {inventory.size + 10}"):
        inventory.change(told(BUDGET), [ObjectName("v1", "Namespace", "", "other")])
    assert (len(inventory), BUDGET in inventory, NAMESPACE in inventory) == (1, False, True)
    assert said(engine, loaded, inventory, DEPLOYMENT) == ["no budget guards web in test"]
    inventory.change({}, [NAMESPACE])
    assert (len(inventory), inventory.size) == (0, 0)


def test_many_objects_are_told_in_parts(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory = Inventory()
    for number in range(5_000):
        inventory.change(told(ObjectName("v1", "Service", "shop", f"s-{number}")))
    inventory.change(told(NAMESPACE) | told(BUDGET))
    assert said(engine, loaded, inventory, DEPLOYMENT) == []
    assert engine.ask(GetStatus()).inventories == 1
    inventory.close()
    assert engine.ask(GetStatus()).inventories == 0
