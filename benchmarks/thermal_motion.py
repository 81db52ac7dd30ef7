"""Which treatment of thermal motion should networks be trained on? Run as: python benchmarks/thermal_motion.py FOLDER
[--crystals CdSe NaCl "Au [110]"] [--seeds 2] [--steps 240] [--specimens 192].

Specimens of two crystals, one of atoms that move far, are simulated with atoms at rest, with damped potentials and
with frozen phonons; compact networks are trained on images of each treatment, on the same specimens, conditions, noise
and initial weights, and tested on other specimens, whose images are the mean of 32 configurations. Three imaging
conditions: underfocus at a low dose, near focus, and underfocus at a high dose. The image error is rms(dI) / std(I) of
noiseless images against those of 64 other configurations, whose own noise is subtracted; a third crystal, gold along a
zone axis, is looked at for its images alone.

Everything made stands in FOLDER; the same command goes on after an interruption. The table also stands in
FOLDER/thermal_motion.csv: for each crystal, condition and treatment the error of the image, the geometric mean over
seeds of the cross-entropy, its ratio to that of 16 averaged configurations at the same seed with the standard error of
that ratio over seeds, F1, waves that are simulated for a specimen, and seconds that a training took.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from temshift.conditions import ImagingConditions
from temshift.databases import Database, DatabaseFolder, simulate_database
from temshift.exitwaves import read_layout
from temshift.micrographs import (
    Batch,
    MicrographSource,
    Stream,
    drawn_conditions,
    one_thread,
    scoring_batches,
    training_batches,
)
from temshift.networks import CompactUNetSettings, TrainingSettings, initialised, train
from temshift.optics import ImagingSettings, WaveSpectra, image_intensities
from temshift.scoring import score_together
from temshift.storage import read_json, write_json
from temshift.studies import read_spectra

ENERGY, APERTURE = 300e3, 20e-3
IMAGING = ImagingSettings(coherence="envelope")
# Root mean square displacements at 300 K; those of NaCl are assumed from B = 1.7 and 1.4 A^2.
CARBON = {"C": 0.08}
NACL = {
    "name": "NaCl",
    "space_group": 225,
    "symbols": ["Na", "Cl"],
    "sites": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "lattice": [5.64, 5.64, 5.64, 90, 90, 90],
}


@dataclass(frozen=True)
class Kind:
    """Specimens of one crystal: displacements [A], particles, pixels and slices [A]; images alone if not trained on."""

    crystal: Any
    moves: dict[str, float]
    particles: dict[str, Any] = field(default_factory=lambda: {"radius_nm": {"minimum": 0.9, "maximum": 1.6}})
    sampling: float = 0.4
    slices: float = 4.0
    trained: bool = True


CRYSTALS = {
    "CdSe": Kind("CdSe", {"Cd": 0.12, "Se": 0.10}),
    "NaCl": Kind(NACL, {"Na": 0.147, "Cl": 0.133}),
    "Au [110]": Kind(
        "Au",
        {"Au": 0.089},
        {"radius_nm": {"minimum": 1.6, "maximum": 2.0}, "orientation": {"zone_axis": [1, 1, 0]}},
        *(0.2, 2.0, False),
    ),
}
CONDITIONS = {"-10 nm, 200 e/A2": (-10, 200), "0 nm, 1000 e/A2": (0, 1000), "-10 nm, 5000 e/A2": (-10, 5000)}
SPREAD = 1.5  # standard deviation of the defocus of images to train and test on [nm]
LENS = {"semiangle_cutoff_mrad": 20.0, "focal_spread_sigma_nm": 1.0}
TESTED, MANY, TRUE = 64, 32, 64  # test specimens, configurations of each, those of the truth of images
LOOKED_AT = 8  # specimens whose images are compared
BASE = "16"


@dataclass(frozen=True)
class Treatment:
    """A way to make training images: the database, how many of its waves are taken, and averaged or drawn."""

    database: str
    configurations: int = 1
    drawn: bool = False

    def of(self, source: MicrographSource) -> MicrographSource:
        """Take the first configurations of each specimen, averaged or drawn."""
        values = source.spectra.values[:, : self.configurations].contiguous()  # drawing looks at them one by one
        phonons: Any = "drawn" if self.drawn else "averaged"
        return replace(source, spectra=replace(source.spectra, values=values), phonons=phonons)


TREATMENTS = {
    "rest": Treatment("rest"),
    "damped": Treatment("damped"),
    **{str(count): Treatment("frozen", count) for count in (1, 4, 8, 16)},
    **{f"drawn of {count}": Treatment("frozen", count, drawn=True) for count in (8, 16)},
}


def main() -> None:
    """Make what is missing, and print the table."""
    asked = _asked()
    one_thread()
    for crystal in asked.crystals:
        _Crystal(asked.folder, crystal, asked).make()
    table = table_of(asked)
    table.write_csv(asked.folder / "thermal_motion.csv")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3, tbl_hide_dataframe_shape=True):
        print(table)


class _Crystal:
    """Specimens of one crystal, simulated in every way."""

    def __init__(self, folder: Path, crystal: str, asked: argparse.Namespace) -> None:
        self._folder, self._crystal, self._asked = folder, crystal, asked
        self._kept: dict[str, MicrographSource] = {}

    def make(self) -> None:
        """Measure the errors of images; then train, seed by seed, so that an early table is a fair one."""
        for name, given in CONDITIONS.items():
            if not self._record("image", name).exists():
                write_json(self._record("image", name), self._image_errors(_conditions(*given, 0.0)))
        for seed in range(self._asked.seeds) if CRYSTALS[self._crystal].trained else ():
            for name, given in CONDITIONS.items():
                self._train(name, _conditions(*given, SPREAD), seed)

    def _record(self, kind: str, condition: str, treatment: str = "", seed: int = 0) -> Path:
        return record_of(self._folder, self._crystal, kind, condition, treatment, seed)

    def _train(self, name: str, conditions: ImagingConditions, seed: int) -> None:
        missing = [one for one in TREATMENTS if not self._record("network", name, one, seed).exists()]
        if not missing:
            return
        test = list(scoring_batches(self._source("test"), conditions, batch=32, stream=Stream(99)))
        for treatment in missing:
            row = self._trained(TREATMENTS[treatment], conditions, seed, test)
            write_json(self._record("network", name, treatment, seed), row)
            print(f"{self._crystal}, {name}, {treatment}, seed {seed}: {row}", flush=True)

    def _trained(
        self, treatment: Treatment, conditions: ImagingConditions, seed: int, test: list[Batch]
    ) -> dict[str, Any]:
        """Train a network on a treatment and score it; draws depend on the seed alone."""
        source = treatment.of(self._source(treatment.database))
        network = initialised(CompactUNetSettings(), seed)
        settings = TrainingSettings(steps=self._asked.steps)
        batches = training_batches(
            source, conditions, steps=self._asked.steps, batch=settings.batch, stream=Stream(seed)
        )
        started = time.process_time()
        train(network, batches, settings, epoch_steps=settings.steps_per_epoch(len(source)))
        seconds = time.process_time() - started
        (scores,) = score_together([network.eval()], test)
        return {"cross_entropy": scores.cross_entropy, "f1": scores.f1, "seconds": seconds}

    def _source(self, name: str) -> MicrographSource:
        if name not in self._kept:
            folder = DatabaseFolder(self._folder / self._crystal.replace(" ", "-") / name)
            simulate_database(self._database(name), folder.root, workers=1)
            store = folder.waves("specimens")
            spectra = read_spectra(store, (ENERGY, APERTURE, 0.0), "cpu", read_layout(store).shards)
            self._kept[name] = MicrographSource(*spectra, IMAGING)
        return self._kept[name]

    def _database(self, name: str) -> Database:
        """The settings of a treatment, of the test, or of the truth of images with what it is compared with."""
        kind = CRYSTALS[self._crystal]
        phonons: dict[str, Any] = {"rms_displacement_angstrom": {**kind.moves, **CARBON}}
        phonons = {
            "rest": {},
            "damped": {**phonons, "treatment": "damped"},
            "frozen": {**phonons, "configurations": 16},
            "test": {**phonons, "configurations": MANY},
            "truth": {**phonons, "configurations": TRUE + 16},
        }[name]
        counts = {"test": TESTED, "truth": LOOKED_AT}.get(name, self._asked.specimens if kind.trained else LOOKED_AT)
        film = {
            "density_g_per_cm3": 2.0,
            "minimum_distance_angstrom": 1.4,
            "thickness_nm": {"minimum": 2, "maximum": 5},
        }
        particles = {"crystal": kind.crystal, **kind.particles, "count": 1, "gap_nm": 1.0}
        return Database.model_validate(
            {
                "name": f"{self._crystal}, {name}",
                "seed": 2 if name == "test" else 1,
                "counts": {"specimens": counts},
                "specimens": {"cell_nm": [5.12, 5.12], "substrate": film, "particles": particles},
                "exit_waves": {
                    "energy_kev": ENERGY / 1e3,
                    "sampling_angstrom": kind.sampling,
                    "slice_thickness_angstrom": kind.slices,
                    "phonons": phonons,
                },
            }
        )

    def _image_errors(self, conditions: ImagingConditions) -> dict[str, float]:
        """Errors of noiseless images of each treatment, pooled over specimens, without the noise of the truth."""
        several = self._source("truth").spectra
        truth = _images(several, slice(0, TRUE), conditions)
        variance = _each(several, conditions).var(dim=1).mean() / TRUE
        errors = {}
        for name, treatment in TREATMENTS.items():
            if treatment.drawn:
                continue
            own = several if treatment.database == "frozen" else self._source(treatment.database).spectra
            first = TRUE if treatment.database == "frozen" else 0
            image = _images(own, slice(first, first + treatment.configurations), conditions)
            squared = (image - truth).square().mean() - variance
            errors[name] = float((squared.clamp_min(0) / truth.var(dim=(1, 2)).mean()).sqrt())
        return errors


def _images(spectra: WaveSpectra, chosen: slice, conditions: ImagingConditions) -> Tensor:
    """Images (specimen, y, x) without noise under a condition without spread, averaged over some configurations."""
    some = replace(spectra, values=spectra.values[:LOOKED_AT, chosen])
    drawn = drawn_conditions(conditions, range(LOOKED_AT), Stream(0))
    return image_intensities(some, torch.arange(LOOKED_AT), drawn, IMAGING)


def _each(spectra: WaveSpectra, conditions: ImagingConditions) -> Tensor:
    """Images (specimen, configuration, y, x) of each configuration of the truth."""
    each = [_images(spectra, slice(number, number + 1), conditions) for number in range(TRUE)]
    return torch.stack(each, dim=1)


def record_of(folder: Path, crystal: str, kind: str, condition: str, treatment: str, seed: int) -> Path:
    """File of the errors of images under a condition, or of one network."""
    name = "_".join(str(part) for part in (kind, condition, treatment, seed)).replace("/", " a ").replace(" ", "-")
    return folder / crystal.replace(" ", "-") / "records" / f"{name}.json"


def table_of(asked: argparse.Namespace) -> pl.DataFrame:
    """Gather what was made: one row for each crystal, condition and treatment whose networks are there."""
    rows = [row for crystal in asked.crystals for name in CONDITIONS for row in _rows(asked, crystal, name)]
    return pl.from_dicts(rows, infer_schema_length=None)


def _rows(asked: argparse.Namespace, crystal: str, condition: str) -> Iterator[dict[str, Any]]:
    errors = read_json(record_of(asked.folder, crystal, "image", condition, "", 0))
    trained = CRYSTALS[crystal].trained
    base = _networks(asked, crystal, condition, BASE) if trained else []
    for name, treatment in TREATMENTS.items():
        row = {"crystal": crystal, "condition": condition, "treatment": name, "image_error": errors.get(name)}
        if trained:
            yield {
                **row,
                **_learned(_networks(asked, crystal, condition, name), base),
                "waves": treatment.configurations,
            }
        elif not treatment.drawn:
            yield row


def _learned(networks: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
    losses, theirs = (np.log([one["cross_entropy"] for one in each]) for each in (networks, base))
    ratios = losses - theirs
    return {
        "cross_entropy": float(np.exp(losses.mean())),
        f"ratio_to_{BASE}": float(np.exp(ratios.mean())),
        "standard_error": float(ratios.std(ddof=1) / len(ratios) ** 0.5) if len(ratios) > 1 else None,
        "f1": float(np.mean([one["f1"] for one in networks])),
        "training_seconds": float(np.mean([one["seconds"] for one in networks])),
    }


def _networks(asked: argparse.Namespace, crystal: str, condition: str, treatment: str) -> list[dict[str, Any]]:
    places = (record_of(asked.folder, crystal, "network", condition, treatment, seed) for seed in range(asked.seeds))
    return [read_json(place) for place in places]


def _conditions(defocus: float, dose: float, spread: float) -> ImagingConditions:
    given = {"defocus_nm": {"normal": {"mean": defocus, "sd": spread}} if spread else defocus, "dose_e_per_A2": dose}
    return ImagingConditions.model_validate({**LENS, **given})


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crystals", nargs="+", choices=list(CRYSTALS), default=list(CRYSTALS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--specimens", type=int, default=192)
    return parser.parse_args()


if __name__ == "__main__":
    main()
