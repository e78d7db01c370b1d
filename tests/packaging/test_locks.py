"""The locks are closed: what a locked package needs is locked too, at a version that it accepts. Nothing is resolved.

The needs of a package come from its installed metadata, for every Python and platform that is supported; a package
that is locked for another platform alone, or is not installed, is named and passed over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("runtime", "server", "dev", "go", "uv", "browser")
ENTRY = re.compile(r"^([\w.-]+)==([^ ;\\]+)(?: ; ([^\\]+?))? \\\n((?:    .*\n?)*)", re.MULTILINE)
PLATFORMS = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LAYERED = {"browser": "dev", "dev": "", "runtime": "", "server": "", "go": "", "uv": ""}
"""The lock that is installed before, where there is one."""


@dataclass(frozen=True)
class Locked:
    """One entry of a lock, and the names that its comment says it is there for."""

    name: str
    version: str
    marker: str = ""
    via: tuple[str, ...] = ()

    def installed_in(self, environment: dict[str, str]) -> bool:
        marker = Requirement(f"x ; {self.marker}").marker if self.marker else None
        return marker is None or marker.evaluate(environment)


@dataclass
class Lock:
    """A lock with all that is installed before it."""

    entries: dict[str, Locked] = field(default_factory=dict)

    def lacks(self, needed: Requirement, environment: dict[str, str]) -> str:
        """What keeps the lock from giving what is needed; empty where it gives it."""
        if needed.marker and not needed.marker.evaluate(environment):
            return ""
        entry = self.entries.get(canonicalize_name(needed.name))
        if entry is None or not entry.installed_in(environment):
            return f"{needed} is not locked"
        return "" if needed.specifier.contains(entry.version, prereleases=True) else f"{needed} but {entry.version}"


def read_lock(name: str) -> Lock:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lock = read_lock(LAYERED[name]) if LAYERED[name] else Lock()
    return Lock(lock.entries | {entry.name: entry for entry in parse(text)})


def parse(text: str) -> Iterator[Locked]:
    for name, version, marker, rest in ENTRY.findall(text):
        comment = rest.partition("# via")[2]
        via = re.findall(r"(?:#\s+|^ )(\S[^\n]*)", comment, re.MULTILINE)
        yield Locked(canonicalize_name(name), version, marker, tuple(via))


def environments() -> list[dict[str, str]]:
    """The markers' values on each supported Python and platform."""
    return [
        {
            "sys_platform": platform,
            "os_name": os_name,
            "platform_system": system,
            "python_version": python,
            "python_full_version": f"{python}.7",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": "",
        }
        for platform, (os_name, system) in PLATFORMS.items()
        for python in PYTHONS
    ]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def asked_for(name: str) -> list[Requirement]:
    """What a lock is made from."""
    if name not in ("runtime", "server", "dev"):
        return inputs(name)
    declared = project()
    lines = list(declared["project"]["dependencies"])
    extras = declared["project"]["optional-dependencies"]
    if name == "server":
        return [*map(Requirement, lines), *map(Requirement, (*extras["server"], *extras["kubernetes"]))]
    if name == "dev":
        lines += [line for extra in extras.values() for line in extra]
        lines += declared["dependency-groups"]["dev"]
    return [*map(Requirement, lines), *map(Requirement, declared["build-system"]["requires"]), *inputs("build")]


def inputs(name: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def missing(lock: Lock, roots: list[Requirement], environment: dict[str, str]) -> list[str]:
    """All that the roots need, themselves or through others, and the lock does not give."""
    lacking: list[str] = []
    seen: set[tuple[str, str]] = set()
    left = [(root, "") for root in roots]
    while left:
        needed, extra = left.pop()
        here = environment | {"extra": extra}
        if needed.marker and not needed.marker.evaluate(here):
            continue
        if reason := lock.lacks(needed, here):
            lacking.append(reason)
            continue
        name = canonicalize_name(needed.name)
        for wanted in {"", *needed.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                left += [(requirement, wanted) for requirement in requirements(lock.entries[name])]
    return lacking


@cache
def requirements(entry: Locked) -> list[Requirement]:
    """What an installed package needs by its metadata, if the version that is locked is installed here."""
    try:
        distribution = metadata.distribution(entry.name)
    except metadata.PackageNotFoundError:
        return []
    return [Requirement(line) for line in distribution.requires or []] if distribution.version == entry.version else []


@pytest.mark.parametrize("name", LOCKS)
def test_what_a_locked_package_needs_is_locked(name: str) -> None:
    lock, roots = read_lock(name), asked_for(name)
    assert lock.entries
    assert roots
    for environment in environments():
        assert missing(lock, roots, environment) == [], environment


def test_most_of_the_locked_packages_are_looked_at() -> None:
    entries = read_lock("dev").entries.values()
    here = dict.fromkeys(("extra",), "")
    unread = [e.name for e in entries if e.installed_in(here) and not is_installed(e)]
    assert unread == [], "make .venv/.installed-dev installs them"


def is_installed(entry: Locked) -> bool:
    try:
        return metadata.version(entry.name) == entry.version
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_there_for_something_that_is_locked(name: str) -> None:
    lock, roots = read_lock(name), {canonicalize_name(root.name) for root in asked_for(name)}
    for entry in parse((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")):
        users = {canonicalize_name(re.sub(r"\[.*", "", name)) for name in entry.via if " " not in name}
        assert entry.name in roots or users & lock.entries.keys(), f"{entry.name} is there for {entry.via}"


OPEN = {
    "a package that is not locked": ({"a": Locked("a", "1")}, "b"),
    "a version that is not accepted": ({"a": Locked("a", "1")}, "a>=2"),
    "a package that is locked for another platform": ({"a": Locked("a", "1", "sys_platform == 'amiga'")}, "a"),
    "a package of an extra": ({"coverage": Locked("coverage", metadata.version("pytest-cov"))}, "coverage[toml]>=99"),
}


@pytest.mark.parametrize(("entries", "needed"), OPEN.values(), ids=OPEN)
def test_an_open_lock_is_noticed(entries: dict[str, Locked], needed: str) -> None:
    assert missing(Lock(entries), [Requirement(needed)], environments()[0])


def test_an_extra_asks_for_what_only_it_needs() -> None:
    lock = read_lock("dev")
    without = Lock({name: entry for name, entry in lock.entries.items() if name != "pyyaml"})
    assert missing(without, [Requirement("msgspec")], environments()[0]) == []
    assert missing(without, [Requirement("msgspec[yaml]")], environments()[0])


INSTALLS = re.compile(r"pip\"? install[^|&`\n]*")
PAGES = (
    "Makefile", "action.yml", "README.md", "CONTRIBUTING.md", "web/README.md", "requirements/README.md",
    ".github/workflows/ci.yml", ".ci/run", "tests/playground/test_page.py", "docs/guides/running-in-ci.md",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_lock_is_installed_without_resolving(page: str) -> None:
    commands = INSTALLS.findall((ROOT / page).read_text(encoding="utf-8"))
    locked = [command for command in commands if "requirements/" in command or " -r" in command]
    assert [command for command in locked if "--no-deps" not in command or "--require-hashes" not in command] == []


def test_what_is_built_here_is_built_with_what_is_locked() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8") + (ROOT / "action.yml").read_text(encoding="utf-8")
    builds = re.findall(r"^.*(?:-m build|--editable|install.*\$SOURCE\").*$", text, re.MULTILINE)
    assert len(builds) == 3
    assert [line for line in builds if "-isolation" not in line] == []
