"""All frameworks over manifests that nobody here wrote: every format tells the same numbers, and they add up."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest

NAMES = ("soc2", "hipaa", "gdpr", "pod-security", "nsa-cisa", "cis")
CORPUS = Path(os.environ.get("ATTEST_SHARED", Path(__file__).parents[3] / "shared")) / "corpus"
NUMBERS = ("resources", "passed", "failed", "exempted")
ENDINGS = ("json", "csv", "md", "txt", "html", "oscal.json")


class _Rows(HTMLParser):
    """The cells of the first row of each control of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self._open = self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tbody" and "data-state" in dict(attrs):
            self._open = True
            self.found.append([])
        elif self._open and tag in ("td", "th"):
            self._cell = True
            self.found[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "tr"
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._open and self._cell:
            self.found[-1][-1] += data


def ensure_it_adds_up(report: Path) -> dict[str, Any]:
    """Holds the formats of one report, `report.json` and so on, against one another; gives what JSON says."""
    document: dict[str, Any] = json.loads(report.with_suffix(".json").read_text())
    controls = [(framework, one) for framework in document["frameworks"] for one in framework["controls"]]
    _ensure_sums(document)
    _ensure_csv(report, controls)
    _ensure_text(report, controls)
    _ensure_html(report, controls)
    _ensure_oscal(report, document, controls)
    return document


def _ensure_sums(document: dict[str, Any]) -> None:
    """Each resource is counted once, each control has one state, and findings and controls name one another."""
    linked = Counter[tuple[int, str]]()
    for framework in document["frameworks"]:
        states = Counter(one["state"] for one in framework["controls"])
        assert {state: number for state, number in framework["states"].items() if number} == states
        for one in framework["controls"]:
            linked.update((place, f"{framework['name']}/{one['id']}") for place in one["findings"])
            every = [one["counts"], *(policy["counts"] for policy in one["policies"])]
            assert all(each["resources"] == each["passed"] + each["failed"] + each["exempted"] for each in every)
            assert all(each["failed"] <= one["counts"]["failed"] for each in every)
            assert (one["state"] == "not met") is bool(one["counts"]["failed"])
            assert one["state"] != "met" or all(each["resources"] for each in every)
    assert set(linked.values()) <= {1}
    assert set(linked) == {(place, name) for place, one in enumerate(document["findings"]) for name in one["controls"]}
    for one in document["policies"]:
        counts = one["counts"]
        assert counts["resources"] == counts["passed"] + counts["failed"] + counts["exempted"]


def _ensure_csv(report: Path, controls: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    with report.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(controls)
    for row, (framework, one) in zip(rows, controls, strict=True):
        assert [row[name] for name in ("framework", "control", "state")] == [framework["name"], one["id"], one["state"]]
        assert [int(row[name]) for name in NUMBERS] == [one["counts"][name] for name in NUMBERS]
        assert int(row["findings"]) == len(one["findings"])


def _ensure_text(report: Path, controls: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    rows = [
        line for line in report.with_suffix(".md").read_text().splitlines() if re.match(r"\| (?!---|control )", line)
    ]
    lines = [
        line
        for line in report.with_suffix(".txt").read_text().splitlines()
        if re.match(r"  (not met|partly met|not assessed|exempted|met|manual)  ", line)
    ]
    assert len(rows) == len(lines) == len(controls)
    for row, line, (_, one) in zip(rows, lines, controls, strict=True):
        counts = one["counts"]
        assert row.endswith(f"| {one['state']} | {' | '.join(str(counts[name]) for name in NUMBERS)} |")
        told = {name: int(number) for number, name in re.findall(r"(\d+) (passed|failed|exempted)\b", line)}
        if one["policies"]:
            assert told == {name: counts[name] for name in NUMBERS[1:] if counts[name] or name == "passed"}


def _ensure_html(report: Path, controls: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    page = _Rows()
    page.feed(report.with_suffix(".html").read_text())
    assert len(page.found) == len(controls)
    for (head, state, *numbers), (_, one) in zip(page.found, controls, strict=True):
        assert head.startswith(one["id"])
        assert state.endswith(one["state"])
        told = [number.removeprefix("at least ") for number in numbers]
        assert told == [str(one["counts"][name]) if one["policies"] else "-" for name in NUMBERS]


def _ensure_oscal(
    report: Path, document: dict[str, Any], controls: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    (result,) = json.loads(report.with_suffix(".oscal.json").read_text())["assessment-results"]["results"]
    assert len(result.get("observations", ())) == len(document["findings"])
    told = {}
    for finding in result.get("findings", ()):
        props = {one["name"]: one["value"] for one in finding["props"]}
        told[props["control"]] = [props["state"], *(int(props[name]) for name in NUMBERS)]
        assert (finding["target"]["status"]["state"] == "satisfied") is (props["state"] in ("met", "exempted"))
    assert told == {
        f"{framework['name']}/{one['id']}": [one["state"], *(one["counts"][name] for name in NUMBERS)]
        for framework, one in controls
        if one["state"] not in ("manual", "not assessed")
    }


FOLDERS = ("argocd-example-apps", "kube-prometheus", "kubernetes-examples", "online-boutique")


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_format_tells_the_same_and_it_adds_up(folder: str, attest: Attest, project: Path) -> None:
    if not (CORPUS / folder).is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no corpus in {CORPUS}; set ATTEST_SHARED")
    asked = [part for name in NAMES for part in ("--framework", name)]
    outputs = [part for ending in ENDINGS for part in ("-o", f"r.{ending}")]
    attest("compliance", "report", CORPUS / folder, *asked, *outputs)
    document = ensure_it_adds_up(project / "r")
    assert document["scope"]["resources"] == len(document["resources"]) > 0
    assert {one["state"] for framework in document["frameworks"] for one in framework["controls"]} >= {
        "not met", "manual",
    }  # fmt: skip
