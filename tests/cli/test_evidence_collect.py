"""From receipts and attestations to a decision: `attest policy evidence collect` and `check --verify-evidence`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from attest_governance.attestations.images.keys import ImageKey, load_key
from attest_governance.attestations.images.statement import SIGNATURE, Asked
from attest_governance.attestations.terms import Terms
from attest_governance.attestations.trust.store import Trust
from attest_governance.attestations.verdict import Judgement
from attest_governance.attestations.verify import Question, verify
from tests.attestations.instance import ISSUER, MAIL, Instance
from tests.attestations.making import DIGEST, Layout, Signer, payload, receipt, statement, step, store
from tests.attestations.registry import REPOSITORY, Registry, serving
from tests.cli.conftest import Attest

RELEASE, STRANGER = Signer(1), Signer(2)
INSTANCE = Instance()
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


def test_several_at_once_write_one_whole_document_and_keep_what_they_brought(attest: Attest, shop: Shop) -> None:
    shop.configure(**TRUST, layouts=["layout"])
    for number in range(20):
        shop.prove(name=f"build-{number}")
    with ThreadPoolExecutor(4) as several:
        arguments = ("policy", "evidence", "collect", "k8s", "--output", "evidence.json")
        ran = list(several.map(lambda _: attest(*arguments), range(8)))
    assert {(one.code, one.out, one.err) for one in ran} == {(0, "", "proofs: 20 accepted, 0 refused, 0 unreadable\n")}
    facts = json.loads((shop.folder / "evidence.json").read_text())
    assert len(facts["receipts"][shop.image]) == 20
    assert sorted(path.name for path in shop.folder.glob("*evidence*")) == ["evidence.json"]
    assert checked(attest, "--evidence", "evidence.json") == (0, [])


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


def built(uri: str = "", **parameters: Any) -> dict[str, Any]:
    """Provenance of what was fetched by git, or of what a builder was told."""
    fetched = [{"uri": uri, "digest": {"gitCommit": "0" * 40}}] if uri else []
    return {"buildDefinition": {"externalParameters": parameters, "resolvedDependencies": fetched}}


FROM_SHOP = "git+https://git.example/shop/web.git@refs/heads/main"
BUILT: dict[str, tuple[dict[str, Any], str]] = {
    "fetched by git": (built(FROM_SHOP), ""),
    "a workflow's repository": (built(workflow={"repository": "https://git.example/shop/web"}), ""),
    "a source with its revision": (built(source="https://git.example/shop/web.git#main:app"), ""),
    "another repository": (
        built("git+https://git.example/other/web@main"),
        "built from `https://git.example/other/web`",
    ),
    "one of each": (built(FROM_SHOP, source="https://evil.example/x"), "built from `https://evil.example/x`"),
    "a host in a user's name": (
        built("git+https://git.example@evil.example/shop/web"),
        "built from `https://git.example@",
    ),
    "a path in a revision": (built("https://evil.example/x#/https://git.example/shop/web"), "built from `https://evil"),
    "no source": (built(ref="main"), "it names no repository of sources"),
    "a way out of a folder": (built("git+https://git.example/shop/../evil/x"), "built from `unclear: git+https://git"),
    "the same in digits": (built("git+https://git.example/shop/%2e%2e/evil"), "built from `unclear: git+https://git"),
    "nonsense": (
        {"buildDefinition": {"externalParameters": [], "resolvedDependencies": "x"}},
        "it names no repository",
    ),
    "nothing": ({}, "it names no repository of sources"),
}


@pytest.mark.parametrize("name", BUILT)
def test_provenance_counts_for_wanted_sources(attest: Attest, shop: Shop, name: str) -> None:
    predicate, why = BUILT[name]
    shop.configure(**keyed(), source_repositories=["https://git.example/shop/*"])
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image, **predicate)))
    ran = attest("policy", "evidence", "collect", "k8s")
    assert bool(ran.json()["attestations"]) == (not why)
    assert why in ran.err


def trivy(*severities: object) -> dict[str, Any]:
    found = [{"VulnerabilityID": "CVE", "Severity": one} for one in severities]
    return {"SchemaVersion": 2, "ArtifactName": "web", "Results": [{"Target": "web", "Vulnerabilities": found or None}]}


def grype(*severities: object) -> dict[str, Any]:
    return {"matches": [{"vulnerability": {"id": "CVE", "severity": one}} for one in severities]}


def rated(*severities: object) -> list[object]:
    """What in-toto's predicate of vulnerabilities says of each."""
    return [{"id": "CVE", "severity": one} for one in severities]


