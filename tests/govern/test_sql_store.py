"""Records in a database are what they are in files; the laws of the store hold for SQLite and for PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from attest_governance.adapters.sql_store import SqlStore, database
from attest_governance.adapters.store import MAX_BYTES
from attest_governance.errors import ConfigurationError, GovernanceError, OutputError
from attest_governance.govern.project import open_project
from attest_governance.govern.rules import parse_rules
from attest_governance.govern.setup import copy_records

from .people import NOW, RULES, approve, ask, exemptions_in_force, govern, work

PROGRAMS = Path("/usr/lib/postgresql")


class Postgres:
    """A server of one session, reached by a socket in a folder."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._data, self._socket, self._programs = folder / "data", folder / "socket", programs
        self._socket.mkdir()
        if os.getuid() == 0:  # it refuses to run as root
            shutil.chown(folder, "postgres")
            shutil.chown(self._socket, "postgres")
        self._run("initdb", "--auth=trust", "--username=attest", "--no-sync", "-D", self._data)
        options = f"-k {self._socket} -c listen_addresses= -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-w", "-o", options, "-l", self._data / "log", "start")
        self.count = 0

    def fresh(self) -> str:
        """The place of a database of its own."""
        self.count += 1
        self._run("createdb", "-h", self._socket, "-U", "attest", f"records{self.count}")
        return f"postgresql://attest@/records{self.count}?host={self._socket}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str | Path) -> None:
        line = [str(self._programs / program), *map(str, arguments)]
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            line, user=user, group=user, check=True, capture_output=True, timeout=60, cwd="/",
            stdin=subprocess.DEVNULL,
        ) if program != "pg_ctl" else subprocess.run(
            line, user=user, group=user, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
            cwd="/", stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    found = sorted(PROGRAMS.glob("*/bin/initdb"))
    if not found:
        pytest.skip(f"SKIPPED LOUDLY: no PostgreSQL below {PROGRAMS}")
    pytest.importorskip("psycopg")
    folder = Path("/tmp") / f"attest-postgres-{os.getpid()}"  # noqa: S108 (a socket's path must be short)
    folder.mkdir()
    try:
        running = Postgres(folder, found[-1].parent)
        yield running
        running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where records are."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'records.db'}"
    running: Postgres = request.getfixturevalue("postgres")
    return running.fresh()


@pytest.fixture
def store(place: str, tmp_path: Path) -> SqlStore:
    return SqlStore(database(place, tmp_path), "exemption")


def test_an_empty_store_holds_nothing(store: SqlStore) -> None:
    assert store.records() == []
    assert store.documents("exemption-1") == []


def test_documents_are_given_back_in_order(store: SqlStore) -> None:
    store.add("b", "two", "zwei\n")
    store.add("b", "one", "eins \U0001f600\r\n")
    store.add("a", "one", "")
    assert store.records() == ["a", "b"]
    assert [(one.record, one.name, one.text) for one in store.documents("b")] == [
        ("b", "one", "eins \U0001f600\r\n"),
        ("b", "two", "zwei\n"),
    ]
    assert all(one.where.endswith(f"/exemption/b/{one.name}") for one in store.documents("b"))


def test_collections_are_told_apart(place: str, tmp_path: Path) -> None:
    one, other = (SqlStore(database(place, tmp_path), name) for name in ("exemption", "override"))
    one.add("a", "one", "text")
    assert (other.records(), other.documents("a")) == ([], [])


def test_the_same_document_again_changes_nothing_and_another_is_refused(store: SqlStore) -> None:
    store.add("a", "one", "text")
    store.add("a", "one", "text")
    with pytest.raises(GovernanceError, match="another content"):
        store.add("a", "one", "other")
    assert [one.text for one in store.documents("a")] == ["text"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "'; DROP TABLE attest_records; --", "a\n"])
def test_names_are_names(store: SqlStore, name: str) -> None:
    for act in (lambda: store.add(name, "a", ""), lambda: store.add("a", name, ""), lambda: store.documents(name)):
        with pytest.raises(GovernanceError, match="not the name of a record"):
            act()


def test_a_document_that_is_too_large_is_refused(store: SqlStore) -> None:
    with pytest.raises(GovernanceError, match="larger than 1 MiB"):
        store.add("a", "one", "x" * (MAX_BYTES + 1))
    assert store.documents("a") == []


