"""The flame graph as a speedscope file and as a page: nothing is lost, and hostile text stays text."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from attest_governance.model.finding import Resource
from attest_governance.model.profile import Frame, LineCost, Percentiles, PolicyCost, Profile, RuleCost, SlowCost
from attest_governance.report.profiles import ProfileReport, speedscope, write_profile

AT = Percentiles(p50=1, p90=1, p95=1, p99=1, max=1)


def leaf(name: str, own: int) -> Frame:
    return Frame(name=name, file="p.rego", line=3, self=own, time=own, count=1)


def tree(name: str, own: int, children: list[Frame]) -> Frame:
    return Frame(
        name=name, self=own, time=own + sum(child.time for child in children), count=1, children=tuple(children)
    )


names = st.text(max_size=12)
own = st.integers(0, 10**9)
frames = st.recursive(
    st.builds(leaf, names, own), lambda inner: st.builds(tree, names, own, st.lists(inner, max_size=3)), max_leaves=12
)


def profile(flame: tuple[Frame, ...], text: str = "x") -> Profile:
    cost = PolicyCost(
        policy=text, engine="opa", evaluations=1, time=9, rounds=(9,), per_resource=AT, bytes=1, objects=1
    )
    rule = RuleCost(policy=text, rule=text, file=text, line=1, evaluations=1, time=1, self=1)
    line = LineCost(policy=text, file=text, line=1, text=text, evaluations=1, redos=1, expressions=1, time=1)
    slow = SlowCost(policy=text, resource=Resource("v1", text, text), file=text, line=1, time=1)
    return Profile(1, 1, 1, (cost,), (rule,), (line,), (slow,), flame)


@given(st.lists(frames, max_size=3))
def test_speedscope_has_all_the_time(roots: list[Frame]) -> None:
    document = speedscope(profile(tuple(roots)))
    [only] = document["profiles"]
    assert sum(only["weights"]) == only["endValue"] == sum(root.time for root in roots)
    assert len(only["weights"]) == len(only["samples"])
    frames = document["shared"]["frames"]
    assert all(0 <= index < len(frames) for sample in only["samples"] for index in sample)


class Page(HTMLParser):
    """Every tag, and every attribute that could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.risky: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.risky += [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "action")]


def page(text: str) -> str:
    out = io.StringIO()
    write_profile(profile((tree(text, 5, [leaf(text, 5)]),), text), "html", out, ProfileReport())
    return out.getvalue()


HARMLESS = Page(page("x"))


@given(
    st.text(max_size=30) | st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</svg>"])
)
def test_a_page_stays_what_it_is_whatever_the_names(text: str) -> None:
    hostile = Page(page(text))
    assert hostile.tags == HARMLESS.tags
    assert hostile.risky == []


def test_a_page_can_neither_load_nor_send() -> None:
    text = page("x")
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|@import|url\(", text)


def test_a_page_is_made_for_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in page("x")
