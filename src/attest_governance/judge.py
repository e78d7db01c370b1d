"""One judgement from request to outcome, governance included: what every entry point calls.

1. Configuration and documents are read (`plan.prepare`).
2. Governance insists that the policies in use are an approved set (§11), where it is on.
3. Policies are loaded, and the plan is made (`plan.make_plan`).
4. Governance says which exemptions are in force at `now`; without it those of the configuration are (§6).
5. Everything is judged (`check.check`), and the use of exemptions goes on record.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.check import Exempting, Plan, check
from attest_governance.errors import GovernanceError
from attest_governance.exempt import Annotations, declared
from attest_governance.plan import make_plan, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from attest_governance.evaluate import Batch, Engine
    from attest_governance.govern.inforce import InForce
    from attest_governance.govern.policysets.downloads import Download
    from attest_governance.model import Outcome
    from attest_governance.plan import Environment, Prepared, Request

PIN = "ATTEST_TRUST_ROOT"
"""The variable that names the trust a project must start from: then it must be governed."""


def judge(
    engine: Engine,
    request: Request,
    environment: Environment,
    *,
    now: datetime,
    overrides: Mapping[str, object] | None = None,
    progress: Callable[[Batch], None] | None = None,
) -> Outcome:
    """Judges what a request asks for.

    Args:
        engine: what evaluates.
        request: what is asked.
        environment: what is found around it.
        now: the moment of the judgement, with its offset.
        overrides: configuration that the caller states itself, by key.
        progress: called with each part of the result.

    Raises:
        AttestError: nothing could be decided: a file is wrong, the policies are not approved, the
            engine failed, or the use of an exemption could not be recorded.
    """
    prepared = prepare(request, environment, overrides)
    notices = approved_policies(prepared, environment, now)
    engine.configure(prepared.engine)
    loaded = engine.load(prepared.sources)
    plan = make_plan(prepared, loaded)
    in_force = exemptions(prepared, environment, now)
    if in_force is not None:
        plan = _governed(plan, request, in_force)
    outcome = check(
        engine, loaded, msgspec.structs.replace(plan, notices=(*notices, *plan.notices)), now=now, progress=progress
    )
    if in_force is not None and in_force.project is not None:
        from attest_governance.govern.inforce import record_enforcement  # noqa: PLC0415 (see `governed_root`)

        record_enforcement(in_force.project, outcome.findings, now)
    return outcome


def approved_policies(prepared: Prepared, environment: Environment, now: datetime) -> tuple[str, ...]:
    """Insists that the policies in use are an approved set; returns notices.

    Raises:
        GovernanceError: they are not, or a project that must be governed is not.
    """
    root, pin = governed_root(environment), environment.variables.get(PIN, "")
    if root is None:
        if pin:
            raise GovernanceError(
                f"`{PIN}` is set, but no governance file is here", hint="run in the governed project, or unset it"
            )
        return ()
    from attest_governance.govern.policysets.gate import policy_gate  # noqa: PLC0415 (see `governed_root`)

    shipped = environment.shipped.resolve()
    sources = [Path(path) for path in prepared.sources.paths if Path(path) != prepared.downloaded]
    used = [path for path in sources if not path.resolve().is_relative_to(shipped)]
    return policy_gate(root, now, sources=used, bundle=_download(prepared), pin=pin)


def _download(prepared: Prepared) -> Download | None:
    """The bundle from a server, with what the engine insists on before it reads it."""
    if prepared.downloaded is None:
        return None
    from attest_governance.govern.policysets.downloads import Download  # noqa: PLC0415 (see `governed_root`)
    from attest_governance.govern.policysets.files import digest_of  # noqa: PLC0415

    url, trusted = prepared.settings.policy.policy_bundle_url, prepared.sources.verification
    if trusted is None:
        return Download(prepared.downloaded, url)
    return Download(prepared.downloaded, url, digest_of(trusted.keys.encode()), tuple(trusted.exclude))


def exemptions(prepared: Prepared, environment: Environment, now: datetime) -> InForce | None:
    """What is exempted at `now` by governance; None where the project has none.

    Raises:
        GovernanceError: the records can't be trusted.
    """
    root = governed_root(environment)
    if root is None:
        return None
    from attest_governance.govern.inforce import exemptions_in_force  # noqa: PLC0415 (see `governed_root`)

    return exemptions_in_force(root, now, declared(prepared.settings.exemptions))


def governed_root(environment: Environment) -> Path | None:
    """The governed project that the working directory is in.

    Signatures and records take 50 ms to import, so a project without a folder `.attest` pays nothing.

    Raises:
        ConfigurationError: governance was removed by deleting its file.
    """
    if not any((folder / ".attest").is_dir() for folder in (environment.cwd, *environment.cwd.parents)):
        return None
    from attest_governance.govern.project import find_root, is_governed  # noqa: PLC0415

    root = find_root(environment.cwd, environment.home)
    return root if is_governed(root) else None


def _governed(plan: Plan, request: Request, in_force: InForce) -> Plan:
    if not request.allow_exemptions:
        return plan
    annotations = in_force.annotations if request.allow_annotations else Annotations.IGNORED
    return msgspec.structs.replace(
        plan,
        exempting=Exempting(exemptions=in_force.exemptions, annotations=annotations),
        notices=in_force.notices,
        problems=(*plan.problems, *in_force.problems),
    )
