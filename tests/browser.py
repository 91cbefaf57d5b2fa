"""A report in headless Chromium, as a reader sees it: on a wide screen, on a telephone's and on paper."""

import base64
import shutil
from pathlib import Path

import pytest
from selenium import webdriver

# No connections of Chromium's own; no sandbox, because root in a container cannot have one.
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
BROKEN = "return [...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.alt)"
# What sticks out of the window; a wide table scrolls in a box of its own, which must not.
CUT = (
    "return [...document.querySelectorAll('body *:not(.wide *)')].filter(part => part.getBoundingClientRect().right > arguments[0] + 1)"
    ".map(part => part.outerHTML.slice(0, 200))"
)


def browse(report: Path) -> None:
    """Assert that a report has no error, loads its figures, and fits a wide screen, a narrow one and paper, its tables open or not.

    The test is skipped if there is no browser (.ci/run installs it).
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium or its chromedriver is missing, so the report is not looked at")
    choice = webdriver.ChromeOptions()
    choice.binary_location = browser
    for switch in SWITCHES.split():
        choice.add_argument(switch)
    choice.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=choice, service=webdriver.ChromeService(driver)) as window:
        for width in (1200, 390):
            screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
            window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            window.get(report.as_uri())
            assert window.title.startswith("Do generated images")  # a missing file is a page of Chromium's, with an image
            assert window.get_log("browser") == []
            assert window.execute_script("return document.images.length") > 0
            assert window.execute_script(BROKEN) == []
            for is_open in ("false", "true"):
                window.execute_script(f"document.querySelectorAll('details').forEach(part => part.open = {is_open})")
                assert window.execute_script("return document.documentElement.scrollWidth") <= width
                assert window.execute_script(CUT, width) == []
        paper = base64.b64decode(window.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
        assert paper.startswith(b"%PDF")
