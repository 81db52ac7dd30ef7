"""Image formation against abTEM, and as a share of training steps, as ratios in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/image_formation.py [--quick]

Both sides get the same waves, grid and conditions, and compute in single precision on one thread; abTEM gets pyFFTW
with plans that are measured in the warm-up rounds. Ours transforms exit waves once, before; abTEM's apply_ctf does so
for every image, as its user would. Training is that of the quick study: images drawn, formed, counted and
augmented, then one step of a network; on a CUDA device with a U-Net of about 14 million parameters too.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import NamedTuple

import abtem
import numpy as np
import torch
from timing import paired_ratio, tell
from torch import Tensor, nn

from temshift.conditions import COLUMNS, ImagingConditions
from temshift.core import Grid
from temshift.micrographs import MicrographSource, Stream, training_batches
from temshift.networks import CompactUNetSettings, initialised
from temshift.optics import ImagingSettings, coherence_nodes, image_intensities, wave_spectra

ENERGY, DEFOCUS_NM = 300e3, 10.0
BATCH, SPECIMENS, STEPS = 16, 64, 96
WARM_UP = 16


class Case(NamedTuple):
    """Size of images, and focal spreads [nm] that the envelope and a sum of five planes are timed with."""

    side: int
    sampling: float
    cutoff: float  # mrad
    phonons: int
    images: int
    five: float
    rounds: int


CASES = (Case(128, 0.4, 12.0, 1, 16, 5.0, 20), Case(640, 0.2, 20.0, 1, 2, 1.8, 10), Case(640, 0.2, 20.0, 8, 1, 1.8, 5))


def waves_of(grid: Grid, specimens: int, phonons: int) -> Tensor:
    """Random phase objects; their values change no time."""
    phases = 0.1 * torch.randn(specimens, phonons, *grid.shape, generator=torch.Generator().manual_seed(0))
    return torch.polar(torch.ones_like(phases), phases)


def conditions_of(cutoff: float, focal_spread: float) -> ImagingConditions:
    return ImagingConditions.model_validate(
        {
            "defocus_nm": {"normal": {"mean": DEFOCUS_NM, "sd": 1.5}},
            "dose_e_per_A2": 400.0,
            "semiangle_cutoff_mrad": cutoff,
            "focal_spread_sigma_nm": focal_spread,
        }
    )


def theirs(wave: Tensor, grid: Grid, case: Case, defocus: float) -> Callable[[], object]:
    """abTEM's image of one exit wave (phonon, y, x), under an envelope."""
    waves = abtem.Waves(
        wave.numpy().swapaxes(-1, -2).copy(),
        energy=ENERGY,
        sampling=grid.sampling[::-1],
        ensemble_axes_metadata=[abtem.core.axes.FrozenPhononsAxis(_ensemble_mean=True)],
    )

    def image() -> object:
        ctf = abtem.CTF(
            energy=ENERGY,
            semiangle_cutoff=case.cutoff,
            defocus=defocus,
            focal_spread=10 * case.five * 2**0.5,
        )
        return waves.apply_ctf(ctf).intensity().reduce_ensemble().array

    return image


def against_abtem(case: Case) -> None:
    """As many images on each side, each under a lens of its own: the envelope, and five planes of focus."""
    grid = Grid((case.side, case.side), (case.sampling, case.sampling))
    waves = waves_of(grid, case.images, case.phonons)
    spectra = wave_spectra(waves, grid, ENERGY, case.cutoff * 1e-3)
    drawn = conditions_of(case.cutoff, case.five).quantiles(
        np.random.default_rng(0).random((case.images, len(COLUMNS)))
    )
    defoci = (-drawn.aberrations["C10"]).tolist()
    each = [theirs(wave, grid, case, defocus) for wave, defocus in zip(waves, defoci, strict=True)]

    def peer() -> list[object]:
        return [image() for image in each]

    name = f"{case.side} px, {case.sampling:g} A, {case.cutoff:g} mrad, {case.phonons} phonons, {case.images} images"
    for settings in (ImagingSettings(coherence="envelope"), ImagingSettings()):
        planes = len(coherence_nodes(spectra.band, drawn, settings.tolerance)[0].weight)
        ours = f"envelope, {name}" if settings.coherence == "envelope" else f"{planes} planes of focus, {name}"

        def image(settings: ImagingSettings = settings) -> Tensor:
            return image_intensities(spectra, torch.arange(case.images), drawn, settings)

        tell(ours, "abTEM's envelope", paired_ratio(image, peer, case.rounds, time.process_time))


