"""Which file, variable or flag wins; where files are looked for; what a policy's settings come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration import bundle_paths, load_settings
from attest_governance.load.configuration_files import global_file, project_root
from attest_governance.load.settings import PolicyOptions, Settings

Load = Callable[..., Settings]


@dataclass(frozen=True)
class Case:
    expected: Any
    source: str
    project: str | None = None
    general: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, object] = field(default_factory=dict)
    key: str = "timeout"


CASES = {
    "default": Case(10.0, "default"),
    "global file": Case(1.0, "policies.yaml:1", general="policy: {timeout: 1}"),
    "project over global": Case(2.0, ".attest/policies.yaml:1", "policy: {timeout: 2s}", "policy: {timeout: 1}"),
    "global where the project is silent": Case(1.0, "policies.yaml:1", "policy: {debug: true}", "policy: {timeout: 1}"),
    "project says what the default says": Case(
        10.0, ".attest/policies.yaml:1", "policy: {timeout: 10s}", "policy: {timeout: 1}"
    ),
    "variable over project": Case(
        3.0, "environment ATTEST_POLICY_TIMEOUT", "policy: {timeout: 2s}", None, {"ATTEST_POLICY_TIMEOUT": "3s"}
    ),
    "empty variable says nothing": Case(
        2.0, ".attest/policies.yaml:1", "policy: {timeout: 2s}", None, {"ATTEST_POLICY_TIMEOUT": ""}
    ),
    "flag over variable": Case(
        0.5, "flag policy.timeout", None, None, {"ATTEST_POLICY_TIMEOUT": "3s"}, {"policy.timeout": "500ms"}
    ),
    "flag that is not given": Case(
        3.0, "environment ATTEST_POLICY_TIMEOUT", None, None, {"ATTEST_POLICY_TIMEOUT": "3s"}, {"policy.timeout": None}
    ),
    "number as a flag": Case(1.5, "flag policy.timeout", overrides={"policy.timeout": 1.5}),
    "variable that is on": Case(
        True, "environment ATTEST_POLICY_DEBUG", environ={"ATTEST_POLICY_DEBUG": "1"}, key="debug"
    ),
    "variable with a list": Case(
        ("a", "b.c"),
        "environment ATTEST_POLICY_ALLOW_NET",
        "policy: {allow_net: [x]}",
        environ={"ATTEST_POLICY_ALLOW_NET": "A, b.c,"},
        key="allow_net",
    ),
    "flag with a list": Case(("a",), "flag policy.allow_net", overrides={"policy.allow_net": ["a"]}, key="allow_net"),
    "list of the project replaces the global one": Case(
        (), ".attest/policies.yaml:1", "policy: {allow_net: []}", "policy: {allow_net: [x]}", key="allow_net"
    ),
    "memory in words": Case(
        2**29, "environment ATTEST_POLICY_MEMORY", environ={"ATTEST_POLICY_MEMORY": "512Mi"}, key="memory"
    ),
    "no memory limit": Case(0, ".attest/policies.yaml:1", "policy: {memory: 0}", key="memory"),
    "YAML 1.1 words where a boolean is meant": Case(
        False, ".attest/policies.yaml:1", "policy: {enabled: off}", key="enabled"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_later_wins(case: Case, load: Load) -> None:
    settings = load(case.project, case.general, case.environ, case.overrides)
    assert getattr(settings.policy, case.key) == case.expected
    assert str(settings.source(("policy", case.key))).endswith(case.source)


def test_entries_of_a_policy_are_merged_field_by_field(load: Load) -> None:
    settings = load(
        "policies:\n  - name: a\n    enforcement: warn\n    parameters: {x: 2, z: 3}\n",
        "policies:\n  - name: a\n    enabled: false\n    severity: High\n    parameters: {x: 1, y: 1}\n  - name: b\n",
        overrides={"policies.a.parameters.z": 4},
    )
    found = settings.for_policy("a")
    assert (found.enabled, found.enforcement, found.severity) == (False, "warn", "high")
    assert found.parameters == {"x": 2, "y": 1, "z": 4}
    assert settings.source(("policies", "a", "parameters", "x")).line == 4
    assert str(settings.source(("policies", "a", "parameters", "z"))) == "flag policies.a.parameters.z"
    assert set(settings.policies) == {"a", "b"}


def test_policy_that_is_not_configured_is_left_as_it_is(load: Load) -> None:
    found = load().for_policy("anything")
    assert (found.enabled, found.enforcement, found.severity, found.parameters) == (None, None, None, {})


def test_entry_wins_over_the_custom_policy_it_names(load: Load) -> None:
    code = (
        "{name: a, rego_code: package a, level: namespace, severity: LOW, enforcement: warn, parameters: {x: 1, y: 1}}"
    )
    settings = load(
        f"policy:\n  custom_policies:\n    - {code}\npolicies:\n  - {{name: a, severity: high, parameters: {{x: 2}}}}\n"
    )
    found = settings.for_policy("a")
    assert (found.severity, found.enforcement, found.parameters) == ("high", "warn", {"x": 2, "y": 1})
    assert settings.policy.custom_policies[0].level == "Namespace"


def test_custom_policies_are_merged_by_name_and_keep_their_place(load: Load, home: Path) -> None:
    settings = load(
        "policy:\n  custom_policies:\n    - name: a\n      rego_code: |\n\n          package a\n",
        "policy:\n  custom_policies:\n    - {name: a, rego_code: package old}\n"
        "    - {name: b, rego_code: 'package b'}\n"
        "    - {name: c, rego_code: package c, enabled: false}\n",
    )
    placed = {module.name: (module.file, module.line, module.column) for module in settings.modules}
    everyone = str(home / ".config/attest/policies.yaml")
    assert placed == {"a": (".attest/policies.yaml", 5, 11), "b": (everyone, 4, 29)}
    assert settings.modules[0].text == "\npackage a\n"


def test_exemptions_of_both_files_count_and_keep_their_place(load: Load, home: Path) -> None:
    settings = load(
        "exemptions:\n  - policy_name: b\n    expires_at: 2030-01-01T00:00:00Z\n    labels: {team: a}\n",
        "exemptions:\n  - policy_name: a\n",
    )
    first, second = settings.exemptions
    assert (first.policy_name, first.source) == ("a", f"{home}/.config/attest/policies.yaml:2")
    assert (second.policy_name, second.source) == ("b", ".attest/policies.yaml:2")
    assert (second.expires_at, second.labels, second.column) == ("2030-01-01T00:00:00Z", {"team": "a"}, 5)
    assert settings.source(("exemptions", 1, "labels")).line == 4


def test_frameworks_are_merged_key_by_key(load: Load) -> None:
    settings = load(
        "compliance: {hipaa: {encryption: {at_rest: required}}}",
        "compliance: {hipaa: {enabled: true, encryption: {in_transit: required}}, soc2: }",
        overrides={"compliance.gdpr.enabled": True},
    )
    hipaa = settings.compliance.hipaa
    assert (hipaa.enabled, hipaa.encryption.at_rest, hipaa.encryption.in_transit) == (True, "required", "required")
    assert settings.compliance.gdpr.enabled


@pytest.mark.parametrize("text", ["", "# nothing\n", "policy:\npolicies:\nexemptions:\ncompliance:\n", "---\n"])
def test_file_without_content_changes_nothing(text: str, load: Load) -> None:
    assert load(text).policy == PolicyOptions()


def test_variables_of_a_kubernetes_service_are_not_ours(load: Load) -> None:
    service = {
        "ATTEST_POLICY_SERVICE_HOST": "10.0.0.1",
        "ATTEST_POLICY_SERVICE_PORT": "443",
        "ATTEST_POLICY_SERVICE_PORT_HTTPS": "443",
        "ATTEST_POLICY_PORT": "tcp://10.0.0.1:443",
        "ATTEST_POLICY_PORT_443_TCP_ADDR": "10.0.0.1",
    }
    assert load(environ=service).policy == PolicyOptions()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "home/.config/attest/policies.yaml"),
        ({"XDG_CONFIG_HOME": "/etc/xdg"}, "/etc/xdg/attest/policies.yaml"),
        ({"XDG_CONFIG_HOME": "relative"}, "home/.config/attest/policies.yaml"),
        ({"XDG_CONFIG_HOME": ""}, "home/.config/attest/policies.yaml"),
    ],
)
def test_global_file(environ: dict[str, str], expected: str) -> None:
    assert global_file(Path("home"), environ) == Path(expected)


class TestProjectRoot:
    """The project's file is looked for upward, but not everywhere."""

    def test_nearest_folder_above(self, project: Path, home: Path) -> None:
        (project / ".attest/policies.yaml").touch()
        below = project / "a" / "b"
        below.mkdir(parents=True)
        assert project_root(below, home) == project
        settings = load_settings(start=below, home=home, environ={})
        assert settings.root == project

    def test_errors_name_the_file_as_seen_from_the_working_directory(self, project: Path, home: Path) -> None:
        (project / ".attest/policies.yaml").write_text("x: 1\n")
        (project / "a").mkdir()
        with pytest.raises(ConfigurationError) as caught:
            load_settings(start=project / "a", home=home, environ={})
        assert caught.value.where == os.path.join("..", ".attest", "policies.yaml:1:1")  # noqa: PTH118

    def test_ends_at_the_repository(self, project: Path, home: Path) -> None:
        (project / ".attest/policies.yaml").touch()
        (project / "inner" / ".git").mkdir(parents=True)
        assert project_root(project / "inner", home) is None

    def test_ends_at_home(self, project: Path) -> None:
        (project / ".attest/policies.yaml").touch()
        (project / "home" / "a").mkdir(parents=True)
        assert project_root(project / "home" / "a", project / "home") is None


