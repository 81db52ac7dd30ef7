"""What docs/image-formation.md measures and docs/conventions.md draws holds."""

import importlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "image-formation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scripts() -> Iterator[pytest.MonkeyPatch]:
    """The folder of the documentation's scripts on the path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield patch


@pytest.fixture(scope="module")
def tables(scripts: pytest.MonkeyPatch) -> ModuleType:
    return importlib.import_module("image_formation")


@pytest.fixture(scope="module")
def signs(scripts: pytest.MonkeyPatch) -> ModuleType:
    return importlib.import_module("sign_pictures")


def told(*label: str, after: str) -> list[float]:
    """First numbers of the cells of a row of the page, that starts with a label, below some words."""
    start = "| " + " | ".join(label) + " |"
    row = next(line for line in PAGE.split(after)[1].splitlines() if line.startswith(start))
    cells = row.removeprefix(start).strip("|").split("|")
    return [float(re.findall(r"[\d.e+-]+", cell)[0]) for cell in cells]


@pytest.mark.parametrize("defocus", [0.0, -100.0])
def test_errors_of_a_focal_spread_are_those_of_the_page(tables: ModuleType, defocus: float) -> None:
    thing, one = tables.sample("weak"), tables.condition(C10=-defocus, focal_spread_sigma=30.0)
    truth = tables.summed(thing, one, tables.trapezium(), tables.ONE)
    sums = [tables.summed(thing, one, tables.hermite(order), tables.ONE) for order in tables.ORDERS[:4]]
    found = [tables.rms(each, truth) for each in (tables.image(thing, one, coherence="envelope"), *sums)]
    label = ("weak", f"{defocus / 10:g} nm", "3 nm")
    assert found == pytest.approx(told(*label, after="Gauss-Hermite sums.")[:5], rel=0.1)
    chosen = [tables.rms(tables.image(thing, one, tolerance=tolerance), truth) for tolerance in tables.TOLERANCES]
    assert all(error < tolerance / 3 for error, tolerance in zip(chosen, tables.TOLERANCES, strict=True))
    assert chosen == pytest.approx(told(*label, after="What a tolerance chooses")[1::2], rel=0.1)


@pytest.mark.slow
def test_errors_of_an_angular_spread_are_those_of_the_page(tables: ModuleType) -> None:
    thing, one = tables.sample("small"), tables.condition(C10=600.0, angular_spread_sigma=3e-4)
    truth = tables.summed(thing, one, tables.ONE, tables.lattice())
    envelope = tables.rms(tables.image(thing, one, coherence="envelope"), truth)
    row = told("-60 nm", "0.3 mrad", "23.6 mrad", after="**Angular spread.**")
    assert envelope == pytest.approx(row[0], rel=0.1)
    for tolerance, error in zip(tables.TOLERANCES, row[2::2], strict=True):
        found = tables.rms(tables.image(thing, one, tolerance=tolerance), truth)
        assert found < tolerance and found == pytest.approx(error, rel=0.5)


def test_an_image_without_an_aperture_differs_from_its_points_by_what_folds_back(tables: ModuleType) -> None:
    formed, folded, stopped = told("0 nm", "1 nm", after="**Without an aperture**")
    thing = tables.sample("strong")
    one, wide = (
        tables.condition(C10=0.0, focal_spread_sigma=10.0, semiangle_cutoff=angle) for angle in (math.inf, 1.0)
    )
    every = tables.summed(thing, wide, tables.trapezium(0.2, 5), tables.ONE)  # point by point, folded
    assert formed < 1e-3 * folded < folded < stopped
    assert tables.rms(tables.image(thing, one), every) == pytest.approx(folded, rel=0.1)


# Signs that are drawn

ANGLE = math.radians(30)


def sampled(picture: NDArray[np.float64], distance: float, azimuth: float) -> float:
    """Value at a distance [A] and azimuth from the middle of the grid of the pictures, 0.1 A a pixel."""
    return float(
        picture[
            round(160 + 10 * distance * math.sin(azimuth)),
            round(160 + 10 * distance * math.cos(azimuth)),
        ]
    )


def test_astigmatism_makes_an_atom_dark_along_its_azimuth(signs: ModuleType) -> None:
    picture = signs.seen(signs.atoms_at(signs.MIDDLE), C12_nm=8, phi12_deg=30, defocus_nm=0) - 1
    dark, bright = sampled(picture, 1.0, ANGLE), sampled(picture, 1.0, ANGLE + math.pi / 2)
    assert dark < -1e-3 and bright > 1e-3
    assert sampled(picture, 1.0, ANGLE + math.pi) == pytest.approx(dark, rel=0.1)


def test_rings_are_wider_along_the_azimuth_of_astigmatism() -> None:
    from temshift.conditions import Conditions
    from temshift.core.electrons import wavelength
    from temshift.optics import azimuthal_transfer

    given = {"dose": 1.0, "C10": -600.0, "C12": 250.0, "phi12": ANGLE, "semiangle_cutoff": 0.018}
    lens = Conditions.of(**{name: torch.tensor([value], dtype=torch.float64) for name, value in given.items()})
    q = np.linspace(0.01, 0.8, 400)
    signed = azimuthal_transfer(q, wavelength(300e3), lens, 0.0, azimuths=6).signed[0].numpy()
    first = [float(q[np.argmax(row > 0)]) for row in signed]  # at 0, 30 ... 150 degrees
    assert np.argmax(first) == 1 and np.argmin(first) == 4


def test_a_comatic_tail_points_along_its_azimuth(signs: ModuleType) -> None:
    picture = signs.seen(signs.atoms_at(signs.MIDDLE), C21_nm=1500, phi21_deg=30, defocus_nm=8) - 1
    along, across = centre_of(np.abs(picture))
    assert along > 0.3 and abs(across) < 0.1 * along


def test_a_side_of_the_triangle_faces_the_azimuth_of_threefold_astigmatism(signs: ModuleType) -> None:
    picture = signs.seen(signs.atoms_at(signs.MIDDLE), C23_nm=800, phi23_deg=30, defocus_nm=8) - 1
    sides = [sampled(picture, 1.3, ANGLE + turn) for turn in (0, 2 * math.pi / 3, -2 * math.pi / 3)]
    corners = [sampled(picture, 1.3, ANGLE + turn) for turn in (math.pi, math.pi / 3, -math.pi / 3)]
    assert min(sides) > 0 and min(sides) > max(corners)


def centre_of(weight: NDArray[np.float64]) -> tuple[float, float]:
    """Centre of what lies within 8 A of the middle, along and across the azimuth [A]."""
    y, x = np.meshgrid(*(0.1 * (np.arange(320) - 160),) * 2, indexing="ij")
    weight = weight * (np.hypot(x, y) < 8)
    along, across = x * math.cos(ANGLE) + y * math.sin(ANGLE), y * math.cos(ANGLE) - x * math.sin(ANGLE)
    return float((weight * along).sum() / weight.sum()), float((weight * across).sum() / weight.sum())


def test_an_atom_upstream_is_in_focus_at_defocus_h(signs: ModuleType) -> None:
    atom = signs.atoms_at(signs.MIDDLE)
    contrasts = {defocus: signs.seen(atom, 80.0, defocus_nm=defocus).std() for defocus in (-8, 0, 6, 8, 10)}
    assert min(contrasts, key=lambda defocus: contrasts[defocus]) == 8
    assert contrasts[8] < 0.05 * contrasts[0]


def test_upstream_atoms_of_a_tilted_column_lie_at_lower_x_and_y() -> None:
    from temshift.core.grids import Grid
    from temshift.exitwaves import Multislice, propagate_through

    heights = np.arange(5.0, 200.0, 4.0)
    column = np.stack([np.full_like(heights, 12.0), np.full_like(heights, 12.0), heights], axis=1)
    method = Multislice(300e3, 2.0, tilt=(20e-3, 10e-3))
    wave = propagate_through(column, np.full(len(heights), 34), 202.0, Grid((120, 120), (0.2, 0.2)), method)
    weight = (wave.squeeze() - 1).abs().square().numpy()
    along = 0.2 * np.arange(120) - 12.0
    x, y = (weight.sum(axis=axis) @ along / weight.sum() for axis in (0, 1))
    assert x < -0.5 and y < -0.25 and x < y
