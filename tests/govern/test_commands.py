"""The commands of §11 as people type them, with the keys and the Git that they have."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attest_governance.cli.main import run
from attest_governance.errors import UsageError
from attest_governance.govern.project import open_project
from attest_governance.govern.signing.identity import choose_signer
from attest_governance.govern.signing.signers import FileSigner
from attest_governance.govern.trust import Trust

from .people import POLICY_APPROVAL, RULES, address, govern, signer, write

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
SHARED = Path(os.environ.get("ATTEST_SHARED", Path(__file__).parents[3] / "shared"))
ASK = ("policy", "exempt", "--policy", "attest-security", "--resource", "Pod/monitoring/legacy-app")
WHY = ("--reason", "Legacy app migration in progress", "--duration", "30d")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "ATTEST_SIGNING_KEY", "ATTEST_TRUST_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("alice", "bob", "carol", "dave"):
        private = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        write(tmp_path, name, private.private_bytes(*form).decode())
        write(tmp_path, f"{name}.pub", FileSigner(private).key.line + "\n")
    return folder


@pytest.fixture
def attest(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str, who: str = "") -> tuple[int, str, str]:
        code = run([*arguments, *(["--key", str(project.parent / who)] if who else [])])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def document(printed: str, schema: str) -> dict[str, Any]:
    """What a command printed, if it is what its schema says."""
    found: dict[str, Any] = json.loads(printed)
    jsonschema_rs.validator_for(json.loads((SCHEMAS / schema).read_text())).validate(found)
    return found


def test_without_governance_the_way_to_it_is_shown(attest: Callable[..., tuple[int, str, str]]) -> None:
    code, _, error = attest(*ASK, *WHY, who="bob")
    assert code == 2
    assert "attest governance init" in error


def test_init_turns_governance_on_and_overwrites_nothing(
    project: Path, attest: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = attest("governance", "init", "--name", "alice@company.com", who="alice")
    assert (code, out.count("written: ")) == (0, 2)
    opened = open_project(project)
    assert opened.trust.people == {"alice@company.com"}
    assert opened.rules.exemption_approval is not None
    code, out, _ = attest("governance", "init")
    assert (code, out.count("kept: ")) == (0, 2)


def test_the_specifications_commands_run_as_written(
    project: Path, attest: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = SHARED / "seed.md"
    if not seed.exists():
        pytest.skip(f"LOUD: {seed} is not here, so the specification's own commands were not run")
    (snippet,) = re.findall(r"### Approval Workflows\s+```bash\n(.*?)```", seed.read_text(), re.DOTALL)
    govern(project)
    lines = [line for line in snippet.replace("\\\n", " ").splitlines() if line.startswith("attest ")]
    for line, who in zip(lines, ("bob", "bob", "alice"), strict=True):
        monkeypatch.setenv("ATTEST_SIGNING_KEY", str(project.parent / who))
        record = next((project / ".attest/exemptions").iterdir()).name if "approve exemption" in line else ""
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)][1:]
        code, out, error = attest(*(record if word == "exemption-123" else word for word in words))
        assert code == 0, error
    assert "approved by:  alice@company.com" in out


def test_a_requests_life_in_json(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project)
    json_ = ("--format", "json")
    record = document(attest(*ASK, *WHY, *json_, who="bob")[1], "record.schema.json")
    assert (record["status"], record["missing"]) == ("pending", "1 more approval, one from security-team")
    short = record["id"][: len("exemption-") + 4]
    approve = ("policy", "exempt", "approve", short, "--approver", "alice@company.com", *json_)
    assert document(attest(*approve, who="alice")[1], "record.schema.json")["approvedBy"] == ["alice@company.com"]
    extended = document(
        attest("policy", "exempt", "extend", short, "--duration", "20d", *json_, who="bob")[1], "record.schema.json"
    )
    assert extended["extensionPending"]
    shown = document(attest("policy", "exempt", "show", short, *json_)[1], "record.schema.json")
    assert [event["act"] for event in shown["events"]] == ["request", "approve", "extend"]
    for status, count in (("approved", 1), ("pending", 1), ("revoked", 0), ("all", 1)):
        out = attest("policy", "exemptions", "list", "--status", status, *json_)[1]
        assert len(document(out, "records.schema.json")["records"]) == count
    assert document(attest("governance", "status", *json_)[1], "governance-status.schema.json")["exemptionsPending"]
    revoked = attest("policy", "exempt", "revoke", short, "--comment", "done", *json_, who="carol")[1]
    assert document(revoked, "record.schema.json")["status"] == "revoked"
    log = document(attest("audit", "log", *json_)[1], "audit.schema.json")
    assert log["entries"][-1]["kind"] == "exemption.revoke"
    code, out, _ = attest("audit", "verify", *json_)
    verified = document(out, "audit-verification.schema.json")
    assert (code, verified["broken"], verified["sealedBy"]) == (0, [], "carol@company.com")
    head = (project / ".attest/audit/head.json").read_text()
    document(head, "audit-head.schema.json")


def test_nobody_approves_with_anothers_key(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project)
    attest(*ASK, *WHY, who="bob")
    code, _, error = attest("policy", "exempt", "approve", "exemption", "--approver", "alice@company.com", who="carol")
    assert code == 2
    assert "that of `carol@company.com`, not of `alice@company.com`" in error


@pytest.mark.parametrize(
    ("missing", "said"),
    [(ASK, "--reason, --duration are missing"), (("policy", "exempt", *WHY), "--policy, --resource")],
)
def test_missing_options_are_named(
    project: Path, attest: Callable[..., tuple[int, str, str]], missing: tuple[str, ...], said: str
) -> None:
    govern(project)
    code, _, error = attest(*missing, who="bob")
    assert code == 2
    assert said in error


def test_breaking_the_glass(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project)
    base = ("governance", "emergency-override")
    asked = ("--policy", "*", "--scope", "namespace/prod", "--reason", "outage", "--duration", "2h")
    assert attest(*base, *asked, who="carol")[0] == 0
    attest(*base, "approve", "override", who="alice")
    assert "override to approve:" in attest("governance", "status")[1]
    attest(*base, "approve", "override", who="dave")
    assert attest("governance", "status")[1].startswith("EMERGENCY OVERRIDE IN FORCE: override-")
    assert attest(*base, "end", "override", "--comment", "over", who="carol")[0] == 0
    assert "review to be done: override-" in attest("governance", "status")[1]
    assert attest(*base, "review", "override", "--comment", "disk full", who="alice")[0] == 0
    assert attest("governance", "status")[1] == "nothing waits for anybody\n"


def test_policy_changes(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project, RULES + POLICY_APPROVAL)
    write(project, "policies/x.rego", "package x\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True, cwd=project)
    assert attest("governance", "propose", "--reason", "first", who="bob")[0] == 0
    code, out, _ = attest("governance", "verify", "--base", "main", "--format", "json")
    gate = document(out, "governance-gate.schema.json")
    assert (code, gate["passed"], len(gate["gate"]["who"])) == (1, False, 3)
    for who in ("alice", "dave"):
        assert attest("governance", "approve", "policy-set", who=who)[0] == 0
    assert "policy set in force:" in attest("governance", "status")[1]
    code, out, _ = attest("governance", "verify", "--base", "main")
    assert (code, out.splitlines()[-1]) == (0, "passed")
    write(project, "policies/x.rego", "package y\n")
    assert attest("governance", "verify", "--base", "main")[0] == 1
    assert "policies/x.rego (changed)" in attest("governance", "status")[1]


def test_a_damaged_trail_is_exit_code_1(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project)
    attest(*ASK, *WHY, who="bob")
    trail = project / ".attest/audit/trail.jsonl"
    trail.write_bytes(trail.read_bytes().replace(b"bob@", b"eve@"))
    code, out, _ = attest("audit", "verify")
    assert code == 1
    assert "entry 1 was edited" in out
    code, _, error = attest("policy", "exempt", "approve", "exemption", who="alice")
    assert code == 2
    assert "is signed and kept, but the audit trail is not sealed: the audit trail is broken: entry 1" in error


def test_the_trail_is_exported_and_sealed(project: Path, attest: Callable[..., tuple[int, str, str]]) -> None:
    govern(project)
    assert "there is no trail yet" in attest("audit", "seal", who="alice")[2]
    attest(*ASK, *WHY, who="bob")
    assert "2 entries sealed by alice@company.com" in attest("audit", "seal", who="alice")[1]
    assert [json.loads(line)["seq"] for line in attest("audit", "export")[1].splitlines()] == [0, 1]
    assert attest("audit", "export", "--format", "csv")[1].startswith("at,kind,actor,")


def test_the_key_that_signs_commits_is_taken(project: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True, cwd=project)
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(project.parent / "alice.pub"))):
        subprocess.run(["git", "config", name, value], check=True, cwd=project)
    found = choose_signer(project, govern(project).trust, None, "", {})
    assert found.key == signer("alice").key
    assert govern(project).trust.known[found.key.blob].person == address("alice")


def test_without_any_key_the_ways_to_one_are_named(project: Path) -> None:
    with pytest.raises(UsageError, match="there is no key to sign with") as caught:
        choose_signer(project, Trust(), None, "", {})
    assert "--key FILE" in caught.value.hint


def test_the_gate_shows_what_a_change_does_to_given_resources(
    project: Path, attest: Callable[..., tuple[int, str, str]]
) -> None:
    govern(project)
    rule = 'package shop\n\nimport rego.v1\n\ndeny contains "{}" if not input.resource.metadata.labels.team\n'
    write(project, "policies/shop.rego", rule.format("no team"))
    write(project, "k8s/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True, cwd=project)
    write(project, "policies/shop.rego", rule.format("no team at all"))
    code, out, error = attest("governance", "verify", "--base", "main", "--resources", "k8s", "--format", "json")
    assert code == 0, error
    gate = document(out, "governance-gate.schema.json")["gate"]
    assert gate["added"] == ["ConfigMap/c: shop: no team at all [strict]"]
    assert gate["removed"] == ["ConfigMap/c: shop: no team [strict]"]
