from .aberrations import aberration_basis, aberration_function, aberration_gradient
from .camera import (
    CameraResponse,
    CameraSettings,
    blur_transfer,
    camera_transfer,
    detect,
    expected_detections,
    quantum_efficiency,
)
from .camera.binning import binned, binned_masks
from .camera.counting import expected_electrons, poisson_counts, standardised
from .camera.mtf import TransferTable, parametric_transfer
from .camera.mtf_files import preset_names
from .feasibility import exactness_remarks, imaging_faults, imaging_remarks
from .image_formation import OPTICS_VERSION, WaveSpectra, image_intensities, wave_spectra
from .image_transfer import ImageTransfer, image_efficiency, image_transfer
from .limits import information_limit, minimum_contrast_defocus, point_resolution, scherzer_defocus
from .microscope import Microscope
from .settings import EXACT, ImagingSettings
from .sums import EDGE, band_margin, coherence_nodes, gauss_hermite, hermite_order, reaches
from .transfer import (
    Array,
    PhaseTransfer,
    Transfer,
    azimuthal_transfer,
    phase_transfers,
    polar_plane,
    transfer_functions,
)
from .transfer_limits import PROBED, half_turn, transfer_limits

__all__ = [
    "EDGE",
    "EXACT",
    "OPTICS_VERSION",
    "PROBED",
    "Array",
    "CameraResponse",
    "CameraSettings",
    "ImageTransfer",
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
    "band_margin",
    "binned",
    "binned_masks",
    "blur_transfer",
    "camera_transfer",
    "coherence_nodes",
    "detect",
    "exactness_remarks",
    "expected_detections",
    "expected_electrons",
    "gauss_hermite",
    "half_turn",
    "hermite_order",
    "image_efficiency",
    "image_intensities",
    "image_transfer",
    "imaging_faults",
    "imaging_remarks",
    "information_limit",
    "minimum_contrast_defocus",
    "parametric_transfer",
    "phase_transfers",
    "point_resolution",
    "poisson_counts",
    "polar_plane",
    "preset_names",
    "quantum_efficiency",
    "reaches",
    "scherzer_defocus",
    "standardised",
    "transfer_functions",
    "transfer_limits",
    "wave_spectra",
]
