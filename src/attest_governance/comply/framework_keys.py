"""What a file of a framework may hold, as types: the one source of its reader."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from attest_governance.load.settings import Name

KINDS: dict[str, tuple[str, ...]] = {
    "workloads": (
        "Pod", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob",
        "PodTemplate", "Rollout", "CloneSet", "Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate",
    ),
    "long-running": ("Deployment", "StatefulSet", "DaemonSet", "Rollout", "CloneSet"),
    "roles": ("Role", "ClusterRole"),
    "bindings": ("RoleBinding", "ClusterRoleBinding"),
    "routes": ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"),
}  # fmt: skip
"""Names for several kinds."""


class PolicyKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy that is evidence for a control."""

    policy: Annotated[Name, Meta(description="Name of the policy.")]
    rules: Annotated[
        tuple[Name, ...],
        Meta(description="Which of its findings count: those that state one of these names in `controls`."),
    ] = ()
    kinds: Annotated[
        tuple[Name, ...], Meta(description="Kinds of resources of which it can say something; all where none is given.")
    ] = ()
    parameters: Annotated[
        dict[str, Any], Meta(description="What it must be asked with, or it shows nothing for the control.")
    ] = {}
    needs: Annotated[
        tuple[Name, ...],
        Meta(description="Parameters of which one must be on, or it shows nothing for the control."),
    ] = ()


class ControlKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control."""

    id: Annotated[Name, Meta(description="The id that the standard gives it.")]
    title: Annotated[Name, Meta(description="What it asks, in a few words.")]
    category: Annotated[str, Meta(description="The part of the standard that it belongs to.", max_length=253)] = ""
    policies: Annotated[
        tuple[PolicyKeys, ...], Meta(description="The policies that serve it.", extra={"keyed_by": "policy"})
    ] = ()
    manual: Annotated[tuple[str, ...], Meta(description="What must be shown besides, which no policy can.")] = ()
    limits: Annotated[str, Meta(description="What a reader must know of what the policies show.")] = ""


class ExtendsKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Controls of another framework."""

    framework: Annotated[Name, Meta(description="Its name, or the path of its file.")]
    controls: Annotated[tuple[Name, ...], Meta(description="Globs of the controls to take over; all if none.")] = ()


class FrameworkKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A framework, or a part of one: the files of a folder are one framework."""

    framework: Annotated[Name, Meta(description="Its name, as `--framework` uses it.")]
    title: Annotated[str, Meta(description="Its title.", max_length=253)] = ""
    version: Annotated[str, Meta(description="The version of the standard.", max_length=253)] = ""
    reference: Annotated[str, Meta(description="Where the standard is: a URL.", max_length=2048)] = ""
    prefix: Annotated[
        str, Meta(description="How policies name its controls in METADATA: what stands before the id.", max_length=63)
    ] = ""
    extends: Annotated[
        tuple[ExtendsKeys, ...],
        Meta(description="Controls of other frameworks to take over.", extra={"keyed_by": "framework"}),
    ] = ()
    controls: Annotated[
        tuple[ControlKeys, ...], Meta(description="The controls, in their order.", extra={"keyed_by": "id"})
    ] = ()
