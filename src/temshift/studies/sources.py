"""Stored waves, networks and test micrographs of a study, loaded for work."""

import functools
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


def load_network(root: Path, run: NetworkRun, device: str) -> nn.Module:
    """Load a trained network of a study, ready to segment."""
    return load(StudyFolder(root).network(run.id), code=code_of(run.network)).to(device)


def test_batches(root: Path, test: TestCondition, device: str) -> Iterator[Batch]:
    """Yield the micrographs of a test condition, one of every specimen, with their masks."""
    source = source_of(root, test.source, device)
    return scoring_batches(source, test.conditions, batch=SCORING_BATCH, stream=test.stream)


def source_of(root: Path, source: ImageSource, device: str, specimens: int | None = None) -> MicrographSource:
    """Load the waves and masks of a database, ready to form images; a worker keeps the last three.

    Where the first ``specimens`` are enough, the shards beyond them are not read.
    """
    store = root / source.store
    layout = read_layout(store)
    shards = layout.shards if specimens is None else min(layout.shards, math.ceil(specimens / layout.per_shard))
    return MicrographSource(*_kept(store, source.band, device, shards), source.imaging)


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


_kept = functools.lru_cache(maxsize=3)(read_spectra)
