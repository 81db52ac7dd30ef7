"""How well the error of an image is predicted: OMP_NUM_THREADS=1 python docs/accuracy_predictor.py [measure].

Without an argument, prints the tables of docs/accuracy.md from docs/accuracy_predictor.csv. `measure` adds the
specimens that the file lacks, of 132: eleven crystals, each in a random orientation and along a zone axis, radii of 0.7
to 1.2 nm on 1 nm of carbon, 80, 200 and 300 kV; rounds 0, 2 and 4 to calibrate on, 1, 3 and 5 to check.
In the file that is kept the finest rung was measured only if a tolerance of 0.05 needs it.
The truth has pixels of 0.05 A and slices of 0.5 A.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from temshift.core import Grid
from temshift.exitwaves import (
    Accuracy,
    Multislice,
    Rung,
    expected_error,
    image_error,
    ladder,
    plain_image,
    propagate_through,
)
from temshift.specimens import SpecimenRecipe, build_specimen

FILE = Path(__file__).parent / "accuracy_predictor.csv"
RUNGS = ladder(0.2, 2.0)
TRUTH = Rung(0.05, 0.5)
ROUNDS = 6
VOLTAGES = (300, 200, 80)  # kV
RADII = (0.9, 0.7, 1.1)  # nm; a tenth more to check
FIRST_AXES = {"CdSe": (0, 0, 1), "ZnS": (0, 0, 1), "Fe": (1, 0, 0)}  # [110] of the others
OTHER_AXES = {"Si": (1, 1, 1), "Co3O4": (1, 1, 1), "Fe": (1, 1, 1), "Pt": (1, 1, 1)}  # [100] of the others
CRYSTALS = ("Au", "CdSe", "Ag", "Cu", "Pt", "Si", "Fe3O4", "ZnS", "C", "Fe", "Co3O4")
TOLERANCES = (0.05, 0.1)
Row = dict[str, Any]


def cases() -> Iterator[Row]:
    """Facts of every specimen."""
    for number in range(ROUNDS):
        for place, crystal in enumerate(CRYSTALS):
            for along in (True, False):
                axis = FIRST_AXES.get(crystal, (1, 1, 0)) if number % 2 == 0 else OTHER_AXES.get(crystal, (1, 0, 0))
                radius = RADII[(number + place // 2 + along) % 3]
                yield {
                    "round": number,
                    "crystal": crystal,
                    "axis": "".join(map(str, axis)) if along else "random",
                    "kv": VOLTAGES[(number // 2 + place + 2 * along) % 3],
                    "radius_nm": round(radius * 1.1, 2) if number % 2 else radius,
                }


def specimen(case: Row) -> Atoms:
    """Build a specimen: one sphere on a film."""
    cell = max(2.5, round(2 * case["radius_nm"] + 0.7, 1))
    axis = case["axis"]
    recipe = {
        "cell_nm": (cell, cell),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.0},
        "particles": {
            "crystal": case["crystal"],
            "radius_nm": case["radius_nm"],
            "count": 1,
            "gap_nm": 0.5,
            "orientation": axis if axis == "random" else {"zone_axis": tuple(map(int, axis))},
        },
    }
    return build_specimen(SpecimenRecipe.model_validate(recipe), 100 + case["round"], 0)


def image_of(atoms: Atoms, rung: Rung, volts: float, asked: Accuracy) -> Tensor:
    """Image of a whole specimen."""
    width, depth, height = atoms.cell.lengths()
    grid = Grid.covering((depth, width), rung.sampling)
    method = Multislice(volts, rung.slice_thickness)
    wave = propagate_through(atoms.positions, atoms.numbers, height, grid, method)
    return plain_image(wave, (depth, width), volts, asked.defocus, asked.semiangle)


def measured(case: Row) -> Row:
    """Add true and expected errors of every rung to the facts of a specimen."""
    atoms, volts, asked = specimen(case), case["kv"] * 1e3, Accuracy()
    truth = image_of(atoms, TRUTH, volts, asked)
    row = dict(case)
    for rung in RUNGS:
        row[f"true {name(rung)}"] = f"{image_error(image_of(atoms, rung, volts, asked), truth):.4f}"
        row[f"expected {name(rung)}"] = f"{expected_error(atoms, Multislice(volts, 2.0), rung, asked):.4f}"
    return row


def name(rung: Rung) -> str:
    """Write a rung as in the table."""
    return f"{rung.sampling:g}/{rung.slice_thickness:g}"


def measure() -> None:
    """Write the specimens that the file lacks, one by one."""
    known = {tuple(row[key] for key in ("round", "crystal", "axis")) for row in rows()}
    for case in cases():
        if (str(case["round"]), case["crystal"], case["axis"]) in known:
            continue
        row = measured(case)
        fresh = not FILE.exists()
        with FILE.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if fresh:
                writer.writeheader()
            writer.writerow(row)


def rows() -> list[Row]:
    """Read the file; nothing if there is none."""
    if not FILE.exists():
        return []
    with FILE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def chosen(row: Row, tolerance: float) -> Rung:
    """Return the rung that an accuracy chooses for a specimen."""
    good = [rung for rung in RUNGS[:-1] if float(row[f"expected {name(rung)}"]) <= tolerance]
    return good[0] if good else RUNGS[-1]


def tell_choices() -> None:
    """Print how many specimens are worse than a tolerance, and what is chosen for them."""
    print("| | tolerance | specimens | worse | worst / tolerance | chosen |\n|---|---|---|---|---|---|")
    for part, parity in (("calibrated on", 0), ("checked on", 1)):
        some = [row for row in rows() if int(row["round"]) % 2 == parity]
        for tolerance in TOLERANCES:
            rungs = [chosen(row, tolerance) for row in some]
            shares = [float(row[f"true {name(rung)}"]) / tolerance for row, rung in zip(some, rungs, strict=True)]
            counts = ", ".join(f"{rungs.count(rung)} at {name(rung)}" for rung in RUNGS if rung in rungs)
            worse = sum(share > 1 for share in shares)
            print(f"| {part} | {tolerance:g} | {len(some)} | {worse} | {max(shares):.2f} | {counts} |")


def tell_crystals() -> None:
    """Print the errors at 0.2 A and slices of 2 A by crystal and orientation: the median over voltages and radii."""
    print("\n| crystal | random: median, largest | zone axis: median, largest |\n|---|---|---|")
    for crystal in CRYSTALS:
        cells = []
        for along in (False, True):
            some = [row for row in rows() if row["crystal"] == crystal and (row["axis"] != "random") == along]
            errors = [float(row[f"true {name(RUNGS[0])}"]) for row in some]
            cells.append(f"{np.median(errors):.3f}, {max(errors):.3f}")
        print(f"| {crystal} | {' | '.join(cells)} |")


def tell_rungs() -> None:
    """Print how many times its expected error the true one is, on every rung but the finest."""
    print("\n| pixels / slices | true / expected: median | 95 % below | largest |\n|---|---|---|---|")
    for rung in RUNGS[:-1]:
        ratios = [float(row[f"true {name(rung)}"]) / float(row[f"expected {name(rung)}"]) for row in rows()]
        print(f"| {name(rung)} | {np.median(ratios):.2f} | {np.quantile(ratios, 0.95):.2f} | {max(ratios):.2f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["measure"]:
        measure()
    tell_choices()
    tell_crystals()
    tell_rungs()
