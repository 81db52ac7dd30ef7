import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from temshift.core.errors import InputError
from temshift.specimens.crystals import unit_cell
from temshift.specimens.orientations import ZoneAxis, draw_rotation
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import draw_particle


def recipe_of(crystal, **given):
    return ParticleRecipe.model_validate({"crystal": crystal, "radius_nm": 1.5, "count": 1, "gap_nm": 0.5, **given})


@pytest.mark.parametrize("crystal", ["Cu", "CdSe"])
@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 1, 0), (2, 1, 0), (-1, 2, 3), (0, 0, -1)])
def test_the_zone_axis_lies_along_the_beam(crystal, axis):
    lattice = np.asarray(unit_cell(crystal).cell)
    rotation = draw_rotation(ZoneAxis(zone_axis=axis), lattice, np.random.default_rng(0))
    assert np.linalg.det(rotation.as_matrix()) == pytest.approx(1.0)
    direction = rotation.apply(np.array(axis) @ lattice)
    assert direction / np.linalg.norm(direction) == pytest.approx([0, 0, 1], abs=1e-7)


@pytest.mark.parametrize(
    ("crystal", "axis", "repeat"),
    [
        ("Cu", [1, 1, 0], 3.6157 / np.sqrt(2)),
        ("Cu", [1, 1, 1], 3.6157 * np.sqrt(3)),
        ("Si", [0, 0, 1], 5.430),
        ("CdSe", [0, 0, 1], 7.0152),
        ("CdSe", [1, 0, 0], 4.2985),
    ],
)
def test_atoms_repeat_along_the_beam_as_along_the_zone_axis(crystal, axis, repeat):
    recipe = recipe_of(crystal, orientation={"zone_axis": tuple(axis)})
    particle = draw_particle(recipe, 15.0, np.random.default_rng(3))
    inner = np.linalg.norm(particle.positions, axis=1) < 15.0 - repeat
    tree = cKDTree(particle.positions)
    gaps, found = tree.query(particle.positions[inner] + [0, 0, repeat])
    assert inner.sum() > 20
    assert gaps.max() < 1e-6
    assert (particle.numbers[found] == particle.numbers[inner]).all()


def test_wurtzite_seen_along_c_is_hexagonal():
    particle = draw_particle(recipe_of("CdSe", orientation={"zone_axis": (0, 0, 1)}), 15.0, np.random.default_rng(3))
    columns = np.unique(particle.positions[:, :2].round(3), axis=0)
    nearest = cKDTree(columns).query(columns, 2)[0][:, 1]
    assert np.median(nearest) == pytest.approx(4.2985 / np.sqrt(3), abs=0.01)


def test_the_azimuth_is_random():
    draws = np.random.default_rng(0)
    turned = [draw_rotation(ZoneAxis(zone_axis=(0, 0, 1)), np.eye(3), draws).apply([1, 0, 0]) for _ in range(2000)]
    azimuths = np.sort(np.arctan2(*np.array(turned)[:, 1::-1].T)) / (2 * np.pi) + 0.5
    assert np.abs(azimuths - np.linspace(0, 1, 2000)).max() < 0.045  # Kolmogorov-Smirnov, probability 0.001


def test_tilts_about_both_axes_have_the_spread():
    draws, axis = np.random.default_rng(0), ZoneAxis(zone_axis=(1, 1, 1), spread_deg=2.0)
    turned = np.array([draw_rotation(axis, np.eye(3), draws).apply(np.ones(3) / np.sqrt(3)) for _ in range(3000)])
    tilts = np.degrees(np.arcsin(turned[:, :2]))
    assert tilts.std(axis=0) == pytest.approx([2.0, 2.0], abs=0.12)  # sd 0.026
    assert tilts.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.15)
    assert abs(np.corrcoef(tilts.T)[0, 1]) < 0.07


def test_the_fivefold_axis_of_a_decahedron_is_a_zone_axis():
    recipe = recipe_of("Ag", shape="decahedron", orientation={"zone_axis": (0, 0, 1)})
    particle = draw_particle(recipe, 12.0, np.random.default_rng(0))
    on_axis = np.linalg.norm(particle.positions[:, :2], axis=1) < 1e-6
    assert on_axis.sum() > 5


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"zone_axis": [0, 0, 0]}, "particles.orientation.zone_axis: given .0, 0, 0.; a zone axis has a direction"),
        ({"zone_axis": [0, 1]}, "particles.orientation.zone_axis"),
        ({"zone_axis": [0, 0, 1], "spread_deg": -1}, "particles.orientation.spread_deg: given -1; must be greater"),
        ({"zone": [0, 0, 1]}, "particles.orientation.zone: unknown key; allowed: 'zone_axis', 'spread_deg'"),
        (
            "upright",
            "particles.orientation: given 'upright'; must be 'random' or a mapping such as {zone_axis: .0, 0, 1.}",
        ),
    ],
)
def test_faults_of_an_orientation_are_told(recipe_with, given, fault):
    with pytest.raises(InputError, match=fault):
        recipe_with(particles={"orientation": given})


def test_a_zone_axis_is_whole_numbers():
    with pytest.raises(ValidationError):
        ZoneAxis.model_validate({"zone_axis": (0.5, 0, 1)})
