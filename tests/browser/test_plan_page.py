"""The page of a plan in a real browser: filter, folds, keys, looks, print, and that it asks nobody for anything."""

import re
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from reconciler.core.overlay import make_overlay
from reconciler.views import plan_html
from tests.browser.conftest import Server, open_page
from tests.browser.page import Page
from tests.views import samples
from tests.views.cases import DOCUMENTS, FILES, PROVENANCE

ALL = 317  # 300 of the manifest and 17 others


def test_every_repository_is_there_and_counted(page: Page) -> None:
    page.shoot("light")
    assert len(page.names()) == ALL
    assert page.status() == f"{ALL} repositories"


def test_the_filter_finds_names_inside_groups(page: Page) -> None:
    page.keys("/", "billing")
    names = page.names()
    assert len(names) == 8
    assert all("billing" in name for name in names)
    assert page.status() == f"8 of {ALL} repositories"
    assert (
        page.run("return document.querySelector('.entry:not([hidden]) .count').textContent") == "5 of 180 repositories"
    )
    page.shoot("filtered")


def test_the_filter_finds_what_changes_and_all_words_count(page: Page) -> None:
    page.keys("/", "openssl=3.3")
    assert len(page.names()) == 40
    page.keys(" ui")
    only = page.names()
    assert 0 < len(only) < 40
    assert all("ui" in name for name in only)


def test_sections_without_a_hit_go_and_come_back(page: Page) -> None:
    before = page.visible(".section")
    page.keys("/", "no such thing")
    assert page.names() == []
    assert page.visible(".section") == 0
    page.keys(Keys.ESCAPE)
    assert page.visible(".section") == before
    assert len(page.names()) == ALL


def test_counts_and_kinds_filter_as_well(page: Page) -> None:
    page.click(".tile.reset")
    assert page.names() == ["geo-batch-importer", "graph-batch-importer"]
    page.click(".tile.create")
    assert len(page.names()) == 3
    page.click("[data-kind=add]")
    assert page.names() == ["gateway-batch-importer"]
    page.click("[data-kind=add]")
    page.click(".tile.create")
    page.click(".tile.reset")
    assert len(page.names()) == ALL
    page.click(".tile.unchanged")
    assert len(page.names()) == 55


def test_what_happens_to_none_is_not_a_filter(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "nothing")
    assert page.run("return document.querySelectorAll('.tile:enabled').length") == 1


def test_a_slash_goes_to_the_filter_and_escape_leaves_it(page: Page) -> None:
    assert page.focused() == "body"
    page.keys("/")
    assert page.focused() == "words"
    page.keys("a/b")
    assert page.run("return document.getElementById('words').value") == "a/b"
    page.keys(Keys.ESCAPE)
    assert page.focused() == "body"
    assert page.run("return document.getElementById('words').value") == ""


def test_everything_can_be_reached_and_folded_with_the_keyboard(page: Page) -> None:
    page.keys(Keys.TAB, Keys.TAB)
    assert page.run("return document.activeElement.href") == PROVENANCE.job_url
    page.keys(Keys.TAB)
    assert page.run("return document.activeElement.className").startswith("tile")
    assert page.style(":focus-visible", "outline-style") == "solid"
    page.keys(" ")
    assert page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    page.keys(" ")
    page.run("document.querySelector('.entry.update summary').focus()")
    assert page.visible(".entry.update .changes") == 21
    page.keys(Keys.ENTER)
    assert page.visible(".entry.update .changes") == 20
    assert page.visible(".entry.update .brief") == 1


def test_all_entries_fold_and_unfold_at_once(page: Page) -> None:
    page.click("[data-fold=close]")
    assert page.visible(".entry .body") == 0
    page.shoot("folded")
    page.click("[data-fold=open]")
    assert page.visible(".entry .body") == page.visible(".entry")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_is_asked_of_anybody_and_nothing_is_complained_about(driver: Any, server: Server, name: str) -> None:
    page = open_page(driver, server, name)
    page.keys("/", "a")
    assert page.requests() == [server.address]
    assert page.logs() == []
    assert server.asked == ["/plan.html"]


def test_the_policy_stops_what_markup_would_ask_for(driver: Any, server: Server) -> None:
    bait = (
        "<img src='/stolen.png'><script>fetch('/stolen')</script><script src='/stolen.js'></script>"
        "<link rel=stylesheet href='/stolen.css'><p style='background:url(/stolen.gif)' id=bait>x</p>"
        "<iframe src='/stolen.html'></iframe>"
    )
    clean = plan_html.render(DOCUMENTS["nothing"]())
    page = open_page(driver, server, "nothing", markup=clean.replace("<main>", f"<main>{bait}"))
    assert server.asked == ["/plan.html"]
    assert len(page.logs()) >= 5


def test_text_from_outside_stays_text(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "markup")
    page.shoot("markup")
    assert page.run("return document.querySelectorAll('main img, main script, main i').length") == 0
    links = page.run("return [...document.querySelectorAll('main a')].map(one => one.getAttribute('href'))")
    assert [link for link in links if not link.startswith(("#r-", f"{FILES}/manifests/web.yaml#L"))] == []
    assert '"<img src=x onerror=alert(1)>"' in page.names()


