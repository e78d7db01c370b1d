"""Asks the engine. Nothing else may start or call it."""

from attest_governance.evaluate.engine import CheckOptions, Engine, EngineOptions, LoadedPolicies
from attest_governance.evaluate.messages import Batch, Decision, Validation, Versions

__all__ = ["Batch", "CheckOptions", "Decision", "Engine", "EngineOptions", "LoadedPolicies", "Validation", "Versions"]
