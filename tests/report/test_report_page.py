import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic_study import HOSTILE

from temshift.report import StudyTables, report_html, write_report

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
    assert len(page.scripts) == 3


def test_embedded_data_hold_the_name_and_every_cell(page: Page) -> None:
    assert "<" not in page.scripts[0]
    data = json.loads(page.scripts[0])
    assert HOSTILE in [test["name"] for test in data["tests"]]
    assert [len(data["cells"][key]) for key in ("cross_entropy", "f1", "sigma")] == [6, 6, 6]
    assert all(len(row) == 20 for row in data["cells"]["left_out_test_prediction"])
    assert set(data["transfer"]["test"]) == {test["name"] for test in data["tests"]}


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
    assert html.count('href="data:image/png;base64,') == 3 * 5
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
