"""Real clusters, through lightkube's configuration: contexts, service accounts, exec credentials.

Lightkube finds the cluster and authenticates; requests are made on the connection that it gives,
for what we send and read are objects of kinds that no client library knows beforehand.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from attest_governance.adapters.cluster import FIELD_MANAGER, Change, Event, Kind, Object, Page, Served
from attest_governance.adapters.listing import events, lines_of, page
from attest_governance.decoding import decode
from attest_governance.errors import AttestError, ClusterError, ConflictError, GoneError, UsageError

_PAGE = "500"
_PAGE_BYTES = 32 << 20
"""Bytes of a page: the engine reads no text above 64 MiB, and objects may be as large as 1.5 MB each."""
_BUSY = (429, 503)
_TRIES, _LONGEST_WAIT = 4, 10.0
_WATCHED = 240
"""Seconds after which a watch is begun anew: a connection that is cut without a word is not waited for much longer."""
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_EXEC_VERSION = "client.authentication.k8s.io/v1"
_ABSENT, _CONFLICT, _GONE = 404, 409, 410
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
        client = Client(
            config, _unlimited(ConnectionParams, httpx2.Limits(max_connections=None))(httpx2.Timeout(timeout))
        )
    except (*wrong, AttributeError, AssertionError) as error:
        raise ClusterError(
            f"can't use the kubeconfig: {_one_line(error)}",
            file=str(kubeconfig or ""),
            hint="name a file with --kubeconfig or KUBECONFIG, and one of its contexts with --context",
        ) from error
    return KubernetesCluster(client, config.context_name)


def _unlimited(parameters: Any, limits: Any) -> Any:  # noqa: ANN401 (lightkube's own types, imported late)
    """Parameters of connections, of which there may be one for each kind that is watched."""

    class Unlimited(parameters):  # type: ignore[misc]
        def httpx_params(self, config: Any) -> dict[str, Any]:  # noqa: ANN401 (lightkube's own type)
            return {**super().httpx_params(config), "limits": limits}

    return Unlimited


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

    def __init__(
        self,
        client: Any,  # noqa: ANN401 (an httpx client)
        name: str,
        pause: Callable[[float], object] = time.sleep,
        user: str = "",
    ) -> None:
        self._client = client
        self._name = name
        self._pause = pause
        self._as = {"Impersonate-User": user} if user else {}

    @property
    def name(self) -> str:
        """The context, or where the cluster is."""
        return self._name

    def versions(self) -> tuple[str, ...]:
        """The preferred version of each group, that of the group without a name first."""
        groups = (self._request("GET", "/apis") or {}).get("groups") or ()
        return ("v1", *(each["preferredVersion"]["groupVersion"] for each in groups))

    def close(self) -> None:
        """Ends the connections that are kept."""
        self._client.close()

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
        return self._request("GET", kind.path(name, namespace), absent=True)

    def list(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        """All objects of a kind."""
        for part in self._pages(kind, labels):
            for each in part.get("items") or ():
                # Items of a list don't state what they are.
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **each}

    def _pages(self, kind: Kind, labels: str = "") -> Iterator[Object]:
        """All objects of a kind as they were at one moment, page by page."""
        more = ""
        while True:
            wanted = {"limit": _PAGE, "labelSelector": labels, "continue": more}
            parameters = {name: value for name, value in wanted.items() if value}
            part = self._request("GET", kind.path(), parameters) or {}
            yield part
            more = (part.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def watch(self, kind: Kind, labels: str = "") -> Iterator[Change]:
        """All objects of a kind, and what changes from then on."""
        version = ""
        for part in self._pages(kind, labels):  # all of one version
            for each in part.get("items") or ():
                yield Change("ADDED", {"apiVersion": kind.api_version, "kind": kind.kind, **each})
            version = (part.get("metadata") or {}).get("resourceVersion") or ""
        yield Change("SYNCED")
        meant = {"labelSelector": labels} if labels else {}
        wanted = {**meant, "watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCHED)}
        yield from self._changes(kind.path(), wanted)

    def served(self) -> Served:
        """All kinds of objects that somebody can make and list, each once, in the version that the cluster prefers."""
        core = self._request("GET", "/api") or {}
        groups = (self._request("GET", "/apis") or {}).get("groups") or ()
        versions = [*(core.get("versions") or ()), *(one for group in groups for one in _versions(group))]
        kinds, failures = dict[tuple[str, str], Kind](), []
        for version in versions:
            try:
                found = self._request("GET", _base(version), absent=True) or {}
            except ClusterError as error:
                failures.append(ClusterError(f"`{version}`: {error.message}", hint=error.hint))
                continue
            for kind in _listable(version, found):
                kinds.setdefault((kind.group, kind.plural), kind)
        return Served(tuple(kinds.values()), tuple(failures))

    def pages(self, kind: Kind, namespace: str = "") -> Iterator[Page]:
        """All objects of a kind, or those in a namespace, as the bytes that came."""
        path, most, token = kind.path(namespace=namespace), int(_PAGE), ""
        while True:
            wanted = {"limit": str(most), "continue": token}
            content = self._content(path, {name: value for name, value in wanted.items() if value})
            if content is None and most > 1:
                most = max(1, most // 5)  # of these objects fewer make a page
                continue
            if content is None:
                raise ClusterError(f"an object of `{kind.plural}` is larger than {_PAGE_BYTES >> 20} MiB")
            part, token = page(content, kind)
            yield part
            if not token:
                return

    def _content(self, path: str, parameters: Mapping[str, str]) -> bytes | None:
        """What is at a path, or None where it is too long to be read at once."""
        for attempt in range(1, _TRIES + 1):
            with self._opened(path, parameters, timeout=None) as response:
                if response.status_code not in _BUSY or attempt == _TRIES:
                    return self._whole(response)
                wait = _wait(response, attempt)
            self._pause(wait)
        raise AssertionError  # the last attempt returns

    def _whole(self, response: Any) -> bytes | None:  # noqa: ANN401 (an httpx response)
        if not response.is_success:
            response.read()
            raise self._refusal(response)
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > _PAGE_BYTES:
                return None
        return b"".join(parts)

    def changes(self, kind: Kind, version: str) -> Iterator[Event]:
        """What happened to objects of a kind after a version, with a bookmark now and then."""
        wanted = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCHED),
        }
        with self._opened(kind.path(), wanted, timeout=2 * _WATCHED) as response:
            if not response.is_success:
                response.read()
                raise self._refusal(response)
            yield from events(lines_of(response.iter_bytes()), kind)

    @contextmanager
    def _opened(self, path: str, parameters: Mapping[str, str], timeout: float | None) -> Iterator[Any]:
        """An answer that is read part by part; None keeps the usual limit of time."""
        limits = {} if timeout is None else {"timeout": timeout}
        headers = {"Accept": "application/json", **self._as}
        try:
            with self._client.stream("GET", path, params=parameters, headers=headers, **limits) as response:
                yield response
        except AttestError:
            raise
        except Exception as error:  # as in `_request`
            raise ClusterError(
                f"can't read from the cluster `{self.name}`: {_one_line(error)}",
                hint="check the context and the network",
            ) from error

    def create(self, kind: Kind, value: Object) -> Object:
        """Makes an object that must not be there yet."""
        path = kind.path(namespace=value["metadata"].get("namespace", ""))
        return self._request("POST", path, {"fieldManager": FIELD_MANAGER}, body=value) or {}

    def _changes(self, path: str, wanted: Mapping[str, str]) -> Iterator[Change]:
        try:
            with self._client.stream("GET", path, params=wanted, headers=self._as, timeout=2 * _WATCHED) as response:
                # An answer that is no success is a `Status`, which has no `type`, and ends the watch.
                for line in lines_of(response.iter_bytes()):
                    change = decode(line, Change)
                    if change.type == "ERROR":  # the version is too old by now, say: whoever watches begins anew
                        return
                    yield change
        except Exception as error:  # as in `_request`
            raise ClusterError(
                f"the watch of the cluster `{self.name}` broke: {_one_line(error)}", hint="check the network"
            ) from error

    def ask(self, kind: Kind, value: Object) -> Object:
        """Sends an object that is a question, and returns it with its answer."""
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **value}
        return self._request("POST", kind.path(), body=whole) or {}

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
        """Applies an object under our field manager."""
        parameters = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            parameters["dryRun"] = "All"
        metadata = value["metadata"]
        path = kind.path(metadata["name"], metadata.get("namespace", ""))
        path = f"{path}/{subresource}" if subresource else path
        answer = self._request("PATCH", path, parameters, body=value, headers=_APPLY)
        return answer or {}

    def delete(self, kind: Kind, value: Object, *, dry_run: bool = False) -> bool:
        """Deletes an object if it is still the one that was read."""
        metadata = value["metadata"]
        body: Object = {"preconditions": {"uid": metadata["uid"]}, "propagationPolicy": "Background"}
        parameters = {"dryRun": "All"} if dry_run else {}
        path = kind.path(metadata["name"], metadata.get("namespace", ""))
        return self._request("DELETE", path, parameters, body=body, absent=True) is not None

    def impersonating(self, user: str) -> KubernetesCluster:
        """The same cluster in the name of somebody else."""
        return KubernetesCluster(self._client, self._name, self._pause, user)

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
        sent = {"Accept": "application/json", "Content-Type": "application/json", **self._as, **(headers or {})}
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._client.request(method, path, params=parameters, content=content, headers=sent)
            except Exception as error:  # the HTTP library, TLS, credential plugins: all mean the same here
                raise ClusterError(
                    f"can't reach the cluster `{self.name}`: {_one_line(error)}",
                    hint="check the context and the network",
                ) from error
            if response.status_code not in _BUSY or attempt == _TRIES:
                break
            self._pause(_wait(response, attempt))
        if response.status_code == _ABSENT and absent:
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
        if response.status_code == _GONE:
            return GoneError(f"the cluster `{self.name}` does not remember: {message}", hint="try again")
        hint = _HINTS.get(response.status_code, "")
        return ClusterError(f"the cluster `{self.name}` refuses: {message}", hint=hint)


def _wait(response: Any, attempt: int) -> float:  # noqa: ANN401 (an httpx response)
    """Seconds after which a cluster that is busy may be asked again."""
    stated = str(response.headers.get("retry-after", ""))
    return min(float(stated) if stated.isdecimal() else 2.0**attempt, _LONGEST_WAIT)


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


def _versions(group: Mapping[str, Any]) -> list[str]:
    """The versions of a group, the preferred one first."""
    preferred = (group.get("preferredVersion") or {}).get("groupVersion")
    every = [str(one.get("groupVersion")) for one in group.get("versions") or ()]
    return sorted(every, key=lambda one: one != preferred)


def _listable(version: str, found: Mapping[str, Any]) -> Iterator[Kind]:
    """The kinds of a version whose objects are made and listed; reviews and metrics are not."""
    for each in found.get("resources") or ():
        if "/" not in each["name"] and {"create", "list"} <= set(each.get("verbs") or ()):
            yield Kind(version, each["kind"], each["name"], each["namespaced"])


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
