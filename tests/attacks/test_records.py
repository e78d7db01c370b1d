"""What people sign: seen before, readable after, by those who may, and never around it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attest_governance.cli import session
from attest_governance.cli.main import run
from tests.govern.people import PEOPLE, POLICY_APPROVAL, RULES, address, govern, signer_line, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attest = Callable[..., tuple[int, str, str]]

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: legacy-app
  namespace: monitoring
  annotations:
    policy.attest.continuu.ms/exempt: "true"
    policy.attest.continuu.ms/exempt-reason: mine
    policy.attest.continuu.ms/exempt-approved-by: me@company.com
    policy.attest.continuu.ms/exempt-expires: "2099-01-01T00:00:00Z"
spec:
  hostNetwork: true
  containers: [{name: app, image: nginx}]
"""
ASK = (
    "policy",
    "exempt",
    "--policy",
    "attest-security",
    "--resource",
    "Pod/monitoring/legacy-app",
    "--duration",
    "20d",
)
CHECK = ("policy", "check", "pod.yaml", "--policy", "attest-security", "--format", "json")
APPROVE = ("policy", "exempt", "approve", "exemption")
GLASS = ("governance", "emergency-override", "--policy", "*", "--scope", "all", "--duration", "2h")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A governed folder with a Pod that excuses itself; everybody's key lies beside it."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "ATTEST_SIGNING_KEY", "ATTEST_TRUST_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session, "_started", [])
    for name in PEOPLE:
        private = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        write(tmp_path, name, private.private_bytes(*form).decode())
    govern(root)
    write(root, "pod.yaml", POD)
    yield root
    session.engine().close()


@pytest.fixture
def attest(project: Path, capsys: pytest.CaptureFixture[str]) -> Attest:
    def call(*arguments: str, who: str = "") -> tuple[int, str, str]:
        code = run([*arguments, *(["--key", str(project.parent / who)] if who else [])])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def waivers(printed: str) -> set[str]:
    return {(one["waiver"] or {"kind": "none"})["kind"] for one in json.loads(printed)["findings"]}


def trail(root: Path) -> list[str]:
    path = root / ".attest/audit/trail.jsonl"
    return [json.loads(line)["kind"] for line in path.read_text().splitlines()] if path.exists() else []


HOSTILE = {
    "a line break": "fine\nstatus: approved",
    "a carriage return": "fine\rEVIL",
    "an escape sequence": "fine\x1b[2K\x1b[1A",
    "a text that runs backwards": "fine \u202egpj.exe",
    "an isolate": "fine \u2066x\u2069",
    "a character without width": "fi\u200bne",
    "a soft hyphen": "fi\u00adne",
    "a byte order mark": "\ufefffine",
    "a line separator": "fine\u2028status: approved",
    "a tag": "fine\U000e0041",
    "a control of the second kind": "fine\x9b2K",
    "a bell": "fine\x07",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["reason", "label", "approver"])
def test_a_request_that_can_not_be_shown_is_not_signed(project: Path, attest: Attest, text: str, field: str) -> None:
    fields = {"reason": ("--reason", text), "label": ("--label", f"app={text}"), "approver": ("--approver", text)}
    reason = () if field == "reason" else ("--reason", "fine")
    code, _, error = attest(*ASK, *reason, *fields[field], who="bob")
    assert code == 2
    assert "which reports can't show as it is" in error
    assert not (project / ".attest/exemptions").exists()


def test_nor_is_one_that_is_too_long(project: Path, attest: Attest) -> None:
    code, _, error = attest(*ASK, "--reason", "x" * 2001, who="bob")
    assert (code, "at most 2000 characters" in error) == (2, True)
    assert not (project / ".attest/exemptions").exists()


@pytest.mark.parametrize("text", ["fine\x1b[2K", "fine\u202e", "fine\r"])
def test_nor_is_an_approval_an_override_or_a_proposal(project: Path, attest: Attest, text: str) -> None:
    attest(*ASK, "--reason", "fine", who="bob")
    assert attest(*APPROVE, "--comment", text, who="alice")[0] == 2
    assert attest(*GLASS, "--reason", text, who="bob")[0] == 2
    govern(project, RULES + POLICY_APPROVAL)
    assert attest("governance", "propose", "--reason", text, who="bob")[0] == 2
    assert trail(project).count("exemption.approve") == 0


