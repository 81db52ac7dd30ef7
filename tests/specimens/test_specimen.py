import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from temshift.specimens import build_specimen, unit_cell
from temshift.specimens.cells import wrapped
from temshift.specimens.placement import periodic_distances

seeds = st.integers(0, 2**63)
numbers = st.integers(0, 10**6)


def substrate_of(atoms):
    return atoms.positions[atoms.arrays["particle"] == -1]


def nearest(atoms, first, second):
    """Least distance between two groups of atoms, by all pairs, periodic in x and y."""
    offsets = atoms.positions[first][:, None] - atoms.positions[second][None]
    sides = np.diag(atoms.cell)[:2]
    offsets[..., :2] -= np.round(offsets[..., :2] / sides) * sides
    return np.linalg.norm(offsets, axis=-1).min()


def same(first, second):
    return (
        np.array_equal(first.positions, second.positions)
        and np.array_equal(first.numbers, second.numbers)
        and np.array_equal(first.arrays["particle"], second.arrays["particle"])
        and np.array_equal(first.cell, second.cell)
        and first.info == second.info
    )


@given(seed=seeds, index=numbers)
@settings(max_examples=25)
def test_geometry(recipe_with, seed, index):
    recipe = recipe_with()
    atoms = build_specimen(recipe, seed, index)
    labels, z = atoms.arrays["particle"], atoms.positions[:, 2]
    height = atoms.cell[2, 2]
    assert tuple(atoms.pbc) == (True, True, False)
    assert np.array_equal(atoms.cell, np.diag([*recipe.cell, height]))
    assert (atoms.positions >= 0).all()
    assert (atoms.positions < [*recipe.cell, height]).all()
    assert z.min() == pytest.approx(2.0)
    assert height - z.max() == pytest.approx(2.0)
    assert labels.dtype == np.int16
    assert (atoms.numbers[labels == -1] == 6).all()
    for number in range(labels.max() + 1):
        assert nearest(atoms, labels == number, labels == -1) == pytest.approx(2.0, abs=1e-6)
    assert 8.0 <= atoms.info["substrate_thickness_angstrom"] <= 15.0
    assert np.ptp(z[labels == -1]) <= atoms.info["substrate_thickness_angstrom"]


@given(seed=seeds)
@settings(max_examples=25)
def test_particles_are_as_listed(recipe_with, seed):
    recipe = recipe_with()
    atoms = build_specimen(recipe, seed, 0)
    listed = atoms.info["particles"]
    labels = atoms.arrays["particle"]
    assert 1 <= len(listed) <= 2
    assert labels.max() + 1 == len(listed)
    for number, particle in enumerate(listed):
        inside = atoms.positions[labels == number]
        center = np.array([particle["center_xy_angstrom"]])
        across = periodic_distances(inside[:, :2], center, recipe.cell)[:, 0]
        upward = inside[:, 2] - particle["center_z_angstrom"]
        assert np.hypot(across, upward).max() <= particle["radius_angstrom"] + 1e-9
        assert particle["atoms"] == len(inside)
        assert particle["crystal"] == "CdSe"
        assert 4.0 <= particle["radius_angstrom"] <= 6.0
    for first, second in itertools.combinations(listed, 2):
        centers = np.array([first["center_xy_angstrom"], second["center_xy_angstrom"]])
        distance = periodic_distances(centers[:1], centers[1:], recipe.cell)[0, 0]
        assert distance >= first["radius_angstrom"] + second["radius_angstrom"] + 1.0


@given(seed=seeds, index=numbers)
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_atoms(recipe_with, seed, index):
    assert same(build_specimen(recipe_with(), seed, index), build_specimen(recipe_with(), seed, index))


def test_a_specimen_depends_on_no_other(recipe_with):
    in_order = [build_specimen(recipe_with(), 7, index) for index in range(6)]
    for index in (5, 2, 0):
        assert same(build_specimen(recipe_with(), 7, index), in_order[index])


@given(seed=st.tuples(seeds, seeds), index=st.tuples(st.integers(0, 50), st.integers(0, 50)))
@settings(max_examples=20)
def test_no_two_specimens_share_a_substrate(recipe_with, seed, index):
    if (seed[0], index[0]) == (seed[1], index[1]):
        index = (index[0], index[0] + 1)
    recipe = recipe_with(substrate={"thickness_nm": 1.0})
    first, second = (substrate_of(build_specimen(recipe, *drawn)) for drawn in zip(seed, index, strict=True))
    assert not np.isin(first[:, 0], second[:, 0]).any()


def test_particles_leave_the_substrate_as_it_was(recipe_with):
    cadmium = build_specimen(recipe_with(), 3, 4)
    copper = build_specimen(recipe_with(particles={"crystal": "Cu", "count": 3, "radius_nm": 0.3}), 3, 4)
    assert np.array_equal(substrate_of(cadmium), substrate_of(copper))


