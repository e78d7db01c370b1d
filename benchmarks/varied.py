"""Writes workloads of which hardly two have one shape, and of which nearly each breaks several rules.

    python benchmarks/varied.py 1000 build/varied --seed 1

One resource a file. Fields, their order, containers, names and values are drawn; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Manifest: TypeAlias = dict[str, Any]
Draw: TypeAlias = Callable[[random.Random], Any]

FILES_A_FOLDER = 100
WORDS = ("api", "audit", "batch", "cache", "edge", "feed", "geo", "index", "mail", "order", "queue", "report", "search")
REGISTRIES = (
    "docker.io/library",
    "quay.io/team",
    "registry.company.com",
    "gcr.io/company",
    "localhost:5000",
    "ghcr.io/x",
)
TAGS = ("", ":latest", ":1.2", ":2024-11-03", ":v3.1.4-rc.1", "@sha256:" + "a1" * 32)


class _Plain(yaml.CSafeDumper):
    """Writes no anchors, which would stand only where a value was drawn twice: people hardly write them."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def write_varied(count: int, folder: Path, *, seed: int = 1) -> None:
    """Writes `count` manifests into `folder`, which need not exist."""
    chance = random.Random(seed)  # noqa: S311  # the same files on every run, nothing secret
    for number in range(count):
        place = folder / f"part-{number // FILES_A_FOLDER:04}"
        place.mkdir(parents=True, exist_ok=True)
        text = yaml.dump(_manifest(chance, number), Dumper=_Plain, sort_keys=False)
        (place / f"{number:06}.yaml").write_text(text, encoding="utf-8")


def write_varied_pods(folder: Path, count: int, *, seed: int = 3) -> None:
    """Writes `count` Pods into `folder`, which exists."""
    chance = random.Random(seed)  # noqa: S311  # the same files on every run, nothing secret
    for number in range(count):
        metadata = {"name": f"{_name(chance)}-{number}", "namespace": "default"} | _some(chance, _METADATA)
        spec = _pod(chance)
        for container in spec.get("initContainers", ()):
            container["name"] = f"init-{container['name']}"  # as in a cluster, no two containers have one name
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        text = yaml.dump(pod, Dumper=_Plain, sort_keys=False)
        (folder / f"pod-{number:05}.yaml").write_text(text, encoding="utf-8")


def _manifest(chance: random.Random, number: int) -> Manifest:
    kind, version, wrap = chance.choice(_KINDS)
    metadata = {"name": f"{_name(chance)}-{number}"} | _some(chance, _METADATA)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": wrap(_pod(chance))}


