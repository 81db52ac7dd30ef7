"""Every key of a camera in a study file: as a series of test conditions, and swept."""

from copy import deepcopy
from typing import Any

import pytest

from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.studies import Plan, Study

SERIES = {
    "transfer_exponent": ("transfer_exponent", [0.8, 1.0, 2.0]),
    "scattering_share": ("scattering_share", [0.0, 0.5, 1.0]),
    "counting_frames": ("counting_frames", [20.0, 100.0]),
    "dqe_zero": ("dqe_zero", [0.4, 0.9]),
    "mtf_half_frequency": ("mtf_half_frequency", [0.3, 0.6]),
    "ntf_half_frequency": ("ntf_half_frequency", [0.9, 1.5]),
    "gain_counts_per_e": ("gain", [2.0, 10.0]),
    "read_noise_counts": ("read_noise", [0.0, 3.0]),
}


@pytest.fixture
def given(tiny_text: str) -> dict[str, Any]:
    data = read_document(tiny_text).data
    assert isinstance(data, dict)
    return deepcopy(data)


def plan_of(given: dict[str, Any]) -> Plan:
    return Plan(parse_configuration(write_document(given), Study, "study.yaml"))


@pytest.mark.parametrize("key", SERIES)
def test_a_series_of_a_key_of_the_camera_is_a_test_condition_for_each_value(given: dict[str, Any], key: str) -> None:
    field, values = SERIES[key]
    base = {} if key == "mtf_half_frequency" else {"mtf_half_frequency": 0.8}
    series = {"name": f"{key} {{value:g}}", "series": key, "values": values, "defocus_nm": -10, **base}
    given["conditions"]["test"].append(series)
    plan = plan_of(given)
    tests = [test for part in plan.parts for test in part.tests if test.name.startswith(key)]
    assert [float(getattr(test.conditions.central(), field)) for test in tests] == values
    assert len({test.id for test in tests}) == len(values)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("kind", ["counting", "scintillator"]),
        ("shape", ["gaussian", "exponential"]),
        ("binning", [1, 2]),
        ("pixel_angstrom", [0.4, 0.8]),
    ],
)
def test_a_swept_setting_of_the_camera_gives_networks_and_tests_of_their_own(
    given: dict[str, Any], key: str, values: list[Any]
) -> None:
    one = len(plan_of(given).networks)
    plan = plan_of(given | {"sweep": {f"imaging.camera.{key}": values}})
    assert [part.study.imaging.camera.model_dump()[key] for part in plan.parts] == values
    assert len({run.id for run in plan.networks}) == one * len(values)
    tests = [{test.id for test in part.tests} for part in plan.parts]
    assert not tests[0] & tests[1]
    assert len(plan.databases) == len(plan_of(given).databases)  # waves are shared
    assert plan.networks[0].name.endswith(f", {key} {values[0]}")
