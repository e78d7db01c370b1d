"""Pods in kinds that Kubernetes does not know are judged as those of a Deployment; what only looks like one is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Attest, environment

PRIVILEGED = {"name": "c", "image": "r.company.com/x:1", "securityContext": {"privileged": True}}
POD: dict[str, Any] = {"containers": [PRIVILEGED]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
JOB = {"spec": {"template": TEMPLATE}}
AT = "/containers/0/securityContext/privileged"

# What is deployed: the group and version, the kind, its fields, and where the Pods stand in it.
WORKLOADS: dict[str, tuple[str, str, dict[str, Any], tuple[str, ...]]] = {
    "a Rollout of Argo": (
        "argoproj.io/v1alpha1",
        "Rollout",
        {"spec": {"template": TEMPLATE}},
        ("/spec/template/spec",),
    ),
    "a CloneSet": ("apps.kruise.io/v1alpha1", "CloneSet", {"spec": {"template": TEMPLATE}}, ("/spec/template/spec",)),
    "a StatefulSet of others": (
        "apps.kruise.io/v1beta1",
        "StatefulSet",
        {"spec": {"template": TEMPLATE}},
        ("/spec/template/spec",),
    ),
    "a Service of Knative": (
        "serving.knative.dev/v1",
        "Service",
        {"spec": {"template": TEMPLATE}},
        ("/spec/template/spec",),
    ),
    "a DeploymentConfig of OpenShift": (
        "apps.openshift.io/v1",
        "DeploymentConfig",
        {"spec": {"template": TEMPLATE}},
        ("/spec/template/spec",),
    ),
    "a JobSet": (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        {"spec": {"replicatedJobs": [{"name": "a", "template": JOB}, {"name": "b", "template": JOB}]}},
        ("/spec/replicatedJobs/0/template/spec/template/spec", "/spec/replicatedJobs/1/template/spec/template/spec"),
    ),
    "a Job of Volcano": (
        "batch.volcano.sh/v1alpha1",
        "Job",
        {"spec": {"tasks": [{"template": TEMPLATE}]}},
        ("/spec/tasks/0/template/spec",),
    ),
    "a PyTorchJob": (
        "kubeflow.org/v1",
        "PyTorchJob",
        {"spec": {"pytorchReplicaSpecs": {"Master": {"template": TEMPLATE}}}},
        ("/spec/pytorchReplicaSpecs/Master/template/spec",),
    ),
    "a ScaledJob of KEDA": (
        "keda.sh/v1alpha1",
        "ScaledJob",
        {"spec": {"jobTargetRef": {"template": TEMPLATE}}},
        ("/spec/jobTargetRef/template/spec",),
    ),
    "a RayCluster": (
        "ray.io/v1",
        "RayCluster",
        {"spec": {"headGroupSpec": {"template": TEMPLATE}, "workerGroupSpecs": [{"template": TEMPLATE}]}},
        ("/spec/headGroupSpec/template/spec", "/spec/workerGroupSpecs/0/template/spec"),
    ),
    "an Elasticsearch": (
        "elasticsearch.k8s.elastic.co/v1",
        "Elasticsearch",
        {"spec": {"nodeSets": [{"podTemplate": TEMPLATE}]}},
        ("/spec/nodeSets/0/podTemplate/spec",),
    ),
    "a Prometheus, whose containers add to those of its operator": (
        "monitoring.coreos.com/v1",
        "Prometheus",
        {"spec": {"containers": [{"name": "prometheus", "securityContext": {"privileged": True}}]}},
        ("/spec",),
    ),
    "a SparkApplication, in a group that sounds like Kubernetes' own": (
        "sparkoperator.k8s.io/v1beta2",
        "SparkApplication",
        {"spec": {"driver": {"template": TEMPLATE}}},
        ("/spec/driver/template/spec",),
    ),
    "a Deployment within an Object of Crossplane": (
        "kubernetes.crossplane.io/v1alpha2",
        "Object",
        {"spec": {"forProvider": {"manifest": {"kind": "Deployment", "spec": {"template": TEMPLATE}}}}},
        ("/spec/forProvider/manifest/spec/template/spec",),
    ),
    "a ClusterServiceVersion": (
        "operators.coreos.com/v1alpha1",
        "ClusterServiceVersion",
        {"spec": {"install": {"spec": {"deployments": [{"name": "x", "spec": {"template": TEMPLATE}}]}}}},
        ("/spec/install/spec/deployments/0/spec/template/spec",),
    ),
    "a kind of nobody's": (
        "shop.company.com/v1",
        "Till",
        {"workload": {"pods": [{"of": POD}, None, {"of": {"containers": None}}]}},
        ("/workload/pods/0/of",),
    ),
    "a kind that configuration names": (
        "shop.company.com/v1",
        "Kiosk",
        {"spec": {"boxes": [{"runs": {"initContainers": [PRIVILEGED]}}]}},
        ("/spec/boxes/0/runs",),
    ),
}
# What is deployed by other words than a Pod's: the group and version, the kind, its spec, and where it is privileged.
LOOSE: dict[str, tuple[str, str, dict[str, Any], tuple[str, ...]]] = {
    "the container of a Workflow": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {"templates": [{"name": "a", "container": PRIVILEGED}]},
        ("templates/0/container",),
    ),
    "the script of a WorkflowTemplate": (
        "argoproj.io/v1alpha1",
        "WorkflowTemplate",
        {"templates": [{"name": "a", "script": {**PRIVILEGED, "source": "id"}}]},
        ("templates/0/script",),
    ),
    "the containers, sidecars and init containers of a CronWorkflow": (
        "argoproj.io/v1alpha1",
        "CronWorkflow",
        {
            "workflowSpec": {
                "templates": [
                    {"containerSet": {"containers": [PRIVILEGED]}},
                    {"sidecars": [PRIVILEGED], "initContainers": [PRIVILEGED]},
                ]
            }
        },
        (
            "workflowSpec/templates/0/containerSet/containers/0",
            "workflowSpec/templates/1/initContainers/0",
            "workflowSpec/templates/1/sidecars/0",
        ),
    ),
    "a template of a Workflow within a step": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {"templates": [{"steps": [[{"name": "a", "inline": {"container": PRIVILEGED}}]]}]},
        ("templates/0/steps/0/0/inline/container",),
    ),
    "steps and sidecars of a Task": (
        "tekton.dev/v1",
        "Task",
        {"steps": [{"ref": {"name": "clone"}}, PRIVILEGED], "sidecars": [PRIVILEGED]},
        ("sidecars/0", "steps/1"),
    ),
    "the template of a TaskRun's steps": (
        "tekton.dev/v1",
        "TaskRun",
        {"taskSpec": {"stepTemplate": {"securityContext": {"privileged": True}}, "steps": [{"script": "id"}]}},
        ("taskSpec/stepTemplate",),
    ),
    "steps of a Pipeline": (
        "tekton.dev/v1",
        "Pipeline",
        {"tasks": [{"taskSpec": {"steps": [PRIVILEGED]}}], "finally": [{"taskSpec": {"steps": [PRIVILEGED]}}]},
        ("finally/0/taskSpec/steps/0", "tasks/0/taskSpec/steps/0"),
    ),
    "what a Kafka of Strimzi says of its containers": (
        "kafka.strimzi.io/v1beta2",
        "Kafka",
        {"kafka": {"template": {"kafkaContainer": {"securityContext": {"privileged": True}}}}},
        ("kafka/template/kafkaContainer",),
    ),
    "the containers of a Cluster of CNPG": (
        "postgresql.cnpg.io/v1",
        "Cluster",
        {"instances": 3, "securityContext": {"privileged": True}},
        ("",),
    ),
    "a component of an IstioOperator": (
        "install.istio.io/v1alpha1",
        "IstioOperator",
        {"components": {"cni": {"k8s": {"securityContext": {"privileged": True}}}}},
        ("components/cni/k8s",),
    ),
    "an init container that is added to a Prometheus": (
        "monitoring.coreos.com/v1",
        "Prometheus",
        {"initContainers": [PRIVILEGED]},
        ("initContainers/0",),
    ),
    "an image beside its security context": (
        "shop.company.com/v1",
        "Till",
        {"drawer": PRIVILEGED},
        ("drawer",),
    ),
    "a container that configuration names": (
        "shop.company.com/v1",
        "Booth",
        {"runs": PRIVILEGED},
        ("runs",),
    ),
}
# What is deployed and shows no policy how: the group and version, the kind, its spec, and where it is told.
UNSEEN: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "an image of CNPG": ("postgresql.cnpg.io/v1", "Cluster", {"imageName": "ghcr.io/pg/pg:16.2"}, "imageName"),
    "an image alone": ("shop.company.com/v1", "Till", {"image": "r.company.com/x:1", "size": 3}, "image"),
    "an image by another name": (
        "shop.company.com/v1",
        "Till",
        {"parts": [{"agentImage": "r.company.com/x:1"}]},
        "parts/0/agentImage",
    ),
    "a patch of pods": ("argoproj.io/v1alpha1", "Workflow", {"podSpecPatch": "hostUsers: true"}, "podSpecPatch"),
    "a manifest in a Workflow": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {"templates": [{"resource": {"manifest": json.dumps({"kind": "Pod", "spec": POD})}}]},
        "templates/0/resource/manifest",
    ),
}
SCHEMA = {
    "type": "object",
    "properties": {"spec": {"properties": {"containers": {"items": {"properties": {"image": {"type": "string"}}}}}}},
}
# What is not deployed, or no Pod.
OTHERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a ConfigMap": ("v1", "ConfigMap", {"data": {"pod.yaml": json.dumps(POD)}}),
    "a ConfigMap that is malformed": ("v1", "ConfigMap", {"data": POD}),
    "a CustomResourceDefinition": (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {"spec": {"versions": [{"schema": {"openAPIV3Schema": SCHEMA}}], "containers": [PRIVILEGED]}},
    ),
    "a pattern of a policy": (
        "kyverno.io/v1",
        "ClusterPolicy",
        {"spec": {"rules": [{"validate": {"pattern": {"spec": POD}}}]}},
    ),
    "a PolicyException": ("kyverno.io/v2", "PolicyException", {"spec": {"match": POD}}),
    "a policy of kyverno's newer groups": ("policies.kyverno.io/v1", "ValidatingPolicy", {"spec": POD}),
    "a PodPreset": ("settings.k8s.io/v1alpha1", "PodPreset", {"spec": POD}),
    "a mutation of Gatekeeper": ("mutations.gatekeeper.sh/v1", "Assign", {"spec": {"parameters": {"assign": POD}}}),
    "a Kustomization": ("kustomize.config.k8s.io/v1beta1", "Kustomization", {"patches": [{"patch": "spec: {}"}]}),
    "a status": ("shop.company.com/v1", "Report", {"status": POD}),
    "settings that share nothing": (
        "shop.company.com/v1",
        "Ship",
        {"spec": {"hostNetwork": False, "volumes": [{"emptyDir": {}}, "hold"], "securityContext": {"runAsUser": 1}}},
    ),
    "a repository of images": (
        "image.toolkit.fluxcd.io/v1beta2",
        "ImageRepository",
        {"spec": {"image": "r.company.com/x"}},
    ),
    "claims for storage": (
        "shop.company.com/v1",
        "Ship",
        {"spec": {"claims": [{"resources": {"requests": {"storage": "1Gi"}}}]}},
    ),
    "steps of another trade": ("shop.company.com/v1", "Dance", {"spec": {"steps": [{"name": "left"}, "right"]}}),
    "names of containers": ("shop.company.com/v1", "Report", {"spec": {"containers": ["a", {"name": "b"}]}}),
    "containers of another trade": (
        "shop.company.com/v1",
        "Ship",
        {"spec": {"containers": [{"teu": 2}], "container": {"image": 1}}},
    ),
    "a Service": ("v1", "Service", {"spec": {"ports": [{"port": 1}]}}),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the shipped policies of containers find in each of them, by name."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / ".attest").mkdir()
    named = [
        {"kind": "Kiosk", "group": "shop.company.com", "path": "spec.boxes.*.runs"},
        {"kind": "Booth", "group": "shop.company.com", "path": "spec.runs"},
    ]
    (folder / ".attest/policies.yaml").write_text(json.dumps({"policy": {"workload_kinds": named}}))
    others = {name: (version, kind, {"spec": spec}) for name, (version, kind, spec, _) in (LOOSE | UNSEEN).items()}
    resources = {**{name: entry[:3] for name, entry in WORKLOADS.items()}, **others, **OTHERS}
    for number, (version, kind, fields) in enumerate(resources.values()):
        resource = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": f"x{number}", "namespace": "shop"},
            **fields,
        }
        (folder / f"{number}.json").write_text(json.dumps(resource, indent=1))
    done = subprocess.run(
        [
            *COMMAND,
            "policy",
            "check",
            ".",
            "--policy",
            "attest-security",
            "--policy",
            "unknown-workloads",
            "-f",
            "json",
        ],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["problems"] == []
    names = {f"{number}.json": name for number, name in enumerate(resources)}
    findings: dict[str, list[dict[str, Any]]] = {name: [] for name in resources}
    for finding in document["findings"]:
        place = finding["location"]
        text = (folder / place["file"]).read_text().splitlines()[place["line"] - 1]
        findings[names[place["file"]]].append({**finding, "text": text})
    return findings


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_judged_wherever_it_stands(found: dict[str, list[dict[str, Any]]], name: str) -> None:
    privileged = [each for each in found[name] if each["message"].startswith("Privileged containers")]
    fields = {"a kind that configuration names": "initContainers"}
    path = AT.replace("containers", fields.get(name, "containers"))
    assert [each["location"]["path"] for each in privileged] == [f"{pod}{path}" for pod in WORKLOADS[name][3]]
    assert {each["text"].strip().rstrip(",") for each in privileged} == {'"privileged": true'}
    assert len(found[name]) > len(privileged), "the other rules look at it, too"


@pytest.mark.parametrize("name", LOOSE)
def test_a_container_is_judged_wherever_it_stands(found: dict[str, list[dict[str, Any]]], name: str) -> None:
    privileged = [each for each in found[name] if each["message"].startswith("Privileged containers")]
    paths = ["/".join(("/spec", *([at] if at else []), "securityContext/privileged")) for at in LOOSE[name][3]]
    assert sorted(each["location"]["path"] for each in privileged) == paths
    assert {each["text"].strip().rstrip(",") for each in privileged} == {'"privileged": true'}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_no_policy_sees_through_is_told(found: dict[str, list[dict[str, Any]]], name: str) -> None:
    [warning] = found[name]
    assert (warning["policy"], warning["enforcement"]) == ("unknown-workloads", "warn")
    assert warning["location"]["path"] == f"/spec/{UNSEEN[name][3]}"
    assert f'"{UNSEEN[name][3].rpartition("/")[2]}": ' in warning["text"]
    assert "is not judged in full" in warning["message"]
    assert "policy.workload_kinds" in warning["fix"]


def test_a_strict_check_denies_what_no_policy_sees_through(attest: Attest, project: Path) -> None:
    version, kind, spec, _ = UNSEEN["an image of CNPG"]
    _write(project, version, kind, {"spec": spec})
    assert "1 warning" in attest("policy", "check", "resource.json", code=0).out
    attest("policy", "check", "resource.json", "--strict", code=1)
    reviewed = [{"name": "unknown-workloads", "parameters": {"reviewed_kinds": ["Cluster.postgresql.cnpg.io"]}}]
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text(json.dumps({"policies": reviewed}))
    attest("policy", "check", "resource.json", "--strict", code=0)


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_a_pod_is_none(found: dict[str, list[dict[str, Any]]], name: str) -> None:
    assert found[name] == []


def _write(project: Path, version: str, kind: str, fields: dict[str, Any]) -> None:
    resource = {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "production"}, **fields}
    (project / "resource.json").write_text(json.dumps(resource))


def test_all_shipped_policies_look_at_such_pods(attest: Attest, project: Path) -> None:
    version, kind, fields, _ = WORKLOADS["a JobSet"]
    _write(project, version, kind, fields)
    other = attest("policy", "check", "resource.json", "-f", "json", code=1).json()["findings"]
    once = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}  # a Job can't have the default
    _write(project, "batch/v1", "Job", {"spec": {"template": once}})
    own = attest("policy", "check", "resource.json", "-f", "json", code=1).json()["findings"]
    assert {each["policy"] for each in other} == {each["policy"] for each in own}
    assert sorted(each["message"] for each in other) == sorted(
        message.replace("Job '", "JobSet '") for each in own for message in _twice(each["message"])
    )


def _twice(message: str) -> list[str]:
    """A message about the resource is given once, one about a Pod or its containers for each of the two Pods."""
    return [message] if "Job 'x' " in message and "ServiceAccount" not in message else [message, message]


def test_a_policy_of_the_user_s_sees_such_containers(attest: Attest, project: Path) -> None:
    version, kind, fields, pods = WORKLOADS["a JobSet"]
    _write(project, version, kind, fields)
    (project / "p.rego").write_text(
        "package own\n\nimport data.attest.lib\n\n"
        'violation contains {"msg": "privileged", "path": path} if {\n'
        "\tsome path, container in lib.containers\n\tcontainer.securityContext.privileged\n}\n"
    )
    found = attest("policy", "check", "resource.json", "-p", "p.rego", "-f", "json", code=1).json()["findings"]
    assert [each["location"]["path"] for each in found] == [f"{pod}/containers/0" for pod in pods]


def test_generated_templates_judge_such_pods(attest: Attest, project: Path) -> None:
    version, kind, fields, _ = WORKLOADS["a JobSet"]
    _write(project, version, kind, fields)
    attest("gatekeeper", "generate", "attest-security", "--output", "templates", code=0)
    ran = attest("policy", "check", "resource.json", "-p", "templates", "-f", "json", code=1)
    messages = [each["message"] for each in ran.json()["findings"]]
    assert sum(message.startswith("Privileged containers") for message in messages) == 2


WRONG = {
    "no path": {"kind": "Kiosk", "group": "shop.company.com"},
    "an empty path": {"kind": "Kiosk", "group": "shop.company.com", "path": ""},
    "an empty key": {"kind": "Kiosk", "group": "shop.company.com", "path": "spec..pods"},
    "another key": {"kind": "Kiosk", "group": "shop.company.com", "path": "spec", "version": "v1"},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_kind_that_configuration_names_wrongly_is_an_error(attest: Attest, project: Path, name: str) -> None:
    (project / ".attest").mkdir()
    (project / ".attest/policies.yaml").write_text(json.dumps({"policy": {"workload_kinds": [WRONG[name]]}}))
    assert ".attest/policies.yaml:1" in attest("policy", "list", code=2).err
