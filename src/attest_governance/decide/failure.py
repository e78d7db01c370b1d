"""What becomes of a request that must be answered although something could not be decided. Pure.

A command ends without a verdict then. Who asks a server does something with whatever it hears, so the configuration
says what: a failure of a policy that may fail is told and left aside, any other is no verdict still.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.decide.verdict import Rules, verdict_of
from attest_governance.model import Problem, Verdict

if TYPE_CHECKING:
    from attest_governance.model import Finding

Failing = Literal["fail", "ignore"]


class Answer(msgspec.Struct, frozen=True):
    """What a request is answered.

    `verdict` is *error* where it is refused for want of one; `ignored` are the failures that were left aside.
    """

    verdict: Verdict
    failures: tuple[Problem, ...] = ()
    ignored: tuple[Problem, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.verdict == "allow"


def answer(
    findings: Sequence[Finding], problems: Sequence[Problem], rules: Rules, failing: Callable[[str], Failing]
) -> Answer:
    """The answer to a request.

    Args:
        findings: what was found.
        problems: what went wrong.
        rules: what makes a finding deny.
        failing: what is said of failures of a policy, and of those that are no policy's (an empty name).
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    failures = tuple(one for one in errors if failing(one.policy) == "fail")
    ignored = tuple(one for one in errors if failing(one.policy) == "ignore")
    found = verdict_of(findings, 0, rules)  # a denial is one whatever else could not be decided
    return Answer("error" if failures and found == "allow" else found, failures, ignored)
