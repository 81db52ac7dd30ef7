"""Pictures of docs/image-formation.md: OMP_NUM_THREADS=1 python docs/image_pictures.py (half a minute).

One specimen, CdSe spheres on amorphous carbon, under one changed condition at a time; each image with its
diffractogram and the zeros of the transfer function that the conditions predict.
"""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from temshift.conditions import ImagingConditions
from temshift.core import Grid, wavelength
from temshift.exitwaves import ExitWaveSettings, grid_of, simulate
from temshift.micrographs import MicrographSource, count_electrons
from temshift.optics import ImagingSettings, band_margin, image_intensities, transfer_functions, wave_spectra
from temshift.specimens import SpecimenRecipe, build_specimen

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOCS = Path(__file__).parent
ENERGY = 300e3
SEEN = 60.0  # side of the part of an image that is shown [A]
ASIDE = 5.0  # how far to the left of the cell's middle that part lies [A]
HIGHEST = 0.95  # of diffractograms [1/A]
PANEL, DPI = 1.42, 150  # inches, dots an inch
MOST_BYTES = 300_000
LINE = "#ffb000"
USUAL = {"dose_e_per_A2": 2000, "semiangle_cutoff_mrad": 18.0, "focal_spread_sigma_nm": 1.5}
FAR = {"defocus_nm": 60}  # where rings are many, so that aberrations show

Keys = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """Exit wave (1, 1, y, x) and mask (y, x) of a specimen, and the height of its carbon above focus [A]."""

    wave: Tensor
    mask: Tensor
    grid: Grid
    carbon: float


@cache
def scene() -> Scene:
    """Two spheres on a film, 10.24 nm; defocus counts from the plane of least contrast."""
    recipe = {
        "cell_nm": (10.24, 10.24),
        "substrate": {"density_g_per_cm3": 2.0, "minimum_distance_angstrom": 1.4, "thickness_nm": 3.0},
        "particles": {"crystal": "CdSe", "radius_nm": 1.8, "count": 2, "gap_nm": 0.8},
    }
    exit_waves = {
        "energy_kev": ENERGY / 1e3,
        "sampling_angstrom": 0.2,
        "slice_thickness_angstrom": 2.0,
        "focus": "minimum_contrast",
    }
    atoms = build_specimen(SpecimenRecipe.model_validate(recipe), 5, 0)
    settings = ExitWaveSettings.model_validate(exit_waves)
    found = simulate(atoms, settings, 5, 0)
    wave, mask = torch.as_tensor(found.waves)[None], torch.as_tensor(found.mask)
    return Scene(wave, mask, grid_of(atoms, settings), float(found.geometry["substrate_height_angstrom"]))


def conditions(keys: Keys) -> ImagingConditions:
    """Whole conditions of the keys of a file."""
    return ImagingConditions.model_validate({**USUAL, **keys})


def intensity(keys: Keys, **settings: Any) -> NDArray[np.float64]:
    """Image (y, x) without noise."""
    thing, one = scene(), conditions(keys).central()
    tilt = band_margin(float(one.angular_spread_sigma))
    spectra = wave_spectra(thing.wave, thing.grid, ENERGY, float(one.semiangle_cutoff), tilt)
    numbers = torch.zeros(1, dtype=torch.int64)
    return image_intensities(spectra, numbers, one, ImagingSettings.model_validate(settings))[0].double().numpy()


def counts(keys: Keys, camera: Keys | None = None) -> NDArray[np.float64]:
    """Micrograph (y, x) as a camera counts it."""
    thing, one = scene(), conditions(keys).central()
    spectra = wave_spectra(thing.wave, thing.grid, ENERGY, float(one.semiangle_cutoff))
    source = MicrographSource(spectra, thing.mask[None], ImagingSettings.model_validate({"camera": camera or {}}))
    return count_electrons(source, one, np.zeros(1, np.int64), [1])[0].double().numpy()


# Panels


def shown(
    axes: Axes, picture: NDArray[np.float64], title: str, step: float, limits: tuple[float, float] | None = None
) -> None:
    """Draw the middle of an image, row 0 at the top, grey from -2.5 to +2.5 standard deviations about the mean."""
    size = round(SEEN / step)
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2 - round(ASIDE / step)
    mean, deviation = picture.mean(), picture.std()
    low, high = limits or (mean - 2.5 * deviation, mean + 2.5 * deviation)
    part = picture[top : top + size, left : left + size]
    axes.imshow(part, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=8)
    bare(axes)


