"""What a folder renders to, with the line of the file that made each line."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest_governance.adapters.rendering import render, tool_of
from attest_governance.errors import InputError
from attest_governance.model.rendering import Rendering, RenderOptions
from tests.rendering.trees import CHART, CONFIG, DEPLOYMENT, archive, chart, tree


def places(rendering: Rendering) -> list[str]:
    """Each rendered line with its origin, as `file:line text`."""
    assert rendering.problem is None, rendering.problem
    return [
        f"{file}:{line} {text.strip()}"
        for document in rendering.documents
        for number, text in enumerate(document.text.split("\n"), 1)
        for file, line in [rendering.origin(document, number)]
        if text.strip()
    ]


HELPERS = '{{- define "labels" -}}\napp: {{ .Release.Name }}\ntier: front\n{{- end -}}\n'
TEMPLATE = """apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "labels" . | nindent 4 }}
spec:
  {{- with .Values.ports }}
  ports:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.open }}
  type: LoadBalancer
  {{- end }}
"""


def test_a_line_of_a_chart_is_made_by_a_line_of_a_template(tmp_path: Path) -> None:
    values = "open: true\nports:\n  - port: 80\n    name: http\n"
    files = chart({"service.yaml": TEMPLATE, "_helpers.tpl": HELPERS}, values__yaml=values)
    rendering = render(tree(tmp_path, files), shown="web")
    assert rendering.tool == "helm"
    assert places(rendering) == [
        "web/templates/service.yaml:1 apiVersion: v1",
        "web/templates/service.yaml:2 kind: Service",
        "web/templates/service.yaml:3 metadata:",
        "web/templates/service.yaml:4 name: release-name",
        "web/templates/service.yaml:5 labels:",
        "web/templates/_helpers.tpl:2 app: release-name",
        "web/templates/_helpers.tpl:3 tier: front",
        "web/templates/service.yaml:7 spec:",
        "web/templates/service.yaml:9 ports:",
        "web/templates/service.yaml:10 - name: http",
        "web/templates/service.yaml:10 port: 80",
        "web/templates/service.yaml:13 type: LoadBalancer",
    ]


OVERLAY = """resources:
  - ../../base
namespace: prod
namePrefix: p-
images:
  - name: nginx
    newTag: "1.2"
patches:
  - path: patch.yaml
  - target: {kind: Deployment}
    patch: |-
      - op: add
        path: /spec/replicas
        value: 3
configMapGenerator:
  - name: conf
    literals: [a=b]
"""
PATCH = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      hostNetwork: true
      containers:
        - name: side
          env: [{name: A, value: b}]
"""


def test_a_line_of_a_kustomization_is_made_by_a_patch_a_base_or_a_setting(tmp_path: Path) -> None:
    files = {"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": DEPLOYMENT}
    tree(tmp_path, {**files, "over/prod/kustomization.yaml": OVERLAY, "over/prod/patch.yaml": PATCH})
    rendering = render(tmp_path / "over" / "prod", root=tmp_path, shown=str(tmp_path / "over/prod"))
    lines = [line.removeprefix(f"{tmp_path}/") for line in places(rendering)]
    for wanted in (
        "over/prod/kustomization.yaml:3 namespace: prod",
        "over/prod/kustomization.yaml:4 name: p-web",
        "over/prod/kustomization.yaml:7 - image: nginx:1.2",
        "over/prod/kustomization.yaml:14 replicas: 3",
        "over/prod/kustomization.yaml:16 a: b",
        "over/prod/patch.yaml:8 hostNetwork: true",
        "base/web.yaml:15 privileged: true",
        "base/web.yaml:17 image: busybox:1",
    ):
        assert wanted in lines
    assert rendering.bases == (str(tmp_path / "base/web.yaml"),)
    assert rendering.patches == (str(tmp_path / "over/prod/patch.yaml"),)


