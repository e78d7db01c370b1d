"""What API servers send of many objects: parts of lists, and streams of changes. Of an object, the head is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from attest_governance.adapters.cluster import Event, Head, Kind, Page
from attest_governance.decoding import decoder
from attest_governance.errors import ClusterError, GoneError

_GONE = 410
_MOST = 64 << 20
"""Bytes of one change: etcd holds no object that is near this."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Item(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def head(self) -> Head:
        of = self.metadata
        nested = self.items is not msgspec.UNSET and bytes(self.items).lstrip()[:1] == b"["
        return Head(of.name, of.namespace, of.uid, of.resource_version, nested)


class _ListMeta(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    more: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()
    items: tuple[_Item, ...] | None = ()


class _Items(msgspec.Struct, frozen=True):
    items: tuple[msgspec.Raw, ...] | None = ()


class _Kinded(msgspec.Struct, frozen=True):
    kind: str = ""


class _Change(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Failure(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


_list = decoder(_List)
_items = decoder(_Items)
_kinded = decoder(_Kinded)
_change = decoder(_Change)
_item = decoder(_Item)
_failure = decoder(_Failure)


def page(content: bytes, kind: Kind) -> tuple[Page, str]:
    """A part of a list, and the token of the next one, which is empty where there is none.

    Raises:
        ClusterError: it is no list.
    """
    try:
        read = _list(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ClusterError(f"the cluster sent a list of `{kind.plural}` that can't be read: {error}") from error
    heads = tuple(item.head for item in read.items or ())
    return Page(content, read.metadata.resource_version, heads), read.metadata.more


def objects(of: Page, kind: Kind) -> tuple[bytes, ...]:
    """The objects of a part of a list, as the bytes that came; their kind is added where only the list says it."""
    return tuple(_typed(bytes(item), kind) for item in _items(of.content).items or ())


def _typed(content: bytes, kind: Kind) -> bytes:
    if _kinded(content).kind:
        return content
    stated = msgspec.json.encode({"apiVersion": kind.api_version, "kind": kind.kind})
    rest = content.lstrip()[1:].lstrip()
    return stated[:-1] + (b"" if rest.startswith(b"}") else b",") + rest


def events(lines: Iterable[bytes], kind: Kind) -> Iterator[Event]:
    """The changes that a watch tells.

    Raises:
        GoneError: the version that the watch began with is forgotten.
        ClusterError: the watch failed, or says what can't be read.
    """
    for line in lines:
        try:
            change = _change(line)
            content = bytes(change.object)
            if change.type == "ERROR":
                raise _refusal(_failure(content), kind)
            yield Event(change.type, _item(content).head, content)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ClusterError(f"the watch of `{kind.plural}` said what can't be read: {error}") from error


def _refusal(failure: _Failure, kind: Kind) -> ClusterError:
    if failure.code == _GONE:
        return GoneError(f"the cluster forgot where the watch of `{kind.plural}` was: {failure.message}")
    return ClusterError(f"the watch of `{kind.plural}` failed: {failure.message}")


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream. Only a line feed ends one: objects may hold every other character that ends lines.

    Raises:
        ClusterError: a line does not end.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for one in whole:
            line = b"".join((*parts, one))
            parts, size = [], 0
            if line.strip():
                yield line
        parts.append(rest)
        size += len(rest)
        if size > _MOST:
            raise ClusterError(f"the cluster sent a change of more than {_MOST >> 20} MiB")
    if line := b"".join(parts).strip():
        yield line
