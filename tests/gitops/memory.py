"""A cluster in memory that serves the usual kinds, those of the controller, and those that definitions define."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from attest_governance.adapters.cluster import FIELD_MANAGER, Kind, Object
from attest_governance.controller.gitops.model import APPLICATIONS, PROJECTS
from attest_governance.errors import ClusterError, ConflictError

from ..gatekeeper.simulator import Held, SimulatedCluster, _leaves, _merged

USUAL = (
    Kind("v1", "Namespace", "namespaces"),
    Kind("v1", "ConfigMap", "configmaps", namespaced=True),
    Kind("v1", "Secret", "secrets", namespaced=True),
    Kind("v1", "Event", "events", namespaced=True),
    Kind("v1", "Service", "services", namespaced=True),
    Kind("v1", "Pod", "pods", namespaced=True),
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True),
    Kind("apps/v1", "Deployment", "deployments", namespaced=True),
    Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
    Kind("coordination.k8s.io/v1", "Lease", "leases", namespaced=True),
    APPLICATIONS,
    PROJECTS,
)


class KilledError(BaseException):
    """The controller is gone: nothing may catch this."""


def _nothing(_: str) -> None:
    """Nobody is killed."""


@dataclass
class MemoryCluster(SimulatedCluster):
    """A cluster that one test owns; `before` hears of each change before it is made, and may end everything."""

    before: Callable[[str], None] = _nothing
    asked: Callable[[str], None] = _nothing
    """Hears of each request, and may fail it."""
    requests: int = 0
    users: dict[str, set[str]] = field(default_factory=dict)
    """Namespaces that somebody who is impersonated may write to."""

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        self._ask(f"kinds {api_version}")
        defined = [
            Kind(f"{spec['group']}/{version['name']}", spec["names"]["kind"], spec["names"]["plural"], True)
            for (kind, _, _), held in self.objects.items()
            if kind == "CustomResourceDefinition"
            for spec in (held.value["spec"],)
            for version in spec["versions"]
        ]
        return tuple(kind for kind in (*USUAL, *defined) if kind.api_version == api_version)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        self._ask(f"get {kind.kind}/{name}")
        held = self.objects.get((kind.kind, namespace, name))
        return copy.deepcopy(held.value) if held else None

    def impersonating(self, user: str) -> MemoryCluster:
        return _Impersonated(self, user)

    def apply(
        self,
        kind: Kind,
        value: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        manager: str = FIELD_MANAGER,
        subresource: str = "",
    ) -> Object:
        metadata = value["metadata"]
        key = (kind.kind, metadata.get("namespace", ""), metadata["name"])
        self._ask(f"apply {kind.kind}/{metadata['name']}")
        old = self.objects.get(key, Held({}))
        self._check_version(old, metadata)
        if not dry_run:
            self.before(f"apply {subresource or kind.kind}/{metadata['name']}")
        if subresource:
            after = copy.deepcopy(old)
            after.value["status"] = copy.deepcopy(value["status"])
            after.value["metadata"]["resourceVersion"] = str(self._next())
        else:
            after = _merged(old, _without_noted(value), manager, force=force)
            self._stamp(old, after)
            if "deletionTimestamp" in old.value.get("metadata", {}) and not after.value["metadata"].get("finalizers"):
                self.objects.pop(key, None)
                return copy.deepcopy(after.value)
            if kind.kind == "CustomResourceDefinition":
                after.value["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
        if not dry_run:
            self.objects[key] = after
            self.log.append(f"apply {subresource or kind.kind}/{metadata['name']}")
        return copy.deepcopy(after.value)

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        self._ask(f"delete {kind.kind}/{value['metadata']['name']}")
        self.before(f"delete {kind.kind}/{value['metadata']['name']}")
        return super().delete(kind, value, dry_run=dry_run)

    def put(self, value: Object) -> None:
        """Somebody creates or replaces an object with kubectl."""
        held = copy.deepcopy(value)
        metadata = held["metadata"]
        key = (held["kind"], metadata.get("namespace", ""), metadata["name"])
        number = self._next()
        metadata.setdefault("uid", f"uid-{number}")
        metadata["resourceVersion"] = str(number)
        metadata.setdefault("generation", 1)
        self.objects[key] = Held(held, {path: "kubectl" for path, _ in _leaves(held)})

    def value(self, kind: str, name: str, namespace: str = "") -> Any:
        """An object; None where there is none."""
        held = self.objects.get((kind, namespace, name))
        return held.value if held else None

    def _ask(self, request: str) -> None:
        self.requests += 1
        self.asked(request)

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    @staticmethod
    def _check_version(old: Held, metadata: Object) -> None:
        there = old.value.get("metadata", {})
        for name in ("uid", "resourceVersion"):
            if name in metadata and metadata[name] != there.get(name):
                raise ConflictError(f"the object has changed meanwhile: the {name} is another", hint="try again")


def _without_noted(value: Object) -> Object:
    metadata = {key: one for key, one in value["metadata"].items() if key not in ("uid", "resourceVersion")}
    return {**value, "metadata": metadata}


class _Impersonated(MemoryCluster):
    """The same objects, with the rights of somebody."""

    def __init__(self, whole: MemoryCluster, user: str) -> None:
        super().__init__()
        self.__dict__.update(whole.__dict__)
        self._whole, self._user = whole, user

    def apply(self, kind: Kind, value: Object, **how: Any) -> Object:
        namespace = value["metadata"].get("namespace", "")
        if namespace not in self._whole.users.get(self._user, ()):
            raise ClusterError(f"the cluster refuses: {self._user} can't patch {kind.plural} in `{namespace}`")
        return self._whole.apply(kind, value, **how)
