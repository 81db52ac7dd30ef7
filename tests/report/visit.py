"""A report that is open in a browser, and all that the browser complained of or asked for."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SHOWN = """
id => {
  const plot = document.getElementById(id), layout = plot.layout;
  return {
    title: layout.title && layout.title.text, x: layout.xaxis.title.text, y: layout.yaxis.title.text,
    traces: plot.data.map((trace) => [trace.name, trace.x, trace.y, trace.z]),
    across: layout.xaxis.ticktext, down: layout.yaxis.ticktext, paper: layout.paper_bgcolor,
  };
}
"""


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start Chromium; skip where it is missing, but fail in CI."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("Chromium is missing, and this is CI: install the package chromium")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


class Visit:
    """An open report; ``complaints`` and ``requests`` are of its browser."""

    def __init__(self, browser: Browser, folder: Path, width: int = 1280, **context: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, **context)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto((folder / "report.html").as_uri())
        self.until_drawn()

    def until_drawn(self) -> None:
        """Wait until every plot is there."""
        self.until("document.documentElement.dataset.drawn === 'true'")

    def until(self, condition: str | Callable[[], bool]) -> None:
        """Wait for a condition; the page's own policy forbids the browser to wait for one."""
        for _ in range(400):
            if self.page.evaluate(condition) if isinstance(condition, str) else condition():
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"not so after 20 s: {condition}")

    def drawn(self, plot: str) -> Any:
        """What a plot shows: names, coordinates and axes of its traces."""
        return self.page.evaluate(SHOWN, f"{plot}-plot")

    def words(self, place: str) -> str:
        """The text of an element."""
        return self.page.locator(place).text_content() or ""

    def enter(self, field: str, text: str) -> None:
        """Write into a field and leave it."""
        self.page.fill(field, text)
        self.page.locator(field).blur()

    def hover_matrix(self, across: float, down: float) -> tuple[float, float]:
        """Point at a place of the matrix, in shares of its width and height."""
        area = self.page.locator("#matrix-plot .nsewdrag")
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        place = box["x"] + across * box["width"], box["y"] + down * box["height"]
        self.page.mouse.move(*place)
        self.page.wait_for_selector("#matrix-plot .hoverlayer .hovertext")
        return place

    def leave(self) -> None:
        """Close the page: nothing was complained of, nothing left it."""
        self.page.close()
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []
