"""A server from its options to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.adapters.cluster import Cluster
from attest_governance.errors import InputError, UsageError
from attest_governance.evaluate import EnginePool
from attest_governance.load.documents import read_document
from attest_governance.server.app import Access, application
from attest_governance.server.cluster_policies import ClusterPolicies
from attest_governance.server.current import Current
from attest_governance.server.decisions import DecisionLog
from attest_governance.server.inventory import ClusterInventory
from attest_governance.server.journal import Journal, Narrator
from attest_governance.server.listening import Address, Certificate, listen, tls_context
from attest_governance.server.rates import RateLimits
from attest_governance.server.selfmanaged import SelfManaged
from attest_governance.server.service import Room, Service
from attest_governance.server.sink import ROOM, Place, Sink
from attest_governance.server.spool import Spool
from attest_governance.server.tracing import Traced, TracedSpans, provider
from attest_governance.server.watching import Watch

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from attest_governance.runtime import Runtime
    from attest_governance.server.evidence import ServedEvidence
    from attest_governance.server.tokens import TokenReviews

_DIGITS = 64


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is reached, and how it works."""

    address: Address
    certificate: Certificate | None
    access: Access
    decision_log: Path | None = None
    sink: Place | None = None
    """Where decisions are sent, beside the log."""
    sink_room: int = ROOM
    """Bytes that may wait for it."""
    room: Room = Room()
    managed: SelfManaged | None = None
    """Who makes the certificate, where the server does it itself."""
    cluster: Cluster | None = None
    """Whose Namespaces policies see; None for none."""
    policies: ClusterPolicies | None = None
    """The policies of a cluster; None where they are files alone."""
    lookups: bool = False
    """Whether policies see the objects of the cluster that they look up, too."""
    engines: int = 1
    """How many engines answer admission requests; another one loads policies, answers programs, and stands in."""
    rates: RateLimits = RateLimits()
    traces: bool = False
    """Whether requests are traced, as the variables of OpenTelemetry say."""
    drain: float = 5.0
    """Seconds in which requests are taken after the signal to end."""


def serve(
    options: Serving,
    opened: Callable[[], Runtime],
    clock: Callable[[], datetime],
    started: Callable[[str, Runtime], object],
    journal: Journal,
    *,
    evidence: ServedEvidence | None = None,
) -> None:
    """Serves until a signal ends it; `started` is told the address and the runtime, the journal what happens then.

    Raises:
        AttestError: it can't begin.
    """
    context = tls_context(options.certificate) if options.certificate else None
    spans = provider() if options.traces else None
    sink = _sink(options)
    log = DecisionLog(options.decision_log, also=sink.add if sink else None) if options.decision_log else None
    if options.policies is not None:
        options.policies.begin()
    current = Current(opened)
    inventory = None
    if options.cluster is not None:
        most = current.runtime.settings.server.max_inventory_size
        inventory = ClusterInventory(options.cluster, lookups=options.lookups, most=most)
    beside = tuple(current.runtime.engine.beside() for _ in range(options.engines))
    pool = EnginePool(beside, reserve=current.runtime.engine)
    pool.each(lambda engine: engine.warm(current.runtime.loaded))
    service = Service(
        current,
        clock,
        log,
        options.room,
        inventory=inventory,
        policies=options.policies,
        pool=pool,
        spans=TracedSpans(spans) if spans else None,
    )
    service.current.observe = journal.evaluated
    if inventory is not None:
        threading.Thread(target=inventory.follow, name="attest-inventory", daemon=True).start()
    if options.policies is not None:
        threading.Thread(target=options.policies.follow, name="attest-policies", daemon=True).start()
    mark = options.policies.mark if options.policies else str
    service.prove(evidence, opened)
    answering: ASGIApp = application(service, options.access, rates=options.rates)
    files = (options.certificate, context) if options.certificate and context else None
    try:
        listen(
            Traced(answering, spans) if spans else answering,
            options.address,
            context,
            drain=options.drain,
            started=lambda url: started(url, service.current.runtime),
            ending=service.drain,
            work=(
                Watch(service, opened, Path.cwd(), files, mark=mark).forever,
                Narrator(journal, service).forever,
                *_more(options, service, sink),
            ),
        )
    finally:
        service.close()
        if spans is not None:
            spans.shutdown()
        if sink is not None:
            sink.close()
        if options.managed is not None:
            options.managed.close()


def _sink(options: Serving) -> Sink | None:
    """What sends decisions on, those included that an earlier process has left.

    Raises:
        AttestError: there is no place for what waits, or it would be sent readable.
    """
    if options.sink is None or options.decision_log is None:
        return None
    options.sink.insist()
    waiting = options.decision_log.with_name(f"{options.decision_log.name}.unsent")
    return Sink(Spool(waiting, largest=options.sink_room), options.sink.send)


def _more(options: Serving, service: Service, sink: Sink | None) -> Iterator[Callable[[], Coroutine[Any, Any, object]]]:
    """What else goes on while requests are taken."""
    if sink is not None:
        service.told["decision-sink"] = lambda: sink.failure
        sink.measure(service.metrics)
        sink.start()
    if (managed := options.managed) is not None:
        service.told["certificate-renewal"] = lambda: managed.failure
        yield managed.forever


def reached(
    address: Address,
    certificate: Certificate | None,
    *,
    plain: bool,
    tokens: Path | None,
    reviews: TokenReviews | None = None,
) -> Access:
    """Who may use the API of a server at an address.

    Raises:
        UsageError: the address is no loopback, and nothing would be encrypted.
        InputError: the tokens can't be read.
    """
    if certificate is None and not plain:
        raise UsageError(
            "a server needs a certificate", hint="give --tls-cert and --tls-key; on a loopback, --no-tls will do"
        )
    if certificate is not None and plain:
        raise UsageError("there is a certificate, and --no-tls", hint="leave one of them out")
    if plain and not address.loopback:
        raise UsageError(
            f"`{address.host}` is no loopback address, and --no-tls would send everything readable",
            hint="give --tls-cert and --tls-key",
        )
    known = read_tokens(tokens) if tokens else {}
    proven = certificate is not None and certificate.clients is not None
    anybody = not known and reviews is None and (address.loopback or proven)
    return Access(known, anybody=anybody, reviews=reviews, local=anybody and not proven)


def read_tokens(path: Path) -> dict[str, str]:
    """Hashes of tokens by the name of whose they are.

    Raises:
        InputError: the file is none of these.
    """
    document = read_document(path, "file of tokens")
    hint = "write `name: SHA-256 of the token`, as `printf %s TOKEN | sha256sum` prints it"
    if not isinstance(document, dict) or not document:
        raise InputError("the file of tokens holds none", file=str(path), hint=hint)
    for name, digest in document.items():
        if not isinstance(digest, str) or len(digest) != _DIGITS or set(digest) - set("0123456789abcdef"):
            raise InputError(f"the token of `{name}` is no SHA-256 in hexadecimal", file=str(path), hint=hint)
    return {str(name): digest for name, digest in document.items()}
