"""Collects facts: finds proofs, verifies each, and says what those that hold prove about which image.

A proof that can't be read, or is refused, proves nothing and stops nothing: who can put a file into a folder of
receipts must be able neither to stop a deployment nor to allow one.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.asking import Asking, told_tags
from attest_governance.attestations.facts import Fact, Refusal, Refused, document
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.images.layout import Layout
from attest_governance.attestations.images.referring import Reference
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.kept import Kept, Outcome, Store, basis_of, key_of, outcome_of
from attest_governance.attestations.manifests import files_of, images_in, tags_in, workloads_in
from attest_governance.attestations.reading import MAX_ARCHIVE
from attest_governance.attestations.receipts.model import Receipt
from attest_governance.attestations.sources import Sources, named
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, judge_file
from attest_governance.decoding import convert
from attest_governance.errors import AttestError, InputError
from attest_governance.load.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from attest_governance.adapters.registry import Registries

MOST_NOTICES = 10
MOST_PROOFS = 100_000
_ENDINGS = (".yaml", ".yml", ".json", ".tar.zst")


class Collected(msgspec.Struct, frozen=True):
    """What a collection found."""

    facts: tuple[Fact, ...]
    judged: tuple[Judgement, ...]
    """Every proof that was read, refused ones included."""
    unreadable: tuple[AttestError, ...]
    refused: Refused
    """What counts for nothing, by the image that it claims to be about."""
    beside: tuple[str, ...] = ()
    """What else a person should know: which digests tags name, and of how many images the answer is an earlier one."""

    receipts: tuple[tuple[Judgement, Receipt], ...] = ()
    """The receipts that were read and accepted now, and not in an earlier run."""

    @property
    def document(self) -> dict[str, Any]:
        """The evidence document."""
        return document(self.facts, self.refused)

    @property
    def notices(self) -> tuple[str, ...]:
        """What counted for nothing, and why; of many, the first, and how many more there are."""
        refused = [f"a proof is refused: {one.file}: {one.why}" for one in self.judged if not one.accepted]
        told = [*refused, *(f"a proof can't be read: {error.lines[0]}" for error in self.unreadable)]
        rest = len(told) - MOST_NOTICES
        more = f"proofs that count for nothing: {rest} more; `attest policy evidence collect` names them"
        return (*self.beside, *told[:MOST_NOTICES], more) if rest > 0 else (*self.beside, *told)


def collect(
    given: Sources, paths: Sequence[str], store: Store | None = None, images: Iterable[tuple[str, str]] = ()
) -> Collected:
    """Verifies all proofs that are at hand.

    Args:
        given: where they lie, and whom to trust.
        paths: files and folders with the manifests that are to be deployed.
        store: what earlier collections came to; None for nothing.
        images: repositories and digests of images beside those that manifests name.

    Raises:
        InputError: a layout that is configured can't be read.
        NetworkError: a registry that is configured can't be asked.
    """
    kept = Kept(store, basis_of(given) if store else "")
    found = _Collection(given, list(files_of(paths)), kept)
    found.name(images)
    try:
        found.layouts()
        found.registries()
        found.receipts()
        found.bind()
        tags = found.tags() if given.resolve_tags else ()
    finally:
        if given.registries is not None:
            given.registries.close()
    kept.save()
    beside = [*tags, *_told_earlier(found.earlier)]
    return Collected(
        facts=tuple(found.facts),
        judged=tuple(found.judged),
        unreadable=tuple(found.unreadable),
        refused=found.refused,
        beside=tuple(beside),
        receipts=tuple(found.accepted),
    )


class _Collection:
    """What is found on the way."""

    def __init__(self, given: Sources, files: list[tuple[str, bytes]], kept: Kept) -> None:
        self.given = given
        self.facts: list[Fact] = []
        self.judged: list[Judgement] = []
        self.unreadable: list[AttestError] = []
        self.refused = Refused()
        self.earlier = 0
        """Images of which it is known from an earlier run what a registry lists."""
        self._kept = kept
        self._now, self._lifetime = of(given.terms.now), int(given.lifetime * 10**9)
        self._taken: list[tuple[Outcome, str, str]] = []
        """What was judged, with the repository that it is limited to, and the image beside which it lay."""
        self.accepted: list[tuple[Judgement, Receipt]] = []
        self._files = {blake3_hex(data): data for _, data in files}
        self._manifests: dict[str, str] = {}
        """The digests of images whose manifests are at hand, by the BLAKE3 of these."""
        self._repositories: dict[str, set[str]] = {}
        for _, data in files:
            self.name(images_in(data))

    def name(self, images: Iterable[tuple[str, str]]) -> None:
        """Takes repositories and digests of images that are to be deployed."""
        for repository, digest in images:
            self._repositories.setdefault(digest, set()).add(repository)

    def layouts(self) -> None:
        """Judges what refers to the images of the configured layouts."""
        for folder in self.given.layouts:
            layout = Layout(folder, named(self.given, folder))
            for data in layout.images():
                self._manifests[blake3_hex(data)] = f"sha256:{hashlib.sha256(data).hexdigest()}"
            for proof in layout.proofs():
                self._attached(proof, layout.blob)

    def registries(self) -> None:
        """Judges what refers to the images that manifests name, in the registries that may be asked."""
        remote = self.given.registries
        if remote is None:
            return
        for found in self._asking(remote).about(self._images):
            self.earlier += found.earlier
            self.unreadable += found.unreadable
            for error in found.unreadable:
                self.refused.add("attestations", found.image, Refusal(why=f"it can't be read: {error.message}"))
            for proof in found.proofs:
                self._attached(proof, found.blobs.__getitem__)

    def bind(self) -> None:
        """Makes facts of all that was judged. Manifests of images are asked for where a receipt lists files."""
        remote = self.given.registries
        if remote is not None and any(outcome.listed for outcome, *_ in self._taken):
            self._manifests |= dict(self._asking(remote).manifests(self._images))
        for outcome, repository, claimed in self._taken:
            self._make(outcome, repository, claimed)

    @property
    def _images(self) -> list[tuple[str, str]]:
        """The repositories and digests of the images that are to be deployed."""
        return sorted((name, digest) for digest, names in self._repositories.items() for name in names)

    def _asking(self, remote: Registries) -> Asking:
        given, unknown = self.given, lambda proof: self._settled(proof) is None
        return Asking(remote, self._kept, self._now, given.refresh, unknown)

    def tags(self) -> list[str]:
        """Says which digest each tag in manifests names now."""
        named = {one for data in self._files.values() for one in tags_in(data)}
        return told_tags(self.given.registries, sorted(named)) if self.given.registries else []

    def receipts(self) -> None:
        """Judges what lies in the folders of receipts."""
        for path in _proofs(self.given.receipts):
            name = named(self.given, path)
            try:
                data = Files().read(path, "proof", limit=MAX_ARCHIVE, shown=name, pipes=False)
                outcome = self._outcome(Reference(name, "", f"sha256:{hashlib.sha256(data).hexdigest()}"), data)
            except AttestError as error:
                self.unreadable.append(error)
                continue
            self._take(outcome)

    def _attached(self, proof: Reference, read: Callable[[str], bytes]) -> None:
        """A blob beside an image: a statement about it, or a receipt that must say itself what it is about.

        A key that is trusted for some repositories alone makes facts about these alone.
        """
        settled = self._settled(proof)
        if settled is None:
            data = read(proof.digest)
            try:
                settled = self._judge(proof, data)
            except AttestError as error:
                self.unreadable.append(error)
                self.refused.add("attestations", proof.image, Refusal(why=f"it can't be read: {error.message}"))
                return
        for repository, outcome in settled:
            self._take(outcome, repository, claimed=proof.image)

    def _settled(self, proof: Reference) -> list[tuple[str, Outcome]] | None:
        """What a proof came to before, for each repository in manifests; None where it must be judged."""
        anywhere = self._known(proof)
        if anywhere:
            return [("", anywhere)]
        known = [(one, self._known(proof, one)) for one in self._named(proof)]
        settled = [(repository, outcome) for repository, outcome in known if outcome]
        return settled if settled and len(settled) == len(known) else None

    def _judge(self, proof: Reference, data: bytes) -> list[tuple[str, Outcome]]:
        """What a proof comes to: anywhere, or for the repositories for which it holds, or for the first of them."""
        anywhere = self._outcome(proof, data)
        if anywhere.judgement.accepted or anywhere.receipt:
            return [("", anywhere)]
        narrow = [(one, self._outcome(proof, data, one)) for one in self._named(proof)]
        return [one for one in narrow if one[1].judgement.accepted] or narrow[:1] or [("", anywhere)]

    def _named(self, proof: Reference) -> list[str]:
        """The repositories in manifests from which an image is used."""
        return sorted(self._repositories.get(proof.image, ()))

    def _known(self, proof: Reference, repository: str = "") -> Outcome | None:
        # Half of the time, so that facts are made anew before they end, and not after.
        return self._kept.outcome(_key(proof, repository), self._now, self._lifetime // 2)

    def _outcome(self, proof: Reference, data: bytes, repository: str = "") -> Outcome:
        known = self._known(proof, repository)
        if known:
            return known
        given = self.given
        asked = Asked(image=proof.image, keys=given.keys, keyless=given.keyless, repository=repository)
        image = asked if proof.image else None
        question = Question(trust=given.trust, terms=given.terms, image=image, beside=proof.beside)
        judged = judge_file(data, proof.name, question)
        if judged.judgement.accepted and judged.receipt:
            self.accepted.append((judged.judgement, judged.receipt))
        outcome = outcome_of(judged, self._now)
        self._kept.keep(_key(proof, repository), outcome)
        return outcome

    def _take(self, outcome: Outcome, repository: str = "", claimed: str = "") -> None:
        self.judged.append(outcome.judgement)
        if outcome.judgement.kind != "bundle":
            self._taken.append((outcome, repository, claimed))

    def _make(self, outcome: Outcome, repository: str, claimed: str) -> None:
        """The facts that follow from a proof, or the refusals."""
        found = outcome.judgement
        images, workloads = self._bound(outcome)
        if not found.accepted:
            self._refuse(found, {claimed} if claimed else {*images, *(image for image, _ in workloads)})
            return
        fact = partial(self._fact, outcome)
        self.facts += [
            fact(image, "attestations", kind, repository=repository) for image in images for kind in found.types
        ]
        if outcome.receipt:
            self.facts += [fact(image, "receipts", outcome.receipt) for image in images]
            self.facts += [fact(image, "receipts", outcome.receipt, workload=limits) for image, limits in workloads]

    def _bound(self, outcome: Outcome) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
        """The images that a proof is about, and those of workloads whose very files a receipt lists."""
        images = {
            *outcome.judgement.images,
            *(self._manifests[one] for one in outcome.listed if one in self._manifests),
        }
        files = [self._files[digest] for digest in outcome.listed if digest in self._files]
        workloads = [workload for data in files for workload in workloads_in(data)]
        return sorted(images), [(image, workload.limits) for workload in workloads for image in workload.images]

    def _refuse(self, found: Judgement, images: Iterable[str]) -> None:
        """Says of each image what did not count; a receipt would attest its steps, too."""
        for image in images:
            for kind in found.types or ("",):
                refusal = Refusal(why=found.why, type=kind, rests_on=found.file)
                self.refused.add("attestations", image, refusal)
            if found.kind not in ("attestation", "signature"):
                self.refused.add("receipts", image, Refusal(why=found.why, rests_on=found.file))

    def _fact(self, outcome: Outcome, image: str, kind: str, name: str, **limits: object) -> Fact:
        found, end = outcome.judgement, outcome.at + self._lifetime
        ends = min(end, nanoseconds(found.expires_at)) if found.expires_at else end
        values = {"signer": found.signer, "expires_at": written(ends), "rests_on": found.file, **limits}
        return convert({"image": image, "kind": kind, "name": name, **values}, Fact)


def _told_earlier(images: int) -> list[str]:
    what = f"what registries list of {images} image{'s' * (images != 1)} is known from an earlier run"
    return [f"{what}; `--no-cache` asks them anew"] if images else []


def _key(proof: Reference, repository: str) -> str:
    beside = msgspec.structs.astuple(proof.beside)
    return key_of(proof.digest, proof.name, proof.image, repository, *beside)


def _proofs(folders: Sequence[Path]) -> Iterator[Path]:
    count = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.name.endswith(_ENDINGS) and path.is_file():
                count += 1
                if count > MOST_PROOFS:
                    raise InputError(f"there are more than {MOST_PROOFS} proofs", file=str(folder))
                yield path
