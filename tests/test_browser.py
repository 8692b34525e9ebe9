"""The pages in a real browser, of the installed command against the simulated platform."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import PROGRAM, accessibility_faults, chromium, new_page, unfold, watched
from exporter_process import PACKS, ExporterProcess, simulated
from playwright.sync_api import Browser, expect
from programs import requires
from simulated_traffic import simulator
from waiting import wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec

pytestmark = [requires(PROGRAM), pytest.mark.long(30)]

HOSTILE = (
    "<script>document.title = 'broken into'</script>",
    "<img src=x onerror=\"document.title = 'broken into'\">",
    "x" * 5000,
    "invoice\u202egnp.exe",
    "colour \x1b[31mred\x1b[0m bell \x07",
    "password=hunter2 in a line",
)
LAST_WORDS = (*["opening the shop"] * 60, *HOSTILE, "panic: out of stock")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Platform]]:
    """The address of an exporter that has seen a crash, and the platform that it watches."""
    folder: Path = tmp_path_factory.mktemp("browser")
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("mail")])
        platform.create_app("blog", [ComponentSpec("api")])
        config = simulated(server.api_url, patterns=PACKS)
        with ExporterProcess(folder, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("blog", "api", 0, "GET / 200")
            restarts = "digitalocean_app_restarts_total"
            for number, words in enumerate((["panic: no shelf"], LAST_WORDS), 1):
                platform.crash("shop", "web", 0, words)
                exporter.wait_until(lambda samples, n=number: samples.total(restarts) == n)
            yield exporter.url, platform


def test_crash_is_seen_at_a_glance_and_its_last_words_a_click_away(
    browser: Browser, site: tuple[str, Platform]
):
    """The overview names what is broken and why; its link leads to the lines, secrets taken out."""
    page = new_page(browser)
    notes = watched(page)
    page.goto(site[0])
    broken = page.locator(".broken > li").first
    expect(broken).to_contain_text("shop/web")
    expect(broken).to_contain_text("its containers ended 2 times in the last hour, last: panic")
    expect(broken.locator(".telling")).to_have_text("panic: out of stock")
    broken.get_by_role("link", name="Last 100 lines").click()
    log = page.locator("pre.log").first
    expect(log).to_be_visible()
    expect(log.locator("span")).to_have_count(len(LAST_WORDS))
    expect(log.locator("span").last).to_contain_text(" UTC panic: out of stock")
    log.scroll_into_view_if_needed()
    expect(log.locator("span").last).to_be_in_viewport()
    expect(log.locator("span").first).not_to_be_in_viewport()
    expect(log).to_contain_text("password=[secret] in a line")
    assert notes.messages == []
    assert notes.hosts == {urlsplit(site[0]).netloc}


def test_hostile_lines_stay_text(browser: Browser, site: tuple[str, Platform]):
    """Markup runs nothing, long lines do not widen the page, and no character turns text around."""
    page = new_page(browser, viewport={"width": 390, "height": 800})
    notes = watched(page)
    page.goto(f"{site[0]}/components/shop/web")
    log = page.locator("pre.log").first
    expect(log).to_contain_text(HOSTILE[0])
    expect(log).to_contain_text("invoice⟨U+202E⟩gnp.exe")
    expect(log).to_contain_text("colour red bell ␇")
    assert page.locator("pre.log script, pre.log img").count() == 0
    assert page.title() == "shop/web on App Platform"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert notes.messages == []
    assert notes.hosts == {urlsplit(site[0]).netloc}


def test_filter_and_order_are_in_the_url(browser: Browser, site: tuple[str, Platform]):
    """What is chosen in the form stands in the address, and a link there shows the same."""
    page = new_page(browser)
    page.goto(site[0])
    page.locator("#all > summary").click()
    page.get_by_label("App").select_option("shop")
    page.get_by_label("Order").select_option("name")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"{site[0]}/?app=shop&sort=name")
    names = page.locator("tbody th a")
    expect(names).to_have_text(["shop/mail", "shop/web"])
    expect(page.get_by_role("columnheader", name="Component")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_role("link", name="Latest crash").click()
    expect(page).to_have_url(f"{site[0]}/?app=shop&sort=crash")
    expect(names).to_have_text(["shop/web", "shop/mail"])


def test_page_shows_itself_anew(browser: Browser, site: tuple[str, Platform]):
    """A line that comes while somebody looks is shown without a reload, what is open stays open."""
    url, platform = site
    page = new_page(browser)
    notes = watched(page)
    page.clock.install()
    page.goto(f"{url}/")
    page.locator("#all > summary").click()
    row = page.locator("#all tbody tr", has_text="shop/mail")
    expect(row).to_contain_text("never")
    page.locator("#exporter > summary").click()
    page.evaluate("window.stays = true")
    platform.write("shop", "mail", 0, "ERROR no such mailbox")

    def shows_it() -> bool:
        page.clock.run_for(10_000)
        page.wait_for_timeout(250)
        return "noisy" in row.inner_text()

    wait_for(shows_it)
    expect(page.locator("#exporter")).to_have_attribute("open", "")
    assert page.evaluate("window.stays")
    assert notes.messages == []


def test_pages_work_without_a_script(browser: Browser, site: tuple[str, Platform]):
    """Everything is there, form and folding too, for who allows no script."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site[0]}/?app=blog")
    expect(page.locator("tbody th a")).to_have_text(["blog/api"])
    page.locator("tbody th a").click()
    expect(page.locator("h1")).to_contain_text("blog/api")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/components/shop/web", "/components/blog/api"])
def test_pages_are_accessible(browser: Browser, site: tuple[str, Platform], path: str, scheme: str):
    """axe-core finds no fault, by day and by night."""
    page = new_page(browser, color_scheme=scheme)
    page.goto(site[0] + path)
    unfold(page)
    assert accessibility_faults(page) == []
