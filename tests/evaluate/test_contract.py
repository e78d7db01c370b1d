"""`engine/README.md` says what the engine does: its examples are sent to the real engine, its answers compared."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest

from attest_governance.errors import EngineCrashedError, EngineError
from attest_governance.evaluate import Batch, CheckOptions, Engine, LoadedPolicies
from attest_governance.evaluate.requests import Request
from attest_governance.evaluate.wire import frame
from attest_governance.model.sources import InlinePolicy, Manifests, PolicySources, ReadFile, Selected, Text
from attest_governance.resources import engine_path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
SERVICE = (ROOT / "engine" / "cmd" / "attest-engine" / "service.go").read_text(encoding="utf-8")
PATIENCE = 60
HARD = """package hard

deny contains "never" if {
	some a in numbers.range(1, 9000)
	some b in numbers.range(1, 9000)
	a + b < 0
}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"


@dataclass
class Method:
    """A section of the page."""

    name: str
    text: str
    examples: dict[str, list[Any]] = field(default_factory=dict)
    """The JSON under `Parameters`, `Attached`, `Notification` and `Answer`."""
    differs: bool = False
    """Whether the page says that values differ from run to run, so that only members can be compared."""

    @property
    def attached(self) -> bytes:
        """What goes with the parameters."""
        return b"".join(json.dumps(one).encode() for one in self.examples.get("Attached", ()))


def methods() -> list[Method]:
    """The methods of the page, in its order."""
    sections = re.split(r"^### ", README.partition("## Methods")[2], flags=re.MULTILINE)[1:]
    found = []
    for section in sections:
        name, _, text = section.partition("\n")
        method = Method(name.strip(), text, differs="\nAnswer (" in text and " differ):\n" in text)
        for label, block in re.findall(
            r"^(Parameters|Attached|Notification|Answer)\b[^\n]*\n```json\n(.*?)^```", text, re.M | re.S
        ):
            method.examples.setdefault(label, []).append(json.loads(block))
        found.append(method)
    return found


METHODS = methods()


class Client:
    """Speaks with an engine, frame by frame, and knows nothing of ours but the frames."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [engine_path()], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.ids = itertools.count(1)
        self.folder = str(folder.resolve())

    def send(self, message: dict[str, Any], attached: bytes = b"") -> None:
        assert self.process.stdin
        self.process.stdin.write(frame(message, attached))
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        text = self.process.stdout.read(length).decode().replace(self.folder, "/project")
        message: dict[str, Any] = json.loads(text)
        return message

    def start(self, method: str, params: Any, attached: bytes = b"", **beside: Any) -> int:
        number = next(self.ids)
        self.send({"id": number, "method": method, "params": params, **beside}, attached)
        return number

    def finish(self, number: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The notifications up to the answer, and the answer."""
        notifications = []
        while (message := self.read()).get("id") != number:
            notifications += [message] if message["method"] != "$/alive" else []
        return notifications, message

    def call(self, method: str, params: Any, attached: bytes = b"") -> tuple[list[dict[str, Any]], dict[str, Any]]:
        return self.finish(self.start(method, params, attached))

    def error(self, method: str, params: Any) -> int:
        code: int = self.call(method, params)[1]["error"]["code"]
        return code

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        self.process.wait(PATIENCE)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """An engine in the folder that the page describes."""
    for block in re.findall(r"^```(?:rego|yaml)\n(# \S+/\S+\n.*?)^```", README, re.M | re.S):
        file = tmp_path / block.partition("\n")[0].removeprefix("# ")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block, encoding="utf-8")
    running = Client(tmp_path)
    yield running
    running.close()


def test_every_documented_answer_is_the_real_one(client: Client) -> None:
    for method in METHODS:
        [params], [answer] = method.examples["Parameters"], method.examples["Answer"]
        notifications, response = client.call(method.name, params, method.attached)
        if method.differs:
            assert shape(response["result"]) == shape(answer), method.name
            continue
        assert response["result"] == answer, method.name
        assert [one["params"] for one in notifications] == method.examples.get("Notification", []), method.name
        assert all(f"Notification `{one['method']}`" in method.text for one in notifications)
    assert client.process.wait(PATIENCE) == 0, "the last method is shutdown"


