"""`attest policy playground` as it is called."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Attest, attest, environment, project
from tests.develop.conftest import valid
from tests.playground.conftest import DATA, INPUT, POLICY

__all__ = ["attest", "project"]


@pytest.fixture
def files(project: Path) -> tuple[Path, Path]:
    """A policy and an input, named as the specification names them."""
    policy, manifest = project / "policies" / "security.rego", project / "examples" / "deployment.yaml"
    for path, text in ((policy, POLICY), (manifest, INPUT)):
        path.parent.mkdir()
        path.write_text(text)
    return policy, manifest


def test_it_prints_the_address_serves_and_ends_with_ctrl_c(
    project: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """The command of the specification, but for the browser. The files are as they were."""
    arguments = (
        "policy playground --policy policies/security.rego --input examples/deployment.yaml --no-browser --port 0"
    )
    process = subprocess.Popen(
        [*COMMAND, *arguments.split()],
        cwd=project,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:(\d+)(/\S+/)", process.stdout.readline())
        assert address is not None
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=20)) as page:
            page.request("GET", address[2])
            assert b"Policy playground" in page.getresponse().read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert [path.read_text() for path in files] == [POLICY, INPUT]


def test_the_configuration_in_force_weighs_what_is_found(
    project: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert files
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text("policies:\n  - name: example\n    enforcement: dryrun\n")
    arguments = "policy playground --policy policies/security.rego --no-browser --port 0 --format json"
    texts = {"policy": POLICY, "input": INPUT, "data": DATA, "tests": ""}
    with subprocess.Popen(
        [*COMMAND, *arguments.split()], cwd=project, env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        started = valid("playground", process.stdout.readline())
        address = re.search(r"http://127\.0\.0\.1:(\d+)(/\S+/)", started["url"])
        assert address is not None
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=20)) as page:
            page.request("POST", f"{address[2]}api/evaluate", json.dumps(texts), {"Content-Type": "application/json"})
            played = json.loads(page.getresponse().read())
        process.send_signal(signal.SIGINT)
    assert played["verdict"] == "allow"
    assert [one["enforcement"] for trace in played["traces"] for one in trace["findings"]] == ["dryrun"]


BAD: dict[str, tuple[list[str], str]] = {
    "no such policy": (["--policy", "none.rego", "--input", "examples/deployment.yaml"], "none.rego"),
    "no such input": (["--policy", "policies/security.rego", "--input", "none.yaml"], "none.yaml"),
    "a folder": (["--policy", "policies", "--input", "examples/deployment.yaml"], "is not a file"),
    "a port that is none": (["--policy", "policies/security.rego", "--port", "70000"], "port"),
    "no policy": (["--input", "examples/deployment.yaml"], "--policy"),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD)
def test_bad_usage_is_one_clear_line(attest: Attest, arguments: list[str], said: str) -> None:
    ran = attest("policy", "playground", "--no-browser", *arguments, code=2)
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("files")
def test_a_policy_that_is_no_text_is_refused(attest: Attest, project: Path) -> None:
    (project / "binary.rego").write_bytes(b"\xff\xfe\x00")
    ran = attest("policy", "playground", "--no-browser", "--policy", "binary.rego", code=2)
    assert ran.err.startswith("error: binary.rego: the policy file is no text in UTF-8")


@pytest.mark.usefixtures("files")
def test_a_port_that_is_taken_is_told(attest: Attest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = attest(
            "policy", "playground", "--no-browser", "--policy", "policies/security.rego", "--port", port, code=2
        )
    assert f"port {port} can't be used" in ran.err
