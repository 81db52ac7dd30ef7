"""The microscope and camera that distributions of conditions belong to."""

from dataclasses import dataclass

from temshift.core.electrons import wavelength
from temshift.optics.settings import ImagingSettings


@dataclass(frozen=True)
class Microscope:
    """What transfer depends on beside conditions and specimens.

    Attributes
    ----------
    energy : float
        Electron energy [eV].
    imaging : ImagingSettings
        Coherence and camera.
    nyquist : float
        Highest spatial frequency of waves [1/A].
    semiangle : float
        The widest aperture [rad].
    draws, seed : int
        Draws of conditions that means go over, and their root.
    """

    energy: float
    imaging: ImagingSettings
    nyquist: float
    semiangle: float
    draws: int
    seed: int

    @property
    def wavelength(self) -> float:
        """Electron wavelength [A]."""
        return wavelength(self.energy)
