"""Charts and kustomizations are judged as what they render to; findings stand where a person can end them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest, attest, project  # noqa: F401 (fixtures)
from tests.govern.people import RULES, govern
from tests.rendering.trees import CONFIG, DEPLOYMENT, chart, tree

POLICY = """package privileged

violation contains {"msg": sprintf("privileged: %s", [container.name]), "path": path} if {
	some i, container in input.resource.spec.template.spec.containers
	container.securityContext.privileged == true
	path := ["spec", "template", "spec", "containers", i, "securityContext", "privileged"]
}
"""
TEMPLATE = DEPLOYMENT.replace("privileged: true", "privileged: {{ .Values.open }}").replace(
    "name: web\n", "name: {{ .Release.Name }}\n", 1
)
BASE = {"k8s/base/kustomization.yaml": "resources: [web.yaml]\n", "k8s/base/web.yaml": DEPLOYMENT}
FIXED = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, securityContext: {privileged: false}}]}}}
"""
OVER = "k8s/over/kustomization.yaml"


def placed(files: dict[str, str | bytes]) -> dict[str, str | bytes]:
    return {f"k8s/web/{name}": text for name, text in files.items()}


def check(attest: Attest, folder: Path, files: dict[str, Any], *more: str, code: int) -> dict[str, Any]:  # noqa: F811
    tree(folder, {"p/privileged.rego": POLICY, **files})
    report: dict[str, Any] = attest("policy", "check", "k8s", "-p", "p", "-f", "json", *more, code=code).json()
    return report


def found(report: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["location"]["file"], one["location"]["line"], one["enforcement"]) for one in report["findings"]]


def test_a_finding_of_a_chart_stands_in_the_template(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n"))
    report = check(attest, project, files, code=1)
    assert found(report) == [("k8s/web/templates/web.yaml", 15, "strict")]
    assert report["rendered"] == [{"folder": "k8s/web", "tool": "helm", "documents": 1}]
    rendered = report["findings"][0]["rendered"]
    assert rendered == {"folder": "k8s/web", "tool": "helm", "line": 15, "text": "            privileged: true"}
    out = attest("policy", "check", "k8s", "-p", "p", code=1).out
    assert "k8s/web/templates/web.yaml:15:13 in Deployment release-name, as helm renders k8s/web" in out
    assert "rendered:             privileged: true" in out
    assert "rendered k8s/web (helm)\n" in out


def test_values_decide(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n"))
    check(attest, project, {**files, "closed.yaml": "open: false\n"}, "--values", "closed.yaml", code=0)
    check(attest, project, files, "--set", "open=false", code=0)
    report = check(attest, project, files, "--release", "shop", "--namespace", "prod", code=1)
    assert report["findings"][0]["resource"]["name"] == "shop"


def test_values_are_for_one_chart(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": TEMPLATE}))
    other = {name.replace("k8s/web", "k8s/other"): text for name, text in files.items()}
    tree(project, {"p/privileged.rego": POLICY, **files, **other})
    ran = attest("policy", "check", "k8s", "-p", "p", "--set", "a=b", code=2)
    assert "--set is for one chart, and there are 2: `k8s/other`, `k8s/web`" in ran.err


def test_what_an_overlay_changes_is_judged_as_it_is_deployed(attest: Attest, project: Path) -> None:  # noqa: F811
    files = {**BASE, OVER: "resources: [../base]\npatches: [{path: fixed.yaml}]\n", "k8s/over/fixed.yaml": FIXED}
    report = check(attest, project, files, code=0)
    assert report["rendered"] == [{"folder": "k8s/over", "tool": "kustomize", "documents": 1}]
    reasons = {one["file"]: one["reason"] for one in report["skipped"]}
    assert reasons["k8s/base/web.yaml"] == "judged as `k8s/over` renders it"
    assert reasons["k8s/over/fixed.yaml"] == "a patch that is judged in what `k8s/over` renders to"


def test_one_base_in_two_overlays_is_wrong_once(attest: Attest, project: Path) -> None:  # noqa: F811
    files = {**BASE, OVER: "resources: [../base]\n", "k8s/prod/kustomization.yaml": "resources: [../base]\n"}
    report = check(attest, project, files, code=1)
    assert found(report) == [("k8s/base/web.yaml", 15, "strict")]
    assert [one["folder"] for one in report["rendered"]] == ["k8s/over", "k8s/prod"]
    assert report["problems"] == []


@pytest.mark.parametrize("more", [("--governed",), ()])
def test_who_governs_takes_no_kustomizations_word(
    attest: Attest,  # noqa: F811
    project: Path,  # noqa: F811
    more: tuple[str, ...],
) -> None:
    if not more:
        govern(project, RULES)
    files = {**BASE, OVER: "resources: [../base]\npatches: [{path: fixed.yaml}]\n", "k8s/over/fixed.yaml": FIXED}
    report = check(attest, project, files, *more, code=1)
    assert found(report) == [("k8s/base/web.yaml", 15, "strict")]
    assert "rendered" not in report["findings"][0]


def test_who_governs_reads_of_one_cause_once(attest: Attest, project: Path) -> None:  # noqa: F811
    report = check(attest, project, {**BASE, OVER: "resources: [../base]\n"}, "--governed", code=1)
    assert found(report) == [("k8s/base/web.yaml", 15, "strict")]


def test_a_resource_that_an_overlay_drops_is_judged(attest: Attest, project: Path) -> None:  # noqa: F811
    gone = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n$patch: delete\n"
    files = {**BASE, OVER: "resources: [../base]\npatches: [{path: gone.yaml}]\n", "k8s/over/gone.yaml": gone}
    report = check(attest, project, files, code=1)
    assert found(report) == [("k8s/base/web.yaml", 15, "strict")]


GONE = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n$patch: delete\n"
LIST = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
    "- " + text.replace("\n", "\n  ").rstrip() + "\n" for text in (CONFIG, DEPLOYMENT)
)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {
                OVER: "resources: [list.yaml]\npatches: [{path: gone.yaml}]\n",
                "k8s/over/list.yaml": LIST,
                "k8s/over/gone.yaml": GONE,
            },
            id="of a list",
        ),
        pytest.param(
            {
                "k8s/base/kustomization.yaml": "resources: [web.yaml]\n",
                "k8s/base/web.yaml": f"{CONFIG}---\n{DEPLOYMENT}",
                OVER: "resources: [a, b]\n",
                **{
                    f"k8s/over/{one}/{name}": text
                    for one in ("a", "b")
                    for name, text in {
                        "kustomization.yaml": f"resources: [../../base]\nnamePrefix: {one}-\n"
                        "patches: [{path: gone.yaml}]\n",
                        "gone.yaml": GONE,
                    }.items()
                },
            },
            id="of a base that is brought in twice",
        ),
    ],
)
def test_a_resource_that_is_dropped_is_judged(
    attest: Attest,  # noqa: F811
    project: Path,  # noqa: F811
    files: dict[str, str],
) -> None:
    report = check(attest, project, files, code=1)
    assert [one["message"] for one in report["findings"]] == ["privileged: web"]


