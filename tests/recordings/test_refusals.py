"""Files that are no micrograph, or are damaged or hostile: each is refused with its remedy."""

import os
import struct
import sys
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from dm_files import write_dm

from temshift.core import InputError
from temshift.recordings import read_micrograph

IMAGE = np.random.default_rng(0).normal(100, 30, (40, 60)).astype(np.float32)


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as refused:
        read_micrograph(path, **options)
    return str(refused.value)


def berkeley(path: Path, data: np.ndarray, units: str = "[n_m]") -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for axis, size in enumerate(data.shape, start=1):
            group[f"dim{axis}"] = np.arange(size) * 0.05
            group[f"dim{axis}"].attrs["units"] = units
    return path


@pytest.mark.parametrize(
    ("data", "units", "said"),
    [
        (np.arange(100.0), "[n_m]", "spectrum"),
        (np.arange(100.0)[None], "[e_V]", "spectrum"),
        (np.zeros((3, 4, 5, 6)), "[n_m]", "4D-STEM"),
        (IMAGE.astype(complex), "[n_m]", "complex"),
        (IMAGE, "[1/n_m]", "Fourier transform"),
        (IMAGE, "[m_r_a_d]", "diffraction"),
        (IMAGE, "[e_V]", "spectrum"),
        (IMAGE, "[]", "--pixel-angstrom"),
        (np.full((40, 60), 7.0), "[n_m]", "all pixels are 7"),
        (np.where(IMAGE > 120, np.nan, IMAGE), "[n_m]", "no finite numbers"),
        (IMAGE > 100, "[n_m]", "mask"),
    ],
)
def test_what_is_no_calibrated_image(tmp_path: Path, data: np.ndarray, units: str, said: str) -> None:
    assert said in refusal(berkeley(tmp_path / "a.emd", data, units))


def test_few_pixels_that_are_no_numbers_are_mended(tmp_path: Path) -> None:
    image = IMAGE.copy()
    image[3, 4:6] = np.nan, np.inf
    micrograph = read_micrograph(berkeley(tmp_path / "a.emd", image))
    assert np.isfinite(micrograph.counts).all() and "2 pixels" in micrograph.remarks[0]


def test_spectra_of_velox(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file["Data/SpectrumStream/0/Data"] = np.arange(10)
    assert "spectra" in refusal(tmp_path / "a.emd")
    with h5py.File(tmp_path / "b.emd", "w") as file:
        file["other"] = np.arange(10)
    assert "no EMD" in refusal(tmp_path / "b.emd")


@pytest.mark.parametrize("version", [3, 4])
def test_diffraction_patterns_and_spectra_of_digital_micrograph(tmp_path: Path, version: int) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    path = tmp_path / f"a.dm{version}"
    write_dm(path, IMAGE, (0.05, 0.05), ("1/nm", "1/nm"), version)
    assert "diffraction" in refusal(path)
    write_dm(path, IMAGE, (0.05, 0.5), ("nm", "eV"), version)
    assert "spectra" in refusal(path)
    write_dm(path, IMAGE, units=("", ""), version=version)
    assert "--pixel-angstrom" in refusal(path)
    write_dm(path, IMAGE.astype(np.complex64), version=version)
    assert "complex" in refusal(path)


def test_tiff_in_colour_or_without_a_pixel_size(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    assert "colour" in refusal(tmp_path / "a.tif", pixel_angstrom=1)
    tifffile.imwrite(tmp_path / "b.tif", IMAGE, resolution=(72, 72), resolutionunit="INCH")
    assert "--pixel-angstrom" in refusal(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "c.tif", IMAGE, imagej=True, resolution=(1, 1), metadata={"unit": "pixel"})
    assert "--pixel-angstrom" in refusal(tmp_path / "c.tif")
    colormap = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "d.tif", IMAGE.clip(0, 255).astype("u1"), photometric="palette", colormap=colormap)
    assert "colour" in refusal(tmp_path / "d.tif", pixel_angstrom=1)


@pytest.mark.parametrize("pixel", [0.0, -1.0, float("nan"), 1e-5, 1e5, (0.1, 10.0)])
def test_pixel_sizes_that_cannot_be(tmp_path: Path, pixel: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    assert "--pixel-angstrom" in refusal(tmp_path / "a.tif", pixel_angstrom=pixel)


def test_facts_that_cannot_be(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    assert "energy_kev = -1" in refusal(tmp_path / "a.tif", pixel_angstrom=1, energy_kev=-1)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.tif")
    assert "a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.tif")
    assert "a pipe" in refusal(tmp_path / "pipe.tif")
    (tmp_path / "empty.mrc").touch()
    assert "empty" in refusal(tmp_path / "empty.mrc")
    (tmp_path / "text.docx").write_text("no image")
    assert "docx" in refusal(tmp_path / "text.docx")


def test_a_missing_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dm(tmp_path / "a.dm3", IMAGE)
    monkeypatch.setitem(sys.modules, "rsciio", None)
    assert 'pip install "temshift[formats]"' in refusal(tmp_path / "a.dm3")


def files(folder: Path) -> list[Path]:
    tifffile.imwrite(folder / "a.tif", IMAGE, imagej=True, resolution=(20, 20), metadata={"unit": "nm"})
    tifffile.imwrite(folder / "b.tif", IMAGE, compression="zlib")
    with mrcfile.new(folder / "a.mrc") as file:
        file.set_data(IMAGE)
        file.voxel_size = 0.5
    berkeley(folder / "a.emd", IMAGE)
    write_dm(folder / "a.dm3", IMAGE)
    write_dm(folder / "a.dm4", IMAGE, version=4)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "b.tif", "a.mrc", "a.emd", "a.dm3", "a.dm4"])
def test_truncated_and_altered_files_end_in_a_refusal_or_an_image(tmp_path: Path, name: str) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    files(tmp_path)
    path, content = tmp_path / name, (tmp_path / name).read_bytes()
    random = np.random.default_rng(1)
    read = 0
    for trial in range(30):
        damaged = bytearray(content[: int(random.integers(4, len(content)))] if trial % 2 else content)
        for place in random.integers(0, min(600, len(damaged)), 8 * (trial % 2 == 0)):
            damaged[place] = int(random.integers(256))
        path.write_bytes(bytes(damaged))
        try:
            micrograph = read_micrograph(path, pixel_angstrom=0.5)
        except InputError as refused:
            assert "\n" not in str(refused).strip()
        else:
            read += 1
            assert np.isfinite(micrograph.counts).all()
    assert read < 30


def test_sizes_that_a_header_claims_are_not_believed(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(IMAGE)
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    content[:8] = struct.pack("<ii", 100_000, 100_000)
    (tmp_path / "a.mrc").write_bytes(bytes(content))
    assert "MRC" in refusal(tmp_path / "a.mrc", pixel_angstrom=1)
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", (100_000, 100_000), "f8", chunks=(1000, 1000))
    assert "give a part" in refusal(tmp_path / "a.emd", pixel_angstrom=1)


def test_arrays_in_other_files_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(40 * 60 * 8))
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", (40, 60), "f8", external=[(str(tmp_path / "secret"), 0, 40 * 60 * 8)])
    assert "another file" in refusal(tmp_path / "a.emd", pixel_angstrom=1)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE)
    whole = tifffile.TiffFile.__init__

    def grown(self: Any, *given: Any, **options: Any) -> None:
        whole(self, *given, **options)
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(tifffile.TiffFile, "__init__", grown)
    assert "changed while it was read" in refusal(path, pixel_angstrom=1)
