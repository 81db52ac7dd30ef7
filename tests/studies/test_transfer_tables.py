import numpy as np
import pytest

from temshift.conditions import ImagingConditions
from temshift.information import ObjectSpectra, information
from temshift.information.transfer.survey import Survey
from temshift.optics.microscope import Microscope
from temshift.studies.analysis.transfer_tables import transfer_curve


@pytest.mark.parametrize(
    "further",
    [
        {"defocus_nm": -30.0},
        {"defocus_nm": 0.0},
        {"defocus_nm": 12.0},
        {"defocus_nm": 12.0, "C12_nm": 10.0},
        {"defocus_nm": 12.0, "pixel_size_error_percent": 3.0},
    ],
)
def test_bits_at_each_frequency_have_epsilon_as_their_mean(further: dict[str, float]) -> None:
    survey = Survey(Microscope(300e3, nyquist=1.25), 0.012, 16, 0)
    highest = survey.highest
    q = np.linspace(0.002, highest, 400)
    objects = ObjectSpectra(q, 0.05 * np.exp(-((q / 0.3) ** 2)), 0.01 * np.exp(-((q / 0.2) ** 2)), 12.0, 41.0, 0.2)
    conditions = ImagingConditions.model_validate({"dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0, **further})
    expected = information(conditions, objects, survey.microscope, draws=2)
    curve = transfer_curve("test", "one", conditions, survey, objects)
    at = curve["q_per_A"].to_numpy()
    inside, seen = at <= highest, highest * (1 + further.get("pixel_size_error_percent", 0.0) / 100)
    bits = curve["information_bits"].to_numpy()
    assert np.average(bits[inside], weights=at[inside]) == pytest.approx(expected.epsilon, rel=0.02)
    assert (bits[at > seen + at[1]] == 0).all()
