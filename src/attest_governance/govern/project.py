"""A governed project: its rules, its trust files, its records and its audit trail, opened together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from attest_governance.adapters.store import FileStore, Store
from attest_governance.adapters.store_trail import TrailFile
from attest_governance.errors import ConfigurationError, GovernanceError
from attest_governance.govern.records.belonging import IDENTITY_FILE, Identity, parse_identity
from attest_governance.govern.records.event import Subject
from attest_governance.govern.rules import RULES_FILE, ApprovalRule, Governance, parse_rules
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, Trust, parse_trust
from attest_governance.load.configuration_files import project_root

FOLDERS: dict[Subject, str] = {
    "exemption": ".attest/exemptions",
    "override": ".attest/governance/overrides",
    "policy-set": ".attest/governance/policy-sets",
}
_SECTIONS: dict[Subject, str] = {
    "exemption": "exemption_approval",
    "override": "emergency_override",
    "policy-set": "policy_approval",
}
TRAIL_FILE = ".attest/audit/trail.jsonl"
HEAD_FILE = ".attest/audit/head.json"
TRUST_FILES = (RULES_FILE, SIGNERS_FILE, REVOKED_FILE, IDENTITY_FILE)


class Project(msgspec.Struct, frozen=True):
    """What governance knows about a project. `open_project` makes one of a folder."""

    root: Path
    rules: Governance
    trust: Trust
    stores: Mapping[Subject, Store]
    trail: TrailFile
    identity: Identity = Identity()

    def rule(self, subject: Subject) -> ApprovalRule:
        """The rule for a kind of record.

        Raises:
            GovernanceError: governance does not ask for approvals of this kind.
        """
        section = _SECTIONS[subject]
        rule = self.rules.change_approval if subject == "policy-set" else self.rules.sections.get(section)
        if rule is None:
            raise GovernanceError(f"`{section}` is not switched on", file=RULES_FILE, hint=f"add `{section}` to it")
        return rule


def find_root(start: Path, home: Path) -> Path:
    """The project that a folder belongs to, or the folder itself where there is none."""
    return project_root(start, home) or start


def is_governed(root: Path) -> bool:
    """Tells whether the project has a governance file.

    Raises:
        ConfigurationError: the file is gone, but signed records or trust files are still there:
            governance is switched off by its rules, not by deleting them.
    """
    if (root / RULES_FILE).is_file():
        return True
    for rest in (SIGNERS_FILE, FOLDERS["policy-set"], FOLDERS["exemption"]):
        if os.path.lexists(root / rest):
            raise ConfigurationError(
                f"the governance file is missing, but `{rest}` is there",
                file=RULES_FILE,
                hint="restore the file, or remove everything under `.attest/governance` and `.attest/exemptions`",
            )
    return False


def open_project(root: Path) -> Project:
    """Opens the governed project whose `.attest` is in a folder.

    Raises:
        ConfigurationError: a governance or trust file is missing or wrong.
    """
    if not is_governed(root):
        raise ConfigurationError(
            "the project has no governance file", file=RULES_FILE, hint="`attest governance init` makes one"
        )
    rules = parse_rules(read_trusted(root, RULES_FILE))
    return Project(
        root=root,
        rules=rules,
        trust=parse_trust(read_trusted(root, SIGNERS_FILE), read_trusted(root, REVOKED_FILE)),
        stores=stores(root, rules.records),
        trail=TrailFile(root / TRAIL_FILE),
        identity=parse_identity(read_trusted(root, IDENTITY_FILE)),
    )


def stores(root: Path, records: str) -> Mapping[Subject, Store]:
    """Where the records of a project are: in a database (see `Governance.records`), or in its folders.

    Raises:
        ConfigurationError: there can be no such database.
    """
    if not records:
        return {subject: FileStore(root / folder, root) for subject, folder in FOLDERS.items()}
    from attest_governance.adapters.sql_store import SqlStore, database  # noqa: PLC0415 (few projects need it)

    kept = database(records, root)
    return {subject: SqlStore(kept, subject) for subject in FOLDERS}


def read_trusted(root: Path, name: str) -> str:
    """Reads a trust file; a missing one is empty.

    Raises:
        ConfigurationError: it is a link or behind one, or can't be read as UTF-8.
    """
    path = root / name
    if any((root / part).is_symlink() for part in (name, *map(str, Path(name).parents))):
        raise ConfigurationError("a trust file must not be a link", file=name, hint="put the file itself there")
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the file can't be read: {error}", file=name) from error
