"""Documents that the command reads itself: numbers keep their digits, and no document takes it down.

The numbers are those that `opa eval --data` prints; a slow test asks it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Attest, Ran

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: x}]}\n"
PRINTS = """\
package numbers

import rego.v1

violation contains json.marshal(value) if value := data.given.n

violation contains json.marshal(value) if value := input.parameters.n
"""
NUMBERS = {
    "twelve digits": ("123456789012", "123456789012"),
    "sixteen digits": ("9007199254740993", "9007199254740993"),
    "twenty digits": ("12345678901234567890", "12345678901234567890"),
    "thirty digits": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "an exponent": ("1e3", "1e3"),
    "a zero at the end": ("1.10", "1.10"),
    "a fraction of nothing": ("1.0", "1.0"),
    "negative zero": ("-0", "-0"),
    "a small number": ("0.1", "0.1"),
    "a fraction with more digits than a float has": ("0.1234567890123456789", "0.1234567890123456789"),
}
"""What JSON says, and what a policy prints."""
YAML_NUMBERS = {
    "twelve digits": ("123456789012", "123456789012"),
    "twenty digits": ("12345678901234567890", "12345678901234567890"),
    "more than 64 bits": ("123456789012345678901234567890", "1.2345678901234568e+29"),
    "an exponent": ("1e3", "1000"),
    "a zero at the end": ("1.10", "1.1"),
    "a fraction of nothing": ("1.0", "1"),
    "negative zero": ("-0", "0"),
    "a small number": ("0.00001", "0.00001"),
    "a smaller number": ("0.0000001", "1e-7"),
    "a fraction": ("12.5e1", "125"),
}
"""What YAML says, and what a policy prints: OPA turns it into JSON first."""


def write(project: Path, files: dict[str, str]) -> None:
    for name, text in {"pod.yaml": POD, "numbers.rego": PRINTS, **files}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def printed(ran: Ran) -> set[str]:
    return {finding["message"] for finding in ran.json()["findings"]}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_json_is_seen_as_opa_sees_it(attest: Attest, project: Path, name: str) -> None:
    number, shown = NUMBERS[name]
    document = f'{{"given": {{"n": {number}}}}}'
    write(project, {"d.json": document, "policies/data.json": document, "policies/numbers.rego": PRINTS})
    write(project, {"p.json": f'{{"numbers": {{"n": {number}}}}}'})
    for line in (
        "check pod.yaml -p numbers.rego --data d.json",
        "check pod.yaml -p policies",
        "check pod.yaml -p numbers.rego --parameters p.json",
    ):
        assert printed(attest("policy", *line.split(), "--format", "json", code=1)) == {shown}, line


@pytest.mark.parametrize("name", YAML_NUMBERS)
def test_a_number_of_yaml_is_seen_as_opa_sees_it(attest: Attest, project: Path, name: str) -> None:
    number, shown = YAML_NUMBERS[name]
    write(project, {"d.yaml": f"given: {{n: {number}}}\n", "policies/numbers.rego": PRINTS})
    write(project, {"policies/data.yaml": f"given: {{n: {number}}}\n"})
    for line in ("check pod.yaml -p numbers.rego --data d.yaml", "check pod.yaml -p policies"):
        assert printed(attest("policy", *line.split(), "--format", "json", code=1)) == {shown}, line


CONFIGURED = "policies: [{{name: numbers, parameters: {{n: {number}}}}}]\n"
CUSTOM = """\
policy:
  custom_policies:
    - name: numbers
      parameters: {{n: {number}}}
      rego_code: |
{rego}
"""


@pytest.mark.parametrize("number", ["123456789012", "12345678901234567890", "123456789012345678901234567890"])
def test_a_number_of_the_configuration_keeps_its_digits(attest: Attest, project: Path, number: str) -> None:
    write(project, {".attest/policies.yaml": CONFIGURED.format(number=number)})
    assert printed(attest("policy", "check", "pod.yaml", "-p", "numbers.rego", "--format", "json", code=1)) == {number}
    rego = "\n".join(f"        {line}" for line in PRINTS.splitlines())
    write(project, {".attest/policies.yaml": CUSTOM.format(number=number, rego=rego)})
    ran = attest("policy", "check", "pod.yaml", "--policy", "numbers", "--format", "json", code=1)
    assert printed(ran) == {number}


COMPARES = """\
package compared

import rego.v1

