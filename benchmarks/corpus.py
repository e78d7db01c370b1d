"""Lays out real manifests, repeated until they are many: one resource a file, each with a name of its own."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Manifest: TypeAlias = dict[str, Any]

CORPUS = Path(os.environ.get("ATTEST_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "corpus"
FILES_A_FOLDER = 100
NO_OBJECTS = {"Kustomization", "List"}
"""What programs make something else of than one resource."""


def write_corpus(count: int, folder: Path) -> None:
    """Writes `count` manifests of the corpus into `folder`, which need not exist.

    Raises:
        FileNotFoundError: there is no corpus on this machine.
    """
    manifests = list(_manifests())
    if not manifests:
        raise FileNotFoundError(f"`{CORPUS}` holds no manifests")
    for number, manifest in enumerate(itertools.islice(itertools.cycle(manifests), count)):
        place = folder / f"part-{number // FILES_A_FOLDER:04}"
        place.mkdir(parents=True, exist_ok=True)
        named = copy.deepcopy(manifest)
        named["metadata"]["name"] = f"{manifest['metadata']['name']}-{number}"
        text = yaml.dump(named, Dumper=_Plain, sort_keys=False)
        (place / f"{number:06}.yaml").write_text(text, encoding="utf-8")


class _Plain(yaml.CSafeDumper):
    """Writes no anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (its base asks about each value)
        """Nothing is an alias."""
        return True


def _manifests() -> Iterator[Manifest]:
    """What of the corpus is one resource with a name, in the order of the files; templates of charts are no YAML."""
    for path in sorted((*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml"))):
        try:
            documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue
        yield from filter(_is_resource, documents)


def _is_resource(document: object) -> bool:
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        return False
    named = isinstance(document["metadata"].get("name"), str)
    return named and "apiVersion" in document and document.get("kind") not in {None, *NO_OBJECTS}
