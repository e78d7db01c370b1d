"""`attest cluster`: every object of a cluster, judged once or kept judged."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.judging import Showing, exit_code, report_options, tell_unseen, write_baseline
from attest_governance.cli.main import OK
from attest_governance.cli.options import (
    DOCUMENTS,
    POLICIES,
    SHOWING,
    Context,
    Kubeconfig,
    TlsCert,
    TlsKey,
    application,
    takes,
)
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here, state_folder
from attest_governance.errors import UsageError
from attest_governance.model.finding import digest_of
from attest_governance.report import write_reports
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.adapters.kubernetes import KubernetesCluster
    from attest_governance.controller.audit.audit import Audited
    from attest_governance.controller.audit.running import Watching
    from attest_governance.controller.audit.scope import Scope
    from attest_governance.runtime import Runtime

app = application("Judge what a cluster holds.")

_JUDGING = (
    *POLICIES,
    "input_form",
    "strict",
    "fail_on",
    "allow_empty",
    "schemas",
    *DOCUMENTS,
    "jobs",
    "governed",
    "disallow_exemptions",
    "disallow_annotation_exemptions",
    "baseline",
)
_REACHED = ("context", "kubeconfig", "namespaces", "kinds")


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster, and which part of it."""

    context: Context = ""
    kubeconfig: Kubeconfig = None
    namespaces: Annotated[
        tuple[str, ...], typer.Option("--namespace", "-n", metavar="NAME", help="Only what is in it; repeats.")
    ] = ()
    kinds: Annotated[
        tuple[str, ...],
        typer.Option("--kind", metavar="KIND", help="Only this kind (`Pod`, `deployments.apps`); repeats."),
    ] = ()

    @property
    def scope(self) -> Scope:
        """The part."""
        from attest_governance.controller.audit.scope import Scope  # noqa: PLC0415 (few commands need it)

        return Scope(self.namespaces, self.kinds)

    def connect(self) -> KubernetesCluster:
        """The cluster.

        Raises:
            AttestError: it can't be told.
        """
        from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)

        return connect(kubeconfig=self.kubeconfig, context=self.context)


@app.command("audit")
@takes(request=_JUDGING, reached=_REACHED, showing=SHOWING)
def audit(
    *,
    request: Request,
    reached: Reached,
    reports: Annotated[
        bool, typer.Option("--reports", help="Write what is found to the cluster, as reports of openreports.io.")
    ] = False,
    since_last: Annotated[
        bool, typer.Option("--since-last", help="Only what the last audit of this part of the cluster lacks counts.")
    ] = False,
    showing: Showing,
) -> int:
    """Judge every object of a cluster that a policy may look at, as a check judges manifests.

    Exits with 0 when they are allowed, 1 when they are denied, and 2 when that could not be decided.
    """
    from attest_governance.controller.audit.audit import published  # noqa: PLC0415 (few commands need it)

    shown, now = msgspec.structs.replace(showing, command="attest cluster audit"), system_clock()
    targets, scope = shown.targets, reached.scope
    if since_last and reports:
        raise UsageError("--since-last leaves out what reports must say", hint="write reports without it")
    with closing(reached.connect()) as cluster:
        last = _folder(cluster, *scope.namespaces, "", *scope.kinds) / "last-audit.json"
        found = _audited(cluster, _in_cluster(request, last if since_last else None), scope, now)
        outcome = found.outcome
        write_reports(outcome, targets, report_options(shown, now, strict=request.strict), sys.stdout)
        tell_unseen(outcome, targets, shown)
        if reports:
            with Progress("writing reports"):
                written = published(cluster, found, scope, now)
            tell(f"reports: {written.applied} written, {written.unchanged} unchanged, {written.deleted} deleted")
    if outcome.summary.verdict != "error":
        write_baseline(last, outcome.findings)
    return exit_code(outcome.summary.verdict)


