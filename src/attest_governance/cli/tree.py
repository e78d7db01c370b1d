"""The tree of commands. Each is imported when it is called, or when its help is."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
import typer.main

from attest_governance.cli.foreign import is_foreign, run_foreign
from attest_governance.cli.options import CONTEXT, Application, Group, application
from attest_governance.errors import UsageError

POLICY = {
    "check": "check:command",
    "scan": "scan:command",
    "validate": "validate:command",
    "validate-bundle": "validate:bundle_command",
    "bundle": "bundle:app",
    "list": "policies:list_policies",
    "show": "policies:show_policy",
    "init": "init:command",
    "generate-tests": "optimize:generate_command",
    "conflicts": "conflicts:command",
    "test": "testing:command",
    "test-all": "testing:all_tests",
    "trace": "trace:command",
    "playground": "playground:command",
    "explain": "trace:explain_command",
    "profile": "profile:command",
    "optimize": "optimize:command",
    "exempt": "exempt:app",
    "exemptions": "exempt:listing",
    "evidence": "evidence:app",
    "cache": "cache:app",
    "version": "version:command",
}
"""Where each command lives: a module, and in it a function that Typer understands, or an application."""
ROOT = {
    "policy": "tree:policy",
    "config": "config:app",
    "serve": "serve:command",
    "cluster": "cluster:app",
    "controller": "controller:command",
    "gitops": "gitops:app",
    "decisions": "decisions:app",
    "deploy": "deploy:app",
    "doctor": "doctor:command",
    "fleet": "fleet:app",
    "gatekeeper": "gatekeeper:app",
    "governance": "governance:app",
    "audit": "audit:app",
    "compliance": "compliance:app",
    "version": "version:command",
}


POLICY_SECTIONS = {
    "Judge": ("check", "scan", "validate", "list", "show", "explain"),
    "Write policies": (
        "init",
        "test",
        "test-all",
        "generate-tests",
        "trace",
        "playground",
        "conflicts",
        "profile",
        "optimize",
    ),
    "Govern": ("exempt", "exemptions"),
    "Evidence": ("evidence",),
    "Bundles": ("bundle", "validate-bundle"),
    "Help": ("cache", "version"),
}
"""Under which heads the help lists the commands."""
ROOT_SECTIONS = {
    "Judge and write policies": ("policy", "config"),
    "Serve": ("serve", "decisions", "deploy", "doctor"),
    "Clusters": ("cluster", "controller", "gitops", "fleet"),
    "Govern": ("governance", "audit", "compliance"),
    "Gatekeeper": ("gatekeeper",),
    "Help": ("version",),
}


class LazyGroup(Group):
    """A group that knows its commands by name and imports them one at a time."""

    commands_by_name: dict[str, str] = {}  # noqa: RUF012 (set by the subclasses)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 (Typer's signature)
        """The names, in the order of the table."""
        return list(self.commands_by_name)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 (Typer's signature)
        """Imports a command; None where there is none of that name."""
        known = self.commands_by_name.get(cmd_name)
        return _load(cmd_name, known) if known else None


class PolicyGroup(LazyGroup):
    """`attest policy …`."""

    commands_by_name = POLICY
    sections = POLICY_SECTIONS

    def elsewhere(self) -> dict[str, str]:
        """Not everything is about policies."""
        return {name: f"attest {name}" for name in ROOT}


class RootGroup(LazyGroup):
    """`attest …`."""

    commands_by_name = ROOT
    sections = ROOT_SECTIONS

    def elsewhere(self) -> dict[str, str]:
        """Whoever leaves out `policy` means its commands."""
        return {name: f"attest policy {name}" for name in POLICY}


def _load(name: str, place: str) -> Any:  # noqa: ANN401 (Typer's own command type)
    module, _, attribute = place.partition(":")
    target = getattr(import_module(f"attest_governance.cli.{module}"), attribute)
    if isinstance(target, typer.Typer):
        loaded = typer.main.get_command(target)
    else:
        holder = Application(add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT)
        holder.command(name)(target)
        loaded = typer.main.get_command(holder)
    loaded.name = name
    if target is not policy and not gc.isenabled():
        gc.freeze()  # what imports made stays
        gc.enable()
    return loaded


policy = application("Check, write and govern policies.", cls=PolicyGroup)
root = typer.Typer(cls=RootGroup, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=CONTEXT)


@root.callback()
def _root() -> None:
    """Decides whether Kubernetes resources may be deployed, and says why."""


def invoke(arguments: Sequence[str]) -> int:
    """Runs a command line and returns the exit code.

    Typer's own `main` is left to shell completion: it would turn an interrupt and a closed pipe
    into exit codes of its own.
    """
    arguments = _helped(arguments)
    if is_foreign(arguments, ROOT):
        return run_foreign(arguments)
    command = typer.main.get_command(root)
    if any(name.endswith("_COMPLETE") for name in os.environ):
        command.main(list(arguments), prog_name="attest")
    try:
        with command.make_context("attest", list(arguments)) as context:
            result = command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort as stop:
        raise KeyboardInterrupt from stop
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show(file=sys.stderr)  # type: ignore[attr-defined]  # a group alone: its help
            return 2
        raise _worded(error, command, arguments) from error
    return result if isinstance(result, int) else 0


def _helped(arguments: Sequence[str]) -> Sequence[str]:
    """`help` before or behind a group is the help of what it is said of."""
    if arguments and arguments[0] == "help":
        return (*arguments[1:], "--help")
    if len(arguments) > 1 and arguments[0] in ROOT and arguments[1] == "help":
        return (arguments[0], *arguments[2:], "--help")
    return arguments


_REWORDED = (
    (r"'([^']*)'", r"`\1`"),
    (r" \(Possible options: .*\)$", ""),
    (
        r"^Invalid value for (`[^`]+`)(?: / `[^`]+`)*: (`[^`]*`) is not a valid \w+( range)?$",
        r"\2 is no number: the value of \1",
    ),
    (
        r"^Invalid value for (`[^`]+`)(?: / `[^`]+`)*: (`[^`]*`) is not one of (.+)$",
        r"\2 is no value of \1, which is one of \3",
    ),
    (r"^Got unexpected extra arguments?(?:\(s\))? \((.+)\)$", r"too many arguments: `\1`"),
    (r"^No such option: (\S+)$", r"there is no option `\1`"),
    (r"^Option (`[^`]+`) requires an argument$", r"\1 needs a value"),
    (r"^Option (`[^`]+`) does not take a value$", r"\1 takes no value"),
    (r"^Missing (\w+) (`[^`]+`)(?: / `[^`]+`)*$", r"the \1 \2 is missing"),
)
"""What Typer says (patterns), and what is said here."""


def _worded(error: Exception, command: Any, arguments: Sequence[str]) -> Exception:  # noqa: ANN401 (Typer's own type)
    """What Typer says of a command line, as an error of ours; any other error as it is."""
    say = getattr(error, "format_message", None)
    if say is None:
        return error
    message = str(say()).rstrip(".")
    for typers, ours in _REWORDED:
        message = re.sub(typers, ours, message)
    near = getattr(error, "possibilities", None) or ()
    hint = f"did you mean `{near[0]}`?" if near else f"see `{_path(command, arguments)} --help`"
    if message.startswith("too many arguments") and _takes(error, "--policy-dir"):
        hint = f"policies are named with `--policy-dir`; {hint}"
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _takes(error: Exception, option: str) -> bool:
    """Whether the command that an error of Typer's is about has an option."""
    parameters = getattr(getattr(getattr(error, "ctx", None), "command", None), "params", ())
    return any(option in parameter.opts for parameter in parameters)


def _path(command: Any, arguments: Sequence[str]) -> str:  # noqa: ANN401 (Typer's own type)
    """The names of the command that is meant: not every error of Typer's says where it was."""
    names = ["attest"]
    for name in arguments:
        command = command.get_command(None, name) if hasattr(command, "get_command") else None
        if command is None:
            break
        names.append(name)
    return " ".join(names)
