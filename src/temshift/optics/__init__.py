"""Optics: aberrations, coherence, transfer functions, image formation, the camera."""

from temshift.optics.aberrations import aberration_basis, aberration_function, aberration_gradient
from temshift.optics.camera import (
    CameraResponse,
    CameraSettings,
    blur_transfer,
    camera_transfer,
    detect,
    expected_detections,
    quantum_efficiency,
)
from temshift.optics.camera.binning import binned, binned_masks
from temshift.optics.camera.counting import expected_electrons, poisson_counts, standardised
from temshift.optics.camera.mtf import TransferTable, parametric_transfer
from temshift.optics.camera.mtf_files import preset_names
from temshift.optics.image_formation import WaveSpectra, image_intensities, wave_spectra
from temshift.optics.limits import information_limit, minimum_contrast_defocus, point_resolution, scherzer_defocus
from temshift.optics.microscope import Microscope
from temshift.optics.settings import ImagingSettings
from temshift.optics.transfer import PhaseTransfer, Transfer, azimuthal_transfer, phase_transfers, transfer_functions

__all__ = [
    "CameraResponse",
    "CameraSettings",
    "ImagingSettings",
    "Microscope",
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
    "image_intensities",
    "information_limit",
    "minimum_contrast_defocus",
    "parametric_transfer",
    "phase_transfers",
    "point_resolution",
    "poisson_counts",
    "preset_names",
    "quantum_efficiency",
    "scherzer_defocus",
    "standardised",
    "transfer_functions",
    "wave_spectra",
]
