"""Null is absent, as Kubernetes decodes it: nobody is excused, or blamed, by writing it out.

The cases are made: for each example of each shipped policy, each field that is there is set to null, and each field
that some policy reads and that is not there is set to null, too. What is found must be what is found without it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.attacks import mutations
from tests.attacks.mutations import EXAMPLES, Path_, Resource
from tests.cli.conftest import Attest, attest, project

__all__ = ["attest", "project"]

Pair = tuple[str, Resource, Resource]


def pairs(folder: Path) -> list[Pair]:
    """What to compare: how it came about, with null, and as Kubernetes decodes that."""
    names = mutations.field_names()
    return [pair for resource in mutations.examples(folder) for pair in pairs_of(resource, names)]


def pairs_of(resource: Resource, names: list[str]) -> list[Pair]:
    made: list[Pair] = []
    for path in [(), *mutations.paths(resource)]:
        if path and path not in mutations.IDENTITY:
            nulled = mutations.replaced(resource, path, None)
            made.append((f"null at {shown(path)}", nulled, mutations.decoded_null(resource, path)))
        there = mutations.value_at(resource, path)
        if isinstance(there, dict) and not set(path) & mutations.MAPS:
            made.append((f"other fields of {shown(path)}", mutations.with_nulls(resource, path, names), resource))
    return made


def shown(path: Path_) -> str:
    return "/" + "/".join(map(str, path))


def found(attest: Attest, project: Path, folder: Path, resources: list[Resource]) -> list[list[str]]:
    """What the policy of the folder finds in each resource, but for the places."""
    mutations.write(resources, project / "resources.yaml")
    (project / "parameters.json").write_text(json.dumps({folder.name: mutations.parameters_of(folder)}))
    arguments = ["policy", "check", "resources.yaml", "--policy", folder.name, "--parameters", "parameters.json"]
    evidence = folder / "evidence.json"
    ran = attest(*arguments, *(["--evidence", evidence] if evidence.exists() else []), "--format", "json")
    assert ran.code in {0, 1}, ran.err or ran.json()["problems"][:3]
    by_line: dict[int, list[str]] = defaultdict(list)
    for finding in ran.json()["findings"]:
        by_line[finding["location"]["line"]].append(f"{finding['severity']}: {finding['message']}")
    return [sorted(by_line[2 * i + 2]) for i in range(len(resources))]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_null_is_what_kubernetes_decodes_it_to(folder: Path, attest: Attest, project: Path) -> None:
    cases = pairs(folder)
    assert len(cases) > 10
    answers = found(attest, project, folder, [each for _, null, plain in cases for each in (null, plain)])
    differences = [
        (how, with_null, plain)
        for (how, _, _), with_null, plain in zip(cases, answers[::2], answers[1::2], strict=True)
        if with_null != plain
    ]
    assert differences == []
