"""`--format openreports`: `Report` and `ClusterReport` objects of `openreports.io/v1alpha1`.

One object for each resource: etcd refuses objects above 1.5 MiB, which one report for a namespace
soon is. What concerns no resource goes into one ClusterReport for the run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from attest_governance import clean
from attest_governance.model.finding import Finding, digest_of
from attest_governance.report import words
from attest_governance.report.yaml_document import to_yaml

if TYPE_CHECKING:
    from attest_governance.model import Outcome, Problem, Resource
    from attest_governance.report.registry import ReportOptions

API_VERSION = "openreports.io/v1alpha1"
SOURCE = "attest"
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESULTS = ("pass", "fail", "warn", "error", "skip")


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints a stream of YAML documents that `kubectl apply` takes."""
    reports = _Reports(outcome, options)
    for report in reports:
        out.write("---\n")
        out.write(to_yaml(report))


_Key: TypeAlias = tuple[str, str, str, str, str]
"""Identity of a report: file, then the four fields that name a resource."""


def _key(resource: Resource, file: str) -> _Key:
    return (file, resource.api_version, resource.kind, resource.namespace, resource.name)


class Results:
    """The entries of reports, all of one moment.

    Args:
        moment: of the judgement.
        places: whether findings have lines: those of a cluster's objects have none.
    """

    def __init__(self, moment: datetime, *, places: bool = True) -> None:
        seconds = moment.timestamp()
        self._timestamp = {"seconds": int(seconds // 1), "nanos": moment.microsecond * 1000}
        self._places = places

    def finding(self, finding: Finding) -> dict[str, Any]:
        """What a policy complains of."""
        at = finding.location
        place = {"file": at.file, "line": str(at.line), "column": str(at.column)} if self._places else {}
        properties = {
            "engine": finding.engine,
            "enforcement": finding.enforcement,
            **place,
            "path": at.path,
            "template": finding.resource.template,
            "fragment": finding.resource.fragment,
            "rendered": finding.rendered.folder if finding.rendered else "",
            "fix": finding.fix,
            "waiver": words.waiver(finding.waiver) if finding.waiver else "",
        }
        result = self._result(finding.policy, _status(finding), finding.rule)
        result["severity"] = finding.severity
        result["message"] = clean.block(finding.message)
        result["properties"] = {name: clean.block(value) for name, value in properties.items() if value}
        return result

    def problem(self, problem: Problem) -> dict[str, Any]:
        """What could not be decided, or what a person should know."""
        status = "error" if problem.severity == "error" else "warn"
        properties = {"where": problem.where, "hint": problem.hint, "resource": problem.resource}
        result = self._result(problem.policy or "attest", status, problem.code)
        result["message"] = clean.block(problem.message)
        return result | {"properties": {name: clean.block(value) for name, value in properties.items() if value}}

    def passed(self, policy: str) -> dict[str, Any]:
        """What a policy has nothing to say of."""
        return self._result(policy, "pass")

    def _result(self, policy: str, status: str, rule: str = "") -> dict[str, Any]:
        result: dict[str, Any] = {"source": SOURCE, "policy": policy, "result": status}
        if rule:
            result["rule"] = rule
        return result | {"scored": status in ("pass", "fail"), "timestamp": self._timestamp}


def report_object(
    kind: str, metadata: dict[str, Any], scope: dict[str, str] | None, results: list[dict[str, Any]]
) -> dict[str, Any]:
    """A `Report` or `ClusterReport` with these entries; the label that says whose it is is added."""
    counts = Counter(result["result"] for result in results)
    labels = {**metadata.get("labels", {}), "app.kubernetes.io/managed-by": SOURCE}
    metadata = {**metadata, "labels": labels}
    report: dict[str, Any] = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "source": SOURCE}
    if scope:
        report["scope"] = scope
    return report | {"summary": {status: counts[status] for status in _RESULTS}, "results": results}


class _Reports:
    """Collects results by resource, then builds the objects."""

    def __init__(self, outcome: Outcome, options: ReportOptions) -> None:
        self._made = Results(options.now)
        self._results: dict[_Key, list[str | Finding | Problem]] = {}
        self._by_id: dict[tuple[str, str], _Key] = {}
        self._loose: list[str | Finding | Problem] = []
        self._collect(outcome)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The objects, made one by one: there may be very many."""
        for key, results in self._results.items():
            if results:
                yield self._report(key, self._laid_out(results))
        if self._loose:
            yield report_object("ClusterReport", {"name": "attest-run"}, None, self._laid_out(self._loose))

    def _laid_out(self, results: Iterable[str | Finding | Problem]) -> list[dict[str, Any]]:
        """The results of policies that passed (by name), of findings and of problems."""
        made = self._made
        return [
            made.passed(one)
            if isinstance(one, str)
            else (made.finding(one) if isinstance(one, Finding) else made.problem(one))
            for one in results
        ]

    def _collect(self, outcome: Outcome) -> None:
        failing = {(_key(finding.resource, finding.location.file), finding.policy) for finding in outcome.findings}
        for checked in outcome.checked:
            key = self._known(checked.resource, checked.file)
            self._results[key] += [policy for policy in checked.policies if (key, policy) not in failing]
        for finding in outcome.findings:
            self._results[self._known(finding.resource, finding.location.file)].append(finding)
        for problem in outcome.problems:
            known = self._by_id.get((problem.file, problem.resource))
            (self._results[known] if known else self._loose).append(problem)

    def _known(self, resource: Resource, file: str) -> _Key:
        key = _key(resource, file)
        self._results.setdefault(key, [])
        self._by_id[file, resource.id] = key
        return key

    def _report(self, key: _Key, results: list[dict[str, Any]]) -> dict[str, Any]:
        _, api_version, kind, namespace, name = key
        scope = {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name}
        metadata: dict[str, Any] = {"name": _object_name(key)}
        cluster = is_cluster_scoped(api_version, kind) and not namespace
        if not cluster and _NAMESPACE.fullmatch(namespace):
            metadata["namespace"] = namespace
        given = {field: value for field, value in scope.items() if value}
        return report_object("ClusterReport" if cluster else "Report", metadata, given, results)


def _status(finding: Finding) -> str:
    if finding.waiver:
        return "skip"
    return "fail" if finding.enforcement == "strict" else "warn"


def _object_name(key: _Key) -> str:
    """A name that every API server accepts and that stays while the resource stays in its file."""
    return f"attest-{digest_of(key, 40)}"


_CLUSTER_SCOPED = {
    "": {"ComponentStatus", "Namespace", "Node", "PersistentVolume"},
    "admissionregistration.k8s.io": {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    },
    "apiextensions.k8s.io": {"CustomResourceDefinition"},
    "apiregistration.k8s.io": {"APIService"},
    "certificates.k8s.io": {"CertificateSigningRequest", "ClusterTrustBundle"},
    "flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
    "networking.k8s.io": {"IPAddress", "IngressClass", "ServiceCIDR"},
    "node.k8s.io": {"RuntimeClass"},
    "policy": {"PodSecurityPolicy"},
    "rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding"},
    "resource.k8s.io": {"DeviceClass", "ResourceSlice"},
    "scheduling.k8s.io": {"PriorityClass"},
    "storage.k8s.io": {"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"},
    "templates.gatekeeper.sh": {"ConstraintTemplate"},
}


def is_cluster_scoped(api_version: str, kind: str) -> bool:
    """Whether a built-in kind has no namespace; kinds that are not known count as namespaced."""
    group = api_version.rpartition("/")[0]
    return group == "constraints.gatekeeper.sh" or kind in _CLUSTER_SCOPED.get(group, set())
