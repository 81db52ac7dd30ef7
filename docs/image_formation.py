"""The error budget of image formation: OMP_NUM_THREADS=1 python docs/image_formation.py [PART ...].

Prints the tables of docs/image-formation.md (parts: focus, angle, both, edge, trust, grid; all of them without an
argument). References are sums written apart from the package's: a trapezium rule over focus and a dense lattice over
angles, every coherent image on the whole grid.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from dense_sums import (
    APERTURE,
    ENERGY,
    ONE,
    WAVELENGTH,
    Object,
    condition,
    hermite,
    hermite_square,
    lattice,
    sample,
    summed,
    trapezium,
)
from torch import Tensor

from temshift.conditions import Conditions
from temshift.core import Grid
from temshift.optics import (
    EDGE,
    ImagingSettings,
    band_margin,
    coherence_nodes,
    hermite_order,
    image_intensities,
    reaches,
    wave_spectra,
)

ORDERS = (2, 3, 5, 9, 15)
TOLERANCES = (1e-2, 1e-3, 1e-4)
EVERYWHERE = torch.zeros(1, dtype=torch.int64)
Rows = Iterable[tuple[object, ...]]

# The package


def image(thing: Object, one: Conditions, **settings: object) -> Tensor:
    """One image (y, x) as the package forms it."""
    tilt = band_margin(float(one.angular_spread_sigma))
    spectra = wave_spectra(thing.wave, thing.grid, ENERGY, float(one.semiangle_cutoff), tilt)
    return image_intensities(spectra, EVERYWHERE, one, ImagingSettings.model_validate(settings))[0]


def planes(thing: Object, one: Conditions, tolerance: float) -> int:
    """Coherent images that the package sums."""
    tilt = band_margin(float(one.angular_spread_sigma))
    spectra = wave_spectra(thing.wave, thing.grid, ENERGY, float(one.semiangle_cutoff), tilt)
    return len(coherence_nodes(spectra.band, one, tolerance)[0].weight)


def rms(one: Tensor, truth: Tensor) -> float:
    """rms(dI) / std(I)."""
    return float((one - truth).square().mean().sqrt() / truth.std())


def rms_and_most(one: Tensor, truth: Tensor) -> str:
    """Rms and greatest |dI|, both over std(I), as one cell of a table."""
    return f"{number(rms(one, truth))} / {number(float((one - truth).abs().max() / truth.std()))}"


# Tables


def focus() -> None:
    """Errors of a focal spread: the envelope, Gauss-Hermite sums of some orders, and what a tolerance chooses."""
    header = "object | defocus | sigma | envelope | " + " | ".join(f"{n} nodes" for n in ORDERS) + " |"
    tell("Focal spread, rms / most", header, _focal_orders())
    chosen = " | ".join(f"{t:g}: nodes | rms / most" for t in TOLERANCES)
    tell("Focal spread, by tolerance", f"object | defocus | sigma | {chosen} |", _focal_tolerances())


def _focal_cases() -> Iterator[tuple[tuple[str, str, str], Object, Conditions, Tensor]]:
    for name in ("strong", "weak"):
        for defocus in (0.0, -100.0):
            for sigma in (10.0, 30.0):
                one = condition(C10=-defocus, focal_spread_sigma=sigma)
                label = (name, f"{defocus / 10:g} nm", f"{sigma / 10:g} nm")
                yield label, sample(name), one, summed(sample(name), one, trapezium(), ONE)


def _focal_orders() -> Rows:
    for label, thing, one, truth in _focal_cases():
        sums = [rms_and_most(summed(thing, one, hermite(order), ONE), truth) for order in ORDERS]
        yield *label, rms_and_most(image(thing, one, coherence="envelope"), truth), *sums


def _focal_tolerances() -> Rows:
    for label, thing, one, truth in _focal_cases():
        cells: list[object] = []
        for tolerance in TOLERANCES:
            cells += [planes(thing, one, tolerance), rms_and_most(image(thing, one, tolerance=tolerance), truth)]
        yield *label, *cells


LENSES = {
    "-10 nm": {"C10": 100.0},
    "-60 nm": {"C10": 600.0},
    "Scherzer, C30 = 1 mm": {"C10": -1.2 * math.sqrt(1e7 * WAVELENGTH), "C30": 1e7},
}


def angle() -> None:
    """Errors of an angular spread."""
    chosen = " | ".join(f"{t:g}: images | rms" for t in TOLERANCES)
    tell("Angular spread", f"lens | sigma | aperture | envelope | {chosen} |", _angles())


def _angles() -> Rows:
    thing = sample("small")
    for name, lens in LENSES.items():
        cutoff = 12e-3 if "C30" in lens else APERTURE
        for sigma in (1e-4, 3e-4, 1e-3):
            one = condition(**lens, angular_spread_sigma=sigma, semiangle_cutoff=cutoff)
            truth = summed(thing, one, ONE, lattice())
            cells = [cell for tolerance in TOLERANCES for cell in _chosen(thing, one, truth, tolerance)]
            envelope = rms(image(thing, one, coherence="envelope"), truth)
            yield name, f"{sigma * 1e3:g} mrad", f"{cutoff * 1e3:.1f} mrad", envelope, *cells


def _chosen(thing: Object, one: Conditions, truth: Tensor, tolerance: float) -> list[object]:
    try:
        return [planes(thing, one, tolerance), rms(image(thing, one, tolerance=tolerance), truth)]
    except ValueError:
        return ["refused", "-"]


def both() -> None:
    """Both spreads together, and what they cost."""
    chosen = " | ".join(f"{t:g}: images | rms" for t in TOLERANCES)
    tell("Both", f"focal | angular | aperture | envelope | {chosen} |", _both())


def _both() -> Rows:
    thing = sample("small")
    for sigma, source, cutoff in ((10.0, 1e-4, APERTURE), (30.0, 2e-4, 15e-3), (40.0, 5e-4, 12e-3)):
        one = condition(C10=100.0, focal_spread_sigma=sigma, angular_spread_sigma=source, semiangle_cutoff=cutoff)
        truth = summed(thing, one, trapezium(0.4, 5.2), lattice(0.3, 4.8))
        cells = [cell for tolerance in TOLERANCES for cell in _chosen(thing, one, truth, tolerance)]
        envelope = rms(image(thing, one, coherence="envelope"), truth)
        yield f"{sigma / 10:g} nm", f"{source * 1e3:g} mrad", f"{cutoff * 1e3:.1f} mrad", envelope, *cells


def edge() -> None:
    """What the aperture's edge costs a sum over angles where chi = 0, by either rule."""
    spacings = (1.6, 1.2, 0.9, 0.7, 0.5)
    header = "spread / cutoff | " + " | ".join(f"{h:g}" for h in spacings) + " |"
    tell("Edge, lattice: rms (over the formula's)", header, _edge_lattice(spacings))
    orders = (5, 9, 15, 25)
    tell(
        "Edge, Gauss-Hermite", "spread / cutoff | " + " | ".join(f"{n}^2" for n in orders) + " |", _edge_hermite(orders)
    )