def test_the_documented_methods_are_those_of_the_engine(client: Client) -> None:
    table = SERVICE.partition("map[string]rpc.Method{\n")[2].partition("\t}\n")[0]
    assert sorted(re.findall(r'"([^"]+)":', table)) == sorted(method.name for method in METHODS)
    for method in METHODS:
        if method.name != "shutdown":
            assert client.call(method.name, {})[1].get("error", {}).get("code") != -32601, method.name
    assert client.error("policies/judge", {}) == -32601


WRONG = {
    "an unknown method": ("nothing", {}, -32601),
    "a parameter that the method does not know": ("validate", {"pahts": []}, -32602),
    "a deadline among the parameters": ("validate", {"deadline": 1000}, -32602),
    "parameters of the wrong type": ("check", {"set": 1}, -32602),
    "parameters that are no object": ("initialize", [], -32602),
    "a set that was never loaded": ("check", {"set": "1"}, -32003),
    "a later protocol": ("initialize", {"protocol": 2}, -32002),
    "no protocol": ("initialize", {}, -32002),
}


@pytest.mark.parametrize(("method", "params", "code"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_has_its_documented_code(method: str, params: Any, code: int, client: Client) -> None:
    assert client.error(method, params) == code
    assert str(code) in README
    assert client.call("validate", {})[1]["result"] == {"files": 0, "resources": 0}, "the engine goes on"


def test_the_refusal_of_a_protocol_names_both_versions(client: Client) -> None:
    message = client.call("initialize", {"protocol": 2})[1]["error"]["message"]
    assert "protocol 1" in message
    assert "asked for 2" in message


def test_a_frame_without_json_ends_the_connection(client: Client) -> None:
    assert client.process.stdin
    client.process.stdin.write(b"Content-Length: 3\r\n\r\n{{{")
    client.process.stdin.flush()
    assert client.process.wait(PATIENCE) == 0


def hard(client: Client) -> dict[str, Any]:
    """The parameters of a check that takes minutes, if nothing stops it."""
    module = {"file": "hard.rego", "line": 1, "column": 1, "text": HARD, "name": "", "severity": "", "level": ""}
    loaded = client.call("policies/load", {"sources": {"modules": [module], "opa": True}})[1]["result"]
    inputs, policies = [{"file": "pod.yaml", "text": POD}], [{"name": "hard", "parameters": {}}]
    return {"set": loaded["set"], "inputs": inputs, "policies": policies, "timeout": 600_000}


def test_a_deadline_stops_the_work(client: Client) -> None:
    number = client.start("check", hard(client), deadline=50)
    assert client.finish(number)[1]["error"]["code"] == -32001


def test_a_request_can_be_cancelled_while_others_are_answered(client: Client) -> None:
    number = client.start("check", hard(client))
    assert "result" in client.call("validate", {})[1]
    client.send({"method": "$/cancelRequest", "params": {"id": number}})
    assert client.finish(number)[1]["error"]["code"] == -32800


def test_the_process_ends_when_its_input_closes(client: Client) -> None:
    assert client.process.stdin
    client.process.stdin.close()
    assert client.process.wait(PATIENCE) == 0


REQUESTS = {request.method: request for request in Request.__subclasses__()}
ONLY_FOR_OTHERS = {"check": {"user", "enforcementPoint", "limits"}, "profile": {"rounds", "seconds"}}
"""Parameters of the engine that this package has no use for."""


def nothing(kind: Any) -> Any:
    """A value of a type with every member that it has on the wire, each of them empty; null for what has none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {one.encode_name: nothing(one.type) for one in msgspec.structs.fields(kind)}
    inner = [made for one in get_args(kind) if (made := nothing(one)) is not None]
    return (inner[:1] and (inner if get_origin(kind) is tuple else inner[0])) or None


def members(value: Any) -> set[str]:
    """The names of the members of a value, and of those within."""
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in members(inner)}
    return {name for inner in value for name in members(inner)} if isinstance(value, list) else set()


def test_every_method_has_a_type_of_request() -> None:
    assert sorted(REQUESTS) == sorted({method.name for method in METHODS} - {"shutdown"})


@pytest.mark.parametrize("method", METHODS[:-1], ids=lambda method: method.name)
def test_every_parameter_is_documented_and_sent(method: Method) -> None:
    documented = set(re.findall(r"""[`"](\w+)[`"]""", README))
    [example] = method.examples["Parameters"]
    sent = nothing(REQUESTS[method.name])
    assert members(sent) <= documented
    assert set(example) - set(sent) <= ONLY_FOR_OTHERS.get(method.name, set())


@pytest.mark.parametrize("method", METHODS[:-1], ids=lambda method: method.name)
def test_every_documented_answer_is_understood(method: Method) -> None:
    request = REQUESTS[method.name]
    [answer] = method.examples["Answer"]
    read = again(answer, request.answer)
    assert lost(answer, read) == (["policy", "engine", "resource"] if "traces" in (answer or ()) else [])
    for part in method.examples.get("Notification", []):
        read = again({k: v for k, v in part.items() if k != "request"}, request.part)
        assert lost(part, read) == ["request"]


def again(said: Any, kind: Any) -> Any:
    """What a type makes of a document, as a document."""
    understood = msgspec.json.decode(msgspec.json.encode(said), type=kind)
    return msgspec.json.decode(msgspec.json.encode(understood))


def lost(said: Any, read: Any) -> list[str]:
    """The members of an answer that its type has no place for."""
    if isinstance(said, dict) and isinstance(read, dict):
        here = [name for name in said if name not in read]
        return here + [name for key in said.keys() & read.keys() for name in lost(said[key], read[key])]
    if isinstance(said, list):
        return [name for one, other in zip(said, read, strict=True) for name in lost(one, other)]
    return [] if said == read else [f"{said!r} became {read!r}"]


def test_the_engine_takes_every_parameter_that_we_send(client: Client) -> None:
    attached = {one.name: one.attached for one in METHODS}
    asked = [(method, nothing(request), attached[method]) for method, request in REQUESTS.items()]
    said = [client.call(*one)[1].get("error", {}) for one in asked]
    assert [one["message"] for one in said if one.get("code") == -32602 and "expression" not in one["message"]] == []


def test_a_set_names_the_bytes_that_it_was_made_from(tmp_path: Path) -> None:
    policy, linked = tmp_path / "a.rego", tmp_path / "linked"
    policy.write_text('package a\ndeny contains "no" if false', encoding="utf-8")
    linked.symlink_to(tmp_path, target_is_directory=True)
    engine = Engine(engine_path())
    try:
        module = InlinePolicy(file="b.yaml", line=1, column=1, text='package b\ndeny contains "no" if false')
        loaded = engine.load(PolicySources(paths=(str(linked / "a.rego"),), modules=(module,)))
    finally:
        engine.close()
    digest = hashlib.sha256(policy.read_bytes()).hexdigest()
    assert loaded.read == (ReadFile(str(policy.resolve()), digest),), "without what was given with the request"


def test_a_set_that_changed_is_not_loaded_again_in_a_new_process(tmp_path: Path) -> None:
    policy = tmp_path / "a.rego"
    policy.write_text('package a\ndeny contains "no" if false', encoding="utf-8")
    engine = Engine(engine_path())
    try:
        loaded = engine.load(PolicySources(paths=(str(policy),)))
        os.kill(engine.pid, signal.SIGKILL)
        policy.write_text('package a\ndeny contains "nothing" if false', encoding="utf-8")
        manifests = Manifests(inputs=(Text("<stdin>", POD),))
        with pytest.raises(EngineError, match="have changed"):
            list(after_the_crash(engine, loaded, manifests))
    finally:
        engine.close()


def after_the_crash(engine: Engine, loaded: LoadedPolicies, manifests: Manifests) -> Iterator[Batch]:
    """A check by a new process: the first call may still meet the old one, which is ending."""
    try:
        return iter(list(engine.check(loaded, (Selected("a"),), manifests, CheckOptions())))
    except EngineCrashedError:
        return engine.check(loaded, (Selected("a"),), manifests, CheckOptions())


def shape(value: Any) -> Any:
    """The members of a value and their types."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__
