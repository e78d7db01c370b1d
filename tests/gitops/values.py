"""Applications and projects as a cluster holds them."""

from __future__ import annotations

from typing import Any

from attest_governance.controller.gitops.model import (
    API_VERSION,
    Application,
    Project,
    read_application,
    read_project,
)

URL = "https://git.example/shop/web"


def application_object(name: str = "web", namespace: str = "team-shop", **spec: Any) -> dict[str, Any]:
    """An AttestApplication, with what differs from the usual in its spec."""
    usual = {"source": {"repoUrl": URL}, "project": "shop", "destination": {"namespace": "shop"}}
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-of-{name}", "generation": 1}
    return {"apiVersion": API_VERSION, "kind": "AttestApplication", "metadata": metadata, "spec": {**usual, **spec}}


def project_object(name: str = "shop", **spec: Any) -> dict[str, Any]:
    """An AttestProject, with what differs from the usual in its spec."""
    usual = {
        "repositories": ["https://git.example/shop/*"],
        "applicationNamespaces": ["team-shop"],
        "destinations": ["shop", "shop-*"],
        "requireServiceAccount": False,
    }
    return {"apiVersion": API_VERSION, "kind": "AttestProject", "metadata": {"name": name}, "spec": {**usual, **spec}}


def application(**spec: Any) -> Application:
    return read_application(application_object(**spec))


def project(**spec: Any) -> Project:
    return read_project(project_object(**spec))
