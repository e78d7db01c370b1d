"""Reads what a check needs: configuration, policy sources, evidence."""
