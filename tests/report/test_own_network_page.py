"""The page of one network that was made elsewhere, with and without what it was trained on."""

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_network import own_network

from temshift.core.errors import TemshiftError
from temshift.report import build_matrix, load_study, write_report
from temshift.report.page.own_network import verdict_of_one
from temshift.report.page.page import report_html
from temshift.report.page.payload import page_data
from temshift.storage.files import read_json, write_json

pytestmark = pytest.mark.slow


@pytest.fixture
def told(own_folder: Path) -> Path:
    return own_network(own_folder, told=True)


@pytest.fixture
def untold(own_folder: Path) -> Path:
    return own_network(own_folder, told=False)


def verdict(folder: Path) -> str:
    study = load_study(folder)
    return " ".join(verdict_of_one(build_matrix(study.results, study.metrics, study.manifest.trainings)))


def test_the_verdict_compares_inside_with_outside(told: Path) -> None:
    study = load_study(told)
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    loss = study.results["cross_entropy"]
    assert matrix.near.any()
    assert f"The network was scored under {len(loss)} test conditions" in verdict(told)
    assert "Inside its training distribution its cross-entropy is typically" in verdict(told)
    best, worst = (study.results["test_name"][place] for place in (loss.arg_min(), loss.arg_max()))
    assert f"It does best under “{best}”" in verdict(told)
    assert f"worst under “{worst}”" in verdict(told)


def test_what_is_not_told_is_neither_framed_nor_compared(untold: Path) -> None:
    study = load_study(untold)
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    assert not matrix.near.any()
    assert matrix.trainings[0].words == "not told"
    assert "Inside" not in verdict(untold)
    assert "nothing can be said of sigma" in verdict(untold)
    data: Any = json.loads(json.dumps(page_data(study, matrix)))
    assert "sigma" not in data["cells"]
    assert (data["trainings"]["centers"]["defocus_nm"], data["trainings"]["widths"]["defocus_nm"]) == ([None], [0.0])
    assert data["own"] == "probe"


def test_the_page_speaks_of_one_network(told: Path) -> None:
    page = write_report(told).read_text(encoding="utf-8")
    assert '<body class="own">' in page
    assert "How far can this network be trusted?" in page
    assert "All settings (conditions.yaml)" in page
    assert "The network was made elsewhere" in page
    assert "compact and trained briefly" not in page


def test_a_study_must_tell_what_its_networks_were_trained_on(own_folder: Path) -> None:
    own_network(own_folder, told=False)
    manifest = read_json(own_folder / "manifest.json")
    write_json(own_folder / "manifest.json", manifest | {"kind": "study"})
    with pytest.raises(TemshiftError, match="numbers are missing in training_name, seed, training_defocus_nm"):
        load_study(own_folder)


def test_a_study_speaks_of_networks(study: Any) -> None:
    page = report_html(study)
    assert '<body class="study">' in page
    assert "How far can these networks be trusted?" in page
