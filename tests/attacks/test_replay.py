"""A record counts in the project for which it was signed, under its own id, and in no other."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from attest_governance.cli import session
from attest_governance.cli.main import run
from attest_governance.govern.project import open_project
from attest_governance.govern.records.event import Event, SignedEvent, sign_event
from tests.govern.people import (
    NOW,
    POLICY_APPROVAL,
    RULES,
    address,
    approve,
    ask,
    govern,
    override_terms,
    signer,
    work,
    write,
)
from tests.govern.people import terms as terms_
from tests.govern.test_attacks import approval, document, folder, judged, plant, put

if TYPE_CHECKING:
    from collections.abc import Callable

IDENTITY = ".attest/governance/project"
TODAY: Final = "attest.continuu.ms/event/v1"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two governed projects of the same people, with an approved exemption in the first."""
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
        govern(tmp_path / name)
    approve(tmp_path / "mine", ask(tmp_path / "mine", policy="*", name="*"))
    return tmp_path / "mine", tmp_path / "yours"


def id_of(root: Path) -> str:
    return open_project(root).identity.id


def copy(mine: Path, yours: Path, name: str = ".attest/exemptions") -> None:
    shutil.copytree(mine / name, yours / name, dirs_exist_ok=True)


def with_own_exemption(_mine: Path, yours: Path) -> None:
    ask(yours, name="harmless")


def set_up_by_command(_mine: Path, yours: Path) -> None:
    write(yours, IDENTITY, "project " + "ab" * 16 + "\n")


OTHERS: dict[str, Callable[[Path, Path], None]] = {
    "that has no record yet": lambda _mine, _yours: None,
    "that has records": with_own_exemption,
    "that was set up by command": set_up_by_command,
}


@pytest.mark.parametrize("prepare", OTHERS.values(), ids=OTHERS)
def test_a_record_that_is_copied_into_another_project(two: tuple[Path, Path], prepare: Callable[..., None]) -> None:
    mine, yours = two
    prepare(mine, yours)
    copy(mine, yours)
    assert len(judged(mine).exemptions) == 1
    found = judged(yours)
    assert found.exemptions == ()
    assert "was signed for another project" in found.problems[0].message


def test_an_override_that_is_copied_into_another_project(two: tuple[Path, Path]) -> None:
    mine, yours = two
    record = work(mine, "bob").request("override", override_terms()).record.id
    for name in ("alice", "carol"):
        person = work(mine, name)
        person.approve(person.find("override", record))
    copy(mine, yours, ".attest/governance/overrides")
    assert [one.kind for one in judged(mine).exemptions] == ["approved", "override"]
    assert judged(yours).exemptions == ()


def test_nobody_approves_what_was_copied(two: tuple[Path, Path]) -> None:
    mine, yours = two
    (record,) = (one.name for one in (mine / ".attest/exemptions").iterdir())
    copy(mine, yours)
    with pytest.raises(Exception, match="was signed for another project"):
        approve(yours, record, "carol")


def test_an_approval_that_was_given_in_another_project(two: tuple[Path, Path]) -> None:
    """The request is ours; the signature that approves it says where it was given."""
    mine, yours = two
    record = ask(yours)
    plant(yours, approval(yours, record, "alice", project=id_of(mine)), "alice")
    found = judged(yours)
    assert found.exemptions == ()
    assert "was signed for another project" in found.problems[0].message


def of_today(root: Path, who: str = "bob", approver: str = "alice", **fields: object) -> str:
    """An approved exemption of the form that had no project in it."""
    wanted = msgspec.to_builtins(terms_(**fields))  # type: ignore[arg-type]
    at = "2026-03-01T12:00:00Z"
    request = Event(schema=TODAY, subject="exemption", act="request", actor=address(who), at=at, terms=wanted)
    put(root, sign_event(request, signer(who)))
    links = {"record": request.id, "parents": [request.digest], "about": request.digest}
    agreed = msgspec.structs.replace(request, act="approve", actor=address(approver), terms={}, **links)
    put(root, sign_event(agreed, signer(approver)))
    return request.id


def test_records_of_todays_form_are_read(tmp_path: Path) -> None:
    govern(tmp_path)
    record = of_today(tmp_path)
    assert re.fullmatch(r"exemption-[0-9a-f]{12}", record)
    assert [one.id for one in judged(tmp_path).exemptions] == [record]


def test_what_is_in_force_stays_so_when_the_project_gets_its_id(tmp_path: Path) -> None:
    govern(tmp_path)
    old = of_today(tmp_path)
    approve(tmp_path, new := ask(tmp_path, name="other"))
    assert {one.id for one in judged(tmp_path).exemptions} == {old, new}
    person = work(tmp_path, "carol")
    assert person.revoke(person.find("exemption", old)).status == "revoked"


def test_a_record_of_todays_form_is_copied_in_vain_where_there_is_an_id(tmp_path: Path) -> None:
    govern(tmp_path)
    ask(tmp_path)
    old = of_today(tmp_path)
    found = judged(tmp_path)
    assert found.exemptions == ()
    assert f"`{old}` exempts nothing: it was signed before this project had an id" in found.problems[0].message
    assert "attest governance migrate" in found.problems[0].hint


