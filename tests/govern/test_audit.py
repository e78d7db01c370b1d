"""The audit trail: nothing is lost, and nothing changes without being noticed."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from attest_governance.adapters.store_trail import TrailFile
from attest_governance.errors import GovernanceError, OutputError
from attest_governance.exempt import apply
from attest_governance.govern.project import HEAD_FILE, TRAIL_FILE, open_project
from attest_governance.govern.session import seal
from attest_governance.govern.snapshot import record_enforcement
from attest_governance.govern.trail import audit
from attest_governance.govern.trail.history import Query, all_entries, verify_all
from attest_governance.govern.trust import parse_trust
from attest_governance.model import Finding, Location, Resource
from attest_governance.model.governance import Entry
from attest_governance.report.governance import export_csv, export_jsonl

from .people import DAY, NOW, address, approve, ask, exemptions_in_force, govern, signer, signer_line, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from attest_governance.adapters.store_trail import TrailFile
from attest_governance.govern.trail.audit import Happening, append
path, name, count, batch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for start in range(0, count, batch):
    happened = [Happening(datetime.now(UTC), "test", f"{name}-{number}") for number in range(start, start + batch)]
    append(TrailFile(path), happened)
    print(start + batch, flush=True)
"""


def writer(path: Path, name: str, count: int, batch: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count), str(batch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def fill(path: Path, count: int = 5) -> TrailFile:
    trail = TrailFile(path)
    for number in range(count):
        audit.append(trail, [audit.Happening(NOW, "test", f"actor-{number}")])
    return trail


def test_entries_are_linked(tmp_path: Path) -> None:
    chain = audit.verify(fill(tmp_path / "a/trail.jsonl"))
    assert [entry.kind for entry in chain] == ["trail.begin", *["test"] * 5]
    assert all(after.previous == before.hash for before, after in itertools.pairwise(chain))
    assert (tmp_path / "a/.gitignore").read_text().endswith("*\n")


def test_nothing_to_append_makes_no_trail(tmp_path: Path) -> None:
    audit.append(TrailFile(tmp_path / "trail.jsonl"), [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "batch"), [(100, 1), (1250, 25)])
def test_eight_processes_lose_nothing(tmp_path: Path, count: int, batch: int) -> None:
    _write_with_eight(tmp_path / "trail.jsonl", count, batch)


@pytest.mark.slow
def test_eight_processes_with_ten_thousand_events_each_lose_nothing(tmp_path: Path) -> None:
    _write_with_eight(tmp_path / "trail.jsonl", 10_000, 10)


def _write_with_eight(path: Path, count: int, batch: int) -> None:
    processes = [writer(path, f"p{number}", count, batch) for number in range(8)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    actors = [entry.actor for entry in audit.verify(TrailFile(path))[1:]]
    assert len(actors) == 8 * count
    for number in range(8):
        assert [a for a in actors if a.startswith(f"p{number}-")] == [f"p{number}-{n}" for n in range(count)]


def test_what_was_acknowledged_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    acknowledged = 0
    for round_ in range(8):
        process = writer(path, f"r{round_}", 100_000, 3)
        assert process.stdout
        for _ in range(1 + 3 * round_):
            acknowledged += 3 if process.stdout.readline() else 0
        process.send_signal(signal.SIGKILL)
        acknowledged += 3 * len(process.stdout.readlines())
        process.wait()
        process.stdout.close()
        assert len(audit.verify(TrailFile(path))) - 1 >= acknowledged
    audit.append(TrailFile(path), [audit.Happening(NOW, "after")])
    assert audit.verify(TrailFile(path))[-1].kind == "after"


@pytest.mark.parametrize("length", [1, 10, 100])
def test_a_torn_end_is_ignored_by_readers_and_removed_by_the_next_writer(tmp_path: Path, length: int) -> None:
    path = tmp_path / "trail.jsonl"
    trail = fill(path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:length])
    assert len(audit.verify(trail)) == 6
    audit.append(trail, [audit.Happening(NOW, "after")])
    assert [entry.kind for entry in audit.verify(trail)][-2:] == ["test", "after"]
    assert path.read_bytes().startswith(whole)


def test_a_torn_first_line_is_no_trail_yet(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    path.write_bytes(b'{"seq":0')
    assert audit.verify(TrailFile(path)) == []
    assert len(audit.verify(fill(path, 1))) == 2


def test_lines_longer_than_a_block_are_found_again(tmp_path: Path) -> None:
    trail = TrailFile(tmp_path / "trail.jsonl")
    for size in (200_000, 65_536, 1, 70_000):
        audit.append(trail, [audit.Happening(NOW, "test", detail={"text": "x" * size})])
    assert len(audit.verify(trail)) == 5


def test_a_full_disk_leaves_the_last_state_readable(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    trail = fill(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, hard))
    try:
        with pytest.raises(OutputError, match="can't be written"):
            audit.append(trail, [audit.Happening(NOW, "test", "x" * 100)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert len(audit.verify(trail)) == 6


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def edited(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b"actor-2", b"actor-9") for line in lines]


def edited_with_its_hash(lines: list[bytes]) -> list[bytes]:
    entry = msgspec.structs.replace(msgspec.json.decode(lines[3], type=Entry), actor="mallory", hash="")
    entry = msgspec.structs.replace(entry, hash=audit._hash(entry))
    return [*lines[:3], msgspec.json.encode(entry) + b"\n", *lines[4:]]


TAMPERING: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str, int]] = {
    "an edit": (edited, "entry 3 was edited", 4),
    "an edit with a new hash": (edited_with_its_hash, "entry 4 does not follow", 5),
    "a deletion": (lambda lines: lines[:2] + lines[3:], "entry 2 is missing or moved", 3),
    "a deletion at the beginning": (lambda lines: lines[1:], "entry 0 is missing or moved", 1),
    "a new order": (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "entry 2 is missing or moved", 3),
    "a repetition": (lambda lines: [*lines[:3], lines[2], *lines[3:]], "entry 3 is missing or moved", 4),
    "a foreign line": (lambda lines: [*lines[:2], b"hello\n", *lines[2:]], "damaged", 3),
    "an unknown field": (lambda lines: [*lines[:2], lines[2].replace(b'{"', b'{"x":1,"', 1), *lines[3:]], "damaged", 3),
}


@pytest.mark.parametrize(("tamper", "message", "line"), TAMPERING.values(), ids=TAMPERING)
def test_the_first_broken_link_is_named(
    tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]], message: str, line: int
) -> None:
    path = tmp_path / "trail.jsonl"
    trail = fill(path)
    path.write_bytes(b"".join(tamper(lines_of(path))))
    with pytest.raises(GovernanceError, match=message) as caught:
        audit.verify(trail)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_cut_end_is_seen_against_the_signed_head(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    trail = fill(path)
    trust = parse_trust(signer_line("alice"))
    head = audit.make_head(audit.verify(trail), address("alice"), NOW, signer("alice"))
    assert audit.check_head(audit.verify(fill(path, 2)), head, trust) == address("alice")
    whole = lines_of(path)
    path.write_bytes(b"".join(whole[:4]))
    with pytest.raises(GovernanceError, match=r"the trail was cut: 6 entries were signed for .* 4 remain"):
        audit.check_head(audit.verify(trail), head, trust)
    path.unlink()
    with pytest.raises(GovernanceError, match="another trail, or the trail was replaced"):
        audit.check_head(audit.verify(fill(path, 9)), head, trust)


FORGED_HEADS: dict[str, dict[str, object]] = {
    "a shorter length": {"length": 2},
    "another end": {"hash": "sha256:" + "0" * 64},
    "another person": {"actor": "bob@company.com"},
    "no signature": {"signature": ""},
}


@pytest.mark.parametrize("changes", FORGED_HEADS.values(), ids=FORGED_HEADS)
def test_a_head_that_was_changed_is_not_genuine(tmp_path: Path, changes: dict[str, object]) -> None:
    chain = audit.verify(fill(tmp_path / "trail.jsonl"))
    head = audit.make_head(chain, address("alice"), NOW, signer("alice"))
    forged = msgspec.structs.replace(head, **changes)
    with pytest.raises(GovernanceError, match="not genuine"):
        audit.check_head(chain, forged, parse_trust(signer_line("alice")))


def test_a_head_signed_in_anothers_name_is_refused(tmp_path: Path) -> None:
    chain = audit.verify(fill(tmp_path / "trail.jsonl"))
    head = audit.make_head(chain, address("alice"), NOW, signer("bob"))
    with pytest.raises(GovernanceError, match=r"the key is that of `bob@company\.com`"):
        audit.check_head(chain, head, parse_trust(signer_line("alice") + signer_line("bob")))


def finding() -> Finding:
    about = Resource(api_version="v1", kind="Pod", namespace="monitoring", name="legacy-app")
    at = Location(file="a.yaml", line=1, column=1, end_line=1, end_column=2)
    return Finding("attest-security", "opa", "violation", "high", "strict", "no", about, at)


def test_the_enforcement_of_an_exemption_is_an_event(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    approve(tmp_path, record)
    found = exemptions_in_force(tmp_path, NOW)
    exempted = apply([finding(), finding()], found.exemptions, now=NOW, annotations=found.annotations)
    assert found.project is not None
    record_enforcement(found.project, exempted.findings, NOW)
    last = audit.verify(open_project(tmp_path).trail)[-1]
    assert (last.kind, last.record, last.policy) == ("exemption.enforce", record, "attest-security")
    assert last.detail["findings"] == 2


def test_verify_all_is_content_with_an_honest_project(tmp_path: Path) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path))
    project = open_project(tmp_path)
    seal(project, address("alice"), signer("alice"), NOW)
    report = verify_all(project, NOW)
    assert report.intact
    assert (report.entries, report.records, report.events, report.sealed) == (3, 1, 2, 3)
    assert report.sealed_by == address("alice")


