"""Certificates that the server makes itself: years of simulated time, several replicas, a Secret that is spoilt."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from attest_governance.adapters.cluster import Kind, Object
from attest_governance.errors import ClusterError, ConflictError, UsageError
from attest_governance.server.authority import (
    AUTHORITY,
    LEAF,
    holds,
    key_pem,
    names_of,
    new_authority,
    new_leaf,
    pem,
    signed_by,
)
from attest_governance.server.diagnosis import read_authorities
from attest_governance.server.manifests import Wanted, manifests
from attest_governance.server.selfmanaged import SECRETS, SETTLED, Kept, SelfManaged, Service, renewed, service_of
from attest_governance.server.webhooks import NAME, WEBHOOKS, hooks_of
from tests.deploy.test_deploy import DEPLOY
from tests.gatekeeper.simulator import SimulatedCluster

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE = Service("attest", "attest-system")
SECRET: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "attest-tls", "namespace": "attest-system"},
    "type": "Opaque",
}


class Installation:
    """Some replicas in a cluster, and a clock."""

    def __init__(self, replicas: int = 1, *, cluster: SimulatedCluster | None = None) -> None:
        self.now = START
        self.cluster = cluster or SimulatedCluster()
        self.cluster.apply(SECRETS, SECRET, manager="kubectl")
        webhook = manifests(DEPLOY, Wanted())[-1]
        webhook["webhooks"][0]["clientConfig"].pop("caBundle", None)
        self.cluster.apply(WEBHOOKS, webhook, manager="kubectl")
        self.replicas = [SelfManaged(self.cluster, SERVICE, NAME, lambda: self.now) for _ in range(replicas)]

    def close(self) -> None:
        for one in self.replicas:
            one.close()

    def trusted(self) -> list[x509.Certificate]:
        """Whom the API server trusts."""
        found = self.cluster.get(WEBHOOKS, NAME)
        assert found
        [hook] = hooks_of(found)
        return read_authorities(hook.authority.encode())

    def shown(self, replica: int = 0) -> x509.Certificate:
        """What a replica shows."""
        return x509.load_pem_x509_certificate(self.replicas[replica].certificate.chain.read_bytes())

    def data(self) -> dict[str, str]:
        found = self.cluster.get(SECRETS, "attest-tls", "attest-system")
        assert found
        data: dict[str, str] = found["data"]
        return data


@pytest.fixture
def installation() -> Iterator[Installation]:
    made = Installation(3)
    yield made
    made.close()


def test_the_first_start_makes_an_authority_that_the_webhook_trusts(installation: Installation) -> None:
    installation.replicas[0].look()
    [authority] = installation.trusted()
    leaf = installation.shown()
    assert signed_by(leaf, authority)
    assert names_of(leaf) == {
        "attest.attest-system.svc",
        "attest.attest-system.svc.cluster.local",
        "attest.attest-system",
        "localhost",
    }
    file = installation.replicas[0].certificate.chain
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(file, file)


def test_all_replicas_show_the_same(installation: Installation) -> None:
    for one in installation.replicas:
        one.look()
    assert len({installation.shown(number) for number in range(3)}) == 1
    assert len(installation.trusted()) == 1


def test_where_nothing_is_due_nothing_is_written(installation: Installation) -> None:
    installation.replicas[0].look()
    before, written = list(installation.cluster.log), installation.replicas[0].certificate.chain.stat().st_mtime_ns
    for one in installation.replicas:
        one.look()
    assert installation.cluster.log == before
    assert installation.replicas[0].certificate.chain.stat().st_mtime_ns == written


def test_for_years_nobody_meets_what_is_not_trusted(installation: Installation) -> None:
    """Each replica looks at its own hour; what it shows is checked at every hour against what the webhook trusts."""
    leaves: set[x509.Certificate] = set()
    authorities: set[x509.Certificate] = set()
    before: set[x509.Certificate] = set()
    for hour in range(0, 24 * 365 * 2, 13):
        installation.now = START + timedelta(hours=hour)
        installation.replicas[(hour // 13) % 3].look()
        for replica in range(3):
            if not hour:
                installation.replicas[replica].look()
            leaf = installation.shown(replica)
            assert holds(leaf, installation.now)
            issuers = [one for one in installation.trusted() if signed_by(leaf, one)]
            assert [holds(one, installation.now) for one in issuers] == [True]
            assert not hour or set(issuers) <= before, "it was trusted before it signed"
            leaves.add(leaf)
        before = set(installation.trusted())
        authorities |= before
    assert (len(authorities) > 2, len(leaves) > 10) == (True, True)
    assert len(installation.trusted()) <= 2


def test_the_old_authority_is_trusted_until_its_end(installation: Installation) -> None:
    one = installation.replicas[0]
    one.look()
    [old] = installation.trusted()
    installation.now = START + AUTHORITY * 0.7
    one.look()
    new, same = installation.trusted()
    assert same == old
    installation.now += SETTLED
    one.look()
    assert signed_by(installation.shown(), new)
    installation.now = START + AUTHORITY + timedelta(seconds=1)
    one.look()
    assert old not in installation.trusted()


def test_what_the_webhook_does_not_trust_yet_signs_nothing() -> None:
    old, new = new_authority(START), new_authority(START + AUTHORITY * 0.7)
    now = START + AUTHORITY * 0.7 + SETTLED * 2
    leaf = new_leaf(old, SERVICE.names, now - LEAF * 0.5)
    kept = Kept((new.certificate, old.certificate), new, leaf)
    assert renewed(kept, SERVICE.names, now, pem(old.certificate)).leaf == leaf
    later = renewed(kept, SERVICE.names, now, pem(new.certificate, old.certificate)).leaf
    assert later is not None
    assert signed_by(later.certificate, new.certificate)


class Racing(SimulatedCluster):
    """A cluster in which another replica writes between our reading and our writing."""

    rival: SelfManaged | None = None

    def apply(self, kind: Kind, value: Object, **more: Any) -> Object:
        rival, self.rival = self.rival, None
        if rival is not None and kind == SECRETS:
            rival.look()
        return super().apply(kind, value, **more)


def test_the_replica_that_is_slower_takes_what_the_faster_made() -> None:
    cluster = Racing()
    installation = Installation(2, cluster=cluster)
    cluster.rival = installation.replicas[1]
    installation.replicas[0].look()
    assert installation.shown(0) == installation.shown(1)
    assert signed_by(installation.shown(0), installation.trusted()[0])
    assert len(installation.trusted()) == 1
    installation.close()


class Contended(SimulatedCluster):
    """A cluster in which every write comes too late."""

    def apply(self, kind: Kind, value: Object, **more: Any) -> Object:
        if kind == SECRETS and "data" in value:
            raise ConflictError("the object has changed meanwhile", hint="try again")
        return super().apply(kind, value, **more)


def test_conflicts_without_end_are_told() -> None:
    installation = Installation(cluster=Contended())
    installation.replicas[0].try_to_look()
    assert installation.replicas[0].failure.startswith("the object has changed meanwhile")
    installation.close()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"ca.crt": ""},
        {"ca.key": ""},
        {"tls.crt": "%%%"},
        {"tls.key": base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n").decode()},
        {"ca.crt": base64.b64encode(b"\0" * 1000).decode(), "ca.key": "x"},
        {"ca.crt": None, "ca.key": 7, "tls.crt": [], "tls.key": {}},
    ],
    ids=str,
)
def test_a_secret_that_is_spoilt_is_mended(installation: Installation, spoilt: dict[str, Any]) -> None:
    one = installation.replicas[0]
    one.look()
    held = installation.cluster.objects["Secret", "attest-system", "attest-tls"]
    held.value["data"] |= spoilt
    one.look()
    assert any(signed_by(installation.shown(), each) for each in installation.trusted())
    kept = {name: base64.b64decode(value) for name, value in installation.data().items()}
    assert all(kept[name].startswith(b"-----BEGIN ") for name in ("ca.crt", "ca.key", "tls.crt", "tls.key"))


def test_a_key_that_somebody_else_put_there_is_not_used(installation: Installation) -> None:
    """A certificate of another authority with its own key would be served, and trusted by nobody."""
    one = installation.replicas[0]
    one.look()
    stranger = new_authority(START)
    leaf = new_leaf(stranger, SERVICE.names, START)
    held = installation.cluster.objects["Secret", "attest-system", "attest-tls"]
    held.value["data"] |= {
        "tls.crt": base64.b64encode(pem(leaf.certificate)).decode(),
        "tls.key": base64.b64encode(key_pem(leaf.key)).decode(),
    }
    one.look()
    assert installation.shown() != leaf.certificate
    assert signed_by(installation.shown(), installation.trusted()[0])


def test_whoever_else_sets_the_bundle_is_overruled_and_keeps_the_rest(installation: Installation) -> None:
    one = installation.replicas[0]
    one.look()
    other = {"name": f"admit.{NAME}", "clientConfig": {"caBundle": "AAAA"}}
    value = {"kind": WEBHOOKS.kind, "metadata": {"name": NAME}, "webhooks": [other]}
    installation.cluster.apply(WEBHOOKS, value, force=True, manager="somebody")
    one.look()
    assert len(installation.trusted()) == 1
    found = installation.cluster.get(WEBHOOKS, NAME)
    assert found
    [hook] = found["webhooks"]
    assert (hook["failurePolicy"], hook["clientConfig"]["service"]["path"]) == ("Fail", "/v1/admit")


def test_a_webhook_that_leads_elsewhere_is_left_alone(installation: Installation) -> None:
    made = SelfManaged(installation.cluster, Service("other", "attest-system"), NAME, lambda: START)
    secret = {**SECRET, "metadata": {"name": "other-tls", "namespace": "attest-system"}}
    installation.cluster.apply(SECRETS, secret, manager="kubectl")
    made.look()
    assert installation.trusted() == []
    made.close()


def test_what_is_lacking_is_said() -> None:
    made = SelfManaged(SimulatedCluster(), SERVICE, NAME, lambda: START)
    with pytest.raises(ClusterError, match="there is no Secret `attest-tls`") as caught:
        made.look()
    assert "attest deploy render" in caught.value.hint
    folder = made.certificate.chain.parent
    made.close()
    assert not folder.exists()


@pytest.mark.parametrize("text", ["", "attest", "attest.", ".attest", "a.b.c"])
def test_what_is_no_service(text: str) -> None:
    with pytest.raises(UsageError, match="is no Service"):
        service_of(text)
