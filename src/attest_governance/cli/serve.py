"""`attest serve`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.cli.main import OK
from attest_governance.cli.options import DOCUMENTS, POLICIES, Context, Kubeconfig, TlsCert, TlsKey, takes
from attest_governance.cli.session import open_here, served_sources
from attest_governance.errors import UsageError
from attest_governance.request import Request

if TYPE_CHECKING:
    from attest_governance.adapters.cluster import Cluster
    from attest_governance.runtime import Runtime
    from attest_governance.server.evidence import ServedEvidence
    from attest_governance.server.journal import Journal
    from attest_governance.server.selfmanaged import SelfManaged
    from attest_governance.server.serving import Serving
    from attest_governance.server.sink import Place

_SERVING = (
    *POLICIES,
    "input_form",
    "strict",
    "fail_on",
    *DOCUMENTS,
    "jobs",
    "governed",
    "disallow_exemptions",
    "disallow_annotation_exemptions",
)
_MANAGED = ("tls_self_managed", "tls_service", "webhook")
_SINK = ("decision_sink", "decision_sink_token", "decision_sink_ca", "decision_sink_room")
_OPTIONS = (
    "listen",
    "tls_cert",
    "tls_key",
    "client_ca",
    *_MANAGED,
    "no_tls",
    "tokens",
    "token_reviews",
    "decision_log",
    *_SINK,
    "log_format",
    "traces",
)
_CLUSTER = ("policies_from_cluster", "watch_namespaces", "watch_inventory", "kubeconfig", "context")
_ROOM = ("engines", "concurrency", "queue", "client_rate", "api_rate", "admission_rate", "drain")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the server itself."""

    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: any.")] = (
        "127.0.0.1:8443"
    )
    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    client_ca: Annotated[
        Path | None,
        typer.Option("--client-ca", metavar="FILE", help="Take only clients that these authorities know (PEM)."),
    ] = None
    tls_self_managed: Annotated[
        bool,
        typer.Option(
            "--tls-self-managed", help="Make certificates in the cluster, renew them, and let the webhook trust them."
        ),
    ] = False
    tls_service: Annotated[
        str,
        typer.Option(
            "--tls-service",
            metavar="NAME.NAMESPACE",
            help="The Service whose certificates they are; kept in the Secret NAME-tls.",
        ),
    ] = "attest.attest-system"
    webhook: Annotated[
        str, typer.Option("--webhook", metavar="NAME", help="The ValidatingWebhookConfiguration that trusts them.")
    ] = "attest.continuu.ms"
    no_tls: Annotated[bool, typer.Option("--no-tls", help="Serve without TLS, on a loopback address only.")] = False
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="FILE", help="Who may use the API: `name: SHA-256 of the token` (YAML)."),
    ] = None
    token_reviews: Annotated[
        bool,
        typer.Option("--token-reviews", help="Take tokens of the cluster whose owners RBAC lets use the API, too."),
    ] = False
    decision_log: Annotated[
        Path | None, typer.Option("--decision-log", metavar="FILE", help="Keep every decision as a line of JSON.")
    ] = None
    policies_from_cluster: Annotated[
        bool,
        typer.Option(
            "--policies-from-cluster",
            help="Judge by the Gatekeeper objects of a cluster, which are watched, beside what --policy-dir names.",
        ),
    ] = False
    decision_sink: Annotated[
        str, typer.Option("--decision-sink", metavar="URL", help="Send decisions there, too; needs --decision-log.")
    ] = ""
    decision_sink_token: Annotated[
        Path | None, typer.Option("--decision-sink-token", metavar="FILE", help="A bearer token for it.")
    ] = None
    decision_sink_ca: Annotated[
        Path | None, typer.Option("--decision-sink-ca", metavar="FILE", help="Who signed its certificate (PEM).")
    ] = None
    decision_sink_room: Annotated[
        int, typer.Option("--decision-sink-room", min=1, metavar="MIB", help="How much may wait for it on disk.")
    ] = 256
    log_format: Annotated[
        Literal["text", "json"], typer.Option("--log-format", help="How standard error says what happens.")
    ] = "text"
    traces: Annotated[
        bool, typer.Option("--traces", help="Send traces by OpenTelemetry, where its variables (OTEL_…) say.")
    ] = False
    watch_namespaces: Annotated[
        bool, typer.Option("--watch-namespaces", help="Show policies the Namespaces of a cluster, which are watched.")
    ] = False
    watch_inventory: Annotated[
        bool,
        typer.Option(
            "--watch-inventory",
            help="Watch what policies look up in a cluster, too (`data.inventory`).",
        ),
    ] = False
    kubeconfig: Kubeconfig = None
    context: Context = ""
    engines: Annotated[
        int,
        typer.Option("--engines", min=1, max=64, help="How many engines judge admission requests."),
    ] = 1
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=256, help="How many requests are judged at a time.")
    ] = 8
    queue: Annotated[int, typer.Option("--queue", min=0, max=10_000, help="How many may wait for their turn.")] = 64
    client_rate: Annotated[
        float, typer.Option("--client-rate", min=0, help="Requests a second to the API of one client; 0 for all.")
    ] = 100
    api_rate: Annotated[
        float, typer.Option("--api-rate", min=0, help="Requests a second to the API in all; 0 for all.")
    ] = 0
    admission_rate: Annotated[
        float,
        typer.Option(
            "--admission-rate", min=0, help="Requests a second to admission; 0 for all. Others get the failure policy."
        ),
    ] = 0
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
        from attest_governance.server.evidence import ServedEvidence  # noqa: PLC0415
        from attest_governance.server.serving import serve  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            f"the server needs packages that are not installed: {error.name}",
            hint="run `pip install starlette uvicorn httptools uvloop prometheus-client`",
        ) from error
    from attest_governance.server.journal import Journal, Outlet  # noqa: PLC0415

    serving, served = _serving(options), ServedEvidence(served_sources)
    outlet = Outlet(
        _print,
        lambda lines: journal.line("warning", "lost", f"{lines} lines are lost: they were not read", lines=lines),
    )
    journal = Journal(outlet.put, system_clock, as_json=options.log_format == "json")
    opened, started = partial(_opened, request, serving, served), partial(_started, journal)
    try:
        serve(serving, opened, system_clock, started, journal, evidence=served)
        journal.say("info", "ended", "ended: what was asked is answered")
    finally:
        outlet.close()
    return OK


