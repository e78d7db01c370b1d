"""Turning governance on: the rules and the list of keys, as a start to be edited (`attest governance init`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from attest_governance.errors import ConfigurationError
from attest_governance.govern.project import FOLDERS, Project, open_project, read_trusted, stores
from attest_governance.govern.records.belonging import IDENTITY_FILE
from attest_governance.govern.records.quorum import tally
from attest_governance.govern.records.workflow import unbound, with_identity
from attest_governance.govern.rules import RULES_FILE, parse_rules
from attest_governance.govern.signing.identity import choose_signer
from attest_governance.govern.trust import REVOKED_FILE, SIGNERS_FILE, Trust, parse_trust
from attest_governance.load.scaffold import TEMPLATES

if TYPE_CHECKING:
    from attest_governance.adapters.store import Store

FILES = "files"
"""Where records are that are in no database: the project's folders."""
_SIGNERS = """\
# One line a key: NAME, then the key as its `.pub` file has it. Optional before the key:
# valid-after="20260101Z",valid-before="20270101Z". A key is one person's; a person may have several.
"""


def initialize(root: Path, name: str, key: Path | None) -> list[str]:
    """Writes the governance file and the list of keys where they are missing, and says what it did.

    Args:
        root: the project.
        name: the first member of the security team; a placeholder when empty.
        key: whose public half is listed for `name`; by default the one that signs commits.

    Raises:
        UsageError: a name was given, but no key is found for it.
    """
    line = f"{name} {choose_signer(root, Trust(), key, '', os.environ).key.line}\n" if name else ""
    parse_trust(_SIGNERS + line)
    rules = (TEMPLATES / "governance.yaml").read_text(encoding="utf-8").replace("==NAME", name or "alice@company.com")
    wanted = {RULES_FILE: rules, SIGNERS_FILE: _SIGNERS + line}
    written = [_write(root / file, file, text) for file, text in wanted.items()]
    lacking = [f"missing: {one}" for one in missing(root)]
    try:
        project = open_project(root)
    except ConfigurationError:
        return [*written, *lacking]
    approved = project.rules.policy_approval is not None  # then a proposal makes the id, which is a trust file
    return [*written, *([] if approved else migrate(project)), *lacking]


def missing(root: Path) -> list[str]:
    """All that the rules need before anybody can fulfil them, one sentence each."""
    try:
        trust = parse_trust(read_trusted(root, SIGNERS_FILE), read_trusted(root, REVOKED_FILE))
        lacking = [] if trust.people else [f"nobody has a key: list them in `{SIGNERS_FILE}`"]
    except ConfigurationError as error:
        trust, lacking = Trust(), [str(error)]
    try:
        rules = parse_rules(read_trusted(root, RULES_FILE))
    except ConfigurationError as error:
        return [*lacking, str(error).replace("\n", "; ")]
    for person in sorted(rules.members - trust.people) if trust.people else ():
        lacking.append(f"`{person}` is in a team and has no key in `{SIGNERS_FILE}`")
    if rules.policy_approval is not None and not (root / IDENTITY_FILE).exists():
        lacking.append("the project has no id, so nothing binds records to it: `attest governance migrate` makes one")
    for section, rule in rules.sections.items():
        able = tally(trust.people, "", rule, rules.teams)
        if not able.complete:
            lacking.append(f"`{section}` can't be fulfilled by those who have a key: {able} would be needed")
    return lacking


def migrate(project: Project) -> list[str]:
    """Gives the project an id, adopts the records that were signed without one, and says what it did."""
    adopted = unbound(project)
    bound = with_identity(project)
    unapproved = project.rules.policy_approval is not None and bound.identity != project.identity
    return [
        f"project: {bound.identity.id}",
        *(f"adopted: {one.id}, {one.terms['policy']}, by {one.actor}: {one.terms['reason']}" for one in adopted),
        *([f"to be approved: `{IDENTITY_FILE}`, with `attest governance propose`"] if unapproved else []),
    ]


def copy_records(project: Project, place: str) -> list[str]:
    """Copies all records, as they are, to a database or (`files`) the project's folders, and says how many there were.

    Raises:
        GovernanceError: a document of that name is there already, and is another one.
        ConfigurationError: the place is none.
    """
    targets = stores(project.root, "" if place == FILES else place)
    counted = {subject: _copied(project.stores[subject], targets[subject]) for subject in FOLDERS}
    said = f"`records: {place}` in" if place != FILES else "no `records` in"
    return [
        *(f"copied: {number} of {subject}" for subject, number in counted.items()),
        f"to be done: write {said} `{RULES_FILE}` under `governance`, and have that approved",
    ]


def _copied(source: Store, target: Store) -> int:
    records = source.records()
    for record in records:
        for one in source.documents(record):
            target.add(one.record, one.name, one.text)
    return len(records)


def _write(path: Path, shown: str, text: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return f"kept: {shown}"
    return f"written: {shown}"
