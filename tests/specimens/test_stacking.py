import json

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from temshift.core.errors import InputError
from temshift.specimens.crystals import CRYSTALS, Crystal, unit_cell
from temshift.specimens.faults import draw_turns, require_faults
from temshift.specimens.particle_recipe import ParticleRecipe
from temshift.specimens.particles import draw_particle
from temshift.specimens.stacking import stack_of

ZINCBLENDE = Crystal.model_validate(
    {
        "name": "CdTe",
        "space_group": 216,
        "symbols": ("Cd", "Te"),
        "sites": ((0.0, 0.0, 0.0), (0.25, 0.25, 0.25)),
        "lattice": (6.48, 6.48, 6.48, 90.0, 90.0, 90.0),
    }
)
_TURNED = bulk("CdTe", "zincblende", a=6.48, cubic=True).get_scaled_positions()
TURNED_ZINCBLENDE = Crystal.model_validate(
    {
        "space_group": 1,
        "symbols": ("Cd", "Te") * 4,
        "sites": tuple(map(tuple, (np.mod([0.1, 0.0, 0.2] - _TURNED, 1.0)).tolist())),
        "lattice": ZINCBLENDE.lattice,
    }
)
UPSIDE_DOWN = CRYSTALS["CdSe"].model_copy(update={"name": "", "sites": ((1 / 3, 2 / 3, 0.1), (1 / 3, 2 / 3, 0.725))})
FAMILIES = {
    "Cu": CRYSTALS["Cu"],
    "Ag": CRYSTALS["Ag"],
    "Si": CRYSTALS["Si"],
    "C": CRYSTALS["C"],
    "CdSe": CRYSTALS["CdSe"],
    "ZnS": CRYSTALS["ZnS"],
    "zincblende": ZINCBLENDE,
    "turned zincblende": TURNED_ZINCBLENDE,
    "wurtzite upside down": UPSIDE_DOWN,
}
CUBIC = [name for name, crystal in FAMILIES.items() if crystal.space_group != 186]


def bond_of(crystal):
    return neighbor_list("d", unit_cell(crystal), 3.2).min()


def recipe_of(crystal, **given):
    return ParticleRecipe.model_validate({"crystal": crystal, "radius_nm": 1.5, "count": 1, "gap_nm": 0.5, **given})


def test_families_are_recognised():
    found = {name: stack.family for name in CRYSTALS if (stack := stack_of(CRYSTALS[name])) is not None}
    assert found == {
        "CdSe": "wurtzite",
        "ZnS": "wurtzite",
        "Cu": "fcc",
        "Ag": "fcc",
        "C": "diamond",
        "Si": "diamond",
        "Au": "fcc",
        "Pt": "fcc",
    }
    assert stack_of(ZINCBLENDE).family == stack_of(TURNED_ZINCBLENDE).family == "zincblende"


def test_a_file_of_a_wurtzite_is_one(tmp_path):
    path = tmp_path / "cell.cif"
    bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.382).write(path)
    assert stack_of(Crystal.model_validate({"structure_file": str(path)})).family == "wurtzite"


@pytest.mark.parametrize("kind", ["rocksalt", "cesiumchloride", "fluorite"])
def test_other_binaries_are_not_stacks(kind, tmp_path):
    path = tmp_path / "cell.cif"
    symbols = "CaFF" if kind == "fluorite" else "NaCl"
    bulk(symbols, kind, a=5.5, cubic=True).write(path)
    assert stack_of(Crystal.model_validate({"structure_file": str(path)})) is None


@pytest.mark.parametrize("name", FAMILIES)
def test_a_stack_without_faults_is_the_crystal(name):
    crystal = FAMILIES[name]
    center = np.array([1.0, 2.0, 0.7])
    numbers, positions = stack_of(crystal).atoms(center, 9.0, [])
    inside = np.linalg.norm(positions, axis=1) <= 9.0
    block = unit_cell(crystal).repeat((11, 11, 11))
    far = center + 5 * np.asarray(unit_cell(crystal).cell).sum(axis=0)
    expected = np.linalg.norm(block.positions - far, axis=1) <= 9.0
    gaps, found = cKDTree(block.positions - far).query(positions[inside])
    assert gaps.max() < 1e-6
    assert (block.numbers[found] == numbers[inside]).all()
    assert inside.sum() == expected.sum()


