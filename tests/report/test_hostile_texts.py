"""No text of a study, whatever it holds, becomes anything but text on the page."""

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import MARK, spoiled, spoiled_study
from playwright.sync_api import Browser
from synthetic_network import own_network
from visit import Visit

from temshift.report import StudyTables, load_study, report_html

LEFT = "() => [document.querySelectorAll('hostile').length, document.scripts.length, document.title]"


class Parsed(HTMLParser):
    """The elements of a page with the names of their attributes, and every text in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.texts += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def data(self) -> list[Any]:
        """What is embedded for scripts."""
        return [json.loads(text) for text in self.texts if text.startswith('{"')]


@pytest.fixture(scope="module")
def hostile(study: StudyTables) -> StudyTables:
    return spoiled_study(study)


@pytest.fixture(scope="module")
def harmless_page(study: StudyTables) -> Parsed:
    return Parsed(report_html(study))


@pytest.fixture(scope="module")
def hostile_page(hostile: StudyTables) -> Parsed:
    return Parsed(report_html(hostile))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from (key, *strings(part))
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def test_hostile_texts_make_no_element_and_no_attribute(harmless_page: Parsed, hostile_page: Parsed) -> None:
    assert hostile_page.elements == harmless_page.elements


def test_hostile_texts_stand_on_the_page_as_they_are(hostile_page: Parsed, hostile: StudyTables) -> None:
    texts = "\n".join(hostile_page.texts)
    manifest, prediction = hostile.manifest, hostile.prediction
    assert prediction.f1 is not None
    places = {
        "study": [hostile.name, hostile.configuration],
        "machine": [manifest.temshift, manifest.created, manifest.platform, manifest.device],
        "versions": [*manifest.versions, *manifest.versions.values()],
        "stages": [stage.name for stage in manifest.stages],
        "database": [spoiled("training"), spoiled("coverage_mean"), spoiled("0123456789abcdef")],
        "fit": [prediction.formula, *prediction.coefficients, *prediction.caveats, prediction.trials[0].feature],
        "models": [*(part for model in prediction.models for part in (model.name, model.description))],
        "fit of F1": [prediction.f1.formula, *prediction.f1.coefficients, prediction.f1.models[0].name],
        "pictures": [*hostile.examples.specimens, *hostile.examples.conditions, *hostile.examples.networks],
        "matrix": [*hostile.results["training_name"].unique(), *hostile.results["test_name"].unique()],
    }
    for place, expected in places.items():
        assert expected, place
        assert all(MARK in text for text in expected if text), place
        missing = [text for text in expected if text not in texts and text.replace("_", " ") not in texts]
        assert missing == [], place


def test_hostile_texts_reach_scripts_as_they_are(hostile_page: Parsed, hostile: StudyTables) -> None:
    data, pictures = hostile_page.data()
    assert {test["name"] for test in data["tests"]} == set(hostile.results["test_name"])
    assert set(data["trainings"]["names"]) == set(hostile.results["training_name"])
    assert set(data["transfer"]["names"]["test"]) == set(hostile.results["test_name"])
    (shown,) = pictures["sets"]
    assert shown["label"] == spoiled("a label")
    assert all(MARK in name for name in (*shown["specimens"], *shown["networks"]))


def test_nothing_ends_a_script_early(hostile: StudyTables) -> None:
    html = report_html(hostile)
    assert html.count("</script") == html.count("<script") == 5
    assert "<hostile" not in html
    assert "{{ 7" in html  # no template is made of a text
    assert "49" not in html[html.index("<title>") : html.index("</title>")]


def test_a_reason_for_no_formula_is_escaped(hostile: StudyTables) -> None:
    without = hostile.prediction.model_copy(update={"formula": None, "why_not": spoiled("too few cells")})
    html = report_html(replace(hostile, prediction=without))
    assert "<hostile" not in html
    assert f"{spoiled('too few cells')}." in Parsed(html).texts


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["study", "own network"])
def test_hostile_texts_do_nothing_in_a_browser(browser: Browser, own_folder: Path, tmp_path: Path, kind: str) -> None:
    folder = own_network(own_folder, told=True) if kind == "own network" else own_folder
    (tmp_path / "report.html").write_text(report_html(spoiled_study(load_study(folder))), encoding="utf-8")
    visit = Visit(browser, tmp_path)
    for score in ("0", "1"):
        visit.page.select_option("#score", score)
    visit.hover_matrix(0.5 / 20, 0.5 / 6)
    visit.page.click("#transfer-swap")
    visit.page.click("#open-cell")
    assert MARK.split("\u2028")[0] in visit.words("#cell-title")
    visit.page.click("#close-cell")
    visit.page.check("#fitted")
    left, scripts, title = visit.page.evaluate(LEFT)
    assert (left, scripts) == (0, 5)
    assert MARK.split("\u2028")[0] in title
    visit.leave()
