"""Frozen values that travel between the steps. No I/O, and nothing here imports a step."""

from attest_governance.model.finding import Enforcement, Finding, Location, Resource, Severity, Waiver
from attest_governance.model.policy import LookedUp, Policy
from attest_governance.model.problem import Problem
from attest_governance.model.rendering import Rendering, RenderOptions
from attest_governance.model.verdict import Checked, Evaluated, Outcome, Skipped, Summary, Verdict
