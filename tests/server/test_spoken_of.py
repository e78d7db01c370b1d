"""Objects that are admitted without asking the engine are those of which it would have said nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from attest_governance.evaluate import Engine
from attest_governance.model.sources import Manifests, Text
from tests.server.conftest import NOW, engine, opened
from tests.server.test_cluster_policies import EXPANSION, constraint, template

__all__ = ["engine"]

KINDS = (
    ("", "Pod"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("batch", "Job"),
    ("example.com", "Pod"),
    ("example.com", "Thing"),
)
ALWAYS = 'package nohost\nviolation[{"msg": "never"}] { true }\n'
OWN = 'package own\nviolation contains {"msg": "no"} if input.resource.kind == "Job"\n'

names = st.lists(st.sampled_from(("Pod", "Service", "Deployment", "Job", "Thing", "pod", "*")), max_size=2)
groups = st.lists(st.sampled_from(("", "apps", "batch", "example.com", "*")), max_size=2)
entries = st.lists(st.fixed_dictionaries({}, optional={"apiGroups": groups, "kinds": names}), max_size=2)
matches = st.fixed_dictionaries({}, optional={"kinds": entries, "scope": st.just("Namespaced")})
specs = st.fixed_dictionaries({}, optional={"match": matches})
expansions = st.lists(
    st.fixed_dictionaries(
        {
            "applyTo": st.lists(
                st.fixed_dictionaries({"groups": groups, "kinds": names, "versions": st.just(["v1"])}), max_size=2
            ),
            "generatedGVK": st.sampled_from([{"kind": kind, "group": group, "version": "v1"} for group, kind in KINDS]),
        }
    ),
    max_size=2,
)
sets = st.fixed_dictionaries({"specs": st.lists(specs, max_size=2), "expansions": expansions, "own": st.booleans()})
EMPTY = {"specs": [{"match": {"kinds": [{}]}}], "expansions": [], "own": False}
PODS = {"specs": [{"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}], "own": False}
FROM_DEPLOYMENTS = {
    "applyTo": [{"groups": ["apps"], "kinds": ["Deployment"], "versions": ["v1"]}],
    "generatedGVK": {"kind": "Pod", "group": "", "version": "v1"},
}


def documents(made: dict[str, Any]) -> tuple[Text, ...]:
    """The objects of a cluster that come to a set of policies."""
    found = [template(ALWAYS)]
    for number, spec in enumerate(made["specs"]):
        found.append(
            {**constraint(""), "metadata": {"name": f"c{number}"}, "spec": {**spec, "parameters": {"whom": ""}}}
        )
    for number, spec in enumerate(made["expansions"]):
        whole = {**spec, "templateSource": "spec.template"}
        metadata = {"name": f"e{number}"}
        found.append({"apiVersion": EXPANSION.api_version, "kind": EXPANSION.kind, "metadata": metadata, "spec": whole})
    return tuple(Text(f"<cluster>/{one['kind']}/{one['metadata']['name']}", json.dumps(one)) for one in found)


def value(group: str, kind: str) -> dict[str, Any]:
    """An object from which another may follow."""
    made = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    metadata = {"name": f"{group or 'core'}-{kind}".lower(), "namespace": "shop"}
    return {"apiVersion": f"{group}/v1".lstrip("/"), "kind": kind, "metadata": metadata, "spec": {"template": made}}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("spoken")
    (made / "own.rego").write_text(OWN)
    return made


def spoken_and_said(engine: Engine, folder: Path, made: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The kinds of which a policy may speak, and those of which something is said when they are checked in full."""
    files = ("own.rego",) if made["own"] else ()
    runtime = opened(engine, folder, folders=files, documents=documents(made), from_cluster=True, allow_empty=True)
    try:
        if runtime.loaded.problems:
            reject()  # no server puts such a set in force
        spoken = {f"{group}/{kind}" for group, kind in KINDS if runtime.speaks_of(group, kind)}
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [value(*one) for one in KINDS]})
        outcome = runtime.judge(Manifests(inputs=(Text("objects.json", text),)), NOW)
    finally:
        runtime.close()
    resources = [one.resource for one in outcome.findings]
    return spoken, {f"{one.api_version.rpartition('/')[0]}/{one.kind}" for one in resources}


@given(made=sets)
@example(made=EMPTY)
@settings(max_examples=40)
def test_nothing_is_said_of_what_no_policy_speaks_of(engine: Engine, folder: Path, made: dict[str, Any]) -> None:
    spoken, said = spoken_and_said(engine, folder, made)
    assert said <= spoken


@pytest.mark.parametrize(
    ("expansions", "expected"),
    [([], {"/Pod"}), ([FROM_DEPLOYMENTS], {"/Pod", "apps/Deployment"})],
)
def test_some_kinds_are_spoken_of_and_others_are_not(
    engine: Engine, folder: Path, expansions: list[Any], expected: set[str]
) -> None:
    assert spoken_and_said(engine, folder, {**PODS, "expansions": expansions}) == (expected, expected)
