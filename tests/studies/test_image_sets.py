"""Image sets: the physics, the seeds and the faults of what is asked for."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from temshift.core.configuration import ConfigurationError, parse_configuration
from temshift.core.electrons import wavelength
from temshift.core.errors import InputError, TemshiftError
from temshift.core.grids import Grid
from temshift.datasets import MicrographSource
from temshift.exitwaves import ExitWave, StoreLayout, create_store, read_settings, write_shard
from temshift.optics import standardised, wave_spectra
from temshift.studies.image_sets import ImagePlan, ImageSet, form_images, source_of
from temshift.studies.wave_sources import WaveSource, wave_sources

DEFAULT = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "defocus_nm": 10}
PLAIN = {"seed": 3, "default": DEFAULT, "conditions": [{"name": "plain"}]}


def image_set(**changes: object) -> ImageSet:
    return parse_configuration(json.dumps(PLAIN | changes), ImageSet, "conditions.yaml")


def formed(source: WaveSource, wanted: ImageSet, name: str = "plain") -> tuple[np.ndarray, list[dict[str, object]]]:
    """All images of a set under one condition, and what is known of them."""
    plan = ImagePlan(wanted, (source,), "tiff")
    condition = next(one for one in plan.conditions if one.name == name)
    shards = range(source.layout.shards)
    images = [
        image
        for shard in shards
        for image in form_images(plan, source, shard, source_of(source, shard, "cpu"), condition)
    ]
    return np.stack([image.pixels for image in images]), [image.facts for image in images]


@pytest.fixture(scope="module")
def training(database: Path) -> WaveSource:
    return wave_sources(database, "training")[0]


def expected_intensity(wave: np.ndarray, grid: Grid, defocus: float, semiangle: float) -> np.ndarray:
    """Image of one wave (y, x) by the textbook, through an aperture whose edge is one frequency step wide."""
    qy, qx = grid.frequencies()
    q, azimuth = np.hypot(qy, qx), np.arctan2(qy, qx)
    step = np.hypot(np.cos(azimuth) / grid.extent[1], np.sin(azimuth) / grid.extent[0])
    aperture = np.clip((semiangle / wavelength(300e3) - q) / step + 0.5, 0, 1)
    lens = aperture * np.exp(1j * np.pi * wavelength(300e3) * defocus * q**2)
    return np.abs(np.fft.ifft2(np.fft.fft2(wave) * lens)) ** 2


def test_images_are_poisson_counts_of_intensities_averaged_over_phonons(
    training: WaveSource, exit_waves: dict[str, list[ExitWave]]
) -> None:
    """Deviations from the mean count, over its root, have variance 1; those from one phonon, or the mean wave, more."""
    dose = 3e7
    counts, facts = formed(training, image_set(default=DEFAULT | {"dose_e_per_A2": dose}))
    grid, worst = training.layout.grid, {"one": 0.0, "wave": 0.0}
    for number in (0, 4):
        waves = exit_waves["training"][number].waves.numpy().astype(complex)
        each = [expected_intensity(wave, grid, 100.0, 12e-3) for wave in waves]
        mean_wave = expected_intensity(waves.mean(axis=0), grid, 100.0, 12e-3)
        spread = {
            name: np.var((counts[number] - dose * 0.16 * intensity) / np.sqrt(dose * 0.16 * intensity))
            for name, intensity in {"average": np.mean(each, axis=0), "one": each[0], "wave": mean_wave}.items()
        }
        assert spread["average"] == pytest.approx(1, abs=0.1)  # 5,120 pixels: 5 standard deviations
        worst = {name: max(worst[name], spread[name]) for name in worst}
        assert facts[number]["counts_mean"] == pytest.approx(counts[number].mean())
        assert facts[number]["specimen"] == number
    assert min(worst.values()) > 2


def test_vacuum_counts_the_dose(stored, tmp_path: Path) -> None:
    source = flat_source(stored, tmp_path, 1.0)
    counts, _ = formed(source, image_set(default=DEFAULT | {"dose_e_per_A2": 100}))
    assert counts.mean() == pytest.approx(16, abs=5 * math.sqrt(16 / counts.size))
    assert counts.var() == pytest.approx(16, rel=0.1)
    assert counts.dtype == np.uint16


def flat_source(stored, folder: Path, amplitude: float) -> WaveSource:
    """One specimen whose wave is the same everywhere."""
    settings = read_settings(stored(folder / "template", "test"))
    create_store(folder / "flat", StoreLayout(1, 1, Grid((64, 64), (0.4, 0.4)), 1), settings)
    wave = torch.full((1, 64, 64), amplitude, dtype=torch.complex64)
    write_shard(folder / "flat", 0, [ExitWave(wave, np.zeros((64, 64), dtype=bool), {})])
    return wave_sources(folder / "flat")[0]


def test_an_image_ignores_the_other_conditions_and_how_specimens_share_files(
    training: WaveSource, stored, tmp_path: Path
) -> None:
    wanted = {"name": "wanted", "defocus_nm": {"normal": {"mean": -10, "sd": 3}}, "semiangle_cutoff_mrad": 9.7}
    alone, facts = formed(training, image_set(conditions=[wanted]), "wanted")
    others = [{"name": "wide", "semiangle_cutoff_mrad": 12.3}, wanted, {"name": "narrow", "semiangle_cutoff_mrad": 5}]
    among, told = formed(training, image_set(conditions=others), "wanted")
    assert np.array_equal(alone, among) and facts == told
    other_shards = wave_sources(stored(tmp_path / "training", "training", per_shard=3))[0]
    assert np.array_equal(alone, formed(other_shards, image_set(conditions=[wanted]), "wanted")[0])
    renamed, _ = formed(training, image_set(conditions=[wanted | {"name": "renamed"}]), "renamed")
    assert np.array_equal(alone, renamed)


def test_images_differ_with_seed_specimen_condition_and_number(training: WaveSource) -> None:
    twice, facts = formed(training, image_set(images_per_specimen=2))
    once, _ = formed(training, image_set())
    assert np.array_equal(twice[::2], once)
    assert [(row["specimen"], row["image"], row["number"]) for row in facts[:3]] == [(0, 0, 0), (0, 1, 1), (1, 0, 2)]
    assert len({row["seed"] for row in facts}) == 10
    assert not np.array_equal(twice[0], twice[1])
    assert not np.array_equal(once, formed(training, image_set(seed=4))[0])
    shifted = image_set(default=DEFAULT | {"defocus_nm": 10.5})
    assert formed(training, shifted)[1][0]["seed"] != facts[0]["seed"]


def test_training_and_test_specimens_do_not_share_their_noise(database: Path) -> None:
    seeds = [formed(source, image_set())[1][0]["seed"] for source in wave_sources(database)]
    assert len(set(seeds)) == 2


def test_drawn_conditions_are_told_in_the_units_of_the_file(training: WaveSource) -> None:
    spread = {"normal": {"mean": -10, "sd": 2}}
    wanted = image_set(
        images_per_specimen=40,
        default=DEFAULT
        | {"defocus_nm": spread, "C30_mm": -0.02, "phi12_deg": {"uniform": {"minimum": 0, "maximum": 90}}},
    )
    _, facts = formed(training, wanted)
    defocus = np.array([row["defocus_nm"] for row in facts])
    assert defocus.mean() == pytest.approx(-10, abs=5 * 2 / math.sqrt(200))
    assert defocus.std() == pytest.approx(2, rel=0.2)
    assert {row["C30_mm"] for row in facts} == {-0.02}
    azimuths = [row["phi12_deg"] for row in facts]
    assert 0 <= min(azimuths) < 10 and 80 < max(azimuths) <= 90


def test_standardised_images_have_mean_0_and_variance_1(training: WaveSource) -> None:
    counts, facts = formed(training, image_set())
    images, _ = formed(training, image_set(standardise=True))
    assert images.dtype == np.float32
    assert np.abs(images.mean(axis=(1, 2))).max() < 1e-5
    assert np.allclose(images.std(axis=(1, 2)), 1, atol=1e-5)
    back = images * np.array([row["counts_sd"] for row in facts])[:, None, None]
    back += np.array([row["counts_mean"] for row in facts])[:, None, None]
    assert np.allclose(back, counts, atol=1e-3)
    assert np.allclose(images, standardised(torch.from_numpy(counts.astype(np.float32))).numpy(), atol=1e-6)


def test_the_band_kept_is_all_that_does_not_alias(training: WaveSource) -> None:
    loaded = source_of(training, 0, "cpu")
    assert isinstance(loaded, MicrographSource)
    again = wave_spectra(torch.ones(1, 1, 80, 64, dtype=torch.complex64), training.layout.grid, 300e3, 12.3e-3)
    assert 0 <= len(loaded.spectra.band.index) - len(again.band.index) < 20


@pytest.mark.parametrize(("dose", "name"), [(25_000, "uint16"), (26_000, "uint32"), (1e6, "uint32")])
def test_the_type_of_pixels_holds_what_the_dose_may_give(training: WaveSource, dose: float, name: str) -> None:
    """16 times 0.16 A^2 times 25,600 e/A^2 are 65,536 electrons."""
    high = [{"name": "high", "dose_e_per_A2": dose}, {"name": "low"}]
    plan = ImagePlan(image_set(conditions=high), (training,), "tiff")
    assert plan.dtype.name == name


def test_a_dose_that_no_file_of_counts_holds_is_refused_before_anything_is_formed(training: WaveSource) -> None:
    blinding = image_set(default=DEFAULT | {"dose_e_per_A2": 2e9})
    with pytest.raises(InputError, match=r"a pixel may count 5.1e\+09 electrons, .* lower dose_e_per_A2"):
        ImagePlan(blinding, (training,), "tiff")
    assert ImagePlan(blinding.model_copy(update={"standardise": True}), (training,), "tiff").dtype == np.float32


def test_a_count_beyond_the_type_is_told_and_never_wraps_around(stored, tmp_path: Path) -> None:
    """A wave of intensity 25 where 1 is the incident one: such a store is wrong, and its counts go past the margin."""
    source = flat_source(stored, tmp_path, 5.0)
    wanted = image_set(default=DEFAULT | {"dose_e_per_A2": 25_000})
    with pytest.raises(TemshiftError, match=r"'plain': a pixel counts 1.0\de\+05 electrons, more than uint16 holds"):
        formed(source, wanted)
    assert formed(source, image_set(**PLAIN | {"standardise": True}))[0].dtype == np.float32


def test_an_aperture_that_would_alias_is_told_with_the_largest_for_every_set(database: Path) -> None:
    wide = [{"name": "wide", "semiangle_cutoff_mrad": 12.4}, {"name": "fitting", "semiangle_cutoff_mrad": 12.3}]
    with pytest.raises(InputError) as told:
        ImagePlan(image_set(conditions=wide), wave_sources(database), "hdf5")
    assert str(told.value).splitlines() == [
        "these images can't be formed:",
        *(
            f"  set {name}, 'wide': semiangle_cutoff_mrad reaches 12.40; |psi|^2 would alias on 0.4 A pixels: "
            "at most 12.30 mrad, or sample finer"
            for name in ("test", "training")
        ),
    ]


def test_an_aperture_that_passes_nothing_is_told(training: WaveSource) -> None:
    """Three steps of 1 / 25.6 A at 300 kV."""
    least = 3e3 * wavelength(300e3) / 25.6
    for angle, allowed in ((least * 0.99, False), (least * 1.01, True)):
        wanted = image_set(default=DEFAULT | {"semiangle_cutoff_mrad": angle})
        if allowed:
            assert ImagePlan(wanted, (training,), "tiff").conditions
        else:
            with pytest.raises(InputError, match=f"set training, 'plain': .* at least {least:.2f} mrad"):
                ImagePlan(wanted, (training,), "tiff")


def test_pixels_too_fine_for_the_tags_of_tiff_are_told(stored, tmp_path: Path) -> None:
    settings = read_settings(stored(tmp_path / "template", "test"))
    create_store(tmp_path / "fine", StoreLayout(1, 1, Grid((400, 400), (0.02, 0.02)), 1), settings)
    write_shard(tmp_path / "fine", 0, [ExitWave(torch.ones(1, 400, 400), np.zeros((400, 400), dtype=bool), {})])
    sources = wave_sources(tmp_path / "fine")
    with pytest.raises(InputError, match=r"set fine: TIFF can't tell that a pixel measures 0.02 A, 0.0233 A at least"):
        ImagePlan(image_set(), sources, "tiff")
    assert ImagePlan(image_set(), sources, "hdf5").dtype.name == "uint16"


FAULTS = {
    "unknown key": ({"conditions": [{"name": "a", "defocus": 1}]}, "nearest: 'defocus_nm'"),
    "missing parameter": (
        {"default": {}},
        "conditions, 'plain': defocus_nm, dose_e_per_A2, semiangle_cutoff_mrad missing",
    ),
    "a name twice": ({"conditions": [{"name": "a"}, {"name": "a", "C30_mm": 1}]}, "the name 'a' is used twice"),
    "names alike": (
        {"conditions": [{"name": "a/b"}, {"name": "A b", "C30_mm": 1}]},
        "'A b' and 'a/b' give the same folder",
    ),
    "the folder of masks": ({"conditions": [{"name": "Masks"}]}, "'Masks' and 'the masks' give the same folder"),
    "twins": ({"conditions": [{"name": "a"}, {"name": "b", "defocus_nm": 10}]}, "'b' and 'a' are the same, and would"),
    "no condition": ({"conditions": []}, "at least 1"),
    "no image": ({"images_per_specimen": 0}, "images_per_specimen"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_of_an_image_set_are_told(case: str) -> None:
    changes, told = FAULTS[case]
    with pytest.raises(ConfigurationError) as fault:
        image_set(**changes)
    assert told in str(fault.value)
