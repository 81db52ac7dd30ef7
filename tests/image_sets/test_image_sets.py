"""Image sets: the physics, the seeds and the faults of what is asked for."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from temshift.configuration.model import ConfigurationError, parse_configuration
from temshift.configuration.yaml_document import dotted
from temshift.core.electrons import wavelength
from temshift.core.errors import InputError, TemshiftError
from temshift.core.grids import Grid
from temshift.exitwaves import ExitWave, StoreLayout, create_store, read_masks, read_settings, write_shard
from temshift.exitwaves.sources import WaveSource, wave_sources
from temshift.image_sets.formation import Micrograph, form_images, ready_sources
from temshift.image_sets.image_set import ImagePlan, ImageSet, image_faults
from temshift.optics import standardised, wave_spectra
from temshift.optics.settings import ImagingSettings
from temshift.vocabulary.columns import CONDITION_COLUMNS

WITHOUT_DEFAULT = {
    *("semiangle_cutoff_mrad", "mtf_half_frequency", "ntf_half_frequency"),
    *("transfer_exponent", "scattering_share", "counting_frames"),
}
DEFAULT = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "defocus_nm": 10}
PLAIN = {"seed": 3, "default": DEFAULT, "conditions": [{"name": "plain"}]}


def image_set(**changes: object) -> ImageSet:
    return parse_configuration(json.dumps(PLAIN | changes), ImageSet, "conditions.yaml")


def formed(source: WaveSource, wanted: ImageSet, name: str = "plain") -> tuple[np.ndarray, list[dict[str, object]]]:
    """All images of a set under one condition, and what is known of them."""
    plan = ImagePlan(wanted, (source,), "tiff")
    images = micrographs(plan, source, name)
    return np.stack([image.pixels for image in images]), [image.facts for image in images]


def micrographs(plan: ImagePlan, source: WaveSource, name: str = "plain") -> list[Micrograph]:
    """All images of a set under one condition, formed together with the others."""
    return [
        image
        for shard in range(source.layout.shards)
        for condition, loaded in ready_sources(plan, source, shard, plan.conditions, "cpu")
        if condition.name == name
        for image in form_images(plan, source, shard, loaded, condition)
    ]


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
    tilted = {"name": "tilted", "angular_spread_sigma_mrad": 0.2}
    narrow = {"name": "narrow", "semiangle_cutoff_mrad": 5}
    others = [{"name": "wide", "semiangle_cutoff_mrad": 12.3}, wanted, narrow, tilted]
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


def test_databases_do_not_share_their_noise_but_one_that_grows_keeps_it(training: WaveSource) -> None:
    """Under one name of a set; else the images of one database would tell those of another by their noise."""
    changed = {
        "larger": training.settings | {"count": 99, "per_shard": 7},
        "other": training.settings | {"seed": 99},
        "energy": training.settings | {"exit_waves": training.settings["exit_waves"] | {"energy_kev": 80}},
    }
    seed = formed(training, image_set())[1][0]["seed"]
    seeds = {name: formed(replace(training, settings=one), image_set())[1][0]["seed"] for name, one in changed.items()}
    assert seeds["larger"] == seed
    assert len({seed, *seeds.values()}) == 3
    assert formed(replace(training, name="renamed"), image_set())[1][0]["seed"] == seed


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


def test_the_band_kept_is_all_that_the_grid_holds(training: WaveSource) -> None:
    plan = ImagePlan(image_set(), (training,), "tiff")
    ((_, loaded),) = ready_sources(plan, training, 0, plan.conditions, "cpu")
    again = wave_spectra(torch.ones(1, 1, 80, 64, dtype=torch.complex64), training.layout.grid, 300e3, 24.6e-3)
    assert 0 <= len(loaded.spectra.band.alpha) - len(again.band.alpha) < 20


WHOLE = ({}, {"mtf_half_frequency": 0.4}, {"dqe_zero": 0.5}, {"vibration_sigma_nm": 0.1}, {"drift_nm": 0.1})
BROKEN = (
    {"gain_counts_per_e": 2},
    {"gain_counts_per_e": {"normal": {"mean": 1, "sd": 0.01}}},
    {"read_noise_counts": 3},
    {"ntf_half_frequency": 0.5, "mtf_half_frequency": 0.4},
)


def test_images_of_8_bits_are_grey_levels_of_a_byte(training: WaveSource) -> None:
    eight = {"camera": {"bits": 8}}
    levels, facts = formed(training, image_set(imaging=eight))
    counts, _ = formed(training, image_set())
    assert levels.dtype == np.uint8
    for number, (image, plain) in enumerate(zip(levels, counts, strict=True)):
        assert (image.min(), image.max()) == (0, 255)
        exact = (plain.astype(float) - plain.min()) / (float(plain.max()) - plain.min()) * 255
        assert np.abs(image - exact).max() < 0.501
        assert facts[number]["counts_mean"] == pytest.approx(plain.mean())
    standard, _ = formed(training, image_set(imaging=eight, standardise=True))
    assert np.allclose(standard, standardised(torch.from_numpy(levels).double()).numpy(), atol=1e-5)
    assert ImagePlan(image_set(imaging=eight), (training,), "tiff").unit == "grey levels of each image"


@pytest.mark.parametrize("given", WHOLE)
def test_pixels_that_hold_whole_electrons_are_whole_numbers(training: WaveSource, given: dict[str, object]) -> None:
    plan = ImagePlan(image_set(default=DEFAULT | given), (training,), "tiff")
    assert (plan.dtype.name, plan.unit) == ("uint16", "electrons per pixel")


@pytest.mark.parametrize("given", BROKEN)
def test_pixels_of_a_camera_that_does_not_count_are_float32(training: WaveSource, given: dict[str, object]) -> None:
    wanted = image_set(default=DEFAULT | given)
    plan = ImagePlan(wanted, (training,), "tiff")
    assert (plan.dtype.name, plan.unit) == ("float32", "counts per pixel")
    pixels, _ = formed(training, wanted)
    gain = 2 if given.get("gain_counts_per_e") == 2 else 1
    assert pixels.mean() == pytest.approx(gain * 400 * 0.16, rel=0.05)
    assert np.any(pixels != np.round(pixels)) or gain == 2


def test_a_table_of_noise_transfer_makes_pixels_float32(training: WaveSource) -> None:
    table = {"frequency_nyquist": (0, 1), "value": (1, 0.5)}
    imaging = ImagingSettings.model_validate({"camera": {"mtf_table": table, "ntf_table": table}})
    plan = ImagePlan(image_set().model_copy(update={"imaging": imaging}), (training,), "tiff")
    assert plan.dtype.name == "float32"


def test_a_mean_falls_with_the_share_that_is_detected(training: WaveSource) -> None:
    every, half = (formed(training, image_set(default=DEFAULT | {"dqe_zero": one}))[0].mean() for one in (1, 0.5))
    assert half == pytest.approx(every / 2, rel=0.01)


def test_binned_images_are_sums_of_the_same_electrons_and_masks_of_the_same_particles(training: WaveSource) -> None:
    plans = [ImagePlan(image_set(imaging={"camera": {"binning": n}}), (training,), "tiff") for n in (1, 2)]
    for fine, coarse in zip(*(micrographs(plan, training) for plan in plans), strict=True):
        assert coarse.pixels.shape == coarse.mask.shape == (40, 32)
        assert np.array_equal(coarse.pixels, fine.pixels.reshape(40, 2, 32, 2).sum(axis=(1, 3)))
        assert np.array_equal(coarse.mask, fine.mask.reshape(40, 2, 32, 2).sum(axis=(1, 3)) >= 2)
        assert coarse.facts["counts_mean"] == pytest.approx(4 * fine.facts["counts_mean"])
        assert coarse.facts["mask_fraction"] == coarse.mask.mean()
    assert plans[1].grid(training) == Grid((40, 32), (0.8, 0.8))


def test_masks_follow_the_size_of_the_pixels(training: WaveSource) -> None:
    """Pixels that are 15 % larger look at places that are stretched about the middle of the periodic plane."""
    sizes = {"pixel_size_error_percent": {"choice": {"values": [0, 15]}}}
    plan = ImagePlan(image_set(images_per_specimen=8, default=DEFAULT | sizes), (training,), "tiff")
    assert plan.masks_differ and not ImagePlan(image_set(), (training,), "tiff").masks_differ
    true = read_masks(training.store).numpy()
    for image in micrographs(plan, training):
        stretched = 1 + image.facts["pixel_size_error_percent"] / 100
        middles = [(size - 1) / 2 for size in (80, 64)]
        rows, columns = (np.round(m + (np.arange(2 * m + 1) - m) * stretched).astype(int) for m in middles)
        assert np.array_equal(image.mask, true[image.facts["specimen"]][np.ix_(rows % 80, columns % 64)])


def test_what_is_absent_is_none(training: WaveSource) -> None:
    given = {"dose_e_per_A2": 400, "defocus_nm": 10}
    _, facts = formed(training, image_set(default=given))
    absent = {key for key, value in facts[0].items() if value is None}
    assert absent == WITHOUT_DEFAULT
    assert set(CONDITION_COLUMNS) < set(facts[0])


@pytest.mark.parametrize(("dose", "name"), [(25_000, "uint16"), (26_000, "uint32"), (1e6, "uint32")])
@pytest.mark.parametrize(
    ("share", "given", "binning"),
    [
        (1, {}, 1),
        (2, {"dqe_zero": 0.5}, 1),
        (1 / 4, {}, 2),
        (1 / 1.44, {"pixel_size_error_percent": {"uniform": {"minimum": -20, "maximum": 20}}}, 1),
    ],
)
def test_the_type_of_pixels_holds_what_the_dose_may_give(
    training: WaveSource, dose: float, name: str, share: float, given: dict[str, object], binning: int
) -> None:
    """16 times 0.16 A^2 times 25,600 e/A^2 are 65,536 electrons."""
    high = [{"name": "high", "dose_e_per_A2": dose * share}, {"name": "low"}]
    wanted = image_set(default=DEFAULT | given, conditions=high, imaging={"camera": {"binning": binning}})
    assert ImagePlan(wanted, (training,), "tiff").dtype.name == name


def test_a_dose_that_no_file_of_counts_holds_is_refused_before_anything_is_formed(training: WaveSource) -> None:
    blinding = image_set(default=DEFAULT | {"dose_e_per_A2": 1e9}, imaging={"camera": {"binning": 2}})
    with pytest.raises(InputError, match=r"a pixel may count 1e\+10 electrons, .* lower dose_e_per_A2"):
        ImagePlan(blinding, (training,), "tiff")
    assert ImagePlan(blinding.model_copy(update={"standardise": True}), (training,), "tiff").dtype == np.float32


def test_a_count_beyond_the_type_is_told_and_never_wraps_around(stored, tmp_path: Path) -> None:
    """A wave of intensity 25 where 1 is the incident one: such a store is wrong, and its counts go past the margin."""
    source = flat_source(stored, tmp_path, 5.0)
    wanted = image_set(default=DEFAULT | {"dose_e_per_A2": 25_000})
    with pytest.raises(TemshiftError, match=r"'plain': a pixel counts 1.0\de\+05 electrons, more than uint16 holds"):
        formed(source, wanted)
    assert formed(source, image_set(**PLAIN | {"standardise": True}))[0].dtype == np.float32
    counted = wanted.model_dump() | {"default": {**DEFAULT, "dose_e_per_A2": 25_000, "gain_counts_per_e": 2}}
    assert formed(source, ImageSet.model_validate(counted))[0].max() > 2e5


def test_an_aperture_beyond_the_band_is_told_with_the_largest_for_every_set(database: Path) -> None:
    wide = [{"name": "wide", "semiangle_cutoff_mrad": 24.7}, {"name": "fitting", "semiangle_cutoff_mrad": 24.6}]
    with pytest.raises(InputError) as told:
        ImagePlan(image_set(conditions=wide), wave_sources(database), "hdf5")
    assert str(told.value).splitlines() == [
        "these images can't be formed:",
        "  sets test, training: 'wide': semiangle_cutoff_mrad reaches 24.70, beyond the band of waves on 0.4 A "
        "pixels: at most 24.61 mrad, or sample finer",
    ]


def test_an_aperture_that_passes_nothing_is_told(training: WaveSource) -> None:
    """Three steps of 1 / 25.6 A at 300 kV."""
    least = 3e3 * wavelength(300e3) / 25.6
    for angle, allowed in ((least * 0.99, False), (least * 1.01, True)):
        wanted = image_set(default=DEFAULT | {"semiangle_cutoff_mrad": angle})
        if allowed:
            assert ImagePlan(wanted, (training,), "tiff").conditions
        else:
            with pytest.raises(InputError, match=f"set training: 'plain': .* at least {least:.2f} mrad"):
                ImagePlan(wanted, (training,), "tiff")


def test_pixels_too_fine_for_the_tags_of_tiff_are_told(stored, tmp_path: Path) -> None:
    settings = read_settings(stored(tmp_path / "template", "test"))
    create_store(tmp_path / "fine", StoreLayout(1, 1, Grid((400, 400), (0.02, 0.02)), 1), settings)
    write_shard(tmp_path / "fine", 0, [ExitWave(torch.ones(1, 400, 400), np.zeros((400, 400), dtype=bool), {})])
    sources = wave_sources(tmp_path / "fine")
    with pytest.raises(InputError, match=r"set fine: TIFF can't hold pixels of 0.02 A, 0.0233 A at least"):
        ImagePlan(image_set(), sources, "tiff")
    assert ImagePlan(image_set(), sources, "hdf5").dtype.name == "uint16"


CANT_BE_FORMED = {
    "another energy": (
        {"energy_kev": 200},
        "energy_kev",
        "sets test, training: given 200, but its waves were simulated at 300 keV; give 300, or leave energy_kev out",
    ),
    "binning": (
        {"imaging": {"camera": {"binning": 3}}},
        "imaging.camera.binning",
        "sets test, training: 3 does not divide 64 x 80 pixels; change cell_nm or the sampling",
    ),
    "focal spread": (
        {"default": DEFAULT | {"focal_spread_sigma_nm": 1000}},
        "conditions.0",
        "sets test, training: 'plain': the focal spread turns phases by 229.8 rad for each standard deviation at the "
        "edge of the band, too far for a sum of 100 images to be exact to 0.001; semiangle_cutoff_mrad of at most "
        "2.73 works; or take a smaller spread, a larger tolerance, or coherence: envelope",
    ),
    "MTF above NTF": (
        {"default": DEFAULT | {"mtf_half_frequency": 0.6, "ntf_half_frequency": 0.3}},
        "conditions.0",
        "sets test, training: 'plain': the MTF is 0.634 and the NTF 0.162 at 0.49 of Nyquist: DQE = DQE(0) MTF^2 / "
        "NTF^2 would exceed DQE(0); give an NTF nowhere below the MTF, or none for a camera that counts",
    ),
}


@pytest.mark.parametrize("case", CANT_BE_FORMED)
def test_what_the_waves_or_the_camera_can_not_serve_is_told_once(database: Path, case: str) -> None:
    changes, place, told = CANT_BE_FORMED[case]
    faults = image_faults(image_set(**changes), wave_sources(database), "tiff")
    assert [(dotted(path), message) for path, message in faults] == [(place, told)]


def test_all_faults_are_told_together(database: Path) -> None:
    wrong = {"energy_kev": 80, "imaging": {"camera": {"binning": 7}}}
    conditions = [{"name": "wide", "semiangle_cutoff_mrad": 30}, {"name": "blurred", "focal_spread_sigma_nm": 1000}]
    faults = image_faults(image_set(**wrong, conditions=conditions), wave_sources(database), "tiff")
    places = [dotted(path) for path, _ in faults]
    assert places == ["energy_kev", "imaging.camera.binning", "conditions.0", "conditions.1"]


def test_remarks_tell_probable_units_and_bands_that_end_with_the_grid(database: Path) -> None:
    given = {"dose_e_per_A2": 400, "defocus_nm": 10, "C30_mm": 2.7e-7}
    plan = ImagePlan(image_set(default=given), wave_sources(database), "tiff")
    unit, open_lens = plan.remarks()
    assert unit == (
        "'plain': C30_mm = 2.7e-07: C30 = 2.7e-07 mm is implausibly small for the spherical aberration; 2.7 mm is "
        "2.7e+07 A"
    )
    assert open_lens == (
        "'plain': without an aperture images end with the grid, at 24.61 mrad, where coherence still leaves 100% of "
        "the contrast; give semiangle_cutoff_mrad, or sample finer"
    )
    assert ImagePlan(image_set(), wave_sources(database), "tiff").remarks() == []


FAULTS = {
    "unknown key": ({"conditions": [{"name": "a", "defocus": 1}]}, "nearest: 'defocus_nm'"),
    "missing parameter": (
        {"default": {"C30_mm": 1}},
        "line 1, conditions.0: 'plain': defocus_nm, dose_e_per_A2 missing",
    ),
    "a name twice": (
        {"conditions": [{"name": "a"}, {"name": "a", "C30_mm": 1}]},
        "conditions.1: the name 'a' is used twice",
    ),
    "names alike": (
        {"conditions": [{"name": "a/b"}, {"name": "A b", "C30_mm": 1}]},
        "the name 'A b' and 'a/b' give the same folder; change one name",
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
