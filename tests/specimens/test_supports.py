"""Supports beyond carbon: compounds, graphene, vacuum, and recipes that are refused."""

import math
import re

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers
from scipy.spatial import cKDTree

from temshift.configuration.model import ConfigurationError
from temshift.specimens import COMPOUNDS, amorphous_compound, build_specimen, compound_density, graphene, require_sound
from temshift.specimens.supports.graphene import GREATEST_STRAIN, LATTICE, SLIGHT_STRAIN, SPACING, fitted
from temshift.specimens.surfaces import Roughness, rough_surface

CELL = (36.0, 34.0)
BONDS = {"silicon_nitride": 1.73, "silica": 1.61}  # A
NITRIDE = {"material": "silicon_nitride", "thickness_nm": 1.5}
WEIGHTS = {"Si": 28.085, "N": 14.007, "O": 15.999}  # g/mol


@pytest.fixture(scope="module", params=sorted(COMPOUNDS))
def film(request):
    """A thick film of a compound: name, numbers, positions."""
    compound = COMPOUNDS[request.param]
    amounts = dict(zip((compound.cation, compound.anion), compound.amounts, strict=True))
    return (
        request.param,
        *amorphous_compound(compound, amounts, compound.density, CELL, 30.0, np.random.default_rng(4)),
    )


def distances(positions, others, reach, cell=CELL):
    """Distances of the positions from all others within reach, periodic in x and y, as arrays one for each position."""
    box = np.array([*cell, 0.0])
    trees = cKDTree(positions, boxsize=box), cKDTree(others, boxsize=box)
    near = trees[0].sparse_distance_matrix(trees[1], reach, output_type="ndarray")
    return near[near["v"] > 0]


def partial_distribution(positions, others, reach=4.0, step=0.05):
    """Distances [A] and g(r) of others around atoms in the inside of the film."""
    height = positions[:, 2].max()
    inner = positions[(positions[:, 2] > reach) & (positions[:, 2] < height - reach)]
    edges = np.arange(0.0, reach + step / 2, step)
    counts, _ = np.histogram(distances(inner, others, reach)["v"], edges)
    density = len(others) / (math.prod(CELL) * height)
    return (edges[1:] + edges[:-1]) / 2, counts / len(inner) / density / (4 / 3 * math.pi * np.diff(edges**3))


def test_number_densities_are_those_of_the_mass():
    """n = rho N_A sum(amounts) / sum(amount x weight)."""
    for density, composition in ((3.0, {"Si": 3, "N": 4}), (2.2, {"Si": 1, "O": 2}), (2.9, {"Si": 1, "N": 0.8})):
        mass = sum(WEIGHTS[symbol] * amount for symbol, amount in composition.items())
        expected = density * 0.602214076 * sum(composition.values()) / mass
        assert compound_density(density, composition) == pytest.approx(expected, rel=1e-4)
    assert atomic_masses[atomic_numbers["Si"]] == pytest.approx(28.085, abs=2e-3)


def test_films_have_the_atoms_of_their_density_and_composition(film):
    name, numbers, positions = film
    compound = COMPOUNDS[name]
    mass = sum(
        WEIGHTS[chemical] * amount for chemical, amount in zip(("Si", compound.anion), compound.amounts, strict=True)
    )
    expected = compound.density * 0.602214076 * sum(compound.amounts) / mass * math.prod(CELL) * 30.0
    assert len(numbers) == pytest.approx(expected, abs=1)
    share = (numbers == 14).mean()
    assert share == pytest.approx(compound.amounts[0] / sum(compound.amounts), abs=1 / len(numbers))
    assert positions[:, 2].min() >= 0
    assert positions[:, 2].max() <= 30.0
    counts, _ = np.histogram(positions[:, 2], np.arange(3.0, 27.1, 3.0))
    inside = counts.sum() / (math.prod(CELL) * 24.0)
    assert inside == pytest.approx(expected / (math.prod(CELL) * 30.0), rel=0.04)  # the faces hold a little more


def test_the_nearest_unlike_neighbours_are_a_bond_away(film):
    name, numbers, positions = film
    cations, anions = positions[numbers == 14], positions[numbers != 14]
    r, g = partial_distribution(cations, anions)
    assert r[g.argmax()] == pytest.approx(BONDS[name], abs=0.05)
    assert g.max() > 5
    assert g[r < BONDS[name] - 0.2].max() < 0.05


