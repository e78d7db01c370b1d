"""Names for what a cluster holds: an outcome speaks of objects where the engine spoke of parts of lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from attest_governance.model import Location, Outcome, Problem
from attest_governance.model.finding import in_order

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Kind

P = TypeVar("P", bound=msgspec.Struct)


def link(cluster: str, kind: Kind, name: str = "", namespace: str = "") -> str:
    """How an object of a cluster is named where files have their path; without a name all of its kind."""
    return f"<{cluster}>{kind.path(name, namespace)}"


class Places:
    """What the engine's names of texts mean.

    Args:
        cluster: how people call the cluster.
        kinds: the kind whose objects are in a text, by its name.
    """

    def __init__(self, cluster: str, kinds: Mapping[str, Kind]) -> None:
        self._cluster, self._kinds = cluster, kinds
        names = "|".join(map(re.escape, kinds)) or "(?!)"
        self._mention = re.compile(rf"({names})(:\d+(:\d+)?)?")

    def told(self, outcome: Outcome) -> Outcome:
        """The outcome with objects for places. Their texts are gone, so there is no line to show."""
        findings = [
            msgspec.structs.replace(
                one,
                location=self._location(one.location, self._link(one.location.file, one.resource.id)),
            )
            for one in outcome.findings
        ]
        return msgspec.structs.replace(
            outcome,
            summary=msgspec.structs.replace(outcome.summary, files=0),
            findings=tuple(sorted(findings, key=in_order)),
            problems=tuple(map(self._problem, outcome.problems)),
            skipped=tuple(self._at(one, one.file) for one in outcome.skipped),
            checked=tuple(self._at(one, one.file, one.resource.id) for one in outcome.checked),
            notices=tuple(map(self._text, outcome.notices)),
            sources={},
        )

    def _problem(self, problem: Problem) -> Problem:
        if problem.file not in self._kinds and problem.other_file not in self._kinds:
            return problem
        return msgspec.structs.replace(
            self._at(problem, problem.file, problem.resource),
            column=0,
            end_line=0,
            end_column=0,
            message=self._text(problem.message),
            other_file=self._link(problem.other_file),
        )

    def _at(self, one: P, file: str, resource: str = "") -> P:
        return msgspec.structs.replace(one, file=self._link(file, resource), line=0)

    def _location(self, location: Location, file: str) -> Location:
        return Location(file, 1, 1, 1, 1, location.path)

    def _link(self, file: str, resource: str = "") -> str:
        """The name of an object, given that of the text that holds it, and `Kind/namespace/name`."""
        kind = self._kinds.get(file)
        if kind is None:
            return file
        _, *between, name = resource.split("/") if resource.count("/") else ("", "")
        return link(self._cluster, kind, name, between[0] if between else "")

    def _text(self, text: str) -> str:
        return self._mention.sub(lambda found: link(self._cluster, self._kinds[found[1]]), text)
