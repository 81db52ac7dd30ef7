"""The microscope: the energy of its electrons, its camera and the size of its pixels."""

import math
from dataclasses import dataclass

from temshift.core import wavelength
from temshift.optics.settings import EXACT, ImagingSettings


@dataclass(frozen=True)
class Microscope:
    """All that transfer depends on and that no image changes; imaging conditions and objects stand elsewhere.

    Attributes
    ----------
    energy : float
        Electron energy [eV].
    imaging : ImagingSettings
        Coherence and camera.
    nyquist : float
        Nyquist frequency of the camera's pixels before binning [1/A], as they are said to be. Infinity is that of
        pixels whose size is unknown: the MTF is 1. A camera with ``pixel_angstrom`` has its own, which takes the place
        of what is given.

    Examples
    --------
    >>> round(Microscope(300e3).wavelength, 4)
    0.0197
    """

    energy: float
    imaging: ImagingSettings = EXACT
    nyquist: float = math.inf

    def __post_init__(self) -> None:
        if self.imaging.camera.pixel_angstrom is not None:
            object.__setattr__(self, "nyquist", 0.5 / self.imaging.camera.pixel_angstrom)

    @property
    def wavelength(self) -> float:
        """Electron wavelength [A]."""
        return wavelength(self.energy)

    @property
    def image_nyquist(self) -> float:
        """Nyquist frequency of binned images [1/A]."""
        return self.nyquist / self.imaging.camera.binning