def test_verify_all_names_everything_that_is_broken(tmp_path: Path) -> None:
    govern(tmp_path)
    first, second = ask(tmp_path), ask(tmp_path, name="other")
    approve(tmp_path, second)
    project = open_project(tmp_path)
    seal(project, address("alice"), signer("alice"), NOW)
    (approval,) = (tmp_path / ".attest/exemptions" / second).glob("approve-*")
    approval.unlink()
    (request,) = (tmp_path / ".attest/exemptions" / first).glob("request-*")
    request.write_text(request.read_text().replace("legacy-app", "other-app"))
    trail = tmp_path / TRAIL_FILE
    trail.write_bytes(b"".join(lines_of(trail)[:-1]))
    broken = "\n".join(verify_all(project, NOW).broken)
    assert "the trail was cut" in broken
    assert "not genuine" in broken
    trail.unlink()
    assert "the trail was replaced" in "\n".join(verify_all(project, NOW).broken)


def test_a_head_that_was_kept_elsewhere_is_checked_too(tmp_path: Path) -> None:
    govern(tmp_path)
    ask(tmp_path)
    project = open_project(tmp_path)
    seal(project, address("alice"), signer("alice"), NOW)
    kept = tmp_path / "kept.json"
    (tmp_path / HEAD_FILE).rename(kept)
    trail = tmp_path / TRAIL_FILE
    trail.write_bytes(b"".join(lines_of(trail)[:-1]))
    assert "the trail was cut" in verify_all(project, NOW, kept).broken[0]


