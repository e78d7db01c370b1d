"""Since when a finding is there: what earlier reports and packs say of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from attest_governance.comply.history import Earlier, History
from attest_governance.comply.packs import archive
from attest_governance.errors import InputError
from attest_governance.model.compliance_document import SCHEMA
from attest_governance.model.finding import fingerprint
from tests.govern.people import DAY, NOW, write
from tests.packs.test_commands import PRIVILEGED, SOC2, Called
from tests.report.compliance_values import found

FINDING = found("plain").finding
NAME = fingerprint(FINDING)


def earlier(at: str, *names: str, since: str = "", standing: str = "violation") -> Earlier:
    """A report of a day in February that found these."""
    entries = [{"fingerprint": one, "severity": "high", "standing": standing, "since": since} for one in names]
    document = {"schema": SCHEMA, "generatedAt": f"2026-02-{at}T12:00:00Z", "findings": entries}
    return msgspec.convert(document, Earlier)


SINCE = {
    "never before": ([], "2026-03-01T12:00:00Z"),
    "not in the report before": ([earlier("01")], "2026-03-01T12:00:00Z"),
    "in all, given in any order": ([earlier("09", NAME), earlier("01", NAME)], "2026-02-01T12:00:00Z"),
    "gone and back": ([earlier("01", NAME), earlier("05"), earlier("09", NAME)], "2026-02-09T12:00:00Z"),
    "as an earlier report says": ([earlier("09", NAME, since="2025-12-24T00:00:00Z")], "2025-12-24T00:00:00Z"),
    "exempted before": ([earlier("09", NAME, standing="exempted")], "2026-02-09T12:00:00Z"),
}


@pytest.mark.parametrize(("reports", "since"), SINCE.values(), ids=SINCE)
def test_a_finding_is_there_since_the_first_report_of_an_unbroken_run(reports: list[Earlier], since: str) -> None:
    assert History(reports, NOW).since(FINDING) == since


def test_moments_count_what_nobody_excused() -> None:
    history = History([earlier("09", "a", "b"), earlier("01", "a", standing="exempted")], NOW)
    assert [(one.at[:10], one.severities) for one in history.moments([FINDING])] == [
        ("2026-02-01", {}),
        ("2026-02-09", {"high": 2}),
        ("2026-03-01", {"high": 1}),
    ]


def test_a_report_of_tomorrow_is_no_earlier_one() -> None:
    with pytest.raises(InputError, match="an earlier report is of 2026-02-09"):
        History([earlier("09")], NOW - 30 * DAY)


def dated(text: str, day: str) -> str:
    return re.sub(r'"generatedAt": "[^"]*"', f'"generatedAt": "{day}T00:00:00Z"', text)


def reported(attest: Called, project: Path, *history: str) -> dict[str, Any]:
    arguments = [one for name in history for one in ("--history", name)]
    code, _, err = attest("compliance", "report", "k8s", *SOC2, *arguments, "--format", "json", "--output", "now.json")
    assert code == 1, err
    document: dict[str, Any] = json.loads((project / "now.json").read_text())
    return document


def test_reports_and_packs_tell_since_when(attest: Called, project: Path) -> None:
    write(project, "k8s/web.yaml", PRIVILEGED.format(name="web"))
    code, _, err = attest("compliance", "pack", "k8s", *SOC2, "--output", "audit.pack", who="alice")
    assert code == 0, err
    entries = archive.unpack((project / "audit.pack").read_bytes(), "test")
    entries["report.json"] = dated(entries["report.json"].decode(), "2026-01-02").encode()
    (project / "audit.pack").write_bytes(archive.pack(entries))
    write(project, "old.json", dated(entries["report.json"].decode(), "2026-01-05"))
    write(project, "k8s/new.yaml", PRIVILEGED.format(name="new"))
    found_ = reported(attest, project, "old.json", "audit.pack")["findings"]
    since = {one["resource"]["name"]: one["since"][:10] for one in found_}
    assert since["web"] == "2026-01-02"
    assert since["new"] > "2026-01-05"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "x", "generatedAt": "", "findings": []}'])
def test_what_is_no_report_is_refused(attest: Called, project: Path, content: str) -> None:
    write(project, "k8s/web.yaml", PRIVILEGED.format(name="web"))
    write(project, "old.json", content)
    code, _, err = attest("compliance", "report", "k8s", *SOC2, "--history", "old.json")
    assert code == 2
    assert "old.json: the " in err
