"""The flame graph as a speedscope file and as a page: nothing is lost, and hostile text stays text."""

from __future__ import annotations

import io
import re
from colorsys import hls_to_rgb
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
    time = own + sum(child.time for child in children)
    return Frame(name=name, self=own, time=time, count=1, rule="." in name, children=tuple(children))


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


def boxes(text: str) -> list[tuple[str, str, str]]:
    """Of a page: class, colour and name of each box of the flame graph."""
    return re.findall(r'<g class="(\w+)" style="(--hue:\d+)"[^>]* data-label="([^"]*)"', text)


def drawn(*flame: Frame) -> str:
    out = io.StringIO()
    write_profile(profile(flame, "a.helper"), "html", out, ProfileReport())
    return out.getvalue()


def test_a_rule_keeps_its_colour() -> None:
    """Wherever it is called, whatever it takes, in the graph and in the table; its lines have it, too."""

    def helper(own: int) -> Frame:
        return tree("a.helper", own, [leaf("x := 1", 3)])

    text = drawn(tree("one", 0, [helper(5), tree("a.deny", 1, [helper(9)])]), tree("two", 0, [helper(70)]))
    colours = {colour for _, colour, label in boxes(text) if label.startswith(("helper:", "x := 1"))}
    assert len(colours) == 1
    assert f'<i class="swatch" style="{colours.pop()}"></i>a.helper' in text
    assert len({colour for kind, colour, _ in boxes(text) if kind == "rule"}) == 2


def test_a_label_says_what_the_boxes_above_do_not() -> None:
    text = drawn(tree("a", 0, [tree("attest.security.violation", 5, [leaf("x := 1", 3)])]))
    assert [label for _, _, label in boxes(text)] == ["a", "violation:0", "x := 1"]


def test_the_page_says_what_adds_up_to_what() -> None:
    tiny = leaf("tiny", 1)
    text = drawn(tree("a", 2_000_000, [tree("a.deny", 1_000_000, [tiny])]), tree("b", 1_000_000, []))
    assert "4.00 ms together" in text
    assert "1 part too narrow to be seen not drawn." in text
    assert "a 3.00 ms (75.0 %), 2.00 ms of it its own, evaluated 1 time<" in text


def test_labels_can_be_read_on_every_colour() -> None:
    """WCAG's contrast of 4.5 for each hue, light and dark."""
    style = page("x").split("<style>")[1]
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for part in (light, dark.split("} }")[0]):
        ink = _relative(*(int(part.split("--ink: #")[1][at : at + 2], 16) / 255 for at in (0, 2, 4)))
        for name in ("rule", "source"):
            saturation, lightness = re.findall(r"(\d+)%", part.split(f"--{name}: ")[1].split(";")[0])
            for hue in range(0, 360, 15):
                paper = _relative(*hls_to_rgb(hue / 360, int(lightness) / 100, int(saturation) / 100))
                assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, (name, hue)


def _relative(*channels: float) -> float:
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
