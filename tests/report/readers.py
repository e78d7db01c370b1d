"""Reads every format back, as the programs do that the formats are for."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml
from junitparser import JUnitXml

from .values import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _resource_id(parts: dict[str, str]) -> str:
    return "/".join(part for part in (parts["kind"], parts.get("namespace", ""), parts.get("name", "")) if part)


def from_document(document: dict[str, Any]) -> list[Seen]:
    return [
        Seen(
            each["policy"],
            _resource_id(each["resource"]),
            each["location"]["file"],
            each["location"]["line"],
            each["message"],
            each["waiver"] is not None,
        )
        for each in document["findings"]
    ]


def from_json(text: str) -> list[Seen]:
    return from_document(json.loads(text))


def from_yaml(text: str) -> list[Seen]:
    return from_document(yaml.safe_load(text))


def from_sarif(text: str) -> list[Seen]:
    (run,) = json.loads(text)["runs"]
    found = []
    for result in run["results"]:
        (location,) = result["locations"]
        place = location["physicalLocation"]
        found.append(
            Seen(
                result["ruleId"],
                location["logicalLocations"][0]["fullyQualifiedName"].partition("#")[0],
                unquote(place["artifactLocation"]["uri"]),
                place["region"]["startLine"],
                result["message"]["text"],
                bool(result["suppressions"]),
            )
        )
    return found


_HEAD = re.compile(r"(?P<file>.*):(?P<line>\d+):\d+: (?P<standing>[a-z ]+) \([a-z]+\): (?P<message>.*)")


def from_junit(text: str) -> list[Seen]:
    found: list[Seen] = []
    for suite in JUnitXml.fromstring(text.encode()):
        for case in suite:
            texts = [entry.text or "" for entry in case.result if entry.type != "manifest_syntax"]
            for line in "\n".join([*texts, case.system_out or ""]).splitlines():
                head = _HEAD.fullmatch(line)
                if head:
                    where = (head["file"], int(head["line"]), head["message"], head["standing"] == "exempted")
                    found.append(Seen(case.name, case.classname, *where))
                elif line.startswith("    ") and not line.strip().startswith(("fix:", "exempted:")):
                    found[-1] = _with_message(found[-1], f"{found[-1].message}\n{line[4:]}")
    return found


def _with_message(one: Seen, message: str) -> Seen:
    return Seen(one.policy, one.resource, one.file, one.line, message, one.waived)


def commands(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Workflow commands as GitHub's runner understands them."""
    for line in text.splitlines():
        if not line.startswith("::"):
            continue
        info, _, data = line[2:].partition("::")
        name, _, rest = info.partition(" ")
        pairs = (pair.split("=", 1) for pair in rest.split(","))
        yield name, {key: _unescape(value, ":,\r\n%") for key, value in pairs}, _unescape(data, "\r\n%")


def _unescape(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def from_github(text: str) -> list[Seen]:
    found = []
    for _, properties, data in commands(text):
        title = re.fullmatch(r"(violation|warning|dry run|exempted): (.*) \([a-z]+\)", properties["title"])
        if not title:
            continue
        lines = [line for line in data.split("\n") if not line.startswith(("fix: ", "approved ", "baseline"))]
        where = (properties["file"], int(properties["line"]))
        subject = lines.pop().replace(" ", "/")
        found.append(Seen(title[2], subject, *where, "\n".join(lines), title[1] == "exempted"))
    return found


def from_openreports(text: str) -> list[Seen]:
    found = []
    for report in yaml.safe_load_all(text):
        for result in report["results"]:
            properties = result.get("properties", {})
            if "file" not in properties:
                continue
            where = (properties["file"], int(properties["line"]))
            waived = result["result"] == "skip"
            found.append(Seen(result["policy"], _resource_id(report["scope"]), *where, result["message"], waived))
    return found


def from_text(text: str) -> list[Seen]:
    """Reads `--show-exempted` text; the message may go over several lines."""
    found = []
    for at in _PLACE.finditer(text):
        where = (at["resource"].replace(" ", "/"), at["file"], int(at["line"]))
        for head in _COMPLAINT.finditer(at["heads"]):
            message = head["message"].replace("\n    ", "\n")
            found.append(Seen(head["policy"], *where, message, head["standing"] == "exempted"))
    return found


_STANDING = r"  (?P<standing>violation|warning|dry run|exempted) \([a-z]+\): "
_COMPLAINT = re.compile(_STANDING + r"(?P<message>(?:.|\n)*?) \[(?P<policy>\S+)\]$", re.MULTILINE)
_PLACE = re.compile(
    r"^(?P<heads>  (?:violation|warning|dry run|exempted)(?:.+\n)+?)"
    r"    (?P<file>\S.*):(?P<line>\d+):\d+ in (?P<resource>.*)$",
    re.MULTILINE,
)


def from_table(text: str) -> list[Seen]:
    head, *rows = text.split("\n\n", maxsplit=1)[0].splitlines()
    starts = [head.index(name) for name in ("RESULT", "SEVERITY", "POLICY", "RESOURCE", "WHERE", "MESSAGE")]
    found = []
    for row in rows:
        standing, severity, policy, resource, where, message = _cells(row, starts)
        file, line, _ = where.rsplit(":", 2) if where.count(":") > 1 else ("", "0", "")
        if severity == "-":
            continue
        text = re.sub(r" \((approved|baseline).*\)$", "", message).replace("\\n", "\n")
        found.append(Seen(policy, resource.replace(" ", "/"), file, int(line), text, standing == "exempted"))
    return found


def _cells(row: str, starts: list[int]) -> list[str]:
    """Columns by their place on the screen: wide characters take two places, shown as one more NUL."""
    placed = "".join(at + "\0" * (unicodedata.east_asian_width(at) in ("W", "F")) for at in row)
    ends = [*starts[1:], len(placed)]
    return [placed[start:end].replace("\0", "").strip() for start, end in zip(starts, ends, strict=True)]


READERS: dict[str, Callable[[str], list[Seen]]] = {
    "text": from_text,
    "table": from_table,
    "json": from_json,
    "yaml": from_yaml,
    "sarif": from_sarif,
    "junit": from_junit,
    "github": from_github,
    "openreports": from_openreports,
}
