"""Dumps of three clusters, in the three forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.cli.conftest import attest, project

__all__ = ["attest", "project"]

Object = dict[str, Any]


def pod(number: int) -> Object:
    """Every third takes whatever image is the latest, every fifth is privileged."""
    container = {
        "name": "c",
        "image": "x:latest" if number % 3 == 0 else f"x:{number}",
        "securityContext": {"privileged": number % 5 == 0},
    }
    metadata = {"name": f"p{number}", "namespace": f"team-{number % 4}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def write_list(path: Path, objects: list[Object]) -> Path:
    """As `kubectl get -o json` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=4) + "\n")
    return path


def write_lines(path: Path, objects: list[Object]) -> Path:
    """A resource a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in objects))
    return path


def write_parquet(path: Path, rows: list[Object]) -> Path:
    """Rows with a column of JSON, and one with the name of the cluster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def dumps(project: Path) -> Path:
    """A folder of dumps: `east` and `west` are folders, `south` is a file, and `north` a value in a column."""
    folder = project / "dumps"
    write_list(folder / "east" / "pods.json", [pod(one) for one in range(40)])
    write_lines(folder / "west" / "all.jsonl", [pod(one) for one in range(40, 100)])
    (folder / "south.yaml").write_text("---\n".join(json.dumps(pod(one)) + "\n" for one in range(100, 110)))
    rows = [{"resource": json.dumps(pod(one)), "cluster": "north" if one % 2 else "arctic"} for one in range(110, 130)]
    write_parquet(folder / "rest.parquet", rows)
    return folder
