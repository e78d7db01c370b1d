"""Bringing objects to a cluster and taking them away, on a cluster in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from attest_governance.adapters.cluster import Object
from attest_governance.errors import ClusterError, ConflictError
from attest_governance.gatekeeper.belonging import OWNER
from attest_governance.gatekeeper.difference import differences
from attest_governance.gatekeeper.install import Change, How, Patience, install, uninstall

from .simulator import CONFIG, CONSTRAINTS, TEMPLATES, SimulatedCluster


def template(kind: str, **more: Any) -> Object:
    return {
        "apiVersion": TEMPLATES.api_version,
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower()},
        "spec": {"crd": {"spec": {"names": {"kind": kind}}}, **more},
    }


def constraint(kind: str, name: str = "one", **spec: Any) -> Object:
    return {"apiVersion": CONSTRAINTS, "kind": kind, "metadata": {"name": name}, "spec": spec or {"match": {}}}


@dataclass
class VirtualClock:
    """A clock that moves when somebody sleeps."""

    time: float = 0.0
    slept: int = 0

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += 1

    def patience(self, seconds: float = 60.0) -> Patience:
        return Patience(seconds, lambda: self.time, self.sleep)


@dataclass
class Case:
    """A cluster, and the wishes that tests vary."""

    cluster: SimulatedCluster = field(default_factory=SimulatedCluster)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def install(self, *objects: Object, **how: Any) -> list[str]:
        return _words(install(self.cluster, objects, How(patience=self.clock.patience(), **how)))

    def uninstall(self, *, dry_run: bool = False) -> list[str]:
        return _words(uninstall(self.cluster, dry_run=dry_run))


def _words(changes: Iterable[Change]) -> list[str]:
    return [f"{each.action} {each.kind}/{each.name}" for each in changes]


@pytest.fixture
def case() -> Case:
    return Case()


def test_templates_come_first_whatever_the_order_of_the_objects(case: Case) -> None:
    case.install(constraint("B"), template("B"), constraint("A"), template("A"))
    assert case.cluster.log == [
        "apply ConstraintTemplate/a",
        "apply ConstraintTemplate/b",
        "apply A/one",
        "apply B/one",
    ]


def test_constraints_wait_until_gatekeeper_has_taken_the_templates_in(case: Case) -> None:
    case.cluster.looks_needed = 5
    assert case.install(template("A"), constraint("A")) == ["created ConstraintTemplate/a", "created A/one"]
    assert case.clock.slept >= 3


def test_a_changed_template_is_waited_for_although_its_kind_is_served(case: Case) -> None:
    case.install(template("A"), constraint("A"))
    case.cluster.looks_needed, case.clock.slept = 4, 0
    assert case.install(template("A", targets=["new"]), constraint("A"))[0] == "updated ConstraintTemplate/a"
    assert case.clock.slept >= 2


def test_a_second_time_changes_nothing(case: Case) -> None:
    objects = template("A"), constraint("A")
    case.install(*objects)
    assert case.install(*objects) == ["unchanged ConstraintTemplate/a", "unchanged A/one"]


def test_what_is_installed_says_whose_it_is(case: Case) -> None:
    case.install(template("A"))
    held = case.cluster.get(TEMPLATES, "a") or {}
    assert held["metadata"]["labels"] == {OWNER: "attest-governance"}


def test_gatekeeper_that_never_answers_ends_in_a_clear_error(case: Case) -> None:
    case.cluster.looks_needed = -1
    with pytest.raises(ClusterError) as caught:
        case.install(template("A"), constraint("A"))
    assert "has not taken in" in caught.value.message
    assert "--timeout" in caught.value.hint
    assert case.clock.time == pytest.approx(60, abs=1)
    assert case.cluster.log == ["apply ConstraintTemplate/a"]


def test_a_template_that_gatekeeper_refuses_ends_at_once(case: Case) -> None:
    case.cluster.refused["a"] = "rego_parse_error:\n  unexpected token"
    with pytest.raises(ClusterError, match="refuses the template `a`: rego_parse_error: unexpected token"):
        case.install(template("A"), constraint("A"))
    assert case.clock.slept <= 1


def test_a_cluster_without_gatekeeper_is_left_alone(case: Case) -> None:
    case.cluster.gatekeeper = False
    with pytest.raises(ClusterError, match="Gatekeeper is not installed in `simulated`"):
        case.install(template("A"))
    assert case.cluster.log == []


def test_a_constraint_without_its_template_is_refused(case: Case) -> None:
    with pytest.raises(ClusterError, match=r"has not taken in 1 of the templates within 60 s: Nobody"):
        case.install(constraint("Nobody"))


def _foreign(case: Case, value: Object) -> None:
    case.cluster.apply(TEMPLATES, value, manager="kubectl")


def test_an_object_of_others_is_not_taken_over(case: Case) -> None:
    _foreign(case, template("A"))
    with pytest.raises(ConflictError, match="`ConstraintTemplate/a` is there already and does not belong to us"):
        case.install(template("A"))
    assert case.install(template("A"), force=True) == ["updated ConstraintTemplate/a"]


def test_a_field_of_others_is_not_taken_over(case: Case) -> None:
    case.install(template("A", note="ours"))
    case.cluster.apply(TEMPLATES, template("A", note="theirs"), force=True, manager="kubectl")
    with pytest.raises(ConflictError) as caught:
        case.install(template("A", note="ours"))
    assert caught.value.message == ("`ConstraintTemplate/a`: others own fields that would change: .spec.note (kubectl)")
    case.install(template("A", note="ours"), force=True)
    assert (case.cluster.get(TEMPLATES, "a") or {})["spec"]["note"] == "ours"


def test_a_dry_run_changes_nothing_and_says_what_would_be(case: Case) -> None:
    words = case.install(template("A"), constraint("A"), dry_run=True)
    assert words == ["created ConstraintTemplate/a", "created A/one"]
    assert case.cluster.log == []


def test_prune_removes_what_is_not_wanted_any_more_and_nothing_of_others(case: Case) -> None:
    case.install(template("A"), constraint("A"), template("B"), constraint("B"))
    _foreign(case, template("C"))
    words = case.install(template("A"), constraint("A"), prune=True)
    assert words == [
        "unchanged ConstraintTemplate/a", "unchanged A/one", "deleted B/one", "deleted ConstraintTemplate/b",
    ]  # fmt: skip
    assert case.cluster.get(TEMPLATES, "c") is not None


def test_without_prune_nothing_is_removed(case: Case) -> None:
    case.install(template("A"), template("B"))
    assert case.install(template("A")) == ["unchanged ConstraintTemplate/a"]


def test_uninstall_removes_constraints_first_and_only_what_is_ours(case: Case) -> None:
    case.install(template("A"), constraint("A"), config())
    _foreign(case, template("Theirs"))
    case.cluster.log.clear()
    assert case.uninstall() == ["deleted A/one", "deleted Config/config", "deleted ConstraintTemplate/a"]
    assert case.cluster.log == ["delete A/one", "delete Config/config", "delete ConstraintTemplate/a"]
    assert case.cluster.get(TEMPLATES, "theirs") is not None


def config() -> Object:
    metadata = {"name": "config", "namespace": "gatekeeper-system"}
    return {"apiVersion": CONFIG.api_version, "kind": "Config", "metadata": metadata, "spec": {"match": []}}


def test_a_template_that_others_have_constraints_of_stays(case: Case) -> None:
    """The template's kind would go, and with it constraints that others rely on."""
    case.install(template("A"), constraint("A"))
    kind = case.cluster.kinds(CONSTRAINTS)[0]
    case.cluster.apply(kind, constraint("A", "theirs"), manager="kubectl")
    assert case.uninstall() == ["deleted A/one", "kept ConstraintTemplate/a"]
    assert case.cluster.get(kind, "theirs") is not None


