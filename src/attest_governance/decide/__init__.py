"""The step `decide`: enforcement, baseline, verdict. Pure."""

from attest_governance.decide.baseline import Baseline, apply_baseline, make_baseline
from attest_governance.decide.causes import one_for_each_cause
from attest_governance.decide.verdict import Counted, Rules, Weights, decide, enforce, nothing_judged

__all__ = [
    "Baseline",
    "Counted",
    "Rules",
    "Weights",
    "apply_baseline",
    "decide",
    "enforce",
    "make_baseline",
    "nothing_judged",
    "one_for_each_cause",
]
