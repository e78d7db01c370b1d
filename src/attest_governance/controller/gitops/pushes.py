"""Pushes that GitHub and GitLab tell of: whose word it is, and which repository it is about."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from attest_governance.controller.gitops.repositories import SHORT_URL
from attest_governance.errors import InputError, UsageError

MAX_BODY = 5 << 20


def pushed(headers: Mapping[str, str], body: bytes, secret: bytes) -> frozenset[str]:
    """The repositories that a genuine message is about, each as `host/path`.

    Args:
        headers: by their names in small letters.
        body: as it came.
        secret: what both sides know.

    Raises:
        UsageError: it is not from who knows the secret.
        InputError: it is no message about a repository.
    """
    if not _genuine(headers, body, secret):
        raise UsageError("the message is not signed with the secret of the webhook")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the message is no JSON") from None
    found = [one for one in _urls(value) if isinstance(one, str)]
    if not found:
        raise InputError("the message names no repository")
    return frozenset(map(plain_name, found))


def plain_name(url: str) -> str:
    """`host/path` of a URL in any of its spellings; what it is asked by does not matter."""
    short = SHORT_URL.fullmatch(url)
    host, path = (short["host"], short["path"]) if short else (urlsplit(url).hostname or "", urlsplit(url).path)
    return f"{host.lower()}/{path.strip('/').removesuffix('.git').lower()}"


def _genuine(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    if not secret:
        return False
    if token := headers.get("x-gitlab-token"):
        return hmac.compare_digest(token.encode(), secret)
    expected = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(headers.get("x-hub-signature-256", "").encode(), expected.encode())


def _urls(value: object) -> tuple[object, ...]:
    if not isinstance(value, dict):
        return ()
    about = value.get("repository"), value.get("project")
    names = ("clone_url", "ssh_url", "git_http_url", "git_ssh_url")
    return tuple(one[name] for one in about if isinstance(one, dict) for name in names if name in one)
