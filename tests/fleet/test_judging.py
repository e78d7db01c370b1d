"""A unit comes to what a check of the same file comes to, row by row; what kills the engine costs itself alone."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from pyarrow import parquet
from ray import cloudpickle

from attest_governance.errors import EngineError, InputError, UsageError
from attest_governance.evaluate import Engine
from attest_governance.fleet.judging import CHECKS, COLUMNS, Judged, judge
from attest_governance.fleet.running import Fleet, run
from attest_governance.fleet.sources import units
from attest_governance.request import Environment, Request
from attest_governance.resources import engine_path, shipped_policies
from attest_governance.runtime import Runtime, open_runtime
from tests.cli.conftest import Attest
from tests.fleet.conftest import pod, write_lines
from tests.govern import people

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "check.schema.json"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FATAL = """package own
import rego.v1
violation contains {"msg": "privileged", "path": ["spec"]} if {
    input.resource.spec.containers[_].securityContext.privileged
}
violation contains {"msg": "heavy"} if {
    input.resource.metadata.name == "p7"
    count({[i, j] | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000)}) > 0
}
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(engine_path())
    yield engine
    engine.close()


def opened(engine: Engine, folder: Path, *folders: str) -> Runtime:
    around = Environment(cwd=folder, home=folder, variables={}, shipped=shipped_policies())
    request = Request(folders=folders, checked=True, allow_empty=True, kept=True)
    return open_runtime(engine, request, around, now=NOW)


def indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.splitlines())


def audited(runtime: Runtime, source: Path, output: Path) -> list[Judged]:
    for folder in COLUMNS:
        (output / folder).mkdir(parents=True)
    return [judge(runtime, unit, NOW, output) for unit in units([str(source)])]


def rows(output: Path, folder: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((output / folder).glob("*.parquet")):
        found += parquet.read_table(path).to_pylist()
    return found


def as_rows(report: dict[str, Any]) -> list[tuple[object, ...]]:
    """The findings of a check."""
    return sorted(
        (one["policy"], one["resource"]["name"], one["message"], one["location"]["line"], one["location"]["path"])
        for one in report["findings"]
    )


@pytest.mark.parametrize("name", ["east/pods.json", "west/all.jsonl", "south.yaml"])
def test_the_rows_are_those_of_a_check(name: str, dumps: Path, engine: Engine, tmp_path: Path, attest: Attest) -> None:
    with opened(engine, dumps.parent) as runtime:
        judged = audited(runtime, dumps / name, tmp_path / "out")
    report = attest("policy", "check", "-", "--format", "json", stdin=(dumps / name).read_text()).json()
    found = rows(tmp_path / "out", "findings")
    assert as_rows(report)
    assert as_rows(report) == sorted((r["policy"], r["name"], r["message"], r["line"], r["path"]) for r in found)
    assert {row["file"] for row in found} == {str(dumps / name)}
    assert sum(one.counts["violations"] for one in judged) == report["violations"]
    assert (
        sum(one.counts["resources"] for one in judged)
        == report["resources"]
        == len(rows(tmp_path / "out", "resources"))
    )


@pytest.mark.parametrize("name", ["east/pods.json", "south.yaml"])
def test_the_document_is_that_of_a_check(name: str, dumps: Path, engine: Engine, project: Path, attest: Attest) -> None:
    (project / "out" / CHECKS).mkdir(parents=True)
    with opened(engine, project) as runtime:
        audited(runtime, dumps / name, project / "out")
    (line,) = [one for file in (project / "out" / CHECKS).iterdir() for one in file.read_text().splitlines()]
    found = json.loads(line)
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), found)
    report = attest("policy", "check", dumps / name, "--format", "json").json()
    wanted = ("resource", "policy", "message", "severity", "enforcement", "fix", "details", "controls")
    assert found["findings"]
    assert [[one[key] for key in wanted] for one in found["findings"]] == [
        [one[key] for key in wanted] for one in report["findings"]
    ]
    assert [one["location"] | {"file": ""} for one in found["findings"]] == [
        one["location"] | {"file": ""} for one in report["findings"]
    ]
    assert {one["location"]["file"] for one in found["findings"]} == {str(dumps / name)}
    for key in ("violations", "resources", "policySet"):
        assert found[key] == report[key]


def test_rows_of_parquet_belong_to_their_clusters(dumps: Path, engine: Engine, tmp_path: Path) -> None:
    with opened(engine, dumps.parent) as runtime:
        (judged,) = audited(runtime, dumps / "rest.parquet", tmp_path / "out")
    assert {name: found["resources"] for name, found in judged.clusters.items()} == {"north": 10, "arctic": 10}
    for row in rows(tmp_path / "out", "resources"):
        assert row["name"] == f"p{109 + row['line']}"
        assert row["cluster"] == ("arctic" if row["line"] % 2 else "north")


