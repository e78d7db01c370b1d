"""A cluster in memory, behind the port of the real one: objects, owners of fields, and a Gatekeeper.

Its Gatekeeper takes a template in some looks later, as the real one does, and then serves the kind
of its constraints. `log` holds what was changed, in order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from attest_governance.adapters.cluster import FIELD_MANAGER, Change, Kind, Object
from attest_governance.errors import ClusterError, ConflictError

TEMPLATES = Kind("templates.gatekeeper.sh/v1", "ConstraintTemplate", "constrainttemplates")
CONSTRAINTS = "constraints.gatekeeper.sh/v1beta1"
CONFIG = Kind("config.gatekeeper.sh/v1alpha1", "Config", "configs", namespaced=True)

Key = tuple[str, str, str]
Path = tuple[str, ...]
_NAMED = "name="


@dataclass
class Held:
    """An object with who owns which of its fields."""

    value: Object
    owners: dict[Path, str] = field(default_factory=dict)


@dataclass
class SimulatedCluster:
    """A cluster that one test owns."""

    name: str = "simulated"
    gatekeeper: bool = True
    looks_needed: int = 1
    """How often a template must be looked at before Gatekeeper has taken it in; -1: it never does."""
    refused: dict[str, str] = field(default_factory=dict)
    """Messages for templates that Gatekeeper refuses, by name."""
    also: tuple[Kind, ...] = ()
    """What it serves beside Gatekeeper's own."""
    answer: Callable[[Kind, Object], Object] = lambda _, value: value
    """Answers an object that is a question."""
    changes: list[Change] = field(default_factory=list)
    """What a watch is told after all objects."""
    objects: dict[Key, Held] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _looks: dict[str, int] = field(default_factory=dict)
    _served: dict[str, Kind] = field(default_factory=dict)
    _serial: int = 0

    def versions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind.api_version for kind in (*self.also, TEMPLATES, CONFIG)))

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        also = tuple(kind for kind in self.also if kind.api_version == api_version)
        if not self.gatekeeper:
            return also
        if api_version == CONSTRAINTS:
            return also + tuple(self._served.values())
        return also + tuple(kind for kind in (TEMPLATES, CONFIG) if kind.api_version == api_version)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        if kind == TEMPLATES:
            self._look(name)
        held = self.objects.get((kind.kind, namespace, name))
        return copy.deepcopy(held.value) if held else None

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        wanted = dict(pair.split("=") for pair in labels.split(",")) if labels else {}
        for (found, _, _), held in sorted(self.objects.items()):
            own = held.value["metadata"].get("labels") or {}
            if found == kind.kind and wanted.items() <= own.items():
                yield copy.deepcopy(held.value)

    def watch(self, kind: Kind, labels: str = "") -> Iterator[Change]:
        for each in self.list(kind, labels):
            yield Change("ADDED", each)
        yield Change("SYNCED")
        yield from self.changes

    def ask(self, kind: Kind, value: Object) -> Object:
        return self.answer(kind, value)

    def create(self, kind: Kind, value: Object) -> Object:
        metadata = value["metadata"]
        if (kind.kind, metadata.get("namespace", ""), metadata["name"]) in self.objects:
            raise ConflictError("the object is there")
        return self.apply(kind, value)

    def impersonating(self, user: str) -> SimulatedCluster:
        raise ClusterError(f"nobody acts in the name of `{user}` here")

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
        assert not subresource
        metadata = value["metadata"]
        key = (kind.kind, metadata.get("namespace", ""), metadata["name"])
        before = self.objects.get(key, Held({}))
        _insist_on_version(before, metadata)
        after = _merged(before, value, manager, force=force)
        self._stamp(before, after)
        if not dry_run:
            self.log.append(f"apply {kind.kind}/{metadata['name']}")
            self.objects[key] = after
            self._looks.pop(metadata["name"], None)
        return copy.deepcopy(after.value)

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        metadata = value["metadata"]
        key = (kind.kind, metadata.get("namespace", ""), metadata["name"])
        held = self.objects.get(key)
        if held is None:
            return False
        if held.value["metadata"]["uid"] != metadata["uid"]:
            raise ConflictError("the object has changed meanwhile: the uid is another", hint="try again")
        if not dry_run:
            self.log.append(f"delete {kind.kind}/{metadata['name']}")
            del self.objects[key]
            if kind == TEMPLATES:
                self._forget(value)
        return True

    def audit(self, name: str, status: Object) -> None:
        """Sets the status of a constraint."""
        for (_, _, held_name), held in self.objects.items():
            if held_name == name:
                held.value["status"] = status

    def _look(self, name: str) -> None:
        held = self.objects.get(("ConstraintTemplate", "", name))
        self._looks[name] = self._looks.get(name, 0) + 1
        if held is None or self.looks_needed < 0 or self._looks[name] < self.looks_needed:
            return
        errors = [{"code": "ingest_error", "message": self.refused[name]}] if name in self.refused else []
        pod = {"id": "pod-0", "observedGeneration": held.value["metadata"]["generation"], "errors": errors}
        held.value["status"] = {"byPod": [pod]}
        kind = held.value["spec"]["crd"]["spec"]["names"]["kind"]
        if not errors:
            self._served[kind] = Kind(CONSTRAINTS, kind, kind.lower())

    def _forget(self, template: Object) -> None:
        kind = template["spec"]["crd"]["spec"]["names"]["kind"]
        self._served.pop(kind, None)
        for key in [key for key in self.objects if key[0] == kind]:
            del self.objects[key]

    def _stamp(self, before: Held, after: Held) -> None:
        old, metadata = before.value.get("metadata", {}), after.value["metadata"]
        self._serial += 1
        changed = before.value.get("spec") != after.value.get("spec")
        metadata["uid"] = old.get("uid", f"uid-{self._serial}")
        metadata["generation"] = old.get("generation", 0) + changed
        metadata["resourceVersion"] = str(self._serial)
        if "status" in before.value:
            after.value["status"] = before.value["status"]


