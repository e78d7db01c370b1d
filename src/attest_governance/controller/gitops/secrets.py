"""Credentials for repositories, from Secrets of the application's own namespace."""

from __future__ import annotations

import base64
import binascii

from attest_governance.adapters.cluster import Cluster, Kind
from attest_governance.adapters.git_fetch import Credentials
from attest_governance.errors import ConfigurationError

SECRETS = Kind("v1", "Secret", "secrets", namespaced=True)
USABLE = "attest.continuu.ms/repository-credentials"
"""The label that a Secret must carry: an author may name any Secret, and not every one is meant for a Git server."""


def credentials_of(cluster: Cluster, namespace: str, name: str) -> Credentials:
    """What a Secret holds.

    Raises:
        ConfigurationError: there is none, or it is not meant for this.
        ClusterError: the cluster can't be asked.
    """
    found = cluster.get(SECRETS, name, namespace)
    labels = ((found or {}).get("metadata") or {}).get("labels") or {}
    if found is None or labels.get(USABLE) != "true":
        raise ConfigurationError(
            f"the namespace `{namespace}` has no Secret `{name}` with credentials for repositories",
            hint=f'create it, with the label `{USABLE}: "true"`',
        )
    data = found.get("data") or {}
    return Credentials(
        username=_text(data.get("username")),
        password=_text(data.get("password")),
        ssh_private_key=_text(data.get("sshPrivateKey")),
        known_hosts=_text(data.get("knownHosts")),
    )


def _text(encoded: object) -> str:
    try:
        return base64.b64decode(str(encoded or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigurationError("a value of the Secret is no text", hint="give it as `stringData`") from None
