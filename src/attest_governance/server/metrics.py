"""What is measured (§9), for Prometheus. Labels hold names of policies and words of ours, never what a request says."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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
LONGEST_NAME = 200
"""Characters of a policy's name that its series have."""
_QUANTILES = (0.5, 0.9, 0.99)
_WINDOW = 1000
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Evaluations:
    """The series of what was judged, by a server or by a run. Any thread may count."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, of which nobody asks
        self._registry = CollectorRegistry()
        self._policies: dict[str, str] = {}
        self._gauges: dict[str, Gauge] = {}
        self._lock = threading.Lock()
        self._evaluations = _Tallied(
            "attest_policy_evaluations", "Evaluations by result.", ("policy", "result"), suffix="_total"
        )
        self._registry.register(self._evaluations)
        self._severities = _Tallied(
            "attest_policy_violation_severity", "Violations by severity; it only grows.", ("severity", "policy")
        )
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
        self.reported = Gauge("attest_policy_set_info", "The policies in force.", ("digest",), registry=self._registry)

    def known(self, policies: Iterable[str], digest: str) -> None:
        """Starts the series of policies at zero, so that `increase()` sees their first violation."""
        for policy in map(self._named, policies):
            self._evaluations.add([((policy, result), 0) for result in ("passed", "failed")])
            self._severities.add([((severity, policy), 0) for severity in SEVERITIES])
        self.reported.clear()
        self.reported.labels(digest).set(1)

    def judged(self, outcome: Outcome) -> None:
        """Counts what a judgement came to; a finding that is waived is none."""
        self._evaluations.add(
            [
                ((self._named(one.policy), result), number)
                for one in outcome.evaluated
                for result, number in (("passed", one.passed), ("failed", one.resources - one.passed))
                if number
            ]
        )
        found = Tally((one.severity, one.policy) for one in outcome.findings if one.waiver is None)
        self._severities.add(
            [((severity, self._named(policy)), number) for (severity, policy), number in found.items()]
        )
        for engine, nanoseconds in outcome.spent.items():
            self._took.labels(engine).observe(nanoseconds / 1e9)
            self._durations.add(engine, nanoseconds / 1e9)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def gauge(self, name: str, text: str, read: Callable[[], float], **labels: str) -> None:
        """Adds what is asked when somebody reads; series of one name have labels of the same names."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, text, tuple(labels), registry=self._registry)
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _named(self, policy: str) -> str:
        """The name of the series of a policy."""
        name = self._policies.get(policy)
        if name is not None:
            return name
        with self._lock:
            if len(self._policies) >= MOST_POLICIES:
                return OTHERS
            return self._policies.setdefault(policy, policy[:LONGEST_NAME])


class Metrics(Evaluations):
    """The series of one server.

    Args:
        gauges: what is asked when somebody reads, by name: a sentence, and how much it is.
    """

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]] | None = None) -> None:
        super().__init__()
        self.requests = self._counter("attest_requests", "Requests by door and answer.", "door", "answer")
        self.refused = self._counter("attest_requests_refused", "Requests that were refused unread.", "reason")
        self.seconds = Histogram(
            "attest_request_duration_seconds", "Time from request to answer.", ("door",), buckets=_BUCKETS,
            registry=self._registry,
        )  # fmt: skip
        self.reloads = self._counter("attest_reloads", "Times that policies were loaded anew.", "result")
        self.unlogged = self._counter("attest_decision_log_failures", "Decisions that could not be logged.")
        self._bundle = Gauge("attest_bundle_info", "The bundle in force.", ("revision",), registry=self._registry)
        for name, (text, read) in (gauges or {}).items():
            self.gauge(name, text, read)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def loaded(self, runtime: Runtime) -> None:
        """Starts the series of the policies that are asked, and names their set."""
        self.known((one.name for one in runtime.selected), runtime.loaded.digest)
        self._bundle.clear()
        if runtime.prepared.bundle is not None:
            self._bundle.labels(runtime.prepared.bundle.revision[:LONGEST_NAME]).set(1)


def of_run(outcome: Outcome) -> bytes:
    """What one run came to, under the names that a server uses."""
    metrics = Evaluations()
    metrics.known((one.policy for one in outcome.evaluated), outcome.policy_set)
    metrics.judged(outcome)
    return metrics.text()


class _Tallied:
    """Counters with two labels. A server counts many at a time, for which the client library takes a lock each.

    Args:
        name: of the metric.
        text: what it counts.
        labels: their names.
        suffix: what the name of its series ends in; the client library would always append `_total`.
    """

    def __init__(self, name: str, text: str, labels: tuple[str, str], *, suffix: str = "") -> None:
        self._name, self._text, self._labels, self._suffix = name, text, labels, suffix
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def add(self, numbers: Iterable[tuple[tuple[str, str], int]]) -> None:
        with self._lock:
            for values, number in numbers:
                self._counts[values] = self._counts.get(values, 0) + number

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self._name, self._text, "counter" if self._suffix else "unknown")
        with self._lock:
            counts = sorted(self._counts.items())
        for values, number in counts:
            metric.add_sample(f"{self._name}{self._suffix}", dict(zip(self._labels, values, strict=True)), number)
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
