"""What predicts the scores of a study: observers and distances, old forms and new, all conditions and cameras alone.

    python docs/camera_tables.py examples/quick_study.yaml STUDY_FOLDER --work STUDY_FOLDER [--before OLD.parquet]

The second argument is a folder that holds ``results.parquet``. ``--work`` is where waves and spectra are kept, as for
``recomputed_tables.py``; the folder of a finished study has them. ``--before`` is a table of metrics that an earlier
version wrote: its observer is printed in the first row. Cells with a camera train or test with an MTF, an
NTF, a DQE(0) or read noise.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from recomputed_tables import library_of
from scipy.stats import spearmanr

from temshift.conditions import ImagingConditions
from temshift.information import Draws, average, explained, fit_observer, predict_left_out, ring_draws
from temshift.studies import (
    Part,
    Plan,
    StudyFolder,
    load_study,
    scenario_of,
    scored_cells,
    scores_over_seeds,
    survey_of,
)

CAMERA = {"mtf_half_frequency", "ntf_half_frequency", "dqe_zero", "read_noise"}
ROWS = {
    "observer, before": ("before",),
    "observer, square and coverage": ("within",),
    "observer, with the outer ring": ("whole",),
    "ln epsilon(test), d (ln S, aperture)": ("ln_epsilon", "distance_log_aperture"),
    "ln epsilon(test), d": ("ln_epsilon", "distance"),
}


def main() -> None:
    """Print the tables of a study."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("study", type=Path, help="YAML of the study")
    asked.add_argument("tables", type=Path, help="folder of its results.parquet")
    asked.add_argument("--work", type=Path, required=True, help="folder that keeps waves and spectra")
    asked.add_argument("--before", type=Path, help="metrics.parquet of an earlier version")
    given = asked.parse_args()
    cells = read_cells(Plan(load_study(given.study)), given.tables, StudyFolder(given.work.absolute()))
    if given.before is not None:
        old = pl.read_parquet(given.before).select(
            "training_name", "test_name", pl.col("observer_both_cross_entropy").log().alias("before")
        )
        cells = cells.join(old, on=["training_name", "test_name"], how="left")
    print_tables(cells)


def read_cells(plan: Plan, tables: Path, folder: StudyFolder) -> pl.DataFrame:
    """Return one row a pair: scores, distances, and the observer with and without its outer ring."""
    scores = scores_over_seeds(pl.read_parquet(tables / "results.parquet").filter("in_study"))
    libraries = {part.metrics_id: library_of(part, folder) for part in plan.parts}
    scenarios = [scenario_of(part, libraries[part.metrics_id].mean) for part in plan.parts]
    observed = pl.concat([pl.DataFrame(list(observed_rows(part, libraries[part.metrics_id]))) for part in plan.parts])
    best = pl.col("ln_cross_entropy").min().over("test_name", "part")
    return (
        scored_cells(scenarios, scores, observed)
        .drop_nulls("ln_cross_entropy")
        .with_columns(
            pl.col("epsilon_test").log().alias("ln_epsilon"), (pl.col("ln_cross_entropy") - best).alias("regret")
        )
    )


def observed_rows(part: Part, library: object) -> Iterator[Mapping[str, object]]:
    """Yield ln CE of the rule "both" for each pair of a part, of all rings and of those within the aperture."""
    survey = survey_of(part.study)
    tests = {test.name: test.conditions for test in part.tests}
    seen = {name: ring_draws(one, library, survey, stream=1) for name, one in tests.items()}
    for training, conditions in part.trainings.items():
        draws = ring_draws(conditions, library, survey, stream=0)
        rules = {
            name: [fit_observer(cut(draws), rule, seed=survey.seed) for rule in ("linear", "forest")]
            for name, cut in (("whole", lambda some: some), ("within", within))
        }
        for test, shown in seen.items():
            losses = {
                "whole": average(*(rule.expected(shown) for rule in rules["whole"])),
                "within": average(*(rule.expected(within(shown)) for rule in rules["within"])),
            }
            named = {name: float(np.log(one.cross_entropy)) for name, one in losses.items()}
            camera = has_camera(conditions) or has_camera(tests[test])
            names = {"training_name": training, "test_name": test, "part": part.metrics_id}
            yield {**names, "camera": camera, "camera_test": has_camera(tests[test]), **named}
        print(f"observers of {training}", file=sys.stderr)


def within(draws: Draws) -> Draws:
    """Return draws without the ring beyond the aperture."""
    return replace(draws, powers=draws.powers[:, :-1], expected=draws.expected[:, :-1], modes=draws.modes[:-1])


def has_camera(conditions: ImagingConditions) -> bool:
    """Return whether conditions say more of a camera than that it is perfect."""
    return bool(CAMERA & set(conditions.fields_given()))


def print_tables(cells: pl.DataFrame) -> None:
    """Print R2 of ln CE, and rank correlations of distances with ln regret."""
    kinds = {"all": cells, "with cameras": cells.filter("camera"), "others": cells.filter(~pl.col("camera"))}
    kinds = {name: some for name, some in kinds.items() if len(some)}
    print("R2 of ln CE, test conditions / trainings left out")
    print(f"{'':38s}" + "".join(f"{f'{name} ({len(some)})':>22s}" for name, some in kinds.items()))
    for name, features in ROWS.items():
        if set(features) <= set(cells.columns):
            print(f"{name:38s}" + "".join(f"{r2_text(cells, features, some):>22s}" for some in kinds.values()))
    print("\nSpearman's rho of the distance with ln regret")
    kinds["tests with cameras"] = cells.filter("camera_test")
    for distance in ("distance_log_aperture", "distance"):
        rhos = [
            f"{name} {spearmanr(some[distance], some['regret']).statistic:.2f}"
            for name, some in kinds.items()
            if len(some) > 2
        ]
        print(f"{distance:38s}" + ", ".join(rhos))


def r2_text(cells: pl.DataFrame, features: tuple[str, ...], some: pl.DataFrame) -> str:
    """R2 on some of the cells, of a line that is fitted to all but a test condition, or all but a training."""
    chosen = cells.join(some.select("training_name", "test_name"), on=["training_name", "test_name"], how="semi")
    places = cells.with_row_index().join(chosen, on=["training_name", "test_name"], how="semi")["index"].to_numpy()
    target, texts = cells["ln_cross_entropy"].to_numpy(), []
    for groups in ("test_name", "training_group"):
        known = {name: cells[name].to_numpy() for name in features}
        predicted = predict_left_out(known, target, cells[groups].to_numpy().astype(str))
        r2 = None if predicted is None else explained(target[places], predicted[places])[0]
        texts.append("missing" if r2 is None else f"{r2:.3f}")
    return " / ".join(texts)


if __name__ == "__main__":
    main()
