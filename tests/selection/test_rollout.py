"""A policy that is made stricter step by step, by namespace and by date; and one whose review is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from attest_governance.evaluate import Engine
from attest_governance.load.configuration import load_settings
from attest_governance.load.settings import Settings
from attest_governance.load.weakening import switched_off
from attest_governance.model.sources import Manifests, Text
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Attest
    from tests.selection.conftest import Write

RULE = 'package own\n\nviolation contains "found" if input.resource.kind == "ConfigMap"\n'
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: '{}'}}\n"
NOON = datetime(2026, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STEPS = """\
policies:
- name: own
  enforcement: dryrun
  rollout:
  - {enforcement: warn, from: 2026-12-01}
  - {enforcement: strict, namespaces: [shop-*, pay], from: "2026-12-01T02:00:00+02:00"}
  - {enforcement: dryrun, namespaces: [shop-legacy], from: "2026-12-02"}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(engine_path())
    yield engine
    engine.close()


CASES: dict[str, tuple[str, datetime, str]] = {
    "before any step holds, `enforcement` counts": ("shop-web", NOON - SECOND, "dryrun"),
    "a step holds from its first second": ("other", NOON, "warn"),
    "the last of those that hold counts": ("shop-web", NOON, "strict"),
    "an exact namespace": ("pay", NOON, "strict"),
    "a namespace that is only near is not meant": ("payments", NOON, "warn"),
    "no namespace is in none": ("", NOON, "warn"),
    "one day later another step begins": ("shop-legacy", NOON + timedelta(days=1), "dryrun"),
    "but not before": ("shop-legacy", NOON + timedelta(days=1) - SECOND, "strict"),
}


@pytest.mark.parametrize("name", CASES)
def test_enforcement_by_namespace_and_date(engine: Engine, tmp_path: Path, name: str) -> None:
    namespace, now, expected = CASES[name]
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest/policies.yaml").write_text(STEPS)
    (tmp_path / "own.rego").write_text(RULE)
    around = Environment(cwd=tmp_path, home=tmp_path, variables={}, shipped=shipped_policies())
    with open_runtime(engine, Request(folders=(str(tmp_path / "own.rego"),)), around, now=now) as runtime:
        (found,) = runtime.judge(Manifests(inputs=(Text("<stdin>", MAP.format(namespace)),)), now).findings
    assert found.enforcement == expected


def test_a_runtime_that_stays_open_takes_each_step_in_time(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest/policies.yaml").write_text(STEPS)
    (tmp_path / "own.rego").write_text(RULE)
    around = Environment(cwd=tmp_path, home=tmp_path, variables={}, shipped=shipped_policies())
    given = Manifests(inputs=(Text("<stdin>", MAP.format("pay")),))
    with open_runtime(engine, Request(folders=(str(tmp_path / "own.rego"),)), around, now=NOON - SECOND) as runtime:
        assert [runtime.judge(given, at).summary.verdict for at in (NOON - SECOND, NOON)] == ["allow", "deny"]


WRONG = {
    "{enforcement: strict, from: soon}": "must be a date",
    "{enforcement: strict, from: 2026-02-30}": "must be a date",
    "{enforcement: strict, from: '2026-12-01T08:00:00'}": "must be a date",
    "{enforcement: harsh}": "must be one of",
    "{from: 2026-12-01}": "needs `enforcement`",
    "{enforcement: strict, begins: 2026-12-01}": "unknown key `begins`",
}


@pytest.mark.parametrize("step", WRONG)
def test_a_step_that_says_something_else_is_refused(attest: Attest, write: Write, step: str) -> None:
    write(
        {".attest/policies.yaml": f"policies:\n- name: own\n  rollout:\n  - {step}\n", "own.rego": RULE, "c.yaml": ""}
    )
    ran = attest("policy", "check", "c.yaml", "-p", "own.rego", code=2)
    assert WRONG[step] in ran.err
    assert ".attest/policies.yaml:4" in ran.err


def test_a_rollout_is_told_where_governance_asks(write: Write, project: Path) -> None:
    write({".attest/policies.yaml": STEPS})
    settings = load_settings(start=project, home=project.parent / "home", environ={})
    assert any("other times" in told and ".attest/policies.yaml:" in told for told in switched_off(settings))
    assert not switched_off(Settings())


def test_config_shows_a_rollout(attest: Attest, write: Write) -> None:
    write({".attest/policies.yaml": STEPS})
    assert '"from":"2026-12-01T00:00:00Z"' in attest("config", "get", "policies.own.rollout", code=0).out


REVIEWED = (
    "# METADATA\n# title: Reviewed\n# custom: {{review_by: {day}}}\npackage {name}\n\nviolation contains 1 if false\n"
)


def test_policies_whose_review_is_due(attest: Attest, write: Write) -> None:
    days = {"past": "2001-01-31", "future": "2199-01-01"}
    write({f"p/{name}.rego": REVIEWED.format(day=day, name=name) for name, day in days.items()})
    rows = attest("policy", "list", "--due", "-p", "p", "-f", "json", code=0).json()["policies"]
    assert [(row["name"], row["reviewBy"]) for row in rows] == [("past", "2001-01-31")]
    assert "review by 2001-01-31" in attest("policy", "list", "--due", "-p", "p", code=0).out
    attest("policy", "validate", "p", code=0)


@pytest.mark.parametrize("day", ["soon", '"2001-02-30"', '"31.1.2027"'])
def test_a_review_on_no_day_is_refused_and_due(attest: Attest, write: Write, day: str) -> None:
    write({"p.rego": REVIEWED.format(day=day, name="odd")})
    assert "is no date" in attest("policy", "validate", "p.rego", code=2).out
    assert "odd" in attest("policy", "list", "--due", "-p", "p.rego", code=0).out


def test_that_no_review_is_due_is_said(attest: Attest) -> None:
    assert attest("policy", "list", "--due", code=0).out == "no policy is due for review\n"
    assert attest("policy", "list", "--due", "-f", "json", code=0).json()["policies"] == []
