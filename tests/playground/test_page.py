"""The page in a real Chromium: what a person sees, types and presses. Skipped without Chromium and Playwright.

Both come with `make .venv/.browser` and the package `chromium` of the system.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from attest_governance.evaluate import Engine
from attest_governance.web.server import PageServer
from tests.playground.conftest import INPUT, POLICY, RUNAWAY, TEXTS, make_playground, serve

sync_api = pytest.importorskip("playwright.sync_api", reason="PLAYWRIGHT IS NOT INSTALLED: the page is not tested")
CHROMIUM = os.environ.get("ATTEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="CHROMIUM IS NOT INSTALLED: the page is not tested"),
]
PATIENCE = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium, which keeps nothing between tests."""
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield running
        running.close()


class Page:
    """The page of a server, as a person meets it. Its complaints and its requests are noted."""

    def __init__(self, context: Any, server: PageServer) -> None:
        self.server = server
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.open()

    def open(self) -> None:
        """Opens the page and waits for its first answer."""
        self.page.goto(self.server.url)
        self.settle()

    def settle(self) -> None:
        """Waits until the verdict on the screen is that of the texts on the screen."""
        self.page.wait_for_selector('#verdict[data-verdict][data-state="settled"]')

    def says(self, verdict: str) -> None:
        """Waits for a verdict."""
        sync_api.expect(self.page.locator("#verdict")).to_contain_text(verdict, timeout=PATIENCE)
        self.settle()

    def type(self, name: str, text: str) -> None:
        """Replaces the text of a document."""
        self.page.click(f"#{name}-tab")
        editor = self.page.locator(f"#{name}-editor .cm-content")
        editor.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")  # text that replaces text inherits its style, which is refused
        self.page.keyboard.insert_text(text)

    def text(self, selector: str) -> str:
        """What is shown there."""
        shown: str = self.page.locator(selector).inner_text()
        return shown


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A browser that has never been here."""
    fresh = browser.new_context(viewport={"width": 1300, "height": 850})
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: Any, server: PageServer) -> Iterator[Page]:
    """The open page; nothing may have been refused by its own rules, and nobody else asked."""
    opened = Page(context, server)
    yield opened
    own = f"http://127.0.0.1:{server.server_port}/{server.admission.token}/"
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith((own, "blob:"))] == []


def test_it_shows_the_verdict_the_line_and_the_reason(page: Page) -> None:
    page.says("Denied · 1 finding")
    assert "the name much-too-long is too long" in page.text("#result")
    assert page.text("#input-editor .said") == "high: the name much-too-long is too long"
    assert "name: much-too-long" in page.text("#input-editor .line-finding")


def test_lines_that_were_not_evaluated_are_shaded(page: Page) -> None:
    shaded = page.page.locator("#policy-editor .line-not-covered")
    sync_api.expect(shaded.filter(has_text='metadata.name == "other"')).to_have_count(1)
    sync_api.expect(page.page.locator("#policy-editor .line-covered").first).to_be_visible()
    failed = page.page.locator("#policy-editor .line-failed")
    sync_api.expect(failed.filter(has_text='kind == "Other"')).to_have_count(1)
    sync_api.expect(page.page.locator("#legend")).to_be_visible()
    page.page.uncheck("#shade")
    sync_api.expect(shaded).to_have_count(0)
    sync_api.expect(page.page.locator("#legend")).to_be_hidden()


def test_coverage_agrees_with_the_trace(page: Page) -> None:
    """No line that the trace shows a step of is said not to have been evaluated."""
    page.page.click("#trace-tab")
    steps = page.page.locator("#trace .link").all_inner_texts()
    shown = {int(text.removeprefix("line ")) for text in steps if text.startswith("line ")}
    numbered = """() => Object.fromEntries([...document.querySelectorAll('#policy-editor .cm-line')].map(
        (line, at) => [at + 1, line.className]))"""
    classes = page.page.evaluate(numbered)
    assert shown >= {5, 6, 10, 11}
    assert all("line-covered" in classes[str(at)] or "line-failed" in classes[str(at)] for at in shown)


def test_coverage_has_a_legend_and_not_the_colour_of_errors(page: Page) -> None:
    legend = page.page.locator("#legend li")
    assert legend.all_inner_texts() == ["evaluated, holds", "evaluated, does not hold", "not evaluated"]
    colours = """() => ['--bad', '--bad-back'].map((name) => {
        const probe = document.body.appendChild(document.createElement('i'));
        probe.style.color = `var(${name})`;
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color;
      })"""
    drawn = """() => [...document.querySelectorAll('.legend li, .line-failed, .line-not-covered')].flatMap((one) => {
        const { backgroundColor, borderLeftColor, boxShadow } = getComputedStyle(one);
        return [backgroundColor, borderLeftColor, boxShadow];
      })"""
    for _ in ("light", "dark"):
        errors = page.page.evaluate(colours)
        assert not [colour for colour in page.page.evaluate(drawn) if any(error in colour for error in errors)]
        page.page.click("#theme")


def test_a_reset_can_be_undone(page: Page) -> None:
    page.type("input", INPUT.replace("much-too-long", "ok"))
    page.says("Allowed")
    page.page.click('[data-action="reset"][data-group="input"]')
    page.says("Denied")
    page.page.click("#notice button")
    page.says("Allowed")
    sync_api.expect(page.page.locator("#notice")).to_be_hidden()
    page.page.click('[data-action="reset"][data-group="input"]')
    page.says("Denied")
    page.page.locator("#input-editor .cm-content").click()
    page.page.keyboard.press("Control+z")
    page.says("Allowed")


def test_files_and_resources_are_named(context: Any, engine: Engine) -> None:
    files = {"policy": "/srv/policies/names.rego", "input": "/srv/k8s/shop.yaml", "tests": "names_test.rego"}
    two = INPUT + "---\n" + INPUT.replace("name: much", "namespace: shop\n  name: other")
    for server in serve(make_playground(engine), TEXTS | {"input": two}, files):
        page = Page(context, server)
        for name, file in files.items():
            assert page.text(f"#{name}-tab").split() == [name.capitalize(), file.split("/")[-1]]
        found = page.page.locator("#result .findings li").all_inner_texts()
        assert ["Pod/much-too-long shop.yaml line 4" in found[0], "Pod/shop/other" in found[1]] == [True, True]
        page.page.click("#trace-tab")
        assert "example on Pod/shop/other-too-long" in page.text("#trace")
        page.page.click("#profile-tab")
        assert "names.rego" in page.text("#profile caption")


def test_typing_is_judged_as_it_comes(page: Page) -> None:
    page.type("input", INPUT.replace("much-too-long", "ok"))
    page.says("Allowed · 0 findings")
    sync_api.expect(page.page.locator("#input-editor .said")).to_have_count(0)
    page.type("data", "limits: {longest: 1}")
    page.says("Denied · 1 finding")


def test_an_error_is_shown_at_its_place(page: Page) -> None:
    page.type("policy", f"{POLICY}\nallow if unknown_function(1)\n")
    page.says("Not decided")
    sync_api.expect(page.page.locator("#policy-editor .cm-lint-marker-error")).to_have_count(1)
    assert "policy line 15" in page.text("#result")
    page.type("policy", POLICY)
    page.says("Denied")
    sync_api.expect(page.page.locator("#policy-editor .cm-lint-marker-error")).to_have_count(0)


def test_an_error_of_the_input_is_shown_in_the_input(page: Page) -> None:
    page.type("input", "kind: [\n")
    page.says("Not decided")
    sync_api.expect(page.page.locator("#input-editor .cm-lint-marker-error")).to_have_count(1)


def test_rego_is_highlighted(page: Page) -> None:
    keywords = page.page.locator("#policy-editor .tok-keyword").all_inner_texts()
    assert {"package", "import", "contains", "if"} <= set(keywords)
    assert "input" not in keywords
    assert page.page.locator("#input-editor .tok-propertyName").count() > 3


def test_the_trace_opens_and_leads_to_the_line(page: Page) -> None:
    page.page.click("#trace-tab")
    tree = page.page.locator("#trace .tree").first
    sync_api.expect(tree).to_contain_text("example.violation")
    sync_api.expect(tree).to_contain_text("✗ fails")
    page.page.locator("#trace .link", has_text=re.compile(r"^line 11$")).first.click()
    assert page.page.evaluate("document.activeElement.closest('#policy-editor') !== null")
    assert 'input.resource.kind == "Other"' in page.text("#policy-editor .cm-activeLine")


def test_the_profile_is_a_table(page: Page) -> None:
    page.page.click("#profile-tab")
    assert page.page.locator("#profile tbody tr").count() >= 2
    assert page.page.locator("#profile th").first.get_attribute("scope") == "col"


def test_tests_run_and_say_why_they_failed(page: Page) -> None:
    page.page.click("#tests-tab")
    page.page.locator("#tests-editor .cm-content").click()
    page.page.keyboard.press("Control+Enter")
    sync_api.expect(page.page.locator("#tested-tab")).to_have_attribute("aria-selected", "true")
    sync_api.expect(page.page.locator("#tested")).to_contain_text("1 of 3 tests passed")
    assert page.page.locator('#tested li[data-outcome="failed"] .tree').count() >= 1


def test_edits_survive_a_reload_and_can_be_thrown_away(page: Page) -> None:
    page.type("input", INPUT.replace("much-too-long", "ok"))
    page.says("Allowed")
    page.open()
    page.says("Allowed")
    assert "name: ok" in page.text("#input-editor .cm-content")
    sync_api.expect(page.page.locator("#input-tab")).to_have_attribute("data-edited", "true")
    page.page.click('[data-action="reset"][data-group="input"]')
    page.says("Denied")
    page.open()
    page.says("Denied")


def test_a_file_that_changed_under_the_edits_is_told(page: Page) -> None:
    page.type("input", INPUT.replace("much-too-long", "ok"))
    page.says("Allowed")
    page.server.start.texts["input"] = INPUT + "# changed\n"
    page.open()
    assert "has changed since you edited it" in page.text("#notice")


def test_documents_are_shared_as_files(page: Page, tmp_path: Path) -> None:
    with page.page.expect_download() as waiting:
        page.page.click('[data-action="download"][data-group="source"]')
    assert Path(waiting.value.path()).read_text() == POLICY
    other = tmp_path / "other.yaml"
    other.write_text(INPUT.replace("much-too-long", "ok"))
    with page.page.expect_file_chooser() as choosing:
        page.page.click('[data-action="open"][data-group="input"]')
    choosing.value.set_files(other)
    page.says("Allowed")


def test_the_keyboard_reaches_everything(page: Page) -> None:
    """In the order of the screen, tabs by arrows, and no editor keeps the focus."""
    reached = []
    for _ in range(25):
        page.page.keyboard.press("Tab")
        where = "[document.activeElement.id || document.activeElement.className || document.activeElement.textContent]"
        reached += page.page.evaluate(where)
    wanted = [
        "skip",
        "shade",
        "theme",
        "run",
        "policy-tab",
        "cm-content",
        "input-tab",
        "cm-content",
        "result-tab",
        "result",
    ]
    positions = iter(reached)
    assert all(any(name in one for one in positions) for name in wanted), reached
    page.page.focus("#result-tab")
    page.page.keyboard.press("ArrowRight")
    sync_api.expect(page.page.locator("#trace")).to_be_visible()
    sync_api.expect(page.page.locator("#trace-tab")).to_be_focused()
    page.page.keyboard.press("End")
    sync_api.expect(page.page.locator("#tested-tab")).to_be_focused()


def test_the_focus_can_be_seen(page: Page) -> None:
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Tab")
    outline = page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_every_control_has_a_name(page: Page) -> None:
    script = """[...document.querySelectorAll('button, input:not([hidden]), [role=textbox], [role=tabpanel], section')]
        .filter((one) => !one.closest('.cm-panels'))
        .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length
            || one.getAttribute('aria-labelledby')))
        .map((one) => one.outerHTML)"""
    assert page.page.evaluate(script) == []
    assert page.page.locator('#policy-editor [role="textbox"]').get_attribute("aria-label") == "Policy, Rego"


def test_the_theme_follows_the_system_until_it_is_chosen(page: Page) -> None:
    page.page.emulate_media(color_scheme="dark")
    document = page.page.locator("html")
    sync_api.expect(document).to_have_attribute("data-theme", "dark")
    page.page.click("#theme")
    sync_api.expect(document).to_have_attribute("data-theme", "light")
    page.open()
    sync_api.expect(document).to_have_attribute("data-theme", "light")


SIZES: Mapping[str, tuple[int, int, bool]] = {
    "a phone": (360, 740, True),
    "a large phone": (420, 900, True),
    "just narrow": (799, 900, True),
    "just wide": (800, 900, False),
    "a desk": (1600, 900, False),
}


@pytest.mark.parametrize(("width", "height", "single"), SIZES.values(), ids=SIZES)
def test_it_fits(page: Page, width: int, height: int, single: bool) -> None:
    page.page.set_viewport_size({"width": width, "height": height})
    boxes = [page.page.locator(name).bounding_box() for name in ("#sources", "#inputs", "#results")]
    overflow = page.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    assert (boxes[0]["x"] == boxes[1]["x"]) is single
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert boxes[1]["y"] + boxes[1]["height"] <= boxes[2]["y"]
    assert page.page.locator("#verdict").bounding_box()["height"] < 60, "two lines at most"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_they_are_on(page: Page, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1."""
    page.page.emulate_media(color_scheme=scheme)
    sync_api.expect(page.page.locator("html")).to_have_attribute("data-theme", scheme)
    weak = page.page.evaluate(CONTRAST)
    assert weak == []


