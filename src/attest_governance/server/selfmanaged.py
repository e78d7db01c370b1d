"""Certificates that the server makes itself: replicas share those of one Secret, and the webhook trusts who signs them.

A new authority is trusted before anything is signed by it, and the old one until its end: at no moment does the API
server meet a certificate that it does not trust.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509

from attest_governance.adapters.cluster import Cluster, Kind, Object
from attest_governance.errors import AttestError, ClusterError, ConflictError, UsageError
from attest_governance.server.authority import (
    Pair,
    holds,
    key_pem,
    names_of,
    new_authority,
    new_leaf,
    pem,
    read_pair,
    signed_by,
)
from attest_governance.server.diagnosis import read_authorities
from attest_governance.server.listening import Certificate
from attest_governance.server.webhooks import WEBHOOKS, Hook, hooks_of
from attest_governance.writing import replacing

SECRETS = Kind("v1", "Secret", "secrets", namespaced=True)
SETTLED = timedelta(hours=1)
"""How long an authority is trusted before it signs: API servers learn of it within seconds, where nothing is wrong."""
INTERVAL = 60.0
"""Seconds from one look to the next, about."""
_TRIES = 5
_MOST = 4
"""Authorities that are trusted at a time."""


class Service(msgspec.Struct, frozen=True):
    """The Service by which the API server finds the server."""

    name: str
    namespace: str

    @property
    def names(self) -> tuple[str, ...]:
        """What its certificate must be for."""
        short = f"{self.name}.{self.namespace}"
        return (f"{short}.svc", f"{short}.svc.cluster.local", short, "localhost")

    @property
    def secret(self) -> str:
        """The Secret of its certificates."""
        return f"{self.name}-tls"


class Kept(msgspec.Struct, frozen=True):
    """What the Secret holds, as far as it can be used."""

    authorities: tuple[x509.Certificate, ...] = ()
    """Who is trusted, the newest first."""
    authority: Pair | None = None
    """The newest, with its key."""
    leaf: Pair | None = None


def service_of(text: str) -> Service:
    """`NAME.NAMESPACE`.

    Raises:
        UsageError: it is none.
    """
    name, dot, namespace = text.partition(".")
    if not (name and dot and namespace) or "." in namespace:
        raise UsageError(f"`{text}` is no Service", hint="write NAME.NAMESPACE, such as attest.attest-system")
    return Service(name, namespace)


def renewed(kept: Kept, names: Sequence[str], now: datetime, trusted: bytes | None) -> Kept:
    """What the Secret should hold; the same value where nothing is due.

    Args:
        kept: what it holds.
        names: of the server.
        now: the moment.
        trusted: whom the webhook trusts (PEM); None where there is no webhook.
    """
    authorities = tuple(one for one in kept.authorities if holds(one, now))
    authority = kept.authority
    if authority is None or authority.due(now) or authority.certificate not in authorities:
        authority = new_authority(now)
        authorities = (authority.certificate, *authorities)[:_MOST]
    leaf = kept.leaf
    must = leaf is None or not _usable(leaf, names, authorities, now)
    if leaf is None or must or (_better(leaf, authority, now) and _settled(authority, now, trusted)):
        leaf = new_leaf(authority, names, now)
    return Kept(authorities, authority, leaf)


def _better(leaf: Pair, authority: Pair, now: datetime) -> bool:
    """Whether another would be better, though this one can be used."""
    return leaf.due(now) or not signed_by(leaf.certificate, authority.certificate)


def _usable(leaf: Pair, names: Sequence[str], authorities: Sequence[x509.Certificate], now: datetime) -> bool:
    certificate = leaf.certificate
    known = any(signed_by(certificate, one) for one in authorities)
    return known and holds(certificate, now) and names_of(certificate) == set(names)


def _settled(authority: Pair, now: datetime, trusted: bytes | None) -> bool:
    """Whether all who ask may be taken to trust it by now."""
    told = trusted is None or authority.certificate in read_authorities(trusted)
    return told and now - authority.made >= SETTLED


class SelfManaged:
    """The certificates of one server, one of several replicas.

    Args:
        cluster: where Secret and webhook are.
        service: by which the server is asked.
        webhook: the configuration that trusts the authorities.
        clock: the moment.
        clients: the authorities of clients (PEM), which are somebody else's.
    """

    def __init__(
        self,
        cluster: Cluster,
        service: Service,
        webhook: str,
        clock: Callable[[], datetime],
        clients: Path | None = None,
    ) -> None:
        self._cluster, self._service, self._webhook, self._clock = cluster, service, webhook, clock
        self._folder = Path(tempfile.mkdtemp(prefix="attest-tls-"))  # only its owner may read it
        both = self._folder / "tls.pem"
        self.certificate = Certificate(both, both, clients)
        """The file that holds what is in use: the chain and its key in one, so that they change at once."""
        self._shown = b""
        self.failure = ""
        """Why certificates can't be renewed; empty while they can."""

    def look(self) -> None:
        """Renews what is due, lets the webhook trust it, and takes over what another replica has renewed.

        Raises:
            ClusterError: the cluster can't be asked, or refuses.
        """
        for left in reversed(range(_TRIES)):
            try:
                kept = self._agreed()
                break
            except ConflictError:  # another replica was faster: what it has made is as good
                if not left:
                    raise
        self._use(kept)

    async def forever(self) -> None:
        """Looks again and again, each replica at its own pace."""
        while True:
            await asyncio.sleep(INTERVAL * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)
            await asyncio.to_thread(self.try_to_look)

    def try_to_look(self) -> None:
        """Looks; what went wrong is kept in `failure`: what is in use holds for weeks."""
        try:
            self.look()
        except (AttestError, OSError) as error:
            self.failure = error.message if isinstance(error, AttestError) else str(error)
        else:
            self.failure = ""

    def close(self) -> None:
        """Removes the key from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _agreed(self) -> Kept:
        """What the Secret holds once all is done that is due."""
        secret = self._cluster.get(SECRETS, self._service.secret, self._service.namespace)
        if secret is None:
            raise ClusterError(
                f"there is no Secret `{self._service.secret}` in the namespace `{self._service.namespace}`",
                hint="apply what `attest deploy render` prints: it holds an empty one",
            )
        configuration = self._cluster.get(WEBHOOKS, self._webhook)
        hooks = [one for one in hooks_of(configuration or {}) if self._leads_here(one)]
        trusted = "".join(hook.authority for hook in hooks).encode() if hooks else None
        kept = _read(secret)
        wanted = renewed(kept, self._service.names, self._clock(), trusted)
        if wanted != kept:
            self._cluster.apply(SECRETS, self._secret(secret, wanted))
        self._trust(hooks, pem(*wanted.authorities))
        return wanted

    def _leads_here(self, hook: Hook) -> bool:
        return hook.server_name == self._service.names[0]

    def _secret(self, read: Object, kept: Kept) -> Object:
        """The Secret as it should be, if it still is as it was read."""
        assert kept.authority is not None  # noqa: S101 (`renewed` made both)
        assert kept.leaf is not None  # noqa: S101
        data = {
            "ca.crt": pem(*kept.authorities),
            "ca.key": key_pem(kept.authority.key),
            "tls.crt": pem(kept.leaf.certificate),
            "tls.key": key_pem(kept.leaf.key),
        }
        metadata = {"name": self._service.secret, "namespace": self._service.namespace}
        version = read["metadata"].get("resourceVersion")
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata | ({"resourceVersion": version} if version else {}),
            "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        }

    def _trust(self, hooks: Sequence[Hook], bundle: bytes) -> None:
        """Lets the webhooks trust the authorities. That field is ours: whoever else sets it would cut us off."""
        if all(hook.authority.encode() == bundle for hook in hooks):
            return
        text = base64.b64encode(bundle).decode()
        changed = [{"name": hook.name, "clientConfig": {"caBundle": text}} for hook in hooks]
        value: Object = {
            "apiVersion": WEBHOOKS.api_version,
            "kind": WEBHOOKS.kind,
            "metadata": {"name": self._webhook},
            "webhooks": changed,
        }
        self._cluster.apply(WEBHOOKS, value, force=True)

    def _use(self, kept: Kept) -> None:
        """Writes what is to be shown, where it has changed; whoever listens notices."""
        assert kept.leaf is not None  # noqa: S101 (`renewed` made it)
        shown = pem(kept.leaf.certificate) + key_pem(kept.leaf.key)
        if shown == self._shown:
            return
        with replacing(self.certificate.chain, new=0o600) as file:
            file.write(shown.decode())
        self._shown = shown


def _read(secret: Object) -> Kept:
    """What can be used of a Secret: what can't is as if it were not there."""
    data = secret.get("data") or {}
    authorities = tuple(read_authorities(_bytes(data, "ca.crt")))
    leaf = read_authorities(_bytes(data, "tls.crt"))
    return Kept(
        authorities,
        read_pair(authorities[0] if authorities else None, _bytes(data, "ca.key")),
        read_pair(leaf[0] if leaf else None, _bytes(data, "tls.key")),
    )


def _bytes(data: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(data.get(name) or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return b""
