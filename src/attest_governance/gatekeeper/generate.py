"""From plain policies to files that Gatekeeper reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from attest_governance.errors import InputError, OutputError, PolicyError
from attest_governance.evaluate.requests import TranslatePolicies
from attest_governance.gatekeeper.belonging import content, is_constraint, is_template, template_kind
from attest_governance.gatekeeper.objects import Object, Pair, Wanted, make_pair, manifest, object_name
from attest_governance.model import Enforcement, Problem
from attest_governance.model.problem import refuse
from attest_governance.model.sources import PolicySources, Selected
from attest_governance.report import write_file

if TYPE_CHECKING:
    from attest_governance.evaluate import Engine, LoadedPolicies, TemplatesAnswer
    from attest_governance.model import Policy

HEADER = "Made by `attest gatekeeper generate` from the policy"
_NO_NETWORK = "calls http.send, which Gatekeeper refuses where it runs with --disable-opa-builtin={http.send}"
_INVENTORY = "reads data.inventory: a cluster needs a SyncSet or Config that syncs the kinds it looks for"


class Recipe(msgspec.Struct, frozen=True):
    """What is to become Gatekeeper's: policies with what configuration says of them."""

    sources: PolicySources
    selected: tuple[Selected, ...]
    enforcement: Mapping[str, Enforcement | None] = {}
    severity: Mapping[str, str] = {}
    excluded_namespaces: tuple[str, ...] = ()

    @property
    def evidence(self) -> Mapping[str, Any] | None:
        """The evidence document, where one is given."""
        found = self.sources.data.get("attest", {})
        evidence = found.get("evidence") if isinstance(found, dict) else None
        return evidence if isinstance(evidence, dict) else None

    def wanted(self, name: str) -> Wanted:
        """What configuration makes of one policy."""
        parameters = next((one.parameters for one in self.selected if one.name == name), {})
        return Wanted(
            parameters, self.enforcement.get(name), self.severity.get(name, ""), self.evidence, self.excluded_namespaces
        )


class Generated(msgspec.Struct, frozen=True):
    """The policies as pairs, the selected Gatekeeper objects that stand beside them, and what to know of both."""

    pairs: tuple[Pair, ...]
    others: tuple[Object, ...]
    problems: tuple[Problem, ...]

    @property
    def objects(self) -> list[Object]:
        """Everything that a cluster is to hold.

        Raises:
            PolicyError: two objects have one name.
        """
        made = [each for pair in self.pairs for each in (pair.template, *pair.constraints)]
        return _distinct([*made, *map(content, self.others)])


class File(msgspec.Struct, frozen=True):
    """A file to be written: its name in the folder, its text, and the policy it is made from."""

    name: str
    text: str
    policy: str


class Written(msgspec.Struct, frozen=True):
    """What became of a file: `action` is created, updated, unchanged or stale."""

    policy: str
    file: str
    action: str


def generate(engine: Engine, loaded: LoadedPolicies, recipe: Recipe) -> Generated:
    """Turns every selected plain policy into a template with its constraints; what is loaded must be valid.

    Raises:
        PolicyError: a policy can't be turned; the message names the line.
        EngineError: the engine failed.
    """
    known = {policy.name: policy for policy in loaded.policies}
    names = tuple(one.name for one in recipe.selected if known[one.name].engine == "opa")
    answer = engine.ask(TranslatePolicies(recipe.sources, names))
    refuse(answer.problems)
    pairs = tuple(make_pair(each, known[each.policy], recipe.wanted(each.policy)) for each in answer.templates)
    others = _selected([each.value for each in answer.objects], {one.name for one in recipe.selected})
    return Generated(pairs, tuple(others), (*answer.problems, *_warnings(answer, known)))


def _selected(objects: Sequence[Object], names: set[str]) -> list[Object]:
    """Objects without the constraints that were not selected, and without templates that then have none."""
    constraints = [each for each in objects if is_constraint(each)]
    kept = [each for each in constraints if f"{each['kind']}/{each['metadata']['name']}" in names]
    idle = {each["kind"] for each in constraints} - {each["kind"] for each in kept}
    others = [each for each in objects if not is_constraint(each)]
    return [*(each for each in others if not (is_template(each) and template_kind(each) in idle)), *kept]


def _distinct(objects: list[Object]) -> list[Object]:
    seen: set[tuple[str, str, str]] = set()
    for each in objects:
        metadata = each["metadata"]
        key = (each["kind"], metadata.get("namespace", ""), metadata["name"])
        if key in seen:
            raise PolicyError(
                f"`{each['kind']}/{metadata['name']}` is there twice: generated, and as a manifest",
                hint="leave the policy or the manifest out of the policy folders",
            )
        seen.add(key)
    return objects


def _warnings(answer: TemplatesAnswer, known: Mapping[str, Policy]) -> list[Problem]:
    out = []
    for each in answer.templates:
        for holds, text in ((each.network, _NO_NETWORK), (each.inventory, _INVENTORY)):
            if holds:
                file = known[each.policy].file
                message = f"the template of `{each.policy}` {text}"
                out.append(Problem("warning", "gatekeeper_generate", message, file=file, policy=each.policy))
    return out


def files_of(pairs: Sequence[Pair]) -> tuple[File, ...]:
    """Two files for each policy: its template and its constraints."""
    out = []
    for pair in pairs:
        header = [f"{HEADER} {pair.policy}.", "It will be overwritten: change the policy or its configuration instead."]
        name = object_name(pair.policy)
        out.append(File(f"{name}-template.yaml", manifest([pair.template], header), pair.policy))
        out.append(File(f"{name}-constraint.yaml", manifest(pair.constraints, header), pair.policy))
    return tuple(out)


def write_files(files: Sequence[File], folder: Path, *, force: bool = False) -> tuple[Written, ...]:
    """Writes files into a folder; files of ours that no policy makes any more are only named (`stale`).

    With `force`, files that were not generated are replaced, too.

    Raises:
        OutputError: a file that was not generated is in the way, or can't be written. Nothing is
            written in the first case.
    """
    before = {each.name: _text(folder / each.name) for each in files}
    for name, text in before.items():
        if text is not None and not _is_ours(text) and not force:
            raise OutputError(
                "the file was not generated", file=str(folder / name), hint="name another folder, or give --force"
            )
    out = [_write(each, folder, before[each.name]) for each in files]
    return (*out, *_stale(folder, before))


def _write(file: File, folder: Path, before: str | None) -> Written:
    path = folder / file.name
    if before == file.text:
        return Written(file.policy, str(path), "unchanged")
    write_file(path, lambda out: out.write(file.text))
    return Written(file.policy, str(path), "created" if before is None else "updated")


def _stale(folder: Path, written: Mapping[str, object]) -> list[Written]:
    others = sorted(path for path in folder.glob("*.yaml") if path.name not in written)
    return [Written("", str(path), "stale") for path in others if _is_ours(_text(path) or "")]


def _is_ours(text: str) -> bool:
    return text.startswith(f"# {HEADER} ")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't read what is there already: {error}", file=str(path)) from error


def check_files(engine: Engine, written: Sequence[Written]) -> None:
    """Makes sure that Gatekeeper would take what was written.

    Raises:
        PolicyError: it would not.
    """
    paths = tuple(each.file for each in written if each.action != "stale")
    with engine.load(PolicySources(paths=paths, opa=False)) as loaded:
        refuse(loaded.problems)