violation contains "not the number" if data.given.n != 123456789012
"""
TESTS = "package compared_test\n\nimport rego.v1\n\ntest_same if count(data.compared.violation) == 0\n"


def test_a_check_and_a_test_see_the_same_number(attest: Attest, project: Path) -> None:
    data = '{"given": {"n": 123456789012}}'
    write(project, {"p/a.rego": COMPARES, "p/a_test.rego": TESTS, "p/data.json": data, "d.json": data})
    write(project, {"q/a.rego": COMPARES})
    attest("policy", "test", "p", code=0)
    attest("policy", "check", "pod.yaml", "-p", "p", code=0)
    attest("policy", "check", "pod.yaml", "-p", "q", "--data", "d.json", code=0)


@pytest.mark.slow
def test_the_numbers_are_those_of_opa(tmp_path: Path) -> None:
    opa = shutil.which("opa")
    if opa is None:
        pytest.skip("opa is not on the PATH")
    for suffix, table in {".json": NUMBERS, ".yaml": YAML_NUMBERS}.items():
        for number, shown in table.values():
            data = tmp_path / f"d{suffix}"
            data.write_text(f'{{"given": {{"n": {number}}}}}', encoding="utf-8")
            command = [opa, "eval", "--format", "json", "--data", str(data), "json.marshal(data.given.n)"]
            done = subprocess.run(command, capture_output=True, check=True)
            assert json.loads(done.stdout)["result"][0]["expressions"][0]["value"] == shown, number


DEEP = 100_000
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12))
DOCUMENTS = {
    "100,000 levels of JSON lists": ("d.json", '{"a": ' + "[" * DEEP, "nested more than"),
    "100,000 levels of JSON objects": ("d.json", '{"a":' * DEEP + "1" + "}" * DEEP, "nested more than"),
    "100,000 levels of JSON, closed": ("d.json", '{"a": ' + "[" * DEEP + "]" * DEEP + "}", "nested more than"),
    "100,000 levels of YAML in brackets": ("d.yaml", "a: " + "[" * DEEP, "nest"),
    "100,000 levels of YAML in braces": ("d.yaml", "{a: " * DEEP, "nest"),
    "100,000 levels of YAML in dashes": ("d.yaml", "a:\n" + "- " * DEEP, "nested more than"),
    "a thousand levels of YAML by indentation": (
        "d.yaml",
        "".join(" " * level + "a:\n" for level in range(1000)),
        "nested more than",
    ),
    "aliases that multiply": ("d.yaml", BOMB, "values once its aliases are expanded"),
    "an alias of itself": ("d.yaml", "a: &a\n  b: *a\n", "stands for what it is part of"),
    "a list that holds itself": ("d.yaml", "a: &a [*a]\n", "stands for what it is part of"),
    "a key twice in JSON": ("d.json", '{"a": 1,\n "a": 2}', "`a` is given twice"),
    "a key twice in YAML": ("d.yaml", "a: 1\na: 2\n", "`a` is given twice"),
    "a key twice, escaped": ("d.json", '{"a": 1,\n "\\u0061": 2}', "`a` is given twice"),
    "half a character": ("d.json", '{"a": "\\ud800"}', "half a character"),
    "a tag that makes objects": ("d.yaml", "a: !!python/object/apply:os.system [id]\n", "tag"),
    "a flag of YAML 1.1": ("d.yaml", "a: yes\n", "can be read in two ways"),
    "two documents": ("d.yaml", "a: 1\n---\na: 2\n", "more than one document"),
    "a control character": ("d.yaml", 'a: "\x1b[2J"\n', "control character"),
    "no number": ("d.json", '{"a": NaN}', "is no number"),
    "text that never ends": ("d.json", '{"a": "' + '\\"' * DEEP, "not JSON"),
    "no UTF-8": ("d.json", '{"a": "\udcff"}', "not UTF-8"),
}
READERS = {
    "data": "check pod.yaml -p numbers.rego --data",
    "parameters": "check pod.yaml -p numbers.rego --parameters",
    "evidence": "check pod.yaml -p numbers.rego --evidence",
    "a baseline": "check pod.yaml -p numbers.rego --baseline",
    "findings": "explain",
}


def refused(ran: Ran, file: str, says: str) -> None:
    """One line at once, with its place, and never a traceback."""
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert "RecursionError" not in ran.err
    [line] = [line for line in ran.err.splitlines() if line.startswith("error:")]
    assert re.match(rf"error: {re.escape(file)}:\d+(:\d+)?: ", line), line
    assert says in line
    assert len(line) < 300


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_attacks_is_refused_at_its_place(attest: Attest, project: Path, name: str) -> None:
    file, text, says = DOCUMENTS[name]
    write(project, {})
    (project / file).write_bytes(text.encode(errors="surrogateescape"))
    begun = time.monotonic()
    refused(attest("policy", "check", "pod.yaml", "-p", "numbers.rego", "--data", file), file, says)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_has_the_limits(attest: Attest, project: Path, reader: str) -> None:
    write(project, {"d.json": '{"a": ' + "[" * DEEP + "]" * DEEP + "}"})
    refused(attest("policy", *READERS[reader].split(), "d.json"), "d.json", "nested more than")


@pytest.mark.parametrize("reader", [name for name in READERS if name != "findings"])
def test_every_reader_counts_what_aliases_stand_for(attest: Attest, project: Path, reader: str) -> None:
    write(project, {"d.yaml": BOMB})
    refused(attest("policy", *READERS[reader].split(), "d.yaml"), "d.yaml", "aliases are expanded")


@pytest.mark.parametrize("file", [".attest/policies.yaml", ".attest/governance.yaml"])
@pytest.mark.parametrize("name", ["aliases", "itself", "levels"])
def test_configuration_and_rules_have_the_limits(attest: Attest, project: Path, file: str, name: str) -> None:
    text = {"aliases": BOMB, "itself": "a: &a [*a]\n", "levels": "a:\n" + "- " * DEEP}[name]
    write(project, {file: text})
    ran = attest("policy", "check", "pod.yaml", "-p", "numbers.rego")
    refused(ran, file, "")


def test_data_in_a_folder_of_policies_has_limits_too(attest: Attest, project: Path) -> None:
    for file, text in {"data.json": '{"a": ' + "[" * DEEP + "]" * DEEP + "}", "data.yaml": BOMB}.items():
        write(project, {"p/numbers.rego": PRINTS, f"p/{file}": text})
        ran = attest("policy", "check", "pod.yaml", "-p", "p")
        assert ran.code == 2
        assert f"p/{file}" in ran.out + ran.err
        assert "Traceback" not in ran.err
        (project / "p" / file).unlink()