def _insist_on_version(before: Held, metadata: Object) -> None:
    """An object that names a version is changed only while it has it."""
    held = before.value.get("metadata", {}).get("resourceVersion")
    if metadata.get("resourceVersion", held) != held:
        raise ConflictError("the object has changed meanwhile: the version is another", hint="try again")


def _merged(before: Held, value: Object, manager: str, *, force: bool) -> Held:
    """Server-side apply: our fields replace ours, others' stay, and a field that another owns is a conflict."""
    if not value.get("kind"):
        raise ClusterError("the object has no kind")
    wanted, there = dict(_leaves(value)), dict(_leaves(before.value))
    conflicts = [
        f".{'.'.join(path)} ({before.owners[path]})"
        for path, each in wanted.items()
        if before.owners.get(path, manager) != manager and there.get(path) != each
    ]
    if conflicts and not force:
        raise ConflictError(f"others own fields that would change: {'; '.join(conflicts)}", hint="--force-conflicts")
    kept = {path: each for path, each in there.items() if before.owners.get(path) not in (None, manager)}
    owners = {path: before.owners[path] for path in kept} | dict.fromkeys(wanted, manager)
    return Held(_tree({**kept, **wanted}), owners)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if path == ("webhooks",):  # a list whose items are merged by name
        value = {f"{_NAMED}{one['name']}": one for one in value}
    if isinstance(value, dict) and value:
        for key, each in value.items():
            if not (path == ("metadata",) and key in ("uid", "generation", "resourceVersion")) and key != "status":
                yield from _leaves(each, (*path, key))
    else:
        yield path, value


def _tree(leaves: dict[Path, Any]) -> Object:
    out: Object = {}
    for path, value in leaves.items():
        at = out
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = copy.deepcopy(value)
    if all(key.startswith(_NAMED) for key in out.get("webhooks") or {}) and "webhooks" in out:
        out["webhooks"] = list(out["webhooks"].values())
    return out
