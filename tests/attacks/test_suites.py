"""Suites end as in gator: one without tests is said, and constraints of one name are in nobody's way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest

SUITE = {"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite"}
TEST = {"name": "labels", "template": "template.json", "constraint": "samples/one/constraint.json"}
TEMPLATE = {
    "apiVersion": "templates.gatekeeper.sh/v1",
    "kind": "ConstraintTemplate",
    "metadata": {"name": "needslabel"},
    "spec": {
        "crd": {"spec": {"names": {"kind": "NeedsLabel"}}},
        "targets": [
            {
                "target": "admission.k8s.gatekeeper.sh",
                "rego": 'package needslabel\nviolation[{"msg": "none"}] { not input.review.object.metadata.labels }',
            }
        ],
    },
}
CONSTRAINT = {"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "NeedsLabel", "metadata": {"name": "labels"}}
EXCLUDING = {**CONSTRAINT, "spec": {"match": {"excludedNamespaces": ["shop"]}}}
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "shop"}}
CASE = {"name": "bare", "object": "object.json", "assertions": [{"violations": "yes"}]}


def _write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


EMPTY = {
    "no tests": SUITE,
    "tests that are null": {**SUITE, "tests": None},
    "an empty list of tests": {**SUITE, "tests": []},
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_suite_without_tests_is_said(attest: Attest, project: Path, name: str) -> None:
    _write(project, {"suite.yaml": EMPTY[name]})
    ran = attest("policy", "test", ".", code=0)
    assert "the Suite holds no tests" in ran.out
    assert "1 Suite case: 1 skipped" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize("cases", [None, []], ids=["null", "an empty list"])
def test_a_test_without_cases_loads_its_template(attest: Attest, project: Path, cases: list[Any] | None) -> None:
    files = {"template.json": TEMPLATE, "samples/one/constraint.json": CONSTRAINT}
    _write(project, {**files, "suite.yaml": {**SUITE, "tests": [{**TEST, "cases": cases}]}})
    assert "1 passed" in attest("policy", "test", ".", code=0).out


@pytest.mark.parametrize("suite", ["- 1\n", "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: 1\n"])
def test_a_suite_of_another_shape_is_no_traceback(attest: Attest, project: Path, suite: str) -> None:
    _write(project, {"suite.yaml": suite, "other_test.rego": "package other_test\n\ntest_a if true\n"})
    assert "Traceback" not in attest("policy", "test", ".").err


def _folder_of_samples(project: Path) -> None:
    """A template whose two samples have constraints of one name, each with a test of its own."""
    two = {**TEST, "name": "other", "constraint": "samples/two/constraint.json"}
    outside = {**CASE, "assertions": [{"violations": "no"}]}
    suite = {**SUITE, "tests": [{**TEST, "cases": [CASE]}, {**two, "cases": [outside]}]}
    _write(
        project,
        {
            "template.json": TEMPLATE,
            "samples/one/constraint.json": CONSTRAINT,
            "samples/two/constraint.json": EXCLUDING,
            "object.json": OBJECT,
            "suite.yaml": suite,
        },
    )


def test_samples_may_share_the_name_of_their_constraint(attest: Attest, project: Path) -> None:
    _folder_of_samples(project)
    ran = attest("policy", "test", ".", code=0)
    assert "2 Suite cases: 2 passed" in ran.out


def test_where_all_are_judged_together_two_of_one_name_are_an_error(attest: Attest, project: Path) -> None:
    _folder_of_samples(project)
    assert "duplicate" in attest("policy", "check", "object.json", "-p", ".", code=2).out
    _write(project, {"samples/one/examples/NeedsLabel/labels/fail/bare.yaml": OBJECT})
    ran = attest("policy", "test", ".", code=2)
    assert "already defined" in ran.out + ran.err


def test_other_faults_of_what_a_folder_holds_are_errors_all_the_same(attest: Attest, project: Path) -> None:
    _folder_of_samples(project)
    _write(project, {"broken.rego": "package broken\n\nviolation contains x if {\n"})
    ran = attest("policy", "test", ".", code=2)
    assert "broken.rego:4" in ran.out + ran.err
