"""A segmentation on disk: calibrated planes, a table of the particles, outlines, and a record of all that was done."""

import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.special import expit

from temshift.recordings import Known, Micrograph
from temshift.segmentation.outlines import imagej_rois, napari_shapes, outlines
from temshift.segmentation.segment import Segmentation, on_camera
from temshift.storage import write_bytes, write_json
from temshift.storage.provenance import versions_of

RECORD = "segmentation.json"
FILES = {
    "mask": "mask.tif",
    "probability": "probability.tif",
    "labels": "labels.tif",
    "particles": "particles.csv",
    "rois": "outlines.zip",
    "shapes": "outlines.csv",
}
_MOST_LABELS = 2**16  # ImageJ knows no integers of 32 bits


def write_segmentation(folder: Path | str, segmentation: Segmentation, more: Mapping[str, Any] | None = None) -> None:
    """Write a segmentation into a folder; its record is last.

    Parameters
    ----------
    folder : path
        Made if it is missing.
    segmentation : Segmentation
    more : mapping, optional
        Further plain JSON values for the record.

    Raises
    ------
    TemshiftError
        If the disk is full or the folder cannot be written to.
    """
    folder, pixel = Path(folder), segmentation.micrograph.pixel_angstrom.value
    probability = expit(segmentation.logits)
    labels = on_camera(segmentation.labels, segmentation)
    stored = labels.astype(np.uint16 if labels.max() < _MOST_LABELS else np.float32)
    planes = {
        "mask": np.where(on_camera(segmentation.mask, segmentation), 255, 0).astype(np.uint8),
        "probability": on_camera(probability, segmentation),
        "labels": stored,
    }
    for name, plane in planes.items():
        write_bytes(folder / FILES[name], calibrated_tiff(plane, pixel))
    drawn = outlines(segmentation)
    write_bytes(folder / FILES["particles"], segmentation.particles.write_csv().encode())
    write_bytes(folder / FILES["rois"], imagej_rois(drawn))
    write_bytes(folder / FILES["shapes"], napari_shapes(drawn).write_csv().encode())
    write_json(folder / RECORD, {**record(segmentation), **(more or {})})


def calibrated_tiff(plane: NDArray[Any], pixel_angstrom: tuple[float, float]) -> bytes:
    """Encode a plane as the TIFF that Fiji opens with its pixel size in nm.

    Parameters
    ----------
    plane : ndarray (y, x)
        Of uint8, uint16 or float32.
    pixel_angstrom : (float, float)
        Pixel size along (y, x) [A].
    """
    down, across = (side / 10 for side in pixel_angstrom)
    buffer = io.BytesIO()
    metadata = {"unit": "nm", "yunit": "nm", "zunit": "nm"}
    tifffile.imwrite(buffer, plane, imagej=True, resolution=(1 / across, 1 / down), metadata=metadata)
    return buffer.getvalue()


def record(segmentation: Segmentation) -> dict[str, Any]:
    """Describe a segmentation in plain JSON values: facts with their sources, steps, the check of the pixel size."""
    check = segmentation.check
    return {
        "image": segmentation.micrograph.name,
        "facts": facts(segmentation.micrograph),
        "pixels": list(segmentation.micrograph.counts.shape),
        "network_pixels": list(segmentation.grid.shape),
        "network_pixel_angstrom": list(segmentation.grid.sampling),
        "particles": len(segmentation.particles),
        "steps": [
            {"name": step.name, "sentence": step.sentence, "changed": step.changed} for step in segmentation.steps
        ],
        "lattice": None
        if check is None
        else {
            "crystal": check.crystal,
            "pixel_angstrom": None if check.pixel_angstrom is None else list(check.pixel_angstrom),
            "relative_error": check.error,
            "relative_deviation": check.deviation,
            "spacings_angstrom": list(check.spacings_angstrom),
        },
        "versions": versions_of(),
    }


def facts(micrograph: Micrograph) -> dict[str, Any]:
    """Return the facts that are known of a micrograph, each with its source."""
    known = {field.name: getattr(micrograph, field.name) for field in fields(micrograph)}
    return {
        name: {"value": list(fact.value) if isinstance(fact.value, tuple) else fact.value, "source": fact.source}
        for name, fact in known.items()
        if isinstance(fact, Known)
    }
