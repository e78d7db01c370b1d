"""Notices that policies, configuration, records or certificates have changed, and puts what is new in force."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attest_governance.errors import GovernanceError, UsageError
from attest_governance.server.listening import Certificate, renew

if TYPE_CHECKING:
    from attest_governance.runtime import Runtime
    from attest_governance.server.current import Current

INTERVAL = 2.0
"""Seconds from one look to the next."""
_AGAIN = 60.0
"""Seconds after which what was refused is tried once more, though nothing has changed."""
_SPREAD = 0.2
_MOST = 100_000
"""Files that are looked at: a folder of policies is smaller."""
_NOT_WALKED = {".git", "node_modules"}


class Reloaded(Protocol):
    """What goes by a runtime that can be swapped."""

    certificate_refused: str
    """Why the newest certificate is not in use; empty where it is."""

    @property
    def current(self) -> Current:
        """Holds the runtime in force."""

    def reload(self, opened: Callable[[], Runtime]) -> object:
        """Puts another runtime in force, if it can be opened."""


class Watch:
    """Compares what a server was made of with what is there now.

    Args:
        service: whose runtime is swapped.
        opened: opens the next runtime.
        place: the working directory, in or above which configuration may appear.
        certificate: the files of TLS, with the context that uses them; None without.
        clock: counts seconds.
        mark: says what the runtime is made of that is in no file, so that a change is seen.
    """

    def __init__(
        self,
        service: Reloaded,
        opened: Callable[[], Runtime],
        place: Path,
        certificate: tuple[Certificate, ssl.SSLContext] | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        mark: Callable[[], str] = str,
    ) -> None:
        self._mark, self._recorded = mark, ""
        self._service, self._opened, self._certificate, self._clock = service, opened, certificate, clock
        self._place = place
        self._seen = self._fingerprint(self._made_of())
        self._due = self._next()
        self._shown = self._of_certificate()

    def look(self) -> bool:
        """Looks once; says whether something new was tried."""
        renewed = self._renew()
        # Before opening: what changes meanwhile is seen by the next look.
        made = set(self._made_of())
        now = self._fingerprint(made)
        if now == self._seen and self._clock() < self._due:
            return renewed
        self._service.reload(self._opened)
        # What the new one is made of may be other files; of those of the old one it is known how they were before.
        same = self._service.current.refused or set(self._made_of()) == made
        self._seen = now if same else self._fingerprint(self._made_of())
        self._due = self._next()
        return True

    async def forever(self) -> None:
        """Looks again and again."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(self.look)

    def _fingerprint(self, made_of: Iterable[Path]) -> str:
        return fingerprint(made_of) + self._mark() + self._records()

    def _records(self) -> str:
        """The state of the records in a database. While it can't be asked, they are taken for what they were."""
        with contextlib.suppress(GovernanceError):
            kept = self._service.current.runtime.records_database
            self._recorded = kept.mark() if kept else ""
        return self._recorded

    def _next(self) -> float:
        """When to try without a change: after a refusal, and where policies or proofs come from elsewhere."""
        settings = self._service.current.runtime.settings
        policy, evidence = settings.policy, settings.evidence
        wait = later(policy.policy_bundle_max_age) if policy.policy_bundle_url else float("inf")
        if evidence.verify:
            wait = min(wait, evidence.refresh, evidence.lifetime / 4)  # facts are made anew after half their life
        return self._clock() + (min(wait, _AGAIN) if self._service.current.refused else wait)

    def _renew(self) -> bool:
        """Gives new connections a certificate that has changed; one that can't be used is not."""
        shown = self._of_certificate()
        if self._certificate is None or shown == self._shown:
            return False
        self._shown = shown
        files, context = self._certificate
        try:
            renew(context, files)
        except UsageError as error:
            self._service.certificate_refused = error.message
            return True
        self._service.certificate_refused = ""
        return True

    def _made_of(self) -> Iterator[Path]:
        """Files and folders that the runtime in force depends on, there or not."""
        runtime = self._service.current.runtime
        sources = runtime.sources
        yield from (Path(one.file) for one in runtime.read)
        yield from (Path(path) for path in (*sources.paths, *sources.shipped, *sources.libraries))
        yield runtime.settings.global_file
        yield from (folder / ".attest" for folder in (self._place, *self._place.parents))

    def _of_certificate(self) -> str:
        if self._certificate is None:
            return ""
        files = self._certificate[0]
        return fingerprint(one for one in (files.chain, files.key, files.clients) if one)


def later(seconds: float) -> float:
    """Up to a fifth more: replicas that were started together don't ask a server together for ever."""
    return seconds * random.uniform(1, 1 + _SPREAD)  # noqa: S311 (no secret)


def fingerprint(paths: Iterable[Path]) -> str:
    """What the metadata of files, and of all files in folders, says of them."""
    marks = sorted({mark for path in set(paths) for mark in _marks(path)})
    return sha256("\n".join(marks).encode("utf-8", "surrogatepass")).hexdigest()


def _marks(path: Path) -> Iterator[str]:
    yield _mark(path)
    count = 0
    for folder, folders, files in os.walk(path, followlinks=True):
        # The audit trail is written by judging, and no verdict depends on it.
        left = _NOT_WALKED | ({"audit"} if Path(folder).name == ".attest" else set())
        folders[:] = [name for name in folders if name not in left]
        for name in (*folders, *files):
            yield _mark(Path(folder, name))
        count += len(folders) + len(files)
        if count > _MOST:
            return


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} {error.errno}"
    return f"{path} {found.st_mtime_ns} {found.st_size} {found.st_ino}"