def neighbours(numbers, positions, crystal, core):
    """Distances, coordination and unlike neighbours of the atoms within `core` of the centre."""
    bond = bond_of(crystal)
    inner = np.flatnonzero(np.linalg.norm(positions, axis=1) < core)
    tree = cKDTree(positions)
    near = [[j for j in tree.query_ball_point(positions[i], bond * 1.15) if j != i] for i in inner]
    pairs = list(zip(inner, near, strict=True))
    lengths = np.concatenate([np.linalg.norm(positions[js] - positions[i], axis=1) for i, js in pairs])
    return lengths, {len(js) for js in near}, any((numbers[js] == numbers[i]).any() for i, js in pairs)


@pytest.mark.parametrize("name", FAMILIES)
@given(faults=st.integers(1, 2), twins=st.integers(0, 1), seed=st.integers(0, 2**32))
@settings(max_examples=4)
def test_faults_keep_every_bond(name, faults, twins, seed):
    crystal = FAMILIES[name]
    twins = twins if name in CUBIC else 0
    recipe = recipe_of(crystal, radius_nm=2.0, stacking_faults=faults, twins=twins)
    particle = draw_particle(recipe, 20.0, np.random.default_rng(seed))
    lengths, coordination, alike = neighbours(
        particle.numbers, particle.positions, crystal, 20.0 - 1.2 * bond_of(crystal)
    )
    assert coordination == ({12} if stack_of(crystal).family == "fcc" else {4})
    expected = neighbor_list("d", unit_cell(crystal), bond_of(crystal) * 1.15)
    assert lengths.min() == pytest.approx(expected.min(), abs=1e-3)
    assert lengths.max() == pytest.approx(expected.max(), abs=1e-3)
    assert alike == (len(set(crystal.symbols)) == 1)
    assert cKDTree(particle.positions).query(particle.positions, 2)[0][:, 1].min() > bond_of(crystal) - 1e-3
    assert np.linalg.norm(particle.positions, axis=1).max() <= 20.0 + 1e-9


def test_the_bond_of_faulted_cdse_is_2_63():
    particle = draw_particle(recipe_of("CdSe", stacking_faults=2), 20.0, np.random.default_rng(1))
    lengths, _, _ = neighbours(particle.numbers, particle.positions, CRYSTALS["CdSe"], 17.0)
    assert lengths.mean() == pytest.approx(2.63, abs=0.002)


def letters_of(positions, stack, center):
    """Places of the layers, from the lowest one up, read off the atoms themselves."""
    points = positions + center - stack.origin
    layers = np.round(points @ stack.normal / stack.spacing).astype(int)
    flat = points - np.outer(points @ stack.normal, stack.normal)
    found = []
    for layer in np.unique(layers):
        thirds = flat[layers == layer] @ np.linalg.pinv(np.vstack([stack.along, stack.normal]))[:, :2]
        offset = stack.shift @ np.linalg.pinv(np.vstack([stack.along, stack.normal]))[:, :2]
        place = [np.abs((thirds - k * offset + 0.5) % 1 - 0.5).max() < 1e-6 for k in range(3)]
        assert sum(place) == 1  # a layer is one lattice, in one place
        found.append(place.index(True))
    return found


def surroundings(letters):
    """Of each inner layer: h where both neighbours are alike, c where not."""
    return "".join("h" if below == above else "c" for below, above in zip(letters, letters[2:], strict=False))


