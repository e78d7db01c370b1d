"""What a run goes by besides the files that were approved: options of its command line, and variables.

Each option and variable stands in one of these tables, so that a new one is thought about: `test_governed.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest_governance.load.settings import Settings

WEAKENS = {
    "names": "`--policy` leaves policies out",
    "fail_on": "`--fail-on` lets findings pass",
    "fail_fast": "`--fail-fast` stops before everything is judged",
    "allow_empty": "`--allow-empty` allows a run that judges nothing",
    "include": "`--include` leaves files out",
    "exclude": "`--exclude` leaves files out",
    "no_render": "`--no-render` leaves out what charts and kustomizations render to",
}
"""Fields of a request that can turn a denial into something else, whatever they say."""
COMPARED = frozenset(
    ("folders", "from_cluster", "documents", "with_shipped", "parameters", "data", "evidence", "baseline")
)
"""Fields that name files: the gate compares those, and looks for approved ones that are left out."""
HARMLESS = frozenset(
    (
        *(
            "strict",
            "disallow_exemptions",
            "disallow_annotation_exemptions",
            "governed",
            "schemas",
        ),  # they only tighten
        "resolve_tags",  # it only says more
        "frameworks",  # more policies are asked; its files are compared as all that is read
        "verify_evidence",  # whom to trust for it is configured, and compared as all that is read
        *(
            "jobs",
            "no_cache",
            "checked",
            "serving",
            "timed",
            "kept",
            "prints",
            "draft",
        ),  # they change what is shown, or how fast
        "scans",  # in a governed project, it leaves out the folder of policies that is configured, and no other
        "judged",  # what is judged, which is the user's to say
        *("profile", "input_form"),  # the settings tell them as keys of theirs that are others
    )
)
VARIABLES = {
    "ATTEST_ENGINE": "`ATTEST_ENGINE` names another engine",
    "ATTEST_RENDER": "`ATTEST_RENDER` names another program that renders",
}
HARMLESS_VARIABLES = frozenset(("ATTEST_TRUST_ROOT", "ATTEST_SIGNING_KEY", "ATTEST_HANDED_TO"))


def departures(given: Mapping[str, object], variables: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """What of a run nobody has approved, in words: of the fields of its request, and of the variables around it.

    The settings in force tell what does not come from the project's files.
    """
    configured = settings.modules or settings.bundle or settings.policy.policy_bundle_url
    left_out = []
    option = "--policies-from-cluster" if given.get("from_cluster") else "--policy-dir"
    chosen = given.get("folders") or given.get("from_cluster")
    if chosen and not given.get("with_shipped"):
        left_out.append(f"`{option}` leaves the shipped policies out")
    if chosen and configured:
        left_out.append(f"`{option}` leaves out the policies that are configured")
    return (
        *(words for name, words in WEAKENS.items() if given.get(name)),
        *left_out,
        *(words for name, words in VARIABLES.items() if variables.get(name)),
        *(f"{words} ({settings.source(key)})" for key, words in settings.departs.items()),
    )


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
