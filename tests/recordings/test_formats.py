"""Every format with its pixel size, units and facts, written by its own library or by a small writer of the tests."""

import json
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from dm_files import write_dm
from PIL import Image
from ser_files import write_ser

from temshift.core import InputError
from temshift.recordings import Known, read_micrograph
from temshift.recordings.units import angstroms

IMAGE = np.random.default_rng(0).normal(100, 30, (40, 60)).astype(np.float32)
COUNTS = IMAGE.astype(np.uint16)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.05, "nm", 0.5),
        (0.05, "n_m", 0.5),
        (0.05, "[n_m]", 0.5),
        (50, "pm", 0.5),
        (5e-11, "m", 0.5),
        (5e-5, "\u00b5m", 0.5),
        (5e-5, "\u03bcm", 0.5),
        (5e-5, "\\u00B5m", 0.5),
        (0.5, "\\u00c5", 0.5),
        (0.5, "\\u212B", 0.5),
        (5e-5, "micron", 0.5),
        (0.5, "\u212b", 0.5),
        (0.5, "\u00c5", 0.5),
        (0.5, "Angstroms", 0.5),
        (0.05, "nanometers", 0.5),
        (0.5, "pixels", None),
        (0.5, "", None),
    ],
)
def test_units_of_length(value: float, unit: str, expected: float | None) -> None:
    assert angstroms(value, unit, "a file") == (None if expected is None else pytest.approx(expected))


def imagej(path: Path, data: np.ndarray, unit: str = "nm", **more: Any) -> None:
    tifffile.imwrite(path, data, imagej=True, resolution=(20.0, 25.0), metadata={"unit": unit, **more})


def test_tiff_of_imagej(tmp_path: Path) -> None:
    imagej(tmp_path / "a.tif", COUNTS)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert np.array_equal(micrograph.counts, COUNTS) and micrograph.counts.dtype == np.float32
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    assert micrograph.pixel_angstrom.source == "ImageJ's tags"
    assert micrograph.name == "a.tif" and micrograph.energy_kev is None and micrograph.remarks == ()


def test_tiff_whose_axes_have_units_of_their_own(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", COUNTS, imagej=True, resolution=(20.0, 0.025), metadata={"unit": "nm", "yunit": "pm"}
    )
    assert read_micrograph(tmp_path / "a.tif").pixel_angstrom.value == pytest.approx((0.4, 0.5))


def dm_tags(pixel: tuple[float, float], unit: str) -> list[tuple[Any, ...]]:
    units = [(code, "s", 0, unit, True) for code in (65003, 65004)]
    return [*units, (65009, "d", 1, pixel[1], True), (65010, "d", 1, pixel[0], True)]


def test_tiff_of_digital_micrograph_is_not_taken_for_72_dpi(tmp_path: Path) -> None:
    electrons = [(65022, "s", 0, "e-", True), (65025, "d", 1, 0.125, True)]
    extra = [*dm_tags((0.04, 0.05), "nm"), *electrons]
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, resolution=(72, 72), resolutionunit="INCH", extratags=extra)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.pixel_angstrom == Known((pytest.approx(0.4), pytest.approx(0.5)), "DigitalMicrograph's tags")
    assert micrograph.counts_per_electron == Known(8.0, "DigitalMicrograph's tags")


def test_tiff_of_ome(tmp_path: Path) -> None:
    facts = {"axes": "YX", "PhysicalSizeX": 50.0, "PhysicalSizeXUnit": "pm", "PhysicalSizeY": 0.04}
    tifffile.imwrite(tmp_path / "a.ome.tif", COUNTS, metadata={**facts, "PhysicalSizeYUnit": "nm"})
    micrograph = read_micrograph(tmp_path / "a.ome.tif")
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    assert "OME" in micrograph.pixel_angstrom.source


def test_tiff_with_resolution_tags_that_are_a_microscopes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, resolution=(2e8, 2.5e8), resolutionunit="CENTIMETER")
    assert read_micrograph(tmp_path / "a.tif").pixel_angstrom.value == pytest.approx((0.4, 0.5))


def test_tiff_whose_white_is_zero_and_whose_grey_has_three_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, photometric="miniswhite")
    assert np.array_equal(read_micrograph(tmp_path / "a.tif", pixel_angstrom=1).counts, 65535.0 - COUNTS)
    tifffile.imwrite(tmp_path / "b.tif", np.stack([COUNTS.astype("u1")] * 3, -1), photometric="rgb")
    assert np.array_equal(read_micrograph(tmp_path / "b.tif", pixel_angstrom=1).counts, COUNTS.astype("u1"))
    planar = np.stack([COUNTS.astype("u1")] * 3)
    tifffile.imwrite(tmp_path / "c.tif", planar, photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_micrograph(tmp_path / "c.tif", pixel_angstrom=1).counts, COUNTS.astype("u1"))


