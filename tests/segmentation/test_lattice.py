"""The pixel size by the lattice: known fringes, other scales, and images that leave it open."""

import numpy as np
import pytest

from temshift.core import Grid
from temshift.segmentation.lattice import check_lattice, reflections
from temshift.segmentation.pixels import on_pixels
from temshift.specimens import crystal_named

GOLD = crystal_named("Au")
A = GOLD.lattice[0]


def gold(pixel: float, side: int = 600, particles: int = 6, dose: float = 30.0) -> np.ndarray:
    """Counts of round particles with the fringes of gold along [110], each turned by its own angle, on film."""
    random = np.random.default_rng(2)
    y, x = np.indices((side, side)) * pixel
    scene = np.ones((side, side))
    for _ in range(particles):
        middle, angle, radius = random.uniform(0, side * pixel, 2), random.uniform(0, np.pi), random.uniform(15, 30)
        inside = np.hypot(y - middle[0], x - middle[1]) < radius
        for g, turn in ((np.sqrt(3) / A, 0), (np.sqrt(3) / A, np.deg2rad(70.53)), (2 / A, np.deg2rad(125.26))):
            phase = 2 * np.pi * g * (x * np.cos(angle + turn) + y * np.sin(angle + turn))
            scene += 0.15 * inside * np.cos(phase)
    return random.poisson(dose * np.clip(scene, 0.05, None)).astype(np.float32)


def test_reflections_of_gold_are_those_of_the_tables() -> None:
    rings, strengths = reflections(GOLD, 1.0)
    expected = [np.sqrt(n) / A for n in (3, 4, 8, 11, 12, 16)]
    assert rings[:6] == pytest.approx(expected, abs=1e-4)
    assert strengths.argmax() == 0 and strengths.max() == 1


def test_forbidden_reflections_are_left_out() -> None:
    rings, _ = reflections(crystal_named("Si"), 0.8)
    a = crystal_named("Si").lattice[0]
    assert not np.isclose(rings, 2 / a, atol=1e-3).any() and np.isclose(rings, np.sqrt(3) / a, atol=1e-3).any()


@pytest.mark.parametrize("error", [-0.15, -0.05, -0.01, 0.0, 0.02, 0.04, 0.15])
def test_an_error_of_the_pixel_size_is_measured(error: float) -> None:
    true = 0.3
    check = check_lattice(gold(true), Grid((600, 600), (true * (1 + error),) * 2), GOLD)
    assert check.pixel_angstrom is not None and check.error is not None
    assert check.pixel_angstrom == pytest.approx((true, true), rel=0.006)
    assert abs(check.pixel_angstrom[0] / true - 1) < 4 * check.error < 0.03
    assert check.mismatch == (abs(1 / (1 + error) - 1) > 0.03)
    assert ("one of them is wrong" in check.sentence) == check.mismatch
    assert check.spacings_angstrom == pytest.approx((A / np.sqrt(3), A / 2), abs=1e-3)


def test_unequal_pixels() -> None:
    image = on_pixels(gold(0.3, particles=16), (600, 300))
    check = check_lattice(image, Grid(image.shape, (0.3, 0.6)), GOLD)
    assert check.pixel_angstrom == pytest.approx((0.3, 0.6), rel=0.006)


def test_without_a_lattice_the_size_is_open() -> None:
    noise = np.random.default_rng(0).poisson(30, (600, 600)).astype(np.float32)
    check = check_lattice(noise, Grid((600, 600), (0.3, 0.3)), GOLD)
    assert check.pixel_angstrom is None and not check.mismatch and "not checked" in check.sentence


def test_one_spacing_alone_leaves_two_sizes() -> None:
    y, x = np.indices((600, 600)) * 0.3
    waves = [np.cos(2 * np.pi / 1.2 * (x * np.cos(a) + y * np.sin(a))) for a in np.linspace(0.1, 3, 12)]
    image = np.random.default_rng(0).poisson(30 * (1 + 0.05 * np.sum(waves, axis=0))).astype(np.float32)
    check = check_lattice(image, Grid((600, 600), (0.3, 0.3)), GOLD)
    assert check.pixel_angstrom is None and "a single spacing is seen, 1.2 A" in check.sentence


def test_few_spots_may_be_chance() -> None:
    check = check_lattice(gold(0.3, particles=1), Grid((600, 600), (0.3, 0.3)), GOLD)
    assert check.pixel_angstrom is None and "by chance" in check.sentence


def test_another_crystal_does_not_fit() -> None:
    silicon = crystal_named("Si")
    check = check_lattice(gold(0.3), Grid((600, 600), (0.3, 0.3)), silicon)
    assert check.pixel_angstrom is None or check.mismatch