def test_a_plain_folder_is_what_it_is(tmp_path: Path) -> None:
    rendering = render(tree(tmp_path, {"b.yaml": CONFIG, "a/x.yml": CONFIG, "note.txt": "x"}), shown="k8s")
    assert rendering.tool == "plain"
    assert places(rendering)[:2] == ["k8s/b.yaml:1 apiVersion: v1", "k8s/b.yaml:2 kind: ConfigMap"]
    assert [rendering.origin(one, 3) for one in rendering.documents] == [("k8s/b.yaml", 3), ("k8s/a/x.yml", 3)]


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        ({"Chart.yaml": CHART}, "helm"),
        ({"kustomization.yml": ""}, "kustomize"),
        ({"Kustomization": ""}, "kustomize"),
        ({"a.yaml": ""}, "plain"),
    ],
)
def test_what_a_folder_is_is_found_out(tmp_path: Path, files: dict[str, str], tool: str) -> None:
    assert tool_of(tree(tmp_path, files)) == tool


def test_a_folder_is_not_two_things(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a chart and has a `kustomization\.yaml`"):
        tool_of(tree(tmp_path, {"Chart.yaml": CHART, "kustomization.yaml": ""}))


def test_options_are_those_of_helm(tmp_path: Path) -> None:
    template = CONFIG + "".join(
        f"  {key}: {{{{ {value} | quote }}}}\n"
        for key, value in {
            "release": ".Release.Name",
            "namespace": ".Release.Namespace",
            "kube": ".Capabilities.KubeVersion.Version",
            "api": '.Capabilities.APIVersions.Has "example.org/v1"',
            "file": ".Values.a",
            "later": ".Values.b",
            "set": ".Values.c.d",
        }.items()
    )
    tree(tmp_path, {**chart({"c.yaml": template}), "1.yaml": "a: one\nb: one\n", "2.yaml": "b: two\nc: {d: file}\n"})
    options = RenderOptions(
        values=(tmp_path / "1.yaml", tmp_path / "2.yaml"),
        set_values=("c.d=flag",),
        release="shop",
        namespace="prod",
        kube_version="1.29.3",
        api_versions=("example.org/v1",),
    )
    [document] = render(tmp_path, options).documents
    data = [line.split(": ")[1].strip('"') for line in document.text.splitlines()[4:]]
    assert data == ["shop", "prod", "v1.29.3", "true", "one", "two", "flag"]


def test_dependencies_are_rendered_from_folders_and_archives(tmp_path: Path) -> None:
    about = (
        CHART
        + "dependencies:\n- {name: db, version: '1', alias: store}\n"
        + "- {name: cache, version: '1', condition: cache.enabled}\n"
    )
    packed = archive(
        {"db/Chart.yaml": "apiVersion: v2\nname: db\nversion: '1'\n", "db/templates/c.yaml": CONFIG + "  a: b\n"}
    )
    tree(
        tmp_path,
        {
            **chart({"own.yaml": CONFIG}, about=about),
            "values.yaml": "cache: {enabled: false}\n",
            "charts/db-1.tgz": packed,
            "charts/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: '1'\n",
            "charts/cache/templates/c.yaml": CONFIG,
        },
    )
    rendering = render(tmp_path, shown="web")
    assert sorted({rendering.origin(one, 1) for one in rendering.documents}) == [
        ("web/charts/db-1.tgz", 0),
        ("web/templates/own.yaml", 1),
    ]


def test_charts_of_a_kustomization_are_rendered_from_disk(tmp_path: Path) -> None:
    files = {f"charts/web/{name}": text for name, text in chart({"c.yaml": CONFIG + "  a: {{ .Values.a }}\n"}).items()}
    kustomization = "resources: [own.yaml]\nnamePrefix: p-\nhelmCharts:\n- name: web\n  valuesInline: {a: inline}\n"
    tree(
        tmp_path,
        {**files, "charts/web/values.yaml": "a: file\n", "kustomization.yaml": kustomization, "own.yaml": DEPLOYMENT},
    )
    lines = places(render(tmp_path, shown="."))
    assert "charts/web/templates/c.yaml:5 a: inline" in lines
    assert "kustomization.yaml:2 name: p-c" in lines
