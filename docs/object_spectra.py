"""Draw the spectra of the shipped object libraries: python docs/object_spectra.py."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from temshift.information import ObjectLibrary, shipped_library

PICTURE = Path(__file__).with_suffix(".png")
SHOWN = {"Ag": "#D55E00", "CdSe": "#0072B2", "Si": "#009E73", "C": "#CC79A7"}
EXAMPLES = 6  # particles of the second panel


def main() -> None:
    """Write docs/object_spectra.png and print what the page quotes."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    means, instances = figure.subplots(1, 2, sharey=True)
    for name, colour in SHOWN.items():
        mean = shipped_library(name).mean
        means.semilogy(mean.q, mean.particle, color=colour, linewidth=1.3, label=f"{name} particles")
        tell(name, shipped_library(name))
    film = shipped_library("Ag").mean
    means.semilogy(film.q, film.substrate, color="0.2", linestyle="--", linewidth=1.3, label="carbon film, 3.5 nm")
    draw_instances(instances, shipped_library("CdSe"))
    for axes, title in ((means, "Means over 48 particles"), (instances, "CdSe, six particles and the mean of 48")):
        axes.set_title(title, fontsize=10)
        axes.set(xlabel="q (1/Å)", xlim=(0, 1), ylim=(1e-4, 1e3))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    means.set_ylabel("phase power (rad² Å²)")
    figure.savefig(PICTURE, dpi=130)


def draw_instances(axes: Axes, library: ObjectLibrary) -> None:
    """Draw particles of medium size one by one."""
    medium = np.argsort(np.abs(library.radius - np.median(library.radius)))[:EXAMPLES]
    for number, power in enumerate(library.particle[medium]):
        label = f"radius {library.radius[medium].mean() / 10:.1f} nm, one each" if number == 0 else None
        axes.semilogy(library.q, power, color="#56B4E9", linewidth=0.7, label=label)
    axes.semilogy(library.q, library.mean.particle, color="#0072B2", linewidth=1.6, label="mean")


def tell(name: str, library: ObjectLibrary) -> None:
    """Print size, heights, and how much particles of one library differ beyond their shape factor."""
    band = (library.q > 0.2) & (library.q < 0.6)
    power = np.average(library.particle[:, band], axis=1, weights=library.q[band])
    print(
        f"{name}: radius {library.radius.min():.1f} to {library.radius.max():.1f} A, mean heights "
        f"{library.mean.particle_height:.1f} and {library.mean.substrate_height:.1f} A, area fraction "
        f"{library.area_fraction:.3f}; power from 0.2 to 0.6 1/A: greatest over median "
        f"{power.max() / np.median(power):.1f}, median over least {np.median(power) / power.min():.1f}"
    )


if __name__ == "__main__":
    main()
