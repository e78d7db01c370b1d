"""Compliance: frameworks, reports and the configuration that asks for them."""
