"""Which policies a run asks: where they come from, and which of them are meant (design: selection)."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import PolicyError
from attest_governance.load.bundles import verification
from attest_governance.load.configuration import bundle_paths
from attest_governance.model.sources import PolicySources, Selected
from attest_governance.resources import LIBRARY, shipped_folders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from attest_governance.load.files import Files
    from attest_governance.load.settings import PolicyOptions, Settings
    from attest_governance.load.standing import Standings
    from attest_governance.model import Policy

SCHEMAS = "kubernetes-schemas"
"""The shipped policy that holds resources to the types of Kubernetes."""


class Selection(msgspec.Struct, frozen=True):
    """What the user said about policies.

    Without `folders`, the shipped policies and those of the configuration; with them, or those of a cluster, only
    theirs, and the shipped ones too where `with_shipped` says so. `names` (globs) narrow either.
    """

    folders: tuple[str, ...] = ()
    with_shipped: bool = False
    names: tuple[str, ...] = ()
    schemas: bool = False
    """Whether `SCHEMAS` is asked whatever else is."""
    from_cluster: bool = False

    @property
    def chosen(self) -> bool:
        """Whether the user said where policies are."""
        return bool(self.folders) or self.from_cluster


def policy_sources(
    selection: Selection,
    settings: Settings,
    shipped: Path,
    data: Mapping[str, Any] | None = None,
    downloaded: Path | None = None,
    *,
    reader: Files | None = None,
) -> PolicySources:
    """Where the selected policies come from; nothing is read yet.

    Args:
        selection: what the user said.
        settings: the configuration in force.
        shipped: the folder of the shipped policies.
        data: documents for `data`.
        downloaded: the bundle that `policy_bundle_url` stands for.
        reader: what remembers the files that were read.

    Raises:
        ConfigurationError: the configured bundle or its key can't be used.
        PolicyError: a named folder does not exist.
    """
    options = settings.policy
    configured = not selection.chosen
    folders = list(selection.folders)
    if configured:
        folders += [str(path) for path in (*bundle_paths(settings), downloaded) if path]
    return PolicySources(
        paths=tuple(dict.fromkeys(folders)),
        shipped=_shipped(selection, shipped),
        libraries=(str(shipped / LIBRARY),),
        modules=settings.modules if configured else (),
        data=_with_settings(data or {}, options),
        opa=options.opa_enabled and options.enabled,
        gatekeeper=options.gatekeeper_enabled and options.enabled,
        allow_net=options.allow_net,
        strict_errors=options.strict_errors,
        evaluator=options.evaluator,
        input_form=options.input_form,
        external=options.external_data,
        verification=verification(settings, reader),
        signed=(str(settings.bundle),) if settings.bundle_key and settings.bundle else (),
    )


def _shipped(selection: Selection, shipped: Path) -> tuple[str, ...]:
    if not selection.chosen or selection.with_shipped:
        return shipped_folders(shipped)
    return tuple(str(path) for path in shipped.glob(f"*/{SCHEMAS}.rego")) if selection.schemas else ()


def _with_settings(data: Mapping[str, Any], options: PolicyOptions) -> dict[str, Any]:
    """The documents, with the settings that shipped policies and the engine read below `data.attest`."""
    kinds = [{"kind": one.kind, "group": one.group, "path": one.path.split(".")} for one in options.workload_kinds]
    settings = {"workload_kinds": kinds, "kubernetes_version": options.kubernetes_version}
    given = {name: value for name, value in settings.items() if value}
    return {**data, "attest": {**data.get("attest", {}), **given}} if given else dict(data)


def select(
    policies: Iterable[Policy], standings: Standings, names: Iterable[str] = (), *, also: Collection[str] = ()
) -> tuple[Selected, ...]:
    """The policies that a run asks: enabled ones, narrowed by `names` where given.

    A policy that the configuration disables is asked all the same when its exact name is given, or it is one of `also`.

    Raises:
        PolicyError: a name matches no policy.
    """
    known, wanted = tuple(policies), tuple(names)
    for name in wanted:
        if not any(fnmatchcase(policy.name, name) for policy in known):
            raise unknown_policy(name, known)
    return tuple(_selected(policy, standings) for policy in known if _meant(policy, standings, wanted, also))


def _meant(policy: Policy, standings: Standings, wanted: tuple[str, ...], also: Collection[str]) -> bool:
    if policy.name in wanted or policy.name in also:
        return True
    if wanted and not any(fnmatchcase(policy.name, pattern) for pattern in wanted):
        return False
    return bool(standings.of(policy).enabled)


def asked_by(
    standings: Standings, of_all: Settings, policies: Iterable[Policy], names: Sequence[str], also: Collection[str]
) -> set[str]:
    """The names of the policies that are asked where only `standings` hold, of a run in which `of_all` do.

    What folders of a project ask for is loaded once for all of them; each policy speaks where it is asked for.
    """
    options = standings.settings.policy
    own = {one.name for one in options.custom_policies}
    engines = {"opa": options.opa_enabled, "gatekeeper": options.gatekeeper_enabled}
    others = {one.name for one in of_all.policy.custom_policies} - own
    return {
        policy.name
        for policy in policies
        if options.enabled and engines[policy.engine] and policy.name not in others
        if _meant(policy, standings, tuple(names), also)
    }


def _selected(policy: Policy, standings: Standings) -> Selected:
    own, places = standings.of(policy), standings.settings.places
    # A severity that folders ask for is given to the findings there alone.
    severity = places.elsewhere.for_policy(policy.name).severity if places else own.severity
    return Selected(name=policy.name, parameters=own.parameters, severity=severity or "")


def refuse_unknown(name: str, known: Sequence[Policy]) -> None:
    """Refuses a name (or glob, or POLICY/RULE) that means no policy; where none are known, nothing can be said.

    Raises:
        PolicyError: with the nearest name.
    """
    policy, slash, rule = name.rpartition("/")
    for one in known:
        whole = fnmatchcase(one.name, name)
        part = slash and fnmatchcase(one.name, policy) and any(fnmatchcase(own, rule) for own in one.rules)
        if whole or part:
            return
    if known:
        raise unknown_policy(name, known)


def unknown_policy(name: str, known: Sequence[Policy]) -> PolicyError:
    """The error for a name that no policy has, with the nearest that one has."""
    near = get_close_matches(name, [policy.name for policy in known], n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`attest policy list` shows the policies that there are"
    return PolicyError(f"no policy is named `{name}`", hint=hint)
