"""What a person types for a request or an override becomes its terms, or is refused with what would be right."""

from __future__ import annotations

import re

import pytest

from attest_governance.errors import UsageError
from attest_governance.govern.session import exemption_terms, override_terms, parse_resource

from .people import NOW

REASON = "the site is down"
RESOURCES = {
    "with a namespace": ("Pod/monitoring/legacy-app", ("Pod", "monitoring", "legacy-app")),
    "without one": ("Namespace/monitoring", ("Namespace", "", "monitoring")),
}
SCOPES = {
    "everything": ("all", ("*", "*", "*")),
    "everything, as a glob": ("*", ("*", "*", "*")),
    "a namespace": ("namespace/prod", ("*", "prod", "*")),
    "a Namespace itself": ("Namespace/prod", ("Namespace", "", "prod")),
    "a resource": ("Deployment/prod/shop", ("Deployment", "prod", "shop")),
    "a resource of a kind in lower case": ("namespace/prod/shop", ("namespace", "prod", "shop")),
}
NO_RESOURCE = ("Pod", "", "Pod/", "/a", "Pod//a", "Pod/a/", "Pod/a/b/c")


@pytest.mark.parametrize(("typed", "meant"), RESOURCES.values(), ids=RESOURCES)
def test_a_resource(typed: str, meant: tuple[str, str, str]) -> None:
    assert parse_resource(typed) == meant


@pytest.mark.parametrize("typed", NO_RESOURCE)
def test_what_names_no_resource_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"`{typed}` is not `Kind/namespace/name`")) as caught:
        parse_resource(typed)
    assert caught.value.hint == "such as Pod/monitoring/legacy-app"


@pytest.mark.parametrize(("scope", "meant"), SCOPES.values(), ids=SCOPES)
def test_the_scope_of_an_override(scope: str, meant: tuple[str, str, str]) -> None:
    terms = override_terms("attest-*", scope, REASON, "2h", NOW)
    assert (terms.kind, terms.namespace, terms.name) == meant
    assert (terms.policy, terms.reason, terms.expires_at) == ("attest-*", REASON, "2026-03-01T14:00:00Z")


def test_an_exemption_begins_at_once_or_when_it_says() -> None:
    now = exemption_terms("a", "Pod/b/c", REASON, "30d", NOW)
    later = exemption_terms("a", "Pod/b/c", REASON, "30d", NOW, not_before="2026-03-02T00:00:00Z")
    assert (now.not_before, now.expires_at) == ("", "2026-03-31T12:00:00Z")
    assert (later.not_before, later.expires_at) == ("2026-03-02T00:00:00Z", "2026-04-01T00:00:00Z")


REFUSED = {
    "a duration that is none": ({"duration": "a month"}, "a month"),
    "a start that is no time": ({"not_before": "soon"}, "soon"),
    "a start in a time zone that is not said": ({"not_before": "2026-03-02T00:00:00"}, "2026-03-02T00:00:00"),
}


@pytest.mark.parametrize(("given", "named"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_time_is_the_users_mistake(given: dict[str, str], named: str) -> None:
    typed = {"duration": "30d", "not_before": "", **given}
    with pytest.raises(UsageError, match=re.escape(named)):
        exemption_terms("a", "Pod/b/c", REASON, typed["duration"], NOW, not_before=typed["not_before"])
