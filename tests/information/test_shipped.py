"""The libraries that come along: all there, sound, and what is known of the crystals."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import temshift.information
from temshift.core.electrons import interaction_constant
from temshift.core.errors import InputError
from temshift.information import ObjectLibrary, shipped_library, shipped_names
from temshift.specimens import CRYSTALS
from temshift.storage.records import read_facts

DATA = Path(temshift.information.__file__).parent / "objects" / "data"
REFLECTIONS = {  # lattice parameter [A], and h^2 + k^2 + l^2 of the first two reflections
    "Ag": (4.0782, (3, 4)),
    "Cu": (3.6157, (3, 4)),
    "Si": (5.430, (3, 8)),
    "C": (3.5673, (3, 8)),
    "Fe": (2.866, (2, 4)),
    "Au": (4.0782, (3, 4)),
    "Pt": (3.9242, (3, 4)),
}


def test_there_is_one_for_each_crystal() -> None:
    assert set(shipped_names()) == set(CRYSTALS)
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 1_000_000


@pytest.mark.parametrize("name", shipped_names())
def test_each_is_sound(name: str) -> None:
    library = shipped_library(name)
    assert len(library) == 48 and library.specimens == 16
    assert library.q[0] == pytest.approx(1 / 128) and library.q[-1] >= 1.0 - 1 / 256
    assert all(np.isfinite(getattr(library, field.name)).all() for field in fields(ObjectLibrary))
    assert (library.particle > 0).all() and (library.substrate > 0).all()
    assert ((library.radius > 9.5) & (library.radius < 26.5)).all()
    assert ((library.thickness >= 20) & (library.thickness <= 50)).all()
    assert (library.substrate_height > library.particle_height).all()  # the beam meets the film first
    assert 0.1 < library.area_fraction < 0.3


@pytest.mark.parametrize("name", REFLECTIONS)
def test_reflections_stand_where_the_lattice_puts_them(name: str) -> None:
    """Beyond the shape factor P has its highest peak at one of the first two: a few particles lie along a zone."""
    mean, (side, squares) = shipped_library(name).mean, REFLECTIONS[name]
    first = squares[0] ** 0.5 / side
    near = (mean.q > 0.6 * first) & (mean.q < 1.2 * first)
    found = mean.q[near][np.argmax((mean.q * mean.particle)[near])]
    assert min(abs(found - square**0.5 / side) for square in squares) < 0.015


def test_all_together_are_all() -> None:
    every = shipped_library(None)
    assert len(every) == 48 * 11 and every.specimens == 16 * 11
    np.testing.assert_array_equal(every.particle[:48], shipped_library(shipped_names()[0]).particle)


def test_phases_follow_the_energy() -> None:
    slow, fast = (shipped_library("Ag", energy=energy) for energy in (80e3, 300e3))
    scale = (interaction_constant(80e3) / interaction_constant(300e3)) ** 2
    assert scale > 1.5
    np.testing.assert_allclose(slow.particle, scale * fast.particle)
    np.testing.assert_allclose(slow.substrate, scale * fast.substrate)
    np.testing.assert_allclose(slow.amplitude, scale**2 * fast.amplitude)
    np.testing.assert_allclose(slow.cross, scale**1.5 * fast.cross)
    np.testing.assert_array_equal(slow.area, fast.area)


def test_an_unknown_crystal_is_refused() -> None:
    with pytest.raises(InputError, match="no library of 'Pd' comes with temshift; those of Ag, Au, C, CdSe"):
        shipped_library("Pd")


def test_each_tells_how_it_was_made() -> None:
    facts = read_facts(DATA / "CdSe.json")
    assert facts["made_by"] == "docs/shipped_objects.py"
    assert {"recipe", "exit_waves", "seed", "specimens", "versions"} <= facts.keys()
    assert json.dumps(facts["recipe"]["particles"]["stacking_faults"]) == '{"minimum": 0, "maximum": 1}'
