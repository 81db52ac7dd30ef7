"""What predicts the scores of a study: observers and distances, old forms and new, all conditions and cameras alone.

    python docs/camera_tables.py examples/transfer_study.yaml examples/transfer_study [--work STUDY_FOLDER]
        [--before OLD.parquet]

The second argument is a folder that holds ``metrics.parquet``. With ``--work``, the folder that keeps waves and
spectra of the study (its own, or that of ``recomputed_tables.py``), observers are fitted again without their outer
ring. ``--before`` is a table of metrics that an earlier version wrote, for the rows "before":
``examples/transfer_study/observers_before.parquet`` has the observers of version 2. A pair is one with
cameras if its training or its test says more of a camera than that it is perfect (MTF, NTF, DQE(0), read noise,
coincidence); "camera tests" are those of test conditions that do.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from recomputed_tables import library_of
from scipy.stats import spearmanr

from temshift.conditions import ImagingConditions
from temshift.information import (
    LOSS,
    Draws,
    ScorePredictor,
    average,
    explained,
    fit_observer,
    predict_left_out,
    ring_draws,
)
from temshift.studies import Part, Plan, StudyFolder, load_study, survey_of

CAMERA = {
    "mtf_half_frequency",
    "ntf_half_frequency",
    "transfer_exponent",
    "scattering_share",
    "dqe_zero",
    "read_noise",
    "counting_frames",
}
ROWS = {
    "the mean": (),
    "difference in defocus": ("defocus_difference",),
    "d_image": ("distance_image",),
    "ln epsilon(test), d (ln S, aperture)": ("ln_epsilon", "distance_log_aperture"),
    "ln epsilon(test), d": ("ln_epsilon", "distance"),
    "observer, linear": ("linear",),
    "observer, forest": ("forest",),
    "observer, both, before": ("before",),
    "observer, both, without outer ring": ("within",),
    "observer, both": ("both",),
    "probe, before": ("probe_before",),
    "probe": ("probe",),
}
RANKED = ("distance_log_aperture", "distance", "distance_image", "both")
Array = NDArray[np.float64]


def main() -> None:
    """Print the tables of a study."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("study", type=Path, help="YAML of the study")
    asked.add_argument("tables", type=Path, help="folder of its metrics.parquet")
    asked.add_argument(
        "--work", type=Path, help="folder that keeps waves and spectra, for observers without outer ring"
    )
    asked.add_argument("--before", type=Path, help="metrics.parquet of an earlier version")
    given = asked.parse_args()
    plan = Plan(load_study(given.study))
    cells = read_cells(plan, given.tables / "metrics.parquet")
    if given.work is not None:
        cells = joined(cells, without_outer_ring(plan, StudyFolder(given.work.absolute())))
    if given.before is not None:
        cells = joined(cells, earlier(given.before))
    print_explained(cells)
    print_ranks(cells)
    print_intervals(cells)


def read_cells(plan: Plan, table: Path) -> pl.DataFrame:
    """Return one row a scored pair: its metrics, features, and whether either side has a camera."""
    cells = joined(pl.read_parquet(table), pl.DataFrame(list(pairs_of(plan)))).drop_nulls("ln_cross_entropy")
    logs = {rule: pl.col(f"observer_{rule}_cross_entropy").log() for rule in ("linear", "forest", "both")}
    best = pl.col("ln_cross_entropy").min().over("test_name", "part")
    return cells.with_columns(
        pl.col("epsilon_test").log().alias("ln_epsilon"),
        pl.col("defocus_difference_nm").abs().alias("defocus_difference"),
        pl.col("probe_both_cross_entropy").log().alias("probe"),
        (pl.col("ln_cross_entropy") - best).alias("regret"),
        **logs,
    )


def pairs_of(plan: Plan) -> Iterator[Mapping[str, object]]:
    """Yield names, group, part and cameras of every pair."""
    for part in plan.parts:
        for training, conditions in part.trainings.items():
            group = part.distributions[training]
            for test in part.tests:
                trained, tested = has_camera(conditions), has_camera(test.conditions)
                names = {"training_name": training, "test_name": test.name, "training_group": group}
                label = training.removeprefix(group).removeprefix(", ")
                yield {**names, "part": label, "camera_training": trained, "camera_test": tested}


