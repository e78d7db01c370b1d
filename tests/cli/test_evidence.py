"""`attest policy evidence`: exit codes and words, as a pipeline meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.attestations.making import DIGEST, Signer, receipt, statement, step, store
from tests.cli.conftest import Attest

RELEASE, STRANGER = Signer(1), Signer(2)
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "verification.schema.json"
VERIFY = ("policy", "evidence", "verify")


def written(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def trust(project: Path) -> Path:
    return store(project / "trust", RELEASE)


def test_a_receipt_of_a_trusted_key_in_which_every_step_succeeded_is_accepted(
    attest: Attest, project: Path, trust: Path
) -> None:
    written(project, "receipt.yaml", RELEASE.sign(receipt(step("build"), step("test"))))
    ran = attest(*VERIFY, "receipt.yaml", "--trust-store", trust)
    assert (ran.code, ran.out) == (0, "receipt.yaml: accepted (receipt)\n")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a step failed": (
        RELEASE.sign(receipt(step("build"), step("test", exit_code=7))),
        "success: the step `test` ended with exit code 7",
    ),
    "nobody signed": (receipt(step("build")), "signature: the receipt is unsigned"),
    "a stranger signed": (
        STRANGER.sign(receipt(step("build"))),
        f"signature: the signature is good, and its key {STRANGER.id} is not trusted",
    ),
    "it was changed behind the signature": (
        {**RELEASE.sign(receipt(step("build", exit_code=1))), "steps": [step("build")]},
        "signature: the signature can't count: the signature does not fit",
    ),
    "a newer version of the schema": (
        {**receipt(step("build")), "schema_version": 4},
        "schema: schema_version 4 is newer than 3, the latest that is known here",
    ),
    "a field that nobody knows": ({**receipt(), "scope": "all"}, "schema: object contains unknown field `scope`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_receipt_is_refused_with_the_reason(attest: Attest, project: Path, trust: Path, name: str) -> None:
    value, why = REFUSED[name]
    written(project, "receipt.yaml", value)
    ran = attest(*VERIFY, "receipt.yaml", "--trust-store", trust)
    assert (ran.code, ran.out) == (1, f"receipt.yaml: refused (receipt): {why}\n")


UNREADABLE = {
    "no file": (None, "the proof can't be read: No such file or directory"),
    "no YAML": ("a: [", "not valid YAML"),
    "a key twice": ("steps: []\nsteps: []\n", "the key `steps` is given twice"),
    "an anchor": ("steps: &a []\n", "the anchor `&a` is not supported here"),
    "a tag": ("steps: !!seq []\n", "the tag `tag:yaml.org,2002:seq` is not supported"),
    "JSON with a key twice": ('{"payload": 1, "payload": 2}', "payload"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_can_not_be_read_in_one_way_decides_nothing(attest: Attest, project: Path, trust: Path, name: str) -> None:
    text, message = UNREADABLE[name]
    if text is not None:
        (project / "receipt.yaml").write_text(text)
    ran = attest(*VERIFY, "receipt.yaml", "--trust-store", trust)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_without_anybody_to_trust_nothing_is_decided(attest: Attest, project: Path) -> None:
    written(project, "receipt.yaml", RELEASE.sign(receipt(step("build"))))
    ran = attest(*VERIFY, "receipt.yaml")
    assert ran.code == 2
    assert "error: nothing says whom to trust for evidence" in ran.err


def test_a_key_alone_is_trusted_where_it_is_named(attest: Attest, project: Path) -> None:
    (project / "release.pub").write_bytes(RELEASE.pem)
    written(project, "receipt.yaml", RELEASE.sign(receipt(step("build"))))
    assert attest(*VERIFY, "receipt.yaml", "--key", "release.pub").code == 0


def test_every_file_is_told_and_the_worst_decides(attest: Attest, project: Path, trust: Path) -> None:
    written(project, "good.yaml", RELEASE.sign(receipt(step("build"))))
    written(project, "bad.yaml", receipt(step("build")))
    (project / "ugly.yaml").write_text("a: [")
    ran = attest(*VERIFY, "ugly.yaml", "bad.yaml", "good.yaml", "--trust-store", trust, "--format", "json")
    assert ran.code == 2
    document = ran.json()
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), document)
    assert [(one["file"], one["verdict"]) for one in document["results"]] == [
        ("bad.yaml", "refused"),
        ("good.yaml", "accepted"),
    ]
    assert "ugly.yaml" in document["errors"][0]


def test_an_attestation_counts_for_its_own_image_and_type_alone(attest: Attest, project: Path) -> None:
    (project / "release.pub").write_bytes(RELEASE.pem)
    written(project, "slsa.json", RELEASE.bundle(statement(DIGEST)))
    about = (*VERIFY, "slsa.json", "--key", "release.pub", "--image")
    assert attest(*about, DIGEST).code == 0
    assert attest(*about, f"registry.example/shop/web@{DIGEST}").code == 0
    other = attest(*about, "sha256:" + "0" * 64)
    assert (other.code, "subject: not about sha256:0000" in other.out) == (1, True)
    typed = attest(*about, DIGEST, "--type", "https://sigstore.dev/cosign/sign/v1")
    assert (typed.code, "type: the predicate is" in typed.out) == (1, True)
    assert "name the image by its digest with --image" in attest(*VERIFY, "slsa.json", "--key", "release.pub").err


def test_explaining_names_every_check_in_upstream_s_order_and_then_the_gate_s(
    attest: Attest, project: Path, trust: Path
) -> None:
    files = {"package": {"dist/web.yaml": b"kind: Pod\n"}}
    made = receipt(step("package", files["package"]), files=files)
    written(project, "receipt.yaml", RELEASE.sign(made))
    ran = attest(*VERIFY, "receipt.yaml", "--trust-store", trust, "--explain")
    assert [line.split()[0] for line in ran.out.splitlines()[1:-1]] == [
        *("schema", "consistency", "signature", "timestamp", "recompute"),
        *("success", "time", "inventory", "image"),
    ]
    assert ran.out.splitlines()[-1] == f"  signed by {RELEASE.raw.hex()}"


def test_what_a_receipt_says_is_shown_and_not_obeyed(attest: Attest, project: Path, trust: Path) -> None:
    hostile = step("\x1b[2Jbuild", exit_code=1)
    written(project, "receipt.yaml", RELEASE.sign(receipt(hostile)))
    ran = attest(*VERIFY, "receipt.yaml", "--trust-store", trust)
    assert "\x1b" not in ran.out
    assert r"`\x1b[2Jbuild`" in ran.out
