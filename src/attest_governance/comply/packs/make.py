"""Makes a pack: entries, the statement over them, the archive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from attest_governance.comply.packs import archive, statement
from attest_governance.comply.packs.contents import Given, entries
from attest_governance.errors import GovernanceError
from attest_governance.exempt.times import format_instant
from attest_governance.govern.project import HEAD_FILE
from attest_governance.govern.signing import sshsig
from attest_governance.govern.trail import audit

if TYPE_CHECKING:
    from attest_governance.govern.project import Project


class About(msgspec.Struct, frozen=True):
    """What the statement says of a pack as a whole."""

    frameworks: tuple[str, ...]
    versions: Mapping[str, str]


def make_pack(given: Given, about: About, signer: sshsig.Signer, now: datetime) -> bytes:
    """The bytes of a pack, signed.

    Raises:
        GovernanceError: the key is not one with which this project's packs may be signed, or its trail is broken.
        InputError: the pack would be too large, or a file changed meanwhile.
    """
    project = given.project
    if project is not None:
        given = msgspec.structs.replace(given, head=_head(project, signer, now))
    found = entries(given)
    predicate = statement.Predicate(
        made_at=format_instant(now),
        frameworks=about.frameworks,
        policy_set=given.policy_set,
        project=project.identity.id if project else "",
        versions=dict(sorted({**about.versions, archive.SQUEEZER: archive.squeezed_by()}.items())),
    )
    return archive.pack({statement.ENTRY: statement.make(found, predicate, signer), **found})


def _head(project: Project, signer: sshsig.Signer, now: datetime) -> audit.Head | None:
    """The head of the trail: signed now by whoever signs the pack, or else the one that is kept."""
    try:
        project.trust.person(signer.key, now, sshsig.PACKS)
    except ValueError as error:
        hint = f"this line makes a key known: NAME {signer.key.line}"
        raise GovernanceError(f"your key may not be used: {error}", hint=hint) from error
    chain = audit.verify(project.trail)
    if not chain:
        return None
    path = project.root / HEAD_FILE
    kept = audit.read_head(path.read_bytes(), HEAD_FILE) if path.is_file() else None
    if kept is not None:
        audit.check_head(chain, kept, project.trust)
    try:
        return audit.make_head(chain, project.trust.person(signer.key, now), now, signer)
    except ValueError:
        return kept