def test_a_template_that_hides_a_manifest_is_judged_as_one(attest: Attest, project: Path) -> None:  # noqa: F811
    """What `kubectl apply` would take from the file is not what the chart renders to."""
    hiding = f"# {{{{ if false }}}}\n{DEPLOYMENT}# {{{{ end }}}}\n---\n{CONFIG}"
    report = check(attest, project, placed(chart({"web.yaml": hiding})), code=1)
    assert found(report) == [("k8s/web/templates/web.yaml", 16, "strict")]


@pytest.mark.parametrize(
    "line",
    ["---{spec: &s {template: {spec: {containers: [{name: a, image: b, securityContext: {privileged: true}}]}}}, "],
)
def test_what_follows_a_separator_is_a_part_of_the_next_document(
    attest: Attest,  # noqa: F811
    project: Path,  # noqa: F811
    line: str,
) -> None:
    """Helm deploys it, and kubectl would drop it."""
    whole = f"{CONFIG}{line}apiVersion: apps/v1, kind: Deployment, metadata: {{name: {{{{ .Release.Name }}}} }}}}\n"
    report = check(attest, project, placed(chart({"web.yaml": whole})), code=1)
    assert found(report) == [("k8s/web/templates/web.yaml", 5, "strict")]


@pytest.mark.parametrize("name", ["_web.yaml", "ignored.yaml"])
def test_a_template_that_helm_leaves_out_is_a_manifest(attest: Attest, project: Path, name: str) -> None:  # noqa: F811
    files = {**placed(chart({name: DEPLOYMENT})), "k8s/web/.helmignore": "ignored.yaml\n"}
    assert found(check(attest, project, files, code=1)) == [(f"k8s/web/templates/{name}", 15, "strict")]


def test_a_patch_that_stands_on_its_own_is_a_resource(attest: Attest, project: Path) -> None:  # noqa: F811
    kustomization = "resources: [web.yaml]\npatches: [{path: twin.yaml, target: {name: none}}]\n"
    files = {"k8s/kustomization.yaml": kustomization, "k8s/web.yaml": CONFIG, "k8s/twin.yaml": DEPLOYMENT}
    assert found(check(attest, project, files, code=1)) == [("k8s/twin.yaml", 15, "strict")]


