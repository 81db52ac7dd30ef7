"""Real transfer of weak phases against the complex one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.conditions.imaging import COLUMNS
from temshift.core.electrons import wavelength
from temshift.optics import azimuthal_transfer, phase_transfers

LAMBDA = wavelength(300e3)
Q = np.arange(1, 33) / 51.2
UNIFORM = np.random.default_rng(0).random((5, len(COLUMNS)))
EVEN = {
    "defocus_nm": {"normal": {"mean": 8.0, "sd": 4.0}},
    "dose_e_per_A2": 100.0,
    "semiangle_cutoff_mrad": 11.0,
    "focal_spread_sigma_nm": 2.0,
    "C30_mm": 0.5,
    "C12_nm": {"uniform": {"minimum": 0.0, "maximum": 8.0}},
    "phi12_deg": 35.0,
    "C34_um": 20.0,
    "phi34_deg": 10.0,
}
ODD = {"C21_nm": 900.0, "phi21_deg": 77.0, "C23_nm": {"uniform": {"minimum": 0.0, "maximum": 500.0}}}


@pytest.mark.parametrize("spread", [0.0, 0.4])
@pytest.mark.parametrize("odd", [{}, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("height", [0.0, 41.0])
def test_it_is_the_complex_transfer_but_for_its_phase(spread: float, odd: dict[str, object], height: float) -> None:
    values = {**EVEN, **odd, "angular_spread_sigma_mrad": spread}
    drawn = ImagingConditions.model_validate(values).quantiles(UNIFORM)
    (found,) = phase_transfers(Q, LAMBDA, drawn, [height], azimuths=6)
    expected = azimuthal_transfer(Q, LAMBDA, drawn, height, azimuths=6)
    assert found.squared == pytest.approx(expected.phase.abs().square().numpy(), abs=1e-11)
    assert found.signed == pytest.approx(expected.signed.numpy(), abs=1e-11)
    assert (found.rest is not None) == bool(odd and spread)


@settings(max_examples=20)
@given(st.floats(-30, 30), st.floats(-200, 200))
def test_height_counts_as_underfocus(defocus: float, height: float) -> None:
    """An object higher upstream by h is seen as one at height 0 at a defocus that is h less."""

    def transfer(focus: float, place: float) -> np.ndarray:
        values = {"defocus_nm": focus, "dose_e_per_A2": 1.0, "angular_spread_sigma_mrad": 0.3}
        drawn = ImagingConditions.model_validate(values).central()
        return phase_transfers(Q, LAMBDA, drawn, [place])[0].signed

    assert transfer(defocus, height) == pytest.approx(transfer(defocus - height / 10, 0.0), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.floats(-40, 40), st.floats(0, 20), st.floats(0, 180), st.floats(0, 1500), st.floats(-1, 1)),
    st.floats(0, 0.6),
    st.floats(-100, 100),
)
def test_any_lens_transfers_the_same_on_both_paths(
    lens: tuple[float, float, float, float, float], spread: float, height: float
) -> None:
    names = ("defocus_nm", "C12_nm", "phi12_deg", "C21_nm", "C30_mm")
    values = {**EVEN, **ODD, **dict(zip(names, lens, strict=True)), "angular_spread_sigma_mrad": spread}
    drawn = ImagingConditions.model_validate(values).quantiles(UNIFORM)
    (fast,) = phase_transfers(Q, LAMBDA, drawn, [height], azimuths=4)
    plain = azimuthal_transfer(Q, LAMBDA, drawn, height, azimuths=4)
    assert fast.squared == pytest.approx(plain.phase.abs().square().numpy(), abs=1e-9)
    assert fast.signed == pytest.approx(plain.signed.numpy(), abs=1e-9)
