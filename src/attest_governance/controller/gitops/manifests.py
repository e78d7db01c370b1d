"""Manifests as objects: read once, so that what is judged is, byte for byte, what is applied.

Two readers of YAML never agree on everything. What policies see, and what the cluster is sent, is therefore the same
JSON, made here; a reading that differs from kubectl's may be wrong, but can't be a way around a policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import yaml

from attest_governance.adapters.cluster import Object
from attest_governance.errors import InputError
from attest_governance.load.files import decode_text
from attest_governance.model.sources import Text

ENDINGS = (".yaml", ".yml", ".json")
RENDERED = ("Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization")
"""Files that make a folder something that must be rendered."""
_LFS = "version https://git-lfs.github.com/spec/"
_OURS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
"""What the cluster alone says of an object."""


class ReadLimits(msgspec.Struct, frozen=True):
    """How much manifests may hold."""

    depth: int = 100
    values: int = 1_000_000
    """In one file, each alias counted with all that it stands for."""
    objects: int = 5_000


class Manifest(msgspec.Struct, frozen=True):
    """An object as it is judged and applied."""

    value: Object
    file: str
    line: int

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def text(self) -> Text:
        """Its JSON, under the name of its place."""
        return Text(self.place, canonical(self.value))


def canonical(value: Object) -> str:
    """The one JSON of an object."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain_files(folder: Path) -> list[Path]:
    """The manifests below a folder, in a stable order; folders and files that begin with a dot are none.

    Raises:
        InputError: the folder is not there, or something in it must be rendered first.
    """
    if not folder.is_dir():
        raise InputError("the folder of the manifests does not exist", hint="correct `spec.source.path`")
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if any(part.startswith(".") for part in inner.parts) or not path.is_file():
            continue
        if path.name in RENDERED:
            raise InputError(
                f"the folder `{inner.parent}` must be rendered, and is not what the path names",
                hint="name it as `spec.source.path` of an application of its own",
            )
        if path.name.endswith(ENDINGS):
            found.append(path)
    return found


def read_manifests(
    texts: Iterable[tuple[str, bytes]],
    limits: ReadLimits = ReadLimits(),  # noqa: B008 (frozen)
) -> tuple[Manifest, ...]:
    """Reads manifests; documents that are no resources at all are left out.

    Args:
        texts: names and contents of files, YAML or JSON.
        limits: how much they may hold.

    Raises:
        InputError: one can't be read, or says half of what it is.
    """
    found: list[Manifest] = []
    for name, data in texts:
        for line, document in _documents(data, name, limits):
            found += [Manifest(_cleaned(one, name, line), name, line) for one in _flat(document, name, line)]
            if len(found) > limits.objects:
                raise InputError(f"there are more than {limits.objects} objects", file=name)
    _refuse_twins(found)
    return tuple(found)


def _flat(document: object, name: str, line: int) -> Iterator[Object]:
    """The resources of a document: lists are what they list."""
    if document is None:
        return
    if isinstance(document, str):
        _refuse_text(document, name, line)
    if not isinstance(document, dict) or not ({"apiVersion", "kind"} & document.keys()):
        return
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
        raise InputError("the resource does not say its apiVersion and kind", file=name, line=line)
    if kind.endswith("List") and isinstance(document.get("items"), list):
        for one in document["items"]:
            if not isinstance(one, dict):
                raise InputError("an item of the list is no resource", file=name, line=line)
            yield from _flat(one, name, line)
        return
    yield document


def _refuse_text(text: str, name: str, line: int) -> NoReturn:
    """What is no structure at all was meant to be a resource: to leave it out would take that resource away."""
    if text.startswith(_LFS):
        raise InputError(
            "it is a pointer of Git LFS, whose files are not fetched", file=name, hint="commit it as a file"
        )
    raise InputError("the document is text, and no resource", file=name, line=line)


def _cleaned(value: Object, name: str, line: int) -> Object:
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise InputError(f"the {value['kind']} has no name", file=name, line=line, hint="`generateName` is no name")
    for key in ("labels", "annotations"):
        if not isinstance(metadata.get(key) or {}, dict):
            raise InputError(f"`metadata.{key}` is no object", file=name, line=line)
    kept = {key: one for key, one in metadata.items() if key not in _OURS and one is not None}
    return {**{key: one for key, one in value.items() if key != "status"}, "metadata": kept}


def _refuse_twins(found: Sequence[Manifest]) -> None:
    seen: dict[tuple[str, str, str, str], Manifest] = {}
    for one in found:
        metadata, group = one.value["metadata"], one.value["apiVersion"].rpartition("/")[0]
        key = (group, one.value["kind"], str(metadata.get("namespace", "")), metadata["name"])
        first = seen.setdefault(key, one)
        if first is not one:
            raise InputError(f"{key[1]} `{key[3]}` is defined twice", file=one.file, line=one.line, hint=first.place)


def _documents(data: bytes, name: str, limits: ReadLimits) -> Iterator[tuple[int, Any]]:
    text = decode_text(data, "manifest", name)
    try:
        _check_size(text, name, limits)
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                return
            value = loader.construct_document(node)
            _check_values(value, name, limits)
            yield node.start_mark.line + 1, value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise InputError(f"it is no YAML: {error.problem}", file=name, line=line, column=column) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"it can't be read: {' '.join(str(error).split())[:200]}", file=name) from None


def _check_size(text: str, name: str, limits: ReadLimits) -> None:
    """Bounds the parser's events, before anything is built of them."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > limits.depth:
            raise InputError(f"it is nested more than {limits.depth} levels deep", file=name)
        if count > limits.values:
            raise InputError(f"it has more than {limits.values} values", file=name)


def _check_values(value: object, name: str, limits: ReadLimits) -> None:
    """Bounds what aliases stand for: a few lines can stand for millions of values."""
    sizes: dict[int, int] = {}

    def size(one: object) -> int:
        if not isinstance(one, dict | list):
            return 1
        known = sizes.get(id(one))
        if known is None:
            sizes[id(one)] = limits.values + 1  # what holds itself is endless
            inner = one.values() if isinstance(one, dict) else one
            known = sizes[id(one)] = 1 + sum(map(size, inner))
        return known

    if size(value) > limits.values:
        raise InputError(f"it stands for more than {limits.values} values", file=name)


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes' tools read it: text keys, no key twice, and times are texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as the library has it)
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: ANN401, FBT001, FBT002 (the library's signature)
        """A mapping whose keys are texts, each there once."""
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key is no text, or there twice", key.start_mark)
            seen.add(key.value)
        made = super().construct_mapping(node, deep)
        return {_key(key): value for key, value in made.items()}


def _key(key: object) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _construct_object(loader: _Loader, node: yaml.MappingNode) -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {}
    yield made
    made.update(loader.construct_mapping(node))


def _refuse_tag(loader: _Loader, node: yaml.Node) -> NoReturn:  # noqa: ARG001 (the library's signature)
    raise yaml.constructor.ConstructorError(None, None, f"the tag `{node.tag}` is not supported", node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_object)
for _tag in ("binary", "set", "omap", "pairs", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refuse_tag)
