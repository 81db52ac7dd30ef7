"""What a reader does with the page: filters, sorting, keys, pairs, themes."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser
from synthetic_study import HOSTILE
from visit import Visit

from temshift.report import StudyTables, build_matrix, report_html, write_report
from temshift.report.data.matrix import Matrix
from temshift.storage.files import read_table, write_table

pytestmark = pytest.mark.browser
CELL = "#cell-names"
DOWNLOADS = """
() => {
  const names = [];
  HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
  const buttons = [...document.querySelectorAll("p.exports button")];
  buttons.filter((button) => button.textContent === "CSV").forEach((button) => button.click());
  return names;
}
"""


@pytest.fixture(scope="module")
def matrix(study: StudyTables) -> Matrix:
    return build_matrix(study.results, study.metrics, study.manifest.trainings)


def columns(visit: Visit) -> list[str]:
    """Names of the test conditions that the matrix shows, in their order."""
    return [str(name) for name in visit.drawn("matrix")["across"]]


def rows(visit: Visit) -> list[str]:
    return [str(name) for name in visit.drawn("matrix")["down"]]


def test_words_filter_test_conditions_everywhere(visit: Visit) -> None:
    visit.page.click("#filters summary")
    visit.enter("#columns-words", "ASTIGMATISM -deg")
    assert visit.page.locator("#nothing").is_visible()  # each of them names its azimuth
    assert not visit.page.locator("#matrix-plot").is_visible()
    visit.enter("#columns-words", "astigmatism 60")
    assert visit.words("#shown") == "6 of 6 training distributions, 1 of 20 test conditions"
    assert columns(visit) == ["C12 2 nm along 60 deg"]
    assert sum(len(trace[1]) for trace in visit.drawn("sigma")["traces"] if trace[1] != [None]) == 6
    visit.page.click("#reset")
    assert len(columns(visit)) == 20


def test_ranges_filter_by_the_parameters_of_either_side(visit: Visit) -> None:
    visit.page.click("#filters summary")
    visit.enter("#columns-dose_e_per_A2-to", "100")
    assert columns(visit) == ['&lt;script&gt;alert("d…{dose}` &lt;b&gt;50&lt;/b&gt;', "dose 30 e/A2 at 10 nm"]
    visit.enter("#columns-dose_e_per_A2-to", "")
    visit.enter("#columns-C30_mm-from", "0.3")
    assert columns(visit) == ["C30 0.5 mm at -10 nm", "C30 1.2 mm at -10 nm"]
    visit.enter("#rows-defocus_nm-from", "10")
    assert rows(visit) == ["defocus 10 nm", "defocus 20 nm"]
    assert visit.page.locator("#training option").all_text_contents() == [
        "defocus -20 nm",
        "defocus 10 nm",
        "defocus 20 nm",
    ]


def test_rows_and_columns_are_sorted_by_what_they_score(visit: Visit, matrix: Matrix) -> None:
    loss = matrix.cells["cross_entropy"]
    visit.page.click("#filters summary")
    visit.page.select_option("#sort-rows", "mean")
    assert rows(visit) == [matrix.trainings[i].name for i in np.argsort(loss.mean(axis=1))]
    visit.page.check("#reverse-rows")
    assert rows(visit) == [matrix.trainings[i].name for i in np.argsort(-loss.mean(axis=1))]
    visit.page.select_option("#sort-columns", "chosen")
    own = rows(visit).index(matrix.trainings[0].name)
    shown = visit.drawn("matrix")["traces"][0][3][own]
    np.testing.assert_allclose(shown, np.log10(np.sort(loss[0])), rtol=1e-5)
    visit.page.select_option("#score", "1")  # sorted by the score that is shown
    f1 = visit.drawn("matrix")["traces"][0][3][rows(visit).index(matrix.trainings[0].name)]
    assert f1 == sorted(f1)


def test_a_missing_score_comes_last_whichever_way(visit: Visit, matrix: Matrix) -> None:
    row, column = np.argwhere(np.isnan(matrix.cells["f1"]))[0]
    visit.page.click("#filters summary")
    visit.page.select_option("#score", "1")
    visit.page.select_option("#training", str(row))
    visit.until(f"document.getElementById('cell-names').textContent.includes('{matrix.trainings[row].name}')")
    visit.page.select_option("#sort-columns", "chosen")
    assert columns(visit)[-1] == matrix.tests[column].name
    visit.page.check("#reverse-columns")
    assert columns(visit)[-1] == matrix.tests[column].name


def test_arrow_keys_move_enter_opens_and_escape_closes(visit: Visit, matrix: Matrix) -> None:
    visit.page.locator("#matrix-keys").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        visit.page.keyboard.press(key)
    names = matrix.trainings[1].name, matrix.tests[1].name
    assert visit.words(CELL) == "Trained on “{}”, tested on “{}”".format(*names)
    visit.until(lambda: visit.page.input_value("#transfer-second") == "test:1")
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowRight")  # there is nothing beyond
    assert matrix.tests[-1].name in visit.words(CELL)
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("#cell").is_visible()
    assert visit.words("#cell-title") == matrix.tests[-1].name
    visit.page.keyboard.press("ArrowLeft")
    assert visit.words("#cell-title") == matrix.tests[-2].name
    assert f"{matrix.cells['f1'][1, -2]:.3g}" in visit.words("#cell-body")
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator("#cell").is_visible()
    assert visit.page.evaluate("document.activeElement.id") == "matrix-keys"


def test_every_control_is_reached_by_the_tab_key_and_seen(visit: Visit) -> None:
    reached, unseen = [], []
    for _ in range(200):
        visit.page.keyboard.press("Tab")
        place, outline = visit.page.evaluate(
            "[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(place)
        unseen += [place] if place and outline == "none" else []
        if place == "fitted":
            break
    wanted = [
        "theme",
        "outlines",
        "specimen",
        "transfer-first",
        "transfer-swap",
        "transfer-second",
        "score",
        "matrix-keys",
    ]
    wanted += ["open-cell", "training", "axis", "against", "pairs", "left-out", "bars", "fitted"]
    assert [place for place in reached if place in wanted] == wanted
    assert unseen == []
    unnamed = visit.page.eval_on_selector_all(
        "select, input, button:not(.modebar button)",
        "all => all.filter(e => !e.labels?.length && !e.ariaLabel && !e.textContent).length",
    )
    assert unnamed == 0


def test_any_two_distributions_make_a_pair(visit: Visit, study: StudyTables) -> None:
    bits = []
    for menu, role, name in (("first", "test", "defocus -25 nm"), ("second", "test", HOSTILE)):
        options = visit.page.locator(f"#transfer-{menu} optgroup[label='{role} conditions'] option")
        place = options.all_text_contents().index(name)
        visit.page.select_option(f"#transfer-{menu}", options.nth(place).get_attribute("value"))
        bits.append(study.transfer.filter(role=role, name=name).select("q_per_A", "information_bits").to_numpy().T)
    (q, before), (_, after) = bits
    lost = (q * (before - np.minimum(before, after))).sum() / q.sum()
    words = visit.words("#transfer-words")
    assert f"“{HOSTILE}”" in words
    found = re.search(r"Of the ([\d.]+) bits a spatial frequency under A, ([\d.]+) .* are lost under B", words)
    assert found is not None
    assert float(found[1]) == pytest.approx((q * before).sum() / q.sum(), rel=0.01)
    assert float(found[2]) == pytest.approx(lost, rel=0.01)
    shaded = visit.page.evaluate("document.getElementById('transfer-plot').layout.shapes.map(s => [s.x0, s.x1])")
    inside = np.any([(q >= start - 1e-6) & (q <= end + 1e-6) for start, end in shaded], axis=0)
    assert inside.any()
    assert (after[inside] < 0.5 * before[inside]).all()
    visit.page.click("#transfer-swap")
    assert visit.words("#transfer-words").startswith(f"A (blue): tested on “{HOSTILE}”")


def test_the_loss_is_drawn_with_intervals(visit: Visit, matrix: Matrix) -> None:
    lines = {
        trace[0]: trace for trace in visit.drawn("sigma")["traces"] if trace[0] in ("median", "middle 90 % of pairs")
    }
    assert set(lines) == {"median", "middle 90 % of pairs"}
    sigma, loss = (matrix.cells[key].ravel() for key in ("sigma", "ln_cross_entropy"))
    first = np.argsort(sigma, kind="stable")[: sigma.size // len(lines["median"][1])]
    assert lines["median"][2][0] == pytest.approx(np.median(loss[first]), abs=1e-5)
    assert lines["middle 90 % of pairs"][2][0] == pytest.approx(np.quantile(loss[first], 0.95), abs=1e-5)
    above = matrix.cells["left_out_test_upper"] - matrix.cells["left_out_test_prediction"]
    band = next(trace for trace in visit.drawn("prediction")["traces"] if "90 % interval" in (trace[0] or ""))
    assert band[2][0] - band[1][0] == pytest.approx(np.nanmedian(above), abs=1e-5)
    visit.page.select_option("#against", label="d = −ln sigma")
    assert visit.drawn("sigma")["x"] == "d = −ln sigma"


def test_intervals_of_predictions_are_drawn_where_a_study_has_them(
    browser: Browser, study: StudyTables, tmp_path: Path
) -> None:
    ends = {"left_out_test_lower": -0.3, "left_out_test_upper": 0.5}
    more = {name: pl.col("left_out_test_prediction") + shift for name, shift in ends.items()}
    observed = pl.col("ln_cross_entropy").exp().alias("observer_both_cross_entropy")
    page = report_html(replace(study, metrics=study.metrics.with_columns(observed, **more)))
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    visit = Visit(browser, tmp_path)
    band = {trace[0]: trace for trace in visit.drawn("prediction")["traces"]}["predicted 90 % interval, typical"]
    assert band[2][0] - band[1][0] == pytest.approx(0.5, abs=1e-5)
    bars = visit.page.evaluate("document.getElementById('curve-plot').data.at(-1)")
    assert bars["name"] == "predicted, its condition left out, with 90 % interval"
    np.testing.assert_allclose(
        np.add(bars["y"], bars["error_y"]["array"]), np.multiply(bars["y"], np.exp(0.5)), rtol=1e-5
    )
    visit.page.select_option("#against", label="cross-entropy of the observer, linear + forest")
    found = visit.page.evaluate("document.getElementById('sigma-plot').data[0]")
    np.testing.assert_allclose(np.log(found["x"]), found["y"], atol=1e-5)
    visit.leave()


def test_the_matrix_shows_predictions_and_what_they_miss(visit: Visit, matrix: Matrix) -> None:
    visit.page.select_option("#score", label="measured / predicted cross-entropy")
    shown = np.array(visit.drawn("matrix")["traces"][0][3], dtype=float)
    missed = matrix.cells["ln_cross_entropy"] - matrix.cells["left_out_test_prediction"]
    np.testing.assert_allclose(shown, missed / np.log(10), atol=1e-5)
    assert visit.page.evaluate("(({zmin, zmax}) => zmin + zmax)(document.getElementById('matrix-plot').data[0])") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_it_is_chosen(browser: Browser, study_folder: Path, scheme: str) -> None:
    visit = Visit(browser, study_folder, color_scheme=scheme)
    papers = {"light": "#ffffff", "dark": "#14181d"}
    other = "dark" if scheme == "light" else "light"
    assert visit.drawn("sigma")["paper"] == papers[scheme]
    visit.page.click("#theme")
    assert {visit.drawn(plot)["paper"] for plot in ("matrix", "curve", "transfer", "sigma")} == {papers[other]}
    assert visit.page.get_attribute("#theme", "aria-pressed") == str(other == "dark").lower()
    visit.page.reload()
    visit.until_drawn()
    assert visit.drawn("matrix")["paper"] == papers[other]
    visit.leave()


def test_a_study_without_predictions_or_bits_draws_what_it_has(browser: Browser, own_folder: Path) -> None:
    metrics, transfer = own_folder / "metrics.parquet", own_folder / "transfer.parquet"
    unknown = (
        "predicted_ln_cross_entropy",
        "left_out_test_prediction",
        "left_out_training_prediction",
        "ln_cross_entropy_sd",
    )
    write_table(metrics, read_table(metrics).with_columns(pl.lit(None, pl.Float64).alias(name) for name in unknown))
    write_table(transfer, read_table(transfer).drop("information_bits"))
    write_report(own_folder)
    visit = Visit(browser, own_folder)
    assert "predicted" not in " ".join(visit.page.locator("#score option").all_text_contents())
    assert "less than half of the power of T is left" in visit.words("#transfer-words")
    assert len(visit.drawn("matrix")["traces"][0][3]) == 6
    visit.leave()


def test_the_cell_opens_on_a_narrow_screen(browser: Browser, study_folder: Path) -> None:
    visit = Visit(browser, study_folder, 380)
    visit.page.click("#open-cell")
    box = visit.page.locator("#cell").bounding_box()
    assert box is not None
    assert box["x"] >= 0 and box["x"] + box["width"] <= 380
    visit.page.click("#close-cell")
    assert not visit.page.locator("#cell").is_visible()
    visit.leave()


@pytest.mark.parametrize("width", [1400, 390])
def test_a_double_click_on_a_cell_opens_it_with_its_micrographs(
    browser: Browser, study_folder: Path, width: int
) -> None:
    visit = Visit(browser, study_folder, width)
    across, down = (2.5 / 20, 4.5 / 6) if width > 640 else (4.5 / 6, 2.5 / 20)
    visit.page.mouse.dblclick(*visit.hover_matrix(across, down))
    visit.until("document.getElementById('cell').open")
    assert "Scores of networks trained on defocus 20 nm" in visit.words("#cell-body")
    assert visit.words("#cell-title") == visit.page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).tests[2].name"
    )
    visit.leave()


def test_no_two_downloads_share_a_name(visit: Visit) -> None:
    names = visit.page.evaluate(DOWNLOADS)
    assert len(names) > 8
    assert len(set(names)) == len(names)
    assert {"errors-of-cross-entropy.csv", "errors-of-f1.csv", "coefficients-of-f1.csv"} < set(names)
