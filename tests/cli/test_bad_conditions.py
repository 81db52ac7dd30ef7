"""Mistakes in conditions: told at their line, with what is allowed, before anything is read or written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Temshift = Callable[..., Any]

TEXT = """\
seed: 1
imaging:
  camera: {{binning: 1}}
default: {{dose_e_per_A2: 400}}
conditions:
  - name: "good {{value}}"
    series: defocus_nm
    values: [3, 4]
  - name: bad
    defocus_nm: 5
    {}
"""
ITEM, LINE = "conditions.1", "line 11, conditions.1."
RIVALS = "uniform: {minimum: 0, maximum: 3}"
TIED = (
    f"C12_nm: {{{RIVALS}}}\n    C21_nm: {{{RIVALS}}}\n    C23_nm: {{{RIVALS}}}\n    correlations:\n"
    "      - {between: [C12_nm, C21_nm], coefficient: 0.9}\n"
    "      - {between: [C12_nm, C23_nm], coefficient: 0.9}\n"
    "      - {between: [C21_nm, C23_nm], coefficient: -0.9}"
)
ALL = "all in docs/image-formation.md)"

CASES = {
    "unknown key": ("defokus_nm: 3", f"{LINE}defokus_nm: unknown key; nearest: 'defocus_nm', ", ALL),
    "key without its unit": ("dose: 3", f"{LINE}dose: unknown key; nearest: 'dose_e_per_A2' ", ALL),
    "unknown coefficient": ("C33_mm: 3", f"{LINE}C33_mm: unknown key; nearest: ", ALL),
    "unknown unit": ("C12_m: 3", f"{LINE}C12_m: unknown key; nearest: 'C12_", ALL),
    "negative dose": ("dose_e_per_A2: -3", f"{LINE}dose_e_per_A2: given -3; must be above 0"),
    "no dose": ("dose_e_per_A2: 0", f"{LINE}dose_e_per_A2: given 0; must be above 0"),
    "negative spread": ("focal_spread_sigma_nm: -1", f"{LINE}focal_spread_sigma_nm: given -1; must be 0 to 10000"),
    "doses of which half are negative": (
        "dose_e_per_A2: {normal: {mean: 5, sd: 50}}",
        f"{LINE}dose_e_per_A2: ",
        "0.46 of the draws lie outside 0 to 1e+09; narrow it, give minimum or maximum, or take lognormal or uniform",
    ),
    "spreads of which half are negative": (
        "angular_spread_sigma_mrad: {normal: {mean: 0.1, sd: 1}}",
        f"{LINE}angular_spread_sigma_mrad: 0.46 of the draws lie outside 0 to 50; narrow it, give minimum or maximum",
    ),
    "a negative deviation": (
        "C30_mm: {normal: {mean: 1, sd: -1}}",
        f"{LINE}C30_mm.normal.sd: given -1; must be greater than or equal to 0",
    ),
    "an endless astigmatism": ("C12_mm: 1e9", f"{LINE}C12_mm: given 1e+09; must be 0 to 1e+06"),
    "an unknown kind": (
        "C30_mm: {norml: {mean: 1, sd: 1}}",
        f"{LINE}C30_mm.norml: unknown key; allowed: 'fixed', 'normal', 'lognormal', ",
        "nearest: 'normal'",
    ),
    "two units of one field": (
        "C30_mm: 1\n    C30_um: 3",
        f"line 9, {ITEM}: C30_um and C30_mm set the same parameter; give one",
    ),
    "two ways for one field": (
        "C12_nm: 1\n    C12a_nm: 3",
        f"line 9, {ITEM}: C12a_nm and C12_nm set the same parameter; give",
    ),
    "two widths of one spread": (
        "focal_spread_sigma_nm: 1\n    focal_spread_fwhm_nm: 3",
        f"line 9, {ITEM}: focal_spread_fwhm_nm and focal_spread_sigma_nm set the same parameter; give one of them",
    ),
    "two keys for the defocus": (
        "C10_nm: 3",
        f"line 9, {ITEM}: C10_nm and defocus_nm set the same parameter; give one of them",
    ),
    "contradicting correlations": (
        TIED,
        f"line 9, {ITEM}: 'bad': the correlations between C12_nm, C21_nm and C23_nm contradict each other: no draws "
        "have all of them (lowest eigenvalue -0.8); bring them nearer to 0, such as by a factor below 0.55",
    ),
    "a correlation with what is not given": (
        f"C12_nm: {{{RIVALS}}}\n    correlations: [{{between: [C12_nm, C30_mm], coefficient: 0.5}}]",
        f"line 9, {ITEM}: 'bad': correlation between C12_nm and C30_mm: 'C30_mm' is not known; allowed: 'C12_nm'",
    ),
    "a wrong key of a table": ("measured: {file: keys.csv}", f"line 9, {ITEM}: ", "C3_mn", "nearest: ", "C3_mm"),
    "a negative dose in a table": (
        "measured: {file: doses.csv}",
        f"line 9, {ITEM}: measured dose_e_per_A2: given -2; must be above 0",
    ),
    "a table that is not there": (
        "measured: {file: absent.csv}",
        f"{LINE}measured: cannot read absent.csv: No such file or directory; give a path from the folder where",
    ),
    "a cell that is no number": (
        "measured: {file: words.csv}",
        f"{LINE}measured: words.csv, line 3, column 'C30_mm': ",
    ),
    "a decimal comma": (
        "C30_mm: 1,2",
        f"{LINE}C30_mm: given '1,2'; must be a number, or a distribution",
        "; write 1.2",
    ),
    "a number in quotes": ("C30_mm: '1e-2'", f"{LINE}C30_mm: given '1e-2'; must be a number", "; write 1e-2"),
    "a list for a number": ("C30_mm: [1, 2]", f"{LINE}C30_mm: given a list of 2; must be a number, or a distribution"),
    "no values": ("C30_mm: {choice: {values: []}}", f"{LINE}C30_mm.choice.values: given a list of 0; needs at least 1"),
    "a table with semicolons": (
        "measured: {file: semicolons.csv}",
        f"{LINE}measured: semicolons.csv, line 2: has more cells than the header; separate them by commas",
    ),
    "a table beside a key": (
        "measured: {columns: {defocus_nm: [1, 2]}}",
        f"line 9, {ITEM}: measured defocus_nm and defocus_nm set the same parameter; give one of them",
    ),
}
FILES = {
    "keys.csv": "C3_mn\n1\n2\n",
    "doses.csv": "dose_e_per_A2\n3\n-2\n",
    "words.csv": "C30_mm\n3\nfew\n",
    "semicolons.csv": "C30_mm;C12_nm\n1,2;3,4\n",
    "percent.csv": "frequency_nyquist,value\n0,100\n1,20\n",
    "mtf.csv": "frequency_nyquist,value\n0,1\n0.5,0.6\n0.7,0.7\n1,0.2\n",
    "order.csv": "frequency_nyquist,value\n0,1\n0.5,0.6\n0.4,0.5\n1,0.2\n",
    "ntf.csv": "frequency_nyquist,value\n0,1\n1,0.5\n",
    "short.csv": "frequency_nyquist,value\n0,1\n0.5,0.6\n",
}


def told_of(temshift: Temshift, folder: Path, text: str) -> str:
    """What is told of a file of conditions, which nothing comes of; beside it lie all files that it may name."""
    for name, content in (FILES | {"conditions.yaml": text}).items():
        (folder / name).write_text(content, encoding="utf-8")
    done = temshift("images", "database", "conditions.yaml", "--output", "out")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert set(os.listdir(folder)) == {*FILES, "conditions.yaml"}
    return str(done.stderr)


def test_a_defocus_of_a_metre_is_told(temshift: Temshift, tmp_path: Path) -> None:
    text = TEXT.format("C30_mm: 1").replace("defocus_nm: 5", "defocus_nm: 1e9")
    assert f"line 10, {ITEM}.defocus_nm: given 1e+09; must be -1e+06 to 1e+06" in told_of(temshift, tmp_path, text)


def test_what_only_follows_from_a_fault_is_not_told(temshift: Temshift, tmp_path: Path) -> None:
    text = TEXT.format("C30_mm: 1").replace("defocus_nm: 5", "defocus_nm: .nan")
    assert told_of(temshift, tmp_path, text).splitlines()[1:] == [
        f"  line 10, {ITEM}.defocus_nm: given .nan; must be a finite number"
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_in_conditions_is_told(temshift: Temshift, tmp_path: Path, case: str) -> None:
    given, *messages = CASES[case]
    lines = told_of(temshift, tmp_path, TEXT.format(given))
    assert lines.startswith("temshift: conditions.yaml: 1 fault\n"), lines
    assert all(words in lines for words in messages), lines
    assert len(lines.splitlines()[1]) < 400


SERIES = {
    "the same key": (
        "defocus_nm",
        "defocus_nm: 1",
        "defocus_nm is given twice, as the series and as a value",
    ),
    "another unit": (
        "defocus_nm",
        "defocus_um: 1",
        "values of defocus_nm: defocus_um and defocus_nm set the same parameter",
    ),
    "the other sign": ("C10_nm", "defocus_nm: 1", "values of C10_nm: C10_nm and defocus_nm set the same parameter"),
    "the other way": ("C12_nm", "C12b_nm: 1", "values of C12_nm: C12b_nm and C12_nm set the same parameter"),
    "an unknown key": ("defokus_nm", "C30_mm: 1", "series: 'defokus_nm' is not known; nearest: 'defocus_nm', "),
    "values out of bounds": ("dqe_zero", "C30_mm: 1", "values of dqe_zero: given 3; must be 0.001 to 1"),
}


@pytest.mark.parametrize("case", SERIES)
def test_a_series_over_what_an_item_gives_too_is_told(temshift: Temshift, tmp_path: Path, case: str) -> None:
    key, given, message = SERIES[case]
    text = TEXT.format("C21_nm: 1").replace("series: defocus_nm", f"series: {key}\n    {given}")
    assert f"line 6, conditions.0: {message}" in told_of(temshift, tmp_path, text)


CAMERAS = {
    "a preset without its key": (
        "mtf_table: k2_300kV",
        "mtf_table: given 'k2_300kV'; must be one of {preset: NAME}, {file: PATH} and {frequency_nyquist: [...], ",
    ),
    "an MTF in percent": (
        "mtf_table: {file: percent.csv}",
        "mtf_table: percent.csv: the value 100 is not from 0 to 1; divide percentages by 100",
    ),
    "an MTF that rises": (
        "mtf_table: {file: mtf.csv}",
        "mtf_table: the values rise at point 3, 0.7 of Nyquist; smooth them: a transfer falls with frequency",
    ),
    "numbers that rise": (
        "mtf_table: {frequency_nyquist: [0, 0.5, 1], value: [1, 0.3, 0.4]}",
        "mtf_table: the values rise at point 3, 1 of Nyquist; smooth them: a transfer falls with frequency",
    ),
    "frequencies out of order": (
        "mtf_table: {file: order.csv}",
        "mtf_table: the frequencies do not increase at point 3, 0.4 of Nyquist; sort them",
    ),
    "an MTF that ends early": (
        "mtf_table: {file: short.csv}",
        "mtf_table: ends at 0.5 of Nyquist (0.25 cycles per pixel); must reach 0.98: measure farther, or add points",
    ),
    "a table that is not there": ("mtf_table: {file: absent.csv}", "mtf_table: cannot read absent.csv"),
    "an unknown camera": (
        "mtf_table: {preset: k9}",
        "mtf_table: unknown preset 'k9'; known: falcon3EC_300kV, k2_300kV; or give a file, or the numbers themselves",
    ),
    "MTF above NTF": (
        "mtf_table: {preset: k2_300kV}, ntf_table: {file: ntf.csv}",
        "DQE = DQE(0) MTF^2 / NTF^2 would exceed DQE(0); give an NTF nowhere below the MTF, or none for a camera",
    ),
    "no pixel": ("binning: 0", "binning: given 0; must be greater than or equal to 1"),
    "an unknown shape": (
        "shape: round",
        "shape: 'round' is not known; allowed: 'gaussian', 'exponential', ",
    ),
}


@pytest.mark.parametrize("case", CAMERAS)
def test_a_mistake_in_a_camera_is_told(temshift: Temshift, tmp_path: Path, case: str) -> None:
    given, message = CAMERAS[case]
    lines = told_of(temshift, tmp_path, TEXT.format("C30_mm: 1").replace("binning: 1", given))
    assert "line 3, imaging.camera" in lines and message in lines, lines


def test_mistakes_are_told_all_at_once(temshift: Temshift, tmp_path: Path) -> None:
    text = TEXT.format("C33_mm: 1\n    dose_e_per_A2: -1").replace("binning: 1", "mtf_table: {preset: k9}")
    text = text.replace("dose_e_per_A2: 400", "drift_nm: -1") + "  - {name: worse, aperture_edge_mrad: -1}\n"
    lines = told_of(temshift, tmp_path, text).splitlines()
    starts = (
        "line 3, imaging.camera.mtf_table",
        "line 4, default.drift_nm",
        f"{LINE}C33_mm",
        "line 12, conditions.1.dose",
    )
    assert len(lines) == 6
    for start, line in zip((*starts, "line 13, conditions.2.aperture_edge_mrad"), lines[1:], strict=True):
        assert line.strip().startswith(start)


def test_conditions_that_lack_a_parameter_are_told_each(temshift: Temshift, tmp_path: Path) -> None:
    lines = told_of(temshift, tmp_path, TEXT.format("C30_mm: 1").replace("default: {dose_e_per_A2: 400}\n", ""))
    assert lines.splitlines()[1:] == [
        "  line 5, conditions.0: 'good 3.0': dose_e_per_A2 missing; this is required",
        "  line 8, conditions.1: 'bad': dose_e_per_A2 missing; this is required",
    ]
