"""The API for programs: what `attest policy check --format json` says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from attest_governance.evaluate import Engine
from tests.evaluate.fake import fake_engine
from tests.server.conftest import Start, pod

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/reference/schemas/check.schema.json").read_text(encoding="utf-8")
)
VALID = jsonschema_rs.validator_for(SCHEMA)
YAML = b"""apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  hostNetwork: true
---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: web}}
"""


@pytest.mark.parametrize("kind", ["application/yaml", "application/x-yaml", "text/yaml; charset=utf-8", "text/plain"])
def test_manifests_in_yaml(start: Start, kind: str) -> None:
    answer = start().ask("POST", "/v1/check?namespace=prod", YAML, {"content-type": kind})
    assert answer.status == 200
    document = answer.json()
    VALID.validate(document)
    [finding] = document["findings"]
    assert (document["verdict"], document["resources"]) == ("deny", 2)
    assert finding["resource"]["namespace"] == "prod"
    assert (finding["location"]["file"], finding["location"]["line"]) == ("<request>", 5)


def test_a_manifest_in_json(start: Start) -> None:
    document = start().ask("POST", "/v1/check", json.dumps(pod()).encode()).json()
    assert (document["verdict"], document["findings"]) == ("allow", [])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "nothing_judged", id="nothing"),
        pytest.param(b"replicas: 1", "nothing_judged", id="no resource"),
        pytest.param(b"a: [", "manifest_syntax", id="no YAML"),
        pytest.param(b"apiVersion: v1\nkind: 7\n", "manifest_invalid", id="a kind that is none"),
    ],
)
def test_what_can_not_be_judged_is_an_error_of_the_document(start: Start, body: bytes, code: str) -> None:
    answer = start().ask("POST", "/v1/check", body, {"content-type": "application/yaml"})
    document = answer.json()
    VALID.validate(document)
    assert (answer.status, document["verdict"]) == (200, "error")
    assert [one["code"] for one in document["problems"]] == [code]


def test_files_of_the_server_can_not_be_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(YAML)
    body = json.dumps({"paths": [str(tmp_path / "bad.yaml")], "inventory": [str(tmp_path)]}).encode()
    document = start().ask("POST", "/v1/check", body).json()
    assert (document["verdict"], document["files"], document["resources"]) == ("error", 1, 0)


def test_an_engine_that_is_gone_is_no_verdict(start: Start, tmp_path: Path) -> None:
    engine = Engine(fake_engine(tmp_path, "dying"))
    server = start(configuration="policy: {shipped: false}\n", with_engine=engine, allow_empty=True)
    answer = server.ask("POST", "/v1/check", YAML, {"content-type": "application/yaml"})
    assert (answer.status, answer.json()["code"]) == (503, "internal_error")
    engine.close()
