"""Events of an application, as `kubectl describe` shows them: one for each change of its phase."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from attest_governance.adapters.cluster import Cluster, Kind
from attest_governance.controller.gitops.applying import MANAGER, stamp
from attest_governance.controller.gitops.model import API_VERSION, Application
from attest_governance.errors import ClusterError
from attest_governance.model.finding import digest_of

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

EVENTS = Kind("v1", "Event", "events", namespaced=True)
_QUIET = ("Pending", "Verifying", "Syncing", "Synced", "Suspended")
_DIGITS = 16


def tell_event(cluster: Cluster, application: Application, now: datetime) -> None:
    """Tells of the phase that an application is in. An event that can't be written stops nothing."""
    try:
        cluster.apply(EVENTS, _event(application, now), force=True, manager=MANAGER)
    except ClusterError:
        return


def _event(application: Application, now: datetime) -> Object:
    phase, message = str(application.status["phase"]), str(application.status.get("message") or "")
    revision = str(application.status.get("observedRevision") or "")
    name = digest_of((application.uid, phase, message, revision), _DIGITS)
    about: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "AttestApplication",
        "name": application.name,
        "namespace": application.namespace,
        "uid": application.uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{application.name[:200]}.{name}", "namespace": application.namespace},
        "involvedObject": about,
        "type": "Normal" if phase in _QUIET else "Warning",
        "reason": phase,
        "message": message or f"revision {revision[:12]}",
        "source": {"component": MANAGER},
        "firstTimestamp": stamp(now),
        "lastTimestamp": stamp(now),
        "count": 1,
    }
