"""`attest policy evidence`: verify what other programs made, and write the facts that policies go by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from attest_governance.adapters.clock import system_clock
from attest_governance.attestations import facts
from attest_governance.attestations.collect import Collected
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.images.referring import Beside
from attest_governance.attestations.images.statement import DIGEST, Asked
from attest_governance.attestations.manifests import repository
from attest_governance.attestations.reading import MAX_ARCHIVE
from attest_governance.attestations.sources import Sources, sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.keys import raw_ed25519
from attest_governance.attestations.trust.store import Trust, merged, read_store, trusting
from attest_governance.attestations.verify import Question, verify
from attest_governance.cli.main import DENIED, OK, UNDECIDED
from attest_governance.cli.options import Format, application
from attest_governance.cli.progress import Progress
from attest_governance.cli.saying import show, tell, tell_error
from attest_governance.cli.session import collected, settings_here
from attest_governance.errors import ConfigurationError, InputError, UsageError
from attest_governance.load.files import Files
from attest_governance.report import evidence as report
from attest_governance.report import write_file
from attest_governance.report.json_document import to_json

if TYPE_CHECKING:
    from attest_governance.attestations.verdict import Judgement

app = application("Verify receipts and attestations, and collect the facts that policies go by.")

Stores = Annotated[
    list[Path] | None, typer.Option("--trust-store", metavar="DIR", help="A trust store, as `.attest/trust`; repeats.")
]
Keys = Annotated[
    list[Path] | None, typer.Option("--key", metavar="FILE", help="A public key (PEM) that is trusted; repeats.")
]


@app.command("verify")
def verify_command(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Receipts, archives, exports, attestations, trust bundles.")
    ],
    *,
    trust_store: Stores = None,
    key: Keys = None,
    image: Annotated[
        str, typer.Option("--image", metavar="[NAME@]DIGEST", help="The image that attestations must be about.")
    ] = "",
    predicate_type: Annotated[
        str, typer.Option("--type", metavar="URI", help="The predicate type that attestations must have.")
    ] = "",
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="The signature of a payload of cosign's.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="The certificate (PEM) of who signed so.")
    ] = None,
    log_entry: Annotated[
        Path | None, typer.Option("--log-entry", metavar="FILE", help="What a log promised of that signature (JSON).")
    ] = None,
    image_key: Annotated[
        list[str] | None,
        typer.Option("--image-key", metavar="URI", help="The --key that `attest image verify` was given; repeats."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show every check, and what was found.")] = False,
    shown_as: Format = "text",
) -> int:
    """Verify proofs: who signed them, whether they are whole, and whether every step succeeded.

    Whom to trust is named, or else what `evidence` in the configuration says.

    Exits with 0 when every file is accepted, 1 when one is refused, and 2 when one can't be read.
    """
    given = named_trust(trust_store or (), key or ()) or sources(settings_here(files), system_clock(), Files())
    asked = _asked(image, given, predicate_type) if image else None
    terms = msgspec.structs.replace(given.terms, image_keys=(*given.terms.image_keys, *(image_key or ())))
    question = Question(
        trust=given.trust,
        terms=terms,
        image=asked,
        beside=Beside(_text(signature), _text(certificate), _text(log_entry)),
    )
    found, errors = _judged(files, question)
    told = [str(error) for error in errors]
    show(report.document(found, told), report.lines(found, explain=explain), shown_as)
    for error in errors:
        tell_error(error)
    if errors:
        return UNDECIDED
    return OK if all(one.accepted for one in found) else DENIED


@app.command("collect")
def collect_command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Manifests: files and folders.")],
    *,
    receipts: Annotated[
        list[Path] | None,
        typer.Option("--receipts", metavar="DIR", help="A folder with proofs, beside those configured; repeats."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the facts go; else standard output.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say of every proof what was found.")] = False,
    resolve_tags: Annotated[
        bool, typer.Option("--resolve-tags", help="Say which digest each tag in manifests names; a tag proves nothing.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Ask and verify all anew, and keep nothing of it for the next run.")
    ] = False,
) -> int:
    """Verify proofs as `evidence` in the configuration says, and write the facts that hold for --evidence.

    What is refused or can't be read is told, and proves nothing. Exits with 0, and 2 when nothing could be decided.
    """
    found = _collected(paths, receipts or (), earlier=not no_cache, tags=resolve_tags)
    if output is None:
        show(found.document, (), "json")
    else:
        write_file(output, lambda out: out.write(f"{to_json(found.document)}\n"))
    _tell(found, explain=explain)
    return OK


@app.command("show")
def show_command(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="An image by its digest: `NAME@sha256:…`.")],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Manifests that receipts may be about.")
    ] = None,
    *,
    shown_as: Format = "text",
) -> int:
    """Show what is proven about an image, until when, and on what it rests.

    Exits with 0 when something is, and 1 when nothing is.
    """
    digest = image.rpartition("@")[2]
    if not DIGEST.fullmatch(digest):
        hint = "write NAME@sha256:…; a tag may name another image tomorrow"
        raise UsageError(f"`{image}` does not name an image by its digest", hint=hint)
    found = _collected(paths or ())
    own = [fact for fact in found.facts if fact.image == digest]
    about = [one for one in found.judged if digest in one.images and not one.accepted]
    show(facts.document(own), report.fact_lines(image, own, about), shown_as)
    return OK if own else DENIED


def _collected(
    paths: Sequence[str], receipts: Sequence[Path] = (), *, earlier: bool = True, tags: bool = False
) -> Collected:
    settings = settings_here(paths, {"evidence.resolve_tags": tags or None})
    with Progress("verifying proofs"):
        return collected(settings, paths, Files(), earlier=earlier, receipts=receipts)


def _tell(found: Collected, *, explain: bool) -> None:
    """Says beside the facts what was found; every proof that counts for nothing has a line."""
    refused = [one for one in found.judged if not one.accepted]
    tell(*report.lines(found.judged if explain else refused, explain=explain))
    tell(*found.beside)
    for error in found.unreadable:
        tell(f"can't be read: {error.lines[0]}")
    accepted = len(found.judged) - len(refused)
    tell(f"proofs: {accepted} accepted, {len(refused)} refused, {len(found.unreadable)} unreadable")


def _asked(image: str, given: Sources, predicate_type: str) -> Asked:
    name, _, digest = image.rpartition("@")
    where = repository(name) if name else ""
    return Asked(image=digest, keys=given.keys, keyless=given.keyless, predicate_type=predicate_type, repository=where)


def _judged(files: Sequence[str], question: Question) -> tuple[list[Judgement], list[InputError]]:
    """What is found about each file, and why others can't be read."""
    found: list[Judgement] = []
    errors: list[InputError] = []
    for name in files:
        try:
            found.append(verify(Files().read(Path(name), "proof", limit=MAX_ARCHIVE), name, question))
        except InputError as error:
            errors.append(error)
    return found, errors


