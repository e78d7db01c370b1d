"""A receipt as it is written. The order of the fields is the order of the bytes that are signed.

A field that is left out of these bytes when it is absent is `UNSET`; one that is written as null is None. Versions of
the program added fields and left the version of the schema alone: what none of them writes is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from attest_governance.attestations.instants import nanoseconds, written

LATEST_SCHEMA = 3
Count = Annotated[int, Meta(ge=0)]
Small = Annotated[int, Meta(ge=0, le=2**32 - 1)]
ExitCode = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a receipt."""


class Step(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that ran; those that were left out because another failed are absent."""

    name: str
    input_hash: str
    output_hash: str
    duration_secs: Count
    exit_code: ExitCode
    cache_hit: bool
    stdout: str
    stderr: str
    capsule_hash: str | UnsetType = UNSET


class Reproducibility(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether building twice gave the same."""

    verified: bool
    runs: Small
    method: str


class Source(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which state of which repository was built, in the runner's own words."""

    repository: str | None = None
    commit: str
    branch: str | None = None
    tracked_dirty: bool


class Ci(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it ran, in the runner's own words."""

    provider: Literal["github", "gitlab"]
    run_id: str | None = None
    job_id: str | None = None


class DeclaredStep(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step as the pipeline declares it."""

    name: str
    needs: tuple[str, ...]
    command_hash: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Artifact(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that a step made."""

    step: str
    path: str
    kind: Literal["file", "symlink"]
    digest: str
    algorithm: Literal["blake3"]


class Native(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="native"):
    """The program ran the steps itself."""


class Wrapped(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="wrapped"):
    """The program ran one command around others."""

    command: tuple[str, ...]


class Provenance(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the receipt comes from, in the runner's own words."""

    invocation_id: str | None = None
    started_at: str | None = None
    pipeline_name: str | None = None
    source: Source | None = None
    runner_os: str
    runner_arch: str
    ci: Ci | None = None
    steps: tuple[DeclaredStep, ...]
    artifacts: tuple[Artifact, ...]
    execution: Native | Wrapped | UnsetType = UNSET


class Control(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that could keep steps apart, and whether it did."""

    name: str
    status: Literal["enforced", "not-enforced"]
    detail: str


class Isolation(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How steps were kept apart from the machine."""

    mode: str
    platform: str
    controls: tuple[Control, ...]
    capsule_steps: tuple[str, ...] | UnsetType = UNSET


class Receipt(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receipt, whoever wrote it."""

    schema_version: Small | UnsetType = UNSET
    pipeline_hash: str
    steps: tuple[Step, ...]
    timestamp: str
    total_duration_secs: Count
    signature: str | None = None
    signer_public_key: str | None = None
    attest_version: str
    causal_events: tuple[str, ...]
    causal_chain_hash: str | None = None
    reproducibility: Reproducibility | UnsetType = UNSET
    provenance: Provenance | UnsetType = UNSET
    timestamp_token: str | UnsetType = UNSET
    isolation: Isolation | UnsetType = UNSET

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that the steps made, as far as the receipt lists them."""
        return self.provenance.artifacts if isinstance(self.provenance, Provenance) else ()

    @property
    def token(self) -> str:
        """The timestamp token in base64; empty for none."""
        return self.timestamp_token if isinstance(self.timestamp_token, str) else ""


def signed_bytes(receipt: Receipt) -> bytes:
    """The bytes that the signature covers: compact JSON, steps by name, events sorted, instants in one form."""
    plain = msgspec.structs.replace(
        receipt,
        steps=tuple(sorted(receipt.steps, key=lambda step: step.name)),
        causal_events=tuple(sorted(receipt.causal_events)),
        timestamp=written(nanoseconds(receipt.timestamp)),
        signature=None,
        signer_public_key=None,
        timestamp_token=UNSET,
        provenance=_plain(receipt.provenance),
    )
    return msgspec.json.encode(plain)


def _plain(provenance: Provenance | UnsetType) -> Provenance | UnsetType:
    if isinstance(provenance, UnsetType) or provenance.started_at is None:
        return provenance
    return msgspec.structs.replace(provenance, started_at=written(nanoseconds(provenance.started_at)))
