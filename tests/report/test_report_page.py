import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic_study import HOSTILE

from temshift.report import StudyTables, build_matrix, load_study, report_html, write_report
from temshift.report.page.packing import unpack
from temshift.report.page.payload import page_data
from temshift.storage.files import read_table, write_table

SECTIONS = (
    "run",
    "specimens",
    "predictions",
    "transfer",
    "matrix",
    "explained",
    "errors",
    "learning",
    "limits",
)
VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """The page as a browser sees it: elements in balance, addresses, words, scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.identities: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found: Mapping[str, str] = {name: value or "" for name, value in attrs}
        self.handlers += [name for name in found if name.startswith("on")]
        self.identities += [found["id"]] if "id" in found else []
        self.addresses += [(tag, found[name]) for name in ("src", "href", "data", "action") if name in found]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def html(study_folder: Path) -> str:
    return (study_folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_element_is_closed_and_every_section_there_in_order(page: Page) -> None:
    assert page.open == []
    assert [identity for identity in page.identities if identity in SECTIONS] == list(SECTIONS)
    assert len(page.identities) == len(set(page.identities))


def test_nothing_is_loaded_from_elsewhere(page: Page, html: str) -> None:
    links = [address for tag, address in page.addresses if tag == "a" and not address.startswith("#")]
    assert links == ["https://arxiv.org/abs/2512.09067"]
    loads = [address for tag, address in page.addresses if tag != "a"]
    assert len(loads) > 20
    assert all(address.startswith(("data:", "#")) for address in loads)
    style = re.search("<style>(.*?)</style>", html, re.S)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "default-src 'none'" in html


def test_names_of_the_study_are_words_and_nothing_else(page: Page) -> None:
    words = " ".join(page.words)
    assert HOSTILE in words
    assert "<i>not</i> tried" in words
    assert "a <b>& study" in words
    assert "name: '<script>alert(1)</script>'" in words
    assert page.handlers == []
    assert len(page.scripts) == 5


def test_embedded_data_hold_the_name_and_every_cell(page: Page, study: StudyTables) -> None:
    embedded = [text for text in page.scripts if text.lstrip().startswith("{")]
    assert len(embedded) == 2
    assert not any("<" in text for text in embedded)
    data = json.loads(embedded[0])
    assert HOSTILE in [test["name"] for test in data["tests"]]
    shown = {key: unpack(data["cells"][key]) for key in ("cross_entropy", "f1", "sigma", "left_out_test_prediction")}
    assert {grid.shape for grid in shown.values()} == {(6, 20)}
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    np.testing.assert_allclose(shown["sigma"], matrix.cells["sigma"], rtol=1e-6)
    assert set(data["transfer"]["names"]["test"]) == {test["name"] for test in data["tests"]}


def test_curves_of_every_distribution_are_there(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    transfer = page_data(study, matrix)["transfer"]
    for key in ("particle_transfer", "information_bits"):
        lines = unpack(transfer["curves"][key])
        for role, name in study.transfer.select("role", "name").unique().rows():
            saved = study.transfer.filter(role=role, name=name)[key].to_numpy()
            np.testing.assert_allclose(lines[transfer["names"][role][name]], saved, rtol=1e-6, atol=1e-9)


def test_a_distribution_that_is_trained_on_and_tested_has_one_curve(study: StudyTables) -> None:
    twice = study.transfer.filter(role="training", name="defocus 0 nm").with_columns(
        role=pl.lit("test"), name=pl.lit("same")
    )
    data = page_data(
        replace(study, transfer=pl.concat([study.transfer, twice])), build_matrix(study.results, study.metrics)
    )
    names = data["transfer"]["names"]
    assert names["test"]["same"] == names["training"]["defocus 0 nm"]


def test_scores_of_observers_are_offered_where_a_study_has_them(study: StudyTables) -> None:
    matrix = build_matrix(study.results, study.metrics)
    without = page_data(study, matrix)
    assert [one["key"] for one in without["predictors"]] == [
        "sigma",
        "distance",
        "epsilon_test",
        "defocus_difference_nm",
    ]
    more = study.metrics.with_columns(observer_both_cross_entropy=pl.col("ln_cross_entropy").exp())
    having = page_data(study, build_matrix(study.results, more))
    assert "observer_both_cross_entropy" in [one["key"] for one in having["predictors"]]
    assert "observer_both_cross_entropy" in [one["key"] for one in having["scores"]]


def test_a_folder_without_bits_is_read(own_folder: Path) -> None:
    path = own_folder / "transfer.parquet"
    write_table(path, read_table(path).drop("information_bits"))
    read = load_study(own_folder)
    assert read.transfer["information_bits"].is_null().all()
    assert "information_bits" not in page_data(read, build_matrix(read.results, read.metrics))["transfer"]["curves"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_curves_stand_out_from_the_paper(theme: str) -> None:
    style = (files("temshift.report") / "assets" / "page.css").read_text(encoding="utf-8")
    block = re.findall(r"^:root[^{]*\{([^}]*)\}", style, re.M)[theme == "dark"]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    assert f"color-scheme: {theme}" in block
    for paper in ("paper", "raised", "wash"):
        assert min(contrast(colours[name], colours[paper]) for name in ("ink", "quiet", "link")) > 4.5
    assert min(contrast(colours[name], colours["paper"]) for name in ("first", "second")) > 3


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.1."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_missing_numbers_are_dashes(page: Page) -> None:
    words = "|".join(page.words)
    assert "coverage min|–" in words
    assert re.search(r"\|mean \(baseline\)\|−0\.03\|–\|–\|× 1\.40\|–\|", words)


def test_intervals_trials_and_f1_stand_beside_the_errors(page: Page) -> None:
    words = "|".join(page.words)
    assert "Intervals for 90% of new cross-entropies, typically a factor of 1.28 either way, held 92%" in words
    assert "Tried as further terms" in words
    assert "bend <b> (not taken)" in words
    assert "prediction of logit F1|R², test left out|" in words
    assert "logit F1 = a + b ln(epsilon_test)" in words
    assert re.search(r"\d / – / –", words)
    assert not re.search(r"\b(nan|None|null)\b", words)


def test_what_was_run_is_told(page: Page) -> None:
    words = "|".join(page.words)
    facts = (
        "20251209",
        "84\u202f130",
        "Linux x86_64",
        "2026-01-02 03:04 UTC",
        "torch|2.13.0",
        "train|61.7|8|4",
    )
    assert [fact for fact in facts if fact not in words] == []


def test_each_micrograph_is_embedded_once(page: Page, html: str) -> None:
    assert html.count('href="data:image/webp;base64,') == 3 * 5
    assert sum(address.startswith("#micrograph-") for _, address in page.addresses) == 3 * 5 + 3 * 3 * 5
    assert html.count('class="outline truth"') == 3 * 5 + 3 * 3 * 5
    assert html.count('class="outline predicted"') == 3 * 3 * 5


def test_the_page_is_small_enough_for_an_email(html: str) -> None:
    assert len(html.encode()) < 7e6


def test_the_same_tables_give_the_same_page(study: StudyTables, html: str) -> None:
    assert report_html(study) == html


def test_a_report_is_replaced(own_folder: Path) -> None:
    (own_folder / "report.html").write_text("old")
    assert write_report(own_folder).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_study_without_learning_curves_says_so(own_folder: Path) -> None:
    for path in (own_folder / "networks").glob("*/history.parquet"):
        path.unlink()
    assert "No learning curves were kept" in write_report(own_folder).read_text(encoding="utf-8")


def test_waves_that_are_not_accurate_stand_among_the_limits(study: StudyTables) -> None:
    database = study.manifest.database
    remark = "sampling and slices may change images by up to 25 % of their standard deviation"
    coarse = {**database, "training": {**database["training"], "expected_image_error_max": 0.25, "remark": remark}}
    manifest = study.manifest.model_copy(update={"database": coarse})
    words = " ".join(Page(report_html(replace(study, manifest=manifest))).words)
    assert f"training specimens: {remark}." in words
    assert words.count(remark) == 1
    assert "expected image error max" in words
    assert "expected image error" not in " ".join(Page(report_html(study)).words)
