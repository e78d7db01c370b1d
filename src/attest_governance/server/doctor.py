"""Examines an installation from outside: the server at its address, and the webhook configuration that leads to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic
from typing import Any

import msgspec
from cryptography import x509

from attest_governance.adapters.cluster import Cluster
from attest_governance.adapters.http import Reply, Trust, check_url, exchange
from attest_governance.clean import one_line
from attest_governance.decoding import decode
from attest_governance.errors import AttestError, ClusterError, NetworkError, UsageError
from attest_governance.exempt.times import format_instant
from attest_governance.server.authority import pem
from attest_governance.server.diagnosis import Check, Diagnosis, read_authorities, validity
from attest_governance.server.webhooks import WEBHOOKS, Hook, hooks_of

_SECONDS = 10.0
_LARGEST = 8 << 20
_ROOM = 64 << 20
"""Bytes of the decision log's disk below which it is told."""
_OK, _UNAVAILABLE = 200, 503
_SERIES = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
_WAYS = {
    "server": "wait until it has ended, or look for the one that takes its place",
    "inventory": "let its service account get, list and watch Namespaces, and the kinds that policies look up",
    "cluster-policies": "give its service account the right to get, list and watch Gatekeeper's objects",
    "decision-sink": "look at the server that `--decision-sink` names; decisions wait on disk until then",
    "certificate-renewal": "let its service account get and patch its Secret and its webhook configuration",
    "decision-log": "free some space where `--decision-log` leads",
    "policies": "correct what is refused; what was in force before stays in force until then",
    "certificate": "put a certificate and its own key in place",
    "evidence": "give facts with --evidence, or leave out policies that ask for them",
}


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """Which installation is examined; empty strings are found out."""

    url: str
    authority: str = ""
    """Who must have signed the server's certificate (PEM)."""
    name: str = ""
    """The name that the certificate must have."""
    webhook: str
    cluster: Cluster | None = None
    """Where the webhook configuration is; None to leave it aside."""


def examine(patient: Patient, now: datetime, ask: Callable[..., Reply] = exchange) -> Diagnosis:
    """Examines it all, by requests that `ask` sends; what can't be examined is a check that says so.

    Raises:
        UsageError: the address, or the authority, can't be one.
    """
    check_url(patient.url)
    if patient.authority and not read_authorities(patient.authority.encode()):
        raise UsageError("the authority is no certificate", hint="name a file with certificates (PEM)")
    hooks, checks = _asked(patient)
    checks += [check for hook in hooks for check in hook.checks(now)]
    name = patient.name or next((hook.server_name for hook in hooks if hook.server_name), "")
    authority = patient.authority or next((hook.authority for hook in hooks if hook.authority), "")
    # Without what stands around certificates: TLS takes no other text.
    trust = Trust(authority=pem(*read_authorities(authority.encode())).decode(), name=name)
    checks += _server(lambda path: _get(ask, patient.url, path, trust), now)
    return Diagnosis(tuple(checks), patient.url, format_instant(now))


def _asked(patient: Patient) -> tuple[list[Hook], list[Check]]:
    """The hooks of the configuration, and what is wrong with asking for them."""
    if patient.cluster is None:
        return [], []
    try:
        found = patient.cluster.get(WEBHOOKS, patient.webhook)
    except ClusterError as error:
        return [], [Check("webhook", "unknown", error.message, error.hint or "give --no-cluster to leave it aside")]
    if found is None:
        message = f"the cluster has no ValidatingWebhookConfiguration `{patient.webhook}`: nobody asks the server"
        return [], [Check("webhook", "failed", message, "run `attest deploy render`, and apply what it prints")]
    return hooks_of(found), []


def _server(get: Callable[[str], Reply], now: datetime) -> Iterator[Check]:
    try:
        live = get("/livez")
    except NetworkError as error:
        yield Check("address", "failed", error.message, "see whether its Pods run, and who signed its certificate")
        return
    if live.status != _OK:
        yield Check(
            "address", "failed", f"/livez answers {live.status}", "see whether the address is that of the server"
        )
        return
    yield Check("address", "ok", "the server answers")
    if live.certificate:
        hint = "renew it: the server takes the new one without a restart"
        yield validity("certificate", x509.load_der_x509_certificate(live.certificate), now, hint)
    try:
        yield from _readiness(get("/readyz"))
        yield from _counted(get("/metrics").body.decode("utf-8", "replace"))
    except (NetworkError, msgspec.MsgspecError) as error:
        what = error.message if isinstance(error, AttestError) else "what it says can't be understood"
        yield Check("readiness", "unknown", what, "try again")


def _get(ask: Callable[..., Reply], url: str, path: str, trust: Trust) -> Reply:
    at = check_url(url.rstrip("/") + path)
    ends = monotonic() + _SECONDS
    return ask(at, {}, deadline=ends, max_bytes=_LARGEST, trust=trust, read=(_OK, _UNAVAILABLE))


class _Ready(msgspec.Struct):
    reasons: dict[str, str]
    notes: dict[str, str]


def _readiness(reply: Reply) -> Iterator[Check]:
    said = decode(reply.body, _Ready)
    if not said.reasons:
        yield Check("readiness", "ok", "requests may come")
    for part, why in said.reasons.items():
        yield Check(f"readiness: {one_line(part)}", "failed", one_line(why), _WAYS.get(part, ""))
    for part, why in said.notes.items():
        yield Check(f"note: {one_line(part)}", "warning", one_line(why), _WAYS.get(part, ""))


def _counted(text: str) -> Iterator[Check]:
    """What the metrics say of the policies and of the decision log."""
    series: dict[str, Any] = {name: (labels, value) for name, labels, value in _SERIES.findall(text)}
    labels, _ = series.get("attest_policy_set_info", ("", ""))
    digest = re.search(r'digest="(?:sha256:)?([0-9a-f]{12})', labels)
    _, age = series.get("attest_policies_age_seconds", ("", "nan"))
    if digest is None:
        yield Check(
            "policies", "unknown", "the metrics name no policy set", "see whether the server is one of this version"
        )
    else:
        yield Check("policies", "ok", f"the set {digest.group(1)} has been in force for {float(age):.0f} s")
    _, free = series.get("attest_decision_log_free_bytes", ("", "nan"))
    yield _room(float(free))


def _room(free: float) -> Check:
    if free != free:  # noqa: PLR0124 (not a number: there is no log)
        return Check("decision log", "warning", "decisions are not kept", "give the server --decision-log")
    mebibytes = f"its disk has room for {free / (1 << 20):.0f} MiB"
    if free < _ROOM:
        return Check("decision log", "warning", mebibytes, "free some space, or give it a larger volume")
    return Check("decision log", "ok", mebibytes)
