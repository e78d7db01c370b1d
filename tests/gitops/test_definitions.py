"""The definitions in `deploy/crds` say what the controller reads, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from attest_governance.controller.gitops.model import (
    API_VERSION,
    APPLICATIONS,
    PHASES,
    PROJECTS,
    ApplicationSpec,
    ProjectSpec,
)

CRDS = Path(__file__).resolve().parents[2] / "deploy" / "crds"


def definition(plural: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CRDS / f"{plural}.yaml").read_text(encoding="utf-8"))
    return loaded


def keys_of(schema: dict[str, Any], at: str = "") -> set[str]:
    """Every key of a schema, with the path to it."""
    if "items" in schema:
        return keys_of(schema["items"], at)
    found = set()
    for name, inner in (schema.get("properties") or {}).items():
        found |= {f"{at}.{name}"} | keys_of(inner, f"{at}.{name}")
    return found


def keys_read(type_: Any, at: str = "") -> set[str]:
    """Every key that the reader takes."""
    found: set[str] = set()
    for candidate in (type_, *get_args(type_)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            for field in msgspec.structs.fields(candidate):
                path = f"{at}.{field.encode_name}"
                found |= {path} | keys_read(field.type, path)
        elif get_args(candidate) and candidate is not type_:
            found |= keys_read(candidate, at)
    return found


@pytest.mark.parametrize(
    ("kind", "spec"),
    [(APPLICATIONS, ApplicationSpec), (PROJECTS, ProjectSpec)],
    ids=["application", "-"][:0] or None,
)
def test_the_definition_has_the_keys_that_are_read(kind: Any, spec: Any) -> None:
    value = definition(kind.plural)
    [version] = value["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert keys_of(schema) == keys_read(spec)
    assert f"{value['spec']['group']}/{version['name']}" == API_VERSION == kind.api_version
    assert (value["spec"]["names"]["kind"], value["spec"]["scope"] == "Namespaced") == (kind.kind, kind.namespaced)


def test_the_phases_are_those_of_the_definition() -> None:
    [version] = definition("attestapplications")["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert status["phase"]["enum"] == list(PHASES)
    assert version["subresources"] == {"status": {}}
