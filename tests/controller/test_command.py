"""`attest cluster` where there is no cluster: what is wrong is said before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Attest, attest, project

from ..gatekeeper.server import kubeconfig

__all__ = ["attest", "project"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audit", "--context", "nowhere"), "there is no context `nowhere` (known: other, test)"),
        (("audit",), "can't reach the cluster `test`"),
        (("audit", "--since-last", "--reports"), "--since-last leaves out what reports must say"),
        (("audit", "--since-last", "--baseline", "b.json"), "--since-last and --baseline are two baselines"),
        (("audit", "--format", "xml"), "xml"),
        (("watch", "--tls-cert", "a.pem"), "--tls-cert and --tls-key go together"),
        (("watch", "--listen", "0.0.0.0:9464"), "`0.0.0.0` is no loopback address"),
        (("watch", "--listen", "9464"), "`9464` is no address"),
        (("watch", "--interval", "1"), "--interval"),
    ],
)
def test_what_is_wrong_is_an_error_without_a_verdict(
    attest: Attest, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    config = kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    ran = attest("cluster", *arguments, env={"KUBECONFIG": str(config)}, code=2)
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out
