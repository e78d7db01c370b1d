"""Signatures with certificates: who signed is whom the configuration names, vouched for by whom it names, offline."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("sigstore", reason="SKIPPED LOUDLY: the extra `keyless` is not installed")

from cryptography import x509

from attest_governance.attestations.images.keyless import Identity, Keyless, verifier_of
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import Trust
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify
from attest_governance.errors import ConfigurationError

from .instance import ISSUER, MAIL, SIGNED, Instance
from .making import DIGEST, Signer, statement

OURS, THEIRS = Instance(1), Instance(2)
ROOT = json.dumps(OURS.trusted_root).encode()
WORKFLOW = "https://git.example/shop/web/.github/workflows/release.yml@refs/tags/v1.2"
SLSA = "https://slsa.dev/provenance/v1"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reaches for the network fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def judged(bundle: object, identity: str = MAIL, issuer: str = ISSUER, repository: str = "", **role: Any) -> Judgement:
    trusted = Identity(name="release", identity=identity, issuer=issuer, **role)
    asked = Asked(image=DIGEST, keys=(), keyless=Keyless(ROOT, (trusted,)), repository=repository)
    question = Question(trust=Trust(), terms=Terms(now=datetime(2026, 11, 28, tzinfo=UTC)), image=asked)
    return verify(json.dumps(bundle).encode(), "bundle", question)


def about(image: str = DIGEST) -> dict[str, Any]:
    return statement(image)


def test_who_signed_is_who_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = judged(OURS.bundle(about()))
    assert (found.accepted, found.signer, found.types) == (True, f"{MAIL} by {ISSUER}", (SLSA,))
    assert capsys.readouterr() == ("", "")


def workflow() -> dict[str, Any]:
    return OURS.bundle(about(), OURS.certificate(x509.UniformResourceIdentifier(WORKFLOW)))


NAMED = {
    WORKFLOW: True,
    WORKFLOW.replace("v1.2", "*"): True,
    "https://git.example/shop/*": True,
    WORKFLOW.replace("v1.2", "v1.3"): False,
    WORKFLOW.replace("release", "test"): False,
    "https://git.example/shop/": False,
    "https://git.exampl": False,
    MAIL: False,
}


@pytest.mark.parametrize("identity", NAMED)
def test_an_identity_is_named_exactly_or_by_a_glob(identity: str) -> None:
    assert judged(workflow(), identity).accepted is NAMED[identity]


def swapped(part: str, other: dict[str, Any]) -> dict[str, Any]:
    """A bundle with a part of another."""
    made = OURS.bundle(about())
    made["verificationMaterial"][part] = other["verificationMaterial"][part]
    return made


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = OURS.bundle(about())
    change(made)
    return made


def entry(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


def by(instance: Instance) -> x509.Certificate:
    return OURS.certificate(by=instance)


ELSE = OURS.bundle(statement(DIGEST, n=2))
LATER = SIGNED + timedelta(hours=1)
REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "another image": (lambda: OURS.bundle(about("sha256:" + "0" * 64)), "subject: not about"),
    "another authority": (lambda: THEIRS.bundle(about()), "signature: the certificate can't count"),
    "a certificate by another authority in our log": (lambda: OURS.bundle(about(), by(THEIRS)), "can't count"),
    "a certificate that no log of ours has seen": (
        lambda: OURS.bundle(about(), OURS.certificate(log=THEIRS)),
        "failed to verify SCT",
    ),
    "two names": (
        lambda: OURS.bundle(about(), OURS.certificate(x509.RFC822Name(MAIL), x509.RFC822Name("a@b.example"))),
        "who is not trusted",
    ),
    "a name that begins alike": (
        lambda: OURS.bundle(about(), OURS.certificate(x509.RFC822Name(f"{MAIL}.evil.example"))),
        f"signed by `{MAIL}.evil.example`",
    ),
    "another issuer": (
        lambda: OURS.bundle(about(), OURS.certificate(issuer="https://accounts.evil.example")),
        "for whom `https://accounts.evil.example` vouches",
    ),
    "no issuer": (lambda: OURS.bundle(about(), OURS.certificate(issuer="")), "for whom `` vouches"),
    "signed after its end": (lambda: OURS.bundle(about(), at=LATER), "signature: the certificate can't count"),
    "signed before its beginning": (lambda: OURS.bundle(about(), OURS.certificate(at=LATER)), "can't count"),
    "no entry in a log": (
        lambda: changed(lambda one: one["verificationMaterial"].update(tlogEntries=[])),
        "can't count",
    ),
    "an entry in another log": (lambda: swapped("tlogEntries", THEIRS.bundle(about())), "can't count"),
    "the entry of another signature": (lambda: swapped("tlogEntries", ELSE), "can't count"),
    "the payload of another": (
        lambda: changed(lambda one: one["dsseEnvelope"].update(payload=ELSE["dsseEnvelope"]["payload"])),
        "can't count",
    ),
    "a payload that is no base64": (
        lambda: changed(lambda one: one["dsseEnvelope"].update(payload="%")),
        "schema: the payload: it is not plain base64",
    ),
    "another time of the entry": (lambda: changed(lambda one: entry(one).update(integratedTime="1")), "can't count"),
    "no proof of the entry": (lambda: changed(lambda one: entry(one).pop("inclusionProof")), "can't count"),
    "a key as well": (
        lambda: changed(lambda one: one["verificationMaterial"].update(publicKey={"hint": ""})),
        "schema: the bundle must name one key or one certificate",
    ),
    "bytes that are no certificate": (
        lambda: changed(lambda one: one["verificationMaterial"].update(certificate={"rawBytes": "AAAA"})),
        "can't count",
    ),
    "a member that nobody knows": (lambda: changed(lambda one: one.update(more=1)), "schema: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_hold_proves_nothing(name: str) -> None:
    made, why = REFUSED[name]
    found = judged(made())
    assert not found.accepted
    assert why in found.why


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ({"types": ("https://spdx.dev/Document",)}, f"role: the identity `release` is not trusted for `{SLSA}`"),
        ({"repositories": ("registry.example/*",)}, "role: the identity `release` is not trusted for the repository"),
    ],
)
def test_an_identity_speaks_of_what_its_role_says(role: dict[str, Any], why: str) -> None:
    assert why in judged(OURS.bundle(about()), repository="elsewhere.example/web", **role).why


def test_a_certificate_is_no_key_and_a_key_no_certificate() -> None:
    assert not judged(Signer(1).bundle(about())).accepted
    asked = Asked(image=DIGEST, keys=())
    question = Question(trust=Trust(), terms=Terms(now=datetime(2026, 11, 28, tzinfo=UTC)), image=asked)
    found = verify(json.dumps(OURS.bundle(about())).encode(), "bundle", question)
    assert "`evidence.keyless` names nobody who may" in found.why


@pytest.mark.parametrize("root", [b"", b"{}", b"[]", json.dumps({**OURS.trusted_root, "tlogs": []}).encode()])
def test_a_trusted_root_that_can_not_be_used_is_an_error(root: bytes) -> None:
    with pytest.raises(ConfigurationError, match="the trusted root can't be used"):
        verifier_of(root)


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    verifier_of.cache_clear()
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    yield
    verifier_of.cache_clear()


@pytest.mark.usefixtures("without_library")
def test_what_is_not_installed_is_said() -> None:
    with pytest.raises(ConfigurationError, match="certificates need what is not installed"):
        verifier_of(ROOT)
