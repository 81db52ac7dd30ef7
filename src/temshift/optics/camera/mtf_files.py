"""Files of measured camera curves: CSV, RELION's STAR, the presets of temshift; and the units of their frequencies."""

import csv
import math
import re
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile
from typing import Any, Literal, get_args

from temshift.core.regular_files import read_regular

PRESETS = files("temshift.optics.camera") / "cameras"
LEAST_POINTS = 2  # of a curve
MOST_BYTES = 2**24  # of a file: some half million points
_STAR = {"_rlnResolutionInversePixel": "frequency_per_pixel", "_rlnMtfValue": "value"}

FrequencyUnit = Literal["cycles_per_pixel", "fraction_of_nyquist", "line_pairs_per_mm"]
UNITS: tuple[FrequencyUnit, ...] = get_args(FrequencyUnit)
PER_PIXEL, OF_NYQUIST, PER_MILLIMETRE = UNITS
COLUMNS: dict[str, FrequencyUnit | None] = {
    "frequency_nyquist": OF_NYQUIST,
    "frequency_per_pixel": PER_PIXEL,
    "frequency": None,
}
FARTHEST = 4.0  # of Nyquist: no curve is measured beyond two cycles per pixel
_SURE = {OF_NYQUIST: FARTHEST, PER_PIXEL: 1.0}  # ends of curves [Nyquist] up to which a column's name is believed
_CORNER = math.sqrt(2)  # of the plane of frequencies [Nyquist]
_PIXELS_UM = (0.5, 250.0)  # of cameras
_ROUNDING = 1e-6
_SPELLINGS = {
    PER_PIXEL: ("cycles/pixel", "cycle per pixel", "cycles/px", "1/pixel", "1/px", "per pixel"),
    OF_NYQUIST: ("nyquist", "of nyquist", "fraction nyquist", "share of nyquist", "units of nyquist"),
    PER_MILLIMETRE: ("lp/mm", "line pairs/mm", "line pairs per millimetre", "linepairs/mm", "cycles/mm", "1/mm"),
}

Points = tuple[list[float], list[float]]


def read_table(path: str, unit: FrequencyUnit | None = None, pixel_um: float | None = None) -> Points:
    """Read a curve from a file.

    Parameters
    ----------
    path : str
        CSV with the columns ``value`` and ``frequency_nyquist``, ``frequency_per_pixel`` (cycles per pixel) or
        ``frequency`` (with ``unit``), where lines that start with # are comments; or a STAR file of RELION
        (``_rlnResolutionInversePixel``, ``_rlnMtfValue``).
    unit : str, optional
        Unit of the frequencies, if the column's name does not say it.
    pixel_um : float, optional
        Size of a pixel of the camera [um], which line pairs per mm need.

    Returns
    -------
    frequency : list of float
        In units of the Nyquist frequency.
    value : list of float
        As they stand in the file.

    Raises
    ------
    ValueError
        If the file cannot be read, lacks a column, or reaches beyond what its unit allows.
    """
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path} ({error}); give a text file with two columns") from error
    return _points(text, path, unit, pixel_um)


def preset_table(name: str, folder: Traversable = PRESETS) -> Points:
    """Read the curve of a camera that comes with temshift; as :func:`read_table`.

    Parameters
    ----------
    name : str
        One of :func:`preset_names`.
    folder : path
        Where the curves are kept as CSV.

    Raises
    ------
    ValueError
        For an unknown name, with all known ones.
    """
    known = preset_names(folder)
    if name not in known:
        raise ValueError(
            f"unknown preset {name!r}; known: {', '.join(known) or 'none'}; or give a file, or the numbers themselves"
        )
    return _points((folder / f"{name}.csv").read_text(encoding="utf-8"), name)


def preset_names(folder: Traversable = PRESETS) -> list[str]:
    """Names of the cameras whose measured MTF comes with temshift; each file tells its source.

    Examples
    --------
    >>> preset_names()
    ['falcon3EC_300kV', 'k2_300kV']
    """
    return sorted(each.name.removesuffix(".csv") for each in folder.iterdir() if each.name.endswith(".csv"))


def _points(text: str, name: str, unit: FrequencyUnit | None = None, pixel_um: float | None = None) -> Points:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        columns, rows = _star(lines) if "loop_" in lines else _csv(lines)
    except csv.Error as error:
        raise ValueError(f"{name} is no table ({error}); give a text file with two columns") from error
    known = [column for column in columns if column in (*COLUMNS, "value")]
    if len(known) > 2:
        raise ValueError(f"{name} has the columns {', '.join(known)}; leave one of frequencies and one of values")
    key = next((column for column in known if column in COLUMNS), None)
    if key is None or "value" not in columns:
        raise ValueError(
            f"{name} has the columns {', '.join(columns) or '(none)'}; must have value and one of "
            f"{', '.join(COLUMNS)}, with commas between, or {' and '.join(_STAR)} in a STAR file"
        )
    try:
        frequency = [float(row[columns.index(key)]) for row in rows]
        value = [float(row[columns.index("value")]) for row in rows]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{name}: a row is not of numbers ({error}); give two numbers on each line") from error
    _require_transfer(value, name)
    try:
        factor = nyquist_factor(key, max(frequency), unit, pixel_um)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return [factor * number for number in frequency], value


