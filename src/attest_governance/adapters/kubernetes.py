"""Real clusters, through lightkube's configuration: contexts, service accounts, exec credentials.

Lightkube finds the cluster and authenticates; requests are made on the connection that it gives,
for what we send and read are objects of kinds that no client library knows beforehand.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from attest_governance.adapters.cluster import FIELD_MANAGER, Change, Kind, Object
from attest_governance.errors import ClusterError, ConflictError, UsageError

_PAGE = "500"
_WATCHED = 240
"""Seconds after which a watch is begun anew: a connection that is cut without a word is not waited for much longer."""
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_EXEC_VERSION = "client.authentication.k8s.io/v1"
_GONE, _CONFLICT, _UNPROCESSABLE = 404, 409, 422
_HINTS = {
    401: "the credentials are missing or no longer valid: log in again",
    403: "ask for the rights, or use another context",
    404: "the cluster does not serve this kind",
}


def connect(*, kubeconfig: Path | None = None, context: str = "", timeout: float = 30.0) -> KubernetesCluster:
    """Connects to a cluster; nothing is sent yet.

    Args:
        kubeconfig: the file to read; else those of `KUBECONFIG`, else `~/.kube/config`, else, inside
            of a Pod, its service account.
        context: the context to use; else the file's own.
        timeout: of one request, in seconds.

    Raises:
        UsageError: lightkube is not installed.
        ClusterError: the configuration is missing or wrong.
    """
    try:
        import httpx2  # noqa: PLC0415 (an extra; slow to import)
        import yaml  # noqa: PLC0415
        from lightkube.config.client_adapter import Client, ConnectionParams  # noqa: PLC0415
        from lightkube.core.exceptions import ConfigError  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "speaking to a cluster needs lightkube, which is not installed",
            hint="run `pip install 'lightkube>=1.0'`",
        ) from error
    wrong = (ConfigError, yaml.YAMLError, msgspec.MsgspecError, OSError, LookupError, TypeError, ValueError)
    try:
        config = _with_exec(_configuration(kubeconfig, context))
        client = Client(config, ConnectionParams(timeout=httpx2.Timeout(timeout)))
    except (*wrong, AttributeError, AssertionError) as error:
        raise ClusterError(
            f"can't use the kubeconfig: {_one_line(error)}",
            file=str(kubeconfig or ""),
            hint="name a file with --kubeconfig or KUBECONFIG, and one of its contexts with --context",
        ) from error
    return KubernetesCluster(client, config.context_name)


def _configuration(kubeconfig: Path | None, context: str) -> Any:  # noqa: ANN401 (lightkube's own type)
    """The context to use, from the first file that knows it. Files are asked in kubectl's order."""
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415

    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    usual = Path.home() / ".kube" / "config"
    files = [kubeconfig] if kubeconfig else named or [usual]
    if files == [usual] and not usual.is_file():
        return KubeConfig.from_service_account().get(context_name=context or None)
    found = [KubeConfig.from_file(file) for file in files if file in (kubeconfig, usual) or file.is_file()]
    for each in found:
        if (context or each.current_context) in each.contexts:
            return each.get(context_name=context or None)
    known = ", ".join(sorted(str(name) for each in found for name in each.contexts))
    what = f"there is no context `{context}`" if context else "no current context is set"
    raise LookupError(f"{what} (known: {known or 'none'})")


def _with_exec(config: Any) -> Any:  # noqa: ANN401 (lightkube's own type, imported late)
    """Lets credential plugins of version v1 run, which lightkube knows only as v1beta1: their answers are alike."""
    plugin = config.user.exec if config.user else None
    if plugin is not None and plugin.apiVersion == _EXEC_VERSION:
        plugin.apiVersion = f"{_EXEC_VERSION}beta1"
        told = {"apiVersion": _EXEC_VERSION, "kind": "ExecCredential", "spec": {"interactive": False}}
        variable = {"name": "KUBERNETES_EXEC_INFO", "value": json.dumps(told)}
        from lightkube.config.models import NameValue  # noqa: PLC0415

        plugin.env = [*(plugin.env or []), NameValue(**variable)]
    return config


