"""Asks the engine. Nothing else may start or call it."""

from attest_governance.evaluate.engine import CheckOptions, Engine, EngineOptions, LoadedPolicies, View
from attest_governance.evaluate.messages import Batch, Decision, RegoTemplate, TemplatesAnswer, Validation, Versions

__all__ = [
    "Batch",
    "CheckOptions",
    "Decision",
    "Engine",
    "EngineOptions",
    "LoadedPolicies",
    "RegoTemplate",
    "TemplatesAnswer",
    "Validation",
    "Versions",
    "View",
]
