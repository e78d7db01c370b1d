"""Collects facts: finds proofs, verifies each, and says what those that hold prove about which image.

A proof that can't be read, or is refused, proves nothing and stops nothing: who can put a file into a folder of
receipts must be able neither to stop a deployment nor to allow one.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from attest_governance.attestations.facts import Fact
from attest_governance.attestations.hashing import blake3_hex
from attest_governance.attestations.images.layout import Layout
from attest_governance.attestations.images.remote import proofs_in
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.instants import nanoseconds, of, written
from attest_governance.attestations.manifests import files_of, images_in, workloads_in
from attest_governance.attestations.reading import MAX_ARCHIVE
from attest_governance.attestations.receipts.binding import bound
from attest_governance.attestations.receipts.model import Receipt, signed_bytes
from attest_governance.attestations.sources import Sources, named
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, judge_file
from attest_governance.errors import AttestError, InputError
from attest_governance.load.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from attest_governance.adapters.registry import Registries
    from attest_governance.attestations.images.referring import Proof
    from attest_governance.attestations.receipts.checks import Judged

AT_A_TIME = 16
"""Images about which registries are asked at once."""
MOST_NOTICES = 10
MOST_PROOFS = 100_000
_ENDINGS = (".yaml", ".yml", ".json", ".tar.zst")


class Collected(msgspec.Struct, frozen=True):
    """What a collection found."""

    facts: tuple[Fact, ...]
    judged: tuple[Judgement, ...]
    """Every proof that was read, refused ones included."""
    unreadable: tuple[AttestError, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """What counted for nothing, and why; of many, the first, and how many more there are."""
        refused = [f"a proof is refused: {one.file}: {one.why}" for one in self.judged if not one.accepted]
        told = [*refused, *(f"a proof can't be read: {error.lines[0]}" for error in self.unreadable)]
        rest = len(told) - MOST_NOTICES
        more = f"proofs that count for nothing: {rest} more; `attest policy evidence collect` names them"
        return (*told[:MOST_NOTICES], more) if rest > 0 else tuple(told)


def collect(given: Sources, paths: Sequence[str]) -> Collected:
    """Verifies all proofs that are at hand.

    Args:
        given: where they lie, and whom to trust.
        paths: files and folders with the manifests that are to be deployed.

    Raises:
        InputError: a layout that is configured can't be read.
        NetworkError: a registry that is configured can't be asked.
    """
    found = _Collection(given, list(files_of(paths)))
    found.layouts()
    found.registries()
    found.receipts()
    return Collected(tuple(found.facts), tuple(found.judged), tuple(found.unreadable))


class _Collection:
    """What is found on the way."""

    def __init__(self, given: Sources, files: list[tuple[str, bytes]]) -> None:
        self.given = given
        self.facts: list[Fact] = []
        self.judged: list[Judgement] = []
        self.unreadable: list[AttestError] = []
        self._files = {blake3_hex(data): data for _, data in files}
        self._manifests: dict[str, str] = {}
        """The digests of images whose manifests are at hand, by the BLAKE3 of these."""
        self._repositories: dict[str, set[str]] = {}
        for _, data in files:
            for repository, digest in images_in(data):
                self._repositories.setdefault(digest, set()).add(repository)

    def layouts(self) -> None:
        """Judges what refers to the images of the configured layouts."""
        for folder in self.given.layouts:
            layout = Layout(folder, named(self.given, folder))
            for data in layout.images():
                self._manifest(data)
            for proof in layout.proofs():
                self._attached(proof)

    def registries(self) -> None:
        """Judges what refers to the images that manifests name, in the registries that may be asked; some at a time."""
        remote = self.given.registries
        if remote is None:
            return
        named = sorted((name, digest) for digest, names in self._repositories.items() for name in names)
        asked = [one for one in named if remote.knows(one[0])]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for manifest, found in pool.map(lambda one: _about(remote, *one), asked):
                self._manifest(manifest)
                for proof in found:
                    if isinstance(proof, InputError):
                        self.unreadable.append(proof)
                    else:
                        self._attached(proof)

    def receipts(self) -> None:
        """Judges what lies in the folders of receipts."""
        for path in _proofs(self.given.receipts):
            try:
                data = Files().read(path, "proof", limit=MAX_ARCHIVE, shown=named(self.given, path), pipes=False)
                judged = judge_file(data, named(self.given, path), self._question())
            except AttestError as error:
                self.unreadable.append(error)
                continue
            self._take(judged)

    def _manifest(self, data: bytes) -> None:
        """Remembers the manifest of an image, which receipts may list among their files."""
        self._manifests[blake3_hex(data)] = f"sha256:{hashlib.sha256(data).hexdigest()}"

    def _attached(self, proof: Proof) -> None:
        """A blob beside an image: a statement about it, or a receipt that must say itself what it is about.

        A key that is trusted for some repositories alone makes facts about these alone.
        """
        try:
            anywhere = self._about(proof, "")
        except AttestError as error:
            self.unreadable.append(error)
            return
        narrow = [] if anywhere.judgement.accepted or anywhere.receipt else self._narrow(proof)
        for repository, judged in narrow or [("", anywhere)]:
            self._take(judged, repository)

    def _narrow(self, proof: Proof) -> list[tuple[str, Judged]]:
        """The repositories in manifests for which a proof holds."""
        found = [(one, self._about(proof, one)) for one in sorted(self._repositories.get(proof.image, ()))]
        return [(repository, judged) for repository, judged in found if judged.judgement.accepted]

    def _about(self, proof: Proof, repository: str) -> Judged:
        asked = Asked(image=proof.image, keys=self.given.keys, repository=repository)
        question = msgspec.structs.replace(self._question(), image=asked, signature=proof.signature)
        return judge_file(proof.data, proof.name, question)

    def _question(self) -> Question:
        return Question(trust=self.given.trust, terms=self.given.terms)

    def _take(self, judged: Judged, repository: str = "") -> None:
        self.judged.append(judged.judgement)
        if not judged.judgement.accepted or judged.judgement.kind == "bundle":
            return
        if judged.receipt is None:
            self.facts += self._attestations(judged.judgement, judged.judgement.images, repository)
            return
        listed = bound(judged.receipt)
        images = {*judged.judgement.images, *(image for key, image in self._manifests.items() if key in listed)}
        self.facts += self._attestations(judged.judgement, sorted(images), repository)
        self.facts += self._receipts(judged.judgement, judged.receipt, images)

    def _attestations(self, found: Judgement, images: Iterable[str], repository: str) -> Iterator[Fact]:
        for image in images:
            for kind in found.types:
                yield self._fact(found, image, "attestations", kind, repository=repository)

    def _receipts(self, found: Judgement, receipt: Receipt, images: Iterable[str]) -> Iterator[Fact]:
        """That a receipt covers images: those whose manifests its steps made, and those of the very files they made."""
        name = blake3_hex(signed_bytes(receipt))
        for image in sorted(images):
            yield self._fact(found, image, "receipts", name)
        for digest in sorted(bound(receipt) & self._files.keys()):
            for workload in workloads_in(self._files[digest]):
                for image in workload.images:
                    yield self._fact(found, image, "receipts", name, workload=workload.limits)

    def _fact(self, found: Judgement, image: str, kind: str, name: str, **limits: object) -> Fact:
        end = of(self.given.terms.now) + int(self.given.lifetime * 10**9)
        ends = min(end, nanoseconds(found.expires_at)) if found.expires_at else end
        values = {"signer": found.signer, "expires_at": written(ends), "rests_on": found.file, **limits}
        return msgspec.convert({"image": image, "kind": kind, "name": name, **values}, Fact)


def _about(remote: Registries, repository: str, digest: str) -> tuple[bytes, list[Proof | InputError]]:
    """The manifest of an image, and what refers to it; of an image that is not there, the error alone."""
    try:
        manifest = remote.manifest(repository, digest)
    except InputError as error:
        return b"", [error]
    return manifest, list(proofs_in(remote, repository, digest))


def _proofs(folders: Sequence[Path]) -> Iterator[Path]:
    count = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.name.endswith(_ENDINGS) and path.is_file():
                count += 1
                if count > MOST_PROOFS:
                    raise InputError(f"there are more than {MOST_PROOFS} proofs", file=str(folder))
                yield path
