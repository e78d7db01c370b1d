"""The command line and a real cluster give one verdict: at admission and in audits.

Resources are first shown to an API server without Gatekeeper, which completes them with defaults;
what `attest policy check` says of the completed ones is what Gatekeeper must say.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from attest_governance.gatekeeper.system import SPARED

from ..cli.conftest import Ran
from .conftest import ROOT, VIOLATIONS_LIMIT, RealCluster, eventually

pytestmark = pytest.mark.cluster

POLICIES = ROOT / "policies"
TEMPLATES = Path(__file__).parent / "templates.yaml"
OURS = "app.kubernetes.io/managed-by=attest-governance"
PARAMETERS: dict[str, dict[str, Any]] = {
    "image-security": {"trusted_registries": ["registry.company.com/"]},
    "resource-limits": {"max_cpu": "200m"},
    "hipaa-encryption": {"encrypted_storage_classes": ["fast-encrypted"]},
}

Attest = Callable[..., Ran]
Said = Counter[tuple[str, str]]
"""Messages with the names of their constraints."""

OF_THE_CLUSTER = {"default", "kube-node-lease", "kube-public", "kube-system"}
"""Namespaces that every cluster has."""


def manifests() -> Iterator[dict[str, Any]]:
    """The resources of all examples, under names that occur once."""
    for i, file in enumerate(sorted(POLICIES.glob("*/examples/*/*/*.yaml"))):
        for j, value in enumerate(yaml.safe_load_all(file.read_text())):
            if value and value["kind"] not in ("Namespace", "List"):
                metadata = {**value["metadata"], "name": f"{value['metadata'].get('name', 'x')}-{i}-{j}"}
                yield {**value, "metadata": metadata}


def name_of(value: Mapping[str, Any]) -> str:
    return f"{value['kind'].lower()}-{value['metadata']['name']}.json"


@dataclass(frozen=True)
class Resources:
    """Resources as written, by the name of the file that holds them as an API server completes them."""

    folder: Path
    written: dict[str, dict[str, Any]]
    stored: frozenset[str]
    """Those that are in the cluster since before Gatekeeper, for audits to find."""


@pytest.fixture(scope="session")
def resources(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """What the examples hold, but for what an API server refuses by itself; every fourth is stored."""
    made = Resources(tmp_path_factory.mktemp("completed"), {}, frozenset())
    values = list(manifests())
    for namespace in sorted({each["metadata"].get("namespace", "default") for each in values} - OF_THE_CLUSTER):
        labels = {"environment": "production"} if namespace == "shop" else {}
        value = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(value))
        assert applied.returncode == 0, applied.stderr  # another test may have made it
    stored = {name_of(each) for each in values[::4]}
    for each in values:
        done = cluster.create(each, dry_run=name_of(each) not in stored)
        if done.returncode == 0:
            (made.folder / name_of(each)).write_text(done.stdout)
            made.written[name_of(each)] = each
    (made.folder / "namespaces.json").write_text(json.dumps(cluster.read("namespaces")))
    return Resources(made.folder, made.written, frozenset(stored & made.written.keys()))


@dataclass(frozen=True)
class World:
    """A cluster with Gatekeeper and our policies in it, and resources as the API server completes them."""

    cluster: RealCluster
    attest: Attest
    resources: Resources
    arguments: tuple[str | Path, ...]
    """Which policies are meant."""

    def checked(self) -> list[dict[str, Any]]:
        """What the command line finds in the completed resources; our constraints spare the system's namespaces."""
        ran = self.attest("policy", "check", self.resources.folder, *self.arguments, "--format", "json", codes=(0, 1))
        findings: list[dict[str, Any]] = ran.json()["findings"]
        return [each for each in findings if "/" in each["policy"] or each["resource"]["namespace"] not in SPARED]


