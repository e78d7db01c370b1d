"""The files that a receipt lists: whether they are what the signed hashes of its steps stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attest_governance.attestations.hashing import blake3_hex, is_hash
from attest_governance.attestations.verdict import Check, failed, passed, skipped

if TYPE_CHECKING:
    from attest_governance.attestations.receipts.model import Artifact, Receipt, Step

_HEADER = "attest-manifest/v1\n"
_KINDS = {"file": "f", "symlink": "l"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_inventory(receipt: Receipt) -> Check:
    """Whether the artifacts of every step add up to its output hash. A receipt that lists none binds no file."""
    if not receipt.artifacts:
        return skipped("inventory", "the receipt lists no artifacts, so it binds no file")
    try:
        _check_paths(receipt.artifacts)
        for step in receipt.steps:
            _check_step(step, receipt.artifacts)
        _check_owners(receipt)
    except ValueError as error:
        return failed("inventory", str(error))
    return passed("inventory", f"{len(receipt.artifacts)} artifacts add up to the output hashes")


def manifest_hash(artifacts: tuple[Artifact, ...]) -> str:
    """The hash of a list of artifacts, as a step's `output_hash` is made."""
    lines = {(one.path, f"{_KINDS[one.kind]}:{one.digest} {one.path}\n") for one in artifacts}
    return blake3_hex((_HEADER + "".join(line for _, line in sorted(lines))).encode())


def _check_paths(artifacts: tuple[Artifact, ...]) -> None:
    for one in artifacts:
        parts = one.path.split("/")
        if _CONTROL.search(one.path) or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"the path `{one.path}` is not a plain one within the workspace")
        if not is_hash(one.digest):
            raise ValueError(f"the digest of `{one.path}` is not 64 small hexadecimal digits")


def _check_step(step: Step, artifacts: tuple[Artifact, ...]) -> None:
    own = tuple(one for one in artifacts if one.step == step.name)
    if len({one.path for one in own}) < len(own):
        raise ValueError(f"the step `{step.name}` lists a path twice")
    if not own and step.cache_hit:
        return  # what came from the cache is not listed
    if manifest_hash(own) != step.output_hash:
        raise ValueError(f"the artifacts of the step `{step.name}` do not add up to its output hash")


def _check_owners(receipt: Receipt) -> None:
    known = {step.name for step in receipt.steps}
    stray = next((one for one in receipt.artifacts if one.step not in known), None)
    if stray is not None:
        raise ValueError(f"`{stray.path}` belongs to the step `{stray.step}`, which the receipt does not have")
