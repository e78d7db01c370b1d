"""What is measured, for Prometheus. Labels are words of ours, never what an application or a repository says."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from attest_governance.controller.gitops.model import PHASES

if TYPE_CHECKING:
    from attest_governance.controller.gitops.model import Phase

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The series of one controller. Any thread may count.

    Args:
        phases: the phases of all applications at the moment.
        leads: whether this controller acts.
    """

    def __init__(self, phases: Callable[[], Iterable[str]], leads: Callable[[], bool]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, of which nobody asks
        self._registry = CollectorRegistry()
        total = Gauge("attest_gitops_applications_total", "Applications.", registry=self._registry)
        total.set_function(lambda: len(list(phases())))
        by_phase = Gauge(
            "attest_gitops_applications_by_phase", "Applications by phase.", ("phase",), registry=self._registry
        )
        for phase in PHASES:
            by_phase.labels(phase).set_function(_counting(phases, phase))
        leader = Gauge("attest_gitops_leader", "1 where this controller acts.", registry=self._registry)
        leader.set_function(lambda: float(leads()))
        self.duration = Histogram(
            "attest_gitops_application_sync_duration_seconds",
            "Time that a synchronisation took.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._verifications = self._counter("attest_gitops_verifications", "Verifications of revisions.", "result")
        self._unsigned = self._counter(
            "attest_gitops_signature_verifications_failed", "Revisions without the proofs that are asked for."
        )
        self._validations = self._counter("attest_gitops_policy_validations", "Judgements of revisions.", "result")

    def told(self, status: Mapping[str, Any]) -> None:
        """Counts what a synchronisation came to."""
        words = {one["type"]: one["status"] for one in status.get("conditions") or ()}
        verified, compliant = words.get("Verified"), words.get("PolicyCompliant")
        if verified is not None:
            self._verifications.labels("passed" if verified == "True" else "failed").inc()
            self._unsigned.inc(verified != "True")
        if compliant is not None:
            result = {"True": "allowed", "False": "denied"}.get(compliant, "error")
            self._validations.labels(result).inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)


def _counting(phases: Callable[[], Iterable[str]], phase: Phase) -> Callable[[], float]:
    return lambda: float(Tally(phases())[phase])
