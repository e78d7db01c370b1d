"""`policy check` gives the result that a case's `expect` asks for; test_commands.py has the other commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cases.conftest import Case, Run

Words = str | tuple[str, ...]
DUMP = "policy check -p ../_pol/dump"
PRIVILEGED = "policy check -p ../_pol/priv"


@dataclass(frozen=True)
class Check:
    """One `policy check` in the copy of a case: how it ends, and the words of each finding and problem."""

    case: str
    line: str
    code: int
    found: Sequence[Words] = ()
    problems: Sequence[Words] = ()
    resources: int | None = None


MODES = {"a": 420, "b": 420, "c": 420, "d": 420, "e": 420, "f": 420, "g": 888, "h": -420, "i": 420, "j": 420}
SCALARS = (
    '"date":"2024-04-01"',
    '"stamp":"2001-12-14t21:59:43.10-05:00"',
    '"true":true',
    '"time":"12:30:45"',
    '"nil":null',
    '"float":1000,',
    '"big":12345678901234567890',
    '"bigger":1.2345678901234568e+29',
    '"hex":"0xFFFFFFFFFFFFFFFFFF"',
    '"str":"123"',
    '"int":7',
    '"bin":"hello"',
)
CHECKS = {
    "aliases of list items are expanded": Check(
        "01",
        f"{DUMP} list.yaml",
        1,
        [
            ("list.yaml:5:", '{"name":"early"}', "box:1"),
            ("list.yaml:22:", '{"name":"late"}', "box:2", '"schedule":"5 2'),
        ],
    ),
    "a key of its own wins over a merged one": Check(
        "02", f"{DUMP} m.yaml", 1, [('"extra":{"k":"from-a"', '"extra2":{"k":"ZnJvbS1i"')]
    ),
    "numbers of every base": Check(
        "03", f"{DUMP} pod.yaml", 1, [tuple(f'"defaultMode":{mode},"name":"{name}"' for name, mode in MODES.items())]
    ),
    "scalars are what a cluster takes them for": Check("04", f"{DUMP} cm.yaml", 1, [SCALARS]),
    "text after a separator": Check("06", f"{DUMP} sep.yaml", 2, ["sep.yaml:1:", "sep.yaml:7:"], ["sep.yaml:5:"]),
    "text glued to a separator": Check(
        "06", f"{DUMP} glued.yaml", 2, ["glued.yaml:1:", "glued.yaml:6:"], ["glued.yaml:5:"]
    ),
    "a separator of four dashes": Check(
        "06", f"{DUMP} four.yaml", 2, ["four.yaml:1:", "four.yaml:6:"], ["four.yaml:5:"]
    ),
    "a separator within a scalar": Check("06", f"{DUMP} block.yaml", 1, ["block.yaml:1:"], resources=1),
    "comments, then a Pod": Check("07", f"{DUMP} mixed.yaml", 1, ["mixed.yaml:3:"], resources=1),
    "lines that end as on Windows": Check("08", f"{PRIVILEGED} crlf.yaml", 1, ["crlf.yaml:7:", "crlf.yaml:19:"]),
    "a byte order mark": Check("08", f"{PRIVILEGED} bom.yaml", 1, ["bom.yaml:7:", "bom.yaml:18:"]),
    "lines that end as on old Macs": Check("08", f"{PRIVILEGED} cr.yaml", 1, ["cr.yaml:1:"]),
    "UTF-16": Check("08", f"{PRIVILEGED} utf16.yaml", 2, [], [("utf16.yaml:1:", "UTF-16", "save the file as UTF-8")]),
    "Latin-1": Check("08", f"{PRIVILEGED} latin1.yaml", 2, [], [("latin1.yaml:5:", "save the file as UTF-8")]),
    "null hides no sibling": Check(
        "09", f"{PRIVILEGED} a.yaml", 1, [f"a.yaml:{line}: privileged" for line in (4, 29, 34, 41, 51, 55)]
    ),
    "a broken file that speaks of braces in a comment": Check(
        "10", f"{PRIVILEGED} broken-with-comment.yaml", 2, [], [("broken-with-comment.yaml:", "manifest_syntax")]
    ),
    "a broken rule with braces in a string": Check(
        "10", f"{PRIVILEGED} siblings/rule.yaml", 2, [], [("siblings/rule.yaml:", "manifest_syntax")]
    ),
    "broken arguments with braces": Check(
        "10", f"{PRIVILEGED} siblings/args.yaml", 2, [], [("siblings/args.yaml:", "manifest_syntax")]
    ),
    "a key that stands twice": Check("10", f"{PRIVILEGED} dup-key.yaml", 2, [], [("dup-key.yaml:", "manifest_syntax")]),
    "braces in an annotation": Check("10", f"{PRIVILEGED} annotation.yaml", 1, ["annotation.yaml:9:"]),
    "no extension": Check("11", f"{PRIVILEGED} manifest", 1, ["manifest:4:"]),
    "the extension .txt": Check("11", f"{PRIVILEGED} manifest.txt", 1, ["manifest.txt:4:"]),
    "the extension .YAML": Check("11", f"{PRIVILEGED} manifest.YAML", 1, ["manifest.YAML:4:"]),
    "the extension .yaml.tmpl": Check("11", f"{PRIVILEGED} manifest.yaml.tmpl", 1, ["manifest.yaml.tmpl:4:"]),
    "a folder's hidden files": Check(
        "11",
        f"{PRIVILEGED} .",
        1,
        [".dot.yaml:4:", ".hidden/x.yaml:4:", "manifest.YAML:4:"],
        [(".hidden/x.yaml:1:", "duplicate_object"), ("manifest.YAML:1:", "duplicate_object")],
    ),
    "one name twice": Check(
        "13",
        f"{PRIVILEGED} a.yaml",
        1,
        [f"a.yaml:{line}:" for line in (4, 9, 14, 19, 24)],
        [("a.yaml:11:", "duplicate_object")],
    ),
    "a name that is a number": Check(
        "14", f"{PRIVILEGED} a.yaml", 2, [], [("a.yaml:3:", "`metadata.name` must be a string")]
    ),
    "labels of wrong types": Check(
        "14",
        f"{PRIVILEGED} labels.yaml",
        2,
        ["labels.yaml:14:", "labels.yaml:19:"],
        [
            ("labels.yaml:3:", "`metadata.labels.build` must be a string"),
            ("labels.yaml:8:", "`metadata.labels` must be an object"),
            ("labels.yaml:23:", "`metadata` must be an object"),
            ("labels.yaml:26:", "`apiVersion` must be a string"),
            ("labels.yaml:31:", "`kind` must be a string"),
            ("labels.yaml:35:", "no `kind`"),
            ("labels.yaml:39:", "no `apiVersion`"),
            ("labels.yaml:43:", "no `apiVersion`"),
        ],
    ),
    "two constraints of one name": Check(
        "21",
        "policy check -p all.yaml cm.yaml",
        1,
        [("cm.yaml:3: label", "BannedLabel", "strict"), ("cm.yaml:3: name", "BannedName", "warn")],
    ),
    "a constraint beside its Suite": Check(
        "22", "policy check -p . bad.yaml", 1, [("bad.yaml:3: no label owner", "NeedsLabel/owner")]
    ),
    "a template that imports rego.v1": Check(
        "23", "policy check -p t.yaml pod.yaml", 2, [], [("t.yaml:32:", "rego.v1"), ("t.yaml:51:", "RegoVOne/r")]
    ),
    "a namespace selector without the Namespace": Check(
        "26", "policy check -p t.yaml missing.yaml", 2, [], ["match_error"]
    ),
    "a namespace selector with the Namespace": Check(
        "26",
        "policy check -p t.yaml with.yaml",
        1,
        [("with.yaml:1:", "Always/prod-only"), ("with.yaml:5:", "Always/prod-only")],
    ),
    "a namespace selector, and no namespace": Check("26", "policy check -p t.yaml nons.yaml", 0),
    "CEL that fails": Check("27", "policy check -p t.yaml pod.yaml", 2, [], ["cel_error"]),
    "CEL that asks the authorizer": Check(
        "29", "policy check -p t.yaml pod.yaml", 2, [], ["cel_compile_error", "constraint_without_template"]
    ),
    "a Deployment's Pods": Check(
        "30", "policy check -p t.yaml dep.yaml", 1, ["[Implied by workloads] grace 600 of web-pod in shop"]
    ),
    "a CronJob's Pods": Check(
        "30", "policy check -p t.yaml cron.yaml", 1, ["[Implied by workloads] grace 600 of nightly-job-pod"]
    ),
    "hosts in the inventory": Check("31", "policy check -p t.yaml two.yaml", 1, ["two.yaml:4:", "two.yaml:9:"]),
    "hosts without namespaces": Check("31", "policy check -p t.yaml nons.yaml", 0),
    "what annotations say is what OPA reads": Check(
        "36", "policy check -p p.rego pod.yaml", 1, ["One rule R-1 2", ("doc", "warn")]
    ),
    "a pattern that Go does not know": Check(
        "37",
        "policy check -p p.rego pod.yaml",
        0,
        [],
        [("p.rego:3:", "warning eval_builtin_error"), ("p.rego:5:", "warning eval_builtin_error")],
    ),
    "a package in two dialects": Check("38", "policy check -p . pod.yaml", 1, ["v0 rule", "v1 rule"]),
    "rego.v1 and future keywords": Check("39", "policy check -p . pod.yaml", 1, ["both imports"]),
    "data beside policies": Check(
        "40",
        "policy check -p policy pod.yaml",
        1,
        ['{"big":12345678901234567890,"root":["root"],"sub":["sub"],"yaml":420}'],
    ),
    "what OPA has lately learnt": Check(
        "42", "policy check -p p.rego pod.yaml", 1, ["template string p", '{"a": 1, "b": 1} high']
    ),
    "big numbers in YAML": Check(
        "43",
        "policy check -p p.rego x.yaml",
        1,
        ["x.yaml:1: 0.000000 100.0 3", ("x.yaml:4: 12345678901234567890 12345678901234567891", "true")],
    ),
    "big numbers in JSON": Check(
        "43",
        "policy check -p p.rego x.json",
        1,
        ["x.json:1: 0.000000 100.0 3", ("x.json:1: 12345678901234567890 12345678901234567891", "true")],
    ),
    "lists and workloads of every kind": Check(
        "45", f"{PRIVILEGED} a.yaml", 1, [f"a.yaml:{line}:" for line in (6, 13, 20, 26, 33, 44, 52, 63)]
    ),
    "JSON documents in a row": Check("47", f"{PRIVILEGED} nd.json", 1, ["nd.json:1:", "nd.json:2:"]),
    "YAML with tabs as blanks": Check("47", f"{PRIVILEGED} tabs.yaml", 1, ["tabs.yaml:3:"]),
    "booleans of YAML 1.1": Check(
        "48", f"{PRIVILEGED} bools.yaml", 1, [f"bools.yaml:4: privileged: {c}" for c in "cde"]
    ),
    "a directive": Check(
        "48", f"{PRIVILEGED} a.yaml", 2, ["a.yaml:6:", "a.yaml:13:"], [("a.yaml:1:", "manifest_syntax")]
    ),
    "tabs within a flow": Check("49", f"{PRIVILEGED} ok.yaml", 1, ["ok.yaml:7:"]),
    "tabs as indentation": Check(
        "49", f"{PRIVILEGED} bad.yaml", 2, [], [("bad.yaml:4:", "indent with spaces, not tabs")]
    ),
    "probes of containers that need none": Check("52", "policy check a.yaml --policy health-checks", 0),
    "null labels of a selector": Check("53", "policy check pdb.yaml --policy availability", 0),
    "rules that allow all, of null and {}": Check(
        "54", "policy check a.yaml --policy network-policies", 1, ["'open'", "'open2'"]
    ),
    "an annotation that is no string": Check(
        "56", f"{PRIVILEGED} a.yaml", 2, ["a.yaml:27:"], [("a.yaml:7:", "must be a string")]
    ),
    "a path that is not there": Check("58", f"{PRIVILEGED} nothere ../pod.yaml", 2, ["../pod.yaml:4:"], ["nothere:"]),
    "policies and manifests in one folder": Check("60", "policy check -p . .", 1, ["pod.yaml:4:"]),
    "Gatekeeper's Config excludes namespaces": Check(
        "65", "policy check -p t.yaml o.yaml", 1, [f"o.yaml:{line}:" for line in (18, 22, 34, 38, 42, 46)]
    ),
    "numbers in the parameters of a policy": Check(
        "72", "policy check -p acct acct-pod.yaml --parameters acct.yaml", 0
    ),
    "an inventory that is not there": Check(
        "73", "policy check -p t.yaml new.yaml --inventory knwon.yaml", 2, [], [("knwon.yaml:", "manifest_unreadable")]
    ),
    "an inventory that is no YAML": Check(
        "73", "policy check -p t.yaml new.yaml --inventory broken.yaml", 2, [], [("broken.yaml:", "manifest_syntax")]
    ),
    "an inventory folder that is not there": Check(
        "73", "policy check -p t.yaml new.yaml --inventory nodir/", 2, [], [("nodir", "manifest_unreadable")]
    ),
    "an inventory that knows the host": Check(
        "73", "policy check -p t.yaml new.yaml --inventory known.yaml", 1, ["new.yaml:4:"]
    ),
    "Rego with lines that end as on Windows": Check(
        "76", "policy check -p . ../pod.yaml", 1, [": One rule", ": doc", ": no"]
    ),
    "Rego with a byte order mark": Check("77", "policy check -p . ../pod.yaml", 1, [": no"]),
}
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: x, securityContext: {privileged: true}}]}
"""


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_finds(case: Case, run: Run, name: str) -> None:
    check = CHECKS[name]
    folder = case(check.case)
    (folder.parent / "pod.yaml").write_text(POD)
    document = run(folder, f"{check.line} -f json", check.code).json()
    assert_said([_finding(each) for each in document["findings"]], check.found)
    assert_said([_problem(each) for each in document["problems"]], check.problems)
    assert check.resources in (None, document["resources"])


def _finding(finding: dict[str, Any]) -> str:
    place = finding["location"]
    words = [finding[key] for key in ("message", "policy", "enforcement", "rule")]
    return f"{place['file']}:{place['line']}: {' '.join(words)}"


def _problem(problem: dict[str, Any]) -> str:
    words = [problem[key] for key in ("severity", "code", "message", "hint")]
    return f"{problem['file']}:{problem['line']}: {' '.join(words)}"


def assert_said(said: Sequence[str], expected: Sequence[Words]) -> None:
    """Each of the lines is expected, and nothing that is expected is missing."""
    left = list(said)
    for words in expected:
        wanted = (words,) if isinstance(words, str) else words
        line = next((each for each in left if all(word in each for word in wanted)), None)
        assert line is not None, f"{wanted} is not in\n" + "\n".join(left)
        left.remove(line)
    assert not left
