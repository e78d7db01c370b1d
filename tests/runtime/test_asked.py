"""What a runtime makes of a request, the configuration and governance, before it judges and beside judging."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attest_governance.errors import GovernanceError
from attest_governance.evaluate import CheckOptions, Engine
from attest_governance.evaluate.messages import ReachAnswer
from attest_governance.evaluate.requests import BuildBundle, ServedKind, SignBundle
from attest_governance.govern.policysets.history import read_history
from attest_governance.load.bundles import Fetched
from attest_governance.model.sources import Manifests, Selected, Text
from attest_governance.request import Environment, Evidence, Request
from attest_governance.resources import engine_path, shipped_frameworks, shipped_policies
from attest_governance.runtime import Runtime, open_runtime
from tests.govern import people
from tests.govern.people import DAY, POLICY_APPROVAL, RULES, SECOND, approve, ask, govern, terms, work, write
from tests.govern.test_policyset import approve_set, propose

if TYPE_CHECKING:
    from attest_governance.evaluate import Batch, LoadedPolicies

NOW = people.NOW
OWN = 'package own\n\nviolation contains "no" if input.resource.metadata.name == "bad"\n'
OTHER = "package other\n\nfound contains input.word if input.word\n\nviolation contains word if some word in found\n"
POD = Manifests(inputs=(Text("<stdin>", "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, namespace: shop}\n"),))
CONSTRAINT = """\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: onlyjobs}
spec:
  crd: {spec: {names: {kind: OnlyJobs}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package onlyjobs
      violation[{"msg": "no"}] { true }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: OnlyJobs
metadata: {name: all}
spec: {match: {kinds: [{apiGroups: [batch], kinds: [Job]}]}}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(engine_path())
    yield engine
    engine.close()


def opened(
    engine: Engine, folder: Path, *, config: str = "", around: dict[str, Any] | None = None, **asked: Any
) -> Runtime:
    """A runtime of a folder with one policy of its own."""
    if config:
        write(folder, ".attest/policies.yaml", config)
    if not (folder / "own.rego").exists():
        write(folder, "own.rego", OWN)
    surroundings: dict[str, Any] = {"home": folder / "home", "variables": {}, **(around or {})}
    environment = Environment(cwd=folder, shipped=shipped_policies(), **surroundings)
    request = Request(**{"folders": (str(folder / "own.rego"),), **asked})
    return open_runtime(engine, request, environment, now=NOW)


class Recording:
    """An engine that notes with which options it is asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.options: list[CheckOptions] = []

    def check(
        self, loaded: LoadedPolicies, selected: tuple[Selected, ...], manifests: Manifests, options: CheckOptions
    ) -> Iterator[Batch]:
        self.options.append(options)
        return self.engine.check(loaded, selected, manifests, options)


class Asked(msgspec.Struct):
    """What is asked for, and with which options the engine is told to judge."""

    told: dict[str, Any]
    request: dict[str, Any] = {}
    config: str = ""
    judge: dict[str, Any] = {}


OPTIONS = {
    "as it is": Asked({}),
    "for a server": Asked({"timed": True}, {"serving": True}),
    "with its time measured": Asked({"timed": True}, {"timed": True}),
    "with so many at once": Asked({"jobs": 3}, {"jobs": 3}),
    "with what passed": Asked({"checked": True}, {"checked": True}),
    "up to the first finding": Asked({"fail_fast": True}, {"fail_fast": True}),
    "by what was approved": Asked({"fragments": False}, {"governed": True}),
    "as configured": Asked({"timeout": 3.0, "debug": True}, config="policy: {timeout: 3s, debug: true}\n"),
    "within seconds": Asked({"deadline": 7.0}, judge={"deadline": 7.0}),
}


@pytest.mark.parametrize("asked", OPTIONS.values(), ids=OPTIONS)
def test_the_engine_is_asked_to_judge(asked: Asked, tmp_path: Path) -> None:
    engine = Engine(engine_path())  # whose own options may differ
    recording = Recording(engine)
    try:
        with opened(engine, tmp_path, config=asked.config, **asked.request) as runtime:
            runtime.judge(POD, NOW, engine=cast("Engine", recording), **asked.judge)
            planned = runtime.plan(POD, NOW).options
    finally:
        engine.close()
    assert recording.options == [CheckOptions(**asked.told)]
    assert planned == CheckOptions(**{**asked.told, "deadline": 0})


GOVERNED: dict[str, tuple[bool, dict[str, Any], tuple[bool, bool, bool]]] = {
    "a folder": (False, {}, (False, True, False)),
    "a folder, strictly": (False, {"strict": True}, (True, True, False)),
    "a project as a whole": (False, {"scans": True}, (False, True, True)),
    "by what was approved": (False, {"governed": True}, (False, False, False)),
    "a governed project": (True, {}, (True, False, False)),
    "a governed project as a whole": (True, {"scans": True}, (True, False, False)),
}


@pytest.mark.parametrize(("governed", "asked", "told"), GOVERNED.values(), ids=GOVERNED)
def test_what_governance_takes_nobody_s_word_for(
    governed: bool, asked: dict[str, Any], told: tuple[bool, ...], engine: Engine, tmp_path: Path
) -> None:
    """Errors of builtins count, patches are judged, and what looks like an example is."""
    if governed:
        govern(tmp_path)
    with opened(engine, tmp_path, **asked) as runtime:
        leave_out = runtime.plan(POD, NOW).manifests.leave_out, runtime.prepared.leave_out
        assert (runtime.sources.strict_errors, runtime.fragments, leave_out[1].examples) == told


INLINE = """\
policy:
  custom_policies:
  - name: {0}
    rego_code: |
      package {0}
      violation contains 1 if false
"""
ADDING = {"a governed project": (True, {"of_home": True, "of_project": False}), "a folder": (False, {})}


@pytest.mark.parametrize(("governed", "adds"), ADDING.values(), ids=ADDING)
def test_a_home_folder_only_adds_to_what_is_governed(
    governed: bool, adds: dict[str, Any], engine: Engine, tmp_path: Path
) -> None:
    if governed:
        govern(tmp_path)
    write(tmp_path, "home/.config/attest/policies.yaml", INLINE.format("of_home"))
    with opened(engine, tmp_path, config=INLINE.format("of_project"), folders=()) as runtime:
        found = {one.name: one.adds for one in runtime.sources.modules}
    assert found == (adds or dict.fromkeys(("of_home", "of_project"), False))


def test_policies_of_the_project_in_place_of_shipped_ones_are_told(engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "own.rego", OWN.replace("package own", "package attest.security"))
    with opened(engine, tmp_path, with_shipped=True) as runtime:
        [told] = runtime.notices
    assert told.startswith("policies of the project replace the shipped ones of their name: `")
    assert str(tmp_path / "own.rego") in told
    with opened(engine, tmp_path, folders=(str(write_other(tmp_path)),)) as runtime:
        assert runtime.notices == ()


def write_other(folder: Path) -> Path:
    write(folder, "other.rego", OTHER)
    return folder / "other.rego"


SPOKEN = {
    "a policy without a match": (("own.rego",), (), (True, True)),
    "a constraint": (("jobs.yaml",), (), (False, True)),
    "both": (("own.rego", "jobs.yaml"), (), (True, True)),
    "both, of which the constraint is asked": (("own.rego", "jobs.yaml"), ("OnlyJobs/all",), (False, True)),
}


@pytest.mark.parametrize(("files", "names", "spoken"), SPOKEN.values(), ids=SPOKEN)
def test_of_which_kinds_it_speaks(
    files: tuple[str, ...], names: tuple[str, ...], spoken: tuple[bool, bool], engine: Engine, tmp_path: Path
) -> None:
    write(tmp_path, "jobs.yaml", CONSTRAINT)
    with opened(engine, tmp_path, folders=tuple(str(tmp_path / one) for one in files), names=names) as runtime:
        assert (runtime.speaks_of("", "Pod"), runtime.speaks_of("batch", "Job")) == spoken


def test_rules_can_be_asked_for(engine: Engine, tmp_path: Path) -> None:
    with opened(engine, tmp_path, folders=(str(write_other(tmp_path)),)) as runtime:
        for document, found in (('{"word": "a"}', ["a"]), ('{"word": "b"}', ["b"]), ("{}", [])):
            assert runtime.query("other", ("found",), document, 10).result == found


def test_which_kinds_it_reaches(engine: Engine, tmp_path: Path) -> None:
    kinds = (ServedKind("v1", "Pod", True), ServedKind("batch/v1", "Job", True))
    write(tmp_path, "jobs.yaml", CONSTRAINT)
    with opened(engine, tmp_path, folders=(str(tmp_path / "jobs.yaml"),)) as runtime:
        assert runtime.reach(kinds) == ReachAnswer((1,), namespaces=True)
    with opened(engine, tmp_path) as runtime:
        assert runtime.reach(kinds) == ReachAnswer((0, 1))
    write(tmp_path, "own.rego", "package own\nviolation contains {")
    with opened(engine, tmp_path) as runtime:
        assert runtime.reach(kinds) == ReachAnswer()


def noon(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


TIMES = """\
policies: [{name: own, rollout: [{enforcement: warn, from: 2026-03-05}, {enforcement: strict, from: 2026-03-07}]}]
exemptions:
- {policy_name: own, resource_kind: Pod, resource_name: bad, reason: r, approved_by: a@b.c,
   not_before: 2026-03-03T00:00:00Z, expires_at: 2026-03-20T00:00:00Z}
- {policy_name: own, resource_kind: Pod, resource_name: b, reason: r, approved_by: a@b.c,
   expires_at: 2026-03-20T00:00:00Z}
"""
TURNS = {
    "before all": (noon(1), noon(3)),
    "a second before the first": (noon(3) - SECOND, noon(3)),
    "at the first": (noon(3), noon(5)),
    "between two steps": (noon(6), noon(7)),
    "at the last": (noon(7), None),
}


@pytest.mark.parametrize(("now", "turn"), TURNS.values(), ids=TURNS)
def test_when_findings_weigh_something_else(
    now: datetime, turn: datetime | None, engine: Engine, tmp_path: Path
) -> None:
    with opened(engine, tmp_path, config=TIMES) as runtime:
        assert runtime.turning_point(now) == turn


def test_when_governance_says_something_else(engine: Engine, tmp_path: Path) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path, policy="own", namespace="*", name="bad", days=5))
    with opened(engine, tmp_path) as runtime:
        turns = {NOW}
        while (turn := runtime.turning_point(max(turns))) is not None:
            turns.add(turn)
    assert max(turns) == NOW + 5 * DAY


def test_what_folders_make_of_a_finding(engine: Engine, tmp_path: Path) -> None:
    """A folder asks for a policy that is off elsewhere, for another severity, and for more than a warning."""
    write(tmp_path, "policies/own.rego", OWN)
    write(tmp_path, "policies/second.rego", OWN.replace("package own", "package second"))
    base = "policy: {policy_bundle_path: policies/, shipped: false}\n"
    config = base + "policies:\n- {name: own, enforcement: warn, severity: low}\n- {name: second, enabled: false}\n"
    asks = "policies:\n- {name: own, enforcement: strict, severity: high}\n- {name: second, enabled: true}\n"
    write(tmp_path, "web/.attest/policies.yaml", asks)
    for folder in ("web", "api"):
        write(tmp_path, f"{folder}/pod.yaml", POD.inputs[0].text)
    given = Manifests(paths=(str(tmp_path / "web"), str(tmp_path / "api")))
    with opened(engine, tmp_path, config=config, folders=(), judged=("web", "api")) as runtime:
        found = runtime.judge(given, NOW).findings
    said = sorted((Path(one.location.file).parent.name, one.policy, one.enforcement, one.severity) for one in found)
    assert [one for one in said if one[1] in ("own", "second")] == [
        ("api", "own", "warn", "low"),
        ("web", "own", "strict", "high"),
        ("web", "second", "strict", "medium"),
    ]


def test_without_governance_there_are_no_records(engine: Engine, tmp_path: Path) -> None:
    with opened(engine, tmp_path, config=TIMES) as runtime:
        assert runtime.records_database is None
        assert runtime.in_force(NOW) is None
        assert [one.not_before for one in runtime.exemptions(NOW)] == [noon(3), None]


PLACES = {"folders": ("", False), "a database": ("  records: sqlite:records.db\n", True)}


@pytest.mark.parametrize(("records", "kept"), PLACES.values(), ids=PLACES)
def test_records_of_governance(records: str, kept: bool, engine: Engine, tmp_path: Path) -> None:
    govern(tmp_path, RULES + records)
    approve(tmp_path, ask(tmp_path, policy="own", namespace="*", name="bad", days=5))
    with opened(engine, tmp_path, config=TIMES) as runtime:
        assert (runtime.records_database is not None) == kept
        [exemption] = runtime.exemptions(NOW)
    assert (exemption.kind, exemption.expires_at) == ("approved", NOW + 5 * DAY)


USES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "a judgement": ({}, {}, True),
    "a dry run": ({}, {"recorded": False}, False),
    "a draft": ({"draft": True}, {}, False),
    "no exemption": ({"disallow_exemptions": True}, {}, False),
}


@pytest.mark.parametrize(("asked", "how", "recorded"), USES.values(), ids=USES)
def test_whether_the_use_of_an_exemption_is_put_on_record(
    asked: dict[str, Any], how: dict[str, Any], recorded: bool, engine: Engine, tmp_path: Path
) -> None:
    govern(tmp_path)
    approve(tmp_path, ask(tmp_path, policy="own", namespace="*", name="bad", days=5))
    with opened(engine, tmp_path, **asked) as runtime:
        outcome = runtime.judge(POD, NOW, **how)
    assert outcome.summary.verdict == ("deny" if "disallow_exemptions" in asked else "allow")
    trail = (tmp_path / ".attest/audit/trail.jsonl").read_text()
    assert ('"exemption.enforce"' in trail) == recorded


def test_what_governance_says_of_its_records_is_said_of_a_judgement(engine: Engine, tmp_path: Path) -> None:
    govern(tmp_path)
    record = work(tmp_path, "bob").request("exemption", terms(policy="own", namespace="*", name="bad")).record.id
    [request] = (tmp_path / ".attest/exemptions" / record).iterdir()
    request.write_text(request.read_text().replace("Legacy", "Another"))
    with opened(engine, tmp_path, config=TIMES) as runtime:
        outcome, plan = runtime.judge(POD, NOW), runtime.plan(POD, NOW)
    assert any("not honoured" in one for one in outcome.notices)
    assert [one.code for one in plan.problems] == [one.code for one in outcome.problems] != []
    with opened(engine, tmp_path, disallow_exemptions=True) as runtime:
        plan = runtime.plan(POD, NOW)
        assert (plan.problems, plan.notices, plan.exempting.exemptions) == ((), runtime.notices, ())


PINNED: dict[str, tuple[dict[str, str], dict[str, Any], bool]] = {
    "nothing": ({}, {}, True),
    "a pin": ({"ATTEST_TRUST_ROOT": "0" * 64}, {}, False),
    "a pin, for a draft": ({"ATTEST_TRUST_ROOT": "0" * 64}, {"draft": True}, True),
}


@pytest.mark.parametrize(("variables", "asked", "opens"), PINNED.values(), ids=PINNED)
def test_whether_a_folder_without_governance_may_judge(
    variables: dict[str, str], asked: dict[str, Any], opens: bool, engine: Engine, tmp_path: Path
) -> None:
    if opens:
        with opened(engine, tmp_path, around={"variables": variables}, **asked) as runtime:
            assert (runtime.notices, runtime.pin) == ((), variables.get("ATTEST_TRUST_ROOT", ""))
        return
    with pytest.raises(GovernanceError, match="`ATTEST_TRUST_ROOT` is set, but no governance file is here") as failed:
        opened(engine, tmp_path, around={"variables": variables}, **asked)
    assert failed.value.hint == "run in the governed project, or unset it"


def test_a_draft_is_told_that_its_policies_are_not_approved(engine: Engine, tmp_path: Path) -> None:
    govern(tmp_path, RULES + POLICY_APPROVAL)
    with opened(engine, tmp_path, draft=True) as runtime:
        assert runtime.notices == ("these are not the approved policies: no policy set has been approved yet",)
    with pytest.raises(GovernanceError, match="no policy set has been approved yet"):
        opened(engine, tmp_path)


URL = "https://bundles.example/b.tar.gz"
KEY = Ed25519PrivateKey.from_private_bytes(b"bundles".ljust(32, b"."))
SIGNED = "policy_bundle_key: ../key.pub"
DOWNLOADS: dict[str, tuple[str, str]] = {
    "signed with a key that is approved": (SIGNED, ""),
    "whose signature nobody asks for": ("", "its signature is not asked for"),
    "with a file that no signature covers": (f"{SIGNED}, policy_bundle_exclude: [own/*]", "does not cover `own/*`"),
}


def bundled(engine: Engine, folder: Path) -> Path:
    """A signed bundle with a policy, beside a file with the public key."""
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        KEY.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "key.pub").write_bytes(
        KEY.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    write(folder, "policies/own/own.rego", OWN)
    built, signed = folder / "built.tar.gz", folder / "signed.tar.gz"
    engine.ask(BuildBundle((str(folder / "policies"),), str(built)))
    assert not engine.ask(SignBundle(str(built), str(signed), str(folder / "key.pem"))).problems
    return signed


@pytest.mark.parametrize(("config", "refused"), DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_needs_an_approved_key(config: str, refused: str, engine: Engine, tmp_path: Path) -> None:
    path, project = bundled(engine, tmp_path), tmp_path / "project"
    write(project, ".attest/policies.yaml", f"policy: {{shipped: false, policy_bundle_url: '{URL}', {config}}}\n")
    key = f"sha256:{sha256((tmp_path / 'key.pub').read_bytes()).hexdigest()}"
    govern(project, RULES + POLICY_APPROVAL + f'    bundle_keys: ["{key}"]\n')
    approve_set(project, propose(project), "alice", "dave")
    around = {"fetch_bundle": lambda *_: Fetched(path, "1")}
    if refused:
        with pytest.raises(GovernanceError, match="is not part of the approved set") as failed:
            opened(engine, project, around=around, folders=())
        assert refused in failed.value.message
        return
    with opened(engine, project, around=around, folders=()) as runtime:
        assert f"bundle of {URL}, signed with an approved key" in runtime.notices
        assert [one.name for one in runtime.selected] == ["own"]


APPROVED = "policy: {policy_bundle_path: policies/, shipped: false}\n"
WITHOUT_REGO = APPROVED.replace("{", "{opa_enabled: false, ")
DEPARTS = "NOT THE APPROVED VERDICT: "
ELSEWHERE: dict[str, Any] = {"folders": (str(shipped_policies() / "security"),)}
RUNS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "as approved": (APPROVED, {}, []),
    "by a name": (APPROVED, {"names": ("own",)}, ["`--policy` leaves policies out"]),
    "without Rego, as approved": (
        WITHOUT_REGO,
        {"allow_empty": True},
        ["`--allow-empty` allows a run that judges nothing"],
    ),
    "by other policies": (
        APPROVED,
        ELSEWHERE,
        [
            "`--policy-dir` leaves the shipped policies out",
            "`--policy-dir` leaves out the policies that are configured",
            "`policies/own.rego` is left out",
        ],
    ),
}


@pytest.mark.parametrize(("config", "asked", "departs"), RUNS.values(), ids=RUNS)
def test_what_departs_from_what_is_approved_is_told_or_refused(
    config: str, asked: dict[str, Any], departs: list[str], engine: Engine, tmp_path: Path
) -> None:
    """What ships with the package, and what is in a home folder, is no part of it."""
    write(tmp_path, "policies/own.rego", OWN)
    write(tmp_path, ".attest/policies.yaml", config)
    write(tmp_path, "home/.config/attest/policies.yaml", "server: {annotations: ignore}\n")
    project = govern(tmp_path, RULES + POLICY_APPROVAL)
    approve_set(tmp_path, propose(tmp_path), "alice", "dave")
    current = read_history(project, NOW).current
    assert current is not None

    def run(pin: str = "", **more: Any) -> Runtime:
        around = {"frameworks": shipped_frameworks(), "variables": {"ATTEST_TRUST_ROOT": pin}}
        return opened(engine, tmp_path, around=around, **{"folders": (), "frameworks": ("cis",), **asked, **more})

    with run() as runtime:
        assert [one.removeprefix(DEPARTS) for one in runtime.notices if one.startswith(DEPARTS)] == departs
    for insists in ({"governed": True}, {"pin": current.digest}):
        if not departs:
            run(**insists).close()
            continue
        with pytest.raises(GovernanceError, match="this run would not go by what is approved"):
            run(**insists)


BASELINE = {"schema": "attest.continuu.ms/baseline/v1", "findings": []}
SOFT = "policies: [{name: own, enforcement: warn}]\n"
WEAKENED: dict[str, tuple[str, bool, list[str]]] = {
    "nothing": ("", False, []),
    "a warning": (SOFT, False, ["own"]),
    "a baseline": ("", True, ["baseline"]),
    "both": (SOFT, True, ["own", "baseline"]),
}


@pytest.mark.parametrize(("config", "baseline", "told"), WEAKENED.values(), ids=WEAKENED)
def test_what_weakens_a_governed_project_is_told(
    config: str, baseline: bool, told: list[str], engine: Engine, tmp_path: Path
) -> None:
    govern(tmp_path)
    known = tmp_path / "known.json"
    known.write_text(json.dumps(BASELINE))
    with opened(engine, tmp_path, config=config, baseline=known if baseline else None) as runtime:
        assert runtime.plan(POD, NOW).baseline_file == (str(known) if baseline else "")
        notices = [one for one in runtime.notices if one.startswith("weakened: ")]
    assert len(notices) == len(told)
    assert all(word in one for word, one in zip(told, notices, strict=True))


NOTHING: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "no folder holds any": ("", {"folders": ("empty",)}, ("there is no policy to judge by: none was found",)),
    "none is enabled": (
        "policies: [{name: own, enabled: false}]\n",
        {},
        ("there is no policy to judge by: none of 1 is enabled",),
    ),
    "they are off": ("policy: {enabled: false}\n", {}, ("no policy is asked: `policy.enabled` is false",)),
    "nobody minds": ("policies: [{name: own, enabled: false}]\n", {"allow_empty": True}, ()),
    "there is one": ("", {}, ()),
    "there is one, and nobody minds": ("", {"allow_empty": True}, ()),
}


@pytest.mark.parametrize(("config", "asked", "said"), NOTHING.values(), ids=NOTHING)
def test_where_no_policy_is_asked_that_is_an_error(
    config: str, asked: dict[str, Any], said: tuple[str, ...], engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    folders = {"folders": tuple(str(tmp_path / one) for one in asked["folders"])} if "folders" in asked else {}
    with opened(engine, tmp_path, config=config, **{**asked, **folders}) as runtime:
        assert tuple(one.message for one in runtime.problems) == said
        assert all((one.severity, one.code) == ("error", "no_policy") for one in runtime.problems)


def test_evidence_is_spoken_of_with_the_verdict(engine: Engine, tmp_path: Path) -> None:
    def collect(*_: object) -> Evidence:
        return Evidence({}, ("two proofs were verified",))

    with opened(engine, tmp_path, around={"collect_evidence": collect}, verify_evidence=True) as runtime:
        assert runtime.notices == ("two proofs were verified",)


def test_whether_what_is_rendered_is_rendered(engine: Engine, tmp_path: Path) -> None:
    def render(*_: object) -> Any:
        raise AssertionError

    for left in (False, True):
        with opened(engine, tmp_path, around={"render": render}, no_render=left) as runtime:
            assert (runtime.render is None) == left
