"""Bundles from a server in a project whose policies must be approved (§11 and §15).

A download is no file of the project, so nobody has approved it as one. Its signature may stand for the approval,
where the approved rules say so: they list the digests of the files of public keys that they trust with it. The list
stands in the rules, not in the configuration of the bundle, so that no variable and no other file can add to it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from attest_governance.errors import GovernanceError

_KEY = "governance.policy_approval.bundle_keys"


class Download(msgspec.Struct, frozen=True):
    """A bundle that is about to be used, and who must have signed it: the engine insists on that."""

    path: Path
    url: str
    key: str = ""
    """The digest of the file of public keys; empty where no signature is asked for."""
    exclude: tuple[str, ...] = ()
    """Files of the bundle that need no signature."""


def approve_download(bundle: Download, trusted: frozenset[str]) -> str:
    """Insists that the signature of a download may stand for its approval; returns a notice.

    Raises:
        GovernanceError: it may not; the hint says what to do.
    """
    what = f"the bundle of {bundle.url} is not part of the approved set"
    if not bundle.key:
        raise GovernanceError(
            f"{what}, and its signature is not asked for",
            hint=f"keep its policies in the project, or set `policy.policy_bundle_key` and list that key in `{_KEY}`",
        )
    if bundle.key not in trusted:
        raise GovernanceError(
            f"{what}, and nobody has approved the key that signs it",
            hint=f"add `{bundle.key}` to `{_KEY}`, and have that approved: `attest governance propose`",
        )
    if bundle.exclude:
        raise GovernanceError(
            f"{what}: its signature does not cover `{bundle.exclude[0]}`", hint="unset `policy.policy_bundle_exclude`"
        )
    return f"bundle of {bundle.url}, signed with an approved key"
