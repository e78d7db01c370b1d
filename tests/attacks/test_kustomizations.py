"""A kustomization may say that a document is a patch; it hides nothing by that.

Only a part of a resource, of which the whole is judged in the same run, is told apart: its findings are warnings. That
holds where kustomizations are left as they are; what they render to is judged in tests/rendering.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Attest
from tests.govern.people import RULES, govern

POLICY = """\
package privileged

violation contains {"msg": sprintf("privileged: %s", [container.name])} if {
	some container in object.get(pod, ["spec", "containers"], [])
	container.securityContext.privileged == true
}

pod := input.resource if input.resource.kind == "Pod"
pod := input.resource.spec.template if input.resource.kind != "Pod"
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
"""
PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, securityContext: {privileged: true}}]}}}
"""
TWIN = WEB.replace("image: web:1", "image: web:1, securityContext: {privileged: true}")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: web:1, securityContext: {privileged: true}}]}
"""
ROOT = """\
package cluster_admin

violation contains {"msg": "grants everything"} if input.resource.roleRef.name == "cluster-admin"
"""
BINDING = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\n"
GRANT = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}\n"
LISTED = "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n"
KUSTOMIZATION = "k8s/kustomization.yaml"
TREE = {KUSTOMIZATION: LISTED, "k8s/web.yaml": WEB, "k8s/patch.yaml": PATCH}


def fill(project: Path, files: dict[str, str]) -> None:
    """Writes policies and manifests."""
    for name, text in {"p/privileged.rego": POLICY, "p/root.rego": ROOT, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)


def check(attest: Attest, project: Path, files: dict[str, str], *more: str, code: int) -> dict[str, Any]:
    """What `attest policy check k8s` says of the files."""
    fill(project, files)
    return attest("policy", "check", "k8s", "--no-render", "-p", "p", "--format", "json", *more, code=code).json()


def without(name: str) -> dict[str, str]:
    """The tree but for one file."""
    return {key: text for key, text in TREE.items() if key != name}


def listing(text: str, **more: str) -> dict[str, str]:
    """The tree with another kustomization, and more files below `k8s`: `_` in a name is `.`, and `__` is `/`."""
    named = {f"k8s/{name.replace('__', '/').replace('_', '.')}": content for name, content in more.items()}
    return {**TREE, KUSTOMIZATION: text, **named}


WHOLE: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no target among the inputs": (without("k8s/web.yaml"), ()),
    "a target of another kind": ({**TREE, "k8s/web.yaml": WEB.replace("Deployment", "StatefulSet")}, ()),
    "a target of another group": ({**TREE, "k8s/web.yaml": WEB.replace("apps/v1", "example.com/v1")}, ()),
    "a target of another name": ({**TREE, "k8s/web.yaml": WEB.replace("{name: web}\nspec", "{name: api}\nspec")}, ()),
    "a target in another namespace": (
        {
            **TREE,
            "k8s/web.yaml": WEB.replace("{name: web}\nspec", "{name: web, namespace: a}\nspec"),
            "k8s/patch.yaml": PATCH.replace("{name: web}\nspec", "{name: web, namespace: b}\nspec"),
        },
        (),
    ),
    "a target that is excluded": (TREE, ("--exclude", "k8s/web.yaml")),
    "a target that is skipped": ({**TREE, "k8s/web.yaml": "# {{- x }}\n- " + WEB.replace("\n", "\n  ")}, ()),
    "a target that can be looked up, and is not judged": (
        {**without("k8s/web.yaml"), "around/web.yaml": WEB},
        ("--inventory", "around"),
    ),
    "a target that is a patch itself": (
        {
            **listing("patches: [{path: patch.yaml}, {path: other.yaml}]\n", other_yaml=PATCH),
            "k8s/web.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
        },
        (),
    ),
    "a target that is the patch itself": ({**without("k8s/web.yaml"), "k8s/patch.yaml": f"{PATCH}---\n{PATCH}"}, ()),
    "a document that stands on its own, with a twin": ({**TREE, "k8s/patch.yaml": TWIN}, ()),
    "a Pod that stands on its own, with a twin": (
        {**TREE, "k8s/web.yaml": POD.replace("true", "false"), "k8s/patch.yaml": POD},
        (),
    ),
    "a binding that stands on its own, with a twin": (
        {
            **TREE,
            "k8s/web.yaml": BINDING + GRANT % "view",
            "k8s/patch.yaml": BINDING + GRANT % "cluster-admin",
        },
        (),
    ),
    "a selector that means another kind": (
        listing(
            "patches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n",
            map_yaml="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
        ),
        (),
    ),
    "a selector that matches nothing": (listing("patches: [{path: patch.yaml, target: {name: we}}]\n"), ()),
    "a selector by labels that match nothing": (
        listing("patches: [{path: patch.yaml, target: {labelSelector: 'a=b'}}]\n"),
        (),
    ),
    "a selector that is none": (listing("patches: [{path: patch.yaml, target: {name: '(('}}]\n"), ()),
    "a selector of another shape": (listing("patches: [{path: patch.yaml, target: [web]}]\n"), ()),
    "a file that a resource is listed in, too": (
        listing("resources: [web.yaml, patch.yaml]\npatches: [{path: patch.yaml}]\n"),
        (),
    ),
    "a file that another kustomization lists as a resource": (
        listing(LISTED, over__kustomization_yml="resources: [../patch.yaml]\n"),
        (),
    ),
    "a file outside of the kustomization's folder": (
        {**TREE, "k8s/a/kustomization.yaml": "patches: [{path: ../patch.yaml}]\n", KUSTOMIZATION: "resources: []\n"},
        (),
    ),
    "a patch of operations, which is none": (
        listing("patchesJson6902: [{path: patch.yaml, target: {kind: Deployment, name: web}}]\n"),
        (),
    ),
    "a kustomization that is a list": (listing("- patches: [{path: patch.yaml}]\n"), ()),
    "a kustomization of another kind": (listing("apiVersion: v1\nkind: ConfigMap\n" + LISTED), ()),
    "a kustomization of another version": (listing("apiVersion: v1\n" + LISTED), ()),
    "a kustomization of two documents": (listing(f"{LISTED}---\n{LISTED}"), ()),
    "a file that is called otherwise": ({**without(KUSTOMIZATION), "k8s/kustomize.yaml": LISTED}, ()),
    "a kustomization that is excluded": (TREE, ("--exclude", "k8s/kustomization.yaml")),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_not_a_part_of_a_resource_that_is_judged_is_a_resource(
    attest: Attest, project: Path, case: str
) -> None:
    files, more = WHOLE[case]
    report = check(attest, project, files, *more, code=1)
    assert report["violations"] >= 1
    assert all("fragment" not in finding["resource"] for finding in report["findings"])


UNREADABLE = {
    "a bomb of aliases": "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
    + LISTED,
    "a syntax error": LISTED + "a: b: c\n",
    "depth": LISTED + "a: " + "[" * 2000 + "]" * 2000 + "\n",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_kustomization_that_cannot_be_read_says_nothing(attest: Attest, project: Path, case: str) -> None:
    report = check(attest, project, listing(UNREADABLE[case]), code=2)
    assert [finding["enforcement"] for finding in report["findings"]] == ["strict"]
    assert [one["file"] for one in report["problems"] if one["severity"] == "error"] == [KUSTOMIZATION]


def test_a_huge_kustomization_costs_nothing_and_says_nothing(attest: Attest, project: Path) -> None:
    entries = "".join(f"- path: patch-{i}.yaml\n" for i in range(20_000))
    report = check(attest, project, listing(f"patches:\n{entries}- path: patch.yaml\n"), code=1)
    assert report["violations"] == 1


def test_a_path_through_a_link_outwards_is_no_patch(attest: Attest, project: Path) -> None:
    fill(project, {"k8s/a/kustomization.yaml": "patches: [{path: patch.yaml}]\n", "k8s/web.yaml": WEB})
    (project / "k8s/patch.yaml").write_text(PATCH)
    (project / "k8s/a/patch.yaml").symlink_to("../patch.yaml")
    report = attest("policy", "check", "k8s", "--no-render", "-p", "p", "--format", "json", code=1).json()
    assert report["violations"] == 1


def test_a_part_that_adds_a_violation_is_seen(attest: Attest, project: Path) -> None:
    report = check(attest, project, TREE, code=0)
    (finding,) = report["findings"]
    assert (finding["enforcement"], finding["message"]) == ("warn", "privileged: web")
    assert finding["resource"]["fragment"] == "k8s/kustomization.yaml:2"
    assert (report["warnings"], report["violations"], report["resources"]) == (1, 0, 2)


@pytest.mark.parametrize("more", [("--strict",), ("--governed",)])
def test_who_is_strict_denies_a_part_that_adds_a_violation(
    attest: Attest, project: Path, more: tuple[str, ...]
) -> None:
    assert check(attest, project, TREE, *more, code=1)["verdict"] == "deny"


def test_a_governed_project_knows_no_parts(attest: Attest, project: Path) -> None:
    govern(project, RULES)
    report = check(attest, project, TREE, code=1)
    assert (report["violations"], report["warnings"]) == (1, 0)


def test_the_first_finding_that_ends_a_run_is_not_that_of_a_part(attest: Attest, project: Path) -> None:
    files = {**TREE, "k8s/zoo.yaml": POD.replace("{name: web}\n", "{name: zoo}\n")}
    assert check(attest, project, files, "--fail-fast", code=1)["violations"] == 1


def test_what_a_hostile_kustomization_says_is_shown_and_not_obeyed(attest: Attest, project: Path) -> None:
    folder = "k8s/::error::\x1b[31m"
    fill(project, {f"{folder}/{name}": text for name, text in (
        ("kustomization.yaml", LISTED), ("web.yaml", WEB), ("patch.yaml", PATCH),
    )})  # fmt: skip
    for name in ("text", "table", "github", "junit", "sarif", "openreports", "json"):
        ran = attest("policy", "check", "k8s", "--no-render", "-p", "p", "--format", name, code=0)
        assert "\x1b" not in ran.out
        assert "\n::error::" not in ran.out
