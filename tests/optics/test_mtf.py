"""Curves of cameras: parametric, tabled, from files and presets, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from temshift.configuration.model import ConfigurationError, dump_configuration, parse_configuration
from temshift.core.hashes import content_hash
from temshift.optics import CameraSettings, TransferTable, parametric_transfer, preset_names
from temshift.optics.camera.mtf_files import preset_table, read_table

GOOD = {"frequency_nyquist": [0.0, 0.5, 1.0], "value": [1.0, 0.7, 0.3]}
CSV = "# a camera\nfrequency_per_pixel,value\n0,1\n0.25,0.7\n0.5,0.3\n"
STAR = """# version 30001

data_mtf

loop_
_rlnResolutionInversePixel #1
_rlnMtfValue #2
0.00 1.0
0.25\t0.7
0.50 0.3

data_other
loop_
_rlnVoltage
300
"""


def table(**given: object) -> TransferTable:
    return TransferTable.model_validate(given)


@pytest.mark.parametrize(("shape", "at_twice"), [("gaussian", 1 / 16), ("exponential", 1 / 4), ("lorentzian", 1 / 5)])
def test_a_parametric_transfer_is_one_at_zero_and_half_at_its_half_frequency(shape: str, at_twice: float) -> None:
    half = torch.tensor([0.3, 0.7, math.inf], dtype=torch.float64)
    for h, expected in zip(half[:2].tolist(), (at_twice, at_twice), strict=True):
        transfer = parametric_transfer(torch.tensor([0.0, h, 2 * h], dtype=torch.float64), half, shape)
        row = transfer[half.tolist().index(h)]
        assert row.tolist() == pytest.approx([1, 0.5, expected], abs=1e-12)
        assert transfer[2].tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", ["gaussian", "exponential", "lorentzian"])
def test_parametric_transfers_take_gradients(shape: str) -> None:
    frequency = torch.linspace(0, 1.4, 5, dtype=torch.float64)
    half = torch.tensor([0.4, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: parametric_transfer(frequency, h, shape), (half,))


def test_a_table_passes_through_its_points_falls_between_them_and_keeps_its_last_value() -> None:
    curve = table(**GOOD)
    assert curve.at(np.array([0.0, 0.5, 1.0, 1.2, math.sqrt(2)])).tolist() == pytest.approx([1, 0.7, 0.3, 0.3, 0.3])
    assert (np.diff(curve.at(np.linspace(0, 1, 200))) < 0).all()


def test_a_table_may_stay_level() -> None:
    curve = table(frequency_nyquist=[0, 0.5, 1], value=[1.0, 1.0, 0.4])
    assert curve.at(np.array([0.25, 1.0])).tolist() == pytest.approx([1, 0.4])


def test_a_first_value_a_little_off_one_is_divided_out() -> None:
    assert table(frequency_nyquist=[0, 1], value=[0.9995, 0.5]).at(np.array([0.0, 1.0])).tolist() == pytest.approx(
        [1, 0.5 / 0.9995]
    )


def test_cycles_per_pixel_are_twice_the_share_of_nyquist() -> None:
    assert table(frequency_per_pixel=[0, 0.25, 0.5], value=[1.0, 0.7, 0.3]) == table(**GOOD)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("curve.csv", CSV),
        ("curve.csv", "frequency_nyquist, value\n0,1\n0.5,0.7\n1,0.3"),
        ("curve.csv", "value,frequency_nyquist\n1,0\n0.7,0.5\n0.3,1\n\n"),
        ("curve.star", STAR),
    ],
)
def test_files_become_the_numbers_that_they_hold(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    read = table(file=str(path))
    assert read == table(**GOOD)
    assert content_hash(read) == content_hash(table(**GOOD))


def test_settings_read_from_a_file_are_written_as_numbers_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(CSV)
    settings = parse_configuration(f"shape: lorentzian\nmtf_table: {{file: {path}}}", CameraSettings, "camera.yaml")
    written = dump_configuration(settings)
    path.unlink()
    assert str(path) not in written
    assert parse_configuration(written, CameraSettings, "camera.yaml") == settings


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_curve_with_its_source(name: str) -> None:
    assert table(preset=name).at(np.array([0.5]))[0] < 0.9
    folder = Path(__file__).parents[2] / "src/temshift/optics/camera/cameras"
    assert "github.com/3dem/relion, read at" in (folder / f"{name}.csv").read_text()


@pytest.mark.parametrize(
    ("name", "per_pixel", "value"),
    [
        ("k2_300kV", [0.0025, 0.1125, 0.3125, 0.4875], [0.98491, 0.889142, 0.646211, 0.404222]),
        ("falcon3EC_300kV", [0.101562, 0.242188, 0.351562], [0.8970834075, 0.5911270856, 0.3481510778]),
    ],
)
def test_presets_keep_the_points_of_the_source_that_were_left_out(
    name: str, per_pixel: list[float], value: list[float]
) -> None:
    assert table(preset=name).at(2 * np.array(per_pixel)) == pytest.approx(value, abs=1e-3)


def test_an_unknown_preset_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="unknown preset 'K2'; known: falcon3EC_300kV, k2_300kV; or give a file"):
        table(preset="K2")
    with pytest.raises(ValueError, match="unknown preset 'mine'; known: none"):
        preset_table("mine", tmp_path)
    (tmp_path / "mine.csv").write_text(CSV)
    assert preset_names(tmp_path) == ["mine"]
    assert preset_table("mine", tmp_path) == ([0.0, 0.5, 1.0], [1.0, 0.7, 0.3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"frequency_nyquist": [0, 0.6, 0.5, 1], "value": [1, 0.8, 0.7, 0.5]},
            "do not increase at point 3, 0.5 of Nyq",
        ),
        ({"frequency_nyquist": [0, 0.5, 0.5, 1], "value": [1, 0.8, 0.7, 0.5]}, "frequencies do not increase.*; sort"),
        (
            {"frequency_nyquist": [0, 0.5, 1], "value": [1, 0.5, 0.6]},
            "values rise at point 3, 1 of Nyquist; smooth them",
        ),
        ({"frequency_nyquist": [0, 1], "value": [1, 1.2]}, "value.1\n.*less than or equal to 1"),
        ({"frequency_nyquist": [0, 1], "value": [1, -0.1]}, "value.1\n.*greater than or equal to 0"),
        (
            {"frequency_nyquist": [0, 1], "value": [0.9, 0.5]},
            "first point is 0.9 at frequency 0; must be 1 at frequency 0",
        ),
        ({"frequency_nyquist": [0.1, 1], "value": [1, 0.5]}, "first point is 1 at frequency 0.1.*divide all values"),
        (
            {"frequency_nyquist": [0, 0.9], "value": [1, 0.5]},
            "ends at 0.9 of Nyquist .0.45 cycles per pixel.; must reach",
        ),
        ({"frequency_nyquist": [0, 1], "value": [1, 0.6, 0.5]}, "2 frequencies but 3 values; give a value for each"),
        ({"frequency_nyquist": [0], "value": [1]}, "at least 2 items"),
        ({"frequency_per_pixel": [0, "x"], "value": [1, 0.5]}, "frequency_per_pixel = .*must be a list of numbers"),
        ({"frequency_per_pixel": 0.5, "value": [1, 0.5]}, "frequency_per_pixel = 0.5; must be a list of numbers"),
        ({"value": [1, 0.5]}, "given none of them; give one of file, preset, frequency_per_pixel, frequency_nyquist"),
        ({"preset": "k2_300kV", "file": "a.csv"}, "given file, preset; give one of"),
        ({"preset": "k2_300kV", "value": [1, 0.5]}, "preset = 'k2_300kV': give preset alone, as text"),
        ({"file": 3}, "file = 3: give file alone, as text"),
        ({"file": "/no/such/file.csv"}, "cannot read /no/such/file.csv .*; give a text file with two columns"),
    ],
)
def test_a_table_that_no_camera_can_have_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        table(**given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f,value\n0,1\n", "has the columns f, value; must have value and one of frequency_nyquist"),
        ("", "has the columns .none.; must have value"),
        ("frequency_nyquist,value\n0,1\n1,half\n", "a row is not of numbers .*half.*; give two numbers on each line"),
        ("frequency_nyquist,value\n0,1\n1\n", "a row is not of numbers"),
        ("data_\nloop_\n_rlnVoltage\n300\n", "_rlnResolutionInversePixel and _rlnMtfValue in a STAR file"),
    ],
)
def test_a_file_without_a_curve_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(str(path))


def test_faults_of_a_table_are_told_with_their_line() -> None:
    text = "shape: gaussian\nmtf_table: {preset: k9}\nbinning: 12"
    with pytest.raises(ConfigurationError, match=r"line 2, mtf_table: unknown preset 'k9'(.|\n)*line 3, binning"):
        parse_configuration(text, CameraSettings, "camera.yaml")


FALCON_4EC = """data_
loop_
_rlnResolutionInversePixel
_rlnMtfValue
0\t0.999616224
0.25\t0.475396925
0.4609375\t0.088408075
0.46875\t0.082460402
0.4765625\t0.083598335
0.484375\t0.08129187
0.4921875\t0.071874225
"""  # points of data/mtf_falcon4EC_200kV.star of RELION (commit 870add2a), among them the rise


def curve_to(end: float, value: float = 0.1) -> dict[str, object]:
    return {"frequency_per_pixel": [0.0, end / 2, end], "value": [1.0, 0.6, value]}


@pytest.mark.parametrize(
    ("end", "probable"),
    [
        (35.0, "probably line pairs per mm .35 of them are the Nyquist frequency of pixels of 14.3 um.: give unit"),
        (100.0, "probably line pairs per mm .*pixels of 5 um.*: give unit: line_pairs_per_mm and pixel_um"),
        (1.0, "probably fractions of Nyquist: give unit: fraction_of_nyquist"),
        (1.4142, "probably fractions of Nyquist"),
        (0.7, "probably a curve beyond Nyquist: give unit: cycles_per_pixel, or cut it at 0.5"),
        (0.51, "probably a curve beyond Nyquist"),
        (2048.0, "in none of cycles_per_pixel, fraction_of_nyquist, line_pairs_per_mm does a curve reach that far"),
    ],
)
@pytest.mark.parametrize("source", ["numbers", "csv", "star"])
def test_cycles_per_pixel_beyond_nyquist_need_a_unit_and_the_probable_one_is_named(
    tmp_path: Path, end: float, probable: str, source: str
) -> None:
    given = curve_to(end)
    if source != "numbers":
        head = "frequency_per_pixel,value" if source == "csv" else "loop_\n_rlnResolutionInversePixel\n_rlnMtfValue"
        between = "," if source == "csv" else " "
        (tmp_path / "curve").write_text(f"{head}\n0{between}1\n{end / 2}{between}0.6\n{end}{between}0.1\n")
        given = {"file": str(tmp_path / "curve")}
    beyond = "beyond 0.5 cycles per pixel, the Nyquist frequency, and no unit is given; "
    with pytest.raises(ValidationError, match=f"reaches {end:g}, {beyond}{probable}"):
        table(**given)


@pytest.mark.parametrize(
    ("unit", "more", "end", "at_nyquist"),
    [
        ("line pairs per mm", {"pixel_um": 14.0}, 35.0, 0.98),
        ("lp/mm", {"pixel_um": 14}, 35.0, 0.98),
        ("fraction of Nyquist", {}, 1.0, 1.0),
        ("nyquist", {}, 1.2, 1.2),
        ("cycles per pixel", {}, 0.7, 1.4),
        ("cycles_per_pixel", {}, 0.5, 1.0),
    ],
)
@pytest.mark.parametrize("source", ["numbers", "file"])
def test_a_unit_that_is_given_is_taken(
    tmp_path: Path, unit: str, more: dict[str, object], end: float, at_nyquist: float, source: str
) -> None:
    given = curve_to(end)
    if source == "file":
        (tmp_path / "curve.csv").write_text(f"frequency,value\n0,1\n{end / 2},0.6\n{end},0.1\n")
        given = {"file": str(tmp_path / "curve.csv")}
    curve = table(**given, unit=unit, **more)
    assert curve.frequency_nyquist == pytest.approx((0, at_nyquist / 2, at_nyquist))
    assert TransferTable.model_validate_json(curve.model_dump_json()) == curve


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            curve_to(35) | {"unit": "lp/mm"},
            "needs the size of the camera's pixels; give pixel_um, such as pixel_um: 14",
        ),
        (curve_to(1) | {"unit": "nyquist", "pixel_um": 14}, "pixel_um serves unit: line_pairs_per_mm alone; leave it"),
        (curve_to(0.5) | {"pixel_um": 14}, "pixel_um serves unit: line_pairs_per_mm alone; leave it out"),
        (curve_to(35) | {"unit": "lp/mm", "pixel_um": -1}, "pixel_um = -1; must be the size of the camera's pixels"),
        (
            curve_to(35) | {"unit": "furlongs"},
            "unit = 'furlongs'; must be one of cycles_per_pixel, fraction_of_nyquist",
        ),
        (curve_to(35) | {"unit": "cycles per pixel"}, "70 of Nyquist in this unit.*probably line pairs per mm"),
        (curve_to(35) | {"unit": "lp/mm", "pixel_um": 140}, "9.8 of Nyquist in this unit"),
        (
            {"frequency_nyquist": [0, 35], "value": [1, 0.1]},
            "frequency_nyquist reaches 35, beyond 4, and no unit is given; probably line pairs per mm.*call the freq",
        ),
        (
            {"frequency_nyquist": [0, 1], "value": [1, 0.1], "unit": "cycles per pixel"},
            "frequency_nyquist and unit: cycles_per_pixel contradict each other; call the frequencies frequency",
        ),
        ({"frequency": [0, 1], "value": [1, 0.1]}, "frequency does not say its unit; give unit: cycles_per_pixel"),
        ({"preset": "k2_300kV", "unit": "nyquist"}, "preset = 'k2_300kV': give preset alone, as text"),
        (
            {"frequency_nyquist": [0, 0.5], "value": [1, 0.3]},
            "if these are cycles per pixel, say so with frequency_per",
        ),
    ],
)
def test_a_unit_that_does_not_fit_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        table(**given)


def test_a_curve_that_rises_by_noise_is_levelled_and_remarked(tmp_path: Path) -> None:
    path = tmp_path / "falcon4EC.star"
    path.write_text(FALCON_4EC)
    curve = table(file=str(path))
    assert 0.083598335 in curve.value  # as measured
    fine = curve.at(np.linspace(0, math.sqrt(2), 2000))
    assert (np.diff(fine) <= 0).all() and fine[0] == 1
    assert curve.at(np.array([2 * 0.4765625])) == pytest.approx(0.082460402 / 0.999616224)
    (remark,) = CameraSettings(mtf_table=curve).remarks()
    assert remark.startswith("mtf_table rises by 0.0011 at 0.953125 of Nyquist; this is taken for noise")
    assert CameraSettings(mtf_table=table(**GOOD)).remarks() == []


@pytest.mark.parametrize(("rise", "fine"), [(0.009, True), (0.011, False)])
def test_a_rise_beyond_noise_is_refused(rise: float, fine: bool) -> None:
    given = {"frequency_nyquist": [0, 0.5, 0.9, 1], "value": [1, 0.5, 0.5 + rise, 0.5]}
    if fine:
        table(**given)
    else:
        with pytest.raises(ValidationError, match=r"values rise at point 3, 0.9 of Nyquist; smooth them"):
            table(**given)


def test_a_slow_rise_in_small_steps_is_no_noise() -> None:
    values = [1.0, *(0.3 + 0.005 * step for step in range(10))]
    with pytest.raises(ValidationError, match="the values rise"):
        table(frequency_nyquist=[0, *np.linspace(0.2, 1, 10).tolist()], value=values)
