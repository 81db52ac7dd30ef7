"""A database of discs that only shift the phase: small enough to score on in no time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, ExitWaveSettings, StoreLayout, create_store, write_shard

SIZE, SAMPLING, PER_SHARD = 32, 0.4, 2
COUNTS = {"training": 2, "test": 5}


def disc(number: int) -> ExitWave:
    """Return a wave whose phase is 1.5 within a disc, and the disc as its mask."""
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = np.hypot(y - 10 - 2 * number, x - 16) < 6
    phase = torch.from_numpy(1.5 * mask)[None]
    return ExitWave(torch.exp(1j * phase).to(torch.complex64), mask, {"specimen": number})


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of two sets that no test changes."""
    root = tmp_path_factory.mktemp("discs")
    exit_waves = ExitWaveSettings(energy_kev=300, sampling_angstrom=SAMPLING, slice_thickness_angstrom=2.0)
    for seed, (name, count) in enumerate(COUNTS.items()):
        store, layout = root / "waves" / name, StoreLayout(count, 1, Grid((SIZE, SIZE), (SAMPLING,) * 2), PER_SHARD)
        create_store(store, layout, {"exit_waves": exit_waves.identity(), "seed": seed})
        for shard in range(layout.shards):
            write_shard(store, shard, [disc(10 * seed + number) for number in layout.specimens_of(shard)])
    return root
