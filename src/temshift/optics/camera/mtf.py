"""Radial transfer of a camera: parametric forms and measured tables; frequencies in units of the Nyquist frequency."""

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from temshift.configuration.model import Configuration
from temshift.optics.camera.mtf_files import (
    COLUMNS,
    LEAST_POINTS,
    FrequencyUnit,
    nyquist_factor,
    preset_table,
    read_table,
    unit_named,
)

Shape = Literal["gaussian", "exponential", "lorentzian"]
ENDS_AT_LEAST_AT = 0.98  # of Nyquist: averages over rings of a spectrum end half a ring below it
_FIRST_WITHIN = 1e-3
NOISE = 0.01  # rise of a curve that is taken for noise of its measurement; RELION's Falcon 4EC rises by 0.0011
_KEYS = ("file", "preset", "frequency_per_pixel", "frequency_nyquist", "frequency")
_ABSURD = 1e12  # for a frequency in any unit
_UNIT = ("unit", "pixel_um")


def parametric_transfer(
    frequency: Tensor, half_frequency: Tensor, shape: Shape, exponent: Tensor | None = None
) -> Tensor:
    """Transfer that falls to 1/2 at a frequency h: 2^-(f/h)^2, 2^-(f/h), 1 / (1 + (f/h)^2), or 2^-(f/h)^p.

    The Lorentzian is the form that Grob et al. fitted to spectra of shot noise of three scintillator cameras and a
    direct detector, given by the frequency at which it is 1/2, so it suits an NTF. The other two are convenient forms,
    the Gaussian for a blur without long tails.

    Parameters
    ----------
    frequency : Tensor (k,)
        Radial frequency f in units of Nyquist, >= 0.
    half_frequency : Tensor (n,)
        h of each image, > 0, in the same units; infinite where the transfer is 1.
    shape : "gaussian", "exponential" or "lorentzian"
        Form of the curve: p = 2, p = 1, or the Lorentzian.
    exponent : Tensor (n,), optional
        p of each image, > 0, in place of that of the shape; infinite where the shape holds.

    Returns
    -------
    Tensor (n, k)
        1 at f = 0, falling with f.

    References
    ----------
    P. Grob, D. Bean, D. Typke, X. Li, E. Nogales and R. M. Glaeser, Ultramicroscopy 133 (2013),
    DOI 10.1016/j.ultramic.2013.01.003

    Examples
    --------
    >>> parametric_transfer(torch.tensor([0.0, 0.5]), torch.tensor([0.5, math.inf]), "gaussian").tolist()
    [[1.0, 0.5], [1.0, 1.0]]
    """
    ratio = frequency / half_frequency[:, None]
    shaped = _shaped(ratio, shape)
    if exponent is None or not bool((given := torch.isfinite(exponent)).any()):
        return shaped
    p = torch.where(given, exponent, 1.0)[:, None]
    power = torch.where(ratio > 0, ratio, 1.0).pow(p) * (ratio > 0)  # 0^p has no slope for p < 1
    return torch.where(given[:, None], torch.exp(-math.log(2) * power), shaped)


def _shaped(ratio: Tensor, shape: Shape) -> Tensor:
    if shape == "lorentzian":
        return 1 / (1 + ratio.square())
    power = ratio.square() if shape == "gaussian" else ratio
    return torch.exp(-math.log(2) * power)


