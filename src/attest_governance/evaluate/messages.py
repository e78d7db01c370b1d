"""What the engine answers, as it stands on the wire, and how it becomes values of the model."""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Any, Literal

import msgspec

from attest_governance.decoding import decode
from attest_governance.model import (
    Checked,
    Enforcement,
    Finding,
    Location,
    LookedUp,
    Policy,
    Problem,
    Resource,
    Severity,
    Skipped,
)
from attest_governance.model.rendering import RenderedFolder
from attest_governance.model.sources import ReadFile
from attest_governance.model.testing import Case, Coverage


class Versions(msgspec.Struct, frozen=True):
    """Answer of `initialize`."""

    protocol: int
    engine: str
    opa: str
    gatekeeper: str
    go: str


class Status(msgspec.Struct, frozen=True):
    """Answer of `status`: what the process holds; `memory` is that of the heap, in bytes."""

    sets: int
    inventories: int
    goroutines: int
    memory: int


class LoadAnswer(msgspec.Struct, frozen=True):
    """Answer of `policies/load`; without a `set` nothing may be judged."""

    set: str
    policies: tuple[Policy, ...] = ()
    problems: tuple[Problem, ...] = ()
    read: tuple[ReadFile, ...] = ()
    kept: str = ""
    """All that the sources hold, packed, where that was asked for."""
    synced: tuple[LookedUp, ...] = ()
    """What the Config and SyncSets among the policies put into `data.inventory` of a cluster."""


class InventoryName(msgspec.Struct, frozen=True):
    """Answer of `inventory/open`."""

    inventory: str


class InventorySize(msgspec.Struct, frozen=True):
    """Answer of `inventory/apply`: how many objects there are, and the bytes of their texts."""

    objects: int
    bytes: int


class WireFinding(msgspec.Struct, frozen=True, gc=False):
    """A finding whose resource is an index into its batch."""

    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    severity: Severity
    enforcement: Enforcement
    message: str
    resource: int
    location: Location
    details: msgspec.Raw = msgspec.Raw(b"{}")
    fix: str = ""

    def finding(self, resources: tuple[Resource, ...]) -> Finding:
        """The finding with its resource. What very many findings repeat, they share."""
        at = self.location
        # By position, since names cost half as much again, and a run may have very many.
        return Finding(
            intern(self.policy),
            self.engine,
            intern(self.rule),
            self.severity,
            self.enforcement,
            self.message,
            resources[self.resource],
            Location(intern(at.file), at.line, at.column, at.end_line, at.end_column, intern(at.path)),
            None,
            _details(bytes(self.details)),
            intern(self.fix),
        )


_SHORT = 256
"""Bytes of details that are kept to be shared."""


def _details(text: bytes) -> dict[str, Any]:
    return _short_details(text) if len(text) <= _SHORT else decode(text, dict[str, Any])


@lru_cache(maxsize=1024)
def _short_details(text: bytes) -> dict[str, Any]:
    return decode(text, dict[str, Any])


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(intern, names))


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """One evaluation of one policy on one resource, recorded where debugging asks for it.

    `nanoseconds` is 0 for a constraint: all constraints of a resource are evaluated in one go.
    """

    decision_id: str
    time: str
    policy: str
    engine: Literal["opa", "gatekeeper"]
    rule: str
    resource: str
    file: str
    line: int
    nanoseconds: int
    violations: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class _Batch(msgspec.Struct, frozen=True):
    files: int = 0
    total: int = 0
    """How many files there are in the whole run."""
    judged: int = 0
    """How many resources were judged."""
    unspoken: dict[str, int] = {}
    """Of these, how many no selected policy looks at, by kind."""
    asked: dict[str, dict[str, int]] = {}
    """How many of these each policy looked at, by its name and their kind."""
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    checked: tuple[Checked, ...] = ()
    decisions: tuple[Decision, ...] = ()
    spent: dict[str, int] = {}
    """Nanoseconds of evaluation by engine, where that is measured."""


class Batch(_Batch, frozen=True):
    """What some files came to, complete, in the order of the files."""

    findings: tuple[Finding, ...] = ()


class WireBatch(_Batch, frozen=True):
    """A notification `check/batch`."""

    resources: tuple[Resource, ...] = ()
    """Those of the findings."""
    findings: tuple[WireFinding, ...] = ()

    def held(self) -> Batch:
        """The batch as it is held until the run ends: its findings with their resources."""
        told = {name: getattr(self, name) for name in _Batch.__struct_fields__}
        told["checked"] = tuple(
            Checked(one.resource, intern(one.file), one.line, _shared(one.policies)) for one in self.checked
        )
        return Batch(**told, findings=tuple(one.finding(self.resources) for one in self.findings))


class CheckAnswer(msgspec.Struct, frozen=True):
    """Answer of `check`."""

    files: int
    resources: int
    unspoken: int
    skipped: int


class FoldersAnswer(msgspec.Struct, frozen=True):
    """Answer of `folders`, in the order of a walk."""

    folders: tuple[RenderedFolder, ...]


class QueryAnswer(msgspec.Struct, frozen=True):
    """Answer of `data/query`; `result` is UNSET where the value is undefined."""

    result: Any = msgspec.UNSET
    problems: tuple[Problem, ...] = ()


class ReachAnswer(msgspec.Struct, frozen=True):
    """Answer of `policies/reach`: `judged` are indices of the kinds that were asked about."""

    judged: tuple[int, ...] = ()
    namespaces: bool = False
    """Whether the Namespaces of resources may count."""
    definitions: bool = False
    """Whether resources are held to the types of their CustomResourceDefinitions."""


class ResultsAnswer(msgspec.Struct, frozen=True):
    """Answer of `results`: what a folder holds, in `bytes` of at most `max`."""

    files: int
    bytes: int
    max: int
    unused: str = ""
    """Why checks leave it alone; empty where they use it."""


class RegoTemplate(msgspec.Struct, frozen=True):
    """A plain policy as the Rego of a Gatekeeper template, v1, and what the rest of the template depends on."""

    policy: str
    kind: str
    package: str
    rego: str
    libs: tuple[str, ...] = ()
    level: str = ""
    match: dict[str, Any] | None = None
    """A match block for constraints, where the policy's METADATA states one."""
    rules: tuple[str, ...] = ()
    evidence: bool = False
    network: bool = False
    namespace: bool = False
    inventory: bool = False


class SourceObject(msgspec.Struct, frozen=True):
    """A Gatekeeper object as it was read, at `line` of `file`."""

    file: str
    line: int
    value: dict[str, Any]


class TemplatesAnswer(msgspec.Struct, frozen=True):
    """Answer of `gatekeeper/templates`."""

    templates: tuple[RegoTemplate, ...] = ()
    objects: tuple[SourceObject, ...] = ()
    problems: tuple[Problem, ...] = ()


class TestBatch(msgspec.Struct, frozen=True):
    """A notification `test/cases`."""

    __test__ = False

    cases: tuple[Case, ...] = ()


class TestAnswer(msgspec.Struct, frozen=True):
    """Answer of `test`."""

    __test__ = False

    problems: tuple[Problem, ...] = ()
    coverage: Coverage | None = None


class ProfileProgress(msgspec.Struct, frozen=True):
    """A notification `profile/progress`."""

    round: int
    rounds: int
    files: int
    total: int


class Progress(msgspec.Struct, frozen=True):
    """A notification that says how far the work is."""

    text: str
