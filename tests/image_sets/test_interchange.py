"""What docs/interchange.md shows works as written, and means what temshift means."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from temshift.conditions import ImagingConditions
from temshift.configuration.model import load_configuration
from temshift.core.hashes import content_hash
from temshift.databases.hdf5_export import export_waves
from temshift.exitwaves import ExitWave, StoreLayout
from temshift.exitwaves.sources import wave_sources
from temshift.image_sets.image_set import ImagePlan, ImageSet
from temshift.image_sets.writing import write_images
from temshift.micrographs import MicrographSource, Stream, form_micrographs
from temshift.optics import image_intensities, wave_spectra
from temshift.optics.sums import band_margin
from temshift.recordings import read_micrograph
from temshift.studies import Study

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "interchange.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
MICROGRAPHS, WAVES = BLOCKS[0], "".join(BLOCKS[1:])


@pytest.fixture(scope="module")
def workplace(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the page speaks of."""
    root = tmp_path_factory.mktemp("interchange")
    shutil.copytree(database, root / "database")
    export_waves(wave_sources(root / "database"), root / "waves.h5")
    wanted = load_configuration(ROOT / "examples" / "conditions.yaml", ImageSet)
    write_images(ImagePlan(wanted, wave_sources(root / "database"), "hdf5"), root / "images", workers=0)
    return root


def results_of(block: str, folder: Path) -> dict[str, Any]:
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(block, names)
    finally:
        os.chdir(before)
    return names


def test_the_snippet_for_abtem_takes_three_lines() -> None:
    lines = [line for line in BLOCKS[1].splitlines() if line and "import" not in line]
    assert len(lines) == 3


@pytest.mark.slow
def test_abtem_makes_the_same_images_of_what_was_exported(
    workplace: Path, exit_waves: dict[str, list[ExitWave]], shaking: Study
) -> None:
    """The page's defocus, Cs and aperture in the units of temshift."""
    names = results_of(WAVES, workplace)
    waves = exit_waves["training"][0].waves
    first, average = our_image(waves[:1], shaking), our_image(waves, shaking)
    for theirs, ours in ((names["image"], first), (names["average"], average)):
        assert theirs.shape == ours.shape == (80, 64)
        assert np.sqrt(np.mean((theirs - ours) ** 2)) <= 1e-5 * ours.std()
        assert np.abs(theirs - ours).max() <= 3e-5 * ours.std()  # waves and abTEM's transforms are in single precision
    assert np.abs(first - average).max() > 0.1 * average.std()
    assert np.array_equal(names["from_store"].array, names["waves"].array)
    assert names["from_store"].energy == names["waves"].energy == 300e3
    assert names["from_store"].sampling == pytest.approx(names["waves"].sampling)


def our_image(waves: torch.Tensor, study: Study) -> np.ndarray:
    given = {"defocus_nm": 8.0, "C30_mm": -0.01, "semiangle_cutoff_mrad": 12.0, "dose_e_per_A2": 1.0}
    conditions = ImagingConditions.model_validate(given).central()
    spectra = wave_spectra(waves[None].to(torch.complex128), study.grid, 300e3, 12e-3)
    return image_intensities(spectra, torch.tensor([0]), conditions)[0].numpy()


def test_pixels_along_x_and_y_are_not_mistaken_for_each_other(stored: Any, tmp_path: Path) -> None:
    from temshift.core.grids import Grid
    from temshift.exitwaves import create_store, read_settings, write_shard

    settings = read_settings(stored(tmp_path / "template", "test"))
    store = tmp_path / "database" / "waves" / "training"
    create_store(store, StoreLayout(1, 1, Grid((8, 6), (0.4, 0.5)), 1), settings)
    wave = torch.arange(48.0).reshape(1, 8, 6).to(torch.complex64)
    write_shard(store, 0, [ExitWave(wave, np.zeros((8, 6), dtype=bool), {})])
    export_waves(wave_sources(tmp_path / "database"), tmp_path / "waves.h5")
    names = results_of(BLOCKS[1], tmp_path)
    assert names["waves"].array.shape == (6, 8)
    assert names["waves"].sampling == (0.5, 0.4)


