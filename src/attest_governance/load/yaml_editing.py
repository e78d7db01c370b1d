"""Sets one value in a YAML text and leaves every other character as it is.

A change is a splice at the positions that the parser gave. Where the best place is not obvious,
several are tried in turn; each result is read again and must hold the old values with the new one
among them, else it is not used. So an edit is right or refused, and comments stay where they are.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import msgspec
import yaml

from attest_governance.errors import ConfigurationError
from attest_governance.load.yaml_positions import Mapping, Node, Scalar, Sequence
from attest_governance.load.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest_governance.load.settings import Key

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_INDENT = "  "


class _Step(msgspec.Struct, frozen=True):
    """One step down to a value: a key, or the entry of a list that has this name."""

    name: str
    listed: bool


def set_in_yaml(text: str, key: Key, rendered: str, file: str) -> str:
    """Sets a value; its mappings and its list entry are made where they are missing.

    Args:
        text: the document, possibly empty.
        key: the place of the value; the second part of `policies` is the name of a list's entry.
        rendered: the value as YAML on one line (see `render`).
        file: its name in error messages.

    Raises:
        ConfigurationError: the text is not valid, or can't be edited without touching other values.
    """
    root = read_yaml(text, file)
    steps = [_Step(str(part), key[0] == "policies" and index == 1) for index, part in enumerate(key)]
    expected = _with(_plain(root), steps, _plain(read_yaml(rendered, file)))
    for candidate in _edits(text, root, steps, rendered):
        try:
            if _plain(read_yaml(candidate, file)) == expected:
                return candidate
        except ConfigurationError:
            continue
    line = root.mark.line if root else 0
    raise ConfigurationError(
        f"can't set `{'.'.join(map(str, key))}` without changing something else", file=file, line=line,
        hint="edit the file by hand",
    )  # fmt: skip


def render(value: object) -> str:
    """A value as YAML on one line, quoted only where it must be."""
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{render(name)}: {render(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(render, value)) + "]"
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text):
        return False
    node = read_yaml(text, "")
    return isinstance(node, Scalar) and node.kind == "string"


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")


def _plain(node: Node | None) -> object:
    """A node without positions and styles, for comparison."""
    if isinstance(node, Mapping):
        return {name: _plain(entry.value) for name, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    return (node.kind, node.text) if node and node.kind != "null" else None


def _with(tree: object, steps: list[_Step], value: object) -> object:
    """The tree with the value in it: what the edited text must hold."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step.listed:
        items = list(tree) if isinstance(tree, list) else []
        found = next((index for index, item in enumerate(items) if _is_named(item, step.name)), None)
        if found is None:
            return [*items, _with({"name": ("string", step.name)}, rest, value)]
        return [*items[:found], _with(items[found], rest, value), *items[found + 1 :]]
    known = dict(tree) if isinstance(tree, dict) else {}
    return {**known, step.name: _with(known.get(step.name), rest, value)}


def _is_named(item: object, name: str) -> bool:
    return isinstance(item, dict) and item.get("name") == ("string", name)


def _edits(text: str, root: Node | None, steps: list[_Step], rendered: str) -> Iterator[str]:
    """The edits to try, the most natural first."""
    node, parent_indent = root, -len(_INDENT)
    colon = 0
    for depth, step in enumerate(steps):
        rest = steps[depth:]
        if node is None or (isinstance(node, Scalar) and node.kind == "null"):
            yield from _filled(text, node, rest, rendered, parent_indent)
            return
        below = _below(node, step)
        if below is None:
            yield from _inserted(text, node, rest, rendered)
            return
        if isinstance(node, Mapping):
            parent_indent = node.mark.column - 1
            colon = node.entries[step.name].key.end
        else:
            parent_indent = below.mark.column - 1
        node = below
    if node is not None:
        yield from _replaced(text, node, rendered, colon)


def _below(node: Node, step: _Step) -> Node | None:
    if isinstance(node, Mapping) and not step.listed:
        entry = node.entries.get(step.name)
        return entry.value if entry else None
    if isinstance(node, Sequence) and step.listed:
        return next((item for item in node.items if _is_named(_plain(item), step.name)), None)
    return None


