"""Lays out templates of the public Gatekeeper library, with the first sample constraint of each, for Pods.

$GATEKEEPER_LIBRARY is a checkout of github.com/open-policy-agent/gatekeeper-library; what needs it is skipped loudly
without it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = (
    "pod-security-policy/allow-privilege-escalation",
    "pod-security-policy/apparmor",
    "pod-security-policy/capabilities",
    "pod-security-policy/flexvolume-drivers",
    "pod-security-policy/forbidden-sysctls",
    "pod-security-policy/fsgroup",
    "pod-security-policy/host-filesystem",
    "pod-security-policy/host-namespaces",
    "pod-security-policy/host-network-ports",
    "pod-security-policy/privileged-containers",
    "pod-security-policy/proc-mount",
    "pod-security-policy/read-only-root-filesystem",
    "pod-security-policy/seccomp",
    "pod-security-policy/selinux",
    "pod-security-policy/users",
    "pod-security-policy/volumes",
    "general/containerlimits",
    "general/containerrequests",
    "general/containerresources",
    "general/allowedrepos",
)
REGO, CEL = "Rego", "K8sNativeValidation"
CEL_BESIDES = {
    REGO: (),
    CEL: (
        "pod-security-policy/host-probes-lifecycle",
        "pod-security-policy/host-process",
        "pod-security-policy/seccompv2",
        "general/requiredlabels",
    ),
}


def library() -> Path | None:
    """The folder of the templates; None, and a word on standard error, where there is none."""
    folder = os.environ.get("GATEKEEPER_LIBRARY", "")
    if folder and (found := Path(folder) / "library").is_dir():
        return found
    print("SKIPPED: set GATEKEEPER_LIBRARY to a checkout of gatekeeper-library for its rows", file=sys.stderr)
    return None


def write_public(folder: Path, templates: Path, engine: str) -> None:
    """Writes the templates that have code for an engine, in that code alone: 20 in Rego, 16 in CEL."""
    read = ((name, (templates / name / "template.yaml").read_text()) for name in (*TEMPLATES, *CEL_BESIDES[engine]))
    written = ((name, _in_one_engine(yaml.safe_load(text), engine)) for name, text in read)
    for count, (name, template) in enumerate(one for one in written if one[1]):
        constraint = yaml.safe_load(min((templates / name).glob("samples/*/constraint.yaml")).read_text())
        constraint["spec"]["match"] = {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}
        (folder / f"template-{count:03}.yaml").write_text(yaml.safe_dump(template))
        (folder / f"constraint-{count:03}.yaml").write_text(yaml.safe_dump(constraint))


def _in_one_engine(template: dict[str, Any], engine: str) -> dict[str, Any] | None:
    """A template with the code for one engine alone; None where it has none."""
    target = template["spec"]["targets"][0]
    rego = {"engine": REGO, "source": {"rego": target.pop("rego", ""), "libs": target.pop("libs", [])}}
    target["code"] = [code for code in target.get("code") or [rego] if code["engine"] == engine]
    return template if target["code"] else None
