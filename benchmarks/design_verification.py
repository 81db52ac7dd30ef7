"""Do designs hold what observers promise? Networks are trained on designs, on even and on random sets of equal size.

Run as: python benchmarks/design_verification.py FOLDER [--workers 1] [--only "focus series"] [--seeds 2]
[--objectives regret worst mean] [--searches linear both] [--broad] [--no-singles]

The same command goes on after an interruption. All that is compared was fixed before any network was trained: seven
sets of targets; three conditions to train on, and the same number of images for each; two seeds. A design for the worst
loss is judged by the highest cross-entropy over the targets, one for the mean loss by the mean, and one for the regret
by the largest of the ratios of its cross-entropy on a target to that of the best single condition there. For that,
networks are trained on the single conditions that observers call best for a target; the least of their measured losses
is the reference, whichever condition the observers had in mind. Differences of the logarithm are paired by target set
and seed: against the evenly spaced set, and against the mean of three random ones. Observers know the particles of
other specimens of the recipe, and nothing of any network. Losses of each set of targets stand in
FOLDER/TARGETS/losses.parquet as soon as it is through, and are printed.
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

from temshift.conditions import mixture
from temshift.configuration import load_configuration, parse_configuration, write_document
from temshift.core import wavelength
from temshift.databases import library_of_recipe
from temshift.execution import LogProgress
from temshift.information import (
    DESIGN,
    EVEN,
    GRID,
    OBJECTIVES,
    SINGLE,
    Design,
    Objective,
    ObjectLibrary,
    Survey,
    candidates_for,
    design,
)
from temshift.optics import Microscope
from temshift.scoring import ScoringConditions, scoring_conditions
from temshift.storage import read_json, write_json, write_table
from temshift.studies import Study, StudyFolder, read_results, run_study, study_text

QUICK = Path(__file__).parents[1] / "examples" / "quick_study.yaml"
SIZE, SEEDS, SPECIMENS, TESTED = 3, 2, 48, 64
LONE = "single: "  # before the name of a condition that a network is trained on alone
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
    "focus and dose": [
        _series("defocus_nm", [-10, -5, 0, 5, 10, 15], f" at {dose} e", sd=1.5, dose_e_per_A2=dose)
        for dose in (60, 200, 800)
    ],
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
        study = _study(name, sets, given, options.seeds)
        _lend_waves(options.folder, place / "study", study)
        with (place / "log.txt").open("a", encoding="utf-8") as log:
            folder = run_study(study, place / "study", workers=options.workers, progress=LogProgress(log))
        tables.append(_losses(name, sets, folder))
        write_table(place / "losses.parquet", tables[-1])
        _print_losses(pl.concat(tables))
    write_table(options.folder / "losses.parquet", pl.concat(tables))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(TARGETS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--objectives", nargs="*", default=list(OBJECTIVES), choices=list(OBJECTIVES))
    parser.add_argument("--no-singles", action="store_true", help="train on no single conditions; no regrets then")
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
    sets: dict[str, Item] = {}
    for objective in options.objectives:
        for search in options.searches:
            title = f"design, {objective}" + (", searched by both" if search == "both" else "")
            sets |= _kept(place, title, given, lambda o=objective, s=search: _designed(given, library, survey, o, s))
        if options.broad:
            title = f"broad design, {objective}"
            sets |= _kept(
                place,
                title,
                given,
                lambda o=objective: design(given.tests, library, survey, objective=o, broad=True),
            )
    return {title: one for title, one in sets.items() if not (options.no_singles and title.startswith(LONE))}


def _designed(
    given: ScoringConditions, library: ObjectLibrary, survey: Survey, objective: Objective, search: Any
) -> Design:
    return design(given.tests, library, survey, objective=objective, size=SIZE, search=search)


def _kept(place: Path, title: str, given: ScoringConditions, make: Any) -> dict[str, Item]:
    """Compute a design once, with the sets that it is compared with."""
    file = place / "designs" / f"{title}.json"
    if not file.exists():
        started = time.monotonic()
        chosen = make()
        plain = _plain_sets(title, chosen) | _plain_singles(chosen, given)
        write_json(file, {"seconds": time.monotonic() - started, "sets": plain})
    return dict(read_json(file)["sets"])


def _plain_sets(title: str, chosen: Design) -> dict[str, Item]:
    losses = {name: part for (name,), part in chosen.predicted.group_by("set_name")}
    return {
        _title(name, title): {
            "conditions": mixture(list(members.values())).model_dump(mode="json", exclude_none=True),
            "members": list(members),
            "predicted": dict(losses[name].select("target_name", "cross_entropy").iter_rows()),
        }
        for name, members in chosen.sets.items()
        if name not in (SINGLE, "middle")
    }


def _plain_singles(chosen: Design, given: ScoringConditions) -> dict[str, Item]:
    """The single conditions that the observers call best for some target; what they predict is kept for that alone."""
    pool = candidates_for(given.tests, {}, GRID)
    return {
        f"{LONE}{name}": {
            "conditions": pool[name].model_dump(mode="json", exclude_none=True),
            "members": [name],
            "predicted": dict(part.select("target_name", "best_cross_entropy").iter_rows()),
        }
        for (name,), part in chosen.limits.group_by("best_single", maintain_order=True)
    }


def _title(name: str, title: str) -> str:
    return title if name == DESIGN else name


def _study(name: str, sets: Mapping[str, Item], given: ScoringConditions, seeds: int) -> Study:
    """The quick study with other conditions; sets that are equal are trained once."""
    plain = load_configuration(QUICK, Study).model_dump(mode="json", exclude_none=True, exclude_unset=True)
    first = {write_document(one["conditions"]): title for title, one in reversed(sets.items())}
    training = [{"name": title, **one["conditions"]} for title, one in sets.items() if title in first.values()]
    test = [{"name": title, **one.model_dump(mode="json", exclude_none=True)} for title, one in given.tests.items()]
    plain |= {
        "name": name,
        "seeds": seeds,
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
            predicted=pl.col("test_name").replace_strict(one["predicted"], default=None, return_dtype=pl.Float64),
        )
        for title, one in sets.items()
    ]
    return pl.concat(tables)


def _print_losses(losses: pl.DataFrame) -> None:
    """Print losses over targets of every set, and paired differences of their logarithms."""
    over = _over_targets(losses)
    judged = ("regret", "worst", "mean") if over["regret"].is_not_null().any() else ("worst", "mean")
    with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True, fmt_str_lengths=60, tbl_width_chars=160):
        print(over.group_by("target_set", "set_name", maintain_order=True).agg(pl.col(pl.Float64).mean()))
    for objective in judged:
        for title in over["set_name"].unique(maintain_order=True):
            if "design, " in title:
                _print_pairs(over, title, objective)
    for objective in judged:
        _print_order(over, objective)


def _over_targets(losses: pl.DataFrame) -> pl.DataFrame:
    """Largest regret, worst and mean loss of every set and seed, measured and predicted.

    The reference of a regret is the least loss that networks trained on a single condition have, on average over seeds.
    """
    target = ["target_set", "test_name"]
    lone = losses.filter(pl.col("set_name").str.starts_with(LONE))
    means = lone.group_by(*target, "set_name").agg(pl.col("cross_entropy", "predicted").mean())
    best = means.group_by(target).agg(
        pl.col("cross_entropy").min().alias("best"), pl.col("predicted").min().alias("predicted_best")
    )
    sets = losses.filter(~pl.col("set_name").str.starts_with(LONE)).join(best, on=target, how="left")
    return sets.group_by("target_set", "set_name", "seed", maintain_order=True).agg(
        (pl.col("cross_entropy") / pl.col("best")).max().alias("regret"),
        pl.col("cross_entropy").max().alias("worst"),
        pl.col("cross_entropy").mean().alias("mean"),
        (pl.col("predicted") / pl.col("predicted_best")).max().alias("predicted regret"),
        pl.col("predicted").max().alias("predicted worst"),
        pl.col("predicted").mean().alias("predicted mean"),
    )


def _print_pairs(over: pl.DataFrame, title: str, objective: str) -> None:
    wide = over.with_columns(pl.col(objective).log()).pivot("set_name", index=("target_set", "seed"), values=objective)
    random = wide.select(name for name in wide.columns if name.startswith("random")).mean_horizontal()
    for rival, values in ((EVEN, wide[EVEN]), ("random", random)):
        differences = wide.select("target_set", difference=wide[title] - values).drop_nulls()
        by_set = differences.group_by("target_set", maintain_order=True).mean()
        gains = by_set["difference"].to_numpy()
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
        each = ", ".join(f"{name} {value:+.3f}" for name, value in by_set.iter_rows())
        print(
            f"ln {objective} of {title!r} minus {rival!r}: {gains.mean():+.3f} +- {error:.3f} over target sets, "
            f"lower in {int((gains < 0).sum())} of {len(gains)} ({each})"
        )


def _print_order(over: pl.DataFrame, objective: str) -> None:
    """How well the predicted order of sets agrees with the measured one, within each target set."""
    agreement = []
    for (name,), part in over.group_by("target_set", maintain_order=True):
        means = part.group_by("set_name", maintain_order=True).agg(pl.col(pl.Float64).mean())
        agreement.append((name, float(spearmanr(means[f"predicted {objective}"], means[objective]).statistic)))
    each = ", ".join(f"{name} {rho:+.2f}" for name, rho in agreement)
    print(f"Spearman of predicted and measured {objective}: {each}")


if __name__ == "__main__":
    main()