_KINDS: tuple[tuple[str, str, Callable[[Manifest], Manifest]], ...] = (
    ("Pod", "v1", lambda pod: pod),
    ("Pod", "v1", lambda pod: pod),
    ("Deployment", "apps/v1", lambda pod: {"replicas": 3, "template": {"spec": pod}}),
    ("DaemonSet", "apps/v1", lambda pod: {"template": {"spec": pod}, "minReadySeconds": 10}),
    ("Job", "batch/v1", lambda pod: {"backoffLimit": 2, "template": {"spec": pod}}),
    (
        "CronJob",
        "batch/v1",
        lambda pod: {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    ),
)


def _some(chance: random.Random, fields: dict[str, Draw]) -> Manifest:
    """About half of the fields, in an order of its own."""
    names = [name for name in fields if chance.random() < 0.5]  # noqa: PLR2004
    chance.shuffle(names)
    return {name: fields[name](chance) for name in names}


def _name(chance: random.Random) -> str:
    return "-".join(chance.sample(WORDS, chance.randint(1, 3)))


def _labels(chance: random.Random) -> Manifest:
    known = ("app.kubernetes.io/name", "app.kubernetes.io/part-of", "team", "tier", "release", "owner")
    return {name: _name(chance) for name in chance.sample(known, chance.randint(0, 5))}


def _pod(chance: random.Random) -> Manifest:
    return _some(chance, _POD) | {"containers": _containers(chance, 1, 4)}


def _containers(chance: random.Random, fewest: int, most: int) -> list[Manifest]:
    return [_container(chance, number) for number in range(chance.randint(fewest, most))]


def _container(chance: random.Random, number: int) -> Manifest:
    image = f"{chance.choice(REGISTRIES)}/{_name(chance)}{chance.choice(TAGS)}"
    return {"name": f"{_name(chance)}-{number}", "image": image} | _some(chance, _CONTAINER)


def _volumes(chance: random.Random) -> list[Manifest]:
    sources: list[Manifest] = [
        {"emptyDir": {}},
        {"hostPath": {"path": f"/var/{_name(chance)}"}},
        {"configMap": {"name": _name(chance)}},
        {"secret": {"secretName": _name(chance), "optional": True}},
    ]
    return [{"name": f"{_name(chance)}-{at}"} | chance.choice(sources) for at in range(chance.randint(1, 4))]


def _environment(chance: random.Random) -> list[Manifest]:
    return [
        {"name": f"{_name(chance).upper()}_{at}", "value": str(chance.random())} for at in range(chance.randint(1, 9))
    ]


def _amounts(chance: random.Random) -> Manifest:
    names = chance.sample(("cpu", "memory", "ephemeral-storage"), chance.randint(0, 3))
    return {name: f"{chance.randint(1, 900)}m" for name in names}


def _probe(chance: random.Random) -> Manifest:
    return {
        "httpGet": {"path": f"/{_name(chance)}", "port": chance.randint(80, 9000)},
        "periodSeconds": chance.randint(1, 60),
    }


_METADATA: dict[str, Draw] = {
    "namespace": lambda chance: chance.choice(("production", "staging", "payments", "search")),
    "labels": _labels,
    "annotations": lambda chance: {f"company.com/{_name(chance)}": _name(chance) for _ in range(chance.randint(1, 6))},
}
_POD: dict[str, Draw] = {
    "serviceAccountName": _name,
    "hostNetwork": lambda chance: chance.random() < 0.2,  # noqa: PLR2004
    "terminationGracePeriodSeconds": lambda chance: chance.randint(1, 300),
    "nodeSelector": _labels,
    "volumes": _volumes,
    "initContainers": lambda chance: _containers(chance, 0, 2),
    "tolerations": lambda chance: [{"key": _name(chance), "operator": "Exists"}],
    "securityContext": lambda chance: {"runAsUser": chance.randint(0, 2000), "fsGroup": chance.randint(0, 2000)},
}
_CONTAINER: dict[str, Draw] = {
    "command": lambda chance: [f"/bin/{_name(chance)}", *chance.sample(WORDS, 3)],
    "args": lambda chance: [f"--{_name(chance)}={chance.randint(0, 99)}" for _ in range(chance.randint(1, 5))],
    "env": _environment,
    "ports": lambda chance: [{"containerPort": chance.randint(1024, 65000)} for _ in range(chance.randint(1, 3))],
    "resources": lambda chance: {"requests": _amounts(chance), "limits": _amounts(chance)},
    "securityContext": lambda chance: {"privileged": chance.random() < 0.4, "readOnlyRootFilesystem": True},  # noqa: PLR2004
    "livenessProbe": _probe,
    "readinessProbe": _probe,
    "volumeMounts": lambda chance: [{"name": _name(chance), "mountPath": f"/{_name(chance)}"}],
    "imagePullPolicy": lambda chance: chance.choice(("Always", "IfNotPresent")),
    "workingDir": lambda chance: f"/srv/{_name(chance)}",
}


def main() -> None:
    """Reads the command line and writes the files."""
    parser = argparse.ArgumentParser(description="write manifests of many shapes, with many findings")
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_varied(arguments.count, arguments.folder, seed=arguments.seed)


if __name__ == "__main__":
    main()
