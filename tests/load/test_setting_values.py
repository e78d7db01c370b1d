"""`config set` changes one value and nothing else: not a comment, not a line end, not another key."""

from __future__ import annotations

import multiprocessing
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest_governance.errors import ConfigurationError
from attest_governance.load.configuration import load_settings
from attest_governance.load.configuration_editing import set_value
from attest_governance.load.yaml_editing import render, set_in_yaml
from attest_governance.load.yaml_reader import read_yaml


@dataclass(frozen=True)
class Case:
    before: str
    key: str
    value: str
    after: str


CASES = {
    "an absent file": Case("", "policy.debug", "true", "policy:\n  debug: true\n"),
    "a file of comments": Case("# mine\n", "policy.debug", "true", "# mine\npolicy:\n  debug: true\n"),
    "a value with a comment behind it": Case(
        "policy:\n  debug: false  # for now\n", "policy.debug", "true", "policy:\n  debug: true  # for now\n"
    ),
    "a new key, before the next section's comment": Case(
        "policy:\n  debug: true  # a\n\n# Section two\npolicies: []\n",
        "policy.timeout",
        "5s",
        "policy:\n  debug: true  # a\n  timeout: 5s\n\n# Section two\npolicies: []\n",
    ),
    "a new section": Case(
        "policies: []  # none\n", "policy.timeout", "500ms", "policies: []  # none\npolicy:\n  timeout: 500ms\n"
    ),
    "a file that ends without a line end": Case(
        "policy:\n  debug: true", "policy.timeout", "5s", "policy:\n  debug: true\n  timeout: 5s"
    ),
    "Windows line ends": Case(
        "policy:\r\n  debug: true\r\npolicies: []\r\n",
        "policy.timeout",
        "5s",
        "policy:\r\n  debug: true\r\n  timeout: 5s\r\npolicies: []\r\n",
    ),
    "four spaces of indentation": Case(
        "policy:\n    debug: true\n", "policy.timeout", "5s", "policy:\n    debug: true\n    timeout: 5s\n"
    ),
    "a section in braces": Case(
        "policy: {debug: true}  # x\n", "policy.timeout", "5s", "policy: {debug: true, timeout: 5s}  # x\n"
    ),
    "an empty section in braces": Case("policy: {}\n", "policy.timeout", "5s", "policy: {timeout: 5s}\n"),
    "a section without content": Case(
        "policy:  # later\npolicies: []\n", "policy.timeout", "5s", "policy:  # later\n  timeout: 5s\npolicies: []\n"
    ),
    "a value that was left out": Case(
        "policy:\n  policy_bundle_path:\n", "policy.policy_bundle_path", "p", "policy:\n  policy_bundle_path: p\n"
    ),
    "a list in lines": Case(
        "policy:\n  allow_net:\n    - a  # one\n    - b  # two\n\n  # next\n  debug: true\n",
        "policy.allow_net",
        "c,d.e",
        "policy:\n  allow_net: [c, d.e]  # two\n\n  # next\n  debug: true\n",
    ),
    "a list in brackets": Case(
        "policy: {allow_net: [a, b], debug: true}\n",
        "policy.allow_net",
        '["c"]',
        "policy: {allow_net: [c], debug: true}\n",
    ),
    "a policy's enforcement": Case(
        "policies:\n  # images\n  - name: image-security\n    enforcement: warn # soft\n",
        "policies.image-security.enforcement",
        "strict",
        "policies:\n  # images\n  - name: image-security\n    enforcement: strict # soft\n",
    ),
    "a policy that is not listed": Case(
        "policies:\n  - name: a\n    parameters:\n      x: 1\n\n# end\n",
        "policies.K8sRequired/b.c.enforcement",
        "dryrun",
        "policies:\n  - name: a\n    parameters:\n      x: 1\n"
        "  - name: K8sRequired/b.c\n    enforcement: dryrun\n\n# end\n",
    ),
    "the first policy of an empty list": Case(
        "policies: []\n", "policies.a.enabled", "no", "policies: [{name: a, enabled: false}]\n"
    ),
    "the first policy of all": Case("", "policies.a.enabled", "no", "policies:\n  - name: a\n    enabled: false\n"),
    "a parameter as JSON": Case(
        "policies:\n- name: a\n",
        "policies.a.parameters.sizes",
        '{"small": 1, "no": "yes"}',
        'policies:\n- name: a\n  parameters:\n    sizes: {small: 1, "no": "yes"}\n',
    ),
    "a parameter as text": Case(
        "policies: [{name: a, parameters: {max: 1}}]\n",
        "policies.a.parameters.max",
        "2000m",
        "policies: [{name: a, parameters: {max: 2000m}}]\n",
    ),
    "behind code that ends the file": Case(
        "policy:\n  custom_policies:\n    - name: a\n      rego_code: |\n        package a\n",
        "policy.debug",
        "true",
        "policy:\n  custom_policies:\n    - name: a\n      rego_code: |\n        package a\n  debug: true\n",
    ),
    "behind code that ends the file without a line end": Case(
        "policy:\n  custom_policies:\n    - name: a\n      rego_code: |\n        package a",
        "policy.debug",
        "true",
        "policy:\n  debug: true\n  custom_policies:\n    - name: a\n      rego_code: |\n        package a",
    ),
    "text that YAML would read otherwise": Case(
        "", "policy.policy_bundle_path", "yes", 'policy:\n  policy_bundle_path: "yes"\n'
    ),
    "a word in its own spelling": Case(
        "", "policies.a.severity", "HIGH", "policies:\n  - name: a\n    severity: high\n"
    ),
    "other keys that are wrong": Case(
        "polcy: 1\npolicy:\n  debug: maybe\n", "policy.debug", "off", "polcy: 1\npolicy:\n  debug: false\n"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_set(case: Case, tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    if case.before:
        file.write_bytes(case.before.encode())
    assert set_value(file, case.key, case.value)
    assert file.read_bytes().decode() == case.after
    assert not set_value(file, case.key, case.value)


@dataclass(frozen=True)
class Refusal:
    key: str
    value: str
    message: str
    hint: str = ""
    text: str = "policy:\n  debug: true\n"


REFUSALS = {
    "unknown key": Refusal("policy.debgu", "true", "unknown key `policy.debgu`", "did you mean `policy.debug`?"),
    "key without its section": Refusal("debug", "true", "unknown key `debug`", "did you mean `policy.debug`?"),
    "key that resembles nothing": Refusal("zzz", "1", "unknown key `zzz`", "`attest config show` lists every key"),
    "section": Refusal("compliance.hipaa.encryption", "x", "`compliance.hipaa.encryption` is a section", "known:"),
    "list of entries": Refusal("exemptions", "x", "`exemptions` is a list of entries", "edit it in the file"),
    "key below a value": Refusal("policy.debug.x", "1", "unknown key `policy.debug.x`", "did you mean `policy.debug`?"),
    "unknown key of a policy": Refusal(
        "policies.a.enforcment", "warn", "unknown key `policies.a.enforcment`", "did you mean `enforcement`?"
    ),
    "policy alone": Refusal("policies.a", "x", "unknown key `policies.a`", "write `policies.NAME.` and one of"),
    "bad value": Refusal("policy.debug", "maybe", "`policy.debug` must be true or false, not `maybe`"),
    "bad duration": Refusal("policy.timeout", "-1s", "`policy.timeout` must be a duration such as"),
    "bad host in a list": Refusal("policy.allow_net", "a,b:80", "`policy.allow_net[1]` must be a host name"),
    "a list where text is meant": Refusal("policies.a.severity", "[high]", "`policies.a.severity` must be one of"),
    "file that is broken": Refusal("policy.debug", "true", "not valid YAML", text="policy: {\n"),
    "value of a wrong shape": Refusal(
        "policy.timeout", "1s", "can't set `policy.timeout` without changing", "edit the file by hand", "policy: on\n"
    ),
    "value that an alias shares": Refusal(
        "policies.a.enabled",
        "false",
        "can't set `policies.a.enabled` without changing",
        "edit the file by hand",
        "policies:\n  - name: a\n    enabled: &x true\n  - name: b\n    enabled: *x\n",
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_refusal_leaves_the_file_alone(case: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(case.text)
    with pytest.raises(ConfigurationError, match=re.escape(case.message)) as caught:
        set_value(file, case.key, case.value)
    assert caught.value.hint.startswith(case.hint)
    assert file.read_text() == case.text
    assert sorted(path.name for path in tmp_path.iterdir()) in (
        ["policies.yaml"],
        ["policies.yaml", "policies.yaml.lock"],
    )


_WORDS = st.sampled_from(
    ["alpha", "beta", '"quoted # no comment"', "'it''s'", "1", "true", "[x, y]", "{k: v}", "''", "~"]
)
_COMMENTS = st.sampled_from(["", "  # why", "  #no space", " # ü 😀 : - ["])
_GAPS = st.sampled_from(["", "\n", "# a line\n", "  # indented: yes\n", "\n# two\n\n"])


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """Configuration-like documents with comments everywhere, in block and flow style."""
    text = draw(_GAPS)
    indent = draw(st.sampled_from([" ", "  ", "    "]))
    for section in draw(st.permutations(["policy", "compliance", "policies"])):
        text += f"{section}:{draw(_COMMENTS)}\n"
        dash = "- " if section == "policies" else ""
        for name in draw(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)):
            text += draw(_GAPS)
            if dash:
                text += f"{indent}- name: {name}{draw(_COMMENTS)}\n{indent}  k: {draw(_WORDS)}{draw(_COMMENTS)}\n"
            elif draw(st.booleans()):
                text += f"{indent}{name}: {draw(_WORDS)}{draw(_COMMENTS)}\n"
            else:
                text += (
                    f"{indent}{name}: {draw(st.sampled_from('|>'))}\n{indent}  a: text # no comment\n\n{indent}  more\n"
                )
        text += draw(_GAPS)
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


_KEYS: st.SearchStrategy[tuple[str, ...]] = st.one_of(
    st.tuples(st.just("policy"), st.sampled_from("abcxyz")),
    st.tuples(st.just("compliance"), st.sampled_from("cdxyz")),
    st.tuples(st.just("policies"), st.sampled_from("abxyz"), st.sampled_from(["k", "new"])),
)
_VALUES = st.one_of(st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3))


@settings(max_examples=300, deadline=None)
@given(text=_documents(), key=_KEYS, value=_VALUES)
def test_set_keeps_every_comment_and_every_other_key(text: str, key: tuple[str, ...], value: object) -> None:
    before, after = _tree(text), set_in_yaml(text, key, render(value), "f.yaml")
    now = _tree(after)
    assert _taken(now, key) == _tree(render(value))
    assert _without(now, key) == _without(before, key)
    kept = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert [line.strip() for line in after.splitlines() if line.strip().startswith("#")][: len(kept)] == kept
    assert ("\r\n" in text) == ("\r\n" in after)
    assert set_in_yaml(after, key, render(value), "f.yaml") == after


def _tree(text: str) -> Any:
    from attest_governance.load.yaml_editing import _plain  # noqa: PLC0415

    return _plain(read_yaml(text, "f.yaml"))


def _taken(tree: Any, key: tuple[str, ...]) -> Any:
    for part in key:
        tree = next(item for item in tree if item["name"][1] == part) if isinstance(tree, list) else tree[part]
    return tree


def _without(tree: Any, key: tuple[str, ...]) -> Any:
    """The tree without the value, and without what may have been made to hold it."""
    flat: dict[tuple[Any, ...], Any] = {}
    pending: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    while pending:
        path, node = pending.pop()
        if path[: len(key)] == key:
            continue
        if isinstance(node, dict):
            pending += [((*path, name), value) for name, value in node.items()]
        elif isinstance(node, list) and path == ("policies",):
            pending += [((*path, item["name"][1]), item) for item in node]
        elif node is not None and path != (*key[:2], "name"):
            flat[path] = node
    return flat


@given(st.text())
def test_rendered_text_is_read_as_the_same_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    node = read_yaml(f"[{render(text)}]", "f.yaml")
    assert _tree(f"[{render(text)}]") == [("string", text)], node


def _set_one(arguments: tuple[str, int]) -> None:
    file, number = arguments
    set_value(Path(file), f"policies.policy-{number}.enabled", "false")


def test_processes_that_set_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "new" / "policies.yaml"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_set_one, [(str(file), number) for number in range(24)], chunksize=1)
    text = file.read_text()
    assert sorted(re.findall(r"policy-(\d+)", text), key=int) == [str(number) for number in range(24)]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
class TestAccess:
    """Who may read the file, and where a link may lead."""

    def test_new_file_is_its_owners_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "attest" / "policies.yaml"
        set_value(file, "policy.debug", "true")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    def test_mode_of_a_file_is_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "policies.yaml"
        file.write_text("policy: {}\n")
        file.chmod(0o640)
        set_value(file, "policy.debug", "true")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640

    def test_link_to_a_file_of_ones_own_is_followed(self, tmp_path: Path) -> None:
        real, link = tmp_path / "dotfiles.yaml", tmp_path / "policies.yaml"
        real.write_text("policy: {}\n")
        link.symlink_to(real)
        set_value(link, "policy.debug", "true")
        assert link.is_symlink()
        assert real.read_text() == "policy: {debug: true}\n"

    @pytest.mark.parametrize("target", ["/dev/null", "nowhere"])
    def test_link_to_anything_else_is_refused(self, target: str, tmp_path: Path) -> None:
        link = tmp_path / "policies.yaml"
        link.symlink_to(target)
        with pytest.raises(ConfigurationError, match="this is a link to"):
            set_value(link, "policy.debug", "true")
        assert link.is_symlink()

    def test_link_in_place_of_the_lock_is_not_followed(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        (tmp_path / "policies.yaml.lock").symlink_to(victim)
        with pytest.raises(ConfigurationError, match="can't write the file"):
            set_value(tmp_path / "policies.yaml", "policy.debug", "true")
        assert not victim.exists()

    def test_failure_to_write_leaves_the_old_file_and_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "policies.yaml"
        file.write_text("policy: {}\n")

        def full_disk(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full_disk)
        with pytest.raises(ConfigurationError, match="can't write the file: No space left on device"):
            set_value(file, "policy.debug", "true")
        assert file.read_text() == "policy: {}\n"
        assert {path.name for path in tmp_path.iterdir()} == {"policies.yaml", "policies.yaml.lock"}

    def test_waits_no_longer_than_asked(self, tmp_path: Path) -> None:
        import fcntl  # noqa: PLC0415 - POSIX alone

        file = tmp_path / "policies.yaml"
        with (tmp_path / "policies.yaml.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(ConfigurationError, match="another process is editing the file"):
                set_value(file, "policy.debug", "true", patience=0.05)
        assert not file.exists()


def test_what_was_set_is_in_force(tmp_path: Path) -> None:
    set_value(tmp_path / ".config/attest/policies.yaml", "policy.timeout", "1m30s")
    loaded = load_settings(start=tmp_path, home=tmp_path, environ={})
    assert loaded.policy.timeout == 90
