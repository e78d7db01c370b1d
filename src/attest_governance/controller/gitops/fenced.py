"""A controller that is no longer the one that acts writes nothing, even in the middle of a synchronisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attest_governance.adapters.cluster import FIELD_MANAGER, Change, Cluster, Kind, Object
from attest_governance.errors import ClusterError

if TYPE_CHECKING:
    from attest_governance.controller.lease import Lease


class Fenced:
    """A cluster that is written to only as long as a Lease is held: a synchronisation may take longer than that."""

    def __init__(self, cluster: Cluster, lease: Lease) -> None:
        self._cluster, self._lease = cluster, lease

    @property
    def name(self) -> str:
        """That of the cluster."""
        return self._cluster.name

    def versions(self) -> tuple[str, ...]:
        """As the cluster's."""
        return self._cluster.versions()

    def ask(self, kind: Kind, value: Object) -> Object:
        """As the cluster's."""
        return self._cluster.ask(kind, value)

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        """As the cluster's."""
        return self._cluster.kinds(api_version)

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """As the cluster's."""
        return self._cluster.get(kind, name, namespace)

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        """As the cluster's."""
        return self._cluster.list(kind, labels)

    def watch(self, kind: Kind, labels: str = "") -> Iterator[Change]:
        """As the cluster's."""
        return self._cluster.watch(kind, labels)

    def create(self, kind: Kind, value: Object) -> Object:
        """As the cluster's, while the Lease is held.

        Raises:
            ClusterError: another one acts by now, or as the cluster's.
        """
        self._insist()
        return self._cluster.create(kind, value)

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
        """As the cluster's, while the Lease is held.

        Raises:
            ClusterError: another one acts by now, or as the cluster's.
        """
        self._insist()
        return self._cluster.apply(kind, value, force=force, dry_run=dry_run, manager=manager, subresource=subresource)

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        """As the cluster's, while the Lease is held.

        Raises:
            ClusterError: another one acts by now, or as the cluster's.
        """
        self._insist()
        return self._cluster.delete(kind, value, dry_run=dry_run)

    def impersonating(self, user: str) -> Cluster:
        """As the cluster's, fenced as well."""
        return Fenced(self._cluster.impersonating(user), self._lease)

    def _insist(self) -> None:
        if not self._lease.held:
            raise ClusterError("another controller acts by now: nothing is written any more")
