"""The camera: its settings, its answer in each image, transfer, counting, and the images that it gives."""

from temshift.optics.camera.detection import detect, expected_detections
from temshift.optics.camera.response import CameraResponse, camera_response
from temshift.optics.camera.settings import CameraSettings
from temshift.optics.camera.transfers import blur_transfer, camera_transfer, noise_power, quantum_efficiency

__all__ = [
    "CameraResponse",
    "CameraSettings",
    "blur_transfer",
    "camera_response",
    "camera_transfer",
    "detect",
    "expected_detections",
    "noise_power",
    "quantum_efficiency",
]
