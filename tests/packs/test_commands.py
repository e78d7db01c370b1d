"""`attest compliance pack` and `verify` as people type them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import msgspec
import pytest

from attest_governance.comply.packs import archive, statement
from tests.govern.people import RULES, govern, signer, signer_line, write
from tests.packs.making import changed, signed_again

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
SOC2 = ("--framework", "soc2")
PRIVILEGED = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: monitoring}}
spec:
  containers:
    - name: web
      image: registry.example/web@sha256:0000000000000000000000000000000000000000000000000000000000000000
      securityContext: {{privileged: true}}
"""
Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(project: Path) -> Path:
    """A project without governance, and a file of signers elsewhere."""
    write(project, "k8s/web.yaml", PRIVILEGED.format(name="web"))
    write(project.parent, "signers", signer_line("alice") + signer_line("bob"))
    return project


def made(attest: Called, *paths: str, who: str = "alice") -> str:
    code, out, err = attest("compliance", "pack", *paths, *SOC2, "--output", "audit.pack", who=who)
    assert (code, err) == (0, ""), err
    return out


def verified(attest: Called, *more: str) -> tuple[int, dict[str, Any]]:
    code, out, err = attest("compliance", "verify", "audit.pack", *more, "--format", "json")
    assert err == ""
    document: dict[str, Any] = json.loads(out)
    schema = json.loads((SCHEMAS / "compliance-pack-verification.schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(document)
    return code, document


def test_a_pack_is_made_and_verified(attest: Called, shop: Path) -> None:
    out = made(attest, "k8s")
    assert out.startswith("audit.pack: soc2: not met; sha256:")
    code, document = verified(attest, "--signers", str(shop.parent / "signers"))
    assert (code, document["intact"], document["signer"]) == (0, True, "alice@company.com")
    assert out.strip().endswith(document["sha256"])


def test_its_entries_are_as_their_schemas_say(attest: Called, shop: Path) -> None:
    made(attest, "k8s")
    entries = archive.unpack((shop / "audit.pack").read_bytes(), "test")
    payload = statement.opened(entries[statement.ENTRY]).statement
    listed = json.loads(entries["policies.json"])
    assert [one["path"] for one in listed["frameworks"]] == ["<frameworks>/soc2/criteria.yaml"]
    documents = {
        "compliance-pack.schema.json": msgspec.to_builtins(payload),
        "compliance-pack-policies.schema.json": listed,
        "compliance.schema.json": json.loads(entries["report.json"]),
        "check.schema.json": json.loads(entries["findings.json"]),
    }
    for name, document in documents.items():
        jsonschema_rs.validator_for(json.loads((SCHEMAS / name).read_text())).validate(document)


@pytest.mark.usefixtures("shop")
def test_the_text_says_what_is_proven_and_what_only_stated(attest: Called) -> None:
    made(attest, "k8s")
    code, out, _ = attest("compliance", "verify", "audit.pack", "--signers", "../signers")
    lines = out.splitlines()
    assert code == 0
    assert any(line.startswith("proven   signature: `alice@company.com` signed") for line in lines)
    assert any(line.startswith("stated   run: that the engine found this") for line in lines)
    assert lines[-1] == "intact: audit.pack is as `alice@company.com` signed it"


def test_a_pack_that_was_altered_exits_with_1(attest: Called, shop: Path) -> None:
    made(attest, "k8s")
    data = (shop / "audit.pack").read_bytes()
    report = archive.unpack(data, "test")["report.json"].replace(b'"not met"', b'"met"')
    (shop / "audit.pack").write_bytes(changed(data, {"report.json": report}))
    code, document = verified(attest, "--signers", "../signers")
    assert (code, document["intact"]) == (1, False)
    code, out, _ = attest("compliance", "verify", "audit.pack", "--signers", "../signers")
    assert code == 1
    assert out.splitlines()[-1].startswith("refused: audit.pack, for ")


def test_a_finding_removed_by_a_trusted_signer_is_told(attest: Called, shop: Path) -> None:
    made(attest, "k8s")
    data = (shop / "audit.pack").read_bytes()
    report = json.loads(archive.unpack(data, "test")["report.json"])
    report["findings"].pop()
    (shop / "audit.pack").write_bytes(signed_again(data, {"report.json": json.dumps(report).encode()}))
    code, document = verified(attest, "--signers", "../signers")
    why = [one["detail"] for one in document["checks"] if one["standing"] == "refused"]
    assert (code, len(why)) == (1, 1)
    assert "about `Pod/monitoring/web` is missing from the report" in why[0]


@pytest.mark.parametrize("content", [b"", b"not a pack", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03"])
def test_what_is_no_pack_exits_with_2(attest: Called, shop: Path, content: bytes) -> None:
    (shop / "audit.pack").write_bytes(content)
    code, out, err = attest("compliance", "verify", "audit.pack", "--signers", "../signers")
    assert (code, out) == (2, "")
    assert "audit.pack: " in err


@pytest.mark.usefixtures("shop")
def test_without_signers_nobody_is_trusted(attest: Called) -> None:
    made(attest, "k8s")
    code, _, err = attest("compliance", "verify", "audit.pack")
    assert code == 2
    assert "nothing says whose keys to trust" in err


def test_signers_that_can_not_be_read_are_named_with_their_line(attest: Called, shop: Path) -> None:
    made(attest, "k8s")
    write(shop, "signers", signer_line("alice") + "nonsense\n")
    code, _, err = attest("compliance", "verify", "audit.pack", "--signers", "signers")
    assert code == 2
    assert "signers:2: the line is not `NAME" in err


def test_the_same_inputs_make_the_same_pack_but_for_time_and_signature(attest: Called, shop: Path) -> None:
    made(attest, "k8s")
    first = archive.unpack((shop / "audit.pack").read_bytes(), "test")
    made(attest, "k8s")
    second = archive.unpack((shop / "audit.pack").read_bytes(), "test")
    assert list(first) == list(second)
    assert {name for name in first if first[name] != second[name]} <= {statement.ENTRY, "report.json"}
    reports = [json.loads(one["report.json"]) | {"generatedAt": ""} for one in (first, second)]
    assert reports[0] == reports[1]


class TestGoverned:
    """In a governed project, its own people sign, and its own keys verify."""

    @pytest.fixture
    def root(self, attest: Called, project: Path) -> Path:
        govern(project, RULES)
        for name in ("web", "legacy-app"):
            write(project, f"k8s/{name}.yaml", PRIVILEGED.format(name=name))
        scope = ("--policy", "*", "--resource", "Pod/monitoring/legacy-app", "--duration", "7d", "--reason", "legacy")
        assert attest("policy", "exempt", *scope, who="bob")[0] == 0
        (record,) = [one.name for one in (project / ".attest/exemptions").iterdir()]
        assert attest("policy", "exempt", "approve", record, "--yes", who="alice")[0] == 0
        return project

    @pytest.mark.usefixtures("root")
    def test_the_exemption_is_proven_with_its_approval(self, attest: Called) -> None:
        made(attest, "k8s", who="dave")
        code, document = verified(attest)
        assert (code, document["signer"]) == (0, "dave@company.com")
        proven = [one["detail"] for one in document["checks"] if one["standing"] == "proven"]
        assert any("approved by alice@company.com" in one for one in proven)
        assert any("that the audit trail has" in one for one in proven)

    def test_an_approval_that_is_missing_is_refused(self, attest: Called, root: Path) -> None:
        made(attest, "k8s")
        data = (root / "audit.pack").read_bytes()
        (name,) = [one for one in archive.unpack(data, "test") if "/approve-" in one]
        (root / "audit.pack").write_bytes(signed_again(data, {name: None}))
        code, document = verified(attest)
        assert code == 1
        assert any("is not exempted" in one["detail"] for one in document["checks"] if one["standing"] == "refused")

    def test_a_strangers_key_makes_no_pack(self, attest: Called, root: Path) -> None:
        write(root, ".attest/governance/allowed_signers", "".join(map(signer_line, ("alice", "carol"))))
        code, _, err = attest("compliance", "pack", "k8s", *SOC2, "--output", "audit.pack", who="bob")
        assert code == 2
        assert f"the key {signer('bob').key.fingerprint} is not in" in err
        assert not (root / "audit.pack").exists()


class TestEarlier:
    """What was found earlier is packed as well: the document, or the log of decisions, goes along."""

    FRAMEWORK = "framework: own\ncontrols:\n  - {id: a, title: Not privileged, policies: [{policy: attest-security}]}\n"
    FINDING: ClassVar[dict[str, Any]] = {
        "policy": "attest-security",
        "rule": "violation",
        "severity": "high",
        "enforcement": "warn",
        "message": "privileged",
    }

    @pytest.fixture
    def log(self, attest: Called, shop: Path) -> Path:
        """A decision log with one finding, by the policies in force."""
        write(shop, "own.yaml", self.FRAMEWORK)
        code, out, err = attest("policy", "check", "k8s", "--format", "json")
        assert code in (0, 1), err
        decision = {
            "schema": "attest.continuu.ms/decision/v1",
            "id": "a",
            "time": "2026-01-01T00:00:00Z",
            "door": "admit",
            "verdict": "allow",
            "allowed": True,
            "operation": "CREATE",
            "policySet": json.loads(out)["policySet"],
            "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"},
            "findings": [self.FINDING],
        }
        write(shop, "log.jsonl", json.dumps(decision) + "\n")
        return shop / "log.jsonl"

    def packed(self, attest: Called, *source: str) -> tuple[int, str]:
        code, _, err = attest("compliance", "pack", *source, "--framework", "own.yaml", "-o", "audit.pack", who="alice")
        return code, err

    def test_a_pack_of_findings_holds_them_as_they_were(self, attest: Called, shop: Path) -> None:
        write(shop, "own.yaml", self.FRAMEWORK)
        attest("policy", "check", "k8s", "--output", "found.json")
        assert self.packed(attest, "--from", "found.json") == (0, "")
        entries = archive.unpack((shop / "audit.pack").read_bytes(), "test")
        assert entries["findings.json"] == (shop / "found.json").read_bytes()
        assert verified(attest, "--signers", "../signers")[0] == 0
        found = json.loads((shop / "found.json").read_text())
        write(shop, "found.json", json.dumps(found | {"policySet": "sha256:other"}))
        code, err = self.packed(attest, "--from", "found.json")
        assert code == 2
        assert "the findings are those of other policies, which the pack would not hold" in err

    def test_findings_of_a_log_are_proven_by_its_decisions(self, attest: Called, shop: Path, log: Path) -> None:
        assert self.packed(attest, "--decisions", "log.jsonl") == (0, "")
        data = (shop / "audit.pack").read_bytes()
        assert archive.unpack(data, "test")["decisions.jsonl"] == log.read_bytes()
        code, document = verified(attest, "--signers", "../signers")
        assert code == 0
        proven = [one["detail"] for one in document["checks"] if one["standing"] == "proven"]
        assert "the findings are those of the 1 decision in the pack that is of the period" in proven
        for attack, why in self.ATTACKS.items():
            (shop / "audit.pack").write_bytes(signed_again(data, attack_on(data, attack)))
            code, document = verified(attest, "--signers", "../signers")
            told = [one["detail"] for one in document["checks"] if one["standing"] == "refused"]
            assert code == 1, attack
            assert any(why in one for one in told), (attack, told)

    ATTACKS: ClassVar[dict[str, str]] = {
        "no decisions": "the report is one of decisions, and they are not in the pack",
        "a finding less everywhere": "is in the decision log and missing from the findings",
        "a decision less": "is missing from the decision log",
        "no decision": "the line is no decision",
    }


def attack_on(data: bytes, name: str) -> dict[str, bytes | None]:
    """What a signer who is trusted changes of a pack that was made from a decision log."""
    entries = archive.unpack(data, "test")
    if name == "a finding less everywhere":
        report, found = (json.loads(entries[one]) for one in ("report.json", "findings.json"))
        report["findings"], found["findings"], found["warnings"] = [], [], 0
        for framework in report["frameworks"]:
            framework["states"] = dict.fromkeys(framework["states"], 0) | {"met": 1}
            for control in framework["controls"]:
                control["findings"], control["state"] = [], "met"
        return {"report.json": json.dumps(report).encode(), "findings.json": json.dumps(found).encode()}
    return {"decisions.jsonl": {"no decisions": None, "a decision less": b"", "no decision": b"{}\n"}[name]}
