"""Requests that are refused before anything is judged: what is wrong with them, and how they are counted."""

from __future__ import annotations

from typing import Literal

from attest_governance.errors import AttestError

Reason = Literal[
    "method",
    "path",
    "authentication",
    "content_type",
    "too_large",
    "too_slow",
    "malformed",
    "version",
    "overloaded",
    "rate",
    "draining",
]
"""All that requests are refused for: a label of a metric, so the list is short and closed."""


class RefusedError(AttestError):
    """A request that is answered with an HTTP status and no verdict; `again` says in how many seconds to ask again."""

    def __init__(self, status: int, reason: Reason, message: str, *, hint: str = "", again: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status, self.again = status, again
        self.reason: Reason = reason


class OverloadedError(RefusedError):
    """More is asked at a time than there is room for."""

    def __init__(self) -> None:
        super().__init__(503, "overloaded", "the server is busy", hint="ask again, or give it more room")
