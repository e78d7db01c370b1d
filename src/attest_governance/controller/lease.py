"""A lease of a cluster (coordination.k8s.io): of several replicas one acts, and another when that one is gone.

A replica trusts no other's clock: a lease is over when it has not changed for its whole length by one's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest_governance.adapters.cluster import Kind
from attest_governance.errors import ClusterError, ConflictError

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Object

LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases", namespaced=True)
SECONDS = 15
"""How long a lease holds that is not renewed."""
INTERVAL = SECONDS / 5
"""After how many seconds it is renewed."""


class Lease:
    """One replica's view of a lease. One thread calls `renew`; any may ask whether it is held.

    Args:
        cluster: where it is.
        name: its name.
        namespace: its namespace.
        identity: who holds it; the same after a restart.
        clock: counts seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        namespace: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._name, self._namespace, self.identity = cluster, name, namespace, identity
        self._clock = clock
        self._until = float("-inf")
        self._seen: tuple[str, float] = ("", float("-inf"))
        self.before = ""
        """Who held it before; empty where nobody did."""
        self.failure = ""
        """Why it could not be asked for; empty where it could."""

    @property
    def held(self) -> bool:
        """Whether this replica may act. It stops before another may begin."""
        return self._clock() < self._until

    def renew(self) -> bool:
        """Takes or keeps the lease where that is possible; says whether it is held."""
        began = self._clock()
        try:
            if self._taken(began):
                self._until = began + SECONDS * 2 / 3
            self.failure = ""
        except ConflictError:  # another was faster
            self.failure = ""
        except ClusterError as error:
            self.failure = error.message
        return self.held

    def release(self) -> None:
        """Gives it up, so that another need not wait."""
        if not self.held:
            return
        self._until = float("-inf")
        try:
            there = self._cluster.get(LEASE, self._name, self._namespace)
            if there and _holder(there) == self.identity:
                self._apply(there, "")
        except ClusterError as error:
            self.failure = error.message

    def _taken(self, now: float) -> bool:
        there = self._cluster.get(LEASE, self._name, self._namespace)
        if there is None:
            self._cluster.create(LEASE, self._value(self.identity))
            return True
        version = there["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, now)
        holder = _holder(there)
        if holder not in ("", self.identity) and now < self._seen[1] + SECONDS:
            self._until = float("-inf")
            return False
        if not self.held:
            self.before = holder
        self._seen = (self._apply(there, self.identity)["metadata"]["resourceVersion"], now)
        return True

    def _apply(self, there: Object, holder: str) -> Object:
        """Changes the lease, unless somebody did meanwhile."""
        value = self._value(holder)
        value["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        return self._cluster.apply(LEASE, value, force=True)

    def _value(self, holder: str) -> Object:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": SECONDS,
                "renewTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            },
        }


def _holder(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")
