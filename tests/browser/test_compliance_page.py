"""The page of a compliance report in a real Chromium: with a keyboard, a screen reader's rules, dark, narrow, on paper.

Skipped without Chromium, Playwright (`make .venv/.browser`) or axe-core (`npm ci` in web/).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attest_governance.report.compliance_html import page
from tests.playground.test_page import CHROMIUM, FLAGS, PATIENCE, sync_api
from tests.report.compliance_values import report_of
from tests.report.test_compliance_page import many

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="CHROMIUM IS NOT INSTALLED: the page is not tested"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield running
        running.close()


class Opened:
    """A page as a person meets it; its complaints and requests are noted."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_context(**context).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("".join(page(report_of("plain"))), encoding="utf-8")
    return path


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("width", [1200, 360], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.skipif(not AXE.is_file(), reason="axe-core IS NOT INSTALLED (npm ci in web/): its rules are not tried")
def test_axe_finds_nothing(browser: Any, report: Path, scheme: str, width: int, opened: bool) -> None:
    # axe is evaluated by the debugger, which the page's rules about scripts do not bind.
    one = Opened(browser, report, color_scheme=scheme, viewport={"width": width, "height": 800})
    if opened:
        one.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    one.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = one.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]] == []


def test_it_runs_without_complaint_and_asks_nobody(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    assert (one.complaints, one.requests) == ([], [report.as_uri()])


def test_without_script_everything_can_be_read(browser: Any, report: Path) -> None:
    one = Opened(browser, report, java_script_enabled=False)
    assert not one.page.locator("#filter").is_visible()
    assert one.page.locator(".controls > tbody").count() == 6
    assert not one.page.get_by_text("To be shown besides").first.is_visible()
    one.page.locator("summary").get_by_text("Evidence for plain0").click()
    assert one.page.get_by_text("To be shown besides").first.is_visible()


def test_controls_are_filtered_by_state_and_by_word(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    rows = one.page.locator(".controls > tbody:visible")
    assert rows.count() == 6
    one.page.get_by_role("checkbox", name="manual").uncheck()
    assert rows.count() == 5
    one.page.get_by_role("searchbox", name="Find").fill("plain3")
    assert rows.count() == 1
    assert one.page.locator("#hits").inner_text() == "1 of 6 controls shown"
    one.page.get_by_role("searchbox", name="Find").fill("nowhere")
    assert rows.count() == 0


def test_controls_are_sorted_with_the_keyboard(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    ids = one.page.locator(".controls .id")
    head = one.page.get_by_role("columnheader", name="Control", exact=True)
    head.get_by_role("button").focus()
    one.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    one.page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert ids.all_inner_texts() == [f"plain{number}" for number in range(5, -1, -1)]
    one.page.get_by_role("button", name="State", exact=True).click()
    assert ids.all_inner_texts() == [f"plain{number}" for number in range(6)]


def test_the_keyboard_reaches_the_evidence(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.textContent") == "Skip to the controls"
    one.page.keyboard.press("Enter")
    for _ in range(40):
        one.page.keyboard.press("Tab")
        if one.page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    one.page.keyboard.press("Enter")
    assert one.page.evaluate("document.activeElement.parentNode.open")


def test_a_policy_leads_to_its_findings_which_open(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    one.page.get_by_role("button", name="Open all").click()
    group = one.page.locator("details.group")
    assert not group.evaluate("one => one.open")
    one.page.locator('a[href="#policy-0"]').first.click()
    one.page.wait_for_function("document.querySelector('details.group').open")


@pytest.mark.parametrize("width", [320, 390, 768, 1600])
def test_it_fits(browser: Any, report: Path, width: int) -> None:
    one = Opened(browser, report, viewport={"width": width, "height": 800})
    one.page.get_by_role("button", name="Open all").click()
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width


def test_markup_in_any_field_stays_text(browser: Any, tmp_path: Path) -> None:
    hostile = (
        "</title></style></svg><script>document.title = 'taken'</script><img src=x onerror=document.title='taken'>"
    )
    path = tmp_path / "hostile.html"
    path.write_text("".join(page(report_of(hostile))), encoding="utf-8")
    one = Opened(browser, path)
    assert one.page.title().startswith("Compliance report: </title>")
    assert (one.complaints, len(one.requests)) == ([], 1)
    assert one.page.locator("img").count() == 0


def test_a_script_that_got_in_would_not_run(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "altered.html"
    text = "".join(page(report_of("plain"))).replace("<main>", "<main><script>document.title = 'taken'</script>", 1)
    path.write_text(text, encoding="utf-8")
    one = Opened(browser, path)
    assert one.page.title() != "taken"
    assert any("Content Security Policy" in said for said in one.complaints)


def test_a_hundred_thousand_findings_open(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_text("".join(page(many(100_000))), encoding="utf-8")
    one = Opened(browser, path)
    assert one.page.locator("details.group").count() == 3
    assert one.page.locator("#hits").inner_text() == "1 of 1 controls shown"


def test_paper_shows_what_is_closed_on_the_screen(browser: Any, report: Path) -> None:
    one = Opened(browser, report)
    one.page.emulate_media(media="print")
    assert one.page.get_by_text("To be shown besides").first.is_visible()
    assert not one.page.locator("#filter").is_visible()