def joined(cells: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Add columns of a table of pairs."""
    return cells.join(more, on=["training_name", "test_name"], how="left", maintain_order="left")


def has_camera(conditions: ImagingConditions) -> bool:
    """Return whether conditions say more of a camera than that it is perfect."""
    return bool(CAMERA & set(conditions.fields_given()))


def earlier(table: Path) -> pl.DataFrame:
    """Return what an earlier version had for the same pairs."""
    losses = {"before": "observer_both_cross_entropy", "probe_before": "probe_both_cross_entropy"}
    old = pl.read_parquet(table)
    there = {name: pl.col(column).log() for name, column in losses.items() if column in old.columns}
    return old.select("training_name", "test_name", **there)


def without_outer_ring(plan: Plan, folder: StudyFolder) -> pl.DataFrame:
    """Return ln CE of the rule "both" for each pair, of observers that see no ring beyond the aperture."""
    return pl.DataFrame([row for part in plan.parts for row in observed_within(part, folder)])


def observed_within(part: Part, folder: StudyFolder) -> Iterator[Mapping[str, object]]:
    """Yield the observers of a part of the plan, fitted and taken to its tests within the aperture."""
    library, survey = library_of(part, folder), survey_of(part.study)
    seen = {test.name: within(ring_draws(test.conditions, library, survey, stream=1)) for test in part.tests}
    for training, conditions in part.trainings.items():
        draws = within(ring_draws(conditions, library, survey, stream=0))
        rules = [fit_observer(draws, rule, seed=survey.seed) for rule in ("linear", "forest")]
        for test, shown in seen.items():
            loss = average(*(rule.expected(shown) for rule in rules)).cross_entropy
            yield {"training_name": training, "test_name": test, "within": float(np.log(loss))}
        print(f"observers of {training}", file=sys.stderr)


def within(draws: Draws) -> Draws:
    """Return draws without the ring beyond the aperture."""
    return replace(draws, powers=draws.powers[:, :-1], expected=draws.expected[:, :-1], modes=draws.modes[:-1])


def kinds_of(cells: pl.DataFrame) -> dict[str, pl.Series]:
    """Return which cells are of each kind."""
    camera = cells["camera_training"] | cells["camera_test"]
    kinds = {"all": camera | True, "camera tests": cells["camera_test"], "with cameras": camera, "others": ~camera}
    parts = cells["part"].unique(maintain_order=True)
    each = {part: cells["part"] == part for part in parts if len(parts) > 1}
    return {name: some for name, some in (kinds | each).items() if some.any()}


def known_features(cells: pl.DataFrame, features: tuple[str, ...]) -> bool:
    """Whether every cell has these features."""
    return all(name in cells.columns and cells[name].is_finite().fill_null(False).all() for name in features)


def left_out(cells: pl.DataFrame, features: tuple[str, ...], groups: str) -> Array | None:
    """Predict ln CE of each cell by a line that is fitted without its group."""
    known = {name: cells[name].to_numpy() for name in features}
    return predict_left_out(known, cells["ln_cross_entropy"].to_numpy(), cells[groups].to_numpy().astype(str))


def print_explained(cells: pl.DataFrame) -> None:
    """Print R2 of ln CE: lines of all cells, judged on each kind; those of a part are fitted to it alone."""
    kinds = kinds_of(cells)
    print("R2 of ln CE, test conditions / trainings left out")
    print(f"{'':38s}" + "".join(f"{f'{name} ({some.sum()})':>22s}" for name, some in kinds.items()))
    for name, features in ROWS.items():
        if known_features(cells, features):
            texts = [explained_text(cells, features, kind, some) for kind, some in kinds.items()]
            print(f"{name:38s}" + "".join(f"{text:>22s}" for text in texts))
    print(f"{'the line of the study':38s}" + "".join(f"{text:>22s}" for text in line_texts(cells, kinds)))


def explained_text(cells: pl.DataFrame, features: tuple[str, ...], kind: str, some: pl.Series) -> str:
    """R2 on the cells of a kind."""
    if kind in cells["part"]:
        cells, some = cells.filter(some), some.filter(some)
    predicted = [left_out(cells, features, groups) for groups in ("test_name", "training_group")]
    return " / ".join(r2_text(cells, one, some) for one in predicted)


def line_texts(cells: pl.DataFrame, kinds: Mapping[str, pl.Series]) -> list[str]:
    """R2 of what the study itself predicted for cells left out."""
    columns = [cells[f"left_out_{role}_prediction"] for role in ("test", "training")]
    return [" / ".join(r2_text(cells, one.to_numpy(), some) for one in columns) for some in kinds.values()]


def r2_text(cells: pl.DataFrame, predicted: Array | None, some: pl.Series) -> str:
    """R2 of a prediction on some of the cells."""
    mine = some.to_numpy()
    r2 = None if predicted is None else explained(cells["ln_cross_entropy"].to_numpy()[mine], predicted[mine])[0]
    return "missing" if r2 is None else f"{r2:.3f}"


def print_ranks(cells: pl.DataFrame) -> None:
    """Print how distances order ln regret, the loss over that of the best network for the test condition."""
    print("\nSpearman's rho with ln regret")
    for distance in (name for name in RANKED if name in cells.columns):
        each = ((name, cells.filter(some)) for name, some in kinds_of(cells).items())
        rhos = [f"{name} {spearmanr(some[distance], some['regret']).statistic:.2f}" for name, some in each]
        print(f"{distance:38s}" + ", ".join(rhos))


def print_intervals(cells: pl.DataFrame) -> None:
    """Print how many cells 90 % intervals hold, conditions left out one by one, and all with cameras as a kind."""
    print("\nshare of cells that 90 % intervals hold")
    loss = ScorePredictor(cells, LOSS)
    for role in ("test", "training"):
        ends = loss.own_intervals[role]
        print(f"{role}s left out: " + ("missing" if ends is None else held_text(cells, ends)))
    camera_test, camera_training = cells["camera_test"], cells["camera_training"]
    if not camera_test.any():
        return
    print_kind(cells, ~camera_test, camera_test, "test", "camera tests left out as a kind")
    neither = ~camera_test & ~camera_training
    if camera_training.any():
        print("cameras left out of tests and trainings:")
        print_kind(cells, neither, camera_test & ~camera_training, "test", "  test with a camera")
        print_kind(cells, neither, camera_training & ~camera_test, "training", "  training with a camera")
        print_kind(cells, neither, camera_training & camera_test, "both", "  both with a camera")


def held_text(cells: pl.DataFrame, ends: tuple[Array, Array]) -> str:
    """Share of the cells of each kind between the ends of their intervals."""
    target = cells["ln_cross_entropy"].to_numpy()
    holds = (ends[0] <= target) & (target <= ends[1])
    return ", ".join(f"{name} {holds[some.to_numpy()].mean():.3f}" for name, some in kinds_of(cells).items())


def print_kind(cells: pl.DataFrame, kept: pl.Series, asked: pl.Series, new: str, label: str) -> None:
    """Print coverage and R2 on cells of a kind that the fit never saw."""
    loss, other = ScorePredictor(cells.filter(kept), LOSS), cells.filter(asked)
    features, target = loss.features_of(other), other["ln_cross_entropy"].to_numpy()
    ends = loss.fit.interval(features, len(other), new)
    if ends is None:
        print(f"{label}: missing")
        return
    covered = float(np.mean((ends[0] <= target) & (target <= ends[1])))
    r2, rms = explained(target, loss.fit.model.predict(features))
    bias = float(np.mean(target - loss.fit.model.predict(features)))
    print(f"{label}: {covered:.3f} of {len(other)} cells, R2 {r2:.3f}, rms {rms:.3f}, bias {bias:+.3f}")


if __name__ == "__main__":
    main()
