"""Micrographs: seeds, order, augmentation, and the images that a network gets."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from temshift.conditions import ImagingConditions
from temshift.core.grids import Grid
from temshift.core.seeds import Stage, generator
from temshift.micrographs import (
    Augmentation,
    MicrographSource,
    Stream,
    augmented,
    first_images,
    form_micrographs,
    scoring_batches,
    training_batches,
)
from temshift.optics import ImagingSettings, image_intensities, wave_spectra

GRID = Grid((32, 32), (0.4, 0.4))
STREAM = Stream(5, (1, 9))
CONDITIONS = ImagingConditions.model_validate(
    {
        "defocus_nm": {"normal": {"mean": -10, "sd": 8}},
        "dose_e_per_A2": {"uniform": {"minimum": 50, "maximum": 2000}},
        "semiangle_cutoff_mrad": 12.0,
    }
)
SYMMETRIES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda plane: plane,
    lambda plane: plane[::-1],
    lambda plane: plane[:, ::-1],
    lambda plane: plane[::-1, ::-1],
    lambda plane: plane.T,
    lambda plane: plane.T[::-1],
    lambda plane: plane.T[:, ::-1],
    lambda plane: plane.T[::-1, ::-1],
)


def source_of(specimens: int) -> MicrographSource:
    """Random phase objects; the mask of specimen k has its first k + 1 pixels set."""
    draws = np.random.default_rng(0)
    phases = torch.from_numpy(draws.normal(0, 0.3, (specimens, 1, 32, 32)))
    waves = torch.polar(torch.ones_like(phases), phases).to(torch.complex64)
    masks = torch.arange(32 * 32).reshape(32, 32) <= torch.arange(specimens)[:, None, None]
    return MicrographSource(wave_spectra(waves, GRID, 300e3, 12e-3), masks)


SOURCE = source_of(6)


FIXED = ImagingConditions.model_validate({"defocus_nm": -10.0, "dose_e_per_A2": 400.0, "semiangle_cutoff_mrad": 12.0})


def form(
    numbers: list[int],
    specimens: list[int] | None = None,
    stream: Stream = STREAM,
    conditions: ImagingConditions = CONDITIONS,
) -> torch.Tensor:
    chosen = np.array(specimens if specimens is not None else [number % 6 for number in numbers])
    return form_micrographs(SOURCE, conditions, chosen, numbers, stream)[0]


def specimens_in(masks: torch.Tensor) -> list[int]:
    """Which specimens a batch shows, told by the number of pixels of their masks."""
    return (masks.flatten(1).sum(dim=1) - 1).tolist()


def test_images_have_mean_0_and_variance_1_and_the_masks_of_their_specimens() -> None:
    images, masks = form_micrographs(SOURCE, CONDITIONS, np.array([4, 0, 3]), [0, 1, 2], STREAM)
    assert images.shape == masks.shape == (3, 1, 32, 32)
    assert images.dtype == torch.float32 and masks.dtype == torch.bool
    assert torch.allclose(images.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(images.var(dim=(1, 2, 3), correction=0), torch.ones(3), atol=1e-5)
    assert torch.equal(masks[:, 0], SOURCE.masks[[4, 0, 3]])


@settings(max_examples=20)
@given(st.permutations(range(8)), st.integers(1, 8))
def test_an_image_ignores_its_companions_and_their_order(order: list[int], batch: int) -> None:
    together = form(order[:batch])
    for number, image in zip(order[:batch], together, strict=True):
        assert torch.allclose(form([number])[0], image, atol=1e-5)


@pytest.mark.parametrize("conditions", [CONDITIONS, FIXED], ids=["conditions and noise", "noise alone"])
def test_each_number_root_and_key_draws_afresh(conditions: ImagingConditions) -> None:
    streams = [STREAM, Stream(6, STREAM.key), Stream(5, (1, 8)), Stream(5, (1,))]
    images = [form([0], [0], stream, conditions)[0] for stream in streams]
    images.append(form([1], [0], STREAM, conditions)[0])
    for i, one in enumerate(images):
        for other in images[i + 1 :]:
            assert not torch.allclose(one, other, atol=0.1)
    assert torch.equal(form([0], [0], STREAM, conditions)[0], images[0])


def test_images_are_formed_under_the_conditions_that_their_number_draws() -> None:
    """At a dose without noise, against a lens whose parameters are drawn here."""
    quiet = CONDITIONS.model_copy(update={"dose_e_per_A2": CONDITIONS.dose_e_per_A2.model_validate(1e9)})
    images, _ = form_micrographs(SOURCE, quiet, np.array([2, 2]), [3, 11], STREAM)
    for image, number in zip(images, (3, 11), strict=True):
        uniform = generator(5, Stage.CONDITION, 1, 9, number).random(8)
        expected = image_intensities(SOURCE.spectra, torch.tensor([2]), quiet.quantiles(uniform[None]))[0].numpy()
        expected = (expected - expected.mean()) / expected.std()
        assert np.corrcoef(expected.ravel(), image.numpy().ravel())[0, 1] > 0.9999
    assert not torch.allclose(images[0], images[1], atol=0.1)


def test_images_of_8_bits_have_256_levels_from_the_darkest_pixel_to_the_brightest() -> None:
    """By NumPy, from the images of a camera that keeps its counts, whose scale standardisation has changed alone."""
    eight = replace(SOURCE, imaging=ImagingSettings.model_validate({"camera": {"bits": 8}}))
    images = form_micrographs(eight, FIXED, np.arange(3), [0, 1, 2], STREAM)[0].double().numpy()
    counts = form_micrographs(SOURCE, FIXED, np.arange(3), [0, 1, 2], STREAM)[0].double().numpy()
    for image, plain in zip(images[:, 0], counts[:, 0], strict=True):
        exact = (plain - plain.min()) / np.ptp(plain) * 255
        levels = (image - image.min()) / np.ptp(image) * 255
        assert levels == pytest.approx(np.rint(levels), abs=1e-3)
        assert np.abs(levels - exact).max() < 0.501
        assert (image.mean(), image.std()) == pytest.approx((0, 1), abs=1e-5)
        assert 0 < np.abs(image - plain).max() < 4 / 255 * np.ptp(plain)


def test_noise_is_that_of_counted_electrons() -> None:
    """A flat image of N electrons a pixel has the variance N: standardised, one electron more is 1 / sqrt(N)."""
    flat = MicrographSource(
        wave_spectra(torch.ones(1, 1, 32, 32, dtype=torch.complex64), GRID, 300e3, 12e-3), SOURCE.masks[:1]
    )
    few = CONDITIONS.model_copy(update={"dose_e_per_A2": CONDITIONS.dose_e_per_A2.model_validate(100.0)})
    images, _ = form_micrographs(flat, few, np.zeros(40, dtype=int), range(40), STREAM)
    steps = torch.stack([torch.diff(torch.unique(image)).min() for image in images])
    assert float(steps.mean()) == pytest.approx(1 / 4, rel=0.01)  # N = 100 x 0.16


def test_every_specimen_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    """Batches of 4 go across the epochs of 6."""
    batches = training_batches(SOURCE, CONDITIONS, steps=9, batch=4, stream=STREAM)
    order = np.array([number for _, masks in batches for number in specimens_in(masks)]).reshape(6, 6)
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(6), (6, 1)))
    assert len(np.unique(order, axis=0)) > 3


def shown(images: str, steps: int = 6, batch: int = 4, **given: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(training_batches(SOURCE, CONDITIONS, steps=steps, batch=batch, stream=STREAM, images=images, **given))


def epochs(images: str, **given: str) -> torch.Tensor:
    """Images of four epochs (epoch, image, y, x); batches of 4 go across the epochs of 6."""
    return torch.cat([batch for batch, _ in shown(images, **given)]).reshape(4, 6, 32, 32)


def places(found: torch.Tensor, pool: torch.Tensor) -> list[int]:
    """Which image of a pool each one is; it is there once."""
    equal = (found[:, None] == pool).all(dim=(-2, -1))
    assert equal.sum(dim=1).tolist() == [1] * len(found)
    return equal.int().argmax(dim=1).tolist()


def test_fixed_images_come_once_an_epoch_in_a_new_order() -> None:
    found = epochs("fixed", augmentation="none")
    orders = np.array([places(epoch, found[0]) for epoch in found])
    assert np.array_equal(np.sort(orders, axis=1), np.tile(np.arange(6), (4, 1)))
    assert len(np.unique(orders, axis=0)) == 4


def test_fixed_images_keep_their_masks() -> None:
    first, specimens = torch.cat([images for images, _ in first_pass()]), first_specimens()
    for images, masks in shown("fixed", augmentation="none"):
        assert [specimens[place] for place in places(images[:, 0], first[:, 0])] == specimens_in(masks)


def test_fixed_images_are_augmented_anew_each_epoch() -> None:
    """Turned and shifted, an image keeps its values but not their places."""
    found, plain = epochs("fixed"), epochs("fixed", augmentation="none")
    assert torch.equal(found.flatten(2).sort().values, plain.flatten(2).sort().values)
    again = [found[epoch, places(plain[epoch], plain[0]).index(0)] for epoch in range(4)]
    assert all(not torch.equal(one, other) for i, one in enumerate(again) for other in again[i + 1 :])


def test_fresh_images_are_new_each_epoch() -> None:
    """No two images of a specimen have the same values."""
    values = epochs("fresh").flatten(2).sort().values.flatten(0, 1)
    assert all(not torch.equal(one, other) for i, one in enumerate(values) for other in values[i + 1 :])


def test_the_first_epoch_of_fixed_images_is_that_of_fresh_ones() -> None:
    assert torch.allclose(epochs("fixed")[0], epochs("fresh")[0], atol=1e-5)


def first_pass(batch: int = 4) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(first_images(SOURCE, CONDITIONS, batch=batch, stream=STREAM))


def first_specimens() -> list[int]:
    return [number for _, masks in first_pass() for number in specimens_in(masks)]


def test_first_images_are_those_that_training_shows_before_augmentation() -> None:
    assert [len(images) for images, _ in first_pass()] == [4, 2]
    images = torch.cat([images for images, _ in first_pass()])
    assert sorted(first_specimens()) == list(range(6))
    assert torch.equal(images[:, 0], epochs("fixed", augmentation="none")[0])
    assert torch.allclose(images[:, 0], epochs("fresh", augmentation="none")[0], atol=1e-5)
    assert torch.allclose(images, first_pass(batch=6)[0][0], atol=1e-5)


def test_the_size_of_batches_changes_no_image_of_training() -> None:
    of = {size: training_batches(SOURCE, CONDITIONS, steps=12 // size, batch=size, stream=STREAM) for size in (2, 4)}
    small, large = (torch.cat([images for images, _ in of[size]]) for size in (2, 4))
    assert torch.allclose(small, large, atol=1e-5)
    assert len(small) == 12


def test_training_images_are_standardised_and_belong_to_their_masks() -> None:
    """Turning and shifting back by brute force: the mask of one pixel tells how the image moved."""
    plain = form_micrographs(SOURCE, CONDITIONS, np.zeros(4, dtype=int), range(4), STREAM)
    moved, masks = augmented(*plain, range(4), STREAM)
    assert torch.allclose(moved.mean(dim=(1, 2, 3)), torch.zeros(4), atol=1e-5)
    for before, after, mask in zip(plain[0], moved, masks, strict=True):
        row, column = np.argwhere(mask[0].numpy())[0]
        assert after[0, row, column] == before[0, 0, 0]


def test_scoring_shows_every_specimen_once_in_order_whatever_the_batch() -> None:
    whole = list(scoring_batches(SOURCE, CONDITIONS, batch=6, stream=STREAM))
    parts = list(scoring_batches(SOURCE, CONDITIONS, batch=4, stream=STREAM))
    assert [len(images) for images, _ in parts] == [4, 2]
    assert [number for _, masks in parts for number in specimens_in(masks)] == list(range(6))
    assert torch.allclose(torch.cat([images for images, _ in parts]), whole[0][0], atol=1e-5)


def test_scoring_does_not_augment() -> None:
    images, masks = next(scoring_batches(SOURCE, CONDITIONS, batch=6, stream=STREAM))
    assert torch.equal(masks[:, 0], SOURCE.masks)
    assert torch.allclose(images, form(list(range(6))), atol=1e-5)


def planes(count: int, size: int = 6) -> torch.Tensor:
    """Copies of a plane without any symmetry."""
    return torch.arange(size * size).reshape(1, 1, size, size).repeat(count, 1, 1, 1)


def test_augmentation_keeps_an_image_and_its_mask_together() -> None:
    values = planes(50)
    images, masks = augmented(values.float(), values % 3 == 0, range(50), STREAM)
    assert torch.equal(images.long() % 3 == 0, masks)


def movements(count: int, augmentation: Augmentation = "dihedral_shift") -> list[tuple[int, int, int]]:
    """Symmetry and shift (y, x) of each augmented plane, found by trying them all."""
    plane = planes(1)[0, 0].numpy()
    known = {
        np.roll(turn(plane), (y, x), (0, 1)).tobytes(): (number, y, x)
        for number, turn in enumerate(SYMMETRIES)
        for y in range(6)
        for x in range(6)
    }
    assert len(known) == 8 * 36
    moved, _ = augmented(planes(count), planes(count), range(count), STREAM, augmentation)
    return [known[np.ascontiguousarray(one[0].numpy()).tobytes()] for one in moved]


def test_all_symmetries_and_shifts_occur_alike() -> None:
    """600 draws: each symmetry 75 times and each shift 100 times on average, within five standard deviations."""
    found = np.array(movements(600))
    assert np.abs(np.bincount(found[:, 0], minlength=8) - 75).max() < 5 * np.sqrt(75)
    for axis in (1, 2):
        assert np.abs(np.bincount(found[:, axis], minlength=6) - 100).max() < 5 * np.sqrt(100)


def test_dihedral_augmentation_turns_and_flips_alone() -> None:
    """The symmetries that the same numbers draw with shifts, and planes at their places."""
    turned = np.array(movements(60, "dihedral"))
    assert not turned[:, 1:].any()
    assert np.array_equal(turned[:, 0], np.array(movements(60))[:, 0])


def test_no_augmentation_moves_nothing() -> None:
    assert movements(5, "none") == [(0, 0, 0)] * 5


def test_an_augmentation_ignores_its_companions() -> None:
    together, _ = augmented(planes(5), planes(5), range(5), STREAM)
    alone, _ = augmented(planes(1), planes(1), [3], STREAM)
    assert torch.equal(together[3], alone[0])
    other, _ = augmented(planes(5), planes(5), range(5), Stream(STREAM.root + 1, STREAM.key))
    assert not torch.equal(together, other)


def test_arguments_are_left_alone() -> None:
    images, masks = planes(8).float(), planes(8) > 10
    before = images.clone(), masks.clone()
    augmented(images, masks, range(8), STREAM)
    assert torch.equal(images, before[0]) and torch.equal(masks, before[1])
    spectra = SOURCE.spectra.values.clone()
    form(list(range(6)))
    assert torch.equal(SOURCE.spectra.values, spectra)


def several(configurations: int) -> MicrographSource:
    """Random phase objects that differ from one phonon configuration to the next."""
    draws = np.random.default_rng(1)
    phases = torch.from_numpy(draws.normal(0, 0.3, (3, configurations, 32, 32)))
    waves = torch.polar(torch.ones_like(phases), phases).to(torch.complex64)
    return MicrographSource(wave_spectra(waves, GRID, 300e3, 12e-3), SOURCE.masks[:3])


def test_a_drawn_image_is_that_of_one_configuration_and_has_the_mask_of_its_specimen() -> None:
    source = several(4)
    drawn = replace(source, phonons="drawn")
    numbers, specimens = list(range(40)), np.arange(40) % 3
    images, masks = form_micrographs(drawn, CONDITIONS, specimens, numbers, STREAM)
    assert torch.equal(masks, form_micrographs(source, CONDITIONS, specimens, numbers, STREAM)[1])
    each = []
    for k in range(4):
        values = source.spectra.values[:, k : k + 1]
        alone = replace(source, spectra=replace(source.spectra, values=values))
        each.append(form_micrographs(alone, CONDITIONS, specimens, numbers, STREAM)[0])
    same = torch.stack([(one == images).all(dim=-1).all(dim=-1)[:, 0] for one in each], dim=1)
    assert same.sum(dim=1).tolist() == [1] * 40
    shown = same.int().argmax(dim=1)
    for specimen in range(3):
        assert set(shown[specimens == specimen].tolist()) == {0, 1, 2, 3}


def test_a_drawn_configuration_ignores_companions_and_changes_neither_conditions_nor_noise() -> None:
    drawn = replace(several(4), phonons="drawn")
    together = form_micrographs(drawn, CONDITIONS, np.array([2, 0, 1]), [5, 3, 8], STREAM)[0]
    for place, (specimen, number) in enumerate([(2, 5), (0, 3), (1, 8)]):
        alone = form_micrographs(drawn, CONDITIONS, np.array([specimen]), [number], STREAM)[0]
        assert torch.equal(alone[0], together[place])
    again = form_micrographs(replace(SOURCE, phonons="drawn"), CONDITIONS, np.array([4]), [7], STREAM)[0]
    assert torch.equal(again[0], form([7], [4])[0])
