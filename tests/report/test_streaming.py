"""Reports are written as they are made: what they hold in memory does not grow with the findings."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from attest_governance.model import Checked, Location, Outcome, Resource
from attest_governance.report import FORMATS, writer

from .values import everything, finding, options, outcome

SHARE = 250
"""Bytes for each finding: what tells equal findings apart, and lists of references."""


class Nowhere(io.StringIO):
    """Takes what is written, and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


def many(count: int) -> Outcome:
    """A run with this many findings, five a file."""
    files = [f"k8s/{number:05}.yaml" for number in range(count // 5)]
    resources = [Resource("v1", "Pod", f"web-{number}", "prod") for number in range(len(files))]
    findings = tuple(
        finding(resource=resource, location=Location(file, line, 1, line, 9, "/spec/hostNetwork"))
        for file, resource in zip(files, resources, strict=True)
        for line in range(1, 6)
    )
    checked = tuple(Checked(one, file, 1, ("other",)) for file, one in zip(files, resources, strict=True))
    return outcome(*findings, checked=checked)


def peak_of(format_name: str, run: Outcome) -> int:
    """The most bytes that writing a report holds."""
    write = writer(format_name)
    tracemalloc.start()
    try:
        write(run, Nowhere(), options())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format_name", FORMATS)
def test_memory_does_not_grow_with_the_findings(format_name: str) -> None:
    few, more = many(1000), many(5000)
    writer(format_name)(everything(), Nowhere(), options())  # whatever is kept for ever is kept now

    grown = peak_of(format_name, more) - peak_of(format_name, few)

    assert grown < 4000 * SHARE
