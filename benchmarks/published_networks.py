"""Ten published networks, trained on real micrographs alone, on simulated ones: under which camera do those look real?

    python benchmarks/published_networks.py published_unets.safetensors FOLDER [cameras focus dose size statistics]

FOLDER keeps the specimens' exit waves, which are simulated once (some 15 minutes for all tables on one quiet core).
docs/published-networks.md says how to get the weights, and what came out.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import torch
from first_layers import LAGS, camera_correlations, measured_correlation
from published_unet import CRYSTALS, PublishedUNet, published_unets
from scipy.stats import spearmanr

from temshift.databases import Database, simulate_database
from temshift.information import Bench, compare_many, shipped_library
from temshift.scoring import score

Conditions = dict[str, Any]
Networks = Mapping[str, PublishedUNet]

# Of the real micrographs: a corrected microscope at 300 kV, 0.2 A pixels, 5 nm particles on ultrathin carbon
PIXEL = 0.2
DOSES = {"CdSe": 421.0, "Ag": 423.0}
SIZES = {"3 nm": (1.2, 1.8), "5 nm": (2.2, 2.8), "7 nm": (3.2, 3.8)}  # radii [nm]
OWN_SIZE = "5 nm"
SPECIMENS = 12
LENS = {"semiangle_cutoff_mrad": 24.0, "focal_spread_sigma_nm": 1.0}  # assumed
DEFOCUS = -10.0  # assumed [nm]
FOCI = (-40, -30, -20, -10, -5, 0, 5, 10, 20, 30, 40)
DOSE_FACTORS = (0.1, 0.25, 0.5, 1, 2, 4)


def _coloured(half: float, exponent: float, noise: float | None = None, detected: float = 1.0) -> Conditions:
    """Keys of a camera whose noise is coloured: half frequencies in units of Nyquist, 2^-(f/h)^exponent, DQE(0)."""
    return {
        "mtf_half_frequency": half,
        "ntf_half_frequency": half if noise is None else noise,
        "transfer_exponent": exponent,
        "dqe_zero": detected,
    }


PERFECT, ASSUMED = "perfect", "exponential, half at 0.3, DQE(0) 0.5"
CAMERAS = {
    PERFECT: {},
    "MTF alone, Gaussian, half at 0.6": {"mtf_half_frequency": 0.6},
    "Gaussian, half at 0.8": _coloured(0.8, 2),
    "Gaussian, half at 0.6": _coloured(0.6, 2),
    "Gaussian, half at 0.4": _coloured(0.4, 2),
    "exponential, half at 0.5": _coloured(0.5, 1),
    "exponential, half at 0.4": _coloured(0.4, 1),
    "exponential, half at 0.3": _coloured(0.3, 1),
    "exponential, half at 0.2": _coloured(0.2, 1),
    ASSUMED: _coloured(0.3, 1, detected=0.5),
    "exponential, half at 0.3, DQE(0) 0.25": _coloured(0.3, 1, detected=0.25),
    "exponential, MTF half at 0.3, NTF at 0.6": _coloured(0.3, 1, 0.6),
}


def main() -> None:
    """Simulate, score and print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; all by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = published_unets(options.weights)
    for name in options.tables or TABLES:
        print(f"\n{name}", flush=True)
        TABLES[name](networks, options.folder)


def waves_of(folder: Path, crystal: str, size: str = OWN_SIZE) -> Path:
    """Return the folder of exit waves of one crystal and size, simulated if they are not there."""
    lowest, highest = SIZES[size]
    particles = {"crystal": crystal, "radius_nm": {"minimum": lowest, "maximum": highest}, "count": 1, "gap_nm": 0.5}
    substrate = {"thickness_nm": {"minimum": 2.0, "maximum": 4.0}}
    multislice = {"energy_kev": 300, "sampling_angstrom": PIXEL, "slice_thickness_angstrom": 2.0}
    database = Database.model_validate(
        {
            "name": f"{crystal}, {size}",
            "seed": 31,
            "counts": {"test": SPECIMENS},
            "per_shard": 3,
            "specimens": {"cell_nm": (10.24, 10.24), "substrate": substrate, "particles": particles},
            "exit_waves": {**multislice, "mask": {"definition": "outline"}},
        }
    )
    return simulate_database(database, folder / f"{crystal}-{size.replace(' ', '')}").root


def conditions_of(crystal: str, camera: str, *, defocus: float = DEFOCUS, dose: float = 1.0) -> Conditions:
    """Return conditions under a camera, of a crystal's dose times a factor."""
    spread = {"normal": {"mean": defocus, "sd": 1.5}}
    return {"defocus_nm": spread, "dose_e_per_A2": dose * DOSES[crystal], **LENS, **CAMERAS[camera]}