def test_uninstalling_can_be_tried(case: Case) -> None:
    case.install(template("A"))
    before = list(case.cluster.log)
    assert case.uninstall(dry_run=True) == ["deleted ConstraintTemplate/a"]
    assert case.cluster.log == before


def test_an_object_that_was_made_anew_meanwhile_is_not_deleted(case: Case) -> None:
    case.install(template("A"))
    old = case.cluster.get(TEMPLATES, "a") or {}
    old["metadata"]["uid"] = "that of its predecessor"
    with pytest.raises(ConflictError):
        case.cluster.delete(TEMPLATES, old)


def test_progress_tells_what_was_done_before_a_failure(case: Case) -> None:
    case.cluster.looks_needed = -1
    done: list[Change] = []
    with pytest.raises(ClusterError):
        done.extend(install(case.cluster, [template("A"), constraint("A")], How(patience=case.clock.patience(1))))
    assert _words(tuple(done)) == ["created ConstraintTemplate/a"]


Objects = list[Object]
DIFFERENCES: dict[str, tuple[Objects, Objects, list[str]]] = {
    "an empty cluster": ([], [template("A")], ["created ConstraintTemplate/a"]),
    "a constraint whose kind is not there yet": (
        [],
        [template("A"), constraint("A")],
        ["created ConstraintTemplate/a", "created A/one"],
    ),
    "the same": ([template("A")], [template("A")], []),
    "a changed field": (
        [template("A"), constraint("A", level=1)],
        [template("A"), constraint("A", level=2)],
        ["updated A/one"],
    ),
    "an object of ours that is not wanted": (
        [template("A"), template("B")],
        [template("A")],
        ["deleted ConstraintTemplate/b"],
    ),
}


@pytest.mark.parametrize(("before", "objects", "expected"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_differences_are_what_an_installation_would_do(
    case: Case, before: Objects, objects: Objects, expected: list[str]
) -> None:
    case.install(*before)
    log = list(case.cluster.log)
    found = differences(case.cluster, objects, prune=True)
    assert [f"{each.action} {each.kind}/{each.name}" for each in found] == expected
    assert case.cluster.log == log
    changes = [word for word in case.install(*objects, prune=True) if not word.startswith("unchanged")]
    assert changes == expected


def test_a_difference_shows_the_lines(case: Case) -> None:
    case.install(template("A"), constraint("A", level=1))
    (found,) = differences(case.cluster, [template("A"), constraint("A", level=2)])
    assert "-  level: 1\n+  level: 2\n" in found.diff


def test_a_difference_names_the_conflict_that_would_stop_it(case: Case) -> None:
    case.install(template("A", note="ours"))
    case.cluster.apply(TEMPLATES, template("A", note="theirs"), force=True, manager="kubectl")
    (found,) = differences(case.cluster, [template("A", note="ours")])
    assert ".spec.note (kubectl)" in found.conflict
    assert "theirs" in found.diff
