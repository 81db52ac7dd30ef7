"""Optics: aberrations, coherence, transfer functions, imaging conditions, image formation, the camera."""

from temshift.core.distributions import Distribution
from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient
from temshift.optics.binning import binned, binned_masks
from temshift.optics.camera import (
    CameraResponse,
    CameraSettings,
    blur_transfer,
    camera_transfer,
    detect,
    expected_detections,
)
from temshift.optics.conditions import Conditions
from temshift.optics.counting import expected_electrons, poisson_counts, standardised
from temshift.optics.images import WaveSpectra, image_intensities, wave_spectra
from temshift.optics.imaging import ImagingConditions, PartialConditions
from temshift.optics.limits import (
    focal_spread,
    information_limit,
    minimum_contrast_defocus,
    point_resolution,
    scherzer_defocus,
)
from temshift.optics.mtf import TransferTable, parametric_transfer
from temshift.optics.mtf_files import preset_names
from temshift.optics.notations import to_cartesian, to_ceos, to_polar
from temshift.optics.phase_transfer import PhaseTransfer, phase_transfers
from temshift.optics.settings import ImagingSettings
from temshift.optics.transfer import Transfer, azimuthal_transfer, transfer_functions

__all__ = [
    "CameraResponse",
    "CameraSettings",
    "Conditions",
    "Distribution",
    "ImagingConditions",
    "ImagingSettings",
    "PartialConditions",
    "PhaseTransfer",
    "Transfer",
    "TransferTable",
    "WaveSpectra",
    "aberration_basis",
    "aberration_function",
    "aberration_gradient",
    "azimuthal_transfer",
    "binned",
    "binned_masks",
    "blur_transfer",
    "camera_transfer",
    "detect",
    "expected_detections",
    "expected_electrons",
    "focal_spread",
    "image_intensities",
    "information_limit",
    "minimum_contrast_defocus",
    "parametric_transfer",
    "phase_transfers",
    "point_resolution",
    "poisson_counts",
    "preset_names",
    "scherzer_defocus",
    "standardised",
    "to_cartesian",
    "to_ceos",
    "to_polar",
    "transfer_functions",
    "wave_spectra",
]
