"""What an application is asked for: the wish of its author, never less than its project asks.

The author of an application is not trusted. A project is a floor: what `spec.verification` says can add to it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from attest_governance.errors import NotAllowedError

if TYPE_CHECKING:
    from attest_governance.controller.gitops.model import Application, Project

KEYS_OF_NOBODY = ("",)
"""A list of keys that names none: where those of an application are none of its project's, nobody is trusted."""


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision must show before anything of it is applied."""

    trusted_keys: tuple[str, ...] = ()
    """Names, ids or digits of keys that may sign receipts; empty for all that the controller trusts."""
    introduced_keys: tuple[str, ...] = ()
    """Those of the project, which may be keys that no store of the controller holds; an author can bring none."""
    allowed_signers: tuple[tuple[str, ...], ...] = ()
    """Lists of signers of commits: where there are any, one of each list must have signed."""
    receipts: bool = False
    attestations: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    bundle: str = ""
    strict_verification: bool = True
    """Whether what is missing denies, or is told alone."""
    strict_policies: bool = True
    """Whether violations deny, or are told alone."""
    notices: tuple[str, ...] = ()
    """Wishes of the author that the project overrules."""


def demands(application: Application, project: Project) -> Demands:
    """The demands on an application of a project.

    Raises:
        NotAllowedError: the project doesn't allow the application at all.
    """
    _check_belonging(application, project)
    asked, floor = application.spec.verification, project.spec.verification
    may_warn = matches(application.namespace, floor.warn_namespaces)
    notices = [] if may_warn else list(_overruled(application, project))
    enabled = asked.enabled or not may_warn
    receipts, policies = asked.receipt_verification, asked.policy_validation
    return Demands(
        trusted_keys=_narrowed(floor.trusted_keys, asked.trusted_keys),
        introduced_keys=floor.trusted_keys,
        allowed_signers=tuple(one for one in (floor.allowed_signers, asked.allowed_signers if enabled else ()) if one),
        receipts=floor.receipts_required or (enabled and receipts.required),
        attestations=_union(floor.required_attestations, receipts.required_attestations if enabled else ()),
        policies=_union(floor.required_policies, policies.required_policies if enabled else ()),
        bundle=_bundle(application, project) if enabled else "",
        strict_verification=not may_warn or asked.policy == "Strict",
        strict_policies=not may_warn or (asked.policy == "Strict" and policies.fail_on_violation),
        notices=tuple(notices),
    )


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs means a name."""
    return any(fnmatchcase(name, one) for one in globs)


def _check_belonging(application: Application, project: Project) -> None:
    spec, named = project.spec, f"the project `{project.name}`"
    if not matches(application.namespace, spec.application_namespaces):
        raise NotAllowedError(
            f"{named} takes no applications of the namespace `{application.namespace}`",
            hint="name another project, or have the namespace added to `applicationNamespaces`",
        )
    if not matches(application.spec.source.repo_url, spec.repositories):
        raise NotAllowedError(
            f"{named} does not list the repository `{application.spec.source.repo_url}`",
            hint="name a repository of the project, or have it added to `repositories`",
        )
    if not matches(application.spec.destination.namespace, spec.destinations):
        raise NotAllowedError(
            f"{named} does not let applications write to the namespace `{application.spec.destination.namespace}`",
            hint="name another namespace, or have it added to `destinations`",
        )
    if spec.require_service_account and application.spec.destination.service_account is None:
        raise NotAllowedError(
            f"{named} asks for a ServiceAccount to write in the name of",
            hint="set `spec.destination.serviceAccount`",
        )


def _overruled(application: Application, project: Project) -> list[str]:
    """What the author wished, and may not have."""
    asked = application.spec.verification
    wishes = (
        (not asked.enabled, "`verification.enabled: false`"),
        (asked.policy == "Warn", "`verification.policy: Warn`"),
        (not asked.policy_validation.fail_on_violation, "`policyValidation.fail_on_violation: false`"),
    )
    why = f"the project `{project.name}` does not let the namespace `{application.namespace}` soften what is asked"
    return [f"{wish} is not followed: {why}" for wished, wish in wishes if wished]


def _bundle(application: Application, project: Project) -> str:
    wanted = application.spec.verification.policy_validation.policy_bundle
    if wanted and wanted not in project.spec.verification.policy_bundles:
        raise NotAllowedError(
            f"the project `{project.name}` does not list the bundle `{wanted}`",
            hint="have it added to `verification.policyBundles`",
        )
    return wanted


def _narrowed(floor: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """An application can leave keys out, and add none."""
    if not floor or not asked:
        return tuple(floor or asked)
    return tuple(one for one in asked if one in floor) or KEYS_OF_NOBODY


def _union(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
