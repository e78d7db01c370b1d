"""Whoever moves the clock, or a date, gains nothing: neither what has ended nor a key that has ended comes back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from attest_governance.cli import governing, judging, session
from attest_governance.cli.main import run
from tests.govern.people import DAY, NOW, PEOPLE, approve, ask, govern, signer_line, terms, write
from tests.govern.test_attacks import approval, plant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: legacy-app, namespace: monitoring}
spec:
  hostNetwork: true
  containers: [{name: app, image: nginx}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A governed folder with a Pod that the shipped policy refuses."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ATTEST_TRUST_ROOT", raising=False)
    monkeypatch.setattr(session, "_started", [])
    write(folder, "pod.yaml", POD)
    yield folder
    session.engine().close()


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[datetime], tuple[int, str]]:
    """The command at a moment: its exit code, and the waivers of the findings or the error."""

    def at(now: datetime) -> tuple[int, str]:
        for module in (judging, governing):
            monkeypatch.setattr(module, "system_clock", lambda: now)
        capsys.readouterr()
        code = run(["policy", "check", "pod.yaml", "--policy", "attest-security", "--format", "json"])
        printed = capsys.readouterr()
        if not printed.out:
            return code, printed.err
        findings = json.loads(printed.out)["findings"]
        return code, ",".join(sorted({(one["waiver"] or {"kind": "none"})["kind"] for one in findings}))

    return at


def test_a_clock_set_back_behind_this_machines_own_checks_revives_nothing(
    project: Path, check: Callable[[datetime], tuple[int, str]]
) -> None:
    """Nothing was signed since: only the trail knows that the exemption's end has come."""
    govern(project)
    approve(project, ask(project, days=2))
    approve(project, ask(project, name="*", policy="*", days=20))
    assert check(NOW + 3 * DAY) == (0, "approved")
    code, error = check(NOW + DAY)
    assert code == 2
    assert "the audit trail of this machine holds an entry of 2026-03-04" in error


def test_clocks_that_differ_a_little_stop_nobody(project: Path, check: Callable[[datetime], tuple[int, str]]) -> None:
    govern(project)
    approve(project, ask(project))
    assert check(NOW + DAY) == (0, "approved")
    assert check(NOW + DAY - timedelta(minutes=4)) == (0, "approved")
    assert check(NOW + DAY - timedelta(minutes=6))[0] == 2


def test_small_steps_back_do_not_add_up(project: Path, check: Callable[[datetime], tuple[int, str]]) -> None:
    govern(project)
    approve(project, ask(project))
    assert check(NOW + DAY) == (0, "approved")
    for _ in range(3):
        assert check(NOW + DAY - timedelta(minutes=4)) == (0, "approved")
    assert check(NOW + DAY - timedelta(minutes=8))[0] == 2


def test_a_clock_set_back_signs_nothing(project: Path, check: Callable[[datetime], tuple[int, str]]) -> None:
    govern(project)
    approve(project, ask(project))
    assert check(NOW + 3 * DAY) == (0, "approved")
    with pytest.raises(Exception, match="the audit trail of this machine holds an entry"):
        ask(project, now=NOW + DAY, name="another")


ENDED = {
    "its end was there from the beginning": 'valid-before="20260305Z"',
    "it was never good before": 'valid-after="20260302Z",valid-before="20260305Z"',
}


@pytest.mark.parametrize("options", ENDED.values(), ids=ENDED)
def test_an_ended_key_dates_an_approval_back_in_vain(
    project: Path, check: Callable[[datetime], tuple[int, str]], options: str
) -> None:
    others = "".join(signer_line(name) for name in PEOPLE if name != "alice")
    govern(project, signers=others + signer_line("alice", options))
    record = ask(project)
    plant(project, approval(project, record, "alice", at="2026-03-03T00:00:00Z"), "alice")
    assert check(NOW + 9 * DAY) == (1, "none")


def test_an_ended_key_asks_for_an_extension_in_vain(
    project: Path, check: Callable[[datetime], tuple[int, str]]
) -> None:
    """Its owner is gone: nothing that is dated back lengthens what they once had."""
    others = "".join(signer_line(name) for name in PEOPLE if name != "bob")
    govern(project, signers=others + signer_line("bob", 'valid-before="20260305Z"'))
    record = ask(project, days=5)
    approve(project, record)
    common = {"parents": approval(project, record).parents, "at": "2026-03-02T00:00:00Z"}
    asked = {"act": "extend", "about": "", "terms": msgspec.to_builtins(terms(days=29))}
    extension = approval(project, record, "bob", **common, **asked)
    plant(project, extension, "bob")
    agreed = {**common, "parents": [extension.digest], "about": extension.digest}
    plant(project, msgspec.structs.replace(approval(project, record, "carol"), **agreed), "carol")
    assert check(NOW + 9 * DAY) == (1, "none")
