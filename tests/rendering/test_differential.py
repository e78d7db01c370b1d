"""What is rendered equals what `helm template` and `kustomize build` give, after parsing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from attest_governance.adapters.rendering import render
from attest_governance.model.rendering import RenderOptions
from tests.rendering.trees import CHART, CONFIG, DEPLOYMENT, archive, chart, tree

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ATTEST_SHARED", ROOT.parent / "shared"))
CORPUS = SHARED / "corpus"
pytestmark = pytest.mark.slow


def peer(name: str) -> str:
    """The program that we are compared with."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"NOT COMPARED: `{name}` is not on PATH (tools/with-peers helm kustomize -- …)")
    return path


def documents(texts: Iterable[str]) -> list[str]:
    """Each document that holds anything, in a form that can be compared and sorted."""
    parsed: list[Any] = [one for text in texts for one in yaml.load_all(text, yaml.CSafeLoader) if one]
    return sorted(yaml.dump(one, Dumper=yaml.CSafeDumper) for one in parsed)


def asked(*command: str, cwd: Path) -> str:
    """What the program prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def same(folder: Path, expected: str, options: RenderOptions | None = None, root: Path | None = None) -> None:
    rendering = render(folder, options, root=root)
    assert rendering.problem is None, rendering.problem
    made = documents(one.text for one in rendering.documents)
    assert made == documents([expected])
    assert made


HELPERS = """{{- define "web.labels" -}}
app: {{ .Release.Name }}
chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{- define "web.name" -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{- end -}}
"""
FULL = """{{- range $i, $one := .Values.many }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "web.name" $ }}-{{ $i }}
  labels: {{- include "web.labels" $ | nindent 4 }}
  annotations:
    checksum: {{ include "web.labels" $ | sha256sum }}
data:
  tpl: {{ tpl $one $ | quote }}
  file: {{ $.Files.Get "files/a.txt" | quote }}
  {{- with $.Values.optional }}
  optional: {{ toYaml . | quote }}
  {{- end }}
  lookup: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}
  kube: {{ $.Capabilities.KubeVersion.Version }}
  {{- if $.Capabilities.APIVersions.Has "example.org/v1" }}
  api: there
  {{- end }}
  text: |
    {{- $.Files.Get "files/a.txt" | nindent 4 }}
{{- end }}
"""
HOOK = """apiVersion: batch/v1
kind: Job
metadata:
  name: hook
  annotations: {"helm.sh/hook": pre-install}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}
