"""Files that other programs read: lock files, hooks, the action, the workflow, and the benchmark's generator."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("runtime.txt", "dev.txt", "go.txt", "uv.txt", "browser.txt")


def read_yaml(name: str) -> Any:  # whatever the file holds
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def locked(name: str) -> dict[str, str]:
    """Versions by package of a lock file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_lock_names_a_host(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)
    packages = [entry for entry in entries if "==" in entry.split("\n", 1)[0]]
    assert packages
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_runtime_and_development_locks_agree() -> None:
    runtime, development = locked("runtime.txt"), locked("dev.txt")
    assert runtime.items() <= development.items()


def test_workflows_and_action_use_pinned_actions_alone() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        text += workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert [name for name in used if name != "./" and not re.search(r"@[0-9a-f]{40}$", name)] == []


def test_no_script_of_the_action_contains_an_input() -> None:
    steps = read_yaml("action.yml")["runs"]["steps"]
    scripts = [step["run"] for step in steps if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_hooks_call_commands_of_this_package() -> None:
    calls = {hook["id"]: [hook["entry"], *hook["args"]] for hook in read_yaml(".pre-commit-hooks.yaml")}
    assert calls == {"attest-check": ["attest policy check", "--"], "attest-validate": ["attest policy validate", "--"]}


def test_hooks_install_what_the_runtime_lock_says() -> None:
    for hook in read_yaml(".pre-commit-hooks.yaml"):
        pins = dict(pin.partition(" ;")[0].split("==") for pin in hook["additional_dependencies"])
        assert pins == locked("runtime.txt"), "`make lock` writes them"


def generated(folder: Path, seed: int) -> dict[str, bytes]:
    command: list[str | Path] = [sys.executable, ROOT / "benchmarks" / "generate.py", "60", folder, "--seed", str(seed)]
    subprocess.run(command, check=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def test_generated_manifests_depend_on_the_seed_alone(tmp_path: Path) -> None:
    first, again, other = (generated(tmp_path / str(n), seed) for n, seed in enumerate((1, 1, 2)))
    assert len(first) == 60
    assert first == again
    assert first != other
    assert all(yaml.safe_load(text)["kind"] for text in first.values())
