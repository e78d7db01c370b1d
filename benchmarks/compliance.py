"""Measures what a compliance report costs beside the check that it makes, over many findings and in each format.

python benchmarks/compliance.py               5,100 workloads of many shapes, 1 repeat, into benchmarks/README.md
python benchmarks/compliance.py --files 500 --print
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from measure import Command, peak_bytes, processor_seconds, seconds
from run import ATTEST, MEGABYTE, machine, scratch_folder, write
from varied import write_varied

FRAMEWORKS = ("soc2", "pod-security")
FORMATS = ("json", "html")


def commands(folder: Path, manifests: Path) -> list[Command]:
    """A check as anybody runs it, and the report in each format, which asks the policies of its frameworks besides."""
    check = [ATTEST, "policy", "check", str(manifests), "--no-cache"]
    report = [
        ATTEST,
        "compliance",
        "report",
        str(manifests),
        "--no-cache",
        *(f"--framework={name}" for name in FRAMEWORKS),
    ]
    return [
        Command("`check --format json`", [*check, "--format", "json", "--output", str(folder / "check.json")]),
        *(
            Command(
                f"`report --format {name}`", [*report, "--format", name, "--output", str(folder / f"report.{name}")]
            )
            for name in FORMATS
        ),
    ]


def rows(folder: Path, files: int, repeats: int) -> list[str]:
    """The table: a line each command, which take turns."""
    manifests = folder / "manifests"
    write_varied(files, manifests)
    taken = commands(folder, manifests)
    processor: dict[str, list[float]] = {one.name: [] for one in taken}
    wall: dict[str, list[float]] = {one.name: [] for one in taken}
    for _ in range(repeats):
        for one in taken:
            processor[one.name].append(processor_seconds(one))
            wall[one.name].append(seconds(one))
    found = {name: len(json.loads((folder / f"{name}.json").read_bytes())["findings"]) for name in ("check", "report")}
    base, table = statistics.median(processor[taken[0].name]), []
    for one in taken:
        used, waited = statistics.median(processor[one.name]), statistics.median(wall[one.name])
        written = Path(one.arguments[-1])
        table.append(
            f"| {found[written.stem]:,} | {one.name} | {used:.1f} s | {used / base:.2f} | {waited:.1f} s "
            f"| {peak_bytes(one) / MEGABYTE:.0f} MB | {written.stat().st_size / MEGABYTE:.1f} MB |"
        )
    return table


def main() -> None:
    """Measures, and writes the table or prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_100)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print the table and leave the README as it is")
    options = parser.parse_args()
    with scratch_folder() as folder:
        lines = [
            f"{machine(options.repeats)} {options.files:,} workloads; frameworks: {', '.join(FRAMEWORKS)}.",
            "",
            "| findings | command | processor | of the check | wall clock | memory | written |",
            "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
            *rows(Path(folder), options.files, options.repeats),
        ]
    if options.print:
        print("\n".join(lines))
    else:
        write("\n".join(lines), "compliance")


if __name__ == "__main__":
    main()
