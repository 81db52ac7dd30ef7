"""MicrographDataset in a DataLoader against the project's own batches of the same images, as a ratio in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/dataset.py

Both form the same images of the same stored waves, 16 a step, in this process.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from timing import paired_ratio, tell
from torch.utils.data import DataLoader

from temshift.core import Grid
from temshift.exitwaves import ExitWave, ExitWaveSettings, StoreLayout, create_store, write_shard
from temshift.micrographs import Batch, MicrographSource, Stream, one_thread, training_batches
from temshift.scoring import TRAINING
from temshift.studies import read_spectra
from temshift.workflows import MicrographDataset

ENERGY, SPECIMENS, BATCH = 300, 64, 16
SIDES = {128: 0.4, 256: 0.2}  # pixels and their size [A]
SEMIANGLE = 12.0  # mrad
CONDITIONS = {
    "defocus_nm": {"normal": {"mean": -10, "sd": 1.5}},
    "dose_e_per_A2": 400,
    "semiangle_cutoff_mrad": SEMIANGLE,
    "focal_spread_sigma_nm": 1.0,
}


def store_waves(folder: Path, side: int, sampling: float) -> StoreLayout:
    """Random phase objects with a disc each; their values change no time."""
    draws = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(float(side)), torch.arange(float(side)), indexing="ij")
    mask = torch.hypot(y - side / 2, x - side / 2) < side / 4
    layout = StoreLayout(SPECIMENS, 1, Grid((side, side), (sampling, sampling)), SPECIMENS)
    exit_waves = ExitWaveSettings(energy_kev=ENERGY, sampling_angstrom=sampling, slice_thickness_angstrom=2.0)
    create_store(folder, layout, {"exit_waves": exit_waves.identity(), "seed": 0})
    phases = 0.1 * torch.randn(SPECIMENS, 1, side, side, generator=draws) * (1 + mask)
    waves = torch.polar(torch.ones_like(phases), phases)
    write_shard(folder, 0, [ExitWave(wave, mask.numpy(), {}) for wave in waves])
    return layout


def passing(batches: Callable[[], Iterable[Batch]]) -> Callable[[], None]:
    """Take every batch, with its mask as a loss needs it."""

    def run() -> None:
        for _, masks in batches():
            masks.float()

    return run


def compare(side: int, sampling: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = store_waves(Path(folder) / "waves" / "training", side, sampling)
        dataset = MicrographDataset(folder, CONDITIONS)
        band = (ENERGY * 1e3, SEMIANGLE * 1e-3, 0.0)
        spectra, masks = read_spectra(Path(folder) / "waves" / "training", band, "cpu", layout.shards)
    source, stream = MicrographSource(spectra, masks), Stream(0, (TRAINING, 0))
    loader = DataLoader(dataset, batch_size=BATCH)

    def ours() -> Iterable[Batch]:
        return training_batches(source, dataset.conditions, steps=SPECIMENS // BATCH, batch=BATCH, stream=stream)

    for mine, peers in zip(loader, ours(), strict=True):
        assert all(torch.equal(*pair) for pair in zip(mine, (peers[0], peers[1].float()), strict=True))
    figures = paired_ratio(passing(lambda: loader), passing(ours), rounds=20, clock=time.process_time)
    tell(f"{SPECIMENS} images of {side}^2 from a DataLoader", "training_batches", figures)


if __name__ == "__main__":
    one_thread()
    for side, sampling in SIDES.items():
        compare(side, sampling)
