"""`docs/reference/checks.md`: which shipped policy does what a check of another tool does, or why none does.

Policies say in METADATA (`custom.checks`) which checks they cover; what none covers stands here with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from reference_pages.markdown import code, page, table

PAGE = "checks.md"
ROOT = Path(__file__).resolve().parents[2]
PEERS = {
    "kube-linter": "kube-linter",
    "polaris": "Polaris",
    "kube-score": "kube-score",
    "trivy": "Trivy (KSV)",
    "checkov": "Checkov (CKV_K8S)",
}
_CONTROL_PLANE = (
    "an argument of the control plane or the kubelet, which the configuration of nodes shows and manifests seldom"
)
_OLD_POLICY = "of PodSecurityPolicy, which Kubernetes 1.25 removed: `api-versions` refuses the kind as a whole"
_TILLER = "of Helm 2, which ended in 2020"
_QUALITY = "a choice of quality of service, not a fault"
_BROAD = "the right to change such objects is what roles are for; `rbac` judges what raises rights"
_PLACE = "of a whole namespace: whether one has it, its manifests alone don't say"


def _checkov(numbers: str) -> list[str]:
    return [f"CKV_K8S_{number}" for number in numbers.split()]


UNCOVERED: dict[str, dict[str, str]] = {
    "kube-linter": {
        "dnsconfig-options": "how names are resolved is a matter of each cluster",
        "no-node-affinity": "most workloads may run on any node, and say so by saying nothing",
        "scc-deny-privileged-container": "of OpenShift's SecurityContextConstraints",
        "sorted-keys": "a matter of style, which a formatter settles",
    },
    "polaris": {},
    "kube-score": {
        "container-cpu-requests-equal-limits": _QUALITY,
        "container-ephemeral-storage-request-and-limit": "`resource-limits` asks for it with `required_limits`",
        "container-ephemeral-storage-request-equals-limit": _QUALITY,
        "container-memory-requests-equal-limits": _QUALITY,
        "container-resource-requests-equal-limits": _QUALITY,
        "container-security-context-user-group-id": "which number a user has, the image and the cluster decide",
        "deployment-targeted-by-hpa-does-not-have-replicas-configured": (
            "stating replicas is harmless where nobody applies twice"
        ),
        "pod-probes-identical": "one endpoint may serve both probes",
        "statefulset-has-servicename": "`kubernetes-schemas` knows which fields a kind needs",
    },
    "trivy": {
        "KSV-0007": "entries of /etc/hosts are the pod's own",
        "KSV-0020": "which number a user has, the image and the cluster decide; `attest-security` refuses user 0",
        "KSV-0021": "which number a group has, the image and the cluster decide",
        "KSV-0038": "an empty selector is how a policy holds for all pods of its namespace",
        "KSV-0039": _PLACE,
        "KSV-0040": _PLACE,
        "KSV-0042": _BROAD,
        "KSV-0049": _BROAD,
        "KSV-0055": _BROAD,
        "KSV-0102": _TILLER,
        "KSV-0115": "of one cloud's cluster",
        "KSV-0116": "files of group 0 are how images for any user are made",
        "KSV-0121": "drivers of volumes that Kubernetes has removed",
        "KSV-0124": "of Gatekeeper's constraints, which are policies themselves",
    },
    "checkov": {
        **dict.fromkeys(_checkov("1 2 3 4 5 6 7 24 32 36"), _OLD_POLICY),
        **dict.fromkeys(_checkov("34 44 45"), _TILLER),
        **dict.fromkeys(
            _checkov(
                "69 71 72 73 75 77 78 79 80 81 82 83 84 85 86 88 89 90 92 93 94 95 96 97 99 100 102 104 105 106"
                " 107 108 110 111 112 113 114 115 116 117 118 119 121 140 141 143 144 145 146 147 148 149 151"
            ),
            _CONTROL_PLANE,
        ),
        "CKV_K8S_33": "of the Kubernetes dashboard, which has ended",
        "CKV_K8S_40": "which number a user has, the image and the cluster decide; `attest-security` refuses user 0",
        "CKV_K8S_159": "of one image's arguments",
    },
}

_INTRODUCTION = """\
# Checks of other tools
Who comes from another tool finds here which [shipped policy](policies/README.md) does the same, or why none does. Names
are those of kube-linter, Polaris, kube-score, Trivy and Checkov in August 2026. A policy may ask for more than the
check, less noisily, or only under the profile `strict`; its page says what it asks."""


def covered() -> dict[str, dict[str, list[str]]]:
    """By tool and check, the policies that say that they cover it."""
    out: dict[str, dict[str, list[str]]] = {peer: {} for peer in PEERS}
    for file in sorted((ROOT / "policies").glob("*/*.rego")):
        metadata = _metadata(file.read_text(encoding="utf-8"))
        custom = metadata.get("custom") or {}
        for peer, checks in (custom.get("checks") or {}).items():
            for check in checks:
                out[peer].setdefault(check, []).append(custom.get("name") or _package(file))
    return out


def checks_page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for peer, checks in covered().items():
        without = UNCOVERED[peer]
        total = len(checks) + len(without)
        parts += [f"## {PEERS[peer]}", f"{len(checks)} of {total} checks have a policy."]
        rows = {check: ", ".join(map(_link, policies)) for check, policies in checks.items()} | without
        parts.append(
            table(["check", "policy, or why none"], [(code(check), rows[check]) for check in sorted(rows, key=_order)])
        )
    return page(parts)


def _link(policy: str) -> str:
    return f"[{policy}](policies/{policy}.md)"


def _order(check: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", check)]


def _metadata(text: str) -> dict[str, Any]:
    """The METADATA in front of a package."""
    block = re.match(r"# METADATA\n((?:#.*\n)*)package", text)
    return yaml.safe_load(re.sub(r"^# ?", "", block[1], flags=re.MULTILINE)) if block else {}


def _package(file: Path) -> str:
    found = re.search(r"^package (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].replace(".", "-") if found else ""
