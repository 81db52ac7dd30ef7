"""Conditions of every dialect score alike from Python, from a file and as a mapping; another energy is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from temshift.conditions import ImagingConditions
from temshift.core.errors import InputError
from temshift.scoring import score

DEFAULT = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0}
ITEMS = [{"name": "a", "defocus_nm": 10}, {"name": "b {value:g}", "series": "defocus_nm", "values": [-5, 5]}]
WAVES = {"energy_kev": 300, "sampling_angstrom": 0.4, "slice_thickness_angstrom": 2.0}
STUDY = {"name": "x", "seed": 0, "conditions": {"default": DEFAULT, "training": ITEMS[:1], "test": ITEMS}}
DIALECTS: dict[str, dict[str, Any]] = {
    "image set": {"seed": 0, "default": DEFAULT, "conditions": ITEMS, "standardise": True, "images_per_specimen": 3},
    "image set of an energy": {"energy_kev": 300, "default": DEFAULT, "conditions": ITEMS},
    "study": {**STUDY, "exit_waves": WAVES, "training": {"epochs": 1}},
}


def network(images: Tensor) -> Tensor:
    return 2 * torch.nn.functional.avg_pool2d(images, 5, 1, 2, count_include_pad=False)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_scores_as_conditions_to_score_under_do(discs: Path, tmp_path: Path, name: str) -> None:
    expected = score(network, discs, {"default": DEFAULT, "test": ITEMS})
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(DIALECTS[name]))
    for given in (file, str(file), DIALECTS[name]):
        assert score(network, discs, given).equals(expected)


def test_the_parameters_of_one_distribution_are_called_after_their_file(discs: Path, tmp_path: Path) -> None:
    bare = {"defocus_nm": {"normal": {"mean": 10, "sd": 1}}, **DEFAULT}
    file = tmp_path / "microscope.yaml"
    file.write_text(yaml.safe_dump(bare))
    expected = score(network, discs, {"microscope": ImagingConditions.model_validate(bare)})
    assert score(network, discs, file).equals(expected)
    assert score(network, discs, bare).drop("test_name").equals(expected.drop("test_name"))


def test_another_energy_than_that_of_the_waves_is_refused(discs: Path) -> None:
    for given in (
        {"energy_kev": 200, "default": DEFAULT, "conditions": ITEMS},
        {**STUDY, "exit_waves": {**WAVES, "energy_kev": 200}},
    ):
        with pytest.raises(InputError, match="are for 200 keV, but the waves are of 300 keV"):
            score(network, discs, given)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("conditions:\n  - {name: a, defocus: 10}\n", "line 2, conditions.0.defocus: unknown key"),
        ("conditions:\n  test:\n    - {name: a, dose_e_per_A2: -1}\n", "line 3, conditions.test.0.dose_e_per_A2"),
        ("defocus_nm: 3\ndose: 4\n", "line 2, dose: unknown key"),
        ("seeed: 3\nconditions: [{name: a, defocus_nm: 1}]\n", "line 1, seeed: unknown key"),
        ("- {name: a, defocus_nm: 1}\n", "must be a mapping"),
        ("nothing: 3\n", "test: is missing"),
    ],
)
def test_faults_of_every_dialect_have_their_line(discs: Path, tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=fault):
        score(network, discs, file)


def test_a_mapping_that_yaml_cannot_hold_is_refused(discs: Path) -> None:
    with pytest.raises(InputError, match="give numbers, texts, lists and mappings"):
        score(network, discs, {"test": [{"name": "a", "defocus_nm": 1j}]})
