"""Compares `attest policy check` with `opa exec` and `conftest` on the same policy and files, and writes the table.

    python benchmarks/run.py                      1,000 and 10,000 files, 7 repeats, into benchmarks/README.md
    python benchmarks/run.py --sizes 1000 --repeats 3 --print
    python benchmarks/run.py --loads varied shipped --sizes 200 --repeats 1 --print

The programs take turns within each repeat, so that a busy machine slows all of them; the table shows medians, and
each program's time as a share of the faster of the two others. Times count only if all find the same violations.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus import write_corpus
from generate import generate
from measure import ENVIRONMENT, Command, cores, output_of, peak_bytes, processor_seconds, seconds
from varied import write_varied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).resolve().parent
POLICIES = HERE / "policies"
README = HERE / "README.md"
ATTEST = shutil.which("attest", path=str(Path(sys.executable).parent)) or "attest"
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Load:
    """Files to judge: what writes so many of them into a folder, and by which policies they are judged."""

    what: str
    write: Callable[[int, Path], None]
    shipped: bool = False
    """By all policies that attest ships with, which no other program can take: attest is measured alone."""


LOADS = {
    "company": Load("few shapes, few findings", generate),
    "varied": Load("many shapes, many findings", write_varied),
    "corpus": Load("real files, repeated", write_corpus),
    "shipped": Load("many shapes, all shipped policies", write_varied, shipped=True),
}
SMALL = "company"
"""The load that is measured in every size; the others in the largest one."""


@dataclass(frozen=True)
class Result:
    """What was measured of one program on one load."""

    name: str
    load: str
    files: int
    median: float
    best: float
    processor: float
    peak: int


def programs(load: Load, folder: Path) -> list[Command]:
    """The three programs, judging `folder` with the same policy; attest alone with those that it ships with."""
    policies, files = str(POLICIES), str(folder)
    if load.shipped:
        return attest(files, "--profile", "strict")
    return [
        *attest(files, "-p", policies),
        Command("opa exec", ["opa", "exec", "--bundle", policies, "--decision", "attest/benchmark/violation", files]),
        Command("conftest", ["conftest", "test", "-p", policies, "-n", "attest.benchmark", "-o", "json", files]),
    ]


def attest(*arguments: str) -> list[Command]:
    """`attest policy check`, which computes everything, and which uses what it has kept: the others keep nothing."""
    check = [ATTEST, "policy", "check", *arguments, "--format", "json"]
    return [Command("attest policy check", [*check, "--no-cache"]), Command("attest policy check, again", check)]


def violations(name: str, output: bytes) -> int:
    """The number of violations in a program's JSON output."""
    document = json.loads(output)
    if name == "opa exec":
        return sum(len(entry.get("result") or []) for entry in document["result"])
    if name == "conftest":
        return sum(len(entry.get("failures") or []) for entry in document)
    return int(document["violations"])


def compare(load: Load, folder: Path, files: int, repeats: int) -> list[Result]:
    """Measures the programs on one folder.

    Raises:
        RuntimeError: they don't find the same number of violations.
    """
    commands = programs(load, folder)
    found = {command.name: violations(command.name, output_of(command)) for command in commands}
    if len(set(found.values())) != 1:
        raise RuntimeError(f"the programs disagree, so their times mean nothing: {found}")
    times = interleaved(commands, repeats)
    return [measured(command, load, files, times[command.name]) for command in commands]


def measured(command: Command, load: Load, files: int, times: Sequence[float]) -> Result:
    """The result of one program, whose times are known; its processor time and memory are taken here."""
    processor, peak = statistics.median(processor_seconds(command) for _ in range(3)), peak_bytes(command)
    return Result(command.name, load.what, files, statistics.median(times), min(times), processor, peak)


def interleaved(commands: Sequence[Command], repeats: int) -> dict[str, list[float]]:
    """Seconds of each run by program, the programs taking turns."""
    times: dict[str, list[float]] = {command.name: [] for command in commands}
    for _ in range(repeats):
        for command in commands:
            times[command.name].append(seconds(command))
    return times


