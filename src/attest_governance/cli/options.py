"""Options that several commands share: what each is called is said here, what it means in the value that it fills.

A command that takes such a value names it as a parameter, and which of its fields are options:

    @takes(request=JUDGING, showing=SHOWING)
    def command(paths: …, *, request: Request, showing: Showing) -> int:

Typer sees one option for each field, of the field's own type and default. A value that one command alone takes says
what its options are called itself, in the annotations of its fields.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import typer

from attest_governance.cli.help import HelpfulCommand, HelpfulGroup
from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from typer.core import TyperGroup

R = TypeVar("R")
Command = TypeVar("Command", bound=Callable[..., Any])
CONTEXT = {"help_option_names": ["-h", "--help"]}


Context = Annotated[str, typer.Option("--context", metavar="NAME", help="The context of the kubeconfig to use.")]
"""Which cluster is meant, of those that the kubeconfig knows."""
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig; else KUBECONFIG or ~/.kube/config.")
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FILE", help="The certificate with its chain (PEM).")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key (PEM).")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", "-f", help="text or json.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="The key to sign with: a private key, or a .pub file whose other half your SSH agent holds."
        " Without it: ATTEST_SIGNING_KEY, the key that signs your commits, or your agent's.",
    ),
]

POLICIES = ("folders", "with_shipped", "profile", "names")
"""Of `Request`: which policies are meant."""
DOCUMENTS = ("parameters", "data", "evidence")
"""Of `Request`: what policies are given beside the resource."""
JUDGING = (
    *POLICIES,
    "input_form",
    "strict",
    "fail_on",
    "fail_fast",
    "allow_empty",
    "schemas",
    *DOCUMENTS,
    "verify_evidence",
    "resolve_tags",
    "jobs",
    "include",
    "exclude",
    "no_render",
    "governed",
    "no_cache",
    "disallow_exemptions",
    "disallow_annotation_exemptions",
    "baseline",
)
"""Of `Request`: all that a check can be told."""
RESOURCES = ("namespace", "inventory")
"""Of `Manifests`: how to look at what is judged."""
RENDERING = ("values", "set_values", "release", "kube_version", "api_versions")
"""Of `RenderOptions`: how charts are rendered."""
SHOWING = ("detailed", "show_exempted", "verbose", "formats", "outputs", "rendered", "no_color")
"""Of `Showing`: how to see the result."""

_FORMATS = "text, table, json, yaml, sarif, junit, github or openreports; repeats."
_FLAGS: dict[str, Any] = {
    "folders": typer.Option(
        "--policy-dir", "-p", metavar="DIR", help="Use the policies of this folder or file only; repeats."
    ),
    "with_shipped": typer.Option("--with-shipped", help="With --policy-dir: use the shipped policies as well."),
    "profile": typer.Option(
        "--profile", help="Which shipped policies to use, and how strictly they ask.", case_sensitive=False
    ),
    "names": typer.Option("--policy", metavar="NAME", help="Use only policies of this name (globs); repeats."),
    "input_form": typer.Option(
        "--input-form", help="What policies that don't ship see as `input`.", case_sensitive=False
    ),
    "strict": typer.Option("--strict", help="Warnings fail too."),
    "fail_on": typer.Option("--fail-on", help="Fail only on findings of this severity or worse."),
    "fail_fast": typer.Option("--fail-fast", help="Stop after the first file with a finding."),
    "allow_empty": typer.Option("--allow-empty", help="Allow a run in which nothing was judged."),
    "schemas": typer.Option("--schemas", help="Hold resources to the types of Kubernetes and of their definitions."),
    "detailed": typer.Option("--detailed", help="Show details and descriptions with each finding."),
    "show_exempted": typer.Option("--show-exempted", help="Show exempted findings in full."),
    "verbose": typer.Option("--verbose", "-v", help="Show each finding whole, and what was skipped and why."),
    "parameters": typer.Option(
        "--parameters", metavar="FILE", help="Policy parameters, by policy name (YAML or JSON)."
    ),
    "data": typer.Option("--data", metavar="FILE", help="A document for `data` (YAML or JSON); repeats."),
    "evidence": typer.Option("--evidence", metavar="FILE", help="Verified facts, seen as `data.attest.evidence`."),
    "verify_evidence": typer.Option(
        "--verify-evidence", help="Verify receipts and attestations now, as `evidence` in the configuration says."
    ),
    "resolve_tags": typer.Option(
        "--resolve-tags", help="While proofs are verified, say which digest each tag names; a tag proves nothing."
    ),
    "namespace": typer.Option("--namespace", "-n", help="Namespace of resources whose manifest names none."),
    "inventory": typer.Option(
        "--inventory", metavar="PATH", help="Resources that policies may look up but that are not judged; repeats."
    ),
    "values": typer.Option(
        "--values", metavar="FILE", help="Values of the Helm chart that is checked, as for helm; repeats."
    ),
    "set_values": typer.Option("--set", metavar="KEY=VALUE", help="A value of the Helm chart, as for helm; repeats."),
    "release": typer.Option("--release", metavar="NAME", help="Name of the release that charts are rendered for."),
    "kube_version": typer.Option(
        "--kube-version", metavar="VERSION", help="Version of Kubernetes that charts are rendered for."
    ),
    "api_versions": typer.Option(
        "--api-versions", metavar="GROUP/VERSION", help="An API that charts find in the cluster, as for helm; repeats."
    ),
    "no_render": typer.Option("--no-render", help="Leave charts and kustomizations as they are: check files alone."),
    "rendered": typer.Option(
        "--rendered", metavar="DIR", help="Keep what charts and kustomizations render to in this folder."
    ),
    "include": typer.Option(
        "--include", metavar="PATTERN", help="In folders, judge only files that match, as in .gitignore; repeats."
    ),
    "exclude": typer.Option(
        "--exclude", metavar="PATTERN", help="In folders, leave out what matches, as in .gitignore; repeats."
    ),
    "jobs": typer.Option("--jobs", "-j", min=0, help="Cores to use; 0 for all."),
    "formats": typer.Option("--format", "-f", metavar="FORMAT", help=_FORMATS),
    "outputs": typer.Option("--output", "-o", metavar="FILE", help="Where the format at the same place goes; repeats."),
    "no_color": typer.Option("--no-color", help="No colors; NO_COLOR in the environment does the same."),
    "governed": typer.Option(
        "--governed", help="In a governed project: refuse options, variables and caches that nobody has approved."
    ),
    "no_cache": typer.Option("--no-cache", help="Compute all anew, and keep nothing of it for the next run."),
    "disallow_exemptions": typer.Option("--disallow-exemptions", help="Ignore every exemption."),
    "disallow_annotation_exemptions": typer.Option(
        "--disallow-annotation-exemptions", help="Ignore exemptions that stand in annotations."
    ),
    "baseline": typer.Option("--baseline", metavar="FILE", help="Only findings that this baseline lacks count."),
}


class Group(HelpfulGroup):
    """A group that says which command may have been meant."""

    def elsewhere(self) -> dict[str, str]:
        """Commands of other groups that are looked for here: their names, and how they are called."""
        return {}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 (Typer's signature)
        """Finds a command.

        Raises:
            UsageError: there is none of that name.
        """
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            path = ctx.command_path
            own = {name: f"{path} {name}" for name in self.list_commands(ctx)}
            calls = self.elsewhere() | {"help": f"{path} help"} | own
            near = get_close_matches(args[0].lower(), calls, n=1)
            likely = list(own.values()) if len(own) <= _FEW else [f"{path} --help"]
            hint = f"did you mean `{calls[near[0]]}`?" if near else f"see {' or '.join(f'`{one}`' for one in likely)}"
            raise UsageError(f"`{path}` has no command `{args[0]}`", hint=hint)
        return super().resolve_command(ctx, args)


_FEW = 3
"""Commands that a hint can name one by one."""


class Application(typer.Typer):
    """Commands whose help is written by us."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Command], Command]:  # noqa: ANN401 (Typer's)
        """As Typer's."""
        return super().command(name, cls=HelpfulCommand, **options)


