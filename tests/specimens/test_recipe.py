import pytest

from temshift.core.configuration import ConfigurationError, dump_configuration, parse_configuration
from temshift.specimens import Range, SpecimenRecipe

WRITTEN = """\
cell_nm: [5.12, 5.12]
margin_angstrom: 2.0
substrate:
  density_g_per_cm3: 2.0
  minimum_distance_angstrom: 1.4
  thickness_nm: {minimum: 2.0, maximum: 5.0}
particles:
  crystal: CdSe
  radius_nm: {minimum: 0.9, maximum: 1.6}
  count: {minimum: 1, maximum: 1}
  gap_nm: 1.0
"""


def faults(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, SpecimenRecipe, "study.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_lengths_become_angstrom_once():
    recipe = parse_configuration(WRITTEN, SpecimenRecipe, "study.yaml")
    assert recipe.cell == pytest.approx((51.2, 51.2))
    assert recipe.substrate.thickness == (20.0, 50.0)
    assert recipe.particles.radius == (9.0, 16.0)
    assert recipe.particles.gap == 10.0
    assert recipe.particles.contact_distance_angstrom == 2.0


def test_sites_are_those_of_specimens(recipe_with):
    recipe = recipe_with()
    assert recipe.sites == {("", "C"), ("CdSe", "Cd"), ("CdSe", "Se")}
    assert {symbol for _, symbol in recipe.sites} == recipe.elements


def test_a_recipe_reads_back_as_it_was_written():
    recipe = parse_configuration(WRITTEN, SpecimenRecipe, "study.yaml")
    assert parse_configuration(dump_configuration(recipe), SpecimenRecipe, "again.yaml") == recipe


def test_a_number_is_a_fixed_value(recipe_with):
    recipe = recipe_with(substrate={"thickness_nm": 1}, particles={"radius_nm": 0.5, "count": 2})
    assert recipe.substrate.thickness_nm == Range[float](minimum=1.0, maximum=1.0)
    assert recipe.particles.radius == (5.0, 5.0)
    assert recipe.particles.count == Range[int](minimum=2, maximum=2)


@pytest.mark.parametrize(
    ("given", "replaced", "told"),
    [
        (
            "crystal: CdSe",
            "crystal: CdTe",
            "line 8, particles.crystal: crystal 'CdTe' is not known; allowed: 'CdSe', 'ZnS', ",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: {minimum: 1.6, maximum: 0.9}",
            "line 9, particles.radius_nm: minimum 1.6 is above maximum 0.9; swap them",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: 0.2",
            "line 9, particles.radius_nm: given 0.2; allowed: 0.3 to 20",
        ),
        (
            "radius_nm: {minimum: 0.9, maximum: 1.6}",
            "radius_nm: wide",
            "line 9, particles.radius_nm: given 'wide'; must be a number or {minimum: ..., maximum: ...}",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 0, maximum: 1}",
            "line 10, particles.count: given 0; allowed: 1 to 100",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 1, maximum: 1.5}",
            "line 10, particles.count.maximum: given 1.5; must be a whole number",
        ),
        (
            "thickness_nm: {minimum: 2.0, maximum: 5.0}",
            "thickness_nm: {minimum: 2.0, maximum: 500}",
            "line 6, substrate.thickness_nm: given 500; allowed: 0.5 to 100",
        ),
        (
            "gap_nm: 1.0",
            "gap_nm: -1",
            "line 11, particles.gap_nm: given -1; must be greater than or equal to 0",
        ),
        (
            "maximum: 1.6",
            "maximum: 2.2",
            "particles of diameter 4.4 nm with a gap of 1 nm exceed the cell, 5.12 x 5.12 nm; "
            "give a cell_nm of at least 5.4 along both sides, or smaller particles",
        ),
        (
            "count: {minimum: 1, maximum: 1}",
            "count: {minimum: 1, maximum: 4}",
            "4 particles of radius 1.6 nm with gaps of 1 nm do not fit at random into a cell of "
            "5.12 x 5.12 nm; give a count of at most 1, smaller particles or a larger cell_nm",
        ),
        (
            "minimum_distance_angstrom: 1.4",
            "minimum_distance_angstrom: 1.9",
            "line 3, substrate: carbon of 2 g/cm3 with 1.9 A between atoms fills 0.36 of space; ",
        ),
    ],
)
def test_faults_are_told_with_values_and_remedies(given, replaced, told):
    assert given in WRITTEN
    (fault,) = faults(WRITTEN.replace(given, replaced))
    assert told in fault


def test_the_count_that_a_refusal_advises_is_accepted(recipe_with):
    recipe_with(particles={"radius_nm": 0.6, "count": 4})
    with pytest.raises(ConfigurationError, match="give a count of at most 4"):
        recipe_with(particles={"radius_nm": 0.6, "count": 9})


def test_the_published_range_of_small_particles_fits(recipe_with):
    recipe = recipe_with(
        cell_nm=[12.8, 12.8],
        particles={
            "radius_nm": {"minimum": 1, "maximum": 2},
            "count": {"minimum": 1, "maximum": 5},
            "gap_nm": 1.0,
        },
    )
    assert recipe.particles.count.maximum == 5