def said(method: str, score: object) -> dict[str, object]:
    return {"method": method, "score": score}


def sarif(*results: dict[str, Any], rules: object = ()) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "scanner", "rules": rules}}, "results": results}]}


def rule(name: str, **properties: object) -> dict[str, Any]:
    return {"id": name, "properties": {key.replace("_", "-"): value for key, value in properties.items()}}


WORST = [rule("CVE-1", security_severity="9.8"), rule("CVE-2", security_severity="3.1")]
SCANNED: dict[str, tuple[object, str]] = {
    "nothing by in-toto": ([], ""),
    "little by in-toto": (rated([said("nvd", "medium"), said("cvss_score", "5.2")]), ""),
    "much by in-toto": (rated([said("nvd", "Critical")]), "vulnerabilities: 1 critical"),
    "a high score": (rated([said("cvss_score", "9.1")], [said("CVSS_V3", 7.0)]), "vulnerabilities: 1 critical, 1 high"),
    "the worst of two": (rated([said("nvd", "low"), said("ghsa", "CRITICAL")]), "vulnerabilities: 1 critical"),
    "a word of another scanner": (rated([said("redhat", "Important")]), "vulnerabilities: 1 high"),
    "a single severity": (rated(said("nvd", "critical")), "vulnerabilities: 1 critical"),
    "a vector beside a word": (rated([said("nvd", "low"), said("cvss", "CVSS:3.1/AV:N/AC:L")]), ""),
    "a vector alone": (rated([said("cvss", "CVSS:3.1/AV:N/AC:L")]), "in no form that is known"),
    "a score that is no severity": (rated([said("epss", "0.97")]), "in no form that is known"),
    "a score that is none": (rated([said("cvss", "nan")]), "in no form that is known"),
    "a score beyond the scale": (rated([said("cvss", "98")]), "in no form that is known"),
    "no severity": (rated([]), "in no form that is known"),
    "a vulnerability that is none": (["CVE-1"], "in no form that is known"),
    "nothing by SARIF": (sarif(rules=WORST), ""),
    "little by SARIF": (sarif({"ruleId": "CVE-2"}, rules=WORST), ""),
    "much by SARIF": (sarif({"ruleId": "CVE-1"}, {"ruleId": "CVE-2"}, rules=WORST), "vulnerabilities: 1 critical"),
    "much by a rule's place": (sarif({"ruleIndex": 0}, rules=WORST), "vulnerabilities: 1 critical"),
    "a name and a place that differ": (sarif({"ruleId": "CVE-2", "ruleIndex": 0}, rules=WORST), "1 critical"),
    "a rule twice": (sarif({"ruleId": "CVE-2"}, rules=[*WORST, rule("CVE-2", security_severity="9.9")]), "1 critical"),
    "a tag": (sarif({"ruleId": "CVE-3"}, rules=[rule("CVE-3", tags=["security", "HIGH"])]), "vulnerabilities: 1 high"),
    "a result without a rule": (sarif({"level": "error"}, rules=WORST), "in no form that is known"),
    "a rule without a severity": (sarif({"ruleId": "CVE-4"}, rules=[{"id": "CVE-4"}]), "in no form that is known"),
    "a run without results": ({"version": "2.1.0", "runs": [{}]}, "in no form that is known"),
    "no run": ({"version": "2.1.0", "runs": []}, "in no form that is known"),
    "rules that are none": (sarif({"ruleId": "CVE-1"}, rules="CVE-1"), "in no form that is known"),
    "results by Trivy that are none": ({"SchemaVersion": 2, "ArtifactName": "web", "Results": "none"}, "in no form"),
    "nothing by Trivy": (trivy(), ""),
    "no results by Trivy": ({"SchemaVersion": 2, "ArtifactName": "web"}, ""),
    "little by Trivy": (trivy("LOW", "MEDIUM", "UNKNOWN"), ""),
    "much by Trivy": (trivy("LOW", "CRITICAL", "CRITICAL", "HIGH"), "vulnerabilities: 2 critical, 1 high"),
    "without a severity by Trivy": (trivy(None), "in no form that is known"),
    "nothing by Grype": (grype(), ""),
    "much by Grype": (grype("Critical"), "vulnerabilities: 1 critical"),
    "without a severity by Grype": (grype(1), "in no form that is known"),
    "numbers": ({"critical": 0, "high": 0}, ""),
    "numbers that are not 0": ({"critical": 0, "high": 3}, "vulnerabilities: 3 high"),
    "a number that is none": ({"critical": False}, "in no form that is known"),
    "a number less than 0": ({"critical": -1}, "in no form that is known"),
    "a number twice": ({"critical": 0, "Critical": 3}, "in no form that is known"),
    "something else": ({"vulnerabilities": 3}, "in no form that is known"),
    "nothing": ({}, "in no form that is known"),
    "no object": ("clean", "in no form that is known"),
}


