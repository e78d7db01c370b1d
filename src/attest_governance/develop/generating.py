"""Generated tests: Rego tests that the engine finds by exploring a policy (§13)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import EngineTimeoutError, OutputError, PolicyError
from attest_governance.evaluate.requests import GenerateTests
from attest_governance.model.problem import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest_governance.evaluate import Engine
    from attest_governance.model.authoring import GeneratedTests


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What to generate tests from.

    `examples` are folders of resources beside those that lie with the policy; `inputs` is how many
    inputs are tried, 0 for the engine's default; `timeout` is in seconds.
    """

    policy: Path
    libraries: tuple[str, ...]
    examples: tuple[str, ...] = ()
    inputs: int = 0
    timeout: float = 300.0


def generate(engine: Engine, wish: Wish, tell: Callable[[str], None]) -> GeneratedTests:
    """Generates tests of one policy file; `tell` is called with how far the work is.

    Raises:
        PolicyError: the file holds no valid policy, or nothing that could be tested.
        EngineError: the engine failed, or the time was up.
    """
    if wish.policy.is_dir():
        raise PolicyError("this is a folder", file=str(wish.policy), hint="name one .rego file")
    if wish.policy.suffix != ".rego" and wish.policy.exists():
        raise PolicyError("this is no Rego file", file=str(wish.policy), hint="tests are generated for .rego files")
    try:
        request = GenerateTests(str(wish.policy), wish.libraries, wish.examples, wish.inputs)
        made = engine.ask(request, lambda progress: tell(progress.text), deadline=wish.timeout)
    except EngineTimeoutError as error:
        raise PolicyError(
            f"no tests were made within {wish.timeout:g} seconds",
            file=str(wish.policy),
            hint="allow more with --timeout, or try fewer inputs with --inputs",
        ) from error
    refuse(made.problems)
    if made.unreached and not any(test.kind != "detects" for test in made.tests):
        unreached = made.unreached[0]
        raise PolicyError(
            f"no input reaches any rule; `{unreached.rule}`: {unreached.reason}",
            file=str(wish.policy),
            line=unreached.line,
            hint="put an example resource into the folder `examples` beside the policy",
        )
    return made


def refuse_overwriting(output: Path, *, force: bool) -> None:
    """Says before any work that a file would be overwritten.

    Raises:
        OutputError: the file exists and `force` was not given.
    """
    if output.exists() and not force:
        raise OutputError("the file exists", file=str(output), hint="name another file, or use --force to replace it")
