"""Plants small faults in the code, one at a time, and sees whether the tests of its module notice.

`python tools/mutants.py [--faults N] [--seed S] [--area NAME]` works on a copy of the checkout and prints what nobody
noticed. A fault that does not compile is no fault. `make mutants` runs it; docs/mutants.md holds what came of it.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import importlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300.0
"""Seconds after which tests that still run have noticed the fault: it made something endless."""

IMPORTED = ("hypothesis.strategies", "msgspec.json", "ruamel.yaml", "typer", "rich.console", "cryptography.x509")
"""What tests import that takes long, and has no fault."""


@dataclass(frozen=True)
class Area:
    """Code, and the tests that are to notice a fault in it; `share` is its part of all faults.

    `slow` are those among the tests that take too long to be asked.
    """

    name: str
    code: str
    tests: tuple[str, ...]
    share: int
    slow: tuple[str, ...] = ()


_GOVERN = "tests/govern/test_"
AREAS = (
    Area("decide", "src/attest_governance/decide", ("tests/decide",), 2),
    Area("exempt", "src/attest_governance/exempt", ("tests/exempt",), 3),
    Area(
        "govern",
        "src/attest_governance/govern",
        ("tests/govern",),
        6,
        tuple(
            f"{_GOVERN}{name}" for name in ("commands.py", "stateful.py", "audit.py::test_eight", "audit.py::test_what")
        ),
    ),
    Area(
        "runtime", "src/attest_governance/runtime.py", ("tests/runtime", f"{_GOVERN}judging.py", "tests/selection"), 1
    ),
    Area(
        "evaluate",
        "src/attest_governance/evaluate",
        ("tests/evaluate", "tests/server/test_pool.py", "tests/runtime", "tests/selection/test_looked_up.py"),
        3,
    ),
    Area("check", "engine/internal/check", ("internal/check",), 2, ("TestPodSecurity",)),
    Area("bundle", "engine/internal/bundle", ("internal/bundle",), 2),
    Area("locate", "engine/internal/locate", ("internal/locate",), 2, ("TestShippedPolicies",)),
)


@dataclass(frozen=True)
class Fault:
    """One change of one file."""

    area: Area
    file: str
    line: int
    what: str
    text: str
    """The whole file with the fault in it."""


class Possible(NamedTuple):
    """A fault that a file can have; `make` gives the file with it."""

    line: int
    what: str
    make: Callable[[], str]


# ---- faults in Python, by the syntax tree ----

_OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}


class Change(NamedTuple):
    """What to put where in a syntax tree: `key` is a field of a node, or a place in a list."""

    line: int
    what: str
    holder: Any
    key: Any
    new: object


def python_faults(text: str) -> Iterator[Possible]:
    """Every fault that a file of Python can have."""
    tree = ast.parse(text)
    harmless = {part for node in ast.walk(tree) for form in _harmless(node) for part in ast.walk(form)}
    for node in [node for node in ast.walk(tree) if node not in harmless]:
        for change in (*_of_expression(node), *_of_statements(node)):
            yield Possible(change.line, change.what, partial(_changed, tree, change))


def _harmless(node: ast.AST) -> list[ast.AST]:
    """Parts that no run can be at fault for: what only the type checker reads, and `frozen=True`."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return [node]
    return list(node.keywords) if isinstance(node, ast.ClassDef) else []


def _changed(tree: ast.Module, change: Change) -> str:
    old = _put(change, change.new)
    text = ast.unparse(tree)
    _put(change, old)
    return text


def _put(change: Change, value: object) -> object:
    if isinstance(change.holder, list):
        old, change.holder[change.key] = change.holder[change.key], value
    else:
        old = getattr(change.holder, change.key)
        setattr(change.holder, change.key, value)
    return old


def _of_expression(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                yield _opposite(node, operators, at, operator)
        case ast.BoolOp(op=operator) | ast.BinOp(op=ast.Add() | ast.Sub() as operator):
            yield _opposite(node, node, "op", operator)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield Change(node.lineno, f"not {ast.unparse(test)}", node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool(value)):
            yield Change(node.lineno, f"{not value}", node, "value", not value)
        case ast.Constant(value=int(value)):
            yield Change(node.lineno, f"{value} + 1", node, "value", value + 1)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield Change(node.lineno, f"None for {ast.unparse(value)}", node, "value", ast.Constant(None))


def _opposite(node: ast.expr, holder: object, key: object, operator: ast.AST) -> Change:
    new = _OPPOSITES[type(operator)]
    return Change(node.lineno, f"{new.__name__} in {ast.unparse(node)}", holder, key, new())


def _of_statements(node: ast.AST) -> Iterator[Change]:
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(node, field, None)
        for at, one in enumerate(statements if isinstance(statements, list) else ()):
            if isinstance(one, ast.Raise) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)):
                yield Change(one.lineno, f"without {ast.unparse(one)}", statements, at, ast.Pass())