SCAN = "https://cosign.sigstore.dev/attestation/vuln/v1"


def judged(scan: object, kind: str = SCAN, **terms: Any) -> Judgement:
    made = RELEASE.bundle(statement(DIGEST, kind, **scan)) if isinstance(scan, dict) else scan
    asked = Asked(image=DIGEST, keys=(ImageKey(name="release", key=load_key(RELEASE.pem)),))
    question = Question(trust=Trust(), terms=Terms(now=datetime.now(UTC), **terms), image=asked)
    return verify(json.dumps(made).encode(), "bundle", question)


@pytest.mark.parametrize("name", SCANNED)
def test_a_scan_counts_for_what_it_did_not_find(name: str) -> None:
    result, why = SCANNED[name]
    found = judged({"scanner": {"result": result}}, scan_refuses=("critical", "high"))
    assert found.accepted == (not why)
    assert why in found.why


def test_the_configuration_says_what_a_scan_may_not_have_found(attest: Attest, shop: Shop) -> None:
    shop.configure(**keyed(), scan_refuses=["critical", "high"])
    (shop.folder / "release.pub").write_bytes(RELEASE.pem)
    much = {"result": rated([said("nvd", "critical")])}
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image, IN_TOTO_SCAN, scanner=much)))
    ran = attest("policy", "evidence", "collect", "k8s")
    assert (ran.json()["attestations"], "vulnerabilities: 1 critical" in ran.err) == ({}, True)
    shop.layout.refer(shop.image, RELEASE.bundle(statement(shop.image, IN_TOTO_SCAN, scanner={"result": []})))
    assert shop.image in attest("policy", "evidence", "collect", "k8s").json()["attestations"]


IN_TOTO_SCAN = "https://in-toto.io/attestation/vulns/v0.2"
DEMANDED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a scan of another form, too old": (
        IN_TOTO_SCAN,
        {"metadata": {"scanFinishedOn": "2000-01-01T00:00:00Z"}},
        "scan: the scan is of 2000-01-01T00:00:00Z, which is too old",
    ),
    "a scan of a version that nobody knows": ("https://in-toto.io/attestation/vulns/v9", {}, "demands: "),
    "a scan without a scheme": ("cosign.sigstore.dev/attestation/vuln/v1", {}, "demands: "),
    "provenance of a version that nobody knows": ("https://slsa.dev/provenance/v0.1", {}, "demands: "),
    "older provenance by another builder": (
        "https://slsa.dev/provenance/v0.2",
        {"builder": {"id": "https://laptop.example"}},
        "builder: built by `https://laptop.example`",
    ),
    "two builders": (
        SLSA,
        {"builder": {"id": "https://ci.example"}, "runDetails": {"builder": {"id": "https://laptop.example"}}},
        "builder: built by ``",
    ),
    "older provenance from another repository": (
        "https://slsa.dev/provenance/v0.2",
        {
            "builder": {"id": "https://ci.example"},
            "invocation": {"configSource": {"uri": "git+https://git.example/shop/web@refs/heads/main"}},
            "materials": [{"uri": "https://git.example/evil/web", "digest": {"sha1": "0" * 40}}],
        },
        "source: built from `https://git.example/evil/web`",
    ),
    "older provenance that fits": (
        "https://slsa.dev/provenance/v0.2",
        {
            "builder": {"id": "https://ci.example"},
            "invocation": {"configSource": {"uri": "git+https://git.example/shop/web@refs/heads/main"}},
            "materials": [{"uri": "pkg:docker/base@1", "digest": {"sha1": "0" * 40}}],
        },
        "nothing speaks against it",
    ),
}


