import numpy as np
import pytest

from temshift.information import ObjectSpectra, information
from temshift.information.microscope import Microscope
from temshift.optics import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.studies.transfer_tables import transfer_curve


@pytest.mark.parametrize("defocus", [-300.0, 0.0, 120.0])
def test_bits_at_each_frequency_have_epsilon_as_their_mean(defocus: float) -> None:
    microscope = Microscope(300e3, ImagingSettings(), 1.25, 0.012, 16, 0)
    highest = microscope.semiangle / microscope.wavelength
    q = np.linspace(0.002, highest, 400)
    objects = ObjectSpectra(q, 0.05 * np.exp(-((q / 0.3) ** 2)), 0.01 * np.exp(-((q / 0.2) ** 2)), 12.0, 41.0, 0.2)
    conditions = ImagingConditions.model_validate(
        {"defocus_nm": defocus / 10, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0}
    )
    expected = information(conditions, objects, microscope.wavelength, draws=2)
    curve = transfer_curve("test", "one", conditions, microscope, objects)
    at = curve["q_per_A"].to_numpy()
    inside = at <= highest
    bits = curve["information_bits"].to_numpy()
    assert np.average(bits[inside], weights=at[inside]) == pytest.approx(expected.epsilon, rel=0.02)
    assert (bits[~inside] == 0).all()
