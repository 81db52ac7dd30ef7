"""Recipes written before keys were added keep their hashes and their atoms: databases and studies are named by them."""

import hashlib
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest

from temshift.configuration.model import ConfigurationError, load_configuration
from temshift.core import content_hash
from temshift.databases import Database
from temshift.specimens import MixtureRecipe, SpecimenRecipe, build_specimen
from temshift.studies import Study

EXAMPLES = Path(__file__).parents[2] / "examples"
CARBON = {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": {"minimum": 0.8, "maximum": 1.5}}
ROUGH = {"thickness_nm": {"minimum": 2.0, "maximum": 3.0}, "roughness_rms_nm": 0.2, "roughness_correlation_nm": 1.5}
WULFF = [{"miller": [1, 1, 1], "energy_J_per_m2": 1.0}, {"miller": [1, 0, 0], "energy_J_per_m2": 1.15}]
FAULTY = {
    "crystal": "CdSe",
    "radius_nm": {"lognormal": {"median": 1.5, "sigma": 0.05}},
    "stacking_faults": {"minimum": 0, "maximum": 1},
    "vacancies": 0.01,
    "count": 1,
    "gap_nm": 0.5,
    "contact_distance_angstrom": 2.4,
}
FACETED = {
    "crystal": "Ag",
    "shape": {"wulff": WULFF},
    "radius_nm": 1.2,
    "orientation": {"zone_axis": [1, 1, 0], "spread_deg": 3},
    "twins": 1,
    "count": 1,
    "gap_nm": 0.5,
}
TWINNED = {"crystal": "Cu", "shape": "icosahedron", "radius_nm": {"minimum": 0.5, "maximum": 0.9}} | {
    "count": 2,
    "gap_nm": 0.5,
}


def recipe(substrate: dict[str, Any], particles: dict[str, Any]) -> dict[str, Any]:
    return {"cell_nm": [4.8, 5.0], "substrate": substrate, "particles": particles}


PARTS = {"faulty": recipe(ROUGH, FAULTY), "faceted": recipe(CARBON, FACETED), "twinned": recipe(CARBON, TWINNED)}


def hash_of_atoms(atoms: ase.Atoms) -> str:
    """Hash of elements, labels, cell and places to 1e-5 A: the last bits are the machine's."""
    digest = hashlib.sha256()
    for values in (atoms.numbers, atoms.arrays["particle"]):
        digest.update(np.asarray(values, dtype=np.int64).tobytes())
    for lengths in (atoms.positions, np.asarray(atoms.cell[:])):
        digest.update(np.ascontiguousarray(np.round(lengths, 5) + 0.0).tobytes())
    return digest.hexdigest()[:16]


def recipe_of_example(name: str) -> Any:
    for model in (SpecimenRecipe, Database, Study):
        try:
            read: Any = load_configuration(EXAMPLES / name, model)
        except ConfigurationError:
            continue
        return read if model is SpecimenRecipe else read.specimens
    raise AssertionError(f"{name} holds no recipe")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("atlas.yaml", "dd5f809ae9b9559f"),
        ("camera_confirmation_study.yaml", "91da64665c2ae11b"),
        ("confirmation_study.yaml", "a1910860220e7924"),
        ("defocus_study.yaml", "4b7e9a20a4b67389"),
        ("full_protocol.yaml", "4b7e9a20a4b67389"),
        ("monai_study.yaml", "8d509729d5e29b3b"),
        ("published_crystals.yaml", "5a3396b02e4950ed"),
        ("published_series.yaml", "4b7e9a20a4b67389"),
        ("quick_study.yaml", "b9b5c994305aeb7e"),
        ("specimens.yaml", "a690d6a50f717f4f"),
        ("tiny.yaml", "8d509729d5e29b3b"),
        ("tiny_database.yaml", "623d6b4f5de92e0b"),
        ("transfer_study.yaml", "839fab26a5bec422"),
        ("transfer_study_large.yaml", "839fab26a5bec422"),
    ],
)
def test_recipes_of_the_examples_keep_their_hashes(name: str, expected: str) -> None:
    assert content_hash(recipe_of_example(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected", "atoms"),
    [
        ("faulty", "899c73ddfbd60fe5", ["3b8ec9dbd6c83d62", "9c632d0a380f1e3b"]),
        ("faceted", "71c37ce380867e8a", ["0af0dc029737957f", "1c994ab089b1b6ce"]),
        ("twinned", "5c23e15b3d2602f5", ["8654dfc6cba1aff5", "cf6fc7366d25f2a5"]),
    ],
)
def test_recipes_keep_their_hashes_and_atoms(name: str, expected: str, atoms: list[str]) -> None:
    given = SpecimenRecipe.model_validate(PARTS[name])
    assert content_hash(given) == expected
    assert [hash_of_atoms(build_specimen(given, 5, index)) for index in (0, 1)] == atoms


def test_a_mixture_keeps_its_hash_and_its_turns() -> None:
    given = MixtureRecipe.model_validate({"mixture": [PARTS["faceted"], PARTS["twinned"]]})
    assert content_hash(given) == "a153e18a3107e783"
    alone = [build_specimen(given.mixture[index], 5, index) for index in (0, 1)]
    assert [hash_of_atoms(build_specimen(given, 5, index)) for index in (0, 1)] == [hash_of_atoms(one) for one in alone]


def test_the_old_keys_are_written_as_before() -> None:
    given = SpecimenRecipe.model_validate(PARTS["twinned"]).model_dump(mode="json")
    assert list(given["substrate"]) == [
        "density_g_per_cm3",
        "minimum_distance_angstrom",
        "thickness_nm",
        "roughness_rms_nm",
        "roughness_correlation_nm",
    ]
    assert list(given["particles"])[-1] == "contact_distance_angstrom"
    assert set(build_specimen(SpecimenRecipe.model_validate(PARTS["twinned"]), 5, 0).info) == {
        "particles",
        "substrate_thickness_angstrom",
    }