def _edge_cases() -> Iterator[tuple[str, float, Conditions, Tensor]]:
    for cutoff, share in ((12e-3, 0.01), (12e-3, 0.03), (12e-3, 0.1), (20e-3, 0.03)):
        one = condition(angular_spread_sigma=share * cutoff, semiangle_cutoff=cutoff)
        name = f"{share:g} ({cutoff * 1e3:g} mrad)"
        yield name, share, one, summed(sample("strong"), one, ONE, lattice(0.2, 4.8))


def _edge_lattice(spacings: tuple[float, ...]) -> Rows:
    for name, share, one, truth in _edge_cases():
        cells = []
        for spacing in spacings:
            error = rms(summed(sample("strong"), one, ONE, lattice(spacing, 4.8)), truth)
            cells.append(f"{number(error)} ({error / (EDGE * share**1.5 * spacing**3.4):.1f})")
        yield name, *cells


def _edge_hermite(orders: tuple[int, ...]) -> Rows:
    for name, _, one, truth in _edge_cases():
        yield name, *(rms(summed(sample("strong"), one, ONE, hermite_square(order)), truth) for order in orders)


# Does a tolerance hold?


def drawn(random: np.random.Generator, widest: float) -> tuple[Conditions, float]:
    """One condition with every aberration to third order, both spreads, an aperture, and a tolerance.

    Half the angular spreads are 0, the others lie within a decade and a half below ``widest`` [rad].
    """
    sizes = {"C12": 100.0, "C21": 3000.0, "C23": 1000.0, "C32": 1e5, "C34": 1e5}
    values = {name: size * random.random() for name, size in sizes.items()}
    values |= {f"phi{name[1:]}": math.tau * random.random() for name in sizes}
    values |= {"C10": random.uniform(-600, 600), "C30": random.choice([0.0, -1e5, 1e6, 1e7])}
    values |= {"focal_spread_sigma": random.uniform(0, 40), "semiangle_cutoff": random.uniform(6e-3, 20e-3)}
    values["angular_spread_sigma"] = random.integers(2) * widest * 10 ** random.uniform(-1.4, 0)
    return condition(**values), 10 ** random.uniform(-4, -2)


