"""A governed project with an approved policy set and an approved exemption, and packs of what was found in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from attest_governance.attestations.sources import Sources
from attest_governance.comply.packs import archive, statement
from attest_governance.comply.packs.contents import Given
from attest_governance.comply.packs.make import About, make_pack
from attest_governance.comply.packs.verify import Verifier, verify_pack
from attest_governance.evaluate import set_digest
from attest_governance.govern.policysets.history import open_trusted
from attest_governance.govern.signing.signers import FileSigner
from attest_governance.govern.trust import Trust, parse_trust
from attest_governance.model import Policy
from attest_governance.model.compliance import STATES
from attest_governance.model.packs import PackView
from attest_governance.model.sources import ReadFile
from attest_governance.resources import shipped_frameworks, shipped_policies
from tests.govern.people import NOW, PEOPLE, approve, ask, signer, signer_line
from tests.govern.test_policyset import POLICY, approved_set

VERSION = "1.2.3"
SIGNERS = "".join(map(signer_line, PEOPLE))
FRAMEWORK = "soc2/criteria.yaml"
SHIPPED = "security/container-security.rego"


def governed(root: Path) -> str:
    """Makes a folder a governed project, and gives the id of its approved exemption."""
    approved_set(root)
    record = ask(root)
    approve(root, record)
    return record


def finding(**fields: Any) -> dict[str, Any]:
    """A finding, as `attest policy check --format json` writes it."""
    return {
        "policy": "attest-security",
        "engine": "opa",
        "rule": "violation",
        "severity": "high",
        "enforcement": "strict",
        "message": "runs as root",
        "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"},
        "location": {"file": "k8s/web.yaml", "line": 3, "column": 1, "endLine": 3, "endColumn": 5, "path": ""},
        "waiver": None,
        "details": {},
        "fix": "",
        "controls": ["SOC2-CC6.1"],
        **fields,
    }


def exempted(record: str, **waiver: Any) -> dict[str, Any]:
    """A finding that an approved exemption excuses."""
    excuse = {
        "kind": "approved",
        "reason": "Legacy app migration in progress",
        "approvedBy": ["alice@company.com"],
        "expiresAt": "2026-03-31T12:00:00Z",
        "id": record,
        "source": f".attest/exemptions/{record}",
        **waiver,
    }
    return finding(
        resource={"apiVersion": "v1", "kind": "Pod", "namespace": "monitoring", "name": "legacy-app"}, waiver=excuse
    )


def findings(policy_set: str, *found: Mapping[str, Any]) -> bytes:
    """The document of a check."""
    counting = [one for one in found if not one["waiver"]]
    document = {
        "schema": "attest.continuu.ms/check/v1",
        "policySet": policy_set,
        "violations": sum(one["enforcement"] == "strict" for one in counting),
        "warnings": sum(one["enforcement"] == "warn" for one in counting),
        "dryrun": sum(one["enforcement"] == "dryrun" for one in counting),
        "exempted": len(found) - len(counting),
        "findings": found,
    }
    return json.dumps(document).encode()


def report(policy_set: str, *found: Mapping[str, Any]) -> bytes:
    """A compliance report of the same run."""
    against = [place for place, one in enumerate(found) if not one["waiver"]]
    controls: list[dict[str, Any]] = [
        {
            "id": "CC6.1",
            "state": "not met" if against else "met",
            "findings": list(range(len(found))),
            "policies": [
                {"policy": "attest-security", "rules": ["SOC2-CC6.1"], "kinds": [], "counts": {}, "reason": ""}
            ],
        },
        {"id": "CC1.1", "state": "manual", "findings": []},
    ]
    states = {state: sum(one["state"] == state for one in controls) for state in STATES}
    document = {
        "schema": "attest.continuu.ms/compliance/v1",
        "generatedAt": "2026-03-01T12:00:00Z",
        "verdict": "not met" if against else "met",
        "policySet": policy_set,
        "frameworks": [{"name": "soc2", "states": states, "controls": controls}],
        "findings": [{**one, "controls": ["soc2/CC6.1"]} for one in found],
    }
    return json.dumps(document).encode()


def given(root: Path, *found: Mapping[str, Any], project: bool = True, **fields: Any) -> Given:
    """What a pack of the project's policy, and of one that ships, is made from."""
    paths = (root / POLICY, shipped_policies() / SHIPPED)
    read = tuple(ReadFile(str(path.resolve()), sha256(path.read_bytes()).hexdigest()) for path in paths)
    framework = shipped_frameworks() / FRAMEWORK
    frameworks = (ReadFile(str(framework.resolve()), sha256(framework.read_bytes()).hexdigest()),)
    digest = set_digest(one.sha256 for one in read)
    made = {
        "report": report(digest, *found),
        "findings": findings(digest, *found),
        "policy_set": digest,
        "policies": (Policy("pods", file=str((root / POLICY).resolve())),),
        "read": read,
        "frameworks": frameworks,
        "shipped": shipped_policies(),
        "shipped_frameworks": shipped_frameworks(),
        "root": root,
        "project": open_trusted(root, NOW) if project else None,
    }
    return Given(**{**made, **fields})


def pack(made_from: Given, who: str | FileSigner = "alice", now: datetime = NOW) -> bytes:
    """A pack, signed by somebody."""
    about = About(("soc2",), {"attest": VERSION, "engine": "4.5.6"})
    return make_pack(made_from, about, who if isinstance(who, FileSigner) else signer(who), now)


def verify(
    data: bytes,
    signers: str = SIGNERS,
    now: datetime = NOW,
    *,
    trust: Trust | None = None,
    project: str | None = None,
    proofs: Sources | None = None,
) -> PackView:
    """What a verifier with these keys finds."""
    trusted = trust or parse_trust(signers)
    verifier = Verifier(
        trust=trusted,
        now=now,
        version=VERSION,
        shipped=shipped_policies(),
        shipped_frameworks=shipped_frameworks(),
        project=project,
        proofs=proofs,
    )
    return verify_pack(data, "audit.pack", verifier)


def refused(view: PackView) -> list[str]:
    """Why a pack is refused."""
    assert view.intact is not any(check.standing == "refused" for check in view.checks)
    return [f"{check.name}: {check.detail}" for check in view.checks if check.standing == "refused"]


def changed(data: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """The pack with entries replaced, added, or taken away, in the order of packs; the statement is as it was."""
    entries = archive.unpack(data, "test")
    first = {statement.ENTRY: entries.pop(statement.ENTRY)}
    kept = {name: content for name, content in {**entries, **changes}.items() if content is not None}
    if statement.ENTRY in changes:
        first = {statement.ENTRY: kept.pop(statement.ENTRY)}
    return archive.pack({**first, **dict(sorted(kept.items()))})


def signed_again(data: bytes, changes: Mapping[str, bytes | None], who: str | FileSigner = "alice") -> bytes:
    """The pack with entries changed, and signed by somebody who is trusted: only the links can tell."""
    entries = archive.unpack(changed(data, changes), "test")
    about = statement.opened(entries.pop(statement.ENTRY)).statement.predicate
    about = msgspec.structs.replace(about, policy_set=json.loads(entries["policies.json"])["policySet"])
    new = statement.make(entries, about, who if isinstance(who, FileSigner) else signer(who))
    return archive.pack({statement.ENTRY: new, **entries})
