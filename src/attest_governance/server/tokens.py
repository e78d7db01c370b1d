"""Bearer tokens of Kubernetes: the cluster says whose one is, and whether they may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

from attest_governance.adapters.cluster import Kind

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster, Object

AUDIENCE = "attest.continuu.ms"
"""For whom tokens must have been issued: one for another program, the API server say, opens nothing here."""
TOKEN_REVIEW = Kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews")
ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews")
_LONGEST = 16_384
"""Characters of a token that is looked at."""
_THREADS = 4
_KNOWN, _SECONDS = 1_000, 10.0
"""So many answers are kept, for so long."""


class TokenReviews:
    """Asks a cluster about tokens. Any thread may use it.

    Args:
        cluster: whose tokens they are.
        clock: counts seconds.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._clock = cluster, clock
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="attest-tokens")
        """Those in which a cluster is waited for: however slow it is, nothing else waits."""

    def allow(self, token: str, path: str, verb: str) -> bool:
        """Whether a token is somebody's whom RBAC lets ask for an address: `verb` (`post`) on a non-resource URL.

        Raises:
            ClusterError: the cluster can't be asked.
        """
        if not token or len(token) > _LONGEST:
            return False
        key, now = sha256(f"{verb} {path} {token}".encode("utf-8", "surrogatepass")).hexdigest(), self._clock()
        with self._lock:
            ends, allowed = self._known.get(key, (0.0, False))
        if now < ends:
            return allowed
        allowed = self._allowed(token, path, verb)
        with self._lock:
            self._known[key] = (now + _SECONDS, allowed)
            self._known.move_to_end(key)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return allowed

    def _allowed(self, token: str, path: str, verb: str) -> bool:
        status = self._answer(TOKEN_REVIEW, {"token": token, "audiences": [AUDIENCE]})
        if status.get("authenticated") is not True or AUDIENCE not in (status.get("audiences") or ()):
            return False
        user: Object = status.get("user") or {}
        if not user.get("username"):
            return False
        asked = {"user": user["username"], "uid": user.get("uid") or "", "groups": user.get("groups") or []}
        asked["extra"] = user.get("extra") or {}
        answer = self._answer(ACCESS_REVIEW, {**asked, "nonResourceAttributes": {"path": path, "verb": verb}})
        return answer.get("allowed") is True and answer.get("denied") is not True

    def _answer(self, kind: Kind, spec: Object) -> Object:
        status = self._cluster.ask(kind, {"metadata": {}, "spec": spec}).get("status")
        return status if isinstance(status, dict) else {}
