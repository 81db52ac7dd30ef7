"""Surveys: the microscope, the band and the draws that distributions of conditions are compared with."""

from dataclasses import dataclass

from temshift.optics import Microscope


@dataclass(frozen=True)
class Survey:
    """All that metrics and observers of distributions of conditions have in common, apart from objects.

    Attributes
    ----------
    microscope : Microscope
        Energy, camera and pixels.
    semiangle : float
        The widest aperture [rad], at which the band of spatial frequencies ends.
    draws : int
        Draws of conditions that means go over, 2 or more.
    seed : int
        Root of the draws: distributions that are compared share their uniform deviates.
    """

    microscope: Microscope
    semiangle: float
    draws: int
    seed: int

    @property
    def highest(self) -> float:
        """Highest spatial frequency of the band [1/A]."""
        return self.semiangle / self.microscope.wavelength