"""
VALUES = "many: ['{{ .Release.Name }}', plain]\noptional: {a: [1, 2]}\nglobal: {shared: g}\n"
DB = {
    "Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.2.3\n",
    "values.yaml": "size: 1\nexports: {data: {from: child}}\n",
}
DB_TEMPLATE = (
    CONFIG.replace("name: c", "name: {{ .Chart.Name }}") + "  size: '{{ .Values.size }}{{ .Values.global.shared }}'\n"
)
ABOUT = (
    CHART
    + "dependencies:\n- {name: db, version: 1.x.x}\n- {name: db, version: 1.x.x, alias: other}\n"
    + "- {name: off, version: '1', condition: off.enabled}\n- {name: tagged, version: '1', tags: [front]}\n"
)
PLAIN_SUBCHART = {"templates/c.yaml": CONFIG.replace("name: c", "name: {{ .Chart.Name }}") + "  a: b\n"}


def big_chart() -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {
        **chart(
            {
                "_helpers.tpl": HELPERS,
                "full.yaml": FULL,
                "hook.yaml": HOOK,
                "NOTES.txt": "hello",
                "deploy.yaml": DEPLOYMENT,
            }
        ),
        "Chart.yaml": ABOUT,
        "values.yaml": VALUES + "off: {enabled: false}\nother: {size: 7}\ntags: {front: true}\n",
        "values.schema.json": '{"type": "object", "properties": {"many": {"type": "array"}}}',
        "files/a.txt": "one\ntwo\n",
        "crds/crd.yaml": CONFIG,
        ".helmignore": "ignored.yaml\n",
        "templates/ignored.yaml": "{{ fail }}",
        "charts/db-1.2.3.tgz": archive(
            {f"db/{name}": text for name, text in {**DB, "templates/c.yaml": DB_TEMPLATE}.items()}
        ),
    }
    for name in ("off", "tagged"):
        about = f"apiVersion: v2\nname: {name}\nversion: '1'\n"
        files |= {f"charts/{name}/{path}": text for path, text in {"Chart.yaml": about, **PLAIN_SUBCHART}.items()}
    return files


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ((), RenderOptions()),
        (("--set", "many={a,b}", "--set", "db.size=9"), RenderOptions(set_values=("many={a,b}", "db.size=9"))),
        (("--namespace", "prod"), RenderOptions(namespace="prod")),
        (("--kube-version", "1.29.4"), RenderOptions(kube_version="1.29.4")),
        (("--api-versions", "example.org/v1"), RenderOptions(api_versions=("example.org/v1",))),
        (("--values", "over.yaml"), RenderOptions(values=(Path("over.yaml"),))),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_charts_are_what_helm_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], options: RenderOptions
) -> None:
    tree(
        tmp_path,
        {**big_chart(), "over.yaml": "optional: null\nmany: [x]\noff: {enabled: true}\ntags: {front: false}\n"},
    )
    monkeypatch.chdir(tmp_path)
    same(tmp_path, asked(peer("helm"), "template", "release-name", ".", *flags, cwd=tmp_path), options)


@pytest.mark.parametrize("release", ["shop"])
def test_a_release_has_its_name(tmp_path: Path, release: str) -> None:
    tree(tmp_path, big_chart())
    same(tmp_path, asked(peer("helm"), "template", release, ".", cwd=tmp_path), RenderOptions(release=release))


SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
THING = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t}\n"
SMALL = {"Chart.yaml": CHART, "templates/c.yaml": CONFIG.replace("name: c", "name: small")}
SMALL_CHARTS: dict[str, Mapping[str, str | bytes]] = {
    "a library": {
        "Chart.yaml": CHART + "dependencies: [{name: lib, version: 1.0.0}]\n",
        "templates/a.yaml": '{{- include "lib.config" . }}\n',
        "charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
        "charts/lib/templates/_a.tpl": '{{- define "lib.config" -}}\n' + CONFIG.rstrip() + " {a: b}\n{{- end -}}\n",
        "charts/lib/templates/never.yaml": CONFIG,
    },
    "requirements of the first version, imported values": {
        "Chart.yaml": CHART.replace("v2", "v1"),
        "requirements.yaml": "dependencies:\n- {name: db, version: 1.x.x, alias: dd, import-values: [data]}\n",
        "templates/a.yaml": CONFIG + "  a: {{ .Values.from }}\n",
        **{f"charts/db/{name}": text for name, text in DB.items()},
        "charts/db/templates/c.yaml": CONFIG.replace("name: c", "name: {{ .Chart.Name }}") + "  a: b\n",
    },
    "values of subcharts that are taken away, two folders deep": {
        "values.yaml": "mid: {gone: null, leaf: {size: top}}\n",
        "charts/mid/Chart.yaml": CHART.replace("web", "mid"),
        "charts/mid/values.yaml": "gone: 1\nleaf: {size: mid, kept: 1}\n",
        "charts/mid/templates/v.yaml": CONFIG.replace("name: c", "name: m") + "  v: {{ .Values | toJson | quote }}\n",
        "charts/mid/charts/leaf/Chart.yaml": CHART.replace("web", "leaf"),
        "charts/mid/charts/leaf/templates/v.yaml": CONFIG + "  v: {{ .Values | toJson | quote }}\n",
    },
    "files of all kinds": {
        "templates/a.yaml": CONFIG
        + '{{ (.Files.Glob "conf/*.txt").AsConfig | indent 2 }}\n{{ (.Files.Glob "conf/*").AsSecrets | indent 2 }}\n'
        + '  lines: "{{ range .Files.Lines "conf/a.txt" }}{{ . }}_{{ end }}"\n'
        + '  tpl: {{ tpl (.Files.Get "conf/t.tpl") . }}\n',
        "conf/a.txt": "one\ntwo\n",
        "conf/t.tpl": "{{ .Release.Name }}",
    },
    "hooks, tests, notes and definitions": {
        "templates/tests/t.yaml": HOOK.replace("pre-install", "test").replace("name: hook", "name: t"),
        "templates/h.yaml": HOOK,
        "templates/NOTES.txt": "no: [yaml",
        "crds/c.yaml": CONFIG,
        "charts/db/Chart.yaml": CHART.replace("web", "db"),
        "charts/db/templates/NOTES.txt": "no: [yaml",
        "charts/db/crds/c.yaml": CONFIG,
    },
    "what templates may ask for": {
        "templates/a.yaml": CONFIG
        + "  release: {{ .Release | toJson | quote }}\n  chart: {{ .Chart | toJson | quote }}\n"
        + "  template: {{ .Template | toJson | quote }}\n  apis: {{ .Capabilities.APIVersions | toJson | quote }}\n"
        + "  kube: {{ .Capabilities.KubeVersion | toJson | quote }}\n"
        # Not all of it: the version of Go is that of whoever built the program.
        + "  helm: {{ .Capabilities.HelmVersion.Version }} {{ .Capabilities.HelmVersion.KubeClientVersion }}\n"
        + '  none: "{{ range (lookup "v1" "Pod" "" "").items }}x{{ end }}"\n'
        + '  host: {{ getHostByName "a.example" | quote }}\n'
    },
    "separators, line ends, marks of bytes, and lists": {
        "templates/a.yaml": "# comment\n--- # another\n"
        + CONFIG
        + "\n---\n\n---\n"
        + CONFIG.replace(": c", ": d")
        + "...\n",
        "templates/b.yaml": (CONFIG.replace(": c", ": e") + "  a: |\n    x\n    ---\n    y\n").replace("\n", "\r\n"),
        "templates/d.yaml": "\ufeff" + CONFIG.replace(": c", ": f"),
        "templates/l.json": '{"apiVersion": "v1", "kind": "List", "items": [{"kind": "{{ .Release.Name }}"}]}',
        "templates/e.yaml": "{{- range list 1 2 -}}\n---\n" + CONFIG + "  a: b{{ . }}\n{{- end -}}\n",
    },
}


@pytest.mark.parametrize("case", SMALL_CHARTS)
def test_features_of_charts_are_what_helm_makes_of_them(tmp_path: Path, case: str) -> None:
    tree(tmp_path, {**SMALL, **SMALL_CHARTS[case]})
    same(tmp_path, asked(peer("helm"), "template", "release-name", ".", cwd=tmp_path))


KUSTOMIZATIONS: dict[str, Mapping[str, str | bytes]] = {
    "resources and settings": {
        "kustomization.yaml": """
