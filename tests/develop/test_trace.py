"""`attest policy trace`: the tree says what was evaluated, with which values, and why it held or failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import POD, Attest, Write, nodes, valid

TRACE = ("policy", "trace", "--policy", "policies/p.rego", "--input", "pod.yaml")
HEAD = 'package p\n\nviolation contains "found" if {\n'

# What stands in the body of a rule, the step that decides, its outcome, and what is said of it.
STEPS = {
    "an equality that fails": (
        'input.resource.kind == "Service"',
        "fails",
        ('input.resource.kind = "Pod"', 'because "Pod" is not "Service"'),
    ),
    "an equality that holds": ('input.resource.kind == "Pod"', "holds", ('input.resource.kind = "Pod"',)),
    "a field that is missing": (
        "input.resource.spec.replicas < 2",
        "fails",
        ("input.resource.spec.replicas = undefined", '`input.resource.spec` has no "replicas"'),
    ),
    "a comparison of calls": (
        "count(input.resource.spec.containers) > 2",
        "fails",
        ("count(input.resource.spec.containers) = 2", "because 2 > 2 is false"),
    ),
    "a variable": ("name := input.resource.metadata.name", "holds", ('name = "web"',)),
    "a membership": ('input.resource.kind in ["Service"]', "fails", ('input.resource.kind = "Pod"',)),
    "a negation that fails": ('not input.resource.kind == "Pod"', "fails", ("because what must not hold does",)),
    "a negation that holds": ('not input.resource.kind == "Job"', "holds", ('because "Pod" is not "Job"',)),
    "every element": ("every c in input.resource.spec.containers { c.image }", "holds", ()),
    "not every element": (
        'every c in input.resource.spec.containers { c.name == "web" }',
        "fails",
        ("because not every element passes",),
    ),
    "a builtin that gives nothing": ('startswith(input.resource.kind, "X")', "fails", ("Pod",)),
}


@pytest.mark.parametrize(("body", "outcome", "says"), STEPS.values(), ids=STEPS)
def test_a_step_says_how_it_came_out(
    body: str, outcome: str, says: tuple[str, ...], attest: Attest, write: Write
) -> None:
    write(**{"policies/p.rego": f"{HEAD}\t{body}\n}}\n", "pod.yaml": POD})
    document = valid("trace", attest(*TRACE, "--format", "json", code=0).out)
    [rule] = document["traces"][0]["rules"]
    assert rule["outcome"] == outcome
    [step] = [node for node in rule["children"] if node["kind"] == "expression"]
    assert (step["text"], step["outcome"], step["line"]) == (body, outcome, 4)
    text = attest(*TRACE, code=0).out
    assert f"{outcome}     4  {body}" in text
    for one in says:
        assert one in text


def test_each_solution_is_a_step_of_its_own(attest: Attest, write: Write) -> None:
    body = 'some c in input.resource.spec.containers\n\tc.name == "side"'
    write(**{"policies/p.rego": f"{HEAD}\t{body}\n}}\n", "pod.yaml": POD})
    [rule] = json.loads(attest(*TRACE, "--format", "json", code=0).out)["traces"][0]["rules"]
    steps = [(node.get("again", False), node.get("outcome", ""), node["kind"]) for node in rule["children"]]
    assert steps == [
        (False, "holds", "expression"),
        (False, "fails", "expression"),
        (True, "holds", "expression"),
        (False, "holds", "expression"),
        (False, "", "result"),
    ]


def test_outcomes_are_words_and_not_colors_alone(attest: Attest, write: Write) -> None:
    write(**{"policies/p.rego": f"{HEAD}\tinput.resource.kind\n}}\n", "pod.yaml": POD})
    out = attest(*TRACE).out
    assert "holds  rule p.violation (policies/p.rego:3)" in out
    assert "\x1b" not in out


def test_helpers_say_why_they_fail(attest: Attest, write: Write) -> None:
    rules = f'{HEAD}\tallowed("nginx")\n}}\n\nallowed(image) if startswith(image, "good/")\n'
    write(**{"policies/p.rego": rules, "pod.yaml": POD})
    out = attest(*TRACE, code=0).out
    assert "fails  rule p.allowed (line 7)" in out
    assert 'image = "nginx"' in out


PRINTING = f"""{HEAD}\tprint("looking at", input.resource.metadata.name)
	trace("a note")
	input.resource.kind == "Job"
}}

