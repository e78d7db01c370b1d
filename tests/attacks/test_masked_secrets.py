"""A secret that a policy found is told to nobody: not in frames, messages, hashes, baselines, explanations or logs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

SECRET = "n0t-t0-be-t0ld"
LINES = ["n0t-t0-be-t0ld", "second-l1ne-0f-it"]
TATTLER = """\
package tattler
import data.attest.lib
violation contains {"msg": sprintf("%v", [input.resource]), "details": {"all": [input.resource]}}
violation contains {"msg": sprintf("%v", [v]), "path": path} if some path, v in lib.variables
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: web\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
CASES: dict[str, str] = {
    "a variable": f"{POD}    env:\n    - name: DB_PASSWORD\n      value: {SECRET}\n",
    "a variable in quotes, with a comment": f'{POD}    env:\n    - name: P_TOKEN\n      value: "{SECRET}" # mind\n',
    "a variable on one line with others": f"{POD}    env: [{{name: TOKEN, value: {SECRET}}}, {{name: B, value: c}}]\n",
    "two variables that are neighbours": f"{POD}    env:\n    - {{name: TOKEN, value: {SECRET}}}\n"
    f"    - {{name: DB_PASSWORD, value: {SECRET}}}\n",
    "a key on a line of its own": f"{POD}    env:\n    - name: TOKEN\n      ? value\n      : {SECRET}\n",
    "a key in quotes with a colon": f'{MAP}data:\n  "a: password": {SECRET}\n',
    "an option": f"{POD}    args: [--verbose, --password={SECRET}]\n",
    "the argument after an option": f"{POD}    args:\n    - --password\n    - {SECRET}\n",
    "a script": f"{POD}    command:\n    - sh\n    - |\n      export DB_PASSWORD={LINES[0]}\n      run {LINES[1]}\n",
    "a file in a ConfigMap": f"{MAP}data:\n  a.properties: |\n    b=c\n    password={LINES[0]}\n    d={LINES[1]}\n",
    "a script after another secret": f"{POD}    command:\n    - sh\n    - |\n      export TOKEN={LINES[0]}\n"
    f"      curl https://me:{LINES[1]}@x.y\n",
    "a folded text": f"{MAP}data:\n  password: >-\n    {LINES[0]}\n    {LINES[1]}\n",
    "a plain text over two lines": f"{MAP}data:\n  password: {LINES[0]}\n    {LINES[1]}\n",
    "a Secret": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: {SECRET}}}\n",
    "JSON": json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"password": SECRET}}
    ),
    "JSON over lines": json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"password": SECRET}}, indent=1
    ),
    "a list": "apiVersion: v1\nkind: List\nitems:\n- " + MAP.replace("\n", "\n  ") + f"data: {{token: {SECRET}}}\n",
}
FORMATS = ("text", "table", "json", "yaml", "sarif", "junit", "github", "openreports")


def test_no_report_tells_a_secret(attest: Attest, project: Path) -> None:
    (project / "tattler.rego").write_text(TATTLER)
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text("policy: {debug: true}\n")
    for i, text in enumerate(CASES.values()):
        name = "in.json" if text.startswith("{") else "in.yaml"
        (project / f"case{i}").mkdir()
        (project / f"case{i}" / name).write_text(text)
    formats = [word for name in FORMATS for word in ("--format", name, "--output", f"out.{name}")]
    arguments = ("--policy-dir", "tattler.rego", "--with-shipped", "--verbose", "--detailed", *formats)
    ran = attest("policy", "check", *(f"case{i}" for i in range(len(CASES))), *arguments, code=1)
    told = {f"out.{name}": (project / f"out.{name}").read_text() for name in FORMATS}
    findings = json.loads(told["out.json"])["findings"]
    found = {Path(one["location"]["file"]).parent.name for one in findings if one["policy"] == "secrets"}
    assert found == {f"case{i}" for i in range(len(CASES))}
    for where, text in {"stdout": ran.out, "stderr": ran.err, **told}.items():
        for line in LINES:
            assert line not in text, where
    assert '"violations":' in ran.err
    assert "primaryLocationLineHash" not in told["out.sarif"]


def test_a_secret_in_a_block_is_found_on_its_line(attest: Attest, project: Path) -> None:
    (project / "in.yaml").write_text(CASES["a file in a ConfigMap"])
    ran = attest("policy", "check", "in.yaml", "--policy", "secrets", code=1)
    assert "in.yaml:7:5 in ConfigMap c" in ran.out
    assert "^^^^" in ran.out
    (finding,) = attest("policy", "check", "in.yaml", "--policy", "secrets", "-f", "json", code=1).json()["findings"]
    assert (finding["location"]["line"], finding["location"]["path"]) == (7, "/data/a.properties")


def test_neither_a_baseline_nor_an_explanation_tells_it(attest: Attest, project: Path) -> None:
    (project / "in.yaml").write_text(CASES["a variable"])
    attest("policy", "scan", ".", "--policy", "secrets", "--create-baseline", "known.json", code=0)
    report = attest("policy", "check", "in.yaml", "--policy", "secrets", "--format", "json", code=1).out
    (project / "report.json").write_text(report)
    explained = attest("policy", "explain", "report.json", code=0)
    assert "they would show the secret" in explained.out
    for text in (explained.out, explained.err, (project / "known.json").read_text()):
        assert SECRET not in text
