"""Catalogs and profiles of OSCAL become frameworks, to which a project maps its policies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from attest_governance.comply.frameworks import Library, read_frameworks
from attest_governance.errors import AttestError
from attest_governance.load.files import Files
from attest_governance.model.compliance import Framework
from tests.cli.conftest import Attest
from tests.selection.conftest import Write

SHIPPED = Path(__file__).parents[2] / "frameworks"
CATALOG: dict[str, Any] = {
    "catalog": {
        "uuid": "x", "metadata": {"title": "Own catalog", "version": "1"},
        "groups": [{
            "id": "ac", "title": "Access",
            "controls": [
                {"id": "ac-1", "title": "Policy", "parts": [{"id": "p", "name": "statement", "prose": "Theirs."}]},
                {"id": "ac-2", "title": "Accounts", "controls": [{"id": "ac-2.1", "title": "Automation"}]},
                {"id": "ac-3", "title": "Gone", "props": [{"name": "status", "value": "withdrawn"}]},
            ],
        }],
    }
}  # fmt: skip


def profile(**more: Any) -> str:
    wish = {"href": "catalog.json", **more}
    return json.dumps({"profile": {"uuid": "y", "metadata": {"title": "Ours"}, "imports": [wish]}})


def read(project: Path, name: str) -> Framework:
    (found,) = read_frameworks((name,), Library(SHIPPED, project, project), Files())
    return found


def test_a_catalog_is_a_framework_without_its_text(project: Path, write: Write) -> None:
    write({"catalog.json": json.dumps(CATALOG)})
    found = read(project, "catalog.json")
    assert [(one.id, one.title, one.category) for one in found.controls] == [
        ("ac-1", "Policy", "Access"), ("ac-2", "Accounts", "Access"), ("ac-2.1", "Automation", "Access"),
    ]  # fmt: skip
    assert "Theirs" not in str(found)


SELECTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({"include-all": {}}, ["ac-1", "ac-2", "ac-2.1"]),
    "some by id": ({"include-controls": [{"with-ids": ["ac-2"]}]}, ["ac-2"]),
    "some by pattern": ({"include-controls": [{"matching": [{"pattern": "ac-2*"}]}]}, ["ac-2", "ac-2.1"]),
    "some with what enhances them": (
        {"include-controls": [{"with-ids": ["ac-2"], "with-child-controls": "yes"}]},
        ["ac-2", "ac-2.1"],
    ),
    "all but some with what enhances them": (
        {"include-all": {}, "exclude-controls": [{"with-ids": ["ac-2"], "with-child-controls": "yes"}]},
        ["ac-1"],
    ),
    "one that is withdrawn": ({"include-controls": [{"with-ids": ["ac-1", "ac-3"]}]}, ["ac-1"]),
    "all but one": ({"include-all": {}, "exclude-controls": [{"with-ids": ["ac-1"]}]}, ["ac-2", "ac-2.1"]),
}


@pytest.mark.parametrize(("wish", "ids"), SELECTED.values(), ids=SELECTED)
def test_a_profile_selects(wish: dict[str, Any], ids: list[str], project: Path, write: Write) -> None:
    write({"catalog.json": json.dumps(CATALOG), "profile.json": profile(**wish)})
    assert [one.id for one in read(project, "profile.json").controls] == ids


def test_policies_are_mapped_to_its_controls(write: Write, attest: Attest) -> None:
    write({
        "catalog.json": json.dumps(CATALOG),
        "own.yaml": "framework: own\nextends: [{framework: catalog.json}]\ncontrols:\n"
        "  - {id: ac-2, title: Accounts, policies: [{policy: rbac, kinds: [roles]}]}\n",
    })  # fmt: skip
    out = attest("compliance", "controls", "--framework", "own.yaml", code=0).out
    assert "ac-1          Policy: manual" in out
    assert "ac-2          Accounts: rbac" in out


def test_what_two_imports_select_is_there_once(project: Path, write: Write) -> None:
    twice = {"href": "catalog.json", "include-controls": [{"with-ids": ["ac-1"]}]}
    wished = {"profile": {"uuid": "y", "metadata": {"title": "Ours"}, "imports": [twice, twice]}}
    write({"catalog.json": json.dumps(CATALOG), "profile.json": json.dumps(wished)})
    assert [one.id for one in read(project, "profile.json").controls] == ["ac-1"]


def test_a_profile_of_another_catalog_is_refused(project: Path, write: Write) -> None:
    selects = profile(**{"include-controls": [{"with-ids": ["ac-1", "ac-99"]}]})
    write({"catalog.json": json.dumps(CATALOG), "profile.json": selects})
    with pytest.raises(AttestError, match="selects `ac-99`, which is not in"):
        read(project, "profile.json")


NIST = Path(os.environ.get("ATTEST_OSCAL_CONTENT", Path.home() / ".cache" / "attest-peers" / "oscal"))
"""Where NIST's catalogs are, as the repository of OSCAL content has them, in folders or in one."""


