"""Pictures of docs/conventions.md, every sign and axis: OMP_NUM_THREADS=1 python docs/sign_pictures.py."""

import math
from typing import Any

import numpy as np
import torch
from ase import Atoms
from image_pictures import ENERGY, bare, conditions, diffractogram, intensity, plt, save, scene
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from temshift.core import Grid, wavelength
from temshift.exitwaves import ExitWaveSettings, fresnel_propagator, grid_of, simulate
from temshift.optics import CameraResponse, expected_detections, image_intensities, wave_spectra
from temshift.specimens import SpecimenRecipe, build_specimen

WAVELENGTH = wavelength(ENERGY)
GRID = Grid((320, 320), (0.1, 0.1))  # 3.2 nm
MIDDLE = (16.0, 16.0)  # x, y [A]
WEAK = 0.02  # phase of an atom [rad]
BLUE, RED, GOLD, DARK = "#4aa3ff", "#e8505b", "#ffb000", "#8a6000"
ARROW = {"arrowstyle": "-|>", "linewidth": 1.4}
ANGLE = math.radians(30)
BARE = {"dose_e_per_A2": 1e4, "focal_spread_sigma_nm": 0, "semiangle_cutoff_mrad": 20.0}


def atoms_at(*places: tuple[float, float], grid: Grid = GRID, width: float = 0.5) -> Tensor:
    """Phase (y, x) of Gaussian atoms at (x, y) [A]."""
    y, x = (
        torch.arange(size, dtype=torch.float64) * step for size, step in zip(grid.shape, grid.sampling, strict=True)
    )
    squares = [(x - along) ** 2 + (y[:, None] - down) ** 2 for along, down in places]
    return WEAK * sum((torch.exp(-square / (2 * width**2)) for square in squares), torch.zeros(grid.shape))


def seen(phase: Tensor, height: float = 0.0, grid: Grid = GRID, **keys: Any) -> NDArray[np.float64]:
    """Image of a phase at a height upstream of the plane that defocus counts from."""
    one = conditions({**BARE, **keys}).central()
    propagator = fresnel_propagator(grid, ENERGY, height, dtype=torch.complex128)
    wave = torch.fft.ifft2(torch.fft.fft2(torch.exp(1j * phase)) * propagator)
    spectra = wave_spectra(wave[None, None], grid, ENERGY, float(one.semiangle_cutoff))
    return image_intensities(spectra, torch.zeros(1, dtype=torch.int64), one)[0].numpy()


def panel(axes: Axes, picture: NDArray[np.float64], title: str, grid: Grid = GRID, spread: float | None = None) -> None:
    """Draw an image with row 0 at the top, in angstrom, symmetric about its mean."""
    mean = float(np.median(picture))
    reach = spread or float(np.abs(picture - mean).max())
    ends = (0, grid.extent[1], grid.extent[0], 0)
    axes.imshow(picture, cmap="gray", vmin=mean - reach, vmax=mean + reach, extent=ends)
    axes.set_title(title, fontsize=8)
    bare(axes)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, text: str = "") -> None:
    """Draw an arrow with a word at its head."""
    axes.annotate("", end, start, arrowprops={**ARROW, "color": colour})
    away = (end[0] + 0.12 * (end[0] - start[0]), end[1] + 0.12 * (end[1] - start[1]))
    axes.text(*away, text, color=colour, fontsize=8, ha="center", va="center")


def along(axes: Axes, middle: tuple[float, float], length: float, colour: str, text: str) -> None:
    """Draw the direction of an azimuth of 30 degrees, from x towards y."""
    end = (middle[0] + length * math.cos(ANGLE), middle[1] + length * math.sin(ANGLE))
    arrow(axes, middle, end, colour, text)
    axes.plot([middle[0], middle[0] + length], [middle[1]] * 2, color=colour, linewidth=0.6, linestyle=":")
    arc = np.linspace(0, ANGLE, 20)
    axes.plot(
        middle[0] + 0.6 * length * np.cos(arc), middle[1] + 0.6 * length * np.sin(arc), color=colour, linewidth=0.8
    )


# Geometry


def geometry() -> None:
    """Write signs_geometry.png: the beam, heights, axes, the mask and a tilt."""
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
    side(axes[0])
    plan(axes[1])
    leaning(axes[2], axes[3])
    save(figure, "signs_geometry.png")


def side(axes: Axes) -> None:
    """Draw a specimen from the side, with the beam downwards."""
    recipe = {
        "cell_nm": (5.0, 2.0),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 1.5},
        "particles": {"crystal": "CdSe", "radius_nm": 0.8, "count": 1, "gap_nm": 0.2},
    }
    atoms = build_specimen(SpecimenRecipe.model_validate(recipe), 1, 0)
    particle, bottom = atoms.arrays["particle"] >= 0, float(atoms.cell.lengths()[2])
    for chosen, colour, size in ((~particle, "#9a9a9a", 1.5), (particle, BLUE, 4)):
        axes.scatter(atoms.positions[chosen, 0], atoms.positions[chosen, 2], s=size, color=colour, linewidths=0)
    axes.set(xlim=(-16, 86), ylim=(bottom + 26, -32), aspect="equal", title="from the side")
    axes.title.set_fontsize(8)
    for height, name in ((0.0, "entrance, z = 0"), (bottom, "exit plane")):
        axes.axhline(height, color="black", linewidth=0.7, linestyle="--")
        above = height == 0
        axes.text(85, height, name, fontsize=7, ha="right", va="bottom" if above else "top")
    arrow(axes, (-8, -24), (-8, 12), RED)
    axes.text(-5, -24, "beam, +z", color=RED, fontsize=7, va="center")
    arrow(axes, (56, bottom), (56, bottom - 18), DARK)
    axes.text(59, bottom - 9, "height +h:\nupstream", color=DARK, fontsize=7, va="center")
    bare(axes)


