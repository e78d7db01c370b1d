"""The document that `json` and `yaml` print (`docs/reference/schemas/check.schema.json`), and how JSON is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from attest_governance.clean import UNSAFE_BEYOND_C0, inert, inert_json
from attest_governance.model import Location, Waiver
from attest_governance.model.finding import Rendered

if TYPE_CHECKING:
    from attest_governance.model import Outcome, Rendering, Resource
    from attest_governance.report.registry import ReportOptions

SCHEMA = "attest.continuu.ms/check/v1"
_COUNTS = ("verdict", "violations", "warnings", "dryrun", "exempted", "errors", "resources", "policies")


def document(outcome: Outcome, options: ReportOptions) -> dict[str, Any]:
    """The outcome without its findings: values that msgspec can encode, keys in the documented order."""
    return {
        "schema": SCHEMA,
        "version": options.version,
        **{name: getattr(outcome.summary, name) for name in _COUNTS},
        "files": outcome.summary.files,
        "policySet": outcome.policy_set,
        **({"audited": outcome.audited} if outcome.audited else {}),
        "evaluated": outcome.evaluated,
        "findings": [],
        "problems": outcome.problems,
        "skipped": outcome.skipped,
        "notices": outcome.notices,
        **({"rendered": [_rendering(one) for one in outcome.rendered]} if outcome.rendered else {}),
    }


def _rendering(made: Rendering) -> dict[str, Any]:
    return {"folder": made.folder, "tool": made.tool, "documents": len(made.documents)}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A finding in the document."""

    policy: str
    engine: str
    rule: str
    severity: str
    enforcement: str
    message: str
    resource: dict[str, str]
    location: Location
    waiver: Waiver | None
    details: dict[str, Any]
    fix: str
    rendered: Rendered | msgspec.UnsetType
    controls: tuple[str, ...]


def entries(outcome: Outcome) -> Iterator[Entry]:
    """The findings for the document, one by one: there may be very many."""
    known: dict[int, dict[str, str]] = {}  # by identity: the findings of a resource share it
    for finding in outcome.findings:
        resource = finding.resource
        shown = known.get(id(resource))
        if shown is None:
            shown = known[id(resource)] = _resource(resource)
        yield Entry(  # by position, since names cost half as much again
            finding.policy,
            finding.engine,
            finding.rule,
            finding.severity,
            finding.enforcement,
            finding.message,
            shown,
            finding.location,
            finding.waiver,
            finding.details,
            finding.fix,
            finding.rendered or msgspec.UNSET,
            outcome.controls(finding),
        )


def _resource(resource: Resource) -> dict[str, str]:
    # Labels, annotations and images are there for exemptions to match on; a report has no use for them.
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        **({"template": resource.template} if resource.template else {}),
        **({"fragment": resource.fragment} if resource.fragment else {}),
    }


def without_surrogates(value: object) -> object:
    """The same value with lone surrogates (from file names that are no UTF-8) replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(item) for item in value]
    return value


# The encoder escapes C0, as JSON must; all other characters that could mislead a reader or a terminal
# are escaped as well, which changes no value.
_UNSAFE = re.compile(f"[{UNSAFE_BEYOND_C0}]")


_PART = 500


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints the document with an indentation of two."""
    write_with(document(outcome, options), "findings", entries(outcome), out)


def write_with(document: object, key: str, items: Iterable[object], out: TextIO) -> None:
    """Writes a document as JSON, and the items into the first empty list of it that is called `key`.

    There may be very many: parts of them keep the memory of a large report small and in the processor's caches.
    """
    # Within a text the quotes would be escaped, so the mark is a member.
    before, mark, after = to_json(document).partition(f'"{key}": []')
    out.write(before + mark[:-1])
    indent = len(before) - before.rfind("\n") - 1
    written = False
    for part in _parts(items, indent // 2 + 1):
        out.write("," if written else "")
        out.write(part)
        written = True
    out.write(f"\n{' ' * indent}]" if written else "]")
    out.write(f"{after}\n")


def _parts(items: Iterable[object], depth: int) -> Iterator[str]:
    """The items of a list that stands so deep in a document, without its brackets."""
    every = iter(items)
    opened = len("\n".join(" " * 2 * level + "[" for level in range(depth)))
    closed = len("\n".join(" " * 2 * level + "]" for level in range(depth))) + 1
    while part := list(islice(every, _PART)):
        nested: object = part
        for _ in range(depth - 1):
            nested = [nested]
        yield to_json(nested)[opened:-closed]


def write_shown(document: object, lines: Iterable[str], name: str, out: TextIO) -> None:
    """Writes a result in the format `name`: the document as `json`, else its lines, each of which is clean already."""
    out.write(f"{to_json(document)}\n" if name == "json" else inert("".join(f"{line}\n" for line in lines)))


def to_json(value: object, indent: int = 2) -> str:
    """JSON in which every character is safe to look at; on one line where the indentation is negative."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(without_surrogates(msgspec.to_builtins(value)))
    text = (encoded if indent < 0 else msgspec.json.format(encoded, indent=indent)).decode()
    if not encoded.isascii() or b"\x7f" in encoded:  # else there is nothing to escape, and looking is slow
        text = _UNSAFE.sub(_escape, text)
    return inert_json(text)


def _escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
