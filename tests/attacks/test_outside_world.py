"""Policies read no file of the machine and reach no host that is not listed, whatever they call, behind every door."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: []}\n"
SECRET = '{"type": "object", "title": "nobody reads this"}'


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    """A service on this machine, and what it is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


CALLS = {
    "a schema in a file": 'json.match_schema({}, {"$ref": "file://FILE"})[0]',
    "a schema in a file by its id": 'json.match_schema({}, {"$id": "file://FOLDER/", "$ref": "secret.json"})[0]',
    "a schema in a file, to verify": 'json.verify_schema({"items": {"$ref": "file://FILE"}})[0] == false',
    "a schema on a host": 'json.match_schema({}, {"$ref": "HOST/s.json"})[0]',
    "a schema on a host, to verify": 'not json.verify_schema({"$ref": "HOST/s.json"})[0]',
    "a schema that a manifest names": 'not json.match_schema({}, {"$ref": sprintf("HOST/%s", [input.resource])})[0]',
    "a request": 'http.send({"method": "GET", "url": "HOST", "raise_error": false}).status_code == 0',
    "a request under not": 'not http.send({"method": "GET", "url": "HOST"})',
    "a name": 'count(net.lookup_ip_addr("localhost")) > 0',
    "a name under not": 'not net.lookup_ip_addr("localhost")',
    "a socket": 'http.send({"method": "GET", "url": "unix://localhost/?socket=FILE", "raise_error": false})',
    "a certificate in a file": 'http.send({"method": "GET", "url": "HOST", "tls_ca_cert_file": "FILE"})',
    "a certificate in a variable": 'http.send({"method": "GET", "url": "HOST", "tls_ca_cert_env_variable": "HOME"})',
}


def called(call: str, project: Path, host: str) -> str:
    """The call, with a file and a host that are there."""
    (project / "secret.json").write_text(SECRET)
    return call.replace("FILE", str(project / "secret.json")).replace("FOLDER", str(project)).replace("HOST", host)


def plain(call: str) -> dict[str, str]:
    return {"p/p.rego": f'package p\nviolation contains "x" if {{\n    {call}\n}}\n'}


def template(call: str) -> dict[str, str]:
    text = f"""\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: asks}}
spec:
  crd: {{spec: {{names: {{kind: Asks}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: Rego
          source:
            version: v1
            rego: |
              package asks
              violation contains {{"msg": "x"}} if {{
                {call.replace("input.resource", "input.review.object")}
              }}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Asks
metadata: {{name: all}}
"""
    return {"p/p.yaml": text}


@pytest.mark.parametrize("made", [plain, template], ids=["plain", "template"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_would_leave_is_refused_aloud(
    call: str, made: object, service: tuple[str, list[str]], attest: Attest, project: Path
) -> None:
    assert callable(made)
    files = made(called(call, project, service[0]))
    for name, text in {"pod.yaml": POD, **files}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    ran = attest("policy", "check", "pod.yaml", "-p", "p", "--format", "json", code=2)
    problems = [one for one in ran.json()["problems"] if one["severity"] == "error"]
    assert [one["code"] in {"network_refused", "machine_refused"} for one in problems] == [True], problems
    assert problems[0]["line"] > 1
    assert problems[0]["hint"]
    assert service[1] == []


DOORS = {
    "test": ["test", "p"],
    "trace": ["trace", "--policy", "p/p.rego", "--input", "pod.yaml"],
    "profile": ["profile", "p", "--benchmark-data", "pod.yaml"],
    "optimize": ["optimize", "p/p.rego"],
    "generate-tests": ["generate-tests", "--policy", "p/p.rego", "--output", "generated_test.rego"],
    "conflicts": ["conflicts", "-p", "p"],
    "validate": ["validate", "p"],
}


@pytest.mark.parametrize("arguments", DOORS.values(), ids=DOORS)
def test_no_door_leads_out(arguments: list[str], service: tuple[str, list[str]], attest: Attest, project: Path) -> None:
    (project / "p").mkdir()
    (project / "pod.yaml").write_text(POD)
    calls = [called(call, project, service[0]) for name, call in CALLS.items() if "under not" not in name]
    rules = "\n".join(f"violation contains {i} if {call}" for i, call in enumerate(calls))
    tests = "\n".join(f"test_{i} if {call}" for i, call in enumerate(calls))
    (project / "p/p.rego").write_text(f"package p\n{rules}\n")
    (project / "p/p_test.rego").write_text(f"package p_test\n{tests}\n")
    ran = attest("policy", *arguments)
    assert service[1] == []
    assert "nobody reads this" not in ran.out + ran.err
    if arguments[0] in {"test", "trace", "profile"}:
        assert ran.code == 2, ran.out
        assert "refused" in ran.out + ran.err or "policies read no files" in ran.err


def test_schemas_of_annotations_read_nothing(service: tuple[str, list[str]], attest: Attest, project: Path) -> None:
    reference = called('{"$ref": "file://FILE"}', project, service[0])
    elsewhere = called('{"$ref": "HOST/s.json"}', project, service[0])
    for schema in (reference, elsewhere):
        text = f"package p\n# METADATA\n# schemas:\n#   - input: {schema}\nviolation contains 1 if input.kind == 7\n"
        (project / "p.rego").write_text(text)
        (project / "pod.yaml").write_text(POD)
        attest("policy", "validate", "p.rego")
        attest("policy", "check", "pod.yaml", "-p", "p.rego")
    assert service[1] == []


def test_the_machine_is_unknown(attest: Attest, project: Path) -> None:
    (project / "pod.yaml").write_text(POD)
    text = 'package p\nviolation contains sprintf("%v", [opa.runtime()])\n'
    (project / "p.rego").write_text(text)
    ran = attest("policy", "check", "pod.yaml", "-p", "p.rego", "--format", "json", env={"SECRET": "x"}, code=1)
    assert [one["message"] for one in ran.json()["findings"]] == ["{}"]


def test_a_token_leads_nowhere(service: tuple[str, list[str]], attest: Attest, project: Path) -> None:
    """Keys of tokens are given by the policy; addresses in a token (`jku`, `x5u`) are not followed."""
    header = json.dumps({"alg": "RS256", "jku": f"{service[0]}/keys", "x5u": f"{service[0]}/certificate"})
    token = f'concat(".", [base64url.encode_no_pad(`{header}`), "e30", "c2ln"])'
    call = f"io.jwt.decode_verify({token}, {{`cert`: `{{}}`}})"
    (project / "pod.yaml").write_text(POD)
    (project / "p.rego").write_text(f"package p\nviolation contains 1 if {call}\n")
    attest("policy", "check", "pod.yaml", "-p", "p.rego")
    assert service[1] == []


def test_a_listed_host_is_asked(service: tuple[str, list[str]], attest: Attest, project: Path) -> None:
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text("policy: {allow_net: [127.0.0.1]}\n")
    (project / "pod.yaml").write_text(POD)
    call = called(CALLS["a schema on a host"], project, service[0])
    (project / "p.rego").write_text(f'package p\nviolation contains "asked" if {call}\n')
    attest("policy", "check", "pod.yaml", "-p", "p.rego", code=1)
    assert set(service[1]) == {"/s.json"}