def plan(axes: Axes) -> None:
    """Draw the phase of a wave with its mask, axes and an azimuth."""
    thing = scene()
    phase = thing.wave[0, 0].angle().numpy()
    size, step = thing.grid.shape[0], thing.grid.sampling[0]
    ends = (0, size * step, size * step, 0)
    axes.imshow(phase, cmap="gray", extent=ends, vmax=np.quantile(phase, 0.995))
    axes.contour(thing.mask.numpy(), levels=[0.5], colors=BLUE, linewidths=1.0, extent=(0, size * step, 0, size * step))
    axes.set(title="along the beam: phase, mask", xlim=(-14, size * step), ylim=(size * step, -14))
    axes.title.set_fontsize(8)
    arrow(axes, (-4, -4), (30, -4), RED, "x")
    arrow(axes, (-4, -4), (-4, 30), RED, "y")
    axes.text(102, -5, "row 0, column 0: top left", color=RED, fontsize=6.5, va="center", ha="right")
    along(axes, (62, 60), 26, GOLD, "φ")
    bare(axes)


def leaning(before: Axes, after: Axes) -> None:
    """Draw a column of atoms from the side and its wave, under tilt_mrad: [20, 10]."""
    heights = np.arange(5.0, 200.0, 4.0)
    tilt = (20e-3, 10e-3)
    before.plot(heights * 0, heights, ".", color="#b0b0b0", markersize=3)
    before.plot((heights - 202) * tilt[0], heights, ".", color=BLUE, markersize=3)
    before.axhline(202, color="black", linewidth=0.7, linestyle="--")
    before.text(-5.8, 205, "exit plane: nothing moves", fontsize=7, va="top")
    before.set(xlim=(-6, 5), ylim=(225, -12), title="a column, from the side")
    before.title.set_fontsize(8)
    before.text(0.3, 4, "no tilt", color="#808080", fontsize=7)
    before.text(-5.8, 170, "tilt_mrad: [20, 10]", color=BLUE, fontsize=7)
    arrow(before, (-1.8, 60), (-0.5, 130), RED)
    before.text(0.4, 90, "downstream:\ntowards +x", color=RED, fontsize=7)
    bare(before)
    column = Atoms(["Se"] * len(heights), [(12.0, 12.0, z) for z in heights], cell=(24, 24, 202))
    column.set_array("particle", np.zeros(len(column), int))
    column.info |= {"particles": [], "substrate_thickness_angstrom": 0.0}
    settings = {
        "energy_kev": 300,
        "sampling_angstrom": 0.2,
        "slice_thickness_angstrom": 2.0,
        "tilt_mrad": tilt_of(tilt),
    }
    chosen = ExitWaveSettings.model_validate(settings)
    wave = torch.as_tensor(simulate(column, chosen, 1, 0).waves)[0]
    extent = grid_of(column, chosen).extent
    after.imshow((wave - 1).abs().numpy(), cmap="gray", extent=(0, extent[1], extent[0], 0))
    after.plot(12, 12, "+", color=RED, markersize=8)
    after.annotate(
        "where it leaves", (12.2, 12.2), (13, 15.5), color=RED, fontsize=7, arrowprops={**ARROW, "color": RED}
    )
    after.set(xlim=(5, 19), ylim=(19, 5))
    after.set_title("|ψ - 1|: upstream atoms at -x, -y", fontsize=8)
    bare(after)


def tilt_of(tilt: tuple[float, float]) -> list[float]:
    """In milliradian."""
    return [1e3 * angle for angle in tilt]


# Focus


def focus() -> None:
    """Write signs_focus.png: contrast on either side of focus, the transfer function, and heights."""
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.7), layout="constrained", width_ratios=(1, 1, 1.5, 1.5))
    atom = atoms_at(MIDDLE)
    under, over = (seen(atom, defocus_nm=value) for value in (8, -8))
    spread = float(np.abs(under - 1).max())
    panel(axes[0], under, "defocus +8 nm, underfocus:\natoms dark", spread=spread)
    panel(axes[1], over, "defocus -8 nm, overfocus:\natoms bright", spread=spread)
    for each in axes[:2]:
        near(each, 5)
    transfer(axes[2], atom)
    through_focus(axes[3])
    save(figure, "signs_focus.png")


