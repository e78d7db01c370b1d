"""What policies may look up is read as strictly as what they judge: what it lacks changes verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest

TAKEN = """\
# METADATA
# custom:
#   name: taken
#   inventory: [Ingress]
package taken

violation contains {"msg": sprintf("host %s is taken by %s", [host, name])} if {
	host := input.resource.spec.rules[_].host
	other := data.inventory.namespace[_]["networking.k8s.io/v1"].Ingress[name]
	other.spec.rules[_].host == host
	name != input.resource.metadata.name
}
"""
OTHER = 'package other\n\nviolation contains {"msg": "no"} if input.resource.kind == "Nothing"\n'
NEW = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: new, namespace: b}
spec: {rules: [{host: a.com}]}
"""
KNOWN = NEW.replace("name: new", "name: old")
FOUND = "host a.com is taken by old"
CASES: dict[str, tuple[dict[str, str], int, str]] = {
    "an object": ({"known.yaml": KNOWN}, 1, FOUND),
    "its kind on another line": ({"known.yaml": KNOWN.replace("kind: Ing", "kind:\n  Ing")}, 1, FOUND),
    "its kind in a block": ({"known.yaml": KNOWN.replace("kind: Ingress", "kind: |-\n  Ingress")}, 1, FOUND),
    "its kind with an escape": ({"known.yaml": KNOWN.replace("kind: Ingress", 'kind: "Ing\\x72ess"')}, 1, FOUND),
    "its kind as base64": ({"known.yaml": KNOWN.replace("Ingress", "!!binary SW5ncmVzcw==")}, 1, FOUND),
    "its kind from its list": (
        {
            "known.yaml": "apiVersion: networking.k8s.io/v1\nkind: IngressList\nitems:\n- "
            + KNOWN.split("\n", 2)[2].replace("\n", "\n  ")
        },
        1,
        FOUND,
    ),
    "a list": ({"known.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + KNOWN.replace("\n", "\n  ")}, 1, FOUND),
    "one broken document beside it": ({"known.yaml": KNOWN + "---\na: b: c\n"}, 2, "mapping values"),
    "a broken file beside it": ({"known.yaml/a.yaml": KNOWN, "known.yaml/b.yaml": "kind: [\n"}, 2, "b.yaml:2"),
    "a file that is not there": ({}, 2, "no such file or folder"),
    "a text in UTF-16": ({"known.yaml": "\udcff\udcfea\x00"}, 2, "UTF-16"),
    "keys that collide": ({"known.yaml": KNOWN.replace("name: old", 'name: old, labels: {1: a, "1": b}')}, 2, "quotes"),
    "bytes without meaning": ({"known.yaml": "\udcff\udc80"}, 2, "manifest_syntax"),
    "a hundred thousand levels": ({"known.yaml": "a: " + "[" * 100_000}, 2, "max depth"),
}


def fill(project: Path, files: dict[str, str]) -> None:
    for name, text in {"taken.rego": TAKEN, "other.rego": OTHER, "new.yaml": NEW, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("case", CASES)
def test_the_inventory_is_read_or_refused(attest: Attest, project: Path, case: str) -> None:
    files, code, said = CASES[case]
    fill(project, files)
    ran = attest("policy", "check", "new.yaml", "-p", "taken.rego", "--inventory", "known.yaml", code=code)
    assert said in ran.out


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][1] == 2])
def test_it_is_refused_even_where_no_policy_looks_at_it(attest: Attest, project: Path, case: str) -> None:
    files, code, said = CASES[case]
    fill(project, files)
    ran = attest("policy", "check", "new.yaml", "-p", "other.rego", "--inventory", "known.yaml", code=code)
    assert said in ran.out


def test_what_is_skipped_in_it_is_said(attest: Attest, project: Path) -> None:
    fill(project, {"known.yaml": "{{- if .x }}\n" + KNOWN + "{{- end }}\n"})
    arguments = ("new.yaml", "-p", "taken.rego", "--inventory", "known.yaml", "--verbose")
    ran = attest("policy", "check", *arguments, code=0)
    assert "skipped: known.yaml:1: a template" in ran.out
