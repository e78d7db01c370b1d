"""Governance: who may excuse a resource or change a policy, and the record of who did (§11)."""

PIN = "ATTEST_TRUST_ROOT"
"""The variable that names a policy set which must be among the approved ones: then the project must be governed."""
