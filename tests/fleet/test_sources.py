"""Dumps are cut into units without gaps, and every line keeps its number."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from attest_governance.errors import InputError
from attest_governance.fleet import sources
from attest_governance.fleet.sources import Piece, Unit, pieces, split, units
from tests.fleet.conftest import pod, write_lines, write_list, write_parquet


def test_clusters_are_folders_files_or_columns(dumps: Path) -> None:
    found = {(unit.cluster, unit.form) for unit in units([str(dumps)])}
    assert found == {("east", "document"), ("west", "lines"), ("south", "document"), ("rest", "parquet")}
    rest = next(unit for unit in units([str(dumps / "rest.parquet")]))
    assert {piece.cluster for piece in pieces(rest)} == {"north", "arctic"}


@pytest.mark.parametrize("ending", ["\n", ""], ids=["a last line that ends", "a last line that does not"])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 1000])
def test_lines_are_in_one_unit_each(rows: int, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", rows)
    monkeypatch.setattr(sources, "_CHUNK", 50)
    path = write_lines(tmp_path / "a.jsonl", [pod(one) for one in range(7)])
    path.write_text(path.read_text().rstrip("\n") + ending)
    found = list(units([str(path)]))
    assert "".join(pieces(unit)[0].text for unit in found) == path.read_text()
    assert [unit.line for unit in found] == list(range(1, 8, rows))
    assert [unit.number for unit in found] == list(range(len(found)))


def test_rows_are_in_one_unit_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 3)
    path = write_parquet(tmp_path / "a.parquet", [{"object": json.dumps(pod(one))} for one in range(8)])
    found = [piece for unit in units([str(path)]) for piece in pieces(unit)]
    assert [piece.above for piece in found] == list(range(8))
    assert [json.loads(piece.text) for piece in found] == [pod(one) for one in range(8)]


SPLITS = {
    "a list": (json.dumps({"items": [pod(1), pod(2)]}, indent=1), [pod(1), pod(2)]),
    "equal items": (json.dumps({"items": [pod(1), pod(1)]}, indent=1), [pod(1), pod(1)]),
    "lines": (json.dumps(pod(1)) + "\n" + json.dumps(pod(2)) + "\n", [pod(1), pod(2)]),
    "documents": ("---\n" + json.dumps(pod(1)) + "\n--- # two\n" + json.dumps(pod(2)), [pod(1), pod(2)]),
    "one": (json.dumps(pod(1)), [pod(1)]),
}


@pytest.mark.parametrize(("text", "wanted"), SPLITS.values(), ids=SPLITS)
def test_pieces_are_split_into_resources_that_know_their_lines(text: str, wanted: list[object]) -> None:
    found = split(Piece(text, 10))
    assert [json.loads(one.text.partition("two\n")[2] or one.text.removeprefix("---\n")) for one in found] == wanted
    lines = text.split("\n")
    for one in found:
        assert one.text.split("\n")[0] in lines[one.above - 10]


WRONG = {
    "no such file": ("absent.json", "does not exist"),
    "a folder of other files": ("others", "holds no dump"),
    "no Parquet": ("bad.parquet", "is no Parquet file"),
    "an unknown protocol": ("nowhere://x", "can't be looked into"),
}


@pytest.mark.parametrize(("name", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_dump_is_told(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "README.md").write_text("x")
    (tmp_path / "bad.parquet").write_text("x")
    with pytest.raises(InputError, match=said):
        list(units([name if "://" in name else str(tmp_path / name)]))


UNREADABLE = {
    "no UTF-8": (b'{"a": "\xff"}', "not UTF-8"),
    "too large": (b"x" * 101, "larger than"),
}


@pytest.mark.parametrize(("raw", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_can_not_be_read_is_told(raw: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST", 100)
    (tmp_path / "a.json").write_bytes(raw)
    unit = Unit(0, "a", str(tmp_path / "a.json"), "document")
    with pytest.raises(InputError, match=said):
        pieces(unit)
    with pytest.raises(InputError, match="can't be read"):
        pieces(msgspec.structs.replace(unit, file=str(tmp_path / "gone.json")))


def test_a_column_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [{"other": "x"}])
    with pytest.raises(InputError, match="none of its columns is called resource, object"):
        pieces(Unit(0, "a", str(path), "parquet", 0, 1))


def test_units_are_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_list(tmp_path / name / "x.json", [pod(1)])
    assert [unit.cluster for unit in units([str(tmp_path)])] == ["a", "b", "c"]
