"""Files of measured camera curves: CSV, RELION's STAR, and the presets that come with temshift."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile
from pathlib import Path

PRESETS = files("temshift.optics") / "cameras"
LEAST_POINTS = 2  # of a curve
_FACTORS = {"frequency_nyquist": 1.0, "frequency_per_pixel": 2.0}
_STAR = {"_rlnResolutionInversePixel": "frequency_per_pixel", "_rlnMtfValue": "value"}

Points = tuple[list[float], list[float]]


def read_table(path: str) -> Points:
    """Read a curve from a file.

    Parameters
    ----------
    path : str
        CSV with the columns ``value`` and ``frequency_nyquist`` or ``frequency_per_pixel`` (cycles per pixel), where
        lines that start with # are comments; or a STAR file of RELION (``_rlnResolutionInversePixel``,
        ``_rlnMtfValue``).

    Returns
    -------
    frequency : list of float
        In units of the Nyquist frequency.
    value : list of float
        As they stand in the file.

    Raises
    ------
    ValueError
        If the file cannot be read or lacks a column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path} ({error}); give a text file with two columns") from error
    return _points(text, path)


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


def _points(text: str, name: str) -> Points:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    columns, rows = _star(lines) if "loop_" in lines else _csv(lines)
    key = next((column for column in columns if column in _FACTORS), None)
    if key is None or "value" not in columns:
        raise ValueError(
            f"{name} has the columns {', '.join(columns) or '(none)'}; must have value and one of "
            f"{', '.join(_FACTORS)}, with commas between, or {' and '.join(_STAR)} in a STAR file"
        )
    try:
        frequency = [_FACTORS[key] * float(row[columns.index(key)]) for row in rows]
        value = [float(row[columns.index("value")]) for row in rows]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{name}: a row is not of numbers ({error}); give two numbers on each line") from error
    _require_transfer(value, name)
    return frequency, value


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
