"""How long must networks train until the order of conditions has converged? Networks of s and of 4 s steps, compared.

Run as: python benchmarks/training_length.py FOLDER [--steps 120 240 480] [--seeds 2] [--architectures compact resnet18]
[--precision float32 bfloat16] [--study examples/quick_study.yaml] [--factor 4] [--workers 1]

Every architecture and precision is a study in FOLDER of its own that sweeps the steps; the same command goes on after
an interruption, and more steps or seeds add networks to those that are there. Specimens of equal settings are the same
in all of them, and are made once a study. A table has one row for each s: Spearman's rank correlation of ln(cross-
entropy) over all pairs of a training and a test distribution between networks of s and of factor x s steps, that of the
regret (ln(cross-entropy) less the least of any training on that test condition), means over seeds, and the median and
least cross-entropy of both. Lengths at which both correlations reach 0.97 are marked. The table also stands in
FOLDER/training_length.csv.

A second table, FOLDER/observers_of_length.csv, says which observer speaks for networks of each length: R2 of
ln(cross-entropy) on that of the observer, whole test conditions and whole trainings left out, and the slope of the line
(1: networks lose as much as the observer says).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from scipy.stats import spearmanr

from temshift.configuration import open_document
from temshift.execution import LogProgress
from temshift.information import explained, fit_linear, observe, predict_left_out, read_library
from temshift.studies import Plan, Study, StudyFolder, load_study, read_results, run_study, survey_of

QUICK = Path(__file__).parents[1] / "examples" / "quick_study.yaml"
CONVERGED = 0.97
RULES = ("linear", "forest", "both", "ideal")
RATES = {"compact": 1e-2, "resnet18": 1e-3}  # highest learning rate of the cycle: 1e-2 is too much for 14 million
CELL = ["training", "test_name"]


def main() -> None:
    """Run what is missing, and print the table."""
    asked = _asked()
    rows, spoken = [], []
    for architecture in asked.architectures:
        for precision in asked.precision:
            place = asked.folder / f"{architecture}-{precision}"
            study = study_for(asked.study, architecture, precision, asked)
            run_study(study, place, workers=asked.workers, progress=LogProgress(sys.stderr))
            named = {"architecture": architecture, "precision": precision}
            results = read_results(place).filter("in_study")
            rows += [{**named, **row} for row in orders(results, asked.steps, asked.factor)]
            spoken += [{**named, **row} for row in speakers(results, observed(study, StudyFolder(place)))]
    table = pl.DataFrame(rows)
    table.write_csv(asked.folder / "training_length.csv")
    print(table_text(table))
    observers = pl.DataFrame(spoken)
    observers.write_csv(asked.folder / "observers_of_length.csv")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3, tbl_hide_dataframe_shape=True):
        print(observers)


def study_for(path: Path, architecture: str, precision: str, asked: argparse.Namespace) -> Study:
    """Return a study whose networks differ in their steps: those that are asked for, and the factor times as many."""
    data: dict[str, Any] = dict(open_document(path).data)
    data["name"] = f"training length, {architecture}, {precision}"
    data["network"] = {"kind": architecture}
    training = {key: value for key, value in data.get("training", {}).items() if key not in ("steps", "epochs")}
    data["training"] = training | {"precision": precision, "learning_rate": RATES[architecture]}
    data["seeds"] = asked.seeds
    data["sweep"] = {"training.steps": sorted({*asked.steps, *(asked.factor * steps for steps in asked.steps)})}
    data["information"] = {"observers": False, "images": {"distance": False}}
    data.pop("examples", None)
    return load_study(data)


def orders(results: pl.DataFrame, lengths: Sequence[int], factor: int) -> list[dict[str, float]]:
    """Compare the order of cells after some steps with that after the factor times as many.

    Parameters
    ----------
    results : DataFrame
        Of a study that sweeps ``training.steps``.
    lengths : sequence of int
        Steps.
    factor : int
        How many times as many steps the others have.

    Returns
    -------
    list of dict
        One row a length.
    """
    return [_order(_cells(results, steps), _cells(results, factor * steps), steps) for steps in lengths]


def observed(study: Study, folder: StudyFolder) -> pl.DataFrame:
    """Take every observer from each training to each test distribution of a study that swept the steps alone."""
    part = Plan(study).parts[0]
    library = read_library(folder.spectra_record(part.metrics_id))
    trainings = dict(study.conditions.resolved("training"))
    tests = {test.name: test.conditions for test in part.tests}
    return observe(trainings, tests, library, survey_of(study), RULES).rename({"training_name": "training"})


def speakers(results: pl.DataFrame, observers: pl.DataFrame) -> list[dict[str, object]]:
    """Say how much of ln(cross-entropy) each observer explains, for networks of each length.

    Parameters
    ----------
    results : DataFrame
        Of a study that sweeps ``training.steps``.
    observers : DataFrame
        ``training``, ``test_name`` and ``observer_RULE_cross_entropy`` for each rule.

    Returns
    -------
    list of dict
        One row for each length and rule.
    """
    rows: list[dict[str, object]] = []
    for steps in sorted(results["training.steps"].unique().to_list()):
        cells = _cells(results, steps).join(observers, on=CELL, validate="1:1")
        rows += [{"steps": steps, "observer": rule, **_spoken(cells, rule)} for rule in RULES]
    return rows


def _spoken(cells: pl.DataFrame, rule: str) -> dict[str, float | None]:
    feature = {rule: cells[f"observer_{rule}_cross_entropy"].log().to_numpy()}
    loss = cells["loss"].to_numpy()
    row: dict[str, float | None] = {"slope": fit_linear(feature, loss).coefficients[rule]}
    for name, groups in (("tests", "test_name"), ("trainings", "training")):
        left_out = predict_left_out(feature, loss, cells[groups].to_numpy().astype(str))
        row[f"r2_{name}_left_out"], row[f"rms_{name}_left_out"] = explained(loss, left_out)
    return row


def _cells(results: pl.DataFrame, steps: int) -> pl.DataFrame:
    """Mean ln(cross-entropy) over seeds of each cell, and its regret."""
    own = results.filter(pl.col("training.steps") == steps).with_columns(
        training=pl.col("training_name").str.strip_suffix(f", steps {steps}")
    )
    cells = own.group_by(CELL).agg(pl.col("cross_entropy").log().mean().alias("loss"))
    return cells.with_columns(regret=pl.col("loss") - pl.col("loss").min().over("test_name"))


def _order(short: pl.DataFrame, long: pl.DataFrame, steps: int) -> dict[str, float]:
    both = short.join(long, on=CELL, suffix="_long", validate="1:1")
    row: dict[str, float] = {"steps": steps, "cells": len(both)}
    for name in ("loss", "regret"):
        row[f"spearman_{name}"] = float(spearmanr(both[name], both[f"{name}_long"]).statistic)
    for suffix in ("", "_long"):
        losses = both[f"loss{suffix}"].exp()
        row[f"best{suffix}"], row[f"median{suffix}"] = float(losses.min()), float(losses.median())  # type: ignore[arg-type]
    return row


def table_text(table: pl.DataFrame) -> str:
    """Write the table for people, with a mark where both orders have converged."""
    done = (pl.col("spearman_loss") >= CONVERGED) & (pl.col("spearman_regret") >= CONVERGED)
    shown = table.with_columns(converged=pl.when(done).then(pl.lit("yes")).otherwise(pl.lit("")))
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3, tbl_hide_dataframe_shape=True):
        return str(shown)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[120, 240, 480])
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--architectures", nargs="+", choices=list(RATES), default=list(RATES))
    parser.add_argument("--precision", nargs="+", choices=["float32", "bfloat16"], default=["float32"])
    parser.add_argument("--study", type=Path, default=QUICK)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
