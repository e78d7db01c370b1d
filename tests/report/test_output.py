"""Where reports go: pairs of formats and outputs, files whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from attest_governance.errors import OutputError, UsageError
from attest_governance.report import FORMATS, Target, pair_targets, write_file, write_reports

from .values import everything, options


@dataclass(frozen=True)
class Pairs:
    formats: list[str]
    outputs: list[str]
    targets: list[tuple[str, str | None]]


PAIRS = {
    "standard output": Pairs(["text"], [], [("text", None)]),
    "one file": Pairs(["json"], ["a.json"], [("json", "a.json")]),
    "in their order": Pairs(["sarif", "junit"], ["a", "b"], [("sarif", "a"), ("junit", "b")]),
    "the rest to standard output": Pairs(["sarif", "text"], ["a"], [("sarif", "a"), ("text", None)]),
    "a dash": Pairs(["text", "sarif"], ["-", "a"], [("text", None), ("sarif", "a")]),
    "the name of standard output": Pairs(["text"], ["/dev/stdout"], [("text", None)]),
    "the same format twice": Pairs(["json", "json"], ["a"], [("json", "a"), ("json", None)]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name: str) -> None:
    case = PAIRS[name]

    targets = pair_targets(case.formats, case.outputs)

    assert [(target.format, str(target.path) if target.path else None) for target in targets] == case.targets


REFUSED = {
    "more outputs than formats": (["json"], ["a", "b"], "2 outputs for 1 formats"),
    "two for standard output": (["json", "text"], [], "two reports for standard output: json and text"),
    "standard output by two names": (["json", "text"], ["-", "/dev/stdout"], "two reports for standard output"),
    "one file twice": (["json", "text"], ["a", "a"], "two reports for `a`: json and text"),
    "one file by two names": (["json", "text"], ["a", "./b/../a"], "two reports for"),
    "an unknown format": (["xml"], [], "unknown format `xml`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_pairs(name: str) -> None:
    formats, outputs, message = REFUSED[name]

    with pytest.raises(UsageError) as caught:
        pair_targets(formats, outputs)

    assert message in caught.value.message
    assert caught.value.hint


def test_a_link_to_another_output_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")

    with pytest.raises(UsageError):
        pair_targets(["json", "text"], [str(tmp_path / "a"), str(tmp_path / "link")])


def test_formats_are_imported_only_when_used() -> None:
    code = "import sys; from attest_governance.report import pair_targets; pair_targets(['junit'], ['a']);"
    code += "print([m for m in sys.modules if m.startswith(('rich', 'xml', 'yaml', 'attest_governance.report.junit'))])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_all_formats_in_one_run(tmp_path: Path) -> None:
    stdout = io.StringIO()
    outputs = [str(tmp_path / f"report.{name}") for name in FORMATS[1:]]

    write_reports(everything(), pair_targets([*FORMATS[1:], "text"], outputs), options(root=tmp_path), stdout)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"report.{name}" for name in FORMATS[1:])
    assert json.loads((tmp_path / "report.json").read_text())["violations"] == 4
    assert stdout.getvalue().endswith("could not decide\n")


def test_files_get_no_color_and_are_not_folded(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"

    write_reports(everything(), [Target("text", file)], options(color=True, width=40), io.StringIO())

    assert "\x1b" not in file.read_text()
    assert "100% of tags move: pin it [image-security]" in file.read_text()


def broken(out: TextIO) -> None:
    out.write("half of")
    out.flush()
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(out: TextIO) -> None:
    out.write("half of")
    raise KeyboardInterrupt


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("old")

    with pytest.raises(OutputError) as caught:
        write_file(file, broken)

    assert caught.value.message == "can't write the report: no space left on device"
    assert caught.value.file == str(file)
    assert "free some space" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert file.read_text() == "old"


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("old")

    with pytest.raises(KeyboardInterrupt):
        write_file(file, interrupted)

    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_really_full_device_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="no space left"):
        write_reports(everything(), [Target("json", Path("/dev/full"))], options(), io.StringIO())


def test_a_limit_on_file_sizes_leaves_no_partial_file(tmp_path: Path) -> None:
    """The kernel itself stops the write half-way."""
    code = """