class KubernetesCluster:
    """A cluster behind an HTTP connection. See `adapters.cluster.Cluster` for what the methods promise."""

    def __init__(self, client: Any, name: str) -> None:  # noqa: ANN401 (an httpx client)
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """The context, or where the cluster is."""
        return self._name

    def kinds(self, api_version: str) -> tuple[Kind, ...]:
        """The kinds of a group and version."""
        found = self._request("GET", _base(api_version), absent=True)
        if found is None:
            return ()
        return tuple(
            Kind(api_version, each["kind"], each["name"], each["namespaced"])
            for each in found.get("resources") or ()
            if "/" not in each["name"]
        )

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None."""
        return self._request("GET", _path(kind, name, namespace), absent=True)

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        """All objects of a kind."""
        more = ""
        while True:
            wanted = {"limit": _PAGE, "labelSelector": labels, "continue": more}
            parameters = {name: value for name, value in wanted.items() if value}
            page = self._request("GET", f"{_base(kind.api_version)}/{quote(kind.plural, safe='')}", parameters) or {}
            for each in page.get("items") or ():
                # Items of a list don't state what they are.
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **each}
            more = (page.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def watch(self, kind: Kind) -> Iterator[Change]:
        """All objects of a kind, and what changes from then on."""
        path = f"{_base(kind.api_version)}/{quote(kind.plural, safe='')}"
        listed = self._request("GET", path) or {}  # whole, or its version would not be that of all
        for each in listed.get("items") or ():
            yield Change("ADDED", {"apiVersion": kind.api_version, "kind": kind.kind, **each})
        yield Change("SYNCED")
        version = (listed.get("metadata") or {}).get("resourceVersion") or ""
        wanted = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCHED)}
        yield from self._changes(path, wanted)

    def _changes(self, path: str, wanted: Mapping[str, str]) -> Iterator[Change]:
        try:
            with self._client.stream("GET", path, params=wanted, timeout=2 * _WATCHED) as response:
                # An answer that is no success is a `Status`, which has no `type`, and ends the watch.
                for line in response.iter_lines():
                    change = msgspec.json.decode(line, type=Change)
                    if change.type == "ERROR":  # the version is too old by now, say: whoever watches begins anew
                        return
                    yield change
        except Exception as error:  # as in `_request`
            raise ClusterError(
                f"the watch of the cluster `{self.name}` broke: {_one_line(error)}", hint="check the network"
            ) from error

    def apply(self, kind: Kind, value: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Applies an object under our field manager."""
        parameters = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            parameters["dryRun"] = "All"
        metadata = value["metadata"]
        path = _path(kind, metadata["name"], metadata.get("namespace", ""))
        answer = self._request("PATCH", path, parameters, body=value, headers=_APPLY)
        return answer or {}

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        """Deletes an object if it is still the one that was read."""
        metadata = value["metadata"]
        body: Object = {"preconditions": {"uid": metadata["uid"]}, "propagationPolicy": "Background"}
        parameters = {"dryRun": "All"} if dry_run else {}
        path = _path(kind, metadata["name"], metadata.get("namespace", ""))
        return self._request("DELETE", path, parameters, body=body, absent=True) is not None

    def _request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
        absent: bool = False,
    ) -> Object | None:
        """Sends a request and returns the answer, or None for 404 where `absent` allows it."""
        content = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        try:
            response = self._client.request(method, path, params=parameters, content=content, headers=sent)
        except Exception as error:  # the HTTP library, TLS, credential plugins: all mean the same here
            raise ClusterError(
                f"can't reach the cluster `{self.name}`: {_one_line(error)}", hint="check the context and the network"
            ) from error
        if response.status_code == _GONE and absent:
            return None
        if not response.is_success:
            raise self._refusal(response)
        answer = _object(response)
        if answer is None:
            raise ClusterError(f"the cluster `{self.name}` did not answer with JSON")
        return answer

    def _refusal(self, response: Any) -> ClusterError:  # noqa: ANN401 (an httpx response)
        status = _object(response) or {}
        message = _one_line(status.get("message") or f"HTTP status {response.status_code}")
        causes = (status.get("details") or {}).get("causes") or ()
        conflicts = [one for one in causes if one.get("reason") == "FieldManagerConflict"]
        if conflicts:
            return ConflictError(
                f"others own fields that would change: {'; '.join(_conflict(one) for one in conflicts)}",
                hint="agree with them, or take the fields over with --force-conflicts",
            )
        if response.status_code == _CONFLICT:
            return ConflictError(f"the object has changed meanwhile: {message}", hint="try again")
        hint = _HINTS.get(response.status_code, "")
        return ClusterError(f"the cluster `{self.name}` refuses: {message}", hint=hint)


def _object(response: Any) -> Object | None:  # noqa: ANN401 (an httpx response)
    """What a response holds: nothing for JSON that is no object, and None for what is no JSON."""
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else {}


def _conflict(cause: Mapping[str, Any]) -> str:
    """`.spec.match (kubectl)` of the API server's `conflict with "kubectl" using v1`."""
    manager = re.search(r'"([^"]*)"', cause.get("message") or "")
    return f"{cause.get('field', '')} ({manager.group(1) if manager else 'another manager'})"


def _base(api_version: str) -> str:
    group = "/".join(quote(part, safe="") for part in api_version.split("/"))
    return f"/apis/{group}" if "/" in api_version else f"/api/{group}"


def _path(kind: Kind, name: str, namespace: str) -> str:
    inside = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced else ""
    return f"{_base(kind.api_version)}{inside}/{quote(kind.plural, safe='')}/{quote(name, safe='')}"


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
