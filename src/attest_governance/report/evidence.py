"""What was found about proofs, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

SCHEMA = "attest.continuu.ms/verification/v1"
_NAME = 17


class Check(Protocol):
    """One question that was asked of a proof."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def status(self) -> str:
        """`pass`, `fail` or `skipped`."""

    @property
    def detail(self) -> str:
        """What was found, in words."""


class Fact(Protocol):
    """Something that is proven about an image."""

    @property
    def kind(self) -> str:
        """`attestations` or `receipts`."""

    @property
    def name(self) -> str:
        """Its type, or which receipt it is."""

    @property
    def repository(self) -> str:
        """The repository that it is limited to; empty for none."""

    @property
    def workload(self) -> Mapping[str, str]:
        """The workload that it is limited to; empty for none."""

    @property
    def expires_at(self) -> str:
        """Until when it is."""

    @property
    def rests_on(self) -> str:
        """By which proof."""


class Judged(Protocol):
    """A proof that was judged."""

    @property
    def file(self) -> str:
        """Its name, as the user typed it."""

    @property
    def kind(self) -> str:
        """What it is."""

    @property
    def verdict(self) -> str:
        """`accepted` or `refused`."""

    @property
    def why(self) -> str:
        """The reason in a sentence."""

    @property
    def checks(self) -> Sequence[Check]:
        """All that was asked, in its order."""

    @property
    def signer(self) -> str:
        """Whose signature holds."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know."""

    @property
    def images(self) -> Sequence[str]:
        """Digests of the images that it is about."""

    @property
    def expires_at(self) -> str:
        """When what it rests on ends."""


def lines(found: Sequence[Judged], *, explain: bool) -> list[str]:
    """What people read of it: a line each, and with `explain` every check."""
    return [line for one in found for line in _of(one, explain=explain)]


def document(found: Sequence[Judged], unreadable: Sequence[str]) -> dict[str, Any]:
    """What programs read of it."""
    return {"schema": SCHEMA, "results": [_result(one) for one in found], "errors": list(unreadable)}


def fact_lines(image: str, found: Sequence[Fact], refused: Sequence[Judged]) -> list[str]:
    """What is proven about an image, and which proofs about it were refused."""
    said = [f"{image}: {'proven' if found else 'nothing is proven'}"]
    for fact in sorted(found, key=lambda one: (one.kind, one.name, one.rests_on)):
        limits = [fact.repository, *(f"{name} {text}" for name, text in fact.workload.items())]
        where = f" for {', '.join(limit for limit in limits if limit)}" if any(limits) else ""
        said.append(f"  {fact.kind[:-1]} {fact.name}{where} until {fact.expires_at}: {fact.rests_on}")
    return said + [f"  refused: {one.file}: {one.why}" for one in refused]


def _of(one: Judged, *, explain: bool) -> list[str]:
    said = [f"{one.file}: {one.verdict} ({one.kind})"]
    if one.verdict == "refused" or explain:
        said[0] += f": {one.why}"
    if explain:
        said += [f"  {check.name:<{_NAME}} {check.status:<8} {check.detail}" for check in one.checks]
        said += [f"  signed by {one.signer}"] if one.signer else []
        said += [f"  about {image}" for image in one.images]
        said += [f"  until {one.expires_at}"] if one.expires_at else []
    return said + [f"  warning: {text}" for text in one.warnings]


def _result(one: Judged) -> dict[str, Any]:
    checks = [{"name": check.name, "status": check.status, "detail": check.detail} for check in one.checks]
    return {
        "file": one.file,
        "kind": one.kind,
        "verdict": one.verdict,
        "why": one.why,
        "checks": checks,
        "signer": one.signer or None,
        "images": list(one.images) if one.verdict == "accepted" else [],
        "expiresAt": one.expires_at or None,
        "warnings": list(one.warnings),
    }