resources: [web.yaml, service.yaml]
namespace: prod
namePrefix: p-
nameSuffix: -s
labels: [{pairs: {a: b}, includeSelectors: true}]
commonAnnotations: {c: d}
images: [{name: nginx, newName: example.org/nginx, digest: 'sha256:aa'}]
replicas: [{name: web, count: 4}]
""",
    },
    "generators": {
        "kustomization.yaml": """
resources: [web.yaml]
configMapGenerator: [{name: conf, literals: [a=b], files: [f.txt]}]
secretGenerator: [{name: secret, envs: [e.env], type: Opaque}]
generatorOptions: {labels: {app: x}}
""",
        "f.txt": "content\n",
        "e.env": "K=V\n",
    },
    "patches": {
        "kustomization.yaml": """
resources: [web.yaml, service.yaml]
patches:
- path: strategic.yaml
- {path: operations.yaml, target: {kind: Service}}
- target: {kind: Deployment, labelSelector: '!none'}
  patch: |-
    - {op: replace, path: /spec/template/spec/containers/0/image, value: x}
patchesStrategicMerge:
- |-
  apiVersion: v1
  kind: Service
  metadata: {name: web}
  spec: {type: NodePort}
""",
        "strategic.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: side, $patch: delete}]}}}
""",
        "operations.yaml": "- {op: add, path: /metadata/labels, value: {a: b}}\n",
    },
    "components and replacements": {
        "kustomization.yaml": """
resources: [web.yaml, service.yaml]
components: [part]
replacements:
- source: {kind: Deployment, fieldPath: metadata.name}
  targets: [{select: {kind: Service}, fieldPaths: [spec.selector.app]}]
""",
        "part/kustomization.yaml": """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [c.yaml]
patches: [{target: {kind: Deployment}, patch: '- {op: add, path: /spec/paused, value: true}'}]
""",
        "part/c.yaml": CONFIG + "  a: b\n",
    },
    "bases, origins asked for, and order": {
        "kustomization.yaml": """
resources: [base]
buildMetadata: [originAnnotations]
sortOptions: {order: fifo}
""",
        "base/kustomization.yml": "resources: [c.yaml]\nnamePrefix: b-\n",
        "base/c.yaml": CONFIG + "  a: b\n",
    },
    "variables and configurations of transformers": {
        "kustomization.yaml": """
resources: [service.yaml, thing.yaml]
vars: [{name: SERVICE, objref: {kind: Service, name: web, apiVersion: v1}}]
configurations: [conf.yaml]
namePrefix: p-
images: [{name: nginx, newTag: '9'}]
""",
        "thing.yaml": """
apiVersion: example.org/v1
kind: Thing
metadata: {name: t}
spec: {image: 'nginx:1', service: web, text: $(SERVICE)}
""",
        "conf.yaml": """
images: [{path: spec/image, kind: Thing}]
varReference: [{path: spec/text, kind: Thing}]
nameReference: [{kind: Service, fieldSpecs: [{path: spec/service, kind: Thing}]}]
""",
    },
    "a schema of one's own": {
        "kustomization.yaml": "resources: [thing.yaml]\nopenapi: {path: schema.json}\npatches: [{path: p.yaml}]\n",
        "thing.yaml": THING + "spec: {containers: [{name: a, image: x}, {name: b, image: y}]}\n",
        "p.yaml": THING + "spec: {containers: [{name: b, image: z}]}\n",
        "schema.json": """{"definitions": {"v1.Thing": {"type": "object",
"x-kubernetes-group-version-kind": [{"group": "example.org", "kind": "Thing", "version": "v1"}],
"properties": {"spec": {"type": "object", "properties": {"containers": {"type": "array", "items": {"type": "object"},
"x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}}}}}""",
    },
    "replacements from a file, and parts of values": {
        "kustomization.yaml": "resources: [web.yaml, service.yaml]\nreplacements: [{path: r.yaml}, {path: s.yaml}]\n",
        "r.yaml": """
source:
  kind: Deployment
  fieldPath: spec.template.spec.containers.[name=side].image
  options: {delimiter: ':', index: 1}
targets: [{select: {kind: Service}, fieldPaths: [metadata.annotations.tag], options: {create: true}}]
""",
        "s.yaml": """
sourceValue: x
targets: [{select: {kind: Service}, fieldPaths: [spec.type], options: {create: true}}]
""",
    },
    "patches that delete, rename, keep and order": {
        "kustomization.yaml": """
resources: [web.yaml, service.yaml, c.yaml]
patches:
- path: several.yaml
- target: {kind: ConfigMap}
  options: {allowNameChange: true, allowKindChange: true}
  patch: '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "renamed"}}'
- target: {group: apps, kind: Deployment, name: w.*}
  patch: '[{"op": "copy", "from": "/metadata/name", "path": "/spec/paused"}, {"op": "remove", "path": "/spec/paused"}]'
patchesJson6902:
- {target: {version: v1, kind: ConfigMap, name: c}, patch: '[{"op": "add", "path": "/data", "value": {"a": "b"}}]'}
""",
        "several.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  strategy: {$retainKeys: [type], type: Recreate}
  template:
    spec:
      $setElementOrder/containers: [{name: side}, {name: web}]
      containers: [{name: web, securityContext: null}]
---
$patch: delete
apiVersion: v1
kind: Service
metadata: {name: web}
""",
        "c.yaml": CONFIG,
    },
    "generators that change those of a base": {
        "kustomization.yaml": """
resources: [base]
configMapGenerator:
- {name: a, behavior: merge, literals: [x=2]}
- {name: b, behavior: replace, files: [key=f.bin]}
- {name: c, envs: [e.env], options: {disableNameSuffixHash: true, immutable: true, labels: {a: b}}}
""",
        "base/kustomization.yaml": "configMapGenerator: [{name: a, literals: [x=1, z=0]}, {name: b, literals: [q=1]}]",
        "f.bin": b"\xff\x00",
        "e.env": "# comment\nA=b\nB=\n",
    },
    "components in components, one base twice, labels of templates": {
        "kustomization.yaml": """
resources: [one, two]
components: [part]
labels: [{pairs: {a: b}, includeTemplates: true}]
""",
        "one/kustomization.yaml": "bases: [../base]\nnamePrefix: one-\n",
        "two/kustomization.yaml": "resources: [../base]\nnameSuffix: -two\n",
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": DEPLOYMENT,
        "part/kustomization.yaml": """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
components: [inner]
""",
        "part/inner/kustomization.yaml": """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
replicas: [{name: web, count: 7}]
""",
    },
    "built-in plugins": {
        "kustomization.yaml": "resources: [web.yaml]\ntransformers: [t.yaml]\ngenerators: [g.yaml]\n",
        "t.yaml": "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: n, namespace: n}\n",
        "g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nliterals: [a=b]\n",
    },
}


@pytest.mark.parametrize("case", KUSTOMIZATIONS)
def test_kustomizations_are_what_kustomize_makes_of_them(tmp_path: Path, case: str) -> None:
    tree(tmp_path, {"web.yaml": DEPLOYMENT, "service.yaml": SERVICE, **KUSTOMIZATIONS[case]})
    same(tmp_path, asked(peer("kustomize"), "build", ".", cwd=tmp_path))


GENERATOR = """apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: web}
name: web
releaseName: shop
namespace: inner
valuesInline: {many: [q]}
"""
HELM_CHARTS = {
    "defaults": "helmCharts: [{name: web}]\nnamespace: prod\nnamePrefix: p-\n",
    "all that may be said": """
