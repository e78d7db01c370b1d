"""What is in force is read once, answered for any moment, and costs the same however long the trail is."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args, get_type_hints

import msgspec
import pytest

from attest_governance.adapters.store_trail import TrailFile
from attest_governance.errors import GovernanceError
from attest_governance.govern.project import TRAIL_FILE, open_project
from attest_governance.govern.snapshot import Snapshot, record_enforcement
from attest_governance.govern.trail import audit, known
from attest_governance.model import Finding, Location, Resource, Waiver

from .people import (
    DAY,
    NOW,
    PEOPLE,
    RULES,
    SECOND,
    approve,
    ask,
    exemptions_in_force,
    govern,
    override_terms,
    signer_line,
    work,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INDEX_FILE = TRAIL_FILE.replace(".jsonl", ".index")


def fill(root: Path, count: int, now: datetime = NOW) -> TrailFile:
    """A trail as long as checks make it."""
    trail = TrailFile(root / TRAIL_FILE)
    happened = audit.Happening(now, "exemption.enforce", record="exemption-000000000000", policy="attest-security")
    audit.append(trail, [happened] * count)
    return trail


def revoked(root: Path) -> str:
    """A record that was approved and revoked, on a trail that goes on."""
    govern(root)
    record = ask(root)
    approve(root, record)
    person = work(root, "alice")
    person.revoke(person.find("exemption", record))
    fill(root, 500)
    return record


def remove_revocation(root: Path, record: str) -> None:
    (found,) = (root / ".attest/exemptions" / record).glob("revoke-*")
    found.unlink()


def test_a_snapshot_answers_for_any_moment_what_a_fresh_reading_answers(tmp_path: Path) -> None:
    ending = signer_line("alice", 'valid-before="202603101200Z"')
    govern(tmp_path, signers=ending + "".join(signer_line(name) for name in PEOPLE if name != "alice"))
    approve(tmp_path, ask(tmp_path, days=20))
    approve(tmp_path, ask(tmp_path, days=5, name="other"), "carol")
    glass = work(tmp_path, "bob").request("override", override_terms()).record.id
    for name in ("alice", "carol"):
        person = work(tmp_path, name)
        person.approve(person.find("override", glass))
    moments = [NOW + days * DAY + step * SECOND for days in (0, 1 / 12, 5, 9, 20) for step in (-1, 0, 1)]
    fresh = [exemptions_in_force(tmp_path, moment) for moment in moments]
    snapshot = Snapshot(open_project(tmp_path))
    shutil.rmtree(tmp_path / ".attest")
    for moment, expected in [*zip(moments, fresh, strict=True), *zip(moments[::-1], fresh[::-1], strict=True)]:
        found = snapshot.in_force(moment)
        assert (found.exemptions, found.notices) == (expected.exemptions, expected.notices), moment


class Watched(TrailFile):
    """A trail that counts what is read of it."""

    read = 0

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        for block in super().blocks(start):
            self.read += len(block)
            yield block


def test_a_check_reads_of_the_trail_what_is_new(tmp_path: Path) -> None:
    revoked(tmp_path)
    trail = Watched(tmp_path / TRAIL_FILE)
    first = known.known(trail)
    assert trail.read == (tmp_path / TRAIL_FILE).stat().st_size == first.size
    fill(tmp_path, 3)
    trail.read = 0
    second = known.known(trail)
    assert 0 < trail.read == second.size - first.size < 2000
    assert [entry.kind for entry in second.taken] == ["exemption.revoke"]


def another_hash(index: bytes) -> bytes:
    kept = msgspec.json.decode(index, type=known.Known)
    return msgspec.json.encode(msgspec.structs.replace(kept, hash="sha256:" + "0" * 64, taken=()))


def another_size(size: int) -> Callable[[bytes], bytes]:
    def change(index: bytes) -> bytes:
        kept = msgspec.json.decode(index, type=known.Known)
        return msgspec.json.encode(msgspec.structs.replace(kept, size=kept.size + size, taken=()))

    return change


POISON: dict[str, Callable[[bytes], bytes]] = {
    "it is of another trail": another_hash,
    "it ends in the middle of a line": another_size(-5),
    "it is longer than the trail": another_size(10_000),
    "its length is no length": another_size(-(10**9)),
    "it is no JSON": lambda _: b"\xff{",
    "it is of another form": lambda _: b'{"size":"many"}',
    "it is empty": lambda _: b"",
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_an_index_that_is_not_of_this_trail_hides_no_revocation(
    tmp_path: Path, poison: Callable[[bytes], bytes]
) -> None:
    record = revoked(tmp_path)
    assert exemptions_in_force(tmp_path, NOW).exemptions == ()
    index = tmp_path / INDEX_FILE
    index.write_bytes(poison(index.read_bytes()))
    remove_revocation(tmp_path, record)
    with pytest.raises(GovernanceError, match=r"`exemption\.revoke` of .* is on the audit trail"):
        exemptions_in_force(tmp_path, NOW)


def test_an_index_remembers_a_revocation_that_was_cut_out_of_the_trail(tmp_path: Path) -> None:
    record = revoked(tmp_path)
    exemptions_in_force(tmp_path, NOW)
    trail = tmp_path / TRAIL_FILE
    trail.write_bytes(trail.read_bytes().replace(b'"kind":"exemption.revoke"', b'"kind":"exemption.review"'))
    remove_revocation(tmp_path, record)
    with pytest.raises(GovernanceError, match="is on the audit trail"):
        exemptions_in_force(tmp_path, NOW)


def test_an_index_that_can_not_be_kept_changes_no_answer(tmp_path: Path) -> None:
    record = revoked(tmp_path)
    write(tmp_path, INDEX_FILE + "/in the way", "")
    remove_revocation(tmp_path, record)
    with pytest.raises(GovernanceError, match="is on the audit trail"):
        exemptions_in_force(tmp_path, NOW)


def test_a_trail_that_is_a_link_is_never_written_to(tmp_path: Path) -> None:
    govern(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine, without a line end")
    (tmp_path / TRAIL_FILE).parent.mkdir()
    (tmp_path / TRAIL_FILE).symlink_to(elsewhere)
    with pytest.raises(Exception, match="the audit trail can't be written"):
        fill(tmp_path, 1)
    assert elsewhere.read_text() == "mine, without a line end"


def finding(waiver: Waiver | None) -> Finding:
    about = Resource(api_version="v1", kind="Pod", namespace="monitoring", name="legacy-app")
    at = Location(file="a.yaml", line=1, column=1, end_line=1, end_column=2)
    return Finding("attest-security", "opa", "violation", "high", "strict", "no", about, at, waiver=waiver)


def test_each_way_to_be_excused_has_its_word_on_the_trail_and_a_baseline_none(tmp_path: Path) -> None:
    govern(tmp_path)
    kinds = get_args(get_type_hints(Waiver)["kind"])
    waivers = [Waiver(kind=kind, reason="x") for kind in kinds]
    record_enforcement(open_project(tmp_path), [*map(finding, waivers), finding(None)], NOW)
    entries = audit.verify(TrailFile(tmp_path / TRAIL_FILE))[1:]
    assert {one.detail["by"]: one.kind for one in entries} == {
        "approved": "exemption.enforce",
        "declared": "exemption.enforce",
        "annotated": "exemption.enforce",
        "override": "override.enforce",
    }


def cost(root: Path) -> float:
    """Processor seconds of a whole check: the least of three."""
    command = [sys.executable, "-m", "attest_governance.cli", "policy", "check", "pod.yaml"]
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 1
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


@pytest.mark.slow
def test_200_records_and_100000_lines_of_trail_at_most_double_the_cost_of_a_check(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0) - DAY
    bare, full = tmp_path / "bare", tmp_path / "full"
    for root in (bare, full):
        govern(root, RULES)
        write(root, "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostNetwork: true}\n")
    for number in range(200):
        approve(full, ask(full, now=now, name=f"legacy-{number}"), now=now)
    fill(full, 100_000, now)
    assert len(exemptions_in_force(full, now).exemptions) == 200
    assert cost(full) <= 2 * cost(bare)
