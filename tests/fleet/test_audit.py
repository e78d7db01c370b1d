"""`attest fleet audit` on a real Ray: what it writes, and what it does when a worker dies."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import jsonschema_rs
import pytest
from pyarrow import parquet

from tests.cli.conftest import Attest, environment
from tests.fleet.conftest import pod, write_lines

pytestmark = pytest.mark.slow
QUIET = {"PYTHONWARNINGS": ""}
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "fleet.schema.json"
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "fleet.md"


def test_an_audit_writes_tables_that_add_up(dumps: Path, project: Path, attest: Attest) -> None:
    ran = attest("fleet", "audit", dumps.name, "--output", "out", "--workers", "1", "--format", "json", env=QUIET)
    assert ran.code == 1, ran.err
    document = ran.json()
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), document)
    assert document == json.loads((project / "out" / "run.json").read_text())
    assert document["counts"]["resources"] == 130
    assert set(document["clusters"]) == {"east", "west", "south", "north", "arctic"}
    assert _asked(f"from read_parquet('{project}/out/resources/*.parquet') select count(*)") == [(130,)]
    counted = f"from read_parquet('{project}/out/findings/*.parquet') select count(*)"
    against = document["counts"]["violations"]
    assert _asked(f"{counted} where enforcement = 'strict' and waiver = ''") == [(against,)]
    assert sum(document["severities"].values()) == document["counts"]["violations"]
    queries = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    answers = [_asked(re.sub(r"'(audit|yesterday)/", f"'{project}/out/", sql)) for sql in queries]
    assert len(answers) == 3
    assert answers[0][0][0] == "west"
    assert answers[2] == [], "nothing is new since the same audit"


def _asked(sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as database:
        return database.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dumps", "--output", "dumps"), "not empty"),
        (("absent", "--output", "out"), "does not exist"),
        (("dumps", "--output", "out", "--format", "sarif"), "no format"),
        (("dumps", "--output", "out", "--policy", "absent"), "absent"),
        (("dumps", "--output", "out", "--address", "127.0.0.1:1"), "can't be reached"),
        (("dumps", "--output", "out", "--address", "auto"), "is no address"),
    ],
)
def test_wrong_calls_are_told(arguments: tuple[str, ...], said: str, dumps: Path, attest: Attest) -> None:
    assert dumps
    ran = attest("fleet", "audit", *arguments, env=QUIET)
    assert ran.code == 2, ran.out
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_worker_that_is_killed_costs_nothing(project: Path, tmp_path: Path) -> None:
    write_lines(project / "a.jsonl", [pod(one) for one in range(20_000)])
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "attest_governance.cli", "fleet", "audit", "a.jsonl", "--output", "out"]
    with subprocess.Popen(
        [*command, "--workers", "1", "--format", "json"],
        cwd=project,
        env=environment(home, QUIET),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while not list((project / "out").glob("findings/*.parquet")) and running.poll() is None:
            pass
        for worker in _workers(running.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        out, err = running.communicate()
    assert running.returncode == 1, err
    document = json.loads(out)
    assert document["retried"] > 0
    assert document["counts"]["resources"] == 20_000
    names = [
        name
        for path in (project / "out" / "resources").glob("*.parquet")
        for name in parquet.read_table(path, columns=["name"])["name"].to_pylist()
    ]
    assert sorted(names) == sorted(f"p{one}" for one in range(20_000))


def _workers(driver: int) -> list[int]:
    """The processes of Ray's actors that this driver has started."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and b"ray::Worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if driver in _above(pid)]


def _above(pid: int) -> list[int]:
    found = []
    while pid > 1:
        with contextlib.suppress(OSError):
            pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
            found.append(pid)
            continue
        break
    return found
