"""Numbers of manifests are those that Kubernetes holds once it has read them, in YAML and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Attest

POLICY = """\
package numbers

violation contains {"msg": json.marshal(input.resource.number)} if true
"""
NUMBERS: dict[str, dict[str, float]] = {
    ".json": {
        "1e-400": 0,
        "-1e-400": 0,
        "0.0": 0,
        "-0": 0,
        "1.0": 1,
        "1e3": 1000,
        "100e-2": 1,
        "0.1": 0.1,
        "9223372036854775807": 9223372036854775807,
        "12345678901234567890": 12345678901234567890,
        "123456789012345678901234567890": 123456789012345678901234567890,
        "1e21": 1e21,
    },
    ".yaml": {
        "1e-400": 0,
        "0x1F": 31,
        "017": 15,
        "1_000": 1000,
        "1.0": 1,
        "12345678901234567890": 12345678901234567890,
    },
}


@pytest.mark.parametrize("ending", NUMBERS)
def test_a_number_is_what_kubernetes_holds(attest: Attest, project: Path, ending: str) -> None:
    (project / "numbers.rego").write_text(POLICY)
    head = {
        ".json": '{"apiVersion": "a.com/v1", "kind": "A", "number": %s}\n',
        ".yaml": "apiVersion: a.com/v1\nkind: A\nnumber: %s\n",
    }
    for i, text in enumerate(NUMBERS[ending]):
        (project / f"{i:03}{ending}").write_text(head[ending] % text)
    ran = attest("policy", "check", ".", "-p", "numbers.rego", "--format", "json", code=1)
    found = {finding["location"]["file"]: json.loads(finding["message"]) for finding in ran.json()["findings"]}
    got = {text: found[f"{i:03}{ending}"] for i, text in enumerate(NUMBERS[ending])}
    assert got == NUMBERS[ending]


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1" + "0" * 400])
def test_a_number_that_kubernetes_refuses_is_refused(attest: Attest, project: Path, text: str) -> None:
    (project / "numbers.rego").write_text(POLICY)
    (project / "a.json").write_text(f'{{"apiVersion": "example.com/v1", "kind": "A", "number": {text}}}')
    ran = attest("policy", "check", "a.json", "-p", "numbers.rego", code=2)
    assert "out of range" in ran.out
