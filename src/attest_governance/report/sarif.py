"""`--format sarif`: SARIF 2.1.0 as GitHub code scanning accepts it.

GitHub refuses a whole file over one result without a place, so each has one: what no file is known
for is shown at the policy, or at the first file of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from attest_governance import clean
from attest_governance.model import Location
from attest_governance.report import words
from attest_governance.report.fingerprint import Fingerprints, LineHashes
from attest_governance.report.json_document import to_json, write_with
from attest_governance.report.sarif_rules import LEVELS, rules
from attest_governance.report.source import RepositoryPaths, SourceReader

if TYPE_CHECKING:
    from attest_governance.model import Finding, Outcome, Problem, Waiver
    from attest_governance.report.registry import ReportOptions

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_POLICY_CODES = ("rego_", "policy_", "bundle_", "template_", "constraint_", "config_")


def write(outcome: Outcome, out: TextIO, options: ReportOptions) -> None:
    """Prints one run of one tool; waived findings are suppressed results."""
    run = _Run(outcome, options)
    write_with(_document(run.about()), "results", run.results(), out)


class _Run:
    """Builds the `run` object."""

    def __init__(self, outcome: Outcome, options: ReportOptions) -> None:
        self._outcome = outcome
        self._options = options
        self._paths = RepositoryPaths(options, outcome.sources)
        self._source = SourceReader(options.root, outcome.sources, outcome.findings)
        self._fingerprints = Fingerprints()
        self._rules = rules(outcome)
        self._index = {rule["id"]: at for at, rule in enumerate(self._rules)}
        self._policies = {policy.name: policy for policy in outcome.policies}
        self._fallback = _first_file(outcome)
        self._has_baseline = any(finding.waiver and finding.waiver.kind == "baseline" for finding in outcome.findings)
        self._hashed = ""
        self._hashes = LineHashes([])

    def about(self) -> dict[str, Any]:
        """The run without its results."""
        return {
            **head(self._rules, self._options),
            "invocations": [self._invocation()],
            "results": [],
            "properties": msgspec.to_builtins(self._outcome.summary),
        }

    def results(self) -> Iterator[dict[str, Any]]:
        """The results, one by one: there may be very many."""
        return map(self._result, self._outcome.findings)

    def _invocation(self) -> dict[str, Any]:
        notes: dict[str, list[dict[str, Any]]] = {
            "toolExecutionNotifications": [],
            "toolConfigurationNotifications": [],
        }
        for problem in self._outcome.problems:
            notes[_kind_of(problem)].append(self._notification(problem))
        notes["toolExecutionNotifications"] += [
            {"level": "note", "message": {"text": message(notice)}} for notice in self._outcome.notices
        ]
        return {
            "executionSuccessful": self._outcome.summary.verdict != "error",
            "commandLine": clean.one_line(self._options.command),
            "endTimeUtc": self._options.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **notes,
        }

    def _notification(self, problem: Problem) -> dict[str, Any]:
        at = Location(problem.file, problem.line, problem.column, problem.end_line, problem.end_column)
        text = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
        note: dict[str, Any] = {
            "level": problem.severity,
            "message": {"text": message(text)},
            "descriptor": {"id": problem.code or "problem"},
            "locations": [self._location(self._anchored(at, problem.policy), "")],
        }
        if problem.policy in self._index:
            note["associatedRule"] = {"id": problem.policy, "index": self._index[problem.policy]}
        return note

    def _result(self, finding: Finding) -> dict[str, Any]:
        at = self._anchored(finding.location, finding.policy)
        result: dict[str, Any] = {
            "ruleId": finding.policy,
            "ruleIndex": self._index[finding.policy],
            "level": LEVELS[finding.enforcement],
            "message": {"text": message(finding.message)},
            "locations": [self._location(at, finding.resource.id)],
            "partialFingerprints": self._fingerprint(finding, at),
            # A list without entries says that suppression was considered: the finding counts.
            "suppressions": [_suppression(finding.waiver)] if finding.waiver else [],
            "properties": self._properties(finding),
        }
        if self._has_baseline:
            known = finding.waiver is not None and finding.waiver.kind == "baseline"
            result["baselineState"] = "unchanged" if known else "new"
        return result

    def _properties(self, finding: Finding) -> dict[str, Any]:
        subject = finding.resource
        return {
            "rule": finding.rule,
            "severity": finding.severity,
            "enforcement": finding.enforcement,
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            **({"template": subject.template} if subject.template else {}),
            **({"fragment": subject.fragment} if subject.fragment else {}),
            **({"rendered": finding.rendered.folder} if finding.rendered else {}),
            "path": finding.location.path,
            "fix": finding.fix,
        }

    def _fingerprint(self, finding: Finding, at: Location) -> dict[str, str]:
        lines = self._source.lines(at.file)
        if at.file != self._hashed:
            self._hashed, self._hashes = at.file, LineHashes(lines)
        line = lines[at.line - 1] if 1 <= at.line <= len(lines) else ""
        own = {"attestFinding/v1": self._fingerprints.of(finding, self._paths.name(at.file), line)}
        # GitHub's action computes this one too, and complains where ours differs: lines that can't be
        # read, or hold secrets that could be guessed from it, are left to it.
        known = self._hashes.of(at.line) if lines and not self._source.is_masked(at.file) else ""
        return own | ({"primaryLocationLineHash": known} if known else {})

    def _location(self, at: Location, subject: str) -> dict[str, Any]:
        place: dict[str, Any] = {"physicalLocation": physical(self._paths.uri(at.file), _region(at))}
        if subject:
            name = f"{subject}#{at.path}" if at.path else subject
            place["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
        return place

    def _anchored(self, at: Location, policy_name: str) -> Location:
        if at.file:
            return at
        policy = self._policies.get(policy_name)
        if policy and policy.file:
            return Location(policy.file, policy.line, 1, policy.line, 1, at.path)
        return Location(self._fallback, 1, 1, 1, 1, at.path)


def write_run(run: dict[str, Any], out: TextIO) -> None:
    """Writes a document of one run."""
    out.write(to_json(_document(run)) + "\n")


def _document(run: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def head(rules: list[dict[str, Any]], options: ReportOptions) -> dict[str, Any]:
    """What every run says: of which tool it is, by which rules, and what its places are relative to."""
    driver = {"name": "attest", "organization": "ATTEST", "informationUri": "https://attest.continuu.ms/"}
    version = {"version": options.version} if options.version else {}
    return {
        "tool": {"driver": {**driver, "rules": rules, **version}},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
    }


def physical(uri: str, region: dict[str, int]) -> dict[str, Any]:
    """A place in a file, which is relative to the repository unless its URI is whole."""
    artifact = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": _ROOT}
    return {"artifactLocation": artifact, "region": region}


def message(text: str) -> str:
    """A plain text message: `[text](target)` would be a link, so its brackets are escaped."""
    harmless = clean.block(text) or "-"
    if "](" in harmless:
        harmless = harmless.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return harmless


def _first_file(outcome: Outcome) -> str:
    """The first input of the run that is known by a name, else the configuration's folder."""
    named: Iterable[str] = chain(
        (finding.location.file for finding in outcome.findings),
        (checked.file for checked in outcome.checked),
        (skipped.file for skipped in outcome.skipped),
        (problem.file for problem in outcome.problems),
    )
    return next(filter(None, named), ".attest/policies.yaml")


def _kind_of(problem: Problem) -> str:
    configured = problem.code.startswith(_POLICY_CODES)
    return "toolConfigurationNotifications" if configured else "toolExecutionNotifications"


def _region(at: Location) -> dict[str, int]:
    """A region that is never empty or backwards; SARIF's end column is exclusive too."""
    line, column = max(1, at.line), max(1, at.column)
    end_line = max(line, at.end_line)
    end_column = max(1, at.end_column) if end_line > line else max(column + 1, at.end_column)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _suppression(waiver: Waiver) -> dict[str, Any]:
    return {
        "kind": "inSource" if waiver.kind == "annotated" else "external",
        "status": "accepted",
        "justification": clean.block(words.waiver(waiver)),
        "properties": msgspec.to_builtins(waiver),
    }
