"""A whole cluster in memory: lists in parts, versions, watches that end, and a memory that can be made to fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from attest_governance.adapters.cluster import Change, Event, Head, Kind, Object, Page, Served
from attest_governance.adapters.listing import page
from attest_governance.errors import ClusterError, ConflictError, GoneError

POD = Kind("v1", "Pod", "pods", namespaced=True)
NAMESPACE = Kind("v1", "Namespace", "namespaces")
NODE = Kind("v1", "Node", "nodes")
SECRET = Kind("v1", "Secret", "secrets", namespaced=True)
SERVICE = Kind("v1", "Service", "services", namespaced=True)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", namespaced=True)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases", namespaced=True)
REPORT = Kind("openreports.io/v1alpha1", "Report", "reports", namespaced=True)
CLUSTER_REPORT = Kind("openreports.io/v1alpha1", "ClusterReport", "clusterreports")
KINDS = (NAMESPACE, NODE, POD, SECRET, SERVICE, DEPLOYMENT, LEASE, REPORT, CLUSTER_REPORT)

Key = tuple[Kind, str, str]


@dataclass
class MemoryCluster:
    """A cluster that one test owns."""

    name: str = "memory"
    kinds_served: tuple[Kind, ...] = KINDS
    others: tuple[Kind, ...] = ()
    """Kinds in versions that it serves and does not prefer."""
    size: int = 2
    """Objects of a page, so that paging is always exercised."""
    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[tuple[int, Kind, str, Object]] = field(default_factory=list)
    version: int = 10
    oldest: int = 0
    """What was before it is forgotten."""
    gone: int = 0
    """How many lists are forgotten after their first page."""
    failing: dict[str, str] = field(default_factory=dict)
    """Why kinds can't be listed, by their plural."""
    failures: tuple[ClusterError, ...] = ()
    log: list[str] = field(default_factory=list)
    before_changes: Callable[[Kind], object] = lambda _: None

    def served(self) -> Served:
        return Served(self.kinds_served, self.failures)

    def versions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind.api_version for kind in self.kinds_served))

    def ask(self, kind: Kind, value: Object) -> Object:
        raise ClusterError(f"`{kind.kind}` is not answered here: {value}")

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        return tuple(kind for kind in (*self.kinds_served, *self.others) if kind.api_version == api_version)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        wanted = dict(pair.split("=") for pair in labels.split(",")) if labels else {}
        for value in self._of(kind):
            if wanted.items() <= (value["metadata"].get("labels") or {}).items():
                yield copy.deepcopy(value)

    def watch(self, kind: Kind, labels: str = "") -> Iterator[Change]:
        yield from (Change("ADDED", value) for value in self.list(kind, labels))
        yield Change("SYNCED")

    def pages(self, kind: Kind, namespace: str = "") -> Iterator[Page]:
        self.log.append(f"list {kind.plural}{f' in {namespace}' if namespace else ''}")
        if kind.plural in self.failing:
            raise ClusterError(self.failing[kind.plural], hint="ask for the rights")
        found = [value for value in self._of(kind) if namespace in ("", value["metadata"].get("namespace"))]
        version = self.version
        for start in range(0, max(1, len(found)), self.size):
            if start and self.gone:
                self.gone -= 1
                raise GoneError("the continue token is too old")
            items = [{key: one for key, one in value.items() if key not in ("apiVersion", "kind")} for value in found]
            listed = {
                "kind": f"{kind.kind}List",
                "apiVersion": kind.api_version,
                "metadata": {"resourceVersion": str(version)},
                "items": items[start : start + self.size],
            }
            yield page(json.dumps(listed).encode(), kind)[0]

    def changes(self, kind: Kind, version: str) -> Iterator[Event]:
        self.before_changes(kind)
        if int(version) < self.oldest:
            raise GoneError("too old resource version")
        for at, of, what, value in list(self.history):
            if of == kind and at > int(version):
                yield Event(what, head(value), json.dumps(value).encode())
        yield Event("BOOKMARK", Head("", "", "", str(self.version)))

    def create(self, kind: Kind, value: Object) -> Object:
        if _key(kind, value) in self.objects:
            raise ConflictError("the object is there")
        return self.put(kind, value)

    def impersonating(self, user: str) -> MemoryCluster:
        raise ClusterError(f"nobody acts in the name of `{user}` here")

    def apply(
        self,
        kind: Kind,
        value: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        manager: str = "",
        subresource: str = "",
    ) -> Object:
        del force, dry_run, manager, subresource
        there = self.objects.get(_key(kind, value))
        wanted = value["metadata"].get("resourceVersion")
        if wanted and (there is None or there["metadata"]["resourceVersion"] != wanted):
            raise ConflictError("the object has changed meanwhile")
        self.log.append(f"apply {kind.kind}/{value['metadata']['name']}")
        return self.put(kind, value)

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        del dry_run
        there = self.objects.get(_key(kind, value))
        if there is None:
            return False
        if there["metadata"]["uid"] != value["metadata"]["uid"]:
            raise ConflictError("the uid is another")
        self.log.append(f"delete {kind.kind}/{value['metadata']['name']}")
        self.remove(kind, value["metadata"]["name"], value["metadata"].get("namespace", ""))
        return True

    def put(self, kind: Kind, value: Object) -> Object:
        """Somebody makes or changes an object."""
        key, made = _key(kind, value), copy.deepcopy(value)
        self.version += 1
        old = self.objects.get(key)
        made["metadata"]["uid"] = old["metadata"]["uid"] if old else f"uid-{self.version}"
        made["metadata"]["resourceVersion"] = str(self.version)
        made = {"apiVersion": kind.api_version, "kind": kind.kind, **made}
        self.objects[key] = made
        self.history.append((self.version, kind, "MODIFIED" if old else "ADDED", made))
        return copy.deepcopy(made)

    def remove(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Somebody deletes an object."""
        self.version += 1
        value = copy.deepcopy(self.objects.pop((kind, namespace, name)))
        value["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, "DELETED", value))

    def forget(self) -> None:
        """Forgets what was, as a cluster does after some minutes."""
        self.oldest = self.version + 1
        self.version += 1

    def _of(self, kind: Kind) -> tuple[Object, ...]:
        every = sorted(self.objects.items(), key=lambda one: one[0][1:])
        return tuple(value for key, value in every if key[0] == kind)


def _key(kind: Kind, value: Object) -> Key:
    metadata = value["metadata"]
    return kind, metadata.get("namespace", "") if kind.namespaced else "", metadata["name"]


def head(value: Object) -> Head:
    metadata = value["metadata"]
    return Head(
        metadata["name"],
        metadata.get("namespace", ""),
        metadata["uid"],
        metadata["resourceVersion"],
        isinstance(value.get("items"), list),
    )


def pod(name: str, namespace: str = "shop", *, host: bool = False, **metadata: Any) -> Object:
    """A Pod; one with the host's network breaks the policy of the tests."""
    return {
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"containers": [{"name": "web", "image": "nginx"}], **({"hostNetwork": True} if host else {})},
    }


def named(name: str, namespace: str = "", **more: Any) -> Object:
    """An object of which nothing but its name matters."""
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **more}
