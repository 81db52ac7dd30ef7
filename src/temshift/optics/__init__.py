"""Optics: aberrations, coherence, transfer functions, imaging conditions, image formation."""

from temshift.core.distributions import Distribution
from temshift.optics.aberrations import aberration_function
from temshift.optics.conditions import Conditions, ImagingConditions
from temshift.optics.images import image_intensities, poisson_counts, standardised, wave_spectra
from temshift.optics.limits import point_resolution, scherzer_defocus
from temshift.optics.transfer import lens_function, phase_transfer

__all__ = [
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "aberration_function",
    "image_intensities",
    "lens_function",
    "phase_transfer",
    "point_resolution",
    "poisson_counts",
    "scherzer_defocus",
    "standardised",
    "wave_spectra",
]
