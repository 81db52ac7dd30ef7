import numpy as np
import pytest
import torch

from temshift.information.microscope import Microscope
from temshift.information.transferred import power_transfer
from temshift.optics.conditions import Conditions
from temshift.optics.imaging import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.optics.transfer import azimuthal_transfer

SCOPE = Microscope(300e3, ImagingSettings(), 1.25, 12e-3, 64, 0)
Q = np.arange(1, 31) / 51.2


def drawn(**columns: float) -> Conditions:
    given = {"defocus_nm": -10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12, "focal_spread_sigma_nm": 1} | columns
    return ImagingConditions.model_validate(given).central()


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"C30_mm": 0.8},
        {"C12_nm": 12, "phi12_deg": 30},
        {"C21_nm": 2000, "phi21_deg": 40},
        {"vibration_sigma_nm": 0.05},
        {"mtf_half_frequency": 0.4},
    ],
)
@pytest.mark.parametrize("height", [-20.0, 0.0, 15.0, 60.0])
def test_transfer_at_any_height_is_that_of_a_lens_refocused_by_it(columns, height):
    conditions = drawn(**columns)
    power = power_transfer(conditions, Q, SCOPE, 12.0)
    direct = power_transfer(conditions, Q, SCOPE, height)
    zero = np.zeros(1, int)
    np.testing.assert_allclose(power.at(zero, np.array([height])), direct.phase, rtol=1e-9, atol=1e-9)


def test_transfer_at_the_reference_height_is_four_doses_of_squared_t():
    power = power_transfer(drawn(), Q, SCOPE, 7.0)
    transfer = azimuthal_transfer(Q, SCOPE.wavelength, drawn(), 7.0).phase[0, 0]
    np.testing.assert_allclose(power.phase[0], 4 * 400 * transfer.abs().square().numpy(), rtol=1e-12)
    np.testing.assert_allclose(power.noise, 1)
    np.testing.assert_allclose(power.whole_noise, 1)


def test_a_film_has_the_mean_transfer_over_its_depth():
    power, zero = power_transfer(drawn(C30_mm=0.4), Q, SCOPE, 12.0), np.zeros(1, int)
    depths = np.linspace(22, 62, 4001)
    slices = power.at(np.zeros(len(depths), int), depths).mean(axis=0)
    film = power.over(zero, np.array([42.0]), np.array([40.0]))[0]
    np.testing.assert_allclose(film, slices, rtol=1e-3, atol=1e-3 * film.max())


def test_no_electrons_transfer_nothing():
    conditions = drawn()
    none = Conditions.of(**{**vars(conditions)["aberrations"], "dose": torch.zeros(1, dtype=torch.float64)})
    power = power_transfer(none, Q, SCOPE, 12.0)
    assert not power.at(np.zeros(1, int), np.array([5.0])).any()
