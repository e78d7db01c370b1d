"""A real API server with a real Gatekeeper, one at a time on this machine, for all tests of a session.

The programs are those of `KUBEBUILDER_ASSETS`, or of the folder that `../shared/peers/build` fills;
the scripts beside it start them on loopback.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..cli.conftest import COMMAND, Ran, environment

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("ATTEST_SHARED", ROOT.parent / "shared")) / "peers"
BINARIES = Path(
    os.environ.get("KUBEBUILDER_ASSETS")
    or os.environ.get("PEERS_BIN")
    or Path.home() / ".cache" / "attest-peers" / "bin"
)
PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "gatekeeper-manager")
LOCK = Path.home() / ".cache" / "attest-peers.lock"
VIOLATIONS_LIMIT = 25
PATIENCE = 120.0  # seconds, for anything that the cluster does in its own time


@dataclass
class RealCluster:
    """The cluster under test."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    def script(self, name: str, *arguments: str, **more: str) -> None:
        """Runs one of the scripts that start and stop things."""
        command = [str(PEERS / name), *arguments]
        log = self.home.parent / f"{name}.log"
        # Into a file: what the script leaves running would keep a pipe open for ever.
        with log.open("w") as out:
            done = subprocess.run(
                command, env={**self.variables, **more}, check=False, stdout=out, stderr=subprocess.STDOUT, timeout=180
            )
        assert done.returncode == 0, log.read_text()

    def kubectl(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARIES / "kubectl", "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=60, env=self.variables,
        )  # fmt: skip

    def create(self, value: Mapping[str, Any], *, dry_run: bool = False) -> subprocess.CompletedProcess[str]:
        flags = ["--dry-run=server"] if dry_run else []
        return self.kubectl("create", "-o", "json", "-f", "-", *flags, stdin=json.dumps(value))

    def read(self, *arguments: str) -> dict[str, Any]:
        done = self.kubectl("get", "-o", "json", *arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def restart(self) -> None:
        """Kills the API server, whatever it is at, and starts it with what it had stored."""
        os.kill(int((self.home / "apiserver.pid").read_text()), signal.SIGKILL)
        self.script("cluster-up")

    def start_gatekeeper(self) -> None:
        self.script(
            "gatekeeper-up",
            AUDIT_INTERVAL="3",
            GK_FAIL="Fail",
            GK_ARGS=f"-constraint-violations-limit={VIOLATIONS_LIMIT}",
        )


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Waits until something holds.

    Raises:
        AssertionError: it does not, for too long.
    """
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"still not after {PATIENCE:g} s: {what}"
        time.sleep(0.5)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """An API server without Gatekeeper; `gatekeeper` adds it."""
    missing = [name for name in PROGRAMS if not (BINARIES / name).is_file()]
    if missing or not PEERS.is_dir():
        pytest.skip(
            f"SKIPPED LOUDLY: no real cluster: {', '.join(missing)} not in {BINARIES}, or no scripts in {PEERS};"
            " set KUBEBUILDER_ASSETS and ATTEST_SHARED"
        )
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the ports are fixed, so there can be but one
        home = tmp_path_factory.mktemp("cluster") / "state"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "GOFLAGS", "GOMODCACHE") if name in os.environ}
        made = RealCluster(home, {**kept, "CLUSTER_HOME": str(home), "PEERS_BIN": str(BINARIES)})
        try:
            made.script("cluster-up", "--fresh")
            yield made
        finally:
            made.script("gatekeeper-down")
            made.script("cluster-down", "--wipe")


@pytest.fixture(scope="session")
def attest(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Runs `attest …` against the cluster, by KUBECONFIG."""
    home, project = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("project")

    def run(*arguments: str | Path, codes: Sequence[int] = (0,)) -> Ran:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=project,
            env=environment(home, {"KUBECONFIG": str(cluster.kubeconfig)}),
            capture_output=True,
            timeout=180,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert ran.code in codes, f"exit code {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    return run
