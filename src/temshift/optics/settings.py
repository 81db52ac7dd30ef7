"""How images are formed, whatever their conditions: the treatment of coherence, and the camera."""

from typing import Annotated, Literal

from pydantic import Field

from temshift.core.configuration import Configuration
from temshift.optics.camera import CameraSettings


class ImagingSettings(Configuration):
    """How images are formed.

    ``coherence: exact`` sums coherent images over focus and angles of the illumination, as many as keep the error of
    interference with the direct beam below ``tolerance``; ``envelope`` damps one image by envelopes, faster and exact only for
    objects that scatter weakly. ``camera`` is what all images are taken with.
    """

    coherence: Literal["exact", "envelope"] = "exact"
    tolerance: Annotated[float, Field(ge=1e-9, le=0.1)] = 1e-3
    camera: CameraSettings = CameraSettings()
