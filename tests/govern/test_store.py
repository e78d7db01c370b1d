"""One suite for every store of records: files, SQLite, PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

from attest_governance.adapters.store import MAX_BYTES, Store
from attest_governance.adapters.store_files import FileStore
from attest_governance.adapters.store_sql import SqlStore, open_database
from attest_governance.errors import GovernanceError, OutputError
from attest_governance.govern.project import open_project
from attest_governance.govern.records.workflow import Workflow
from attest_governance.govern.snapshot import Snapshot

from .people import NOW, approve, ask, govern, signer, terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest_governance.govern.records.event import Subject


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of its own, without network and without passwords."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("LOUD: PostgreSQL is not installed, so the records were not kept in a real one")
    folder = Path(tempfile.mkdtemp(prefix="attest-pg-"))
    user = _unprivileged(folder)
    command = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-s"]
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    with (folder / "log").open("wb") as log:
        _run(str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "attest", "-A", "trust", user=user, log=log)
        _run(*command, "-w", "-o", options, "-l", str(folder / "server.log"), "start", user=user, log=log)
        yield f"postgresql+psycopg://attest@/postgres?host={folder}"
        _run(*command, "-m", "immediate", "stop", user=user, log=log)
    shutil.rmtree(folder)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else found[-1].parent if found else None


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root; gives the user to run as, and the folder to that user."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, name)
    return name


def _run(*command: str, user: str | None, log: object) -> None:
    subprocess.run(command, user=user, check=True, stdout=log, stderr=log, cwd="/")  # type: ignore[call-overload]


@pytest.fixture(params=["files", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "files":
        yield FileStore(tmp_path / "records", tmp_path)
        return
    with database(_empty_database(request, tmp_path)) as stores:
        yield stores["exemption"]


@contextmanager
def database(url: str) -> Iterator[dict[Subject, Store]]:
    """The stores of a server, as long as the context is."""
    engine = open_database(url)
    try:
        yield {"exemption": SqlStore(engine, "exemptions"), "override": SqlStore(engine, "overrides")}
    finally:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return _empty_database(request, tmp_path)


def _empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/records.db"
    url: str = request.getfixturevalue("postgresql")
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop table if exists attest_documents"))
    engine.dispose()
    return url


def test_an_empty_store_holds_nothing(store: Store) -> None:
    assert store.records() == []
    assert store.documents("exemption-1") == []


def test_documents_are_given_back_in_order(store: Store) -> None:
    store.add("b", "two", "zwei\n")
    store.add("b", "one", "eins \U0001f600\r\n")
    store.add("a", "one", "")
    assert store.records() == ["a", "b"]
    assert [(one.record, one.name, one.text) for one in store.documents("b")] == [
        ("b", "one", "eins \U0001f600\r\n"),
        ("b", "two", "zwei\n"),
    ]
    assert all(one.where for one in store.documents("b"))


def test_the_same_document_again_changes_nothing(store: Store) -> None:
    store.add("a", "one", "text")
    store.add("a", "one", "text")
    assert len(store.documents("a")) == 1


def test_another_document_of_the_same_name_is_refused(store: Store) -> None:
    store.add("a", "one", "text")
    with pytest.raises(GovernanceError, match="another content"):
        store.add("a", "one", "other")
    assert [one.text for one in store.documents("a")] == ["text"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a b", "-a", "a\n", "'; drop table attest_documents; --"])
def test_names_are_names(store: Store, name: str) -> None:
    for act in (lambda: store.add(name, "a", ""), lambda: store.add("a", name, ""), lambda: store.documents(name)):
        with pytest.raises(GovernanceError, match="not the name of a record"):
            act()


def test_a_document_that_is_too_large_is_refused(store: Store) -> None:
    with pytest.raises(GovernanceError, match="larger than 1 MiB"):
        store.add("a", "one", "x" * (MAX_BYTES + 1))
    assert store.documents("a") == []


def test_many_writers_lose_nothing(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.add(f"r{number % 3}", f"n{number}", f"text {number}"), range(60)))
        assert sum(len(store.documents(record)) for record in store.records()) == 60


def test_writers_of_the_same_name_agree_on_one(store: Store) -> None:
    def add(number: int) -> bool:
        try:
            store.add("a", "one", f"text {number}")
        except GovernanceError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 1


def test_records_of_a_repository_count_the_same_in_a_database(tmp_path: Path, url: str) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path))
    project = open_project(tmp_path)
    with database(url) as stores:
        for record in project.stores["exemption"].records():
            for document in project.stores["exemption"].documents(record):
                stores["exemption"].add(document.record, document.name, document.text)
        server = open_project(tmp_path, stores=stores)
        (one,) = Snapshot(server).in_force(NOW).exemptions
        (other,) = Snapshot(project).in_force(NOW).exemptions
        assert (one.scope, one.expires_at, one.approved_by) == (other.scope, other.expires_at, other.approved_by)
        record = Workflow(server, signer("bob"), NOW).request("exemption", terms(name="second")).record.id
        person = Workflow(server, signer("carol"), NOW)
        person.approve(person.find("exemption", record))
        assert len(Snapshot(server).in_force(NOW).exemptions) == 2


def test_an_unreachable_database_is_an_error_of_ours() -> None:
    with pytest.raises(OutputError, match="can't be opened"):
        open_database("sqlite:////nowhere/at/all/records.db")


def test_a_folder_that_can_not_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="can't be written"):
        FileStore(tmp_path / "records").add("a", "one", "text")


def test_foreign_files_among_the_records_are_refused(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add("a", "one", "text")
    (tmp_path / "a" / "note.txt").write_text("x")
    with pytest.raises(GovernanceError, match="does not belong"):
        store.documents("a")


def test_what_a_killed_writer_leaves_is_not_seen(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.add("a", "one", "text")
    (tmp_path / "a" / ".new-abc").write_text("half a doc")
    assert [one.name for one in store.documents("a")] == ["one"]
