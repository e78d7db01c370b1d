"""What a run makes of one policy: whether it is asked, and with which parameters (ADR 0029).

The more particular wins: what `policies` says of it, over a framework that `compliance` switches on, over
`policy.shipped`, over the profile. Flags (`--policy`, `--parameters`) come on top, in `selection` and `request`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from attest_governance.load.compliance import parameters, wanted
from attest_governance.load.settings import PolicySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest_governance.load.settings import Parameters
    from attest_governance.model import Policy

USUAL = ("recommended", "strict")
"""The profiles of a shipped policy that names none."""
_PRODUCTION = "production_namespaces"
_VERSION = "kubernetes_version"


class Standings(msgspec.Struct, frozen=True):
    """What holds for each policy of a run."""

    settings: Settings
    evidence: bool = False
    """Whether there are verified facts about images."""
    named: bool = False
    """Whether folders of policies were named: all in them are meant."""

    def of(self, policy: Policy) -> PolicySettings:
        """What holds for a policy; `enabled` is never None, and parameters are those that are not its defaults."""
        own = self.settings.for_policy(policy.name)
        enabled = self._chosen(policy) if own.enabled is None else own.enabled
        return msgspec.structs.replace(own, enabled=enabled, parameters={**self._usual(policy), **own.parameters})

    def without_evidence(self, policy: Policy) -> tuple[str, ...]:
        """The parameters of a policy that are off because nothing could be proven, and nobody asked for them."""
        if self.evidence:
            return ()
        given = {**self._by_profile(policy), **self.settings.for_policy(policy.name).parameters}
        return tuple(name for name in policy.evidence if name not in given)

    def _usual(self, policy: Policy) -> Mapping[str, object]:
        options = self.settings.policy
        common = {_PRODUCTION: list(options.production_namespaces), _VERSION: options.kubernetes_version}
        named = {name: value for name, value in common.items() if value and name in policy.defaults}
        asked = {**self._by_profile(policy), **parameters(self.settings, policy.name)}
        return {**named, **asked, **dict.fromkeys(self.without_evidence(policy), False)}

    def _by_profile(self, policy: Policy) -> Parameters:
        return (policy.profiles or {}).get(self.settings.policy.profile, {})

    def _chosen(self, policy: Policy) -> bool:
        """Whether a policy is asked of which `policies` says nothing."""
        shipped = self.settings.policy.shipped
        if (switched := wanted(self.settings, policy)) is not None:
            return switched
        if policy.shipped and shipped is not None:
            return any(fnmatchcase(policy.name, pattern) for pattern in shipped)
        if policy.profiles is None or (self.named and not policy.shipped):
            return not policy.shipped or self.settings.policy.profile in USUAL
        return self.settings.policy.profile in policy.profiles
