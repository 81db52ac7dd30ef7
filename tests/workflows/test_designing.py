"""Designs as files: read back as they were, by studies, scores and networks alike."""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.errors import InputError
from temshift.information import ObjectLibrary, write_library
from temshift.information.designs.training_design import DESIGN, Design
from temshift.scoring.scoring_conditions import scoring_conditions
from temshift.studies import Study, read_results, run_study
from temshift.workflows.condition_files import ConditionsFile, read_conditions
from temshift.workflows.design_training import Wanted, design_for, write_design

CAMERA = {"camera": {"binning": 2}}


def given(*defocus: float, **others: Any) -> ConditionsFile:
    """A file of targets, read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "targets.yaml"
        file.write_text(write_document(plain(*defocus, **others)), encoding="utf-8")
        return read_conditions(file, "test")


def plain(*defocus: float, semiangle: float = 12.0, **others: Any) -> dict[str, Any]:
    default = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": semiangle}
    series = {"name": "defocus {value:+g} nm", "series": "defocus_nm", "values": list(defocus), "sd": 1.5}
    return {"default": default, "test": [series], **others}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four particles like CdSe of radius 12 A on carbon, as a file."""
    q = np.arange(1, 33) / 51.2
    each, power, none = np.ones(4), 3 * np.exp(-3 * q), np.zeros((4, 32))
    few = ObjectLibrary(
        q, each[:, None] * power, none, none, 450 * each, 12 * each, power / 70, 35 * each, 41 * each, 0.2
    )
    file = tmp_path_factory.mktemp("library") / "library.json"
    write_library(file, few)
    return file


@pytest.fixture(scope="module")
def found(library: Path) -> Design:
    return design_for(given(-20, 0, 20), Wanted(2, rule="linear", grid=0), specimens=library)


def test_the_file_is_what_a_score_is_told_the_network_was_trained_on(found: Design, tmp_path: Path) -> None:
    yaml, picture = write_design(found, given(-20, 0, 20), tmp_path / "new" / "design.yaml")
    read = scoring_conditions(yaml)
    assert read.trained_on == ("design", found.conditions)
    assert read.tests == given(-20, 0, 20).named
    assert picture.read_bytes()[:4] == b"\x89PNG"
    told = [line.removeprefix("#").strip() for line in yaml.read_text(encoding="utf-8").splitlines() if line[0] == "#"]
    assert told[1:] == list(found.members)


def test_imaging_is_kept_beside_the_conditions(found: Design, tmp_path: Path) -> None:
    wanted = given(-20, 0, 20, imaging=CAMERA)
    yaml, _ = write_design(found, wanted, tmp_path / "design.yaml")
    assert scoring_conditions(yaml).imaging == wanted.imaging


@pytest.mark.slow
def test_a_study_trains_on_the_file_at_once(found: Design, tiny_text: str, tmp_path: Path) -> None:
    """The keys of the file are the conditions of a study; the network's card tells the mixture."""
    yaml, _ = write_design(found, given(-20, 0, 20), tmp_path / "design.yaml")
    text = read_document(tiny_text).data
    text |= {"conditions": read_document(yaml.read_text(encoding="utf-8")).data, "examples": {}}
    study = parse_configuration(write_document(text), Study, "study")
    assert study.conditions.resolved("training") == [("design", found.conditions)]
    folder = run_study(study, tmp_path / "study", workers=0)
    again = design_for(given(-20, 0, 20), Wanted(1, rule="linear", grid=0), specimens=folder.root)
    assert len(again.members) == 1
    results = read_results(folder.root)
    assert results["training_name"].unique().to_list() == ["design"] and len(results) == 3


def test_a_study_file_of_specimens_tells_energy_and_pixels(tiny_text: str, library: Path, tmp_path: Path) -> None:
    """At 0.4 A an aperture of 30 mrad is beyond the band; at 0.1 A it is within."""
    wide = given(-20, 20, semiangle=30.0)
    study = tmp_path / "study.yaml"
    study.write_text(tiny_text, encoding="utf-8")
    with pytest.raises(InputError, match=r"semiangle_cutoff_mrad reaches 30.*at most 24"):
        design_for(wide, Wanted(1, rule="linear", grid=0), specimens=study)
    with pytest.raises(InputError, match="the electron energy is given twice, and differently"):
        design_for(wide, Wanted(1, rule="linear", grid=0), specimens=study, energy=80e3)
    fine = design_for(wide, Wanted(1, rule="linear", grid=0), specimens=library, sampling=0.1)
    assert len(fine.members) == 1


def test_candidates_come_from_a_file_too(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(write_document(plain(4)), encoding="utf-8")
    found = design_for(given(3.9, 4.1), Wanted(3, rule="linear", grid=0, candidates=file), specimens=library)
    assert set(found.sets[DESIGN]) == {"defocus +3.9 nm", "defocus +4.1 nm", "defocus +4 nm"}


def test_impossible_conditions_and_names_are_told(found: Design, tmp_path: Path) -> None:
    narrow = given(1, semiangle=0.01)
    with pytest.raises(InputError, match="0.4 A pixels can be formed so.*:\n.*passes hardly a spatial frequency"):
        design_for(narrow, Wanted(1))
    with pytest.raises(InputError, match=r"end the name in \.yaml"):
        write_design(found, given(1), tmp_path / "design.json")


def test_the_example_is_a_file_of_targets() -> None:
    example = Path(__file__).parents[2] / "examples" / "targets.yaml"
    assert len(scoring_conditions(example).tests) == 8


@pytest.mark.slow
def test_the_page_works_as_written() -> None:
    """Its Python runs, and its links lead somewhere."""
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "design.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0], names)
    assert len(names["chosen"].members) == 2
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page) if not link.startswith("http")]
    assert links and [link for link in links if not (docs / link).exists()] == []