# ---- faults in Go, by its words ----

_WORDS = (
    (r" == ", " != "),
    (r" != ", " == "),
    (r" < ", " <= "),
    (r" <= ", " < "),
    (r" > ", " >= "),
    (r" >= ", " > "),
    (r" && ", " || "),
    (r" \|\| ", " && "),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"\bif !", "if "),
    (r" \+ 1\b", " + 2"),
    (r" - 1\b", " - 2"),
    (r"\breturn (nil, )?err$", r"return \1nil"),
    (r"\bcontinue$", "break"),
)


def go_faults(text: str) -> Iterator[Possible]:
    """Every fault that a file of Go can have."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        code = line.split("//")[0]
        for found, word in ((found, word) for pattern, word in _WORDS for found in re.finditer(pattern, code)):
            if code[: found.start()].count('"') % 2:
                continue  # within a string
            mutant = line[: found.start()] + found.expand(word) + line[found.end() :]
            yield Possible(at + 1, mutant.strip(), partial("\n".join, [*lines[:at], mutant, *lines[at + 1 :]]))


# ---- trying them ----


def faults_of(area: Area, number: int, chance: random.Random) -> list[Fault]:
    """A sample of an area's faults, in the order of the files."""
    found: list[tuple[str, Possible]] = []
    path = ROOT / area.code
    for file in sorted([path] if path.is_file() else path.rglob("*.*")):
        if file.suffix not in (".py", ".go") or file.name.endswith("_test.go"):
            continue
        kinds = python_faults if file.suffix == ".py" else go_faults
        found += [(str(file.relative_to(ROOT)), one) for one in kinds(file.read_text(encoding="utf-8"))]
    chosen = sorted(chance.sample(range(len(found)), min(number, len(found))))
    return [Fault(area, file, one.line, one.what[:100], one.make()) for file, one in (found[at] for at in chosen)]


def noticed(fault: Fault, copy: Path) -> bool | None:
    """Whether the tests notice; None where the fault does not compile."""
    file = copy / fault.file
    before = file.read_text(encoding="utf-8")
    file.write_text(fault.text, encoding="utf-8")
    try:
        return _go(fault, copy) if fault.file.endswith(".go") else _python(fault, copy)
    finally:
        file.write_text(before, encoding="utf-8")


def _python(fault: Fault, copy: Path) -> bool:
    took: dict[str, float] = json.loads((copy / f"took-{fault.area.name}.json").read_text(encoding="utf-8"))
    ordered = sorted(_covering(fault, copy) or took, key=lambda test: (took.get(test, 0), test))
    return any(_fails(copy, part, 30 + 5 * sum(took.get(test, 0) for test in part)) for part in _parts(ordered, took))


def _parts(tests: list[str], took: dict[str, float]) -> list[list[str]]:
    """Tests in parts, each of which takes longer than those before: what makes the quick ones endless ends soon."""
    parts: dict[int, list[str]] = defaultdict(list)
    seconds = 0.0
    for test in tests:
        seconds += took.get(test, 0)
        parts[sum(seconds > limit for limit in _SECONDS)].append(test)
    return list(parts.values())


_SECONDS = (2, 10, 40)
"""How long the first part of the tests takes, the first two, and the first three."""


def _fails(copy: Path, tests: list[str], patience: float) -> bool:
    """Whether tests fail twice, as a busy machine makes them fail once, or run for ever."""
    try:
        return not _pytest(copy, ["-x", *tests], patience) and not _pytest(copy, ["-x", "--ff", *tests], patience)
    except TimeoutError:
        return True


def _covering(fault: Fault, copy: Path) -> set[str]:
    """The tests that run a fault's line, or where none does the last before it that ran.

    None where that runs before any test does: any of them may go by what it made. A test whose line runs in a process
    of its own, as commands do, is not among them.
    """
    data = CoverageData(str(copy / f".coverage-{fault.area.name}"))
    data.read()
    lines = data.contexts_by_lineno(str(copy / fault.file))
    return _tests(lines[max((line for line in lines if line <= fault.line), default=min(lines))]) if lines else set()


def _tests(contexts: Iterable[str]) -> set[str]:
    return {context.rpartition("|")[0] for context in contexts if context}


