"""`attest controller`."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import OK
from attest_governance.cli.options import POLICIES, Context, Kubeconfig, TlsCert, TlsKey, takes
from attest_governance.cli.saying import tell
from attest_governance.cli.session import docker_configuration, engine, environment
from attest_governance.errors import UsageError
from attest_governance.evaluate import Engine
from attest_governance.load.files import Files
from attest_governance.request import Request
from attest_governance.resources import engine_path

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster
    from attest_governance.controller.gitops.judging import Means
    from attest_governance.controller.gitops.loop import Loop
    from attest_governance.controller.gitops.syncing import World

_JUDGING = (*POLICIES, "strict", "fail_on", "parameters", "data", "jobs", "governed", "disallow_exemptions")
_OPTIONS = (
    "listen",
    "tls_cert",
    "tls_key",
    "kubeconfig",
    "context",
    "namespace",
    "workers",
    "poll",
    "rejudge",
    "allow_host",
    "webhook_secret",
    "fetch_timeout",
)
_SECRET_BYTES = 4096
_LEASE = "attest-gitops"
"""What the rights in `deploy/controller.yaml` name."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the controller itself."""

    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where probes, metrics and pushes are answered.")
    ] = "127.0.0.1:8081"
    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    kubeconfig: Kubeconfig = None
    context: Context = ""
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Where the Lease is by which one controller acts.")
    ] = "attest-system"
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Applications that are worked on at a time.")
    ] = 2
    poll: Annotated[
        float, typer.Option("--poll", min=1, metavar="SECONDS", help="How often repositories are asked for changes.")
    ] = 180.0
    rejudge: Annotated[
        float,
        typer.Option("--rejudge", min=1, metavar="SECONDS", help="How often what has not changed is judged again."),
    ] = 600.0
    allow_host: Annotated[
        tuple[str, ...],
        typer.Option(
            "--allow-host",
            metavar="HOST",
            help="A host (glob) that may be internal, and use http; repeats.",
        ),
    ] = ()
    webhook_secret: Annotated[
        Path | None,
        typer.Option("--webhook-secret", metavar="FILE", help="The secret of the webhooks of GitHub and GitLab."),
    ] = None
    fetch_timeout: Annotated[
        float, typer.Option("--fetch-timeout", min=1, metavar="SECONDS", help="How long one fetch may take.")
    ] = 120.0


@takes(request=_JUDGING, options=_OPTIONS)
def command(*, request: Request, options: Options) -> int:
    """Apply what Git holds to a cluster: verified, judged, and only where it is allowed.

    It follows the AttestApplications of the cluster (`deploy/crds`). Of several controllers one acts. SIGTERM ends it.
    """
    try:
        from attest_governance.controller.gitops.app import application  # noqa: PLC0415 (an extra)
        from attest_governance.server.listening import address_of, certificate_of, listen, tls_context  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"the controller needs packages that are not installed: {error.name}",
            hint="run `pip install lightkube starlette uvicorn httptools uvloop prometheus-client`",
        ) from error
    certificate = certificate_of(options.tls_cert, options.tls_key)
    secret = _secret(options.webhook_secret)
    untrusted = Engine(engine_path())
    try:
        loop = _loop(request, options, untrusted)
        with closing(loop):
            listen(
                application(loop, secret),
                address_of(options.listen),
                tls_context(certificate) if certificate else None,
                drain=0,
                started=lambda url: _started(url, loop, options.workers),
                ending=loop.stop,
            )
    finally:
        untrusted.close()
    tell("ended: what was begun is in the status of its application")
    return OK


def _started(url: str, loop: Loop, workers: int) -> None:
    loop.start(workers)
    tell(f"following the applications of the cluster; probes and metrics at {url}")


def _loop(request: Request, options: Options, untrusted: Engine) -> Loop:
    from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)
    from attest_governance.controller.gitops.fenced import Fenced  # noqa: PLC0415 (what the command needs alone)
    from attest_governance.controller.gitops.loop import Loop  # noqa: PLC0415
    from attest_governance.controller.gitops.reconciling import Pace  # noqa: PLC0415
    from attest_governance.controller.lease import Lease  # noqa: PLC0415

    cluster = connect(kubeconfig=options.kubeconfig, context=options.context)
    identity = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lease = Lease(cluster, _LEASE, options.namespace, identity)
    world = world_of(Fenced(cluster, lease), means_of(request, untrusted), options)
    return Loop(world, lease, Pace(poll=options.poll, rejudge=options.rejudge))


def means_of(request: Request, untrusted: Engine) -> Means:
    """What this process judges with, by its own configuration.

    Raises:
        AttestError: the policies can't be used, or are not approved.
    """
    from attest_governance.controller.gitops.judging import Means  # noqa: PLC0415 (what the command needs alone)
    from attest_governance.controller.gitops.proofs import trusted_sources  # noqa: PLC0415
    from attest_governance.model.problem import refuse  # noqa: PLC0415
    from attest_governance.runtime import open_runtime  # noqa: PLC0415

    docker, here = docker_configuration(), environment()
    with open_runtime(engine(), request, here, now=system_clock()) as runtime:
        refuse((*runtime.loaded.problems, *runtime.problems))
    return Means(
        engine=engine(),
        untrusted_engine=untrusted,
        request=request,
        environment=here,
        sources=lambda settings, now, files: trusted_sources(settings, now, files or Files(), docker),
    )


def world_of(cluster: Cluster, means: Means, options: Options) -> World:
    """What synchronisations of this process have around them."""
    from attest_governance.adapters.git_fetch import FetchLimits, addresses  # noqa: PLC0415
    from attest_governance.controller.gitops.applying import Patience  # noqa: PLC0415
    from attest_governance.controller.gitops.repositories import Permitted  # noqa: PLC0415
    from attest_governance.controller.gitops.syncing import World  # noqa: PLC0415

    pause = threading.Event()
    return World(
        cluster=cluster,
        means=means,
        clock=system_clock,
        resolve=addresses,
        patience=Patience(pause.wait, time.monotonic),
        permitted=Permitted(options.allow_host),
        limits=FetchLimits(seconds=options.fetch_timeout),
    )


def _secret(path: Path | None) -> bytes:
    if path is None:
        return b""
    secret = Files().read(path, "secret of the webhook", limit=_SECRET_BYTES).strip()
    if not secret:
        raise UsageError("the secret of the webhook is empty", hint="write a long random text into the file")
    return secret
