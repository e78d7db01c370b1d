"""Exemptions that are in a database take effect without a restart, and stay what they are while it is gone."""

from __future__ import annotations

from pathlib import Path

from attest_governance.server.watching import Watch
from tests.govern.people import RULES, approve, ask, govern, work
from tests.server.conftest import NOW, Server, Start, opened, pod


def watched(server: Server, folder: Path) -> Watch:
    engine = server.service.current.runtime.engine
    return Watch(server.service, lambda: opened(engine, folder), folder)


def allowed(server: Server) -> bool:
    return bool(server.admit(pod(hostNetwork=True))["allowed"])


def test_records_of_a_database_are_followed(start: Start, tmp_path: Path) -> None:
    govern(tmp_path, RULES + "  records: sqlite:elsewhere/records.db\n")
    (tmp_path / "elsewhere").mkdir()
    server = start()
    watch = watched(server, tmp_path)
    assert not allowed(server)
    record = ask(tmp_path, policy="own", namespace="shop", name="web", days=1)
    approve(tmp_path, record)
    assert watch.look()
    assert allowed(server)
    assert not watch.look(), "nothing has changed"
    server.clock[0] = NOW.replace(day=NOW.day + 1)
    assert not allowed(server), "it has ended, without another look"
    server.clock[0] = NOW
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record))
    assert watch.look()
    assert not allowed(server)


def test_while_the_database_is_gone_its_records_are_what_they_were(start: Start, tmp_path: Path) -> None:
    govern(tmp_path, RULES + "  records: sqlite:elsewhere/records.db\n")
    kept = tmp_path / "elsewhere" / "records.db"
    kept.parent.mkdir()
    approve(tmp_path, ask(tmp_path, policy="own", namespace="shop", name="web", days=1))
    server = start()
    watch = watched(server, tmp_path)
    assert allowed(server)
    whole = kept.read_bytes()
    kept.write_bytes(b"no database at all" * 1000)
    assert not watch.look()
    assert allowed(server)
    kept.write_bytes(whole)
    assert not watch.look()
