"""What is measured (§9), for Prometheus. Labels hold names of policies and words of ours, never what a request says."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from attest_governance.model.finding import SEVERITIES

if TYPE_CHECKING:
    from attest_governance.model import Outcome
    from attest_governance.runtime import Runtime

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ENGINES = ("opa", "gatekeeper")
MOST_POLICIES = 2000
"""Policies that have series of their own: names come and go with policy sets, series stay."""
OTHERS = "(others)"
_QUANTILES = (0.5, 0.9, 0.99)
_WINDOW = 1000
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The series of one server. Any thread may count.

    Args:
        gauges: what is asked when somebody reads, by name: a sentence, and how much it is.
    """

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]] | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, of which nobody asks
        self._registry = CollectorRegistry()
        self._policies: set[str] = set()
        self._lock = threading.Lock()
        self.evaluations = self._counter("attest_policy_evaluations", "Evaluations by result.", "policy", "result")
        self._severities = _Bare("attest_policy_violation_severity", "Violations by severity; it only grows.")
        self._registry.register(self._severities)
        self._durations = _Durations()
        self._registry.register(self._durations)
        self._took = Histogram(
            "attest_policy_evaluation_duration_histogram_seconds",
            "Time that the evaluation of one request took.",
            ("engine",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.requests = self._counter("attest_requests", "Requests by door and answer.", "door", "answer")
        self.refused = self._counter("attest_requests_refused", "Requests that were refused unread.", "reason")
        self.seconds = Histogram(
            "attest_request_duration_seconds", "Time from request to answer.", ("door",), buckets=_BUCKETS,
            registry=self._registry,
        )  # fmt: skip
        self.reloads = self._counter("attest_reloads", "Times that policies were loaded anew.", "result")
        self.unlogged = self._counter("attest_decision_log_failures", "Decisions that could not be logged.")
        self.reported = Gauge("attest_policy_set_info", "The policies in force.", ("digest",), registry=self._registry)
        for name, (text, read) in (gauges or {}).items():
            Gauge(name, text, registry=self._registry).set_function(read)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def loaded(self, runtime: Runtime) -> None:
        """Starts the series of the policies that are asked at zero, so that `increase()` sees their first violation."""
        for one in runtime.selected:
            policy = self._named(one.name)
            for result in ("passed", "failed"):
                self.evaluations.labels(policy, result)
            for severity in SEVERITIES:
                self._severities.add(severity, policy, 0)
        self.reported.clear()
        self.reported.labels(runtime.loaded.digest).set(1)

    def judged(self, outcome: Outcome) -> None:
        """Counts what a judgement came to; a finding that is waived is none."""
        for one in outcome.evaluated:
            policy = self._named(one.policy)
            self.evaluations.labels(policy, "passed").inc(one.passed)
            self.evaluations.labels(policy, "failed").inc(one.resources - one.passed)
        for finding in outcome.findings:
            if finding.waiver is None:
                self._severities.add(finding.severity, self._named(finding.policy), 1)
        for engine, nanoseconds in outcome.spent.items():
            self._took.labels(engine).observe(nanoseconds / 1e9)
            self._durations.add(engine, nanoseconds / 1e9)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _named(self, policy: str) -> str:
        with self._lock:
            if policy not in self._policies and len(self._policies) >= MOST_POLICIES:
                return OTHERS
            self._policies.add(policy)
        return policy


class _Bare:
    """A counter by severity and policy under a name of its own: the client library would append `_total`."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._counts: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def add(self, severity: str, policy: str, number: float) -> None:
        with self._lock:
            self._counts[severity, policy] = self._counts.get((severity, policy), 0) + number

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._name, self._text, "unknown")
        with self._lock:
            counts = sorted(self._counts.items())
        for (severity, policy), number in counts:
            metric.add_sample(self._name, {"severity": severity, "policy": policy}, number)
        yield metric


class _Durations:
    """The time of evaluations as a summary, whose quantiles are those of the last thousand."""

    _NAME = "attest_policy_evaluation_duration_seconds"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent = {engine: deque[float](maxlen=_WINDOW) for engine in ENGINES}
        self._count = dict.fromkeys(ENGINES, 0)
        self._sum = dict.fromkeys(ENGINES, 0.0)

    def add(self, engine: str, seconds: float) -> None:
        with self._lock:
            self._recent[engine].append(seconds)
            self._count[engine] += 1
            self._sum[engine] += seconds

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._NAME, "Time that the evaluation of one request took.", "summary")
        with self._lock:
            seen = [(one, sorted(self._recent[one]), self._count[one], self._sum[one]) for one in ENGINES]
        for engine, recent, count, total in seen:
            for quantile in _QUANTILES:
                labels = {"engine": engine, "quantile": str(quantile)}
                metric.add_sample(self._NAME, labels, _quantile(recent, quantile))
            metric.add_sample(f"{self._NAME}_sum", {"engine": engine}, total)
            metric.add_sample(f"{self._NAME}_count", {"engine": engine}, count)
        yield metric


def _quantile(ordered: list[float], quantile: float) -> float:
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0
