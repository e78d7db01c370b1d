"""What policies look up in an inventory that outlives requests, and how an engine is told of it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec import Raw

from attest_governance.errors import EngineCrashedError, EngineError, InventoryFullError
from attest_governance.evaluate import CheckOptions, Engine, Inventory, LoadedPolicies
from attest_governance.evaluate.messages import InventoryName
from attest_governance.evaluate.requests import (
    ApplyInventory,
    CloseInventory,
    GetStatus,
    ObjectName,
    OpenInventory,
    Request,
)
from attest_governance.model.sources import Manifests, PolicySources, Selected, Text
from attest_governance.resources import engine_path

if TYPE_CHECKING:
    from attest_governance.evaluate.connection import Connection

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


def test_an_engine_can_be_told_before_it_is_asked(engine: Engine, loaded: LoadedPolicies) -> None:
    inventory = Inventory()
    inventory.change(told(NAMESPACE))
    engine.tell(inventory)
    assert engine.ask(GetStatus()).inventories == 1
    assert said(engine, loaded, inventory, DEPLOYMENT) == ["no budget guards web in test"]
    assert engine.ask(GetStatus()).inventories == 1


def test_a_process_can_be_given_policies_before_it_is_asked(engine: Engine, loaded: LoadedPolicies) -> None:
    other = engine.beside()
    try:
        other.warm(loaded)
        assert other.ask(GetStatus()).sets == 1
    finally:
        other.close()


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


class Asked:
    """A connection that notes what it is asked; `fails` names a type of request that it refuses once."""

    def __init__(self, fails: type[Request[Any, Any]] | None = None) -> None:
        self.requests: list[Request[Any, Any]] = []
        self.alive, self.fails = True, fails
        self.meanwhile: Callable[[], object] = lambda: None

    def ask(self, request: Request[Any, Any]) -> object:
        self.requests.append(request)
        self.meanwhile()
        if type(request) is self.fails:
            self.fails = None
            raise EngineError("no")
        return InventoryName("i") if isinstance(request, OpenInventory) else None

    def told(self) -> list[tuple[int, int]]:
        """How many objects, and how many that are gone, each of its requests told."""
        return [(len(one.objects), len(one.gone)) for one in self.requests if isinstance(one, ApplyInventory)]


def on(inventory: Inventory, asked: Asked) -> str:
    return inventory.on(cast("Connection", asked))


def names(number: int) -> list[ObjectName]:
    return [ObjectName("v1", "Service", "shop", f"s-{one}") for one in range(number)]


PARTS = {
    "nothing": (0, 2, []),
    "as many objects as one request tells": (2000, 2, [(2000, 0)]),
    "more": (4001, 2, [(2000, 0), (2000, 0), (1, 0)]),
    "as many bytes as one request tells, and one object beyond": (10, 2**20, [(9, 0), (1, 0)]),
}


@pytest.mark.parametrize(("number", "size", "told"), PARTS.values(), ids=PARTS)
def test_so_much_is_told_at_once(number: int, size: int, told: list[tuple[int, int]]) -> None:
    inventory, asked = Inventory(), Asked()
    text = b'"%b"' % (b"x" * (size - 2))
    inventory.change(dict.fromkeys(names(number), text))
    assert [on(inventory, asked), on(inventory, asked)] == ["i", "i"]
    assert asked.requests[0] == OpenInventory(256 << 20)
    assert asked.told() == told


def test_only_what_has_changed_is_told_again() -> None:
    inventory, asked = Inventory(), Asked()
    one, two, three = names(3)
    inventory.change({one: b"1", two: b"2"})
    on(inventory, asked)
    inventory.change({one: b"1", three: b"33"}, gone=[two, ObjectName("v1", "Service", "shop", "other")])
    on(inventory, asked)
    inventory.change({one: b"1"}, gone=[two])
    on(inventory, asked)
    assert asked.requests[1:] == [
        ApplyInventory("i", (Raw(b"1"), Raw(b"2"))),
        ApplyInventory("i", (Raw(b"33"),), (two,)),
    ]
    assert (len(inventory), inventory.size) == (2, 3)


def test_what_was_not_told_is_told_the_next_time() -> None:
    inventory, asked = Inventory(), Asked(fails=ApplyInventory)
    one, two = names(2)
    inventory.change({one: b"1", two: b"2"})
    asked.meanwhile = lambda: inventory.change({one: b"11"})  # what is newer counts
    with pytest.raises(EngineError):
        on(inventory, asked)
    on(inventory, asked)
    assert asked.requests[-1] == ApplyInventory("i", (Raw(b"11"), Raw(b"2")))


def test_who_needs_nothing_that_is_being_told_does_not_wait() -> None:
    inventory, asked = Inventory(), Asked()
    assert on(inventory, asked) == "i"
    inventory.change({names(1)[0]: b"1"})
    with ThreadPoolExecutor(1) as pool:
        asked.meanwhile = lambda: pool.submit(on, inventory, asked).result(60)
        assert on(inventory, asked) == "i"
    assert asked.told() == [(1, 0)]


def test_an_inventory_is_closed_where_it_is() -> None:
    inventory, there, dead, never = Inventory(), Asked(), Asked(), Asked(fails=OpenInventory)
    inventory.change({names(1)[0]: b"1"})
    on(inventory, there)
    on(inventory, dead)
    with pytest.raises(EngineError):
        on(inventory, never)
    dead.alive = False
    inventory.close()
    assert there.requests[-1] == CloseInventory("i")
    assert CloseInventory not in [type(one) for asked in (dead, never) for one in asked.requests]
    assert (len(inventory), inventory.size, names(1)[0] in inventory) == (0, 0, False)


def test_there_is_room_for_256_mib_where_nobody_says_otherwise() -> None:
    Inventory().insist_on_room(268_435_456)
    with pytest.raises(InventoryFullError, match="would hold 268435457 bytes, and may hold 268435456"):
        Inventory().insist_on_room(268_435_457)
