"""What goes over the wire: frames, and what stands for a member that nobody states."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from attest_governance.decoding import decode
from attest_governance.evaluate import CheckOptions, EngineOptions, messages, milliseconds, requests, wire
from attest_governance.evaluate.engine import judging, reviewing, set_digest
from attest_governance.evaluate.requests import Request
from attest_governance.evaluate.wire import Frames, Incoming, frame
from attest_governance.model import Problem
from attest_governance.model.rendering import RenderedDocument, Rendering
from attest_governance.model.sources import LeaveOut, Left, Manifests, ResultsPlace, Selected, Text

BATCH: dict[str, Any] = {
    **dict.fromkeys(("files", "total", "judged"), 0),
    **{name: {} for name in ("unspoken", "asked", "spent")},
    **dict.fromkeys(("problems", "skipped", "checked", "decisions", "findings"), ()),
}
NO_TESTS: dict[str, Any] = {
    **dict.fromkeys(("packages", "below"), ()),
    **dict.fromkeys(("library_tests", "coverage", "skip_rego", "skip_suites"), False),
    **dict.fromkeys(("jobs", "timeout"), 0),
    "run": "",
}
UNSTATED: dict[type, dict[str, Any]] = {
    requests.Initialize: {"lasting": False},
    requests.Load: {"keep": False, "kept": ""},
    requests.Results: {"clear": False},
    requests.Check: {"rendered": (), "within": {}, "timed": False, "enforcement_point": "", "held": ""},
    requests.Review: {
        **dict.fromkeys(("debug", "checked", "timed"), False),
        **dict.fromkeys(("enforcement_point", "held"), ""),
        "inventory_inputs": (),
    },
    requests.ApplyInventory: {"gone": ()},
    requests.FindFolders: {"leave_out": LeaveOut()},
    requests.View: {**dict.fromkeys(("explain", "rule", "resource", "message"), ""), "value_chars": 0},
    requests.RunTests: NO_TESTS,
    requests.Validate: {
        **dict.fromkeys(("kubernetes", "input_form"), ""),
        "leave_out": LeaveOut(),
        "inputs": (),
        "verification": None,
    },
    requests.InspectBundle: {"verification": None, "libraries": (), "compile": False},
    requests.BuildBundle: {"revision": ""},
    requests.SignBundle: dict.fromkeys(("algorithm", "key_id", "scope"), ""),
    requests.MakeSamples: {"budget": 0},
    messages.LoadAnswer: {**dict.fromkeys(("policies", "problems", "read", "synced"), ()), "kept": ""},
    messages.WireFinding: {"details": msgspec.Raw(b"{}"), "fix": ""},
    messages.Decision: {"violations": (), "problems": ()},
    messages.WireBatch: {**BATCH, "resources": ()},
    messages.Batch: BATCH,
    messages.QueryAnswer: {"result": msgspec.UNSET, "problems": ()},
    messages.ReachAnswer: {"judged": (), "namespaces": False, "definitions": False},
    messages.ResultsAnswer: {"unused": ""},
    messages.RegoTemplate: {
        **dict.fromkeys(("evidence", "network", "namespace", "inventory"), False),
        **dict.fromkeys(("libs", "rules"), ()),
        "level": "",
        "match": None,
    },
    messages.TemplatesAnswer: dict.fromkeys(("templates", "objects", "problems"), ()),
    messages.TestBatch: {"cases": ()},
    messages.TestAnswer: {"problems": (), "coverage": None},
    wire.Incoming: {
        **dict.fromkeys(("params", "result"), msgspec.Raw()),
        **dict.fromkeys(("id", "error"), None),
        "method": "",
    },
    wire.Origin: {"request": 0, "requests": ()},
    EngineOptions: {"memory": 2 << 30, "jobs": 0, "lasting": False},
    CheckOptions: {
        **dict.fromkeys(("checked", "fail_fast", "debug", "timed"), False),
        **dict.fromkeys(("jobs", "deadline"), 0),
        "timeout": 10.0,
        "fragments": True,
        "results": ResultsPlace(),
        "inventory": None,
    },
}


def unstated(kind: type) -> dict[str, Any]:
    """What a value has where only what must be stated is."""
    needed = [one.name for one in msgspec.structs.fields(kind) if one.required]
    value = msgspec.structs.asdict(kind(**dict.fromkeys(needed)))
    return {name: given for name, given in value.items() if name not in needed}


@pytest.mark.parametrize("kind", UNSTATED, ids=lambda kind: kind.__name__)
def test_what_nobody_states(kind: type) -> None:
    assert unstated(kind) == UNSTATED[kind]
    assert [type(value) for _, value in sorted(unstated(kind).items())] == [
        type(value) for _, value in sorted(UNSTATED[kind].items())
    ], "no number for a truth"


def described() -> Iterable[type]:
    """The types of requests and of answers."""
    for module in (requests, messages, wire):
        for one in vars(module).values():
            here = isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
            if here and not one.__name__.startswith("_"):
                yield one


def test_every_type_is_in_the_table() -> None:
    assert [one.__name__ for one in described() if one not in UNSTATED and unstated(one)] == []


def test_an_answer_that_says_little_is_understood() -> None:
    problem = '{"severity": "error", "code": "c", "message": "m"}'
    answer = decode(f'{{"set": "1", "problems": [{problem}]}}', messages.LoadAnswer)
    assert answer == messages.LoadAnswer("1", problems=(Problem("error", "c", "m"),))
    for kind in (messages.WireBatch, messages.TestBatch, messages.TestAnswer, messages.ReachAnswer, Incoming):
        assert decode(b"{}", kind) == kind()


def test_what_takes_as_long_as_there_are_files_has_hours() -> None:
    limits = {one.method: one.limit for one in Request.__subclasses__()}
    hours = {name for name, limit in limits.items() if limit == 6 * 60 * 60}
    assert hours == {"check", "trace", "profile", "test"}
    assert {limit for name, limit in limits.items() if name not in hours} == {600}


SHORT = '{"a": "%s"}' % ("x" * 247)
"""Details of 256 bytes."""


def test_short_details_are_shared_and_long_ones_are_not() -> None:
    def details(text: str) -> dict[str, Any]:
        head = '"policy": "p", "engine": "opa", "rule": "r", "severity": "low", "enforcement": "warn", "message": "m"'
        place = '{"file": "f", "line": 1, "column": 2, "endLine": 3, "endColumn": 4}'
        found = f'{{{head}, "resource": 0, "location": {place}, "details": {text}}}'
        batch = f'{{"resources": [{{"apiVersion": "v1", "kind": "K", "name": "n"}}], "findings": [{found}]}}'
        return decode(batch, messages.WireBatch).held().findings[0].details

    assert len(SHORT) == 256
    assert details(SHORT) is details(SHORT)
    long = SHORT.replace("x", "xx", 1)
    assert details(long) == details(long)
    assert details(long) is not details(long)


MANIFESTS = Manifests(
    paths=("a",),
    inputs=(Text("b", "B"),),
    namespace="n",
    operation="UPDATE",
    inventory=("c",),
    inventory_inputs=(Text("d", "D"),),
    leave_out=LeaveOut(policies=("e",)),
    review=Text("r", "R"),
    enforcement_point="point",
    renderings=(
        Rendering("f", "helm", documents=(RenderedDocument("g", "G"), RenderedDocument("h", "H"))),
        Rendering("i", "kustomize", patches=("j", "k")),
    ),
)
OPTIONS = CheckOptions(
    timeout=1.5,
    jobs=2,
    checked=True,
    fail_fast=True,
    debug=True,
    fragments=False,
    results=ResultsPlace("l", "m"),
    timed=True,
)


def test_a_check_says_all_that_was_asked() -> None:
    assert judging("s", [Selected("p")], MANIFESTS, OPTIONS, "held") == requests.Check(
        set="s",
        policies=(Selected("p"),),
        paths=("a",),
        inputs=(Text("b", "B"), Text("g", "G"), Text("h", "H")),
        namespace="n",
        operation="UPDATE",
        inventory=("c",),
        inventory_inputs=(Text("d", "D"),),
        timeout=1500,
        jobs=2,
        checked=True,
        fail_fast=True,
        debug=True,
        fragments=False,
        results=ResultsPlace("l", "m"),
        leave_out=LeaveOut(policies=("e",)),
        rendered=tuple(Left(name, "a patch that is judged in what `i` renders to") for name in ("j", "k")),
        within={"g": "f", "h": "f"},
        timed=True,
        enforcement_point="point",
        held="held",
    )


def test_a_review_says_all_that_counts_for_one() -> None:
    asked, text = reviewing("s", [Selected("p")], MANIFESTS, OPTIONS, "held")
    assert text == b"R"
    assert msgspec.to_builtins(asked) == {
        "set": "s",
        "policies": ({"name": "p"},),
        "review": "r",
        "timeout": 1500,
        "inventoryInputs": ({"file": "d", "text": "D"},),
        **dict.fromkeys(("debug", "checked", "timed"), True),
        "enforcementPoint": "point",
        "held": "held",
    }
    least, _ = reviewing("s", (), Manifests(review=Text("r", "R")), CheckOptions())
    assert msgspec.to_builtins(least).keys() == {"set", "policies", "review", "timeout"}


TIMES = {
    "none": (0.0, 1),
    "next to none": (0.0004, 1),
    "nearly two": (0.0016, 2),
    "ten seconds": (10.0, 10_000),
}


@pytest.mark.parametrize(("seconds", "whole"), TIMES.values(), ids=TIMES)
def test_times_are_whole_milliseconds_and_at_least_one(seconds: float, whole: int) -> None:
    assert milliseconds(seconds) == whole


def test_the_digest_of_a_set_is_that_of_its_files_in_whatever_order() -> None:
    assert set_digest(("bb", "aa")) == set_digest(("aa", "bb")) == f"sha256:{sha256(b'aa bb').hexdigest()}"


def test_a_message_has_its_length_before_it() -> None:
    assert frame({"id": 1}) == b'Content-Length: 24\r\n\r\n{"jsonrpc":"2.0","id":1}'


def test_what_is_attached_to_a_message_follows_it_as_it_is() -> None:
    message = b'{"jsonrpc":"2.0","id":1}'
    assert frame({"id": 1}, b'"\xff\n') == b"Content-Length: 24\r\nAttached-Length: 3\r\n\r\n" + message + b'"\xff\n'


FRAMES = {
    "usual": (b'Content-Length: 9\r\n\r\n{"id": 7}', [Incoming(7)]),
    "in small letters, by lines of another system": (b'content-length:9\n\n{"id": 7}', [Incoming(7)]),
    "with a header that we don't know": (b'A: 3\r\nContent-Length: 9\r\nB: 4\r\n\r\n{"id": 7}', [Incoming(7)]),
    "with the longest line": (b"A: %b\nContent-Length: 9\r\n\r\n" % (b"x" * 1020) + b'{"id": 7}', [Incoming(7)]),
    "none": (b"", []),
    "within a line": (b"Content", []),
    "within a header": (b"Content-Length: 9\r\n", []),
    "within the message": (b'Content-Length: 9\r\n\r\n{"id": 7', []),
    "before the longest message": (b"Content-Length: 1073741824\r\n\r\n", []),
    "one after the other, and a part": (
        b'Content-Length: 9\r\n\r\n{"id": 7}Content-Length: 15\r\n\r\n{"method": "m"}Content-Length: 9\r\n\r\n{"id',
        [Incoming(7), Incoming(method="m")],
    ),
}


@pytest.mark.parametrize(("stream", "messages"), FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("size", [1, 2, 7, 4096], ids="{} bytes at a time".format)
def test_what_a_stream_holds(stream: bytes, messages: list[Incoming], size: int) -> None:
    frames = Frames()
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [message for part in parts for message in frames.take(part)] == messages


NO_FRAMES = {
    "without a length": (b"A: 3\r\n\r\n", "a frame of -1 bytes"),
    "with a length in words": (b"Content-Length: nine\r\n\r\n", "a frame of -1 bytes"),
    "with a length below nothing": (b"Content-Length: -9\r\n\r\n", "a frame of -1 bytes"),
    "with a length above the limit": (b"Content-Length: 1073741825\r\n\r\n", "a frame of 1073741825 bytes"),
    "with a line above the limit": (b"A: %b\n" % (b"x" * 1021), f"a header that begins with {b'A: ' + b'x' * 37!r}$"),
    "with a line above the limit, so far": (b"x" * 1025, f"a header that begins with {b'x' * 40!r}$"),
    "after a message": (b'Content-Length: 9\r\n\r\n{"id": 7}A: 3\r\n\r\n', "a frame of -1 bytes"),
}


@pytest.mark.parametrize(("stream", "why"), NO_FRAMES.values(), ids=NO_FRAMES)
def test_what_is_no_frame(stream: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(Frames().take(stream))


def test_what_came_before_garbage_is_heard() -> None:
    messages = Frames().take(b'Content-Length: 9\r\n\r\n{"id": 7}A: 3\r\n\r\n')
    assert next(messages) == Incoming(7)
    with pytest.raises(ValueError, match="a frame of -1 bytes"):
        next(messages)


def test_an_empty_message_is_no_message() -> None:
    with pytest.raises(msgspec.DecodeError):
        list(Frames().take(b"Content-Length: 0\r\n\r\n"))
