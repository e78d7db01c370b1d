"""What a run goes by besides the files that were approved: options of its command line, and variables.

Each option and variable stands in one of these tables, so that a new one is thought about: `test_governed.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
}
"""Fields of a request that can turn a denial into something else, whatever they say."""
COMPARED = frozenset(("folders", "with_shipped", "parameters", "data", "evidence", "baseline"))
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
        *("jobs", "checked", "prints", "draft"),  # they change what is shown, or how fast
        "scans",  # in a governed project, it leaves out the folder of policies that is configured, and no other
        "judged",  # what is judged, which is the user's to say
        "profile",  # the settings tell it as a key of theirs that is another
    )
)
VARIABLES = {"ATTEST_ENGINE": "`ATTEST_ENGINE` names another engine"}
HARMLESS_VARIABLES = frozenset(("ATTEST_TRUST_ROOT", "ATTEST_SIGNING_KEY", "ATTEST_HANDED_TO"))


def departures(given: Mapping[str, object], variables: Mapping[str, str], settings: Settings) -> tuple[str, ...]:
    """What of a run nobody has approved, in words.

    Args:
        given: the fields of the request.
        variables: those of the environment.
        settings: the configuration in force, which tells what does not come from the project's files.
    """
    configured = settings.modules or settings.bundle or settings.policy.policy_bundle_url
    left_out = []
    if given.get("folders") and not given.get("with_shipped"):
        left_out.append("`--policy-dir` leaves the shipped policies out")
    if given.get("folders") and configured:
        left_out.append("`--policy-dir` leaves out the policies that are configured")
    return (
        *(words for name, words in WEAKENS.items() if given.get(name)),
        *left_out,
        *(words for name, words in VARIABLES.items() if variables.get(name)),
        *(f"{words} ({settings.source(key)})" for key, words in settings.departs.items()),
    )