def covered(area: Area, copy: Path) -> None:
    """Runs an area's tests as they are and writes down which lines each runs, and how long; raises where one fails."""
    slow = [f"--deselect={one}" for one in area.slow]
    coverage = ["-p", "pytest_cov", "--cov=attest_governance", "--cov-context=test", "--cov-report="]
    if not _pytest(
        copy,
        [*coverage, *slow, *area.tests],
        COVERAGE_FILE=f".coverage-{area.name}",
        TOOK_FILE=f"took-{area.name}.json",
    ):
        raise SystemExit(f"{area.name}: a test fails without any fault")
    took = json.loads((copy / f"took-{area.name}.json").read_text(encoding="utf-8"))
    if not _pytest(copy, ["--collect-only", *took]):
        raise SystemExit(f"{area.name}: a test can't be asked by its name")


def _pytest(copy: Path, arguments: list[str], patience: float = PATIENCE, **more: str) -> bool:
    """Runs pytest in a fork, which has what it imports at hand; raises TimeoutError where that takes too long."""
    options = ["-q", "-p", "no:xdist", "-m", "not slow and not cluster"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    run = multiprocessing.get_context("fork").Process(target=_forked, args=(copy, [*options, *arguments], more))
    run.start()
    run.join(patience)
    late = run.exitcode is None
    with suppress(ProcessLookupError):
        os.killpg(run.pid or 0, signal.SIGKILL)
    run.join()
    if late:
        raise TimeoutError
    return run.exitcode == 0


def _forked(copy: Path, arguments: list[str], more: dict[str, str]) -> None:
    os.setsid()
    os.chdir(copy)
    with Path(os.devnull).open("r+b") as nothing:
        for stream in range(3):
            os.dup2(nothing.fileno(), stream)
    # Files of one length within one second: only a digest tells their compiled forms apart (see `copied`).
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy / "src"))
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy / "src"), "ATTEST_ENGINE": str(_engine())}
    os.environ |= more
    took = _Took()
    code = pytest.main(arguments, plugins=[took])
    if "TOOK_FILE" in more:
        Path(more["TOOK_FILE"]).write_text(json.dumps(took.seconds), encoding="utf-8")
    os._exit(code)


class _Took:
    """How long each test takes, in seconds, as pytest tells its plugins."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds a part of a test: what it sets up, itself, and what it leaves."""
        self.seconds[report.nodeid] += report.duration


_COMPILER = re.compile(r"^\S+\.go:\d+:\d+: ", re.MULTILINE)
"""How the compiler begins what it says of a line."""


def _go(fault: Fault, copy: Path) -> bool | None:
    (package,) = fault.area.tests
    tests = str(copy / "engine" / "tests.exe")
    built = subprocess.run(
        ["go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", tests, f"./{package}"],
        cwd=copy / "engine", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode != 0:
        if not _COMPILER.search(built.stderr):  # no memory, no disk, no Go: that says nothing of the fault
            raise SystemExit(f"{fault.file}: the tests can't be built: {built.stderr.strip()[-500:]}")
        return None
    skipped = ["-test.skip", "|".join(fault.area.slow)] if fault.area.slow else []
    return not _passes([tests, "-test.short", "-test.failfast", *skipped], copy / "engine" / package, dict(os.environ))


def _passes(command: list[str], folder: Path, environment: dict[str, str]) -> bool:
    try:
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return ran.returncode == 0


def _engine() -> Path:
    return ROOT / "src" / "attest_governance" / "bin" / "attest-engine"


def copied(folder: Path) -> Path:
    """The checkout without what is built, in a folder of its own."""
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "bin", "build", "dist", "node_modules", "__pycache__", ".*_cache"
    )
    copy = shutil.copytree(ROOT, folder / "copy", ignore=left_out, symlinks=True)
    compileall.compile_dir(copy / "src", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return copy


def main() -> None:
    """Tries a sample of faults; prints those that nobody noticed, and how many were noticed in each area."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=420, help="how many in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--area", action="append", help="only this area; repeats")
    given = parser.parse_args()
    for name in IMPORTED:
        importlib.import_module(name)
    areas = [area for area in AREAS if not given.area or area.name in given.area]
    shares = sum(area.share for area in AREAS)
    with tempfile.TemporaryDirectory(prefix="attest-mutants-") as folder:
        copy = copied(Path(folder))
        for area in areas:
            results = []
            if area.code.startswith("src"):
                covered(area, copy)
            for fault in faults_of(area, given.faults * area.share // shares, random.Random(given.seed)):  # noqa: S311
                seen = noticed(fault, copy)
                results.append(seen)
                if seen is False:
                    print(f"NOT NOTICED {fault.file}:{fault.line}: {fault.what}", flush=True)
            tried = [one for one in results if one is not None]
            print(f"{area.name}: {sum(tried)} of {len(tried)} noticed", flush=True)


if __name__ == "__main__":
    main()
