"""From receipts and attestations to a decision: `attest policy evidence collect` and `check --verify-evidence`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.attestations.making import Layout, Signer, receipt, statement, step, store
from tests.attestations.registry import REPOSITORY, Registry, serving
from tests.cli.conftest import Attest

RELEASE, STRANGER = Signer(1), Signer(2)
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "evidence.schema.json"
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
SLSA = "https://slsa.dev/provenance/v1"
POLICY = """
package shop

import rego.v1

images contains container.image if some container in input.resource.spec.template.spec.containers

proven(kind, image) if count(object.get(data.attest.evidence[kind], split(image, "@")[1], [])) > 0

violation contains {"msg": sprintf("%s is not attested", [image])} if {
	some image in images
	not proven("attestations", image)
}

violation contains {"msg": sprintf("%s has no receipt", [image])} if {
	some image in images
	not proven("receipts", image)
}
"""
TRUST = {"trust_stores": ["trust"], "receipts": ["receipts"]}


class Shop:
    """A project with one image, one deployment and a policy that asks for both proofs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = Layout(folder / "layout")
        self.image, self.manifest = self.layout.manifest([], tag="web")
        self.reference = f"registry.example/shop/web@{self.image}"
        self.write("k8s/web.yaml", deployment(self.reference))
        self.write("policy/shop.rego", POLICY)
        store(folder / "trust", RELEASE)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def configure(self, **evidence: Any) -> None:
        self.write(".attest/policies.yaml", json.dumps({"evidence": evidence}))

    def prove(self, signer: Signer = RELEASE, name: str = "build", **more: Any) -> dict[str, Any]:
        """A receipt whose step made the image's manifest."""
        files = {name: {"dist/image.json": self.manifest}}
        made = signer.sign(receipt(step(name, files[name], **more), files=files))
        self.write(f"receipts/{name}.yaml", json.dumps(made))
        return made


def deployment(image: str, name: str = "web") -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\n"
        f"spec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: {image}\n"
    )


@pytest.fixture
def shop(project: Path) -> Shop:
    return Shop(project)


def checked(attest: Attest, *more: str) -> tuple[int, list[str]]:
    ran = attest("policy", "check", "k8s", "--policy-dir", "policy", "--format", "json", *more)
    assert ran.out, ran.err
    return ran.code, sorted(one["message"].split(" ", 1)[1] for one in ran.json()["findings"])


def test_what_a_receipt_proves_is_allowed_and_the_document_says_on_what_it_rests(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    shop.prove()
    assert checked(attest, "--verify-evidence") == (0, [])
    ran = attest("policy", "evidence", "collect", "k8s", "--output", "evidence.json")
    assert (ran.code, ran.err) == (0, "proofs: 1 accepted, 0 refused, 0 unreadable\n")
    facts = json.loads((shop.folder / "evidence.json").read_text())
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), facts)
    assert [one["type"] for one in facts["attestations"][shop.image]] == ["attest/build"]
    assert facts["receipts"][shop.image][0]["rests_on"] == "receipts/build.yaml"
    assert facts["receipts"][shop.image][0]["signer"] == RELEASE.raw.hex()
    assert checked(attest, "--evidence", "evidence.json") == (0, [])


