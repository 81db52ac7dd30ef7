"""Tables of measured conditions: a draw takes a row as a whole, so that what was measured together stays together."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import NoDataError, PolarsError
from pydantic import Field, model_validator

from temshift.conditions.distribution import Choice, Distribution
from temshift.conditions.distribution_kinds import Numbers, Weights, chosen, require_weights
from temshift.configuration.messages import allowed_text
from temshift.configuration.model import Configuration
from temshift.core.regular_files import read_regular

MOST_ROWS = 100_000
MOST_BYTES = 2**26  # of a file
MOST_NUMBERS = 100_000  # a study that holds a table is read back within seconds


class MeasuredTable(Configuration):
    """Rows of measured values, of which a draw takes one; written as ``file``, or as ``columns`` of numbers.

    A file is CSV: a header with the keys, then a row of numbers for each measurement. Its path counts from the folder
    where temshift is called. The table holds its numbers from then on, not its path. ``weights`` say how often each
    row is drawn against the others: numbers, or the name of a column that holds them.

    Examples
    --------
    >>> table = MeasuredTable.model_validate({"columns": {"defocus_nm": [5, 8], "C12_nm": [1, 2]}})
    >>> {key: values.tolist() for key, values in table.rows(np.array([0.7, 0.2])).items()}
    {'defocus_nm': [8.0, 5.0], 'C12_nm': [2.0, 1.0]}
    """

    file: Annotated[str | None, Field(exclude=True)] = None
    columns: dict[str, Numbers]
    weights: Weights | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        given = {key: item for key, item in value.items() if item is not None}
        if {"file", "columns"} <= set(given) or set(given) <= {"weights"}:
            what = "file and columns are both" if "file" in given else "neither file nor columns is"
            raise ValueError(f"{what} given; write file: PATH.csv, or columns: {{defocus_nm: [...], ...}}")
        path = given.get("file")
        if isinstance(path, str):
            given = {**given, "columns": read_columns(path), "file": None}
        return _with_weights(given)

    @model_validator(mode="after")
    def _is_whole(self) -> "MeasuredTable":
        if not self.columns:
            raise ValueError("columns hold no parameter; give at least one, such as defocus_nm: [...]")
        lengths = {key: len(column) for key, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise ValueError(f"columns differ in length: {counts}; give one number a row in each")
        _require_size(len(self), len(lengths), "columns")
        require_weights(self.weights, len(self), "row")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the parameters that the table holds."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def rows(self, probability: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Turn uniform deviates into rows.

        Parameters
        ----------
        probability : ndarray (n,)
            Between 0 and 1; one deviate chooses a whole row.

        Returns
        -------
        dict of str to ndarray (n,)
            Values of each parameter, in the units of its key.
        """
        numbers = chosen(probability, len(self), self.weights)
        return {key: np.array([column[number] for number in numbers]) for key, column in self.columns.items()}

    def distribution(self, key: str) -> Distribution:
        """Return the distribution of one parameter by itself, a choice of its values.

        Parameters
        ----------
        key : str
            One of :attr:`keys`.
        """
        return Distribution(choice=Choice(values=self.columns[key], weights=self.weights))


def read_columns(path: str) -> dict[str, list[float]]:
    """Read a CSV file of numbers below a header of keys.

    Parameters
    ----------
    path : str
        Text in UTF-8 with commas; empty lines at its end do not count.

    Returns
    -------
    dict of str to list of float
        Each column under its key, finite.

    Raises
    ------
    ValueError
        If the file cannot be read, has no rows, too many of them, cells that are missing or not numbers, or a key
        twice; the message names file, line and column.
    """
    header, cells = _cells(path)
    _require_header(path, header)
    _require_size(len(cells), len(header), path)
    return {key: _numbers(path, key, cells.to_series(place)) for place, key in enumerate(header)}


def _cells(path: str) -> tuple[list[str], pl.DataFrame]:
    """Header, and what stands below it, as text; row n stands on line n + 2."""
    try:
        data = read_regular(path, MOST_BYTES)
        table = pl.read_csv(data, has_header=False, infer_schema=False)
    except OSError as error:
        raise ValueError(
            f"cannot read {path}: {error.strerror}; give a path from the folder where temshift is called"
        ) from error
    except NoDataError as error:
        raise ValueError(f"{path} is empty; give a header of keys, then rows of numbers") from error
    except PolarsError as error:
        raise ValueError(f"{path}{_cause(data, error)}") from error
    table = table.select(pl.all().str.strip_chars().replace("", None))
    header = ["" if key is None else key for key in table.row(0)]
    filled = table.select(pl.any_horizontal(pl.all().is_not_null()).arg_true().max()).item()
    return header, table[1 : (filled or 0) + 1]


def _cause(data: bytes, error: PolarsError) -> str:
    """Return a message on the first line with more cells than the header, else that of the reader."""
    lines = data.splitlines()
    longer = [number for number, line in enumerate(lines, 1) if line.count(b",") > lines[0].count(b",")]
    if longer:
        remedy = "separate them by commas, with decimal points" if b";" in lines[0] else "give one number for each key"
        return f", line {longer[0]}: has more cells than the header; {remedy}"
    return f" is not a CSV file ({str(error).splitlines()[0]}); save it as UTF-8 text with commas"


def _require_header(path: str, header: list[str]) -> None:
    for place, key in enumerate(header, 1):
        if not key:
            raise ValueError(f"{path}, line 1, column {place}: the key is missing; name it, such as defocus_nm")
        if key in header[: place - 1]:
            raise ValueError(f"{path}, line 1, column {place}: {key!r} is given twice; remove one")


def _require_size(rows: int, columns: int, place: str) -> None:
    if rows == 0:
        raise ValueError(f"{place}: no rows below the header; give at least one row of numbers")
    if rows > MOST_ROWS:
        raise ValueError(f"{place}: {rows} rows; at most {MOST_ROWS} are taken: keep fewer of them")
    if rows * columns > MOST_NUMBERS:
        raise ValueError(
            f"{place}: {rows} rows of {columns} columns are {rows * columns} numbers; at most {MOST_NUMBERS} are "
            "taken: keep fewer rows or columns"
        )


def _numbers(path: str, key: str, cells: pl.Series) -> list[float]:
    numbers = cells.cast(pl.Float64, strict=False)
    wrong = (~numbers.is_finite()).fill_null(True).arg_true()
    if len(wrong):
        line, cell = wrong[0] + 2, cells[wrong[0]]
        fault = "the cell is missing" if cell is None else f"{cell!r} is not a finite number"
        raise ValueError(
            f"{path}, line {line}, column {key!r}: {fault}; write numbers such as 1.5, with commas between"
        )
    return numbers.to_list()


def _with_weights(given: dict[str, Any]) -> dict[str, Any]:
    """Take the weights out of the column that they name."""
    name, columns = given.get("weights"), given.get("columns")
    if not isinstance(name, str) or not isinstance(columns, Mapping):
        return given
    if name not in columns:
        raise ValueError(f"weights: {name!r} is not a column{allowed_text(name, list(columns))}")
    others = {key: column for key, column in columns.items() if key != name}
    return {**given, "columns": others, "weights": columns[name]}