def test_a_comment_may_have_lines_and_any_script(attest: Attest) -> None:
    assert attest(*ASK, "--reason", "Umzug läuft, 移行中, 👩‍💻", who="bob")[0] == 0
    assert attest(*APPROVE, "--comment", "seen by two\n- alice\n- carol\n", who="alice")[0] == 0
    assert waivers(attest(*CHECK)[1]) == {"approved"}


def test_the_terms_are_shown_before_they_are_signed(attest: Attest) -> None:
    digest = "sha256:" + "a" * 64
    narrow = ("--reason", "migration", "--label", "app=legacy-*", "--image-digest", digest)
    attest(*ASK, *narrow, who="bob")
    code, _, error = attest(*APPROVE, who="carol")
    assert code == 0
    for word in (
        "attest-security",
        "Pod/monitoring/legacy-app",
        "migration",
        "app=legacy-*",
        digest,
        "bob@company.com",
    ):
        assert word in error
    attest("policy", "exempt", "extend", "exemption", "--duration", "29d", "--reason", "two teams left", who="bob")
    code, _, error = attest(*APPROVE, who="carol")
    assert code == 0
    assert "two teams left" in error
    assert "extended to:" in error


@pytest.mark.parametrize(("answer", "code"), [("n", 2), ("", 2), ("yes", 0), ("y", 0)])
def test_on_a_terminal_a_person_is_asked(project: Path, attest: Attest, answer: str, code: int) -> None:
    attest(*ASK, "--reason", "migration", who="bob")
    done, said = at_terminal(project, answer, *APPROVE, "--key", "../alice")
    assert done == code, said
    assert said.index("migration") < said.index("sign this? [y/N]")
    assert trail(project).count("exemption.approve") == (code == 0)


def test_who_means_it_is_not_asked(project: Path, attest: Attest) -> None:
    attest(*ASK, "--reason", "migration", who="bob")
    code, said = at_terminal(project, "", *APPROVE, "--key", "../alice", "--yes")
    assert (code, "sign this?" in said) == (0, False)


