"""Whoever makes a proof, or puts one where it is read, tries to prove what no trusted key signed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.images.statement import Asked
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.bundle import Seen, accept, read_bundle
from attest_governance.attestations.trust.store import Trust, Trusted, read_store, trusting
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify
from attest_governance.errors import ConfigurationError, InputError
from tests.attestations.making import (
    DIGEST,
    Signer,
    archive,
    blake,
    compressed,
    receipt,
    statement,
    step,
    store,
    tarred,
    trust_bundle,
)

RELEASE, STRANGER = Signer(1), Signer(2)
NOW = datetime(2026, 11, 28, tzinfo=UTC)
TERMS = Terms(now=NOW)
FILES = {"build": {"dist/app": b"app\n"}}
MADE = receipt(step("build", FILES["build"]), files=FILES)
SIGNED = RELEASE.sign(MADE)


def judged(data: bytes, trust: Trust | None = None, terms: Terms = TERMS, image: Asked | None = None) -> Judgement:
    return verify(data, "proof", Question(trust=trust or trusting((RELEASE.raw,)), terms=terms, image=image))


def written(value: object) -> bytes:
    return json.dumps(value).encode()


def failing(found: Judgement) -> list[str]:
    return [check.name for check in found.checks if check.status == "fail"]


def under_the_identity() -> dict[str, Any]:
    """A receipt under a key of order one: R = B and S = 1 fit every message."""
    base, one = "58" + "66" * 31, "01" + "00" * 31
    return {**MADE, "signature": base + one, "signer_public_key": one}


REFUSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "a key under which one signature fits everything": (under_the_identity(), "signature"),
    "the signature in capitals": ({**SIGNED, "signature": SIGNED["signature"].upper()}, "signature"),
    "two steps of one name": (RELEASE.sign(receipt(step("test"), step("test", stdout="again"))), "success"),
    "files that do not add up": (
        RELEASE.sign(receipt(step("build", {"dist/app": b"other\n"}), files=FILES)),
        "inventory",
    ),
    "a file outside the workspace": (
        RELEASE.sign(
            receipt(step("build", {"../app": b"app\n"}), files={"build": {"../app": b"app\n"}}),
        ),
        "inventory",
    ),
    "a receipt from the future": (RELEASE.sign({**MADE, "timestamp": "2099-01-01T00:00:00Z"}), "time"),
    "a token without a pinned authority": ({**SIGNED, "timestamp_token": "MAA="}, "timestamp"),
    "a report that is not what was hashed": (
        RELEASE.sign(receipt(step("image-verify", stdout='{"image": "a@sha256:0"}'))),
        "image",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_receipt_is_refused(name: str) -> None:
    value, check = REFUSED[name]
    weak = Trusted("0" * 32, "weak", "trusted")
    trust = Trust({**trusting((RELEASE.raw,)).keys, "01" + "00" * 31: weak})
    assert failing(judged(written(value), trust)) == [check]


def test_a_revoked_key_counts_for_nothing_without_a_timestamp(tmp_path: Path) -> None:
    folder = store(tmp_path / "trust", RELEASE, revoked={RELEASE.id: "2099-01-01T00:00:00Z"})
    assert failing(judged(written(SIGNED), read_store(folder))) == ["signature"]


STORES: dict[str, Callable[[Path], object]] = {
    "a loose key": lambda folder: (folder / "key.txt").write_text(STRANGER.raw.hex()),
    "a key file without an entry": lambda folder: (folder / f"{STRANGER.id}.pub").write_bytes(STRANGER.pem),
    "a field that may narrow the trust": lambda folder: append(folder, 'scope = "staging"\n'),
    "another version": lambda folder: rewrite(folder, "version = 1", "version = 2"),
    "a status of its own": lambda folder: rewrite(folder, '"trusted"', '"Trusted"'),
    "two entries for one key": lambda folder: append(folder, (folder / "trust.toml").read_text()[11:]),
    "a file with another key": lambda folder: (folder / f"{RELEASE.id}.pub").write_bytes(STRANGER.pem),
}


def append(folder: Path, text: str) -> None:
    with (folder / "trust.toml").open("a") as out:
        out.write(text)


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / "trust.toml"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("name", STORES)
def test_a_store_gives_no_trust_beyond_its_entries(tmp_path: Path, name: str) -> None:
    folder = store(tmp_path / "trust", RELEASE)
    STORES[name](folder)
    assert failing(judged(written(STRANGER.sign(MADE)), read_store(folder))) == ["signature"]


def test_an_archive_brings_no_trust_of_its_own() -> None:
    entries = {
        "manifest.json": b'{"format":"attest-archive/v1","created":"x","attest_version":"0.4.0","partial":false}',
        "receipt.yaml": written(STRANGER.sign(MADE)),
        f"pubkeys/{STRANGER.id}.pub": STRANGER.pem,
    }
    assert failing(judged(compressed(tarred(entries)))) == ["signature"]


def member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "") -> bytes:
    """An archive with one more entry behind those of a good one."""
    stream = io.BytesIO(archive(RELEASE, MADE, FILES["build"]))
    with tarfile.open(fileobj=stream, mode="a", format=tarfile.USTAR_FORMAT) as out:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, len(data), link
        out.addfile(info, io.BytesIO(data))
    return compressed(stream.getvalue())


TAR = archive(RELEASE, MADE, FILES["build"])
UNREADABLE: dict[str, Callable[[], bytes]] = {
    "a symbolic link": lambda: member("artifacts/x", tarfile.SYMTYPE, link="/etc/passwd"),
    "a hard link": lambda: member("artifacts/x", tarfile.LNKTYPE, link="receipt.yaml"),
    "a path that leaves it": lambda: member("../x"),
    "an absolute path": lambda: member("/x"),
    "an entry that stands twice": lambda: member("receipt.yaml"),
    "a device": lambda: member("x", tarfile.CHRTYPE),
    "more than it may expand to": lambda: member("artifacts/zeros", data=bytes(64 << 20)),
    "something behind the end": lambda: compressed(archive(RELEASE, MADE, FILES["build"]) + b"x"),
    "another archive behind it": lambda: compressed(archive(RELEASE, MADE, FILES["build"])) * 2,
    "an empty frame behind it": lambda: compressed(archive(RELEASE, MADE, FILES["build"])) + compressed(b""),
    "a frame behind it that readers skip": lambda: (
        compressed(archive(RELEASE, MADE, FILES["build"])) + b"\x50\x2a\x4d\x18\x04\x00\x00\x00more"
    ),
    "one frame for each half": lambda: compressed(TAR[:1024]) + compressed(TAR[1024:]),
    "a directory": lambda: member("artifacts/x", tarfile.DIRTYPE),
    "a sparse file": lambda: member("artifacts/x", tarfile.GNUTYPE_SPARSE),
    "a kind that readers take for a file": lambda: member("artifacts/x", b"Z"),
    "a path in a longer form": lambda: member("./receipt.yaml"),
    "a path with an empty part": lambda: member("artifacts//x"),
    "a header that renames what follows": lambda: compressed(
        tarfile.TarInfo("x").create_pax_global_header({"path": "receipt.yaml"}) + TAR
    ),
    "half of itself": lambda: compressed(archive(RELEASE, MADE, FILES["build"]))[:-200],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_archive_with_what_no_archive_has_can_not_be_read(name: str) -> None:
    with pytest.raises(InputError):
        judged(UNREADABLE[name]())


def test_a_file_that_nothing_accounts_for_is_refused() -> None:
    assert failing(judged(compressed(archive(RELEASE, MADE, FILES["build"])))) == []
    assert failing(judged(member("artifacts/more", data=b"x"))) == ["artifacts"]


def about_the_image(*keys: Signer, **role: Any) -> Asked:
    made = tuple(ImageKey(name="release", key=load_key(one.pem), **role) for one in keys)
    return Asked(image=DIGEST, keys=made)


def subject(**digest: str) -> dict[str, Any]:
    return {**statement(DIGEST), "subject": [{"digest": digest}]}


HEX = DIGEST.removeprefix("sha256:")
STATEMENTS: dict[str, tuple[object, str]] = {
    "of another signer": (STRANGER.bundle(statement(DIGEST)), "signature"),
    "about another image": (RELEASE.bundle(statement("sha256:" + "0" * 64)), "subject"),
    "about a digest in capitals": (RELEASE.bundle(subject(sha256=HEX.upper())), "subject"),
    "about a digest with its prefix": (RELEASE.bundle(subject(sha256=DIGEST)), "subject"),
    "about another algorithm's digest": (RELEASE.bundle(subject(sha512=HEX * 2)), "subject"),
    "of a version that nobody knows": (RELEASE.bundle({**statement(DIGEST), "_type": "v9"}), "schema"),
    "of no type": (RELEASE.bundle(statement(DIGEST, "")), "schema"),
    "with two signatures": (
        {**RELEASE.envelope(statement(DIGEST)), "signatures": RELEASE.envelope(statement(DIGEST))["signatures"] * 2},
        "signature",
    ),
    "of another payload type": (RELEASE.envelope(statement(DIGEST), "text/plain"), "schema"),
    "signed with a certificate": (
        {**RELEASE.bundle(statement(DIGEST)), "verificationMaterial": {"certificate": {"rawBytes": ""}}},
        "schema",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_an_attestation_is_refused(name: str) -> None:
    value, check = STATEMENTS[name]
    assert failing(judged(written(value), image=about_the_image(RELEASE))) == [check]


FOREIGN: dict[str, tuple[bytes, str]] = {
    "in JSON": (written({"payload": "e30", "protected": "e30", "header": {}, "signature": "AA"}), "Notary Project"),
    "in COSE": (b"\xd2\x84\x58\x20", "Notary Project"),
    "a capsule": (b"format: attest-capsule/v1\nname: build\n", "this is `attest-capsule/v1`, which is no receipt"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_read_here_is_told_by_its_name(name: str) -> None:
    data, why = FOREIGN[name]
    found = judged(data)
    assert (failing(found), why in found.why) == (["schema"], True)


def test_a_role_by_repository_needs_a_repository_that_is_known() -> None:
    narrow = about_the_image(RELEASE, repositories=("registry.example/shop/*",))
    assert failing(judged(written(RELEASE.bundle(statement(DIGEST))), image=narrow)) == ["role"]


SEEN = Seen(RELEASE.id, 2)
BUNDLES: dict[str, tuple[dict[str, Any], Seen]] = {
    "an older one": (trust_bundle(RELEASE), Seen(RELEASE.id, 3)),
    "one of another issuer": (trust_bundle(STRANGER), SEEN),
    "one that has expired": (trust_bundle(RELEASE, valid_until="2026-11-27T00:00:00Z"), SEEN),
    "one that is not valid yet": (trust_bundle(RELEASE, issued_at="2026-11-29T00:00:00Z"), SEEN),
    "one that was changed": ({**trust_bundle(RELEASE), "sequence": 4}, SEEN),
    "one whose issuer is not among its keys": (trust_bundle(RELEASE, keys=[]), SEEN),
}


MALFORMED: dict[str, bytes] = {
    "a sequence beyond 64 bits": written(trust_bundle(RELEASE, sequence=2**64)),
    "a sequence in quotes": written({**trust_bundle(RELEASE), "sequence": "9"}),
    "a sequence with a fraction": written({**trust_bundle(RELEASE), "sequence": 9.0}),
    "a sequence twice": written(trust_bundle(RELEASE))[:-1] + b', "sequence": 9}',
    "a successor that is null": written({**trust_bundle(RELEASE), "successor": None}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_trust_bundle_that_can_be_read_in_two_ways_is_none(name: str) -> None:
    with pytest.raises(InputError):
        read_bundle(MALFORMED[name], "bundle")


@pytest.mark.parametrize("name", BUNDLES)
def test_a_trust_bundle_is_an_error(name: str) -> None:
    value, seen = BUNDLES[name]
    with pytest.raises(ConfigurationError, match="the trust bundle"):
        accept(read_bundle(written(value), "bundle"), "bundle", seen, TERMS)


def test_a_successor_counts_once_the_issuer_named_it() -> None:
    keys = [
        {"id": one.id, "name": "release", "public_key": one.raw.hex(), "status": "trusted"}
        for one in (RELEASE, STRANGER)
    ]
    named = {"key_id": STRANGER.id, "public_key": STRANGER.raw.hex()}
    handover = trust_bundle(RELEASE, keys=sorted(keys, key=lambda key: key["id"]), successor=named)
    _, seen = accept(read_bundle(written(handover), "bundle"), "bundle", SEEN, TERMS)
    trust, _ = accept(read_bundle(written(trust_bundle(STRANGER)), "bundle"), "bundle", seen, TERMS)
    assert list(trust.keys) == [STRANGER.raw.hex()]


def test_the_inventory_is_what_the_output_hash_is_made_of() -> None:
    assert step("build", FILES["build"])["output_hash"] == blake(
        b"attest-manifest/v1\nf:" + blake(b"app\n").encode() + b" dist/app\n"
    )
    assert failing(judged(written(SIGNED))) == []
