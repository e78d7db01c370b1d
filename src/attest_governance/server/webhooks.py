"""The webhook configuration that leads a cluster to the server: what is in it, and what is wrong with it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from attest_governance.adapters.cluster import Kind, Object
from attest_governance.server.diagnosis import Check, read_authorities, validity

WEBHOOKS = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
NAME = "attest.continuu.ms"
"""The name of the configuration that `attest deploy render` prints."""
PATH = "/v1/admit"
_SPARED = "kubernetes.io/metadata.name"


class Hook(msgspec.Struct, frozen=True):
    """One webhook of a configuration, as the cluster has it."""

    value: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.value.get("name", ""))

    @property
    def authority(self) -> str:
        """Who must have signed the certificate of the server (PEM); empty where none can be read."""
        try:
            text = base64.b64decode(self._client.get("caBundle") or "", validate=True).decode("ascii")
            return text if read_authorities(text.encode()) else ""
        except (binascii.Error, UnicodeDecodeError, ValueError, TypeError):
            return ""

    @property
    def server_name(self) -> str:
        """The name under which the cluster asks a Service; empty for a URL."""
        service = self._service
        return f"{service.get('name')}.{service.get('namespace')}.svc" if service else ""

    def checks(self, now: datetime) -> Iterator[Check]:
        """What is to be said of it."""
        yield self._path()
        yield from self._authorities(now)
        yield self._failing()
        yield self._sparing()

    @property
    def _client(self) -> dict[str, Any]:
        return self.value.get("clientConfig") or {}

    @property
    def _service(self) -> dict[str, Any]:
        return self._client.get("service") or {}

    def _path(self) -> Check:
        path = str(self._service.get("path") or self._client.get("url") or "")
        if not path.partition("?")[0].endswith(PATH):
            return self._check("failed", f"it asks at `{path or '/'}`", f"let it ask at {PATH}")
        return self._check("ok", f"it asks at {PATH}")

    def _authorities(self, now: datetime) -> Iterator[Check]:
        found = read_authorities(self.authority.encode())
        if not found:
            yield self._check("failed", "its caBundle holds no certificate", "put there who signed that of the server")
        for one in found:
            yield validity(f"webhook {self.name}: authority", one, now, "put its successor into the caBundle")

    def _failing(self) -> Check:
        if self.value.get("failurePolicy") == "Ignore":
            return self._check(
                "warning", "what it asks is admitted while no server answers", "set its failurePolicy to Fail"
            )
        return self._check("ok", "nothing is admitted while no server answers")

    def _sparing(self) -> Check:
        spared = set(_spared(self.value.get("namespaceSelector") or {}))
        own = {str(self._service["namespace"])} if self._service.get("namespace") else set()
        lacking = sorted(({"kube-system"} | own) - spared)
        cluster_wide = any(rule.get("scope", "*") in ("*", "Cluster") for rule in self.value.get("rules") or ())
        if lacking and self.value.get("failurePolicy") != "Ignore":
            what = f"the cluster can't mend itself while no server answers: {' and '.join(lacking)} must ask, too"
            return self._check("failed", what, f"spare them in its namespaceSelector, by {_SPARED}")
        if cluster_wide:
            return self._check(
                "ok", "it spares the system's namespaces and its own, and asks about the cluster's objects"
            )
        return self._check("ok", "it spares the system's namespaces and its own")

    def _check(self, state: Any, message: str, hint: str = "") -> Check:  # noqa: ANN401 (one of the states)
        return Check(f"webhook {self.name}", state, message, hint)


def hooks_of(configuration: Object) -> list[Hook]:
    """The webhooks of a configuration."""
    return [Hook(one) for one in configuration.get("webhooks") or () if isinstance(one, dict)]


def _spared(selector: dict[str, Any]) -> Iterator[str]:
    for one in selector.get("matchExpressions") or ():
        if one.get("key") == _SPARED and one.get("operator") == "NotIn":
            yield from one.get("values") or ()
