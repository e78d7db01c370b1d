"""Asks the engine. Nothing else may start or call it; what can be asked is in `requests`."""

from attest_governance.evaluate.engine import (
    CheckOptions,
    Engine,
    EngineOptions,
    LoadedPolicies,
    judging,
    milliseconds,
)
from attest_governance.evaluate.messages import Batch, Decision, RegoTemplate, TemplatesAnswer, Versions
from attest_governance.evaluate.requests import View