def latencies(folder: Path, repeats: int) -> dict[str, float]:
    """Median seconds of what a person waits for: one file, with our policy and with the shipped ones; the version."""
    one = str(next(folder.glob("*/*-deployment.yaml")))
    commands = [
        Command(
            "`attest policy check FILE -p DIR`", [ATTEST, "policy", "check", one, "-p", str(POLICIES), "--no-cache"]
        ),
        Command("`attest policy check FILE` (shipped policies)", [ATTEST, "policy", "check", one, "--no-cache"]),
        Command(
            "`opa exec FILE`", ["opa", "exec", "-b", str(POLICIES), "--decision", "attest/benchmark/violation", one]
        ),
        Command("`attest --version`", [ATTEST, "--version"]),
    ]
    for command in commands:
        output_of(command)
    return {name: statistics.median(times) for name, times in interleaved(commands, repeats).items()}


def table(results: Sequence[Result]) -> str:
    """The comparison as Markdown."""
    lines = [
        "| load | files | program | median | of the faster peer | best | of the faster peer | processor | memory |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        same = [r for r in results if (r.load, r.files) == (result.load, result.files)]
        peers = [r for r in same if not r.name.startswith("attest")]
        of_median = _share(result.median, [peer.median for peer in peers])
        of_best = _share(result.best, [peer.best for peer in peers])
        lines.append(
            f"| {result.load} | {result.files:,} | `{result.name}` | {result.median:.2f} s | {of_median} "
            f"| {result.best:.2f} s | {of_best} | {result.processor:.2f} s | {result.peak / MEGABYTE:.0f} MB |"
        )
    return "\n".join(lines)


def _share(own: float, peers: Sequence[float]) -> str:
    """A time as a share of the shortest of others; nothing where there is none."""
    return f"{own / min(peers):.2f}" if peers else ""


def latency_table(waits: dict[str, float]) -> str:
    """The waits as Markdown."""
    rows = [f"| {name} | {1000 * wait:.0f} ms |" for name, wait in waits.items()]
    return "\n".join(["| command | median |", "| --- | ---: |", *rows])


def machine(repeats: int) -> str:
    """One line on where and how the numbers were taken."""
    return (
        f"{platform.system()} {platform.machine()}, {cores()} cores, Python {platform.python_version()}, "
        f"{repeats} repeats, the programs taking turns."
    )


def write(text: str, section: str = "results", file: Path = README) -> None:
    """Puts results between the markers of a section of benchmarks/README.md, or of another file."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, _, rest = file.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def measure(names: Sequence[str], sizes: Sequence[int], repeats: int) -> str:
    """Writes the files, measures everything, and returns the results as Markdown."""
    results: list[Result] = []
    with scratch_folder() as scratch:
        for name in names:
            for size in sizes if name == SMALL else sizes[-1:]:
                results += measured_load(LOADS[name], size, Path(scratch, f"{name}-{size}"), repeats)
        one = Path(scratch, "one")
        generate(30, one)
        waits = latencies(one, max(repeats, 5))
    return "\n\n".join([machine(repeats), table(results), latency_table(waits)])


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """A folder for the files of a run, in which the programs keep what they keep, too."""
    with tempfile.TemporaryDirectory(prefix="attest-benchmark-") as scratch:
        ENVIRONMENT["XDG_CACHE_HOME"] = str(Path(scratch, "cache"))
        yield scratch


def measured_load(load: Load, size: int, folder: Path, repeats: int) -> list[Result]:
    """Writes the files of a load and measures the programs on them; none where its files are not on this machine."""
    try:
        load.write(size, folder)
    except FileNotFoundError as error:
        print(f"SKIPPED: {load.what}: {error}", file=sys.stderr)
        return []
    results = compare(load, folder, size, repeats)
    shutil.rmtree(folder)
    return results


def main() -> None:
    """Reads the command line, measures, and writes or prints the results."""
    parser = argparse.ArgumentParser(description="compare attest with opa and conftest")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--loads", nargs="+", choices=tuple(LOADS), default=list(LOADS))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--print", action="store_true", help="print the results and leave benchmarks/README.md alone")
    arguments = parser.parse_args()
    text = measure(arguments.loads, sorted(arguments.sizes), arguments.repeats)
    print(text)
    if not arguments.print:
        write(text)


if __name__ == "__main__":
    main()
