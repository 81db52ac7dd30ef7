"""Particles on the exit side of a film, on its entrance side, or on either."""

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from temshift.configuration.model import ConfigurationError
from temshift.exitwaves import ExitWaveSettings, simulate
from temshift.information.objects.particle_spectra import measure_instances
from temshift.information.objects.specimen_spectra import measure_specimen
from temshift.specimens import build_specimen, require_sound, unit_cell
from temshift.specimens.resting import resting_height


def parts(atoms):
    """Positions of the particle atoms and of the others."""
    belongs = atoms.arrays["particle"] >= 0
    return atoms.positions[belongs], atoms.positions[~belongs]


@pytest.mark.parametrize("side", ["exit", "entrance"])
@pytest.mark.parametrize("support", [None, {"material": "graphene", "layers": 2}])
def test_particles_lie_on_their_side_in_contact(recipe_with, side, support):
    recipe = recipe_with(support=support, particles={"count": 2, "side": side})
    for index in range(3):
        atoms = build_specimen(recipe, 3, index)
        require_sound(atoms, side)
        particles, film = parts(atoms)
        assert (particles[:, 2].mean() > film[:, 2].mean()) == (side == "exit")
        assert atoms.positions[:, 2].min() == pytest.approx(2.0)
        assert atoms.cell[2, 2] - atoms.positions[:, 2].max() == pytest.approx(2.0)
        for number in (0, 1):
            own = atoms.positions[atoms.arrays["particle"] == number]
            offsets = own[:, None] - film[None]
            offsets[..., :2] -= np.round(offsets[..., :2] / recipe.cell) * recipe.cell
            assert np.linalg.norm(offsets, axis=-1).min() == pytest.approx(2.0, abs=1e-6)
            assert own[:, 2].mean() == pytest.approx(atoms.info["particles"][number]["center_z_angstrom"], abs=1.0)


def test_the_other_side_has_the_same_particles_and_the_mirrored_film(recipe_with):
    rough = {"thickness_nm": 1.5, "roughness_rms_nm": 0.2, "roughness_correlation_nm": 1.0}
    given = [recipe_with(substrate=rough, particles={"count": 2, "side": side}) for side in ("exit", "entrance")]
    (ours, film), (others, turned) = (parts(build_specimen(recipe, 3, 1)) for recipe in given)
    assert np.allclose(np.sort(film[:, 2] - film[:, 2].min()), np.sort(turned[:, 2].max() - turned[:, 2]))
    assert np.allclose(film[:, :2], turned[:, :2])
    assert np.allclose(ours[:, :2], others[:, :2])
    for number in (0, 1):
        first, second = (build_specimen(recipe, 3, 1) for recipe in given)
        labels = first.arrays["particle"] == number
        moved = second.positions[labels] - first.positions[labels]
        assert np.ptp(moved, axis=0) == pytest.approx(0, abs=1e-9), "the particle is turned or mirrored"


