"""What `attest policy generate-tests` made, as text and JSON."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, TextIO

import msgspec

from attest_governance.report import clean, words
from attest_governance.report.json_document import write_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest_governance.model.authoring import GeneratedTests

_LENIENT = {
    "v0": "",
    "v0 with in": ", once the policy has the line `import future.keywords.in`",
}

SCHEMA = "attest.continuu.ms/generate-tests/v1"


def write_generated(made: GeneratedTests, policy: str, output: str, name: str, out: TextIO) -> None:
    """Writes a summary of generated tests in the format `name`, text or json.

    Args:
        made: the tests.
        policy: the policy file, as the user named it.
        output: the file that holds the tests now.
        name: text or json.
        out: where to.
    """
    document = {"schema": SCHEMA, "policy": policy, "output": output, **msgspec.to_builtins(made)}
    write_shown(document, map(clean.one_line, _lines(made, policy, output)), name, out)


def _lines(made: GeneratedTests, policy: str, output: str) -> Iterator[str]:
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
