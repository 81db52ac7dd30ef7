"""Sets of waves that grow: specimens that are the same are taken over, verified, and never mixed up."""

from pathlib import Path

import pytest
import torch

from temshift.configuration.model import load_configuration
from temshift.databases import Database, wave_sets
from temshift.databases.wave_sets import WaveSet, make_waves
from temshift.execution import SilentProgress, Work, make_executor
from temshift.exitwaves import read_masks, read_waves
from temshift.exitwaves.store import read_geometry, verify_store

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiny_database.yaml"


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the shards that are simulated."""
    shards: list[int] = []
    plain = wave_sets.simulate_shard

    def listening(place: Path, waves: WaveSet, shard: int, device: str) -> None:
        shards.append(shard)
        plain(place, waves, shard, device)

    monkeypatch.setattr(wave_sets, "simulate_shard", listening)
    return shards


def set_of(count: int, **changed: object) -> WaveSet:
    given = load_configuration(EXAMPLE, Database)
    settings = given.exit_waves.model_copy(update={"sampling_angstrom": 0.4, **changed})
    return wave_sets.wave_sets(given.specimens, settings, {"training": count}, 2, given.seed)["training"]


def make(folder: Path, waves: WaveSet) -> Path:
    place = folder / "waves" / waves.id
    with make_executor(0) as executor:
        make_waves(Work(executor, "cpu", SilentProgress()), place, waves, range(waves.layout.shards))
    return place


def equal(one: Path, other: Path) -> bool:
    return (
        torch.equal(read_waves(one), read_waves(other))
        and torch.equal(read_masks(one), read_masks(other))
        and read_geometry(one) == read_geometry(other)
    )


def test_a_larger_set_simulates_what_is_new_and_equals_the_one_made_at_once(
    tmp_path: Path, simulated: list[int]
) -> None:
    few = make(tmp_path, set_of(3))
    assert simulated == [0, 1]
    more = make(tmp_path, set_of(6))
    assert simulated == [0, 1, 1, 2]  # the last shard of before held one specimen of two
    verify_store(more), verify_store(few)
    assert equal(more, make(tmp_path / "alone", set_of(6)))
    simulated.clear()
    fewer = make(tmp_path, set_of(4))
    assert simulated == []
    assert torch.equal(read_waves(fewer), read_waves(more)[:4])
    assert make(tmp_path, set_of(6)) == more and simulated == []


def test_other_settings_take_nothing_over(tmp_path: Path, simulated: list[int]) -> None:
    make(tmp_path, set_of(2))
    make(tmp_path, set_of(4, energy_kev=200.0))
    assert simulated == [0, 0, 1]


def test_a_damaged_shard_is_not_taken_over(tmp_path: Path, simulated: list[int]) -> None:
    few = make(tmp_path, set_of(2))
    (chunk,) = (path for path in (few / "waves" / "c" / "0").rglob("*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(bytes(content))
    more = make(tmp_path, set_of(4))
    assert simulated == [0, 0, 1]
    verify_store(more)


def test_making_a_damaged_set_again_leaves_the_set_that_took_its_shards_over(
    tmp_path: Path, simulated: list[int]
) -> None:
    few, more = make(tmp_path, set_of(2)), make(tmp_path, set_of(4))
    before = read_waves(more)
    (few / "shard-00000.json").unlink()
    make(tmp_path, set_of(2))
    verify_store(more), verify_store(few)
    assert torch.equal(read_waves(more), before)
    assert simulated == [0, 1]
