"""Optics: aberrations, coherence, transfer functions, imaging conditions, image formation."""

from temshift.core.distributions import Distribution
from temshift.optics.aberrations import aberration_function, point_resolution, scherzer_defocus
from temshift.optics.conditions import Conditions, ImagingConditions
from temshift.optics.counting import expected_electrons, poisson_counts, standardised
from temshift.optics.images import image_intensities, wave_spectra
from temshift.optics.transfer import lens_function, phase_transfer

__all__ = [
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "aberration_function",
    "expected_electrons",
    "image_intensities",
    "lens_function",
    "phase_transfer",
    "point_resolution",
    "poisson_counts",
    "scherzer_defocus",
    "standardised",
    "wave_spectra",
]
