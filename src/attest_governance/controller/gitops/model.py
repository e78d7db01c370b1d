"""Applications and projects as the cluster holds them (`attest.continuu.ms/v1`), read strictly.

The definitions in `deploy/crds` refuse most of what is wrong before it is stored. It is refused here again: an older
definition may be installed, and what a controller acts on must not depend on who installed what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from attest_governance.adapters.cluster import Kind
from attest_governance.decoding import convert
from attest_governance.errors import ConfigurationError

GROUP = "attest.continuu.ms"
API_VERSION = f"{GROUP}/v1"
APPLICATIONS = Kind(API_VERSION, "AttestApplication", "attestapplications", namespaced=True)
PROJECTS = Kind(API_VERSION, "AttestProject", "attestprojects")

Phase: TypeAlias = Literal["Pending", "Verifying", "Denied", "Syncing", "Synced", "OutOfSync", "Error", "Suspended"]
PHASES: tuple[Phase, ...] = (
    "Pending",
    "Verifying",
    "Denied",
    "Syncing",
    "Synced",
    "OutOfSync",
    "Error",
    "Suspended",
)
Strictness: TypeAlias = Literal["Strict", "Warn"]

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Filled = Annotated[str, Meta(min_length=1, max_length=512)]
Glob = Annotated[str, Meta(min_length=1, max_length=253)]
Revision = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}$")]
Folder = Annotated[str, Meta(max_length=1024)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Something that people write."""


class Reference(_Part, frozen=True, kw_only=True):
    """An object of the application's own namespace."""

    name: Name


class Helm(_Part, frozen=True, kw_only=True, rename={"value_files": "valueFiles", "set_values": "set"}):
    """How a chart is rendered."""

    release: Name | None = None
    """The name of the release; the application's where none is named."""
    value_files: tuple[Folder, ...] = ()
    """Relative to the chart."""
    set_values: tuple[Filled, ...] = ()
    """`key=value`, which win over files."""


class Source(_Part, frozen=True, kw_only=True):
    """Where the manifests are."""

    repo_url: Filled
    target_revision: Revision = "HEAD"
    """A branch, a tag as `refs/tags/NAME`, or a whole commit."""
    path: Folder = "."
    helm: Helm = Helm()
    secret_ref: Reference | None = None
    """Credentials: `username` and `password`, or `sshPrivateKey` and `knownHosts`."""


class Destination(_Part, frozen=True, kw_only=True):
    """Where the objects go."""

    namespace: Name
    service_account: Name | None = None
    """The ServiceAccount of that namespace in whose name objects are written."""


class ReceiptVerification(_Part, frozen=True, kw_only=True):
    """Which receipts a revision must have."""

    required: bool = False
    required_attestations: tuple[Filled, ...] = ()


class PolicyValidation(_Part, frozen=True, kw_only=True, rename={"policy_bundle": "policyBundle"}):
    """Which policies must have judged it, beside those of the controller and of the repository."""

    policy_bundle: str = ""
    required_policies: tuple[Filled, ...] = ()
    fail_on_violation: bool = True


class Verification(_Part, frozen=True, kw_only=True):
    """What the author of an application asks for; its project may ask for more."""

    enabled: bool = True
    trusted_keys: tuple[Filled, ...] = ()
    policy: Strictness = "Strict"
    allowed_signers: tuple[Filled, ...] = ()
    """Lines as in an `allowed_signers` file of SSH: where there are any, the commit must be signed by one of them."""
    receipt_verification: ReceiptVerification = ReceiptVerification()
    policy_validation: PolicyValidation = PolicyValidation()


class Automated(_Part, frozen=True, kw_only=True):
    """What is done without being asked."""

    prune: bool = False
    self_heal: bool = False


class SyncPolicy(_Part, frozen=True, kw_only=True):
    """When and how the cluster is made to be what Git says."""

    automated: Automated | None = None
    prune_kinds: tuple[Literal["Namespace", "CustomResourceDefinition", "PersistentVolumeClaim"], ...] = ()
    """Kinds that are pruned only where they are named here, for data goes with them."""
    deletion: Literal["Orphan", "Delete"] = "Orphan"
    """What becomes of the objects of a deleted application."""


