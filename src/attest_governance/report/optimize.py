"""What was found by exploring a policy, tests of it and cheaper forms, as text and JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance import clean
from attest_governance.report import words
from attest_governance.report.json_document import write_shown
from attest_governance.report.words import duration

if TYPE_CHECKING:
    from attest_governance.model.authoring import GeneratedTests
    from attest_governance.model.profile import Growth, Hunk, Optimization, SampleCost, Suggestion

SCHEMA = "attest.continuu.ms/optimize/v1"
_WIDTH = 80
_SAMPLES = {"data": "sample data", "examples": "the policy's examples", "generated": "generated inputs"}


class OptimizationReport(msgspec.Struct, frozen=True, kw_only=True):
    """How to report an optimisation: of which file, whether it was written, and whether suggestions are shown."""

    file: str
    written: bool = False
    detailed: bool = True


def write_optimization(found: Optimization, name: str, out: TextIO, report: OptimizationReport) -> None:
    """Writes an optimisation in the format `name`, text or json."""
    document = {"schema": SCHEMA, "file": report.file, "written": report.written, **msgspec.to_builtins(found)}
    write_shown(document, map(clean.one_line, _lines(found, report)), name, out)


def _lines(found: Optimization, report: OptimizationReport) -> Iterator[str]:
    where = f"{words.count(found.samples.resources, 'resource')} of {_SAMPLES[found.samples.origin]}"
    if found.samples.origin == "generated":
        where = words.count(found.samples.resources, "generated input")
    yield from _wrapped(f"{report.file}: {found.policy} takes {duration(found.before.time)} for {where}", "", "")
    if report.detailed:
        for number, one in enumerate(found.suggestions, 1):
            yield ""
            yield from _suggestion(number, one)
    yield ""
    yield from _conclusion(found, report)


def _suggestion(number: int, one: Suggestion) -> Iterator[str]:
    yield from _wrapped(f"{number}. {one.kind}: {one.title}", "", "   ")
    others = f" (lines {', '.join(map(str, one.lines))})" if one.lines else ""
    yield f"   {one.file}:{one.line}:{one.column} in {one.rule}{others}"
    yield from _wrapped(f"why: {one.reason}", "   ", "   ")
    yield f"   {_measured(one)}"
    if one.growth:
        yield from _grown(one.growth)
    for hunk in one.rewrite:
        yield from _hunk(hunk)
    if one.rewrite and not one.included:
        yield "   it touches the text of another rewrite: make that one, then run this again"
    if not one.rewrite:
        yield from _wrapped(f"by hand: {one.advice}", "   ", "   ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _measured(one: Suggestion) -> str:
    if one.before.calls:
        return f"measured: {one.before.calls} → {words.count(one.after.calls, 'call')} of http.send"
    return f"measured: {_change(one.before, one.after)}"


def _change(before: SampleCost, after: SampleCost) -> str:
    share = round(100 * (after.time - before.time) / before.time) if before.time else 0
    evaluations = f"{before.evaluations} → {words.count(after.evaluations, 'evaluation')}"
    return f"{duration(before.time)} → {duration(after.time)} ({share:+d} %), {evaluations}"


def _grown(growth: Growth) -> Iterator[str]:
    for n, evaluations, time in zip(growth.elements, growth.evaluations, growth.time, strict=True):
        yield f"     {n:>3} elements: {evaluations:>6} evaluations, {duration(time)}"


def _hunk(hunk: Hunk) -> Iterator[str]:
    yield f"   @ line {hunk.line}"
    yield from (f"   - {_untabbed(line)}" for line in hunk.old)
    yield from (f"   + {_untabbed(line)}" for line in hunk.new)


def _untabbed(line: str) -> str:
    return line.expandtabs(4)


def _conclusion(found: Optimization, report: OptimizationReport) -> Iterator[str]:
    rewrites = sum(bool(one.rewrite) for one in found.suggestions)
    if not found.suggestions:
        yield "nothing to suggest: nothing that was tried makes a difference on this data"
        return
    counted = words.count(len(found.suggestions), "suggestion")
    if not found.text:
        yield f"{counted}, no rewrite"
        return
    same = f"{words.count(found.checked.examples, 'example')} and {found.checked.generated} generated inputs"
    together = f"together {_change(found.before, found.after)}; the results are the same on {same}"
    if report.written:
        yield from _wrapped(f"{report.file}: written; {together}", "", "")
        return
    yield from _wrapped(f"{counted}, {words.count(rewrites, 'rewrite')}: {together}", "", "")
    yield "make them with --write"


_LENIENT = {
    "v0": "",
    "v0 with in": ", once the policy has the line `import future.keywords.in`",
}


def write_generated(made: GeneratedTests, policy: str, output: str, name: str, out: TextIO) -> None:
    """Writes a summary of the tests of a policy, which are in `output` now, in the format `name`, text or json."""
    document = {
        "schema": "attest.continuu.ms/generate-tests/v1",
        "policy": policy,
        "output": output,
        **msgspec.to_builtins(made),
    }
    write_shown(document | msgspec.to_builtins(made), map(clean.one_line, _generated(made, policy, output)), name, out)


def _generated(made: GeneratedTests, policy: str, output: str) -> Iterator[str]:
    yield f"{output}: {words.count(len(made.tests), 'test')} of {policy}"
    coverage, faults = made.coverage, made.faults
    missed = f"; not run: {_ranges(coverage.not_covered)}" if coverage.not_covered else ""
    yield f"  lines run: {_share(coverage.covered, coverage.lines)}{missed}"
    yield f"  planted faults noticed: {_share(faults.noticed, faults.planted)}"
    for one in made.unreached:
        yield f"  not tested: {one.rule} in line {one.line}: {one.reason}"
    yield f"run them: attest policy test {shlex.quote(policy)} {shlex.quote(output)}"
    if made.dialect != "v1":
        yield "  the policy is Rego v0: OPA itself runs them with `opa test --v0-compatible`" + _LENIENT[made.dialect]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part // whole} %)" if whole else "none"


def _ranges(lines: tuple[int, ...]) -> str:
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
