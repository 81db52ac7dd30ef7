"""Names of aberration coefficients: against the complex polynomial of CEOS, abTEM, and round trips."""

import cmath
import math

import numpy as np
import pytest
from abtem.transfer import Aberrations, polar2cartesian
from hypothesis import given
from hypothesis import strategies as st

from temshift.conditions.notations import NOTATION_KEYS, SYMBOLS, to_cartesian, to_ceos, to_polar
from temshift.core.electrons import wavelength

ENERGY = 300e3
LAMBDA = wavelength(ENERGY)
OMEGA = np.array([3 + 4j, -7 + 2j, 1 - 9j, -5 - 5j, 11 + 0.3j]) * 1e-3  # alpha exp(i phi)
ROUND = ("C1", "C3", "C5")

complex_coefficients = st.dictionaries(
    st.sampled_from([symbol.ceos for symbol in SYMBOLS]),
    st.builds(cmath.rect, st.floats(0.1, 1e4), st.floats(-3.1, 3.1)),
    min_size=1,
)


def ceos_phase(c: dict[str, complex]) -> np.ndarray:
    """The polynomial term by term as published, w = omega and v its conjugate."""
    c = {symbol.ceos: c.get(symbol.ceos, 0.0) for symbol in SYMBOLS}
    w, v = OMEGA, OMEGA.conj()
    first = c["C1"] * w * v / 2 + c["A1"] * v**2 / 2
    second = c["B2"] * w**2 * v + c["A2"] * v**3 / 3
    third = c["C3"] * (w * v) ** 2 / 4 + c["S3"] * w**3 * v + c["A3"] * v**4 / 4
    fourth = c["B4"] * w**3 * v**2 + c["D4"] * w**4 * v + c["A4"] * v**5 / 5
    fifth = c["C5"] * (w * v) ** 3 / 6 + c["S5"] * w**4 * v**2 + c["R5"] * w**5 * v + c["A5"] * v**6 / 6
    return 2 * math.pi / LAMBDA * (first + second + third + fourth + fifth).real


def krivanek_phase(polar: dict[str, float]) -> np.ndarray:
    alpha, phi = np.abs(OMEGA), np.angle(OMEGA)
    total = np.zeros(len(OMEGA))
    for name, value in polar.items():
        if name.startswith("C"):
            n, m = int(name[1]), int(name[2])
            turn = m * (phi - polar.get(f"phi{n}{m}", 0.0))
            total += value * alpha ** (n + 1) / (n + 1) * np.cos(turn)
    return 2 * math.pi / LAMBDA * total


def as_arguments(coefficients: dict[str, complex]) -> dict[str, float]:
    given = {name: abs(c) if name not in ROUND else c.real for name, c in coefficients.items()}
    return given | {f"{name}_argument": cmath.phase(c) for name, c in coefficients.items() if name not in ROUND}


@given(complex_coefficients)
def test_complex_coefficients_give_the_phase_of_the_published_polynomial(coefficients: dict[str, complex]) -> None:
    polar = to_polar(as_arguments(coefficients))
    assert np.allclose(krivanek_phase(polar), ceos_phase(coefficients), rtol=1e-9, atol=1e-9)


@given(complex_coefficients)
def test_round_trips_keep_the_phase(coefficients: dict[str, complex]) -> None:
    polar = to_polar(as_arguments(coefficients))
    expected = krivanek_phase(polar)
    for there in (to_cartesian, to_ceos):
        back = to_polar(there(polar))
        assert list(back) == list(polar)
        assert np.allclose(krivanek_phase(back), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: symbol.krivanek)
def test_each_coefficient_acts_in_abtem_as_in_the_polynomial(symbol) -> None:
    size = 0.5 * LAMBDA / np.abs(OMEGA).max() ** (symbol.order + 1)
    coefficient = {symbol.ceos: size if symbol.ceos in ROUND else cmath.rect(size, 0.7)}
    theirs = Aberrations(energy=ENERGY, aberration_coefficients=to_polar(as_arguments(coefficient)))
    factor = theirs._evaluate_from_angular_grid(np.abs(OMEGA), np.angle(OMEGA))
    assert np.allclose(factor, np.exp(-1j * ceos_phase(coefficient)), atol=1e-5)
    assert np.abs(factor - 1).max() > 0.1


