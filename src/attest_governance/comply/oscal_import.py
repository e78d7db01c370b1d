"""Catalogs and profiles of OSCAL (JSON) as frameworks, for a project to map its policies to.

What they hold of text is other people's: ids and titles are taken over, and no file elsewhere is read for a profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.decoding import convert
from attest_governance.errors import ConfigurationError
from attest_governance.load.documents import parse_document
from attest_governance.model.compliance import Control, Framework

if TYPE_CHECKING:
    from attest_governance.load.files import Files

MAX_BYTES = 64 << 20
MANUAL = "That the control is met: no policy is mapped to it."
_DEEPEST = 8


class _Metadata(msgspec.Struct, frozen=True):
    title: str = ""
    version: str = ""


class _Prop(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Control(msgspec.Struct, frozen=True):
    id: str
    title: str = ""
    props: tuple[_Prop, ...] = ()
    controls: tuple[_Control, ...] = ()

    @property
    def withdrawn(self) -> bool:
        return any(one.name == "status" and one.value.lower() == "withdrawn" for one in self.props)


class _Group(msgspec.Struct, frozen=True):
    title: str = ""
    groups: tuple[_Group, ...] = ()
    controls: tuple[_Control, ...] = ()


class _Catalog(msgspec.Struct, frozen=True):
    metadata: _Metadata
    groups: tuple[_Group, ...] = ()
    controls: tuple[_Control, ...] = ()


class _Matching(msgspec.Struct, frozen=True):
    pattern: str = ""


class _Selected(msgspec.Struct, frozen=True, rename="kebab"):
    with_ids: tuple[str, ...] = ()
    with_child_controls: str = "no"
    matching: tuple[_Matching, ...] = ()

    def means(self, control: str, above: Sequence[str]) -> bool:
        """Whether a control is meant, or one of those that it is an enhancement of, if those are wanted too."""
        meant = (control, *above) if self.with_child_controls == "yes" else (control,)
        return any(
            one in self.with_ids or any(fnmatchcase(one, each.pattern) for each in self.matching) for one in meant
        )


class _Import(msgspec.Struct, frozen=True, rename="kebab"):
    href: str
    include_all: dict[str, Any] | None = None
    include_controls: tuple[_Selected, ...] = ()
    exclude_controls: tuple[_Selected, ...] = ()

    def means(self, control: str, above: Sequence[str]) -> bool:
        """Whether a control is imported: all of them where nothing is said of which."""
        every = self.include_all is not None or not self.include_controls
        included = every or any(one.means(control, above) for one in self.include_controls)
        return included and not any(one.means(control, above) for one in self.exclude_controls)


class _Resource(msgspec.Struct, frozen=True):
    uuid: str
    rlinks: tuple[dict[str, Any], ...] = ()


class _BackMatter(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


class _Profile(msgspec.Struct, frozen=True, rename="kebab"):
    metadata: _Metadata
    imports: tuple[_Import, ...]
    back_matter: _BackMatter = _BackMatter()


class _Document(msgspec.Struct, frozen=True):
    catalog: _Catalog | None = None
    profile: _Profile | None = None


class _Listed(msgspec.Struct, frozen=True):
    """A control where it stands in a catalog."""

    control: Control
    above: tuple[str, ...] = ()
    """The controls that it is an enhancement of, the nearest last."""
    withdrawn: bool = False


class _Read(msgspec.Struct, frozen=True):
    """What a catalog holds, or a profile selects."""

    metadata: _Metadata
    controls: tuple[_Listed, ...]


def read_oscal(path: Path, shown: str, files: Files) -> Framework:
    """A catalog, or what a profile selects of the catalogs beside it, as a framework.

    Raises:
        ConfigurationError: the file is neither, or a profile names what is not beside it, or not in it.
    """
    read = _read(path, shown, files, ())
    controls = tuple(one.control for one in read.controls if not one.withdrawn)
    if not controls:
        raise ConfigurationError("the file selects no control", file=shown, hint="name another")
    title = " ".join(read.metadata.title.split()) or path.stem
    return Framework(path.stem, title, read.metadata.version, controls=controls, files=(shown,))


def _read(path: Path, shown: str, files: Files, above: tuple[Path, ...]) -> _Read:
    if path in above or len(above) >= _DEEPEST:
        raise ConfigurationError("profiles import one another in a circle", file=shown, hint="let none import itself")
    document = _document(path, shown, files)
    if document.catalog is not None:
        return _Read(document.catalog.metadata, tuple(_controls(document.catalog, shown)))
    if document.profile is None:
        raise ConfigurationError("the file is no OSCAL catalog or profile", file=shown, hint="name one, as JSON")
    found = {one.control.id: one for one in _imported(document.profile, path, shown, files, (*above, path))}
    return _Read(document.profile.metadata, tuple(found.values()))


def _document(path: Path, shown: str, files: Files) -> _Document:
    data = files.read(path, "framework", limit=MAX_BYTES, shown=shown, error=ConfigurationError, pipes=False)
    try:
        document = parse_document(data, Path(shown), "framework")
        return convert(document, _Document)
    except msgspec.ValidationError as error:
        hint = "name a catalog or a profile of OSCAL"
        raise ConfigurationError(f"the framework is not shaped as OSCAL is: {error}", file=shown, hint=hint) from None


def _controls(catalog: _Catalog, shown: str) -> Iterator[_Listed]:
    yield from _listed(catalog.controls, "", shown, ())
    waiting = list(catalog.groups)
    while waiting:
        group = waiting.pop(0)
        yield from _listed(group.controls, " ".join(group.title.split()), shown, ())
        waiting = [*group.groups, *waiting]


def _listed(controls: Sequence[_Control], category: str, shown: str, above: tuple[str, ...]) -> Iterator[_Listed]:
    for one in controls:
        title = " ".join(one.title.split()) or one.id
        yield _Listed(Control(one.id, title, category, manual=(MANUAL,), file=shown), above, one.withdrawn)
        yield from _listed(one.controls, category, shown, (*above, one.id))


def _imported(profile: _Profile, path: Path, shown: str, files: Files, above: tuple[Path, ...]) -> Iterator[_Listed]:
    for one in profile.imports:
        other = _beside(one.href, profile, path, shown)
        read = _read(other, f"{Path(shown).parent / other.name}", files, above)
        known = {listed.control.id for listed in read.controls}
        named = (name for selected in one.include_controls for name in selected.with_ids)
        if lacking := [name for name in named if name not in known]:
            what = f"the profile selects `{lacking[0]}`, which is not in `{other.name}`"
            raise ConfigurationError(what, file=shown, hint="take the catalog that the profile is made for")
        yield from (listed for listed in read.controls if one.means(listed.control.id, listed.above))


def _beside(href: str, profile: _Profile, path: Path, shown: str) -> Path:
    """The file that a profile imports, which must lie beside it: no profile says what is read elsewhere.

    Raises:
        ConfigurationError: it does not.
    """
    named = [str(link.get("href", "")) for one in profile.back_matter.resources if href == f"#{one.uuid}"
             for link in one.rlinks]  # fmt: skip
    for one in named or [href]:
        found = path.parent / Path(one).name
        if found.suffix == ".json" and found.is_file() and found.resolve().parent == path.parent.resolve():
            return found
    raise ConfigurationError(
        f"the profile imports `{' or '.join(named) or href}`, which is not beside it",
        file=shown,
        hint="put the catalog into the same folder, as JSON",
    )
