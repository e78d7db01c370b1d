"""Where proofs lie and whom to trust for them, as the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.registry import Host, Registries, docker_credentials
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.instants import of
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.bundle import MAX_BUNDLE, Seen, accept, read_bundle
from attest_governance.attestations.trust.store import Trust, merged, read_store
from attest_governance.errors import ConfigurationError
from attest_governance.load.documents import read_document

if TYPE_CHECKING:
    from datetime import datetime

    from attest_governance.load.files import Files
    from attest_governance.load.settings import EvidenceKey, Settings


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection starts from."""

    trust: Trust
    keys: tuple[ImageKey, ...]
    terms: Terms
    lifetime: float = 0.0
    """Seconds for which a fact counts."""
    root: Path | None = None
    """The project, by which the files in it are named."""
    receipts: tuple[Path, ...] = ()
    layouts: tuple[Path, ...] = ()
    registries: Registries | None = None
    """Those that may be asked; None for none."""


def named(given: Sources, path: Path) -> str:
    """What a file is called in facts and messages: within the project, by its path from there."""
    inside = given.root is not None and path.is_relative_to(given.root)
    return path.relative_to(given.root).as_posix() if inside and given.root else str(path)


def sources(settings: Settings, now: datetime, files: Files, docker: Path | None = None) -> Sources:
    """Reads the trust that is configured; every file of it is in `files` afterwards.

    Args:
        settings: the configuration in force.
        now: by which time to judge.
        files: reads what says whom to trust.
        docker: Docker's configuration, which may hold passwords of registries.

    Raises:
        AttestError: a file of it can't be used, or nobody is trusted.
    """
    options = settings.evidence
    if not (options.trust_stores or options.bundles or options.keys):
        hint = "set `evidence.trust_stores`, `bundles` or `keys`; what comes with a proof is no trust"
        raise ConfigurationError("nothing says whom to trust for evidence", hint=hint)
    terms = terms_of(settings, now)
    return Sources(
        trust=_trust(settings, terms, files),
        keys=tuple(_key(settings, one, files) for one in options.keys),
        terms=terms,
        lifetime=options.lifetime,
        root=settings.root,
        receipts=tuple(_place(settings, "receipts", path) for path in options.receipts),
        layouts=tuple(_place(settings, "layouts", path) for path in options.layouts),
        registries=_registries(settings, docker) if options.registries else None,
    )


def terms_of(settings: Settings, now: datetime) -> Terms:
    """What the configuration demands of proofs."""
    options = settings.evidence
    return Terms(
        now=now,
        max_age=options.max_age or 0.0,
        required_steps=options.required_steps,
        builders=options.builders,
        scan_max_age=options.scan_max_age or 0.0,
        clean_tree=options.clean_tree,
        reproducible=options.reproducible,
        image_keys=options.image_keys,
        image_checks=options.image_checks,
    )


def _trust(settings: Settings, terms: Terms, files: Files) -> Trust:
    trust = Trust()
    for path in settings.evidence.trust_stores:
        trust = merged(trust, read_store(_place(settings, "trust_stores", path), files))
    for one in settings.evidence.bundles:
        place = _place(settings, "bundles", one.path)
        bundle = read_bundle(files.read(place, "trust bundle", limit=MAX_BUNDLE), one.path)
        given, _ = accept(bundle, one.path, Seen(one.issuer, int(one.sequence)), terms)
        trust = merged(trust, given)
    if trust.problem:
        raise ConfigurationError(trust.problem, hint="mend the trust store: as it is, nobody can be trusted by it")
    return trust


def _key(settings: Settings, one: EvidenceKey, files: Files) -> ImageKey:
    data = files.read(_place(settings, "keys", one.path), "public key", limit=MAX_BUNDLE)
    try:
        key = load_key(data)
    except ValueError as error:
        raise ConfigurationError(f"the key `{one.name}` can't be used: {error}", file=one.path) from None
    return ImageKey(
        name=one.name,
        key=key,
        types=one.types,
        repositories=one.repositories,
        valid_from=of(one.begins) if one.begins else None,
        valid_until=of(one.ends) if one.ends else None,
    )


def _registries(settings: Settings, docker: Path | None) -> Registries:
    hosts = {
        one.host: Host(
            name=one.host,
            token_hosts=one.token_hosts,
            redirects=one.redirects,
            ca_file=str(_place(settings, "registries", one.ca_file)) if one.ca_file else "",
            plain_http=one.plain_http,
        )
        for one in settings.evidence.registries
    }
    document = read_document(docker, "configuration of Docker") if docker and docker.is_file() else {}
    return Registries(hosts, docker_credentials(document))


def _place(settings: Settings, key: str, path: str) -> Path:
    return settings.bases.get(key, settings.root or Path()) / Path(path).expanduser()
