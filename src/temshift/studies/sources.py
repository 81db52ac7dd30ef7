"""Stored waves, networks and test micrographs of a study, loaded for work."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from temshift.exitwaves.store import Shard, read_layout, read_shards
from temshift.micrographs import MicrographSource, scoring_batches
from temshift.micrographs.formation import Batch
from temshift.networks import code_of, load
from temshift.optics.image_formation import WaveSpectra, wave_spectra
from temshift.studies.folder import StudyFolder
from temshift.studies.planning.part import ImageSource, NetworkRun, TestCondition

SCORING_BATCH = 32
FEWEST_KEPT = 3  # sets of waves that a worker keeps however large they are: to train on, to watch by, to test on
KEPT_BYTES = 600e6  # of more of them, which networks on several kinds of specimens take by turns

_Key = tuple[Path, tuple[float, float, float], str, int]


def load_network(root: Path, run: NetworkRun, device: str) -> nn.Module:
    """Load a trained network of a study, ready to segment."""
    return load(StudyFolder(root).network(run.id), code=code_of(run.network)).to(device)


def test_batches(root: Path, test: TestCondition, device: str) -> Iterator[Batch]:
    """Yield the micrographs of a test condition, one of every specimen, with their masks."""
    source = source_of(root, test.source, device)
    return scoring_batches(source, test.conditions, batch=SCORING_BATCH, stream=test.stream)


def source_of(root: Path, source: ImageSource, device: str, specimens: int | None = None) -> MicrographSource:
    """Load the waves and masks of a database, ready to form images; a worker keeps the last ones.

    Where the first ``specimens`` are enough, the shards beyond them are not read.
    """
    store = root / source.store
    layout = read_layout(store)
    shards = layout.shards if specimens is None else min(layout.shards, math.ceil(specimens / layout.per_shard))
    return MicrographSource(*_KEPT.read((store, source.band, device, shards)), source.imaging)


def read_spectra(
    waves: Path | str, band: tuple[float, float, float], device: str, shards: int
) -> tuple[WaveSpectra, Tensor]:
    """Read and transform the waves of a store, shard by shard: memory holds the spectra, and the waves of one shard.

    Parameters
    ----------
    waves : Path
        The store.
    band : tuple of float
        As for :class:`temshift.studies.planning.plan.ImageSource`.
    device : str
        Memory of the spectra and masks.
    shards : int
        How many of its shards are read, from the first.

    Returns
    -------
    WaveSpectra, Tensor (specimen, y, x) of bool
        Spectra and masks.

    Raises
    ------
    DamagedError
        If a shard is missing or was altered.
    """
    waves = Path(waves)
    grid = read_layout(waves).grid

    def transformed(shard: Shard) -> tuple[WaveSpectra, Tensor]:
        return wave_spectra(shard.waves.to(device), grid, *band), shard.masks

    parts, masks = zip(*map(transformed, read_shards(waves, range(shards))), strict=True)  # map keeps no shard
    spectra = replace(parts[0], values=torch.cat([part.values for part in parts]))
    return spectra, torch.cat(masks).to(device)


class _Kept:
    """Waves that were read last: three sets at least, and more while all together take little memory."""

    def __init__(self) -> None:
        self._sets: dict[_Key, tuple[WaveSpectra, Tensor]] = {}

    def read(self, key: _Key) -> tuple[WaveSpectra, Tensor]:
        """Return spectra and masks, read from disk if they are not kept."""
        waves = self._sets.pop(key, None) or read_spectra(*key)
        self._sets[key] = waves  # the last one
        while len(self._sets) > FEWEST_KEPT and self.bytes > KEPT_BYTES:
            self._sets.pop(next(iter(self._sets)))
        return waves

    @property
    def bytes(self) -> int:
        """Memory of all that is kept."""
        return sum(spectra.values.nbytes + masks.nbytes for spectra, masks in self._sets.values())


_KEPT = _Kept()
