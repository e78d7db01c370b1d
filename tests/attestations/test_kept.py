"""What is kept of earlier collections spares questions, never judgement: by trust, by time, sealed."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest_governance.adapters import evidence_cache
from attest_governance.adapters.evidence_cache import EvidenceCache, amount, clear
from attest_governance.adapters.registry import Host, Registries
from attest_governance.attestations.collect import Collected, collect
from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.instants import of
from attest_governance.attestations.sources import Sources
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import trusting

from .making import Signer, receipt, statement, step
from .registry import REPOSITORY, Registry, serving

RELEASE, OTHER = Signer(1), Signer(2)
NOW = datetime(2026, 11, 28, tzinfo=UTC)
SPDX = "https://spdx.dev/Document"
HOUR = timedelta(hours=1)


class Shop:
    """An image in a registry with an attestation, its receipt, and a cache."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry
        self.cache, self.key = folder / "cache" / "evidence", folder / "state" / "evidence.key"
        registry.push()
        registry.refer(registry.push(RELEASE.bundle(statement(registry.image)), subject=registry.image))
        files = {"push": {"image.json": registry.held[f"manifests/{registry.image}"]}}
        made = RELEASE.sign(receipt(step("push", files["push"]), files=files))
        self.write("receipts/push.yaml", json.dumps(made))
        self.write("k8s/web.yaml", f"image: {registry.address}/{REPOSITORY}@{registry.image}\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def collect(
        self, now: datetime = NOW, signer: Signer = RELEASE, until: datetime | None = None, **more: Any
    ) -> Collected:
        store = EvidenceCache(self.cache, self.key)
        host = Host(name=self.registry.address, plain_http=True)
        end = of(until) if until else None
        given = Sources(
            trust=trusting((signer.raw,)),
            keys=(ImageKey(name="release", key=load_key(signer.pem), valid_until=end, **more),),
            terms=Terms(now=now),
            lifetime=86400.0,
            refresh=3600.0,
            receipts=(self.folder / "receipts",),
            registries=Registries({self.registry.address: host}, lambda _: "", kept=store, timeout=5.0),
        )
        return collect(given, [str(self.folder / "k8s")], store)

    def asked(self) -> list[str]:
        """What the registry was asked since the last time, in short."""
        found = [path.partition("/")[0] for path, _ in self.registry.asked]
        self.registry.asked.clear()
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with serving(Registry()) as registry:
        yield Shop(tmp_path, registry)


def test_a_second_run_asks_nobody_and_finds_the_same(shop: Shop) -> None:
    first = shop.collect()
    assert len(first.facts) == 3
    assert shop.asked()
    second = shop.collect(NOW + timedelta(minutes=59))
    assert (second.facts, second.judged, shop.asked()) == (first.facts, first.judged, [])


def test_what_a_registry_lists_is_asked_again_after_a_while_and_blobs_are_not(shop: Shop) -> None:
    shop.collect()
    shop.asked()
    image = shop.registry.image
    digest = shop.registry.push(RELEASE.bundle(statement(image, SPDX)), subject=image)
    shop.registry.refer(digest)
    assert len(shop.collect(NOW + HOUR / 2).facts) == 3
    assert {fact.name for fact in shop.collect(NOW + HOUR * 2).facts} > {SPDX}
    assert sorted(shop.asked()) == ["blobs", "manifests", "manifests", "manifests", "referrers"]


def test_an_image_of_which_nothing_was_listed_is_asked_about_again(shop: Shop) -> None:
    listed = shop.registry.held.pop(f"referrers/{shop.registry.image}")
    assert len(shop.collect().facts) == 2
    shop.registry.held[f"referrers/{shop.registry.image}"] = listed
    assert len(shop.collect().facts) == 3


def test_another_trust_is_another_verdict(shop: Shop) -> None:
    shop.collect()
    assert shop.collect(signer=OTHER).facts == ()
    assert len(shop.collect().facts) == 3
    narrow = shop.collect(types=(SPDX,)).facts
    assert [(fact.kind, fact.name) for fact in narrow if fact.kind == "attestations"] == [
        ("attestations", "attest/push")
    ]


def test_time_is_judged_anew(shop: Shop) -> None:
    until = NOW + HOUR
    assert len(shop.collect(until=until).facts) == 3
    assert len(shop.collect(until - timedelta(seconds=1), until=until).facts) == 3
    ended = shop.collect(until, until=until)
    assert {fact.name for fact in ended.facts if fact.kind == "attestations"} == {"attest/push"}
    assert "was trusted until" in next(one.why for one in ended.judged if not one.accepted)
    early = shop.collect(datetime(2026, 1, 1, tzinfo=UTC), until=until)
    (why,) = (one.why for one in early.judged if not one.accepted)
    assert why == "time: the receipt is from the future: 2026-11-01T12:00:00Z"


