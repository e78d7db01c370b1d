"""A runtime: what it holds, when its policy set is freed, and that any thread may judge with it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attest_governance.decide import Weights
from attest_governance.errors import EngineError, PolicyError
from attest_governance.evaluate import Engine
from attest_governance.evaluate.requests import GetStatus
from attest_governance.exempt import Annotations
from attest_governance.model.sources import Manifests, Text
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.runtime import Runtime, open_runtime
from tests.exempt.values import finding
from tests.govern import people
from tests.govern.people import DAY, SECOND, approve, ask, govern

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = """package own
violation contains {"msg": "no"} if input.resource.metadata.name == "bad"
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
WARN = "policies: [{name: own, enforcement: warn}]\n"


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(engine_path())
    yield engine
    engine.close()


def sets(engine: Engine) -> int:
    """How many policy sets the engine holds."""
    return engine.ask(GetStatus()).sets


def opened(engine: Engine, folder: Path, *names: str, **asked: Any) -> Runtime:
    (folder / "own.rego").write_text(POLICY)
    around = Environment(cwd=folder, home=folder, variables={}, shipped=shipped_policies())
    request = Request(folders=(str(folder / "own.rego"),), names=names, **asked)
    return open_runtime(engine, request, around, now=NOW)


def pod(name: str) -> Manifests:
    return Manifests(inputs=(Text("<stdin>", POD.format(name=name)),))


def test_a_closed_runtime_frees_its_set_once(engine: Engine, tmp_path: Path) -> None:
    runtime = opened(engine, tmp_path)
    other = opened(engine, tmp_path)
    runtime.close()
    runtime.close()
    assert sets(engine) == 1, "that of the other"
    other.close()
    assert sets(engine) == 0


def test_a_closed_runtime_judges_nothing(engine: Engine, tmp_path: Path) -> None:
    runtime = opened(engine, tmp_path)
    runtime.close()
    with pytest.raises(EngineError, match="closed"):
        runtime.judge(pod("good"), NOW)


def test_a_runtime_says_whether_it_is_closed(engine: Engine, tmp_path: Path) -> None:
    runtime = opened(engine, tmp_path)
    assert runtime.closed is False
    runtime.close()
    assert runtime.closed is True


def test_the_set_stays_until_the_last_judgement_has_ended(engine: Engine, tmp_path: Path) -> None:
    runtime = opened(engine, tmp_path)
    during: list[int] = []

    def close_half_way(_: object) -> None:
        runtime.close()
        during.append(sets(engine))

    assert runtime.judge(pod("bad"), NOW, close_half_way).summary.verdict == "deny"
    assert during[0] == 1
    assert sets(engine) == 0


def test_a_runtime_that_can_not_be_opened_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy is named"):
        opened(engine, tmp_path, "other")
    assert sets(engine) == 0


def test_many_threads_judge_with_one_runtime(engine: Engine, tmp_path: Path) -> None:
    with opened(engine, tmp_path) as runtime, ThreadPoolExecutor(8) as threads:
        names = ["bad", "good"] * 20
        verdicts = list(threads.map(lambda name: runtime.judge(pod(name), NOW).summary.verdict, names))
    assert verdicts == ["deny", "allow"] * 20


def test_runtimes_that_are_opened_and_closed_at_once_don_t_disturb_one_another(engine: Engine, tmp_path: Path) -> None:
    started = threading.Barrier(4)

    def use(number: int) -> str:
        folder = tmp_path / str(number)
        folder.mkdir()
        started.wait()
        with opened(engine, folder) as runtime:
            return runtime.judge(pod("bad"), NOW).summary.verdict

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == ["deny"] * 4
    assert sets(engine) == 0


