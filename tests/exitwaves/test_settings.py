"""Settings of exit waves: bounds, what memory they take, which apertures they support."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from temshift.core.electrons import wavelength
from temshift.exitwaves.multislice import BAND_LIMIT
from temshift.exitwaves.settings import ExitWaveSettings, MaskDefinition
from temshift.optics.band import band_of

GIVEN = {"energy_kev": 300, "sampling_angstrom": 0.2, "slice_thickness_angstrom": 2.0}
PHONONS = {"configurations": 8, "rms_displacement_angstrom": {"C": 0.08}}


def settings_with(**others: object) -> ExitWaveSettings:
    return ExitWaveSettings.model_validate({**GIVEN, **others})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slice_thickness_angstrom", -2.0),
        ("slice_thickness_angstrom", 0.0),
        ("sampling_angstrom", -0.1),
        ("sampling_angstrom", math.nan),
        ("energy_kev", 0.3),
        ("energy_kev", math.inf),
        ("tilt_mrad", (0.0, 90.0)),
        ("phonons", {"configurations": 0}),
        ("phonons", {"rms_displacement_angstrom": {"C": -0.1}}),
        ("phonons", {"rms_displacement_angstrom": {"Cadmium": 0.1}}),
        ("mask", {"blur_sigma_angstrom": -1.0}),
        ("memory_mb", 0),
        ("projection", "thick"),
        ("sampling", 0.1),
    ],
)
def test_values_without_meaning_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=f"(?s)1 validation error.*{key}"):
        settings_with(**{key: value})


def test_energies_from_60_to_400_kv_are_allowed() -> None:
    assert [settings_with(energy_kev=energy).energy for energy in (60, 400)] == [60e3, 400e3]


def test_a_stored_grid_finer_than_the_simulation_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least that"):
        settings_with(stored_sampling_angstrom=0.1)


def test_whole_atoms_of_abtem_have_no_finite_projection() -> None:
    with pytest.raises(ValidationError, match="leave projection out"):
        settings_with(scheme="abtem", projection="finite")


def test_masks_are_as_the_protocol_asks() -> None:
    assert MaskDefinition().phase_threshold_rad == math.pi / 16
    assert MaskDefinition().blur_sigma_angstrom == 1.6


@pytest.mark.parametrize(("stored", "pixel"), [(None, 0.2), (0.4, 0.4)])
def test_the_widest_aperture_is_the_band_of_the_wave(stored: float | None, pixel: float) -> None:
    settings, extent = settings_with(stored_sampling_angstrom=stored), (48.0, 32.0)
    limit = settings.largest_semiangle(extent)
    assert limit == pytest.approx(wavelength(300e3) / 2 * min(1 / pixel, BAND_LIMIT / 0.2))
    grid = settings.stored_grid(extent)
    nyquist = wavelength(300e3) / (2 * pixel)
    band_of(grid, wavelength(300e3), nyquist, dtype=torch.float64)
    with pytest.raises(ValueError, match="lies beyond the band of waves"):
        band_of(grid, wavelength(300e3), nyquist * 1.001, dtype=torch.float64)


def test_what_a_simulation_takes_is_known_beforehand() -> None:
    extent = (128.0, 128.0)
    several = settings_with(phonons=PHONONS)
    least, most = several.peak_bytes(extent, 1), several.peak_bytes(extent, 8)
    settings = several.model_copy(update={"memory_mb": (least + most) // 2_000_000})
    assert least < most
    assert settings.batch(extent) == max(n for n in range(1, 9) if settings.peak_bytes(extent, n) <= (least + most) / 2)
    assert 1 < settings.batch(extent) < 8
    assert several.model_copy(update={"memory_mb": 64}).batch(extent) == 1
    assert settings.identity() == settings.model_copy(update={"memory_mb": 100}).identity()


RUN = """
import re, sys
from pathlib import Path
from temshift.exitwaves import ExitWaveSettings, simulate
from temshift.specimens import SpecimenRecipe, build_specimen
recipe = {
    "cell_nm": (9.6, 9.6),
    "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.5},
    "particles": {"crystal": "CdSe", "radius_nm": 0.8, "count": 1, "gap_nm": 1.0},
}
settings = ExitWaveSettings.model_validate_json(sys.argv[1])
simulate(build_specimen(SpecimenRecipe.model_validate(recipe), 1, 0), settings, 1, 0)
print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("projection", ["shared", pytest.param("finite", marks=pytest.mark.slow)])
def test_a_whole_run_takes_no_more_than_that_and_not_much_less(projection: str) -> None:
    settings = settings_with(
        stored_sampling_angstrom=0.4,
        slice_thickness_angstrom=4.0,
        projection=projection,
        focus="minimum_contrast",
        mask={"definition": "phase"},
        phonons={"configurations": 2, "rms_displacement_angstrom": {"C": 0.08, "Cd": 0.12, "Se": 0.1}},
    )
    run = subprocess.run(
        [sys.executable, "-c", RUN, settings.model_dump_json()], capture_output=True, text=True, check=True
    )
    bound = settings.peak_bytes((96.0, 96.0))
    assert 0.4 * bound <= int(run.stdout) <= bound


@pytest.mark.parametrize(
    ("phonons", "others", "message"),
    [
        ({"configurations": 8, "rms_displacement_angstrom": {"C": 0.1}}, {}, "leave configurations out"),
        ({}, {}, "0 displacements given; if potentials are damped, give rms_displacement_angstrom"),
        ({"rms_displacement_angstrom": {"C": 0.1}}, {"projection": "finite"}, "leave projection out"),
    ],
)
def test_damping_that_makes_no_sense_has_one_error(phonons: dict, others: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s)1 validation error.*{message}"):
        settings_with(phonons={"treatment": "damped", **phonons}, **others)


def test_frozen_phonons_keep_the_identity_that_they_had_when_they_were_all_there_was() -> None:
    earlier = {"configurations": 8, "rms_displacement_angstrom": {"C": 0.08}}
    assert settings_with(phonons=PHONONS).identity()["phonons"] == earlier
    assert settings_with(phonons={"treatment": "frozen", **PHONONS}).identity()["phonons"] == earlier
    damped = settings_with(phonons={"treatment": "damped", "rms_displacement_angstrom": {"C": 0.08}})
    assert damped.identity()["phonons"] == {**earlier, "configurations": 1, "treatment": "damped"}
    assert ExitWaveSettings.model_validate(damped.identity()) == damped
