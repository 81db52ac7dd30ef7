"""The page of a segmentation: its words, its escaping, and its overlay in a browser."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from temshift.report import (
    ShownParticle,
    ShownSegmentation,
    segmentation_html,
    segmentations_html,
    write_segmentation_page,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = '<script>alert(1)</script>"&'


def particle(number: int, diameter: float, on_border: bool = False) -> ShownParticle:
    square = "M10 10l100 0 0 100 -100 0z"
    return ShownParticle(
        number, square, 20.0 * number, 30.0, 20.0 * number + 6, 36.0, diameter, 5.0, 0.3, 0.9, 0.8, on_border
    )


def shown() -> ShownSegmentation:
    levels = np.random.default_rng(0).integers(0, 255, (150, 200)).astype(np.uint8)
    return ShownSegmentation(
        name=f"image {HOSTILE}.tif",
        network="a network",
        levels=levels,
        pixel_nm=(0.08, 0.08),
        binning=2,
        particles=[particle(1, 2.0), particle(2, 3.0), particle(3, 2.5), particle(4, 9.0, on_border=True)],
        spectrum=levels[:128, :128],
        reach_per_nm=(10.0, 10.0),
        spacings_angstrom=(2.355, 2.04),
        lattice="the lattice of Au gives pixels of 0.4 A",
        steps=[("bars", "no bars", False), ("lattice", HOSTILE, True)],
        facts=[("camera", HOSTILE)],
        warnings=["the pixel size is off"],
    )


def test_the_first_words_say_that_nothing_was_checked_unless_labels_were_given() -> None:
    page = segmentation_html(shown())
    words = page.partition('id="verdict">')[2]
    assert words.startswith("Nothing was checked on labelled images of a microscope")
    checked = segmentation_html(replace(shown(), checked="On 3 labelled images F1 is 0.91."))
    assert checked.partition('id="verdict">')[2].startswith("On 3 labelled images") and "Nothing was" not in checked


def test_texts_are_escaped_and_numbers_are_those_given() -> None:
    page = segmentation_html(shown())
    assert "<script>alert" not in page and page.count("&lt;script&gt;alert") >= 3
    assert "3 whole particles have a median diameter of 2.50 nm" in page and "One particle is cut by a border" in page
    assert page.count('<g class="particle') == 4 and "2.35 A" in page and "the pixel size is off" in page


def test_nothing_found_is_a_page_too() -> None:
    page = segmentation_html(replace(shown(), particles=[], spacings_angstrom=(), lattice=""))
    assert "No whole particle is seen" in page and 'class="histogram"' not in page


def test_the_page_of_several_has_links_and_reasons() -> None:
    good = {"image": HOSTILE, "folder": "a b#1", "particles": 3, "pixel_x_angstrom": 0.4, "median_diameter_nm": 2.5}
    bad = {**dict.fromkeys(good), "image": "b.tif", "reason": "b.tif is empty; copy it again"}
    page = segmentations_html([{**good, "reason": None}, bad], [2.0, 2.5, 3.0], "a network")
    assert 'href="a%20b%231/report.html"' in page and "<script>alert" not in page
    assert "1 of 2 files have no mask" in page and "b.tif is empty; copy it again" in page
    assert (
        "nothing"
        not in segmentations_html([bad], [], "a network").partition('id="sizes"')[2].partition("<h2>Images")[0]
    )


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_overlay_zooms_and_names_particles(browser: "Browser", tmp_path: Path, theme: str, width: int) -> None:
    from visit import Visit

    write_segmentation_page(tmp_path / "report.html", shown())
    visit = Visit(browser, tmp_path, width, color_scheme=theme)
    page = visit.page
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#picture").get_attribute("viewBox")
    assert box == "0 0 200 150"
    page.click("[data-zoom=in]")
    zoomed = [float(side) for side in str(page.locator("#picture").get_attribute("viewBox")).split()]
    assert zoomed[2] == pytest.approx(200 / 1.3) and zoomed[0] == pytest.approx((200 - zoomed[2]) / 2)
    page.locator("#picture").focus()
    page.keyboard.press("ArrowRight")
    moved = [float(side) for side in str(page.locator("#picture").get_attribute("viewBox")).split()]
    assert moved[0] > zoomed[0]
    page.keyboard.press("0")
    assert page.locator("#picture").get_attribute("viewBox") == box
    page.hover('[data-number="2"] path')
    assert visit.words("#readout") == "particle 2: 3.00 nm, 5.00 nm2, confidence 0.80"
    page.locator('tr[data-number="3"]').click()
    assert visit.words("#readout").startswith("particle 3")
    assert float(str(page.locator("#picture").get_attribute("viewBox")).split()[2]) < 200
    page.uncheck("#outlines")
    assert not page.locator("#particles").is_visible()
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") != theme
    visit.leave()
