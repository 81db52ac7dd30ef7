"""The error that sampling and slices cause, predicted for one specimen before it is simulated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from ase import Atoms
from torch import Tensor

from temshift.core import Grid
from temshift.exitwaves.accuracy.columns import SIDE, Column, columns_of
from temshift.exitwaves.accuracy.images import plain_image
from temshift.exitwaves.accuracy.settings import Accuracy
from temshift.exitwaves.multislice import Multislice, propagate_through

COARSEST = 0.2  # sampling if an accuracy is asked for and no sampling is given [A]
FINER, THINNER = 0.625, 0.5  # pixels and slices of the simulation that a column is compared with
# An error is expected to be so many times the change to them, which are not exact themselves: of 44 specimens of eleven
# crystals none then was worse than its tolerance of 0.05, of those that it was checked on a few (docs/accuracy.md).
MARGIN = 1.5
ACCURACY_VERSION = 1  # raised whenever the same specimen would get other pixels or slices
# Pixels [A], and slices as a share of those that are set: thinner slices pay only when the pixels are fine.
_LADDER = ((0.16, 1.0), (0.125, 1.0), (0.1, 0.5), (0.08, 0.5), (0.0625, 0.25))


@dataclass(frozen=True)
class Rung:
    """A sampling and the thickness of slices that goes with it [A]."""

    sampling: float
    slice_thickness: float

    @property
    def finer(self) -> "Rung":
        """What its error is measured against."""
        return Rung(self.sampling * FINER, self.slice_thickness * THINNER)


@dataclass(frozen=True)
class Choice:
    """A rung with the error of the image that is expected of it, as a share of the image's standard deviation."""

    rung: Rung
    expected_error: float


def ladder(sampling: float, slice_thickness: float) -> list[Rung]:
    """Return samplings from a coarsest one on, with their slices.

    Parameters
    ----------
    sampling : float
        The coarsest sampling [A].
    slice_thickness : float
        The thickest slices [A].

    Returns
    -------
    list of Rung
        The coarsest first.

    Examples
    --------
    >>> [(rung.sampling, rung.slice_thickness) for rung in ladder(0.12, 2.0)]
    [(0.12, 2.0), (0.1, 1.0), (0.08, 1.0), (0.0625, 0.5)]
    """
    finer = [Rung(pixels, share * slice_thickness) for pixels, share in _LADDER if pixels < sampling]
    return [Rung(sampling, slice_thickness), *finer]


def choose_rung(atoms: Atoms, method: Multislice, rungs: Sequence[Rung], accuracy: Accuracy) -> Choice:
    """Choose the first rung on which the image of a specimen is as accurate as asked for.

    Parameters
    ----------
    atoms : ase.Atoms
        The specimen; columns through the middles of its particles are simulated.
    method : Multislice
        Energy and approximations; its slices do not matter.
    rungs : sequence of Rung
        From the coarsest on; at least one.
    accuracy : Accuracy
        Tolerance, and the image that it is meant for.

    Returns
    -------
    Choice
        The last rung if none will do; its expected error then is above the tolerance.
    """
    trials = _Trials(columns_of(atoms), _discs(atoms), method, accuracy)
    for rung in rungs:
        choice = Choice(rung, trials.error(rung))
        if choice.expected_error <= accuracy.tolerance:
            break
    return choice


def expected_error(atoms: Atoms, method: Multislice, rung: Rung, accuracy: Accuracy) -> float:
    """Predict the error of the image of a specimen; see `choose_rung`.

    Returns
    -------
    float
        rms(dI) / std(I), 0 without atoms: that of columns through its particles, by which few specimens are worse
        (docs/accuracy.md).
    """
    return choose_rung(atoms, method, [rung], accuracy).expected_error


def _discs(atoms: Atoms) -> list[float]:
    """Squared radii of the particles [A^2], or 1 for the substrate alone."""
    return [float(particle["radius_angstrom"]) ** 2 for particle in atoms.info["particles"]] or [1.0]


class _Trials:
    """Images of the columns of a specimen, each made once."""

    def __init__(
        self, columns: Sequence[Column], weights: Sequence[float], method: Multislice, accuracy: Accuracy
    ) -> None:
        self._columns, self._weights, self._method, self._accuracy = columns, weights, method, accuracy
        self._known: dict[tuple[int, Rung], Tensor] = {}

    def error(self, rung: Rung) -> float:
        """Return the error of all columns together, each as large a part of the image as its particle."""
        wrong, spread = 0.0, 0.0
        for number, weight in enumerate(self._weights[: len(self._columns)]):
            image, truth = self._image(number, rung), self._image(number, rung.finer)
            wrong += weight * float((image - truth).square().mean())
            spread += weight * float(truth.var(correction=0))
        return MARGIN * (wrong / spread) ** 0.5 if spread > 0 else 0.0

    def _image(self, number: int, rung: Rung) -> Tensor:
        key = (number, Rung(round(rung.sampling, 9), round(rung.slice_thickness, 9)))
        if key not in self._known:
            self._known[key] = self._simulated(self._columns[number], rung)
        return self._known[key]

    def _simulated(self, column: Column, rung: Rung) -> Tensor:
        extent, method = (SIDE, SIDE), replace(self._method, slice_thickness=rung.slice_thickness)
        grid = Grid.covering(extent, rung.sampling)
        wave = propagate_through(column.positions, column.numbers, column.height, grid, method)
        lens = (self._accuracy.defocus, self._accuracy.semiangle)
        return plain_image(wave.to(torch.complex128), extent, method.energy, *lens)
