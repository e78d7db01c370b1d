"""The objects that Gatekeeper reads: a template and its constraints for each plain policy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.gatekeeper.schema import structural
from attest_governance.model import Enforcement
from attest_governance.report.yaml_document import to_yaml

if TYPE_CHECKING:
    from attest_governance.evaluate import RegoTemplate
    from attest_governance.model import Policy

Object = dict[str, Any]

PREFIX = "gatekeeper.attest.continuu.ms/"
POLICY, SEVERITY, EVIDENCE = f"{PREFIX}policy", f"{PREFIX}severity", f"{PREFIX}evidence"
TITLE = "metadata.gatekeeper.sh/title"
EVIDENCE_PARAMETER, RULES_PARAMETER = "attestEvidence", "attestRules"
TEMPLATE_VERSION, CONSTRAINT_VERSION = "templates.gatekeeper.sh/v1", "constraints.gatekeeper.sh/v1beta1"
ACTIONS: dict[Enforcement, str] = {"strict": "deny", "warn": "warn", "dryrun": "dryrun"}
_EVIDENCE_NOTE = (
    f"A cluster has no evidence document: what plain policies read as data.attest.evidence is the parameter "
    f"{EVIDENCE_PARAMETER} of the constraint. Without it nothing is proven."
)


class Wanted(msgspec.Struct, frozen=True):
    """What configuration makes of a policy."""

    parameters: Mapping[str, Any] = {}
    enforcement: Enforcement | None = None
    severity: str = ""
    evidence: Mapping[str, Any] | None = None
    excluded_namespaces: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """A policy as Gatekeeper sees it: a constraint has one action, so a policy may need two of them."""

    policy: str
    template: Object
    constraints: tuple[Object, ...]


def make_pair(rego: RegoTemplate, policy: Policy, wanted: Wanted) -> Pair:
    """The template and the constraints that give the findings of the plain policy."""
    return Pair(policy.name, _template(rego, policy, wanted), _constraints(rego, policy, wanted))


def is_split(rego: RegoTemplate) -> bool:
    """Whether the policy has findings that deny and findings that only warn."""
    return "warn" in rego.rules and len(rego.rules) > 1


def _template(rego: RegoTemplate, policy: Policy, wanted: Wanted) -> Object:
    annotations = {TITLE: policy.title, "description": policy.description.strip(), **_about(policy, wanted)}
    if rego.evidence:
        annotations[EVIDENCE] = _EVIDENCE_NOTE
    source = {"version": "v1", "rego": rego.rego, **({"libs": list(rego.libs)} if rego.libs else {})}
    return {
        "apiVersion": TEMPLATE_VERSION,
        "kind": "ConstraintTemplate",
        "metadata": {"name": rego.kind.lower(), "annotations": _stated(annotations)},
        "spec": {
            "crd": {
                "spec": {
                    "names": {"kind": rego.kind},
                    "validation": {"openAPIV3Schema": _schema(rego, policy)},
                }
            },
            "targets": [
                {"target": "admission.k8s.gatekeeper.sh", "code": [{"engine": "Rego", "source": source}]},
            ],
        },
    }


def _about(policy: Policy, wanted: Wanted) -> dict[str, str]:
    return {POLICY: policy.name, SEVERITY: policy.severity or wanted.severity}


def _stated(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if text}


def _schema(rego: RegoTemplate, policy: Policy) -> Object:
    schema = structural({"type": "object", **(policy.parameters or {})}, closed=policy.parameters is not None)
    added: Object = {}
    if rego.evidence:
        added[EVIDENCE_PARAMETER] = {
            "type": "object",
            "description": "Verified facts about images, as `--evidence` takes them.",
            "x-kubernetes-preserve-unknown-fields": True,
        }
    if is_split(rego):
        added[RULES_PARAMETER] = {
            "type": "array",
            "description": "The sets of the policy that this constraint asks; all by default.",
            "items": {"type": "string", "enum": list(rego.rules)},
        }
    return {**schema, "properties": {**schema.get("properties", {}), **added}} if added else schema


def _constraints(rego: RegoTemplate, policy: Policy, wanted: Wanted) -> tuple[Object, ...]:
    denying = wanted.enforcement or "strict"
    warning: Enforcement = "dryrun" if denying == "dryrun" else "warn"
    name = object_name(policy.name)
    if not is_split(rego):
        return (_constraint(rego, policy, wanted, (name, warning if rego.rules == ("warn",) else denying)),)
    rules = [rule for rule in rego.rules if rule != "warn"]
    return (
        _constraint(rego, policy, wanted, (name, denying), rules),
        _constraint(rego, policy, wanted, (f"{name}-warn", warning), ["warn"]),
    )


def _constraint(
    rego: RegoTemplate, policy: Policy, wanted: Wanted, name: tuple[str, Enforcement], rules: Sequence[str] = ()
) -> Object:
    parameters = {**policy.defaults, **wanted.parameters}
    if rego.evidence and wanted.evidence is not None:
        parameters[EVIDENCE_PARAMETER] = wanted.evidence
    if rules:
        parameters[RULES_PARAMETER] = list(rules)
    return {
        "apiVersion": CONSTRAINT_VERSION,
        "kind": rego.kind,
        "metadata": {"name": name[0], "annotations": _stated(_about(policy, wanted))},
        "spec": {
            "enforcementAction": ACTIONS[name[1]],
            "match": _match(rego, wanted),
            **({"parameters": parameters} if parameters else {}),
        },
    }


def _match(rego: RegoTemplate, wanted: Wanted) -> Object:
    match: Object = {"kinds": [{"apiGroups": ["*"], "kinds": ["*"]}], **(rego.match or {})}
    if rego.level == "Namespace":
        match["scope"] = "Namespaced"
    if wanted.excluded_namespaces:
        own = match.get("excludedNamespaces", ())
        match["excludedNamespaces"] = list(dict.fromkeys((*own, *wanted.excluded_namespaces)))
    return match


def object_name(policy: str) -> str:
    """A policy's name as the name of an object: lower case, digits, hyphens and dots."""
    return re.sub(r"[^a-z0-9.-]+", "-", policy.lower()).strip("-.")[:240]


def manifest(objects: Sequence[Mapping[str, object]], header: Sequence[str] = ()) -> str:
    """One file with these objects; the same objects give the same bytes."""
    comments = "".join(f"# {line}\n" for line in header)
    return comments + "---\n".join(to_yaml(each, literal=True) for each in objects)
