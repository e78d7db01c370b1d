"""The port to a Kubernetes cluster: objects as plain JSON values, changed by server-side apply.

`kubernetes` implements it for real clusters; tests have one in memory behind the same port.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from attest_governance.errors import ClusterError

Object = dict[str, Any]

FIELD_MANAGER = "attest-governance"
"""The name under which we own fields."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of objects as a cluster serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = False

    @property
    def group(self) -> str:
        """The API group; empty for the first."""
        return self.api_version.rpartition("/")[0]

    def path(self, name: str = "", namespace: str = "") -> str:
        """Where the API server has an object of it, or without a name all of them; each part is escaped."""
        base = "/apis" if self.group else "/api"
        inside = ("namespaces", namespace) if self.namespaced and namespace else ()
        parts = (*self.api_version.split("/"), *inside, self.plural, *((name,) if name else ()))
        return "/".join((base, *(quote(part, safe="") for part in parts)))


class Change(msgspec.Struct, frozen=True):
    """What happened to an object, or, with the type `SYNCED` and none, that all objects have been told."""

    type: str
    """`ADDED`, `MODIFIED`, `DELETED` or `SYNCED`."""
    object: Object = {}


class Head(msgspec.Struct, frozen=True):
    """What an object of a list is known by."""

    name: str
    namespace: str
    uid: str
    version: str
    nested: bool = False
    """Whether it has `items` of its own, so that a reader of manifests would take it for a list."""


class Page(msgspec.Struct, frozen=True):
    """A part of a list: the bytes as they came, and the objects in them."""

    content: bytes
    version: str
    """That of the whole list, from which a watch may go on."""
    heads: tuple[Head, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """What happened to an object, with the bytes of the object as they came."""

    type: str
    """`ADDED`, `MODIFIED`, `DELETED`, or `BOOKMARK`, which says the version alone."""
    head: Head
    content: bytes = b""


class Served(msgspec.Struct, frozen=True):
    """What a cluster serves: each kind once, in the version that it prefers, and what could not be told."""

    kinds: tuple[Kind, ...]
    failures: tuple[ClusterError, ...] = ()
    """Groups that the cluster names, but whose kinds it does not tell."""


class Cluster(Protocol):
    """A cluster, under the identity of one person or service account."""

    @property
    def name(self) -> str:
        """How people call it: the context, or where it is."""

    def versions(self) -> tuple[str, ...]:
        """The version of each group that the cluster prefers (`v1`, `apps/v1`).

        Raises:
            ClusterError: the cluster can't be asked.
        """

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

    def watch(self, kind: Kind, labels: str = "") -> Iterator[Change]:
        """All objects of a kind as `ADDED`, then `SYNCED`, then what changes, until the cluster ends it, which it does.

        Only those that carry these labels, where there are any (`name=value,…`).

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def ask(self, kind: Kind, value: Object) -> Object:
        """Sends an object that is a question, such as a TokenReview, and returns it with its answer.

        Raises:
            ClusterError: the cluster refuses, or can't be asked.
        """

    def create(self, kind: Kind, value: Object) -> Object:
        """Makes an object that must not be there yet, and returns it as it then is.

        Raises:
            ConflictError: it is there.
            ClusterError: the cluster refuses the object or can't be asked.
        """

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
        """Applies an object under our field manager and returns it as it then is.

        With `metadata.resourceVersion` it is applied to that version alone.

        Args:
            kind: its kind.
            value: the fields that we want, and no others.
            force: takes over fields that others own.
            dry_run: changes nothing, and returns what would be.
            manager: the name under which the fields are owned.
            subresource: what of the object is meant, such as `status`; empty for the object.

        Raises:
            ConflictError: others own one of the fields, or the object has another version by now.
            ClusterError: the cluster refuses the object or can't be asked.
        """

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        """Deletes an object if it is still the one that was read; False where there is none any more.

        Raises:
            ConflictError: another object has its name by now.
            ClusterError: the cluster refuses or can't be asked.
        """

    def impersonating(self, user: str) -> Cluster:
        """The same cluster in the name of somebody else, such as `system:serviceaccount:NAMESPACE:NAME`."""


class WholeCluster(Cluster, Protocol):
    """A cluster all of whose objects can be read, as they are."""

    def served(self) -> Served:
        """All kinds of objects that somebody can make and list.

        Raises:
            ClusterError: the cluster can't be asked.
        """

    def pages(self, kind: Kind, namespace: str = "") -> Iterator[Page]:
        """All objects of a kind, or those in a namespace, part by part; all parts are of one version.

        Raises:
            GoneError: the cluster forgot the version before the list was whole.
            ClusterError: the cluster can't be asked.
        """

    def changes(self, kind: Kind, version: str) -> Iterator[Event]:
        """What happened to objects of a kind after a version, until the cluster ends it, which it does.

        Raises:
            GoneError: the cluster does not remember that version.
            ClusterError: the cluster can't be asked.
        """
