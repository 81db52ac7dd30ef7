"""Draw g(r) and S(q) of the amorphous carbon beside published features: python docs/carbon_structure.py.

Published, of g(r): first neighbours at 1.4 to 1.5 A, second ones near 2.5 A, as commonly reported; between them a gap
near 1.9 A at any density (simulated quenches, http://phycomp.technion.ac.il/~anastasy/teza/teza/node29.html).
Published, of diffraction: broad rings near 2 and 1.2 A where the short-range order is that of graphite (Z. Czigany and
L. Hultman, Ultramicroscopy 110, 815, 2010, DOI 10.1016/j.ultramic.2010.02.005, of fullerene-like carbon nitride).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temshift.specimens import amorphous_carbon, number_density, pair_distribution, structure_factor

PICTURE = Path(__file__).with_suffix(".png")
CELL, THICKNESS, DENSITY, SEEDS = (60.0, 60.0), 50.0, 2.0, 6  # A, A, g/cm3
DISTANCES = {1.4: "#0072B2", 0.5: "#D55E00"}  # A; the default, and hardly any
REACH, STEP, GAP = 8.0, 0.05, 1.9  # A
HIGHEST, STEP_OF_Q = 1.6, 0.025  # 1/A
RINGS = (2.0, 1.2)  # A


@dataclass(frozen=True)
class Structure:
    """Means over some films."""

    r: NDArray[np.float64]
    g: NDArray[np.float64]
    q: NDArray[np.float64]
    s: NDArray[np.float64]


def main() -> None:
    """Write docs/carbon_structure.png and print the figures that FINDINGS.md quotes."""
    figure = Figure(figsize=(8.6, 3.5), layout="constrained")
    pairs, powers = figure.subplots(1, 2)
    for distance, colour in DISTANCES.items():
        found = measured(distance)
        style = {"label": f"least distance {distance} Å", "color": colour, "linewidth": 1.5}
        pairs.plot(found.r, found.g, **style)
        powers.plot(found.q, found.s, **style)
        tell(distance, found)
    pairs.axvspan(1.4, 1.5, color="0.75", linewidth=0, label="first neighbours, published")
    pairs.axvspan(2.45, 2.55, color="0.88", linewidth=0, label="second neighbours, published")
    for ring in RINGS:
        label = "rings of graphite-like order, published" if ring == RINGS[0] else None
        powers.axvline(1 / ring, color="0.75", linewidth=4, zorder=0, label=label)
    finish(pairs, "r (Å)", "g(r)")
    finish(powers, "q (1/Å)", "S(q), across the beam")
    figure.savefig(PICTURE, dpi=130)


def measured(distance: float) -> Structure:
    """Measure films of several seeds."""
    films = [amorphous_carbon(CELL, THICKNESS, DENSITY, distance, np.random.default_rng(seed)) for seed in range(SEEDS)]
    r, g = np.mean([pair_distribution(film, CELL, REACH, STEP) for film in films], axis=0)
    q, s = np.mean([structure_factor(film, CELL, HIGHEST, STEP_OF_Q) for film in films], axis=0)
    return Structure(r, g, q, s)


def finish(axes: Axes, across: str, up: str) -> None:
    """Label axes and mark what a gas without order would give."""
    axes.axhline(1, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xlabel=across, ylabel=up, xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def tell(distance: float, found: Structure) -> None:
    """Print what matters in one line."""
    r, g, q, s = found.r, found.g, found.q, found.s
    bonded = 4 * np.pi * number_density(DENSITY) * float((g * r**2)[r < GAP].sum()) * STEP
    print(
        f"least distance {distance} A: g greatest, {g.max():.2f}, at {r[g.argmax()]:.2f} A; "
        f"g(2.5 A) = {np.interp(2.5, r, g):.2f}; {bonded:.2f} neighbours within {GAP} A; "
        f"mean S below 0.1 1/A {s[q < 0.1].mean():.2f}; S greatest, {s.max():.2f}, at {q[s.argmax()]:.2f} 1/A"
    )


if __name__ == "__main__":
    main()