def diffractogram(axes: Axes, picture: NDArray[np.float64], step: float, keys: Keys | None, note: str = "") -> None:
    """Draw the root of the power spectrum, smoothed over 3 x 3 frequencies, with predicted zeros in its upper half."""
    power = np.abs(np.fft.fftshift(np.fft.fft2(picture - picture.mean()))) ** 2
    smooth = sum(np.roll(power, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    size = picture.shape[0]
    reach = round(HIGHEST * size * step)
    part = np.sqrt(smooth)[size // 2 - reach : size // 2 + reach + 1, size // 2 - reach : size // 2 + reach + 1]
    ends = (-HIGHEST, HIGHEST, HIGHEST, -HIGHEST)
    axes.imshow(part, cmap="gray", vmax=np.quantile(part, 0.985), extent=ends, interpolation="nearest")
    if keys is not None:
        rings(axes, keys)
    if note:
        box = {"facecolor": "black", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
        axes.text(0.03, 0.03, note, transform=axes.transAxes, fontsize=6.5, color=LINE, va="bottom", bbox=box)
    bare(axes)


def rings(axes: Axes, keys: Keys) -> None:
    """Draw where T of the carbon is 0, in the upper half."""
    one = conditions(keys).central()
    along = np.linspace(-HIGHEST, HIGHEST, 301)
    above = along[along <= 0]
    qx, qy = np.meshgrid(along, above)
    flat = torch.complex(torch.from_numpy(qx.ravel()), torch.from_numpy(qy.ravel()))
    found = transfer_functions(flat, wavelength(ENERGY), one, scene().carbon, step=1 / scene().grid.extent[0])
    signed, passed = (part.numpy().reshape(qx.shape) for part in (found.signed, found.envelope))
    inside = np.ma.masked_array(signed, (passed < 0.05) | (np.hypot(qx, qy) < 0.06))
    axes.contour(qx, qy, inside, levels=[0], colors=LINE, linewidths=0.6)


def bare(axes: Axes) -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def bar(axes: Axes, step: float) -> None:
    """Draw a bar of 2 nm."""
    bottom, box = axes.get_ylim()[0], {"facecolor": "black", "alpha": 0.75, "edgecolor": "none", "pad": 2}
    axes.text(10 + 10 / step, bottom - 22, "2 nm", color="white", fontsize=6.5, ha="center", va="bottom", bbox=box)
    axes.plot([10, 10 + 20 / step], [bottom - 12] * 2, color="black", linewidth=4, solid_capstyle="projecting")
    axes.plot([10, 10 + 20 / step], [bottom - 12] * 2, color="white", linewidth=2, solid_capstyle="butt")


def save(figure: Figure, name: str) -> None:
    """Write a PNG with as many greys as fit into the size allowed."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=DPI, format="png")
    plt.close(figure)
    picture = Image.open(stream).convert("RGB")
    for colours in (256, 128, 96, 64, 48, 32, 24):
        picture.quantize(colours).save(DOCS / name, optimize=True, dpi=(DPI, DPI))
        if (DOCS / name).stat().st_size < MOST_BYTES:
            return
    raise RuntimeError(f"{name} does not fit into {MOST_BYTES} bytes; draw fewer panels")


def sheet(columns: int) -> tuple[Figure, NDArray[np.object_]]:
    """Make two rows of panels."""
    size = (PANEL * columns, 2 * PANEL + 0.3)
    return plt.subplots(2, columns, figsize=size, layout="constrained", squeeze=False)


def pairs(name: str, panels: list[tuple[str, Keys, str]], camera: bool = False) -> None:
    """Write a row of images above their diffractograms: title, keys, a note below."""
    figure, axes = sheet(len(panels))
    step = scene().grid.sampling[0]
    for (above, below), (title, keys, note) in zip(axes.T, panels, strict=True):
        settings = {key: keys[key] for key in ("shape",) if key in keys}
        plain = {key: value for key, value in keys.items() if key not in settings}
        picture = counts(plain, settings) if camera else intensity(plain)
        shown(above, picture, title, step)
        diffractogram(below, picture, step, plain, note)
    bar(axes[0, 0], step)
    save(figure, name)


# Pictures


def defocus_series() -> None:
    """Write image_defocus.png."""
    scherzer = {"defocus_nm": 53.3, "C30_mm": 1.0, "angular_spread_sigma_mrad": 0.3}
    pairs(
        "image_defocus.png",
        [
            *(
                (f"defocus {value:+d} nm" if value else "in focus", {"defocus_nm": value}, "")
                for value in (-60, -20, 0, 20, 60)
            ),
            ("C30 1 mm, Scherzer", scherzer, "defocus +53 nm"),
        ],
    )


def aberrations() -> None:
    """Write image_aberrations.png."""
    pairs(
        "image_aberrations.png",
        [
            ("C12 25 nm, 30°", {**FAR, "C12_nm": 25, "phi12_deg": 30}, ""),
            ("C21 2 µm, 30°", {**FAR, "C21_nm": 2000, "phi21_deg": 30}, "no trace of coma"),
            ("C23 2 µm, 30°", {**FAR, "C23_nm": 2000, "phi23_deg": 30}, "nor of threefold"),
            ("C30 0.5 mm", {**FAR, "C30_mm": 0.5}, ""),
            ("C32 200 µm, 30°", {**FAR, "C32_um": 200, "phi32_deg": 30}, ""),
            ("C34 300 µm, 30°", {**FAR, "C34_um": 300, "phi34_deg": 30}, ""),
        ],
    )


def coherence() -> None:
    """Write image_coherence.png: the exact sum, the envelope, and their difference, on one scale."""
    figure, axes = plt.subplots(2, 4, figsize=(4 * PANEL * 1.2, 2 * PANEL * 1.2 + 0.3), layout="constrained")
    cases = (
        ("focus 4 nm", {"defocus_nm": 0, "focal_spread_sigma_nm": 4.0}),
        ("angle 0.8 mrad", {"defocus_nm": 20, "focal_spread_sigma_nm": 0, "angular_spread_sigma_mrad": 0.8}),
    )
    step = scene().grid.sampling[0]
    for row, (name, keys) in zip(axes, cases, strict=True):
        exact, envelope = intensity(keys, tolerance=1e-3), intensity(keys, coherence="envelope")
        difference, deviation = envelope - exact, exact.std()
        limits = (exact.mean() - 2.5 * deviation, exact.mean() + 2.5 * deviation)
        shown(row[0], exact, f"{name}, exact", step, limits)
        shown(row[1], envelope, "envelope", step, limits)
        title = f"difference, rms {100 * difference.std() / deviation:.0f} %"
        shown(row[2], difference, title, step, (-2.5 * deviation, 2.5 * deviation))
        diffractogram(row[3], exact, step, keys, "exact")
    bar(axes[0, 0], step)
    save(figure, "image_coherence.png")


def camera() -> None:
    """Write image_dose.png and image_camera.png."""
    base = {"defocus_nm": 40}
    doses = (30, 100, 400, 1600, 6400)
    pairs("image_dose.png", [(f"{dose} e/Å²", {**base, "dose_e_per_A2": dose}, "") for dose in doses], camera=True)
    pairs(
        "image_camera.png",
        [
            ("perfect camera", base, ""),
            ("MTF 1/2 at 0.2 Nyquist", {**base, "mtf_half_frequency": 0.2}, "counting: noise stays"),
            ("the same NTF", {**base, "mtf_half_frequency": 0.2, "ntf_half_frequency": 0.2}, "noise falls as well"),
            ("vibration 0.05 nm", {**base, "vibration_sigma_nm": 0.05}, ""),
            ("drift 0.3 nm, 30°", {**base, "drift_nm": 0.3, "drift_azimuth_deg": 30}, ""),
            ("pixels 10 % larger", {**base, "pixel_size_error_percent": 10}, "lines: without the error"),
        ],
        camera=True,
    )


def cameras() -> None:
    """Write image_cameras.png: one micrograph under cameras of both kinds."""
    base = {"defocus_nm": 40, "dose_e_per_A2": 400}
    pairs(
        "image_cameras.png",
        [
            ("perfect camera", base, ""),
            ("camera: counting", {**base, "camera": "counting"}, "blur, white noise"),
            ("and 20 frames", {**base, "camera": "counting", "counting_frames": 20}, "coincidence loss"),
            ("Gaussian, 1/2 at 0.6", {**base, "mtf_half_frequency": 0.6, "scattering_share": 0}, "MTF = NTF"),
            ("camera: scintillator", {**base, "camera": "scintillator"}, "exponential, MTF = NTF"),
            ("half of it scattering", {**base, "camera": "scintillator", "scattering_share": 0.5}, "NTF = MTF^0.5"),
        ],
        camera=True,
    )


def nuisances() -> None:
    """Write image_nuisances.png: one micrograph with each mark of beam and camera."""
    base = {"defocus_nm": 40, "dose_e_per_A2": 400}
    hot = {"dead_pixels_ppm": 1000, "hot_pixels_ppm": 1000, "hot_pixel_level": 3}
    pairs(
        "image_nuisances.png",
        [
            ("no marks", base, ""),
            ("illumination 15 %", {**base, "illumination_sd_percent": 15}, "low frequencies"),
            ("gain residue 15 %", {**base, "gain_residue_sd_percent": 15}, "white"),
            ("dead and hot, 0.1 % each", {**base, **hot}, "white"),
            ("x-rays, 100 e each", {**base, "xray_hits_per_megapixel": 500, "xray_counts": 100}, "white"),
        ],
        camera=True,
    )


def main() -> None:
    """Write every picture."""
    torch.set_num_threads(1)
    for draw in (defocus_series, aberrations, coherence, camera, cameras, nuisances):
        draw()


if __name__ == "__main__":
    main()
