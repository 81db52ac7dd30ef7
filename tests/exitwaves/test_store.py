"""The wave store: exact round trips, and no damage that goes unnoticed."""

import shutil
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.core.errors import DamagedError, InputError, TemshiftError
from temshift.core.grids import Grid
from temshift.exitwaves.simulation import ExitWave
from temshift.exitwaves.store import (
    Shard,
    StoreLayout,
    create_store,
    discard_shard,
    read_geometry,
    read_layout,
    read_masks,
    read_settings,
    read_shard,
    read_shards,
    read_waves,
    shard_state,
    shard_states,
    stores_in,
    verify_store,
    write_shard,
)
from temshift.storage.records import read_facts, write_record

LAYOUT = StoreLayout(count=5, phonons=2, grid=Grid((6, 5), (0.4, 0.41)), per_shard=2)
READERS = {"waves": read_waves, "masks": read_masks}


def exit_wave(number: int) -> ExitWave:
    draws = np.random.default_rng(number)
    waves = torch.from_numpy(draws.normal(size=(2, 6, 5)) + 1j * draws.normal(size=(2, 6, 5))).to(torch.complex64)
    return ExitWave(waves, draws.random((6, 5)) > 0.5, {"area_fraction": number / 8, "coverage": [None, 0.5]})


def write(folder: Path, shard: int) -> None:
    write_shard(folder, shard, [exit_wave(number) for number in LAYOUT.specimens_of(shard)])


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete store that no test changes."""
    folder = tmp_path_factory.mktemp("waves") / "store"
    create_store(folder, LAYOUT, {"energy_kev": 300})
    for shard in range(LAYOUT.shards):
        write(folder, shard)
    return folder


@pytest.fixture
def store(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(pristine, tmp_path / "store")


def shard_file(folder: Path, name: str, shard: int = 1) -> Path:
    return next(path for path in (folder / name / "c" / str(shard)).rglob("*") if path.is_file())


def expect_everything(folder: Path) -> None:
    made = [exit_wave(number) for number in range(5)]
    assert torch.equal(read_waves(folder), torch.stack([one.waves for one in made]))
    assert torch.equal(read_masks(folder), torch.from_numpy(np.stack([one.mask for one in made])))
    assert read_geometry(folder) == [{"specimen": n, **one.geometry} for n, one in enumerate(made)]


@given(st.integers(1, 200), st.integers(1, 50))
def test_shards_share_out_every_specimen_once(count: int, per_shard: int) -> None:
    layout = StoreLayout(count, 1, LAYOUT.grid, per_shard)
    shared = [number for shard in range(layout.shards) for number in layout.specimens_of(shard)]
    assert shared == list(range(count))
    assert all(len(layout.specimens_of(shard)) == per_shard for shard in range(layout.shards - 1))


def test_what_is_written_is_read_back_exactly(pristine: Path) -> None:
    """The last shard is only part full."""
    expect_everything(pristine)
    assert read_layout(pristine) == LAYOUT
    assert read_waves(pristine).dtype == torch.complex64
    assert read_masks(pristine).dtype == torch.bool
    verify_store(pristine)


def test_writers_of_different_shards_do_not_disturb_each_other(tmp_path: Path) -> None:
    create_store(tmp_path / "store", LAYOUT, {})
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda shard: write(tmp_path / "store", shard), (2, 0, 1)))
    expect_everything(tmp_path / "store")


def test_laying_out_a_store_again_keeps_what_is_there(store: Path) -> None:
    create_store(store, LAYOUT, {"energy_kev": 300})
    expect_everything(store)


@pytest.mark.parametrize("name", ["manifest.json", "zarr.json", "waves/zarr.json"])
def test_a_damaged_layout_is_laid_out_anew_and_intact_shards_stay(store: Path, name: str) -> None:
    (store / name).write_bytes((store / name).read_bytes()[:-3])
    create_store(store, LAYOUT, {"energy_kev": 300})
    assert {shard_state(store, shard).state for shard in range(3)} == {"complete"}
    expect_everything(store)
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_masks_without_any_particle_are_kept(tmp_path: Path) -> None:
    """Zarr writes no file for a chunk of zeros; the shard is complete all the same."""
    layout = StoreLayout(2, 2, LAYOUT.grid, 2)
    create_store(tmp_path / "store", layout, {})
    empty = ExitWave(exit_wave(0).waves, np.zeros((6, 5), dtype=bool), {})
    write_shard(tmp_path / "store", 0, [empty, empty])
    assert shard_state(tmp_path / "store", 0).state == "complete"
    assert not read_masks(tmp_path / "store").any()
    verify_store(tmp_path / "store")


@pytest.mark.parametrize("name", ["waves", "masks"])
def test_a_shard_that_was_never_written_is_never_read_as_zeros(tmp_path: Path, name: str) -> None:
    create_store(tmp_path / "store", LAYOUT, {})
    for shard in (0, 2):
        write(tmp_path / "store", shard)
    assert shard_state(tmp_path / "store", 1).state == "absent"
    for read in (READERS[name], read_geometry, verify_store):
        with pytest.raises(TemshiftError, match="shard-00001"):
            read(tmp_path / "store")


def test_a_shard_without_its_record_is_not_read(store: Path) -> None:
    discard_shard(store, 2)
    assert shard_state(store, 2).state == "absent"
    with pytest.raises(TemshiftError, match="shard-00002"):
        read_waves(store)
    write(store, 2)
    expect_everything(store)


def test_a_shard_with_too_few_waves_gets_no_record(store: Path) -> None:
    discard_shard(store, 0)
    with pytest.raises(ValueError):
        write_shard(store, 0, [exit_wave(0)])
    assert shard_state(store, 0).state == "absent"


def truncated(data: bytes, place: float) -> bytes:
    return data[: 1 + int(place * (len(data) - 1))]


def flipped(data: bytes, place: float) -> bytes:
    position = int(place * len(data))
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


@pytest.mark.parametrize("name", ["waves", "masks"])
@pytest.mark.parametrize("damage", [truncated, flipped])
def test_a_damaged_last_shard_is_made_anew_once_discarded(
    store: Path, name: str, damage: Callable[[bytes, float], bytes]
) -> None:
    """The last shard is part full: Zarr would update it, and so read the damage."""
    victim = shard_file(store, name, 2)
    victim.write_bytes(damage(victim.read_bytes(), 0.97))
    discard_shard(store, 2)
    write(store, 2)
    expect_everything(store)
    verify_store(store)


@settings(max_examples=15)
@given(st.floats(0, 1, exclude_max=True), st.sampled_from([truncated, flipped]))
@pytest.mark.parametrize("name", ["waves", "masks"])
def test_a_truncated_or_altered_shard_is_noticed(
    pristine: Path,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    place: float,
    damage: Callable[[bytes, float], bytes],
) -> None:
    store = shutil.copytree(pristine, tmp_path_factory.mktemp("copy") / "store")
    victim = shard_file(store, name)
    victim.write_bytes(damage(victim.read_bytes(), place))
    assert shard_state(store, 1).state == "damaged"
    assert shard_state(store, 0).state == "complete"
    for read in (READERS[name], verify_store):
        with pytest.raises(DamagedError):
            read(store)


@pytest.mark.parametrize("name", ["waves", "masks"])
@pytest.mark.parametrize("damage", ["removed", "emptied"])
def test_a_lost_shard_is_noticed_by_its_record(store: Path, name: str, damage: str) -> None:
    lose(shard_file(store, name), damage)
    assert shard_state(store, 1).state == "damaged"
    with pytest.raises(DamagedError):
        verify_store(store)


@pytest.mark.parametrize("name", ["waves", "masks"])
@pytest.mark.parametrize("damage", ["removed", "emptied"])
def test_a_lost_shard_is_never_read_as_zeros(store: Path, name: str, damage: str) -> None:
    lose(shard_file(store, name), damage)
    with pytest.raises(DamagedError):
        READERS[name](store)


def lose(path: Path, damage: str) -> None:
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")


def test_an_altered_record_is_noticed(store: Path) -> None:
    record = store / "shard-00001.json"
    record.write_text(record.read_text().replace("0.25", "0.26"))
    assert shard_state(store, 1).state == "damaged"
    for read in (read_geometry, read_waves):
        with pytest.raises(DamagedError):
            read(store)


def test_one_shard_is_read_alone_whatever_became_of_the_others(store: Path) -> None:
    discard_shard(store, 0)
    assert torch.equal(read_waves(store, 1), torch.stack([exit_wave(number).waves for number in (2, 3)]))
    assert read_masks(store, 2).shape == (1, 6, 5)
    assert [row["specimen"] for row in read_geometry(store, [1, 2])] == [2, 3, 4]
    with pytest.raises(DamagedError, match="shard 0 .* is absent"):
        read_waves(store, 0)


def one_by_one(folder: Path, numbers: Iterable[int]) -> Iterable[Shard]:
    return [read_shard(folder, number) for number in numbers]


@pytest.mark.parametrize("read", [read_shards, one_by_one])
def test_whole_shards_hold_what_arrays_and_geometry_hold(
    pristine: Path, read: Callable[[Path, Iterable[int]], Iterable[Shard]]
) -> None:
    shards = list(read(pristine, range(3)))
    assert torch.equal(torch.cat([shard.waves for shard in shards]), read_waves(pristine))
    assert torch.equal(torch.cat([shard.masks for shard in shards]), read_masks(pristine))
    assert shards[0].masks.dtype == torch.bool
    assert [row for shard in shards for row in shard.geometry] == read_geometry(pristine)


@pytest.mark.parametrize("name", ["waves", "masks"])
def test_a_damaged_shard_is_never_handed_out_and_those_before_it_are(store: Path, name: str) -> None:
    victim = shard_file(store, name)
    victim.write_bytes(flipped(victim.read_bytes(), 0.5))
    shards = read_shards(store, range(3))
    assert torch.equal(next(shards).waves, read_waves(store, 0))
    with pytest.raises(DamagedError, match="shard 1 of .* is damaged: .*altered content"):
        next(shards)
    with pytest.raises(DamagedError, match="shard 1 of .* is damaged"):
        read_shard(store, 1)


def test_a_shard_that_was_handed_out_is_let_go_of(pristine: Path) -> None:
    """Whoever goes from shard to shard has one in memory."""
    shards = read_shards(pristine, range(3))
    shard = next(shards)
    lives = weakref.ref(shard)
    del shard
    assert lives() is None


def test_looking_at_all_shards_gives_the_facts_of_those_that_are_complete(store: Path) -> None:
    discard_shard(store, 0)
    victim = shard_file(store, "masks")
    victim.write_bytes(truncated(victim.read_bytes(), 0.5))
    states = shard_states(store)
    assert states == tuple(shard_state(store, shard) for shard in range(3))
    assert [state.state for state in states] == ["absent", "damaged", "complete"]
    assert [state.facts for state in states] == [{}, {}, read_facts(store / "shard-00002.json")]


def test_a_store_of_another_version_is_refused(store: Path) -> None:
    facts = read_facts(store / "manifest.json")
    write_record(store / "manifest.json", [store / "zarr.json"], {**facts, "store_version": 7})
    with pytest.raises(InputError, match="is a wave store of version 7; this temshift reads version 1: simulate it"):
        read_waves(store)


def test_the_settings_are_kept(pristine: Path) -> None:
    assert read_settings(pristine) == {"energy_kev": 300}


def test_a_specimen_takes_its_waves_and_its_mask() -> None:
    assert LAYOUT.specimen_bytes == 2 * 30 * 8 + 30


def test_stores_are_found_in_a_database_or_by_themselves(pristine: Path, tmp_path: Path) -> None:
    assert stores_in(pristine) == {"store": pristine}
    for name in ("training", "test"):
        shutil.copytree(pristine, tmp_path / "waves" / name)
    assert stores_in(tmp_path / "waves") == stores_in(tmp_path)
    assert stores_in(tmp_path) == {name: tmp_path / "waves" / name for name in ("test", "training")}
    with pytest.raises(InputError, match="holds no exit waves; name one that temshift simulate"):
        stores_in(tmp_path / "elsewhere")


def test_shards_of_other_settings_are_not_taken_over(store: Path) -> None:
    """Neither by another description nor by one that replaces a lost one."""
    with pytest.raises(InputError, match="holds waves of other settings; name another folder"):
        create_store(store, LAYOUT, {"energy_kev": 80})
    (store / "manifest.json").unlink()
    create_store(store, LAYOUT, {"energy_kev": 80})
    assert {shard_state(store, shard).state for shard in range(3)} == {"damaged"}
    assert "of other settings" in shard_state(store, 0).reason


@pytest.mark.parametrize("name", ["zarr.json", "waves/zarr.json"])
def test_a_damaged_description_of_an_array_is_noticed_when_reading(store: Path, name: str) -> None:
    (store / name).write_text("{")
    with pytest.raises(DamagedError, match="zarr.json"):
        read_waves(store)


def test_a_set_without_description_is_not_passed_over(pristine: Path, tmp_path: Path) -> None:
    for name in ("training", "test"):
        shutil.copytree(pristine, tmp_path / "waves" / name)
    (tmp_path / "waves" / "test" / "manifest.json").unlink()
    with pytest.raises(InputError, match="waves/test has lost its description; run the command that made"):
        stores_in(tmp_path)