def test_the_configuration_alone_can_ask_for_it(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"], verify=True)
    shop.prove()
    assert checked(attest)[0] == 0


WHERE = "a proof is refused: receipts/build.yaml: "
UNPROVEN: dict[str, tuple[dict[str, Any], str]] = {
    "a stranger's receipt": (
        {"signer": STRANGER},
        f"{WHERE}signature: the signature is good, and its key {STRANGER.id} is not trusted",
    ),
    "a receipt of a step that failed": (
        {"exit_code": 1},
        f"{WHERE}success: the step `build` ended with exit code 1",
    ),
}


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_is_refused_proves_nothing_and_is_told(attest: Attest, shop: Shop, name: str) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    proof, why = UNPROVEN[name]
    shop.prove(**proof)
    code, found = checked(attest, "--verify-evidence")
    assert (code, found) == (1, ["has no receipt", "is not attested"])
    notices = attest("policy", "check", "k8s", "--policy-dir", "policy", "--verify-evidence", "--format", "json")
    assert notices.json()["notices"] == [why]
    ran = attest("policy", "evidence", "collect", "k8s")
    assert ran.code == 0
    assert ran.json()["receipts"] == {}
    assert "refused (receipt)" in ran.err


def test_a_file_that_can_not_be_read_stops_nothing(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    shop.prove()
    shop.write("receipts/junk.yaml", "a: [")
    ran = attest("policy", "evidence", "collect", "k8s")
    assert (ran.code, list(ran.json()["receipts"])) == (0, [shop.image])
    assert ran.err.endswith("proofs: 1 accepted, 0 refused, 1 unreadable\n")


def test_a_cached_run_binds_no_image(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    shop.write("receipts/cached.yaml", json.dumps(RELEASE.sign(receipt(step("build", cache_hit=True), files={}))))
    assert checked(attest, "--verify-evidence")[0] == 1


def test_a_receipt_for_the_very_file_covers_this_workload_and_no_other(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST)
    data = (shop.folder / "k8s/web.yaml").read_bytes()
    files = {"render": {"k8s/web.yaml": data}}
    made = RELEASE.sign(receipt(step("render", files["render"]), files=files))
    shop.write("receipts/render.yaml", json.dumps(made))
    ran = attest("policy", "evidence", "collect", "k8s")
    assert ran.json()["attestations"] == {}
    (fact,) = ran.json()["receipts"][shop.image]
    assert fact["workload"] == {"kind": "Deployment", "namespace": "shop", "name": "web"}
    shop.write("k8s/web.yaml", data.decode() + "# changed\n")
    assert attest("policy", "evidence", "collect", "k8s").json()["receipts"] == {}


def keyed(**role: Any) -> dict[str, Any]:
    return {"layouts": ["layout"], "keys": [{"name": "release", "path": "release.pub", **role}]}


ROLES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "any type, any repository": ({}, [{"type": SLSA}]),
    "this type": ({"types": [SLSA]}, [{"type": SLSA}]),
    "another type": ({"types": ["https://spdx.dev/Document"]}, []),
    "this repository": (
        {"repositories": ["registry.example/shop/*"]},
        [{"type": SLSA, "repository": "registry.example/shop/web"}],
    ),
    "another repository": ({"repositories": ["registry.example/other/*"]}, []),
    "until last year": ({"until": "2025-01-01"}, []),
    "from next century on": ({"from": "2100-01-01"}, []),
}


@pytest.mark.parametrize("name", ROLES)
def test_a_key_speaks_of_what_its_role_says(attest: Attest, shop: Shop, name: str) -> None:
    role, expected = ROLES[name]
    shop.configure(**keyed(**role))
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image)))
    facts = attest("policy", "evidence", "collect", "k8s").json()["attestations"].get(shop.image, [])
    assert [{key: one[key] for key in ("type", "repository") if key in one} for one in facts] == expected


def test_an_attestation_of_another_image_does_not_count_where_it_lies(attest: Attest, shop: Shop) -> None:
    shop.configure(**keyed())
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    shop.layout.refer(shop.image, RELEASE.bundle(statement("sha256:" + "0" * 64)))
    ran = attest("policy", "evidence", "collect", "k8s")
    assert ran.json()["attestations"] == {}
    assert "subject: not about" in ran.err


def test_provenance_of_a_builder_that_nobody_wants_is_refused(attest: Attest, shop: Shop) -> None:
    shop.configure(**keyed(), builders=["https://ci.example/hosted"])
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    wanted, other = ({"builder": {"id": one}} for one in ("https://ci.example/hosted", "https://laptop.example"))
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image, runDetails=other)))
    assert attest("policy", "evidence", "collect", "k8s").json()["attestations"] == {}
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image, runDetails=wanted)))
    assert shop.image in attest("policy", "evidence", "collect", "k8s").json()["attestations"]


@pytest.mark.parametrize(
    ("metadata", "proven"),
    [
        ({"scanFinishedOn": "2000-01-01T00:00:00Z"}, False),
        ({"scanFinishedOn": "2999-01-01T00:00:00Z"}, False),
        ({"scanFinishedOn": "yesterday"}, False),
        ({}, False),
        ({"scanFinishedOn": NOW}, True),
    ],
    ids=["too old", "from the future", "no time", "nothing", "of today"],
)
def test_a_scan_counts_while_it_is_young(attest: Attest, shop: Shop, metadata: dict[str, str], proven: bool) -> None:
    shop.configure(**keyed(), scan_max_age="1h", lifetime="30d")
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    made = statement(shop.image, "https://cosign.sigstore.dev/attestation/vuln/v1", metadata=metadata)
    shop.layout.refer(shop.image, RELEASE.bundle(made))
    facts = attest("policy", "evidence", "collect", "k8s").json()["attestations"].get(shop.image, [])
    assert bool(facts) == proven
    if proven:
        end = datetime.fromisoformat(facts[0]["expires_at"])
        assert end == datetime.fromisoformat(NOW) + timedelta(hours=1)