def test_what_configuration_says_is_in_the_runtime(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text(WARN)
    with opened(engine, tmp_path) as runtime:
        assert runtime.weights == Weights({"own": "warn"})
        assert runtime.judge(pod("bad"), NOW).summary.verdict == "allow"


def test_another_set_is_asked_as_the_configuration_says(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text(WARN)
    with opened(engine, tmp_path) as runtime:
        loaded = engine.load(runtime.sources)
        plan = runtime.drafted(loaded).plan(pod("bad"), NOW)
    assert [one.name for one in plan.selected] == ["own"]
    assert plan.weights(finding()) == Weights({"own": "warn"})


def test_records_are_read_once_and_answer_for_every_moment(engine: Engine, tmp_path: Path) -> None:
    govern(tmp_path)
    now = people.NOW
    approve(tmp_path, ask(tmp_path, policy="own", namespace="*", name="bad", days=5))
    with opened(engine, tmp_path) as runtime:
        assert runtime.judge(pod("bad"), now).summary.verdict == "allow"
        shutil.rmtree(tmp_path / ".attest/exemptions")
        assert runtime.judge(pod("bad"), now + 5 * DAY - SECOND).summary.verdict == "allow"
        assert runtime.judge(pod("bad"), now + 5 * DAY).summary.verdict == "deny"


def test_the_generation_changes_with_what_findings_depend_on(engine: Engine, tmp_path: Path) -> None:
    with opened(engine, tmp_path) as first, opened(engine, tmp_path) as same:
        assert first.generation == same.generation
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text("policies: [{name: own, enforcement: warn}]\n")
    with opened(engine, tmp_path) as configured:
        assert configured.generation != first.generation


def test_a_runtime_knows_every_file_that_it_was_made_of(engine: Engine, tmp_path: Path) -> None:
    named = {name: tmp_path / f"{name}.json" for name in ("data", "evidence", "parameters", "baseline")}
    contents = {"data": "{}", "evidence": "{}", "parameters": "{}"}
    contents["baseline"] = '{"schema": "attest.continuu.ms/baseline/v1"}'
    for name, path in named.items():
        path.write_text(contents[name])
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text(WARN)
    (tmp_path / "own.rego").write_text(POLICY)
    around = Environment(cwd=tmp_path, home=tmp_path / "home", variables={}, shipped=shipped_policies())
    request = Request(
        folders=(str(tmp_path / "own.rego"),),
        data=(named["data"],),
        evidence=named["evidence"],
        parameters=named["parameters"],
        baseline=named["baseline"],
    )
    with open_runtime(engine, request, around, now=NOW) as runtime:
        read = {one.file for one in runtime.read}
    wanted = [*named.values(), tmp_path / "own.rego", tmp_path / ".attest" / "policies.yaml"]
    assert {str(path.resolve()) for path in wanted} <= read


ANNOTATIONS: dict[str, tuple[dict[str, bool], str, Annotations]] = {
    "a command honours them": ({}, "", Annotations.SELF_DECLARED),
    "a command that is configured not to": ({}, "policy: {annotations: ignore}\n", Annotations.IGNORED),
    "a command, whatever servers do": ({}, "server: {annotations: ignore}\n", Annotations.SELF_DECLARED),
    "a server ignores them": ({"serving": True}, "", Annotations.IGNORED),
    "a server that is configured not to": (
        {"serving": True},
        "server: {annotations: honour}\n",
        Annotations.SELF_DECLARED,
    ),
    "nobody wants them": ({"disallow_annotation_exemptions": True}, "", Annotations.IGNORED),
    "nobody wants any exemption": ({"disallow_exemptions": True}, "", Annotations.IGNORED),
}


@pytest.mark.parametrize(("asked", "config", "worth"), ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_what_annotations_are_worth(
    asked: dict[str, bool], config: str, worth: Annotations, engine: Engine, tmp_path: Path
) -> None:
    if config:
        people.write(tmp_path, ".attest/policies.yaml", config)
    with opened(engine, tmp_path, **asked) as runtime:
        assert runtime.plan(pod("bad"), NOW).exempting.annotations is worth


@pytest.mark.parametrize("serving", [False, True], ids=["a command", "a server"])
def test_an_annotation_points_to_an_approval_where_governance_asks_for_one(
    serving: bool, engine: Engine, tmp_path: Path
) -> None:
    govern(tmp_path)
    with opened(engine, tmp_path, serving=serving) as runtime:
        assert runtime.plan(pod("bad"), people.NOW).exempting.annotations is Annotations.POINTER


def test_a_set_with_an_error_selects_nothing_and_says_why(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "broken.rego").write_text("package broken\nviolation contains {")
    around = Environment(cwd=tmp_path, home=tmp_path, variables={}, shipped=shipped_policies())
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text("policies: [{name: absent, enforcement: warn}]\n")
    with open_runtime(engine, Request(folders=(str(tmp_path / "broken.rego"),)), around, now=NOW) as runtime:
        assert runtime.selected == ()
        outcome = runtime.judge(pod("bad"), NOW)
    assert outcome.summary.verdict == "error"
    assert not [one for one in outcome.problems if "absent" in one.message], "what else is wrong is no news"


def test_nothing_is_asked_where_policies_are_off(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ".attest").mkdir()
    (tmp_path / ".attest" / "policies.yaml").write_text("policy: {enabled: false}\n")
    with opened(engine, tmp_path) as runtime:
        outcome = runtime.judge(pod("bad"), NOW)
    assert outcome.summary.verdict == "error"
    assert [(one.code, one.line) for one in outcome.problems] == [("no_policy", 1)]
