"""Measures the tests that `attest policy generate-tests` writes for the shipped policies, and writes the table.

    python benchmarks/generated_tests.py              every policy and fault, into benchmarks/README.md
    python benchmarks/generated_tests.py --print security/rbac-policies.rego

The real `opa test` runs them and counts lines. Faults are planted in the text of a policy, without any help of the
generator: a comparison is flipped, a condition dropped, a constant changed. A fault that `opa check` refuses is not
counted; one that no input can tell apart (there are such, see the README) counts as missed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
POLICIES = HERE.parent / "policies"
README = HERE / "README.md"
ATTEST = shutil.which("attest", path=str(Path(sys.executable).parent)) or "attest"
FAILED = 2
"""What `opa test` answers when a test fails; 1 is a policy that does not compile, or an evaluation that ends early."""

_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")|`[^`]*`|(?P<comment>#.*)|(?P<compare>==|!=|<=|>=|<|>)|(?P<word>\w+)'
)
_FLIPPED = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_CONDITION = re.compile(r"\t(?!some |#|\}|\]|\)|\")[^{(\[,]?.*[^{(\[,|]")


@dataclass(frozen=True)
class Fault:
    """A policy with a mistake in it."""

    kind: str
    line: int
    text: str


@dataclass(frozen=True)
class Score:
    """What the tests of one policy are worth."""

    policy: str
    tests: int
    covered: float
    planted: int
    noticed: int
    seconds: float
    missed: tuple[Fault, ...]


def faults(text: str) -> Iterator[Fault]:
    """Every fault that could be planted in a policy."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        for kind, changed in _changes(line):
            yield Fault(kind, number + 1, "\n".join((*lines[:number], changed, *lines[number + 1 :])))


def _changes(line: str) -> Iterator[tuple[str, str]]:
    if _CONDITION.fullmatch(line) and ":=" not in line:
        yield "dropped condition", "\ttrue"
    for token in _TOKEN.finditer(line):
        before, found, after = line[: token.start()], token.group(), line[token.end() :]
        if token.lastgroup == "comment":
            return
        if token.lastgroup == "compare":
            yield "flipped comparison", before + _FLIPPED[found] + after
        elif token.lastgroup == "string":
            yield "changed constant", f'{before}{found[:-1]}x"{after}'
        elif token.lastgroup == "word" and found.isdecimal():
            yield "changed constant", f"{before}{int(found) + 1}{after}"
        elif found in ("true", "false"):
            yield "changed constant", before + ("false" if found == "true" else "true") + after


def measure(policy: Path, wanted: int) -> Score:
    """Generates the tests of a policy, runs them, and plants faults."""
    with tempfile.TemporaryDirectory() as folder:
        tests = Path(folder) / "generated_test.rego"
        begin = _processor_time()
        made = _run(
            [ATTEST, "policy", "generate-tests", "--policy", str(policy), "--output", str(tests), "--format", "json"]
        )
        elapsed = _processor_time() - begin
        if made.returncode:
            raise SystemExit(made.stderr)
        covered = _covered(policy, tests)
        chosen = _sample(list(faults(policy.read_text(encoding="utf-8"))), wanted)
        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(lambda pair: _judge(Path(folder), pair[0], pair[1], tests), enumerate(chosen)))
    planted = [(fault, code) for fault, code in zip(chosen, codes, strict=True) if code is not None]
    missed = tuple(fault for fault, code in planted if code == 0)
    count = len(json.loads(made.stdout)["tests"])
    name = str(policy.relative_to(POLICIES))
    return Score(name, count, covered, len(planted), len(planted) - len(missed), elapsed, missed)


def _sample(all_faults: list[Fault], wanted: int) -> list[Fault]:
    if not wanted or len(all_faults) <= wanted:
        return all_faults
    return random.Random(0).sample(all_faults, wanted)  # noqa: S311 (the same faults each time)


def _covered(policy: Path, tests: Path) -> float:
    done = _run(["opa", "test", "--coverage", "--format", "json", str(POLICIES / "lib"), str(policy), str(tests)])
    report = json.loads(done.stdout)
    if "files" not in report:
        raise SystemExit(f"{policy}: the generated tests fail\n{done.stdout}{done.stderr}")
    return float(report["files"][str(policy)].get("coverage", 0))


def _judge(folder: Path, number: int, fault: Fault, tests: Path) -> int | None:
    """What `opa test` answers; nothing where the policy does not compile any more."""
    faulty = folder / f"faulty-{number}.rego"
    faulty.write_text(fault.text, encoding="utf-8")
    code = _run(["opa", "test", str(POLICIES / "lib"), str(faulty), str(tests)]).returncode
    if code not in (0, FAILED) and _run(["opa", "check", str(POLICIES / "lib"), str(faulty)]).returncode:
        return None
    return code


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def table(scores: Sequence[Score]) -> str:
    """The table of the README."""
    rows = [
        "| policy | tests | lines run | faults planted | noticed | processor time |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {one.policy} | {one.tests} | {one.covered:.0f} % | {one.planted} | {_share(one.noticed, one.planted)} "
            f"| {one.seconds:.1f} s |"
            for one in scores
        ),
    ]
    planted, noticed = sum(one.planted for one in scores), sum(one.noticed for one in scores)
    tests, seconds = sum(one.tests for one in scores), sum(one.seconds for one in scores)
    least = min(one.covered for one in scores)
    rows.append(
        f"| **all** | {tests} | at least {least:.0f} % | {planted} | {_share(noticed, planted)} | {seconds:.0f} s |"
    )
    return "\n".join(rows)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def write(text: str) -> None:
    """Puts the table between its markers."""
    begin, end = "<!-- generated tests: begin -->", "<!-- generated tests: end -->"
    page = README.read_text(encoding="utf-8")
    head, _, rest = page.partition(begin)
    README.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def _describe(fault: Fault, policy: str) -> str:
    right = (POLICIES / policy).read_text(encoding="utf-8").split("\n")[fault.line - 1]
    wrong = fault.text.split("\n")[fault.line - 1]
    return f"  missed: {fault.kind}, line {fault.line}: {right.strip()} → {wrong.strip()}"


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policies", nargs="*", help="files below policies/; every policy without any")
    parser.add_argument("--faults", type=int, default=0, help="planted in each policy; 0 for all that there are")
    parser.add_argument("--print", action="store_true", help="print the table and what was missed, and write nothing")
    arguments = parser.parse_args()
    chosen = [POLICIES / name for name in arguments.policies] or sorted(
        path for path in POLICIES.glob("*/*.rego") if not path.name.endswith("_test.rego") and path.parent.name != "lib"
    )
    scores = []
    for policy in chosen:
        scores.append(measure(policy, arguments.faults))
        print(table(scores[-1:]).splitlines()[2], file=sys.stderr, flush=True)
        if arguments.print:
            print("\n".join(_describe(fault, scores[-1].policy) for fault in scores[-1].missed))
    print(table(scores)) if arguments.print else write(table(scores))


if __name__ == "__main__":
    main()
