"""The GitOps controller against a real API server and a real Git server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..cli.conftest import COMMAND, environment
from ..gitops.conftest import POLICY, config_map
from ..gitops.repository import Repository, served
from ..gitops.values import application_object, project_object
from .conftest import RealCluster, eventually

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("attestapplications.attest.continuu.ms", "attestprojects.attest.continuu.ms")


@pytest.fixture(scope="module")
def defined(cluster: RealCluster) -> Iterator[RealCluster]:
    """A cluster that serves applications and projects."""
    done = cluster.kubectl("apply", "-f", ROOT / "deploy" / "crds")
    assert done.returncode == 0, done.stderr
    for name in ("shop", "team-shop", "attest-system"):
        cluster.kubectl("create", "namespace", name)
    ready = cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{one}" for one in KINDS))
    assert ready.returncode == 0, ready.stderr
    yield cluster
    cluster.kubectl("delete", "-f", ROOT / "deploy" / "crds")


def wish(**spec: Any) -> dict[str, Any]:
    """An application as a person writes it."""
    value = application_object(**spec)
    return {**value, "metadata": {key: value["metadata"][key] for key in ("name", "namespace")}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"source": {"repoUrl": "file:///etc"}}, "write it as https://host/path"),
        ({"source": {"repoUrl": "ext::sh -c id"}}, "write it as https://host/path"),
        ({"source": {"repoUrl": "https://me:secret@git.example/a"}}, "no user or password in the URL"),
        ({"source": {"repoUrl": "https://git.example/a", "path": "../b"}}, "the path must lie in the repository"),
        ({"source": {"repoUrl": "https://git.example/a", "targetRevision": "-x"}}, "should match"),
        ({"verification": {"policy": "Loose"}}, 'supported values: "Strict", "Warn"'),
        ({"unknown": True}, 'unknown field "spec.unknown"'),
    ],
)
def test_the_definition_refuses_what_is_wrong(defined: RealCluster, spec: dict[str, Any], said: str) -> None:
    done = defined.create(wish(**spec), dry_run=True)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_project_that_asks_for_attestations_asks_for_receipts(defined: RealCluster) -> None:
    done = defined.create(project_object(verification={"requiredAttestations": ["build"]}), dry_run=True)
    assert "set receiptsRequired to true" in done.stderr


class Running:
    """A controller of its own process."""

    def __init__(self, cluster: RealCluster, folder: Path, *options: str | Path) -> None:
        self.log = folder / f"log-{os.urandom(4).hex()}"
        home = folder / "home"
        home.mkdir(exist_ok=True)
        arguments = ("controller", "--listen", "127.0.0.1:0", "--policy-dir", folder / "policies", "--poll", "1")
        own = () if "--kubeconfig" in options else ("--kubeconfig", cluster.kubeconfig)
        fixed = (*own, "--allow-host", "127.0.0.1", *options)
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                [*COMMAND, *map(str, (*arguments, *fixed))], cwd=folder, env=environment(home), stdout=said, stderr=said
            )

    def end(self, number: int = signal.SIGTERM) -> str:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        return self.log.read_text()


class Scene:
    """An application, its repository, and whoever runs controllers."""

    def __init__(self, cluster: RealCluster, folder: Path, repository: Repository, url: str) -> None:
        self.cluster, self.folder, self.repository, self.url = cluster, folder, repository, url
        self.running: list[Running] = []

    def start(self, *options: str | Path) -> Running:
        self.running.append(Running(self.cluster, self.folder, *options))
        return self.running[-1]

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.read("attestapplication", "web", "-n", "team-shop").get("status", {})
        return found

    def becomes(self, phase: str, commit: str) -> dict[str, Any]:
        def holds() -> bool:
            status = self.status()
            return (status.get("phase"), status.get("observedRevision")) == (phase, commit)

        eventually(holds, f"{phase} at {commit}: {json.dumps(self.status())}")
        return self.status()

    def maps(self) -> dict[str, str]:
        listed = self.cluster.read("configmaps", "-n", "shop", "-l", "attest.continuu.ms/application-uid")
        return {one["metadata"]["name"]: one["data"]["word"] for one in listed["items"]}


@pytest.fixture
def scene(defined: RealCluster, tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "own.rego").write_text(POLICY)
    repository = Repository(tmp_path / "git" / "shop")
    repository.commit({"k8s/a.yaml": config_map("a")})
    with served(tmp_path / "git") as url:
        source = {"repoUrl": f"{url}/shop", "targetRevision": "main", "path": "k8s"}
        automated = {"automated": {"prune": True, "selfHeal": True}}
        made = Scene(defined, tmp_path, repository, url)
        assert defined.create(project_object(repositories=[f"{url}/*"])).returncode == 0
        created = defined.create(wish(source=source, syncPolicy=automated))
        assert created.returncode == 0, created.stderr
        yield made
        said = [one.end() for one in made.running]
        defined.kubectl("delete", "attestapplication", "web", "-n", "team-shop", "--wait=false")
        defined.kubectl("delete", "attestproject", "shop")
        defined.kubectl("delete", "configmaps", "-n", "shop", "-l", "attest.continuu.ms/application-uid")
        defined.kubectl("delete", "lease", "-n", "attest-system", "--all")
        assert not any("Traceback" in one for one in said), said


def test_allowed_denied_and_allowed_again(scene: Scene) -> None:
    scene.start()
    first = scene.repository.git("rev-parse", "HEAD")
    status = scene.becomes("Synced", first)
    assert {one["type"]: one["status"] for one in status["conditions"]}["Healthy"] == "True"
    assert scene.maps() == {"a": "good"}
    denied = scene.repository.commit({"k8s/a.yaml": config_map("a", "bad"), "k8s/b.yaml": config_map("b")})
    status = scene.becomes("Denied", denied)
    assert (status["appliedRevision"], scene.maps()) == (first, {"a": "good"})
    allowed = scene.repository.commit({"k8s/a.yaml": None})
    scene.becomes("Synced", allowed)
    assert scene.maps() == {"b": "good"}
    events = scene.cluster.read("events", "-n", "team-shop")["items"]
    assert {"Synced", "Denied"} <= {one["reason"] for one in events}


def test_drift_is_undone(scene: Scene) -> None:
    scene.start()
    scene.becomes("Synced", scene.repository.git("rev-parse", "HEAD"))
    changed = json.dumps({"data": {"word": "theirs"}})
    eventually(lambda: _patched_and_healed(scene, changed), "the change is undone")


def _patched_and_healed(scene: Scene, change: str) -> bool:
    """Changes an object, and sees whether that is undone in time; the watch may only just have begun."""
    scene.cluster.kubectl("patch", "configmap", "a", "-n", "shop", "--type=merge", "-p", change)
    for _ in range(8):
        if scene.maps() == {"a": "good"}:
            return True
        subprocess.run(["sleep", "0.5"], check=True)
    return False


def test_killed_and_started_again(scene: Scene) -> None:
    files = {f"k8s/m{number}.yaml": config_map(f"m{number}") for number in range(40)}
    scene.repository.commit(files)
    first = scene.start()
    eventually(lambda: scene.status().get("phase") == "Syncing" or len(scene.maps()) > 1, "it has begun")
    first.end(signal.SIGKILL)
    commit = scene.repository.commit({"k8s/m0.yaml": None})
    scene.start()
    status = scene.becomes("Synced", commit)
    assert (status["syncingRevision"], len(scene.maps())) == ("", 40)


def test_the_api_server_is_killed_in_the_middle_of_a_synchronisation_and_comes_back(scene: Scene) -> None:
    commit = scene.repository.commit({f"k8s/m{number}.yaml": config_map(f"m{number}") for number in range(40)})
    scene.start()
    eventually(lambda: len(scene.maps()) > 1, "it has begun")
    scene.cluster.restart()
    status = scene.becomes("Synced", commit)
    assert (status["syncingRevision"], len(scene.maps())) == ("", 41)
    denied = scene.repository.commit({"k8s/m0.yaml": config_map("m0", "bad"), "k8s/m1.yaml": None})
    scene.cluster.restart()
    scene.becomes("Denied", denied)
    assert set(scene.maps().values()) == {"good"}
    scene.repository.git("reset", "-q", "--hard", f"{commit}~1")
    rewritten = scene.repository.commit({})
    scene.becomes("Synced", rewritten)
    assert scene.maps() == {"a": "good"}


def test_of_two_controllers_one_acts_and_the_other_takes_over(scene: Scene) -> None:
    first = scene.start()
    scene.becomes("Synced", scene.repository.git("rev-parse", "HEAD"))
    scene.start()
    first.end(signal.SIGKILL)
    scene.becomes("Synced", scene.repository.commit({"k8s/b.yaml": config_map("b")}))


def test_in_the_name_of_a_service_account(scene: Scene) -> None:
    account: Callable[..., Any] = scene.cluster.kubectl
    account("create", "serviceaccount", "deployer", "-n", "shop")
    patch = {"spec": {"destination": {"namespace": "shop", "serviceAccount": "deployer"}}}
    account("patch", "attestapplication", "web", "-n", "team-shop", "--type=merge", "-p", json.dumps(patch))
    scene.start()
    eventually(lambda: "system:serviceaccount:shop:deployer" in scene.status().get("message", ""), "it is refused")
    assert scene.maps() == {}
    account("create", "role", "deployer", "-n", "shop", "--verb=*", "--resource=configmaps")
    account("create", "rolebinding", "deployer", "-n", "shop", "--role=deployer", "--serviceaccount=shop:deployer")
    scene.becomes("Synced", scene.repository.git("rev-parse", "HEAD"))
    assert scene.maps() == {"a": "good"}


@pytest.fixture
def own_rights(scene: Scene) -> Iterator[Path]:
    """A kubeconfig of the ServiceAccount of `deploy/controller.yaml`, with the rights that it has there alone."""
    text = (ROOT / "deploy" / "controller.yaml").read_text(encoding="utf-8")
    wanted = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    rights = [one for one in yaml.safe_load_all(text) if one["kind"] in wanted]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": rights})
    assert scene.cluster.kubectl("apply", "-f", "-", stdin=listed).returncode == 0
    token = scene.cluster.kubectl("create", "token", "attest-gitops", "-n", "attest-system").stdout.strip()
    document = yaml.safe_load(scene.cluster.kubeconfig.read_text())
    document["users"] = [{"name": one["name"], "user": {"token": token}} for one in document["users"]]
    path = scene.folder / "kubeconfig"
    path.write_text(json.dumps(document))
    yield path
    scene.cluster.kubectl("delete", "-f", "-", stdin=listed)


def deployment() -> str:
    container = {"name": "web", "image": "registry.example/web@sha256:" + "0" * 64}
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})


def test_the_rights_of_the_manifests_are_enough_and_health_is_followed(scene: Scene, own_rights: Path) -> None:
    account: Callable[..., Any] = scene.cluster.kubectl
    account("create", "serviceaccount", "deployer", "-n", "shop")
    role = ("--verb=*", "--resource=configmaps,deployments.apps")
    account("create", "role", "deploys", "-n", "shop", *role)
    account("create", "rolebinding", "deploys", "-n", "shop", "--role=deploys", "--serviceaccount=shop:deployer")
    allowed = ("--verb=impersonate", "--resource=serviceaccounts", "--resource-name=deployer")
    account("create", "role", "attest-deployer", "-n", "shop", *allowed)
    subject = "--serviceaccount=attest-system:attest-gitops"
    account("create", "rolebinding", "attest-deployer", "-n", "shop", "--role=attest-deployer", subject)
    patch = {"spec": {"destination": {"namespace": "shop", "serviceAccount": "deployer"}}}
    account("patch", "attestapplication", "web", "-n", "team-shop", "--type=merge", "-p", json.dumps(patch))
    commit = scene.repository.commit({"k8s/web.yaml": deployment()})
    scene.start("--kubeconfig", own_rights)
    scene.becomes("Synced", commit)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    status = {"status": {"observedGeneration": 1, **counts}}
    merge = ("--subresource=status", "--type=merge", "-p", json.dumps(status))
    assert _health(scene) == "False"
    done = account("patch", "deployment", "web", "-n", "shop", *merge)
    assert done.returncode == 0, done.stderr
    eventually(lambda: _health(scene) == "True", "the Deployment is seen to be available")
    account("delete", "deployment", "web", "-n", "shop")


def _health(scene: Scene) -> str:
    conditions = {one["type"]: str(one["status"]) for one in scene.status()["conditions"]}
    return conditions["Healthy"]


def test_commands_ask_and_steer(scene: Scene) -> None:
    home = scene.folder / "desk"
    home.mkdir()
    variables = environment(home, {"KUBECONFIG": str(scene.cluster.kubeconfig)})

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*COMMAND, "gitops", "app", *arguments],
            cwd=home,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    policies = ("--policy-dir", str(scene.folder / "policies"), "--allow-host", "127.0.0.1")
    assert run("diff", "team-shop/web", *policies, code=1).splitlines()[-1].endswith("1 object to change; allowed")
    run("suspend", "team-shop/web")
    scene.start()
    eventually(lambda: scene.status().get("phase") == "Suspended", "it is suspended")
    run("resume", "team-shop/web")
    commit = scene.repository.git("rev-parse", "HEAD")
    scene.becomes("Synced", commit)
    assert commit in run("history", "team-shop/web")
    assert "Synced" in run("list")
    run("sync", "team-shop/web")
    eventually(lambda: bool(scene.status().get("handledSync")), "the wish is followed")
    assert run("diff", "team-shop/web", *policies).splitlines()[-1].endswith("0 objects to change; allowed")
