"""A report in headless Chromium, as a reader sees it: on a wide screen, on a telephone's and on paper."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver

# No connections of Chromium's own; no sandbox, because root in a container cannot have one.
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser; the test is skipped if there is none (.ci/run installs it)."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium or its chromedriver is missing, so the report is not looked at")
    choice = webdriver.ChromeOptions()
    choice.binary_location = browser
    for switch in SWITCHES.split():
        choice.add_argument(switch)
    choice.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=choice, service=webdriver.ChromeService(driver))
    try:
        yield window
    finally:
        window.quit()


def browse(report: Path) -> None:
    """Assert that a report has no error, loads all its images, and fits a wide screen, a narrow one and paper."""
    with chromium() as window:
        for width in (1200, 375):
            screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
            window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            window.get(report.as_uri())
            assert window.title.startswith("Do generated images")  # a missing file is a page of Chromium's, with an image
            assert window.get_log("browser") == []
            images, broken = window.execute_script(
                "const all = [...document.images];"
                "return [all.length, all.filter(image => !image.complete || image.naturalWidth === 0).map(image => image.alt)]"
            )
            assert images > 0
            assert broken == []
            assert window.execute_script("return document.documentElement.scrollWidth") <= width
        paper = base64.b64decode(window.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
        assert paper.startswith(b"%PDF")


def enlarge(report: Path) -> None:
    """Assert that a click on a figure of a report opens it large on a telephone, and another one closes it."""
    with chromium() as window:
        window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True})
        window.get(report.as_uri())
        widths = [
            window.execute_script("const image = document.images[0]; if (arguments[0]) image.click(); return image.width", is_clicked)
            for is_clicked in (False, True, True)
        ]
        assert widths[0] == widths[2] <= 375
        assert widths[1] >= 900