def application(text: str, *, bare: bool = False, cls: type[TyperGroup] = Group) -> Application:
    """A group of commands; a `bare` one has a callback of its own, which does something without a subcommand, too."""
    app = Application(
        cls=cls,
        no_args_is_help=True,
        invoke_without_command=bare,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        help=text,
    )
    app.callback(help=text)(lambda: None)  # without one, a single command would stand for its group
    return app


def takes(**fields: tuple[str, ...]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Lets a command take values whose fields are options of its command line.

    Args:
        fields: for each parameter that is such a value, the fields that are options; the rest keep their defaults.
    """

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        hints = get_type_hints(command, include_extras=True)

        @wraps(command)
        def called(*arguments: Any, **given: Any) -> R:  # noqa: ANN401 (what the command takes)
            for name, options in fields.items():
                given[name] = _value(hints[name], {option: given.pop(option) for option in options})
            return command(*arguments, **given)

        signature = inspect.signature(command)
        parameters = [one for each in signature.parameters.values() for one in _expanded(each, hints, fields)]
        called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": hints.get("return")}
        return called

    return decorate


def _expanded(
    parameter: inspect.Parameter, hints: dict[str, Any], fields: dict[str, tuple[str, ...]]
) -> Iterator[inspect.Parameter]:
    if parameter.name not in fields:
        yield parameter.replace(annotation=hints[parameter.name])
        return
    kind = hints[parameter.name]
    types = get_type_hints(kind, include_extras=True)
    defaults = {one.name: one.default for one in msgspec.structs.fields(kind)}
    for option in fields[parameter.name]:
        stated = types[option]
        said = get_origin(stated) is Annotated
        plain, flag = (get_args(stated)[0], stated.__metadata__[0]) if said else (stated, _FLAGS[option])
        repeats = get_origin(plain) is tuple
        shown = list[get_args(plain)[0]] | None if repeats else plain  # type: ignore[misc]
        yield inspect.Parameter(
            option,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if repeats else defaults[option],
            annotation=Annotated[shown, flag],
        )


def _value(kind: type[msgspec.Struct], given: dict[str, Any]) -> msgspec.Struct:
    """The value that options fill; one that repeats and was not given keeps the field's default."""
    said = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return kind(**{name: value for name, value in said.items() if value is not None})
