"""The checks of an archive: those of its receipt, and those of what it carries beside."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Literal

import msgspec

from attest_governance.attestations.archives.events import FOLDER, check_chain, read_events
from attest_governance.attestations.archives.unpacking import unpack
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.reading import strict_json, typed
from attest_governance.attestations.receipts.checks import Judged, judge_receipt
from attest_governance.attestations.verdict import Check, failed, passed, skipped
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest_governance.attestations.receipts.model import Receipt
    from attest_governance.attestations.terms import Terms
    from attest_governance.attestations.trust.store import Trust

MANIFEST, RECEIPT, ARTIFACTS = "manifest.json", "receipt.yaml", "artifacts/"
ARCHIVE_V1 = "attest-archive/v1"
EVIDENCE = ("attest-evidence/v1", "attest-evidence/v2")
PUBLISHED = "attest-evidence/v3"
_IMAGE_SCHEMA = 2
_PUBLIC_KEY = re.compile(r"pubkeys/[0-9a-f]{32}\.pub")
_EVENT = re.compile(r"events/[0-9a-f]{64}\.json")


class _Archive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["attest-archive/v1"]
    created: str
    attest_version: str
    partial: bool


class _Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["attest-evidence/v1", "attest-evidence/v2", "attest-evidence/v3"]


def judge_archive(data: bytes, name: str, trust: Trust, terms: Terms) -> Judged:
    """Judges the bytes of an archive, whichever of the formats it has.

    Raises:
        InputError: it can't be read whole, holds what no archive holds, or is of an unknown format.
    """
    entries = unpack(data, name)
    form = _form(entries, name)
    if RECEIPT not in entries:
        raise InputError("the archive holds no receipt", file=name)
    judged = judge_receipt(entries[RECEIPT], f"{name}:{RECEIPT}", trust, terms)
    found = judged.judgement
    kind = "archive" if form == ARCHIVE_V1 else "evidence"
    if judged.receipt is None:
        return Judged(msgspec.structs.replace(found, file=name, kind=kind))
    more = _of_archive if form == ARCHIVE_V1 else _of_evidence
    checks = (*found.checks, *more(entries, judged.receipt, name, form))
    images = found.images if form == ARCHIVE_V1 else (*found.images, *_images(entries, judged.receipt))
    return Judged(msgspec.structs.replace(found, file=name, kind=kind, checks=checks, images=images), judged.receipt)


def is_image_manifest(data: bytes) -> bool:
    """Whether bytes are the manifest or the index of an image; its digest is that of the bytes."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or value.get("schemaVersion") != _IMAGE_SCHEMA:
        return False
    return "config" in value or "manifests" in value


def _form(entries: Mapping[str, bytes], name: str) -> str:
    value = strict_json(entries.get(MANIFEST, b"{}"), f"{name}:{MANIFEST}", "manifest")
    kind = value.get("format") if isinstance(value, dict) else None
    known = (ARCHIVE_V1, *EVIDENCE, PUBLISHED)
    if kind not in known:
        hint = f"known: {', '.join(known)}"
        raise InputError("the archive is of no known format", file=f"{name}:{MANIFEST}", hint=hint)
    shape: type[_Archive | _Evidence] = _Archive if kind == ARCHIVE_V1 else _Evidence
    try:
        return typed(value, shape).format
    except ValueError as error:
        raise InputError(f"the manifest is not what the format has: {error}", file=f"{name}:{MANIFEST}") from None


def _of_archive(entries: Mapping[str, bytes], receipt: Receipt, name: str, _form: str) -> tuple[Check, ...]:
    linkage = skipped("chain-linkage", "the receipt names no events")
    if receipt.causal_events or any(path.startswith(FOLDER) for path in entries):
        linkage = _linkage(entries, receipt, name)
    stray = _stray(entries, {MANIFEST, RECEIPT}, (_EVENT, _PUBLIC_KEY))
    return linkage, failed("entries", stray) if stray else passed("entries", "the archive holds what its format has")


def _of_evidence(entries: Mapping[str, bytes], receipt: Receipt, name: str, form: str) -> tuple[Check, ...]:
    capsules = any(isinstance(step.capsule_hash, str) for step in receipt.steps)
    return (
        failed("artifacts", "v3 needs its publication record") if form == PUBLISHED else _artifacts(entries, receipt),
        failed("capsule", "capsules can't be verified here") if capsules else passed("capsule", "no step names one"),
        _linkage(entries, receipt, name, metadata=False),
    )


def _linkage(entries: Mapping[str, bytes], receipt: Receipt, name: str, *, metadata: bool = True) -> Check:
    try:
        events = read_events(entries, name)
        check_chain(receipt, events)
    except (ValueError, InputError) as error:
        return failed("chain-linkage", str(error))
    if not metadata and any(event.metadata for event in events.values()):
        return failed("chain-linkage", "an event carries metadata, which nothing signs")
    return passed("chain-linkage", f"{len(events)} events recompute to the root that is signed")


def _artifacts(entries: Mapping[str, bytes], receipt: Receipt) -> Check:
    expected = {f"{ARTIFACTS}{one.path}": one.digest for one in receipt.artifacts if one.kind == "file"}
    stray = _stray(entries, {MANIFEST, RECEIPT, *expected}, (_EVENT,))
    if stray:
        return failed("artifacts", stray)
    for path, digest in expected.items():
        if path not in entries:
            return failed("artifacts", f"`{path}` is missing")
        if blake3_hex(entries[path]) != digest:
            return failed("artifacts", f"`{path}` holds other bytes than the receipt lists")
    return passed("artifacts", f"{len(expected)} artifacts hold the bytes that the receipt lists")


def _stray(entries: Mapping[str, bytes], known: set[str], patterns: tuple[re.Pattern[str], ...]) -> str:
    for path in entries:
        if path not in known and not any(pattern.fullmatch(path) for pattern in patterns):
            return f"`{path}` is a file that nothing accounts for"
    return ""


def _images(entries: Mapping[str, bytes], receipt: Receipt) -> tuple[str, ...]:
    """The images whose manifests are among the artifacts."""
    paths = (f"{ARTIFACTS}{one.path}" for one in receipt.artifacts if one.kind == "file")
    found = [entries[path] for path in paths if path in entries and is_image_manifest(entries[path])]
    return tuple(f"sha256:{hashlib.sha256(data).hexdigest()}" for data in found)
