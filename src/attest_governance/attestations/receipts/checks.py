"""The checks of a receipt: the five that `attest verify` makes, in its order, and those of a gate behind them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.hashing import is_hash, key_id
from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.reading import strict_base64
from attest_governance.attestations.receipts.image_report import check_image
from attest_governance.attestations.receipts.inventory import check_inventory
from attest_governance.attestations.receipts.model import Provenance, Receipt, Reproducibility, signed_bytes
from attest_governance.attestations.receipts.reading import parse_receipt
from attest_governance.attestations.terms import CLOCK_SKEW, Terms
from attest_governance.attestations.timestamps.token import Timestamp, verify_token
from attest_governance.attestations.trust.keys import SIGNATURE_DIGITS, from_hex, verify_ed25519
from attest_governance.attestations.verdict import Check, Judgement, failed, passed, skipped

if TYPE_CHECKING:
    from attest_governance.attestations.trust.store import Trust, Trusted

UPSTREAM = ("schema", "consistency", "signature", "timestamp", "recompute")
"""The checks of `attest verify`, in their order."""
_PUBLIC_DIGITS = 64


class Judged(msgspec.Struct, frozen=True):
    """A receipt with what was found about it; None where it could not be made sense of."""

    judgement: Judgement
    receipt: Receipt | None = None


def judge_receipt(data: bytes, name: str, trust: Trust, terms: Terms) -> Judged:
    """Judges the bytes of a receipt.

    Raises:
        InputError: the bytes can't be read in one way alone.
    """
    try:
        receipt = parse_receipt(data, name)
    except ValueError as error:
        others = (skipped(check, "the schema check failed") for check in UPSTREAM[1:])
        return Judged(Judgement(file=name, kind="receipt", checks=(failed("schema", str(error)), *others)))
    return Judged(_judged(receipt, name, trust, terms), receipt)


def _judged(receipt: Receipt, name: str, trust: Trust, terms: Terms) -> Judgement:
    stamp, seen = _timestamp(receipt, trust)
    signature, warnings = _signature(receipt, trust, seen, terms)
    image, bound = check_image(receipt, terms)
    checks = (
        passed("schema", "the receipt has the shape of its schema"),
        _consistency(receipt),
        signature,
        stamp,
        skipped("recompute", "the workspace is not at hand"),
        _success(receipt),
        _time(receipt, seen, terms),
        check_inventory(receipt),
        image,
        *_demands(receipt, terms),
    )
    signer = receipt.signer_public_key or "" if signature.status == "pass" else ""
    images = (bound.rpartition("@")[2],) if bound else ()
    return Judgement(
        file=name,
        kind="receipt",
        checks=checks,
        signer=signer,
        warnings=warnings,
        images=images,
        types=tuple(f"attest/{step.name}" for step in receipt.steps),
        expires_at=_expires(receipt, seen, trust, terms),
    )


def _consistency(receipt: Receipt) -> Check:
    hashes = {"pipeline_hash": receipt.pipeline_hash}
    for step in receipt.steps:
        hashes[f"input_hash of `{step.name}`"] = step.input_hash
        hashes[f"output_hash of `{step.name}`"] = step.output_hash
    wrong = next((where for where, text in hashes.items() if not is_hash(text)), "")
    if wrong:
        return failed("consistency", f"the {wrong} is not 64 small hexadecimal digits")
    if not receipt.attest_version:
        return failed("consistency", "attest_version is empty")
    if not receipt.steps:
        return failed("consistency", "the receipt has no steps")
    return passed("consistency", "the receipt is coherent")


def _timestamp(receipt: Receipt, trust: Trust) -> tuple[Check, Timestamp | None]:
    if not receipt.token:
        return skipped("timestamp", "the receipt carries no timestamp token"), None
    if not receipt.signature:
        return failed("timestamp", "there is a timestamp token, and no signature that it could cover"), None
    try:
        token, signature = strict_base64(receipt.token), from_hex(receipt.signature, SIGNATURE_DIGITS)
        seen = verify_token(token, signature, trust.authorities)
    except ValueError as error:
        return failed("timestamp", str(error)), None
    return passed("timestamp", f"the signature was there at {written(seen.instant)}, says {seen.authority}"), seen


def _signature(receipt: Receipt, trust: Trust, seen: Timestamp | None, terms: Terms) -> tuple[Check, tuple[str, ...]]:
    if not receipt.signature or not receipt.signer_public_key:
        return failed("signature", "the receipt is unsigned"), ()
    try:
        public = from_hex(receipt.signer_public_key, _PUBLIC_DIGITS)
        verify_ed25519(public, from_hex(receipt.signature, SIGNATURE_DIGITS), signed_bytes(receipt))
    except ValueError as error:
        return failed("signature", f"the signature can't count: {error}"), ()
    return standing(public, trust, seen, terms)


def standing(public: bytes, trust: Trust, seen: Timestamp | None, terms: Terms) -> tuple[Check, tuple[str, ...]]:
    """What a good signature by a key is worth: the check named `signature`, and warnings."""
    known, name = trust.keys.get(public.hex()), key_id(public)
    if trust.problem or known is None:
        return failed("signature", trust.problem or f"the signature is good, and its key {name} is not trusted"), ()
    if wrong := _untimely(known, seen, terms) or _revoked(known, seen):
        return failed("signature", f"the key {name} {wrong}"), ()
    if known.status == "trusted":
        return passed("signature", f"a good signature by the trusted key {name}"), ()
    warning = f"the key {name} was revoked after it signed"
    return passed("signature", f"a good signature by the key {name}, which was revoked later"), (warning,)


def _untimely(known: Trusted, seen: Timestamp | None, terms: Terms) -> str:
    at = seen.instant if seen else of(terms.now)
    if known.valid_from is not None and at < known.valid_from:
        return f"is trusted from {written(known.valid_from)} on"
    if known.valid_until is not None and at >= known.valid_until:
        return f"was trusted until {written(known.valid_until)}"
    return ""


def _revoked(known: Trusted, seen: Timestamp | None) -> str:
    if known.status == "trusted":
        return ""
    if seen is None:
        return "is revoked, and no timestamp says that it signed before"
    return "was revoked before it signed" if known.revoked_at is None or seen.instant > known.revoked_at else ""


def _success(receipt: Receipt) -> Check:
    twice = next((name for name, count in Counter(step.name for step in receipt.steps).items() if count > 1), None)
    if twice is not None:
        return failed("success", f"two steps are named `{twice}`")
    bad = next((step for step in receipt.steps if step.exit_code != 0), None)
    if bad is not None:
        return failed("success", f"the step `{bad.name}` ended with exit code {bad.exit_code}")
    return passed("success", "every step ended with exit code 0")


def _time(receipt: Receipt, seen: Timestamp | None, terms: Terms) -> Check:
    now, said = of(terms.now), nanoseconds(receipt.timestamp)
    latest = max(said, seen.instant) if seen else said
    if latest > now + CLOCK_SKEW:
        return failed("time", f"the receipt is from the future: {written(latest)}")
    if not terms.max_age:
        return passed("time", f"the receipt says that it is of {written(said)}")
    if seen is None:
        return failed("time", "its age is asked for, and no timestamp proves it")
    if now - seen.instant > terms.max_age * 10**9:
        return failed("time", f"the signature is of {written(seen.instant)}, which is too old")
    return passed("time", f"the signature is of {written(seen.instant)}")


def _demands(receipt: Receipt, terms: Terms) -> tuple[Check, ...]:
    found = []
    if terms.required_steps:
        missing = sorted(set(terms.required_steps) - {step.name for step in receipt.steps})
        said = f"missing: {', '.join(missing)}" if missing else "the required steps are there"
        found.append(failed("steps", said) if missing else passed("steps", said))
    if terms.reproducible:
        held = isinstance(receipt.reproducibility, Reproducibility) and receipt.reproducibility.verified
        found.append(_demand("reproducible", "building twice gave the same", held=held))
    if terms.clean_tree:
        source = receipt.provenance.source if isinstance(receipt.provenance, Provenance) else None
        held = source is not None and not source.tracked_dirty
        found.append(_demand("clean-tree", "the tree held what was committed", held=held))
    return tuple(found)


def _demand(name: str, what: str, *, held: bool) -> Check:
    return passed(name, what) if held else failed(name, f"the receipt does not say that {what}")


def _expires(receipt: Receipt, seen: Timestamp | None, trust: Trust, terms: Terms) -> str:
    known = trust.keys.get(receipt.signer_public_key or "")
    ends = [trust.expires_at, known.valid_until if known and seen is None else None]
    if terms.max_age and seen is not None:
        ends.append(seen.instant + int(terms.max_age * 10**9))
    return written(min(end for end in ends if end is not None)) if any(end is not None for end in ends) else ""
