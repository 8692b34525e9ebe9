"""Each state of the pages in a real browser: readable in every size and colour, in one order."""

from collections.abc import Iterator

import pytest
from browser import PROGRAM, accessibility_faults, chromium, new_page, unfold, watched
from page_states import ABOUT, DESKTOP, PHONE, STATES
from playwright.sync_api import Browser, Page
from programs import requires
from web_fixtures import serving

pytestmark = [requires(PROGRAM), pytest.mark.long(50)]

BLOCKS = "h1.sum, .banner, .card h3, .calm, .notes, #all, #exporter"
FIRST_OF = {
    "everything": "crm/web",
    "crashing": "shop/web",
    "errors-up": "pay/api",
    "down": "crm/web",
    "failed-job": "batch/report",
}
"""The component whose block comes first, of the states that have one."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def opened(browser: Browser, size: tuple[int, int], scheme: str, address: str) -> Page:
    page = new_page(
        browser,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
    )
    page.goto(address)
    return page


def blocks(page: Page) -> list[str]:
    """What stands on the page, from the top."""
    tops = page.eval_on_selector_all(
        BLOCKS, "all => all.map(e => [e.getBoundingClientRect().top, e.textContent.trim()])"
    )
    return [text for _, text in sorted(tops)]


@pytest.mark.parametrize("name", STATES)
def test_every_state_can_be_read_everywhere(browser: Browser, name: str):
    """No fault for axe, nothing wider than the screen, the same order on a phone, day and night."""
    with serving(status=STATES[name], about=ABOUT) as base:
        seen = []
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            page = opened(browser, size, scheme, f"{base}/")
            notes = watched(page)
            page.reload()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            seen.append(blocks(page))
            unfold(page)
            assert accessibility_faults(page) == []
            assert notes.messages == []
            page.close()
    assert seen[0] == seen[1]
    assert "down" in seen[0][0]
    if name in FIRST_OF:
        first = next(text for text in seen[0] if "/" in text.partition("\n")[0])
        assert name == "everything" or first.startswith(FIRST_OF[name])


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_wrong_is_seen_without_scrolling(browser: Browser, size: tuple[int, int]):
    """The counts, the first broken component, its line and the ways on are on the first screen."""
    with serving(status=STATES["crashing"], about=ABOUT) as base:
        page = opened(browser, size, "light", f"{base}/")
        for selector in ("h1.sum", ".card h3", ".card .telling", ".card .command"):
            box = page.locator(selector).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size[1], selector


@pytest.mark.parametrize("path", ["shop/web", "pay/api", "crm/worker", "batch/report"])
def test_pages_of_components_can_be_read_everywhere(browser: Browser, path: str):
    """The same for the page of a component, with charts, runs, last words, or none of them."""
    with serving(status=STATES["everything"], about=ABOUT) as base:
        for size, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
            page = opened(browser, size, scheme, f"{base}/components/{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            unfold(page)
            assert accessibility_faults(page) == []
            page.close()
