"""The pixel size by the lattice of a crystal: spots in the spectrum of an image, held against its reflections."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.stats import binom

from temshift.core import Grid
from temshift.specimens import Crystal, unit_cell

MISMATCH = 0.03  # relative: beyond it, the pixel size of a file is not to be trusted
_TILE = 512  # pixels: spectra of such parts are averaged
_SPREADS = 10  # of the spectrum's noise: what exceeds its ring by more is a spot
_SCALES = np.exp(np.arange(math.log(0.75), math.log(1.34), 0.001))  # true pixel over that of the file
_WIDTH = 0.75, 0.004  # of a spot: in steps of the spectrum and as a share of its frequency
_REACH = 0.95  # of the Nyquist frequency
_FINEST = 1.0  # A: finer spacings are not looked for
_WEAKEST = 0.02  # of the strongest reflection
_LEAST_SPOTS = 2  # in half a plane; the other half is the same
_LEAST_SCORE = 0.25  # share of the spots explained, beyond chance
_RIVAL = 0.9  # of the best score: another scale that explains as much leaves the pixel size open
_APART = 0.02  # relative: scales that differ by less are one
_NEAR = 1.5  # widths: a spot so near to a ring is of it
_CHANCE, _CHANCE_STEP = 0.01, 0.01  # of images that may be judged wrongly; scales that differ by this are independent
_SAME = 0.05  # relative: spots that differ by less are of one spacing
_SUBPIXEL = 0.1  # step: the accuracy of the centre of one spot

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LatticeCheck:
    """The pixel size that the lattice of a crystal gives.

    Attributes
    ----------
    crystal : str
        Its name.
    pixel_angstrom : (float, float) or None
        Pixel size along (y, x) [A]; None if fewer than two spacings are seen, or two sizes explain them equally well.
    error : float or None
        Its relative standard error.
    deviation : float or None
        The lattice's pixel over the file's, less 1.
    spacings_angstrom : tuple of float
        Spacings of the crystal that were seen.
    spots : int
        Number of spots in half the spectrum.
    sentence : str
        The verdict for people.
    """

    crystal: str
    pixel_angstrom: tuple[float, float] | None
    error: float | None
    deviation: float | None
    spacings_angstrom: tuple[float, ...]
    spots: int
    sentence: str

    @property
    def mismatch(self) -> bool:
        """Whether the pixel size of the file is off by more than 3 %."""
        return self.deviation is not None and abs(self.deviation) > MISMATCH


def check_lattice(image: NDArray[np.float32], grid: Grid, crystal: Crystal) -> LatticeCheck:
    """Measure the pixel size of an image that shows a known crystal.

    Parameters
    ----------
    image : ndarray (y, x)
        Cleaned.
    grid : Grid
        Its pixels, as the file gives them.
    crystal : Crystal
        The crystal.

    Returns
    -------
    LatticeCheck
    """
    tiles = Grid(_tile_shape(image.shape), grid.sampling)
    places, weights = _spots(averaged_spectrum(image), tiles)
    rings, strengths = reflections(crystal, min(_REACH * grid.nyquist / _SCALES[0], 1 / _FINEST))
    if len(places) < _LEAST_SPOTS or not len(rings):
        return _open(crystal, len(places), "no lattice is seen in the spectrum")
    if np.ptp(places) < _SAME * places.mean():
        return _open(crystal, len(places), _single(places, crystal))
    scores = np.array([_score(places * scale, weights, rings, strengths, tiles) for scale in 1 / _SCALES])
    scale = float(_SCALES[scores.argmax()])
    reason = _doubt(scores, scale, places / scale, rings, tiles)
    if reason:
        return _open(crystal, len(places), f"{reason} {crystal.name}")
    return _measured(crystal, grid, places, weights, rings, scale, tiles)


def _doubt(scores: Array, scale: float, places: Array, rings: Array, tiles: Grid) -> str:
    """Say why the best scale is not to be trusted, up to the name of the crystal; nothing if it is."""
    if scores.max() < _LEAST_SCORE:
        return "the spots in the spectrum are not those of"
    if not _significant(places, rings, tiles):
        return f"{len(places)} spots may lie by chance on the rings of"
    rivals = np.abs(np.log(_SCALES / scale)) > _APART
    if scores[rivals].max() > _RIVAL * scores.max():
        return "two pixel sizes explain equally well the spots of"
    return ""


def _single(places: Array, crystal: Crystal) -> str:
    spacing = f"{1 / places.mean():.3g} A by the file's pixels"
    return f"a single spacing is seen, {spacing}, which several of {crystal.name} may be"


def _open(crystal: Crystal, spots: int, reason: str) -> LatticeCheck:
    return LatticeCheck(crystal.name, None, None, None, (), spots, f"{reason}: the pixel size is not checked")


def _measured(
    crystal: Crystal, grid: Grid, places: Array, weights: Array, rings: Array, scale: float, tiles: Grid
) -> LatticeCheck:
    """Refine a scale by the centres of the spots that it explains."""
    nearest = np.abs(places[:, None] / scale - rings).argmin(1)
    explained = np.abs(places / scale - rings[nearest]) < 2 * _width(rings[nearest], tiles)
    ratios = places[explained] / rings[nearest][explained]
    shares = weights[explained] / weights[explained].sum()
    refined = float((shares * ratios).sum())
    steps = _SUBPIXEL * tiles.frequency_step / places[explained]
    variance = (shares**2 * ((ratios - refined) ** 2 + steps**2)).sum() * len(ratios) / max(1, len(ratios) - 1)
    seen = tuple(sorted({round(float(1 / ring), 3) for ring in rings[nearest][explained]}, reverse=True))
    if len(seen) < 2:
        return _open(crystal, len(places), _single(places[explained], crystal))
    pixel = (grid.sampling[0] * refined, grid.sampling[1] * refined)
    error = float(np.sqrt(variance)) / refined
    return LatticeCheck(
        crystal.name, pixel, error, refined - 1, seen, len(places), _verdict(crystal, pixel, error, refined - 1)
    )


def _verdict(crystal: Crystal, pixel: tuple[float, float], error: float, deviation: float) -> str:
    size = (
        f"the lattice of {crystal.name} gives pixels of {pixel[1]:.4g} A +- {error:.1%}, {deviation:+.1%} from the file"
    )
    if abs(deviation) <= MISMATCH:
        return size
    return f"{size}: one of them is wrong; give --pixel-angstrom {pixel[1]:.4g} if the crystal is right"


def _significant(places: Array, rings: Array, grid: Grid) -> bool:
    """Return whether chance puts so many spots on the rings of any scale in less than one of a hundred images."""
    low, high = places.min() - _width(rings[:1], grid)[0], places.max() + _width(rings[-1:], grid)[0]
    sampled = np.linspace(low, high, 2000)
    covered = float(_on_rings(sampled, rings, grid).mean())
    explained = int(_on_rings(places, rings, grid).sum())
    by_chance = float(binom.sf(explained - 1, len(places), covered))
    return by_chance * math.log(_SCALES[-1] / _SCALES[0]) / _CHANCE_STEP < _CHANCE


def _on_rings(places: Array, rings: Array, grid: Grid) -> NDArray[np.bool_]:
    nearest = rings[np.abs(places[:, None] - rings).argmin(1)]
    near: NDArray[np.bool_] = np.abs(places - nearest) < _NEAR * _width(nearest, grid)
    return near


def _tile_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    return min(_TILE, shape[0]), min(_TILE, shape[1])


def averaged_spectrum(image: NDArray[np.float32]) -> Array:
    """Return the power spectrum of parts of 512 pixels, faded out at their borders and averaged.

    Parameters
    ----------
    image : ndarray (y, x)

    Returns
    -------
    ndarray (y, x)
        Zero frequency at [0, 0]; of the image itself if it is smaller.
    """
    height, width = _tile_shape(image.shape)
    window = np.hanning(height)[:, None] * np.hanning(width)
    total, number = np.zeros((height, width)), 0
    for row in _starts(image.shape[0], height):
        for column in _starts(image.shape[1], width):
            part = image[row : row + height, column : column + width].astype(np.float64)
            total += np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2
            number += 1
    return total / number


def _starts(size: int, side: int) -> list[int]:
    steps = math.ceil((size - side) / (side // 2))
    return [round(number * (size - side) / max(1, steps)) for number in range(steps + 1)]


def _spots(spectrum: Array, grid: Grid) -> tuple[Array, Array]:
    """Frequencies [1/A] and weights of the spots of half a spectrum."""
    excess = _over_ring(spectrum, grid)
    qy, qx = grid.frequencies()
    q = np.hypot(qy, qx)
    inside = (q > 4 * grid.frequency_step) & (q < _REACH * grid.nyquist)
    spread = float(np.subtract(*np.quantile(excess[inside], (0.84, 0.5))))
    peaks = (excess == maximum_filter(excess, 5, mode="wrap")) & (excess > 1 + _SPREADS * spread)
    half = (qx > 0) | ((qx == 0) & (qy > 0))
    places = np.argwhere(peaks & inside & half)
    centres = np.array([_centre(excess, qy, qx, place) for place in places])
    return centres, np.log(excess[tuple(places.T)]) if len(places) else np.zeros(0)


def _over_ring(spectrum: Array, grid: Grid) -> Array:
    """The spectrum over the median of its ring; at least twice as wide rings as steps hold enough frequencies."""
    qy, qx = grid.frequencies()
    rings = (np.hypot(qy, qx) / (2 * grid.frequency_step)).astype(int).ravel()
    order = np.argsort(rings, kind="stable")
    parts = np.split(spectrum.ravel()[order], np.flatnonzero(np.diff(rings[order])) + 1)
    medians = np.array([float(np.median(part)) for part in parts])
    medians = np.maximum(medians, np.finfo(float).tiny)
    excess: Array = (spectrum.ravel() / medians[rings]).reshape(spectrum.shape)
    return excess


def _centre(excess: Array, qy: Array, qx: Array, place: NDArray[np.intp]) -> float:
    """The frequency of a spot, by the centre of gravity of the pixels around its highest."""
    rows, columns = ((np.arange(-2, 3) + start) % size for start, size in zip(place, excess.shape, strict=True))
    around = np.ix_(rows, columns)
    weights = np.clip(excess[around] - 1, 0, None)
    return float(np.hypot(*((weights * axis[around]).sum() / weights.sum() for axis in (qy, qx))))


def _width(frequency: Array, grid: Grid) -> Array:
    return _WIDTH[0] * grid.frequency_step + _WIDTH[1] * frequency


def _score(places: Array, weights: Array, rings: Array, strengths: Array, grid: Grid) -> float:
    """The share of the spots that rings explain, less the share that they would explain by chance."""
    nearest = np.abs(places[:, None] - rings).argmin(1)
    distance = (places - rings[nearest]) / _width(rings[nearest], grid)
    explained = float((weights * strengths[nearest] * np.exp(-(distance**2) / 2)).sum() / weights.sum())
    span = float(np.ptp(places)) + 8 * grid.frequency_step
    near = (rings > places.min() - span / 4) & (rings < places.max() + span / 4)
    chance = float((strengths[near] * 2.5 * _width(rings[near], grid)).sum()) / span
    return explained - min(chance, 1.0)


def reflections(crystal: Crystal, highest: float) -> tuple[Array, Array]:
    """Return the frequencies of a crystal's reflections, and their strengths next to the strongest.

    Scattering is that of point charges, with the thermal factor of B = 0.5 A^2: enough to leave out forbidden and weak
    ones.

    Parameters
    ----------
    crystal : Crystal
    highest : float
        Frequency up to which they are listed [1/A].

    Returns
    -------
    ndarray (rings,), ndarray (rings,)
        Frequencies [1/A], ascending, and the fourth roots of the intensities of all reflections of a ring, at most 1.
    """
    atoms = unit_cell(crystal)
    reciprocal = np.asarray(atoms.cell.reciprocal())
    most = [math.ceil(highest * length) for length in atoms.cell.lengths()]
    indices = np.stack(np.meshgrid(*(np.arange(-side, side + 1) for side in most), indexing="ij"), -1).reshape(-1, 3)
    q = np.linalg.norm(indices @ reciprocal, axis=1)
    indices, q = indices[(q > 0) & (q <= highest)], q[(q > 0) & (q <= highest)]
    phases = np.exp(2j * np.pi * indices @ atoms.get_scaled_positions().T)
    intensities = np.abs((phases * atoms.numbers).sum(1) * np.exp(-0.5 * q**2 / 4)) ** 2 / q**2
    rings, number = np.unique(np.round(q, 4), return_inverse=True)
    sums = np.bincount(number, intensities)
    strong = sums > _WEAKEST * sums.max(initial=0.0)
    return rings[strong], (sums[strong] / sums.max(initial=1e-300)) ** 0.25
