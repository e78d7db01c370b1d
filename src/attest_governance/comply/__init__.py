"""Compliance: frameworks as data, and what a run shows of their controls."""
