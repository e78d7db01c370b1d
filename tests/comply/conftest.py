"""Runs the command in this process, in a folder of its own."""

from tests.selection.conftest import Write, attest, project, write

__all__ = ["Write", "attest", "project", "write"]
