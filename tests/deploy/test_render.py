"""`attest deploy render` prints what `deploy/` holds, as an installation wants it, and the chart comes to the same."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from attest_governance import __version__
from tests.cli.conftest import Attest, attest, project
from tests.deploy.test_deploy import DEPLOY, IMAGE, ROOT

__all__ = ["attest", "project"]

PINNED = f"{IMAGE}@sha256:{'0' * 64}"
BINARIES = Path(os.environ.get("PEERS_BIN") or Path.home() / ".cache" / "attest-peers" / "bin")
Objects = dict[str, dict[str, Any]]


def by_kind(text: str) -> Objects:
    """Objects by kind and name."""
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(text) if one}


def test_by_default_it_prints_the_files(attest: Attest) -> None:
    printed = by_kind(attest("deploy", "render", code=0).out)
    files = [by_kind((DEPLOY / name).read_text(encoding="utf-8")) for name in ("server.yaml", "webhook.yaml")]
    assert printed == files[0] | files[1]
    assert next(iter(printed)) == "Namespace/attest-system"
    assert list(printed)[-1].startswith("ValidatingWebhookConfiguration/"), "the server is there before it is asked"


def test_a_self_made_certificate_is_for_the_service_of_the_namespace(attest: Attest) -> None:
    found = by_kind(attest("deploy", "render", "--namespace", "policy", code=0).out)
    [container] = found["Deployment/attest"]["spec"]["template"]["spec"]["containers"]
    assert "--tls-service=attest.policy" in container["args"]
    for name in ("Role/attest-tls", "ClusterRole/attest-webhook"):
        [rule] = found[name]["rules"]
        assert (rule["verbs"], len(rule["resourceNames"])) == (["get", "patch"], 1)
    assert "data" not in found["Secret/attest-tls"], "applying the manifests again takes nothing away"


@pytest.mark.parametrize("profile", ["strict", "pss-restricted"])
def test_what_it_prints_keeps_to_our_own_rules(attest: Attest, project: Path, profile: str) -> None:
    rendered = attest("deploy", "render", "--image", PINNED, "--namespace", "policy", "--replicas", "5", code=0).out
    attest("policy", "check", "-", "--profile", profile, "--strict", stdin=rendered, code=0)
    (project / "rendered.yaml").write_text(rendered)
    attest("policy", "validate", "rendered.yaml", code=0)


def test_an_installation_is_adapted_everywhere(attest: Attest, project: Path) -> None:
    (project / "ca.crt").write_text("PEM")
    own = ("--tls-secret", "ours", "--ca-bundle", "ca.crt")
    arguments = ("--namespace", "policy", "--replicas", "5", *own, "--failure-policy", "Ignore")
    text = attest("deploy", "render", "--image", PINNED, *arguments, code=0).out
    assert "attest-system" not in text
    found = by_kind(text)
    [hook] = found["ValidatingWebhookConfiguration/attest.continuu.ms"]["webhooks"]
    assert base64.b64decode(hook["clientConfig"]["caBundle"]) == b"PEM"
    assert (hook["failurePolicy"], hook["clientConfig"]["service"]["namespace"]) == ("Ignore", "policy")
    assert "policy" in hook["namespaceSelector"]["matchExpressions"][0]["values"]
    spec = found["Deployment/attest"]["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (5, PINNED)
    assert "--tls-cert=/tls/tls.crt" in spec["template"]["spec"]["containers"][0]["args"]
    assert not [name for name in found if name.startswith(("Secret/", "Role/"))], "it needs no right to change Secrets"
    scaled = found["HorizontalPodAutoscaler/attest"]["spec"]
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (5, 15)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--namespace", "a: b"), "is no name of a namespace"),
        (("--namespace", "Shop"), "is no name of a namespace"),
        (("--replicas", "0"), "0 is not in the range"),
        (("--tls-secret", "ours"), "--tls-secret and --ca-bundle go together"),
        (("--ca-bundle", "none.crt"), "none.crt: the certificate can't be read: No such file"),
    ],
)
def test_what_can_not_be_rendered_is_said(attest: Attest, arguments: tuple[str, ...], words: str) -> None:
    ran = attest("deploy", "render", *arguments, code=2)
    assert (ran.out, words in ran.err) == ("", True), ran.err


@pytest.mark.slow
def test_the_chart_comes_to_the_same(attest: Attest) -> None:
    helm = shutil.which("helm", path=f"{BINARIES}{os.pathsep}{os.environ['PATH']}")
    if helm is None:
        pytest.skip(f"SKIPPED LOUDLY: the chart is not rendered: there is no helm on PATH or in {BINARIES}")
    line = [helm, "template", "attest", str(DEPLOY / "chart" / "attest"), "--namespace", "attest-system"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    printed = by_kind(attest("deploy", "render", code=0).out)
    del printed["Namespace/attest-system"]  # Helm makes it itself
    charted = by_kind(done.stdout)
    assert sorted(charted) == sorted(printed)
    for name, one in charted.items():
        settings = "policies.yaml"
        if settings in one.get("data", {}):  # a text, whose layout is whoever's
            for each in (one, printed[name]):
                each["data"][settings] = yaml.safe_load(each["data"][settings])
        assert one == printed[name], name


def test_the_image_is_built_of_what_is_pinned_and_runs_as_nobody() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.search(r":\d+\.\d+\.\d+-\w+", base) for base in bases), "a version, never `latest`"
    *_, last = text.split("\nFROM ")
    assert "\nUSER 10001:10001\n" in last
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    installs = re.findall(r"install \$LOCKED -r (\S+)", text)
    assert installs == ["requirements/runtime.txt", "requirements/server.txt"]
    assert "--require-hashes" in text
    go = (ROOT / "engine" / "go.mod").read_text(encoding="utf-8")
    assert re.search(r"^go (\S+)$", go, re.MULTILINE).group(1) in text  # type: ignore[union-attr]


def test_chart_and_files_have_the_version_of_the_product() -> None:
    chart = yaml.safe_load((DEPLOY / "chart/attest/Chart.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((DEPLOY / "chart/attest/values.yaml").read_text(encoding="utf-8"))
    assert [chart["version"], chart["appVersion"], values["image"]["tag"]] == [__version__] * 3
    assert IMAGE.endswith(f":{__version__}")
