"""The page of a segmentation, from its arrays."""

import numpy as np
from numpy.typing import NDArray

from temshift.report import ShownParticle, ShownSegmentation
from temshift.segmentation import Labelled, Segmentation, averaged_spectrum, facts, framed_outline, framed_outlines

_MOST_SIDE = 1280  # pixels of the micrograph in a page
_SPECTRUM_SIDE = 384
_DARKEST, _BRIGHTEST = 0.2, 0.9995  # shares of the spectrum's values
_WORDS = {
    "pixel_angstrom": "pixel, A",
    "energy_kev": "energy, keV",
    "exposure_s": "exposure, s",
    "camera": "camera",
    "counts_per_electron": "counts of an electron",
}
_ALARMING = ("clipped", "lattice", "invert")


def shown_segmentation(
    segmentation: Segmentation, network: str, labelled: Labelled | None = None, checked: str | None = None
) -> ShownSegmentation:
    """Gather what the page of a segmentation shows.

    Parameters
    ----------
    segmentation : Segmentation
    network : str
        The name of the network.
    labelled : Labelled, optional
        What labels say of it.
    checked : str, optional
        The same in a sentence.

    Returns
    -------
    ShownSegmentation
    """
    binning = -(-max(segmentation.grid.shape) // _MOST_SIDE)
    spectrum, reach = _spectrum(segmentation)
    check = segmentation.check
    return ShownSegmentation(
        name=segmentation.micrograph.name,
        network=network,
        levels=_levels(segmentation.image, binning),
        pixel_nm=(binning * segmentation.grid.sampling[0] / 10, binning * segmentation.grid.sampling[1] / 10),
        binning=binning,
        particles=_particles(segmentation),
        spectrum=spectrum,
        reach_per_nm=reach,
        spacings_angstrom=() if check is None else check.spacings_angstrom,
        lattice="" if check is None else check.sentence,
        steps=[(step.name, step.sentence, step.changed) for step in segmentation.steps],
        facts=_facts(segmentation),
        warnings=[step.sentence for step in segmentation.steps if step.changed and step.name in _ALARMING],
        checked=checked,
        truth="" if labelled is None else framed_outline(labelled.truth).path,
    )


def _levels(image: NDArray[np.float32], binning: int) -> NDArray[np.uint8]:
    """Grey levels of an image whose blocks are averaged, those at the far ends as far as they go."""
    height, width = (-(-side // binning) * binning for side in image.shape)
    whole = np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1])), mode="edge")
    blocks = whole.reshape(height // binning, binning, width // binning, binning).mean((1, 3))
    low, high = np.quantile(blocks, (0.003, 0.997))
    share = (blocks - low) / max(high - low, np.finfo(np.float32).tiny)
    levels: NDArray[np.uint8] = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return levels


def _particles(segmentation: Segmentation) -> list[ShownParticle]:
    drawn = framed_outlines(segmentation.labels)
    nanometres = [side / 10 for side in segmentation.grid.sampling]
    return [
        ShownParticle(
            number=row["particle"],
            path=drawn[row["particle"]].path,
            left=drawn[row["particle"]].left,
            top=drawn[row["particle"]].top,
            x=row["x_nm"] / nanometres[1],
            y=row["y_nm"] / nanometres[0],
            diameter=row["equivalent_diameter_nm"],
            area=row["area_nm2"],
            eccentricity=row["eccentricity"],
            probability=row["mean_probability"],
            confidence=row["confidence"],
            on_border=row["on_border"],
        )
        for row in segmentation.particles.iter_rows(named=True)
    ]


def _spectrum(segmentation: Segmentation) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Levels of the logarithm of the power spectrum around zero frequency, and the frequencies that it reaches."""
    power = np.fft.fftshift(averaged_spectrum(segmentation.image))
    middle = [side // 2 for side in power.shape]
    half = min(_SPECTRUM_SIDE // 2, *middle)
    part = np.log(np.maximum(power, np.finfo(float).tiny))
    part = part[middle[0] - half : middle[0] + half, middle[1] - half : middle[1] + half]
    low, high = np.quantile(part, (_DARKEST, _BRIGHTEST))
    levels = np.rint(255 * np.clip((part - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
    sides = [half / (side * step / 10) for side, step in zip(power.shape, segmentation.grid.sampling, strict=True)]
    return levels, (sides[0], sides[1])


def _facts(segmentation: Segmentation) -> list[tuple[str, str]]:
    known = facts(segmentation.micrograph)
    rows = [("pixels of the file", " x ".join(map(str, segmentation.micrograph.counts.shape)))]
    for name, words in _WORDS.items():
        if name in known:
            value = known[name]["value"]
            text = " x ".join(f"{side:.4g}" for side in dict.fromkeys(value)) if isinstance(value, list) else f"{value}"
            rows.append((words, f"{text} ({known[name]['source']})"))
        else:
            rows.append((words, "not known"))
    return rows
