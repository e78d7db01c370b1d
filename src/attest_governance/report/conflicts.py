"""Conflicts between policies, as text, JSON and SARIF."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from attest_governance import clean
from attest_governance.report import sarif, words
from attest_governance.report.json_document import write_shown
from attest_governance.report.source import RepositoryPaths

if TYPE_CHECKING:
    from attest_governance.model.authoring import Conflict, Conflicts, Side
    from attest_governance.report.registry import ReportOptions

SCHEMA = "attest.continuu.ms/conflicts/v1"
FORMATS = ("text", "json", "sarif")

_KINDS = {
    "contradiction": "No resource can satisfy both policies",
    "duplicate": "Two policies ask for the same",
    "shadowed": "Every violation of one policy is one of another",
    "overlap": "Constraints of one kind overlap with different parameters",
    "enforcement": "The same is judged strictly and only warned of",
    "defined_twice": "A rule or package is defined twice",
    "never_fires": "A policy can never find fault with anything",
    "exemption_covers_nothing": "An exemption covers nothing",
    "exemption_covers_everything": "An exemption covers everything",
}


def write_conflicts(found: Conflicts, name: str, out: TextIO, options: ReportOptions) -> None:
    """Writes conflicts in the format `name`, one of FORMATS."""
    if name == "sarif":
        sarif.write_run(_run(found, options), out)
        return
    found = _near(found, options)
    document = {
        "schema": SCHEMA,
        "certain": found.certain,
        "suspected": len(found.conflicts) - found.certain,
        **msgspec.to_builtins(found),
    }
    del document["problems"]  # where there is one, nothing is written
    write_shown(document, map(clean.one_line, _lines(found, options)), name, out)


def _near(found: Conflicts, options: ReportOptions) -> Conflicts:
    """The same with file names from the working directory on, where the files are below it."""
    paths = RepositoryPaths(msgspec.structs.replace(options, repository=None), {})

    def side(one: Side) -> Side:
        return msgspec.structs.replace(one, file=paths.name(one.file) if one.file else "")

    conflicts = (msgspec.structs.replace(one, sides=tuple(map(side, one.sides))) for one in found.conflicts)
    return msgspec.structs.replace(found, conflicts=tuple(conflicts))


def _lines(found: Conflicts, options: ReportOptions) -> Iterator[str]:
    for one in found.conflicts:
        yield f"{one.certainty}: {one.message} ({one.kind.replace('_', ' ')})"
        for side in one.sides:
            yield f"  {_place(side)}{_condition(side, options)}"
        if options.detailed:
            yield from _details(one)
        if one.hint:
            yield f"  hint: {one.hint}"
        yield ""
    suspected = len(found.conflicts) - found.certain
    verdict = f"{found.certain} certain, {suspected} suspected" if found.conflicts else "no conflicts"
    yield f"{verdict} in {words.count(found.policies, 'policy', 'policies')} ({words.count(found.rules, 'rule')})"


def _place(side: Side) -> str:
    where = f"{side.file}:{side.line}" if side.line else side.file
    return f"{where} [{side.policy}]"


def _condition(side: Side, options: ReportOptions) -> str:
    if not side.condition:
        return ""
    cut = not options.detailed and len(side.condition) > _SHORT
    return f": {side.condition[:_SHORT]}…" if cut else f": {side.condition}"


_SHORT = 90


def _details(one: Conflict) -> Iterator[str]:
    both = one.kind != "contradiction"
    if one.resource is not None:
        yield f"  violates {'both' if both else 'the first'}: {_compact(one.resource)}"
    if one.flipped is not None:
        yield f"  violates the second: {_compact(one.flipped)}"


def _compact(resource: Any) -> str:  # noqa: ANN401 (a resource of any kind)
    return msgspec.json.encode(resource).decode()


def _run(found: Conflicts, options: ReportOptions) -> dict[str, Any]:
    paths = RepositoryPaths(options, {})
    rules: list[dict[str, Any]] = [
        {"id": f"conflict/{kind}", "shortDescription": {"text": text}, "name": kind.title().replace("_", "")}
        for kind, text in _KINDS.items()
    ]
    return {**sarif.head(rules, options), "results": [_result(one, paths) for one in found.conflicts]}


def _result(one: Conflict, paths: RepositoryPaths) -> dict[str, Any]:
    first, *others = [_location(side, paths) for side in one.sides]
    identity = "|".join((one.kind, *(f"{side.policy}:{side.rule}:{side.condition}" for side in one.sides)))
    return {
        "ruleId": f"conflict/{one.kind}",
        "ruleIndex": list(_KINDS).index(one.kind),
        "level": "error" if one.certainty == "certain" else "warning",
        "message": {"text": sarif.message(f"{one.message} ({one.certainty}); {one.hint}")},
        "locations": [first],
        "relatedLocations": [{**location, "id": number} for number, location in enumerate(others, 1)],
        "partialFingerprints": {"attestConflict/v1": hashlib.sha256(identity.encode()).hexdigest()},
        "properties": {"certainty": one.certainty, "sides": msgspec.to_builtins(one.sides)},
    }


def _location(side: Side, paths: RepositoryPaths) -> dict[str, Any]:
    uri = paths.uri(side.file or ".attest/policies.yaml")
    return {
        "physicalLocation": sarif.physical(uri, {"startLine": max(1, side.line)}),
        "message": {"text": sarif.message(f"{side.policy}: {side.condition or side.rule}")},
    }