def _require_transfer(values: Sequence[float], name: str) -> None:
    wrong = [value for value in values if not 0 <= value <= 1]
    if len(values) < LEAST_POINTS:
        raise ValueError(f"{name} has {len(values)} points; needs at least {LEAST_POINTS}, from frequency 0 to Nyquist")
    if wrong:
        raise ValueError(f"{name}: the value {wrong[0]:g} is not from 0 to 1; divide percentages by 100")


def _csv(lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return (rows[0], rows[1:]) if rows else ([], [])


def _star(lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the first loop of a STAR file."""
    loop = lines[lines.index("loop_") + 1 :]
    names = [line.split()[0] for line in takewhile(lambda line: line.startswith("_"), loop)]
    body = takewhile(lambda line: not line.startswith(("data_", "loop_")), loop[len(names) :])
    return [_STAR.get(name, name) for name in names], [line.split() for line in body]


def unit_named(given: Any) -> FrequencyUnit:
    """Return the unit that a text names, in any usual spelling.

    Raises
    ------
    ValueError
        If none is named so.

    Examples
    --------
    >>> unit_named("lp/mm"), unit_named("cycles per pixel"), unit_named("fraction of Nyquist")
    ('line_pairs_per_mm', 'cycles_per_pixel', 'fraction_of_nyquist')
    """
    spelt = _plain(given) if isinstance(given, str) else None
    for unit in UNITS:
        if spelt in (_plain(unit), *map(_plain, _SPELLINGS[unit])):
            return unit
    raise ValueError(f"unit = {given!r}; must be one of {', '.join(UNITS)}")


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def nyquist_factor(column: str, end: float, unit: FrequencyUnit | None, pixel_um: float | None) -> float:
    """Return the factor from the frequencies of a curve to units of the Nyquist frequency.

    Parameters
    ----------
    column : str
        Name of the frequencies, one of :data:`COLUMNS`.
    end : float
        The highest frequency.
    unit : str, optional
        Its unit, if it is given.
    pixel_um : float, optional
        Size of a pixel of the camera [um], which line pairs per mm need.

    Raises
    ------
    ValueError
        If the unit is not given and the name of the column can't be right; if unit and name contradict each other; if
        the size of a pixel is missing or serves nothing; if no camera is measured as far.
    """
    _require_agreement(column, unit)
    if unit is None:
        _require_believable(column, end)
    _require_pixel(unit, pixel_um)
    factor = {PER_PIXEL: 2.0, OF_NYQUIST: 1.0, PER_MILLIMETRE: 2e-3 * (pixel_um or 0.0)}[unit or _own(column)]
    if factor * end > FARTHEST * (1 + _ROUNDING):
        raise ValueError(
            f"{column} reaches {end:g}, {factor * end:g} of Nyquist in this unit, and no curve is measured beyond "
            f"{FARTHEST:g}; {_probable(end)}"
        )
    return factor


def _own(column: str) -> FrequencyUnit:
    unit = COLUMNS[column]
    if unit is None:
        raise ValueError(f"{column} does not say its unit; give unit: {', '.join(UNITS[:-1])} or {UNITS[-1]}")
    return unit


def _require_agreement(column: str, unit: FrequencyUnit | None) -> None:
    if column == "frequency_nyquist" and unit not in (None, OF_NYQUIST):
        raise ValueError(f"frequency_nyquist and unit: {unit} contradict each other; call the frequencies frequency")


def _require_believable(column: str, end: float) -> None:
    sure = _SURE[_own(column)]
    in_nyquist = (2.0 if COLUMNS[column] == PER_PIXEL else 1.0) * end
    if in_nyquist > sure * (1 + _ROUNDING):
        beyond = "0.5 cycles per pixel, the Nyquist frequency" if column == "frequency_per_pixel" else f"{sure:g}"
        raise ValueError(f"{column} reaches {end:g}, beyond {beyond}, and no unit is given; {_probable(end, column)}")


def _require_pixel(unit: FrequencyUnit | None, pixel_um: float | None) -> None:
    if unit == PER_MILLIMETRE and pixel_um is None:
        raise ValueError(f"unit: {unit} needs the size of the camera's pixels; give pixel_um, such as pixel_um: 14")
    if unit != PER_MILLIMETRE and pixel_um is not None:
        raise ValueError(f"pixel_um serves unit: {PER_MILLIMETRE} alone; leave it out")


def _probable(end: float, column: str = "frequency_per_pixel") -> str:
    """Name the unit that frequencies up to some end are probably in, and how to give it."""
    instead = "" if column != "frequency_nyquist" else "call the frequencies frequency, and "
    pixel = 500.0 / end
    if end <= _CORNER / 2 * (1 + 1e-2):
        return f"probably a curve beyond Nyquist: give unit: {PER_PIXEL}, or cut it at 0.5"
    if end <= FARTHEST / 2:
        return f"probably fractions of Nyquist: give unit: {OF_NYQUIST} (or unit: {PER_PIXEL}, if it really is that)"
    if _PIXELS_UM[0] <= pixel <= _PIXELS_UM[1]:
        return (
            f"probably line pairs per mm ({end:g} of them are the Nyquist frequency of pixels of {pixel:.3g} um): "
            f"{instead}give unit: {PER_MILLIMETRE} and pixel_um, the size of the camera's pixels"
        )
    return f"in none of {', '.join(UNITS)} does a curve reach that far; convert it to one of them"
