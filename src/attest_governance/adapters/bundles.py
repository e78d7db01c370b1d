"""Keeps the bundle of a server at hand (§4: `policy_bundle_url`).

1. A copy that the server confirmed within `max_age` is used as it is.
2. Else the server is asked, with the copy's ETag.
3. What it sends is verified and compiled before it is put into use; a revision that is older than what
   is in use, or was replaced before, is refused.
4. Where the server is away or its bundle is refused, the last good one stays in use for `max_stale`,
   and a warning says so. After that nothing is decided: policies of long ago are no policies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.bundle_cache import BundleCache, Known, State
from attest_governance.errors import NetworkError, PolicyError
from attest_governance.load.bundles import Fetched
from attest_governance.model import Problem

if TYPE_CHECKING:
    from attest_governance.adapters.http import Answer
    from attest_governance.load.bundles import Remote
    from attest_governance.model.sources import Bundle, BundleAnswer

_HISTORY = 500
_LONGEST = 200
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")


class _RefusedError(Exception):
    """Why what the server offers is not put into use."""


def fetch(
    remote: Remote, cache: BundleCache, get: Callable[..., Answer], inspect: Callable[[Path], BundleAnswer], now: float
) -> Fetched:
    """The bundle to judge by at `now` (seconds since 1970): from the cache, or by `get` (see `adapters.http`).

    What is new is verified and compiled by `inspect`.

    Raises:
        PolicyError: there is no bundle that may be used.
        ConfigurationError: the cache or the key can't be used.
    """
    trust = _trust(remote)
    state = cache.read()
    if state and state.trust == trust and 0 <= now - state.confirmed < remote.max_age:
        return _fetched(remote, cache, state)
    try:
        fresh = _refresh(remote, cache, get, inspect, now)
    except (NetworkError, _RefusedError) as error:
        return _fallback(remote, cache, error, now)
    return _fetched(remote, cache, fresh)


def _trust(remote: Remote) -> str:
    return hashlib.sha256(msgspec.json.encode(remote.verification)).hexdigest()


def _refresh(
    remote: Remote, cache: BundleCache, get: Callable[..., Answer], inspect: Callable[[Path], BundleAnswer], now: float
) -> State:
    before = cache.read()
    etag = before.etag if before and before.trust == _trust(remote) else ""
    answer = get(remote.url, etag=etag, timeout=remote.timeout, max_bytes=remote.max_size)
    if answer.body is None:
        with cache.lock():
            return _confirm(cache, before, now)
    with cache.incoming(answer.body) as path:
        bundle = _accepted(inspect(path))
        offered = State(
            url=remote.url,
            revision=bundle.revision,
            digest=bundle.digest,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            etag=answer.etag,
            confirmed=now,
            trust=_trust(remote),
        )
        with cache.lock():
            return _activate(remote, cache, path, offered, before)


def _accepted(verdict: BundleAnswer) -> Bundle:
    if verdict.bundle is None or verdict.refused:
        error = next(problem for problem in verdict.problems if problem.severity == "error")
        raise _RefusedError(error.message)
    return verdict.bundle


def _confirm(cache: BundleCache, before: State | None, now: float) -> State:
    """The server has nothing newer; another process may have found something newer since."""
    current = cache.read() or before
    if current is None:
        raise _RefusedError("the server says that nothing has changed, but there is no copy")
    if before is not None and current.sha256 == before.sha256:
        current = msgspec.structs.replace(current, confirmed=max(now, current.confirmed))
        cache.save(current)
    return current


def _activate(remote: Remote, cache: BundleCache, path: Path, offered: State, before: State | None) -> State:
    current = cache.read()
    history: tuple[Known, ...] = ()
    if current is not None:
        moved_on = current.digest != (before.digest if before else "")
        history = current.history
        if current.digest != offered.digest:
            why = _older(offered, current)
            if why and moved_on:
                return current  # another process was faster, and found something newer
            if why and not remote.allow_rollback:
                raise _RefusedError(why)
            history = (*history, Known(current.revision, current.digest))[-_HISTORY:]
    new = msgspec.structs.replace(offered, history=history)
    cache.keep(path, new)
    return new


def _older(offered: State, current: State) -> str:
    """Why an offered bundle would be a step back; empty where it is none."""
    shown, used = f"revision `{offered.revision}`", f"revision `{current.revision}`"
    if any(known.digest == offered.digest for known in current.history):
        return f"{shown} was in use before {used} replaced it"
    if offered.revision == current.revision:
        return ""
    if current.revision and not offered.revision:
        return f"it states no revision, while {used} is in use"
    if any(known.revision == offered.revision for known in current.history if known.revision):
        return f"{shown} was in use before {used} replaced it"
    mine, theirs = _order(offered.revision), _order(current.revision)
    if mine and theirs and mine[0] == theirs[0] and mine[1] < theirs[1]:
        return f"{shown} is older than {used}, which is in use"
    return ""


def _order(revision: str) -> tuple[str, tuple[float, ...]] | None:
    """What can be compared of a revision: a number, a version, or a moment; None for hashes and words."""
    if len(revision) > _LONGEST:
        return None
    if match := _VERSION.fullmatch(revision):
        return "version", tuple(int(part) for part in match[1].split("."))
    try:
        moment = datetime.fromisoformat(revision)
    except ValueError:
        return None
    return ("moment", (moment.timestamp(),)) if moment.tzinfo else None


def _fallback(remote: Remote, cache: BundleCache, error: Exception, now: float) -> Fetched:
    away = isinstance(error, NetworkError)
    why = error.message if isinstance(error, NetworkError) else str(error)
    what = why if away else f"the bundle from `{remote.url}` is refused: {why}"
    state = cache.read()
    if state is None:
        hint = "make the server reachable, or use `policy_bundle_path`" if away else "see who published it, and what"
        raise PolicyError(f"{what}; there is no earlier one to use", hint=hint)
    age = max(0.0, now - state.confirmed)
    if age > remote.max_stale:
        raise PolicyError(
            f"{what}; the last good one was confirmed {_span(age)} ago, which is too long",
            hint="make the server right again, or raise `policy.policy_bundle_max_stale`",
        )
    named = f"revision `{state.revision}`" if state.revision else f"content {state.digest[:12]}"
    stays = f"{what}; the last good one stays in use ({named}, confirmed {_span(age)} ago)"
    code = "bundle_stale" if away else "bundle_refused"
    hint = "" if away else "`policy.policy_bundle_allow_rollback` allows an older revision"
    return _fetched(remote, cache, state, Problem("warning", code, stays, hint=hint))


def _fetched(remote: Remote, cache: BundleCache, state: State, *problems: Problem) -> Fetched:
    if remote.open_to_change:
        message = f"the bundle comes from `{remote.url}` without a key: anybody on the way can replace it"
        hint = "use https, or set `policy.policy_bundle_key`"
        problems = (*problems, Problem("warning", "bundle_open", message, hint=hint))
    return Fetched(cache.archive(state), state.revision, problems, state.confirmed)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
