"""What goes into a pack: the report, and all that it rests on, entry by entry.

| entry | holds |
| --- | --- |
| `statement.dsse.json` | the signed statement over the digests of all others |
| `report.json` | the compliance report |
| `findings.json` | the check that it was made from, as `attest policy check --format json` writes it |
| `decisions.jsonl` | the decision log that it was made from, if it was |
| `policies.json` | every file of policies and frameworks, and what else the verdict depends on, by digest |
| `files/<sha256>` | the files of policies and frameworks, and the proofs, byte for byte |
| `governance/…` | the rules, signers, revoked keys and id of the project |
| `records/<record>/<event>.yaml` | policy sets, exemptions and overrides, as they were signed |
| `trail/head.json` | the signed head of the audit trail |
| `evidence.json` | the verified facts about images, and the proofs that they rest on |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from attest_governance.comply.packs.statement import digest
from attest_governance.errors import GovernanceError, InputError
from attest_governance.govern.project import FOLDERS, TRUST_FILES, Project, read_trusted
from attest_governance.govern.records.belonging import IDENTITY_FILE
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.trail.audit import Head
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE
from attest_governance.load.files import Files
from attest_governance.model import Policy
from attest_governance.model.sources import ReadFile

REPORT = "report.json"
FINDINGS = "findings.json"
DECISIONS = "decisions.jsonl"
POLICIES = "policies.json"
EVIDENCE = "evidence.json"
HEAD = "trail/head.json"
RECORDS = "records/"
FILES = "files/"
GOVERNANCE = {
    RULES_FILE: "governance/rules.yaml",
    SIGNERS_FILE: "governance/allowed-signers",
    REVOKED_FILE: "governance/revoked-keys",
    IDENTITY_FILE: "governance/project",
}
"""The trust files of a project, by where they lie in a pack."""
SHIPPED = "<shipped>/"
FRAMEWORKS = "<frameworks>/"
"""Before the paths of policies and of frameworks that ship with the product."""
_MAX_PROOF = 64 << 20


class PackedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file on which the verdict rests: where it was in the project, or `<shipped>/…` or `<frameworks>/…`."""

    path: str
    sha256: str


class PackedPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy of the set, and the file that holds it."""

    name: str
    file: str
    severity: str
    controls: tuple[str, ...]


class PackedPolicies(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The policy set of a pack."""

    schema: str = "attest.continuu.ms/compliance-pack-policies/v1"
    policy_set: str
    policies: tuple[PackedPolicy, ...]
    files: tuple[PackedFile, ...]
    """What the policies are made of; the bytes are in the pack."""
    frameworks: tuple[PackedFile, ...]
    """Which controls there are, and which policies serve them; the bytes are in the pack."""
    settings: tuple[PackedFile, ...]
    """What else was read: configuration, parameters, data. Of these the digests alone are in the pack."""


class PackedEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The facts of a run, and the proofs that are in the pack."""

    schema: str = "attest.continuu.ms/compliance-pack-evidence/v1"
    facts: dict[str, Any]
    proofs: tuple[PackedFile, ...]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack is made from."""

    report: bytes
    findings: bytes
    log: bytes = b""
    """The decision log that the findings were made from; empty if they were not."""
    policy_set: str
    policies: tuple[Policy, ...]
    read: tuple[ReadFile, ...]
    """The files of the policies."""
    frameworks: tuple[ReadFile, ...] = ()
    settings: tuple[ReadFile, ...] = ()
    shipped: Path
    shipped_frameworks: Path
    root: Path
    """The folder from which paths are told."""
    project: Project | None = None
    head: Head | None = None
    facts: Mapping[str, Any] | None = None
    receipts: tuple[Path, ...] = ()
    """The folders whose proofs were verified for the facts."""


def entries(given: Given) -> dict[str, bytes]:
    """The entries of a pack but for the statement, sorted by name.

    Raises:
        InputError: a file is no longer what it was when it was judged by.
        GovernanceError: the records of the project can't be read.
    """
    found = {REPORT: given.report, FINDINGS: given.findings, POLICIES: _written(_policies(given))}
    found |= {FILES + one.sha256: _as_read(one) for one in (*given.read, *given.frameworks)}
    if given.log:
        found[DECISIONS] = given.log
    if given.facts is not None:
        proofs = dict(_proofs(given))
        found |= {FILES + digest(data): data for data in proofs.values()}
        listed = tuple(PackedFile(name, digest(data)) for name, data in sorted(proofs.items()))
        found[EVIDENCE] = _written(PackedEvidence(facts=dict(given.facts), proofs=listed))
    if given.project is not None:
        found |= _governance(given.project)
    if given.head is not None:
        found[HEAD] = _written(given.head)
    return dict(sorted(found.items()))


def _policies(given: Given) -> PackedPolicies:
    return PackedPolicies(
        policy_set=given.policy_set,
        policies=tuple(
            PackedPolicy(one.name, _place(given, one.file), one.severity, one.controls)
            for one in sorted(given.policies, key=lambda one: one.name)
        ),
        files=_listed(given, given.read),
        frameworks=_listed(given, given.frameworks),
        settings=_listed(given, given.settings),
    )


def _listed(given: Given, read: Iterable[ReadFile]) -> tuple[PackedFile, ...]:
    every = {(_place(given, one.file), one.sha256) for one in read}
    return tuple(PackedFile(path, sha256) for path, sha256 in sorted(every))


def _place(given: Given, file: str) -> str:
    """What a file is called in every pack of the same project, wherever product and project lie."""
    path = Path(file)
    for folder, prefix in ((given.shipped, SHIPPED), (given.shipped_frameworks, FRAMEWORKS), (given.root, "")):
        if path.is_relative_to(folder.resolve()):
            return prefix + path.relative_to(folder.resolve()).as_posix()
    return file


def _as_read(read: ReadFile) -> bytes:
    data = Files().read(Path(read.file), "file", pipes=False)
    if digest(data) != read.sha256:
        hint = "make the pack again, while nobody works on the policies"
        raise InputError("the file has changed since it was judged by", file=read.file, hint=hint)
    return data


def _proofs(given: Given) -> Iterator[tuple[str, bytes]]:
    """The proofs that facts rest on, in the folders of receipts alone: a fact must not bring any other file along."""
    entries = (
        one
        for kind in ("attestations", "receipts")
        for listed in (given.facts or {}).get(kind, {}).values()
        for one in listed
    )
    folders = [folder.resolve() for folder in given.receipts]
    for name in sorted({str(one.get("rests_on", "")) for one in entries}):
        path = (given.root / name).resolve()
        if any(path.is_relative_to(folder) for folder in folders) and path.is_file():
            yield name, Files().read(path, "proof", limit=_MAX_PROOF, pipes=False)


def _governance(project: Project) -> dict[str, bytes]:
    found = {GOVERNANCE[name]: read_trusted(project.root, name).encode() for name in TRUST_FILES}
    for subject in FOLDERS:
        store = project.stores[subject]
        for record in store.records():
            if not record.startswith(f"{subject}-"):
                raise GovernanceError(f"the record `{record}` stands among those of `{subject}`")
            for one in store.documents(record):
                found[f"{RECORDS}{record}/{one.name}.yaml"] = one.text.encode()
    return {name: data for name, data in found.items() if data}


def _written(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted")) + b"\n"