def test_a_folder_that_cannot_be_rendered_is_never_allowed(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": "{{ .Values.a.b.c }}"}))
    report = check(attest, project, {**files, "k8s/c.yaml": CONFIG}, code=2)
    assert report["verdict"] == "error"
    (problem,) = report["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("rendering", "k8s/web/templates/web.yaml", 1)
    assert report["resources"] == 1


def test_what_a_template_renders_to_is_read_as_a_manifest(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": "kind: Pod\n{{ .Values.broken }}\n"}, values__yaml="broken: 'a: b: c'\n"))
    (problem,) = check(attest, project, {**files, "k8s/c.yaml": CONFIG}, code=2)["problems"]
    assert (problem["file"], problem["line"]) == ("k8s/web/templates/web.yaml", 2)
    assert "in what `k8s/web` renders to, line 2" in problem["message"]


def test_plain_files_charts_and_kustomizations_live_in_one_tree(attest: Attest, project: Path) -> None:  # noqa: F811
    files = {**placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n")), **BASE, "k8s/plain.yaml": DEPLOYMENT}
    report = check(attest, project, files, code=1)
    assert [file for file, _, _ in found(report)] == [
        "k8s/base/web.yaml",
        "k8s/plain.yaml",
        "k8s/web/templates/web.yaml",
    ]
    assert [one["tool"] for one in report["rendered"]] == ["kustomize", "helm"]


GENERATOR = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: web\nreleaseName: r\n"


@pytest.mark.parametrize(
    "named",
    [
        {"k8s/kustomization.yaml": "generators: [g.yaml]\n", "k8s/g.yaml": GENERATOR},
        {"k8s/kustomization.yaml": "generators:\n- |\n  " + GENERATOR.replace("\n", "\n  ") + "\n"},
        {
            "k8s/kustomization.yaml": "generators: [made]\n",
            "k8s/made/kustomization.yaml": "resources: [g.yaml]\n",
            "k8s/made/g.yaml": GENERATOR,
        },
        {"k8s/kustomization.yaml": "helmChartInflationGenerator: [{chartName: web, releaseName: r}]\n"},
    ],
    ids=["a file", "in line", "a folder", "the field of older kustomizations"],
)
def test_a_chart_of_a_generator_is_judged_as_a_part_of_the_kustomization(
    attest: Attest,  # noqa: F811
    project: Path,  # noqa: F811
    named: dict[str, str],
) -> None:
    files = {f"k8s/charts/web/{name}": text for name, text in chart({"web.yaml": TEMPLATE}).items()}
    report = check(attest, project, {**files, "k8s/charts/web/values.yaml": "open: true\n", **named}, code=1)
    assert found(report) == [("k8s/charts/web/templates/web.yaml", 15, "strict")]
    assert report["rendered"][0] == {"folder": "k8s", "tool": "kustomize", "documents": 1}


def test_files_can_be_judged_alone(attest: Attest, project: Path) -> None:  # noqa: F811
    report = check(attest, project, placed(chart({"web.yaml": TEMPLATE, "c.yaml": CONFIG})), "--no-render", code=0)
    assert "rendered" not in report


def test_what_was_judged_can_be_kept(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n"))
    check(attest, project, files, "--rendered", "out", code=1)
    text = (project / "out/k8s/web/helm.yaml").read_text()
    assert text.startswith("---\n# Source: k8s/web/templates/web.yaml\napiVersion: apps/v1\n")


def test_exemptions_and_baselines_know_what_is_rendered(attest: Attest, project: Path) -> None:  # noqa: F811
    files = placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n"))
    check(attest, project, files, code=1)
    attest("policy", "scan", "k8s", "-p", "p", "--create-baseline", "b.json", code=0)
    tree(project, {"k8s/web/templates/web.yaml": "# moved\n" + TEMPLATE})
    report = check(attest, project, {}, "--baseline", "b.json", code=0)
    assert report["exempted"] == 1


def test_validate_reads_what_is_rendered(attest: Attest, project: Path) -> None:  # noqa: F811
    tree(
        project, placed(chart({"web.yaml": TEMPLATE.replace("containers", "contianers")}, values__yaml="open: true\n"))
    )
    out = attest("policy", "validate", "k8s", code=None).out
    assert "contianers" in out
    assert "k8s/web/templates/web.yaml:11" in out


def test_profile_measures_with_what_is_rendered(attest: Attest, project: Path) -> None:  # noqa: F811
    tree(project, {"p/privileged.rego": POLICY, **placed(chart({"web.yaml": TEMPLATE}, values__yaml="open: true\n"))})
    report = attest("policy", "profile", "p", "--benchmark-data", "k8s", "-f", "json", code=0).json()
    assert report["profile"]["resources"] == 1