def test_many_write_at_once(place: str, tmp_path: Path) -> None:
    def add(number: int) -> None:
        SqlStore(database(place, tmp_path), "exemption").add(f"r-{number % 4}", f"d-{number}", "text")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    store = SqlStore(database(place, tmp_path), "exemption")
    assert sum(len(store.documents(record)) for record in store.records()) == 40


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("Not-A-Name", "text", "not the name"),
        ("one", "x" * (MAX_BYTES + 1), "larger than"),
        ("one", b"\xff", "no text"),
    ],
)
def test_what_others_wrote_there_is_not_trusted(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    store = SqlStore(database("sqlite:records.db", tmp_path), "exemption")
    store.add("a", "fine", "text")
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("INSERT INTO attest_records VALUES ('exemption', 'a', ?, ?)", (name, text))
    connection.close()
    with pytest.raises(GovernanceError, match=said):
        store.documents("a")


def test_a_database_that_is_none_is_an_error_and_not_empty(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"no database at all, but long enough to be one" * 100)
    store = SqlStore(database("sqlite:records.db", tmp_path), "exemption")
    for act in (store.records, lambda: store.documents("a")):
        with pytest.raises(GovernanceError, match="the records can't be read: file is not a database"):
            act()
    with pytest.raises(OutputError, match="can't be written"):
        store.add("a", "one", "text")


def test_a_server_that_is_gone_is_an_error_and_passwords_are_not_shown(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    gone = f"postgresql://ann:secret@/records?host={tmp_path}"
    with pytest.raises(GovernanceError, match="can't be read") as failed:
        SqlStore(database(gone, tmp_path), "exemption").records()
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("written", ["mysql://x", '"sqlite:"', "7", "[a]"])
def test_the_rules_name_a_database(written: str) -> None:
    with pytest.raises(ConfigurationError, match="`records` must name a database"):
        parse_rules(RULES + f"  records: {written}\n")


def test_people_work_with_records_in_a_database(place: str, tmp_path: Path) -> None:
    govern(tmp_path, RULES + f'  records: "{place}"\n')
    record = ask(tmp_path, days=10)
    assert [one.id for one in exemptions_in_force(tmp_path, NOW).exemptions] == []
    approve(tmp_path, record)
    assert [one.expires_at for one in exemptions_in_force(tmp_path, NOW).exemptions] == [NOW + timedelta(days=10)]
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record))
    assert exemptions_in_force(tmp_path, NOW).exemptions == ()
    assert not (tmp_path / ".attest/exemptions").exists()


def test_a_revocation_that_somebody_takes_out_of_the_database_is_missed(tmp_path: Path) -> None:
    govern(tmp_path, RULES + "  records: sqlite:records.db\n")
    record = ask(tmp_path)
    approve(tmp_path, record)
    person = work(tmp_path, "alice")
    person.revoke(person.find("exemption", record))
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("DELETE FROM attest_records WHERE name LIKE 'revoke-%'")
    connection.close()
    with pytest.raises(GovernanceError, match="is on the audit trail, but not in the record"):
        exemptions_in_force(tmp_path, NOW)


def test_one_that_somebody_writes_into_it_is_no_exemption(tmp_path: Path) -> None:
    govern(tmp_path, RULES + "  records: sqlite:records.db\n")
    record = ask(tmp_path)
    store = open_project(tmp_path).stores["exemption"]
    [request] = store.documents(record)
    store.add(record, "approve-forged", request.text.replace("request", "approve"))
    found = exemptions_in_force(tmp_path, NOW)
    assert found.exemptions == ()


def test_records_are_copied_there_and_back(place: str, tmp_path: Path) -> None:
    govern(tmp_path, RULES)
    record = ask(tmp_path)
    approve(tmp_path, record)
    [before] = exemptions_in_force(tmp_path, NOW).exemptions
    files = {one: one.read_text() for one in (tmp_path / ".attest/exemptions").rglob("*.yaml")}
    for _ in range(2):
        said = copy_records(open_project(tmp_path), place)
    assert (said[0], f"`records: {place}`" in said[-1]) == ("copied: 1 of exemption", True)
    govern(tmp_path, RULES + f'  records: "{place}"\n')
    shutil.rmtree(tmp_path / ".attest/exemptions")
    [after] = exemptions_in_force(tmp_path, NOW).exemptions
    assert after.source.startswith(place.partition("?")[0])
    assert msgspec.structs.replace(after, source=before.source) == before
    copy_records(open_project(tmp_path), "files")
    assert {one: one.read_text() for one in (tmp_path / ".attest/exemptions").rglob("*.yaml")} == files


def test_they_are_not_copied_over_others(tmp_path: Path) -> None:
    govern(tmp_path, RULES)
    record = ask(tmp_path)
    [document] = open_project(tmp_path).stores["exemption"].documents(record)
    SqlStore(database("sqlite:records.db", tmp_path), "exemption").add(record, document.name, "another")
    with pytest.raises(GovernanceError, match="another content"):
        copy_records(open_project(tmp_path), "sqlite:records.db")
    with pytest.raises(ConfigurationError, match="is no place for records"):
        copy_records(open_project(tmp_path), "elsewhere")
