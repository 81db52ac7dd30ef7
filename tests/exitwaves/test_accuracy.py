"""An accuracy that is asked for: the error that is predicted, and the pixels that are chosen by it."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from pydantic import ValidationError

from temshift.core import Grid
from temshift.exitwaves import (
    Accuracy,
    ExitWaveSettings,
    Multislice,
    Rung,
    choose_rung,
    expected_error,
    fresnel_propagator,
    grid_of,
    image_error,
    ladder,
    plain_image,
    propagate_through,
    simulate,
)
from temshift.exitwaves.accuracy.columns import RADIUS, SIDE, columns_of
from temshift.specimens import SpecimenRecipe, build_specimen

METHOD = Multislice(300e3, 2.0)
ASKED = Accuracy()


CARBON = {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0}


def specimen(crystal: str, orientation: object = "random", substrate: object = CARBON, **particles: object) -> Atoms:
    recipe = {
        "cell_nm": (2.5, 2.6),
        "substrate": substrate,
        "particles": {
            "crystal": crystal,
            "radius_nm": 0.8,
            "count": 1,
            "gap_nm": 0.5,
            "orientation": orientation,
            **particles,
        },
    }
    return build_specimen(SpecimenRecipe.model_validate(recipe), 3, 0)


def true_error(atoms: Atoms, rung: Rung) -> float:
    """Error of the image of the whole specimen, against fine pixels and slices."""
    extent = (float(atoms.cell.lengths()[1]), float(atoms.cell.lengths()[0]))

    def image(sampling: float, thickness: float) -> torch.Tensor:
        grid, method = Grid.covering(extent, sampling), Multislice(300e3, thickness)
        wave = propagate_through(atoms.positions, atoms.numbers, float(atoms.cell.lengths()[2]), grid, method)
        return plain_image(wave, extent, 300e3, -100.0, 15e-3)

    return image_error(image(rung.sampling, rung.slice_thickness), image(0.0625, 0.5))


def test_images_are_those_of_a_propagated_wave() -> None:
    grid = Grid((60, 50), (0.2, 0.2))
    draws = torch.Generator().manual_seed(1)
    wave = 1 + 0.1 * torch.randn(grid.shape, dtype=torch.complex128, generator=draws)
    qy, qx = grid.frequencies()
    lens = fresnel_propagator(grid, 300e3, 100.0, dtype=torch.complex128)
    passed = torch.fft.fft2(wave) * lens * torch.from_numpy(np.hypot(qy, qx) <= 15e-3 / 0.0196874889)
    expected = torch.fft.ifft2(passed).abs().square()
    image = plain_image(wave, grid.extent, 300e3, -100.0, 15e-3)
    assert float(image.mean()) == pytest.approx(float(expected.mean()), rel=1e-12)
    assert float(image.std(correction=0)) == pytest.approx(float(expected.std(correction=0)), rel=1e-9)


def test_columns_stand_around_the_middle_of_particles_across_the_border() -> None:
    atoms = specimen("CdSe")
    moved = atoms.copy()
    moved.positions[:, 0] = (moved.positions[:, 0] + 11.0) % 25.0
    middle = moved.info["particles"][0]["center_xy_angstrom"]
    moved.info["particles"] = [
        {**moved.info["particles"][0], "center_xy_angstrom": [(middle[0] + 11.0) % 25.0, middle[1]]}
    ]
    (column,), (other,) = columns_of(atoms), columns_of(moved)
    np.testing.assert_allclose(column.positions, other.positions, atol=1e-9)
    assert set(column.numbers) == {34, 48}
    assert np.hypot(*(column.positions[:, :2] - SIDE / 2).T).max() < RADIUS
    assert column.positions[:, 2].min() == 0 and column.positions[:, 2].max() < column.height


def test_a_hollow_particle_has_a_column_too() -> None:
    ring = [(12 + 9 * math.cos(t), 12 + 9 * math.sin(t), 5.0) for t in np.linspace(0, 6, 20)]
    atoms = Atoms("Au20", ring, cell=(24, 24, 10))
    atoms.arrays["particle"] = np.zeros(20, dtype=int)
    atoms.info["particles"] = [{"center_xy_angstrom": [12.0, 12.0], "radius_angstrom": 9.0}]
    assert len(columns_of(atoms)[0].numbers) > 2


@pytest.mark.parametrize(("crystal", "orientation"), [("CdSe", "random"), ("Ag", {"zone_axis": [1, 1, 0]})])
def test_few_specimens_are_worse_than_expected(crystal: str, orientation: object) -> None:
    """Neither is the expectation far too large."""
    atoms, rung = specimen(crystal, orientation), Rung(0.2, 2.0)
    truth, expected = true_error(atoms, rung), expected_error(atoms, METHOD, rung, ASKED)
    assert truth < expected < 4 * truth


@pytest.mark.parametrize(
    ("substrate", "particles"),
    [
        ({"material": "silicon_nitride", "thickness_nm": 3.0}, {"side": "entrance"}),
        ({"material": "graphene"}, {"alloy": {"crystal": "Cu", "share": 0.5}}),
        ("none", {"shell": {"crystal": "Ag", "thickness_nm": 0.3}}),
    ],
)
def test_supports_sides_shells_and_alloys_are_no_worse_than_expected(substrate: object, particles: dict) -> None:
    atoms, rung = specimen("Au", substrate=substrate, **particles), Rung(0.2, 2.0)
    truth, expected = true_error(atoms, rung), expected_error(atoms, METHOD, rung, ASKED)
    assert truth < expected < 4 * truth


def test_heavy_columns_along_the_beam_need_finer_pixels() -> None:
    light, heavy = specimen("Si"), specimen("Au", {"zone_axis": [1, 1, 0]})
    rungs = ladder(0.2, 2.0)
    assert choose_rung(light, METHOD, rungs, ASKED).rung == rungs[0]
    strict = choose_rung(heavy, METHOD, rungs[:4], ASKED)
    assert strict.rung.sampling < 0.16
    assert choose_rung(heavy, METHOD, rungs, Accuracy(tolerance=1)).rung == rungs[0]
    assert expected_error(heavy, METHOD, rungs[0], ASKED) > 0.3


def test_the_error_of_a_substrate_alone_is_known_too() -> None:
    film = specimen("Si")
    film = film[film.arrays["particle"] < 0]
    film.info["particles"] = []
    assert 0 < expected_error(film, METHOD, Rung(0.2, 2.0), ASKED) < 0.1


def test_the_last_rung_stands_if_none_is_fine_enough() -> None:
    choice = choose_rung(specimen("Au", {"zone_axis": [1, 1, 0]}), METHOD, [Rung(0.4, 4.0)], ASKED)
    assert choice.rung == Rung(0.4, 4.0) and choice.expected_error > 0.5


def test_a_ladder_starts_at_the_sampling_given() -> None:
    assert [rung.sampling for rung in ladder(0.1, 2.0)] == [0.1, 0.08, 0.0625]
    assert ladder(0.05, 1.0) == [Rung(0.05, 1.0)]


def settings(**changes: object) -> ExitWaveSettings:
    return ExitWaveSettings.model_validate({"energy_kev": 300, "slice_thickness_angstrom": 2.0, **changes})


def test_a_number_is_a_tolerance_and_sampling_may_be_left_out() -> None:
    given = settings(accuracy=0.03)
    assert given.accuracy == Accuracy(tolerance=0.03) and given.sampling_angstrom == 0.2
    assert settings(accuracy={"tolerance": 0.03}, sampling_angstrom=0.25).rungs[0].sampling == 0.25
    with pytest.raises(ValidationError):
        settings()
    with pytest.raises(ValidationError):
        settings(accuracy=0)


def test_a_fixed_sampling_keeps_its_identity() -> None:
    fixed = settings(sampling_angstrom=0.2)
    assert "accuracy" not in fixed.identity() and len(fixed.rungs) == 1
    chosen = settings(accuracy=0.05)
    assert ExitWaveSettings.model_validate_json(chosen.model_dump_json()) == chosen
    assert chosen.identity()["accuracy"] == {"tolerance": 0.05, "defocus_nm": -10.0, "semiangle_cutoff_mrad": 15.0}


def test_memory_is_that_of_the_finest_pixels() -> None:
    finest = settings(sampling_angstrom=0.0625, stored_sampling_angstrom=0.2)
    assert settings(accuracy=0.05).peak_bytes((128.0, 128.0)) == finest.peak_bytes((128.0, 128.0))


def test_waves_are_those_of_the_chosen_pixels_on_the_grid_of_all() -> None:
    atoms = specimen("Ag", {"zone_axis": [1, 1, 0]})
    chosen = settings(accuracy=0.1)
    exit_wave = simulate(atoms, chosen, 1, 0)
    facts = exit_wave.geometry
    assert exit_wave.waves.shape[1:] == grid_of(atoms, chosen).shape == (130, 125)
    assert facts["sampling_angstrom"] < 0.2 and facts["expected_image_error"] <= 0.1
    fixed = settings(
        sampling_angstrom=facts["sampling_angstrom"],
        slice_thickness_angstrom=facts["slice_thickness_angstrom"],
        stored_sampling_angstrom=0.2,
    )
    torch.testing.assert_close(exit_wave.waves, simulate(atoms, fixed, 1, 0).waves, rtol=0, atol=0)
    assert "expected_image_error" not in simulate(atoms, fixed, 1, 0).geometry