def test_cartesian_coefficients_are_those_of_abtem_but_for_their_signs_and_order() -> None:
    polar = {"C12": 30.0, "phi12": 0.4, "C21": 200.0, "phi21": 1.1, "C23": 70.0, "phi23": -0.3}
    polar |= {"C32": 500.0, "phi32": 0.9, "C34": 900.0, "phi34": 0.2}
    ours, theirs = to_cartesian(polar), polar2cartesian(polar)
    same = {
        "C12b": "C12b",
        "C21a": "C21b",
        "C21b": "C21a",
        "C23a": "C23b",
        "C32b": "C32b",
        "C34a": "C34a",
        "C34b": "C34b",
    }
    opposite = {"C12a": "C12a", "C23b": "C23a", "C32a": "C32a"}
    assert set(same) | set(opposite) == set(ours)
    assert all(ours[a] == pytest.approx(theirs[b]) for a, b in same.items())
    assert all(ours[a] == pytest.approx(-theirs[b]) for a, b in opposite.items())


def test_coma_of_ceos_is_a_third_and_its_azimuth_is_krivaneks() -> None:
    assert to_polar({"B2": 10.0, "B2_azimuth": 0.3}) == {"C21": 30.0, "phi21": 0.3}
    assert to_polar({"B2": 10.0, "B2_argument": 0.3}) == {"C21": 30.0, "phi21": -0.3}
    assert to_polar({"A2": 10.0, "A2_argument": 0.3}) == {"C23": 10.0, "phi23": pytest.approx(0.1)}
    assert to_polar({"D5": 10.0}) == to_polar({"R5": 10.0}) == {"C54": 60.0, "phi54": 0.0}


def test_factors_are_those_of_a_published_table() -> None:
    """Dr. Probe's list of aberrations: 3 B2, 4 S3, 5 B4, 5 D4, 6 S5, 6 R5, all others 1."""
    factors = {symbol.ceos: symbol.per_ceos for symbol in SYMBOLS if symbol.per_ceos != 1}
    assert factors == {"B2": 3, "S3": 4, "B4": 5, "D4": 5, "S5": 6, "R5": 6}


def test_arrays_are_converted_element_by_element() -> None:
    polar = to_polar({"C12a": np.array([3.0, 0.0]), "C12b": np.array([4.0, -2.0])})
    assert np.allclose(polar["C12"], [5.0, 2.0])
    assert np.allclose(polar["phi12"], [math.atan2(4, 3) / 2, -math.pi / 4])


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ({"C22": 1.0}, r"'C22' is no aberration coefficient that is known here; the nearest is 'C"),
        ({"A1_angle": 1.0}, r"the nearest is 'A1_"),
        ({"defocus": 1.0, "C10": -1.0}, r"'defocus' and 'C10' give C10 \(defocus\) twice; keep one"),
        ({"C12": 1.0, "C12b": 1.0}, r"'C12' and 'C12b' give C12 \(twofold astigmatism\) twice"),
        ({"B2": 1.0, "phi21": 1.0, "B2_azimuth": 1.0}, r"'phi21' and 'B2_azimuth' give C21"),
        ({"phi23": 1.0}, r"'phi23' is an azimuth without a magnitude; give C23 as well"),
    ],
)
def test_faults_are_told(coefficients: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_polar(coefficients)


def test_keys_of_files() -> None:
    rows = {key: (field, factor) for key, field, factor in NOTATION_KEYS}
    assert len(rows) == len(NOTATION_KEYS)
    expected = {
        "defocus_nm": ("C10", -10.0),
        "Cs_mm": ("C30", 1e7),
        "C3_um": ("C30", 1e4),
        "C30_nm": ("C30", 10.0),
        "B2_nm": ("C21", 30.0),
        "S3_um": ("C32", 4e4),
        "C12a_nm": ("C12a", 10.0),
        "C56b_mm": ("C56b", 1e7),
        "phi12_deg": ("phi12", math.pi / 180),
        "A1_azimuth_deg": ("phi12", math.pi / 180),
        "A1_argument_deg": ("phi12", math.pi / 360),
        "B2_argument_deg": ("phi21", -math.pi / 180),
        "S5_argument_deg": ("phi52", -math.pi / 360),
    }
    assert {key: (rows[key][0], pytest.approx(rows[key][1])) for key in expected} == expected
    canonical = ["C12_nm", "C21_nm", "C23_nm", "C30_mm", "C32_um", "C34_um", "C41_um", "C43_um", "C45_um"]
    canonical += ["C50_mm", "C52_mm", "C54_mm", "C56_mm"]
    first = {field: key for key, field, _ in reversed(NOTATION_KEYS)}
    assert [first[key.split("_")[0]] for key in canonical] == canonical
