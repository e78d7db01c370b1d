"""What a scan says of the severities of what it found, in the forms that scanners write.

A form that is not known says nothing, so what is demanded of it is not fulfilled. Where several severities are given of
one vulnerability, the worst counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.predicates import text_at
from attest_governance.attestations.verdict import Check, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from attest_governance.attestations.terms import Terms

_ORDER = ("none", "info", "negligible", "unknown", "low", "medium", "high", "critical")
"""From the least to the worst. Scanners say `unknown` of what nobody has rated yet."""
_OTHER_WORDS = {"moderate": "medium", "important": "high", "informational": "info"}
_SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"), (0.0, "none"))
"""The least score of each severity (CVSS v3 and v4)."""
_MOST_SCORE = 10.0


def check_severities(predicate: Mapping[str, Any], terms: Terms) -> Check:
    """Whether a scan says what it found, and found nothing of the severities that are not wanted."""
    scanner = predicate.get("scanner")
    found = severities_in(scanner.get("result") if isinstance(scanner, dict) else None)
    if found is None:
        return failed("severities", "what the scan found is written in no form that is known here")
    wrong = [f"{found[one]} {one}" for one in terms.scan_refuses if found[one]]
    if wrong:
        return failed("severities", f"the scan found vulnerabilities: {', '.join(wrong)}")
    return passed("severities", f"the scan found none that is {' or '.join(terms.scan_refuses)}")


def severities_in(result: object) -> Counter[str] | None:
    """How many vulnerabilities of each severity a scanner found; None where its form is not known.

    The forms are those of in-toto's predicate of vulnerabilities, of Trivy, of Grype, SARIF, and a number for each
    severity.
    """
    if isinstance(result, list):
        return _counted(_worst(_rated(one.get("severity"))) for one in _objects(result))
    if not isinstance(result, dict):
        return None
    found = _of_scanner(result)
    return _numbers(result) if found is None else _counted(found)


def _of_scanner(result: Mapping[str, Any]) -> Iterable[str] | None:
    """The severity of each vulnerability in a report of Trivy or Grype, or in SARIF; None where it is none of these."""
    if {"SchemaVersion", "ArtifactName"} <= result.keys() and isinstance(result.get("Results"), list | None):
        parts = _objects(result.get("Results"))
        return (_word(one.get("Severity")) for part in parts for one in _objects(part.get("Vulnerabilities")))
    if isinstance(result.get("matches"), list):
        return (_word(text_at(one, "vulnerability", "severity")) for one in _objects(result["matches"]))
    if isinstance(result.get("runs"), list) and result["runs"]:
        return (_worst(said) for run in _objects(result["runs"]) for said in _of_run(run))
    return None


def _numbers(result: Mapping[str, Any]) -> Counter[str] | None:
    numbers = {name.lower(): count for name, count in result.items()}
    plain = all(type(count) is int and count >= 0 for count in numbers.values())
    whole = len(numbers) == len(result) and numbers.keys() <= set(_ORDER) and "critical" in numbers
    return Counter(numbers) if plain and whole else None


def _rated(severity: object) -> list[str]:
    """What several methods say of one vulnerability (in-toto, vulns v0.1 and v0.2): words, or scores of CVSS."""
    said = []
    for one in _objects(severity):
        scores = "cvss" in str(one.get("method")).lower()
        said.append(_word(one.get("score")) or (_scored(one.get("score")) if scores else ""))
    return said


def _of_run(run: Mapping[str, Any]) -> Iterator[list[str]]:
    """What a run in SARIF says of each of its results: by the result itself, and by its rule."""
    tool = run.get("tool")
    driver = tool.get("driver") if isinstance(tool, dict) else None
    rules = _objects(driver.get("rules")) if isinstance(driver, dict) else []
    by_id: dict[object, list[str]] = {}
    for rule in rules:
        by_id.setdefault(_hashable(rule.get("id")), []).extend(_of_properties(rule))
    if not isinstance(run.get("results"), list):
        yield []  # a run without results is one that did not come to its end
    for result in _objects(run.get("results")):
        index = result.get("ruleIndex")
        pointed = rules[index] if type(index) is int and 0 <= index < len(rules) else {}
        named = by_id.get(_hashable(result.get("ruleId")), []) if result.get("ruleId") is not None else []
        yield [*_of_properties(result), *_of_properties(pointed), *named]


def _of_properties(part: Mapping[str, Any]) -> list[str]:
    """The score that scanners write beside a rule, and the word that some give it as a tag."""
    properties = part.get("properties")
    given = properties if isinstance(properties, dict) else {}
    tags = given.get("tags")
    words = [_word(tag) for tag in tags] if isinstance(tags, list) else []
    return [one for one in (_scored(given.get("security-severity")), *words) if one]


def _hashable(value: object) -> object:
    return value if isinstance(value, str) else None


def _word(value: object) -> str:
    """A severity that is written as a word; empty where it is none."""
    text = value.lower() if isinstance(value, str) else ""
    return _OTHER_WORDS.get(text, text if text in _ORDER else "")


def _scored(value: object) -> str:
    """The severity of a score from 0 to 10; empty where it is none."""
    text = bytes(value).decode() if isinstance(value, msgspec.Raw) else value  # a fraction, as it was written
    try:
        score = float(text) if isinstance(text, str) or type(text) is int else -1.0
    except (ValueError, OverflowError):
        return ""
    return next((name for least, name in _SCORES if least <= score <= _MOST_SCORE), "")


def _worst(said: Iterable[str]) -> str:
    """The worst of what is said; empty where nothing is."""
    known = [one for one in said if one]
    return max(known, key=_ORDER.index) if known else ""


def _objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list, or the one that stands for it; null for none. What is no object says nothing of itself."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return [one if isinstance(one, dict) else {} for one in listed]


def _counted(severities: Iterable[str]) -> Counter[str] | None:
    """How often each is there; None where one of them is not known."""
    found = Counter(severities)
    return None if found[""] else found
