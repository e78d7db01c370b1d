"""Finds and reads frameworks: those that ship, those of the project, and files that are named (ADR 0053)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from attest_governance.comply.framework_keys import KINDS, ControlKeys, ExtendsKeys, FrameworkKeys, PolicyKeys
from attest_governance.errors import ConfigurationError
from attest_governance.load.decoding import Decoder
from attest_governance.load.files import decode_text
from attest_governance.load.settings import Control as Listed
from attest_governance.load.settings import Key, Source
from attest_governance.model.compliance import Control, Framework, Serving

if TYPE_CHECKING:
    from attest_governance.load.files import Files
    from attest_governance.load.yaml_positions import Mark

PROJECT_FOLDER = Path(".attest", "frameworks")
MAX_BYTES = 4 << 20
MAX_FILES = 200
"""Files of one framework."""
_ENDINGS = (".yaml", ".yml")
_OSCAL = ".json"
"""The ending of catalogs and profiles of OSCAL."""
_DEEPEST = 8
"""Frameworks that extend one another."""


class Library(msgspec.Struct, frozen=True):
    """Where frameworks are found by name."""

    shipped: Path
    project: Path | None = None
    """The folder that holds `.attest`."""
    start: Path = Path()
    """The working directory, at which paths begin."""

    def names(self) -> dict[str, Path]:
        """The frameworks that there are, by name; those of the project come before shipped ones of their name."""
        folders = (self.shipped, *((self.project / PROJECT_FOLDER,) if self.project else ()))
        return {_name(path): path for folder in folders if folder.is_dir() for path in _entries(folder)}


class _Part(msgspec.Struct, frozen=True):
    """What one file says, and where."""

    keys: FrameworkKeys
    sources: Mapping[Key, Source]
    file: str


def read_frameworks(names: Sequence[str], library: Library, files: Files) -> tuple[Framework, ...]:
    """The frameworks of these names or paths, in this order.

    Raises:
        ConfigurationError: there is none of a name, or a file is wrong: with every error of it.
    """
    read = [_read(name, library, files, ()) for name in dict.fromkeys(names)]
    for index, one in enumerate(read):
        if any(one.name == other.name for other in read[:index]):
            raise ConfigurationError(f"two frameworks are named `{one.name}`", file=one.files[0], hint="name one")
    return tuple(read)


def _read(name: str, library: Library, files: Files, above: tuple[str, ...]) -> Framework:
    path = _find(name, library)
    if str(path) in above or len(above) >= _DEEPEST:
        hint = "let no framework extend itself, nor more than 8 one another"
        raise ConfigurationError("frameworks extend one another in a circle", file=str(path), hint=hint)
    if path.suffix == _OSCAL:
        from attest_governance.comply.oscal_import import read_oscal  # noqa: PLC0415 - few frameworks are OSCAL

        return read_oscal(path, _shown(path, library), files)
    parts = [_part(file, library, files) for file in _files(path)]
    return _joined(parts, path, library, files, (*above, str(path)))


def _find(name: str, library: Library) -> Path:
    """A name is looked up, with the name of one of its files behind a slash; whatever else could be a path is one.

    Raises:
        ConfigurationError: there is no such framework.
    """
    known = library.names()
    if name in known:
        return known[name]
    whole, _, part = name.partition("/")
    for ending in _ENDINGS:
        if part and whole in known and (known[whole] / f"{part}{ending}").is_file():
            return known[whole] / f"{part}{ending}"
    path = library.start / name
    if ("/" in name or name.endswith((*_ENDINGS, _OSCAL))) and path.exists():
        return path
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(sorted(known))}; or name a file"
    raise ConfigurationError(f"no framework is named `{name}`", hint=hint)


def _entries(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir() or path.suffix in (*_ENDINGS, _OSCAL))


def _name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [one for one in sorted(path.iterdir()) if one.suffix in _ENDINGS]
    if not found or len(found) > MAX_FILES:
        what = "no file of a framework is in the folder" if not found else f"there are more than {MAX_FILES} files"
        raise ConfigurationError(what, file=str(path), hint="put its `.yaml` files there")
    return found


def _part(path: Path, library: Library, files: Files) -> _Part:
    """Reads one file.

    Raises:
        ConfigurationError: with every error of it.
    """
    from attest_governance.load.yaml_reader import Dialect, read_yaml  # noqa: PLC0415 - its parser is slow to import

    shown = _shown(path, library)
    data = files.read(path, "framework", limit=MAX_BYTES, shown=shown, error=ConfigurationError, pipes=False)
    text = decode_text(data, "framework", shown, ConfigurationError)
    decoder = Decoder(lambda value, key: _source(shown, value, key))
    keys = decoder.section(read_yaml(text, shown, Dialect(what="framework", number_keys=True)), FrameworkKeys)
    if decoder.errors or keys is None:
        raise ConfigurationError.of(decoder.errors)
    return _Part(keys, decoder.sources, shown)


def _source(shown: str, value: Mark, key: Mark) -> Source:
    return Source("file", "", shown, value.line, value.column, key.line, key.column)


def _shown(path: Path, library: Library) -> str:
    """A file as its reader knows it: from the working directory, or by its place among those that ship."""
    if path.is_relative_to(library.shipped):
        return f"frameworks/{path.relative_to(library.shipped).as_posix()}"
    return str(path.relative_to(library.start)) if path.is_relative_to(library.start) else str(path)


def _joined(parts: Sequence[_Part], path: Path, library: Library, files: Files, above: tuple[str, ...]) -> Framework:
    """The parts as one framework; what it takes over from others comes first.

    Raises:
        ConfigurationError: the parts contradict one another.
    """
    first = parts[0]
    name = first.keys.framework
    for part in parts:
        if part.keys.framework != name:
            raise _wrong(part, ("framework",), f"the files of a folder are one framework, `{name}` by {first.file}")
    prefix = _only(parts, "prefix")
    taken = [_taken(part, wish, library, files, above) for part in parts for wish in part.keys.extends]
    own = [_control(part, keys) for part in parts for keys in part.keys.controls]
    framework = Framework(
        name=name,
        title=_only(parts, "title") or name,
        version=_only(parts, "version"),
        reference=_only(parts, "reference"),
        prefix=prefix,
        controls=_unique([control for controls in taken for control in controls], own),
        files=tuple(part.file for part in parts),
        shipped=path.is_relative_to(library.shipped),
    )
    if not framework.controls:
        raise _wrong(first, ("controls",), f"the framework `{name}` has no controls", "list some, or extend another")
    return framework


def _only(parts: Sequence[_Part], field: str) -> str:
    """What the one part says that says anything."""
    said = [(part, str(getattr(part.keys, field))) for part in parts if getattr(part.keys, field)]
    for part, value in said[1:]:
        if value != said[0][1]:
            raise _wrong(part, (field,), f"`{field}` is another in {said[0][0].file}", "say it in one of the files")
    return said[0][1] if said else ""


def _unique(taken: Iterable[Control], own: Iterable[Control]) -> tuple[Control, ...]:
    """A framework's own control replaces the one of its id that it takes over; else an id is given once.

    Raises:
        ConfigurationError: an id is given twice.
    """
    found = {control.id: control for control in taken}
    given: dict[str, Control] = {}
    for control in own:
        if control.id in given:
            raise ConfigurationError(
                f"the control `{control.id}` is given twice",
                file=control.file,
                line=control.line,
                column=control.column,
                hint=f"it is first given at {given[control.id].file}:{given[control.id].line}",
            )
        given[control.id] = found[control.id] = control
    return tuple(found.values())


def _taken(
    part: _Part, wish: ExtendsKeys, library: Library, files: Files, above: tuple[str, ...]
) -> tuple[Control, ...]:
    """The controls that a part takes over from another framework.

    Raises:
        ConfigurationError: it has none of a name.
    """
    other = _read(wish.framework, library, files, above)
    for index, glob in enumerate(wish.controls):
        if not any(fnmatchcase(control.id, glob) for control in other.controls):
            key = ("extends", wish.framework, "controls", index)
            raise _wrong(part, key, f"`{other.name}` has no control `{glob}`")
    wanted = wish.controls or ("*",)
    return tuple(one for one in other.controls if any(fnmatchcase(one.id, glob) for glob in wanted))


def _control(part: _Part, keys: ControlKeys) -> Control:
    at = part.sources.get(("controls", keys.id), Source("file", file=part.file))
    return Control(
        id=keys.id,
        title=keys.title,
        category=keys.category,
        policies=tuple(_serving(part, keys, one) for one in keys.policies),
        manual=keys.manual,
        limits=keys.limits,
        file=part.file,
        line=at.line,
        column=at.column,
    )


def _serving(part: _Part, control: ControlKeys, keys: PolicyKeys) -> Serving:
    at = part.sources.get(("controls", control.id, "policies", keys.policy), Source("file"))
    return Serving(
        policy=keys.policy,
        rules=keys.rules,
        kinds=tuple(kind for one in keys.kinds for kind in KINDS.get(one, (one,))),
        parameters=keys.parameters,
        needs=keys.needs,
        line=at.line,
        column=at.column,
    )


def with_list(framework: Framework, listed: Sequence[Listed]) -> Framework:
    """A framework whose controls are served by the policies that a project lists for them (§8), where it lists any."""
    kinds: dict[str, tuple[str, ...]] = {}
    for control in framework.controls:
        for one in control.policies:
            kinds[one.policy] = tuple(dict.fromkeys((*kinds.get(one.policy, ()), *one.kinds)))
    own = {one.control: (Serving(one.policy, kinds=kinds.get(one.policy, ())),) for one in listed}
    controls = tuple(msgspec.structs.replace(one, policies=own.get(one.id, one.policies)) for one in framework.controls)
    return msgspec.structs.replace(framework, controls=controls)


def _wrong(part: _Part, key: Key, message: str, hint: str = "") -> ConfigurationError:
    found = next((part.sources[key[:end]] for end in range(len(key), 0, -1) if key[:end] in part.sources), None)
    at = found or Source("file", file=part.file)
    return ConfigurationError(message, file=part.file, line=at.line, column=at.column, hint=hint)
