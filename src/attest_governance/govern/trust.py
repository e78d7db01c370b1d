"""Who is who: OpenSSH's `allowed_signers`, read more strictly than OpenSSH reads it.

What ssh-keygen would take and this module refuses: patterns and several names for a key, a key
under two names, certificate authorities, times without `Z`, and weak keys. Each of them would let
one person act as another, or two machines judge differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from attest_governance.errors import ConfigurationError
from attest_governance.exempt.exemption import matches
from attest_governance.govern.signing import keys
from attest_governance.govern.signing.sshsig import NAMESPACE, PACKS

SIGNERS_FILE = ".attest/governance/allowed_signers"
REVOKED_FILE = ".attest/governance/revoked_keys"

_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,253}")
_TIME = re.compile(r"([0-9]{8})([0-9]{4})?([0-9]{2})?Z")
_WORD = re.compile(r'((?:[^\s"]|"[^"]*")+)(?:\s+|$)')
_ALGORITHMS = ("ssh-", "ecdsa-", "sk-")
_OPTION = re.compile(r'([A-Za-z-]+)(?:="?([^"]*)"?)?')
_USES = (NAMESPACE, PACKS)


class TrustedKey(msgspec.Struct, frozen=True):
    """A key, whose it is, what for, and when: from `valid_after` until just before `valid_before`."""

    person: str
    key: keys.PublicKey
    line: int
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    uses: tuple[str, ...] = _USES
    """The namespaces in which it may sign; approvals and packs where the line names none."""


class Trust(msgspec.Struct, frozen=True):
    """The keys of all people who may sign, and those that are revoked."""

    known: dict[bytes, TrustedKey] = {}
    revoked: frozenset[bytes] = frozenset()
    file: str = SIGNERS_FILE
    """What messages call the file of the keys."""

    def person(self, key: keys.PublicKey, at: datetime, namespace: str = NAMESPACE) -> str:
        """Says whose key it is, if it may be used at `at` for signatures of a namespace.

        Raises:
            ValueError: the key is unknown, revoked, for something else, not yet valid, or no longer valid.
        """
        if key.blob in self.revoked:
            raise ValueError(f"the key {key.fingerprint} is revoked")
        known = self.known.get(key.blob)
        if known is None:
            raise ValueError(f"the key {key.fingerprint} is not in `{self.file}`")
        if namespace not in known.uses:
            raise ValueError(f"the key {key.fingerprint} of `{known.person}` is not for `{namespace}`")
        if known.valid_after is not None and at < known.valid_after:
            raise ValueError(f"the key {key.fingerprint} of `{known.person}` is not valid yet")
        if known.valid_before is not None and at >= known.valid_before:
            raise ValueError(f"the key {key.fingerprint} of `{known.person}` has expired")
        return known.person

    @property
    def people(self) -> frozenset[str]:
        """Everybody who has a key with which to approve, revoked ones apart."""
        usable = (one for blob, one in self.known.items() if blob not in self.revoked)
        return frozenset(one.person for one in usable if NAMESPACE in one.uses)


def parse_trust(signers: str, revoked: str = "", file: str = SIGNERS_FILE, uses: tuple[str, ...] = _USES) -> Trust:
    """Reads the two trust files: `allowed_signers`, and `revoked_keys` with public keys, one a line.

    Args:
        signers: the text of the first.
        revoked: the text of the second.
        file: what messages call the first.
        uses: the namespaces that are asked about; a line that is for none of them is refused.

    Raises:
        ConfigurationError: a line can't be read, is weak, or makes one key two people's. Nothing of
            the file is used then.
    """
    found: dict[bytes, TrustedKey] = {}
    names: dict[str, str] = {}
    for number, line in _lines(signers):
        one = _signer(line, number, file, uses)
        before = found.setdefault(one.key.blob, one)
        if before is not one:
            raise _refused(file, number, f"the key of line {before.line} is here again", "a key is one person's, once")
        spelled = names.setdefault(one.person.casefold(), one.person)
        if spelled != one.person:
            raise _refused(file, number, f"`{one.person}` is also written `{spelled}`", "write each name in one way")
    return Trust(found, frozenset(_revoked(line, number) for number, line in _lines(revoked)), file)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not `splitlines`: OpenSSH knows no other line end, and a line must not hide in a comment.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _signer(line: str, number: int, file: str, uses: tuple[str, ...]) -> TrustedKey:
    words = _WORD.findall(line)
    options = words.pop(1) if len(words) > 1 and not words[1].startswith(_ALGORITHMS) else ""
    if len(words) < 3:  # noqa: PLR2004 - name, algorithm, key
        hint = "copy the key from a `.pub` file"
        raise _refused(file, number, "the line is not `NAME [OPTIONS] ALGORITHM KEY`", hint)
    person = words[0].strip('"')
    if not _PRINCIPAL.fullmatch(person):
        raise _refused(file, number, f"`{person}` is not one person's name", "no patterns, no lists: one name a line")
    try:
        key = keys.parse_line(words[1], words[2])
        after, before, own = _options(options, uses)
    except ValueError as error:
        raise _refused(file, number, f"the key of `{person}`: {error}", "replace it") from error
    return TrustedKey(person, key, number, after, before, own)


def _options(options: str, uses: tuple[str, ...]) -> tuple[datetime | None, datetime | None, tuple[str, ...]]:
    """Reads the options of a line; unknown ones are refused, since they might narrow the trust."""
    after = before = None
    own = uses
    for option in re.findall(r'[^,"]+(?:"[^"]*")?', options):
        name, value = found.groups("") if (found := _OPTION.fullmatch(option)) else (option, "")
        if name == "valid-after":
            after = _time(value)
        elif name == "valid-before":
            before = _time(value)
        elif name != "namespaces":
            raise ValueError(f"the option `{name}` is not supported")
        else:
            own = tuple(one for one in own if any(matches(pattern, one) for pattern in value.split(",")))
    if not own:
        raise ValueError(f"the line is not for {' or '.join(f'`{one}`' for one in uses)}")
    return after, before, own


def _time(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a time in UTC such as `20260101Z` or `202601011200Z`")
    day, minutes, seconds = found.groups("")
    return datetime.strptime(f"{day}{minutes or '0000'}{seconds or '00'}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _revoked(line: str, number: int) -> bytes:
    words = line.split()
    try:
        if len(words) > 1:
            return keys.parse_line(words[0], words[1]).blob
    except ValueError as error:
        raise ConfigurationError(f"the revoked key can't be read: {error}", file=REVOKED_FILE, line=number) from error
    raise ConfigurationError(
        "the line is no public key",
        file=REVOKED_FILE,
        line=number,
        hint="list public keys, one a line; binary revocation lists are not read",
    )


def _refused(file: str, line: int, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError(message, file=file, line=line, hint=hint)
