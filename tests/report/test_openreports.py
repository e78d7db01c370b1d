"""Reports that a cluster with the openreports.io CRDs accepts."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from attest_governance.model import Checked, Location, Outcome, Problem, Resource

from .values import ADMIN, APPROVED, WEB, everything, finding, outcome, render

POD_FILE = "k8s/pod.yaml"


def reports(run: Outcome) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render("openreports", run)))


def test_the_objects_have_the_fields_of_the_crd_and_no_others() -> None:
    allowed = {
        "source",
        "policy",
        "rule",
        "category",
        "severity",
        "timestamp",
        "result",
        "scored",
        "message",
        "properties",
    }
    for report in reports(everything()):
        assert set(report) <= {"apiVersion", "kind", "metadata", "source", "scope", "summary", "results"}
        assert report["apiVersion"] == "openreports.io/v1alpha1"
        assert set(report["summary"]) == {"pass", "fail", "warn", "error", "skip"}
        for result in report["results"]:
            assert set(result) <= allowed
            assert result["result"] in report["summary"]
            assert result["timestamp"] == {"seconds": 1772368245, "nanos": 125000000}
            assert all(isinstance(value, str) for value in result.get("properties", {}).values())


def test_one_report_a_resource() -> None:
    found = reports(everything())

    scopes = [(report["kind"], report.get("scope", {}).get("name")) for report in found]
    assert scopes == [("Report", "web"), ("ClusterReport", "admin-全部"), ("Report", None), ("ClusterReport", None)]
    assert found[0]["metadata"]["namespace"] == "prod"
    assert "namespace" not in found[1]["metadata"]
    assert found[2]["scope"] == {"apiVersion": "batch/v1", "kind": "Job"}


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({}, "fail"),
        ({"enforcement": "warn"}, "warn"),
        ({"enforcement": "dryrun"}, "warn"),
        ({"waiver": APPROVED}, "skip"),
    ],
)
def test_results(given: dict[str, Any], result: str) -> None:
    (report,) = reports(outcome(finding(**given)))

    (only,) = report["results"]
    assert only["result"] == result
    assert report["summary"][result] == 1


def test_passes_come_from_what_was_checked() -> None:
    run = outcome(finding(), checked=(Checked(WEB, POD_FILE, 1, ("attest-security", "quiet")),))

    (report,) = reports(run)

    assert [(each["policy"], each["result"]) for each in report["results"]] == [
        ("quiet", "pass"),
        ("attest-security", "fail"),
    ]


def test_an_error_about_a_resource_is_in_its_report() -> None:
    problem = Problem("error", "eval_timeout", "took too long", POD_FILE, policy="slow", resource="Pod/prod/web")

    (report,) = reports(outcome(problems=(problem,), checked=(Checked(WEB, POD_FILE, 1, ("quiet",)),)))

    assert report["summary"] == {"pass": 1, "fail": 0, "warn": 0, "error": 1, "skip": 0}


def test_names_are_valid_and_of_the_resource_alone() -> None:
    hostile = Resource(api_version="v1", kind="Pod", name="../../etc\n", namespace="A B")
    at = Location("other.yaml", 1, 1, 1, 2)
    run = outcome(finding(), finding(resource=hostile), finding(resource=ADMIN), finding(location=at))

    found = reports(run)

    names = [report["metadata"]["name"] for report in found]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)
    assert all(report["metadata"].get("namespace", "prod") == "prod" for report in found)
    assert names == [report["metadata"]["name"] for report in reports(run)]


@pytest.mark.parametrize(
    ("api_version", "kind", "report_kind"),
    [
        ("v1", "Namespace", "ClusterReport"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "ClusterReport"),
        ("rbac.authorization.k8s.io/v1", "Role", "Report"),
        ("example.com/v1", "Namespace", "Report"),
        ("apps/v1", "Deployment", "Report"),
        ("constraints.gatekeeper.sh/v1beta1", "Anything", "ClusterReport"),
    ],
)
def test_kinds_outside_of_namespaces_get_cluster_reports(api_version: str, kind: str, report_kind: str) -> None:
    subject = Resource(api_version=api_version, kind=kind, name="x")

    (report,) = reports(outcome(finding(resource=subject)))

    assert report["kind"] == report_kind