def test_the_substrate_leaves_the_particles_as_they_were(recipe_with):
    thin, thick = (
        build_specimen(recipe_with(substrate={"thickness_nm": thickness, "density_g_per_cm3": density}), 3, 4)
        for thickness, density in ((0.8, 2.0), (2.0, 1.8))
    )
    ours, others = (atoms[atoms.arrays["particle"] >= 0] for atoms in (thin, thick))
    assert np.array_equal(ours.positions[:, :2], others.positions[:, :2])
    rise = others.positions[:, 2] - ours.positions[:, 2]
    assert np.ptp(rise) < 1e-9
    assert rise[0] > 10


def test_draws_cover_their_ranges(recipe_with):
    recipe = recipe_with(substrate={"minimum_distance_angstrom": 0.5, "density_g_per_cm3": 0.5})
    drawn = [build_specimen(recipe, 1, index).info for index in range(300)]
    thickness = np.array([info["substrate_thickness_angstrom"] for info in drawn])
    radius = np.array([info["particles"][0]["radius_angstrom"] for info in drawn])
    counts = np.bincount([len(info["particles"]) for info in drawn])
    assert thickness.mean() == pytest.approx(11.5, abs=0.5)  # sd of the mean 0.12
    assert radius.mean() == pytest.approx(5.0, abs=0.15)  # sd of the mean 0.03
    assert thickness.min() < 8.2
    assert thickness.max() > 14.8
    assert counts[1] == pytest.approx(150, abs=40)  # sd 9
    assert counts[0] == 0


def test_substrate_and_particles_share_no_random_numbers(recipe_with):
    recipe = recipe_with(substrate={"minimum_distance_angstrom": 0.5, "density_g_per_cm3": 0.5})
    substrate, particles = [], []
    for index in range(300):
        atoms = build_specimen(recipe, 1, index)
        first = atoms.info["particles"][0]
        substrate.append([atoms.info["substrate_thickness_angstrom"], *atoms.positions[:3, :2].ravel()])
        particles.append([len(atoms.info["particles"]), first["radius_angstrom"], *first["center_xy_angstrom"]])
    correlations = np.corrcoef(np.array(substrate).T, np.array(particles).T)[:7, 7:]
    assert np.abs(correlations).max() < 0.25  # sd 0.06


def test_fixed_values_are_met(recipe_with):
    recipe = recipe_with(substrate={"thickness_nm": 1.1}, particles={"count": 3, "radius_nm": 0.45})
    info = build_specimen(recipe, 1, 0).info
    assert info["substrate_thickness_angstrom"] == pytest.approx(11.0)
    assert [particle["radius_angstrom"] for particle in info["particles"]] == [4.5] * 3


def test_margin_and_contact_are_settings(recipe_with):
    recipe = recipe_with(margin_angstrom=5.0, particles={"contact_distance_angstrom": 3.5})
    atoms = build_specimen(recipe, 1, 0)
    z, labels = atoms.positions[:, 2], atoms.arrays["particle"]
    assert z.min() == pytest.approx(5.0)
    assert atoms.cell[2, 2] - z.max() == pytest.approx(5.0)
    assert nearest(atoms, labels == 0, labels == -1) == pytest.approx(3.5, abs=1e-6)


def test_a_particle_may_cross_the_border_and_stays_whole(recipe_with):
    recipe = recipe_with(particles={"count": 1})
    crossing = 0
    for index in range(10):
        atoms = build_specimen(recipe, 2, index)
        inside = atoms.positions[atoms.arrays["particle"] == 0]
        crossing += bool((np.ptp(inside[:, :2], axis=0) > 12.1).any())  # wider than any diameter
        offsets = inside[:, :2] - atoms.info["particles"][0]["center_xy_angstrom"]
        offsets -= np.round(offsets / recipe.cell) * recipe.cell
        whole = np.column_stack([offsets, inside[:, 2]])
        pairs = np.linalg.norm(whole[:, None] - whole[None], axis=-1)
        assert np.sort(pairs, axis=1)[:, 1].min() == pytest.approx(2.63, abs=0.01)
    assert 0 < crossing < 10


def test_orientation_is_told_as_it_is(recipe_with):
    """Turned back by the quaternion told, neighbours point along bonds of the crystal."""
    atoms = build_specimen(recipe_with(particles={"crystal": "Cu", "count": 1, "radius_nm": 0.6}), 11, 0)
    told = Rotation.from_quat(atoms.info["particles"][0]["quaternion_xyzw"])
    inside = atoms[atoms.arrays["particle"] == 0]
    vectors = inside.get_all_distances(mic=True, vector=True)
    near = np.linalg.norm(vectors, axis=-1)
    bonds = told.inv().apply(vectors[(near > 0.1) & (near < 2.8)]) / (unit_cell("Cu").cell[0, 0] / 2)
    assert np.abs(bonds) == pytest.approx(np.round(np.abs(bonds)), abs=1e-6)
    assert (np.sort(np.abs(np.round(bonds)), axis=1) == [0, 1, 1]).all()


def test_a_tiny_negative_place_is_not_wrapped_onto_the_far_side():
    inside = wrapped(np.array([[-1e-18, 51.2], [52.2, -1.0]]), (51.2, 51.2))
    assert inside == pytest.approx(np.array([[0.0, 0.0], [1.0, 50.2]]))
    assert (inside < 51.2).all()


