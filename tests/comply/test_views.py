"""The formats of a report agree, text of others stays text, and the other commands say what there is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.cli.conftest import Attest
from tests.comply.test_report import pod
from tests.selection.conftest import Write

ROOT = Path(__file__).parents[2]
REPORT = ("compliance", "report", ROOT / "examples", "--framework", "soc2", "--framework", "pod-security")


@pytest.fixture
def document(attest: Attest) -> dict[str, Any]:
    return attest(*REPORT, "-f", "json", code=1).json()


def test_every_format_has_the_same_numbers(document: dict[str, Any], attest: Attest, project: Path) -> None:
    attest(*REPORT, "-o", "r.csv", "-o", "r.md", "-o", "r.txt", code=1)
    rows = list(csv.DictReader(io.StringIO((project / "r.csv").read_text())))
    markdown, text = (project / "r.md").read_text(), (project / "r.txt").read_text()
    every = [one for framework in document["frameworks"] for one in framework["controls"]]
    assert len(rows) == len(every)
    for row, one in zip(rows, every, strict=True):
        numbers = [str(one["counts"][name]) for name in ("resources", "passed", "failed", "exempted")]
        assert [row[name] for name in ("control", "state")] == [one["id"], one["state"]]
        assert [row[name] for name in ("resources", "passed", "failed", "exempted")] == numbers
        assert f"| {one['state']} | {' | '.join(numbers)} |" in markdown
        if one["policies"]:
            assert f"{numbers[1]} passed" in next(line for line in text.splitlines() if f"  {one['id']} " in line)
    for framework in document["frameworks"]:
        for state, number in framework["states"].items():
            assert not number or f"{number} {state}" in text.splitlines()[-1]


HOSTILE = "=cmd|' /C calc'!A0 <script>alert(1)</script> [x](http://evil) | `a` \x1b[31m \u202e ::error::"
POLICY = """\
package hostile

violation contains {"message": input.resource.metadata.annotations.say} if input.resource.kind == "Pod"
"""


def test_text_of_others_is_shown_and_never_obeyed(write: Write, attest: Attest) -> None:
    said, title = json.dumps(HOSTILE), json.dumps(HOSTILE.translate({0x1B: "", 0x202E: ""}))
    manifest = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web, annotations: {{say: {said}}}}}\nspec: {{}}\n"
    write({
        "policies/hostile.rego": POLICY,
        ".attest/frameworks/own.yaml": "framework: own\ncontrols:\n"
        f"  - {{id: '=1+1', title: {title}, policies: [{{policy: hostile}}], manual: [{said}]}}\n",
        "k8s/pod.yaml": manifest,
    })  # fmt: skip
    report = ("compliance", "report", "k8s", "-p", "policies", "--framework", "own", "-f")
    for name in ("text", "markdown", "csv", "json"):
        out = attest(*report, name).out
        assert out, name
        assert not {"\x1b", "\u202e"} & set(out), name
        assert not any(line.lstrip().startswith("::") for line in out.splitlines()), name
        if name == "csv":
            assert "\r\nown,,'=1+1," in out
        if name == "markdown":
            assert "<script>" not in out
            assert "](http" not in out


def test_controls_coverage_and_explain_say_what_serves(attest: Attest) -> None:
    out = attest("compliance", "controls", "--framework", "hipaa", code=0).out
    assert "164.312(b)    Audit controls: hipaa-audit-logging" in out
    assert "164.316(a)    Policies and procedures: manual" in out
    covered = attest("compliance", "coverage", "--framework", "hipaa", "-f", "json", code=0).json()
    (framework,) = covered["frameworks"]
    assert framework["controls"] == framework["enforced"] + framework["manual"] + len(framework["gaps"]) == 31
    assert "rbac" in covered["servingNothing"]
    explained = attest("compliance", "explain", "soc2/CC6.3", code=0).out
    assert "rbac: " in explained
    assert "besides:  Reviews of who has which role" in explained
    assert "did you mean `CC6.3`" in attest("compliance", "explain", "CC6.33", code=2).err


def test_status_is_one_screen(attest: Attest) -> None:
    out = attest("compliance", "status", ROOT / "examples", "--framework", "soc2", code=1).out
    assert out.startswith("SOC 2 Trust Services Criteria: ")
    assert "not met  soc2/CC6.1" in out
    assert len(out.splitlines()) < 25


def ensure_documented(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """Holds what a command printed against its schema."""
    schema = json.loads((ROOT / "docs" / "reference" / "schemas" / f"compliance-{name}.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(document)
    assert document["schema"] == f"attest.continuu.ms/compliance-{name}/v1"
    return document


def test_what_is_printed_is_as_the_schemas_say(attest: Attest) -> None:
    for name, arguments in {
        "status": ("status", ROOT / "examples", "--framework", "pod-security"),
        "controls": ("controls", "--framework", "gdpr"),
        "coverage": ("coverage", "--framework", "gdpr"),
        "explanation": ("explain", "soc2/CC6.3"),
    }.items():
        document = ensure_documented(name, attest("compliance", *arguments, "-f", "json").json())
        assert len(document) > 1


OWN = """\
framework: own
controls:
  - {id: a, title: Owners, policies: [{policy: owners}]}
  - {id: b, title: Teams, policies: [{policy: owners}]}
"""
OWNERS = """\
package owners

violation contains {"message": "no owner"} if not input.resource.metadata.labels.owner
"""


def test_diff_says_what_became_worse_better_and_disappeared(write: Write, attest: Attest) -> None:
    report = ("compliance", "report", "k8s", "-p", "policies", "--framework", "own", "-o")
    write({"policies/o.rego": OWNERS, ".attest/frameworks/own.yaml": OWN, "k8s/a.yaml": pod("web", owner="me")})
    attest(*report, "good.json", code=0)
    write({"k8s/a.yaml": pod("web")})
    attest(*report, "bad.json", code=1)
    write({".attest/frameworks/own.yaml": OWN.partition("  - {id: b")[0]})
    attest(*report, "less.json", code=1)
    worse = attest("compliance", "diff", "good.json", "bad.json", code=1).out
    assert "worse: own/a: met, now not met" in worse
    assert "found: k8s/a.yaml:3: [owners] no owner" in worse
    better = attest("compliance", "diff", "bad.json", "good.json", "-f", "json", code=0).json()
    ensure_documented("diff", better)
    assert [one["became"] for one in better["controls"]] == ["better", "better"]
    assert "disappeared: own/b" in attest("compliance", "diff", "bad.json", "less.json", code=1).out
    attest("compliance", "diff", "bad.json", "bad.json", code=0)


def test_what_is_no_report_is_refused(write: Write, attest: Attest) -> None:
    write({"a.json": "{}", "b.json": '{"schema": "other", "generatedAt": "", "frameworks": [], "findings": []}'})
    assert "a.json: the file is no compliance report" in attest("compliance", "diff", "a.json", "a.json", code=2).err
    assert "has the schema `other`" in attest("compliance", "diff", "b.json", "b.json", code=2).err