def test_like_neighbours_are_as_far_as_in_the_glass(film):
    name, numbers, positions = film
    compound = COMPOUNDS[name]
    for kind, least in ((numbers == 14, compound.cations), (numbers != 14, compound.anions)):
        r, g = partial_distribution(positions[kind], positions[kind])
        assert r[g.argmax()] == pytest.approx(least, abs=0.06)
        assert g[r < least - 0.35].max() < 0.05


def test_four_anions_surround_a_silicon_atom(film):
    _, numbers, positions = film
    inner = positions[(numbers == 14) & (positions[:, 2] > 4) & (positions[:, 2] < 26)]
    near = distances(inner, positions[numbers != 14], 2.4)
    assert len(near) / len(inner) == pytest.approx(4.0, abs=0.25)


def test_silicon_atoms_bond_to_each_other_where_nitrogen_is_scarce():
    """Three of four bonds of silicon in SiN are to nitrogen, so some are to silicon: 2.35 A, as in its crystal."""
    compound = COMPOUNDS["silicon_nitride"]
    numbers, positions = amorphous_compound(compound, {"Si": 1, "N": 1}, 3.0, CELL, 20.0, np.random.default_rng(0))
    silicon = positions[numbers == 14]
    assert len(silicon) == pytest.approx(len(numbers) / 2, abs=1)
    r, g = partial_distribution(silicon, silicon)
    assert r[g.argmax()] == pytest.approx(2.35, abs=0.06)
    r, g = partial_distribution(silicon, positions[numbers != 14])
    assert r[g.argmax()] == pytest.approx(1.73, abs=0.05)


