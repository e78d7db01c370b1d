"""`allowed_signers` and `revoked_keys`: who is who, and who no longer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from attest_governance.errors import ConfigurationError
from attest_governance.govern.trust import parse_trust

from .people import NOW, address, signer, signer_line

ALICE, BOB = signer("alice").key, signer("bob").key


def test_a_key_is_a_persons() -> None:
    trust = parse_trust(f"# people\n\n{signer_line('alice')}{signer_line('bob')}")
    assert trust.person(ALICE, NOW) == address("alice")
    assert trust.people == {address("alice"), address("bob")}


def test_a_person_may_have_several_keys() -> None:
    trust = parse_trust(signer_line("alice") + signer_line("alice", key="alice's other one"))
    assert trust.person(signer("alice's other one").key, NOW) == address("alice")
    assert trust.people == {address("alice")}


READ = {
    "a comment": f"alice@company.com {ALICE.line} alice's laptop\n",
    "a quoted name": f'"alice@company.com" {ALICE.line}\n',
    "the namespace": f'alice@company.com namespaces="attest-governance" {ALICE.line}\n',
    "one of several namespaces": f'alice@company.com namespaces="git,attest-*" {ALICE.line}\n',
    "times": f'alice@company.com valid-after="20260101Z",valid-before="202612312359Z" {ALICE.line}\n',
    "tabs and a Windows line end": f"alice@company.com\t{ALICE.line}\r\n",
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_openssh_lines_are_read(text: str) -> None:
    assert parse_trust(text).person(ALICE, NOW) == address("alice")


REFUSED = {
    "a key under two names": (signer_line("alice") + signer_line("bob", key="alice"), 2, "is here again"),
    "a key twice": (signer_line("alice") * 2, 2, "is here again"),
    "a name in two spellings": (
        signer_line("alice") + f"Alice@company.com {BOB.line}\n",
        2,
        "is also written `alice@company.com`",
    ),
    "a pattern": (f"*@company.com {ALICE.line}\n", 1, "not one person's name"),
    "several names": (f"alice@company.com,bob@company.com {ALICE.line}\n", 1, "not one person's name"),
    "an authority": (f"alice@company.com cert-authority {ALICE.line}\n", 1, "`cert-authority` is not supported"),
    "an unknown option": (f'alice@company.com verify-required="x" {ALICE.line}\n', 1, "is not supported"),
    "another namespace": (f'alice@company.com namespaces="git" {ALICE.line}\n', 1, "not for `attest-governance` or"),
    "a local time": (f'alice@company.com valid-before="20270101" {ALICE.line}\n', 1, "not a time in UTC"),
    "a line without key": ("alice@company.com\n", 1, "is not `NAME"),
    "a cut key": (f"alice@company.com {ALICE.line[:-8]}\n", 1, "the key of `alice@company.com`"),
    "another algorithm than the key's": (
        f"alice@company.com ssh-rsa {ALICE.line.split()[1]}\n",
        1,
        "the line says `ssh-rsa`",
    ),
    "dsa": ("alice@company.com ssh-dss AAAAB3NzaC1kc3MAAAAA\n", 1, "not supported"),
    "a line hidden behind an odd line end": (f"# x\x0b\n{'#'} y\x85\nmallory {BOB.line[:-3]}\n", 3, "the key of"),
}


@pytest.mark.parametrize(("text", "line", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_blur_who_is_who_is_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse_trust(text)
    assert (caught.value.file, caught.value.line) == (".attest/governance/allowed_signers", line)


def test_a_weak_rsa_key_is_refused() -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    with pytest.raises(ConfigurationError, match="2048 bits; 3072 is the least"):
        parse_trust(f"alice@company.com {line}\n")


MOMENTS = {
    "a second before it begins": (datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), "not valid yet"),
    "the second it begins": (datetime(2026, 1, 1, tzinfo=UTC), ""),
    "a second before it ends": (datetime(2026, 12, 31, 23, 58, 59, tzinfo=UTC), ""),
    "the second it ends": (datetime(2026, 12, 31, 23, 59, 0, tzinfo=UTC), "has expired"),
}


@pytest.mark.parametrize(("moment", "message"), MOMENTS.values(), ids=MOMENTS)
def test_keys_have_their_time(moment: datetime, message: str) -> None:
    trust = parse_trust(signer_line("alice", 'valid-after="20260101Z",valid-before="202612312359Z"'))
    if not message:
        assert trust.person(ALICE, moment) == address("alice")
        return
    with pytest.raises(ValueError, match=message):
        trust.person(ALICE, moment)


def test_unknown_and_revoked_keys_are_nobodys() -> None:
    trust = parse_trust(signer_line("alice"), f"# stolen\n{ALICE.line} alice's laptop\n")
    with pytest.raises(ValueError, match="is revoked"):
        trust.person(ALICE, NOW)
    with pytest.raises(ValueError, match="is not in"):
        trust.person(BOB, NOW)
    assert trust.people == frozenset()


@pytest.mark.parametrize("line", ["SSHKRL", "ssh-ed25519 AAAA", "SHA256:abc"])
def test_a_revocation_that_can_not_be_read_is_an_error(line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_trust(signer_line("alice"), f"{line}\n")
    assert (caught.value.file, caught.value.line) == (".attest/governance/revoked_keys", 1)
