"""Asks the engine. Nothing else may start or call it; what can be asked is in `requests`."""

from attest_governance.evaluate.engine import (
    CheckOptions,
    Engine,
    EngineOptions,
    KeptPolicies,
    LoadedPolicies,
    judging,
    milliseconds,
    set_digest,
)
from attest_governance.evaluate.inventory import Inventory
from attest_governance.evaluate.messages import Batch, Decision, RegoTemplate, TemplatesAnswer, Versions
from attest_governance.evaluate.pool import EnginePool
from attest_governance.evaluate.requests import View
