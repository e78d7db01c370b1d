"""Certificates that the server makes itself, in a real cluster: its server-side apply, its Secret, its webhook."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest

from ..server.test_command import Served
from .conftest import RealCluster

pytestmark = pytest.mark.cluster

NAME = "attest.continuu.ms"


def test_replicas_share_a_certificate_that_the_webhook_trusts(
    cluster: RealCluster, attest: object, tmp_path: Path
) -> None:
    rendered = attest("deploy", "render").out  # type: ignore[operator]
    wanted = [one for one in rendered.split("---\n") if "\nkind: Deployment" not in one]
    assert cluster.kubectl("apply", "--server-side", "-f", "-", stdin="---\n".join(wanted)).returncode == 0
    (tmp_path / "home").mkdir()
    managed = ("--tls-self-managed", "--kubeconfig", cluster.kubeconfig, "--drain", "0")
    servers = [Served(tmp_path, tmp_path / "home", *managed) for _ in range(2)]
    try:
        [hook] = cluster.read("validatingwebhookconfiguration", NAME)["webhooks"]
        assert hook["clientConfig"]["service"]["path"] == "/v1/admit", "what others own stays"
        bundle = base64.b64decode(hook["clientConfig"]["caBundle"]).decode()
        for server in servers:
            assert server.url, server.said
            context = ssl.create_default_context(cadata=bundle)
            server.url = server.url.replace("127.0.0.1", "localhost")
            connection = server.connect(context)
            assert server.admit(connection)["allowed"] is False
            connection.close()
        again = cluster.kubectl("apply", "--server-side", "-f", "-", stdin="---\n".join(wanted))
        assert again.returncode == 0, again.stderr
        assert cluster.read("secret", "attest-tls", "-n", "attest-system")["data"]["tls.crt"]
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", NAME)
        cluster.kubectl("delete", "namespace", "attest-system", "--wait=false")
        ended = [server.end() for server in servers]
    assert [code for code, _ in ended] == [0, 0], ended
