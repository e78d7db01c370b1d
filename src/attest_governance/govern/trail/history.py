"""The audit trail together with the records: one history, and one answer to whether it is whole.

The trail is this machine's; what people signed elsewhere arrives with the records. Both are shown as
one log, and each vouches for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from attest_governance.errors import GovernanceError, UsageError
from attest_governance.exempt.exemption import matches
from attest_governance.exempt.times import format_instant, parse_moment
from attest_governance.govern.project import FOLDERS, HEAD_FILE, Project
from attest_governance.govern.records.record import read_events, read_record
from attest_governance.govern.records.workflow import happening
from attest_governance.govern.trail import audit
from attest_governance.model.governance import AuditReport, Entry

ON_RECORD_ONLY = -1
"""`seq` of an act that stands in a record, but not on this machine's trail."""


class Query(msgspec.Struct, frozen=True):
    """Which entries to show, as a person types it: globs, and since when, a time or a duration ago."""

    since: str = ""
    actor: str = "*"
    policy: str = "*"
    resource: str = "*"

    def select(self, entries: Iterable[Entry], now: datetime) -> tuple[Entry, ...]:
        """The entries that are asked for.

        Raises:
            UsageError: `since` is neither.
        """
        first = format_instant(_since(self.since, now)) if self.since else ""
        return tuple(one for one in entries if one.at >= first and self._matches(one))

    def _matches(self, entry: Entry) -> bool:
        return all(matches(getattr(self, name), getattr(entry, name)) for name in ("actor", "policy", "resource"))


def all_entries(project: Project) -> list[Entry]:
    """The trail, and the acts in the records that it does not hold, in the order of time.

    Acts name their policy and resource also where only the request holds them.

    Raises:
        GovernanceError: the trail or a record is damaged.
    """
    found = list(audit.entries(project.trail))
    known = {entry.event for entry in found if entry.event}
    about: dict[str, tuple[str, str]] = {}
    for entry in _acts(project):
        if entry.policy:
            about[entry.record] = (entry.policy, entry.resource)
        if entry.event not in known:
            found.append(entry)
    named = [_named(entry, about) for entry in found]
    return sorted(named, key=lambda entry: (entry.at, entry.seq if entry.seq >= 0 else 1 << 62))


def verify_all(project: Project, now: datetime, head: Path | None = None) -> AuditReport:
    """Checks the trail's chain, its heads, every record, and that none lacks what the trail holds."""
    broken: list[str] = []
    try:
        chain = audit.verify(project.trail)
    except GovernanceError as error:
        chain = []
        broken.append(str(error))
    sealed, sealed_by = _check_heads(project, chain, head, broken)
    records, events = _check_records(project, now, broken)
    broken += [
        f"{entry.kind} of `{entry.record}` by `{entry.actor}` is on the trail (entry {entry.seq}), not in its record"
        for entry in chain
        if entry.event and entry.event not in events
    ]
    return AuditReport(
        entries=len(chain),
        records=records,
        events=len(events),
        sealed=sealed,
        sealed_by=sealed_by,
        broken=tuple(broken),
    )


def _acts(project: Project) -> Iterator[Entry]:
    for subject in FOLDERS:
        store = project.stores[subject]
        for record in store.records():
            for signed in read_events(store, record):
                happened = happening(signed)
                fields = {**msgspec.structs.asdict(happened), "at": format_instant(happened.at)}
                yield Entry(seq=ON_RECORD_ONLY, previous="", **fields)


def _named(entry: Entry, about: dict[str, tuple[str, str]]) -> Entry:
    if entry.policy or entry.record not in about:
        return entry
    policy, resource = about[entry.record]
    return msgspec.structs.replace(entry, policy=policy, resource=resource)


def _check_heads(project: Project, chain: list[Entry], head: Path | None, broken: list[str]) -> tuple[int, str]:
    sealed, sealed_by = 0, ""
    kept = project.root / HEAD_FILE
    for path in ([kept] if kept.exists() else []) + ([head] if head else []):
        try:
            read = audit.read_head(path.read_bytes(), path.name)
            person = audit.check_head(chain, read, project.trust)
        except (GovernanceError, OSError) as error:
            broken.append(f"{path}: {error}")
        else:
            sealed, sealed_by = max((sealed, sealed_by), (read.length, person))
    return sealed, sealed_by


def _check_records(project: Project, now: datetime, broken: list[str]) -> tuple[int, set[str]]:
    records, events = 0, set[str]()
    for subject in FOLDERS:
        store = project.stores[subject]
        for record in store.records():
            records += 1
            try:
                events |= {signed.event.digest for signed in read_record(store, record, now).events}
            except GovernanceError as error:
                broken.append(str(error))
    return records, events


def _since(text: str, now: datetime) -> datetime:
    try:
        return parse_moment(text, now)
    except ValueError as error:
        raise UsageError(f"`--since`: {error}", hint="or give a duration, such as 30d") from error
