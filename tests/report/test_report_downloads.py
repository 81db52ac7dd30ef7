"""Pictures in dialogs and downloads, in a real browser."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser
from synthetic_study import HOSTILE
from visit import Visit

from temshift.report import StudyTables, build_matrix, write_report

pytestmark = pytest.mark.browser
FIND = "name => JSON.parse(document.getElementById('data').textContent).tests.findIndex(t => t.name === name)"


@pytest.fixture(scope="module")
def page(browser: Browser, study_folder: Path) -> Iterator[Visit]:
    """One visit for all tests of this file, each of which closes what it opened."""
    visit = Visit(browser, study_folder, 1280, accept_downloads=True)
    yield visit
    visit.leave()


def download(page: Visit, button: str, folder: Path) -> Path:
    with page.page.expect_download() as waiting:
        page.page.locator(button).first.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_cell_opens_with_micrographs_and_outlines(page: Visit) -> None:
    page.page.click("#open-cell")
    try:
        assert page.page.locator("#cell .tile image").count() == 2 * (1 + 2)
        assert page.page.locator("#cell .outline.truth").count() == 2 * 3
        assert page.page.locator("#cell .outline.predicted").count() == 2 * 2
        assert page.page.locator("#cell tbody th").all_text_contents() == ["micrograph", "defocus -20 nm", "broad"]
        words = page.words("#cell")
        assert "Pixels of 0.8 Å, bars of 1 nm." in words
        assert "IoU –" in words
        assert "IoU 0.75" in words
        shown = page.page.locator("#cell .tile").first.bounding_box()
        assert shown is not None
        assert shown["width"] > 100
    finally:
        page.page.click("#close-cell")


def test_pictures_are_decoded_by_the_browser(page: Visit) -> None:
    page.page.click("#open-cell")
    try:
        address = page.page.locator("#cell .tile image").first.get_attribute("href")
        size = page.page.evaluate(
            "async (source) => { const image = new Image(); image.src = source; await image.decode(); "
            "return [image.naturalWidth, image.naturalHeight]; }",
            address,
        )
        assert size == [48, 48]
    finally:
        page.page.click("#close-cell")


def test_the_next_condition_has_its_own_pictures(page: Visit) -> None:
    page.page.click("#open-cell")
    try:
        before = page.page.locator("#cell .tile image").first.get_attribute("href")
        page.page.keyboard.press("ArrowRight")
        assert page.page.locator("#cell .tile image").first.get_attribute("href") != before
    finally:
        page.page.click("#close-cell")


def test_a_network_opens_with_every_condition(page: Visit) -> None:
    page.page.click("#open-network")
    try:
        assert page.words("#network-title") == "Trained on defocus -20 nm"
        names = page.page.locator("#network tbody th").all_text_contents()
        assert len(names) == 20
        assert HOSTILE in names
        page.page.locator("#network-after").click()
        assert page.words("#network-title") == "Trained on broad"
        assert page.page.input_value("#network-names") == "broad"
        page.page.locator("#network-after").click()
        assert page.words("#network-title") == "Trained on broad"
    finally:
        page.page.keyboard.press("Escape")
    assert not page.page.locator("#network").is_visible()


def test_every_table_and_plot_has_its_buttons(page: Visit) -> None:
    tables = page.page.locator("main section table:not(.sheet)").count()
    plots = page.page.locator("main .plot").count()
    assert page.page.locator(".exports").count() == tables + plots
    assert page.page.locator(".exports button", has_text="SVG").count() == plots


def test_a_table_is_saved_with_plain_numbers(page: Visit, tmp_path: Path) -> None:
    found = rows(download(page, "#errors .exports button", tmp_path))
    assert found[0][:2] == ["prediction of ln(cross-entropy)", "R², test left out"]
    assert ["mean (baseline)", "-0.03", "", "", "× 1.40"] in [row[:5] for row in found]


def test_the_matrix_is_saved_with_every_number(page: Visit, study: StudyTables, tmp_path: Path) -> None:
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    found = rows(download(page, "#matrix .exports button:has-text('CSV')", tmp_path))
    assert len(found) == 1 + 6 * 20
    assert HOSTILE in [row[1] for row in found]
    for key in ("cross_entropy", "f1", "sigma"):
        column = [row[found[0].index(key)] for row in found[1:]]
        grid = np.array([float(value) if value else np.nan for value in column]).reshape(6, 20)
        np.testing.assert_allclose(grid, matrix.cells[key], rtol=1e-3)


@pytest.mark.parametrize(("kind", "start"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
def test_a_plot_is_saved_as_a_picture(page: Visit, tmp_path: Path, kind: str, start: bytes) -> None:
    path = download(page, f"#sigma-plot + .exports button:has-text('{kind}')", tmp_path)
    assert path.suffix == f".{kind.lower()}"
    assert path.read_bytes().startswith(start)


def test_the_points_of_a_plot_are_saved(page: Visit, tmp_path: Path) -> None:
    found = rows(download(page, "#curve-plot + .exports button:has-text('CSV')", tmp_path))
    assert found[0] == ["curve", "defocus [nm], underfocus positive", *found[0][2:3], "error above", "error below"]
    assert len(found) > 10
    assert all(float(row[1]) >= -25 for row in found[1:])


def test_a_study_of_before_opens_without_pictures(browser: Browser, own_folder: Path) -> None:
    write_report(own_folder)
    visit = Visit(browser, own_folder)
    assert not visit.page.locator("#open-network").is_visible()
    visit.page.click("#open-cell")
    assert "No micrographs of this condition were kept" in visit.words("#cell")
    visit.leave()