helmGlobals: {chartHome: charts}
resources: [own.yaml]
helmCharts:
- name: web
  releaseName: shop
  namespace: inner
  valuesFile: v.yaml
  additionalValuesFiles: [w.yaml]
  valuesInline: {many: [z], optional: {b: c}}
  valuesMerge: merge
  includeCRDs: true
  skipHooks: true
  kubeVersion: 1.29.4
  apiVersions: [example.org/v1]
patches: [{target: {kind: ConfigMap}, patch: '- {op: add, path: /metadata/generateName, value: q}'}]
""",
    "replaced values": """
helmCharts: [{name: web, valuesInline: {many: [r], global: {shared: x}}, valuesMerge: replace}]
""",
    "overriding values": "helmCharts: [{name: web, valuesInline: {many: [r]}, valuesFile: v.yaml}]\n",
    "a generator in a file, beside another": "generators: [mixed.yaml]\nnamePrefix: p-\n",
    "a generator in line": "generators:\n- |-\n  " + GENERATOR.replace("\n", "\n  ") + "\n",
    "a generator of a folder that changes it": "generators: [made]\nbuildMetadata: [originAnnotations]\n",
    "the field of older kustomizations": "helmChartInflationGenerator: [{chartName: web, values: v.yaml}]\n",
    "a base gets the namespaces of its overlays": "resources: [one, two]\n",
    "origins that are asked for": "helmCharts: [{name: web, skipTests: true}]\nbuildMetadata: [originAnnotations]\n",
    "the label of who manages": "resources: [own.yaml]\nbuildMetadata: [managedByLabel]\n",
}
OVERLAY = "resources: [../base]\nnamespace: {0}\nnamePrefix: {0}-\n"
BESIDE = {
    "v.yaml": VALUES + "extra: 1\n",
    "w.yaml": "optional: {w: w}\n",
    "own.yaml": CONFIG.replace("name: c", "name: own"),
    "mixed.yaml": GENERATOR
    + "---\napiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nliterals: [a=b]\n",
    "made/kustomization.yaml": """