def _opened(request: Request, serving: Serving, served: ServedEvidence) -> Runtime:
    """The next runtime. A cluster without constraints denies nothing, and so do we."""
    wanted = msgspec.structs.replace(request, serving=True)
    if serving.policies is not None:
        found = serving.policies.documents()
        wanted = msgspec.structs.replace(wanted, from_cluster=True, documents=found, allow_empty=True)
    return open_here(wanted, system_clock(), served.facts)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 (the journal has made it inert)


def _serving(options: Options) -> Serving:
    from attest_governance.server.cluster_policies import ClusterPolicies  # noqa: PLC0415 (an extra)
    from attest_governance.server.listening import Certificate, address_of  # noqa: PLC0415
    from attest_governance.server.rates import RateLimits  # noqa: PLC0415
    from attest_governance.server.service import Room  # noqa: PLC0415
    from attest_governance.server.serving import Serving, reached  # noqa: PLC0415
    from attest_governance.server.tokens import TokenReviews  # noqa: PLC0415

    cluster = _cluster(options)
    address, certificate, managed = address_of(options.listen), None, None
    if options.tls_self_managed:
        managed = _managed(options)
        certificate = managed.certificate
    elif options.tls_cert is not None and options.tls_key is not None:
        certificate = Certificate(options.tls_cert, options.tls_key, options.client_ca)
    elif options.tls_cert or options.tls_key or options.client_ca:
        raise UsageError("--tls-cert, --tls-key and --client-ca go together", hint="give a certificate and its key")
    return Serving(
        address=address,
        certificate=certificate,
        managed=managed,
        access=reached(
            address,
            certificate,
            plain=options.no_tls,
            tokens=options.tokens,
            reviews=TokenReviews(cluster) if cluster and options.token_reviews else None,
        ),
        decision_log=options.decision_log,
        sink=_sink(options),
        sink_room=options.decision_sink_room << 20,
        cluster=cluster if options.watch_namespaces or options.watch_inventory else None,
        policies=ClusterPolicies(cluster) if cluster and options.policies_from_cluster else None,
        lookups=options.watch_inventory,
        room=Room(options.concurrency, options.queue),
        engines=options.engines,
        traces=options.traces,
        rates=RateLimits(options.client_rate, options.api_rate, options.admission_rate),
        drain=options.drain,
    )


def _sink(options: Options) -> Place | None:
    from attest_governance.server.sink import Place  # noqa: PLC0415 (an extra)

    if not options.decision_sink:
        return None
    if options.decision_log is None:
        raise UsageError("--decision-sink needs --decision-log", hint="what can't be sent yet is kept beside the log")
    return Place(options.decision_sink, options.decision_sink_token, options.decision_sink_ca)


def _managed(options: Options) -> SelfManaged:
    """Makes certificates, or takes those that other replicas have made.

    Raises:
        AttestError: that can't be done.
    """
    from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)
    from attest_governance.server.selfmanaged import SelfManaged, service_of  # noqa: PLC0415

    if options.tls_cert or options.tls_key or options.no_tls:
        raise UsageError(
            "--tls-self-managed makes the certificate", hint="leave out --tls-cert, --tls-key and --no-tls"
        )
    service = service_of(options.tls_service)
    cluster = connect(kubeconfig=options.kubeconfig, context=options.context)
    made = SelfManaged(cluster, service, options.webhook, system_clock, options.client_ca)
    try:
        made.look()
    except BaseException:
        made.close()
        raise
    return made


def _cluster(options: Options) -> Cluster | None:
    asked = (options.policies_from_cluster, options.watch_namespaces, options.watch_inventory, options.token_reviews)
    if not any(asked):
        return None
    from attest_governance.adapters.kubernetes import connect  # noqa: PLC0415 (an extra)

    return connect(kubeconfig=options.kubeconfig, context=options.context)


def _started(journal: Journal, url: str, runtime: Runtime) -> None:
    number = len(runtime.selected)
    journal.say(
        "info",
        "started",
        f"serving at {url} by {number} policies",
        url=url,
        policies=number,
        digest=runtime.loaded.digest,
    )
    for notice in (*runtime.notices, *runtime.unproven):
        journal.say("warning", "notice", f"notice: {notice}")
