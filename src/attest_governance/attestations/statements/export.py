"""Receipts as `attest export --format in-toto` writes them.

The newer form carries the original receipt, which is what is judged: the statement is a view of it that must say the
same. The older form carries neither the receipt nor exit codes, so it can't prove that the steps succeeded.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.attestations.images.conditions import PROVENANCE
from attest_governance.attestations.reading import strict_base64, strict_json, typed
from attest_governance.attestations.receipts.checks import UPSTREAM, Judged, judge_receipt, standing
from attest_governance.attestations.statements.dsse import IN_TOTO, Envelope
from attest_governance.attestations.trust.keys import verify_ed25519
from attest_governance.attestations.verdict import Check, Judgement, failed, passed
from attest_governance.errors import InputError

if TYPE_CHECKING:
    from attest_governance.attestations.receipts.model import Receipt
    from attest_governance.attestations.terms import Terms
    from attest_governance.attestations.trust.store import Trust

STATEMENT = "https://in-toto.io/Statement/v1"
_ORIGINAL = "attest-original-evidence/v1"


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


class _Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    build: dict[str, Any] = msgspec.field(name="buildDefinition")
    run: dict[str, Any] = msgspec.field(name="runDetails")
    attest_evidence: dict[str, Any] | None = None


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    type: str = msgspec.field(name="_type")
    predicate_type: str
    subject: tuple[_Subject, ...]
    predicate: _Predicate


def judge_export(data: bytes, name: str, trust: Trust, terms: Terms) -> Judged:
    """Judges the bytes of an export.

    Raises:
        InputError: they can't be read in one way alone.
    """
    value = strict_json(data, name, "envelope")
    try:
        envelope = typed(value, Envelope)
        statement = _statement(envelope, name)
    except ValueError as error:
        return Judged(Judgement(file=name, kind="export", checks=(failed("schema", str(error)),)))
    schema = passed("schema", "envelope and statement have their shapes")
    signature = _envelope_signature(envelope, trust, terms)
    original, judged = _original(statement, name, trust, terms)
    if judged is None:
        return Judged(Judgement(file=name, kind="export", checks=(schema, signature, original)))
    own = (_both(check, signature) for check in judged.judgement.checks if check.name != "schema")
    checks = (schema, signature, original, *own)
    return Judged(msgspec.structs.replace(judged.judgement, file=name, kind="export", checks=checks), judged.receipt)


def _both(check: Check, envelope: Check) -> Check:
    """The signature of an export is that of the envelope and that of the receipt."""
    return failed("signature", envelope.detail) if (check.name, envelope.status) == ("signature", "fail") else check


def _statement(envelope: Envelope, name: str) -> _Statement:
    if envelope.payload_type != IN_TOTO:
        raise ValueError(f"the payload is `{envelope.payload_type}`, not `{IN_TOTO}`")
    try:
        statement = typed(strict_json(envelope.content, f"{name}:payload", "payload"), _Statement)
    except InputError as error:
        raise ValueError(error.message) from None
    if statement.type != STATEMENT:
        raise ValueError(f"the statement is `{statement.type}`, not `{STATEMENT}`")
    if statement.predicate_type != PROVENANCE:
        raise ValueError(f"the predicate is `{statement.predicate_type}`, not `{PROVENANCE}`")
    return statement


def _envelope_signature(envelope: Envelope, trust: Trust, terms: Terms) -> Check:
    """The envelope names its key; that key, and no other, must have signed."""
    try:
        public = _named(envelope.signature.keyid, trust)
        verify_ed25519(public, strict_base64(envelope.signature.sig), envelope.signed)
    except ValueError as error:
        return failed("dsse-signature", str(error))
    worth, _ = standing(public, trust, None, terms)
    return Check("dsse-signature", worth.status, worth.detail)


def _named(keyid: str, trust: Trust) -> bytes:
    public = next((key for key, entry in trust.keys.items() if entry.id == keyid), None)
    if public is None:
        raise ValueError(trust.problem or f"the key `{keyid}` is not trusted")
    return bytes.fromhex(public)


def _original(statement: _Statement, name: str, trust: Trust, terms: Terms) -> tuple[Check, Judged | None]:
    try:
        content = _content(statement)
        judged = judge_receipt(content, f"{name}:receipt", trust, terms)
    except (ValueError, InputError) as error:
        return failed("original-evidence", str(error)), None
    said = {(one.name, tuple(one.digest.items())) for one in statement.subject}
    if judged.receipt is not None and _subjects(judged.receipt) != said:
        return failed("original-evidence", "the subjects are not the files of the original receipt"), None
    wrong = [check for check in judged.judgement.checks if check.name in UPSTREAM and check.status == "fail"]
    if wrong:
        return failed("original-evidence", f"the original receipt is refused: {wrong[0].detail}"), judged
    return passed("original-evidence", "the original receipt was judged by itself"), judged


def _content(statement: _Statement) -> bytes:
    evidence = statement.predicate.attest_evidence
    if evidence is None:
        raise ValueError("the export carries no original receipt, so nothing says that the steps succeeded")
    receipt = evidence.get("receipt")
    if evidence.get("format") != _ORIGINAL or not isinstance(receipt, dict):
        raise ValueError(f"the original receipt is not given as `{_ORIGINAL}`")
    content = strict_base64(str(receipt.get("content")))
    if hashlib.sha256(content).hexdigest() != receipt.get("sha256"):
        raise ValueError("the original receipt is not the one whose digest is given")
    return content


def _subjects(receipt: Receipt) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(one.path, (("blake3", one.digest),)) for one in receipt.artifacts if one.kind == "file"}