resources: [g.yaml]
patches: [{path: p.yaml, target: {kind: HelmChartInflationGenerator}}]
""",
    "made/g.yaml": GENERATOR,
    "made/p.yaml": "- {op: replace, path: /releaseName, value: patched}\n",
    "one/kustomization.yaml": OVERLAY.format("one"),
    "two/kustomization.yaml": OVERLAY.format("two"),
    "base/kustomization.yaml": "helmCharts: [{name: spaced, releaseName: r}]\n",
    "base/charts/spaced/Chart.yaml": CHART.replace("web", "spaced"),
    "base/charts/spaced/values.yaml": "{}\n",
    "base/charts/spaced/templates/c.yaml": CONFIG + "  namespace: {{ .Release.Namespace }}\n",
}


@pytest.mark.parametrize("case", HELM_CHARTS)
def test_charts_of_kustomizations_are_what_both_make_of_them(tmp_path: Path, case: str) -> None:
    helm, kustomize = peer("helm"), peer("kustomize")
    files = {f"charts/web/{name}": text for name, text in big_chart().items()}
    tree(tmp_path, {**files, **BESIDE, "kustomization.yaml": HELM_CHARTS[case]})
    expected = asked(kustomize, "build", "--enable-helm", "--helm-command", helm, ".", cwd=tmp_path)
    same(tmp_path, expected)


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"NOT COMPARED: `{CORPUS}` does not exist")
@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in CORPUS.rglob("[kK]ustomization*")} if CORPUS.is_dir() else set()), ids=str
)
def test_published_kustomizations_are_what_kustomize_makes_of_them(folder: Path) -> None:
    done = subprocess.run([peer("kustomize"), "build", "."], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        assert render(folder, root=CORPUS).problem is not None
        return
    same(folder, done.stdout, root=CORPUS)
