"""A bundle holds what its folder holds: a link is refused where it stands, and nothing is left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.selection.conftest import Write, attest, project, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Attest

__all__ = ["attest", "project", "write"]

LINKS = {
    "to a policy within": ("again.rego", "owner.rego"),
    "to a folder within": ("again", "labels"),
    "to data within": ("data.json", "labels/data.json"),
    "to a policy out of the folder": ("other.rego", "../outside/other.rego"),
    "to a folder out of the folder": ("other", "../outside"),
    "to a document of the machine": ("data.yaml", "/etc/hostname"),
    "that leads nowhere": ("gone.rego", "nowhere"),
    "to itself": ("self.rego", "self.rego"),
    "round in circles": ("loop", "."),
    "in a folder below": ("labels/up", ".."),
    "to another link": ("labels/data.yaml", "../../link.json"),
}
BUILD = ("policy", "bundle", "build")


@pytest.fixture(autouse=True)
def _files(project: Path, write: Write) -> None:
    write(
        {
            "policies/owner.rego": 'package owner\n\nviolation contains "no owner" if data.labels.name == "owner"\n',
            "policies/labels/data.json": '{"name": "owner"}',
            "outside/other.rego": "package other\n",
        }
    )
    (project / "link.json").symlink_to("policies/labels/data.json")


@pytest.mark.parametrize(("link", "to"), LINKS.values(), ids=LINKS)
def test_a_link_is_refused_where_it_stands(attest: Attest, project: Path, link: str, to: str) -> None:
    (project / "policies" / link).symlink_to(to)
    ran = attest(*BUILD, "policies", "-o", "b.tar.gz", code=2)
    assert f"policies/{link}" in ran.err
    assert not (project / "b.tar.gz").exists()


def test_a_link_that_no_policy_is_read_from_stays_outside(attest: Attest, project: Path) -> None:
    attest(*BUILD, "policies", "-o", "b.tar.gz", code=0)
    (project / "policies" / "LICENSE").symlink_to("/etc/hostname")
    attest(*BUILD, "policies", "-o", "again.tar.gz", code=0)
    assert (project / "again.tar.gz").read_bytes() == (project / "b.tar.gz").read_bytes()


def test_the_folder_itself_may_be_named_by_a_link(attest: Attest, project: Path) -> None:
    attest(*BUILD, "policies", "-o", "b.tar.gz", code=0)
    (project / "current").symlink_to("policies")
    attest(*BUILD, "current", "-o", "again.tar.gz", code=0)
    assert (project / "again.tar.gz").read_bytes() == (project / "b.tar.gz").read_bytes()