def test_tiff_that_is_compressed_or_big_endian(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, compression="zlib")
    tifffile.imwrite(tmp_path / "b.tif", COUNTS, byteorder=">", bigtiff=True)
    for name in "ab":
        assert np.array_equal(read_micrograph(tmp_path / f"{name}.tif", pixel_angstrom=1).counts, COUNTS)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_tiff_in_lzw_is_read_without_a_further_package(tmp_path: Path, dtype: str) -> None:
    Image.fromarray(IMAGE.clip(0, 255).astype(dtype)).save(tmp_path / "a.tif", compression="tiff_lzw")
    read = read_micrograph(tmp_path / "a.tif", pixel_angstrom=1).counts
    assert np.array_equal(read, IMAGE.clip(0, 255).astype(dtype))


def test_tiff_whose_first_page_is_a_thumbnail(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COUNTS[::4, ::4], resolution=(72, 72), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "a.tif", COUNTS, append=True, resolution=(2e8, 2.5e8), resolutionunit="CENTIMETER")
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5)) and np.array_equal(micrograph.counts, COUNTS)
    assert "the largest of 2" in micrograph.remarks[0]


@pytest.mark.parametrize(("voxel", "said"), [(0.5, ""), (0.01, "nanometres"), (2e-11, "metres"), (1.0, "exactly 1 A")])
def test_mrc(tmp_path: Path, voxel: float, said: str) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(IMAGE)
        file.voxel_size = voxel
    micrograph = read_micrograph(tmp_path / "a.mrc")
    expected = {0.5: 0.5, 0.01: 0.1, 2e-11: 0.2, 1.0: 1.0}[voxel]
    assert micrograph.pixel_angstrom.value == pytest.approx((expected, expected))
    assert np.array_equal(micrograph.counts, IMAGE)
    assert said in "".join(micrograph.remarks) and bool(said) == bool(micrograph.remarks)


def test_mrc_with_the_extended_header_of_a_microscope(tmp_path: Path) -> None:
    header = np.zeros(1, mrcfile.dtypes.get_ext_header_dtype(b"FEI1"))
    header["Metadata size"] = header.dtype.itemsize
    header["HT"], header["Pixel size X"], header["Pixel size Y"] = 300e3, 5e-11, 4e-11
    header["Integration time"], header["Camera name"] = 0.5, b"BM-Ceta"
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(COUNTS.astype(np.int16))
        file.header.exttyp = b"FEI1"
        file.set_extended_header(header)
    micrograph = read_micrograph(tmp_path / "a.mrc")
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    assert micrograph.energy_kev is not None and micrograph.energy_kev.value == 300
    assert micrograph.exposure_s is not None and micrograph.exposure_s.value == 0.5
    assert micrograph.camera is not None and micrograph.camera.value == "BM-Ceta"


def write_velox(path: Path, frames: np.ndarray, metadata: dict[str, Any]) -> None:
    text = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    with h5py.File(path, "w") as file:
        group = file.create_group("Data/Image/0123456789abcdef")
        group["Data"] = np.moveaxis(frames, 0, -1)
        group["Metadata"] = np.repeat(np.pad(text, (0, 100))[:, None], len(frames), 1)


VELOX = {
    "BinaryResult": {
        "PixelSize": {"width": "5e-11", "height": "4e-11"},
        "PixelUnitX": "m",
        "PixelUnitY": "m",
        "Detector": "BM-Ceta",
    },
    "Optics": {"AccelerationVoltage": "300000"},
    "Detectors": {"Detector-0": {"DetectorName": "BM-Ceta", "ExposureTime": "0.5"}},
}


def test_emd_of_velox(tmp_path: Path) -> None:
    write_velox(tmp_path / "a.emd", COUNTS[None], VELOX)
    micrograph = read_micrograph(tmp_path / "a.emd")
    assert np.array_equal(micrograph.counts, COUNTS)
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    assert micrograph.energy_kev == Known(300.0, "Velox's metadata")
    assert micrograph.exposure_s == Known(0.5, "Velox's metadata")
    assert micrograph.camera == Known("BM-Ceta", "Velox's metadata")


def test_emd_of_velox_with_a_fourier_transform_first(tmp_path: Path) -> None:
    write_velox(tmp_path / "a.emd", COUNTS[None], VELOX)
    transform = {"BinaryResult": {**VELOX["BinaryResult"], "PixelUnitX": "1/m", "PixelUnitY": "1/m"}}
    text = np.frombuffer(json.dumps(transform).encode(), np.uint8)
    with h5py.File(tmp_path / "a.emd", "a") as file:
        group = file.create_group("Data/Image/0000000000000000")
        group["Data"], group["Metadata"] = COUNTS[::-1, :, None], text[:, None]
    assert np.array_equal(read_micrograph(tmp_path / "a.emd").counts, COUNTS)


def write_berkeley(path: Path, data: np.ndarray, pixel: float = 0.05, units: str = "[n_m]") -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for axis, size in enumerate(data.shape, start=1):
            group[f"dim{axis}"] = np.arange(size) * pixel
            group[f"dim{axis}"].attrs.update(name="y", units=units)
        file.create_group("microscope").attrs["voltage"] = 300e3


