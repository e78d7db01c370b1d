"""How governance stands: the policy set in force, and what waits for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest_governance.errors import GovernanceError
from attest_governance.govern import PIN
from attest_governance.govern.policysets.gate import policy_gate
from attest_governance.govern.records.view import view_record
from attest_governance.govern.setup import missing
from attest_governance.govern.snapshot import Survey, survey
from attest_governance.model.governance import StatusView

if TYPE_CHECKING:
    from attest_governance.govern.records.event import Subject
    from attest_governance.govern.session import Session


def read_status(session: Session) -> StatusView:
    """Reads everything that `attest governance status` shows.

    Raises:
        GovernanceError: the clock is behind the records, or a revocation was removed.
    """
    rules = session.project.rules
    exemptions = _survey(session, "exemption", on=rules.exemption_approval is not None)
    overrides = _survey(session, "override", on=rules.emergency_override is not None)
    pending = [one for one in exemptions.judgements if one.status == "pending" or one.extension_open]
    return StatusView(
        policy_set=view_record(session.history.current.judgement) if session.history.current else None,
        problem=_gate_problem(session),
        missing=tuple(missing(session.project.root)),
        proposals=tuple(map(view_record, session.history.pending)),
        exemptions_pending=tuple(map(view_record, pending)),
        overrides_in_force=tuple(view_record(one) for one in overrides.judgements if one.status == "approved"),
        overrides_pending=tuple(view_record(one) for one in overrides.judgements if one.status == "pending"),
        reviews_pending=tuple(view_record(one) for one in overrides.judgements if one.needs_review),
        refused=(*exemptions.problems, *overrides.problems),
    )


def _survey(session: Session, subject: Subject, *, on: bool) -> Survey:
    return survey(session.project, subject, session.now) if on else Survey(())


def _gate_problem(session: Session) -> str:
    try:
        policy_gate(session.project.root, session.now, pin=session.environment.get(PIN, ""))
    except GovernanceError as error:
        return error.message
    return ""
