"""Sizes and shapes of particles, and how sure the network is of each."""

import math
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.special import expit
from skimage.measure import regionprops_table
from skimage.segmentation import expand_labels

from temshift.core import Grid

SURE = 1.0  # logit: a probability of 0.73, and of 0.27 on the other side of the outline
_AROUND = 8  # pixels: so far beyond its outline, a particle may be larger at a lower threshold
_NM = 10.0  # angstrom

PARTICLES: dict[str, Any] = {
    "particle": pl.Int64,
    "y_nm": pl.Float64,
    "x_nm": pl.Float64,
    "area_nm2": pl.Float64,
    "equivalent_diameter_nm": pl.Float64,
    "eccentricity": pl.Float64,
    "mean_probability": pl.Float64,
    "confidence": pl.Float64,
    "on_border": pl.Boolean,
}


def measure(
    labels: NDArray[np.int32], logits: NDArray[np.float32], grid: Grid, hidden: NDArray[np.bool_]
) -> pl.DataFrame:
    """Measure each particle.

    Parameters
    ----------
    labels : ndarray (y, x) of int32
        0 outside, 1, 2, ... on particles.
    logits : ndarray (y, x)
        Of "particle".
    grid : Grid
        The pixels.
    hidden : ndarray (y, x) of bool
        Pixels of which nothing is known; a particle next to them counts as cut by a border.

    Returns
    -------
    polars.DataFrame
        One row a particle, with the columns ``PARTICLES``: the middle (y_nm, x_nm) from the upper left corner; the
        diameter of a disc of its area; the eccentricity of the ellipse of its second moments, 0 for a disc; the mean
        probability over its pixels; the confidence, pixels with a logit above 1 over those with a logit above -1 in
        and around it, which is 1 if the outline does not depend on the threshold; and whether it touches a border.
    """
    if not labels.max():
        return pl.DataFrame(schema=PARTICLES)
    sides = (grid.sampling[0] / _NM, grid.sampling[1] / _NM)
    table = regionprops_table(labels, spacing=sides, properties=("label", "centroid", "area", "eccentricity"))
    numbers = table["label"]
    middle = [table[f"centroid-{axis}"] + sides[axis] / 2 for axis in (0, 1)]
    mean, confidence = _certainty(labels, logits)
    columns = {
        "particle": numbers.astype(np.int64),
        "y_nm": middle[0],
        "x_nm": middle[1],
        "area_nm2": table["area"].astype(np.float64),
        "equivalent_diameter_nm": np.sqrt(4 / math.pi * table["area"]),
        "eccentricity": table["eccentricity"].astype(np.float64),
        "mean_probability": mean,
        "confidence": confidence,
        "on_border": _on_border(labels, hidden)[numbers],
    }
    return pl.DataFrame(columns, schema=PARTICLES)


def _certainty(
    labels: NDArray[np.int32], logits: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean probability and confidence of each particle, in a box around it: no further plane is needed."""
    pairs = []
    for number, box in enumerate(find_objects(labels), start=1):
        place = tuple(slice(max(0, side.start - _AROUND), side.stop + _AROUND) for side in box)
        near, values = labels[place], logits[place]
        own = near == number
        possible = (values > -SURE) & (expand_labels(near, _AROUND) == number)
        sure = float((values[own] > SURE).sum()) / max(1, int(possible.sum()))
        pairs.append((float(expit(values[own].astype(np.float64)).mean()), sure))
    mean, confidence = np.array(pairs).T
    return mean, confidence


def _on_border(labels: NDArray[np.int32], hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    touching = np.zeros(int(labels.max()) + 1, bool)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching[line] = True
    if hidden.any():
        touching[expand_labels(labels, 1)[hidden]] = True
    touching[0] = False
    return touching
