"""Micrographs in memory: from and to HyperSpy, and from abTEM; neither is imported unless it is asked for."""

import math
from typing import Any

import numpy as np

from temshift.core import InputError
from temshift.recordings.frames import one_image
from temshift.recordings.micrograph import Known, Micrograph
from temshift.recordings.reading import micrograph_of, pixel_of
from temshift.recordings.recording import Axis, Recording, frames_of
from temshift.recordings.rosetta import recording_of


def from_hyperspy(signal: Any, *, frame: int | None = None, name: str = "HyperSpy signal") -> Micrograph:
    """Return a micrograph of a ``Signal2D`` of HyperSpy, lazy or not.

    Parameters
    ----------
    signal : Signal2D
        With a calibrated signal axis in y and x.
    frame : int, optional
        Of a stack, the frame to take; all are summed by default, see `read_micrograph`.
    name : str
        Its name for people.

    Returns
    -------
    Micrograph

    Raises
    ------
    InputError
        If it is no calibrated image.
    """
    axes = [
        {"size": axis.size, "scale": getattr(axis, "scale", None), "units": axis.units}
        for axis in signal.axes_manager._axes
    ]
    metadata, original = (getattr(signal, part).as_dictionary() for part in ("metadata", "original_metadata"))
    given = {"data": signal.data, "axes": axes, "metadata": metadata, "original_metadata": original}
    return _micrograph(recording_of([given], name, "HyperSpy's axes"), frame, name)


def to_hyperspy(micrograph: Micrograph) -> Any:
    """Return a micrograph as a calibrated ``Signal2D`` of HyperSpy, in nm.

    Raises
    ------
    InputError
        If HyperSpy is not installed.
    """
    try:
        from hyperspy.signals import Signal2D
    except ImportError:
        raise InputError("HyperSpy is not installed: pip install hyperspy") from None
    axes = [
        {"name": axis, "size": size, "scale": side / 10, "offset": 0.0, "units": "nm"}
        for axis, size, side in zip("yx", micrograph.counts.shape, micrograph.pixel_angstrom.value, strict=True)
    ]
    microscope: dict[str, Any] = {}
    if micrograph.energy_kev is not None:
        microscope["beam_energy"] = micrograph.energy_kev.value
    if micrograph.exposure_s is not None:
        microscope["Camera"] = {"exposure": micrograph.exposure_s.value}
    metadata = {"General": {"title": micrograph.name}, "Acquisition_instrument": {"TEM": microscope}}
    return Signal2D(micrograph.counts, axes=axes, metadata=metadata)


def from_abtem(measurement: Any, *, frame: int | None = None, name: str = "abTEM") -> Micrograph:
    """Return a micrograph of abTEM's images, or of its waves, whose squared modulus is taken.

    Parameters
    ----------
    measurement : abtem.measurements.Images or abtem.Waves
        Lazy or not; ensembles are stacks. abTEM's axes (x, y) become (y, x).
    frame : int, optional
        See `from_hyperspy`.
    name : str
        Its name for people.

    Returns
    -------
    Micrograph

    Raises
    ------
    InputError
        If it is no image in real space.
    """
    sampling = getattr(measurement, "sampling", None)
    kinds = {type(axis).__name__ for axis in getattr(measurement, "base_axes_metadata", ())}
    if kinds != {"RealSpaceAxis"} or sampling is None or len(sampling) != 2 or None in sampling:
        raise InputError(f"{name} holds no image in real space; give Images, or waves")
    if hasattr(measurement, "intensity") and np.dtype(measurement.dtype).kind == "c":
        measurement = measurement.intensity()
    computed = measurement.compute() if hasattr(measurement, "compute") else measurement
    array = np.swapaxes(np.asarray(computed.array), -1, -2)
    axes = (Axis(float(sampling[1]), "A"), Axis(float(sampling[0]), "A"))
    return _micrograph(Recording(frames_of(array, name), axes, "abTEM's sampling", _energy(measurement)), frame, name)


def _energy(measurement: Any) -> dict[str, Known[Any]]:
    volts = (getattr(measurement, "metadata", None) or {}).get("energy")
    if not isinstance(volts, int | float) or not math.isfinite(volts) or volts <= 0:
        return {}
    return {"energy_kev": Known(volts / 1e3, "abTEM's metadata")}


def _micrograph(recording: Recording, frame: int | None, name: str) -> Micrograph:
    counts, remarks = one_image(recording.frames, frame, name)
    return micrograph_of(name, counts, pixel_of(recording, None, name), dict(recording.facts), remarks)
