"""Which receipts count for a revision, and what is done as long as none does."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from attest_governance.attestations.sources import Sources, terms_of
from attest_governance.attestations.trust.store import Trust, Trusted

from ..attestations.making import Signer, receipt, step
from .conftest import Stage, config_map

ASKED = {"receiptsRequired": True, "requiredAttestations": ["build", "test"]}


def receipt_of(commit: str, *steps: str, signer: Signer | None = None, dirty: bool = False, **more: Any) -> str:
    """A signed receipt of a commit."""
    made = receipt(*(step(one, {}) for one in steps), files={})
    source = {"repository": None, "commit": commit, "branch": "main", "tracked_dirty": dirty}
    made["provenance"]["source"] = source
    return msgspec.json.encode((signer or Signer()).sign({**made, **more})).decode()


def condition(status: dict[str, Any], type_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in status["conditions"] if one["type"] == type_)
    return found


@pytest.fixture
def proven(stage: Stage) -> Stage:
    """A project that asks for receipts."""
    stage.allow(verification=ASKED)
    return stage


def add(stage: Stage, text: str, name: str = "r") -> str:
    return stage.repository.commit({f".attest/receipts/{name}.json": text})


def test_a_revision_waits_for_its_receipt(proven: Stage) -> None:
    code = proven.repository.commit({})
    status = proven.sync()
    assert (status["phase"], condition(status, "Verified")["status"]) == ("Verifying", "False")
    assert status["message"] == "no receipt counts for the revision"
    assert proven.word("a") is None
    with_receipt = add(proven, receipt_of(code, "build", "test"))
    status = proven.sync()
    assert (status["phase"], status["appliedRevision"]) == ("Synced", with_receipt), status["message"]


def test_each_asked_step_must_be_in_a_receipt(proven: Stage) -> None:
    code = proven.repository.commit({})
    add(proven, receipt_of(code, "build"))
    assert proven.sync()["message"] == "no receipt of the revision holds the step `test`"
    add(proven, receipt_of(code, "test"), "second")
    assert proven.sync()["phase"] == "Synced"


def test_a_receipt_of_another_revision_proves_nothing(proven: Stage) -> None:
    code = proven.repository.commit({})
    add(proven, receipt_of(code, "build", "test"))
    assert proven.sync()["phase"] == "Synced"
    proven.repository.commit({"k8s/b.yaml": config_map("b")})
    status = proven.sync()
    assert (status["phase"], proven.word("b")) == ("Verifying", None)
    assert "receipt about other revisions" in status["message"]


def test_a_receipt_that_lists_the_very_manifests_counts(proven: Stage) -> None:
    content = config_map("a").encode()
    files = {"build": {"k8s/a.yaml": content}}
    made = receipt(step("build", files["build"]), step("test", {}), files=files)
    add(proven, msgspec.json.encode(Signer().sign(made)).decode())
    assert proven.sync()["phase"] == "Synced"
    proven.repository.commit({"k8s/b.yaml": config_map("b")})
    assert proven.sync()["phase"] == "Verifying"


@pytest.mark.parametrize("what", ["tampered", "stranger", "unsigned", "dirty", "failed"])
def test_what_is_wrong_with_a_receipt_makes_it_none(proven: Stage, what: str) -> None:
    code = proven.repository.commit({})
    text = receipt_of(code, "build", "test")
    if what == "tampered":
        text = text.replace('"exit_code":0', '"exit_code":0,"x":1', 1).replace('"duration_secs":1', '"duration_secs":2')
        text = text.replace(',"x":1', "")
    elif what == "stranger":
        text = receipt_of(code, "build", "test", signer=Signer(2))
    elif what == "unsigned":
        text = msgspec.json.encode({**msgspec.json.decode(text), "signature": None}).decode()
    elif what == "dirty":
        text = receipt_of(code, "build", "test", dirty=True)
    else:
        made = receipt(step("build", {}, exit_code=1), step("test", {}), files={})
        made["provenance"]["source"] = {"repository": None, "commit": code, "branch": None, "tracked_dirty": False}
        text = msgspec.json.encode(Signer().sign(made)).decode()
    add(proven, text)
    status = proven.sync()
    assert (status["phase"], proven.word("a")) == ("Verifying", None), status["message"]


def test_a_key_that_the_project_does_not_list_is_none(proven: Stage) -> None:
    code = proven.repository.commit({})
    add(proven, receipt_of(code, "build", "test"))
    proven.allow(verification={**ASKED, "trustedKeys": [Signer(2).raw.hex()]})
    assert proven.sync()["phase"] == "Verifying"
    proven.allow(verification={**ASKED, "trustedKeys": [Signer().id]})
    assert proven.sync()["phase"] == "Synced"


def test_a_project_can_name_a_key_that_no_store_holds_and_an_author_can_not(proven: Stage) -> None:
    code = proven.repository.commit({})
    other = Signer(2)
    add(proven, receipt_of(code, "build", "test", signer=other))
    proven.create(verification={"trustedKeys": [other.raw.hex()]})
    proven.allow(verification={**ASKED, "trustedKeys": [Signer().raw.hex()]})
    assert proven.sync()["phase"] == "Verifying", "the author's own key is none of the project's"
    proven.allow(verification={**ASKED, "trustedKeys": [other.raw.hex()]})
    assert proven.sync()["phase"] == "Synced"


def test_an_author_alone_trusts_nobody(proven: Stage) -> None:
    code = proven.repository.commit({})
    other = Signer(2)
    add(proven, receipt_of(code, "build", "test", signer=other))
    proven.create(verification={"trustedKeys": [other.raw.hex()]})
    assert proven.sync()["phase"] == "Verifying"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key to sign commits with."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def signing(key: Path) -> tuple[str, ...]:
    return (f"-S{key}",)


def test_a_commit_must_be_signed_where_the_project_names_signers(stage: Stage, key: Path) -> None:
    public = key.with_suffix(".pub").read_text().strip()
    stage.allow(verification={"allowedSigners": [f'alice@company.com namespaces="git" {public}']})
    status = stage.sync()
    assert (status["phase"], status["message"]) == ("Verifying", "the commit is not signed with an SSH key")
    stage.repository.git("config", "gpg.format", "ssh")
    stage.repository.commit({"k8s/b.yaml": config_map("b")}, *signing(key))
    status = stage.sync()
    assert (status["phase"], stage.word("b")) == ("Synced", "good"), status["message"]


def test_a_commit_that_somebody_else_signed_is_not_signed(stage: Stage, key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", other], check=True)
    public = other.with_suffix(".pub").read_text().strip()
    stage.allow(verification={"allowedSigners": [f"bob@company.com {public}"]})
    stage.repository.git("config", "gpg.format", "ssh")
    stage.repository.commit({}, *signing(key))
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Verifying", None)
    assert "the signature of the commit does not count" in status["message"]


@pytest.mark.parametrize(("status", "phase"), [("trusted", "Synced"), ("revoked", "Verifying")])
def test_a_key_that_was_revoked_proves_nothing_any_more(proven: Stage, status: Any, phase: str) -> None:
    code = proven.repository.commit({})
    add(proven, receipt_of(code, "build", "test"))
    trust = Trust({Signer().raw.hex(): Trusted(Signer().id, "release", status)})

    def sources(settings: Any, now: Any, _: Any) -> Sources:
        return Sources(trust=trust, keys=(), terms=terms_of(settings, now), lifetime=3600.0)

    means = msgspec.structs.replace(proven.world.means, sources=sources)
    proven.world = msgspec.structs.replace(proven.world, means=means)
    proven.allow(verification={**ASKED, "trustedKeys": ["release", Signer().raw.hex()]})
    assert proven.sync()["phase"] == phase, "who names a key does not take back that it is revoked"