@pytest.fixture(scope="session")
def world(
    cluster: RealCluster, attest: Attest, resources: Resources, tmp_path_factory: pytest.TempPathFactory
) -> World:
    parameters = tmp_path_factory.mktemp("parameters") / "parameters.json"
    parameters.write_text(json.dumps(PARAMETERS))
    arguments = ("-p", TEMPLATES, "--with-shipped", "--parameters", parameters)
    cluster.start_gatekeeper()
    made = attest("gatekeeper", "install", *arguments, "--format", "json").json()
    assert {each["action"] for each in made["changes"]} == {"created"}
    eventually(lambda: enforced(attest), "all constraints are enforced")
    return World(cluster, attest, resources, arguments)


def status(attest: Attest) -> dict[str, Any]:
    return attest("gatekeeper", "status", "--format", "json", codes=(0, 1, 2)).json()


def enforced(attest: Attest) -> bool:
    return not any(each["severity"] == "error" for each in status(attest)["problems"])


def audited(attest: Attest) -> bool:
    return all(each["code"] == "gatekeeper_unlisted" for each in status(attest)["problems"])


def said_by(findings: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> Said:
    """A plain policy's constraint has the name of the policy."""
    return Counter((each["policy"].rpartition("/")[2], each["message"]) for each in findings)


def denied(output: str) -> Said:
    """The messages of a denial: `… denied the request: [constraint] message`, one a line."""
    _, denial, text = output.partition("denied the request: ")
    return messages(text) if denial else Counter()


def warned(output: str) -> Said:
    return messages("\n".join(re.findall(r"^Warning: (\[.*)", output, re.MULTILINE)))


def messages(text: str) -> Said:
    return Counter(re.findall(r"^\[([^\]]+)\] (.*)$", text, re.MULTILINE))


def test_the_webhook_denies_what_the_command_line_denies(world: World) -> None:
    """Every example, word for word; and what passes the one passes the other."""
    checked = world.checked()
    differences, denials = {}, 0
    for name in sorted(world.resources.written.keys() - world.resources.stored):
        mine = [each for each in checked if Path(each["location"]["file"]).name == name]
        strict = said_by([each for each in mine if each["enforcement"] == "strict"])
        warnings = said_by([each for each in mine if each["enforcement"] == "warn"])
        answer = world.cluster.create(world.resources.written[name], dry_run=True)
        denials += bool(strict)
        if (denied(answer.stderr), warned(answer.stderr), answer.returncode != 0) != (strict, warnings, bool(strict)):
            differences[name] = (answer.stderr, strict, warnings)
    assert differences == {}
    assert denials > 30


def test_the_audit_finds_what_the_command_line_finds(world: World) -> None:
    eventually(lambda: audited(world.attest), "all constraints are audited")
    found = status(world.attest)
    cut = {each["policy"].rpartition("/")[2] for each in found["problems"]}
    expected: Counter[tuple[str, ...]] = Counter()
    for each in world.checked():
        policy = each["policy"].rpartition("/")[2]
        if Path(each["location"]["file"]).name in world.resources.stored and policy not in cut:
            expected[place(each)] += 1
    names = {place[1:4] for place in expected}
    assert Counter(p for p in map(place, found["findings"]) if p[1:4] in names and p[0] not in cut) == expected
    assert sum(expected.values()) > 30


def place(finding: Mapping[str, Any]) -> tuple[str, ...]:
    resource = finding["resource"]
    policy = finding["policy"].rpartition("/")[2]
    return (
        policy,
        resource["kind"],
        resource["namespace"],
        resource["name"],
        finding["enforcement"],
        finding["message"],
    )


def test_violations_that_the_status_cuts_off_are_counted(world: World) -> None:
    """Kubernetes' own roles alone break `rbac` more often than a status keeps."""
    eventually(lambda: audited(world.attest), "all constraints are audited")
    found = status(world.attest)
    listed = [each for each in found["findings"] if each["policy"] == "AttestRbac/rbac"]
    (problem,) = [each for each in found["problems"] if each["policy"] == "AttestRbac/rbac"]
    assert len(listed) == VIOLATIONS_LIMIT
    total = world.cluster.read("attestrbac", "rbac")["status"]["totalViolations"]
    assert problem["message"] == (
        f"`AttestRbac/rbac` has {total} violations, of which {total - VIOLATIONS_LIMIT} are not listed"
    )


def test_a_second_installation_changes_nothing(world: World) -> None:
    made = world.attest("gatekeeper", "install", *world.arguments, "--format", "json").json()
    assert {each["action"] for each in made["changes"]} == {"unchanged"}
    assert world.attest("gatekeeper", "diff", *world.arguments).out == "no difference\n"


def test_a_field_that_another_manager_owns_is_a_conflict(world: World) -> None:
    taken = {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "AttestGdpr", "metadata": {"name": "gdpr"},
        "spec": {"enforcementAction": "dryrun"},
    }  # fmt: skip
    flags = ("--server-side", "--force-conflicts", "--field-manager=somebody", "-f", "-")
    done = world.cluster.kubectl("apply", *flags, stdin=json.dumps(taken))
    assert done.returncode == 0, done.stderr
    differing = world.attest("gatekeeper", "diff", *world.arguments, "--format", "json", codes=(1,)).json()
    (difference,) = differing["differences"]
    assert "-  enforcementAction: dryrun\n+  enforcementAction: deny\n" in difference["diff"]
    assert "somebody" in difference["conflict"]
    refused = world.attest("gatekeeper", "install", *world.arguments, codes=(2,))
    assert ".spec.enforcementAction (somebody)" in refused.err
    world.attest("gatekeeper", "install", *world.arguments, "--force-conflicts")
    assert world.attest("gatekeeper", "diff", *world.arguments).out == "no difference\n"


def test_a_template_that_gatekeeper_refuses_is_named(world: World, tmp_path: Path) -> None:
    """Gatekeeper's own webhook for templates does not run here, so it is its controller that refuses."""
    template, *_ = yaml.safe_load_all(TEMPLATES.read_text())
    template["metadata"]["name"], template["spec"]["crd"]["spec"]["names"]["kind"] = "k8sother", "K8sOther"
    template["spec"]["targets"][0]["rego"] = "package k8sother\nviolation[{'msg': 'm'}] { true }".replace("'", '"')
    constraint = {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "K8sOther", "metadata": {"name": "other"},
        "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Nothing"]}]}},
    }  # fmt: skip
    (tmp_path / "other.yaml").write_text(yaml.safe_dump_all([template, constraint]))
    world.attest("gatekeeper", "install", "-p", tmp_path)
    refused = {**template, "spec": {**template["spec"], "targets": [{**template["spec"]["targets"][0], "rego": "x"}]}}
    world.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(refused))
    eventually(lambda: any("k8sother" in each["message"] for each in status(world.attest)["problems"]), "it is refused")
    world.attest("gatekeeper", "install", "-p", tmp_path, "--force-conflicts")


def test_uninstall_removes_ours_alone(world: World) -> None:
    """The last one: nothing of ours is there afterwards, and what is not ours is."""
    template, *_ = yaml.safe_load_all(TEMPLATES.read_text())
    template["metadata"]["name"], template["spec"]["crd"]["spec"]["names"]["kind"] = "k8stheirs", "K8sTheirs"
    template["spec"]["targets"][0]["rego"] = "package k8stheirs\nviolation[{'msg': 'm'}] { true }".replace("'", '"')
    assert world.cluster.create(template).returncode == 0
    kept = world.attest("gatekeeper", "install", "gdpr", "--prune", "--format", "json").json()["changes"]
    assert {each["name"] for each in kept if each["action"] == "unchanged"} <= {"attestgdpr", "gdpr"}
    assert {each["action"] for each in kept} <= {"unchanged", "updated", "deleted"}
    world.attest("gatekeeper", "uninstall")
    remaining = world.cluster.read("constrainttemplates")["items"]
    assert [each["metadata"]["name"] for each in remaining] == ["k8stheirs"]
    assert world.attest("gatekeeper", "uninstall").out == "nothing to do\n"