def scored(
    networks: Networks, folder: Path, tests: Callable[[str], Mapping[str, Conditions]], size: str = OWN_SIZE
) -> pl.DataFrame:
    """Score every network on its own crystal under named conditions of that crystal, and average over the folds."""
    tables = []
    for name, network in networks.items():
        crystal = CRYSTALS[name.split("_")[0]]
        given = {"test": [{"name": test, **keys} for test, keys in tests(crystal).items()]}
        rows = score(network, waves_of(folder, crystal, size), given, gives="two-class", channel=1)
        tables.append(rows.select(pl.lit(crystal).alias("crystal"), "test_name", "cross_entropy", "f1"))
    scores = pl.concat(tables).group_by("crystal", "test_name", maintain_order=True)
    return scores.agg(
        pl.col("cross_entropy").mean(),
        pl.col("cross_entropy").std().alias("sd_over_folds"),
        pl.col("f1").mean(),
    )


def show(table: pl.DataFrame) -> None:
    """Print a whole table."""
    with pl.Config(tbl_rows=-1, tbl_cols=-1, float_precision=3, fmt_str_lengths=60, tbl_hide_dataframe_shape=True):
        print(table, flush=True)


def cameras(networks: Networks, folder: Path) -> None:
    """Print scores under every camera beside the predictions of an observer at home under the assumed one."""
    scores = scored(networks, folder, lambda crystal: {camera: conditions_of(crystal, camera) for camera in CAMERAS})
    table = scores.join(_predicted(), on=["crystal", "test_name"])
    show(table)
    for (crystal,), own in table.group_by("crystal", maintain_order=True):
        orders = (
            f"{column} {spearmanr(own['cross_entropy'], own[column]).statistic:.2f}"
            for column in ("observer", "d", "epsilon")
        )
        print(f"{crystal}: Spearman of cross-entropy with {', '.join(orders)}")


def _predicted() -> pl.DataFrame:
    """Take an observer from the assumed camera to every other."""
    rows = []
    for crystal in DOSES:
        home = {ASSUMED: conditions_of(crystal, ASSUMED)}
        tests = {camera: conditions_of(crystal, camera) for camera in CAMERAS}
        for pair in compare_many(home, tests, shipped_library(crystal), Bench(sampling=PIXEL, rules=("both",))):
            side, other = pair.training, pair.test
            rows.append(
                {
                    "crystal": crystal,
                    "test_name": other.name,
                    "observer": side.observers["both"][1].cross_entropy,
                    "d": pair.pair.distance.value,
                    "epsilon": other.information.epsilon,
                }
            )
    return pl.DataFrame(rows)


def _along(networks: Networks, folder: Path, series: Mapping[str, Mapping[str, float]]) -> None:
    """Print scores along a series of conditions under a perfect and the assumed camera."""
    for camera in (PERFECT, ASSUMED):
        print(camera)

        def tests(crystal: str, camera: str = camera) -> dict[str, Conditions]:
            return {name: conditions_of(crystal, camera, **keys) for name, keys in series.items()}

        show(scored(networks, folder, tests))


def focus(networks: Networks, folder: Path) -> None:
    """Print scores along defocus."""
    _along(networks, folder, {f"{value:+g} nm": {"defocus": value} for value in FOCI})


def dose(networks: Networks, folder: Path) -> None:
    """Print scores along the dose."""
    _along(networks, folder, {f"{factor:g} of the dose": {"dose": factor} for factor in DOSE_FACTORS})


def size(networks: Networks, folder: Path) -> None:
    """Print scores by particle size under a perfect and the assumed camera."""
    for own in SIZES:
        print(own)
        show(
            scored(
                networks,
                folder,
                lambda crystal: {camera: conditions_of(crystal, camera) for camera in (PERFECT, ASSUMED)},
                own,
            )
        )


def statistics(networks: Networks, folder: Path) -> None:
    """Print the correlation of neighbouring pixels that networks saw, beside that of simulated images."""
    for crystal in DOSES:
        own = [network for name, network in networks.items() if CRYSTALS[name.split("_")[0]] == crystal]
        measured = measured_correlation(own)
        print(f"{crystal}: the fit leaves {measured.misfit:.1%} of a variance at most")
        conditions = {camera: conditions_of(crystal, camera) for camera in CAMERAS}
        simulated = camera_correlations(waves_of(folder, crystal), conditions)
        columns = {"camera": ["real, from the first layers", *simulated]}
        rows = [measured.correlation, *simulated.values()]
        for number, lag in enumerate(LAGS[1:]):
            columns[f"{lag}"] = [row[number] for row in rows]
        columns["rms difference"] = [float(((row - rows[0]) ** 2).mean() ** 0.5) for row in rows]
        show(pl.DataFrame(columns))


TABLES = {"cameras": cameras, "focus": focus, "dose": dose, "size": size, "statistics": statistics}

if __name__ == "__main__":
    main()
