"""Exit waves as one HDF5 file: exact, self-explaining, whole or not at all."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import h5py
import numpy as np
import pytest

from temshift.core.errors import DamagedError, InputError
from temshift.core.grids import Grid
from temshift.databases.hdf5_export import export_waves
from temshift.exitwaves import ExitWave, StoreLayout, create_store, read_layout, read_settings, write_shard
from temshift.exitwaves.sources import wave_sources
from temshift.exitwaves.store import discard_shard


@pytest.fixture(scope="module")
def exported(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("export") / "waves.h5"
    export_waves(wave_sources(database), output)
    return output


@pytest.fixture
def copied(database: Path, tmp_path: Path) -> Path:
    """A copy of the database, to be damaged."""
    return shutil.copytree(database, tmp_path / "database")


def test_waves_masks_and_geometry_come_back_exactly(exported: Path, exit_waves: dict[str, list[ExitWave]]) -> None:
    with h5py.File(exported) as file:
        for name, made in exit_waves.items():
            group = file[name]
            assert np.array_equal(group["waves"][:], np.stack([one.waves.numpy() for one in made]))
            assert np.array_equal(group["masks"][:], np.stack([one.mask for one in made]))
            rows = [json.loads(text) for text in group["geometry"].asstr()]
            assert rows == [{"specimen": number, **one.geometry} for number, one in enumerate(made)]
            assert group["specimens"][:].tolist() == list(range(len(made)))


def test_the_file_tells_energy_pixels_axes_and_the_plane_that_defocus_counts_from(exported: Path) -> None:
    with h5py.File(exported) as file:
        group = file["training"]
        assert group.attrs["energy_eV"] == 300e3
        assert np.allclose(group.attrs["sampling_angstrom"], 0.4)
        assert group["waves"].shape == (5, 2, 80, 64)
        assert list(group["waves"].attrs["axes"]) == ["specimen", "phonon", "y", "x"]
        assert group.attrs["focus_plane"].startswith("defocus counts from the exit plane")
        assert group.attrs["seed"] == 0 and file["test"].attrs["seed"] == 1
        assert json.loads(group["settings"].asstr()[()])["exit_waves"]["phonons"]["configurations"] == 2
        assert "C10 = -defocus" in file.attrs["lens"] and "underfocus" in file.attrs["defocus"]


def test_sampling_is_told_in_the_order_of_the_axes(
    stored, tmp_path: Path, exit_waves: dict[str, list[ExitWave]]
) -> None:
    """Pixels that are longer along x, as where neither length of the cell is a multiple of the sampling."""
    settings = read_settings(stored(tmp_path / "square", "test"))
    create_store(tmp_path / "oblong", StoreLayout(1, 2, Grid((80, 64), (0.4, 0.5)), 1), settings)
    write_shard(tmp_path / "oblong", 0, exit_waves["test"][:1])
    export_waves(wave_sources(tmp_path / "oblong"), tmp_path / "waves.h5")
    with h5py.File(tmp_path / "waves.h5") as file:
        assert file["oblong"].attrs["sampling_angstrom"].tolist() == [0.4, 0.5]


@pytest.mark.parametrize("chosen", [range(1, 4), range(2, 3), range(4, 5), range(0, 5)])
def test_some_specimens_are_written_across_shards(
    database: Path, tmp_path: Path, exit_waves: dict[str, list[ExitWave]], chosen: range
) -> None:
    export_waves(wave_sources(database, "training"), tmp_path / "waves.h5", specimens=chosen)
    with h5py.File(tmp_path / "waves.h5") as file:
        assert list(file) == ["training"]
        wanted = np.stack([exit_waves["training"][number].waves.numpy() for number in chosen])
        assert np.array_equal(file["training/waves"][:], wanted)
        assert file["training/specimens"][:].tolist() == list(chosen)
        assert [json.loads(text)["specimen"] for text in file["training/geometry"].asstr()] == list(chosen)


def test_compression_loses_nothing(database: Path, exported: Path, tmp_path: Path) -> None:
    export_waves(wave_sources(database), tmp_path / "waves.h5", gzip=4)
    with h5py.File(tmp_path / "waves.h5") as small, h5py.File(exported) as plain:
        assert (small["test/waves"].compression, small["test/waves"].shuffle) == ("gzip", True)
        assert plain["test/waves"].compression is None
        assert np.array_equal(small["training/waves"][:], plain["training/waves"][:])


def test_a_flipped_bit_is_noticed_by_the_checksum(exported: Path, tmp_path: Path) -> None:
    damaged = shutil.copy(exported, tmp_path / "damaged.h5")
    with h5py.File(exported) as file:
        place = file["training/waves"].id.get_chunk_info(0).byte_offset
    with Path(damaged).open("r+b") as stream:
        stream.seek(place + 100)
        byte = stream.read(1)
        stream.seek(place + 100)
        stream.write(bytes([byte[0] ^ 4]))
    with h5py.File(damaged) as file, pytest.raises(OSError):
        file["training/waves"][0, 0]


def test_a_single_store_and_a_database_give_the_same(database: Path, tmp_path: Path, exported: Path) -> None:
    export_waves(wave_sources(database / "waves" / "test"), tmp_path / "waves.h5")
    with h5py.File(tmp_path / "waves.h5") as alone, h5py.File(exported) as both:
        assert np.array_equal(alone["test/waves"][:], both["test/waves"][:])


def test_a_file_that_is_there_is_left_alone(database: Path, tmp_path: Path) -> None:
    (tmp_path / "waves.h5").write_text("mine")
    with pytest.raises(InputError, match=r"waves.h5 exists and holds something else; name another file with --output"):
        export_waves(wave_sources(database), tmp_path / "waves.h5")
    assert (tmp_path / "waves.h5").read_text() == "mine"


@pytest.mark.parametrize("chosen", [range(3, 3), range(4, 2), range(0, 6)])
def test_specimens_that_are_not_there_are_told(database: Path, tmp_path: Path, chosen: range) -> None:
    with pytest.raises(InputError, match="holds 5; give A:B with 0 <= A < B <= 5"):
        export_waves(wave_sources(database, "training"), tmp_path / "waves.h5", specimens=chosen)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr("temshift.databases.hdf5_export.shutil.disk_usage", lambda _: usage)
    needed = 7 * read_layout(database / "waves" / "test").specimen_bytes / 1e6
    with pytest.raises(InputError, match=f"take {needed:.0f} MB, 0 MB are free; take fewer with --specimens"):
        export_waves(wave_sources(database), tmp_path / "new" / "waves.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_shard_leaves_no_file(copied: Path, tmp_path: Path) -> None:
    victim = next(path for path in (copied / "waves/training/waves/c/1").rglob("*") if path.is_file())
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(DamagedError, match="shard 1 of .*training is damaged"):
        export_waves(wave_sources(copied), tmp_path / "out" / "waves.h5")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unfinished_store_is_told_before_anything_is_read(copied: Path) -> None:
    discard_shard(copied / "waves" / "training", 2)
    with pytest.raises(InputError, match="training lacks 1 of 3 shards, such as 2; run the command that makes it"):
        wave_sources(copied)
    assert [source.name for source in wave_sources(copied, "test")] == ["test"]


def test_a_set_that_is_not_there_is_told(database: Path) -> None:
    with pytest.raises(InputError, match="holds no set 'validation'; it has test, training"):
        wave_sources(database, "validation")


def test_a_store_that_does_not_tell_how_it_was_made_is_told(database: Path, tmp_path: Path) -> None:
    create_store(tmp_path / "store", read_layout(database / "waves" / "test"), {"seed": 1})
    with pytest.raises(InputError, match="does not say how its waves were simulated"):
        wave_sources(tmp_path / "store")


@pytest.fixture
def again(exported: Path, tmp_path: Path) -> Path:
    """A copy of the file, to be damaged."""
    return Path(shutil.copy(exported, tmp_path / "waves.h5"))


def test_a_file_of_an_earlier_call_is_there_already(database: Path, again: Path, listening: type) -> None:
    before, listener = again.read_bytes(), listening()
    export_waves(wave_sources(database), again, progress=listener)
    assert listener.told == ["everything was there already"]
    assert again.read_bytes() == before


@pytest.mark.parametrize("name", ["waves", "masks", "geometry", "specimens"])
def test_a_file_of_which_one_value_was_altered_is_refused(database: Path, again: Path, name: str) -> None:
    with h5py.File(again, "r+") as file:
        dataset = file["test"][name]
        dataset[-1] = "{}" if name == "geometry" else dataset[-1] + 1
    with pytest.raises(InputError, match=r"waves.h5 exists and holds something else"):
        export_waves(wave_sources(database), again)


def test_a_file_with_other_words_other_specimens_or_cut_short_is_refused(database: Path, again: Path) -> None:
    sources = wave_sources(database)
    for options in ({"gzip": 1}, {"specimens": range(1, 2)}):
        with pytest.raises(InputError, match=r"waves.h5 exists and holds something else"):
            export_waves(sources, again, **options)
    with pytest.raises(InputError, match=r"waves.h5 exists and holds something else"):
        export_waves(sources[:1], again)
    with h5py.File(again, "r+") as file:
        file["test"].attrs["energy_eV"] = 200e3
    with pytest.raises(InputError, match=r"waves.h5 exists and holds something else"):
        export_waves(sources, again)
    again.write_bytes(again.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"waves.h5 exists and holds something else"):
        export_waves(sources, again)
