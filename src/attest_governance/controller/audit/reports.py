"""What is found in a cluster as objects of it: `Report` and `ClusterReport` of openreports.io, one for each object.

An object of which there is nothing to say has none. Reports are written by server-side apply, only where they differ
from what is there, and each belongs to its object: a cluster's garbage collector removes it with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.adapters.cluster import Head, Kind, Object
from attest_governance.errors import ClusterError, ConflictError, OutputError, UsageError
from attest_governance.model import Finding, Outcome, Problem
from attest_governance.model.finding import digest_of
from attest_governance.report.openreports import API_VERSION, Results, report_object

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import WholeCluster

LABEL = "attest.continuu.ms/report"
OURS = f"{LABEL}=audit"
"""What reports of audits carry: those that people apply themselves are none of ours."""
_DIGEST = "attest.continuu.ms/digest"
_SHARD = 900_000
"""Bytes of one report's results: etcd refuses what is above 1.5 MiB."""
_TEXT = 16_000
"""Characters of one text: what policies say may be as long as an object."""
_THREADS = 8
_AT_ONCE = 256


class Subject(msgspec.Struct, frozen=True):
    """An object with what is said of it."""

    kind: Kind
    head: Head
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """What was done to reports."""

    applied: int = 0
    unchanged: int = 0
    deleted: int = 0


class There(msgspec.Struct, frozen=True):
    """A report as the cluster has it."""

    kind: Kind
    value: Object

    @property
    def key(self) -> tuple[str, str, str]:
        """What reports are told apart by."""
        metadata = self.value["metadata"]
        return self.kind.kind, metadata.get("namespace", ""), metadata["name"]

    @property
    def digest(self) -> str:
        """Of what it says, but for the time."""
        return str((self.value["metadata"].get("annotations") or {}).get(_DIGEST, ""))

    @property
    def subject(self) -> tuple[str, str, str]:
        """Group, kind and namespace of the object that it speaks of."""
        scope = self.value.get("scope") or {}
        group = str(scope.get("apiVersion", "")).rpartition("/")[0]
        return group, str(scope.get("kind", "")), str(scope.get("namespace", ""))


def subjects(outcome: Outcome, named: dict[str, tuple[Kind, Head]]) -> Iterator[Subject]:
    """The objects that an outcome says something of, given all objects by the name that places give them."""
    findings, problems = dict[str, list[Finding]](), dict[str, list[Problem]]()
    for finding in outcome.findings:
        findings.setdefault(finding.location.file, []).append(finding)
    for problem in outcome.problems:
        problems.setdefault(problem.file, []).append(problem)
    for name in dict.fromkeys((*findings, *problems)):
        if known := named.get(name):
            yield Subject(*known, tuple(findings.get(name, ())), tuple(problems.get(name, ())))


