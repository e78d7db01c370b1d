"""The gate of a check: only what belongs to an approved set may judge.

What was read for a run is compared as it was read: a file that is exchanged before or afterwards, or that
lies where no set has it, is noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError
from attest_governance.govern.policysets.departures import Download, approve_download
from attest_governance.govern.policysets.files import belongs, digests, read_files
from attest_governance.govern.policysets.history import Approved, ensure_lasting, read_history, with_trust_of
from attest_governance.govern.project import TRUST_FILES, Project, open_project
from attest_governance.govern.rules import RULES_FILE
from attest_governance.govern.trail.known import known
from attest_governance.model.sources import ReadFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of, as far as it could change a verdict."""

    read: tuple[ReadFile, ...] = ()
    """Every file that was read for it, but for what is judged."""
    shipped: Path
    """The folder of the shipped policies, which count as approved."""
    bundle: Download | None = None
    """A download among the files; the approved rules must trust its key."""
    departures: tuple[str, ...] = ()
    """What else the run goes by that nobody has approved, in words (see `departures`)."""
    softened: tuple[str, ...] = ()
    """What the configuration switches off or turns into less than a failure, in words."""
    asks_rego: bool = True
    """Whether the configuration has Rego policies asked: then none of the approved ones may be left out."""
    insists: bool = False
    """Whether departures are refused instead of told (`--governed`)."""


def policy_gate(root: Path, now: datetime, run: Run | None = None, pin: str = "") -> tuple[str, ...]:
    """Insists that a run goes by an approved set: policies, documents, configuration and trust files.

    Args:
        root: the folder that holds `.attest`.
        now: the moment of the check.
        run: what the run was made of; without it, the files are compared as they lie there.
        pin: see `read_history`.

    Returns:
        Notices for the reports, the most important one first.

    Raises:
        GovernanceError: something differs from the last approved set, or departs from it where that is refused; the
            message says what. Or the clock is behind the trail of this machine.
    """
    project = open_project(root)
    known(project.trail).ensure_not_after(now)
    history = read_history(project, now, pin)
    ensure_lasting(history)
    current = history.current
    if not pin and not _asked(project, current):
        _told(run)
        return _weakened(project, run)
    if current is None:
        raise GovernanceError(
            "no policy set has been approved yet", file=RULES_FILE, hint="`attest governance propose` starts it"
        )
    keys = with_trust_of(project, current.terms).rules.bundle_keys
    read = list(_read(root, current, keys, run))
    _ensure_approved(root, current, read)
    told = _told(run, _left_out(current, {name for name, _ in read}) if run and run.asks_rego else ())
    approved = f"policy set {current.judgement.record.id}, {current.judgement.latest.tally}"
    download = (approve_download(run.bundle, keys),) if run and run.bundle else ()
    return (*(f"NOT THE APPROVED VERDICT: {one}" for one in told), approved, *download)


def _told(run: Run | None, left_out: Iterable[str] = ()) -> tuple[str, ...]:
    """What people are told of a run that departs from what is approved.

    Raises:
        GovernanceError: that is refused.
    """
    if run is None:
        return ()
    found = (*run.departures, *left_out)
    if found and run.insists:
        hint = "leave that out, or let the configuration say it and propose that; without --governed it is told"
        raise GovernanceError(f"this run would not go by what is approved: {', '.join(found)}", hint=hint)
    return found


def _left_out(current: Approved, read: Collection[str]) -> Iterator[str]:
    for name in current.terms.files:
        if name.endswith(".rego") and not name.endswith("_test.rego") and name not in read:
            yield f"`{name}` is left out"


def _weakened(project: Project, run: Run | None) -> tuple[str, ...]:
    """Where exemptions need approval and policies don't: what else excuses, for all to see."""
    if run is None or project.rules.exemption_approval is None:
        return ()
    return tuple(f"weakened: {one}" for one in run.softened)


def _read(root: Path, current: Approved, keys: frozenset[str], run: Run | None) -> Iterator[tuple[str, str]]:
    """The files of a run, each by its path in the project, or in full, with its digest."""
    if run is None:
        yield from read_files(root, current.terms.roots).items()
        return
    yield from digests(root, TRUST_FILES).items()
    top, shipped = root.resolve(), run.shipped.resolve()
    download = run.bundle.path.resolve() if run.bundle else None
    key = run.bundle.key if run.bundle else ""  # judged by `approve_download`
    for one in run.read:
        file, digest = Path(one.file), f"sha256:{one.sha256}"
        ours = file.is_relative_to(shipped) or (download is not None and file.is_relative_to(download))
        if not ours and digest not in {key, *keys}:
            yield (file.relative_to(top).as_posix() if file.is_relative_to(top) else one.file), digest


def _ensure_approved(root: Path, current: Approved, read: Iterable[tuple[str, str]]) -> None:
    files = current.terms.files
    wrong = {name: "changed" if name in files else "added" for name, digest in read if files.get(name) != digest}
    top = root.resolve()
    # A link in its place, or on the way to it, is not the file that was approved.
    wrong |= {name: "removed" for name in files if not (top / name).is_file() or (top / name).resolve() != top / name}
    if not wrong:
        return
    outside = [name for name in sorted(wrong) if wrong[name] == "added" and not belongs(name, current.terms.roots)]
    roots = "".join(f" --root {name}" for name in (*current.terms.roots, *outside)) if outside else ""
    listed = ", ".join(f"{name} ({wrong[name]})" for name in sorted(wrong))
    raise GovernanceError(
        f"the policies differ from the last approved set `{current.judgement.record.id}`: {listed}",
        hint=f"propose the change with `attest governance propose{roots}`, or undo it",
    )


def _asked(project: Project, current: Approved | None) -> bool:
    """Whether the rules here ask for approved policies, or those of the approved set did."""
    rules = [project.rules, *([with_trust_of(project, current.terms).rules] if current else [])]
    return any(one.policy_approval is not None for one in rules)