class TestBundles:
    """Where `policy_bundle_path` starts, and what is refused."""

    def test_project_file_starts_at_the_project(self, load: Load, project: Path) -> None:
        (project / "rules").mkdir()
        assert bundle_paths(load("policy: {policy_bundle_path: rules/}")) == (project / "rules",)

    def test_global_file_starts_at_its_own_folder(self, load: Load, home: Path) -> None:
        (home / ".config/attest/rules").mkdir()
        assert bundle_paths(load(None, "policy: {policy_bundle_path: rules}")) == (home / ".config/attest/rules",)

    def test_variable_starts_at_the_working_directory(self, load: Load, project: Path) -> None:
        (project / "rules").mkdir()
        assert bundle_paths(load(environ={"ATTEST_POLICY_POLICY_BUNDLE_PATH": "rules"})) == (project / "rules",)

    def test_tilde_is_home(self, load: Load, home: Path) -> None:
        (home / "rules").mkdir()
        assert bundle_paths(load("policy: {policy_bundle_path: ~/rules}")) == (home / "rules",)

    def test_none(self, load: Load) -> None:
        assert bundle_paths(load()) == ()

    def test_absent_path_is_named_where_it_is_configured(self, load: Load, project: Path) -> None:
        with pytest.raises(ConfigurationError, match="names `nowhere`, which does not exist") as caught:
            bundle_paths(load("policy:\n  policy_bundle_path: nowhere\n"))
        assert caught.value.where == ".attest/policies.yaml:2:23"
        assert caught.value.hint == f"it stands for `{project / 'nowhere'}`"
