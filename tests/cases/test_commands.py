"""Cases about folders of nothing, formats, tests, validation and other commands give what their `expect` asks for."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cases.conftest import Case, Run
from tests.cases.test_cases import PRIVILEGED, Words, assert_said
from tests.cli.conftest import COMMAND, environment
from tests.gatekeeper.conftest import gator
from tests.gatekeeper.test_generate import by_gator

__all__ = ["gator"]

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: x}]}\n"


@pytest.mark.parametrize(
    ("number", "paths", "skipped"),
    [
        ("07", "c.yaml empty.yaml dash.yaml null.yaml", 0),
        ("58", "empty", 0),
        ("58", "onlyvalues", 1),
        ("47", "array.json", 1),
        ("47", "jsonc.json", 1),
    ],
)
def test_no_resource_at_all_is_allowed_where_that_is_meant(
    case: Case, run: Run, number: str, paths: str, skipped: int
) -> None:
    folder = case(number)
    (folder / "empty").mkdir(exist_ok=True)
    document = run(folder, f"{PRIVILEGED} {paths} --allow-empty -f json", 0).json()
    assert document["resources"] == 0
    assert len(document["skipped"]) == skipped


def test_documents_without_content_are_no_test_cases(case: Case, run: Run) -> None:
    ran = run(case("07"), "policy check -p ../_pol/dump c.yaml empty.yaml dash.yaml null.yaml mixed.yaml -f junit", 1)
    assert [suite.get("name") for suite in ET.fromstring(ran.out)] == ["mixed.yaml"]  # noqa: S314 (our own output)


def test_sarif_paths_start_at_the_repository(case: Case, run: Run) -> None:
    repository = case("17") / "repo"
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    ran = run(repository / "sample", "policy check -p ../../../_pol/priv deployment -f sarif", 1)
    assert _uris(ran.out) == {"sample/deployment/manifest.yaml"}


def test_sarif_paths_are_encoded(case: Case, run: Run) -> None:
    log = json.loads(run(case("18"), f"{PRIVILEGED} . -f sarif", 2).out)
    (invocation,) = log["runs"][0]["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]
    (location,) = notification["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "bad%20file%201.yaml"


def _uris(sarif: str) -> set[str]:
    results = json.loads(sarif)["runs"][0]["results"]
    return {place["physicalLocation"]["artifactLocation"]["uri"] for each in results for place in each["locations"]}


def test_a_baseline_made_over_a_baseline_holds_both(case: Case, run: Run) -> None:
    folder = case("19")
    (folder / "one").mkdir()
    pod = POD.replace("image: x", "image: x, securityContext: {privileged: true}")
    (folder / "one/p.yaml").write_text(pod)
    scan = "policy scan -p ../_pol/priv"
    run(folder, f"{scan} one --create-baseline first.json", 0)
    run(folder, f"{scan} one two --baseline first.json --create-baseline second.json", 0)
    held = json.loads((folder / "second.json").read_text())["findings"]
    assert [each["resource"] for each in held] == ["Pod/p", "Pod/web"]
    assert json.loads(run(folder, f"{scan} one two --baseline second.json -f json", 0).out)["violations"] == 0


def test_a_suite_sees_the_constraint_beside_it(case: Case, run: Run) -> None:
    assert "4 tests in" in run(case("22"), "policy test .", 0).out


def test_a_suite_reads_reviews_as_gatekeeper_does(case: Case, run: Run) -> None:
    document = run(case("32"), "policy test . -f json", 1).json()
    outcomes = {each["name"].rpartition("/")[2]: each["outcome"] for each in document["cases"]}
    assert outcomes == {"delete": "pass", "delete-object": "fail", "no-kind": "pass", "skipped": "skip"}


def test_reviews_and_suites_are_valid(case: Case, run: Run) -> None:
    run(case("32"), "policy validate .", 0)


def test_kinds_of_configuration_need_no_metadata(case: Case, run: Run) -> None:
    run(case("70"), "policy validate .", 0)


def test_fields_that_the_input_does_not_have_are_warned_of(case: Case, run: Run) -> None:
    assert run(case("75"), "policy validate .", 0).out.count("the input has no such field") >= 3


def test_a_table_says_what_was_skipped(case: Case, run: Run) -> None:
    assert "skipped 1 document" in run(case("86"), f"{PRIVILEGED} values.yaml --allow-empty -f table", 0).out


def test_unit_tests_end_as_in_opa(case: Case, run: Run) -> None:
    document = run(case("34"), "policy test . -f json", 2).json()
    assert [document[outcome] for outcome in ("pass", "fail", "error", "skip")] == [6, 6, 1, 1]


def test_a_rule_is_mocked_by_a_rule(case: Case, run: Run) -> None:
    assert "1 passed" in run(case("35"), "policy test .", 0).out


VALIDATED: dict[str, tuple[str, str, int, Sequence[Words]]] = {
    "a violation that is a string": (
        "24",
        "t.yaml",
        2,
        ["no `msg`", "no `msg`", "constraint_without_template"],
    ),
    "a match field that stands too high": ("25", "t-ok.yaml c.yaml", 2, [("c.yaml:7", "`spec.excludedNamespaces`")]),
    "an if that is misspelled": ("61", "p.rego", 2, [("p.rego:3:24", "rego_parse_error")]),
    "data where a rule stands": ("79", ".", 2, [("p.rego:3:1", "conflicting rule for data path")]),
}


@pytest.mark.parametrize("name", VALIDATED)
def test_validation_finds(case: Case, run: Run, name: str) -> None:
    number, paths, code, words = VALIDATED[name]
    problems = run(case(number), f"policy validate {paths} -f json", code).json()["problems"]
    said = [
        f"{each['file']}:{each['line']}:{each['column']} {each['code']} {each['message']}"
        for each in problems
        if each["severity"] == "error"
    ]
    assert_said(said, words)


def test_future_keywords_in_a_template_are_valid(case: Case, run: Run) -> None:
    folder = case("23")
    (folder / "t.yaml").write_text((folder / "t.yaml").read_text().split("\n---\n")[0])
    run(folder, "policy validate t.yaml", 0)


def test_control_characters_leave_junit_well_formed(case: Case, run: Run) -> None:
    report = ET.fromstring(run(case("44"), "policy check -p p.rego pod.yaml -f junit", 1).out)  # noqa: S314 (our own output)
    (failure,) = report.iter("failure")
    assert failure.get("message", "").startswith(r"esc \x1b[31m nul \x00 bell \x07 ufffe \ufffe cdata ]]>")


@pytest.mark.parametrize("file", ["laughs.yaml", "deep.yaml", "deepjson.json", "selfref.yaml"])
def test_a_bomb_is_refused_at_once(case: Case, run: Run, file: str) -> None:
    started = time.monotonic()
    document = run(case("50"), f"{PRIVILEGED} {file} -f json", 2).json()
    assert time.monotonic() - started < 10, "two seconds on a quiet machine"
    assert document["problems"][0]["code"] in {"manifest_limit", "manifest_syntax"}


def test_only_tags_that_move_are_found(case: Case, run: Run) -> None:
    document = run(case("51"), "policy check a.yaml --policy attest-security -f json", 1).json()
    moving = [each["message"].split("'")[1] for each in document["findings"] if "tag 'latest' moves" in each["message"]]
    assert moving == ["bad-none", "bad-port", "bad-latest"]


def test_cluster_wide_rights_are_found_and_aggregated_ones_are_not(case: Case, run: Run) -> None:
    document = run(case("55"), "policy check a.yaml --policy rbac -f json", 1).json()
    assert {each["resource"]["name"] for each in document["findings"]} == {"star", "c"}


@pytest.mark.parametrize("archive", ["first", "last", "dot"])
def test_the_order_of_an_archive_changes_nothing(case: Case, run: Run, archive: str) -> None:
    folder = case("59")
    (folder / "pod.yaml").write_text(POD)
    (finding,) = run(folder, f"policy check -p {archive}.tar.gz pod.yaml -f json", 1).json()["findings"]
    assert finding["message"] == '[["root"],["a"],["c"]]'


def test_constraints_look_at_scopes_as_a_cluster_does(case: Case, run: Run) -> None:
    document = run(case("66"), "policy check -p t.yaml o.yaml -f json", 1).json()
    found: dict[str, set[str]] = {}
    for each in document["findings"]:
        found.setdefault(each["resource"]["name"], set()).add(each["policy"].removeprefix("Always/"))
    assert found["nons"] == {"emptysel", "excl", "namespaced"}
    assert found["inshop"] == {"emptysel", "namespaced", "ns"}
    assert found["cr"] >= {"cluster"}
    assert "namespaced" not in found["cr"]


@pytest.mark.parametrize(("options", "forced"), [("", ""), ("-f junit", "1"), ("-f json", "1")])
def test_a_pipe_gets_no_colours(case: Case, run: Run, options: str, forced: str) -> None:
    folder = case("67")
    (folder / "pod.yaml").write_text(POD.replace("image: x", "image: x, securityContext: {privileged: true}"))
    ran = run(folder, f"{PRIVILEGED} pod.yaml {options}", 1, FORCE_COLOR=forced)
    assert "\x1b" not in ran.out + ran.err


def test_numbers_keep_their_digits_in_parameters_and_data(case: Case, run: Run) -> None:
    document = run(case("72"), "policy check -p p.rego x.yaml --parameters pp.yaml --data d.yaml -f json", 1).json()
    said = {each["message"].split()[0] + each["rule"]: each["message"].split()[1:] for each in document["findings"]}
    for key, value in {
        "million": "1000000",
        "tib": "1099511627776",
        "account": "123456789012",
        "b53": "9007199254740993",
        "u64": "18446744073709551615",
        "neg": "-1000000",
        "hex": "16",
    }.items():
        assert said[f"{key}violation"] == [value] * 3
        assert said[f"{key}warn"] == [value] * 2


def test_print_leaves_standard_output_to_the_report(case: Case, run: Run) -> None:
    folder = case("78")
    (folder / "pod.yaml").write_text(POD)
    lines = [run(folder, f"policy check -p . pod.yaml -f json {option}", 1).json() for option in ("", "--verbose")]
    assert [line["schema"].rpartition(".")[2] for line in lines] == ["ms/check/v1"] * 2


ENCODINGS: dict[str, tuple[Callable[[str], bytes], int]] = {
    "Windows line ends": (lambda text: text.replace("\n", "\r\n").encode(), 0),
    "a byte order mark": (lambda text: text.encode("utf-8-sig"), 0),
    "UTF-16": (lambda text: text.encode("utf-16"), 0),
    "two documents": (lambda text: f"{text}---\n{text}".encode(), 2),
    "a date without an offset": (lambda text: text.replace("+02:00", "").encode(), 2),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_configuration_is_read_in_every_encoding(case: Case, run: Run, name: str) -> None:
    encode, code = ENCODINGS[name]
    folder = case("80") / "p"
    configuration = folder / ".attest/policies.yaml"
    configuration.write_bytes(encode(configuration.read_text().replace(" 00:00:00", "T00:00:00")))
    ran = run(folder, "policy check -p ../../_pol/priv pod.yaml", code)
    assert ("1 exempted" in ran.out) == (code == 0)


def _generated(case: Case, run: Run) -> tuple[Path, list[tuple[str, str]]]:
    folder = case("82")
    for file in (folder / "out").glob("*"):
        file.unlink()
    run(folder, "gatekeeper generate gen-a gen-b gend -p pol --output out", 0)
    document = run(folder, "policy check -p pol pod.yaml -f json", 1).json()
    plain = [(each["policy"], each["message"]) for each in document["findings"] if each["policy"] != "genc"]
    assert ("gend", "1048576") in plain
    return folder, sorted(plain)


def test_generated_templates_find_what_the_policies_find(case: Case, run: Run) -> None:
    folder, plain = _generated(case, run)
    document = run(folder, "policy check -p out pod.yaml -f json", 1).json()
    names = {f"Attest{kind}/{name}": policy for kind, name, policy in GENERATED}
    assert sorted((names[each["policy"]], each["message"]) for each in document["findings"]) == plain


GENERATED = [
    ("GenA", "gen-a", "gen-a"),
    ("GenB", "gen-b", "gen-b"),
    ("GenB", "gen-b-warn", "gen-b"),
    ("Gend", "gend", "gend"),
]


@pytest.mark.slow
def test_gator_finds_in_generated_templates_what_the_policies_find(case: Case, run: Run, gator: Path) -> None:
    folder, plain = _generated(case, run)
    names = {name: policy for _, name, policy in GENERATED}
    found = by_gator(gator, folder / "out", [folder / "pod.yaml"])
    assert sorted((names[policy], message) for policy, _, _, message in found) == plain


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/0"])
def test_a_pipe_is_an_input(case: Case, run: Run, path: str) -> None:
    folder = case("84")
    with subprocess.Popen(["cat", "pod.yaml"], cwd=folder, stdout=subprocess.PIPE) as cat:
        run(folder, f"policy check -p priv.rego {path}", 1, stdin=cat.stdout)


@pytest.mark.skipif(shutil.which("bash") is None, reason="process substitution is bash's")
def test_a_process_substitution_is_an_input(case: Case, tmp_path: Path) -> None:
    line = f"{shlex.join(COMMAND)} policy check -p priv.rego <(cat pod.yaml)"
    folder = case("84")
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment(tmp_path), capture_output=True, check=False)
    assert done.returncode == 1, done.stdout
