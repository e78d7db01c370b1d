"""How governance stands: the policy set in force, and what waits for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern.inforce import Survey, survey
from attest_governance.govern.policysets.gate import policy_gate
from attest_governance.govern.session import PIN_VARIABLE, Session
from attest_governance.govern.view import StatusView, view_status

if TYPE_CHECKING:
    from attest_governance.govern.event import Subject


def read_status(session: Session) -> StatusView:
    """Reads everything that `attest governance status` shows.

    Raises:
        GovernanceError: the clock is behind the records, or a revocation was removed.
    """
    rules = session.project.rules
    exemptions = _survey(session, "exemption", on=rules.exemption_approval is not None)
    overrides = _survey(session, "override", on=rules.emergency_override is not None)
    return view_status(session.history, _gate_problem(session), exemptions, overrides)


def _survey(session: Session, subject: Subject, *, on: bool) -> Survey:
    return survey(session.project, subject, session.now) if on else Survey(())


def _gate_problem(session: Session) -> str:
    try:
        policy_gate(session.project.root, session.now, pin=session.environment.get(PIN_VARIABLE, ""))
    except GovernanceError as error:
        return error.message
    return ""
