"""What an application may write: kinds and namespaces that its project names, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from attest_governance.adapters.cluster import Kind, Object
from attest_governance.controller.gitops.floor import matches
from attest_governance.controller.gitops.model import GROUP, KindRule, Project
from attest_governance.errors import NotAllowedError

CLOSED_GROUPS = (GROUP,)
"""What says what applications may do is not an application's to write."""


class Placed(msgspec.Struct, frozen=True):
    """An object with its kind as the cluster serves it, and the namespace that it goes to."""

    kind: Kind
    value: Object
    source: str
    """`file:line` in the repository."""

    @property
    def namespace(self) -> str:
        """Empty for a kind without namespaces."""
        return str(self.value["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.value["metadata"]["name"])

    @property
    def id(self) -> str:
        """`version|Kind|namespace|name`, by which inventories list it."""
        return "|".join((self.kind.api_version, self.kind.kind, self.namespace, self.name))

    @property
    def shown(self) -> str:
        """`Kind/namespace/name`, for people."""
        return "/".join(part for part in (self.kind.kind, self.namespace, self.name) if part)


def placed(kind: Kind, value: Object, namespace: str, source: str) -> Placed:
    """Puts an object where it belongs: into `namespace` where it names none, into no namespace where there are none."""
    metadata = dict(value.get("metadata") or {})
    if kind.namespaced:
        metadata.setdefault("namespace", namespace)
    else:
        metadata.pop("namespace", None)
    return Placed(kind, {**value, "metadata": metadata}, source)


def check_destinations(project: Project, objects: Sequence[Placed]) -> None:
    """Insists that a project lets its applications write these objects.

    Raises:
        NotAllowedError: one of them is none of its kinds or namespaces.
    """
    for one in objects:
        group = group_of(one.kind.api_version)
        rules = project.spec.kinds if one.kind.namespaced else project.spec.cluster_kinds
        key = "kinds" if one.kind.namespaced else "clusterKinds"
        if group in CLOSED_GROUPS or not _allows(rules, group, one.kind.kind):
            raise NotAllowedError(
                f"the project `{project.name}` does not let applications write {one.shown} ({one.source})",
                hint=f"take it out of the repository, or have its kind added to `{key}`",
            )
        if one.kind.namespaced and not matches(one.namespace, project.spec.destinations):
            raise NotAllowedError(
                f"the project `{project.name}` does not let applications write to the namespace"
                f" `{one.namespace}`: {one.shown} ({one.source})",
                hint="name another namespace, or have it added to `destinations`",
            )


def group_of(api_version: str) -> str:
    """The group of a version; empty for that of `v1`."""
    return api_version.rpartition("/")[0]


def _allows(rules: Sequence[KindRule], group: str, kind: str) -> bool:
    return any(fnmatchcase(group, one.group) and fnmatchcase(kind, one.kind) for one in rules)
