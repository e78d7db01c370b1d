"""What each command alone can be given wrong; what several can is a matrix in tests/cli/test_bad_input.py."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .conftest import Attest, Write

CONFLICT = 'package conflict\n\ndeny contains f(1)\n\nf(x) := "a" if x > 0\n\nf(x) := "b" if x > 0\n'
FILES = {
    "bad/broken.rego": 'package broken\n\ndeny contains "a" if {\n',
    "bad/broken.yaml": "kind: [\n",
    "bad/broken.json": "{",
    "bad/values.yaml": "replicas: 1\n",
    "bad/conflict.rego": CONFLICT,
    "bad/empty.rego": "",
    "bad/library.rego": "package library\n\nx := 1\n",
    "empty/.keep": "",
    "finding.json": '{"policy": "attest-security"}',
    "nothing.json": '{"findings": []}',
}
TRACE = "trace --policy policies/security.rego --input"
OPTIMIZE = "optimize --benchmark-data examples"
PROFILE = "profile --benchmark-data examples"
CASES = {
    "test: no such policy": ("test attest-securty", "no policy is named `attest-securty`"),
    "test: broken Rego": ("test bad/broken.rego", "bad/broken.rego:4:1: error (rego_parse_error)"),
    "test: a wrong pattern": ("test policies --run (", "`(` is no regular expression"),
    "test: a pattern that nothing matches": ("test policies --run nothing", "no test matches `nothing`"),
    "test: a wrong format": ("test policies --format sarif", "unknown format `sarif`"),
    "trace: broken Rego": ("trace --policy bad/broken.rego --input examples/pod.yaml", "bad/broken.rego:4:1: "),
    "trace: no policy in it": ("trace --policy bad/library.rego --input examples/pod.yaml", "there is no policy"),
    "trace: broken YAML": (f"{TRACE} bad/broken.yaml", "bad/broken.yaml:2:1: "),
    "trace: broken JSON": (f"{TRACE} bad/broken.json", "bad/broken.json:1:2: invalid JSON"),
    "trace: no resource": (f"{TRACE} bad/values.yaml", "no Kubernetes resource and no input document"),
    "trace: no such rule": (f"{TRACE} examples/pod.yaml --rule nothing", "no rule named `nothing`"),
    "explain: no JSON": ("explain bad/broken.json", "bad/broken.json:1:2: the report is not JSON"),
    "explain: no finding": ("explain finding.json", "the report is not shaped as it must be"),
    "explain: nothing found": ("explain nothing.json", "there is no finding in the report"),
    "profile: broken Rego": (f"{PROFILE} bad/broken.rego", "bad/broken.rego:4:1: "),
    "profile: a policy that fails": (
        "profile bad/conflict.rego",
        "bad/conflict.rego:7:1: function data.conflict.f produced",
    ),
    "profile: broken data": ("profile policies --benchmark-data bad/broken.yaml", "bad/broken.yaml:2:1: "),
    "profile: a wrong format": (f"{PROFILE} policies --format svg", "unknown format `svg`"),
    "optimize: broken Rego": (f"{OPTIMIZE} bad/broken.rego", "bad/broken.rego:4:1: "),
    "optimize: an empty file": (f"{OPTIMIZE} bad/empty.rego", "bad/empty.rego:1:1: the file is empty"),
    "optimize: no text": (f"{OPTIMIZE} bad/latin.rego", "bad/latin.rego: the file is not UTF-8"),
    "optimize: no policy in it": (f"{OPTIMIZE} bad/library.rego", "bad/library.rego:1:1: the file is no policy"),
    "optimize: a wrong format": (f"{OPTIMIZE} policies/security.rego --format svg", "`svg` is no value of `--format`"),
    "profile: no profile": (f"{PROFILE} policies --compare finding.json", "the profile is not shaped as it must be"),
}


@pytest.mark.usefixtures("security")
@pytest.mark.parametrize(("line", "says"), CASES.values(), ids=CASES)
def test_one_clear_line(line: str, says: str, attest: Attest, write: Write, project: Path) -> None:
    write(**FILES)
    (project / "bad" / "latin.rego").write_bytes(b"package latin # \xe9\n")
    ran = attest("policy", *shlex.split(line), code=2)
    said = [text for text in (ran.out + ran.err).splitlines() if says in text]
    assert len(said) == 1, ran
    assert "Traceback" not in ran.err
