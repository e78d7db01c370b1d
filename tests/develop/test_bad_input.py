"""Bad input to each command gives one clear line with a place, and exit code 2; never a traceback."""

from __future__ import annotations

import shlex

import pytest

from .conftest import Attest, Write

NEVER = """\
package never

violation contains "never" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b < 0
}
"""
CONFLICT = 'package conflict\n\ndeny contains f(1)\n\nf(x) := "a" if x > 0\n\nf(x) := "b" if x > 0\n'
FILES = {
    ".attest/policies.yaml": "policy:\n  timeout: 300ms\n",
    "bad/broken.rego": 'package broken\n\ndeny contains "a" if {\n',
    "bad/broken.yaml": "kind: [\n",
    "bad/broken.json": "{",
    "bad/text.txt": "no policy\n",
    "bad/values.yaml": "replicas: 1\n",
    "bad/never.rego": NEVER,
    "bad/never_test.rego": "package never_test\n\ntest_it if count(data.never.violation) == 0\n",
    "bad/conflict.rego": CONFLICT,
    "bad/conflict_test.rego": "package conflict_test\n\ntest_it if data.conflict.deny\n",
    "bad/library.rego": "package library\n\nx := 1\n",
    "empty/.keep": "",
    "finding.json": '{"policy": "attest-security"}',
    "nothing.json": '{"findings": []}',
}
TRACE = "trace --policy policies/security.rego --input"
PROFILE = "profile --benchmark-data examples"
CASES = {
    "test: no such file": ("test nothing.rego", "nothing.rego: there is no such file or folder"),
    "test: no such policy": ("test attest-securty", "no policy is named `attest-securty`"),
    "test: an empty folder": ("test empty", "empty: there is nothing to test"),
    "test: no Rego": ("test bad/text.txt", "bad/text.txt: error (not_a_policy)"),
    "test: broken Rego": ("test bad/broken.rego", "bad/broken.rego:4:1: error (rego_parse_error)"),
    "test: it never ends": ("test bad/never.rego", "took longer than 300ms and was stopped"),
    "test: it fails to evaluate": ("test bad/conflict.rego", "eval_conflict_error"),
    "test: a wrong pattern": ("test policies --run (", "`(` is no regular expression"),
    "test: a pattern that nothing matches": ("test policies --run nothing", "no test matches `nothing`"),
    "test: a wrong format": ("test policies --format sarif", "unknown format `sarif`"),
    "test: no such resource": ("test policies/security.rego --resource no.yaml", "no such file or folder"),
    "trace: no such policy": ("trace --policy no.rego --input examples/pod.yaml", "no.rego: no such file"),
    "trace: broken Rego": ("trace --policy bad/broken.rego --input examples/pod.yaml", "bad/broken.rego:4:1: "),
    "trace: no policy in it": ("trace --policy bad/library.rego --input examples/pod.yaml", "there is no policy"),
    "trace: an empty folder": ("trace --policy empty --input examples/pod.yaml", "there is no policy"),
    "trace: no such input": (f"{TRACE} no.yaml", "no such file or folder"),
    "trace: broken YAML": (f"{TRACE} bad/broken.yaml", "bad/broken.yaml:2:1: "),
    "trace: broken JSON": (f"{TRACE} bad/broken.json", "bad/broken.json:1:2: invalid JSON"),
    "trace: no resource": (f"{TRACE} bad/values.yaml", "no Kubernetes resource and no input document"),
    "trace: no such rule": (f"{TRACE} examples/pod.yaml --rule nothing", "no rule named `nothing`"),
    "trace: it never ends": ("trace --policy bad/never.rego --input examples/pod.yaml", "took longer than 300ms"),
    "trace: it fails to evaluate": (
        "trace --policy bad/conflict.rego --input examples/pod.yaml",
        "error (eval_conflict_error)",
    ),
    "explain: no such file": ("explain no.json", "no.json: the report can't be read"),
    "explain: no JSON": ("explain bad/broken.json", "this is no JSON"),
    "explain: no finding": ("explain finding.json", "this is no finding"),
    "explain: nothing found": ("explain nothing.json", "there is no finding in the report"),
    "explain: a folder": ("explain empty", "the report is not a file"),
    "profile: no such policy": ("profile no.rego --benchmark-data examples", "no.rego: no such file"),
    "profile: broken Rego": (f"{PROFILE} bad/broken.rego", "bad/broken.rego:4:1: "),
    "profile: an empty folder": (f"{PROFILE} empty", "there is no policy"),
    "profile: no such data": ("profile policies --benchmark-data no", "no: there is no such file or folder"),
    "profile: no data": ("profile bad/conflict.rego", "there are no resources to measure with"),
    "profile: empty data": ("profile policies --benchmark-data empty", "no Kubernetes resource to measure with"),
    "profile: broken data": ("profile policies --benchmark-data bad/broken.yaml", "bad/broken.yaml:2:1: "),
    "profile: it never ends": (f"{PROFILE} bad/never.rego", "took longer than 300ms"),
    "profile: it fails to evaluate": (f"{PROFILE} bad/conflict.rego", "produced conflicting values"),
    "profile: a wrong format": (f"{PROFILE} policies --format svg", "unknown format `svg`"),
    "profile: nothing to compare with": (f"{PROFILE} policies --compare no.json", "the profile can't be read"),
    "profile: no profile": (f"{PROFILE} policies --compare finding.json", "this is no profile"),
}


@pytest.mark.usefixtures("security")
@pytest.mark.parametrize(("line", "says"), CASES.values(), ids=CASES)
def test_one_clear_line(line: str, says: str, attest: Attest, write: Write) -> None:
    write(**FILES)
    ran = attest("policy", *shlex.split(line), code=2)
    said = [text for text in (ran.out + ran.err).splitlines() if says in text]
    assert len(said) == 1, ran
    assert "Traceback" not in ran.err