def test_a_rough_compound_lies_below_its_surface():
    roughness, compound = Roughness(2.0, 10.0), COMPOUNDS["silica"]
    numbers, positions = amorphous_compound(
        compound, {"Si": 1, "O": 2}, 2.2, CELL, 20.0, np.random.default_rng(3), roughness
    )
    surface = rough_surface(CELL, 20.0, roughness, np.random.default_rng(3))
    assert (positions[:, 2] <= surface.at(positions[:, :2]) + 1e-9).all()
    assert len(numbers) == round(math.prod(CELL) * surface.heights.mean() * compound_density(2.2, {"Si": 1, "O": 2}))
    edge = [positions[(positions[:, :2] // 6 == [i, j]).all(axis=1), 2].max() for i in range(6) for j in range(5)]
    assert np.std(edge) > 0.8


def test_a_specimen_on_nitride(recipe_with):
    recipe = recipe_with(support=NITRIDE)
    assert recipe.sites == {("", "Si"), ("", "N"), ("CdSe", "Cd"), ("CdSe", "Se")}
    atoms = build_specimen(recipe, 3, 1)
    require_sound(atoms, "nitride")
    film = atoms[atoms.arrays["particle"] < 0]
    assert len(film) == round(32 * 28 * 15 * compound_density(3.0, {"Si": 3, "N": 4}))
    assert atoms.info["substrate_thickness_angstrom"] == pytest.approx(15.0)
    assert atoms.info["substrate_material"] == "silicon nitride"
    assert len(atoms) <= recipe.atoms_per_area * 32 * 28 + 1
    again = build_specimen(recipe, 3, 1)
    assert np.array_equal(atoms.positions, again.positions)


def test_another_support_leaves_the_particles_as_they_were(recipe_with):
    ours, others = (
        build_specimen(recipe, 3, 4) for recipe in (recipe_with(), recipe_with(support={"material": "graphene"}))
    )
    first, second = (atoms[atoms.arrays["particle"] >= 0] for atoms in (ours, others))
    assert np.array_equal(first.positions[:, :2], second.positions[:, :2])
    assert np.array_equal(first.numbers, second.numbers)


@pytest.mark.parametrize("layers", [1, 3])
def test_graphene_has_the_atoms_of_its_area(layers):
    """Two atoms a cell of sqrt(3)/2 a^2."""
    cell = (60.0, 50.0)
    positions, angles, strain = graphene(cell, layers, (0, 60), "bernal", np.random.default_rng(2))
    expected = layers * math.prod(cell) * 2 / (math.sqrt(3) / 2 * LATTICE**2)
    assert strain <= SLIGHT_STRAIN
    assert len(positions) == pytest.approx(expected, rel=2 * strain + 1e-9)
    assert len(angles) == layers and len(set(angles)) == 1
    assert np.allclose(np.unique(np.round(positions[:, 2], 6)), np.arange(layers) * SPACING)
    assert (positions[:, :2] >= 0).all() and (positions[:, :2] < cell).all()


def test_every_atom_of_graphene_has_three_bonds_across_the_border_too():
    cell = (60.0, 50.0)
    positions, _, strain = graphene(cell, 1, (0, 60), "bernal", np.random.default_rng(5))
    near = distances(positions, positions, 1.6, cell)
    assert np.array_equal(np.bincount(near["i"], minlength=len(positions)), np.full(len(positions), 3))
    assert near["v"] == pytest.approx(LATTICE / math.sqrt(3), rel=strain + 1e-9)


def test_layers_of_graphite_lie_shifted_by_a_bond():
    """Half of the atoms of a layer lie over atoms of the next, the others over the middles of its rings."""
    cell = (60.0, 50.0)
    positions, _, _ = graphene(cell, 2, (0, 60), "bernal", np.random.default_rng(5))
    lower, upper = (positions[np.isclose(positions[:, 2], height)] * [1, 1, 0] for height in (0.0, SPACING))
    nearest, _ = cKDTree(lower, boxsize=[*cell, 0]).query(upper)
    assert (nearest < 0.02).mean() == 0.5
    assert (np.abs(nearest - LATTICE / math.sqrt(3)) < 0.03).mean() == 0.5


def test_twisted_layers_have_orientations_of_their_own():
    _, angles, strain = graphene((80.0, 80.0), 3, (0, 60), "twisted", np.random.default_rng(1))
    assert len({round(angle, 3) for angle in angles}) == 3
    assert strain <= GREATEST_STRAIN


def test_orientations_of_graphene_are_those_asked_for_and_seen_in_its_atoms():
    cell = (80.0, 80.0)
    for seed in range(5):
        positions, angles, _ = graphene(cell, 1, (20, 30), "bernal", np.random.default_rng(seed))
        assert 19 <= angles[0] <= 31  # straining turns the lattice by up to half a degree
        box = np.array([*cell, 0.0])
        pairs = cKDTree(positions, boxsize=box).query_pairs(1.1 * LATTICE, output_type="ndarray")
        offsets = positions[pairs[:, 1], :2] - positions[pairs[:, 0], :2]
        offsets -= np.round(offsets / cell) * cell
        long = np.hypot(*offsets.T) > 0.9 * LATTICE
        sixfold = np.angle(np.exp(6j * np.arctan2(offsets[long, 1], offsets[long, 0])).mean(), deg=True) / 6
        assert np.mod(sixfold - angles[0] + 30, 60) - 30 == pytest.approx(0, abs=0.6)
    drawn = [graphene(cell, 1, (0, 60), "bernal", np.random.default_rng(seed))[1][0] for seed in range(40)]
    assert min(drawn) < 15 and max(drawn) > 45


def test_a_lattice_that_fits_is_not_strained():
    fits = fitted((10 * LATTICE, 6 * math.sqrt(3) * LATTICE), np.array([0.0, 10.0]))
    assert fits.strains[0] < 1e-12
    assert abs(np.linalg.det(fits.counts[0])) == pytest.approx(120)
    assert fits.strains[1] > 1e-4


def test_a_specimen_on_graphene(recipe_with):
    recipe = recipe_with(support={"material": "graphene", "layers": {"minimum": 1, "maximum": 3}})
    counts = set()
    for index in range(12):
        atoms = build_specimen(recipe, 3, index)
        require_sound(atoms, "graphene")
        layers = atoms.info["substrate_thickness_angstrom"] / SPACING
        assert layers == pytest.approx(round(layers))
        assert round(layers) == len(atoms.info["graphene_rotation_deg"])
        film = atoms.arrays["particle"] < 0
        assert np.ptp(atoms.positions[film, 2]) == pytest.approx((round(layers) - 1) * SPACING)
        assert atoms.info["graphene_strain"] <= GREATEST_STRAIN
        counts.add(round(layers))
    assert counts == {1, 2, 3}
    assert recipe.sites == {("", "C"), ("CdSe", "Cd"), ("CdSe", "Se")}


def test_particles_in_vacuum_stand_level(recipe_with):
    recipe = recipe_with(support="none", particles={"count": 2})
    atoms = build_specimen(recipe, 3, 1)
    labels = atoms.arrays["particle"]
    assert labels.min() == 0 and labels.max() == 1
    assert [atoms.positions[labels == number, 2].min() for number in (0, 1)] == pytest.approx([2.0, 2.0])
    assert atoms.info["substrate_thickness_angstrom"] == 0.0
    assert recipe.sites == {("CdSe", "Cd"), ("CdSe", "Se")}
    assert recipe.model_dump(mode="json")["substrate"] == "none"
    require_sound(atoms, "vacuum")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (NITRIDE | {"composition": {"Si": 3, "O": 4}}, "composition names Si, O; silicon nitride is made of Si and N"),
        (
            NITRIDE | {"composition": {"Si": 1, "Xx": 1}},
            "composition names Si, Xx; silicon nitride is made of Si and N",
        ),
        (NITRIDE | {"composition": {}}, "composition names nothing"),
        (NITRIDE | {"composition": {"Si": 1, "N": 3}}, "3 N for each Si; silicon nitride is taken with 0.6 to 1.4"),
        (NITRIDE | {"composition": {"Si": 3, "N": 0}}, "composition.N: given 0; must be greater than 0"),
        (NITRIDE | {"density_g_per_cm3": 3.5}, "exceeds that of crystals of silicon nitride, 3.2; give at most that"),
        (NITRIDE | {"minimum_distance_angstrom": 1.4}, "minimum_distance_angstrom is for carbon"),
        ({"material": "silica"}, "substrate.thickness_nm: is missing"),
        (NITRIDE | {"roughness_rms_nm": 0.5}, "may open holes in a film of 1.5 nm"),
        (NITRIDE | {"roughness_rms_nm": 0.1, "roughness_correlation_nm": 2}, "exceeds half of the cell's shorter side"),
        ({"material": "graphene", "thickness_nm": 0.3}, "graphene has no thickness_nm, it comes in layers of 0.336 nm"),
        ({"material": "graphene", "layers": 0}, "substrate.layers: given 0; allowed: 1 to 10"),
        ({"material": "graphene", "rotation_deg": 90}, "substrate.rotation_deg: given 90; allowed: 0 to 60"),
        ({"material": "graphene", "density_g_per_cm3": 2}, "substrate.density_g_per_cm3: unknown key"),
        ({"material": "ice", "thickness_nm": 3}, "material: given 'ice'; must be"),
        ({"composition": {"C": 1}, "thickness_nm": 3}, "substrate.composition: unknown key"),
        ("vacuum", "substrate: given 'vacuum'; must be a mapping such as {thickness_nm: 5} or {material: graphene}"),
        ({"material": "none", "thickness_nm": 3}, "substrate.thickness_nm: unknown key"),
    ],
)
def test_supports_that_cannot_be_are_refused(recipe_with, given, fault):
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        recipe_with(support=given)


def test_graphene_that_fits_no_cell_is_refused(recipe_with):
    with pytest.raises(ConfigurationError, match=r"would be strained by \d\.\d % to repeat with the cell, at most 3 %"):
        recipe_with(
            cell_nm=[1.4, 1.4],
            support={"material": "graphene", "rotation_deg": 12},
            particles={"radius_nm": 0.4, "count": 1},
        )


@pytest.mark.parametrize(
    "given",
    [
        NITRIDE,
        NITRIDE | {"composition": {"Si": 1, "N": 0.9}, "density_g_per_cm3": 2.8},
        {"material": "graphene", "layers": 2, "stacking": "twisted"},
        "none",
        {"material": "none"},
        {"material": "carbon", "thickness_nm": 2},
    ],
)
def test_supports_read_back_as_they_were_written(recipe_with, given):
    recipe = recipe_with(support=given)
    assert recipe_with(support=recipe.model_dump(mode="json")["substrate"]) == recipe