def _audited(cluster: KubernetesCluster, request: Request, scope: Scope, now: datetime) -> Audited:
    from attest_governance.controller.audit.audit import audit as judge  # noqa: PLC0415 (few commands need it)

    with Progress("auditing") as progress, open_here(request, now) as runtime:
        return judge(
            cluster,
            runtime,
            scope,
            now,
            listing=lambda kind, count: progress.show(f"objects listed; now {kind}", count),
            progress=progress.advance,
        )


def _in_cluster(request: Request, last: Path | None = None) -> Request:
    """A request as the admission server's: an object's own word counts as little, and pages are not met again.

    Raises:
        UsageError: what was found last would be a second baseline.
    """
    if last is not None and request.baseline is not None:
        raise UsageError("--since-last and --baseline are two baselines", hint="leave one of them out")
    if last is not None and not last.is_file():
        tell("notice: this part of the cluster was not audited before: all that is found is new")
    baseline = last if last is not None and last.is_file() else request.baseline
    return msgspec.structs.replace(request, serving=True, no_cache=True, baseline=baseline)


def _folder(cluster: KubernetesCluster, *part: str) -> Path:
    """Where what must be remembered of a cluster is kept, or of a part of it."""
    return state_folder() / "clusters" / digest_of((cluster.name, *part))


_WATCHING = ("state", "lease_namespace", "interval", "listen", "tls_cert", "tls_key")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster is watched."""

    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="What is remembered; else a folder for each cluster at home."),
    ] = None
    lease_namespace: Annotated[
        str, typer.Option("--lease-namespace", metavar="NAME", help="Where the lease is by which one replica acts.")
    ] = "default"
    interval: Annotated[
        float,
        typer.Option("--interval", min=60, metavar="SECONDS", help="When to judge all anew, changed or not."),
    ] = 3600.0
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where metrics are; port 0: any.")] = (
        "127.0.0.1:9464"
    )
    tls_cert: TlsCert = None
    tls_key: TlsKey = None


@app.command("watch")
@takes(request=_JUDGING, reached=_REACHED, kept=_WATCHING)
def watch(*, request: Request, reached: Reached, kept: Kept) -> int:
    """Keep the reports of a cluster true: judge everything once, then what changes, until a signal ends it.

    Reports are objects of openreports.io. `/livez`, `/readyz` and `/metrics` say how it does.
    """
    try:
        from attest_governance.controller.audit.running import watch as keep  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            f"watching needs packages that are not installed: {error.name}",
            hint="run `pip install starlette uvicorn httptools uvloop prometheus-client`",
        ) from error
    wanted = _in_cluster(request)
    with closing(reached.connect()) as cluster:
        options = _watching(cluster, reached, kept)
        keep(options, lambda: open_here(wanted, system_clock()), system_clock, _started, tell)
    tell("ended: what is not written yet is done after the next start")
    return OK


def _watching(cluster: KubernetesCluster, reached: Reached, kept: Kept) -> Watching:
    from attest_governance.controller.audit.keeper import Room  # noqa: PLC0415 (an extra)
    from attest_governance.controller.audit.running import Watching  # noqa: PLC0415
    from attest_governance.server.listening import address_of, certificate_of  # noqa: PLC0415

    address = address_of(kept.listen)
    certificate = certificate_of(kept.tls_cert, kept.tls_key)
    if certificate is None and not address.loopback:
        raise UsageError(
            f"`{address.host}` is no loopback address, and what is found would be readable on the way",
            hint="give --tls-cert and --tls-key",
        )
    return Watching(
        cluster=cluster,
        state=kept.state or _folder(cluster),
        address=address,
        certificate=certificate,
        scope=reached.scope,
        room=Room(interval=kept.interval),
        namespace=kept.lease_namespace,
    )


def _started(url: str, runtime: Runtime) -> None:
    tell(f"watching by {len(runtime.selected)} policies; metrics at {url}/metrics")
    for notice in (*runtime.notices, *runtime.unproven):
        tell(f"notice: {notice}")
