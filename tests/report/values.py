"""A run in which everything happens once, and short ways to make others."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec.structs

from attest_governance.model import (
    Checked,
    Finding,
    Location,
    Outcome,
    Policy,
    Problem,
    Resource,
    Skipped,
    Summary,
    Waiver,
)
from attest_governance.model.finding import in_order
from attest_governance.report import ReportOptions, writer

NOW = datetime(2026, 3, 1, 12, 30, 45, 125000, tzinfo=UTC)
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: prod
spec:
  hostNetwork: true
  containers:
    - name: web
      image: registry.example.com/web:latest
      securityContext:
        privileged: true
        runAsUser: 0
"""
ROLE = """\
# Für alle: 管理者
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: admin-全部
rules:
  - apiGroups: ["*"]
"""
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: once-\n"
BROKEN = "kind: Pod\nmetadata: {name: web\nspec: {}\n"
SOURCES = {"k8s/job.yaml": JOB, "k8s/pod.yaml": POD, "k8s/a b/role.yaml": ROLE, "k8s/broken.yaml": BROKEN}
WEB = Resource(api_version="v1", kind="Pod", name="web", namespace="prod")
ADMIN = Resource(api_version="rbac.authorization.k8s.io/v1", kind="ClusterRole", name="admin-全部")
NAMELESS = Resource(api_version="batch/v1", kind="Job", name="")
APPROVED = Waiver(
    "approved", "migration until spring", ("alice", "bob"), "2026-06-01T00:00:00Z", "EX-7", ".attest/exemptions.yaml:4"
)


def options(**given: Any) -> ReportOptions:
    """Options with the fixed clock of the tests."""
    return ReportOptions(now=NOW, version="1.2.3", **given)


def finding(**given: Any) -> Finding:
    """A strict, critical finding about the privileged container of `POD`."""
    default = Finding(
        policy="attest-security",
        engine="opa",
        rule="violation",
        severity="critical",
        enforcement="strict",
        message="container `web` must not be privileged",
        resource=WEB,
        location=Location("k8s/pod.yaml", 12, 9, 12, 25, "/spec/containers/0/securityContext/privileged"),
        fix="remove `privileged: true`",
    )
    return msgspec.structs.replace(default, **given)


def outcome(*findings: Finding, problems: tuple[Problem, ...] = (), **given: Any) -> Outcome:
    """An outcome whose counts are those of its findings."""
    counting = sum(each.counts for each in findings)
    errors = sum(problem.severity == "error" for problem in problems)
    summary = Summary(
        verdict="error" if errors else "deny" if counting else "allow",
        violations=counting,
        warnings=sum(each.enforcement == "warn" and not each.waiver for each in findings),
        dryrun=sum(each.enforcement == "dryrun" and not each.waiver for each in findings),
        exempted=sum(each.waiver is not None for each in findings),
        errors=errors,
        resources=3,
        policies=4,
        files=3,
        skipped=len(given.get("skipped", ())),
    )
    return Outcome(summary, tuple(sorted(findings, key=in_order)), problems, **given)


def everything() -> Outcome:
    """Every standing, severity, kind of waiver and of problem, in files with difficult names."""
    return outcome(
        finding(details={"container": "web", "allowed": [False, None, 1.5]}),
        finding(
            policy="image-security",
            severity="high",
            enforcement="warn",
            message="image `registry.example.com/web:latest` has no digest, 100% of tags move: pin it",
            location=Location("k8s/pod.yaml", 10, 14, 10, 45, "/spec/containers/0/image"),
            fix="",
        ),
        finding(
            policy="K8sHostNetwork/strict",
            engine="gatekeeper",
            severity="medium",
            message="host network is used",
            location=Location("k8s/pod.yaml", 7, 3, 7, 20, "/spec/hostNetwork"),
            waiver=APPROVED,
            fix="",
        ),
        finding(
            policy="non-root",
            severity="low",
            enforcement="dryrun",
            message="first line\nsecond line",
            location=Location("k8s/pod.yaml", 13, 9, 13, 21, "/spec/containers/0/securityContext/runAsUser"),
            fix="",
        ),
        finding(
            policy="probes",
            severity="low",
            message="no probe",
            fix="add a livenessProbe",
        ),
        finding(
            policy="labels",
            message="no labels",
            fix="",
            resource=NAMELESS,
            location=Location("k8s/job.yaml", 2, 1, 2, 10),
        ),
        finding(
            policy="rbac",
            message="グループ「*」 is every group",
            resource=ADMIN,
            location=Location("k8s/a b/role.yaml", 7, 5, 7, 21, "/rules/0/apiGroups"),
            fix="",
        ),
        finding(
            policy="rbac",
            severity="low",
            message="known for long",
            resource=ADMIN,
            location=Location("k8s/a b/role.yaml", 5, 3, 5, 18, "/metadata/name"),
            waiver=Waiver("baseline", "in baseline.json"),
            fix="",
        ),
        problems=(
            Problem(
                "warning", "undefined_builtin", "to_number(`x`) is undefined", policy="rbac", resource="Pod/prod/web"
            ),
            Problem(
                "error",
                "manifest_syntax",
                "expected `,` or `}`",
                "k8s/broken.yaml",
                3,
                1,
                hint="close the brace of line 2",
            ),
        ),
        policies=(
            Policy(
                "attest-security",
                title="No privileged containers",
                description="A privileged container owns its node.",
                severity="critical",
                remediation="remove `privileged: true`",
                controls=("SOC2 CC6.1", "NIST AC-6"),
                related=("https://kubernetes.io/docs/concepts/security/pod-security-standards/",),
                file="policies/security.rego",
                line=3,
            ),
            Policy("image-security", severity="high"),
            Policy("K8sHostNetwork/strict", engine="gatekeeper"),
            Policy("non-root", enforcement="dryrun"),
            Policy("rbac", title="Roles name what they allow"),
            Policy("quiet", title="Found nothing"),
        ),
        skipped=(Skipped("k8s/values.yaml", 1, "has no `apiVersion` and no `kind`"),),
        checked=(
            Checked(WEB, "k8s/pod.yaml", 1, ("K8sHostNetwork/strict", "attest-security", "image-security", "quiet")),
            Checked(ADMIN, "k8s/a b/role.yaml", 2, ("rbac", "quiet")),
        ),
        notices=("exemption `EX-9` ends in 3 days",),
        sources=SOURCES,
    )


def render(format_name: str, run: Outcome, **given: Any) -> str:
    """The report as a text."""
    out = io.StringIO()
    writer(format_name)(run, out, options(**{"root": Path("/nowhere"), **given}))
    return out.getvalue()


@dataclass(frozen=True, order=True)
class Seen:
    """What every format has to tell about a finding."""

    policy: str
    resource: str
    file: str
    line: int
    message: str
    waived: bool


def seen(run: Outcome) -> list[Seen]:
    """The findings of an outcome as `Seen`, sorted."""
    return sorted(
        Seen(
            each.policy,
            each.resource.id,
            each.location.file,
            each.location.line,
            each.message,
            each.waiver is not None,
        )
        for each in run.findings
    )
