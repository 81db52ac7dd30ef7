"""Units of length as files of microscopes write them."""

import re
import unicodedata

from temshift.core import InputError

_LENGTHS = {
    "m": 1e10,
    "cm": 1e8,
    "mm": 1e7,
    "\u03bcm": 1e4,
    "um": 1e4,
    "nm": 10.0,
    "\u00e5": 1.0,
    "a": 1.0,
    "pm": 0.01,
}
_WORDS = {
    "meter": "m",
    "metre": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "um",
    "micron": "um",
    "nanometer": "nm",
    "nanometre": "nm",
    "angstrom": "a",
    "\u00e5ngstr\u00f6m": "a",
    "angstroem": "a",
    "ang": "a",
    "picometer": "pm",
}
_RECIPROCAL = ("1/", "/nm", "^-1", "-1", "\u207b\u00b9", "rad", "deg")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")  # as ImageJ writes letters beyond ASCII
_ENERGIES = ("ev", "kev", "mev")


def angstroms(value: float, unit: str, place: str) -> float | None:
    r"""Return a length in angstrom; None if the unit is no length, such as "pixel" or nothing.

    Parameters
    ----------
    value : float
        In that unit.
    unit : str
        As the file writes it: "nm", "[n_m]", "\\u00B5m", "metre".
    place : str
        Name of the file in messages.

    Raises
    ------
    InputError
        If the unit is reciprocal or an angle, as that of a diffraction pattern, or an energy, as that of a spectrum.

    Examples
    --------
    >>> angstroms(0.05, "[n_m]", "a.emd"), angstroms(2e-11, "m", "b.mrc"), angstroms(1, "pixels", "c.tif")
    (0.5, 0.2, None)
    """
    name = plain_unit(unit)
    if any(sign in name for sign in _RECIPROCAL):
        raise InputError(
            f"{place} has pixels in {unit}: it is a diffraction pattern or a Fourier transform; give the image"
        )
    if name in _ENERGIES:
        raise InputError(f"{place} has an axis in {unit}: it is a spectrum, no image; give the image")
    name = _WORDS.get(name.removesuffix("s"), name)
    return round(value * _LENGTHS[name], 12) if name in _LENGTHS else None


def plain_unit(unit: str) -> str:
    r"""Return a unit in small letters without brackets and underscores.

    Examples
    --------
    >>> plain_unit("[n_m]"), plain_unit(" Microns "), plain_unit("1/n_m")
    ('nm', 'microns', '1/nm')
    """
    text = (
        _ESCAPED.sub(lambda code: chr(int(code[1], 16)), unit).replace("\x00", "").strip().strip("[]").replace("_", "")
    )
    return unicodedata.normalize("NFKC", text).replace(" ", "").lower()