def nist(name: str) -> Path:
    """The file of NIST's, printed wide or close."""
    names = (f"NIST_SP-800-53_rev5_{name}{ending}.json" for ending in ("", "-min"))
    found = sorted(path for one in names for path in NIST.rglob(one)) if NIST.is_dir() else []
    if not found:
        pytest.skip(f"SKIPPED LOUDLY: no {name} of SP 800-53 in {NIST}; set ATTEST_OSCAL_CONTENT")
    return found[0]


CATALOGS = {"catalog": 900, "HIGH-baseline-resolved-profile_catalog": 350}
"""NIST's catalog and the largest of its baselines, and how many controls each has at least."""


@pytest.mark.parametrize(("name", "least"), CATALOGS.items(), ids=CATALOGS)
def test_the_catalog_of_800_53_is_a_framework(
    name: str, least: int, project: Path, write: Write, attest: Attest
) -> None:
    catalog = nist(name)
    found = read(project, str(catalog))
    ids = [one.id for one in found.controls]
    assert len(ids) == len(set(ids)) > least
    assert {"ac-1", "ac-2.1", "ac-3", "ac-6", "si-7"} <= set(ids)
    assert "ac-2.10" not in ids, "it is withdrawn"
    assert {"Access Control", "System and Information Integrity"} <= {one.category for one in found.controls}
    write({
        "own.yaml": f"framework: own\nextends: [{{framework: {catalog}, controls: [ac-3, ac-6]}}]\ncontrols:\n"
        "  - {id: ac-6, title: Least privilege, policies: [{policy: rbac, kinds: [roles]}]}\n",
    })  # fmt: skip
    out = attest("compliance", "controls", "--framework", "own.yaml", code=0).out
    assert "Least privilege: rbac" in out
    assert "Access Enforcement: manual" in out


def test_the_baselines_of_800_53_select_from_the_catalog(project: Path) -> None:
    nist("catalog")
    found = read(project, str(nist("LOW-baseline_profile")))
    assert 130 < len(found.controls) < 200


REFUSED = {
    "no JSON": ("{", "framework is not JSON"),
    "neither catalog nor profile": ("{}", "the file is no OSCAL catalog or profile"),
    "another shape": ('{"catalog": {"metadata": []}}', "not shaped as OSCAL is"),
    "no control": ('{"catalog": {"metadata": {"title": "x"}}}', "the file selects no control"),
    "a file elsewhere": (profile(href="../../etc/passwd"), "`../../etc/passwd`, which is not beside it"),
    "a server": (profile(href="https://example.com/c.json"), "which is not beside it"),
    "itself": (profile(href="x.json"), "profiles import one another in a circle"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_catalog_is_refused(text: str, message: str, project: Path, write: Write) -> None:
    write({"x.json": text})
    with pytest.raises(AttestError) as refused:
        read(project, "x.json")
    assert message in str(refused.value)


def test_a_link_leads_nowhere_else(project: Path, write: Write, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps(CATALOG))
    write({"profile.json": profile()})
    (project / "catalog.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(AttestError, match="not beside it"):
        read(project, "profile.json")
