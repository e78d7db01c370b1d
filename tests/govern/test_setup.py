"""Setting governance up: what is written, what is still lacking, and records that become the project's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from attest_governance.exempt.times import format_instant
from attest_governance.govern.project import open_project
from attest_governance.govern.records.event import Event, sign_event, to_document
from attest_governance.govern.setup import migrate, missing

from .people import NOW, POLICY_APPROVAL, RULES, address, ask, govern, signer, signer_line, terms, write


def ask_as_before(root: Path) -> Event:
    """A request that was signed before projects had ids."""
    asked = msgspec.to_builtins(terms())
    event = Event(
        "attest.continuu.ms/event/v1", "exemption", "request", address("bob"), format_instant(NOW), terms=asked
    )
    write(root, f".attest/exemptions/{event.id}/{event.name}.yaml", to_document(sign_event(event, signer("bob"))))
    return event


def test_records_from_before_become_the_projects_own_once(tmp_path: Path) -> None:
    govern(tmp_path)
    asked = ask_as_before(tmp_path)
    first, *adopted = migrate(open_project(tmp_path))
    assert first.startswith("project: ")
    assert adopted == [f"adopted: {asked.id}, attest-security, by bob@company.com: Legacy app migration in progress"]
    assert migrate(open_project(tmp_path)) == [first]


def test_a_request_that_names_its_project_is_not_adopted(tmp_path: Path) -> None:
    govern(tmp_path)
    ask(tmp_path)
    assert migrate(open_project(tmp_path))[1:] == []


def test_an_id_is_a_trust_file_where_policies_are_approved(tmp_path: Path) -> None:
    govern(tmp_path, RULES + POLICY_APPROVAL)
    assert migrate(open_project(tmp_path))[1:] == [
        "to be approved: `.attest/governance/project`, with `attest governance propose`"
    ]
    assert migrate(open_project(tmp_path))[1:] == []


MISSING = {
    "nothing": (RULES, "".join(map(signer_line, ("alice", "carol", "dave"))), []),
    "anybody's key": (
        RULES,
        "",
        ["nobody has a key", "`exemption_approval` can't be fulfilled", "`emergency_override` can't be fulfilled"],
    ),
    "a key of somebody in a team": (
        RULES,
        "".join(map(signer_line, ("alice", "carol"))),
        ["`dave@company.com` is in a team and has no key"],
    ),
    "keys of enough people": (
        RULES,
        signer_line("alice"),
        ["`carol@company.com` is in a team", "`dave@company.com` is in a team", "`emergency_override` can't be"],
    ),
    "an id to bind records to": (
        RULES + POLICY_APPROVAL,
        "".join(map(signer_line, ("alice", "carol", "dave"))),
        ["the project has no id"],
    ),
    "a list of keys that can be read": (RULES, "alice\n", ["allowed_signers"]),
    "rules that can be read": ("governance: [\n", "".join(map(signer_line, ("alice",))), ["governance.yaml"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_all_that_is_lacking_is_told_at_once(tmp_path: Path, case: str) -> None:
    rules, signers, said = MISSING[case]
    write(tmp_path, ".attest/governance.yaml", rules)
    write(tmp_path, ".attest/governance/allowed_signers", signers)
    found = missing(tmp_path)
    assert len(found) >= len(said), found
    for part, sentence in zip(said, found, strict=False):
        assert part in sentence
    if not said:
        assert found == []
