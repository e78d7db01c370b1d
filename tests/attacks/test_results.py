"""What earlier checks came to changes no verdict, whoever has written to it, and whatever has changed since."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Attest

POLICY = """\
# METADATA
# title: Labels
# custom: {name: labels, severity: high}
package demo

violation contains {"message": msg, "path": ["metadata", "name"]} if {
	not input.resource.metadata.labels[input.parameters.label]
	msg := sprintf("%v has no label %v", [input.resource.metadata.name, input.parameters.label])
}
"""
CLOCK = """\
package clock

violation contains {"message": sprintf("it is %v", [time.now_ns()])} if true
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: NAME\nspec: {containers: [{name: a, image: nginx}]}\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is kept where owners can't be told")


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """The folder of results, once the project has files and a policy of its own."""
    (project / "policies").mkdir()
    (project / "policies/labels.rego").write_text(POLICY, encoding="utf-8")
    (project / "parameters.yaml").write_text("labels: {label: team}\n", encoding="utf-8")
    (project / "k8s").mkdir()
    for name in ("one", "two"):
        (project / f"k8s/{name}.yaml").write_text(POD.replace("NAME", name), encoding="utf-8")
    return tmp_path / "home/.cache/attest/results"


def check(attest: Attest, *more: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    command = ("policy", "check", "k8s", "-p", "policies", "--parameters", "parameters.yaml", "--format", "json")
    return attest(*command, *more, env=env).json()


def said(document: dict[str, Any]) -> list[str]:
    findings = [(one["location"], one) for one in document["findings"]]
    return [
        f"{at['file']}:{at['line']}: {one['message']} ({one['severity']}, {one['enforcement']})" for at, one in findings
    ]


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.results"))


def test_a_second_run_says_what_the_first_said(attest: Attest, folder: Path) -> None:
    plain = check(attest, "--no-cache")
    assert not folder.exists()
    assert check(attest) == plain
    assert len(kept(folder)) == 1
    assert check(attest) == plain
    assert said(plain)[0] == "k8s/one.yaml:4: one has no label team (high, strict)"


def test_only_their_owner_can_see_them(attest: Attest, folder: Path) -> None:
    check(attest)
    for path in (folder.parent, folder, *kept(folder)):
        assert path.stat().st_mode & 0o077 == 0


def test_they_are_where_xdg_says(attest: Attest, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    check(attest, env={"XDG_CACHE_HOME": str(elsewhere)})
    assert len(kept(elsewhere / "attest/results")) == 1
    check(attest, env={"XDG_CACHE_HOME": "relative"})
    assert len(kept(folder)) == 1


def move(folder: Path) -> None:
    (folder / "k8s/one.yaml").rename(folder / "k8s/three.yaml")


def shift(folder: Path) -> None:
    (folder / "k8s/one.yaml").write_text("# first\n---\n\n" + POD.replace("NAME", "one"), encoding="utf-8")


def swap(folder: Path) -> None:
    one, two = folder / "k8s/one.yaml", folder / "k8s/two.yaml"
    text = one.read_text(encoding="utf-8")
    one.write_text(two.read_text(encoding="utf-8"), encoding="utf-8")
    two.write_text(text, encoding="utf-8")


def copy(folder: Path) -> None:
    shutil.copy(folder / "k8s/one.yaml", folder / "k8s/copy.yaml")


def same_size(folder: Path) -> None:
    path = folder / "k8s/one.yaml"
    before = path.stat()
    path.write_text(POD.replace("NAME", "eno"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_policy(folder: Path) -> None:
    path = folder / "policies/labels.rego"
    path.write_text(path.read_text(encoding="utf-8").replace("no label", "never a label"), encoding="utf-8")


def another_parameter(folder: Path) -> None:
    (folder / "parameters.yaml").write_text("labels: {label: owner}\n", encoding="utf-8")


def another_weight(folder: Path) -> None:
    (folder / ".attest").mkdir()
    configuration = "policies: [{name: labels, enforcement: dryrun}]\n"
    (folder / ".attest/policies.yaml").write_text(configuration, encoding="utf-8")


def exempted(folder: Path) -> None:
    path = folder / "k8s/one.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("name: one", "name: one\n  labels: {team: x}"), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        move,
        shift,
        swap,
        copy,
        same_size,
        another_policy,
        another_parameter,
        another_weight,
        exempted,
    ],
)
def test_whatever_has_changed_since_counts(
    attest: Attest, project: Path, folder: Path, change: Callable[[Path], None]
) -> None:
    before = check(attest)
    change(project)
    plain = check(attest, "--no-cache")
    assert plain != before
    assert check(attest) == plain
    assert check(attest) == plain
    assert kept(folder)


def test_a_policy_that_asks_the_clock_is_asked_each_time(attest: Attest, project: Path, folder: Path) -> None:
    (project / "policies/clock.rego").write_text(CLOCK, encoding="utf-8")
    first, second = check(attest), check(attest)
    assert said(first) != said(second)
    assert not kept(folder) or all(b"it is " not in path.read_bytes() for path in kept(folder))


def test_the_shipped_policies_are_not_asked_again(attest: Attest, folder: Path) -> None:
    """They ask the clock for evidence that expires, and there is none."""
    command = ("policy", "check", "k8s", "--format", "json")
    first = attest(*command).json()
    assert len(kept(folder)) == 1
    assert attest(*command).json() == first == attest(*command, "--no-cache").json()
    assert first["findings"]


def test_results_that_somebody_has_changed_are_computed_again(attest: Attest, folder: Path) -> None:
    plain = check(attest)
    (path,) = kept(folder)
    good = path.read_bytes()
    for bad in (good.replace(b"no label", b"a  label"), good.replace(b"high", b"low "), good[:-40], b"", good[::-1]):
        path.write_bytes(bad)
        assert check(attest) == plain


def test_results_of_other_policies_are_not_taken_for_those_of_these(
    attest: Attest, project: Path, folder: Path
) -> None:
    plain = check(attest)
    (own,) = kept(folder)
    name = own.name
    own.unlink()
    (project / "policies/labels.rego").write_text(POLICY.replace("not input", "input"), encoding="utf-8")
    assert check(attest)["findings"] == []
    (others,) = kept(folder)
    others.rename(folder / name)
    (project / "policies/labels.rego").write_text(POLICY, encoding="utf-8")
    assert check(attest) == plain


def others_may_write(folder: Path) -> None:
    folder.chmod(0o777)


def others_may_write_above(folder: Path) -> None:
    folder.parent.chmod(0o777)


def a_link(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to("moved")


def a_link_above(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("moved"))
    folder.parent.symlink_to("moved")


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


@pytest.mark.parametrize("spoil", [others_may_write, others_may_write_above, a_link, a_link_above, a_file])
def test_a_folder_that_others_could_write_to_is_left_alone(
    attest: Attest, folder: Path, spoil: Callable[[Path], None]
) -> None:
    plain = check(attest)
    spoil(folder)
    before = sorted((path, path.stat().st_mtime_ns) for path in kept(folder.resolve()))
    assert check(attest) == plain
    assert sorted((path, path.stat().st_mtime_ns) for path in kept(folder.resolve())) == before
    assert "not used: " in attest("policy", "cache", "info", code=0).out


def test_a_repository_brings_no_results_of_its_own(attest: Attest, project: Path, folder: Path) -> None:
    (project / ".git").mkdir()
    inside = {"XDG_CACHE_HOME": str(project / ".cache")}
    plain = check(attest)
    shutil.copytree(folder.parent, project / ".cache/attest")
    (project / ".cache/attest/results" / kept(folder)[0].name).write_bytes(b"theirs")
    assert check(attest, env=inside) == plain
    assert kept(project / ".cache/attest/results")[0].read_bytes() == b"theirs"
    assert "is in the repository" in attest("policy", "cache", "info", env=inside, code=0).out


def test_results_of_another_machine_say_nothing(attest: Attest, folder: Path, tmp_path: Path) -> None:
    """Pipelines bring caches from other jobs, of people who may want a verdict to be another."""
    plain = check(attest, "--no-cache")
    elsewhere = tmp_path / "elsewhere"
    check(attest, env={"XDG_STATE_HOME": str(elsewhere)})
    (brought,) = kept(folder)
    check(attest)
    (own,) = (one for one in kept(folder) if one != brought)
    shutil.copyfile(brought, own)  # whoever brings it knows what its name must be
    own.chmod(0o600)
    assert check(attest) == plain
    key = elsewhere / "attest/results.key"
    assert key.stat().st_mode & 0o077 == 0
    key.chmod(0o644)
    answer = attest("policy", "cache", "info", "--format", "json", env={"XDG_STATE_HOME": str(elsewhere)}).json()
    assert "open to others" in answer["unused"]


def test_a_folder_that_can_not_be_made_hinders_no_check(attest: Attest, folder: Path) -> None:
    plain = check(attest, "--no-cache")
    assert check(attest, env={"XDG_CACHE_HOME": "/dev/null/cache"}) == plain
    assert not folder.exists()


def test_a_governed_run_neither_reads_nor_writes_them(attest: Attest, folder: Path) -> None:
    check(attest, "--governed")
    assert not folder.exists()
    plain = check(attest)
    (path,) = kept(folder)
    before = path.stat().st_mtime_ns, path.stat().st_atime_ns
    assert check(attest, "--governed")["findings"] == plain["findings"]
    assert (path.stat().st_mtime_ns, path.stat().st_atime_ns) == before


def test_they_can_be_seen_and_cleared(attest: Attest, folder: Path) -> None:
    check(attest)
    info = json.loads(attest("policy", "cache", "info", "--format", "json", code=0).out)
    assert info["folder"] == str(folder)
    assert (info["files"], info["bytes"], info["unused"]) == (1, kept(folder)[0].stat().st_size, "")
    assert "in 1 file of 256.0 MiB" in attest("policy", "cache", "info", code=0).out
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert "removed " in attest("policy", "cache", "clear", code=0).out
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
