"""Nothing is excused that kubectl would make an object of, whatever it is called and wherever it stands.

The laws behind these cases, against kubectl's own decoder, are in `engine/internal/load/kubectl_test.go`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POLICY = """\
package privileged

violation contains {"msg": "privileged"} if {
	some c in object.get(input.resource, ["spec", "containers"], [])
	c.securityContext.privileged == true
}
"""
SPEC = "spec: {containers: [{name: c, image: x, securityContext: {privileged: true}}]}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n" + SPEC
HARMLESS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
LURE = "# {{- x }}\n"
CHART = {"chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"}
TEMPLATE = "{{- if .Values.on }}\n" + POD + "{{- end }}\n"
KUSTOMIZE = "apiVersion: kustomize.config.k8s.io/v1beta1\n"
COLLIDING = POD.replace("{name: p}", '{name: p, annotations: {1: a, "1": b}}')


def fill(project: Path, files: dict[str, str]) -> list[str]:
    """Writes a policy and manifests; the folders of manifests."""
    for name, text in {"p/privileged.rego": POLICY, "k8s/ok.yaml": HARMLESS, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return sorted({Path(name).parts[0] for name in files} | {"k8s"})


def utf16(text: str) -> str:
    """UTF-16, big endian, as bytes that are no UTF-8."""
    return (b"\xfe\xff" + text.encode("utf-16-be")).decode("utf-8", "surrogateescape")


HIDDEN: dict[str, tuple[dict[str, str], int, str]] = {
    "keys that collide, and a comment like a template's": (
        {"k8s/a.yaml": LURE + COLLIDING},
        2,
        "with and without quotes",
    ),
    "keys that collide, in a template of a chart": (
        {**CHART, "chart/templates/a.yaml": LURE + COLLIDING},
        2,
        "with and without quotes",
    ),
    "a Pod among the templates of a chart": ({**CHART, "chart/templates/a.yaml": LURE + POD}, 2, "privileged"),
    "a Pod that is called values": ({"k8s/values.yaml": POD}, 1, "privileged"),
    "a Pod that is called a chart": ({"k8s/Chart.yaml": POD}, 1, "privileged"),
    "a Pod of a kustomization's version": (
        {"k8s/kustomization.yaml": POD.replace("apiVersion: v1\n", KUSTOMIZE)},
        1,
        "privileged",
    ),
    "a kustomization that is a list": (
        {"k8s/kustomization.yaml": KUSTOMIZE + "kind: Kustomization\nitems:\n- " + POD.replace("\n", "\n  ")},
        2,
        "privileged",
    ),
    "an item that takes the kind of its list": (
        {"k8s/a.yaml": "apiVersion: v1\nkind: Pod\nitems:\n- metadata: {name: p}\n  " + SPEC},
        1,
        "privileged",
    ),
    "an item of a list without a version": (
        {"k8s/a.yaml": "kind: PodList\nitems:\n- metadata: {name: p}\n  " + SPEC},
        2,
        "no `apiVersion`",
    ),
    "a kind without a version or metadata": ({"k8s/a.yaml": "kind: Pod\n" + SPEC}, 2, "no `apiVersion`"),
    "YAML in a file of JSON, with an address": (
        {"k8s/a.json": '{"kind": Pod, "api\\u0056ersion": v1, about: \'http://x\', ' + SPEC.strip() + "}\n"},
        1,
        "privileged",
    ),
    "a resource in JSON with comments": (
        {"k8s/a.json": '{\n // c\n "apiVersion": "v1", "kind": "Pod",\n}\n'},
        2,
        "invalid JSON",
    ),
    "YAML after JSON, indented": (
        {"k8s/a.yaml": '{"a": 1}\n  ' + (LURE + POD).replace("\n", "\n  ")},
        1,
        "privileged",
    ),
    "UTF-16 with letters that look like a template's": ({"k8s/a.yaml": utf16("# 筻-筽\n" + POD)}, 2, "UTF-16"),
    "a syntax error, and a comment like a template's": (
        {"k8s/a.yaml": LURE + POD + "a: b: c\n"},
        2,
        "mapping values",
    ),
    "a syntax error, and an action in a text": (
        {"k8s/a.yaml": "a: '{{- include \"x\" . }}'\nb: c: d\n"},
        2,
        "mapping values",
    ),
    "a syntax error in an action that spans lines": ({"k8s/a.yaml": "a: {{\nb: c: d }}\n"}, 2, "manifest_syntax"),
    "a syntax error in a folder called templates": ({"k8s/templates/a.yaml": LURE + "a: b: c\n"}, 2, "mapping values"),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_what_kubectl_reads_is_judged_or_refused(attest: Attest, project: Path, case: str) -> None:
    files, code, said = HIDDEN[case]
    ran = attest("policy", "check", *fill(project, files), "-p", "p", code=code)
    assert said in ran.out


EXCUSED: dict[str, tuple[dict[str, str], str]] = {
    "a template": ({"k8s/a.yaml": TEMPLATE}, "a template"),
    "a template in JSON": ({"k8s/a.json": '{"a": {{ .Values.x }}}\n'}, "a template"),
    "a value with quotes of its own": ({"k8s/a.yaml": 'a: "{{ .x | default "y" }}"\n'}, "a template"),
    "a template that only its chart explains": (
        {**CHART, "chart/templates/a.yaml": "{{ if .x }}\na: [\n{{ end }}\n"},
        "a template",
    ),
    "settings of a tool": ({"k8s/tsconfig.json": '{\n // c\n "a": 1,\n}\n'}, "not a Kubernetes resource"),
    "a kustomization without a kind": ({"k8s/kustomization.yaml": "resources: [ok.yaml]\n"}, "a kustomization"),
    "values of a chart": ({"k8s/values.yaml": "replicas: 1\n"}, "not a Kubernetes resource: Helm values"),
}


@pytest.mark.parametrize("case", EXCUSED)
def test_what_is_something_else_in_truth_is_skipped(attest: Attest, project: Path, case: str) -> None:
    files, reason = EXCUSED[case]
    ran = attest("policy", "check", *fill(project, files), "-p", "p", "--verbose", code=0)
    assert f": {reason}" in ran.out
