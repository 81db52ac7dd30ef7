"""Optics: aberrations, coherence, transfer functions, imaging conditions, image formation."""

from temshift.core.distributions import Distribution
from temshift.optics.conditions import Conditions
from temshift.optics.images import image_intensities, wave_spectra
from temshift.optics.imaging import ImagingConditions
from temshift.optics.settings import ImagingSettings
from temshift.optics.transfer import transfer_functions
