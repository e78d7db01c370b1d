"""What a verification finds: checks in a fixed order, the verdict that follows, and what is proven by it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Status: TypeAlias = Literal["pass", "fail", "skipped"]


class Check(msgspec.Struct, frozen=True):
    """One question that was asked of a proof; `detail` is in words, of others' making where it quotes."""

    name: str
    status: Status
    detail: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one file."""

    file: str
    kind: str
    """`receipt`, `archive`, `evidence`, `export`, `attestation`, `signature`, `bundle`."""
    checks: tuple[Check, ...]
    signer: str = ""
    """The key whose signature holds, in hexadecimal or as its fingerprint; empty for none."""
    warnings: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Digests (`sha256:…`) of the images that the proof is about; proven only where it is accepted."""
    types: tuple[str, ...] = ()
    """What it attests: predicate types, and `attest/NAME` for each step of a receipt."""
    expires_at: str = ""
    """When what it rests on ends (RFC 3339); empty for never."""

    @property
    def accepted(self) -> bool:
        """Whether no check failed, and at least one passed."""
        statuses = [check.status for check in self.checks]
        return "fail" not in statuses and "pass" in statuses

    @property
    def verdict(self) -> Literal["accepted", "refused"]:
        """The verdict in a word."""
        return "accepted" if self.accepted else "refused"

    @property
    def why(self) -> str:
        """The first thing that speaks against it, in words."""
        failed = next((check for check in self.checks if check.status == "fail"), None)
        return f"{failed.name}: {failed.detail}" if failed else "nothing speaks against it"


def passed(name: str, detail: str) -> Check:
    """A check that found what it must find."""
    return Check(name, "pass", detail)


def failed(name: str, detail: str) -> Check:
    """A check that speaks against the proof."""
    return Check(name, "fail", detail)


def skipped(name: str, detail: str) -> Check:
    """A check that does not apply; it never counts for the proof."""
    return Check(name, "skipped", detail)
