"""OSCAL, held against NIST's schemas as compliance-trestle carries them: its models, made from those schemas."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest
from tests.comply.test_report import EXEMPTION, FRAMEWORK, LABELS, pod
from tests.selection.conftest import Write

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("trestle", reason="compliance-trestle is not installed")
    from trestle.oscal import assessment_results, component

ROOT = Path(__file__).parents[2]


def valid(text: str, model: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.Model.model_validate(document)
    return document


def test_assessment_results_are_valid_and_agree_with_the_report(attest: Attest) -> None:
    report = ("compliance", "report", ROOT / "examples", "--framework", "soc2", "--framework", "cis", "-f")
    document = attest(*report, "json", code=1).json()
    (result,) = valid(attest(*report, "oscal", code=1).out, assessment_results)["assessment-results"]["results"]
    assert len(result["observations"]) == len(document["findings"])
    found = {
        next(one["value"] for one in finding["props"] if one["name"] == "control"): finding["target"]["status"]["state"]
        for finding in result["findings"]
    }
    for framework in document["frameworks"]:
        for one in framework["controls"]:
            expected = {"met": "satisfied", "exempted": "satisfied", "not met": "not-satisfied"}
            expected["partly met"] = "not-satisfied"
            assert found.get(f"{framework['name']}/{one['id']}") == expected.get(one["state"])
    known = {one["uuid"] for one in result["observations"]}
    for finding in result["findings"]:
        assert {one["observation-uuid"] for one in finding.get("related-observations", [])} <= known


def test_exemptions_are_deviations_that_end(write: Write, attest: Attest) -> None:
    write({
        "policies/labels.rego": LABELS, ".attest/frameworks/own.yaml": FRAMEWORK, "k8s/a.yaml": pod("old"),
        ".attest/policies.yaml": EXEMPTION.format(until="2999-01-01T00:00:00Z"),
    })  # fmt: skip
    out = attest("compliance", "report", "k8s", "-p", "policies", "--framework", "own", "-f", "oscal").out
    (result,) = valid(out, assessment_results)["assessment-results"]["results"]
    (risk,) = result["risks"]
    assert (risk["status"], risk["deadline"], risk["statement"]) == (
        "deviation-approved", "2999-01-01T00:00:00Z", "it goes away",
    )  # fmt: skip


def test_nothing_found_is_valid_too(write: Write, attest: Attest) -> None:
    write({"policies/labels.rego": LABELS, ".attest/frameworks/own.yaml": FRAMEWORK, "k8s/n.yaml": "a: 1\n"})
    valid(
        attest("compliance", "report", "k8s", "-p", "policies", "--framework", "own", "-f", "oscal").out,
        assessment_results,
    )


def test_the_component_definition_is_valid(attest: Attest) -> None:
    document = valid(attest("compliance", "controls", "-f", "oscal", code=0).out, component)
    components = {one["title"]: one for one in document["component-definition"]["components"]}
    (pods,) = components["pod-security"]["control-implementations"][:1]
    assert pods["implemented-requirements"]
    ids = [
        need["control-id"]
        for one in components.values()
        for each in one["control-implementations"]
        for need in each["implemented-requirements"]
    ]
    assert "hipaa-164.312_28_b_29_" in ids
