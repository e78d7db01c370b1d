"""A problem: something that kept us from deciding, or that a person should know. Never a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from attest_governance.errors import AttestError, PolicyError, place


class Problem(msgspec.Struct, frozen=True, rename="camel"):
    """An error or a warning about an input, a policy, the configuration or the engine.

    `code` is stable and machine-readable (`manifest_syntax`, `rego_parse_error`, `eval_timeout`, …);
    errors make the verdict `error` (exit 2), warnings are shown only.
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    hint: str = ""
    policy: str = ""
    resource: str = ""
    other_file: str = ""
    """The file of what it is about as well: the other definition of an object."""

    @property
    def where(self) -> str:
        """`file:line:column` as far as it is known, or an empty string."""
        return place(self.file, self.line, self.column)

    @classmethod
    def at(cls, error: AttestError, severity: Literal["error", "warning"], code: str, message: str) -> Problem:
        """A problem at the place of an error, with its hint."""
        return cls(severity, code, message, error.file, error.line, error.column, hint=error.hint)


def refuse(problems: Iterable[Problem], kind: Callable[[Problem], type[AttestError]] = lambda _: PolicyError) -> None:
    """Raises the first problem that is an error, of the kind that was asked for, for whoever can't go on then.

    Raises:
        AttestError: when there is an error; a fault of the policy unless `kind` says otherwise.
    """
    for problem in problems:
        if problem.severity == "error":
            raise kind(problem)(
                problem.message, file=problem.file, line=problem.line, column=problem.column, hint=problem.hint
            )