def _replaced(text: str, node: Node, rendered: str, colon: int) -> Iterator[str]:
    start, end = node.mark.start, node.mark.end
    if isinstance(node, Scalar) and node.style in {"|", ">"}:
        yield text[:start] + rendered + _newline(text) + text[end:]
    elif isinstance(node, Scalar) or node.flow:
        space = "" if start and text[start - 1].isspace() else " "
        yield text[:start] + space + rendered + text[end:]
    else:
        # A block list or mapping: from the colon of its key to the end of its last value.
        behind = text.index(":", colon) + 1
        yield f"{text[:behind]} {rendered}{text[_last_leaf(node).mark.end :]}"


def _filled(text: str, node: Node | None, steps: list[_Step], rendered: str, parent_indent: int) -> Iterator[str]:
    """Gives content to a key that has none, or to an empty file."""
    newline = _newline(text)
    if node is None or parent_indent < 0:
        yield _appended(text, _block(steps, rendered, 0, newline), newline)
        return
    if node.mark.start == node.mark.end:
        at = _line_end(text, node.mark.start)
        indent = parent_indent + len(_INDENT)
        yield text[:at] + newline + " " * indent + _block(steps, rendered, indent, newline) + text[at:]
    yield text[: node.mark.start] + _flow(steps, rendered) + text[node.mark.end :]


def _inserted(text: str, node: Node, steps: list[_Step], rendered: str) -> Iterator[str]:
    """Adds a key to a mapping, or an entry to a list: at its end, else at its beginning."""
    newline = _newline(text)
    if isinstance(node, Scalar):
        return
    if node.flow:
        inner = _flow(steps, rendered)[1:-1]
        filled = bool(node.items if isinstance(node, Sequence) else node.entries)
        end = node.mark.end - 1
        yield text[:end].rstrip(" ") + (", " if filled else "") + inner + text[end:]
        yield text[: node.mark.start + 1] + inner + (", " if filled else "") + text[node.mark.start + 1 :]
        return
    indent = node.mark.column - 1
    block = _block(steps, rendered, indent, newline)
    leaf = _last_leaf(node)
    if isinstance(leaf, Scalar) and leaf.style in {"|", ">"}:
        at = leaf.mark.end
        yield text[:at] + " " * indent + block + newline + text[at:]
    else:
        at = _line_end(text, leaf.mark.end)
        yield text[:at] + newline + " " * indent + block + text[at:]
    yield _appended(text, " " * indent + block, newline)
    if isinstance(node, Mapping):
        yield text[: node.mark.start] + block + newline + " " * indent + text[node.mark.start :]


def _last_leaf(node: Node) -> Node:
    while not isinstance(node, Scalar) and not node.flow:
        node = node.items[-1] if isinstance(node, Sequence) else list(node.entries.values())[-1].value
    return node


def _block(steps: list[_Step], rendered: str, indent: int, newline: str) -> str:
    """The missing keys down to the value, in lines; the first line comes without indentation."""
    text = ""
    for index, step in enumerate(steps):
        if step.listed:
            text += f"- name: {render(step.name)}{newline}{' ' * (indent + 2)}"
        else:
            last = index == len(steps) - 1
            text += f"{render(step.name)}:"
            text += f" {rendered}" if last else f"{newline}{' ' * (indent + 2)}"
        indent += 2
    return text


def _flow(steps: list[_Step], rendered: str) -> str:
    """The missing keys down to the value, in braces."""
    text = rendered
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        text = f"[{{name: {render(step.name)}, {text[1:]}]" if step.listed else f"{{{render(step.name)}: {text}}}"
    return text


def _appended(text: str, block: str, newline: str) -> str:
    gap = "" if not text or text.endswith("\n") else newline
    return f"{text}{gap}{block}{newline}"


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    if found < 0:
        return len(text)
    return found - 1 if found > at and text[found - 1] == "\r" else found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
