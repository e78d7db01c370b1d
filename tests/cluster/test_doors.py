"""The fourth door: a real API server asks the webhook, and does what the command line and the API say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from attest_governance.server.listening import Certificate, tls_context

from ..govern.people import RULES, approve, ask, govern
from ..server.conftest import NOW, Server, Start, engine, over_tls, start
from ..server.test_command import certificate
from ..server.test_doors import ENDS, PODS, POLICY, Told, api, command_line, key, logged, webhook
from .conftest import RealCluster, eventually
from .test_serve import NAME
from .test_serve import webhook as configuration

__all__ = ["engine", "start"]

pytestmark = pytest.mark.cluster

DENIED = f'admission webhook "admit.{NAME}" denied the request'
CREATED = re.compile(r"^pod/(\S+)$", re.MULTILINE)
PARTS = [PODS[at : at + 50] for at in range(0, len(PODS), 50)]


@contextmanager
def admitting(cluster: RealCluster, server: Server, folder: Path) -> Iterator[None]:
    """Lets the cluster ask a server of this process, whose clock is the test's."""
    chain, private = certificate(folder)
    for name in ("monitoring", "shop"):
        cluster.kubectl("create", "namespace", name)
    in_shop = (one for one in PODS if one["metadata"]["namespace"] == "shop")
    refused = json.dumps(next(one for one in in_shop if one["spec"]["hostNetwork"]))
    dry = ("create", "--dry-run=server", "-f", "-")
    with over_tls(server, tls_context(Certificate(chain, private))) as port:
        try:
            assert cluster.create(configuration(f"https://127.0.0.1:{port}", chain)).returncode == 0
            eventually(lambda: DENIED in cluster.kubectl(*dry, stdin=refused).stderr, "the webhook is in force")
            yield
        finally:
            cluster.kubectl("delete", "validatingwebhookconfiguration", NAME)


def through_the_cluster(cluster: RealCluster, log: Path) -> Told:
    before = len(log.read_text().splitlines())
    created, refused = set[str](), list[str]()
    for part in PARTS:  # within the patience of a single call
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": part})
        done = cluster.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=text)
        created.update(CREATED.findall(done.stdout))
        refused += [line for line in done.stderr.splitlines() if line.startswith("Error from server")]
    assert all(DENIED in line for line in refused), "nothing but a denial refuses"
    assert len(created) + len(refused) == len(PODS)
    return logged(log, before, {key(one["metadata"]): one["metadata"]["name"] in created for one in PODS})


def test_four_doors_agree_to_the_second_in_which_an_exemption_ends(
    cluster: RealCluster, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    govern(tmp_path, RULES)
    approve(tmp_path, ask(tmp_path, policy="own", name="legacy-*", days=10))
    server, log, seen = start(POLICY, log=True), tmp_path / "decisions.jsonl", list[int]()
    with admitting(cluster, server, tmp_path):
        for step in (-1, 0, 1):
            server.clock[0] = ENDS + timedelta(seconds=step)
            by_command = command_line(tmp_path, server.clock[0])
            assert api(server) == by_command, step
            assert webhook(server, log) == by_command, step
            assert through_the_cluster(cluster, log) == by_command, step
            seen.append(sum(allowed for allowed, _ in by_command.values()))
    assert seen[0] > seen[1] == seen[2] > 0, "the exemption counted until it ended"


def test_without_governance_the_cluster_agrees_with_the_server(
    cluster: RealCluster, start: Start, tmp_path: Path
) -> None:
    server, log = start(POLICY, log=True), tmp_path / "decisions.jsonl"
    with admitting(cluster, server, tmp_path):
        assert server.clock == [NOW]
        assert through_the_cluster(cluster, log) == webhook(server, log) == api(server)
