"""The step itself: what waives what, when, and what is said about the rest."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.exempt import Annotations, Exemption, Exemptions, Scope, apply, notices
from attest_governance.model import Finding, Resource, Waiver

from .values import ANNOTATIONS, END, NOW, PREFIX, approved, declared, finding, override, resource

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@dataclass(frozen=True)
class Case:
    scope: Scope
    waived: bool
    about: Resource = field(default_factory=resource)


SCOPES = {
    "policy, kind, namespace and name": Case(Scope("attest-security", "Pod", "monitoring", "legacy-monitoring"), True),
    "another policy": Case(Scope("attest-deployment"), False),
    "a glob of policies": Case(Scope("attest-*"), True),
    "one rule": Case(Scope("attest-security/violation"), True),
    "another rule": Case(Scope("attest-security/warn"), False),
    "another kind": Case(Scope("attest-security", "Deployment"), False),
    "a kind in another case": Case(Scope("attest-security", "pod"), False),
    "another namespace": Case(Scope("attest-security", "Pod", "prod"), False),
    "another name": Case(Scope("attest-security", "Pod", "monitoring", "legacy"), False),
    "a glob of names": Case(Scope("attest-security", name="legacy-*"), True),
    "a namespace where the resource has none": Case(
        Scope("attest-security", namespace="monitoring"), False, resource(namespace="")
    ),
    "a label": Case(Scope("attest-security", labels={"app": "legacy*"}), True, resource(labels={"app": "legacy-1"})),
    "a label with another value": Case(
        Scope("attest-security", labels={"app": "legacy"}), False, resource(labels={"app": "new"})
    ),
    "a label that is absent": Case(Scope("attest-security", labels={"app": "*"}), False),
    "the image's digest": Case(Scope("attest-security", images=(DIGEST,)), True, resource(images=(f"app@{DIGEST}",))),
    "another digest": Case(Scope("attest-security", images=(DIGEST,)), False, resource(images=(f"app@{OTHER}",))),
    "a tag": Case(Scope("attest-security", images=(DIGEST,)), False, resource(images=("app:1",))),
    "no image": Case(Scope("attest-security", images=(DIGEST,)), False),
    "a second container with another image": Case(
        Scope("attest-security", images=(DIGEST,)), False, resource(images=(f"app@{DIGEST}", "miner:latest"))
    ),
}


@pytest.mark.parametrize("case", SCOPES.values(), ids=SCOPES)
def test_all_of_the_scope_must_match(case: Case) -> None:
    (judged,) = apply([finding(case.about)], [declared(case.scope)], now=NOW).findings
    assert (judged.waiver is not None) is case.waived


SECOND = timedelta(seconds=1)
MOMENTS: dict[str, tuple[datetime, bool]] = {
    "a second before it begins": (NOW - SECOND, False),
    "the second it begins": (NOW, True),
    "a second before it ends": (END - SECOND, True),
    "a microsecond before it ends": (END - timedelta(microseconds=1), True),
    "the second it ends": (END, False),
    "a second after": (END + SECOND, False),
}


@pytest.mark.parametrize(("now", "waived"), MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("make", [declared, approved, override])
def test_the_end_is_exclusive_to_the_second(make: object, now: datetime, waived: bool) -> None:
    exemption: Exemption = make(not_before=NOW)  # type: ignore[operator]
    (judged,) = apply([finding()], [exemption], now=now).findings
    assert (judged.waiver is not None) is waived


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=4), st.lists(st.integers(-10, 10)))
def test_exemptions_that_serve_many_runs_stand_as_new_ones_would(
    times: list[tuple[int, int]], moments: list[int]
) -> None:
    def day(number: int) -> datetime:
        return NOW + timedelta(days=number)

    every = [declared(not_before=day(begins), expires_at=day(ends)) for begins, ends in times]
    kept = pickle.loads(pickle.dumps(Exemptions(every)))  # noqa: S301 (what was written here)
    for moment in moments:
        for near in (day(moment) - SECOND, day(moment), day(moment) + SECOND):
            assert apply([finding()], kept, now=near) == apply([finding()], every, now=near)


class Contended(Exemptions):
    """Exemptions that another thread asks about another moment whenever something is remembered."""

    def __setattr__(self, name: str, _: object) -> None:
        self.__dict__[name] = ((-1,), Exemptions([declared()]).at(END))


def test_a_thread_that_asks_about_another_moment_changes_no_answer() -> None:
    assert Contended([declared()]).at(NOW).in_force == [declared()]


@pytest.mark.parametrize(("offset", "waived"), [(-1, True), (0, False), (1, False)])
def test_an_annotation_ends_at_the_same_second(offset: int, waived: bool) -> None:
    now = datetime.fromisoformat("2024-06-02T12:00:00+00:00") + timedelta(seconds=offset)
    (judged,) = apply([finding(resource(annotations=ANNOTATIONS))], [], now=now).findings
    assert (judged.waiver is not None) is waived


def test_a_waiver_says_who_why_and_until_when() -> None:
    (judged,) = apply([finding()], [approved(id="exemption-1", source="a.yaml:1")], now=NOW).findings
    assert judged.waiver == Waiver(
        kind="approved",
        reason="Legacy monitoring tool pending security upgrade",
        approved_by=("security-team@company.com",),
        expires_at="2024-06-30T23:59:59Z",
        id="exemption-1",
        source="a.yaml:1",
    )
    assert not judged.counts


def test_the_best_proven_exemption_is_the_one_shown() -> None:
    everything = [override(), declared(), approved(expires_at=NOW + SECOND), approved(id="later")]
    about = finding(resource(annotations=ANNOTATIONS))
    exempted = apply([about], everything, now=NOW)
    assert exempted.findings[0].waiver is not None
    assert (exempted.findings[0].waiver.kind, exempted.findings[0].waiver.id) == ("approved", "later")
    assert exempted.unused == ()


def test_a_finding_of_the_baseline_keeps_its_waiver() -> None:
    known = msgspec.structs.replace(finding(), waiver=Waiver(kind="baseline", reason="known"))
    exempted = apply([known], [declared()], now=NOW)
    assert exempted.findings == (known,)
    assert exempted.unused == (declared(),)


def test_expired_expiring_and_unused_exemptions_are_listed() -> None:
    expired, expiring, unused = (
        declared(expires_at=NOW, reason="expired"),
        declared(expires_at=NOW + timedelta(days=7), reason="expiring"),
        declared(Scope("nothing"), reason="unused"),
    )
    later = declared(Scope("other"), expires_at=NOW + timedelta(days=7) + SECOND)
    given = [expired, expiring, unused, declared(not_before=END - SECOND), later]
    exempted = apply([finding()], given, now=NOW)
    assert exempted.expired == (expired,)
    assert exempted.expiring == (expiring,)
    assert exempted.unused == (unused, later)
    assert exempted.applied == ((expiring, 1),)


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        apply([], [], now=NOW.replace(tzinfo=None))


NOT_HONOURED = {
    "no reason": ({f"{PREFIX}exempt-reason": ""}, "exempt-reason` is missing"),
    "no approver": ({f"{PREFIX}exempt-approved-by": " "}, "exempt-approved-by` is missing"),
    "no expiry": ({f"{PREFIX}exempt-expires": ""}, "exempt-expires` is missing"),
    "expired": ({f"{PREFIX}exempt-expires": "2024-06-01T12:00:00Z"}, "it expired at"),
    "an expiry that is none": ({f"{PREFIX}exempt-expires": "never"}, "not a time"),
    "a flag that is not true": ({f"{PREFIX}exempt": "yes"}, 'only "true"'),
}


@pytest.mark.parametrize(("changed", "reason"), NOT_HONOURED.values(), ids=NOT_HONOURED)
def test_an_incomplete_annotation_is_not_honoured_and_said_so(changed: dict[str, str], reason: str) -> None:
    about = finding(resource(annotations={**ANNOTATIONS, **changed}))
    exempted = apply([about, about], [], now=NOW)
    assert [each.waiver for each in exempted.findings] == [None, None]
    (refused,) = exempted.refused
    assert reason in refused.reason
    assert (refused.resource, refused.file, refused.line) == ("Pod/monitoring/legacy-monitoring", "k8s/pod.yaml", 3)


def test_a_complete_annotation_is_honoured_as_self_declared() -> None:
    exempted = apply([finding(resource(annotations=ANNOTATIONS))], [declared(Scope("other"))], now=NOW)
    (judged,) = exempted.findings
    assert judged.waiver is not None
    assert (judged.waiver.kind, judged.waiver.source) == ("annotated", "Pod/monitoring/legacy-monitoring")
    assert [(one.kind, times) for one, times in exempted.applied] == [("annotated", 1)]
    assert [one.kind for one in exempted.expiring] == ["annotated"]


def test_an_annotation_excuses_its_own_resource_alone() -> None:
    other = finding(resource("other"))
    assert apply([finding(resource(annotations=ANNOTATIONS)), other], [], now=NOW).findings[1] == other


def test_an_annotation_may_name_the_policies_it_is_about() -> None:
    about = resource(annotations={**ANNOTATIONS, f"{PREFIX}exempt-policies": "attest-deployment, image-*"})
    judged = apply([finding(about), finding(about, policy="image-security")], [], now=NOW).findings
    assert [each.waiver is not None for each in judged] == [False, True]


@pytest.mark.parametrize("worth", [Annotations.POINTER, Annotations.IGNORED])
def test_an_annotation_alone_is_worth_nothing_where_approvals_are_asked_for(worth: Annotations) -> None:
    exempted = apply([finding(resource(annotations=ANNOTATIONS))], [], now=NOW, annotations=worth)
    assert exempted.findings[0].waiver is None
    assert len(exempted.refused) == 1


def test_an_annotation_with_an_approved_exemption_is_no_complaint() -> None:
    about = finding(resource(annotations=ANNOTATIONS))
    exempted = apply([about], [approved()], now=NOW, annotations=Annotations.POINTER)
    assert exempted.findings[0].waiver is not None
    assert exempted.refused == ()


def test_exempt_false_is_no_claim() -> None:
    about = finding(resource(annotations={f"{PREFIX}exempt": "false"}))
    assert apply([about], [], now=NOW).refused == ()


def test_the_notices_shout_an_override_first() -> None:
    exempted = apply([finding()], [declared(Scope("x")), override(id="override-1")], now=NOW)
    first, *rest = notices(exempted)
    assert first.startswith("EMERGENCY OVERRIDE IN FORCE: attest-security on Pod/monitoring/legacy-monitoring until")
    assert "1 finding waived" in first
    assert any("covers nothing in this run: x on */*/*" in sentence for sentence in rest)


NAMED: dict[str, tuple[Exemption, str]] = {
    "by its id": (approved(Scope("x"), id="exemption-1", source="records/1"), "(approved, exemption-1)"),
    "by its place, where it has no id": (
        declared(Scope("x"), source="policies.yaml:14"),
        "(declared, policies.yaml:14)",
    ),
    "by its kind, where it has neither": (declared(Scope("x")), "(declared)"),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_notice_names_the_exemption(case: str) -> None:
    exemption, said = NAMED[case]
    (notice,) = notices(apply([finding()], [exemption], now=NOW))
    assert f"x on */*/* until 2024-06-30T23:59:59Z {said}: Legacy" in notice


FINDINGS = st.builds(
    finding,
    st.builds(resource, st.sampled_from(["a", "b", "c"]), annotations=st.sampled_from([{}, ANNOTATIONS])),
    policy=st.sampled_from(["attest-security", "image-security"]),
)
SCOPE = st.builds(Scope, st.sampled_from(["attest-*", "*", "image-security"]), name=st.sampled_from(["*", "a", "b"]))
EXEMPTIONS = st.builds(
    declared, SCOPE, expires_at=st.timedeltas(timedelta(-2), timedelta(2)).map(lambda length: NOW + length)
)


@given(st.lists(FINDINGS), st.lists(EXEMPTIONS, max_size=4), st.sampled_from(Annotations))
def test_findings_are_never_dropped_and_never_waived_without_cause(
    findings: list[Finding], exemptions: list[Exemption], worth: Annotations
) -> None:
    exempted = apply(findings, exemptions, now=NOW, annotations=worth)
    assert [msgspec.structs.replace(one, waiver=None) for one in exempted.findings] == findings
    for one in exempted.findings:
        covered = any(each.in_force(NOW) and each.scope.covers(one) for each in exemptions)
        claimed = worth is Annotations.SELF_DECLARED and bool(one.resource.annotations)
        assert (one.waiver is not None) is (covered or claimed)


TEXTS = st.sampled_from(["", "a", "b", "ab", "aab"])
PATTERNS = st.sampled_from(["*", "", "a", "a*", "*b", "?", "a?", "?b", "a?b*", "ab"])
SUBJECTS = st.builds(resource, TEXTS, namespace=TEXTS, kind=st.sampled_from(["Pod", "Job"]))
ABOUT = st.builds(finding, SUBJECTS, policy=TEXTS, rule=st.sampled_from(["violation", "warn"]))
ANY_SCOPE = st.builds(
    Scope,
    st.sampled_from(["*", "a*", "?/warn", "ab"]),
    kind=st.sampled_from(["*", "Pod", "J?b"]),
    namespace=PATTERNS,
    name=PATTERNS,
)


@given(st.lists(ABOUT, max_size=8), st.lists(ANY_SCOPE, max_size=12))
def test_an_exemption_is_found_exactly_where_its_scope_covers(findings: list[Finding], scopes: list[Scope]) -> None:
    exemptions = [declared(scope, source=f"policies.yaml:{line}") for line, scope in enumerate(scopes)]
    exempted = apply(findings, exemptions, now=NOW)
    covering = [[one.source for one in exemptions if one.scope.covers(about)] for about in findings]
    assert [one.waiver and one.waiver.source for one in exempted.findings] == [
        min(some, default=None) for some in covering
    ]
    assert {one.source for one in exempted.unused} == {one.source for one in exemptions} - {*chain(*covering)}


@pytest.mark.parametrize(
    "scope",
    [
        {"name": "team-%d"},
        {"name": "team-%d-*"},
        {"namespace": "team-%d"},
        {"namespace": "team-%d-*"},
        {"namespace": "team-%d-*", "name": "legacy-*"},
        {"policy": "team-%d"},
    ],
    ids=str,
)
def test_hundreds_of_exemptions_are_not_asked_about_each_finding(
    scope: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def covers(own: Scope, _: Resource) -> bool:
        asked.append(own.name)
        return False

    monkeypatch.setattr(Scope, "covers_resource", covers)
    anything = Scope("attest-security")
    scopes = [
        msgspec.structs.replace(anything, **{key: text.replace("%d", str(at)) for key, text in scope.items()})
        for at in range(10, 510)
    ]
    about = [resource(f"legacy-{at}", namespace="shop") for at in range(20)]
    findings = [finding(one, message=str(n)) for one in about for n in range(9)]
    apply(findings, list(map(declared, scopes)), now=NOW)
    apply(findings, [declared(Scope("attest-security", name="legacy-1*"))], now=NOW)
    assert asked == ["legacy-1*"] * 11