def test_the_log_joins_what_came_with_the_records(tmp_path: Path) -> None:
    govern(tmp_path)
    record = ask(tmp_path)
    (tmp_path / TRAIL_FILE).unlink()
    approve(tmp_path, record, now=NOW + DAY)
    project = open_project(tmp_path)
    found = [(one.kind, one.seq) for one in all_entries(project)]
    assert found == [("exemption.request", -1), ("trail.begin", 0), ("exemption.approve", 1)]
    person = work(tmp_path, "alice", NOW + DAY)
    person.revoke(person.find("exemption", record))
    everything = all_entries(project)
    assert {one.policy for one in everything if one.record} == {"attest-security"}


QUERIES = {
    "everything": (Query(), 3),
    "an actor": (Query(actor="alice@*"), 1),
    "a policy": (Query(policy="attest-*"), 2),
    "another policy": (Query(policy="image-*"), 0),
    "a resource": (Query(resource="Pod/monitoring/*"), 2),
    "since a moment": (Query("2026-03-02T00:00:00Z"), 1),
    "since a duration ago": (Query("25h"), 1),
}


@pytest.mark.parametrize(("query", "count"), QUERIES.values(), ids=QUERIES)
def test_the_log_is_queried(tmp_path: Path, query: Query, count: int) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path), now=NOW + DAY)
    assert len(query.select(all_entries(open_project(tmp_path)), NOW + 2 * DAY)) == count


def test_exports_hold_everything_and_no_formula(tmp_path: Path) -> None:
    trail = TrailFile(tmp_path / "trail.jsonl")
    audit.append(trail, [audit.Happening(NOW, "test", "=cmd|'/c calc'!A1", resource='a,"b"\nc')])
    entries = audit.verify(trail)
    assert [json.loads(line)["seq"] for line in export_jsonl(entries)] == [0, 1]
    (text,) = export_csv(entries)
    assert "'=cmd|" in text
    assert '"a,""b""\nc"' in text


def test_a_trail_that_can_not_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        fill(tmp_path / "file/trail.jsonl")
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
