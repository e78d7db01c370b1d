"""What a cluster runs itself: namespaces that constraints spare, and a Pod as the system has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attest_governance.model.sources import Text

if TYPE_CHECKING:
    from attest_governance.model import Finding

SPARED = ("kube-system", "gatekeeper-system", "attest-system")
"""Of Kubernetes, of Gatekeeper, and our own: who refuses their Pods ends the cluster, or what judges in it."""

SYSTEM_POD = Text(
    "<a Pod of the system>",
    """\
apiVersion: v1
kind: Pod
metadata: {name: kube-proxy, namespace: kube-system}
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
    - name: kube-proxy
      image: registry.k8s.io/kube-proxy:v1.34.0
      securityContext: {privileged: true}
      volumeMounts: [{name: modules, mountPath: /lib/modules, readOnly: true}]
  volumes: [{name: modules, hostPath: {path: /lib/modules}}]
""",
)
"""As kubeadm runs kube-proxy on each node, which needs what it asks for."""


def left_alone(excluded: Iterable[str], *, everywhere: bool) -> tuple[str, ...]:
    """The namespaces that constraints leave alone, each once: `excluded`, and the system's unless `everywhere`."""
    return tuple(dict.fromkeys((*(() if everywhere else SPARED), *excluded)))


def refusal(findings: Iterable[Finding], spared: Sequence[str]) -> str:
    """What to say of the findings in the Pod of the system; nothing where no constraint of ours would refuse it."""
    names = sorted({one.policy for one in findings if one.engine == "opa" and one.counts})
    if not names:
        return ""
    which = ", ".join(f"`{name}`" for name in names)
    said = f"{which} would refuse Pods of the system, such as kube-proxy"
    left = ", ".join(one for one in SPARED if one in spared)
    if not left:
        return f"warning: {said}, in kube-system, too: leave out --all-namespaces to spare {', '.join(SPARED)}"
    return f"notice: {said}: constraints spare {left}; --exclude-namespace spares more"
