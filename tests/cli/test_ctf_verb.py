"""temshift ctf from the command line."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

SET = """
seed: 1
default: {dose_e_per_A2: 100, focal_spread_sigma_nm: 2, C30_um: -10}
conditions:
  - {name: under, defocus_nm: 20}
  - {name: "over [b]", defocus_nm: {normal: {mean: -10, sd: 2}}, C12_nm: 5}
"""


@pytest.fixture
def conditions(tmp_path: Path) -> Path:
    path = tmp_path / "set.yaml"
    path.write_text(SET, encoding="utf-8")
    return path


def test_limits_are_printed_and_files_written(temshift: Callable[..., Any], conditions: Path, tmp_path: Path) -> None:
    done = temshift("ctf", conditions, "--energy-kev", 300, "--condition", "over [b]", "--unsigned", "--height-nm", 1)
    assert done.returncode == 0, done.stderr
    assert "8 files in ctf/set" in done.stdout  # an overview, curves and plane as PNG and SVG, two tables
    assert all(told in done.stdout for told in ("over [b]", "-10.00", "-4.32"))  # Scherzer's -5.32 nm, 1 nm higher
    table = pl.read_csv(tmp_path / "ctf" / "set" / "transfer.csv")
    assert table["condition"].unique().to_list() == ["over [b]"]
    assert table["phase_transfer"].min() >= 0
    assert (tmp_path / "ctf" / "set" / "over_b_plane.svg").stat().st_size > 0


MISTAKES = {
    "no energy": ((), "gives no electron energy; add energy_kev: 300 to it, or give --energy-kev 300"),
    "unknown condition": (("--energy-kev", 300, "-c", "unde"), "--condition 'unde' is not there; allowed: 'under'"),
    "output is a file": (("--energy-kev", 300, "-o", "set.yaml"), "--output set.yaml is a file; name a folder"),
    "energy out of bounds": (("--energy-kev", 3), "Invalid value for '--energy-kev'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_and_nothing_is_written(
    temshift: Callable[..., Any], conditions: Path, tmp_path: Path, case: str
) -> None:
    words, message = MISTAKES[case]
    done = temshift("ctf", conditions, *words)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["set.yaml"]


def test_a_doubtful_unit_is_told(temshift: Callable[..., Any], conditions: Path) -> None:
    conditions.write_text(SET.replace("C30_um: -10", "C30_mm: 2.7e-7"), encoding="utf-8")
    done = temshift("ctf", conditions, "--energy-kev", 300, "-c", "under", "-o", "out")
    assert done.returncode == 0
    assert "warning: 'under': C30_mm = 2.7e-07: " in done.stderr


CAMERA = """
seed: 1
energy_kev: 300
imaging: {camera: {kind: scintillator, pixel_angstrom: 0.3, binning: 2}}
default: {dose_e_per_A2: 100, semiangle_cutoff_mrad: 12, defocus_nm: 10, mtf_half_frequency: 0.4, dqe_zero: 0.6}
conditions:
  - {name: light alone, scattering_share: 0}
  - {name: both, scattering_share: 0.3}
"""


def test_a_scintillator_with_pixels_of_its_own_has_its_dqe(
    temshift: Callable[..., Any], conditions: Path, tmp_path: Path
) -> None:
    conditions.write_text(CAMERA, encoding="utf-8")
    done = temshift("ctf", conditions, "-o", "out")
    assert done.returncode == 0, done.stderr
    table = pl.read_csv(tmp_path / "out" / "transfer.csv")
    mtf = 2 ** -((pl.col("q_per_A") * 2 * 0.3 / 0.4) ** 2)
    for name, share in (("light alone", 0.0), ("both", 0.3)):
        curve = table.filter(pl.col("condition") == name)
        expected = curve.select(0.6 * mtf ** (2 * share)).to_series().to_list()
        assert curve["quantum_efficiency"].to_list() == pytest.approx(expected, rel=1e-3)
