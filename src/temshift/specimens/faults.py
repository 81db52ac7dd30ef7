"""Planar faults: which crystals have them, how many fit into a particle, and between which layers they lie."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from temshift.core import InputError
from temshift.specimens.crystals import Crystal
from temshift.specimens.stacking import Stack, stack_of

# A stack whose steps A -> B -> C are all turned above one layer is a twin in cubic crystals; there and back again one
# layer higher leaves an intrinsic stacking fault. In wurtzite one turn is the basal fault I1, ABABCBCB: one layer in
# cubic surroundings. J. P. Hirth and J. Lothe, Theory of Dislocations, 2nd ed. (Wiley, 1982).
_TURNS = {"fcc": (2, 1), "diamond": (2, 1), "zincblende": (2, 1), "wurtzite": (1, 0)}  # of a stacking fault, of a twin

_CAP = 1.5  # spacings of layers left on either side, so that each fault has a layer of many atoms beyond; our choice


def require_faults(structure: Crystal, radius: float, stacking_faults: int, twins: int) -> None:
    """Refuse planar faults that a crystal cannot have or that find no room.

    Parameters
    ----------
    structure : Crystal
        The crystal.
    radius : float
        Radius of the largest sphere within the smallest particle [A].
    stacking_faults, twins : int
        Most of each in one particle.

    Raises
    ------
    InputError
        If the crystal is not stacked in layers, a wurtzite is to be twinned, or the particle has too few layers.
    """
    if stacking_faults + twins == 0:
        return
    stack = stack_of(structure)
    if stack is None:
        raise InputError(
            f"planar faults are offered in fcc, diamond, zincblende and wurtzite crystals; {structure.name} is none of "
            "them: leave stacking_faults and twins out, or give its conventional cell"
        )
    if twins and stack.family == "wurtzite":
        raise InputError(
            f"twins are offered in fcc, diamond and zincblende crystals; {structure.name} is a wurtzite: leave "
            "twins out"
        )
    layers, needed = max(int(2 * _reach(stack, radius)), 0), sum(_widths(stack, stacking_faults, twins)) - 1
    if layers < needed:
        raise InputError(
            f"{stacking_faults} stacking faults and {twins} twins need {needed} layers; a particle that holds a sphere "
            f"of radius {radius:.3g} A has {layers} for them: give fewer faults or larger particles"
        )


def draw_turns(
    stack: Stack,
    center: NDArray[np.float64],
    radius: float,
    stacking_faults: int,
    twins: int,
    generator: np.random.Generator,
) -> list[int]:
    """Draw the layers above which a stack turns, one layer at least between two faults.

    Parameters
    ----------
    stack : Stack
        The layers.
    center : ndarray (3,)
        Centre of the particle, from the origin of the crystal [A].
    radius : float
        Radius of the largest sphere within the particle [A].
    stacking_faults, twins : int
        How many of each.
    generator : numpy.random.Generator
        Source of the places.

    Returns
    -------
    list of int
        Numbers of layers, in order; every arrangement is equally likely.
    """
    height = float((center - stack.origin) @ stack.normal) / stack.spacing
    low, high = math.ceil(height - _reach(stack, radius)), math.floor(height + _reach(stack, radius))
    widths = generator.permutation(np.array(_widths(stack, stacking_faults, twins), dtype=np.int64))
    spare = high - low + 1 - (int(widths.sum()) - 1)
    free = np.sort(generator.choice(spare + len(widths), len(widths), replace=False)) - np.arange(len(widths))
    starts = low + free + np.cumsum(widths) - widths
    return [
        int(layer) for start, width in zip(starts, widths, strict=True) for layer in range(start, start + width - 1)
    ]


def _reach(stack: Stack, radius: float) -> float:
    """How far from the centre of a particle faults may lie, in spacings of layers."""
    return radius / stack.spacing - _CAP


def _widths(stack: Stack, stacking_faults: int, twins: int) -> Sequence[int]:
    """Layers that each fault takes: those that turn the stack and one that is left between it and the next."""
    turns_of_fault, turns_of_twin = _TURNS[stack.family]
    return [turns_of_fault + 1] * stacking_faults + [turns_of_twin + 1] * twins
