"""The document that `json` and `yaml` print (`docs/reference/schemas/check.schema.json`), and how JSON is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from attest_governance.report.clean import UNSAFE_BEYOND_C0, inert, inert_json

if TYPE_CHECKING:
    from attest_governance.model import Outcome, Resource
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
        "evaluated": outcome.evaluated,
        "findings": [],
        "problems": outcome.problems,
        "skipped": outcome.skipped,
        "notices": outcome.notices,
    }


def entries(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """The findings for the document, one by one: there may be very many."""
    known: dict[int, dict[str, str]] = {}  # by identity: the findings of a resource share it
    for finding in outcome.findings:
        resource = finding.resource
        shown = known.get(id(resource))
        if shown is None:
            shown = known[id(resource)] = _resource(resource)
        yield msgspec.structs.asdict(finding) | {"resource": shown, "controls": outcome.controls(finding)}


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
_NONE, _OPEN, _CLOSE = '"findings": []', '"findings": [', "\n  ]"
_BEFORE, _AFTER = f"{{\n  {_OPEN}", f"{_CLOSE}\n}}"


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints the document with an indentation of two."""
    # No free text stands before the findings, so the first mark is that of their list.
    before, mark, after = to_json(document(outcome, options)).partition(_NONE)
    out.write(before)
    out.write(mark if not outcome.findings else _OPEN)
    out.writelines(_findings(outcome))
    out.write(f"{after}\n")


def _findings(outcome: Outcome) -> Iterator[str]:
    """The list of findings in parts, which keeps the memory of a large report small and in the processor's caches."""
    every = entries(outcome)
    opened, closed = len(_BEFORE), -len(_AFTER)
    separator = ""
    while part := list(islice(every, _PART)):
        yield separator
        yield to_json({"findings": part})[opened:closed]
        separator = ","
    if separator:
        yield _CLOSE


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
