"""Renders and judges for Argo CD, as its config management plugin: manifests where they are allowed, else none.

Argo CD runs the plugin in the folder of an application, with what it knows of it in the environment, takes standard
output for the manifests, and shows standard error where it ends with another code than 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from attest_governance.adapters.git import top
from attest_governance.adapters.git_fetch import Checkout
from attest_governance.controller.gitops.floor import Demands
from attest_governance.controller.gitops.judging import Judged, Means, Question, judge
from attest_governance.controller.gitops.manifests import Manifest, canonical
from attest_governance.controller.gitops.rendering import Wanted, manifests_of
from attest_governance.errors import UsageError

PARAMETERS = "ARGOCD_APP_PARAMETERS"
_NAME, _NAMESPACE = "ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE"
_KEYS = {"values": "array", "set": "array", "release": "string"}
"""The parameters of an application that are followed, and the key under which Argo CD gives each."""


class Generated(msgspec.Struct, frozen=True):
    """What became of an application."""

    judged: Judged
    manifests: tuple[Manifest, ...]

    @property
    def text(self) -> str:
        """The manifests as they were judged: documents of YAML, each in JSON."""
        return "".join(f"---\n{canonical(one.value)}\n" for one in self.manifests)


def generate(means: Means, folder: Path, variables: Mapping[str, str], now: datetime) -> Generated:
    """Renders and judges the folder of an application.

    Args:
        means: what to judge with; its configuration is that of who runs Argo CD.
        folder: where Argo CD runs the plugin.
        variables: what Argo CD says of the application.
        now: the moment of the judgement.

    Raises:
        AttestError: it can't be rendered, or nothing could be decided.
    """
    if _NAME not in variables:
        raise UsageError(f"`{_NAME}` is not set", hint="Argo CD runs this command; see docs/guides/gitops.md")
    root = top(folder) or folder
    checkout = Checkout(folder=root, commit="")
    wanted = _wanted(folder.relative_to(root).as_posix(), variables)
    manifests = manifests_of(checkout, wanted)
    question = Question(
        checkout=checkout, path=wanted.path, manifests=manifests, namespace=wanted.namespace, demands=Demands()
    )
    return Generated(judge(means, question, now), manifests)


def _wanted(path: str, variables: Mapping[str, str]) -> Wanted:
    given = _parameters(variables.get(PARAMETERS, ""))
    return Wanted(
        path=path,
        release=str(given.get("release") or variables[_NAME].rpartition("_")[2]),
        namespace=variables.get(_NAMESPACE, ""),
        value_files=tuple(given.get("values", ())),
        set_values=tuple(given.get("set", ())),
    )


def _parameters(text: str) -> dict[str, Any]:
    """What `spec.source.plugin.parameters` says, by name.

    Raises:
        UsageError: it says something that is not followed.
    """
    try:
        listed = json.loads(text or "[]") or []
    except ValueError:
        raise UsageError(f"`{PARAMETERS}` is no JSON") from None
    found = {}
    for one in listed:
        name = one.get("name") if isinstance(one, dict) else None
        if name not in _KEYS or _KEYS[name] not in one:
            hint = f"the parameters are {', '.join(f'`{key}` ({kind})' for key, kind in _KEYS.items())}"
            raise UsageError(f"the parameter `{name}` is none of this plugin", hint=hint)
        found[str(name)] = one[_KEYS[name]]
    return found
