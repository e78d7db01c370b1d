"""`attest policy optimize`: suggestions are measured, rewrites change no result, and nothing is written by halves."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from attest_governance.develop.generating import rewrite
from attest_governance.errors import OutputError
from attest_governance.resources import shipped_policies

from .conftest import POD, SERVICE, Attest, Write, valid

SLOW = """\
package slow

# Images come from the registries of the company.
violation contains {"message": message, "path": ["spec"]} if {
	input.resource.kind == "Pod"
	some container in input.resource.spec.containers
	# all registries
	allowed := {lower(registry) | some registry in split(input.parameters.registries, ",")} # sorted
	not split(container.image, "/")[0] in allowed
	message := sprintf("%v is not from %v", [split(container.image, "/")[0], allowed]) # é
}
"""
FASTER = """\
package slow

# Images come from the registries of the company.
violation contains {"message": message, "path": ["spec"]} if {
	input.resource.kind == "Pod"
	# all registries
	allowed := {lower(registry) | some registry in split(input.parameters.registries, ",")} # sorted
	some container in input.resource.spec.containers
"""
CONFIGURATION = "policies: [{name: slow, parameters: {registries: 'a,b,c,d,e,f,g,h'}}]\n"
OPTIMIZE = ("policy", "optimize", "policies/slow.rego")


@pytest.fixture(autouse=True)
def slow(write: Write) -> None:
    """A project with a policy that does work again and again, and what it judges."""
    files = {".attest/policies.yaml": CONFIGURATION, "policies/slow.rego": SLOW}
    for number in range(4):
        files[f"data/{number}.yaml"] = POD + "".join(f"    - {{name: c{i}, image: r{i}/x}}\n" for i in range(8))
    write(**files, **{"data/service.yaml": SERVICE})


def test_suggestions_have_a_place_a_reason_and_measurements(attest: Attest, project: Path) -> None:
    ran = attest(*OPTIMIZE, "--suggestions", "--benchmark-data", "data", "--format", "json", code=0)
    document = valid("optimize", ran.out)
    moved = next(one for one in document["suggestions"] if one["line"] == 8)
    assert (moved["kind"], moved["rule"], moved["file"], moved["column"]) == (
        "repeated-work",
        "violation",
        OPTIMIZE[2],
        2,
    )
    assert moved["after"]["time"] < moved["before"]["time"]
    assert moved["after"]["evaluations"] < moved["before"]["evaluations"]
    assert moved["reason"]
    assert document["samples"] == {"from": "data", "resources": 5}
    assert document["checked"]["examples"] == 5
    assert document["checked"]["generated"] > 100
    assert not document["written"]
    assert (project / OPTIMIZE[2]).read_text(encoding="utf-8") == SLOW


def test_text_for_people(attest: Attest) -> None:
    out = attest(*OPTIMIZE, "--benchmark-data", "data", code=0).out
    for part in (
        "policies/slow.rego: slow takes",
        "for 5 resources of sample data",
        "policies/slow.rego:8:2 in violation",
        "why: before the loop it is worked out once",
        "@ line 6\n   +     # all registries\n",
        "the results are the same on 5 examples and",
        "make them with --write",
    ):
        assert part in " ".join(out.split()) or part in out, out
    assert max(len(line) for line in out.splitlines() if not line.startswith(("   +", "   -"))) <= 80


def test_writing_keeps_comments_lines_and_results(attest: Attest, project: Path) -> None:
    check = ("policy", "check", "data", "--policy-dir", "policies", "--format", "json")
    before = attest(*check, code=1).json() | {"policySet": ""}
    (project / OPTIMIZE[2]).chmod(0o640)
    ran = attest(*OPTIMIZE, "--write", "--benchmark-data", "data", code=0)
    assert "policies/slow.rego: written; together" in ran.out
    text = (project / OPTIMIZE[2]).read_text(encoding="utf-8")
    assert text.startswith(FASTER)
    assert text.endswith("allowed]) # é\n}\n")
    assert (project / OPTIMIZE[2]).stat().st_mode & 0o777 == 0o640
    assert attest(*check, code=1).json() | {"policySet": ""} == before
    assert [path.name for path in (project / "policies").iterdir()] == ["slow.rego"]


def test_a_file_that_changed_meanwhile_is_left_alone(project: Path) -> None:
    file = project / OPTIMIZE[2]
    file.write_text(SLOW + "\n", encoding="utf-8")
    with pytest.raises(OutputError, match="the file has changed since it was measured"):
        rewrite(file, SLOW, "package other\n")
    assert file.read_text(encoding="utf-8") == SLOW + "\n"


def test_the_configured_parameters_are_what_is_folded(attest: Attest, write: Write) -> None:
    body = "\tcount([x | some x in numbers.range(1, 80); x % 7 == 0]) > 1\n\tinput.parameters.strict\n"
    write(
        **{
            ".attest/policies.yaml": "policies: [{name: strict, parameters: {strict: false}}]\n",
            "policies/strict.rego": f'package strict\n\nviolation contains "no" if {{\n{body}}}\n',
        }
    )
    command = ("policy", "optimize", "policies/strict.rego", "--benchmark-data", "data", "--format", "json")
    [one] = valid("optimize", attest(*command, code=0).out)["suggestions"]
    assert (one["kind"], one["line"]) == ("partial-evaluation", 3)
    assert "can never hold" in one["title"]
    assert "the file is left as it is" in one["advice"]
    write(**{"on.yaml": "strict: {strict: true}\n"})
    assert not attest(*command, "--parameters", "on.yaml", code=0).json()["suggestions"]


class Asked(BaseHTTPRequestHandler):
    """Counts requests."""

    count = 0

    def do_GET(self) -> None:
        """Says that there is nothing."""
        type(self).count += 1
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 (the name that the base class gives it)
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that counts."""
    Asked.count = 0
    listening = HTTPServer(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_nothing_is_asked_over_the_network(attest: Attest, write: Write, server: str) -> None:
    policy = (
        'package asking\n\nviolation contains {"message": c.name} if {\n\tsome c in input.resource.spec.containers\n'
        f'\tanswer := http.send({{"method": "GET", "url": concat("/", ["{server}", c.image])}})\n'
        "\tanswer.status_code == 404\n}\n"
    )
    write(**{".attest/policies.yaml": "policy: {allow_net: [127.0.0.1]}\n", "policies/asking.rego": policy})
    attest("policy", "check", "data/0.yaml", "--policy-dir", "policies/asking.rego", code=1)
    asked, Asked.count = Asked.count, 0
    assert asked > 0, "the policy asks when it judges"
    command = ("policy", "optimize", "policies/asking.rego", "--benchmark-data", "data", "--format", "json")
    [one] = valid("optimize", attest(*command, code=0).out)["suggestions"]
    assert (one["kind"], one["line"], one["before"]["calls"], one["after"]["calls"]) == ("network-in-loop", 5, 40, 4)
    assert Asked.count == 0


def test_control_characters_of_a_policy_are_shown_as_escapes(attest: Attest, write: Write) -> None:
    write(**{"policies/slow.rego": SLOW.replace("# sorted", "# \x1b[2J\u202e sorted")})
    out = attest(*OPTIMIZE, "--benchmark-data", "data", code=0).out
    assert "\\x1b[2J\\u202e sorted" in out
    assert "\x1b" not in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    sorted(
        path for path in shipped_policies().glob("*/*.rego") if path.parent.name != "lib" and "_test" not in path.name
    ),
    ids=lambda path: path.stem,
)
def test_shipped_policies_say_the_same_when_rewritten(file: Path, attest: Attest, project: Path) -> None:
    shutil.copytree(shipped_policies(), project / "shipped")
    copy = Path("shipped") / file.relative_to(shipped_policies())
    examples = copy.parent / "examples"
    check = ("policy", "check", examples, "--policy-dir", copy, "--format", "json")
    before = attest(*check).out
    attest("policy", "optimize", copy, "--write", code=0)
    assert json.loads(attest(*check).out) == json.loads(before)
