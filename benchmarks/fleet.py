"""Measures `attest fleet audit` beside `attest policy check` of the same resources, and what larger ones are made of.

python benchmarks/fleet.py                          2,000 resources, printed
python benchmarks/fleet.py --resources 100000 --more 1000000 --write

The parts are the start (an audit of one resource), what one worker takes for a resource after that, and what it adds to
the output. The model is made of them; `--write` puts it into docs/guides/fleet.md, and what was measured beside the
other benchmarks. `--more` are audited alone, without the plain command, which holds all findings.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from measure import Command, cores, watched
from run import ATTEST, HERE, MEGABYTE, machine, scratch_folder, write

from cluster import objects

MODELLED = (10, 100, 1000)
"""Workers."""
HOUR = 3600
GUIDE = HERE.parent / "docs" / "guides" / "fleet.md"


def dump(path: Path, count: int) -> Path:
    """So many resources, one a line."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(one) + "\n" for one in objects(count))
    return path


def audit(source: Path, output: Path, workers: int) -> Command:
    """An audit into a new folder."""
    shutil.rmtree(output, ignore_errors=True)
    line = [ATTEST, "fleet", "audit", str(source), "--output", str(output), "--workers", str(workers)]
    return Command(f"attest fleet audit, {workers} workers", line)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(scratch: Path, count: int, more: int) -> tuple[list[str], list[str]]:
    """The table of what was measured, and the model."""
    source, small, output = dump(scratch / "all.jsonl", count), dump(scratch / "one.jsonl", 1), scratch / "out"
    plain = Command("`attest policy check`", [ATTEST, "policy", "check", str(source), "--no-cache", "-f", "json"])
    workers = cores()
    start, alone = watched(audit(small, output, workers)), watched(audit(source, output, 1))
    together, stored, check = watched(audit(source, output, workers)), size(output), watched(plain)
    found = [(f"{workers} workers", count, together), ("1 worker", count, alone), (plain.name, count, check)]
    found.append((f"{workers} workers, the start", 1, start))
    if more:
        found.insert(0, (f"{workers} workers", more, watched(audit(dump(source, more), output, workers))))
    rows = ["| what | resources | time | resources a second | peak of the command itself | of all its processes |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, resources, run in found:
        rate = f"{resources / run.seconds:,.0f}" if resources > 1 else ""
        peaks = f"{run.own / MEGABYTE:,.0f} MB | {run.tree / MEGABYTE:,.0f} MB"
        rows.append(f"| {name} | {resources:,} | {run.seconds:.1f} s | {rate} | {peaks} |")
    ratio = together.seconds / check.seconds
    rows += [
        "",
        f"An audit takes {ratio:.2f} times the plain command, and {stored / count:,.0f} bytes of tables a resource.",
    ]
    if alone.seconds < 2 * start.seconds:
        return rows, ["No model: the start is most of the time. Measure more resources."]
    return rows, model(start.seconds, (alone.seconds - start.seconds) / count)


def model(start: float, each: float) -> list[str]:
    """What millions would take if workers neither wait for each other nor for the storage: a model, nothing measured.

    Args:
        start: seconds until the first resource is judged.
        each: seconds that one worker takes for a resource.
    """
    rows = [f"Start: {start:.1f} s. Each resource: {each * 1000:.2f} ms of a worker.", ""]
    rows.append("| workers (modelled) | 1,000,000 resources | 100,000,000 resources | core hours for the latter |")
    rows.append("| ---: | ---: | ---: | ---: |")
    for workers in MODELLED:
        few, many = (start + each * total / workers for total in (10**6, 10**8))
        rows.append(f"| {workers:,} | {few / 60:,.1f} min | {many / 60:,.1f} min | {many * workers / HOUR:,.1f} |")
    return rows


def main() -> None:
    """Reads the command line, measures, and prints or writes the results."""
    parser = argparse.ArgumentParser(description="measure the audit of a fleet")
    parser.add_argument("--resources", type=int, default=2000)
    parser.add_argument("--more", type=int, default=0, help="audit so many, too, without the plain command")
    parser.add_argument("--write", action="store_true", help="keep the results in benchmarks/README.md and the guide")
    arguments = parser.parse_args()
    with scratch_folder() as scratch:
        measured, modelled = measure(Path(scratch), arguments.resources, arguments.more)
    table, parts = "\n".join([machine(1), "", *measured]), "\n".join([machine(1), "", *modelled])
    print(table, parts, sep="\n\n")
    if arguments.write:
        write(table, "fleet")
        write(parts, "model", GUIDE)


if __name__ == "__main__":
    main()
