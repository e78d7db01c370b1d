"""Signatures with certificates of a Sigstore instance (keyless): who signed is an identity that an issuer vouches for.

The library `sigstore` verifies certificate, log and signature, offline, against a trusted root that is pinned in a
file; it is an extra. Who may sign, and what the statement says, is judged here.
"""

from __future__ import annotations

import contextlib
import warnings
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.images.keys import Role
from attest_governance.attestations.timestamps.der import sole
from attest_governance.attestations.verdict import Check, failed, passed
from attest_governance.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

    Verified: TypeAlias = Callable[[Verifier, VerificationPolicy], bytes]

_ISSUER = "1.3.6.1.4.1.57264.1.8"
"""The issuer as Fulcio writes it, a text in DER."""
_UTF8 = 0x0C


class Identity(Role, frozen=True, kw_only=True):
    """Somebody who signs with certificates."""

    identity: str
    """What certificates must say of who signed, or a glob of it: an address of mail, or of a workflow."""
    issuer: str
    """Who must have vouched for it, exactly."""

    @property
    def what(self) -> str:
        """What kind of signer it is, in a word."""
        return "identity"

    @property
    def signer(self) -> str:
        """Who vouches for whom."""
        return f"{self.identity} by {self.issuer}"


class Keyless(msgspec.Struct, frozen=True):
    """The Sigstore instance that is trusted, and who of those that it knows."""

    root: bytes
    """Its trusted root, JSON."""
    identities: tuple[Identity, ...]


class _AnyIdentity:
    """Lets each identity pass, and remembers the certificate: who may speak is asked once it holds."""

    certificate: Certificate | None = None

    def verify(self, cert: Certificate) -> None:
        """Takes the certificate, whose chain is verified by then."""
        self.certificate = cert


def signed_by(verified: Verified, payload: bytes, keyless: Keyless) -> tuple[Check, Sequence[Role]]:
    """Who signed with a certificate, of those who may: the check named `signature`.

    Args:
        verified: what was signed, where certificate, log entry and signature hold; whatever it raises, they don't.
        payload: as it was read here; that of the library must be the same.
        keyless: whom to trust.

    Raises:
        ConfigurationError: what verifies certificates is not installed, or the trusted root can't be used.
    """
    verifier, policy = verifier_of(keyless.root), _AnyIdentity()
    try:
        read = verified(verifier, policy)
    except Exception as error:  # noqa: BLE001 (hostile bytes: whatever the library raises is a refusal)
        return failed("signature", f"the certificate can't count: {_words(error)}"), ()
    if read != payload or policy.certificate is None:
        return failed("signature", "what was signed is not what the envelope holds"), ()
    names, issuer = _said(policy.certificate)
    found = [one for one in keyless.identities if one.issuer == issuer and _is_named(one.identity, names)]
    if not found:
        said = ", ".join(f"`{name}`" for name in names) or "nobody"
        return failed("signature", f"signed by {said}, for whom `{issuer}` vouches, and who is not trusted"), ()
    return passed("signature", f"signed by `{names[0]}`, for whom `{issuer}` vouches"), found


@lru_cache(maxsize=4)
def verifier_of(root: bytes) -> Verifier:
    """What verifies by a trusted root.

    Raises:
        ConfigurationError: it is not installed, or the root can't be used.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sigstore.models import TrustedRoot  # noqa: PLC0415 (an extra, and slow to import)
            from sigstore.verify import Verifier  # noqa: PLC0415
            from sigstore_models.trustroot.v1 import TrustedRoot as Written  # noqa: PLC0415
    except ImportError as error:
        hint = "run `pip install sigstore`"
        raise ConfigurationError(f"certificates need what is not installed: {error.name}", hint=hint) from None
    try:
        return Verifier(trusted_root=TrustedRoot(Written.from_json(root)))
    except Exception as error:  # noqa: BLE001 (the library raises what its parsers raise)
        hint = "take `trusted_root.json` from the instance that is trusted"
        raise ConfigurationError(f"the trusted root can't be used: {_words(error)}", hint=hint) from None


def in_bundle(bundle: bytes, verifier: Verifier, policy: VerificationPolicy) -> bytes:
    """The payload of a bundle whose certificate, log entry and signature hold; whatever is raised, they don't."""
    from sigstore.models import Bundle  # noqa: PLC0415 (an extra)

    return verifier.verify_dsse(Bundle.from_json(bundle), policy)[1]


def _said(certificate: Certificate) -> tuple[list[str], str]:
    """Whom a certificate names, and who vouches for them."""
    from cryptography import x509  # noqa: PLC0415 (few runs need it)
    from cryptography.x509.oid import ObjectIdentifier  # noqa: PLC0415

    names: list[str] = []
    issuer = ""
    for one in certificate.extensions:
        if isinstance(one.value, x509.SubjectAlternativeName):
            names += one.value.get_values_for_type(x509.RFC822Name)
            names += one.value.get_values_for_type(x509.UniformResourceIdentifier)
        elif one.oid == ObjectIdentifier(_ISSUER) and isinstance(one.value, x509.UnrecognizedExtension):
            with contextlib.suppress(ValueError):
                issuer = sole(one.value.value, _UTF8).content.decode()
    return names, issuer


def _is_named(glob: str, names: Sequence[str]) -> bool:
    """Whether a certificate names one identity, and it is this."""
    return len(names) == 1 and fnmatchcase(names[0], glob)


def _words(error: Exception) -> str:
    """What a library says, in a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