@pytest.mark.parametrize("name", DEMANDED)
def test_no_version_of_a_predicate_escapes_what_is_demanded(name: str) -> None:
    kind, predicate, why = DEMANDED[name]
    found = judged(
        predicate,
        kind,
        scan_max_age=3600.0,
        builders=("https://ci.example",),
        source_repositories=("https://git.example/shop/*",),
    )
    assert found.why.startswith(why)


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
    assert checked(attest, "--verify-evidence")[1] == ["has no receipt"], "it goes by what it was told a moment ago"
    gone = attest("policy", "check", "k8s", "--policy-dir", "policy", "--verify-evidence", "--no-cache")
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
    "certificates that are none": (
        {**TRUST, "registries": [{"host": "registry.example", "ca_file": "k8s/web.yaml"}]},
        "`ca_file` can't be used: it holds no certificate in PEM",
    ),
    "a mirror that is not listed": (
        {**TRUST, "registries": [{"host": "registry.example", "mirrors": ["mirror.example"]}]},
        "the mirror `mirror.example` of `registry.example` is not listed",
    ),
    "certificates that are not there": (
        {**TRUST, "registries": [{"host": "registry.example", "ca_file": "nowhere.crt"}]},
        "the file of certificates can't be read",
    ),
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


def test_it_is_found_under_the_tags_of_an_image_and_named_on_the_command_line(attest: Attest, project: Path) -> None:
    pytest.importorskip("sigstore", reason="SKIPPED LOUDLY: the extra `keyless` is not installed")
    registry = Registry()
    image = registry.push()
    envelope, notes = INSTANCE.attestation(statement(image))
    signature = INSTANCE.signature(payload(image))
    registry.push(payload(image), tag=f"{image.replace(':', '-')}.sig", notes=signature)
    registry.push(envelope, tag=f"{image.replace(':', '-')}.att", notes=notes)
    (project / "root.json").write_text(json.dumps(INSTANCE.trusted_root))
    identities = [{"name": "release", "identity": MAIL, "issuer": ISSUER}]
    keyless = {"trusted_root": "root.json", "identities": identities}
    with serving(registry):
        registries = [{"host": registry.address, "plain_http": True}]
        evidence = {"evidence": {"keyless": keyless, "registries": registries}}
        (project / ".attest").mkdir(exist_ok=True)
        (project / ".attest" / "policies.yaml").write_text(json.dumps(evidence))
        (project / "web.yaml").write_text(f"image: {registry.address}/{REPOSITORY}@{image}\n")
        ran = attest("policy", "evidence", "collect", "web.yaml")
    assert [one["type"] for one in ran.json()["attestations"][image]] == [SIGNATURE, SLSA]
    for name, text in (
        ("payload", payload(image).decode()),
        *((key.rpartition("/")[2], signature[key]) for key in signature),
    ):
        (project / name).write_text(text)
    beside = ("--signature", "signature", "--certificate", "certificate", "--log-entry", "bundle")
    assert attest("policy", "evidence", "verify", "payload", "--image", image, *beside).code == 0
    assert attest("policy", "evidence", "verify", "payload", "--image", image, *beside[:4]).code == 1
