"""Measures `attest fleet audit` beside `attest policy check` of the same resources, and what larger ones are made of.

python benchmarks/fleet.py                          2,000 resources, printed
python benchmarks/fleet.py --resources 1000000 --no-check --write

The parts are the start (an audit of one resource), what one worker takes for a resource after that, and what it adds to
the output. The model (docs/guides/fleet.md) is made of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from measure import Command, cores, peak_bytes, seconds
from run import ATTEST, MEGABYTE, machine, scratch_folder, write

from cluster import objects

MODELLED = (10, 100, 1000)
"""Workers."""
HOUR = 3600


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


def measure(scratch: Path, count: int, *, check: bool) -> list[str]:
    """The tables: what was measured, then the model."""
    source, small, output = dump(scratch / "all.jsonl", count), dump(scratch / "one.jsonl", 1), scratch / "out"
    workers = cores()
    start = seconds(audit(small, output, workers))
    alone = seconds(audit(source, output, 1))
    together = seconds(audit(source, output, workers))
    stored = size(output)
    peak = peak_bytes(audit(source, output, workers)) / MEGABYTE
    rows = [
        "| what | time | resources a second | peak memory of all processes |",
        "| --- | ---: | ---: | ---: |",
        f"| start of an audit (1 resource) | {start:.1f} s | | |",
        f"| audit, 1 worker | {alone:.1f} s | {count / alone:,.0f} | |",
        f"| audit, {workers} workers | {together:.1f} s | {count / together:,.0f} | {peak:,.0f} MB |",
    ]
    if check:
        command = Command("attest policy check", [ATTEST, "policy", "check", str(source), "--no-cache", "-f", "json"])
        plain, held = seconds(command), peak_bytes(command) / MEGABYTE
        rows.append(f"| `attest policy check` of the same | {plain:.1f} s | {count / plain:,.0f} | {held:,.0f} MB |")
    rows += ["", f"{count:,} resources; {stored / count:,.0f} bytes of tables for each.", ""]
    if alone < 2 * start:
        return [*rows, "No model: the start is most of the time. Measure more resources."]
    return rows + model(start, (alone - start) / count)


def model(start: float, each: float) -> list[str]:
    """What millions would take if workers neither wait for each other nor for the storage: a model, nothing measured.

    Args:
        start: seconds until the first resource is judged.
        each: seconds that one worker takes for a resource.
    """
    rows = ["| workers (modelled) | 1,000,000 resources | 100,000,000 resources | core hours for the latter |"]
    rows.append("| ---: | ---: | ---: | ---: |")
    for workers in MODELLED:
        few, many = (start + each * total / workers for total in (10**6, 10**8))
        rows.append(f"| {workers:,} | {few / 60:,.1f} min | {many / 60:,.1f} min | {many * workers / HOUR:,.1f} |")
    return rows


def main() -> None:
    """Reads the command line, measures, and prints or writes the results."""
    parser = argparse.ArgumentParser(description="measure the audit of a fleet")
    parser.add_argument("--resources", type=int, default=2000)
    parser.add_argument("--no-check", action="store_true", help="leave out the plain command, which holds all findings")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md")
    arguments = parser.parse_args()
    with scratch_folder() as scratch:
        rows = measure(Path(scratch), arguments.resources, check=not arguments.no_check)
    text = "\n".join([machine(1), "", *rows])
    print(text)
    if arguments.write:
        write(text, "fleet")


if __name__ == "__main__":
    main()
