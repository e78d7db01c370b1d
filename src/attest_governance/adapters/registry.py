"""A client of OCI registries (distribution-spec 1.1) that reads: manifests, blobs, and what refers to an image.

Manifests are written by strangers, so only hosts that are listed are asked. Every byte is held against its digest.
Credentials go to the listed host and to the token server that is listed for it; redirects are followed without
credentials, to listed hosts, and for blobs to hosts of the internet, too, whatever their names.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import ssl
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Protocol, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urljoin

import msgspec

from attest_governance.adapters.http import REDIRECTS, Lines, Reply, Trust, check_url, exchange, failed, redirected
from attest_governance.adapters.registry_credentials import HUB, Credentials
from attest_governance.errors import InputError, NetworkError

MAX_MANIFEST = 4 << 20
MAX_TOKEN = 1 << 16
MOST_PAGES = 16
MOST_REDIRECTS = 3
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LINK = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


Answer = TypeVar("Answer")


class Blobs(Protocol):
    """Where what was brought before is kept, by its digest."""

    def blob(self, digest: str, limit: int) -> bytes | None:
        """The bytes of a digest; None where they are not kept."""

    def keep_blob(self, digest: str, data: bytes) -> None:
        """Keeps what was held against its digest."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A registry that may be asked."""

    name: str
    """Host, with the port where there is one, as images name it."""
    token_hosts: tuple[str, ...] = ()
    """Where tokens for it are issued, beside itself."""
    redirects: tuple[str, ...] = ()
    """Where its blobs may lie, beside itself."""
    tls: ssl.SSLContext | None = None
    """Whom to trust; the system's certificates where it is None."""
    plain_http: bool = False
    mirrors: tuple[str, ...] = ()
    """Names of hosts that are asked before it."""

    @property
    def url(self) -> str:
        """Where its API begins."""
        return f"{'http' if self.plain_http else 'https'}://{self.address}/v2/"

    @property
    def address(self) -> str:
        """The host that is asked: Docker Hub has another than its images name."""
        return "registry-1.docker.io" if self.name == HUB else self.name


