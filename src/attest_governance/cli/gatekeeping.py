"""What the commands of `attest gatekeeper` share: from options to templates, and from results to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.clock import system_clock
from attest_governance.check import check
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import show, tell
from attest_governance.cli.session import open_here
from attest_governance.gatekeeper.belonging import is_constraint
from attest_governance.gatekeeper.generate import Generated, Recipe, Written, generate
from attest_governance.gatekeeper.system import SYSTEM_POD, refusal
from attest_governance.model.problem import refuse
from attest_governance.model.sources import Manifests

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Object
    from attest_governance.gatekeeper.difference import Difference
    from attest_governance.gatekeeper.install import Change
    from attest_governance.model import Problem
    from attest_governance.request import Request


def make(policies: Sequence[str], request: Request, excluded_namespaces: Sequence[str]) -> Generated:
    """Loads the policies that are meant and turns them into templates.

    Raises:
        AttestError: a policy, a file or the configuration is wrong, or the policies are not approved.
    """
    now = system_clock()
    with open_here(msgspec.structs.replace(request, names=tuple(policies)), now) as runtime:
        refuse(runtime.loaded.problems)
        refuse(runtime.problems)
        plan = runtime.plan(Manifests(inputs=(SYSTEM_POD,)), now)
        found = check(runtime.engine, runtime.loaded, plan, now=now).findings
        tell(*filter(None, (refusal(found, excluded_namespaces), *(f"notice: {one}" for one in runtime.unproven))))
        for name in runtime.weights.rollout:
            tell(f"notice: `{name}` has a rollout, which its constraint can't have: it does what `enforcement` says")
        recipe = Recipe(
            sources=runtime.sources,
            selected=runtime.selected,
            enforcement=runtime.weights.enforcement,
            severity={one.name: one.severity for one in runtime.selected},
            excluded_namespaces=tuple(excluded_namespaces),
        )
        return generate(runtime.engine, runtime.loaded, recipe)


def show_written(written: Sequence[Written], problems: Sequence[Problem], name: str) -> None:
    """Says which files were written."""
    lines = [f"{each.action:<9}  {each.file}" for each in written]
    show({"schema": "attest.continuu.ms/gatekeeper-files/v1", "files": msgspec.to_builtins(written)}, lines, name)
    warn(problems)


def show_changes(changes: Sequence[Change], name: str, *, dry_run: bool) -> None:
    """Says what was done to a cluster, or would be."""
    document = {
        "schema": "attest.continuu.ms/gatekeeper-changes/v1",
        "dryRun": dry_run,
        "changes": msgspec.to_builtins(changes),
    }
    lines = [_line(each) for each in changes] or ["nothing to do"]
    show(document, [*lines, "dry run: nothing was changed"] if dry_run else lines, name)


def carry_out(changes: Iterable[Change], name: str, *, dry_run: bool) -> None:
    """Makes changes, one by one, and shows those that were made, also when an error ends them half-way."""
    made: list[Change] = []
    try:
        made.extend(changes)
    finally:
        show_changes(made, name, dry_run=dry_run)


def told(changes: Iterable[Change], objects: Sequence[Object]) -> Iterator[Change]:
    """Passes on the changes of an installation, and shows how far it is and what is waited for."""
    templates = sum(not is_constraint(each) for each in objects)
    with Progress("installing") as progress:
        for count, change in enumerate(changes, 1):
            waits = count == templates < len(objects)
            progress.show("objects; Gatekeeper takes the templates in" if waits else "objects", count, len(objects))
            yield change


def _line(change: Change) -> str:
    where = "/".join(part for part in (change.kind, change.namespace, change.name) if part)
    return f"{change.action:<9}  {where}" + (f"  ({change.note})" if change.note else "")


def show_differences(differences: Sequence[Difference], name: str) -> None:
    """Shows what an installation would change."""
    document = {
        "schema": "attest.continuu.ms/gatekeeper-diff/v1",
        "differences": msgspec.to_builtins(differences),
    }
    lines = [line for each in differences for line in _diff_lines(each)]
    show(document, lines or ["no difference"], name)


def _diff_lines(difference: Difference) -> list[str]:
    head = f"{difference.action} {difference.kind}/{difference.name}"
    conflict = [f"  conflict: {difference.conflict}"] if difference.conflict else []
    return [head, *conflict, *difference.diff.splitlines()]


def warn(problems: Sequence[Problem]) -> None:
    """Prints warnings to standard error."""
    for problem in problems:
        tell(f"warning: {problem.message}")