def ratio_of(one: Conditions, tolerance: float, most: int = 600) -> float | None:
    """Error of an image over its tolerance; None where the sum is refused or has more than ``most`` images."""
    thing, source = sample("small"), float(one.angular_spread_sigma)
    band = wave_spectra(thing.wave, thing.grid, ENERGY, float(one.semiangle_cutoff), band_margin(source)).band
    reach, turn = (float(value[0]) for value in reaches(band, one))
    order = hermite_order(reach, 1e-6)
    try:
        if order is None or planes(thing, one, tolerance) > most:
            return None
    except ValueError:
        return None
    angles = lattice(min(0.4, 2 * math.pi / (2 * turn + 6)), 4.8) if source else ONE
    return rms(image(thing, one, tolerance=tolerance), summed(thing, one, hermite(order), angles)) / tolerance


def trust() -> None:
    """Errors over tolerances for random conditions, with usual and with very wide angular spreads."""
    tell("Does the tolerance hold?", "angular spreads up to | checked | within | median | worst |", _trusted())


def _trusted(cases: int = 60) -> Rows:
    for widest in (5e-4, 2e-3):
        random = np.random.default_rng(1)
        found = [ratio_of(*drawn(random, widest)) for _ in range(cases)]
        ratios = np.sort([value for value in found if value is not None])
        checked = f"{len(ratios)} of {cases}"
        yield (
            f"{widest * 1e3:g} mrad",
            checked,
            f"{np.mean(ratios <= 1):.0%}",
            *(f"{r:.2f}" for r in np.quantile(ratios, (0.5, 1))),
        )


# Without an aperture


def grid() -> None:
    """Images without an aperture against the whole wave on finer pixels; what folds back, what an aperture takes."""
    header = "defocus | focal spread | as formed | folded back | aperture at half Nyquist |"
    tell("No aperture, 0.2 A pixels", header, _without_aperture())


def _without_aperture() -> Rows:
    thing = sample("strong")
    fine = Grid(tuple(2 * size for size in thing.grid.shape), tuple(step / 2 for step in thing.grid.sampling))
    padded = Object(_padded(thing.wave), fine)
    for defocus in (0.0, -100.0):
        for sigma in (0.0, 5.0, 10.0, 30.0):
            one = condition(C10=-defocus, focal_spread_sigma=sigma, semiangle_cutoff=1.0)
            rule = trapezium(0.1, 5) if sigma else ONE
            every = summed(padded, one, rule, ONE)
            truth = _lowpassed(every)
            formed, stopped = (
                image(thing, condition(C10=-defocus, focal_spread_sigma=sigma, semiangle_cutoff=cutoff), tolerance=1e-6)
                for cutoff in (math.inf, thing.grid.nyquist * WAVELENGTH / 2)
            )
            errors = (rms(one, truth) for one in (formed, every[::2, ::2], stopped))
            yield f"{defocus / 10:g} nm", f"{sigma / 10:g} nm", *errors


def _padded(wave: Tensor) -> Tensor:
    """Wave on pixels of half the size."""
    rows, columns = wave.shape[-2:]
    spectrum = torch.fft.fftshift(torch.fft.fft2(wave, norm="forward"), dim=(-2, -1))
    spectrum = torch.nn.functional.pad(spectrum, (columns // 2, columns // 2, rows // 2, rows // 2))
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1)), norm="forward")


def _lowpassed(picture: Tensor) -> Tensor:
    """Every second pixel of an image whose frequencies above their Nyquist frequency are taken away first."""
    cut = [torch.fft.fftfreq(size, 1 / size).abs() < size / 4 for size in picture.shape]
    kept = torch.fft.fft2(picture) * (cut[0][:, None] & cut[1])
    return torch.fft.ifft2(kept).real[::2, ::2]


# Printing


def number(value: float) -> str:
    """Two digits, such as 2.5e-2."""
    return f"{value:.1e}".replace("e-0", "e-").replace("e+00", "")


def tell(title: str, header: str, rows: Rows) -> None:
    """Print one table in markdown."""
    started = time.perf_counter()
    lines = ["| " + " | ".join(number(v) if isinstance(v, float) else str(v) for v in row) + " |" for row in rows]
    took = time.perf_counter() - started
    print(f"\n{title} ({took:.0f} s)\n", f"| {header}", "|" + "---|" * header.count("|"), *lines, sep="\n", flush=True)


PARTS: dict[str, Callable[[], None]] = {
    "focus": focus,
    "angle": angle,
    "both": both,
    "edge": edge,
    "trust": trust,
    "grid": grid,
}


def main() -> None:
    """Print the tables that are asked for."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