def test_an_id_of_its_own_can_not_be_dropped_from_a_record(two: tuple[Path, Path]) -> None:
    mine, yours = two
    (record,) = (one.name for one in (mine / ".attest/exemptions").iterdir())
    path = document(mine, record, "request")
    path.write_text(re.sub("^project: .*\n", "", path.read_text(), flags=re.MULTILINE))
    copy(mine, yours)
    assert judged(yours).exemptions == ()


def test_the_form_of_today_takes_no_project_and_no_long_id(tmp_path: Path) -> None:
    govern(tmp_path)
    request = approval(tmp_path, ask(tmp_path)).about
    assert request
    event = work(tmp_path, "bob")._event("exemption", "request", terms=msgspec.to_builtins(terms_()))
    plant(tmp_path, msgspec.structs.replace(event, schema=TODAY, project="ab" * 16), "bob")
    assert any("not genuine" in one.message for one in judged(tmp_path).problems)


class TestIds:
    """96 bits, so that nobody finds a second record of one id; any unique beginning will do."""

    def test_ids_have_24_digits(self, tmp_path: Path) -> None:
        govern(tmp_path)
        record = ask(tmp_path)
        assert re.fullmatch(r"exemption-[0-9a-f]{24}", record)
        assert re.fullmatch(r"request-[0-9a-f]{24}\.yaml", document(tmp_path, record, "request").name)

    def test_a_record_does_not_stand_under_a_shorter_id(self, tmp_path: Path) -> None:
        govern(tmp_path)
        record = ask(tmp_path)
        approve(tmp_path, record)
        folder(tmp_path, record).rename(folder(tmp_path, record[: len("exemption-") + 12]))
        found = judged(tmp_path)
        assert found.exemptions == ()
        assert f"belongs into `{record}`" in found.problems[0].message


class TestCommands:
    """The same with what people type."""

    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        root = tmp_path / "project"
        root.mkdir()
        monkeypatch.chdir(root)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(session, "_started", [])
        return root

    def test_migrate_adopts_what_is_in_force_and_says_so(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        govern(project)
        old = of_today(project)
        assert run(["governance", "migrate"]) == 0
        said = capsys.readouterr().out
        assert f"adopted: {old}" in said
        assert (project / IDENTITY).read_text().count("adopted sha256:") == 1
        assert [one.id for one in judged(project).exemptions] == [old]
        before = (project / IDENTITY).read_text()
        assert run(["governance", "migrate"]) == 0
        assert (project / IDENTITY).read_text() == before

    def test_migrate_adopts_nothing_of_another_project(
        self, project: Path, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        govern(project)
        copy(two[0], project)
        assert run(["governance", "migrate"]) == 0
        assert "adopted" not in capsys.readouterr().out
        assert judged(project).exemptions == ()

    def test_under_policy_approval_the_id_waits_for_an_approval(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        govern(project, RULES + POLICY_APPROVAL)
        assert run(["governance", "init"]) == 0
        assert not (project / IDENTITY).exists()
        assert "missing: the project has no id" in capsys.readouterr().out
        assert run(["governance", "migrate"]) == 0
        assert "to be approved: `.attest/governance/project`" in capsys.readouterr().out

    def test_init_gives_the_project_its_id(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["governance", "init"]) == 0
        found = re.search(r"project ([0-9a-f]{32})", (project / IDENTITY).read_text())
        assert found
        assert found[1] in capsys.readouterr().out
        before = (project / IDENTITY).read_text()
        assert run(["governance", "init"]) == 0
        assert (project / IDENTITY).read_text() == before

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("project short\n", 1, "32 hexadecimal digits"),
            ("# only a comment\n", 1, "no line `project ID`"),
            ("project " + "ab" * 16 + "\nadopted sha256:1\n", 2, "the line is neither"),
            ("project " + "ab" * 16 + "\nproject " + "cd" * 16 + "\n", 2, "two ids"),
        ],
    )
    def test_a_damaged_id_stops_everything(
        self, project: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, message: str
    ) -> None:
        govern(project)
        write(project, IDENTITY, text)
        assert run(["policy", "exemptions", "list"]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert f"{IDENTITY}:{line}" in error


def test_under_policy_approval_a_request_changes_no_trust_file(tmp_path: Path) -> None:
    """The id comes with a proposal there: a file that appears would not be approved."""
    govern(tmp_path, RULES + POLICY_APPROVAL)
    approve(tmp_path, ask(tmp_path))
    assert not (tmp_path / IDENTITY).exists()
    assert len(judged(tmp_path).exemptions) == 1


def test_the_signed_bytes_hold_the_project(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    person = work(tmp_path, "alice")
    found = person.find("exemption", record)
    assert json.loads(found.request.event.canonical)["project"] == id_of(tmp_path)
    other = msgspec.structs.replace(found.request.event, project="ab" * 16)
    put(tmp_path, SignedEvent(other, found.request.signature, found.request.key))
    assert judged(tmp_path, NOW).problems[0].message.count("not genuine") == 1