class ApplicationSpec(_Part, frozen=True, kw_only=True):
    """The wish of an application."""

    source: Source
    project: Name = "default"
    destination: Destination
    verification: Verification = Verification()
    sync_policy: SyncPolicy = SyncPolicy()
    suspend: bool = False


class KindRule(_Part, frozen=True, kw_only=True):
    """Kinds by globs; the group of `v1` is the empty text."""

    group: Annotated[str, Meta(max_length=253)] = ""
    kind: Glob


class ProjectVerification(_Part, frozen=True, kw_only=True):
    """The least that every application of a project is asked for."""

    trusted_keys: tuple[Filled, ...] = ()
    allowed_signers: tuple[Filled, ...] = ()
    receipts_required: bool = False
    required_attestations: tuple[Filled, ...] = ()
    required_policies: tuple[Filled, ...] = ()
    policy_bundles: tuple[Filled, ...] = ()
    """Bundles that applications may name; none else is fetched."""
    warn_namespaces: tuple[Glob, ...] = ()
    """Namespaces whose applications may set `policy: Warn` or `fail_on_violation: false`."""


class ProjectSpec(_Part, frozen=True, kw_only=True):
    """What the applications of a project may do, and must show."""

    repositories: Annotated[tuple[Filled, ...], Meta(min_length=1)]
    """Globs of repository URLs."""
    application_namespaces: Annotated[tuple[Glob, ...], Meta(min_length=1)]
    """Where applications of this project may live."""
    destinations: Annotated[tuple[Glob, ...], Meta(min_length=1)]
    """Namespaces that may be written to."""
    kinds: tuple[KindRule, ...] = (KindRule(kind="*"), KindRule(group="*", kind="*"))
    """Kinds in namespaces that may be written."""
    cluster_kinds: tuple[KindRule, ...] = ()
    """Kinds without a namespace that may be written; none unless named."""
    require_service_account: bool = True
    """Whether an application must name the ServiceAccount in whose name it writes."""
    verification: ProjectVerification = ProjectVerification()


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """An application of the cluster."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: ApplicationSpec
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = {}
    status: Mapping[str, Any] = {}

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project of the cluster."""

    name: str
    spec: ProjectSpec


T = TypeVar("T")


def read_application(value: Mapping[str, Any]) -> Application:
    """Reads an application.

    Raises:
        ConfigurationError: it is not shaped as it must be.
    """
    metadata = value.get("metadata") or {}
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return Application(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(metadata.get("generation") or 0),
        spec=_spec(value, ApplicationSpec, f"AttestApplication {name}"),
        deleting=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(metadata.get("finalizers") or ()),
        annotations=metadata.get("annotations") or {},
        status=value.get("status") or {},
    )


def unread_application(value: Mapping[str, Any]) -> Application:
    """An application whose wish can't be read: as much of it as it takes to write its status."""
    wish = {"source": {"repoUrl": "-"}, "destination": {"namespace": "none"}}
    return read_application({**value, "spec": wish})


def read_project(value: Mapping[str, Any]) -> Project:
    """Reads a project.

    Raises:
        ConfigurationError: it is not shaped as it must be.
    """
    name = value["metadata"]["name"]
    return Project(name=name, spec=_spec(value, ProjectSpec, f"AttestProject {name}"))


def _spec(value: Mapping[str, Any], type_: type[T], shown: str) -> T:
    try:
        return convert(value.get("spec") or {}, type_)
    except msgspec.ValidationError as error:
        said = re.sub(r" - at `\$\.?(.*)`$", r" (`spec.\1`)", str(error))
        what = f"{shown} is not shaped as it must be: {said[:1].lower()}{said[1:]}"
        raise ConfigurationError(what, hint="see docs/reference/gitops.md for what it may hold") from None
