"""When the controller looks, what it then asks for, and who of two controllers acts."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from attest_governance.adapters.cluster import Change, Kind
from attest_governance.controller.gitops.app import application
from attest_governance.controller.gitops.fenced import Fenced
from attest_governance.controller.gitops.loop import Loop
from attest_governance.controller.gitops.model import APPLICATIONS, PROJECTS, Application
from attest_governance.controller.gitops.reconciling import FINALIZER, Pace
from attest_governance.controller.gitops.syncing import World
from attest_governance.controller.lease import SECONDS, Lease
from attest_governance.errors import ClusterError

from .conftest import Stage, config_map
from .memory import MemoryCluster
from .values import application_object

CONFIG_MAPS = Kind("v1", "ConfigMap", "")
KEY = "team-shop/web"


def looped(stage: Stage, **pace: Any) -> Loop:
    """A controller that knows what the cluster holds."""
    lease = Lease(stage.cluster, "attest-gitops", "attest-system", "one", lambda: 0.0)
    assert lease.renew()
    loop = Loop(stage.world, lease, Pace(chance=lambda: 0.5, **pace))
    catch_up(stage, loop)
    return loop


def catch_up(stage: Stage, loop: Loop) -> None:
    """Tells of all that is there."""
    for kind in (APPLICATIONS, PROJECTS):
        for change in stage.cluster.watch(kind):
            loop.told(kind, change)


def turn(_: Stage, loop: Loop) -> float:
    """One look; seconds until the next."""
    key = loop.take()
    assert key == KEY
    seconds = loop.act(key)
    loop.done(key, seconds)
    return seconds


def status(stage: Stage) -> dict[str, Any]:
    value: dict[str, Any] = stage.cluster.value("AttestApplication", "web", "team-shop")["status"]
    return value


def test_what_has_not_changed_costs_no_request_to_the_cluster(stage: Stage) -> None:
    loop = looped(stage)
    assert turn(stage, loop) == 180 * 1.1
    assert status(stage)["phase"] == "Synced"
    assert loop.take() is None, "it is nobody's turn"
    before = stage.cluster.requests
    loop.done(KEY, 0.0)
    assert loop.pushed({"127.0.0.1/shop"}) == 1
    turn(stage, loop)
    assert stage.cluster.requests == before


def test_a_lease_that_was_late_and_nobody_elses_is_no_reason_to_do_all_again(stage: Stage) -> None:
    seconds = [0.0]
    lease, other = (Lease(stage.cluster, "l", "attest-system", name, lambda: seconds[0]) for name in ("one", "two"))
    loop = Loop(stage.world, lease, Pace(chance=lambda: 0.5))
    loop.renew()
    catch_up(stage, loop)
    turn(stage, loop)
    seconds[0] += SECONDS
    assert not lease.held
    loop.renew()
    loop.pushed({"127.0.0.1/shop"})
    asked = stage.cluster.requests
    turn(stage, loop)
    assert stage.cluster.requests == asked
    assert not other.renew()
    seconds[0] += SECONDS
    assert other.renew()
    other.release()
    loop.renew()
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    assert stage.cluster.requests > asked, "another may have written what is remembered"


def test_a_push_is_followed_at_once(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    stage.repository.commit({"k8s/b.yaml": config_map("b")})
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    assert stage.word("b") == "good"


def test_at_the_second_in_which_an_exemption_ends_it_is_judged_again(stage: Stage) -> None:
    stage.configuration.write_text(
        "exemptions:\n  - policy_name: own\n    resource_name: a\n    reason: late\n"
        '    approved_by: security@company.com\n    expires_at: "2026-11-20T12:00:40Z"\n'
    )
    stage.repository.commit({"k8s/a.yaml": config_map("a", "bad")})
    loop = looped(stage)
    assert turn(stage, loop) == 40.0
    assert status(stage)["judgeAgainAt"] == "2026-11-20T12:00:40Z"
    stage.later(39)
    loop.pushed({"127.0.0.1/shop"})
    assert turn(stage, loop) == 1.0
    assert status(stage)["phase"] == "Synced"
    stage.later(1)
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    assert status(stage)["phase"] == "Denied"


def test_policies_that_changed_judge_after_a_while(stage: Stage) -> None:
    loop = looped(stage, rejudge=600.0)
    turn(stage, loop)
    policy = stage.configuration.parents[1] / "policies" / "own.rego"
    policy.write_text(policy.read_text().replace('"bad"', '"good"'))
    stage.later(600)
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    assert (status(stage)["phase"], stage.word("a")) == ("Denied", "good")


def edited(stage: Stage, word: str) -> Change:
    """Somebody edits an object that was applied."""
    held = stage.cluster.objects["ConfigMap", "shop", "a"]
    held.value["data"]["word"] = word
    held.owners["data", "word"] = "kubectl"
    held.value["metadata"]["managedFields"] = [{"manager": "kubectl", "time": "2026-11-20T12:00:01Z"}]
    return Change("MODIFIED", held.value)


def test_drift_is_undone_where_that_is_asked_for(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    loop.told(CONFIG_MAPS, Change("ADDED", stage.cluster.value("ConfigMap", "a", "shop")))
    loop.told(CONFIG_MAPS, edited(stage, "theirs"))
    turn(stage, loop)
    assert (status(stage)["phase"], stage.word("a")) == ("Synced", "good")


def test_drift_is_told_where_nobody_asked_to_undo_it(stage: Stage) -> None:
    stage.create(syncPolicy={"automated": {}})
    loop = looped(stage)
    turn(stage, loop)
    loop.told(CONFIG_MAPS, Change("ADDED", stage.cluster.value("ConfigMap", "a", "shop")))
    loop.told(CONFIG_MAPS, edited(stage, "theirs"))
    turn(stage, loop)
    assert (status(stage)["phase"], stage.word("a")) == ("OutOfSync", "theirs")
    assert status(stage)["message"] == "1 object changed in the cluster: ConfigMap/shop/a"


def test_drift_is_judged_before_it_is_undone(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    policy = stage.configuration.parents[1] / "policies" / "own.rego"
    policy.write_text(policy.read_text().replace('"bad"', '"good"'))
    loop.told(CONFIG_MAPS, Change("ADDED", stage.cluster.value("ConfigMap", "a", "shop")))
    loop.told(CONFIG_MAPS, edited(stage, "theirs"))
    turn(stage, loop)
    assert (status(stage)["phase"], stage.word("a")) == ("Denied", "theirs")


def test_what_is_suspended_is_left_alone(stage: Stage) -> None:
    stage.create(suspend=True)
    loop = looped(stage)
    assert turn(stage, loop) == 0
    assert (status(stage)["phase"], stage.word("a")) == ("Suspended", None)


def test_a_wish_that_can_not_be_read_is_an_error(stage: Stage) -> None:
    stage.create(destination={"namespace": "shop", "cluster": "other"})
    turn(stage, looped(stage))
    assert status(stage)["phase"] == "Error"
    assert "unknown field `cluster`" in status(stage)["message"]


@pytest.mark.parametrize(("deletion", "left"), [("Orphan", "good"), ("Delete", None)])
def test_deleting_leaves_the_objects_unless_it_says_otherwise(stage: Stage, deletion: str, left: str | None) -> None:
    stage.create(syncPolicy={"automated": {}, "deletion": deletion})
    loop = looped(stage)
    turn(stage, loop)
    value = stage.cluster.value("AttestApplication", "web", "team-shop")
    assert (FINALIZER in value["metadata"].get("finalizers", [])) == (deletion == "Delete")
    value["metadata"]["deletionTimestamp"] = "2026-11-20T12:00:00Z"
    loop.told(APPLICATIONS, Change("MODIFIED", value))
    turn(stage, loop)
    assert stage.word("a") == left
    left_over = stage.cluster.value("AttestApplication", "web", "team-shop")
    assert (left_over is None) == (deletion == "Delete"), "nothing keeps it any more"


def test_each_change_of_the_phase_is_an_event(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    stage.repository.commit({"k8s/b.yaml": config_map("b", "bad")})
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    events = [held.value for (kind, _, _), held in stage.cluster.objects.items() if kind == "Event"]
    assert [(one["type"], one["reason"]) for one in events] == [("Normal", "Synced"), ("Warning", "Denied")]
    assert events[1]["message"] == "[own] the data says bad"


def test_who_lost_the_lease_writes_nothing_any_more() -> None:
    cluster = MemoryCluster()
    lease = Lease(cluster, "attest-gitops", "attest-system", "one", lambda: 0.0)
    fenced = Fenced(cluster, lease)
    with pytest.raises(ClusterError, match="another controller acts"):
        fenced.apply(APPLICATIONS, application_object())
    with pytest.raises(ClusterError, match="another controller acts"):
        fenced.create(APPLICATIONS, application_object())
    with pytest.raises(ClusterError, match="another controller acts"):
        fenced.delete(APPLICATIONS, application_object())
    lease.renew()
    metadata = {"name": "shop"}
    assert fenced.apply(
        PROJECTS, {"apiVersion": "attest.continuu.ms/v1", "kind": "AttestProject", "metadata": metadata}
    )


PUSH = {"repository": {"clone_url": "http://127.0.0.1/shop.git"}}


def signed(body: bytes, secret: bytes = b"s3cret") -> str:
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-Hub-Signature-256": signed(json.dumps(PUSH).encode())}, 202),
        ({"X-Gitlab-Token": "s3cret"}, 202),
        ({"X-Hub-Signature-256": signed(json.dumps(PUSH).encode(), b"other")}, 401),
        ({"X-Gitlab-Token": "other"}, 401),
        ({}, 401),
    ],
)
def test_only_who_knows_the_secret_can_tell_of_pushes(stage: Stage, headers: dict[str, str], code: int) -> None:
    with TestClient(application(looped(stage), b"s3cret")) as client:
        answer = client.post("/push", content=json.dumps(PUSH).encode(), headers=headers)
    assert answer.status_code == code
    assert code != 202 or answer.json() == {"applications": 1}


def test_without_a_secret_no_push_is_heard(stage: Stage) -> None:
    with TestClient(application(looped(stage), b"")) as client:
        assert client.post("/push", json=PUSH, headers={"X-Gitlab-Token": ""}).status_code == 401
        assert client.post("/push", json=PUSH, headers={"X-Hub-Signature-256": signed(b"", b"")}).status_code == 401


def test_it_says_how_it_does(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    catch_up(stage, loop)
    with TestClient(application(loop, b"")) as client:
        assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 200)
        text = client.get("/metrics").text
    for line in (
        "attest_gitops_applications_total 1.0",
        'attest_gitops_applications_by_phase{phase="Synced"} 1.0',
        "attest_gitops_application_sync_duration_seconds_count 1.0",
        'attest_gitops_verifications_total{result="passed"} 1.0',
        "attest_gitops_signature_verifications_failed_total 0.0",
        'attest_gitops_policy_validations_total{result="allowed"} 1.0',
        "attest_gitops_leader 1.0",
    ):
        assert line in text


def deployment(**status: Any) -> dict[str, Any]:
    """A Deployment of the application, as a watch tells of it."""
    labels = {"attest.continuu.ms/application-uid": "uid-of-web"}
    metadata = {"name": "web", "namespace": "shop", "labels": labels, "generation": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 1},
        "status": status,
    }


def healthy_condition(stage: Stage) -> tuple[str, str, str]:
    found = next(one for one in status(stage)["conditions"] if one["type"] == "Healthy")
    return found["status"], found["reason"], found["message"]


def test_health_follows_what_the_cluster_tells(stage: Stage) -> None:
    stage.repository.commit({"k8s/web.json": json.dumps({**deployment(), "status": None})})
    loop = looped(stage)
    turn(stage, loop)
    assert healthy_condition(stage)[:2] == ("False", "Progressing")
    kind = Kind("apps/v1", "Deployment", "")
    loop.told(kind, Change("ADDED", deployment()))
    ready = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 0}
    loop.told(kind, Change("MODIFIED", deployment(**ready)))
    turn(stage, loop)
    said = "Deployment/shop/web: 0 of 1 replicas are available"
    assert healthy_condition(stage) == ("False", "Progressing", said)
    before = stage.cluster.requests
    loop.told(kind, Change("MODIFIED", deployment(**{**ready, "availableReplicas": 1})))
    turn(stage, loop)
    assert healthy_condition(stage) == ("True", "Healthy", "2 objects healthy")
    assert status(stage)["phase"] == "Synced"
    assert stage.cluster.requests == before + 1, "the status alone is written"


def test_a_fault_of_ours_is_told_and_ends_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("attest_governance.controller.gitops.reconciling.synchronise", broken)
    loop = looped(stage)
    assert turn(stage, loop) == 180.0
    assert status(stage)["message"] == "internal error: ZeroDivisionError: by zero: please report this"


def test_what_can_not_be_read_can_be_deleted(stage: Stage) -> None:
    stage.create(syncPolicy={"automated": {}, "deletion": "Delete"})
    loop = looped(stage)
    turn(stage, loop)
    value = stage.cluster.value("AttestApplication", "web", "team-shop")
    value["spec"]["unknown"] = True
    value["metadata"]["deletionTimestamp"] = "2026-11-20T12:00:00Z"
    loop.told(APPLICATIONS, Change("MODIFIED", value))
    turn(stage, loop)
    assert stage.cluster.value("AttestApplication", "web", "team-shop") is None
    assert stage.word("a") == "good"


def test_applications_that_take_long_leave_a_worker_to_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("slow-a", "slow-b"):
        stage.cluster.put(application_object(name=name))

    def taking(world: World, wish: Application, *_: object) -> float:
        world.patience.sleep(60.0 if wish.name.startswith("slow") else 1.0)
        return 1.0

    monkeypatch.setattr("attest_governance.controller.gitops.loop.reconcile", taking)
    loop = looped(stage)
    first = [loop.take() for _ in range(3)]
    assert set(first) == {"team-shop/slow-a", "team-shop/slow-b", KEY}, "nobody is known to be slow yet"
    for key in filter(None, first):
        loop.done(key, loop.act(key))
    stage.world.patience.sleep(60.0)
    assert loop.take() == "team-shop/slow-a"
    assert loop.take() == KEY
    assert loop.take() is None, "one that is slow is worked on already"
    loop.done("team-shop/slow-a", 0)
    assert loop.take() == "team-shop/slow-b"


def test_what_is_under_way_is_ended_before_another_may_act(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on, ended = (threading.Event() for _ in range(3))

    def working(*_: object) -> float:
        begun.set()
        goes_on.wait(60)
        ended.set()
        return 0

    monkeypatch.setattr("attest_governance.controller.gitops.loop.reconcile", working)
    loop = looped(stage)
    loop.start(1)
    assert begun.wait(60)
    loop.stop()
    other = Lease(stage.cluster, "attest-gitops", "attest-system", "two", lambda: 0.0)
    assert not other.renew(), "the first still acts"
    goes_on.set()
    loop.close()
    assert ended.is_set()
    assert other.renew()


def watching(stage: Stage, loop: Loop) -> None:
    """A watch of the kind begins, and lists what there is."""
    loop._listed[CONFIG_MAPS] = set()
    for change in stage.cluster.watch(CONFIG_MAPS):
        if change.type == "SYNCED" or "labels" in change.object["metadata"]:
            loop.told(CONFIG_MAPS, change)


def test_what_stands_and_is_watched_is_judged_again_and_not_written(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    watching(stage, loop)
    before, written = status(stage), len(stage.cluster.log)
    stage.later(600)
    loop.pushed({"127.0.0.1/shop"})
    asked = stage.cluster.requests
    turn(stage, loop)
    assert (status(stage), stage.cluster.log[written:]) == (before, [])
    assert stage.cluster.requests - asked == 4, "the project twice, the namespace, and what the cluster serves"


def test_what_no_watch_tells_of_is_applied_again(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    edited(stage, "theirs")
    stage.later(600)
    loop.pushed({"127.0.0.1/shop"})
    turn(stage, loop)
    assert stage.word("a") == "good"


def test_what_was_deleted_while_nobody_watched_comes_back(stage: Stage) -> None:
    loop = looped(stage)
    turn(stage, loop)
    watching(stage, loop)
    del stage.cluster.objects["ConfigMap", "shop", "a"]
    watching(stage, loop)
    turn(stage, loop)
    assert stage.word("a") == "good"