def test_pytorch_reads_the_images_that_temshift_forms(workplace: Path) -> None:
    """Conditions come in the order of the file, specimens within them."""
    names = results_of(MICROGRAPHS, workplace / "images")
    assert names["images"].shape == (8, 1, 80, 64) and names["masks"].dtype == torch.bool
    source, wanted = wave_sources(workplace / "database", "training")[0], names["micrographs"]
    assert len(wanted) == 8 * 5
    from temshift.exitwaves import read_masks, read_waves

    waves, masks = read_waves(source.store), read_masks(source.store)
    image_set = load_configuration(ROOT / "examples" / "conditions.yaml", ImageSet)
    for place, (_, condition) in enumerate(image_set.resolved()):
        tilt = band_margin(condition.highest("angular_spread_sigma"))
        spectra = wave_spectra(waves, source.layout.grid, 300e3, source.widest_semiangle, tilt)
        formed = MicrographSource(spectra, masks, image_set.imaging)
        stream = Stream(7, (key_of(source.settings), key_of(condition), 0))
        for specimen in (0, 4):
            image, mask = form_micrographs(formed, condition, np.array([specimen]), [specimen], stream)
            read, read_mask = wanted[place * 5 + specimen]
            assert torch.allclose(read, image[0], atol=1e-3)  # its deviation divides by n - 1
            assert torch.equal(read_mask, mask[0])


def key_of(content: Any) -> int:
    return int(content_hash(content)[:8], 16)


def test_what_the_page_says_of_verbs_and_files_is_so() -> None:
    options = ROOT / "src/temshift/cli/options"
    app = "".join((options / name).read_text(encoding="utf-8") for name in ("common.py", "databases.py"))
    for option in ("--format", "--set", "--specimens", "--gzip", "--output"):
        assert f'"{option}"' in app and option in PAGE
    links = [link for link in re.findall(r"\]\(([^)]+)\)", PAGE) if not link.startswith("http")]
    assert links and all((ROOT / "docs" / link).exists() for link in links)


def test_rosettasciio_opens_images_with_their_pixel_size(workplace: Path, database: Path, tmp_path: Path) -> None:
    emd = pytest.importorskip("rsciio.emd", reason="the extra formats is not installed")
    from rsciio import tiff

    source = wave_sources(database)[0]
    (signal, *_) = emd.file_reader(str(workplace / "images" / "images.h5"))
    axes = {axis["name"]: axis for axis in signal["axes"]}
    with h5py.File(workplace / "images" / "images.h5") as file:
        images = file[source.name]["images"][:]
        steps = file[source.name].attrs["sampling_angstrom"]
    order = [[axis["name"] for axis in signal["axes"]].index(name) for name in ("condition", "image", "y", "x")]
    assert np.array_equal(np.transpose(signal["data"], order), images)
    for name, step in zip("yx", steps, strict=True):
        assert axes[name]["units"] == "nm" and axes[name]["scale"] == pytest.approx(step / 10)
    wanted = load_configuration(ROOT / "examples" / "conditions.yaml", ImageSet)
    folder = write_images(ImagePlan(wanted, [source], "tiff"), tmp_path / "tiff", workers=0)
    (signal,) = tiff.file_reader(str(next(folder.root.rglob("image-*.tif"))))
    assert [axis["units"] for axis in signal["axes"]] == ["nm", "nm"]
    assert [axis["scale"] for axis in signal["axes"]] == pytest.approx([step / 10 for step in steps])


def test_temshift_reads_its_own_images_with_their_facts(database: Path, tmp_path: Path) -> None:
    wanted = load_configuration(ROOT / "examples" / "conditions.yaml", ImageSet)
    source = wave_sources(database)[0]
    folder = write_images(ImagePlan(wanted, [source], "tiff"), tmp_path / "tiff", workers=0)
    micrograph = read_micrograph(next(folder.root.rglob("image-*.tif")))
    assert micrograph.pixel_angstrom.source == "the description that temshift wrote"
    assert micrograph.energy_kev is not None and micrograph.energy_kev.value == 300
