"""What is examined of an installation, and what is said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from cryptography import x509

SCHEMA = "attest.continuu.ms/diagnosis/v1"
State = Literal["ok", "warning", "failed", "unknown"]
SOON = timedelta(days=7)
"""A certificate that ends within this time is told."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was examined. *unknown*: it could not be."""

    name: str
    state: State
    message: str
    hint: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """All that was examined of one installation."""

    checks: tuple[Check, ...]
    url: str
    time: str
    """RFC 3339 in UTC."""
    schema: str = SCHEMA

    @property
    def worst(self) -> State:
        """The state of the whole."""
        states = {one.state for one in self.checks}
        order: tuple[State, ...] = ("failed", "unknown", "warning")
        return next((one for one in order if one in states), "ok")


def validity(name: str, certificate: x509.Certificate, now: datetime, hint: str) -> Check:
    """Whether a certificate holds now, and for long enough."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        return Check(name, "failed", f"it holds from {begins:%Y-%m-%d %H:%M} UTC on: a clock is wrong", hint)
    if now >= ends:
        return Check(name, "failed", f"it ended on {ends:%Y-%m-%d %H:%M} UTC", hint)
    state: State = "warning" if ends - now < SOON else "ok"
    return Check(name, state, f"it holds until {ends:%Y-%m-%d %H:%M} UTC", hint if state == "warning" else "")


def read_authorities(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a bundle; none where it can't be read."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []
