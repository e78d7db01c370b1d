"""AdmissionReview v1 as an API server sends it and reads it. The object is not read here: the engine gets the bytes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from attest_governance.decoding import decoder
from attest_governance.server.refusals import RefusedError

API_VERSION, KIND = "admission.k8s.io/v1", "AdmissionReview"
DEFAULT_SECONDS, LONGEST_SECONDS = 10.0, 30.0
"""The time of a webhook where its configuration says none, and the most that it can say."""
MARGIN = 0.2
"""Seconds of the time that are kept for the way back."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s|m)")
_MOST_WARNINGS, _LONGEST_WARNING = 20, 256


class GroupVersionKind(msgspec.Struct, frozen=True):
    """What kind of object a request is about."""

    group: str = ""
    version: str = ""
    kind: str = ""


class UserInfo(msgspec.Struct, frozen=True):
    """Who asks."""

    username: str = ""


class ReviewRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What of a request the server itself needs; all of it reaches the policies."""

    uid: str
    operation: str = ""
    kind: GroupVersionKind = GroupVersionKind()
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""
    user_info: UserInfo = UserInfo()
    dry_run: bool | None = None


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: ReviewRequest | None = None


_head = decoder(_Head)


def read_review(body: bytes) -> ReviewRequest:
    """Reads the head of an AdmissionReview.

    Raises:
        RefusedError: it is none, or of a version that we don't speak.
    """
    try:
        head = _head(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "malformed", f"the body is no AdmissionReview: {error}", hint=f"send {KIND}") from error
    if (head.api_version, head.kind) != (API_VERSION, KIND):
        shown = f"`{head.kind[:50]}` of `{head.api_version[:50]}`"
        raise RefusedError(400, "version", f"{shown} is not answered", hint=f"send {KIND} of {API_VERSION}")
    if head.request is None or not head.request.uid:
        raise RefusedError(400, "malformed", "the AdmissionReview has no request with a uid", hint="send one")
    return head.request


@lru_cache(maxsize=16)
def seconds_of(timeout: str) -> float:
    """The seconds in which an API server wants its answer (`10s`, as it says in the address), less the way back."""
    match = _TIME.fullmatch(timeout)
    wanted = float(match[1]) * _UNITS[match[2]] if match else DEFAULT_SECONDS
    wanted = min(wanted, LONGEST_SECONDS)
    return max(wanted / 2, wanted - MARGIN)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an API server is told."""

    allowed: bool
    code: int = 200
    message: str = ""
    warnings: tuple[str, ...] = ()
    annotations: dict[str, str] = {}


def write_review(uid: str, said: Said) -> bytes:
    """The AdmissionReview that answers a request."""
    response: dict[str, Any] = {"uid": uid, "allowed": said.allowed}
    if not said.allowed:
        reason = "Forbidden" if said.code == 403 else "InternalError"  # noqa: PLR2004 (HTTP)
        response["status"] = {"status": "Failure", "message": said.message, "reason": reason, "code": said.code}
    if said.warnings:
        response["warnings"] = _bounded(said.warnings)
    if said.annotations:
        response["auditAnnotations"] = said.annotations
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def _bounded(warnings: tuple[str, ...]) -> list[str]:
    """API servers cut long warnings, and all of them when there are many."""
    shown = [one if len(one) <= _LONGEST_WARNING else f"{one[: _LONGEST_WARNING - 1]}…" for one in warnings]
    if len(shown) > _MOST_WARNINGS:
        shown = [*shown[:_MOST_WARNINGS], f"and {len(warnings) - _MOST_WARNINGS} more"]
    return shown
