"""`attest serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import OK
from attest_governance.cli.options import POLICIES, takes
from attest_governance.cli.saying import tell
from attest_governance.cli.session import open_here
from attest_governance.errors import UsageError
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster
    from attest_governance.runtime import Runtime
    from attest_governance.server.serving import Serving

_SERVING = (
    *POLICIES,
    "input_form",
    "strict",
    "fail_on",
    "parameters",
    "data",
    "evidence",
    "jobs",
    "governed",
    "disallow_exemptions",
    "disallow_annotation_exemptions",
)
_OPTIONS = ("listen", "tls_cert", "tls_key", "client_ca", "no_tls", "tokens", "decision_log")
_CLUSTER = ("watch_namespaces", "kubeconfig", "context")
_ROOM = ("concurrency", "queue", "drain")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the server itself."""

    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: any.")] = (
        "127.0.0.1:8443"
    )
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The certificate with its chain (PEM).")
    ] = None
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key (PEM).")] = None
    client_ca: Annotated[
        Path | None,
        typer.Option("--client-ca", metavar="FILE", help="Take only clients that these authorities know (PEM)."),
    ] = None
    no_tls: Annotated[bool, typer.Option("--no-tls", help="Serve without TLS, on a loopback address only.")] = False
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="FILE", help="Who may use the API: `name: SHA-256 of the token` (YAML)."),
    ] = None
    decision_log: Annotated[
        Path | None, typer.Option("--decision-log", metavar="FILE", help="Keep every decision as a line of JSON.")
    ] = None
    watch_namespaces: Annotated[
        bool, typer.Option("--watch-namespaces", help="Show policies the Namespaces of a cluster, which are watched.")
    ] = False
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig; else KUBECONFIG or ~/.kube/config."),
    ] = None
    context: Annotated[str, typer.Option("--context", metavar="NAME", help="The context of the kubeconfig to use.")] = (
        ""
    )
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=256, help="How many requests are judged at a time.")
    ] = 8
    queue: Annotated[int, typer.Option("--queue", min=0, max=10_000, help="How many may wait for their turn.")] = 64
    drain: Annotated[
        float,
        typer.Option("--drain", min=0, max=600, metavar="SECONDS", help="How long to go on, not ready, after SIGTERM."),
    ] = 5.0


@takes(request=_SERVING, options=(*_OPTIONS, *_CLUSTER, *_ROOM))
def command(*, request: Request, options: Options) -> int:
    """Answer a cluster's admission requests, and programs, by the policies of the configuration.

    Kubernetes is answered at `/v1/admit`, programs at `/v1/check`; `/livez`, `/readyz` and `/metrics`
    say how the server does. SIGTERM ends it, once what is under way is answered.
    """
    try:
        from attest_governance.server.serving import serve  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            f"the server needs packages that are not installed: {error.name}",
            hint="run `pip install starlette uvicorn httptools uvloop prometheus-client`",
        ) from error
    wanted = msgspec.structs.replace(request, serving=True)
    serve(_serving(options), lambda: open_here(wanted, system_clock()), system_clock, _started)
    tell("ended: what was asked is answered")
    return OK


def _serving(options: Options) -> Serving:
    from attest_governance.server.listening import Certificate, address_of  # noqa: PLC0415 (an extra)
    from attest_governance.server.service import Room  # noqa: PLC0415
    from attest_governance.server.serving import Serving, reached  # noqa: PLC0415

    address, certificate = address_of(options.listen), None
    if options.tls_cert is not None and options.tls_key is not None:
        certificate = Certificate(options.tls_cert, options.tls_key, options.client_ca)
    elif options.tls_cert or options.tls_key or options.client_ca:
        raise UsageError("--tls-cert, --tls-key and --client-ca go together", hint="give a certificate and its key")
    return Serving(
        address=address,
        certificate=certificate,
        access=reached(address, certificate, plain=options.no_tls, tokens=options.tokens),
        decision_log=options.decision_log,
        cluster=_cluster(options),
        room=Room(options.concurrency, options.queue),
        drain=options.drain,
    )


def _cluster(options: Options) -> Cluster | None:
    if not options.watch_namespaces:
        return None
    from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)

    return connect(kubeconfig=options.kubeconfig, context=options.context)


def _started(url: str, runtime: Runtime) -> None:
    tell(f"serving at {url} by {len(runtime.selected)} policies")
    for notice in (*runtime.notices, *runtime.unproven()):
        tell(f"notice: {notice}")
