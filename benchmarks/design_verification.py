"""Do designs hold what observers promise? Networks are trained on designs, on even and on random sets of equal size.

Run as: python benchmarks/design_verification.py FOLDER [--workers 1] [--only "focus series"] [--searches linear both]
[--broad]

The same command goes on after an interruption. What is compared was fixed before any network was trained: six sets of
targets; three conditions to train on, and the same number of images whatever they are; two seeds. A design for the
worst loss is judged by the highest cross-entropy over the targets, one for the mean loss by the mean. Differences of
the logarithm are paired by target set and seed: against the evenly spaced set, and against the mean of three random
ones. Observers know the particles of other specimens of the recipe, and nothing of any network.
"""

import argparse
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from temshift.conditions.mixtures import mixture
from temshift.configuration.model import load_configuration, parse_configuration
from temshift.configuration.yaml_document import write_document
from temshift.core.electrons import wavelength
from temshift.databases.object_libraries import library_of_recipe
from temshift.execution import LogProgress
from temshift.information.designs.training_design import DESIGN, EVEN, OBJECTIVES, SINGLE, Design, design
from temshift.information.objects.library import ObjectLibrary
from temshift.information.transfer.survey import Survey
from temshift.optics.microscope import Microscope
from temshift.scoring.scoring_conditions import ScoringConditions, scoring_conditions
from temshift.storage.files import read_json, write_json, write_table
from temshift.studies import Study, StudyFolder, read_results, run_study
from temshift.studies.folder import study_text

QUICK = Path(__file__).parents[1] / "examples" / "quick_study.yaml"
SIZE, SEEDS, SPECIMENS, TESTED = 3, 2, 48, 64
BAND = 12e-3 / wavelength(300e3)  # of the aperture of all conditions [1/A]
UNDER, OVER = ({"normal": {"mean": focus, "sd": 1.5}} for focus in (-10, 10))
DEFAULT = {
    "defocus_nm": UNDER,
    "dose_e_per_A2": 400,
    "semiangle_cutoff_mrad": 12.0,
    "focal_spread_sigma_nm": 1.0,
}
SIDES = (("-10 nm", UNDER), ("+10 nm", OVER))
SEVERAL = (  # defocus, dose, Cs, astigmatism and its azimuth, picked once at random for the transfer study
    (-17, 150, 0.5, 4, 30),
    (-7, 70, -0.4, 9, 110),
    (13, 250, 0.9, 2, 75),
    (6, 900, -0.8, 6, 160),
    (22, 60, 0.2, 12, 10),
    (-3, 600, 0.3, 8, 140),
    (-23, 1200, -0.9, 15, 95),
    (3, 120, -0.2, 5, 50),
    (-12, 40, 0.7, 3, 125),
    (9, 350, 1.1, 11, 175),
)
KEYS = ("defocus_nm", "dose_e_per_A2", "C30_mm", "C12_nm", "phi12_deg")
Item = dict[str, Any]


def _series(key: str, values: list[float], at: str = "", **others: Any) -> Item:
    return {"name": f"{key} {{value:g}}{at}", "series": key, "values": values, **others}


def _on_both_sides(key: str, values: list[float], **others: Any) -> list[Item]:
    return [_series(key, values, f" at {at}", defocus_nm=focus, **others) for at, focus in SIDES]


TARGETS: Mapping[str, list[Item]] = {
    "focus series": [_series("defocus_nm", [-20, -15, -10, -5, 0, 5, 10, 15, 20], sd=1.5)],
    "dose series": [_series("dose_e_per_A2", [30, 60, 120, 250, 500, 1000, 2000])],
    "aberrated session": [
        *_on_both_sides("C12_nm", [0, 8, 16], phi12_deg={"uniform": {"minimum": 0, "maximum": 180}}),
        *_on_both_sides("C30_mm", [-0.8, 0.8]),
    ],
    "underfocus at low dose": [
        _series("defocus_nm", [2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20], sd=1.5, dose_e_per_A2=100),
    ],
    "focal spread": _on_both_sides("focal_spread_sigma_nm", [0.5, 2, 3.5, 5]),
    "mixed": [{"name": f"several {n + 1}", **dict(zip(KEYS, row, strict=True))} for n, row in enumerate(SEVERAL)],
}