def test_a_registry_that_is_listed_is_asked_by_a_check(attest: Attest, shop: Shop) -> None:
    made = Registry()
    image = made.push()
    with serving(made):
        reference = f"{made.address}/{REPOSITORY}@{image}"
        shop.write("k8s/web.yaml", deployment(reference))
        (shop.folder / "release.pub").write_bytes(RELEASE.pem)
        keys = [{"name": "release", "path": "release.pub", "repositories": [f"{made.address}/shop/*"]}]
        shop.configure(keys=keys, registries=[{"host": made.address, "plain_http": True}])
        assert checked(attest, "--verify-evidence")[1] == ["has no receipt", "is not attested"]
        made.refer(made.push(RELEASE.bundle(statement(image)), subject=image))
        assert checked(attest, "--verify-evidence")[1] == ["has no receipt"]
        (fact,) = attest("policy", "evidence", "collect", "k8s").json()["attestations"][image]
        assert fact["repository"] == f"{made.address}/{REPOSITORY}"
    gone = attest("policy", "check", "k8s", "--policy-dir", "policy", "--verify-evidence")
    assert (gone.code, "the server can't be reached" in gone.out + gone.err) == (2, True)


def test_a_blob_with_other_bytes_than_its_digest_is_an_error(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    path = shop.folder / "layout/blobs/sha256" / shop.image.removeprefix("sha256:")
    path.write_bytes(path.read_bytes() + b" ")
    ran = attest("policy", "evidence", "collect", "k8s")
    assert ran.code == 2
    assert "the blob holds other bytes than its digest says" in ran.err


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nobody is trusted": ({}, "nothing says whom to trust for evidence"),
    "a key of evidence that there is not": ({"trust_store": ["trust"]}, "did you mean `trust_stores`?"),
    "a store that is not there": ({"trust_stores": ["nowhere"]}, "there is no such trust store"),
    "a key that is none": ({"keys": [{"name": "a", "path": "k8s/web.yaml"}]}, "it is no public key in PEM"),
}


@pytest.mark.parametrize("name", WRONG)
def test_trust_that_can_not_be_used_is_an_error_and_no_verdict(attest: Attest, shop: Shop, name: str) -> None:
    evidence, message = WRONG[name]
    shop.configure(**evidence)
    ran = attest("policy", "check", "k8s", "--policy-dir", "policy", "--verify-evidence")
    assert ran.code == 2
    assert message in ran.out + ran.err


def test_a_broken_trust_store_is_an_error(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST)
    (shop.folder / "trust" / f"{RELEASE.id}.pub").unlink()
    ran = attest("policy", "evidence", "collect", "k8s")
    assert (ran.code, f"the file `{RELEASE.id}.pub` is missing" in ran.err) == (2, True)


def test_evidence_is_given_or_verified_and_not_both(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST)
    shop.write("evidence.json", '{"schema": "attest.continuu.ms/evidence/v1"}')
    ran = attest("policy", "check", "k8s", "--evidence", "evidence.json", "--verify-evidence")
    assert (ran.code, "two ways to say one thing" in ran.err) == (2, True)


def test_showing_an_image_says_what_is_proven_and_what_was_refused(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, **keyed())
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    nothing = attest("policy", "evidence", "show", shop.reference)
    assert (nothing.code, nothing.out) == (1, f"{shop.reference}: nothing is proven\n")
    shop.prove()
    shop.layout.refer(shop.image, STRANGER.bundle(statement(shop.image)))
    shown = attest("policy", "evidence", "show", shop.reference)
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()] == [
        shop.reference + ":",
        "attestation",
        "receipt",
        "refused:",
    ]
    tagged = attest("policy", "evidence", "show", "registry.example/shop/web:1")
    assert (tagged.code, "by its digest" in tagged.err) == (2, True)
