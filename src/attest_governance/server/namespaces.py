"""The Namespaces of a cluster, watched: policies see the labels of the one that a resource is in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Kind
from attest_governance.errors import AttestError
from attest_governance.model.sources import Text

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Change, Cluster, Object

NAMESPACE = Kind("v1", "Namespace", "namespaces")
NAME = "<namespace>"
"""What problems call the text of a Namespace."""
MOST = 50_000
"""Namespaces that are kept; others are asked for when they are needed."""
_PAUSE = 2.0
_KEPT = ("name", "labels", "annotations", "uid", "creationTimestamp", "deletionTimestamp")
"""Of the metadata: what policies may look at."""


class Namespaces:
    """What a watch has told so far; what it has not, the cluster is asked for.

    Args:
        cluster: whose they are.
        pause: waits before a watch that ended is begun anew.
    """

    def __init__(self, cluster: Cluster, pause: Callable[[float], object] = time.sleep) -> None:
        self._cluster, self._pause = cluster, pause
        self._texts: dict[str, Text] = {}
        self.synced = False
        """Whether all have been told once."""
        self.failure = ""
        """Why the watch broke; empty while it goes on."""

    def around(self, name: str) -> tuple[Text, ...]:
        """The Namespace of that name as a text; none where there is none.

        Raises:
            ClusterError: it is not known, and the cluster can't be asked.
        """
        if not name:
            return ()
        known = self._texts.get(name)
        if known is None:
            found = self._cluster.get(NAMESPACE, name)
            known = _text(found) if found else None
        return (known,) if known else ()

    def follow(self) -> None:
        """Watches without end."""
        while True:
            self.watch()
            self._pause(_PAUSE)

    def watch(self) -> None:
        """Watches until the cluster ends it, or it breaks."""
        told: dict[str, Text] | None = {}
        try:
            for change in self._cluster.watch(NAMESPACE):
                if change.type == "SYNCED" and told is not None:
                    self._texts, told = told, None  # those that are gone are gone
                    self.synced, self.failure = True, ""
                else:
                    _take(self._texts if told is None else told, change)
        except AttestError as error:
            self.failure = error.message


def _take(texts: dict[str, Text], change: Change) -> None:
    name = str((change.object.get("metadata") or {}).get("name", ""))
    if change.type == "DELETED":
        texts.pop(name, None)
    elif name and (name in texts or len(texts) < MOST):
        texts[name] = _text(change.object)


def _text(value: Object) -> Text:
    metadata = {key: one for key, one in (value.get("metadata") or {}).items() if key in _KEPT}
    whole = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    return Text(NAME, msgspec.json.encode(whole).decode())
