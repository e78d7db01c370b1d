"""The port to a Kubernetes cluster: objects as plain JSON values, changed by server-side apply.

`kubernetes` implements it for real clusters; tests have one in memory behind the same port.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

Object = dict[str, Any]

FIELD_MANAGER = "attest-governance"
"""The name under which we own fields."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of objects as a cluster serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = False


class Change(msgspec.Struct, frozen=True):
    """What happened to an object, or, with the type `SYNCED` and none, that all objects have been told."""

    type: str
    """`ADDED`, `MODIFIED`, `DELETED` or `SYNCED`."""
    object: Object = {}


class Cluster(Protocol):
    """A cluster, under the identity of one person or service account."""

    @property
    def name(self) -> str:
        """How people call it: the context, or where it is."""

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        """The kinds that the cluster serves in a group and version; none where it knows no such group.

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None.

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        """All objects of a kind, in all namespaces, that carry these labels (`name=value,…`).

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def watch(self, kind: Kind) -> Iterator[Change]:
        """All objects of a kind as `ADDED`, then `SYNCED`, then what changes, until the cluster ends it, which it does.

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def apply(self, kind: Kind, value: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Applies an object under our field manager and returns it as it then is.

        Args:
            kind: its kind.
            value: the fields that we want, and no others.
            force: takes over fields that others own.
            dry_run: changes nothing, and returns what would be.

        Raises:
            ConflictError: others own one of the fields.
            ClusterError: the cluster refuses the object or can't be asked.
        """

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        """Deletes an object if it is still the one that was read; False where there is none any more.

        Raises:
            ConflictError: another object has its name by now.
            ClusterError: the cluster refuses or can't be asked.
        """