def at_terminal(root: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """The command with a terminal for standard input and standard error."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "attest_governance.cli", *arguments]
    os.write(ours, answer.encode() + b"\n")
    done = subprocess.run(command, cwd=root, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, check=False)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody holds any more
        while part := os.read(ours, 1 << 16):
            said += part
    os.close(ours)
    return done.returncode, said.decode()


def test_the_signed_head_is_written_through_no_link(project: Path, attest: Attest) -> None:
    write(project.parent, "precious", "mine")
    (project / ".attest/audit").mkdir()
    (project / ".attest/audit/head.new").symlink_to(project.parent / "precious")
    assert attest(*ASK, "--reason", "migration", who="bob")[0] == 0
    assert (project.parent / "precious").read_text() == "mine"


class TestWhoMay:
    """Approvals by those who asked, or whom nobody named."""

    def test_the_requester_does_not_approve_an_extension_that_somebody_else_asks_for(self, attest: Attest) -> None:
        attest(*ASK, "--reason", "migration", who="alice")
        assert attest(*APPROVE, who="carol")[0] == 0
        assert attest("policy", "exempt", "extend", "exemption", "--duration", "29d", who="bob")[0] == 0
        code, _, error = attest(*APPROVE, who="alice")
        assert (code, "nobody approves their own request" in error) == (2, True)

    def test_nor_does_who_asks_for_the_extension(self, attest: Attest) -> None:
        attest(*ASK, "--reason", "migration", who="bob")
        attest(*APPROVE, who="carol")
        assert attest("policy", "exempt", "extend", "exemption", "--duration", "29d", who="alice")[0] == 0
        code, _, error = attest(*APPROVE, who="alice")
        assert (code, "nobody approves their own request" in error) == (2, True)

    def test_an_override_without_teams_takes_members_of_any_team(self, attest: Attest) -> None:
        attest(*GLASS, "--reason", "down", who="bob")
        code, _, error = attest("governance", "emergency-override", "approve", "override", who="erin")
        assert (code, "is in no team" in error) == (2, True)
        assert attest("governance", "emergency-override", "approve", "override", who="dave")[0] == 0

    def test_where_there_is_no_team_nobody_breaks_the_glass(self, project: Path, attest: Attest) -> None:
        rules = "governance:\n  emergency_override: {enabled: true, required_approvers: 1}\n"
        govern(project, rules)
        attest(*GLASS, "--reason", "down", who="bob")
        code, _, error = attest("governance", "emergency-override", "approve", "override", who="erin")
        assert (code, "is in no team" in error) == (2, True)
        assert "missing: `emergency_override` can't be fulfilled" in attest("governance", "status")[1]


class TestSetUp:
    """What is missing is told at once, not one thing after the other."""

    def test_everything_that_the_specifications_file_lacks(self, project: Path, attest: Attest) -> None:
        write(project, ".attest/governance.yaml", _without_teams(RULES + POLICY_APPROVAL))
        write(project, ".attest/governance/allowed_signers", "")
        code, out, _ = attest("governance", "init")
        assert code == 0
        assert "missing: nobody has a key" in out
        assert "the teams `security-team`, `compliance-team` have no members" in out
        code, _, error = attest(*ASK, "--reason", "x", who="bob")
        assert (code, "the teams `security-team`, `compliance-team` have no members" in error) == (2, True)

    def test_everybody_without_a_key_and_every_rule_that_nobody_can_fulfil(self, project: Path, attest: Attest) -> None:
        govern(project, RULES + POLICY_APPROVAL, signer_line("alice"))
        out = attest("governance", "init")[1]
        for missing in (f"`{address('carol')}` is in a team", f"`{address('dave')}` is in a team"):
            assert missing in out
        assert "`policy_approval` can't be fulfilled" in out
        assert "`emergency_override` can't be fulfilled" in out
        assert "`exemption_approval`" not in out

    def test_nothing_is_missing_where_nothing_is(self, attest: Attest) -> None:
        assert "missing" not in attest("governance", "init")[1]
        assert attest("governance", "status")[1] == "nothing waits for anybody\n"


def _without_teams(rules: str) -> str:
    begin, end = rules.index("  teams:"), rules.index("  exemption_approval")
    return rules[:begin] + rules[end:]


class TestFlags:
    """Flags that ignore exemptions, with governance; and what a baseline waives."""

    @pytest.fixture(autouse=True)
    def _approved(self, attest: Attest) -> None:
        assert attest(*ASK, "--reason", "migration", who="bob")[0] == 0
        assert attest(*APPROVE, who="alice")[0] == 0

    def test_disallow_exemptions_ignores_approved_ones_and_records_no_use(self, project: Path, attest: Attest) -> None:
        code, out, _ = attest(*CHECK, "--disallow-exemptions")
        assert (code, waivers(out)) == (1, {"none"})
        assert "exemption.enforce" not in trail(project)

    def test_disallow_exemptions_does_not_bring_annotations_or_declarations_back(
        self, project: Path, attest: Attest
    ) -> None:
        write(
            project,
            ".attest/policies.yaml",
            "exemptions:\n  - policy_name: attest-security\n    reason: x\n    approved_by: y\n"
            '    expires_at: "2099-01-01T00:00:00Z"\n',
        )
        code, out, _ = attest(*CHECK, "--disallow-exemptions")
        assert (code, waivers(out)) == (1, {"none"})

    def test_disallow_annotation_exemptions_leaves_approved_ones(self, project: Path, attest: Attest) -> None:
        code, out, _ = attest(*CHECK, "--disallow-annotation-exemptions")
        assert (code, waivers(out)) == (0, {"approved"})
        assert trail(project)[-1] == "exemption.enforce"

    def test_a_baseline_counts_what_it_waives_and_is_never_on_the_trail(self, project: Path, attest: Attest) -> None:
        attest("policy", "exempt", "revoke", "exemption", who="alice")
        scan = ("policy", "scan", "pod.yaml", "--policy", "attest-security", "--create-baseline", "old.json")
        assert attest(*scan)[0] == 0
        code, out, error = attest(*CHECK, "--baseline", "old.json")
        document = json.loads(out)
        assert (code, waivers(out)) == (0, {"baseline"}), error
        assert document["exempted"] == len(document["findings"]) > 0
        assert not [kind for kind in trail(project) if kind.endswith(".enforce")]
