"""A chart and a kustomization are hostile: what they try is an error of their folder, and nothing comes of it."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from attest_governance.adapters.rendering import render
from attest_governance.model.problem import Problem
from attest_governance.model.rendering import Rendering, RenderLimits
from tests.rendering.trees import CHART, CONFIG, DEPLOYMENT, archive, chart, tree

QUICK = RenderLimits(seconds=5, memory=256 << 20, output=1 << 20, files=200, bytes=8 << 20)


def problem_of(folder: Path, **options: object) -> Problem:
    rendering = render(folder, limits=QUICK, shown="it", **options)  # type: ignore[arg-type]  # options of `render`
    assert rendering.problem is not None
    assert rendering.problem.severity == "error"
    assert not rendering.documents
    assert rendering.problem.file
    return rendering.problem


LOOP = "{{- range until 100000 }}{{- range until 100000 }}{{- range until 100000 }}{{- end }}{{- end }}{{- end }}\n"
GROWTH = '{{- $a := "xxxxxxxxxxxxxxxx" }}{{- range until 60 }}{{- $a = printf "%s%s" $a $a }}{{- end }}\n' + CONFIG
ITSELF = '{{ define "a" }}{{ tpl "{{ include \\"a\\" . }}" . }}{{ end }}{{ include "a" . }}'


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        pytest.param({"a.yaml": LOOP}, "does not end within 5 s", id="a loop"),
        pytest.param({"a.yaml": '{{ repeat 1000000000 "xxxxxxxxxxxxxxxx" }}'}, "", id="a text that is huge"),
        pytest.param({"a.yaml": '{{ repeat 3000000 "x" }}'}, "renders to more than 1 MiB", id="too much output"),
        pytest.param(
            {"a.yaml": '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'}, "", id="include of itself"
        ),
        pytest.param(
            {"a.yaml": '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}'}, "", id="template of itself"
        ),
        pytest.param({"a.yaml": ITSELF}, "", id="tpl of itself"),
        pytest.param({"a.yaml": '{{ env "HOME" }}'}, 'function "env" not defined', id="a variable"),
        pytest.param({"a.yaml": '{{ expandenv "$HOME" }}'}, 'function "expandenv" not defined', id="variables"),
        pytest.param({"a.yaml": "{{ .Values.a.b.c }}"}, "nil pointer", id="a value that is not there"),
        pytest.param({"a.yaml": '{{ fail "no" }}'}, "no", id="a chart that refuses"),
        pytest.param({"a.yaml": "a: {{ if }}"}, "missing value for if", id="no template"),
    ],
)
def test_a_template_can_do_nothing_but_fail(tmp_path: Path, templates: Mapping[str, str], message: str) -> None:
    found = problem_of(tree(tmp_path, chart(templates)))
    assert message in found.message
    assert found.file in ("it/templates/a.yaml", "it/Chart.yaml", "it")


def test_a_text_that_doubles_ends_at_the_limit_of_memory(tmp_path: Path) -> None:
    patient = msgspec.structs.replace(QUICK, seconds=60)  # memory is what ends it, however slow the machine is
    rendering = render(tree(tmp_path, chart({"a.yaml": GROWTH})), limits=patient)
    assert rendering.problem is not None
    assert "MiB of memory" in rendering.problem.message


def test_a_failure_names_the_line_of_the_template(tmp_path: Path) -> None:
    found = problem_of(tree(tmp_path, chart({"a.yaml": 'a: 1\nb: {{ required "give it" .Values.b }}\n'})))
    assert (found.file, found.line) == ("it/templates/a.yaml", 2)
    assert "give it" in found.message


def test_the_world_outside_is_not_there(tmp_path: Path) -> None:
    template = CONFIG + (
        '  cluster: {{ lookup "v1" "Secret" "" "" | toJson | quote }}\n'
        '  host: {{ getHostByName "localhost" | quote }}\n'
        '  outside: {{ .Files.Get "../secret.txt" | quote }}\n'
        '  whole: {{ .Files.Get "/etc/passwd" | quote }}\n'
        '  glob: {{ (.Files.Glob "../*").AsConfig | quote }}\n'
    )
    tree(tmp_path, {"secret.txt": "s3cret"})
    rendering = render(tree(tmp_path / "web", chart({"a.yaml": template})), limits=QUICK)
    assert rendering.problem is None
    text = rendering.documents[0].text
    assert "s3cret" not in text
    assert [line.split(": ", 1)[1] for line in text.splitlines()[4:]] == ['"{}"', '""', '""', '""', '"{}"']


@pytest.mark.parametrize("name", ["templates/x.yaml", "files", "charts/sub", "values.yaml"])
def test_a_link_out_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    tree(tmp_path, {"outside/Chart.yaml": CHART, "outside/x": CONFIG})
    folder = tree(tmp_path / "web", chart({"a.yaml": CONFIG}, charts_0_x="", files__txt=""))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(tmp_path / "outside")
    assert "leads out of the folder" in problem_of(folder, root=folder).message


def test_a_link_that_leads_in_circles_ends(tmp_path: Path) -> None:
    folder = tree(tmp_path, chart({"a.yaml": CONFIG}))
    (folder / "templates" / "round").symlink_to(folder)
    assert "leads back" in problem_of(folder).message


def test_a_link_within_the_root_is_followed(tmp_path: Path) -> None:
    folder = tree(tmp_path, {**chart({}), "shared/c.yaml": CONFIG})
    (folder / "templates").mkdir()
    (folder / "templates" / "c.yaml").symlink_to("../shared/c.yaml")
    assert render(folder, limits=QUICK).documents[0].text == CONFIG


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param({f"db/f{i}": b"\0" * (1 << 20) for i in range(64)}, id="larger than it looks"),
        pytest.param({f"db/f{i}": "x" for i in range(500)}, id="many files"),
        pytest.param({"db/../../x": "x"}, id="a path that leads out"),
        pytest.param({"/etc/x": "x", "db//etc/x": "x"}, id="a whole path"),
    ],
)
def test_an_archive_is_no_way_in(tmp_path: Path, packed: Mapping[str, str | bytes]) -> None:
    about = {"db/Chart.yaml": "apiVersion: v2\nname: db\nversion: '1'\n"}
    problem_of(tree(tmp_path, {**chart({}), "charts/db.tgz": archive({**about, **packed})}))


def test_archives_within_archives_end(tmp_path: Path) -> None:
    packed = archive({"db/Chart.yaml": "apiVersion: v2\nname: db\nversion: '1'\n"})
    for _ in range(30):
        packed = archive({"db/Chart.yaml": "apiVersion: v2\nname: db\nversion: '1'\n", "db/charts/db.tgz": packed})
    assert "packed into one another" in problem_of(tree(tmp_path, {**chart({}), "charts/db.tgz": packed})).message


def test_what_lies_in_archives_is_judged_too(tmp_path: Path) -> None:
    packed = archive({"db/Chart.yaml": "apiVersion: v2\nname: db\nversion: '1'\n", "db/crds/pod.yaml": DEPLOYMENT})
    rendering = render(tree(tmp_path, {**chart({}), "charts/db.tgz": packed}), limits=QUICK)
    assert [one.text for one in rendering.documents] == [DEPLOYMENT]


@pytest.mark.parametrize("reference", ["file:///etc/passwd", "http://127.0.0.1:1/x", "other.json", "//host/x"])
def test_a_schema_refers_to_nothing_outside(tmp_path: Path, reference: str) -> None:
    schema = f'{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}'
    found = problem_of(tree(tmp_path, chart({"a.yaml": CONFIG}, values__schema__json=schema, values__yaml="a: 1\n")))
    assert reference in found.message


def test_a_schema_holds(tmp_path: Path) -> None:
    schema = '{"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}'
    found = problem_of(tree(tmp_path, chart({"a.yaml": CONFIG}, values__schema__json=schema, values__yaml="a: x\n")))
    assert "integer" in found.message


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, with the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONFIG.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}", asked
        serving.shutdown()


INFLATION = "generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: g}\n"


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: ['{url}/c.yaml']\n",
        "resources: ['{url}/repo.git//base?ref=main']\n",
        "resources: ['git@github.com:example/repo']\n",
        "components: ['{url}/component']\n",
        "resources: [c.yaml]\npatches: [{{path: '{url}/p.yaml'}}]\n",
        "resources: [c.yaml]\ncrds: ['{url}/crd.yaml']\n",
        "resources: [c.yaml]\nconfigurations: ['{url}/conf.yaml']\n",
        "resources: [c.yaml]\ntransformers: ['{url}/t.yaml']\n",
        "resources: [c.yaml]\nopenapi: {{path: '{url}/schema.json'}}\n",
        "resources: [c.yaml]\nreplacements: [{{path: '{url}/r.yaml'}}]\n",
        "configMapGenerator: [{{name: a, files: ['{url}/f']}}]\n",
        "configMapGenerator: [{{name: a, envs: ['{url}/f']}}]\n",
        "helmCharts: [{{name: web, repo: '{url}', version: '1'}}]\n",
        INFLATION.replace("{", "{{").replace("}", "}}") + "  name: web\n  repo: '{url}'\n",
    ],
)
def test_nothing_is_fetched(tmp_path: Path, server: tuple[str, list[str]], kustomization: str) -> None:
    url, asked = server
    found = problem_of(tree(tmp_path, {"kustomization.yaml": kustomization.format(url=url), "c.yaml": CONFIG}))
    assert found.file == "it/kustomization.yaml"
    assert asked == []


FUNCTION = """apiVersion: example.org/v1
kind: Touch
metadata:
  name: t
  annotations:
    config.kubernetes.io/function: |
      {how}
