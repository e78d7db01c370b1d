"""Which proofs a revision has: receipts that are genuine, trusted, and about these very files.

A receipt lies in the repository, so it can't name the commit that it comes with. It counts for a revision that
differs from the commit it names below `.attest/receipts` alone, or whose manifests are all among the files that it
lists. Anything else is a receipt of something else, however genuine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.git_fetch import Checkout, history, tree_of
from attest_governance.attestations.collect import collect
from attest_governance.attestations.facts import Fact
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.receipts.binding import bound
from attest_governance.attestations.receipts.model import Provenance, Source
from attest_governance.attestations.sources import Sources, sources, terms_of
from attest_governance.attestations.trust.store import Trust, merged, trusting
from attest_governance.report.words import count

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from attest_governance.attestations.receipts.model import Receipt
    from attest_governance.controller.gitops.floor import Demands
    from attest_governance.load.files import Files
    from attest_governance.load.settings import Settings

RECEIPTS = ".attest/receipts/"
_STEP = "attest/"
_RAW_DIGITS, _DIGITS = 64, "0123456789abcdef"


class Proven(msgspec.Struct, frozen=True):
    """What is proven of a revision."""

    facts: tuple[Fact, ...] = ()
    receipts: int = 0
    """Receipts that count for the revision."""
    attestations: frozenset[str] = frozenset()
    """Steps that they hold."""
    notices: tuple[str, ...] = ()
    """What counted for nothing, and why."""

    def lacking(self, demands: Demands) -> str:
        """What of the demands is not met; empty where nothing is."""
        why = f" ({self.notices[0]})" if self.notices else ""
        if demands.receipts and not self.receipts:
            return f"no receipt counts for the revision{why}"
        missing = [one for one in demands.attestations if one.removeprefix(_STEP) not in self.attestations]
        return f"no receipt of the revision holds the step `{missing[0]}`{why}" if missing else ""


def prove(given: Sources, checkout: Checkout, path: str, demands: Demands) -> Proven:
    """Verifies the proofs of a revision.

    Args:
        given: where proofs lie, and whom the controller trusts for them.
        checkout: the files of the revision.
        path: the folder of the manifests in it.
        demands: whose receipts count.

    Raises:
        AttestError: a place that is configured can't be asked.
    """
    trust = narrowed(given.trust, demands)
    folder = checkout.folder / path
    asked = msgspec.structs.replace(
        given, trust=trust, root=checkout.folder, receipts=(checkout.folder / RECEIPTS,), layouts=()
    )
    found = collect(asked, [str(folder)] if folder.is_dir() else [])
    about = _About(checkout, path)
    counting = [receipt for _, receipt in found.receipts if about.counts(receipt)]
    others = len(found.receipts) - len(counting)
    told = (f"{count(others, 'receipt')} about other revisions",) if others else ()
    return Proven(
        facts=found.facts,
        receipts=len(counting),
        attestations=frozenset(step.name for receipt in counting for step in receipt.steps),
        notices=(*found.notices, *told),
    )


def narrowed(trust: Trust, demands: Demands) -> Trust:
    """Trust in the keys that are meant alone, by name, id or digits; digits of the project may be a key of no store."""
    names = set(demands.trusted_keys)
    if not names:
        return trust
    raw = (bytes.fromhex(one) for one in demands.introduced_keys if len(one) == _RAW_DIGITS and not one.strip(_DIGITS))
    whole = merged(trust, trusting(tuple(raw)))
    kept = {key: one for key, one in whole.keys.items() if {key, one.id, one.name} & names}
    return msgspec.structs.replace(whole, keys=kept)


class _About:
    """Tells receipts of the revision from those of others."""

    def __init__(self, checkout: Checkout, path: str) -> None:
        self._checkout, self._path = checkout, path

    @cached_property
    def _near(self) -> frozenset[str]:
        """Commits that a receipt may name; none where the folder has no history, as in a plugin of others."""
        return history(self._checkout.folder, self._checkout.commit) if self._checkout.commit else frozenset()

    @cached_property
    def _tree(self) -> dict[str, str]:
        return self._without_receipts(self._checkout.commit)

    def counts(self, receipt: Receipt) -> bool:
        """Whether a receipt is about the revision."""
        return self._names_commit(receipt) or self._lists_files(receipt)

    def _names_commit(self, receipt: Receipt) -> bool:
        source = receipt.provenance.source if isinstance(receipt.provenance, Provenance) else None
        if not isinstance(source, Source) or source.tracked_dirty or source.commit not in self._near:
            return False
        return self._without_receipts(source.commit) == self._tree

    def _lists_files(self, receipt: Receipt) -> bool:
        listed = bound(receipt)
        folder = self._checkout.folder / self._path
        files = [one for one in folder.rglob("*") if one.is_file() and not _hidden(one.relative_to(folder).parts)]
        return bool(files) and bool(listed) and all(blake3_hex(one.read_bytes()) in listed for one in files)

    def _without_receipts(self, commit: str) -> dict[str, str]:
        tree = tree_of(self._checkout.folder, commit)
        return {path: name for path, name in tree.items() if not path.startswith(RECEIPTS)}


def _hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def trusted_sources(settings: Settings, now: datetime, files: Files, docker: Path) -> Sources:
    """Whom the controller trusts for proofs; nobody where its configuration names none, and a project may.

    Raises:
        AttestError: what it names can't be used.
    """
    options = settings.evidence
    if options.trust_stores or options.bundles or options.keys:
        return sources(settings, now, files, docker)
    return Sources(trust=Trust(), keys=(), terms=terms_of(settings, now), lifetime=options.lifetime)
