"""Four specimens of the full protocol at its own settings: 12.8 nm, 0.1 A, 2 A slices, 8 frozen phonons."""

from pathlib import Path

import numpy as np
import pytest
import torch

from temshift.databases.database import Database, DatabaseFolder, simulate_database
from temshift.databases.inspection import inspect_waves
from temshift.exitwaves.store import read_geometry, read_masks, read_waves
from temshift.specimens import build_specimen
from temshift.workflows.input_files import load_database

ROOT = Path(__file__).parents[2]
SLICE = 4


def full_protocol() -> Database:
    return load_database(ROOT / "examples" / "full_protocol.yaml")


def test_the_full_protocol_is_what_was_published() -> None:
    database = full_protocol()
    waves, recipe = database.exit_waves, database.specimens
    assert database.counts == {"training": 512, "test": 128}
    assert recipe.cell == (128.0, 128.0)
    assert recipe.substrate.thickness == (20.0, 80.0)
    assert (recipe.particles.count.minimum, recipe.particles.count.maximum) == (1, 5)
    assert waves.grid((128.0, 128.0)).shape == (1280, 1280)
    assert waves.stored_grid((128.0, 128.0)).shape == (640, 640)
    assert (waves.energy_kev, waves.slice_thickness_angstrom, waves.phonons.configurations) == (300, 2, 8)
    assert (waves.focus, waves.mask.definition) == ("minimum_contrast", "phase")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> DatabaseFolder:
    """The first specimens, as the whole database holds them too: neither count nor shards change a specimen."""
    part = full_protocol().model_copy(update={"counts": {"training": SLICE}, "per_shard": 2})
    return simulate_database(part, tmp_path_factory.mktemp("full") / "database", workers=2)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_slice_of_the_full_protocol(first: DatabaseFolder) -> None:
    (found,) = inspect_waves(first.root)
    assert found.verdict == "2 complete"
    for shard in (0, 1):
        waves, masks = read_waves(first.waves("training"), shard), read_masks(first.waves("training"), shard)
        assert waves.shape == (2, 8, 640, 640)
        intensity = waves.abs().square().mean(dim=(-1, -2))
        assert torch.all((intensity > 0.9) & (intensity <= 1 + 1e-4))
        _expect_different_phonons(waves)
        assert masks.any(dim=(-1, -2)).all()


def _expect_different_phonons(waves: torch.Tensor) -> None:
    """Configurations share the specimen, not the displacements: they correlate, and differ."""
    for specimen in waves:
        scattered = (specimen - 1).flatten(1)
        overlap = torch.corrcoef(torch.view_as_real(scattered).flatten(1))
        off_diagonal = overlap[~torch.eye(8, dtype=torch.bool)]
        assert float(off_diagonal.min()) > 0.5 and float(off_diagonal.max()) < 0.999


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_geometry_of_the_slice(first: DatabaseFolder) -> None:
    recipe, seed = full_protocol().specimens, full_protocol().sets["training"].seed
    for number, row in enumerate(read_geometry(first.waves("training"))):
        atoms = build_specimen(recipe, seed, number)
        on_top = atoms.positions[atoms.arrays["particle"] >= 0, 2]
        exit_plane = float(atoms.cell.lengths()[2])
        assert exit_plane - on_top.max() - 10 <= row["focus_height_angstrom"] <= exit_plane - on_top.min() + 10
        assert row["particle_height_angstrom"] == pytest.approx(
            exit_plane - on_top.mean() - row["focus_height_angstrom"], abs=1e-6
        )
        assert len(row["coverage"]) == len(atoms.info["particles"])
        assert np.mean(row["coverage"]) > 0.5
        assert row["warnings"] == []