def test_the_rough_side_carries_the_particles(recipe_with):
    rough = {"thickness_nm": 2.0, "roughness_rms_nm": 0.3, "roughness_correlation_nm": 1.0}
    atoms = build_specimen(recipe_with(substrate=rough, particles={"count": 1, "side": "entrance"}), 3, 1)
    _, film = parts(atoms)
    columns = (film[:, :2] // 4).astype(int) @ [100, 1]
    lowest, highest = (
        np.array([choose(film[columns == one, 2]) for one in np.unique(columns)]) for choose in (np.min, np.max)
    )
    assert lowest.std() > 2 * highest.std()


def test_a_particle_below_rests_as_one_above_a_mirrored_film(recipe_with):
    atoms = build_specimen(recipe_with(particles={"count": 1, "side": "entrance"}), 9, 0)
    particle, film = (points * [1, 1, -1] for points in parts(atoms))
    height = -atoms.info["particles"][0]["center_z_angstrom"]
    sides = (float(atoms.cell[0, 0]), float(atoms.cell[1, 1]))
    assert resting_height(particle - [0, 0, height], film, sides, 2.0) == pytest.approx(height)


def test_quaternions_hold_on_the_entrance_side(recipe_with):
    atoms = build_specimen(
        recipe_with(particles={"crystal": "Cu", "count": 1, "radius_nm": 0.6, "side": "entrance"}), 11, 0
    )
    turned = Rotation.from_quat(atoms.info["particles"][0]["quaternion_xyzw"])
    vectors = atoms[atoms.arrays["particle"] == 0].get_all_distances(mic=True, vector=True)
    near = np.linalg.norm(vectors, axis=-1)
    bonds = turned.inv().apply(vectors[(near > 0.1) & (near < 2.8)]) / (unit_cell("Cu").cell[0, 0] / 2)
    assert np.abs(bonds) == pytest.approx(np.round(np.abs(bonds)), abs=1e-6)


def test_either_is_one_side_or_the_other_for_a_whole_specimen(recipe_with):
    recipe = recipe_with(support={"material": "graphene"}, particles={"count": 2, "side": "either", "radius_nm": 0.4})
    sides = []
    for index in range(60):
        atoms = build_specimen(recipe, 1, index)
        film = atoms.positions[atoms.arrays["particle"] < 0, 2].mean()
        above = {bool(facts["center_z_angstrom"] > film) for facts in atoms.info["particles"]}
        assert len(above) == 1
        sides.append(above.pop())
        assert atoms.info["particle_side"] == ("exit" if sides[-1] else "entrance")
    assert sum(sides) == pytest.approx(30, abs=15)  # sd 3.9
    fixed = recipe_with(support={"material": "graphene"}, particles={"count": 2, "side": "exit", "radius_nm": 0.4})
    alike = sides.index(True)
    assert np.array_equal(build_specimen(fixed, 1, alike).positions, build_specimen(recipe, 1, alike).positions)


def test_a_side_of_nothing_is_refused(recipe_with):
    fault = "particles.side is 'entrance', but with substrate none there is nothing to lie on a side of"
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        recipe_with(support="none", particles={"side": "entrance"})
    with pytest.raises(
        ConfigurationError,
        match=re.escape("particles.side: 'below' is not known; allowed: 'exit', 'entrance', 'either'"),
    ):
        recipe_with(particles={"side": "below"})


def waves(**settings):
    return ExitWaveSettings(energy_kev=300, sampling_angstrom=0.25, slice_thickness_angstrom=2.0, **settings)


def test_heights_count_from_the_plane_of_defocus(recipe_with):
    """From the exit plane a particle on the entrance side is as high as the film and itself; film and particle swap."""
    thick = {"thickness_nm": 3.0}
    heights = {}
    for side in ("exit", "entrance"):
        atoms = build_specimen(recipe_with(substrate=thick, particles={"count": 1, "side": side}), 3, 1)
        particles, film = parts(atoms)
        plane = atoms.cell[2, 2]
        library, spectra = measure_instances(atoms, waves(), 0.5), measure_specimen(atoms, waves(), 0.5)
        assert library.particle_height[0] == pytest.approx(plane - particles[:, 2].mean())
        assert library.substrate_height[0] == pytest.approx(plane - film[:, 2].mean())
        assert spectra.particle_height == pytest.approx(library.particle_height[0])
        assert library.thickness[0] == pytest.approx(30.0)
        heights[side] = float(library.particle_height[0])
    assert heights["exit"] < 10
    assert heights["entrance"] == pytest.approx(30 + heights["exit"], abs=4)


def test_objects_in_vacuum_have_no_film(recipe_with):
    atoms = build_specimen(recipe_with(support="none", particles={"count": 1}), 3, 1)
    library = measure_instances(atoms, waves(), 0.5)
    assert library.thickness[0] == 0 and not library.substrate.any()
    assert library.substrate_height[0] == library.particle_height[0]


@pytest.mark.parametrize("side", ["exit", "entrance"])
def test_the_plane_of_least_contrast_is_that_of_the_particle(recipe_with, side):
    recipe = recipe_with(substrate={"thickness_nm": 3.0}, particles={"crystal": "Au", "count": 1, "side": side})
    geometry = simulate(build_specimen(recipe, 3, 1), waves(focus="minimum_contrast"), 3, 1).geometry
    assert abs(geometry["particle_height_angstrom"]) < 6
    assert (geometry["substrate_height_angstrom"] > 10) == (side == "exit")
    assert (geometry["substrate_height_angstrom"] < -10) == (side == "entrance")


def test_masks_are_alike_on_both_sides(recipe_with):
    """A phase is looked at where the wave leaves the particles, not behind 15 nm of film."""
    film = {"thickness_nm": 15.0, "density_g_per_cm3": 0.5}
    for definition, least in (("outline", 1.0), ("phase", 0.97)):
        masks = []
        for side in ("exit", "entrance"):
            gold = {"crystal": "Au", "radius_nm": 0.9, "count": 1, "side": side}
            settings = waves(mask={"definition": definition})
            masks.append(
                simulate(build_specimen(recipe_with(substrate=film, particles=gold), 3, 1), settings, 3, 1).mask
            )
        assert masks[0].any()
        assert (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() >= least
