"""Governance: who may excuse a resource or change a policy, and the record of who did (§11)."""
