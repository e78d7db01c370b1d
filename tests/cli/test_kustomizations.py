"""What kustomizations list as patches is told apart, in every format and by every command that reads manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest_governance.report import FORMATS
from tests.attacks.test_kustomizations import PATCH, TREE, WEB, fill
from tests.cli.conftest import Attest

PLACE = "k8s/kustomization.yaml:2"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_the_kustomization(attest: Attest, project: Path, name: str) -> None:
    fill(project, TREE)
    assert PLACE in attest("policy", "check", "k8s", "--no-render", "-p", "p", "-f", name, code=0).out


def test_people_read_what_it_is_a_patch_of(attest: Attest, project: Path) -> None:
    fill(project, TREE)
    out = attest("policy", "check", "k8s", "--no-render", "-p", "p", code=0).out
    assert "  warning (medium): privileged: web [privileged]" in out
    assert f"in Deployment web, a patch of {PLACE}" in out
    assert "notice: 1 finding is about a patch of a kustomization: " in out


def test_a_run_without_findings_about_patches_says_nothing_of_them(attest: Attest, project: Path) -> None:
    fill(project, {**TREE, "k8s/patch.yaml": PATCH.replace("true", "false")})
    out = attest("policy", "check", "k8s", "--no-render", "-p", "p", code=0).out
    assert "patch" not in out
    assert "2 resources" in out


def test_a_patch_defines_nothing(attest: Attest, project: Path) -> None:
    """The whole has the labels that the Service selects; the patch has none, and comes later."""
    fill(project, {**TREE, "k8s/zz.yaml": PATCH.replace("true", "false"), "k8s/service.yaml": SERVICE})
    (project / "k8s/kustomization.yaml").write_text("resources: [web.yaml]\npatches: [{path: zz.yaml}]\n")
    (project / "k8s/patch.yaml").unlink()
    report = attest("policy", "check", "k8s", "--no-render", "--policy", "references", "-f", "json", code=0).json()
    assert report["findings"] == report["problems"] == []


DIRECTIVES = PATCH.replace("spec: {template", "spec: {$retainKeys: [template], template").replace(
    "[{name: web, securityContext: {privileged: true}}]", "[{name: web, $patch: delete}]"
)


@pytest.mark.parametrize(
    "command",
    [("policy", "check", "--no-render", "--policy", "kubernetes-schemas"), ("policy", "validate", "--no-render")],
)
def test_a_patch_is_held_to_its_type_as_the_part_that_it_is(
    attest: Attest, project: Path, command: tuple[str, ...]
) -> None:
    fill(project, {**TREE, "k8s/patch.yaml": DIRECTIVES})
    attest(*command, "k8s", code=0)
    (project / "k8s/patch.yaml").write_text(DIRECTIVES.replace("containers", "contianers"))
    assert "contianers" in attest(*command, "k8s", code=None).out
    (project / "k8s/web.yaml").write_text(WEB.replace("{name: web}\nspec", "{name: other}\nspec"))
    (project / "k8s/patch.yaml").write_text(DIRECTIVES)
    assert "$retainKeys" in attest(*command, "k8s", code=None).out


def test_operations_are_skipped_as_what_they_are(attest: Attest, project: Path) -> None:
    lists = "patchesJson6902: [{path: patch.yaml, target: {kind: Deployment, name: web}}]\n"
    fill(project, {**TREE, "k8s/patch.yaml": "- {op: remove, path: /spec/replicas}\n", "k8s/kustomization.yaml": lists})
    out = attest("policy", "check", "k8s", "--no-render", "-p", "p", "--verbose", code=0).out
    assert "skipped: k8s/patch.yaml:1: not a Kubernetes resource: the document is a list" in out


def install(number: int) -> str:
    return "---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-{at}, namespace: shop}}\n" for at in range(number)
    )


ALTERNATIVES = "4 objects are defined in several files, ConfigMap/shop/web-0 (k8s/b.yaml:1:1) among them"


@pytest.mark.parametrize("name", FORMATS)
def test_alternative_installs_are_one_line(attest: Attest, project: Path, name: str) -> None:
    fill(project, {"k8s/a.yaml": install(4), "k8s/b.yaml": install(4), "k8s/c.yaml": install(4)})
    run = ("policy", "check", "k8s", "--no-render", "-p", "p", "-f", name)
    for more in ((), ("--strict",)):
        out = attest(*run, *more, code=0).out
        assert "is already defined" not in out
        assert out.count(ALTERNATIVES) == 1
    assert attest(*run, "--verbose", code=0).out.count("is already defined") == 8


def test_many_objects_in_several_files_are_a_notice_and_under_strict_a_warning(attest: Attest, project: Path) -> None:
    fill(project, {"k8s/a.yaml": install(4), "k8s/b.yaml": install(4)})
    run = ("policy", "check", "k8s", "--no-render", "-p", "p", "-f", "json")
    lenient, strict = attest(*run, code=0).json(), attest(*run, "--strict", code=0).json()
    (notice,) = (one for one in lenient["notices"] if ALTERNATIVES in one)
    assert "--verbose names each" in notice
    assert lenient["problems"] == []
    (problem,) = strict["problems"]
    assert (problem["severity"], problem["code"], problem["file"]) == ("warning", "duplicate_object", "k8s/b.yaml")
    assert "`policy.exclude`" in problem["hint"]


@pytest.mark.parametrize(
    "files",
    [
        {"k8s/a.yaml": install(3), "k8s/b.yaml": install(3)},
        {"k8s/a.yaml": f"{install(5)}---\n{install(5)}"},
    ],
    ids=["few", "in one file"],
)
def test_few_objects_and_those_of_one_file_are_told_one_by_one(
    attest: Attest, project: Path, files: dict[str, str]
) -> None:
    fill(project, files)
    problems = attest("policy", "check", "k8s", "--no-render", "-p", "p", "-f", "json", code=0).json()["problems"]
    assert [one["code"] for one in problems] == ["duplicate_object"] * (5 if len(files) == 1 else 3)
    assert {(one["file"], one["otherFile"]) for one in problems} == {(list(files)[-1], "k8s/a.yaml")}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_the_template(attest: Attest, project: Path, name: str) -> None:
    fill(project, {"k8s/web.yaml": "---\n# Source: shop/templates/web.yaml\n" + TREE["k8s/patch.yaml"]})
    assert (
        "shop/templates/web.yaml" in attest("policy", "check", "k8s", "--no-render", "-p", "p", "-f", name, code=1).out
    )