"""


@pytest.mark.parametrize("field", ["transformers", "generators", "validators"])
@pytest.mark.parametrize(
    "how", ["exec: {path: ./touch.sh}", "container: {image: example.org/touch}", "starlark: {path: t.star}"]
)
def test_no_program_is_started(tmp_path: Path, field: str, how: str) -> None:
    script = f"#!/bin/sh\ntouch {tmp_path}/touched\n"
    tree(
        tmp_path,
        {
            "kustomization.yaml": f"resources: [c.yaml]\n{field}: [fn.yaml]\n",
            "c.yaml": CONFIG,
            "fn.yaml": FUNCTION.format(how=how),
            "touch.sh": script,
        },
    )
    (tmp_path / "touch.sh").chmod(0o755)
    problem_of(tmp_path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [../outside]\n",
        "resources: [../outside/c.yaml]\n",
        "resources: [/etc]\n",
        "resources: [link]\n",
        "components: [link]\n",
        "configMapGenerator: [{name: a, files: [link/c.yaml]}]\n",
        "configMapGenerator: [{name: a, files: [/etc/passwd]}]\n",
        "secretGenerator: [{name: a, envs: [../outside/c.yaml]}]\n",
        "resources: [c.yaml]\npatches: [{path: ../outside/c.yaml}]\n",
        "resources: [c.yaml]\nopenapi: {path: ../outside/c.yaml}\n",
        "helmCharts: [{name: web, valuesFile: ../outside/c.yaml}]\n",
        "helmGlobals: {chartHome: ../outside}\nhelmCharts: [{name: web}]\n",
        "helmCharts: [{name: '../../outside/web'}]\n",
        "helmCharts: [{name: web, additionalValuesFiles: [../outside/c.yaml]}]\n",
        "generators: [../outside/g.yaml]\n",
        INFLATION + "  name: ../../outside/web\n",
        INFLATION + "  name: web\n  chartHome: link\n",
    ],
)
def test_a_kustomization_reads_nothing_outside(tmp_path: Path, kustomization: str) -> None:
    outside = {f"outside/web/{name}": text for name, text in chart({"a.yaml": CONFIG}).items()}
    tree(tmp_path, {**outside, "outside/c.yaml": CONFIG, "outside/kustomization.yaml": "resources: [c.yaml]\n"})
    folder = tree(tmp_path / "in", {"kustomization.yaml": kustomization, "c.yaml": CONFIG})
    tree(folder, {f"charts/web/{name}": text for name, text in chart({"a.yaml": CONFIG}).items()})
    (folder / "link").symlink_to(tmp_path / "outside")
    assert problem_of(folder, root=folder).file == "it/kustomization.yaml"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"kustomization.yaml": "resources: [.]\n"}, id="itself"),
        pytest.param(
            {"kustomization.yaml": "resources: [a]\n", "a/kustomization.yaml": "resources: [..]\n"}, id="round"
        ),
        pytest.param({"kustomization.yaml": "resources: [none.yaml]\n"}, id="a file that is not there"),
        pytest.param({"kustomization.yaml": "resorces: [c.yaml]\n"}, id="an unknown key"),
        pytest.param({"kustomization.yaml": "resources: [c.yaml\n"}, id="no YAML"),
        pytest.param({"kustomization.yaml": "a: &a [*a]\nresources: *a\n"}, id="an alias of itself"),
        pytest.param({"kustomization.yaml": "", "kustomization.yml": ""}, id="two of them"),
    ],
)
def test_a_broken_kustomization_is_an_error(tmp_path: Path, files: Mapping[str, str]) -> None:
    problem_of(tree(tmp_path, files))


BILLION = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(12)
)


def test_aliases_do_not_grow_without_end(tmp_path: Path) -> None:
    problem_of(tree(tmp_path, chart({"a.yaml": CONFIG}, values__yaml=BILLION)))


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    folder = tree(tmp_path, chart({"a.yaml": CONFIG}))
    os.mkfifo(folder / "templates" / "pipe.yaml")
    assert "no regular file" in problem_of(folder).message


def test_many_files_are_refused(tmp_path: Path) -> None:
    assert "more files" in problem_of(tree(tmp_path, chart({f"{i}.yaml": CONFIG for i in range(300)}))).message


def test_a_rendering_does_not_change_the_folder(tmp_path: Path) -> None:
    folder = tree(
        tmp_path, {"kustomization.yaml": "resources: [c.yaml]\nhelmCharts: [{name: web}]\n", "c.yaml": CONFIG}
    )
    tree(folder, {f"charts/web/{name}": text for name, text in chart({"a.yaml": DEPLOYMENT}, values__yaml="").items()})
    before = sorted(folder.rglob("*"))
    rendering: Rendering = render(folder, limits=QUICK)
    assert rendering.problem is None
    assert sorted(folder.rglob("*")) == before
