"""Chromium without a window, for tests of pages: what it shows, what it says on its console, what it asks the network.

The distribution's browser and driver are used, none is downloaded; as root the sandbox must be off.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium import webdriver
    from selenium.webdriver.remote.webelement import WebElement

__all__ = ["MISSING", "Browser", "chromium"]

_PROGRAMS = ("chromium", "chromedriver")
#: What is not there, "" where a page can be looked at.
MISSING = " and ".join(name for name in _PROGRAMS if shutil.which(name) is None)

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)


class Browser:
    """One browser at work; every method acts on the page that is open."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, fragment: str = "") -> None:
        """A file's page, anew also where only the fragment differs."""
        self.driver.get("about:blank")
        self.driver.get(f"{path.as_uri()}{fragment}")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function's body returns in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: str, patience: float = 30) -> None:
        """Until a function's body returns something true in the page."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, patience, 0.05).until(lambda _: self.run(condition))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        (found,) = self.all(selector)
        return found

    def text(self, selector: str) -> str:
        """An element's text as it is seen."""
        return self.one(selector).text

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus, which may change with each: signs, or names such as TAB, ENTER, ESCAPE."""
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            self.driver.switch_to.active_element.send_keys(getattr(Keys, key, key))

    def focused(self) -> str:
        """The text of what has the focus."""
        return self.driver.switch_to.active_element.text

    def size(self, width: int, height: int) -> None:
        """The page's width and height, in CSS pixels, below what a window could have."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefers(self, scheme: str, media: str = "") -> None:
        """What the reader's system says of colours (dark or light), and the medium (print)."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is seen as a PNG, or the ``whole`` page."""
        taken = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": whole, **self._clip(whole)}
        )
        path.write_bytes(base64.b64decode(taken["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        return {"clip": {"x": 0, "y": 0, "width": width, "height": min(height, 12_000), "scale": 1}}

    def said(self) -> list[str]:
        """What was said on the console and of the page's faults since this was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self) -> list[str]:
        """The addresses that were asked for since this was last asked, but for files and the empty page."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("file:", "about:", "data:", "chrome:"))]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    from selenium import webdriver  # a tenth of a second that other tests need not wait for
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        options = Options()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