def named_trust(stores: Sequence[Path], keys: Sequence[Path]) -> Sources | None:
    """Whom the command line says to trust; None where it says nothing.

    Raises:
        AttestError: a file of theirs can't be used.
    """
    if not stores and not keys:
        return None
    trust = Trust()
    for folder in stores:
        trust = merged(trust, read_store(folder))
    named = [(path, Files().read(path, "public key", limit=1 << 20)) for path in keys]
    return Sources(
        trust=merged(trust, _receipt_keys(named)),
        keys=tuple(_image_key(path, data) for path, data in named),
        terms=Terms(now=system_clock()),
    )


def _receipt_keys(named: Sequence[tuple[Path, bytes]]) -> Trust:
    """The Ed25519 keys among those that were named: receipts have no others."""
    found = []
    for _, data in named:
        try:
            found.append(raw_ed25519(data))
        except ValueError:
            continue
    return trusting(tuple(found))


def _image_key(path: Path, data: bytes) -> ImageKey:
    try:
        return ImageKey(name=str(path), key=load_key(data))
    except ValueError as error:
        raise ConfigurationError(f"the key can't be used: {error}", file=str(path)) from None


def _text(path: Path | None) -> str:
    return Files().read(path, "file beside the proof", limit=1 << 18).decode("ascii", "replace").strip() if path else ""
