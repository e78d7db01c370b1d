"""Attacks run the real command, in a folder of their own."""

from tests.cli.conftest import attest, project

__all__ = ["attest", "project"]