def test_emd_of_berkeley(tmp_path: Path) -> None:
    write_berkeley(tmp_path / "a.emd", IMAGE)
    micrograph = read_micrograph(tmp_path / "a.emd")
    assert np.array_equal(micrograph.counts, IMAGE)
    assert micrograph.pixel_angstrom == Known((pytest.approx(0.5), pytest.approx(0.5)), "the dimensions in the file")
    assert micrograph.energy_kev is not None and micrograph.energy_kev.value == 300


def test_emd_that_rosettasciio_wrote(tmp_path: Path) -> None:
    emd = pytest.importorskip("rsciio.emd", reason="the extra formats is not installed")
    axes = [
        {"size": size, "index_in_array": place, "name": name, "scale": 0.05, "offset": 0.0, "units": "nm"}
        | {"navigate": False}
        for place, (size, name) in enumerate(zip(IMAGE.shape, "yx", strict=True))
    ]
    metadata = {"General": {"title": "a"}, "Signal": {"signal_type": ""}}
    signal = {"data": IMAGE, "axes": axes, "metadata": metadata, "original_metadata": {}}
    emd.file_writer(str(tmp_path / "a.emd"), signal)
    micrograph = read_micrograph(tmp_path / "a.emd")  # it has x first in the file
    assert micrograph.pixel_angstrom.value == pytest.approx((0.5, 0.5))
    assert np.array_equal(micrograph.counts, IMAGE)


DM_TAGS = {"Microscope Info": {"Voltage": 300e3}, "DataBar": {"Exposure Time (s)": 0.5, "Device Name": "OneView"}}


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "int16", "int32", "uint8"])
def test_dm3_and_dm4(tmp_path: Path, version: int, dtype: str) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    path = tmp_path / f"a.dm{version}"
    write_dm(path, IMAGE.astype(dtype), (0.04, 0.05), version=version, image_tags=DM_TAGS, brightness=(0.25, "e-"))
    micrograph = read_micrograph(path)
    assert np.array_equal(micrograph.counts, IMAGE.astype(dtype))
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    facts = (micrograph.energy_kev, micrograph.exposure_s, micrograph.camera, micrograph.counts_per_electron)
    assert [fact and fact.value for fact in facts] == [300, 0.5, "OneView", 4]


def test_dm3_with_differing_units(tmp_path: Path) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    write_dm(tmp_path / "a.dm3", IMAGE, (40, 0.05), ("pm", "nm"))
    assert read_micrograph(tmp_path / "a.dm3").pixel_angstrom.value == pytest.approx((0.4, 0.5))


def test_options_override_the_file_and_say_so(tmp_path: Path) -> None:
    write_velox(tmp_path / "a.emd", COUNTS[None], VELOX)
    given = {"energy_kev": 80.0, "exposure_s": 2.0, "camera": "K3", "counts_per_electron": 16.0}
    micrograph = read_micrograph(tmp_path / "a.emd", pixel_angstrom=0.3, **given)
    assert micrograph.pixel_angstrom == Known((0.3, 0.3), "--pixel-angstrom")
    for name, value in given.items():
        assert getattr(micrograph, name) == Known(value, f"--{name.replace('_', '-')}")


def test_negative_counts_stay(tmp_path: Path) -> None:
    imagej(tmp_path / "a.tif", (IMAGE - 100).astype(np.float32))
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").counts, (IMAGE - 100).astype(np.float32))


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_pictures_of_eight_bits_need_a_pixel_size(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    grey = COUNTS.astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_micrograph(tmp_path / f"a.{suffix}", pixel_angstrom=0.4).counts, grey)
    with pytest.raises(InputError, match="--pixel-angstrom"):
        read_micrograph(tmp_path / f"a.{suffix}")
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / f"b.{suffix}")
    assert np.array_equal(read_micrograph(tmp_path / f"b.{suffix}", pixel_angstrom=0.4).counts, grey)
    Image.fromarray(np.stack([grey, grey, grey // 2], -1)).save(tmp_path / f"c.{suffix}")
    with pytest.raises(InputError, match="colour"):
        read_micrograph(tmp_path / f"c.{suffix}", pixel_angstrom=0.4)


def test_mrc_without_the_marks_of_the_format(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(IMAGE)
        file.voxel_size = 0.5
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    content[208:212] = bytes(4)
    (tmp_path / "a.mrc").write_bytes(bytes(content))
    assert np.array_equal(read_micrograph(tmp_path / "a.mrc").counts, IMAGE)


def test_ser_of_one_image_and_of_several(tmp_path: Path) -> None:
    pytest.importorskip("rsciio", reason="the extra formats is not installed")
    write_ser(tmp_path / "a.ser", COUNTS[None], (4e-11, 5e-11))
    micrograph = read_micrograph(tmp_path / "a.ser")
    assert np.array_equal(micrograph.counts, COUNTS)
    assert micrograph.pixel_angstrom.value == pytest.approx((0.4, 0.5))
    write_ser(tmp_path / "b.ser", np.stack([COUNTS, COUNTS + 1]), (4e-11, 5e-11))
    assert np.array_equal(read_micrograph(tmp_path / "b.ser", frame=1).counts, COUNTS + 1)
