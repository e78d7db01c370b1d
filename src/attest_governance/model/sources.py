"""What a run reads: where its policies come from, and what it is to judge."""

from __future__ import annotations

from typing import Any

import msgspec

from attest_governance.model.bundle import Verification


class ReadFile(msgspec.Struct, frozen=True):
    """A file as it was when it was read."""

    file: str
    """Its path, absolute and without links."""
    sha256: str
    """Of the bytes that were read, in hexadecimal."""


class InlinePolicy(msgspec.Struct, frozen=True):
    """A policy whose Rego stands in a configuration file, at `line` and `column` of `file`."""

    file: str
    line: int
    column: int
    text: str
    name: str = ""
    severity: str = ""
    level: str = ""


class PolicySources(
    msgspec.Struct, frozen=True, rename={"allow_net": "allowNet", "strict_errors": "strictErrors", "prints": "print"}
):
    """Where policies come from, before anything is read."""

    paths: tuple[str, ...] = ()
    """Files and folders; two of them must not define one package."""
    libraries: tuple[str, ...] = ()
    """Folders whose rules other policies may use."""
    modules: tuple[InlinePolicy, ...] = ()
    data: dict[str, Any] = {}
    """The documents under `data`."""
    opa: bool = True
    gatekeeper: bool = True
    allow_net: tuple[str, ...] = ()
    external: bool = False
    """Whether Gatekeeper's external data providers may be asked."""
    strict_errors: bool = False
    evaluator: str = ""
    verification: Verification | None = None
    """Who must have signed the bundles among `paths`: archives, and the folders that `signed` names."""
    signed: tuple[str, ...] = ()
    prints: bool = False
    """Whether calls of `print` are kept, for the tools that show what they say."""


class Selected(msgspec.Struct, frozen=True):
    """A policy that a run asks, with what configuration gives it."""

    name: str
    parameters: dict[str, Any] = {}
    severity: str = ""


class Text(msgspec.Struct, frozen=True):
    """A manifest that is not in a file, such as standard input."""

    file: str
    text: str


class Manifests(msgspec.Struct, frozen=True):
    """What to judge, and how to look at it."""

    paths: tuple[str, ...] = ()
    inputs: tuple[Text, ...] = ()
    namespace: str = ""
    """For namespaced resources whose manifest names none."""
    operation: str = "CREATE"
    inventory: tuple[str, ...] = ()
    inventory_inputs: tuple[Text, ...] = ()
    """Files and folders whose resources policies may look up, beside those that are judged."""