def main() -> None:
    options = _options()
    quick = load_configuration(QUICK, Study)
    library = library_of_recipe(quick.specimens, quick.exit_waves, count=SPECIMENS, seed=7, highest=BAND)
    tables = []
    for name in options.only or TARGETS:
        place = options.folder / name.replace(" ", "_")
        given = scoring_conditions({"default": DEFAULT, "test": TARGETS[name]})
        sets = _sets(place, given, _survey(quick), library, options)
        study = _study(name, sets, given)
        _lend_waves(options.folder, place / "study", study)
        with (place / "log.txt").open("a", encoding="utf-8") as log:
            folder = run_study(
                _study(name, sets, given), place / "study", workers=options.workers, progress=LogProgress(log)
            )
        tables.append(_losses(name, sets, folder))
    losses = pl.concat(tables)
    write_table(options.folder / "losses.parquet", losses)
    _tell(losses)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(TARGETS))
    parser.add_argument("--searches", nargs="*", default=["linear"], choices=["linear", "both"])
    parser.add_argument("--broad", action="store_true", help="train on broad designs and on the full range, too")
    return parser.parse_args()


def _survey(study: Study) -> Survey:
    microscope = Microscope(study.exit_waves.energy, study.imaging, study.grid.nyquist)
    return Survey(microscope, 12e-3, 256, seed=0)


def _sets(
    place: Path,
    given: ScoringConditions,
    survey: Survey,
    library: ObjectLibrary,
    options: argparse.Namespace,
) -> dict[str, Item]:
    """Training sets by name, each with its conditions, members and predicted losses; kept in the folder."""
    found: dict[str, Item] = {}
    for objective in OBJECTIVES:
        for search in options.searches:
            title = f"design, {objective}" + (", searched by both" if search == "both" else "")
            asked: Item = {"size": SIZE, "search": search}
            found |= _kept(
                place, title, lambda a=asked, o=objective: design(given.tests, library, survey, objective=o, **a)
            )
        if options.broad:
            asked = {"broad": True}
            found |= _kept(
                place,
                f"broad design, {objective}",
                lambda o=objective: design(given.tests, library, survey, objective=o, broad=True),
            )
    return found


def _kept(place: Path, title: str, make: Any) -> dict[str, Item]:
    """Compute a design once, with the sets that it is compared with."""
    file = place / "designs" / f"{title}.json"
    if not file.exists():
        started = time.monotonic()
        found = make()
        write_json(file, {"seconds": time.monotonic() - started, "sets": _plain_sets(title, found)})
    return dict(read_json(file)["sets"])


def _plain_sets(title: str, found: Design) -> dict[str, Item]:
    losses = {name: part for (name,), part in found.predicted.group_by("set_name")}
    return {
        _title(name, title): {
            "conditions": mixture(list(members.values())).model_dump(mode="json", exclude_none=True),
            "members": list(members),
            "predicted": dict(losses[name].select("target_name", "cross_entropy").iter_rows()),
        }
        for name, members in found.sets.items()
        if name not in (SINGLE, "middle")
    }


def _title(name: str, title: str) -> str:
    return title if name == DESIGN else name


def _study(name: str, sets: Mapping[str, Item], given: ScoringConditions) -> Study:
    """The quick study with other conditions; sets that are equal are trained once."""
    plain = load_configuration(QUICK, Study).model_dump(mode="json", exclude_none=True, exclude_unset=True)
    first = {write_document(one["conditions"]): title for title, one in reversed(sets.items())}
    training = [{"name": title, **one["conditions"]} for title, one in sets.items() if title in first.values()]
    test = [{"name": title, **one.model_dump(mode="json", exclude_none=True)} for title, one in given.tests.items()]
    plain |= {
        "name": name,
        "seeds": SEEDS,
        "conditions": {"training": training, "test": test},
        "counts": {"training": 384, "test": TESTED},
        "examples": {},
    }
    return parse_configuration(write_document(plain), Study, name)


