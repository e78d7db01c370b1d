"""What provenance says of who built an image and from what, in the forms that builders write.

A form that is not known says nothing, so what is demanded of it is not fulfilled.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from attest_governance.attestations.verdict import Check, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attest_governance.attestations.terms import Terms

_SOURCES = (("workflow", "repository"), ("configSource", "uri"), ("source", "uri"), ("source",), ("repository",))
"""Where builders name the source among the external parameters of SLSA v1: GitHub, BuildKit, others."""
_REVISION = re.compile(r"[#@?].*$", re.DOTALL)


def text_at(value: object, *keys: str) -> str:
    """The text in nested objects; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def check_source(predicate: Mapping[str, Any], terms: Terms) -> Check:
    """Whether provenance names sources, and none that is not wanted."""
    found = sorted(set(sources_in(predicate)))
    if not found:
        return failed("source", "it names no repository of sources")
    other = [one for one in found if not any(fnmatchcase(one, glob) for glob in terms.source_repositories)]
    if other:
        return failed("source", f"built from `{other[0]}`, which is none of the repositories that are wanted")
    return passed("source", f"built from {', '.join(f'`{one}`' for one in found)}")


def builder_of(predicate: Mapping[str, Any]) -> str:
    """The id of the builder that SLSA v1 names, or v0.2; empty where one names both, or none."""
    found = [text_at(predicate, "runDetails", "builder", "id"), text_at(predicate, "builder", "id")]
    named = [one for one in found if one]
    return named[0] if len(named) == 1 else ""


def sources_in(predicate: Mapping[str, Any]) -> Iterator[str]:
    """The repositories of sources that SLSA v1 or v0.2 names, without revisions: parameters, and what git fetched."""
    built = predicate.get("buildDefinition")
    definition = built if isinstance(built, dict) else {}
    for keys in _SOURCES:
        for parameters in (definition.get("externalParameters"), predicate.get("invocation")):
            if found := text_at(parameters, *keys):
                yield _plain(found)
    for one in [*_listed(definition.get("resolvedDependencies")), *_listed(predicate.get("materials"))]:
        uri = text_at(one, "uri")
        by_git = text_at(one, "digest", "gitCommit") or text_at(one, "digest", "sha1")
        if uri.startswith("git+") or (by_git and not uri.startswith("pkg:")):
            yield _plain(uri)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _plain(uri: str) -> str:
    """A repository without `git+`, revision and `.git`. What stands before its host is kept, and matches nothing."""
    scheme, separator, rest = uri.removeprefix("git+").partition("://")
    host, slash, path = rest.partition("/")
    named = _REVISION.sub("", path).removesuffix(".git")
    if "%" in named or {".", ".."} & set(named.split("/")):
        return f"unclear: {uri}"
    return f"{scheme}{separator}{host}{slash}{named}"
