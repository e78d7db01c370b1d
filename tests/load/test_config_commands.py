"""`attest config` and `attest policy init` as they are typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

from attest_governance.cli.main import run
from attest_governance.load.configuration import bundle_paths, load_settings
from attest_governance.load.parameters import check_parameters
from attest_governance.load.scaffold import FILES
from attest_governance.load.standing import Standings
from attest_governance.model import Policy
from reference_pages.configuration import json_schemas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _there(project: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ATTEST_") or name == "XDG_CONFIG_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(project)


def _printed(arguments: Sequence[str], capsys: Output, code: int = 0) -> str:
    assert run(arguments) == code
    out, err = capsys.readouterr()
    return str(err if code else out)


def _document(arguments: Sequence[str], capsys: Output, schema: str) -> Any:
    document = json.loads(_printed([*arguments, "--format", "json"], capsys))
    jsonschema_rs.Draft202012Validator(json_schemas()[schema]).validate(document)
    return document


def test_set_then_get(capsys: Output, home: Path) -> None:
    assert run(["config", "set", "policy.debug", "true"]) == 0
    assert capsys.readouterr() == ("", f"set: policy.debug in {home}/.config/attest/policies.yaml\n")
    assert _printed(["config", "get", "policy.debug"], capsys) == "true\n"
    assert run(["config", "set", "policy.debug", "true"]) == 0
    assert capsys.readouterr().err.startswith("already set: ")


def test_set_refuses_an_unknown_key(capsys: Output, home: Path) -> None:
    text = _printed(["config", "set", "policy.debgu", "true"], capsys, code=2)
    assert text == "error: unknown key `policy.debgu`\nhint: did you mean `policy.debug`?\n"
    assert list((home / ".config/attest").iterdir()) == []


@pytest.mark.usefixtures("home")
def test_set_shows_what_there_is_where_no_key_is_near(capsys: Output) -> None:
    text = _printed(["config", "set", "policy.foo", "true"], capsys, code=2)
    assert text == "error: unknown key `policy.foo`\nhint: `attest config get policy` shows the keys of `policy`\n"
    assert "policy.profile" in _printed(["config", "get", "policy"], capsys)


@pytest.mark.usefixtures("home")
def test_set_says_what_a_value_must_be_and_nothing_of_flags(capsys: Output) -> None:
    text = _printed(["config", "set", "policy.profile", "strikt"], capsys, code=2)
    assert text.startswith("error: `policy.profile` must be one of `minimal`, ")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("policy.timeout", "10s\n"),
        ("policy.memory", "2Gi\n"),
        ("policy.allow_net", "a, b\n"),
        ("policy.policy_bundle_path", "\n"),
        ("policies.x.enforcement", "warn\n"),
        ("policies.x.severity", "\n"),
        ("policies.x.enabled", "true\n"),
        ("policies.x.parameters.deep", '{"er":[1]}\n'),
        ("policies.x.parameters.deep.er", "[1]\n"),
        ("policies.other.enabled", "\n"),
        ("policies.x", ("policies.x.enforcement      warn  (.attest/policies.yaml:3)\n"
                       'policies.x.parameters.deep  {"er":[1]}  (.attest/policies.yaml:3)\n')),
        ("exemptions", ""),
    ],
)  # fmt: skip
def test_get(key: str, text: str, capsys: Output, project: Path) -> None:
    (project / ".attest/policies.yaml").write_text(
        "policy: {allow_net: [a, b]}\npolicies:\n  - {name: x, enforcement: warn, parameters: {deep: {er: [1]}}}\n"
    )
    assert _printed(["config", "get", key], capsys) == text


@pytest.mark.parametrize("section", ["policy", "compliance", "evidence", "server"])
def test_every_section_is_shown(section: str, capsys: Output) -> None:
    document = _document(["config", "get", section], capsys, "configuration-get.schema.json")
    assert {one["key"].partition(".")[0] for one in document["settings"]} == {section}


def test_set_as_json(capsys: Output, home: Path) -> None:
    def said() -> Any:
        return _document(["config", "set", "policy.debug", "true"], capsys, "configuration-set.schema.json")

    first = said()
    assert (first["key"], first["changed"]) == ("policy.debug", True)
    assert first["file"].startswith(str(home))
    assert said()["changed"] is False


def test_get_names_the_source(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_POLICY_TIMEOUT", "500ms")
    document = _document(["config", "get", "policy.timeout"], capsys, "configuration-get.schema.json")
    (setting,) = document["settings"]
    assert setting == {
        "key": "policy.timeout",
        "value": 0.5,
        "source": {"kind": "environment", "name": "ATTEST_POLICY_TIMEOUT"},
    }


def test_show(capsys: Output, project: Path) -> None:
    (project / ".attest/policies.yaml").write_text(
        "policies:\n  - name: x\nexemptions:\n  - reason: r\npolicy:\n  custom_policies:\n"
        "    - name: c\n      rego_code: |\n        package c\n        # \\e[31m\n"
    )
    document = _document(["config", "show"], capsys, "configuration-show.schema.json")
    assert document["files"] == [str(project / ".attest/policies.yaml")]
    by_key = {one["key"]: one for one in document["settings"]}
    assert by_key["exemptions[0]"]["value"] == {"reason": "r"}
    assert by_key["exemptions[0]"]["source"]["line"] == 4
    assert by_key["policies.x.enabled"]["value"] is True
    assert by_key["policy.custom_policies.c"]["source"]["line"] == 7
    assert by_key["policy.debug"]["source"] == {"kind": "default"}
    text = _printed(["config", "show"], capsys)
    assert len(text.splitlines()) == len(by_key)
    assert all(line.endswith(")") for line in text.splitlines())


def test_show_tells_all_that_is_wrong(capsys: Output, project: Path) -> None:
    (project / ".attest/policies.yaml").write_text("polcy: 1\npolicy: {debug: 7}\n")
    text = _printed(["config", "show"], capsys, code=2)
    assert ".attest/policies.yaml:1:1: unknown key `polcy`" in text
    assert ".attest/policies.yaml:2:17: `policy.debug` must be true or false, not `7`" in text


class TestInit:
    """`attest policy init`."""

    def test_writes_a_project_that_loads(self, capsys: Output, tmp_path: Path, home: Path) -> None:
        folder = tmp_path / "new"
        document = _document(["policy", "init", "--dir", str(folder)], capsys, "configuration-init.schema.json")
        assert {one["path"]: one["action"] for one in document["files"]} == dict.fromkeys(FILES, "written")
        settings = load_settings(start=folder, home=home, environ={})
        assert bundle_paths(settings) == (folder / "policies",)
        schema = yaml.safe_load(_metadata(folder))["custom"]["parameters"]
        assert check_parameters(Standings(settings), [Policy("required-labels", parameters=schema)]) == ()

    def test_what_is_commented_out_loads_too(self, capsys: Output, project: Path) -> None:
        _printed(["policy", "init"], capsys)
        file = project / ".attest/policies.yaml"
        lines = file.read_text(encoding="utf-8").splitlines()
        example = [line.replace("# ", "", 1) if _is_example(line) else line for line in lines]
        assert sum(map(_is_example, lines)) >= 19
        file.write_text("\n".join(line for line in example if line.strip() != "#"), encoding="utf-8")
        text = _printed(["config", "show"], capsys)
        for key in ("policies.image-security.parameters.trusted_registries", "exemptions[0]", "policy.allow_net"):
            assert key in text

    def test_keeps_what_is_there(self, capsys: Output, project: Path) -> None:
        (project / ".attest/policies.yaml").write_text("# mine\n")
        text = _printed(["policy", "init"], capsys)
        assert "kept     .attest/policies.yaml" in text
        assert "written  policies/deployment/required-labels.rego" in text
        assert (project / ".attest/policies.yaml").read_text() == "# mine\n"
        again = _printed(["policy", "init"], capsys)
        assert [line.split()[0] for line in again.splitlines()] == ["kept"] * len(FILES)

    def test_link_out_of_the_project_is_refused(self, capsys: Output, project: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (project / "policies").symlink_to(tmp_path / "elsewhere")
        assert "a link leads out of the project" in _printed(["policy", "init"], capsys, code=2)
        assert list((tmp_path / "elsewhere").rglob("*.rego")) == []

    def test_dangling_link_is_kept_and_not_written_through(self, capsys: Output, project: Path, tmp_path: Path) -> None:
        (project / ".attest/policies.yaml").symlink_to(tmp_path / "victim")
        assert "kept     .attest/policies.yaml" in _printed(["policy", "init"], capsys)
        assert not (tmp_path / "victim").exists()

    def test_file_in_the_way_of_a_folder(self, capsys: Output, project: Path) -> None:
        (project / "policies").touch()
        assert "policies" in _printed(["policy", "init"], capsys, code=2)

    def test_workflow_runs_the_commands(self, capsys: Output, project: Path) -> None:
        _printed(["policy", "init"], capsys)
        workflow = yaml.safe_load((project / ".github/workflows/policy-validation.yml").read_text(encoding="utf-8"))
        steps = workflow["jobs"]["validate"]["steps"]
        commands = "".join(step.get("run", "") for step in steps)
        for command in ("validate policies/", "test policies/", "scan --format sarif --output policy-scan.sarif"):
            assert f"attest policy {command}" in commands
        assert 'pip install "$RUNNER_TEMP/attest"' in commands, "from a checkout: there is no release"
        assert workflow["permissions"] == {"contents": "read"}
        assert steps[-1]["with"]["sarif_file"] == "policy-scan.sarif"

    @pytest.mark.skipif(shutil.which("opa") is None, reason="OPA IS NOT ON THE PATH: the first policy is not tested")
    def test_first_policy_passes_its_tests_in_opa(self, capsys: Output, project: Path) -> None:
        _printed(["policy", "init"], capsys)
        for command in (["test", "policies"], ["check", "--strict", "policies"], ["fmt", "--fail", "policies"]):
            done = subprocess.run(["opa", *command], cwd=project, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def _metadata(folder: Path) -> str:
    lines = (folder / "policies/deployment/required-labels.rego").read_text(encoding="utf-8").splitlines()
    return "\n".join(line[2:] for line in lines[1:] if line.startswith("# ") and not line.startswith("# `path`"))


def _is_example(line: str) -> bool:
    """A comment that holds YAML rather than a sentence."""
    text = line.strip()
    return text.startswith(("# - ", "#   ")) or (text.startswith("# ") and text.endswith(":"))


NOT_THERE = {
    "a value of another type": ("policy.timeout", "soon", "must be a duration"),
    "a value of no set": ("policy.profile", "strikt", "did you mean `strict`?"),
    "a form of the input": ("policy.input_form", "opa", "`admission`"),
    "a version of Kubernetes": ("policy.kubernetes_version", "soon", "write it as `1."),
    "a version of Kubernetes that is not there yet": ("policy.kubernetes_version", "9.99", "known are 1.0 to 1."),
    "a folder of policies": ("policy.policy_bundle_path", "nowhere", ".config/attest/nowhere"),
    "a folder at home": ("policy.policy_bundle_path", "~/nowhere", "there is no `"),
    "a file of keys": ("policy.policy_bundle_key", "/nowhere/key.pem", "there is no `/nowhere/key.pem`"),
    "a URL": ("policy.policy_bundle_url", "nonsense", "`nonsense` is no http or https URL"),
    "a pattern": ("policy.exclude", "[", "`[` is no pattern of paths"),
    "a shipped policy": ("policy.shipped", "attest-security,rback", "did you mean `rbac`?"),
    "a policy": ("policies.rback.enabled", "true", "did you mean `rbac`?"),
    "a parameter": ("policies.rbac.parameters.nope", "1", "no parameter `nope`"),
    "a list of entries": ("policy.custom_policies", "x", "edit it in the file"),
    "a section": ("policy", "x", "`policy` is a section"),
}


@pytest.mark.parametrize("case", NOT_THERE)
def test_set_refuses_what_is_not_there(case: str, capsys: Output, home: Path) -> None:
    key, value, says = NOT_THERE[case]
    assert says in _printed(["config", "set", key, value], capsys, code=2)
    assert not (home / ".config/attest/policies.yaml").exists()


def test_set_takes_what_is_there(capsys: Output, home: Path) -> None:
    (home / "own").mkdir()
    for key, value in {
        "policy.policy_bundle_path": "~/own",
        "policy.kubernetes_version": "1.30",
        "policy.shipped": "rbac,sec*",
        "policy.exclude": "vendor/,*.tmpl.yaml",
    }.items():
        assert run(["config", "set", key, value]) == 0, capsys.readouterr().err
    for key in ("policy.policy_bundle_path", "policy.kubernetes_version"):
        assert run(["config", "set", key, ""]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("shown_as", ["text", "json"])
def test_set_says_what_hides_the_value(
    shown_as: str, capsys: Output, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".attest/policies.yaml").write_text("policy: {profile: strict}\n")
    monkeypatch.setenv("ATTEST_POLICY_TIMEOUT", "5s")
    for key, value, by in (
        ("policy.profile", "minimal", ".attest/policies.yaml:1"),
        ("policy.timeout", "7s", "environment ATTEST_POLICY_TIMEOUT"),
    ):
        assert run(["config", "set", key, value, "--format", shown_as]) == 0
        assert f"notice: here it is set by {by}, which counts before the global file" in capsys.readouterr().err
