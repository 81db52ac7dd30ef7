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
from temshift.studies import Study, load_study, read_results, run_study

QUICK = Path(__file__).parents[1] / "examples" / "quick_study.yaml"
CONVERGED = 0.97
RATES = {"compact": 1e-2, "resnet18": 1e-3}  # highest learning rate of the cycle: 1e-2 is too much for 14 million
CELL = ["training", "test_name"]


def main() -> None:
    """Run what is missing, and print the table."""
    asked = _asked()
    rows = []
    for architecture in asked.architectures:
        for precision in asked.precision:
            place = asked.folder / f"{architecture}-{precision}"
            study = study_for(asked.study, architecture, precision, asked)
            run_study(study, place, workers=asked.workers, progress=LogProgress(sys.stderr))
            named = {"architecture": architecture, "precision": precision}
            rows += [
                {**named, **row} for row in orders(read_results(place).filter("in_study"), asked.steps, asked.factor)
            ]
    table = pl.DataFrame(rows)
    table.write_csv(asked.folder / "training_length.csv")
    print(table_text(table))


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