@pytest.mark.parametrize(
    ("crystal", "faults", "twins", "cubic", "hexagonal"),
    [
        ("CdSe", 0, 0, 0, None),
        ("CdSe", 2, 0, 2, None),
        ("Ag", 0, 0, None, 0),
        ("Ag", 2, 0, None, 4),
        ("Ag", 1, 2, None, 4),
        ("Si", 1, 2, None, 4),
        ("C", 2, 0, None, 4),
    ],
)
def test_each_fault_changes_the_layers_it_should(crystal, faults, twins, cubic, hexagonal):
    """A basal fault I1 of wurtzite has one cubic layer, a cubic stacking fault two hexagonal ones, a twin one."""
    stack = stack_of(CRYSTALS[crystal])
    for seed in range(20):
        draws = np.random.default_rng(seed)
        center = draws.random(3) * 4
        turns = draw_turns(stack, center, 20.0, faults, twins, draws)
        _, positions = stack.atoms(center, 20.0, turns)
        text = surroundings(letters_of(positions[:: len(stack.numbers)], stack, center))
        if cubic is not None:
            assert text.count("c") == cubic
            assert "cc" not in text
        else:
            assert text.count("h") == hexagonal
            assert sorted(map(len, text.replace("c", " ").split())) == [1] * twins + [2] * faults


def test_faults_lie_within_a_flat_particle():
    """A platelet is much thinner than the sphere of its volume."""
    energies = (((0, 0, 0, 1), 1.0), ((0, 0, 0, -1), 1.0), ((1, 0, -1, 0), 2.5))
    shape = {"wulff": [{"miller": miller, "energy_J_per_m2": energy} for miller, energy in energies]}
    stack, recipe = stack_of(CRYSTALS["CdSe"]), recipe_of("CdSe", radius_nm=2.0, shape=shape, stacking_faults=1)
    for seed in range(20):
        particle = draw_particle(recipe, 20.0, np.random.default_rng(seed))
        cadmium = particle.rotation.inv().apply(particle.positions[particle.numbers == stack.numbers[0]])
        assert surroundings(letters_of(cadmium, stack, stack.origin - cadmium[0])).count("c") == 1


def test_faults_are_drawn_evenly_over_the_particle():
    stack = stack_of(CRYSTALS["CdSe"])
    drawn = [draw_turns(stack, np.zeros(3), 17.0, 1, 0, np.random.default_rng(seed))[0] for seed in range(700)]
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert ((counts - 100) ** 2 / 100).sum() < 22.5  # 6 degrees of freedom, probability 0.001


@pytest.mark.parametrize(
    ("crystal", "given", "fault"),
    [
        ("Fe", (1, 0), "offered in fcc, diamond, zincblende and wurtzite crystals; Fe is none of them"),
        ("Fe3O4", (0, 1), "Fe3O4 is none of them: leave stacking_faults and twins out"),
        ("CdSe", (0, 1), "twins are offered in fcc, diamond and zincblende crystals; CdSe is a wurtzite"),
        ("CdSe", (3, 0), "3 stacking faults and 0 twins need 5 layers; .* radius 10 A has 2 for them: give fewer"),
    ],
)
def test_faults_that_a_crystal_cannot_have_are_refused(crystal, given, fault):
    with pytest.raises(InputError, match=fault):
        require_faults(CRYSTALS[crystal], 10.0, *given)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_granted_is_drawn(seed):
    """The most faults that the smallest particle is granted find room wherever its centre lies."""
    require_faults(CRYSTALS["CdSe"], 10.6, 2, 0)
    stack, draws = stack_of(CRYSTALS["CdSe"]), np.random.default_rng(seed)
    first, second = draw_turns(stack, draws.random(3) * 7, 10.6, 2, 0, draws)
    assert second - first >= 2


def test_a_recipe_of_faults_reads_back(recipe_with):
    recipe = recipe_with(particles={"radius_nm": 0.75, "count": 1, "stacking_faults": {"minimum": 0, "maximum": 1}})
    assert json.loads(recipe.model_dump_json())["particles"]["stacking_faults"] == {"minimum": 0, "maximum": 1}