def test_the_script_is_not_needed_for_reading(driver: Any, server: Server) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = open_page(driver, server, "three-hundred")
        page.shoot("without-script")
        shown = driver.find_element("css selector", "main").text
        assert "tax-ui" in shown
        assert not driver.find_element("css selector", "#filter").is_displayed()
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_dark_page_is_dark_and_the_light_one_light(page: Page) -> None:
    light = brightness(page.style("body", "background-color"))
    page.media(dark=True)
    dark = brightness(page.style("body", "background-color"))
    page.shoot("dark")
    assert light > 200
    assert dark < 50
    assert brightness(page.style("body", "color")) > 200


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_enough_contrast(driver: Any, server: Server, *, dark: bool) -> None:
    page = open_page(driver, server, "guard")
    page.media(dark=dark)
    page.shoot(f"guard-{'dark' if dark else 'light'}")
    pairs = page.run(_CONTRAST)
    assert len(pairs) > 20
    assert {text: ratio for text, ratio in ((text, contrast(*colors)) for text, *colors in pairs) if ratio < 4.5} == {}


@pytest.mark.parametrize("name", ["three-hundred", "hostile", "markup", "every-action"])
def test_a_narrow_window_needs_no_sideways_scrolling(driver: Any, server: Server, name: str) -> None:
    page = open_page(driver, server, name)
    page.size(400, 900)
    page.shoot(f"narrow-{name}")
    assert page.run("return document.documentElement.scrollWidth") <= 400


def test_what_is_folded_is_printed(page: Page) -> None:
    page.click("[data-fold=close]")
    page.media(media="print")
    assert page.visible(".entry .names li") > 250
    assert page.visible(".changes dd") > 20
    assert page.visible("#filter") == 0


def test_five_thousand_repositories_are_filtered_at_once(driver: Any, server: Server) -> None:
    steps = [
        samples.step(f"repository-{number:04}", after=make_overlay(packages=[f"p{number}"]), line=number + 1)
        for number in range(5_000)
    ]
    page = open_page(driver, server, "nothing", markup=plan_html.render(samples.document(samples.plan(*steps))))
    assert page.status() == "5,000 repositories", page.logs()
    took = page.run(
        "const start = performance.now(); const words = document.getElementById('words'); words.value = '-49';"
        "words.dispatchEvent(new Event('input')); return new Promise(done => requestAnimationFrame(() =>"
        "requestAnimationFrame(() => done(performance.now() - start))))"
    )
    assert page.status() == "100 of 5,000 repositories"
    # Far more than it takes, so that a busy machine does not fail it; a page that is slow by design does.
    assert took < 3_000


@pytest.mark.parametrize("name", ["review", "guard", "markup", "nothing", "compared", "three-hundred"])
@pytest.mark.parametrize("looks", ["light", "dark", "phone", "print"])
def test_axe_finds_nothing(driver: Any, server: Server, name: str, looks: str) -> None:
    page = open_page(driver, server, name)
    page.media(dark=looks == "dark", media="print" if looks == "print" else "")
    if looks == "phone":
        page.size(390, 844)
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.shoot(f"axe-{name}-{looks}")
    assert page.accessibility_findings() == []


def test_a_permalink_unfolds_and_shows_its_repository(page: Page) -> None:
    page.click("[data-fold=close]")
    page.keys("/", "nothing has this name")
    name = page.run("return document.querySelector('.names .name[id]').id")
    page.run("location.hash = arguments[0]", name)
    page.keys()
    assert page.run("return document.getElementById('words').value") == ""
    assert page.run("return document.querySelector(':target').closest('.entry').open")
    page.until(_IN_VIEW)
    page.shoot("permalink")


def test_a_permalink_works_from_the_start(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "review", fragment="#r-team-03")
    assert page.run("return document.querySelector(':target').textContent") == "team-03"
    page.until(_IN_VIEW)


def test_every_repository_has_a_link_that_the_keyboard_reaches(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "review")
    assert page.run(
        "return [...document.querySelectorAll('.name[id]')]"
        ".every(one => document.querySelectorAll(`.link[href='#${one.id}']`).length === 1)"
    )
    page.run("document.querySelector('.entry.create .links > .place').focus()")
    page.keys(Keys.TAB)
    assert page.run("return document.activeElement.getAttribute('aria-label')") == "Permalink to custom-python"
    page.keys(Keys.ENTER)
    assert page.run("return location.hash").startswith("#r-")


def test_the_whole_overlay_is_shown_on_demand(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "review")
    assert page.visible(".overlay table") == 0
    page.click(".entry.update > .body > .overlay > summary")
    assert page.visible(".overlay table") == 1
    page.shoot("overlay")
    page.media(media="print")
    assert page.visible(".overlay table") == 1


def test_what_is_taken_away_leads_to_where(driver: Any, server: Server) -> None:
    page = open_page(driver, server, "review")
    page.click(".risk li:nth-child(2) a")
    assert page.run("return location.hash") == "#r-custom-node"
    page.until(_IN_VIEW)


def brightness(color: str) -> float:
    return sum(rgb(color)) / 3


def rgb(color: str) -> list[int]:
    return [int(value) for value in re.findall(r"\d+", color)[:3]]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2 between two colors, from 1 to 21."""
    darker, lighter = sorted(luminance(rgb(color)) for color in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: list[int]) -> float:
    linear = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in color]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


_IN_VIEW = """
const box = document.querySelector(':target').getBoundingClientRect();
return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
"""
# Every piece of text with its color and the first background behind it that is not transparent.
_CONTRAST = """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const element = walker.currentNode.parentElement;
  if (!text || !element.checkVisibility()) continue;
  let behind = element;
  while (behind && getComputedStyle(behind).backgroundColor.endsWith(', 0)')) behind = behind.parentElement;
  found.push([text, getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]);
}
return found;
"""