CONTRAST = r"""() => {
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const part = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${one.className} ${one.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""

MARKUP = "<img src=x onerror=window.hit=1><script>window.hit=1</script><svg onload=window.hit=1>"


def test_markup_in_any_text_stays_text(page: Page) -> None:
    """A message, a name, a value, a line of a policy: whoever wrote them runs nothing here."""
    hostile = POLICY.replace("is too long", f"is {MARKUP}").replace("\tmsg :=", f"\tprint({MARKUP!r})\n\tmsg :=")
    hostile = hostile.replace(f"print({MARKUP!r})", f'print("{MARKUP}")') + f"\n# {MARKUP}\n"
    page.type("input", INPUT.replace("much-too-long", f"'much{MARKUP}'"))
    page.type("data", f"limits: {{longest: 5, x: '{MARKUP}'}}")
    page.type("policy", hostile)
    page.says("Denied")
    for tab in ("result", "trace", "profile", "tested"):
        page.page.click(f"#{tab}-tab")
    assert MARKUP in page.text("#input-editor .said")
    assert page.page.evaluate("window.hit") is None
    assert page.page.locator("main img, main script, main svg").count() == 0


def test_markup_in_an_error_stays_text(page: Page) -> None:
    page.type("policy", f"package a\n\nviolation contains {MARKUP}")
    page.says("Not decided")
    page.page.locator("#policy-editor .cm-lint-marker-error").first.hover()
    assert page.page.evaluate("window.hit") is None
    assert page.page.locator("main img, main script").count() == 0


def test_a_policy_that_never_ends_leaves_the_page_alive(context: Any, engine: Engine) -> None:
    for server in serve(make_playground(engine, timeout=0.3), TEXTS, {}):
        page = Page(context, server)
        page.type("policy", RUNAWAY)
        page.says("Not decided")
        assert "in rule `runaway.violation` policy line 5" in page.text("#result")
        sync_api.expect(page.page.locator("#policy-editor .cm-lint-marker-error")).to_have_count(1)
        page.type("policy", POLICY)
        page.says("Denied")


def test_a_server_that_is_gone_is_told(context: Any, engine: Engine) -> None:
    page = None
    for server in serve(make_playground(engine), TEXTS, {}):
        page = Page(context, server)
    assert page is not None
    page.page.click("#run")
    sync_api.expect(page.page.locator("#verdict")).to_contain_text("does not answer")


def test_another_page_can_neither_frame_nor_ask(context: Any, server: PageServer) -> None:
    """A page of another origin that even knows the token."""
    stranger = context.new_page()
    stranger.route("http://stranger.test/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    stranger.goto("http://stranger.test/")
    script = """async (url) => {
      try { return (await fetch(url + 'api/documents')).status; } catch { return 'refused'; }
    }"""
    assert stranger.evaluate(script, server.url) == "refused"
    stranger.evaluate(
        "(url) => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", server.url
    )
    stranger.wait_for_timeout(300)
    assert all("Policy playground" not in frame.content() for frame in stranger.frames if frame != stranger.main_frame)