def transfer(axes: Axes, atom: Tensor) -> None:
    """Draw 2 sin chi, and the spectrum of the image over that of the phase."""
    columns = np.arange(1, 32)
    q = columns / GRID.extent[1]
    for defocus, colour in ((8, BLUE), (-8, RED)):
        ratio = np.fft.fft2(seen(atom, defocus_nm=defocus))[0, columns] / torch.fft.fft2(atom)[0, columns].numpy()
        chi = -math.pi * WAVELENGTH * 10 * defocus * q**2
        axes.plot(q, 2 * np.sin(chi), color=colour, label=f"2 sin χ, defocus {defocus:+d} nm")
        axes.plot(q, ratio.real, "o", color=colour, markersize=3, label="image / phase")
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlabel("q / (1/Å)", fontsize=8)
    axes.set_title("a weak phase object", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, ncols=2, loc="upper center", frameon=False)
    axes.set_ylim(-2.2, 3.6)


def through_focus(axes: Axes) -> None:
    """Draw how contrast of atoms at two heights depends on defocus."""
    atom, defoci = atoms_at(MIDDLE), np.arange(-10.0, 20.1, 0.5)
    for height, colour in ((0.0, "black"), (80.0, BLUE)):
        contrast = [seen(atom, height, defocus_nm=float(value)).std() for value in defoci]
        axes.plot(defoci, np.array(contrast) / max(contrast), color=colour, label=f"atom at height {height / 10:+g} nm")
        axes.axvline(height / 10, color=colour, linewidth=0.6, linestyle=":")
    axes.set_xlabel("defocus / nm", fontsize=8)
    axes.set_title("contrast: in focus at defocus = +h", fontsize=8)
    axes.set_ylim(0, 1.35)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6.5, frameon=False, loc="upper center")


# Azimuths


def azimuths() -> None:
    """Write signs_azimuth.png: what each azimuth of 30 degrees does to the image of an atom and to a diffractogram."""
    figure, axes = plt.subplots(2, 4, figsize=(8, 4.3), layout="constrained")
    cases: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("C12 8 nm, phi12 30°", {"C12_nm": 8, "phi12_deg": 30, "defocus_nm": 0}, "in focus: dark along φ"),
        ("C21 1.5 µm, phi21 30°", {"C21_nm": 1500, "phi21_deg": 30, "defocus_nm": 8}, "+8 nm: tail along φ"),
        ("C23 0.8 µm, phi23 30°", {"C23_nm": 800, "phi23_deg": 30, "defocus_nm": 8}, "+8 nm: a side faces φ"),
    )
    atom = atoms_at(MIDDLE)
    for (above, below), (title, keys, note) in zip(axes.T, cases, strict=False):
        panel(above, seen(atom, **keys), title)
        marked(above, note)
        carbon(below, keys)
    drifting(axes[0, 3], axes[1, 3])
    save(figure, "signs_azimuth.png")


def marked(axes: Axes, note: str) -> None:
    """Zoom in, draw the azimuth beside the atom, write a note."""
    near(axes, 6)
    along(axes, (MIDDLE[0] - 5.3, MIDDLE[1] - 5), 4, GOLD, "φ")
    axes.text(MIDDLE[0] - 5.7, MIDDLE[1] + 5.6, note, color=GOLD, fontsize=7, va="bottom")


def near(axes: Axes, reach: float) -> None:
    """Show what lies within some angstrom of the middle."""
    axes.set(xlim=(MIDDLE[0] - reach, MIDDLE[0] + reach), ylim=(MIDDLE[1] + reach, MIDDLE[1] - reach))


def carbon(axes: Axes, keys: dict[str, Any]) -> None:
    """Draw the diffractogram of the specimen of docs/image_pictures.py at 60 nm underfocus, with the azimuth."""
    larger = {**keys, "defocus_nm": 60}
    if "C12_nm" in keys:
        larger["C12_nm"] = 25
    diffractogram(
        axes, intensity(larger), scene().grid.sampling[0], larger, "+60 nm, 25 nm" if "C12_nm" in keys else "+60 nm"
    )
    along(axes, (0, 0), 0.7, GOLD, "φ")


def drifting(above: Axes, below: Axes) -> None:
    """Draw a drift of 0.4 nm at 30 degrees."""
    image = torch.from_numpy(seen(atoms_at(MIDDLE), defocus_nm=8))[None]
    one = torch.ones(1, dtype=torch.float64)
    response = CameraResponse.perfect(1, drift=4.0 * one, drift_azimuth=ANGLE * one)
    panel(above, expected_detections(image, one, GRID, response)[0].numpy(), "drift 0.4 nm, 30°")
    marked(above, "streak along φ")
    thing = scene()
    picture = torch.from_numpy(intensity({"defocus_nm": 60}))[None]
    blurred = expected_detections(picture, one, thing.grid, response)[0].numpy()
    diffractogram(below, blurred, thing.grid.sampling[0], {"defocus_nm": 60}, "+60 nm: lost along φ")
    along(below, (0, 0), 0.7, GOLD, "φ")


def main() -> None:
    """Write every picture."""
    torch.set_num_threads(1)
    for draw in (geometry, focus, azimuths):
        draw()


if __name__ == "__main__":
    main()