def test_atoms_are_handed_over_without_stray_arrays(recipe_with):
    atoms = build_specimen(recipe_with(), 0, 0)
    assert set(atoms.arrays) == {"numbers", "positions", "particle"}


def test_particles_keep_apart_even_without_a_gap(recipe_with):
    recipe = recipe_with(particles={"crystal": "Cu", "count": 3, "radius_nm": 0.4, "gap_nm": 0.0})
    for index in range(5):
        atoms = build_specimen(recipe, 3, index)
        labels = atoms.arrays["particle"]
        for first, second in itertools.combinations(range(3), 2):
            assert nearest(atoms, labels == first, labels == second) >= 2.0


@pytest.mark.parametrize(
    ("particles", "shape"),
    [
        ({"crystal": "Ag", "shape": "icosahedron"}, "icosahedron"),
        ({"crystal": "Ag", "shape": "decahedron", "vacancies": 0.2}, "decahedron"),
        (
            {
                "crystal": "Fe",
                "shape": {"wulff": [{"miller": [1, 1, 0], "energy_J_per_m2": 1.0}]},
                "orientation": {"zone_axis": [0, 0, 1], "spread_deg": 2},
            },
            "wulff",
        ),
        ({"crystal": "Cu", "stacking_faults": {"minimum": 0, "maximum": 1}, "twins": 1}, "sphere"),
    ],
)
def test_silhouettes_lie_within_the_discs_that_keep_the_gap(recipe_with, particles, shape):
    recipe = recipe_with(cell_nm=[5.0, 4.5], particles={"radius_nm": 0.8, "count": 2, "gap_nm": 0.3} | particles)
    for index in range(3):
        atoms = build_specimen(recipe, 5, index)
        listed, labels = atoms.info["particles"], atoms.arrays["particle"]
        centers = np.array([facts["center_xy_angstrom"] for facts in listed])
        for number, facts in enumerate(listed):
            across = periodic_distances(atoms.positions[labels == number, :2], centers[[number]], recipe.cell)
            assert across.max() <= facts["radius_angstrom"] + 1e-9
            assert facts["radius_angstrom"] <= recipe.particles.outer_radius + 1e-9
            assert facts["shape"] == shape
            assert nearest(atoms, labels == number, labels == -1) == pytest.approx(2.0, abs=1e-6)
        apart = periodic_distances(centers[:1], centers[1:], recipe.cell)[0, 0]
        assert apart >= sum(facts["radius_angstrom"] for facts in listed) + 3.0


def test_faults_and_vacancies_are_told_as_drawn(recipe_with):
    recipe = recipe_with(
        particles={
            "crystal": "CdSe",
            "radius_nm": 0.75,
            "count": 1,
            "stacking_faults": {"minimum": 0, "maximum": 1},
            "vacancies": {"minimum": 0.1, "maximum": 0.2},
        }
    )
    listed = [build_specimen(recipe, 5, index).info["particles"][0] for index in range(20)]
    assert {facts["stacking_faults"] for facts in listed} == {0, 1}
    assert {facts["twins"] for facts in listed} == {0}
    shares = [facts["vacancies"] / (facts["vacancies"] + facts["atoms"]) for facts in listed]
    assert 0.08 < min(shares) < 0.14 < max(shares) < 0.22


def test_sizes_follow_their_distribution(recipe_with):
    normal = {"normal": {"mean": 0.5, "sd": 0.05}}
    recipe = recipe_with(
        substrate={"thickness_nm": 0.5}, particles={"crystal": "Cu", "radius_nm": normal, "gap_nm": 0.2, "count": 1}
    )
    radii = [build_specimen(recipe, 1, index).info["particles"][0]["radius_angstrom"] for index in range(300)]
    assert np.mean(radii) == pytest.approx(5.0, abs=0.12)  # sd of the mean 0.03
    assert np.std(radii) == pytest.approx(0.49, abs=0.09)  # sd of the sd 0.02
    assert min(radii) >= 3.5
    assert max(radii) <= 6.5


@pytest.mark.slow
def test_crowded_particles_are_drawn_again_until_all_have_room(recipe_with):
    """Two spheres of 10 to 18 A with gaps of 10 A: often too large for a square of 51.2 A together."""
    sizes_nm = {"minimum": 1.0, "maximum": 1.8}
    recipe = recipe_with(cell_nm=(5.12, 5.12), particles={"radius_nm": sizes_nm, "count": 2, "gap_nm": 1.0})
    sizes = []
    for index in range(30):
        particles = build_specimen(recipe, 5, index).info["particles"]
        centers, radii = (np.array([p[key] for p in particles]) for key in ("center_xy_angstrom", "radius_angstrom"))
        assert len(particles) == 2
        assert periodic_distances(centers[:1], centers[1:], recipe.cell)[0, 0] >= radii.sum() + 10 - 1e-9
        sizes += radii.tolist()
    assert 10 <= min(sizes) < max(sizes) <= 18
    assert np.mean(sizes) < 14
