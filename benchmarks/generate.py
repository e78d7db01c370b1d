"""Writes Kubernetes manifests that look like a company's: the same ones for the same seed.

    python benchmarks/generate.py 1000 build/manifests --seed 1

One resource a file, a folder an application; about a fifth of the files break a rule of benchmarks/policies.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
Make = Callable[[random.Random, str, str], Manifest]

FILES_PER_APPLICATION = 10
VIOLATING_SHARE = 0.2
NAMESPACES = ("production", "staging", "payments", "monitoring")
TEAMS = ("platform", "payments", "search", "data")


def generate(count: int, folder: Path, *, seed: int = 1) -> None:
    """Writes `count` manifests into `folder`, which need not exist."""
    chance = random.Random(seed)  # noqa: S311  # the same files on every run, nothing secret
    for number, manifest in enumerate(_manifests(count, chance)):
        application = folder / f"app-{number // FILES_PER_APPLICATION:05}"
        application.mkdir(parents=True, exist_ok=True)
        name = f"{number % FILES_PER_APPLICATION}-{manifest['kind'].lower()}.yaml"
        text = yaml.dump(manifest, Dumper=yaml.CSafeDumper, sort_keys=False)
        (application / name).write_text(text, encoding="utf-8")


def _manifests(count: int, chance: random.Random) -> Iterator[Manifest]:
    makers: list[Make] = [_deployment, _service, _config_map, _stateful_set, _cron_job, _role]
    weights = [35, 20, 20, 10, 10, 5]
    for number in range(count):
        name, namespace = f"app-{number:05}", chance.choice(NAMESPACES)
        manifest = chance.choices(makers, weights)[0](chance, name, namespace)
        if chance.random() < VIOLATING_SHARE:
            _break_a_rule(manifest, chance)
        yield manifest


def _resource(api_version: str, kind: str, name: str, namespace: str, chance: random.Random) -> Manifest:
    labels = {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/version": f"1.{chance.randrange(20)}.{chance.randrange(10)}",
        "team": chance.choice(TEAMS),
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": {"owner": "shop@company.com"}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _deployment(chance: random.Random, name: str, namespace: str) -> Manifest:
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod(chance, name)}
    spec = {"replicas": chance.randint(2, 6), "selector": {"matchLabels": {"app": name}}, "template": template}
    return _resource("apps/v1", "Deployment", name, namespace, chance) | {"spec": spec}


def _stateful_set(chance: random.Random, name: str, namespace: str) -> Manifest:
    manifest = _deployment(chance, name, namespace)
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    spec = manifest["spec"] | {"serviceName": name, "volumeClaimTemplates": [claim]}
    return manifest | {"kind": "StatefulSet", "spec": spec}


def _cron_job(chance: random.Random, name: str, namespace: str) -> Manifest:
    template = {"spec": _pod(chance, name) | {"restartPolicy": "OnFailure"}}
    spec = {"schedule": "15 3 * * *", "jobTemplate": {"spec": {"template": template}}}
    return _resource("batch/v1", "CronJob", name, namespace, chance) | {"spec": spec}


def _service(chance: random.Random, name: str, namespace: str) -> Manifest:
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return _resource("v1", "Service", name, namespace, chance) | {"spec": spec}


def _config_map(chance: random.Random, name: str, namespace: str) -> Manifest:
    settings = "\n".join(f"setting.{number} = {chance.randrange(10**6)}" for number in range(chance.randint(5, 60)))
    return _resource("v1", "ConfigMap", name, namespace, chance) | {"data": {"application.properties": settings}}


def _role(chance: random.Random, name: str, namespace: str) -> Manifest:
    rules = [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get", "list", "watch"]}]
    return _resource("rbac.authorization.k8s.io/v1", "Role", name, namespace, chance) | {"rules": rules}


def _pod(chance: random.Random, name: str) -> Manifest:
    containers = [_container(chance, f"{name}-{role}") for role in ("main", "proxy", "agent")[: chance.randint(1, 3)]]
    volumes = [{"name": "config", "configMap": {"name": name}}, {"name": "scratch", "emptyDir": {}}]
    return {"serviceAccountName": name, "containers": containers, "volumes": volumes}


def _container(chance: random.Random, name: str) -> Manifest:
    registry = chance.choice(("registry.company.com", "gcr.io/company"))
    return {
        "name": name,
        "image": f"{registry}/{name}:1.{chance.randrange(30)}.{chance.randrange(10)}",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": str(chance.random())} for number in range(chance.randint(0, 8))],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "privileged": False},
        "livenessProbe": _probe(chance),
        "readinessProbe": _probe(chance) | {"initialDelaySeconds": 5},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": True}],
    }


def _probe(chance: random.Random) -> Manifest:
    return {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": chance.randint(5, 30)}


def _break_a_rule(manifest: Manifest, chance: random.Random) -> None:
    """Changes a manifest so that the policy has something to say about it."""
    pod = _pod_of(manifest)
    if pod is None:
        del manifest["metadata"]["labels"]["team"]
        return
    container = chance.choice(pod["containers"])
    faults: list[Callable[[], object]] = [
        lambda: container["securityContext"].update(privileged=True),
        lambda: container.update(image="docker.io/library/nginx:latest"),
        lambda: container["resources"].pop("limits"),
        lambda: pod["volumes"].append({"name": "host", "hostPath": {"path": "/var/run"}}),
    ]
    chance.choice(faults)()


def _pod_of(manifest: Manifest) -> Manifest | None:
    spec = manifest.get("spec", {})
    job = spec.get("jobTemplate", {}).get("spec", spec)
    pod: Manifest | None = job.get("template", {}).get("spec")
    return pod


def main() -> None:
    """Reads the command line and writes the files."""
    parser = argparse.ArgumentParser(description="write manifests to measure with")
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generate(arguments.count, arguments.folder, seed=arguments.seed)


if __name__ == "__main__":
    main()