class TransferTable(Configuration):
    """A measured MTF or NTF, falling from 1 at frequency 0.

    Written as numbers (``frequency_nyquist``, ``frequency_per_pixel`` or ``frequency``, and ``value``), as ``file``
    (see :func:`temshift.optics.camera.mtf_files.read_table`; its path counts from the folder where temshift is called)
    or as ``preset``; the numbers are kept, so that a hash holds them. ``unit``, with ``pixel_um`` if it is line pairs
    per mm, is the unit of numbers and files if the name of the frequencies does not say it, and has to be given for
    cycles per pixel beyond 0.5. A measured MTF includes the aperture of the camera's pixel. Between its points the
    curve is a monotone cubic; beyond its end, up to the corner of the plane at sqrt(2), it keeps its last value. A rise
    of up to :data:`NOISE` is levelled.
    """

    written_as: ClassVar[str] = "one of {preset: NAME}, {file: PATH} and {frequency_nyquist: [...], value: [...]}"

    frequency_nyquist: Annotated[tuple[float, ...], Field(min_length=LEAST_POINTS)]
    value: tuple[Annotated[float, Field(ge=0, le=1)], ...]

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        named = [key for key in _KEYS if key in given]
        if len(named) != 1:
            raise ValueError(f"given {', '.join(named) or 'none of them'}; give one of {', '.join(_KEYS)}")
        if named[0] in ("file", "preset"):
            return _read(named[0], given)
        return _in_nyquist({key: tuple(part) if isinstance(part, list) else part for key, part in given.items()})

    @model_validator(mode="after")
    def _falling(self) -> "TransferTable":
        _require_falling(np.array(self.frequency_nyquist), np.array(self.value))
        return self

    def at(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate the transfer, divided by its value at 0, at frequencies (...) in units of Nyquist."""
        levelled = np.minimum.accumulate(np.array(self.value))
        curve = PchipInterpolator(self.frequency_nyquist, levelled / self.value[0])
        return np.asarray(curve(np.minimum(frequency, self.frequency_nyquist[-1])))

    def remarks(self) -> list[str]:
        """Return a sentence on where the values rise, if they do."""
        rise = _rises(np.array(self.value))
        highest = int(rise.argmax())
        if rise[highest] <= 0:
            return []
        return [
            f"rises by {rise[highest]:.2g} at {self.frequency_nyquist[highest]:g} of Nyquist; this is taken for noise "
            "of the measurement, and the curve stays level there"
        ]


def _read(key: str, given: dict[str, Any]) -> Any:
    allowed = {key, *_UNIT} if key == "file" else {key}
    if given.keys() - allowed or not isinstance(given[key], str):
        also = ", or with unit and pixel_um" if key == "file" else ""
        raise ValueError(f"{key} = {given[key]!r}: give {key} alone, as text{also}")
    frequency, value = read_table(given[key], *_unit_of(given)) if key == "file" else preset_table(given[key])
    return {"frequency_nyquist": tuple(frequency), "value": tuple(value)}


def _unit_of(given: dict[str, Any]) -> tuple[FrequencyUnit | None, float | None]:
    """The unit and the size of a pixel [um] that are given."""
    unit, pixel = (given.get(key) for key in _UNIT)
    if pixel is not None and (isinstance(pixel, bool) or not isinstance(pixel, int | float) or not 0 < pixel < 1e4):
        raise ValueError(f"pixel_um = {pixel!r}; must be the size of the camera's pixels in um, above 0")
    return None if unit is None else unit_named(unit), pixel


def _in_nyquist(given: dict[str, Any]) -> Any:
    key = next(name for name in COLUMNS if name in given)
    rest = {name: value for name, value in given.items() if name not in (key, *_UNIT)}
    listed = given[key]
    if not isinstance(listed, tuple) or not all(map(_is_number, listed)):
        if key == "frequency_nyquist":
            return given  # the field refuses it
        raise ValueError(f"{key} = {listed!r}; must be a list of numbers")
    factor = nyquist_factor(key, max(listed, default=0), *_unit_of(given))
    kept = listed if key == "frequency_nyquist" else tuple(factor * each for each in listed)
    return {**rest, "frequency_nyquist": kept}


def _is_number(given: Any) -> bool:
    """Whether a frequency is a number that can be one: whole ones of YAML may have any number of digits."""
    return isinstance(given, int | float) and not isinstance(given, bool) and not abs(given) > _ABSURD


def _require_falling(frequency: NDArray[np.float64], value: NDArray[np.float64]) -> None:
    if len(frequency) != len(value):
        raise ValueError(f"{len(frequency)} frequencies but {len(value)} values; give a value for each frequency")
    if frequency[0] != 0 or abs(value[0] - 1) > _FIRST_WITHIN:
        raise ValueError(
            f"the first point is {value[0]:g} at frequency {frequency[0]:g}; must be 1 at frequency 0: start there, "
            "and divide all values by that at 0"
        )
    _require_order(frequency[1:] > frequency[:-1], frequency, "the frequencies do not increase", "sort them")
    _require_order(
        _rises(value)[1:] <= NOISE, frequency, "the values rise", "smooth them: a transfer falls with frequency"
    )
    if frequency[-1] < ENDS_AT_LEAST_AT:
        likely = 0.49 <= frequency[-1] <= 0.5 and "; if these are cycles per pixel, say so with frequency_per_pixel"
        raise ValueError(
            f"ends at {frequency[-1]:g} of Nyquist ({frequency[-1] / 2:g} cycles per pixel); must reach "
            f"{ENDS_AT_LEAST_AT:g}: measure farther, or add points down to 0{likely or ''}"
        )


def _rises(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each value lies above the lowest before it; 0 if it does not."""
    return value - np.minimum.accumulate(value)


def _require_order(kept: NDArray[np.bool_], frequency: NDArray[np.float64], fault: str, remedy: str) -> None:
    if not kept.all():
        first = int(np.argmin(kept)) + 1
        raise ValueError(f"{fault} at point {first + 1}, {frequency[first]:g} of Nyquist; {remedy}")
