"""The manifests of the server in a cluster, as `deploy/` has them, with what an installation wants otherwise."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object

PARTS = ("rights", "server", "webhook")
"""The files of manifests, in the order in which a cluster wants them: the door before who knocks."""
NAMESPACE = "attest-system"
"""What the files call the namespace of the server."""
_MANAGING = ("attest-tls", "attest-webhook")
"""What the server needs to make its own certificates."""
_TOKEN_REVIEWS, _POLICIES, _INVENTORY = "attest-token-reviews", "attest-cluster-policies", "attest-inventory"
"""What the server's account may do, for each option that asks the cluster."""
_CONSTRAINTS = "constraints.gatekeeper.sh"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESOURCE = re.compile(r"[a-z0-9]{1,63}(\.[a-z0-9][-a-z0-9.]{0,251}[a-z0-9])?")
_CONSTRAINT = re.compile(r"[a-z0-9]{1,63}|\*")
_SPREAD = 3
"""So many times the replicas, the autoscaler may start."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How an installation differs from the files; empty strings change nothing."""

    namespace: str = NAMESPACE
    replicas: int = 3
    image: str = ""
    tls_secret: str = ""
    """The Secret of a certificate that somebody else makes; empty where the server makes its own."""
    ca_bundle: bytes = b""
    """The authority that signed that certificate (PEM)."""
    failure_policy: str = ""
    """`Fail` or `Ignore`: what the API server does when no replica answers."""
    token_reviews: bool = False
    """Whether tokens of the cluster open the API."""
    constraints: tuple[str, ...] = ()
    """The kinds of constraints in the cluster by which it judges, or `*`; empty where policies are files alone."""
    looked_up: tuple[str, ...] = ()
    """What policies look up, as kubectl names it (`ingresses.networking.k8s.io`)."""


def manifests(folder: Path, wanted: Wanted) -> list[Object]:
    """The objects of an installation, in the order in which they are applied.

    Raises:
        UsageError: a name can't be one, or a certificate is named without who signed it.
    """
    _insist(wanted)
    left_out = set(_left_out(wanted))
    objects = (one for one in _read(folder) if one["metadata"]["name"] not in left_out)
    return [_adapted(one, wanted) for one in objects]


def _insist(wanted: Wanted) -> None:
    if bool(wanted.tls_secret) != bool(wanted.ca_bundle):
        raise UsageError("--tls-secret and --ca-bundle go together", hint="give both, or none")
    if not _LABEL.fullmatch(wanted.namespace):
        raise UsageError(
            f"`{wanted.namespace}` is no name of a namespace", hint="use lower-case letters, digits and `-`"
        )
    for name in wanted.looked_up:
        if not _RESOURCE.fullmatch(name):
            hint = "name it as kubectl does, in the plural: `services`, `ingresses.networking.k8s.io`"
            raise UsageError(f"`{name}` is no resource that could be looked up", hint=hint)
    for name in wanted.constraints:
        if not _CONSTRAINT.fullmatch(name.lower()):
            hint = "name one as its template does (`K8sRequiredLabels`), or `*` for all"
            raise UsageError(f"`{name}` is no kind of constraints", hint=hint)


def _left_out(wanted: Wanted) -> Iterator[str]:
    """The names of objects that such an installation does without."""
    if wanted.tls_secret:
        yield from _MANAGING
    for needed, name in (
        (wanted.token_reviews, _TOKEN_REVIEWS),
        (wanted.constraints, _POLICIES),
        (wanted.looked_up, _INVENTORY),
    ):
        if not needed:
            yield name


def _read(folder: Path) -> list[Object]:
    """The objects of all files; a Namespace is there before what is in it."""
    read = [one for part in PARTS for one in yaml.safe_load_all((folder / f"{part}.yaml").read_text(encoding="utf-8"))]
    return sorted(read, key=lambda one: one["kind"] != "Namespace")


def _adapted(value: Object, wanted: Wanted) -> Object:
    value = _renamed(value, wanted.namespace)
    change = _CHANGES.get(value["kind"])
    if change is not None:
        change(value, wanted)
    return value


def _renamed(value: Any, namespace: str) -> Any:  # noqa: ANN401 (any value of YAML)
    """The value with the namespace of the files replaced wherever it is meant."""
    if isinstance(value, dict):
        return {key: _renamed(one, namespace) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, namespace) for one in value]
    return re.sub(rf"(?<![\w-]){NAMESPACE}(?![\w-])", namespace, value) if isinstance(value, str) else value


def _deployment(value: Object, wanted: Wanted) -> None:
    value["spec"]["replicas"] = wanted.replicas
    pod = value["spec"]["template"]["spec"]
    [container] = pod["containers"]
    container["image"] = wanted.image or container["image"]
    if wanted.tls_secret:
        at = container["args"].index("--tls-self-managed")
        container["args"][at : at + 2] = ["--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"]
        container["volumeMounts"].append({"name": "tls", "mountPath": "/tls", "readOnly": True})
        pod["volumes"].append({"name": "tls", "secret": {"secretName": wanted.tls_secret, "defaultMode": 0o440}})
    at = container["args"].index("--watch-namespaces") + 1
    container["args"][at:at] = _asking(wanted)


def _asking(wanted: Wanted) -> Iterator[str]:
    """The options of the server that ask the cluster for more than its Namespaces."""
    if wanted.constraints:
        yield "--policies-from-cluster"
    if wanted.looked_up:
        yield "--watch-inventory"
    if wanted.token_reviews:
        yield "--token-reviews"


def _role(value: Object, wanted: Wanted) -> None:
    if value["metadata"]["name"] == _INVENTORY:
        parts = (name.partition(".") for name in wanted.looked_up)
        value["rules"] = [_reading(group, resource) for resource, _, group in parts]
    if value["metadata"]["name"] == _POLICIES:
        others = [rule for rule in value["rules"] if rule["apiGroups"] != [_CONSTRAINTS]]
        value["rules"] = [*others, _reading(_CONSTRAINTS, *(name.lower() for name in wanted.constraints))]


def _reading(group: str, *resources: str) -> Object:
    """A rule that lets its holder list and watch."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["list", "watch"]}


def _autoscaler(value: Object, wanted: Wanted) -> None:
    value["spec"] |= {"minReplicas": wanted.replicas, "maxReplicas": _SPREAD * wanted.replicas}


def _webhooks(value: Object, wanted: Wanted) -> None:
    [hook] = value["webhooks"]
    if wanted.ca_bundle:
        hook["clientConfig"]["caBundle"] = base64.b64encode(wanted.ca_bundle).decode()
    hook["failurePolicy"] = wanted.failure_policy or hook["failurePolicy"]


_CHANGES = {
    "ClusterRole": _role,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "ValidatingWebhookConfiguration": _webhooks,
}