def test_what_kills_the_engine_is_undecided_and_all_else_is_judged_once(engine: Engine, project: Path) -> None:
    (project / "own.rego").write_text(FATAL)
    (project / ".attest").mkdir()
    (project / ".attest" / "policies.yaml").write_text("policy: {memory: 192Mi, timeout: 60s}\n")
    dump = write_lines(project / "a.jsonl", [pod(one) for one in range(12)])
    with opened(engine, project, str(project / "own.rego")) as runtime:
        (judged,) = audited(runtime, dump, project / "out")
    assert sorted(row["name"] for row in rows(project / "out", "resources")) == sorted(
        f"p{one}" for one in range(12) if one != 7
    )
    assert [(row["name"], row["line"]) for row in rows(project / "out", "findings")] == [
        ("p0", 1),
        ("p5", 6),
        ("p10", 11),
    ]
    assert [(row["code"], row["line"]) for row in rows(project / "out", "problems")] == [("engine", 8)]
    assert judged.counts["errors"] == 1
    assert "a.jsonl:8: " in judged.errors[0]


def test_an_unreadable_file_is_undecided(engine: Engine, project: Path) -> None:
    (project / "a.json").write_bytes(b'{"a": "\xff"}')
    with opened(engine, project) as runtime:
        (judged,) = audited(runtime, project / "a.json", project / "out")
    assert judged.counts == {"errors": 1}
    assert rows(project / "out", "problems")[0]["code"] == "unreadable"


def test_whoever_judges_a_unit_again_writes_the_same(dumps: Path, engine: Engine, tmp_path: Path) -> None:
    with opened(engine, dumps.parent) as runtime:
        audited(runtime, dumps / "east", tmp_path / "one")
        audited(runtime, dumps / "east", tmp_path / "two")
    for folder in COLUMNS:
        assert rows(tmp_path / "one", folder) == rows(tmp_path / "two", folder)
    assert not list((tmp_path / "one").rglob("*.part"))


def test_a_ray_that_does_not_start_is_told(project: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise Exception("the node timed out")  # noqa: TRY002 (as Ray does)

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with opened(engine, project) as runtime:
        fleet = Fleet(output=project, policies=runtime.packed(NOW), now=NOW)
    with pytest.raises(UsageError, match="can't be started: the node timed out"):
        run(fleet, (), lambda _: None)


def test_what_is_absent_is_told_before_ray_starts(
    project: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with opened(engine, project) as runtime:
        fleet = Fleet(output=project / "out", policies=runtime.packed(NOW), now=NOW)
    with pytest.raises(InputError, match="`absent` does not exist"):
        run(fleet, units(["absent"]), lambda _: None)
    assert not (project / "out").exists()


@pytest.mark.parametrize("governed", [False, True], ids=["of anybody", "governed"])
def test_policies_travel_without_their_files(
    engine: Engine, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, governed: bool
) -> None:
    """What a worker on another machine comes to: it has no file of the project, and another engine."""
    (project / ".attest").mkdir(exist_ok=True)
    (project / ".attest" / "policies.yaml").write_text(
        f"policy:\n  custom_policies:\n    - name: own\n      rego_code: |\n{indented(FATAL)}"
    )
    privileged = pod(5)
    dump = write_lines(tmp_path / "a.jsonl", [pod(4), privileged, pod(10)])
    if governed:
        people.govern(project)
        name, namespace = privileged["metadata"]["name"], privileged["metadata"]["namespace"]
        record = people.ask(project, now=NOW, policy="own", kind="Pod", namespace=namespace, name=name)
        people.approve(project, record, now=NOW)
    with opened(engine, project) as runtime:
        here, travelling = audited(runtime, dump, tmp_path / "here"), cloudpickle.dumps(runtime.packed(NOW))  # type: ignore[no-untyped-call]
        generation, waivers = runtime.generation, [one["waiver"] for one in rows(tmp_path / "here", "findings")]
    shutil.rmtree(project)
    monkeypatch.chdir(tmp_path)
    other = Engine(engine_path())
    with contextlib.closing(other), pickle.loads(travelling).unpacked(other) as runtime:  # noqa: S301 (our own)
        assert runtime.generation == generation
        assert audited(runtime, dump, tmp_path / "there") == here
        os.kill(other.pid, signal.SIGKILL)  # another process is given what has travelled
        assert audited(runtime, dump, tmp_path / "again") == here
    for folder in COLUMNS:
        assert rows(tmp_path / "there", folder) == rows(tmp_path / "here", folder)
    assert any(one.startswith("approved:") for one in waivers) is governed, waivers


def test_a_worker_that_comes_to_other_policies_judges_nothing(engine: Engine, project: Path) -> None:
    with opened(engine, project) as runtime:
        packed = runtime.packed(NOW)
    other = msgspec.structs.replace(packed.policies, read=packed.policies.read[1:])
    with pytest.raises(EngineError, match="not those that were kept"):
        msgspec.structs.replace(packed, policies=other).unpacked(engine)


def test_hostile_names_stay_in_their_cells(engine: Engine, project: Path) -> None:
    hostile = pod(5)
    hostile["metadata"]["name"] = "../../x\x1b[31m\n"
    dump = project / "a.json"
    dump.write_text(json.dumps(hostile))
    with opened(engine, project) as runtime:
        audited(runtime, dump, project / "out")
    assert {path.name for path in (project / "out").rglob("*") if path.is_file()} <= {"00000000.parquet"}
