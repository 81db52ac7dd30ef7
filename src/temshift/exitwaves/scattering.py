"""Electron scattering factors of neutral atoms."""

from functools import cache
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def scattering_factor(number: int, q_squared: Tensor) -> Tensor:
    """Electron scattering factor f_e(q) = sum_i a_i (2 + b_i q^2) / (1 + b_i q^2)^2.

    Parameters
    ----------
    number : int
        Atomic number, 1 to 92.
    q_squared : Tensor (...)
        Squared spatial frequency [1/A^2].

    Returns
    -------
    Tensor (...)
        Scattering factor [A].

    Raises
    ------
    ValueError
        If the element has no parameters.

    References
    ----------
    I. Lobato and D. Van Dyck, Acta Cryst. A 70, 636-649 (2014), DOI 10.1107/S205327331401643X

    Examples
    --------
    >>> round(float(scattering_factor(6, torch.zeros(1))), 2)
    2.51
    """
    total = torch.zeros_like(q_squared)
    for amplitude, width in zip(*scattering_terms(number), strict=True):
        fallen = (1 + width * q_squared).reciprocal_()
        total.add_(fallen.addcmul_(fallen, fallen), alpha=amplitude)
    return total


def scattering_terms(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amplitudes a_i [A] and widths b_i [A^2] (5,) of an element's scattering factor."""
    table = _table()
    if not 1 <= number <= len(table):
        raise ValueError(f"atomic number {number} has no scattering factor; elements 1 (H) to {len(table)} (U) do")
    return table[number - 1, :5], table[number - 1, 5:]


@cache
def _table() -> NDArray[np.float64]:
    text = files("temshift.exitwaves").joinpath("lobato.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith(("#", "number"))]
    return np.array([[float(value) for value in row[2:]] for row in rows])
