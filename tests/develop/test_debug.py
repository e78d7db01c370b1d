"""`policy.debug`: every evaluation is logged on stderr, a JSON object a line, with an id of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Attest

pytestmark = pytest.mark.usefixtures("security")
CHECK = ("policy", "check", "examples", "k8s", "-p", "policies/security.rego")


def logged(attest: Attest) -> list[dict[str, Any]]:
    return [json.loads(line) for line in attest(*CHECK).err.splitlines()]


def test_nothing_is_logged_unless_asked(attest: Attest) -> None:
    assert attest(*CHECK).err == ""


def test_every_evaluation_is_logged(attest: Attest) -> None:
    attest("config", "set", "policy.debug", "true", code=0)
    decisions = logged(attest)
    assert [(one["policy"], one["rule"], one["file"], len(one["violations"])) for one in decisions] == [
        ("attest-security", "violation", "examples/pod.yaml", 3),
        ("attest-security", "violation", "k8s/deployment.yaml", 1),
    ]
    assert all(one["nanoseconds"] > 0 for one in decisions)


def test_ids_are_never_used_twice(attest: Attest) -> None:
    attest("config", "set", "policy.debug", "true", code=0)
    ids = [one["decisionId"] for _ in range(2) for one in logged(attest)]
    assert len(set(ids)) == len(ids) == 4


def test_the_report_is_the_same(attest: Attest) -> None:
    before = attest(*CHECK, code=1).out
    attest("config", "set", "policy.debug", "true", code=0)
    assert attest(*CHECK, code=1).out == before
