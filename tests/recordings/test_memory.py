"""Micrographs in memory: HyperSpy's signals, in whose place a stand-in of the same face is taken, and abTEM's."""

from types import SimpleNamespace
from typing import Any

import abtem
import numpy as np
import pytest

from temshift.core import InputError
from temshift.recordings import Known, Micrograph, from_abtem, from_hyperspy, to_hyperspy

IMAGE = np.random.default_rng(0).normal(100, 30, (40, 60)).astype(np.float32)


def signal(data: np.ndarray, scales: tuple[float, ...], units: tuple[Any, ...], kind: str = "") -> Any:
    """The part of a signal's face that is read: axes in the order of the array, and trees of metadata."""
    axes = [
        SimpleNamespace(size=size, scale=scale, units=unit)
        for size, scale, unit in zip(data.shape, scales, units, strict=True)
    ]
    instrument = {"TEM": {"beam_energy": 300.0, "Camera": {"exposure": 0.5}}}
    metadata = {"Signal": {"signal_type": kind}, "Acquisition_instrument": instrument}
    trees = [SimpleNamespace(as_dictionary=lambda tree=tree: tree) for tree in (metadata, {})]
    manager = SimpleNamespace(_axes=axes)
    return SimpleNamespace(data=data, axes_manager=manager, metadata=trees[0], original_metadata=trees[1])


def test_from_hyperspy() -> None:
    micrograph = from_hyperspy(signal(IMAGE, (40.0, 0.05), ("pm", "nm")))
    assert micrograph.pixel_angstrom == Known((pytest.approx(0.4), pytest.approx(0.5)), "HyperSpy's axes")
    assert micrograph.energy_kev is not None and micrograph.energy_kev.value == 300
    assert micrograph.exposure_s is not None and micrograph.exposure_s.value == 0.5
    assert np.array_equal(micrograph.counts, IMAGE)
    frames = from_hyperspy(signal(np.stack([IMAGE] * 3), (1.0, 0.05, 0.05), (None, "nm", "nm")), frame=1)
    assert np.array_equal(frames.counts, IMAGE)
    for wrong in (("1/nm", "1/nm"), ("nm", "eV"), (None, None)):
        with pytest.raises(InputError):
            from_hyperspy(signal(IMAGE, (0.05, 0.05), wrong))


def test_to_hyperspy_and_back() -> None:
    pytest.importorskip("hyperspy", reason="HyperSpy is not installed")
    given = Micrograph("a", IMAGE, Known((0.4, 0.5), "test"), energy_kev=Known(300.0, "test"))
    back = from_hyperspy(to_hyperspy(given))
    assert back.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    assert back.energy_kev is not None and back.energy_kev.value == 300


def test_to_hyperspy_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "hyperspy.signals", None)
    with pytest.raises(InputError, match="pip install hyperspy"):
        to_hyperspy(Micrograph("a", IMAGE, Known((0.4, 0.5), "test")))


def test_from_abtem() -> None:
    rectangular = IMAGE.T  # abTEM's axes are x, y
    images = abtem.measurements.Images(rectangular, sampling=(0.5, 0.4), metadata={"energy": 300e3})
    micrograph = from_abtem(images)
    assert np.array_equal(micrograph.counts, IMAGE)
    assert micrograph.pixel_angstrom.value == (0.4, 0.5)
    assert micrograph.energy_kev == Known(300.0, "abTEM's metadata")
    wave = abtem.Waves(rectangular.astype(np.complex64), energy=300e3, sampling=(0.5, 0.4))
    assert np.allclose(from_abtem(wave).counts, IMAGE**2, rtol=1e-5)
    assert from_abtem(wave).energy_kev == Known(300.0, "abTEM's metadata")


def test_diffraction_patterns_of_abtem_are_refused() -> None:
    patterns = abtem.measurements.DiffractionPatterns(IMAGE.T, sampling=(0.01, 0.01))
    with pytest.raises(InputError, match="real space"):
        from_abtem(patterns)