def _lend_waves(folder: Path, place: Path, study: Study) -> None:
    """Specimens are the same for all target sets: copy their waves from a study that is through."""
    done = next(iter(sorted(folder.glob("*/study/results.parquet"))), None)
    if done is not None and not place.exists():
        shutil.copytree(done.parent / "waves", place / "waves")
        (place / "study.yaml").write_text(study_text(study), encoding="utf-8")


def _losses(name: str, sets: Mapping[str, Item], folder: StudyFolder) -> pl.DataFrame:
    """Cross-entropy of every set, seed and target, measured and predicted."""
    results = read_results(folder.root).select("training_name", "seed", "test_name", "cross_entropy", "f1")
    first = {write_document(one["conditions"]): title for title, one in reversed(sets.items())}
    tables = [
        results.filter(training_name=first[write_document(one["conditions"])]).with_columns(
            target_set=pl.lit(name),
            set_name=pl.lit(title),
            predicted=pl.col("test_name").replace_strict(one["predicted"]),
        )
        for title, one in sets.items()
    ]
    return pl.concat(tables)


def _tell(losses: pl.DataFrame) -> None:
    """Print losses over targets of every set, and paired differences of their logarithms."""
    over = losses.group_by("target_set", "set_name", "seed", maintain_order=True).agg(
        pl.col("cross_entropy").max().alias("worst"),
        pl.col("cross_entropy").mean().alias("mean"),
        pl.col("predicted").max().alias("predicted worst"),
        pl.col("predicted").mean().alias("predicted mean"),
    )
    with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True, fmt_str_lengths=60, tbl_width_chars=160):
        print(over.group_by("target_set", "set_name", maintain_order=True).agg(pl.col(pl.Float64).mean()))
    for objective in OBJECTIVES:
        for title in [
            one for one in over["set_name"].unique(maintain_order=True) if one.endswith(("worst", "mean", "both"))
        ]:
            _tell_pairs(over, title, objective)
    for objective in OBJECTIVES:
        _tell_order(over, objective)


def _tell_pairs(over: pl.DataFrame, title: str, objective: str) -> None:
    wide = over.with_columns(pl.col(objective).log()).pivot("set_name", index=("target_set", "seed"), values=objective)
    random = wide.select(name for name in wide.columns if name.startswith("random")).mean_horizontal()
    for rival, values in ((EVEN, wide[EVEN]), ("random", random)):
        differences = wide.select("target_set", difference=wide[title] - values).drop_nulls()
        by_set = differences.group_by("target_set", maintain_order=True).mean()
        gains = by_set["difference"].to_numpy()
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
        told = ", ".join(f"{name} {value:+.3f}" for name, value in by_set.iter_rows())
        print(
            f"ln {objective} of {title!r} minus {rival!r}: {gains.mean():+.3f} +- {error:.3f} over target sets, "
            f"lower in {int((gains < 0).sum())} of {len(gains)} ({told})"
        )


def _tell_order(over: pl.DataFrame, objective: str) -> None:
    """How well the predicted order of sets agrees with the measured one, within each target set."""
    told = []
    for (name,), part in over.group_by("target_set", maintain_order=True):
        means = part.group_by("set_name", maintain_order=True).agg(pl.col(pl.Float64).mean())
        told.append((name, float(spearmanr(means[f"predicted {objective}"], means[objective]).statistic)))
    print(f"Spearman of predicted and measured {objective}: " + ", ".join(f"{name} {rho:+.2f}" for name, rho in told))


if __name__ == "__main__":
    main()
