"""What the engine finds by exploring one policy file: tests of it, and cheaper forms (§13)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest_governance.errors import EngineTimeoutError, InputError, OutputError, PolicyError
from attest_governance.load.documents import read_document
from attest_governance.load.files import Files
from attest_governance.model.problem import refuse
from attest_governance.report import write_file

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine
    from attest_governance.evaluate.requests import GenerateTests, Optimize
    from attest_governance.load.settings import Settings
    from attest_governance.model.authoring import GeneratedTests
    from attest_governance.model.profile import Optimization


def generate(engine: Engine, request: GenerateTests, timeout: float, tell: Callable[[str], None]) -> GeneratedTests:
    """Generates tests of one policy file, within `timeout` seconds; `tell` hears how far the work is.

    Raises:
        PolicyError: the file holds no valid policy, or nothing that could be tested.
        EngineError: the engine failed.
    """
    _ensure_rego(Path(request.file))
    try:
        made = engine.ask(request, lambda progress: tell(progress.text), deadline=timeout)
    except EngineTimeoutError as error:
        hint = "allow more with --timeout, or try fewer inputs with --inputs"
        raise PolicyError(f"no tests were made within {timeout:g} seconds", file=request.file, hint=hint) from error
    refuse(made.problems)
    if made.unreached and not any(test.kind != "detects" for test in made.tests):
        unreached = made.unreached[0]
        raise PolicyError(
            f"no input reaches any rule; `{unreached.rule}`: {unreached.reason}",
            file=request.file,
            line=unreached.line,
            hint="put an example resource into the folder `examples` beside the policy",
        )
    return made


def _ensure_rego(path: Path) -> None:
    if path.is_dir():
        raise PolicyError("this is a folder", file=str(path), hint="name one .rego file")
    if not path.exists():
        raise PolicyError("there is no such file", file=str(path), hint="check the path")
    if path.suffix != ".rego":
        raise PolicyError("this is no Rego file", file=str(path), hint="name a .rego file")


def refuse_overwriting(output: Path, *, force: bool) -> None:
    """Says before any work that a file would be overwritten.

    Raises:
        OutputError: the file exists and `force` was not given.
    """
    if output.exists() and not force:
        raise OutputError("the file exists", file=str(output), hint="name another file, or use --force to replace it")


_DATA_CODES = ("no_resources", "unreadable_input")


def configured_parameters(settings: Settings, path: Path | None) -> dict[str, dict[str, Any]]:
    """The parameters of every policy that the configuration speaks of, under those of a file.

    Raises:
        AttestError: the file can't be read, or holds something else.
    """
    names = (*settings.policies, *(policy.name for policy in settings.policy.custom_policies))
    out = {name: dict(settings.for_policy(name).parameters) for name in names}
    given = read_document(path, "parameters file") if path else {}
    for name, parameters in given.items():
        if not isinstance(parameters, dict):
            raise InputError(
                f"the parameters of `{name}` must be an object", file=str(path), hint="write `name: value` pairs"
            )
        out[name] = {**out.get(name, {}), **parameters}
    return out


def read_policy(path: Path) -> str:
    """The text of a policy file, exactly as it stands there.

    Raises:
        PolicyError: there is no such file, or it is no Rego file.
        InputError: it can't be read.
    """
    _ensure_rego(path)
    try:
        return Files().read(path, "policy").decode()
    except UnicodeDecodeError as error:
        raise PolicyError("the file is not UTF-8", file=str(path), hint="save it as UTF-8") from error


def optimize(engine: Engine, request: Optimize, timeout: float, tell: Callable[[str], None]) -> Optimization:
    """Looks for what could be cheaper in one policy file, within `timeout` seconds; `tell` hears how far the work is.

    Raises:
        PolicyError: the policy is invalid, fails, or takes too long.
        InputError: there is nothing to measure with, or it can't be read.
        EngineError: the engine failed, or the time was up.
    """
    found = engine.ask(request, lambda progress: tell(progress.text), deadline=timeout)
    refuse(found.problems, lambda problem: InputError if problem.code in _DATA_CODES else PolicyError)
    return found


def rewrite(path: Path, before: str, after: str) -> None:
    """Replaces the content of a policy file, whole or not at all.

    Raises:
        OutputError: the file is no longer what was measured, or can't be written.
    """
    if read_policy(path) != before:
        raise OutputError(
            "the file has changed since it was measured; nothing was written", file=str(path), hint="run it again"
        )
    write_file(path, lambda out: out.write(after))
