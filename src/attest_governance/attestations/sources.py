"""Where proofs lie and whom to trust for them, as the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.adapters.http import tls_trusting
from attest_governance.adapters.registry import Blobs, Host, Registries
from attest_governance.adapters.registry_credentials import docker_credentials
from attest_governance.attestations.images.keyless import Identity, Keyless, verifier_of
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.instants import of
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.bundle import MAX_BUNDLE, Seen, accept, read_bundle
from attest_governance.attestations.trust.store import Trust, merged, read_store
from attest_governance.decoding import convert
from attest_governance.errors import ConfigurationError
from attest_governance.load.documents import read_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from ssl import SSLContext

    from attest_governance.load.files import Files
    from attest_governance.load.settings import EvidenceKey, Settings


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection starts from."""

    trust: Trust
    keys: tuple[ImageKey, ...]
    terms: Terms
    keyless: Keyless | None = None
    """Who may sign with certificates; None for nobody."""
    lifetime: float = 0.0
    """Seconds for which a fact counts."""
    refresh: float = 0.0
    """Seconds for which what a registry listed of an image is gone by."""
    root: Path | None = None
    """The project, by which the files in it are named."""
    receipts: tuple[Path, ...] = ()
    layouts: tuple[Path, ...] = ()
    resolve_tags: bool = False
    """Whether registries say which digest a tag names."""
    registries: Registries | None = None
    """Those that may be asked; None for none."""

    def beside(self, receipts: Sequence[Path]) -> Sources:
        """The same with further folders of receipts."""
        return msgspec.structs.replace(self, receipts=(*self.receipts, *receipts))


def named(given: Sources, path: Path) -> str:
    """What a file is called in facts and messages: within the project, by its path from there."""
    inside = given.root is not None and path.is_relative_to(given.root)
    return path.relative_to(given.root).as_posix() if inside and given.root else str(path)


def sources(
    settings: Settings, now: datetime, files: Files, docker: Path | None = None, kept: Blobs | None = None
) -> Sources:
    """Reads the trust that is configured; every file of it is in `files` afterwards.

    Args:
        settings: the configuration in force.
        now: by which time to judge.
        files: reads what says whom to trust.
        docker: Docker's configuration, which may hold passwords of registries.
        kept: blobs that registries sent before.

    Raises:
        AttestError: a file of it can't be used, or nobody is trusted.
    """
    options = settings.evidence
    if not (options.trust_stores or options.bundles or options.keys or options.keyless.identities):
        hint = "set `evidence.trust_stores`, `bundles`, `keys` or `keyless`; what comes with a proof is no trust"
        raise ConfigurationError("nothing says whom to trust for evidence", hint=hint)
    terms = terms_of(settings, now)
    return Sources(
        trust=_trust(settings, terms, files),
        keys=tuple(_key(settings, one, files) for one in options.keys),
        keyless=_keyless(settings, files),
        terms=terms,
        lifetime=options.lifetime,
        refresh=options.refresh,
        resolve_tags=options.resolve_tags,
        root=settings.root,
        receipts=tuple(place(settings, "receipts", path) for path in options.receipts),
        layouts=tuple(place(settings, "layouts", path) for path in options.layouts),
        registries=_registries(settings, files, docker, kept) if options.registries else None,
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
        source_repositories=options.source_repositories,
        scan_refuses=options.scan_refuses,
        clean_tree=options.clean_tree,
        reproducible=options.reproducible,
        image_keys=options.image_keys,
        image_checks=options.image_checks,
    )


def _trust(settings: Settings, terms: Terms, files: Files) -> Trust:
    trust = Trust()
    for store in settings.evidence.trust_stores:
        trust = merged(trust, read_store(place(settings, "trust_stores", store), files))
    for one in settings.evidence.bundles:
        path = place(settings, "bundles", one.path)
        bundle = read_bundle(files.read(path, "trust bundle", limit=MAX_BUNDLE), one.path)
        given, _ = accept(bundle, one.path, Seen(one.issuer, int(one.sequence)), terms)
        trust = merged(trust, given)
    if trust.problem:
        raise ConfigurationError(trust.problem, hint="mend the trust store: as it is, nobody can be trusted by it")
    return trust


def _key(settings: Settings, one: EvidenceKey, files: Files) -> ImageKey:
    data = files.read(place(settings, "keys", one.path), "public key", limit=MAX_BUNDLE)
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


def _keyless(settings: Settings, files: Files) -> Keyless | None:
    options = settings.evidence.keyless
    if not options.identities:
        return None
    if not options.trusted_root:
        hint = "set `evidence.keyless.trusted_root` to the file of the instance that is trusted"
        raise ConfigurationError("nothing says by which trusted root certificates are verified", hint=hint)
    root = files.read(place(settings, "keyless", options.trusted_root), "trusted root", limit=MAX_BUNDLE)
    verifier_of(root)
    given = (msgspec.structs.asdict(one) for one in options.identities)
    return Keyless(root, tuple(convert(one, Identity) for one in given))


def _registries(settings: Settings, files: Files, docker: Path | None, kept: Blobs | None) -> Registries:
    hosts = {
        one.host: Host(
            name=one.host,
            token_hosts=one.token_hosts,
            redirects=one.redirects,
            tls=_certificates(settings, one.ca_file, files) if one.ca_file else None,
            plain_http=one.plain_http,
            mirrors=one.mirrors,
        )
        for one in settings.evidence.registries
    }
    for host in hosts.values():
        for mirror in host.mirrors:
            if mirror not in hosts:
                hint = "list it in `evidence.registries`, as every host that may be asked"
                raise ConfigurationError(f"the mirror `{mirror}` of `{host.name}` is not listed", hint=hint)
    document = read_document(docker, "configuration of Docker") if docker and docker.is_file() else {}
    return Registries(hosts, docker_credentials(document), kept=kept)


def _certificates(settings: Settings, path: str, files: Files) -> SSLContext:
    data = files.read(place(settings, "registries", path), "file of certificates", limit=MAX_BUNDLE)
    try:
        return tls_trusting(data.decode())
    except ValueError as error:
        hint = "name a file with the certificate of whoever issued the registry's"
        raise ConfigurationError(f"`ca_file` can't be used: {error}", file=path, hint=hint) from None


def place(settings: Settings, key: str, path: str) -> Path:
    """Where a path is that the configuration gives under a key of `evidence`."""
    return settings.bases.get(key, settings.root or Path()) / Path(path).expanduser()
