"""What a proof must fulfil beside being genuine. Without configuration, that is success of every step."""

from __future__ import annotations

from datetime import datetime

import msgspec

CLOCK_SKEW = 300 * 10**9
"""How far in the future a runner's clock may say that it signed, in nanoseconds."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The demands of a gate, and what it knows of the pipelines that it judges."""

    now: datetime
    max_age: float = 0.0
    """The greatest age of a proof in seconds, by a token of a pinned authority; 0 for any."""
    required_steps: tuple[str, ...] = ()
    clean_tree: bool = False
    reproducible: bool = False
    builders: tuple[str, ...] = ()
    """Ids of the builders that provenance may name; empty for any."""
    scan_max_age: float = 0.0
    """The greatest age of a vulnerability scan in seconds, by what its signer says; 0 for any."""
    source_repositories: tuple[str, ...] = ()
    """Globs of the repositories of sources that provenance may name; empty for any."""
    scan_refuses: tuple[str, ...] = ()
    """Severities of which a vulnerability scan may have found nothing, in small letters."""
    image_keys: tuple[str, ...] = ()
    """The `--key` that `attest image verify` was called with, as it was written there."""
    image_checks: tuple[str, ...] = ("signature",)
    """Which checks of an `image-verify` report must have passed for it to bind its image."""
