"""Policy bundles: what one is, and who must have signed it."""

from __future__ import annotations

from typing import Any

import msgspec

from attest_governance.model.problem import Problem


class Verification(msgspec.Struct, frozen=True):
    """Who must have signed a bundle."""

    keys: str
    """Public keys or certificates in PEM form, one of which signed."""
    file: str = ""
    """Where the keys come from."""
    scope: str = ""
    exclude: tuple[str, ...] = ()
    """Globs of files that no signature covers."""


class Signature(msgspec.Struct, frozen=True, rename="camel"):
    """What a signature says of itself; nothing of it is certain unless it is `verified`."""

    verified: bool
    files: int
    algorithm: str = ""
    key_id: str = ""
    scope: str = ""
    issuer: str = ""
    issued_at: int = 0


class BundleFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file of a bundle; `kind` is rego, test, data, manifest, signature, yaml, wasm or other."""

    path: str
    bytes: int
    kind: str
    rego_version: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """What a bundle is. `digest` is that of its content, however it is packed or signed."""

    path: str
    revision: str
    roots: tuple[str, ...]
    digest: str
    files: tuple[BundleFile, ...]
    metadata: dict[str, Any] = {}
    signature: Signature | None = None


class BundlePolicy(msgspec.Struct, frozen=True):
    """A policy of a bundle."""

    name: str
    engine: str


class BundleAnswer(msgspec.Struct, frozen=True):
    """What became of a bundle; without one it was refused, and `problems` say why."""

    bundle: Bundle | None = None
    policies: tuple[BundlePolicy, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the bundle must not be used."""
        return self.bundle is None or any(problem.severity == "error" for problem in self.problems)
