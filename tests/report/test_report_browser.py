from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser
from synthetic_network import own_network
from synthetic_study import HOSTILE
from visit import Visit

from temshift.report import write_report
from temshift.storage.files import read_table, write_table

FIND = "name => JSON.parse(document.getElementById('data').textContent).tests.findIndex(t => t.name === name)"
NUMBERS = (
    "cross-entropy 0.",
    "over seeds",
    "over images",
    "F1 0.",
    "IoU 0.",
    "2 networks, 96 images",
    "sigma 0.",
)
PLOTS = ("transfer", "matrix", "curve", "sigma", "prediction")

pytestmark = pytest.mark.browser


def test_every_plot_is_drawn_and_nothing_can_be_uploaded(visit: Visit) -> None:
    for plot in PLOTS:
        assert visit.drawn(plot)["traces"]
    titles = visit.page.eval_on_selector_all(".modebar-btn", "all => all.map(b => b.dataset.title)")
    assert "Download plot as a PNG" in titles
    assert not [title for title in titles if "hare" in title or "loud" in title or "tudio" in title]


@pytest.mark.parametrize("menu", ["score", "training", "axis"])
def test_each_menu_changes_the_curve(visit: Visit, menu: str) -> None:
    before = visit.drawn("curve")
    visit.page.select_option(f"#{menu}", "1")
    visit.until(lambda: bool(visit.drawn("curve") != before))


def test_the_menu_of_scores_changes_the_matrix(visit: Visit) -> None:
    visit.page.select_option("#score", "1")
    shown = visit.drawn("matrix")["traces"][0][3]
    assert shown[1][2] is None  # the cell without F1 stays blank
    assert all(0 <= value <= 1 for row in shown for value in row if value is not None)


def test_hover_shows_the_numbers_and_the_name_as_it_is(visit: Visit) -> None:
    place = visit.page.evaluate(FIND, HOSTILE)
    visit.hover_matrix((place + 0.5) / 20, 0.5 / 6)
    words = visit.page.locator("#matrix-plot .hoverlayer").text_content() or ""
    assert HOSTILE in words
    for number in NUMBERS:
        assert number in words


def test_a_click_on_a_cell_chooses_its_row_and_its_pair(visit: Visit) -> None:
    before = visit.drawn("transfer")
    visit.page.mouse.click(*visit.hover_matrix(2.5 / 20, 4.5 / 6))
    visit.until("document.getElementById('training').value === '4'")
    visit.until(lambda: bool(visit.drawn("curve")["title"] == "Networks trained on defocus 20 nm"))
    assert visit.page.input_value("#transfer-first") == "training:4"
    assert visit.page.input_value("#transfer-second") == "test:2"
    assert visit.drawn("transfer") != before
    assert "trained on “defocus 20 nm”" in (visit.page.locator("#transfer-words").text_content() or "")


def test_menus_of_pairs_and_of_what_is_left_out(visit: Visit) -> None:
    everything = visit.drawn("prediction")
    visit.page.select_option("#left-out", label="a training distribution left out")
    assert visit.drawn("prediction") != everything
    visit.page.select_option("#pairs", "2")
    visit.page.check("#fitted")
    points = [len(trace[1]) for trace in visit.drawn("sigma")["traces"] if trace[1] != [None]]
    assert sum(points) == 2 * 20  # one row, measured and fitted; too few for a band


def test_outlines_and_specimens_can_be_chosen(visit: Visit) -> None:
    outline = visit.page.locator("#specimens .outline").first
    visit.page.uncheck("#outlines")
    assert not outline.is_visible()
    visit.page.select_option("#specimen", "2")
    shown = visit.page.eval_on_selector_all(
        ".prediction", "all => all.filter(b => b.offsetHeight > 0).map(b => b.dataset.specimen)"
    )
    assert shown == ["2"]


@pytest.mark.parametrize("width", [380, 1280, 1920])
def test_no_sideways_scrolling(browser: Browser, study_folder: Path, width: int) -> None:
    visit = Visit(browser, study_folder, width)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    for plot in PLOTS:
        assert visit.drawn(plot)["traces"]
    visit.leave()


def test_a_narrow_window_turns_the_matrix(visit: Visit) -> None:
    assert len(visit.drawn("matrix")["traces"][0][3]) == 6
    visit.page.set_viewport_size({"width": 400, "height": 800})
    visit.until("document.getElementById('matrix-plot').data[0].z.length === 20")
    visit.page.mouse.click(*visit.hover_matrix(1.5 / 6, 0.5 / 20))
    visit.until("document.getElementById('training').value === '1'")
    visit.page.locator("#matrix-keys").focus()
    visit.page.keyboard.press("ArrowDown")  # the matrix is turned: down is the next test condition
    assert visit.words("#cell-names") == "Trained on “defocus -10 nm”, tested on “defocus -20 nm”"


def test_a_perfect_camera_is_named_on_its_axis(browser: Browser, own_folder: Path) -> None:
    path = own_folder / "results.parquet"
    value = pl.when(pl.col("test_C12_nm") > 0).then(pl.col("test_C12_nm") / 10)
    write_table(path, read_table(path).with_columns(test_mtf_half_frequency=value, test_C12_nm=pl.lit(0.0)))
    write_report(own_folder)
    visit = Visit(browser, own_folder, 1280)
    labels = visit.page.eval_on_selector_all("#axis option", "all => all.map(option => option.textContent)")
    visit.page.select_option("#axis", str(labels.index("half frequency of the MTF [of Nyquist]")))
    ticks = visit.page.evaluate("(document.getElementById('curve-plot').layout.xaxis)")
    assert ticks["ticktext"][-1] == "perfect"
    perfect = [x for trace in visit.drawn("curve")["traces"] for x in trace[1] if x == ticks["tickvals"][-1]]
    assert perfect
    visit.leave()


@pytest.mark.parametrize("width", [1300, 390])
@pytest.mark.parametrize("told", [True, False])
def test_the_page_of_one_network_draws_what_is_known(
    browser: Browser, own_folder: Path, told: bool, width: int
) -> None:
    write_report(own_network(own_folder, told))
    visit = Visit(browser, own_folder, width)
    try:
        assert visit.complaints == []
        offered = visit.page.locator("#against option").all_text_contents()
        assert ("sigma" in offered) == told
        assert "epsilon of the test condition" in offered
        assert not visit.page.locator("#learning").is_visible()
        assert not visit.page.locator("#training").is_visible()
        assert ("A (blue): trained on" in visit.page.locator("#transfer-words").inner_text()) == told
        assert visit.drawn("curve")["title"] == "probe"
        visit.page.select_option("#score", label="calibration error")
        assert visit.drawn("curve")["y"] == "calibration error"
        across = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert across <= 0
    finally:
        visit.page.close()
