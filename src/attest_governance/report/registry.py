"""The formats by name; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from attest_governance.errors import UsageError

if TYPE_CHECKING:
    from attest_governance.report.interface import Reporter

_CLASSES = {
    "text": ("text", "TextReporter"),
    "table": ("table", "TableReporter"),
    "json": ("json_document", "JsonReporter"),
    "yaml": ("yaml_document", "YamlReporter"),
    "sarif": ("sarif", "SarifReporter"),
    "junit": ("junit", "JunitReporter"),
    "github": ("github", "GithubReporter"),
    "openreports": ("openreports", "OpenReportsReporter"),
}
FORMATS: tuple[str, ...] = tuple(_CLASSES)
FORMATS_FOR_PEOPLE = frozenset({"text", "table", "github"})
"""Formats whose characters may be replaced where a terminal can't show them."""


def check_format(name: str) -> None:
    """Refuses an unknown format without importing one.

    Raises:
        UsageError: when there is no such format.
    """
    if name not in _CLASSES:
        raise UsageError(f"unknown format `{name}`", hint=f"use one of {', '.join(FORMATS)}")


def reporter(name: str) -> Reporter:
    """The reporter of a format.

    Raises:
        UsageError: when there is no such format.
    """
    check_format(name)
    module, class_name = _CLASSES[name]
    return cast("Reporter", getattr(import_module(f"attest_governance.report.{module}"), class_name)())