import io, resource, signal, sys
from pathlib import Path
from attest_governance.errors import OutputError
from attest_governance.report import write_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_file(Path(sys.argv[1]), lambda out: out.write("x" * 100_000))
except OutputError as error:
    print(error.message)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "report.json")]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == "can't write the report: file too large\n"
    assert list(tmp_path.iterdir()) == []


def test_one_failure_keeps_no_other_report_from_being_written(tmp_path: Path) -> None:
    stdout = io.StringIO()
    targets = [Target("sarif", Path("/dev/full")), Target("json", tmp_path / "a.json"), Target("text")]

    with pytest.raises(OutputError, match="no space left"):
        write_reports(everything(), targets, options(root=tmp_path), stdout)

    assert json.loads((tmp_path / "a.json").read_text())
    assert "could not decide" in stdout.getvalue()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_file(tmp_path / "a/b/report.json", lambda out: out.write("x"))

    assert (tmp_path / "a/b/report.json").read_text() == "x"


@pytest.mark.parametrize(
    ("place", "reason", "hint"),
    [("", "is a folder", "name a file in that folder"), ("file/report.json", "not a directory", "is a file")],
)
def test_places_that_cannot_be_written(tmp_path: Path, place: str, reason: str, hint: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError) as caught:
        write_file(tmp_path / place, lambda out: out.write("x"))

    assert reason in caught.value.message
    assert hint in caught.value.hint


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path: Path) -> None:
    old, new, plain = tmp_path / "old", tmp_path / "new", tmp_path / "plain"
    old.write_text("old")
    old.chmod(0o640)
    plain.write_text("")

    for file in (old, new):
        write_file(file, lambda out: out.write("x"))

    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real/report.json")

    write_file(tmp_path / "link.json", lambda out: out.write("x"))

    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real/report.json").read_text() == "x"


def test_a_named_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()

    write_file(pipe, lambda out: out.write("report"))
    reader.join(10)

    assert got == ["report"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_open_descriptor_is_written_to(tmp_path: Path) -> None:
    with (tmp_path / "opened").open("w") as opened:
        write_file(Path(f"/dev/fd/{opened.fileno()}"), lambda out: out.write("report"))

    assert (tmp_path / "opened").read_text() == "report"
    assert [path.name for path in tmp_path.iterdir()] == ["opened"]


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.report.values import everything, options
from attest_governance.report import Target, write_reports
targets = [Target(sys.argv[2])] + [Target("json", __import__("pathlib").Path(name)) for name in sys.argv[3:]]
write_reports(everything(), targets, options(), sys.stdout)
print("after")
"""


def script(*arguments: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[2]), *arguments]


def test_a_closed_pipe_is_the_callers_and_costs_no_file(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)

    with os.fdopen(write, "w") as closed:
        command = script("text", str(tmp_path / "a.json"))
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)

    assert "BrokenPipeError" in done.stderr
    assert json.loads((tmp_path / "a.json").read_text())["schema"]


@pytest.mark.parametrize("format_name", ["json", "sarif", "yaml", "junit"])
def test_formats_for_machines_are_utf8_in_any_locale(format_name: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}

    done = subprocess.run(script(format_name), capture_output=True, env=environment, check=True)

    assert "グループ" in done.stdout.decode("utf-8")
    assert done.stdout.endswith(b"after\n")


def test_formats_for_people_show_what_the_terminal_lacks_as_escapes() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(script("text"), capture_output=True, env=environment, check=True)

    assert "\\u30b0\\u30eb" in done.stdout.decode("ascii")


def test_a_full_standard_output_is_an_output_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(script("json"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert "OutputError: standard output: can't write the report: no space left on device" in done.stderr