def test_a_fact_ends_by_when_it_was_verified_and_is_made_anew_after_half_its_life(shop: Shop) -> None:
    def ends(now: datetime) -> set[str]:
        return {fact.expires_at for fact in shop.collect(now).facts}

    assert ends(NOW) == ends(NOW + HOUR * 11) == {"2026-11-29T00:00:00Z"}
    assert ends(NOW + HOUR * 12) == {"2026-11-29T12:00:00Z"}


def note(shop: Shop) -> Path:
    (found,) = (shop.cache / "notes").iterdir()
    return found


def flip(shop: Shop) -> None:
    data = bytearray(note(shop).read_bytes())
    data[-1] ^= 1
    note(shop).write_bytes(data)


def cut(shop: Shop) -> None:
    note(shop).write_bytes(note(shop).read_bytes()[:40])


def empty(shop: Shop) -> None:
    note(shop).write_bytes(b"")


def brought_here(shop: Shop) -> None:
    """The folder of another machine, whose secret is another."""
    shop.key.unlink()


def readable_by_all(shop: Shop) -> None:
    note(shop).chmod(0o644)


def linked(shop: Shop) -> None:
    """What is sealed, and stands elsewhere now."""
    name = note(shop)
    name.rename(shop.folder / "elsewhere")
    name.symlink_to(shop.folder / "elsewhere")


TAMPERED: list[Callable[[Shop], None]] = [flip, cut, empty, brought_here, readable_by_all, linked]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_what_is_damaged_or_of_others_is_computed_again(shop: Shop, tamper: Callable[[Shop], None]) -> None:
    first = shop.collect()
    shop.asked()
    tamper(shop)
    assert shop.collect().facts == first.facts
    assert sorted(shop.asked()) == ["manifests", "manifests", "referrers"]


def test_notes_of_another_trust_say_nothing_under_this_one_s_name(shop: Shop) -> None:
    shop.collect()
    mine = note(shop)
    taken = mine.read_bytes()
    mine.unlink()
    shop.collect(signer=OTHER)
    theirs = note(shop) if any((shop.cache / "notes").iterdir()) else shop.cache / "notes" / ("0" * 64)
    theirs.write_bytes(taken)
    assert shop.collect(signer=OTHER).facts == ()


def test_a_blob_that_was_swapped_is_brought_again(shop: Shop) -> None:
    shop.collect()
    shop.asked()
    for path in (shop.cache / "blobs").iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    note(shop).unlink()
    assert len(shop.collect().facts) == 3
    assert sorted(shop.asked()) == ["blobs", "manifests", "manifests", "manifests", "manifests", "referrers"]


def test_only_the_owner_can_read_what_is_kept(shop: Shop) -> None:
    shop.collect()
    kept = [shop.key, shop.cache, *shop.cache.rglob("*")]
    assert len(kept) > 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600, 0o700}


@pytest.mark.parametrize("part", ["cache", "state"])
def test_where_others_can_write_nothing_is_kept(shop: Shop, part: str) -> None:
    (shop.folder / part).mkdir()
    (shop.folder / part).chmod(0o777)
    if part == "state":
        EvidenceCache(shop.cache, shop.key)  # the folder of the secret itself is closed to others
        assert stat.S_IMODE((shop.folder / part).stat().st_mode) == 0o700
        return
    with pytest.raises(PermissionError, match="others can write"):
        EvidenceCache(shop.cache, shop.key)


def test_a_link_in_place_of_the_folder_is_refused(shop: Shop) -> None:
    (shop.folder / "cache").mkdir(mode=0o700)
    (shop.folder / "theirs").mkdir()
    shop.cache.symlink_to(shop.folder / "theirs")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        EvidenceCache(shop.cache, shop.key)


def test_there_is_an_end_to_what_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_cache, "MOST_BYTES", 1)
    monkeypatch.setattr(evidence_cache, "MOST_NOTES", 2)
    for name in ("a", "b", "c"):
        shop.collect(types=(name,))
    assert len(list((shop.cache / "notes").iterdir())) == 2
    assert list((shop.cache / "blobs").iterdir()) == []
    assert amount(shop.cache)[0] == 2
    clear(shop.cache)
    assert amount(shop.cache) == (0, 0)