class Registries:
    """The registries that are listed.

    Args:
        hosts: by their names.
        credentials: what is known for a host.
        kept: what was brought before; None for nothing.
        timeout: seconds for each question, with all that it takes.
        max_blob: the largest blob in bytes.
    """

    def __init__(
        self,
        hosts: Mapping[str, Host],
        credentials: Credentials,
        *,
        kept: Blobs | None = None,
        timeout: float = 30.0,
        max_blob: int = 64 << 20,
    ) -> None:
        self.hosts = hosts
        self._credentials = credentials
        self._kept = kept
        self._timeout = timeout
        self._max_blob = max_blob
        self._tokens: dict[tuple[str, str], str] = {}
        self._lines = Lines()
        self._without_api: set[str] = set()
        """Hosts that have no referrers API, but for an image the tag that stands for it: no other tool writes that."""

    def close(self) -> None:
        """Closes connections, and forgets what hosts can't do; the next question finds out anew."""
        self._lines.close()
        self._without_api.clear()

    def knows(self, repository: str) -> bool:
        """Whether the registry of a repository may be asked."""
        host, _, name = repository.partition("/")
        return host in self.hosts and _NAME.fullmatch(name) is not None

    def manifest(self, repository: str, digest: str) -> bytes:
        """The manifest of a digest.

        Raises:
            InputError: it is not there, or the registry sends other bytes.
            NetworkError: the registry can't be asked.
        """
        return self._held(repository, "manifests", digest, MAX_MANIFEST)

    def blob(self, repository: str, digest: str) -> bytes:
        """The blob of a digest.

        Raises:
            InputError: as `manifest`.
            NetworkError: as `manifest`.
        """
        return self._held(repository, "blobs", digest, self._max_blob)

    def tagged(self, repository: str, tag: str) -> bytes | None:
        """The manifest of a tag, whatever it is now; None where there is none.

        Raises:
            NetworkError: the registry can't be asked.
        """
        return self._first(repository, lambda place: self._tagged(place, tag))

    def named(self, repository: str, tag: str) -> str:
        """The digest that a tag names now, by the registry itself and no mirror; empty where there is none.

        Raises:
            NetworkError: the registry can't be asked.
        """
        found = self._tagged(repository, tag)
        return "" if found is None else f"sha256:{hashlib.sha256(found).hexdigest()}"

    def referrers(self, repository: str, digest: str) -> list[bytes]:
        """The pages that list what refers to an image: hints, of which nothing is proven.

        A registry without the API is asked for the fallback tag of the specification.

        Raises:
            NetworkError: the registry can't be asked, or has no end of pages.
        """
        return self._first(repository, lambda place: self._referrers(place, digest) or None) or []

    def _first(self, repository: str, ask: Callable[[str], Answer | None]) -> Answer | None:
        """The first answer of the mirrors of a registry, and of itself; its own errors alone count."""
        host, _, name = repository.partition("/")
        for mirror in self.hosts[host].mirrors:
            with contextlib.suppress(InputError, NetworkError):
                found = ask(f"{mirror}/{name}")
                if found is not None:
                    return found
        return ask(repository)

    def _tagged(self, repository: str, tag: str) -> bytes | None:
        return self._get(repository, f"manifests/{quote(tag, safe='')}", MAX_MANIFEST)[1]

    def _referrers(self, repository: str, digest: str) -> list[bytes]:
        host = self._host(repository).name
        pages = None if host in self._without_api else self._pages(repository, f"referrers/{digest}")
        if pages is not None:
            return pages
        fallback = self._tagged(repository, digest.replace(":", "-"))
        if fallback is None:
            return []
        self._without_api.add(host)
        return [fallback]

    def _pages(self, repository: str, path: str) -> list[bytes] | None:
        """The pages of the API; None where there is no first one."""
        pages: list[bytes] = []
        while path:
            reply, page = self._get(repository, path, MAX_MANIFEST)
            if page is None:
                return pages or None
            pages.append(page)
            if len(pages) > MOST_PAGES:
                raise failed(self._at(repository, path), f"more than {MOST_PAGES} pages of referrers", "prune them")
            path = self._next(repository, reply)
        return pages

    def _next(self, repository: str, reply: Reply) -> str:
        """The path of the next page, which must be of the same list."""
        found = _LINK.search(reply.headers.get("link", ""))
        if found is None:
            return ""
        base = self._at(repository, "").geturl()
        to = urljoin(base, found[1])
        if not to.startswith(f"{base}referrers/"):
            raise failed(self._at(repository, ""), "the next page of referrers lies elsewhere", "see who runs it")
        return str(to.removeprefix(base))

    def _held(self, repository: str, kind: str, digest: str, limit: int) -> bytes:
        if not _DIGEST.fullmatch(digest):
            raise InputError("this is no SHA-256 digest", file=f"{repository}@{digest}"[:300])
        known = self._kept.blob(digest, limit) if self._kept else None
        if known is not None:
            return known
        data = self._first(repository, lambda place: self._brought(place, kind, digest, limit)) or b""
        if self._kept:
            self._kept.keep_blob(digest, data)
        return data

    def _brought(self, repository: str, kind: str, digest: str, limit: int) -> bytes:
        name = f"{repository}@{digest}"
        _, data = self._get(repository, f"{kind}/{digest}", limit)
        if data is None:
            raise InputError("the registry does not have it", file=name)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise InputError("the registry sends other bytes than the digest names", file=name)
        return data

    def _get(self, repository: str, path: str, limit: int) -> tuple[Reply, bytes | None]:
        """The answer to a question, with its bytes; None where there is nothing."""
        deadline, host, at = monotonic() + self._timeout, self._host(repository), self._at(repository, path)
        headers = {"Accept": _MANIFESTS} if path.startswith("manifests/") else {}
        token = self._tokens.get((host.name, repository), "")
        reply = self._ask(host, at, {**headers, **_authorized(token)}, deadline, limit)
        if reply.status == _UNAUTHORIZED:
            token = self._token(host, repository, at, reply.headers.get("www-authenticate", ""), deadline)
            reply = self._ask(host, at, {**headers, **_authorized(token)}, deadline, limit)
        if reply.status in (_OK, _NOT_FOUND):
            return reply, reply.body if reply.status == _OK else None
        hint = "see `docker login`" if reply.status == _UNAUTHORIZED else "check the registry"
        raise failed(at, f"the registry answered {reply.status}", hint)

    def _ask(self, host: Host, at: SplitResult, headers: Mapping[str, str], deadline: float, limit: int) -> Reply:
        listed, anywhere = (host.address, *host.redirects), at.path.split("/")[-2] == "blobs"
        for followed in range(MOST_REDIRECTS + 1):
            own = at.netloc in listed
            trust = Trust(tls=host.tls if own else None, public=not own)
            reply = exchange(at, headers, deadline=deadline, max_bytes=limit, trust=trust, lines=self._lines)
            if reply.status == _UNAUTHORIZED and followed:
                raise failed(at, "the place that the registry redirects to wants a password, and gets none", "check it")
            if reply.status not in REDIRECTS:
                return reply
            at, headers = self._redirected(host, at, reply, anywhere=anywhere), {}
        raise failed(at, f"the registry redirects more than {MOST_REDIRECTS} times", "check the registry")

    def _redirected(self, host: Host, at: SplitResult, reply: Reply, *, anywhere: bool) -> SplitResult:
        """Where to look instead: at a listed host, or for a blob anywhere on the internet: its digest is known."""
        to = redirected(at, reply.headers.get("location", ""))
        if to.netloc not in (host.address, *host.redirects) and not (anywhere and to.scheme == "https"):
            hint = f"list it in `redirects` of the registry `{host.name}`, if its blobs lie there"
            raise failed(at, f"the registry redirects to `{to.netloc}`, which is not listed", hint)
        return to

    def _token(self, host: Host, repository: str, at: SplitResult, challenge: str, deadline: float) -> str:
        """What answers a challenge: `Basic …` or `Bearer …`; kept for the repository."""
        kind, _, rest = challenge.partition(" ")
        known = self._credentials(host.name)
        basic = f"Basic {base64.b64encode(known.encode()).decode()}" if known else ""
        if kind.lower() == "basic":
            token = basic
        else:
            asked = self._realm(host, repository, at, dict(_CHALLENGE.findall(rest)))
            trust, most = Trust(tls=host.tls), MAX_TOKEN
            reply = exchange(
                asked, _authorized(basic), deadline=deadline, max_bytes=most, trust=trust, lines=self._lines
            )
            token = _bearer(asked, reply)
        self._tokens[host.name, repository] = token
        return token

    def _realm(self, host: Host, repository: str, at: SplitResult, challenge: Mapping[str, str]) -> SplitResult:
        """Where a token for pulling is issued: a listed server, whatever the challenge would like."""
        realm = check_url(challenge.get("realm", ""))
        if realm.netloc not in (host.address, *host.token_hosts) or (realm.scheme != "https" and not host.plain_http):
            hint = f"list it in `token_hosts` of the registry `{host.name}`, if it issues its tokens"
            raise failed(at, f"the registry sends for a token to `{realm.netloc}`, which is not listed", hint)
        scope = f"repository:{repository.partition('/')[2]}:pull"
        return realm._replace(query=urlencode({"service": challenge.get("service", ""), "scope": scope}))

    def _host(self, repository: str) -> Host:
        return self.hosts[repository.partition("/")[0]]

    def _at(self, repository: str, path: str) -> SplitResult:
        return check_url(f"{self._host(repository).url}{quote(repository.partition('/')[2])}/{path}")


def _authorized(value: str) -> dict[str, str]:
    return {"Authorization": value} if value else {}


def _bearer(at: SplitResult, reply: Reply) -> str:
    """The token that a server issued, as it is sent."""
    try:
        value = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        value = None
    found = (value.get("token") or value.get("access_token")) if isinstance(value, dict) else None
    if not (isinstance(found, str) and found.isascii() and found.isprintable()):
        raise failed(at, "no token was issued", "see `docker login`")
    return f"Bearer {found}"
