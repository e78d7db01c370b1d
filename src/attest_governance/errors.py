"""The one family of errors that this package raises.

Every error says what happened, where (file, line, column) and what to do about it. A subclass
names whose turn it is to act: the user's configuration, their policies, their input, or us.
"""

from __future__ import annotations

from collections.abc import Sequence


def place(file: str, line: int, column: int) -> str:
    """`file:line:column` as far as it is known, or an empty string."""
    if not file or not line:
        return file
    return f"{file}:{line}:{column}" if column else f"{file}:{line}"


class AttestError(Exception):
    """Root of every error raised by this package.

    Args:
        message: what happened, lower case, no final period.
        file: where it happened, as the user would type it; empty when no file is involved.
        line: 1-based line in `file`; 0 when unknown.
        column: 1-based column in `file`; 0 when unknown.
        hint: what to do about it, one sentence; empty when nothing can be advised.
    """

    def __init__(self, message: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint

    @property
    def where(self) -> str:
        """`file:line:column` as far as it is known, or an empty string."""
        return place(self.file, self.line, self.column)

    @property
    def lines(self) -> tuple[str, ...]:
        """The error and its hint, as they are: names and texts in them may hold anything."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return (text, f"hint: {self.hint}") if self.hint else (text,)

    def __str__(self) -> str:
        return "\n".join(self.lines)


class UsageError(AttestError):
    """The command was called in a way that it does not support."""


class ConfigurationError(AttestError):
    """A configuration file, variable or flag holds something that it must not hold."""

    others: tuple[ConfigurationError, ...] = ()
    """The further errors that were found in the same go; the text shows them all."""

    @classmethod
    def of(cls, errors: Sequence[ConfigurationError]) -> ConfigurationError:
        """One error that carries all of `errors`, which must not be empty; the first comes first."""
        first, *others = [one for error in errors for one in (error, *error.others)]
        made = cls(first.message, file=first.file, line=first.line, column=first.column, hint=first.hint)
        made.others = tuple(others)
        return made

    @property
    def lines(self) -> tuple[str, ...]:
        """Those of every error."""
        return (*super().lines, *(line for error in self.others for line in error.lines))


class PolicyError(AttestError):
    """A policy can't be read, compiled or selected."""


class InputError(AttestError):
    """A path or a manifest that was to be judged can't be read."""


class NetworkError(AttestError):
    """A server can't be reached, refuses, or passes a limit of time or size."""


class OutputError(AttestError):
    """A report can't be written."""


class EngineError(AttestError):
    """The engine failed; never a verdict."""


class EngineCrashedError(EngineError):
    """The engine process ended while a request was in flight."""


class EngineTimeoutError(EngineError):
    """The engine did not answer before the deadline of a request."""


class InventoryFullError(EngineError):
    """There is no room for all that policies may look up: what they would say without the rest is no verdict."""


class EngineRequestError(EngineError):
    """The engine refused a request: `code` is the JSON-RPC error code."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class GovernanceError(AttestError):
    """An act or a record that governance doesn't allow: a forged signature, an own approval, a rewritten past."""


class ClusterError(AttestError):
    """A cluster can't be reached, refuses a request, or is not in the state that a command needs."""


class ConflictError(ClusterError):
    """Somebody else owns what was to be changed in a cluster."""


class GoneError(ClusterError):
    """A list or a watch was to go on from where a cluster no longer remembers: it is begun anew."""


class NotAllowedError(GovernanceError):
    """Who governs a cluster doesn't let an application do what it asks for."""
