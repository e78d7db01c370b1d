"""What the commands of `attest gatekeeper` share: from options to templates, and from results to text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.cli.session import engine, environment
from attest_governance.describe import refuse_invalid
from attest_governance.errors import PolicyError, UsageError
from attest_governance.gatekeeper.generate import Generated, Recipe, Written
from attest_governance.gatekeeper.generate import generate as make_generated
from attest_governance.plan import Request, choose, configuration_problems, prepare
from attest_governance.report.clean import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest_governance.model import Problem


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which policies are meant, and with what."""

    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    with_shipped: bool = False
    parameters: Path | None = None
    data: tuple[Path, ...] = ()
    evidence: Path | None = None
    excluded_namespaces: tuple[str, ...] = ()

    @classmethod
    def of(cls, policies: Sequence[str] | None, given: Mapping[str, Any]) -> Wish:
        """The wish that a command's options state."""
        return cls(
            names=tuple(policies or ()),
            folders=tuple(given["policy_dir"] or ()),
            with_shipped=given["with_shipped"],
            parameters=given["parameters"],
            data=tuple(given["data"] or ()),
            evidence=given["evidence"],
            excluded_namespaces=tuple(given["exclude_namespace"] or ()),
        )

    @property
    def request(self) -> Request:
        """The same, as the flow wants it."""
        wishes = {name: getattr(self, name) for name in self.__struct_fields__ if name != "excluded_namespaces"}
        return Request(**wishes)


def make(wish: Wish) -> Generated:
    """Loads the policies that are meant and turns them into templates.

    Raises:
        AttestError: a policy, a file or the configuration is wrong.
    """
    prepared = prepare(wish.request, environment())
    running = engine()
    running.configure(prepared.engine)
    loaded = running.load(prepared.sources)
    refuse_invalid(loaded)
    refuse_problems(configuration_problems(prepared, loaded))
    settings, selected = prepared.settings, choose(prepared, loaded)
    recipe = Recipe(
        sources=prepared.sources,
        selected=selected,
        enforcement={one.name: settings.for_policy(one.name).enforcement for one in selected},
        severity={one.name: settings.for_policy(one.name).severity or "" for one in selected},
        excluded_namespaces=wish.excluded_namespaces,
    )
    return make_generated(running, loaded, recipe)


def refuse_problems(problems: Sequence[Problem]) -> None:
    """Raises the first problem that is an error.

    Raises:
        PolicyError: when there is one.
    """
    for problem in problems:
        if problem.severity == "error":
            raise PolicyError(
                problem.message, file=problem.file, line=problem.line, column=problem.column, hint=problem.hint
            )


def show_written(written: Sequence[Written], problems: Sequence[Problem], name: str) -> None:
    """Says which files were written."""
    lines = [f"{each.action:<9}  {each.file}" for each in written]
    show({"schema": "attest.continuu.ms/gatekeeper-files/v1", "files": msgspec.to_builtins(written)}, lines, name)
    warn(problems)


def warn(problems: Sequence[Problem]) -> None:
    """Prints warnings to standard error."""
    for problem in problems:
        print(f"warning: {one_line(problem.message)}", file=sys.stderr)


def show(document: Mapping[str, Any], lines: Sequence[str], name: str) -> None:
    """Prints a result as text or JSON.

    Raises:
        UsageError: for an unknown format.
    """
    if name == "json":
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    elif name == "text":
        for line in lines:
            print(one_line(line))
    else:
        raise UsageError(f"unknown format `{name}`", hint="use text or json")
