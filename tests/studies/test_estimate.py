"""What `temshift check` foretells, against what a run takes."""

from pathlib import Path

import pytest

from temshift.core.configuration import parse_configuration
from temshift.core.files import read_json
from temshift.studies import Study, run_study
from temshift.studies.estimate import Estimate, estimate

SPREAD = "focal_spread_sigma_nm: 1.0\n    angular_spread_sigma_mrad: 0.1"


@pytest.fixture(scope="module")
def summed(tiny_text: str) -> Study:
    """The tiny study with illumination so convergent that each image is a sum of many."""
    text = tiny_text.replace("focal_spread_sigma_nm: 1.0", SPREAD).replace("steps: 30", "steps: 12")
    return parse_configuration(text, Study, "tiny.yaml")


def seconds_of(found: Estimate) -> dict[str, float]:
    return {name.split(" ")[0]: seconds for name, _, seconds in found.rows}


@pytest.mark.slow
def test_sums_of_many_images_cost_more(tiny: Study, summed: Study) -> None:
    plain, many = seconds_of(estimate(tiny)), seconds_of(estimate(summed))
    assert many["networks"] > 1.5 * plain["networks"]
    assert many["evaluations"] > 1.5 * plain["evaluations"]


def test_one_costly_condition_among_many_is_noticed(tiny_text: str, tiny: Study) -> None:
    one = '    - {name: tilted, defocus_nm: -10, angular_spread_sigma_mrad: 0.2}\n    - name: "dose'
    mixed = parse_configuration(tiny_text.replace('    - name: "dose', one), Study, "tiny.yaml")
    assert seconds_of(estimate(mixed))["evaluations"] > 1.5 * seconds_of(estimate(tiny))["evaluations"]


@pytest.mark.slow
def test_the_estimate_is_right_within_a_factor_of_2(summed: Study, tmp_path: Path) -> None:
    found = seconds_of(estimate(summed))
    run_study(summed, tmp_path / "study", workers=0)
    taken = {stage["name"]: stage["seconds"] for stage in read_json(tmp_path / "study" / "manifest.json")["stages"]}
    foretold, needed = found["networks"] + found["evaluations"], taken["networks trained and scored"]
    assert needed / 2 < foretold < 2 * needed
