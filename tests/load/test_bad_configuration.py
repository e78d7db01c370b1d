"""Every mistake in a configuration file is named at its line and column, with what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from attest_governance.errors import AttestError, ConfigurationError
from attest_governance.load.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

Load = Callable[..., Settings]


@dataclass(frozen=True)
class Case:
    text: str
    where: str
    message: str
    hint: str = ""


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

CASES = {
    "unknown key of the file": Case("polices: []\n", "1:1", "unknown key `polices`", "did you mean `policies`?"),
    "unknown key of the policy block": Case(
        "policy:\n  timout: 5s\n", "2:3", "unknown key `timout` in `policy`", "did you mean `timeout`?"
    ),
    "unknown key that resembles nothing": Case(
        "compliance:\n  pci: {}\n",
        "2:3",
        "unknown key `pci` in `compliance`",
        "known keys here: `soc2`, `gdpr`, `hipaa`",
    ),
    "key one level too high": Case("debug: true\n", "1:1", "unknown key `debug`", "it belongs under `policy:`"),
    "unknown key of a policy": Case(
        "policies:\n  - name: a\n    enforcment: warn\n",
        "3:5",
        "unknown key `enforcment` in `policies.a`",
        "did you mean `enforcement`?",
    ),
    "unknown key of an exemption": Case(
        "exemptions:\n  - policy: a\n", "2:5", "unknown key `policy` in `exemptions[0]`", "did you mean `policy_name`?"
    ),
    "key given twice": Case(
        "policy:\n  debug: true\n  debug: false\n",
        "3:3",
        "the key `debug` is given twice",
        "it is first given in line 2",
    ),
    "policy listed twice": Case(
        "policies:\n  - name: a\n  - name: a\n", "3:5", "`a` is listed twice in `policies`", "first in line 2"
    ),
    "policy without a name": Case(
        "policies:\n  - enabled: true\n", "2:5", "`policies[0]` needs `name`", "name: Name of"
    ),
    "policy that is only a name": Case(
        "policies:\n  - image-security\n",
        "2:5",
        "`policies[0]` must be a mapping of keys to values, not `image-security`",
    ),
    "bad enforcement": Case(
        "policies:\n  - name: a\n    enforcement: strikt\n",
        "3:18",
        "`policies.a.enforcement` must be one of `strict`, `warn`, `dryrun`, not `strikt`",
        "did you mean `strict`?",
    ),
    "bad severity": Case(
        "policies:\n  - name: a\n    severity: urgent\n",
        "3:15",
        "`policies.a.severity` must be one of `critical`, `high`, `medium`, `low`, not `urgent`",
    ),
    "word where true or false is meant": Case(
        "policy:\n  debug: maybe\n", "2:10", "`policy.debug` must be true or false, not `maybe`"
    ),
    "quoted boolean": Case(
        'policy:\n  debug: "true"\n', "2:10", "`policy.debug` must be true or false, not `true`", "remove the quotes"
    ),
    "number where true or false is meant": Case(
        "policy:\n  debug: 1\n", "2:10", "`policy.debug` must be true or false, not `1`"
    ),
    "plain yes where a string is meant": Case(
        "policies:\n  - name: yes\n",
        "2:11",
        "`policies[0].name` must be a string, and `yes` is not plain text in YAML",
        'write "yes" in quotes',
    ),
    "plain on where a string is meant": Case(
        "exemptions:\n  - reason: on\n",
        "2:13",
        "`exemptions[0].reason` must be a string, and `on` is not plain text in YAML",
        'write "on" in quotes',
    ),
    "plain number where a string is meant": Case(
        "exemptions:\n  - labels: {version: 1.10}\n",
        "2:23",
        "`exemptions[0].labels.version` must be a string, and `1.10` is a number",
        'write "1.10" in quotes',
    ),
    "key that YAML reads as a boolean": Case("on: []\n", "1:1", "a key must be a string, not `on`", "put the key in"),
    "key that is a number": Case("1: []\n", "1:1", "a key must be a string, not `1`", "put the key in quotes"),
    "key that is a list": Case("? [a]\n: b\n", "1:3", "a key must be a string, not `a collection`", "put the key in"),
    "country code in parameters": Case(
        "policies:\n  - name: a\n    parameters:\n      countries: [DE, NO]\n",
        "4:23",
        "`policies.a.parameters.countries[1]` holds `NO`, which can be read in two ways",
        'for text write "NO" in quotes, else `true`, `false` or a plain decimal number',
    ),
    "octal or decimal in parameters": Case(
        "policies:\n  - name: a\n    parameters: {mode: 0644}\n",
        "3:24",
        "`policies.a.parameters.mode` holds `0644`, which can be read in two ways",
        'for text write "0644" in quotes, else `true`, `false` or a plain decimal number',
    ),
    "not a number in parameters": Case(
        "policies:\n  - name: a\n    parameters: {x: .nan}\n",
        "3:21",
        "`policies.a.parameters.x` holds `.nan`, which can be read in two ways",
        'for text write ".nan" in quotes, else `true`, `false` or a plain decimal number',
    ),
    "endless number in parameters": Case(
        f"policies:\n  - name: a\n    parameters: {{x: {'9' * 5000}}}\n",
        "3:21",
        "`policies.a.parameters.x` holds a number with too many digits",
    ),
    "infinite number in parameters": Case(
        "policies:\n  - name: a\n    parameters: {x: 1.0e+999}\n",
        "3:21",
        "`policies.a.parameters.x` holds a number that is too large",
    ),
    "timeout without unit and number": Case(
        "policy:\n  timeout: soon\n",
        "2:12",
        "`policy.timeout` must be a duration such as `10s` or `500ms`, or a number of seconds, not `soon`",
    ),
    "timeout of nothing": Case(
        "policy:\n  timeout: 0s\n", "2:12", "`policy.timeout` must be a duration above 0 and of at most 24h, not `0s`"
    ),
    "memory without a known unit": Case(
        "policy:\n  memory: 2GB\n",
        "2:11",
        "`policy.memory` must be a size such as `512Mi` or `2Gi`, or a number of bytes, not `2GB`",
    ),
    "memory too small to work with": Case(
        "policy:\n  memory: 2\n",
        "2:11",
        "`policy.memory` must be at least `64Mi` and at most `1024Ti`, or 0 for no limit, not `2`",
    ),
    "URL where a host is meant": Case(
        "policy:\n  allow_net:\n    - https://vuln-db.company.com/\n",
        "3:7",
        "`policy.allow_net[0]` must be a host name such as `vuln-db.company.com`,"
        " without scheme, port, path or wildcard,"
        " not `https://vuln-db.company.com/`",
    ),
    "wildcard host": Case(
        'policy:\n  allow_net: ["*"]\n',
        "2:15",
        "`policy.allow_net[0]` must be a host name such as `vuln-db.company.com`,"
        " without scheme, port, path or wildcard,"
        " not `*`",
    ),
    "one host instead of a list": Case(
        "policy:\n  allow_net: vuln-db.company.com\n",
        "2:14",
        "`policy.allow_net` must be a list, not `vuln-db.company.com`",
    ),
    "custom policy without code": Case(
        "policy:\n  custom_policies:\n    - name: a\n",
        "3:7",
        "`policy.custom_policies.a` needs `rego_code`",
        "rego_code: The Rego module, with its `package` line.",
    ),
    "custom policy with empty code": Case(
        "policy:\n  custom_policies:\n    - name: a\n      rego_code: ''\n",
        "4:18",
        "`policy.custom_policies.a.rego_code` must hold a Rego module",
    ),
    "custom policy on no known level": Case(
        "policy:\n  custom_policies:\n    - {name: a, rego_code: package a, level: Pod}\n",
        "3:46",
        "`policy.custom_policies.a.level` must be one of `Cluster`, `Namespace`, not `Pod`",
    ),
    "name with a line break": Case(
        'policies:\n  - name: "a\\nb"\n',
        "2:11",
        "`policies[0].name` must be a name of 1 to 253 printable characters without space around it, not `a\\nb`",
    ),
    "key without a value": Case(
        "policy:\n  policy_bundle_path:\n",
        "2:22",
        "`policy.policy_bundle_path` has no value",
        "give it one, or remove the key",
    ),
    "switch instead of a word": Case(
        "compliance:\n  hipaa:\n    data_classification: {phi_detection: on}\n",
        "3:42",
        "`compliance.hipaa.data_classification.phi_detection` must be one of `enabled`, `disabled`, not `on`",
    ),
    "file that is a list": Case("- name: a\n", "1:1", "the file must be a mapping of keys to values, not `a list`"),
    "two documents": Case(
        "policy: {}\n---\npolicy: {}\n",
        "2:1",
        "the file holds more than one document",
        "keep one of them: remove the `---` line",
    ),
    "tab as indentation": Case(
        "policy:\n\tdebug: true\n",
        "2:1",
        "not valid YAML: while scanning for the next token, found character that cannot start any token",
        "indent with spaces, not tabs, and quote text that starts with a special character",
    ),
    "colon in plain text": Case(
        "exemptions:\n  - reason: see: below\n",
        "2:16",
        "not valid YAML: mapping values are not allowed in this context",
        "quote the text that holds the colon, or check the indentation",
    ),
    "open bracket": Case(
        "policy: {allow_net: [a\npolicies: []\n",
        "2:9",
        "not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'",
        "close the `[`",
    ),
    "control character": Case(
        "# ä\npolicy: {debug: \x01}\n",
        "2:17",
        "not valid YAML: the control character U+0001 is not allowed",
        "remove the character",
    ),
    "terminal escape in a key": Case(
        'policy: {"\\e[31mred": 1}\n',
        "1:10",
        "unknown key `\\x1b[31mred` in `policy`",
        "known keys here",
    ),
    "merge key": Case(
        "policy:\n  <<: {debug: true}\n", "2:3", "merge keys (`<<`) are not supported", "write the keys out"
    ),
    "foreign tag": Case(
        "policy:\n  policy_bundle_path: !python/object x\n",
        "2:23",
        "the tag `!python/object` is not supported",
        "remove the tag",
    ),
    "foreign tag on a mapping": Case(
        "policy: !!python/object {a: b}\n",
        "1:9",
        "the tag `tag:yaml.org,2002:python/object` is not supported",
        "remove",
    ),
    "alias bomb": Case(BOMB, "5:36", "the document has more than 100000 values once its aliases are expanded"),
    "alias to itself": Case(
        "policies: &a [*a]\n", "1:15", "the alias `*a` stands for what it is part of", "write the value out"
    ),
    "nested too deep": Case("a: " + "[" * 70 + "]" * 70, "1:68", "the document is nested more than 64 levels deep"),
    "alias to nothing": Case(
        "policies: *a\n", "1:11", "the alias `*a` stands for nothing", "quote text that starts with `*`"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_mistake_is_named_at_its_place(case: Case, load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(case.text)
    error = caught.value
    assert error.message == case.message
    assert error.where == f".attest/policies.yaml:{case.where}"
    assert error.hint.startswith(case.hint)
    assert bool(error.hint) == bool(case.hint)


def test_all_mistakes_of_all_sources_are_shown_together(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(
            "policy:\n  debg: true\n  timeout: never\npolicies:\n  - name: a\n    enabled: 7\n",
            "policy:\n  debug: perhaps\n",
            {"ATTEST_POLICY_MEMORY": "lots", "ATTEST_POLICY_DEBGU": "true"},
            {"policy.fail_on_violation": "sometimes"},
        )
    error = caught.value
    assert [one.where.rpartition("/")[2] for one in (error, *error.others)] == [
        "policies.yaml:2:10",
        "policies.yaml:2:3",
        "policies.yaml:3:12",
        "policies.yaml:6:14",
        "",
        "",
        "",
    ]
    assert str(error).count("debg") == 1
    for text in ("environment ATTEST_POLICY_MEMORY: `policy.memory` must be", "did you mean `ATTEST_POLICY_DEBUG`?"):
        assert text in str(error)
    assert "flag policy.fail_on_violation: `policy.fail_on_violation` must be true or false, not `sometimes`" in str(
        error
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_line_ends_do_not_move_the_place(encoding: str, newline: str, project: Path, load: Load) -> None:
    text = f"# über 😀{newline}policy:{newline}  timeout: näher{newline}"
    (project / ".attest/policies.yaml").write_bytes(text.encode(encoding))
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert caught.value.where == ".attest/policies.yaml:3:12"


def test_binary_file_is_refused(project: Path, load: Load) -> None:
    (project / ".attest/policies.yaml").write_bytes(b"policy: {}\n# \xff\xfe\xfa\n")
    with pytest.raises(ConfigurationError, match="not UTF-8") as caught:
        load()
    assert caught.value.line == 2


def test_huge_file_is_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="larger than 4 MiB"):
        load("#" * (4 * 2**20 + 1))


def test_folder_in_place_of_the_file_is_refused(project: Path, load: Load) -> None:
    (project / ".attest/policies.yaml").mkdir()
    with pytest.raises(ConfigurationError, match="the configuration is not a file"):
        load()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipe_does_not_block(project: Path, load: Load) -> None:
    os.mkfifo(project / ".attest/policies.yaml")
    with pytest.raises(ConfigurationError, match="the configuration is not a file"):
        load()


def test_dangling_link_is_an_error_and_not_an_absent_file(project: Path, load: Load) -> None:
    (project / ".attest/policies.yaml").symlink_to(project / "nowhere")
    with pytest.raises(AttestError, match="the configuration can't be read"):
        load()
