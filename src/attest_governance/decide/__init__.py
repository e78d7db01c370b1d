"""The step `decide`: enforcement, baseline, verdict. Pure."""

from attest_governance.decide.baseline import Baseline, apply_baseline, make_baseline
from attest_governance.decide.causes import one_for_each_cause, said_once
from attest_governance.decide.verdict import Counted, Rules, Step, Weights, decide, enforce, nothing_judged
