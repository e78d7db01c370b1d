"""Charts and kustomizations that tests write, as trees of files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: nginx
          securityContext:
            privileged: true
        - name: side
          image: busybox:1
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n"


def tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder, by their paths."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A .tgz of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def chart(templates: Mapping[str, str], *, about: str = CHART, **others: str | bytes) -> dict[str, str | bytes]:
    """The files of a chart; others are named by their path, with `__` for a dot and `_0_` for a slash."""
    named = {name.replace("_0_", "/").replace("__", "."): content for name, content in others.items()}
    return {"Chart.yaml": about, **{f"templates/{name}": text for name, text in templates.items()}, **named}
