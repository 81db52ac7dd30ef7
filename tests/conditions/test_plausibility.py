"""Doubts about values whose unit was probably mistaken."""

import re
import warnings

import pytest

from temshift.conditions.imaging import KEYS
from temshift.conditions.notations import SYMBOLS
from temshift.conditions.plausibility import PLAUSIBLE, UNITS, implausible, unit_of, warn_if_implausible


@pytest.mark.parametrize(
    ("name", "value", "unit", "message"),
    [
        ("C30", 2.7, None, "C30 = 2.7 A is implausibly small for the spherical aberration; 2.7 mm is 2.7e\\+07 A"),
        ("C30", -2.7e7, "mm", "C30 = -2.7e\\+07 mm is implausibly large .*; -2.7e\\+07 A would be plausible"),
        ("semiangle_cutoff", 20.0, None, "semiangle_cutoff = 20 rad .* large .*; 20 mrad is 0.02 rad"),
        ("phi12", 45.0, None, "45 rad is implausibly large for the azimuth of .*; 45 degree is 0.785 rad"),
        ("focal_spread_sigma", 40.0, "um", "; 40 A would be plausible"),
        ("Cc", 1.2, None, "Cc = 1.2 A is implausibly small .*; 1.2 mm is 1.2e\\+07 A"),
        ("dose", 4e7, None, "dose = 4e\\+07 e/A\\^2 .* large .*; 4e\\+07 e/nm\\^2 is 4e\\+05 e/A\\^2"),
        ("voltage_instability_sigma", 0.4, None, "; 0.4 ppm is 4e-07"),
        ("energy", 300.0, None, "energy = 300 eV is implausibly small .*; 300 keV is 3e\\+05 eV"),
        ("dqe_zero", 40.0, None, "; 40 percent is 0.4"),
        ("gain", 1e9, None, "; plausible are 0.001 to 1e\\+05 counts"),
    ],
)
def test_the_probable_unit_is_told(name: str, value: float, unit: str | None, message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        warn_if_implausible(name, value, unit)


def test_usual_values_raise_no_doubt() -> None:
    usual = {"C10": -500.0, "C12": 20.0, "phi12": -1.2, "C30": -8e4, "C50": 5e7, "Cc": 1.4e7, "dose": 400.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, value in (usual | dict.fromkeys(PLAUSIBLE, 0.0)).items():
            warn_if_implausible(name, value)
    assert implausible("C30", 1.2, "mm") is None


def test_every_coefficient_and_typical_value_is_covered() -> None:
    assert {symbol.krivanek for symbol in SYMBOLS} <= set(PLAUSIBLE)
    assert {symbol.azimuth for symbol in SYMBOLS if symbol.multiplicity} <= set(PLAUSIBLE)
    for name, known in PLAUSIBLE.items():
        assert known.quantity in UNITS
        assert implausible(name, known.typical) is None, name


def test_unknown_names_and_units_are_refused() -> None:
    with pytest.raises(ValueError, match="'C3' is no parameter that is known here; the nearest is 'C\\d"):
        implausible("C3", 1.0)
    with pytest.raises(ValueError, match=r"unit = 'mrad' of C30; choose one of 'A', 'nm', 'um', 'mm', 'pm'"):
        implausible("C30", 1.0, "mrad")


@pytest.mark.parametrize(
    ("key", "name", "value", "message"),
    [
        ("C30_nm", "C30", 2.7, "C30 = 2.7 nm is implausibly small .*; 2.7 mm is 2.7e\\+07 A$"),
        ("C30_mm", "C30", 1200.0, "C30 = 1.2e\\+03 mm is implausibly large .*; 1.2e\\+03 um is 1.2e\\+07 A$"),
        ("C30_mm", "C30", 2.7e-7, "C30 = 2.7e-07 mm is implausibly small .*; 2.7 mm is 2.7e\\+07 A$"),
        ("C10_nm", "C10", -1e5, "-1e\\+05 nm is implausibly large .*; -1e\\+05 A would be plausible$"),
        ("angular_spread_sigma_mrad", "angular_spread_sigma", 1e-4, "; 0.0001 rad would be plausible$"),
        ("energy_spread_sigma_ev", "energy_spread_sigma", 300.0, "300 eV is implausibly large .*; 300 meV is 0.3 eV$"),
        ("dose_e_per_A2", "dose", 4e7, "; 4e\\+07 e/nm\\^2 is 4e\\+05 e/A\\^2$"),
    ],
)
def test_a_number_is_told_in_the_unit_of_its_key(key: str, name: str, value: float, message: str) -> None:
    told = implausible(name, value, unit_of(key, name).name)
    assert told is not None and re.search(message, told), told


def test_every_key_has_the_unit_that_it_ends_with() -> None:
    for key, row in KEYS.items():
        unit = unit_of(key, row.field)
        assert UNITS[PLAUSIBLE[row.field].quantity][unit.name] == unit.factor
        assert unit.name.lower() in key.lower() or unit.name in ("degree", "e/A^2", "counts", "hits/megapixel"), key
