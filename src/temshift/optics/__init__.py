"""Optics: aberrations, coherence, transfer functions, imaging conditions, image formation."""

from temshift.core.distributions import Distribution
from temshift.optics.aberrations import aberration_function, point_resolution, scherzer_defocus
from temshift.optics.binning import binned, binned_masks
from temshift.optics.camera import CameraResponse, CameraSettings, blur_transfer, detect, expected_detections
from temshift.optics.conditions import Conditions, ImagingConditions
from temshift.optics.counting import expected_electrons, poisson_counts, standardised
from temshift.optics.images import image_intensities, wave_spectra
from temshift.optics.mtf import TransferTable, parametric_transfer
from temshift.optics.mtf_files import preset_names
from temshift.optics.transfer import lens_function, phase_transfer

__all__ = [
    "CameraResponse",
    "CameraSettings",
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "TransferTable",
    "aberration_function",
    "binned",
    "binned_masks",
    "blur_transfer",
    "detect",
    "expected_detections",
    "expected_electrons",
    "image_intensities",
    "lens_function",
    "parametric_transfer",
    "phase_transfer",
    "point_resolution",
    "poisson_counts",
    "preset_names",
    "scherzer_defocus",
    "standardised",
    "wave_spectra",
]
