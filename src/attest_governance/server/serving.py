"""A server from its options to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.cluster import Cluster
from attest_governance.errors import InputError, UsageError
from attest_governance.load.documents import read_document
from attest_governance.server.app import Access, application
from attest_governance.server.current import Current
from attest_governance.server.decisions import DecisionLog
from attest_governance.server.listening import Address, Certificate, listen, tls_context
from attest_governance.server.namespaces import Namespaces
from attest_governance.server.service import Room, Service
from attest_governance.server.watching import Watch

if TYPE_CHECKING:
    from attest_governance.runtime import Runtime

_DIGITS = 64


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is reached, and how it works."""

    address: Address
    certificate: Certificate | None
    access: Access
    decision_log: Path | None = None
    room: Room = Room()
    cluster: Cluster | None = None
    """Whose Namespaces policies see; None for none."""
    drain: float = 5.0
    """Seconds in which requests are taken after the signal to end."""


def serve(
    options: Serving,
    opened: Callable[[], Runtime],
    clock: Callable[[], datetime],
    started: Callable[[str, Runtime], object],
) -> None:
    """Serves until a signal ends it; `started` is told the address and the runtime.

    Raises:
        AttestError: it can't begin.
    """
    context = tls_context(options.certificate) if options.certificate else None
    log = DecisionLog(options.decision_log) if options.decision_log else None
    namespaces = Namespaces(options.cluster) if options.cluster else None
    service = Service(Current(opened), clock, log, options.room, namespaces)
    if namespaces is not None:
        threading.Thread(target=namespaces.follow, name="attest-namespaces", daemon=True).start()
    files = (options.certificate, context) if options.certificate and context else None
    try:
        listen(
            application(service, options.access),
            options.address,
            context,
            drain=options.drain,
            started=lambda url: started(url, service.current.runtime),
            ending=service.drain,
            work=(Watch(service, opened, Path.cwd(), files).forever,),
        )
    finally:
        service.close()


def reached(address: Address, certificate: Certificate | None, *, plain: bool, tokens: Path | None) -> Access:
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
    anybody = not known and (address.loopback or proven)
    return Access(known, anybody=anybody, local=anybody and not proven)


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
