"""The store of records: files that are only ever added."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from attest_governance.adapters.store import MAX_BYTES, FileStore
from attest_governance.errors import GovernanceError, OutputError


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "records", tmp_path)


def test_an_empty_store_holds_nothing(store: FileStore) -> None:
    assert store.records() == []
    assert store.documents("exemption-1") == []


def test_documents_are_given_back_in_order(store: FileStore) -> None:
    store.add("b", "two", "zwei\n")
    store.add("b", "one", "eins \U0001f600\r\n")
    store.add("a", "one", "")
    assert store.records() == ["a", "b"]
    assert [(one.record, one.name, one.text) for one in store.documents("b")] == [
        ("b", "one", "eins \U0001f600\r\n"),
        ("b", "two", "zwei\n"),
    ]
    assert all(one.where for one in store.documents("b"))


def test_the_same_document_again_changes_nothing(store: FileStore) -> None:
    store.add("a", "one", "text")
    store.add("a", "one", "text")
    assert len(store.documents("a")) == 1


def test_another_document_of_the_same_name_is_refused(store: FileStore) -> None:
    store.add("a", "one", "text")
    with pytest.raises(GovernanceError, match="another content"):
        store.add("a", "one", "other")
    assert [one.text for one in store.documents("a")] == ["text"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a b", "-a", "a\n"])
def test_names_are_names(store: FileStore, name: str) -> None:
    for act in (lambda: store.add(name, "a", ""), lambda: store.add("a", name, ""), lambda: store.documents(name)):
        with pytest.raises(GovernanceError, match="not the name of a record"):
            act()


def test_a_document_that_is_too_large_is_refused(store: FileStore) -> None:
    with pytest.raises(GovernanceError, match="larger than 1 MiB"):
        store.add("a", "one", "x" * (MAX_BYTES + 1))
    assert store.documents("a") == []


def test_many_writers_lose_nothing(store: FileStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.add(f"r{number % 3}", f"n{number}", f"text {number}"), range(60)))
        assert sum(len(store.documents(record)) for record in store.records()) == 60


def test_writers_of_the_same_name_agree_on_one(store: FileStore) -> None:
    def add(number: int) -> bool:
        try:
            store.add("a", "one", f"text {number}")
        except GovernanceError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 1


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
