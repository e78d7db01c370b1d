"""What manifests name: images by their digests, and the workloads of a file. Nothing of it is trusted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from attest_governance.load.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_FILE = 16 << 20
MOST_FILES = 100_000
_ENDINGS = (".yaml", ".yml", ".json")
_NOT_WALKED = frozenset((".attest", ".git", ".hg", ".svn", "node_modules", ".terraform"))
_IMAGE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9._/:-]{0,511})@(sha256:[0-9a-f]{64})\b")
_TAGGED = re.compile(rb"""\bimage["']?\s*:\s*["']?([A-Za-z0-9][A-Za-z0-9._/:-]{0,511})(?=["'\s,}]|$)""")
_LISTS = ("containers", "initContainers", "ephemeralContainers")
_DEPTH = 32


class Workload(msgspec.Struct, frozen=True):
    """A resource of a file, and the images that it names by their digests."""

    kind: str
    name: str
    namespace: str
    images: tuple[str, ...]

    @property
    def limits(self) -> dict[str, str]:
        """What a receipt for it is limited to; a namespace only where the file states one."""
        return {key: text for key in ("kind", "namespace", "name") if (text := str(getattr(self, key)))}


def files_of(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The names and bytes of the manifests that paths name; what is no file that can be read is left to the check."""
    for count, path in enumerate(_walk(paths)):
        if count >= MOST_FILES:
            return
        if path.is_file() and path.stat().st_size <= MAX_FILE:
            yield str(path), Files().read(path, "manifest", limit=MAX_FILE)


def images_in(data: bytes) -> set[tuple[str, str]]:
    """The repositories and digests of images that a text names, wherever it does."""
    return {(repository(name.decode()), digest.decode()) for name, digest in _IMAGE.findall(data)}


def tags_in(data: bytes) -> set[tuple[str, str]]:
    """The repositories and tags of images that a text names by tag alone, as the values of `image`."""
    found = {one.decode() for one in _TAGGED.findall(data)}
    return {(repository(name), _tag(name)) for name in found}


def _tag(reference: str) -> str:
    last = reference.rpartition("/")[2]
    return last.partition(":")[2] or "latest"


def repository(reference: str) -> str:
    """The repository of an image, without tag, as container runtimes complete it."""
    name = re.sub(r":[^/:]*$", "", reference)
    first, _, rest = name.partition("/")
    if not rest:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def workloads_in(data: bytes) -> list[Workload]:
    """The resources of a file that a trusted key has signed; none where it can't be read as YAML."""
    try:
        documents = list(yaml.load_all(data, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    return [_workload(one) for one in documents if isinstance(one, dict)]


def _walk(paths: Sequence[str]) -> Iterator[Path]:
    for name in paths:
        path = Path(name)
        if path.is_file():
            yield path
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(one for one in folders if one not in _NOT_WALKED)
            yield from (Path(folder, one) for one in sorted(files) if one.endswith(_ENDINGS))


def _workload(document: dict[str, Any]) -> Workload:
    metadata = document.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    found = sorted(set(_digests(document, 0)))
    return Workload(_text(document.get("kind")), _text(named.get("name")), _text(named.get("namespace")), tuple(found))


def _digests(value: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH or not isinstance(value, dict):
        return
    for name, part in value.items():
        if name in _LISTS and isinstance(part, list):
            yield from (digest for one in part if isinstance(one, dict) for digest in _digest(one.get("image")))
        else:
            yield from _digests(part, depth + 1)


def _digest(image: object) -> Iterator[str]:
    found = _IMAGE.fullmatch(image.encode()) if isinstance(image, str) else None
    if found:
        yield found[2].decode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
