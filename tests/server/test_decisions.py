"""The decision log: what it keeps, what it never keeps, and what becomes of requests when it can't be written."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from attest_governance.errors import InputError, OutputError
from attest_governance.load.decision_log import read_decisions
from attest_governance.model.decision import SCHEMA, Decision
from attest_governance.server.decisions import DecisionLog
from attest_governance.server.masking import masked
from tests.cli.conftest import Attest, attest, project
from tests.server.conftest import POLICY, Start, pod, review

__all__ = ["attest", "project"]

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas"
ENTRY = Decision(id="1", time="2026-03-01T12:00:00Z", door="admit", verdict="allow", allowed=True)
INPUTS = "server: {decision_log_inputs: true}\n"


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]


def test_every_decision_is_a_line(start: Start, tmp_path: Path) -> None:
    server = start(log=True)
    response = server.admit(pod(hostNetwork=True), dryRun=True)
    server.admit(pod())
    server.ask("POST", "/v1/check", json.dumps(pod()).encode())
    denied, allowed, checked = logged(tmp_path)
    assert denied["id"] == response["auditAnnotations"]["decision"]
    assert denied["time"] == "2026-03-01T12:00:00Z"
    assert {name: denied[name] for name in ("door", "verdict", "allowed", "operation", "user", "dryRun")} == {
        "door": "admit",
        "verdict": "deny",
        "allowed": False,
        "operation": "CREATE",
        "user": "ann",
        "dryRun": True,
    }
    assert denied["resource"] == {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"}
    [finding] = denied["findings"]
    assert (finding["policy"], finding["severity"], finding["path"]) == ("own", "critical", "/spec/hostNetwork")
    assert denied["policySet"].startswith("sha256:")
    assert len(denied["inputDigest"]) == 64
    assert "input" not in denied
    assert (allowed["verdict"], checked["door"]) == ("allow", "check")


def test_what_could_not_be_decided_is_logged_too(start: Start, tmp_path: Path, monkeypatch: Any) -> None:
    server = start(log=True)

    def fails(*_: Any, **__: Any) -> Any:
        raise OSError("gone")

    monkeypatch.setattr(server.service.current, "areview", fails)
    server.admit(pod())
    [entry] = logged(tmp_path)
    assert (entry["verdict"], entry["allowed"], entry["problems"]) == (
        "error",
        False,
        ["internal error: OSError: gone"],
    )


@pytest.mark.parametrize("value", [pod(), {"apiVersion": "v1", "kind": "Other", "metadata": {"name": "a"}}])
@pytest.mark.parametrize("insists", [True, False])
def test_a_disk_that_hangs_holds_up_nobody_else(
    start: Start, monkeypatch: pytest.MonkeyPatch, value: dict[str, Any], *, insists: bool
) -> None:
    configuration = "server: {decision_log_failure: fail}\n" if insists else "server: {decision_log_failure: ignore}\n"
    server = start(configuration=configuration, log=True)
    hangs = threading.Event()
    monkeypatch.setattr(DecisionLog, "append", lambda *_: hangs.wait(60))

    async def crowd() -> tuple[dict[str, Any], list[int]]:
        body = json.dumps(review(value)).encode()
        stuck = asyncio.create_task(server.aask("POST", "/v1/admit?timeout=500ms", body))
        others = []
        while not stuck.done():
            others.append((await server.aask("GET", "/livez")).status)
            await asyncio.sleep(0.01)
        return (await stuck).response, others

    response, others = asyncio.run(crowd())
    hangs.set()
    assert response["allowed"] is not insists
    assert not insists or "the decision log does not keep up" in response["status"]["message"]
    assert len(others) > 5
    assert set(others) == {200}
    assert server.metrics()["attest_decision_log_failures_total"] == 1


def test_inputs_are_kept_where_configured(start: Start, tmp_path: Path) -> None:
    start(configuration=INPUTS, log=True).admit(pod())
    [entry] = logged(tmp_path)
    assert entry["input"]["request"]["object"] == pod()
    assert "masked" not in entry


SECRET = "correct horse"
TELLS = """package own
deny contains sprintf("%v %v", [object.get(input.resource, "data", {}), object.get(input.resource, "stringData", {})])
warn contains base64.decode(x) if some x in input.resource.data
"""


@pytest.mark.parametrize("configuration", ["", INPUTS])
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_values_of_secrets_never_reach_the_log(
    start: Start, tmp_path: Path, configuration: str, operation: str
) -> None:
    encoded = base64.b64encode(SECRET.encode()).decode()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":{{"a":"{encoded}"}}}}'}
    metadata = {"name": "s", "namespace": "shop", "annotations": applied}
    value = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": encoded}}
    plain = {**value, "stringData": {"a": SECRET}}
    server = start(TELLS, configuration, log=True)
    server.admit(None if operation == "DELETE" else plain, operation, oldObject=value)
    text = (tmp_path / "decisions.jsonl").read_text()
    [entry] = logged(tmp_path)
    assert encoded not in text
    assert SECRET not in text
    assert entry["verdict"] == "deny"
    assert ("input" in entry, entry.get("masked", False)) == (bool(configuration),) * 2


def test_a_secret_that_python_can_not_read_is_not_told_either(start: Start, tmp_path: Path) -> None:
    value = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "c2VjcmV0LXZhbHVl"}}
    body = json.dumps(review(value)).replace('"dryRun"', '"options": "\\ud800", "x"').encode()
    start(TELLS, INPUTS, log=True).ask("POST", "/v1/admit", body)
    text = (tmp_path / "decisions.jsonl").read_text() if (tmp_path / "decisions.jsonl").exists() else ""
    assert "c2VjcmV0LXZhbHVl" not in text
    assert "secret-value" not in text


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("spec.token", {"spec": {"token": "x", "a": 1}}, {"spec": {"token": "********", "a": 1}}),
        ("spec.*", {"spec": {"token": {"b": 1}}}, {"spec": {"token": "********"}}),
        ("spec.list.token", {"spec": {"list": [{"token": "x"}, 1]}}, {"spec": {"list": [{"token": "********"}, 1]}}),
        ("spec.none.token", {"spec": {"token": "x"}}, {"spec": {"token": "x"}}),
        ("", {"spec": 1}, {"spec": 1}),
    ],
)
def test_fields_can_be_masked(field: str, value: dict[str, Any], left: dict[str, Any]) -> None:
    assert masked(value, (field,)) == (left, value != left)


@pytest.mark.parametrize("value", [{"data": "text"}, {"data": ["text"]}, {"data": {"a": {"b": "text"}}}])
def test_a_secret_of_any_shape_is_masked(value: dict[str, Any]) -> None:
    out, changed = masked({"kind": "Secret", **value}, ())
    assert changed
    assert "text" not in json.dumps(out)


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the disk be full after ten bytes."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return real(descriptor, data)  # a pipe to an engine
        if len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("attest_governance.server.decisions.os.write", write)


@pytest.mark.parametrize(("configured", "allowed"), [("fail", False), ("ignore", True)])
def test_a_full_disk(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str, allowed: bool
) -> None:
    server = start(configuration=f"server: {{decision_log_failure: {configured}}}\n", log=True)
    server.admit(pod())
    before = (tmp_path / "decisions.jsonl").read_bytes()
    with monkeypatch.context() as patched:
        full(patched)
        response = server.admit(pod())
        assert server.admit(pod(hostNetwork=True))["allowed"] is False
    assert response["allowed"] is allowed
    if not allowed:
        assert "the decision log can't be written: no space left" in response["status"]["message"]
    assert (tmp_path / "decisions.jsonl").read_bytes() == before, "no half lines"
    ready = server.ask("GET", "/readyz")
    assert (ready.status == 200) is allowed
    assert ready.json()["notes"]["decision-log"] == "no space left on device"
    assert server.metrics()["attest_decision_log_failures_total"] == 2
    assert server.admit(pod())["allowed"], "when there is room again"
    assert server.ask("GET", "/readyz").status == 200


def test_a_full_file_makes_room_for_another(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = DecisionLog(path, largest=300, kept=2)
    for number in range(12):
        log.append(Decision(**{**{name: getattr(ENTRY, name) for name in ENTRY.__struct_fields__}, "id": str(number)}))
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log", "log.1", "log.2"]
    assert all(file.stat().st_size <= 300 for file in files)
    kept = [one.id for file in reversed(files) for one in read_decisions(file)]
    assert kept == [str(number) for number in range(12 - len(kept), 12)]
    assert path.stat().st_mode & 0o077 == 0, "others may not read it"


@pytest.mark.parametrize("line", ["{}", "[", '{"schema": "other"}', "\xff", "[" * 100_000])
def test_what_is_no_log_is_refused_at_its_line(tmp_path: Path, line: str) -> None:
    log = DecisionLog(tmp_path / "log")
    log.append(ENTRY)
    log.close()
    with (tmp_path / "log").open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    read = read_decisions(tmp_path / "log")
    assert next(read).id == "1"
    with pytest.raises(InputError, match="the line is no decision") as error:
        next(read)
    assert error.value.line == 2


def test_a_log_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be opened"):
        DecisionLog(tmp_path)


def copied(folder: Path, project: Path) -> str:
    (project / "log.jsonl").write_bytes((folder / "decisions.jsonl").read_bytes())
    return "log.jsonl"


LENIENT = 'package own\nviolation contains {"msg": "never"} if input.resource.kind == "Other"\n'
FAILING = 'package own\ndeny contains "never" if a == 3\na := 1 if input.resource\na := 2 if input.operation\n'


def keeps_to(schema: str, document: Any) -> bool:
    """Whether a document is of a published schema."""
    text = (SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text)).is_valid(document)


def test_decisions_are_listed_and_shown(start: Start, attest: Attest, project: Path, tmp_path: Path) -> None:
    server = start(log=True)
    decision = server.admit(pod(hostNetwork=True))["auditAnnotations"]["decision"]
    server.admit(pod(), userInfo={"username": "\x1b[2Jann\nforged"})
    log = copied(tmp_path, project)
    listed = attest("decisions", "list", log, code=0).out.splitlines()
    assert listed[0] == f"2026-03-01T12:00:00Z  {decision[:12]}  deny   CREATE Pod/shop/web by ann: own"
    assert len(listed) == 2
    assert listed[1].endswith("by \\x1b[2Jann\\nforged")
    assert attest("decisions", "list", log, "--verdict", "deny", code=0).out.splitlines() == listed[:1]
    assert attest("decisions", "list", log, "--policy", "other", code=0).out == ""
    document = attest("decisions", "list", log, "--format", "json", code=0).json()
    assert (len(document["decisions"]), keeps_to("decisions", document)) == (2, True)
    lines = [json.loads(line) for line in Path(project, log).read_text().splitlines()]
    assert all(keeps_to("decision", line) and line["schema"] == SCHEMA for line in lines)
    assert not keeps_to("decision", {**lines[0], "verdict": "perhaps"})
    shown = attest("decisions", "show", log, decision[:8], code=0).out
    assert "critical strict [own] the host's network is not for pods" in shown
    assert attest("decisions", "show", log, decision, "--format", "json", code=0).json()["id"] == decision
    assert "there is no decision `zz`" in attest("decisions", "show", log, "zz", code=2).err


@pytest.mark.parametrize(
    ("policy", "configuration", "code", "words"),
    [
        pytest.param(POLICY, INPUTS, 0, "3 equal, 0 different, 0 undecided, 1 not replayable", id="the same policies"),
        pytest.param(LENIENT, INPUTS, 1, "2 equal, 1 different, 0 undecided, 1 not replayable", id="others"),
        pytest.param(FAILING, INPUTS, 2, "0 equal, 0 different, 3 undecided, 1 not replayable", id="ones that fail"),
        pytest.param(POLICY, "", 2, "0 equal, 0 different, 0 undecided, 4 not replayable", id="no input was kept"),
    ],
)
def test_decisions_are_taken_again(
    *,
    start: Start,
    attest: Attest,
    project: Path,
    tmp_path: Path,
    policy: str,
    configuration: str,
    code: int,
    words: str,
) -> None:
    server = start(configuration=configuration, log=True)
    for value in (pod(), pod(hostNetwork=True), pod()):
        server.admit(value)
    server.admit({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eHh4eA=="}})
    (project / "own.rego").write_text(policy)
    log = copied(tmp_path, project)
    ran = attest("decisions", "replay", log, "--policy-dir", "own.rego", code=code)
    assert ran.out.splitlines()[-1] == words
    document = attest("decisions", "replay", log, "--policy-dir", "own.rego", "--format", "json", code=code).json()
    assert len(document["decisions"]) == 4 - document["equal"]
    assert keeps_to("replay", document)
