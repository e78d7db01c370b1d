"""The decisions of a server, as its log keeps them: a line of JSON for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from attest_governance.decoding import decode
from attest_governance.errors import InputError
from attest_governance.model.decision import SCHEMA, Decision

_LONGEST_LINE = 64 << 20


def read_decisions(path: Path) -> Iterator[Decision]:
    """The decisions of a file, in their order.

    Raises:
        InputError: the file can't be read, or a line is no decision.
    """
    try:
        with path.open("rb") as file:
            yield from decisions_of(file, str(path))
    except OSError as error:
        raise InputError(
            f"the decision log can't be read: {(error.strerror or str(error)).lower()}", file=str(path), hint="check it"
        ) from error


def decisions_of(log: IO[bytes], name: str) -> Iterator[Decision]:
    """The decisions of a log that is open; `name` is what messages call it.

    Raises:
        InputError: a line is no decision.
        OSError: the log can't be read.
    """
    number = 0
    while line := log.readline(_LONGEST_LINE):
        number += 1
        yield _decision(line, name, number)


def _decision(line: bytes, name: str, number: int) -> Decision:
    try:
        decision = decode(line, Decision)
        if decision.schema != SCHEMA:
            raise msgspec.ValidationError(f"its schema is `{decision.schema}`")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "name a log that `attest serve` wrote"
        raise InputError(f"the line is no decision: {error}", file=name, line=number, hint=hint) from error
    return decision