other if input.resource.kind == "Pod"
"""
EXPLAINED = {
    "notes": (("notes",), {"print", "note", "rule", "expression"}, "looking at web"),
    "fails": (("fails",), {"rule", "expression"}, '"Pod" is not "Job"'),
    "full": (("full",), {"rule", "expression", "print", "note"}, "looking at web"),
}


@pytest.mark.parametrize(("explain", "kinds", "says"), EXPLAINED.values(), ids=EXPLAINED)
def test_explain_selects(explain: tuple[str], kinds: set[str], says: str, attest: Attest, write: Write) -> None:
    write(**{"policies/p.rego": PRINTING, "pod.yaml": POD})
    ran = attest(*TRACE, "--explain", *explain, "--format", "json", code=0)
    found = nodes(json.loads(ran.out)["traces"][0]["rules"])
    assert {node["kind"] for node in found} == kinds
    assert says in ran.out.replace('\\"', '"')


def test_only_rules_of_a_name(attest: Attest, write: Write) -> None:
    write(**{"policies/p.rego": f"{HEAD}\thelper\n}}\n\nhelper if input.resource.kind\n", "pod.yaml": POD})
    document = json.loads(attest(*TRACE, "--rule", "helper", "--format", "json", code=0).out)
    assert [rule["name"] for rule in document["traces"][0]["rules"]] == ["p.helper"]


def test_an_input_document_is_the_input(attest: Attest, write: Write) -> None:
    document = {"resource": {"kind": "Pod"}, "parameters": {"name": "given"}}
    rules = f'{HEAD}\tinput.parameters.name == "given"\n\tinput.resource.kind == "Pod"\n}}\n'
    write(**{"policies/p.rego": rules, "input.json": json.dumps(document)})
    trace = valid("trace", attest(*TRACE[:-1], "input.json", "--format", "json", code=0).out)["traces"][0]
    assert [finding["message"] for finding in trace["findings"]] == ["found"]
    assert trace["file"] == "input.json"


def test_standard_input_is_a_manifest(attest: Attest, write: Write) -> None:
    write(**{"policies/p.rego": f"{HEAD}\tinput.resource.kind\n}}\n"})
    assert "p on Pod web (<stdin>:1): 1 violation" in attest(*TRACE[:-1], "-", stdin=POD, code=0).out


def test_a_constraint_is_traced_as_well(attest: Attest, write: Write) -> None:
    write(**{"gatekeeper/owned.yaml": TEMPLATE, "pod.yaml": POD})
    ran = attest("policy", "trace", "--policy", "gatekeeper", "--input", "pod.yaml", "--format", "json", code=0)
    [trace] = valid("trace", ran.out)["traces"]
    assert (trace["policy"], trace["engine"], len(trace["findings"])) == ("Owned/pods", "gatekeeper", 1)
    assert [node["text"] for node in nodes(trace["rules"]) if node["kind"] == "expression"][:1] == [
        "not input.review.object.metadata.labels.owner"
    ]


def test_a_trace_is_bounded(attest: Attest, write: Write) -> None:
    body = "some a in numbers.range(1, 200)\n\tsome b in numbers.range(1, 200)\n\ta * b < 0"
    write(**{"policies/p.rego": f"{HEAD}\t{body}\n}}\n", "pod.yaml": POD})
    ran = attest(*TRACE, "--explain", "full", "--format", "json", code=0)
    [trace] = valid("trace", ran.out)["traces"]
    assert trace["truncated"]
    assert len(nodes(trace["rules"])) < 25_000
    short = json.loads(attest(*TRACE, "--format", "json", code=0).out)["traces"][0]
    assert [node["kind"] for node in nodes(short["rules"])].count("more") == 1


def test_hostile_text_is_shown_harmlessly(attest: Attest, write: Write) -> None:
    name = "a\\u001b[2Jb\\n::error::x\\u202e"
    pod = f'apiVersion: v1\nkind: Pod\nmetadata: {{name: "{name}"}}\n'
    write(**{"policies/p.rego": f"{HEAD}\tprint(input.resource.metadata.name)\n}}\n", "pod.yaml": pod})
    out = attest(*TRACE, code=0).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert not [line for line in out.splitlines() if line.startswith("::")]


@pytest.mark.parametrize(("more", "longest"), [((), 130), (("--verbose",), 1010)], ids=["short", "verbose"])
def test_a_large_value_is_cut(more: tuple[str, ...], longest: int, attest: Attest, write: Write) -> None:
    write(
        **{
            "policies/p.rego": f"{HEAD}\tnote := input.resource.spec.note\n}}\n",
            "pod.yaml": f"{POD}  note: {'x' * 5000}\n",
        }
    )
    [line] = [line.strip() for line in attest(*TRACE, *more, code=0).out.splitlines() if "note = " in line]
    assert longest - 30 < len(line.removeprefix("note = ")) <= longest


TEMPLATE = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: owned}
spec:
  crd: {spec: {names: {kind: Owned}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package owned
        violation[{"msg": "no owner"}] { not input.review.object.metadata.labels.owner }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Owned
metadata: {name: pods}
"""


def test_nothing_is_written(attest: Attest, write: Write, project: Path) -> None:
    write(**{"policies/p.rego": f"{HEAD}\tinput.resource.kind\n}}\n", "pod.yaml": POD})
    before = sorted(project.rglob("*"))
    attest(*TRACE, code=0)
    assert sorted(project.rglob("*")) == before
