"""New policies, configuration, exemptions and certificates take the place of old ones, whole or not at all."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from attest_governance.evaluate import Engine
from attest_governance.evaluate.requests import GetStatus
from attest_governance.server.listening import Certificate, tls_context
from attest_governance.server.watching import Watch
from tests.govern import people
from tests.govern.people import DAY, SECOND, approve, ask, govern
from tests.server.conftest import Server, Start, opened, over_tls, pod, review
from tests.server.test_command import certificate

NO_HOST = 'package own\nviolation contains {"msg": "no host"} if input.resource.spec.hostNetwork\n'
NO_WEB = 'package own\nviolation contains {"msg": "no web"} if input.resource.metadata.name == "web"\n'
EXEMPTION = 'exemptions: [{policy_name: own, reason: r, approved_by: a, expires_at: "2027-01-01T00:00:00Z"}]\n'


@pytest.fixture
def watched(start: Start, engine: Engine, tmp_path: Path) -> tuple[Server, Watch]:
    server = start(NO_HOST)
    return server, Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, clock=lambda: 0)


def said(server: Server) -> str:
    message: str = server.admit(pod()).get("status", {}).get("message", "")
    return message.partition(" (/")[0]


def test_nothing_is_done_while_nothing_changes(watched: tuple[Server, Watch]) -> None:
    server, watch = watched
    runtime = server.service.current.runtime
    assert [watch.look() for _ in range(3)] == [False] * 3
    assert server.service.current.runtime is runtime


def test_a_policy_that_changes_is_in_force(watched: tuple[Server, Watch], tmp_path: Path, engine: Engine) -> None:
    server, watch = watched
    sets = engine.ask(GetStatus()).sets
    assert said(server) == ""
    (tmp_path / "own.rego").write_text(NO_WEB)
    assert watch.look()
    assert said(server) == "[own] no web"
    assert not watch.look()
    assert engine.ask(GetStatus()).sets == sets, "the old set is freed"
    assert server.metrics()['attest_reloads_total{result="swapped"}'] == 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("own.rego", "package own {", "own.rego:1", id="a policy that can't be compiled"),
        pytest.param("own.rego", "package other\nx := 1\n", "there is no policy to judge by", id="no policy any more"),
        pytest.param(".attest/policies.yaml", "polcies: []\n", "polcies", id="configuration that is wrong"),
        pytest.param(
            ".attest/policies.yaml", "policy: {enabled: false}\n", "no policy is asked", id="all switched off"
        ),
    ],
)
def test_what_is_bad_is_refused_and_the_old_stays(
    watched: tuple[Server, Watch], tmp_path: Path, name: str, text: str, words: str
) -> None:
    server, watch = watched
    before = server.service.current.runtime.generation
    (tmp_path / ".attest").mkdir()
    (tmp_path / name).write_text(text)
    watch.look()
    assert server.admit(pod(hostNetwork=True))["status"]["message"].startswith("[own] no host")
    assert server.service.current.runtime.generation == before
    answer = server.ask("GET", "/readyz")
    assert answer.status == 200, "it goes on answering"
    assert words in answer.json()["notes"]["policies"]
    series = server.metrics()
    assert (series["attest_policies_refused"], series['attest_reloads_total{result="refused"}']) == (1, 1)
    assert not watch.look(), "once is enough"
    (tmp_path / ".attest/policies.yaml").write_text("")
    (tmp_path / "own.rego").write_text(NO_WEB)
    assert watch.look()
    assert said(server) == "[own] no web"
    assert "policies" not in server.ask("GET", "/readyz").json()["notes"]


def test_exemptions_and_enforcement_take_effect(watched: tuple[Server, Watch], tmp_path: Path) -> None:
    server, watch = watched
    (tmp_path / ".attest").mkdir()
    for text, allowed in ((EXEMPTION, True), ("policies: [{name: own, enforcement: warn}]\n", True), ("", False)):
        (tmp_path / ".attest" / "policies.yaml").write_text(text)
        assert watch.look()
        assert server.admit(pod(hostNetwork=True))["allowed"] is allowed


def test_every_request_is_judged_by_one_set_or_the_other(
    watched: tuple[Server, Watch], engine: Engine, tmp_path: Path
) -> None:
    server, _ = watched
    texts = {NO_HOST: "[own] no host", NO_WEB: "[own] no web"}
    body = json.dumps(review(pod(hostNetwork=True))).encode()

    async def asking() -> list[str]:
        asked = [asyncio.create_task(server.aask("POST", "/v1/admit", body)) for _ in range(60)]
        for text in (NO_WEB, NO_HOST, NO_WEB, NO_HOST):
            (tmp_path / "own.rego").write_text(text)
            await asyncio.to_thread(server.service.reload, lambda: opened(engine, tmp_path))
        return [(await one).response["status"]["message"].partition(" (/")[0] for one in asked]

    assert set(asyncio.run(asking())) <= set(texts.values())


def test_a_certificate_is_renewed_without_a_restart(start: Start, engine: Engine, tmp_path: Path) -> None:
    server = start(NO_HOST)
    chain, key = certificate(tmp_path)
    files = Certificate(chain, key)
    context = tls_context(files)
    watch = Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, (files, context), clock=lambda: 0)
    first = presented(context)
    other_chain, other_key = certificate(tmp_path, "other")
    chain.write_bytes(other_chain.read_bytes())
    assert watch.look()
    assert "certificate" in server.service.notes(), "its key is another's"
    assert presented(context) == first
    key.write_bytes(other_key.read_bytes())
    assert watch.look()
    assert "certificate" not in server.service.notes()
    assert presented(context) == ssl.PEM_cert_to_DER_cert(other_chain.read_text())
    assert not watch.look()


def test_certificates_change_under_load_and_no_request_is_lost(start: Start, engine: Engine, tmp_path: Path) -> None:
    """Some clients keep their connection for all of it, others begin a new one for each request."""
    server = start(NO_HOST)
    chain, key = certificate(tmp_path)
    others = [certificate(tmp_path, name) for name in ("second", "third")]
    files = Certificate(chain, key)
    context, trusted = tls_context(files), ssl.create_default_context()
    for authority in (chain, *(one for one, _ in others)):
        trusted.load_verify_locations(authority)
    watch = Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, (files, context), clock=lambda: 0)
    asked, lost, ended = [threading.Semaphore(0) for _ in range(4)], list[str](), threading.Event()
    body, headers = json.dumps(review(pod())).encode(), {"Content-Type": "application/json"}

    def ask(port: int, number: int) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusted, timeout=60)
        first = None
        while not ended.is_set():
            try:
                connection.request("POST", "/v1/admit", body, headers)
                assert json.loads(connection.getresponse().read())["response"]["allowed"]
                first = first or connection.sock
                assert number % 2 or connection.sock is first, "the connection is the one that it began with"
            except (OSError, http.client.HTTPException, AssertionError) as error:
                lost.append(repr(error))
            if number % 2:
                connection.close()
            asked[number].release()
        connection.close()

    with over_tls(server, context) as port:
        threads = [threading.Thread(target=ask, args=(port, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for made in (None, *others):
            if made is not None:
                chain.write_bytes(made[0].read_bytes())
                key.write_bytes(made[1].read_bytes())
                assert watch.look()
            assert all(one.acquire(timeout=60) for one in asked for _ in range(3))
        ended.set()
        for thread in threads:
            thread.join()
    assert lost == []
    assert presented(context) == ssl.PEM_cert_to_DER_cert(others[-1][0].read_text())


def presented(context: ssl.SSLContext) -> bytes:
    """The certificate that a server of this context shows."""
    client_context = ssl.create_default_context()
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    steps: list[Callable[[], None]] = [client.do_handshake, server.do_handshake]
    for _ in range(6):
        for step in steps:
            try:
                step()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True) or b""


def test_an_approved_exemption_takes_effect_and_its_use_is_no_change(
    start: Start, engine: Engine, tmp_path: Path
) -> None:
    govern(tmp_path)
    server = start(NO_HOST)
    server.clock[0] = people.NOW
    watch = Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, clock=lambda: 0)
    denied = server.admit(pod(hostNetwork=True))
    assert "attest policy exempt --policy own --resource Pod/shop/web" in denied["status"]["message"]
    approve(tmp_path, ask(tmp_path, policy="own", namespace="shop", name="web", days=5))
    assert watch.look()
    for seconds, allowed in ((-1, True), (0, False), (1, False)):
        server.clock[0] = people.NOW + 5 * DAY + seconds * SECOND
        assert server.admit(pod(hostNetwork=True), dryRun=False)["allowed"] is allowed
    trail = tmp_path / ".attest/audit/trail.jsonl"
    used = trail.read_text().count("exemption.enforce")
    assert used == 1
    assert not watch.look()
    server.clock[0] = people.NOW
    assert server.admit(pod(hostNetwork=True), dryRun=True)["allowed"]
    assert trail.read_text().count("exemption.enforce") == used, "a dry run deploys nothing"


def test_a_mounted_config_map_is_followed_when_it_changes(start: Start, engine: Engine, tmp_path: Path) -> None:
    mounted = tmp_path / ".attest"
    for version, text in (("..1", ""), ("..2", "policies: [{name: own, enforcement: dryrun}]\n")):
        (mounted / version).mkdir(parents=True)
        (mounted / version / "policies.yaml").write_text(text)
    (mounted / "..data").symlink_to("..1")
    (mounted / "policies.yaml").symlink_to("..data/policies.yaml")
    server = start(NO_HOST)
    watch = Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, clock=lambda: 0)
    assert not server.admit(pod(hostNetwork=True))["allowed"]
    (mounted / "..new").symlink_to("..2")
    (mounted / "..new").replace(mounted / "..data")  # as the kubelet does
    assert watch.look()
    assert server.admit(pod(hostNetwork=True))["allowed"]


def test_replicas_ask_the_server_of_a_bundle_at_moments_of_their_own(
    start: Start, engine: Engine, tmp_path: Path
) -> None:
    """The bundle is not fetched here, since folders are named; what is measured is when the server would be asked."""
    configuration = "policy: {policy_bundle_url: https://bundles.example/b.tar.gz, policy_bundle_max_age: 100s}\n"
    server, seconds = start(NO_HOST, configuration), [0.0]
    moments = set()
    for _ in range(20):
        seconds[0] = 0.0
        watch = Watch(server.service, lambda: opened(engine, tmp_path), tmp_path, clock=lambda: seconds[0])
        seconds[0] = 99.9
        assert not watch.look(), "what is fresh is not asked for"
        moments.add(watch._due)
    assert all(100 <= moment <= 120 for moment in moments)
    assert max(moments) - min(moments) > 1
    seconds[0] = 121
    assert watch.look()