class Reports:
    """The reports of one cluster.

    Args:
        cluster: the cluster.
        held: whether this process may write, asked before each.
        threads: how many are written at a time.

    Raises:
        UsageError: the cluster does not serve reports.
    """

    def __init__(self, cluster: WholeCluster, held: Callable[[], bool] = lambda: True, threads: int = _THREADS) -> None:
        self._cluster, self._held, self._threads = cluster, held, threads
        served = {kind.kind: kind for kind in cluster.kinds(API_VERSION)}
        if not {"Report", "ClusterReport"} <= set(served):
            raise UsageError(
                f"the cluster does not serve `{API_VERSION}`",
                hint="install the CustomResourceDefinitions of OpenReports, or leave out --reports",
            )
        self._report, self._cluster_report = served["Report"], served["ClusterReport"]

    def there(self) -> Iterator[There]:
        """The reports of audits that the cluster has."""
        for kind in (self._report, self._cluster_report):
            yield from (There(kind, value) for value in self._cluster.list(kind, OURS))

    def write(
        self,
        wanted: Iterable[tuple[Subject, Iterable[There]]],
        there: Iterable[There],
        stale: Callable[[There], bool] = lambda _: True,
    ) -> Written:
        """Writes the reports of objects, and deletes those of others.

        Args:
            wanted: the objects of which there is something to say, with their reports.
            there: the reports that the cluster has.
            stale: whether a report that is not wanted is about what was judged, so that it must go.

        Raises:
            OutputError: some could not be written; all others are.
            ClusterError: this process may not write any more.
        """
        known = {one.key: one for one in there}
        there = known.values()
        kept: set[tuple[str, str, str]] = set()
        failures: list[ClusterError] = []

        def apply(made: tuple[Subject, There]) -> bool:
            subject, report = made
            there = known.get(report.key)
            if there and there.digest == report.digest:
                return False
            self._may_write()
            try:
                self._cluster.apply(report.kind, report.value, force=True)
            except ClusterError as error:
                if self._exists(subject):
                    failures.append(error)
            return True

        def noted() -> Iterator[tuple[Subject, There]]:
            for subject, reports in wanted:
                for report in reports:
                    kept.add(report.key)
                    yield subject, report

        applied = self._each(apply, noted())
        old = [one for one in there if one.key not in kept and stale(one)]
        deleted = self._each(lambda one: self.delete(one, failures), old)
        if failures:
            others = f", and {len(failures) - 1} more like it" if len(failures) > 1 else ""
            raise OutputError(f"a report can't be written: {failures[0].message}{others}", hint=failures[0].hint)
        return Written(sum(applied), len(applied) - sum(applied), sum(deleted))

    def of(self, subject: Subject, now: datetime) -> Iterator[There]:
        """The reports about an object, none of which is too large."""
        made = Results(now, places=False)
        results = [*map(made.finding, subject.findings), *map(made.problem, subject.problems)]
        for number, shard in enumerate(_shards(map(_short, results)), 1):
            yield self._made(subject, shard, number)

    def delete(self, report: There, failures: list[ClusterError]) -> bool:
        """Deletes a report; somebody else's of its name is left alone."""
        metadata = report.value["metadata"]
        self._may_write()
        try:
            value: Object | None = report.value
            if "uid" not in metadata:
                value = self._cluster.get(report.kind, metadata["name"], metadata.get("namespace", ""))
            ours = value is not None and (value["metadata"].get("labels") or {}).get(LABEL) == "audit"
            return ours and self._cluster.delete(report.kind, value or {})
        except ConflictError:
            return False
        except ClusterError as error:
            failures.append(error)
            return False

    def _may_write(self) -> None:
        if not self._held():
            raise ClusterError("another replica writes by now", hint="it goes on from here")

    def known(self, name: str, namespace: str, digest: str) -> There:
        """A report that was written before."""
        kind = self._report if namespace else self._cluster_report
        place = {"namespace": namespace} if namespace else {}
        return There(kind, {"metadata": {"name": name, "annotations": {_DIGEST: digest}, **place}})

    def _made(self, subject: Subject, results: list[dict[str, Any]], number: int) -> There:
        kind, head = subject.kind, subject.head
        report = self._report if head.namespace else self._cluster_report
        about = {"apiVersion": kind.api_version, "kind": kind.kind, "name": head.name, "uid": head.uid}
        timeless = [{key: value for key, value in one.items() if key != "timestamp"} for one in results]
        digest = digest_of((json.dumps(timeless, sort_keys=True), head.uid))
        metadata = {
            "name": report_name(kind, head, number),
            "labels": {LABEL: "audit"},
            "annotations": {_DIGEST: digest},
            "ownerReferences": [about],
            **({"namespace": head.namespace} if head.namespace else {}),
        }
        scope = {**about, **({"namespace": head.namespace} if head.namespace else {})}
        return There(report, report_object(report.kind, metadata, scope, results))

    def _exists(self, subject: Subject) -> bool:
        """Whether the object is still there; what can't be told is taken for yes."""
        try:
            return self._cluster.get(subject.kind, subject.head.name, subject.head.namespace) is not None
        except ClusterError:
            return True

    def _each(self, work: Callable[[Any], bool], items: Iterable[Any]) -> list[bool]:
        every, done = iter(items), list[bool]()
        with ThreadPoolExecutor(self._threads, "attest-reports") as pool:
            while some := tuple(islice(every, _AT_ONCE)):  # a pool would take all at once, and keep them
                done += pool.map(work, some)
        return done


def report_name(kind: Kind, head: Head, number: int = 1) -> str:
    """The name of the report about an object, or of its next part: it stays as long as the object has its own name."""
    name = f"attest-{digest_of((kind.group, kind.kind, head.namespace, head.name), 40)}"
    return name if number == 1 else f"{name}-{number}"


def _short(result: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _cut(value) for name, value in (result.get("properties") or {}).items()}
    return result | {"message": _cut(result.get("message", "")), "properties": properties}


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}… ({len(text) - _TEXT} more characters)"


def _shards(results: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    shard: list[dict[str, Any]] = []
    size = 0
    for result in results:
        weight = len(json.dumps(result).encode())
        if shard and size + weight > _SHARD:
            yield shard
            shard, size = [], 0
        shard.append(result)
        size += weight
    if shard:
        yield shard
