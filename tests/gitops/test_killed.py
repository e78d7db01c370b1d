"""A controller is killed at any step, or its cluster goes away: afterwards an allowed revision is there, whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from attest_governance.controller.gitops.fenced import Fenced
from attest_governance.controller.gitops.metrics import Metrics
from attest_governance.controller.gitops.reconciling import Known, Pace, reconcile
from attest_governance.controller.gitops.syncing import synchronise
from attest_governance.controller.lease import SECONDS, Lease
from attest_governance.errors import ClusterError

from .conftest import Stage, config_map
from .memory import KilledError

STEPS = (
    "apply status/web",
    "apply ConfigMap/a",
    "apply ConfigMap/b",
    "apply ConfigMap/c",
    "delete ConfigMap/old",
)
"""What is written in a synchronisation that changes two objects, adds one, and takes one away."""


def content(stage: Stage) -> dict[str, str]:
    """What the cluster holds of the application."""
    return {
        name: held.value["data"]["word"]
        for (kind, _, name), held in stage.cluster.objects.items()
        if kind == "ConfigMap"
    }


def killed_at(stage: Stage, number: int) -> str:
    """Synchronises until the change `number`, which is not made; what it would have been, or nothing."""
    seen: list[str] = []

    def before(change: str) -> None:
        seen.append(change)
        if len(seen) == number:
            raise KilledError

    stage.cluster.before = before
    try:
        synchronise(stage.world, stage.application())
    except KilledError:
        return seen[-1]
    finally:
        stage.cluster.before = lambda _: None
    return ""


@pytest.fixture
def changed(stage: Stage) -> Stage:
    """An application whose first revision is applied, and whose repository has another, allowed one."""
    stage.repository.commit({"k8s/b.yaml": config_map("b"), "k8s/old.yaml": config_map("old")})
    assert stage.sync()["phase"] == "Synced"
    new = {"k8s/a.yaml": config_map("a", "new"), "k8s/b.yaml": config_map("b", "new")}
    stage.repository.commit({**new, "k8s/c.yaml": config_map("c", "new"), "k8s/old.yaml": None})
    return stage


NEW = {"a": "new", "b": "new", "c": "new"}
OLD = {"a": "good", "b": "good", "old": "good"}


def test_the_steps_are_these(changed: Stage) -> None:
    done = len(changed.cluster.log)
    changed.sync()
    assert changed.cluster.log[done:] == [*STEPS, "apply status/web"]


@pytest.mark.parametrize("number", range(1, 7))
def test_whoever_comes_next_ends_what_was_begun(changed: Stage, number: int) -> None:
    assert killed_at(changed, number)
    status: dict[str, Any] = changed.sync()
    assert (status["phase"], status["syncingRevision"]) == ("Synced", "")
    assert content(changed) == NEW
    assert sorted(status["inventory"]) == [f"v1|ConfigMap|shop|{name}" for name in NEW]


@pytest.mark.parametrize("number", range(1, 7))
def test_nothing_of_a_denied_revision_comes_after_a_crash(changed: Stage, number: int) -> None:
    killed_at(changed, number)
    changed.repository.commit({"k8s/d.yaml": config_map("d", "bad")})
    status = changed.sync()
    assert status["phase"] == "Denied"
    assert content(changed) in (OLD, NEW)
    assert "d" not in content(changed)


@pytest.mark.parametrize("number", [3, 4, 5])
def test_where_what_was_begun_is_not_allowed_any_more_the_last_one_is_made_whole(changed: Stage, number: int) -> None:
    assert killed_at(changed, number)
    policy = changed.configuration.parents[1] / "policies" / "own.rego"
    policy.write_text(policy.read_text().replace('"bad"', '"new"'))
    status = changed.sync()
    assert (status["phase"], content(changed)) == ("Denied", OLD)


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: mine}\n"


def test_what_the_project_forbids_comes_after_a_crash_and_what_was_begun_is_ended(changed: Stage) -> None:
    assert killed_at(changed, 3)
    changed.repository.commit({"k8s/namespace.yaml": NAMESPACE})
    status = changed.sync()
    assert (status["phase"], content(changed), status["syncingRevision"]) == ("Denied", NEW, "")


@pytest.mark.parametrize("spec", [{"suspend": True}, {"syncPolicy": {}}, {"project": "none"}])
def test_what_was_begun_is_not_forgotten_as_long_as_nobody_may_end_it(changed: Stage, spec: dict[str, Any]) -> None:
    assert killed_at(changed, 3)
    changed.create(**spec)
    looked_at(changed)
    changed.create()
    changed.repository.commit({"k8s/d.yaml": config_map("d", "bad")})
    status = changed.sync()
    assert (status["phase"], content(changed), status["syncingRevision"]) == ("Denied", NEW, "")


def looked_at(stage: Stage) -> None:
    """A controller looks at the application, as it does after each change of its wish."""
    pace = Pace(chance=lambda: 0.0)
    reconcile(stage.world, stage.application(), Known(), pace, Metrics(list, lambda: True))


@pytest.mark.parametrize("number", [2, 4, 6])
def test_a_branch_that_is_rewritten_or_gone_after_a_crash(changed: Stage, number: int) -> None:
    assert killed_at(changed, number)
    changed.repository.git("reset", "-q", "--hard", "HEAD~2")
    commit = changed.repository.commit({"k8s/c.yaml": config_map("c", "other")}, "--amend")
    status = changed.sync()
    assert (status["phase"], status["appliedRevision"]) == ("Synced", commit)
    assert content(changed) == {"a": "good", "c": "other"}
    changed.repository.commit({"k8s/c.yaml": config_map("c", "third")})
    killed_at(changed, 2)
    changed.repository.git("branch", "-m", "main", "trunk")
    status = changed.sync()
    assert (status["phase"], status["syncingRevision"]) == ("Error", "")
    assert content(changed) == {"a": "good", "c": "third"}


def away_from(stage: Stage, number: int) -> bool:
    """Synchronises with a cluster that answers nothing from the request `number` on; whether that came to pass."""
    seen = [0]

    def asked(_: str) -> None:
        seen[0] += 1
        if seen[0] >= number:
            raise ClusterError("can't reach the cluster")

    stage.cluster.asked = asked
    try:
        synchronise(stage.world, stage.application())
    except ClusterError:
        return True
    finally:
        stage.cluster.asked = lambda _: None
    return seen[0] >= number


@pytest.mark.slow
def test_a_cluster_that_goes_away_at_any_request_holds_an_allowed_revision_afterwards(stage: Stage) -> None:
    stage.repository.commit({"k8s/old.yaml": config_map("old")})
    stage.sync()
    good = stage.repository.git("rev-parse", "HEAD")
    number, words = 1, [{"a": "good", "old": "good"}, {"a": "new"}]
    while True:
        new = stage.repository.commit({"k8s/a.yaml": config_map("a", "new"), "k8s/old.yaml": None})
        if not away_from(stage, number):
            break
        denied = stage.repository.commit({"k8s/a.yaml": config_map("a", "bad"), "k8s/b.yaml": config_map("b")})
        status = stage.sync()
        assert (status["phase"], status["observedRevision"]) == ("Denied", denied), number
        assert status["appliedRevision"] in (good, new), number
        assert content(stage) == words[status["appliedRevision"] == new], number
        stage.repository.git("reset", "-q", "--hard", good)
        assert stage.sync()["phase"] == "Synced"
        assert content(stage) == words[0], number
        number += 1
    assert number > 10


@pytest.mark.parametrize("number", [1, 3, 5])
def test_who_loses_the_lease_in_the_middle_writes_no_more_and_the_next_one_ends_it(changed: Stage, number: int) -> None:
    seconds = [0.0]
    first, second = (
        Lease(changed.cluster, "attest-gitops", "attest-system", name, lambda: seconds[0]) for name in ("one", "two")
    )
    assert (first.renew(), second.renew()) == (True, False)
    written: list[str] = []

    def before(change: str) -> None:
        written.append(change)
        if len(written) == number:
            seconds[0] += SECONDS

    changed.cluster.before = before
    fenced = msgspec.structs.replace(changed.world, cluster=Fenced(changed.cluster, first))
    with pytest.raises(ClusterError, match="another controller acts by now"):
        synchronise(fenced, changed.application())
    changed.cluster.before = lambda _: None
    assert written == list(STEPS[:number])
    assert second.renew()
    synchronise(msgspec.structs.replace(fenced, cluster=Fenced(changed.cluster, second)), changed.application())
    assert content(changed) == NEW
