"""The reader of frameworks: what it takes, and what it refuses, with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest_governance.comply.frameworks import Library, read_frameworks
from attest_governance.errors import ConfigurationError
from attest_governance.load.files import Files
from attest_governance.model.compliance import Framework
from tests.selection.conftest import Write

SHIPPED = Path(__file__).parents[2] / "frameworks"
HEAD = "framework: own\n"


def read(project: Path, name: str = "own") -> Framework:
    (found,) = read_frameworks((name,), Library(SHIPPED, project, project), Files())
    return found


REFUSED = {
    "an unknown key": (
        HEAD + "controls:\n  - {id: a, title: A, polices: []}\n",
        "own.yaml:3:23: unknown key `polices` in `controls.a`",
    ),
    "a control without a title": (HEAD + "controls:\n  - {id: a}\n", "own.yaml:3:5: `controls.a` needs `title`"),
    "a control twice": (
        HEAD + "controls:\n  - {id: a, title: A}\n  - {id: a, title: B}\n",
        "own.yaml:4:5: `a` is listed twice in `controls`",
    ),
    "no controls": (HEAD, "own.yaml:0"),
    "a policy without a name": (
        HEAD + "controls:\n  - {id: a, title: A, policies: [{kinds: [Pod]}]}\n",
        "own.yaml:3:34: `controls.a.policies[0]` needs `policy`",
    ),
    "another framework that is not there": (HEAD + "extends: [{framework: sox}]\n", "no framework is named `sox`"),
    "a control that the other does not have": (
        HEAD + "extends:\n  - framework: soc2\n    controls: [CC6.1, CC6.9]\n",
        "own.yaml:4:23: `soc2` has no control `CC6.9`",
    ),
    "itself": (HEAD + "extends: [{framework: own}]\n", "frameworks extend one another in a circle"),
    "a tag": (HEAD + "controls: !!python/object:os.system []\n", "own.yaml:2:11: the tag"),
    "a text": ("soc2\n", "own.yaml:1:1: the file must be a mapping"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_at_its_place(text: str, message: str, project: Path, write: Write) -> None:
    write({".attest/frameworks/own.yaml": text})
    with pytest.raises(ConfigurationError) as refused:
        read(project)
    assert message.removesuffix(":0") in str(refused.value)


def test_a_framework_takes_over_controls_and_replaces_some(project: Path, write: Write) -> None:
    write({
        "ours.yaml": HEAD + "extends: [{framework: soc2, controls: ['CC6.*']}]\n"
        "controls: [{id: CC6.1, title: Ours, policies: [{policy: rbac, kinds: [roles]}]}]\n",
    })  # fmt: skip
    found = {control.id: control for control in read(project, "ours.yaml").controls}
    assert list(found) == [f"CC6.{number}" for number in range(1, 9)]
    assert found["CC6.1"].title == "Ours"
    assert found["CC6.1"].policies[0].kinds == ("Role", "ClusterRole")
    assert found["CC6.3"].policies[0].policy == "access-control"


def test_the_files_of_a_folder_are_one_framework(project: Path, write: Write) -> None:
    write({
        ".attest/frameworks/own/1.yaml": HEAD + "title: Ours\ncontrols: [{id: a, title: A}]\n",
        ".attest/frameworks/own/2.yaml": HEAD + "controls: [{id: b, title: B}]\n",
    })  # fmt: skip
    found = read(project)
    assert (found.title, [control.id for control in found.controls]) == ("Ours", ["a", "b"])
    write({".attest/frameworks/own/2.yaml": HEAD + "title: Mine\ncontrols: [{id: b, title: B}]\n"})
    with pytest.raises(ConfigurationError, match=r"2.yaml:2:8: `title` is another in .*1.yaml"):
        read(project)


def test_a_name_that_is_nearly_one_is_suggested(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean `soc2`"):
        read(project, "soc")
