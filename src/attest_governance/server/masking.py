"""What the decision log must not keep: values of Secrets, and whatever fields the configuration names."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

MASK = "********"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SHORTEST = 4
"""Shorter values are not looked for in texts: they would take half the words with them."""


def masked(value: dict[str, Any], fields: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """A resource without what must not be kept, and whether anything was taken out. `*` in a field is any key."""
    paths = [tuple(field.split(".")) for field in fields]
    if value.get("kind") == "Secret":
        paths += [("data", "*"), ("stringData", "*"), ("metadata", "annotations", _APPLIED)]
    out: Any = value
    for path in paths:
        out = _without(out, path)
    return out, out != value


def _without(value: object, path: tuple[str, ...]) -> object:
    """The value with everything at the path masked; lists are looked through without being named."""
    if isinstance(value, list):
        return [_without(one, path) for one in value]
    if not path:
        return MASK
    if not isinstance(value, dict):
        return MASK if path == ("*",) else value  # `data: text` has no keys, and is no less of a secret
    head, rest = path[0], path[1:]
    return {key: _without(one, rest) if head in ("*", key) else one for key, one in value.items()}


def secrets_of(value: dict[str, Any]) -> frozenset[str]:
    """The values of a Secret, as they stand and decoded."""
    if value.get("kind") != "Secret":
        return frozenset()
    data, plain = value.get("data"), value.get("stringData")
    encoded = [one for one in _texts(data) if len(one) >= _SHORTEST]
    return frozenset((*encoded, *_decoded(encoded), *(one for one in _texts(plain) if len(one) >= _SHORTEST)))


def _texts(members: object) -> list[str]:
    return [one for one in members.values() if isinstance(one, str)] if isinstance(members, dict) else []


def _decoded(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        try:
            plain = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
        if len(plain) >= _SHORTEST:
            yield plain


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text without the secrets; the longest go first, since one may be a part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
