"""Charts and kustomizations as they are in a repository."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Stage, config_map

CHART = {
    "k8s/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "k8s/values.yaml": "word: good\n",
    "k8s/prod.yaml": "word: better\n",
    "k8s/templates/map.yaml": (
        "# one\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        "  namespace: {{ .Release.Namespace }}\ndata:\n  word: {{ .Values.word }}\n"
    ),
    "k8s/a.yaml": None,
}


def source(stage: Stage, path: str = "k8s", **helm: Any) -> dict[str, Any]:
    return {"repoUrl": f"{stage.url}/shop", "targetRevision": "main", "path": path, "helm": helm}


def test_a_chart_is_rendered_as_a_release_of_the_application(stage: Stage) -> None:
    stage.repository.commit(CHART)
    status = stage.sync()
    assert (status["phase"], stage.word("web")) == ("Synced", "good"), status["message"]
    stage.create(source=source(stage, valueFiles=["prod.yaml"], release="shop"))
    assert stage.sync()["phase"] == "Synced"
    assert (stage.word("web"), stage.word("shop")) == (None, "better")


def test_a_finding_of_a_chart_is_in_its_template(stage: Stage) -> None:
    stage.repository.commit(CHART)
    stage.create(source=source(stage, set=["word=bad"]))
    status = stage.sync()
    assert status["phase"] == "Denied"
    assert status["findings"]["worst"][0]["place"].startswith("k8s/templates/map.yaml:")


@pytest.mark.parametrize(
    "file", ["../../controller/secret.yaml", "../../../etc/passwd", "/etc/passwd", "../.git/config"]
)
def test_values_lie_in_the_repository(stage: Stage, file: str) -> None:
    stage.repository.commit(CHART)
    stage.create(source=source(stage, valueFiles=[file]))
    status = stage.sync()
    assert (status["phase"], stage.word("web")) == ("Error", None)


def test_a_kustomization_is_built(stage: Stage) -> None:
    stage.repository.commit(
        {
            "base/kustomization.yaml": "resources: [map.yaml]\n",
            "base/map.yaml": config_map("a"),
            "k8s/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
            "k8s/a.yaml": None,
        }
    )
    status = stage.sync()
    assert (status["phase"], stage.word("prod-a")) == ("Synced", "good"), status["message"]


@pytest.mark.parametrize(
    "resource", ["https://git.example/other", "http://169.254.169.254/latest", "../../controller/policies"]
)
def test_a_kustomization_leads_nowhere_else(stage: Stage, resource: str) -> None:
    stage.repository.commit({"k8s/kustomization.yaml": f"resources: ['{resource}']\n", "k8s/a.yaml": None})
    status = stage.sync()
    assert (status["phase"], stage.cluster.value("ConfigMap", "a", "shop")) == ("Error", None)


def test_a_chart_that_can_not_be_rendered_takes_nothing_away(stage: Stage) -> None:
    stage.sync()
    stage.repository.commit({**CHART, "k8s/templates/map.yaml": '{{ fail "no" }}'})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", "good")


def test_a_chart_below_the_path_is_said_to_be_one(stage: Stage) -> None:
    stage.repository.commit({"k8s/chart/Chart.yaml": "name: x\n"})
    status = stage.sync()
    assert (status["phase"], stage.word("a")) == ("Error", None)
    assert "must be rendered" in status["message"]
