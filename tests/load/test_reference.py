"""The reference page and the schemas say what the code does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from attest_governance.errors import ConfigurationError
from attest_governance.load.scaffold import TEMPLATES
from attest_governance.load.settings import Settings
from reference_pages.configuration import json_schemas, reference_page, schema_text

Load = Callable[..., Settings]
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
REMEDY = "run: make docs"


def test_page_is_up_to_date() -> None:
    assert (REFERENCE / "configuration.md").read_text(encoding="utf-8") == reference_page(), REMEDY


@pytest.mark.parametrize("name", json_schemas())
def test_schema_is_up_to_date_and_valid(name: str) -> None:
    schema = json_schemas()[name]
    assert (REFERENCE / "schemas" / name).read_text(encoding="utf-8") == schema_text(schema), REMEDY
    jsonschema_rs.meta.validate(schema)


ACCEPTED = {
    "template": (TEMPLATES / "policies.yaml").read_text(encoding="utf-8"),
    "empty sections": "policy:\npolicies:\nexemptions:\ncompliance: {soc2: }\n",
    "numbers and notations": "policy: {timeout: 1.5, memory: 2147483648}",
    "notations in text": "policy: {timeout: 1m30s, memory: 2Gi}",
    "words in capitals": "policies: [{name: a, severity: High}]",
    "custom policy": "policy: {custom_policies: [{name: a, rego_code: package a, level: Namespace, severity: Low}]}",
    "framework": "compliance: {hipaa: {encryption: {at_rest: required}}}",
}
REFUSED = {
    "unknown key": "polcy: {}",
    "bad enforcement": "policies: [{name: a, enforcement: strikt}]",
    "bad duration": "policy: {timeout: soon}",
    "bad memory": "policy: {memory: 2GB}",
    "null where a word is meant": "policies: [{name: a, enforcement: null}]",
    "no name": "policies: [{enabled: true}]",
    "custom policy without code": "policy: {custom_policies: [{name: a}]}",
    "quoted boolean": 'policy: {debug: "true"}',
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_loads_is_valid(text: str, load: Load) -> None:
    load(text)
    _validator().validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_does_not_load_is_not_valid(text: str, load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"policies\.yaml:1:"):
        load(text)
    assert not _validator().is_valid(yaml.safe_load(text))


def _validator() -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((REFERENCE / "schemas" / "configuration.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)
