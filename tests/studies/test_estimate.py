"""What `temshift check` foretells, against what a run takes."""

from pathlib import Path

import pytest

from temshift.configuration.model import parse_configuration
from temshift.storage.files import read_json
from temshift.studies import Plan, Study, run_study
from temshift.studies.planning.cost_estimate import (
    Costs,
    Estimate,
    Row,
    cost_kind_of,
    estimate,
    evaluations_row,
    networks_row,
)

SPREAD = "focal_spread_sigma_nm: 1.0\n    angular_spread_sigma_mrad: 0.1"


@pytest.fixture(scope="module")
def summed(tiny_text: str) -> Study:
    """The tiny study with illumination so convergent that each image is a sum of many."""
    text = tiny_text.replace("focal_spread_sigma_nm: 1.0", SPREAD).replace("steps: 30", "steps: 12")
    return parse_configuration(text, Study, "tiny.yaml")


def seconds_of(cost: Estimate) -> dict[str, float]:
    return {name.split(" ")[0]: seconds for name, _, seconds in cost.rows}


@pytest.mark.slow
def test_sums_of_many_images_cost_more(tiny: Study, summed: Study) -> None:
    plain, many = seconds_of(estimate(tiny)), seconds_of(estimate(summed))
    assert many["networks"] > 1.5 * plain["networks"]
    assert many["evaluations"] > 1.5 * plain["evaluations"]


def test_one_costly_condition_among_many_is_noticed(tiny_text: str, tiny: Study) -> None:
    condition = '    - {name: tilted, defocus_nm: -10, angular_spread_sigma_mrad: 0.2}\n    - name: "dose'
    mixed = parse_configuration(tiny_text.replace('    - name: "dose', condition), Study, "tiny.yaml")
    assert seconds_of(estimate(mixed))["evaluations"] > 1.5 * seconds_of(estimate(tiny))["evaluations"]


def totals(text: str, costs: Costs) -> tuple[Row, Row]:
    plan = Plan(parse_configuration(text, Study, "tiny.yaml"))
    by_kind = {cost_kind_of(part): costs for part in plan.parts}
    return networks_row(plan, by_kind), evaluations_row(plan, by_kind)


def test_networks_that_settings_share_are_counted_once(tiny_text: str) -> None:
    """The number of test specimens changes no network, but what each is scored on."""
    sweep = "\nsweep: {counts.test: [2, 3]}\n"
    for costs in (Costs(1, 0, 0, 0), Costs(0, 0, 1, 0)):
        assert totals(tiny_text + sweep, costs)[0] == totals(tiny_text, costs)[0]
    each = [totals(tiny_text + f"\nsweep: {{counts.test: [{count}]}}\n", Costs(0, 1, 0, 0))[1] for count in (2, 3)]
    assert totals(tiny_text + sweep, Costs(0, 1, 0, 0))[1][1:] == (each[0][1] + each[1][1], each[0][2] + each[1][2])


@pytest.mark.parametrize(("cohort", "formed"), [(1, 2 * (3 * 7 + 8)), (8, 8)])
def test_images_are_formed_once_for_a_cohort(tiny_text: str, cohort: int, formed: int) -> None:
    text = tiny_text + f"\ncohort: {cohort}\nseeds: 2\nsweep: {{counts.test: [5]}}\n"
    assert totals(text, Costs(0, 0, 0, 1))[1][2] == 5 * formed


def test_images_for_validation_cost_too(tiny_text: str) -> None:
    """They are formed once for a network, and segmented after each of its 10 epochs of 3 steps."""
    text = tiny_text.replace("counts: {", "counts: {validation: 7, ")
    kept = text.replace("training: {steps: 30", "training: {keep: best, steps: 30")
    for costs, more in ((Costs(1, 0, 0, 0), 0), (Costs(0, 1, 0, 0), 10 * 7), (Costs(0, 0, 1, 0), 7)):
        assert totals(kept, costs)[0][2] - totals(text, costs)[0][2] == 4 * more


@pytest.mark.slow
def test_the_estimate_is_right_within_a_factor_of_2(summed: Study, tmp_path: Path) -> None:
    seconds = seconds_of(estimate(summed))
    run_study(summed, tmp_path / "study", workers=0)
    taken = {stage["name"]: stage["seconds"] for stage in read_json(tmp_path / "study" / "manifest.json")["stages"]}
    foretold, needed = seconds["networks"] + seconds["evaluations"], taken["networks trained and scored"]
    assert needed / 2 < foretold < 2 * needed
