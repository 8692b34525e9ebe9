"""A real Chromium without a window, which notes what a page says and asks for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from waiting import LIMIT_SECONDS

PROGRAM = "chromium-headless-shell"
"""Chromium without what draws windows: a page costs a third of what it costs in the whole one."""

LIMIT_MS = LIMIT_SECONDS * 1000

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Notes:
    """What pages said on the console, what they threw, and the hosts that they asked."""

    messages: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, driven."""
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which(PROGRAM), args=FLAGS, timeout=LIMIT_MS
        )
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, **options: Any) -> Page:
    """A new page, whose every action may take its time."""
    page = browser.new_page(**options)
    page.set_default_timeout(LIMIT_MS)
    return page


def watched(page: Page) -> Notes:
    """Begin to note what a page does."""
    notes = Notes()
    page.on("console", lambda message: notes.messages.append(message.text))
    page.on("pageerror", lambda error: notes.messages.append(str(error)))
    page.on("request", lambda request: notes.hosts.add(urlsplit(request.url).netloc))
    return notes


def unfold(page: Page) -> None:
    """Open everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, a line each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html']}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
