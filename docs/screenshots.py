"""Takes the pictures of the page that the documentation shows, from the demo.

``python docs/screenshots.py``; it needs Chromium, and a minute until the demo has had its crash.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent / "images"
PATIENCE = 150.0
"""Seconds until there has to be something to see."""

PICTURES = (
    ("overview.png", "/", "light", (1100, 900)),
    ("overview-phone.png", "/", "dark", (390, 844)),
    ("component.png", "/components/shop/emails", "light", (1100, 1150)),
)
"""File, path, colours and size of each."""


def main() -> int:
    """Run the demo, wait for its crash, and write every picture."""
    command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            url = _address(demo)
            _wait_for_crash(url)
            with sync_playwright() as driver:
                path = shutil.which("chromium")
                browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
                for picture in PICTURES:
                    _take(browser, url, *picture)
                browser.close()
        finally:
            demo.terminate()
    return 0


def _address(demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout is not None
    for line in demo.stdout:
        if found := re.match(r"the exporter's page +(\S+)/$", line):
            return found[1]
    raise RuntimeError("the demo ended without an address")


def _wait_for_crash(url: str) -> None:
    """Until shop/emails has crashed, and a minute of lines beside it can be seen."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with urlopen(f"{url}/components/shop/emails") as answer:
            if b"<pre" in answer.read():
                time.sleep(60)
                return
        time.sleep(1)
    raise RuntimeError("the demo had no crash")


def _take(
    browser: Browser, url: str, name: str, path: str, colours: str, size: tuple[int, int]
) -> None:
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if colours == "dark" else "light",
    )
    page.goto(url + path)
    page.screenshot(path=FOLDER / name)
    print(f"wrote {FOLDER / name}")


if __name__ == "__main__":
    sys.exit(main())
