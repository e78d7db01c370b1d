"""`policy_bundle_url` from end to end: a server, a cache, and what holds when one of them is bad."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..cli.conftest import COMMAND, Attest, environment
from ..programs import free_port, program, running, until_open
from .conftest import POD, Publisher


def cached(project: Path) -> Path:
    """Where the project's user keeps downloads."""
    return project.parent / "home" / ".cache" / "attest" / "bundles"


def test_a_bundle_is_used_and_replaced(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    assert publisher.says() == ("one", [])
    publisher.publish("2", "two")
    assert publisher.says() == ("two", [])


def test_an_unchanged_bundle_is_not_sent_again(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    assert [publisher.says(), publisher.says()] == [("one", [])] * 2
    assert publisher.server.asked == ["", '"1-one"']


def test_a_young_copy_is_used_without_asking(publisher: Publisher) -> None:
    publisher.configure(policy_bundle_max_age="1h")
    publisher.publish("1", "one")
    assert [publisher.says(), publisher.says()] == [("one", [])] * 2
    assert len(publisher.server.asked) == 1


def test_the_cache_is_its_owner_s_alone(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    publisher.says()
    folders = [cached(publisher.project), *cached(publisher.project).iterdir()]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
    assert not [path for path in folders[1].iterdir() if path.name.startswith("new-")]


@pytest.mark.parametrize("what", ["unsigned", "altered", "a stranger's", "rubbish", "broken policy", "status"])
def test_the_last_good_bundle_stays_in_use(publisher: Publisher, what: str) -> None:
    publisher.publish("1", "one")
    publisher.says()
    match what:
        case "unsigned":
            publisher.publish("2", "two", key="")
        case "a stranger's":
            publisher.publish("2", "two", key="stranger")
        case "broken policy":
            (publisher.policies / "more.rego").write_text(
                "package more\n\nviolation contains x if undefined_thing(x)\n"
            )
            publisher.publish("2", "two")
        case "altered":
            body = bytearray(publisher.server.body)
            body[len(body) // 2] ^= 1
            publisher.server.body, publisher.server.etag = bytes(body), '"x"'
        case "rubbish":
            publisher.server.body, publisher.server.etag = b"<html>sign in</html>", '"x"'
        case _:
            publisher.server.status, publisher.server.etag = 500, ""
    message, codes = publisher.says()
    assert message == "one"
    assert codes == ["bundle_stale" if what == "status" else "bundle_refused"]


def test_without_a_good_bundle_nothing_is_decided(publisher: Publisher) -> None:
    publisher.publish("1", "one", key="")
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert "the bundle is not signed" in ran.err
    assert "there is no earlier one" in ran.err


def test_too_old_a_bundle_decides_nothing(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    publisher.says()
    publisher.configure(policy_bundle_max_stale="1ms")
    publisher.server.status, publisher.server.etag = 503, ""
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert "which is too long" in ran.err


def test_a_rollback_is_refused_unless_asked_for(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    publisher.says()
    old = publisher.server.body
    publisher.publish("2", "two")
    publisher.says()
    publisher.server.body, publisher.server.etag = old, '"old"'
    assert publisher.says() == ("two", ["bundle_refused"])
    refused = publisher.attest("policy", "bundle", "pull", code=2)
    assert "revision `1` was in use before revision `2` replaced it" in refused.out
    publisher.attest("policy", "bundle", "pull", "--allow-rollback", code=0)
    assert publisher.says() == ("one", [])


def test_a_copy_that_was_changed_on_disk_is_fetched_again(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    publisher.says()
    (archive,) = cached(publisher.project).glob("*/*.tar.gz")
    archive.write_bytes(b"x")
    assert publisher.says() == ("one", [])
    assert publisher.server.asked == ["", ""]


def test_a_new_key_is_applied_to_what_is_at_hand(publisher: Publisher) -> None:
    publisher.configure(policy_bundle_max_age="1h")
    publisher.publish("1", "one")
    publisher.says()
    publisher.configure(policy_bundle_max_age="1h", policy_bundle_key=str(publisher.keys.public("stranger")))
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert "not made with the configured key" in ran.out + ran.err


def test_too_large_a_bundle_is_refused(publisher: Publisher) -> None:
    publisher.configure(policy_bundle_max_size="100")
    publisher.publish("1", "one")
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert "larger than 100 bytes" in ran.err


def test_two_processes_at_once_lose_nothing(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: publisher.says(), range(4)))
    assert said == [("one", [])] * 4
    publisher.publish("2", "two")
    assert publisher.says() == ("two", [])


def test_the_cache_of_somebody_else_is_not_used(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    elsewhere = publisher.project.parent / "elsewhere"
    elsewhere.mkdir()
    cached(publisher.project).parent.mkdir(parents=True)
    cached(publisher.project).symlink_to(elsewhere)
    ran = publisher.attest("policy", "check", "pod.yaml", code=2)
    assert "belongs to somebody else" in ran.err


def test_without_the_engine_nothing_is_trusted(publisher: Publisher) -> None:
    publisher.publish("1", "one")
    ran = publisher.attest("policy", "check", "pod.yaml", env={"ATTEST_ENGINE": "/nowhere"}, code=2)
    assert "does not exist" in ran.err


def test_named_folders_ask_no_server(publisher: Publisher) -> None:
    publisher.attest("policy", "check", "pod.yaml", "-p", "policies", code=1)
    assert publisher.server.asked == []


def test_pulling_without_a_url_is_an_error(publisher: Publisher) -> None:
    publisher.configure(policy_bundle_url="")
    assert "there is no `policy.policy_bundle_url`" in publisher.attest("policy", "bundle", "pull", code=2).err


def test_nginx_and_its_etags(publisher: Publisher, tmp_path: Path) -> None:
    nginx, port = program("nginx", "nginx-light"), free_port()
    www = tmp_path / "www"
    www.mkdir()
    publisher.publish("1", "one")
    (www / "bundle.tar.gz").write_bytes(publisher.server.body)
    log = tmp_path / "access.log"
    settings = tmp_path / "nginx.conf"
    settings.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
        "events {}\nhttp {\n  types { application/gzip gz; }\n"
        f"  access_log {log};\n"
        + "".join(
            f"  {kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"  server {{ listen 127.0.0.1:{port}; root {www}; }}\n}}\n"
    )
    with running([nginx, "-c", settings]):
        until_open(("127.0.0.1", port))
        publisher.configure(policy_bundle_url=f"http://127.0.0.1:{port}/bundle.tar.gz")
        assert [publisher.says(), publisher.says()] == [("one", [])] * 2
        publisher.publish("2", "two")
        (www / "bundle.tar.gz").write_bytes(publisher.server.body)
        os.utime(www / "bundle.tar.gz", (2e9, 2e9))  # its ETags are made of size and whole second
        assert publisher.says() == ("two", [])
    assert [line.split()[8] for line in log.read_text().splitlines() if "GET" in line] == ["200", "304", "200"]
    assert publisher.says() == ("two", ["bundle_stale"])


def test_what_one_project_allows_is_in_no_other(
    publisher: Publisher, attest: Attest, project: Path, tmp_path: Path
) -> None:
    """Another project takes an older revision from the same server; this one goes on with what it has."""
    publisher.publish("2", "two")
    assert publisher.says() == ("two", [])
    publisher.publish("1", "one")
    other = project / "other"
    shutil.copytree(project / ".attest", other / ".attest")
    configuration = other / ".attest" / "policies.yaml"
    allowed = configuration.read_text(encoding="utf-8") + "  policy_bundle_allow_rollback: true\n"
    configuration.write_text(allowed, encoding="utf-8")
    (other / ".git").mkdir()
    (other / "pod.yaml").write_text(POD, encoding="utf-8")
    line = ["policy", "check", "pod.yaml", "--policy", "example-owner", "-f", "json"]
    done = subprocess.run(
        [*COMMAND, *line], cwd=other, env=environment(tmp_path / "home"), capture_output=True, check=False
    )
    assert json.loads(done.stdout)["findings"][0]["message"] == "one"
    assert publisher.says() == ("two", ["bundle_refused"])
    assert attest("policy", "bundle", "pull", code=2).code == 2
