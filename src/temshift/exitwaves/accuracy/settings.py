"""How accurate images of exit waves have to be."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from temshift.configuration import Configuration

ANGSTROM_PER_NM = 10.0


class Accuracy(Configuration):
    """The largest error of an image that sampling and slices may cause; in files a number, or a mapping of these keys.

    The error is rms(dI) / std(I), that of an image at one defocus through a perfect lens with one aperture.

    Attributes
    ----------
    tolerance : float
        Largest error, as a share of the standard deviation of the image.
    defocus_nm : float
        Defocus from the exit plane, positive for underfocus.
    semiangle_cutoff_mrad : float
        Aperture. Wider ones hold larger errors.
    """

    tolerance: Annotated[float, Field(ge=0.005, le=1)] = 0.05
    defocus_nm: Annotated[float, Field(ge=-2000, le=2000)] = -10.0
    semiangle_cutoff_mrad: Annotated[float, Field(ge=1, le=60)] = 15.0

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"tolerance": value}
        return value

    @property
    def defocus(self) -> float:
        """Defocus [A]."""
        return self.defocus_nm * ANGSTROM_PER_NM

    @property
    def semiangle(self) -> float:
        """Aperture [rad]."""
        return self.semiangle_cutoff_mrad * 1e-3
