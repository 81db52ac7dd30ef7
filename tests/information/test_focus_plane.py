"""The plane of least contrast of specimens by the powers of their particles, against the one in simulated images.

Stated: it is that of the images to 5 A on average and 8 A in the worst of some specimens, whose particles are some
14 A off the exit plane.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from temshift.conditions import ImagingConditions
from temshift.configuration import write_document
from temshift.configuration.yaml_document import read_document
from temshift.core import InputError
from temshift.databases import default_exit_waves, library_of_recipe
from temshift.information import Bench, ObjectLibrary, compare_many, shipped_library
from temshift.information.objects.focus_plane import from_least_contrast
from temshift.specimens import SpecimenRecipe
from temshift.workflows.comparison import OpenedSides, bench_for
from temshift.workflows.condition_files import open_conditions, read_conditions
from temshift.workflows.specimen_libraries import Measurement, open_specimens

RECIPE = SpecimenRecipe.model_validate(
    {
        "cell_nm": (6.4, 6.4),
        "substrate": {"thickness_nm": 2.0},
        "particles": {"crystal": "CdSe", "radius_nm": {"minimum": 0.8, "maximum": 1.6}, "count": 2, "gap_nm": 0.4},
    }
)


def measured(focus: str) -> ObjectLibrary:
    settings = default_exit_waves(300e3, focus).model_copy(update={"sampling_angstrom": 0.25})
    return library_of_recipe(RECIPE, settings, count=5)


def test_heights_from_least_contrast_are_those_of_specimens_measured_from_that_plane() -> None:
    exit_plane, expected = measured("exit_plane"), measured("minimum_contrast")
    ours = from_least_contrast(exit_plane, 300e3)
    off = ours.particle_height - expected.particle_height
    before = exit_plane.particle_height - expected.particle_height
    assert before.min() > 10  # the planes are that far apart
    assert np.abs(off).mean() < 5 and np.abs(off).max() < 8
    np.testing.assert_allclose(
        ours.substrate_height - ours.particle_height, expected.substrate_height - expected.particle_height
    )
    np.testing.assert_array_equal(ours.particle, expected.particle)


def test_one_weak_particle_has_least_contrast_at_its_own_height() -> None:
    library = shipped_library("C")
    alone = replace(library, amplitude=0 * library.amplitude, cross=0 * library.cross, specimens=len(library))
    assert np.abs(from_least_contrast(alone, 300e3).particle_height).max() < 0.06


def test_particles_must_be_as_many_in_each_specimen() -> None:
    with pytest.raises(ValueError, match="48 particles in 5 specimens"):
        from_least_contrast(replace(shipped_library("C"), specimens=5), 300e3)


def test_shipped_specimens_lie_around_the_plane_of_least_contrast() -> None:
    for crystal in ("CdSe", "C", "Ag"):
        there, here = shipped_library(crystal), shipped_library(crystal, focus="minimum_contrast")
        assert there.mean.particle_height > 20
        assert abs(here.mean.particle_height) < 8
        shift = (there.particle_height - here.particle_height).reshape(16, 3)
        assert np.ptp(shift, axis=1).max() < 1e-9 and np.ptp(shift[:, 0]) > 5  # one plane a specimen


def test_a_comparison_of_shipped_specimens_counts_from_the_plane_that_it_is_asked_for() -> None:
    """5 nm below the particles are 5 nm from one plane, and from the other as much more as particles lie above it."""
    given = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 15}
    centre = shipped_library().mean.particle_height / 10
    named = {name: ImagingConditions(defocus_nm=value, **given) for name, value in (("near", 5), ("off", 5 + centre))}
    far = {"far": ImagingConditions(defocus_nm=-20, **given)}
    at_exit, at_least = (
        {
            one.training.name: one.training.information.epsilon
            for one in compare_many(named, far, None, Bench(focus=focus, rules=()))
        }
        for focus in ("exit_plane", "minimum_contrast")
    )
    assert at_least["near"] == pytest.approx(at_exit["off"], rel=0.05)
    assert at_exit["near"] != pytest.approx(at_exit["off"], rel=0.05)


@pytest.fixture
def studies(tmp_path: Path, tiny_text: str) -> dict[str, Path]:
    """The tiny study, with defocus from either plane."""
    plain = read_document(tiny_text).data
    for focus in ("exit_plane", "minimum_contrast"):
        text = write_document({**plain, "exit_waves": {**plain["exit_waves"], "focus": focus}})
        (tmp_path / f"{focus}.yaml").write_text(text, encoding="utf-8")
    return {focus: tmp_path / f"{focus}.yaml" for focus in ("exit_plane", "minimum_contrast")}


def test_conditions_of_a_study_count_from_the_plane_that_it_names(studies: dict[str, Path]) -> None:
    """Shipped specimens, and those of a recipe that names no plane, are taken from there."""
    for focus, path in studies.items():
        file = read_conditions(path, "test")
        assert file.focus == focus
        bench = bench_for([file, file], OpenedSides(), energy_kev=None, sampling_angstrom=None, rules=())
        assert bench.focus == focus
        asked = Measurement(focus=bench.focus)
        ours, expected = open_specimens("Ag").library(asked), shipped_library("Ag", focus=focus)
        np.testing.assert_array_equal(ours.particle_height, expected.particle_height)
    assert default_exit_waves(300e3, "minimum_contrast").focus == "minimum_contrast"


def test_planes_that_differ_are_refused(studies: dict[str, Path]) -> None:
    sides = [read_conditions(path, "test") for path in studies.values()]
    with pytest.raises(InputError, match="plane that defocus counts from is given twice"):
        bench_for(sides, OpenedSides(), energy_kev=None, sampling_angstrom=None, rules=())
    opened = open_specimens(studies["exit_plane"])
    with pytest.raises(InputError, match="plane that defocus counts from is given twice"):
        bench_for([sides[1]], OpenedSides((opened,)), energy_kev=None, sampling_angstrom=None, rules=())
    with pytest.raises(InputError, match="exit_waves.focus is minimum_contrast, but defocus .* counts from exit_plane"):
        open_conditions(studies["minimum_contrast"]).require_focus("exit_plane")