def big_network() -> nn.Module:
    """U-Net of four levels, 14 million parameters: a stand-in for the networks of the published study."""
    widths = (43, 86, 172, 344, 688)
    return _Level(1, widths)


class _Level(nn.Module):
    """Two convolutions, what lies below, and two convolutions again."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        own = widths[0]
        self.down = _convolutions(channels, own)
        self.below = _Level(own, widths[1:]) if len(widths) > 1 else None
        if self.below is not None:
            self.up = nn.ConvTranspose2d(widths[1], own, 2, stride=2)
            self.merge = _convolutions(2 * own, own)
        self.head = nn.Conv2d(own, 1, 1) if channels == 1 else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        found = self.down(images)
        if self.below is not None:
            lower = self.up(self.below(nn.functional.max_pool2d(found, 2)))
            found = self.merge(torch.cat([found, lower], dim=1))
        logits: Tensor = self.head(found)
        return logits


def _convolutions(channels: int, width: int) -> nn.Sequential:
    layers = [(nn.Conv2d(a, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()) for a in (channels, width)]
    return nn.Sequential(*(layer for block in layers for layer in block))


def against_steps(name: str, network: nn.Module, device: str, steps: int) -> None:
    """Formation of the quick study's batches against steps of a network, in turn."""
    grid = Grid((128, 128), (0.4, 0.4))
    waves = waves_of(grid, SPECIMENS, 1).to(device)
    masks = waves[:, 0].angle() > 0.1
    source = MicrographSource(wave_spectra(waves, grid, ENERGY, 12e-3), masks)
    batches = training_batches(
        source, conditions_of(12.0, 1.0), steps=steps + WARM_UP, batch=BATCH, stream=Stream(1, (0,))
    )
    timed = list(_pairs(batches, network.to(device), device))[WARM_UP:]
    formation, step = (fmean(part) for part in zip(*timed, strict=True))  # not medians: some batches draw for others
    print(
        f"batches of {BATCH} on {device}: {formation * 1e3:.1f} ms; step of {name}: {step * 1e3:.1f} ms; "
        f"formation / step {formation / step:.3f}; formation / (formation + step) {formation / (formation + step):.3f}",
        flush=True,
    )


def _pairs(batches: Iterator[tuple[Tensor, Tensor]], network: nn.Module, device: str) -> Iterator[tuple[float, float]]:
    """Seconds of a batch and of a step; processor time on a CPU, by the clock on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    network.train()
    while True:
        started = clock()
        found = next(batches, None)
        if found is None:
            return
        _wait(device)
        formed = clock()
        images, masks = found
        logits = network(images.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, masks.to(images.dtype))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()
        _wait(device)
        yield formed - started, clock() - formed


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images alone, fewer rounds")
    parser.add_argument(
        "--device-only", action="store_true", help="batches beside steps on a CUDA device, and nothing else"
    )
    asked = parser.parse_args()
    quick = asked.quick
    torch.set_num_threads(1)
    abtem.config.set({"precision": "float32", "fft": "fftw", "fftw.threads": 1, "dask.lazy": False})
    abtem.config.set({"diagnostics.progress_bar": False})
    if not asked.device_only:
        for case in CASES[:1] if quick else CASES:
            against_abtem(case)
        against_steps("the compact network", initialised(CompactUNetSettings(), 0), "cpu", STEPS)
    if torch.cuda.is_available():
        against_steps("the compact network", initialised(CompactUNetSettings(), 0), "cuda", STEPS)
        against_steps("a U-Net of 14 million parameters", big_network(), "cuda", STEPS)


if __name__ == "__main__":
    main()
