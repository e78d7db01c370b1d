"""The page of a compliance report: what it answers, that no text of others gets out of its place, and that it ends."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest_governance.model.compliance import FrameworkReport, Report
from attest_governance.report import compliance_html
from attest_governance.report.compliance_html import MOST_OF_A_POLICY, MOST_OF_ALL, page, write
from attest_governance.report.pages import part, rules
from tests.report.compliance_values import MOMENT, control, found, report_of
from tests.report.values import options

HOSTILE = {
    "a script": "<script>document.title='x'</script>",
    "the end of an attribute": '"><img src=x onerror=alert(1)>',
    "the end of an attribute in single quotes": "' onmouseover='alert(1)",
    "the end of the style": "</style><script>alert(1)</script>",
    "the end of a title": "</title></svg></table></details><b>",
    "a comment": "<!-- ",
    "a character reference": "&lt;script&gt;&#60;b&#62;",
    "a template": "$rules ${script} {0} %s {{x}}",
    "a link": "javascript:alert(1)",
    "an escape sequence": "\x1b[2J\x1b]0;x\x07",
    "control characters": "\x00\x01\r\n\t\x7f\x85",
    "text from right to left": "\u202egnp.exe\u202c\u2066",
    "half a character": "\ud800",
    "separators of lines": "a\u2028b\u2029c",
    "a time": "<time datetime=x>",
}


class Outline(HTMLParser):
    """The elements of a page in their order, with the names of their attributes; and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", (data,)))


def written(report: Report) -> str:
    out = io.StringIO()
    write(report, out, options())
    return out.getvalue()


def seen(report: Report) -> str:
    """What a reader sees, on one line."""
    markup = re.sub(r"<(style|script)>.*?</\1>", "", written(report), flags=re.DOTALL)
    return re.sub(r"\s+", " ", " ".join(Outline(markup).texts))


PLAIN = Outline(written(report_of("plain"))).elements


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_of_others_changes_the_page(text: str) -> None:
    page_ = written(report_of(text))
    assert Outline(page_).elements == PLAIN
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", page_)


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_no_text_whatsoever_changes_the_page(text: str) -> None:
    assert Outline(written(report_of(text or "plain"))).elements == PLAIN


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_links_lead_into_the_page_alone(text: str) -> None:
    outline = Outline(written(report_of(text)))
    links = re.findall(r'href="([^"]*)"', written(report_of(text)))
    assert links
    assert all(link.startswith("#") for link in links)
    targets = set(re.findall(r' id="([^"]*)"', written(report_of(text))))
    assert {link[1:] for link in links} <= targets
    assert not any(name.startswith("on") for _, names in outline.elements for name in names)


def test_it_forbids_itself_to_load_or_send_anything() -> None:
    page_ = written(report_of("plain"))
    assert f'http-equiv="Content-Security-Policy" content="{rules(part("compliance.js"))}"' in page_
    assert "src=" not in page_.replace("script-src", "").replace("style-src", "")
    assert "url(" not in page_


def test_it_says_what_failed_where_since_when_and_who_excused_it_until_when() -> None:
    told = seen(report_of("plain"))
    for words in (
        "What failed? Controls: 1 not met, 1 partly met",
        "Where? 1 finding that nobody excused, in 1 file",
        "Since when? The oldest since 2026-03-01 12:00 UTC",
        "Who excused what? 1 finding exempted by plain; the first to end does so at 2026-06-01 00:00 UTC",
        "What was not looked at? 1 control without a policy",
        "plain:3:1 plain since 2026-03-01 12:00 UTC by plain , violation",
        "approved exemption by plain until 2026-06-01T00:00:00Z: plain",
        "A policy that passes is evidence for a control, not compliance",
        "attest compliance verify PACK --signers FILE",
        "1 error kept parts of this report from being decided.",
    ):
        assert words in told, words


def test_a_control_without_a_policy_counts_nothing() -> None:
    page_ = written(report_of("plain"))
    manual = page_[page_.index('<tbody data-state="manual"') :]
    assert manual.split("</tr>")[0].count('<td class="n">-</td>') == 4


def test_numbers_of_the_plot_are_those_of_the_table() -> None:
    page_ = written(report_of("plain"))
    label = re.search(r'role="img" aria-label="([^"]*)"', page_)
    assert label is not None
    assert label[1] == "plain: 1 not met, 1 partly met, 1 not assessed, 1 exempted, 1 met, 1 manual"


def many(number: int) -> Report:
    """A report with very many findings, of three policies, all against one control."""
    findings = tuple(found(f"policy-{at % 3}", at) for at in range(number))
    one = control("CC", 1, "not met", *range(number))
    framework = FrameworkReport("soc2", "SOC 2", "", "", (), {"not met": 1}, (one,))
    return msgspec.structs.replace(report_of("plain"), frameworks=(framework,), findings=findings)


def test_a_hundred_thousand_findings_are_a_page_that_opens() -> None:
    report = many(100_000)
    size, elements = 0, 0
    for piece in page(report):
        size, elements = size + len(piece), elements + piece.count("<li>")
    assert size < 4_000_000
    assert elements < 3 * MOST_OF_A_POLICY + 100
    told = seen(report)
    assert "100000 findings that nobody excused" in told
    assert "33133 more, in policy-2 (33133)." in told


def test_many_policies_share_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compliance_html, "MOST_OF_ALL", 10)
    monkeypatch.setattr(compliance_html, "MOST_OF_A_POLICY", 4)
    told = seen(many(30))
    assert MOST_OF_ALL > 10
    assert [int(one) for one in re.findall(r"(\d+) more, in policy", told)] == [6, 6, 8]


def test_on_paper_everything_is_open_and_nothing_runs() -> None:
    printed = "".join(page(report_of("plain"), printed=True))
    assert printed.count("<details") == printed.count(" open>")
    assert "<script" not in printed


def test_without_earlier_reports_it_does_not_say_since_when() -> None:
    report = report_of("plain")
    old = tuple(msgspec.structs.replace(one, since="") for one in report.findings)
    report = msgspec.structs.replace(report, past=(), findings=old)
    told = seen(report)
    assert "Since when? Not known: no earlier report was given" in told
    assert "at each report" not in told
    assert MOMENT[:10] in told
