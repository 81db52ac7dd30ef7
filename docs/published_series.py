"""The published defocus, dose and crystal series in simulation: numbers and figure of docs/published-series.md.

    python docs/published_series.py [SERIES] [CRYSTALS]

Folders of tables that ``temshift run examples/published_series.yaml`` and ``examples/published_crystals.yaml`` wrote:
by default examples/published_series and examples/published_crystals. Losses are those of three seeds, averaged.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
LOSSES = {"cross_entropy": "cross-entropy", "cross_entropy_softmax_twice": "published form"}
DEFOCI, DOSES = "defocus ", "dose "  # how names of the series begin
Array = NDArray[np.float64]


def main() -> None:
    """Print what the series show, and draw the matrices."""
    given = [Path(name) for name in sys.argv[1:]]
    series = read_series(given[0] if given else EXAMPLES / "published_series")
    print_defocus(series)
    print_signs(series)
    print_dose(series)
    draw_matrices(series, HERE / "published_series.png")
    crystals = given[1] if len(given) > 1 else EXAMPLES / "published_crystals"
    if crystals.exists():
        print_crystals(pl.read_parquet(crystals / "results.parquet"))


def read_series(folder: Path) -> pl.DataFrame:
    """Return one row a network and test condition, whose series and values stand in columns."""
    rows = pl.read_parquet(folder / "results.parquet").filter("in_study")
    return rows.with_columns(
        value_of("training_name").alias("trained"),
        value_of("test_name").alias("tested"),
        pl.col("training_name").str.starts_with(DEFOCI).alias("trained_in_defocus"),
        pl.col("test_name").str.starts_with(DEFOCI).alias("tested_in_defocus"),
    )


def value_of(names: str) -> pl.Expr:
    """Return the number in names such as "defocus -10 nm"."""
    return pl.col(names).str.extract(r"([-+]?\d+)").cast(pl.Float64)


def matrix(series: pl.DataFrame, *, defocus: bool, loss: str) -> tuple[Array, Array]:
    """Return the values of a series, and the loss of each training (row) under each test (column) of it."""
    own = series.filter(pl.col("trained_in_defocus") == defocus, pl.col("tested_in_defocus") == defocus)
    means = own.group_by("trained", "tested").agg(pl.col(loss).mean())
    wide = means.pivot(on="tested", index="trained", values=loss).sort("trained")
    values = wide["trained"].to_numpy()
    return values, wide.select([str(value) for value in values]).to_numpy()


def print_defocus(series: pl.DataFrame) -> None:
    """Print what each training on defocus scores in distribution, at the hardest focus, over all, and how steadily."""
    values, loss = matrix(series, defocus=True, loss="cross_entropy")
    _, twice = matrix(series, defocus=True, loss="cross_entropy_softmax_twice")
    rows = stabilities(series, values)
    print("trained at [nm]    own   least   worst (at)   mean over defoci   stability: CE, published form")
    for row, value in enumerate(values):
        worst, (steady, steady_twice) = int(loss[row].argmax()), rows[row]
        own = f"{value:+15.0f} {loss[row, row]:6.3f}  {loss[row].min():6.3f}  {loss[row, worst]:6.3f}"
        mean = f"{loss[row].mean():10.3f} ({twice[row].mean():.3f})"
        print(f"{own} ({values[worst]:+3.0f}) {mean}   {steady:10.3f} {steady_twice:10.3f}")
    hardest, inside, best = loss.mean(axis=0).argmax(), loss.diagonal().argmax(), loss.mean(axis=1).argmin()
    print(f"hardest test {values[hardest]:+.0f} nm; hardest in its own distribution {values[inside]:+.0f} nm")
    print(f"best training over all defoci {values[best]:+.0f} nm; 0 nm is {rank_of(loss.mean(axis=1), values == 0)}")
    print(f"Spearman of both losses {spearmanr(loss.ravel(), twice.ravel()).statistic:.3f}")


def stabilities(series: pl.DataFrame, values: Array) -> list[tuple[float, float]]:
    """Return the standard deviations of both losses over defoci other than focus, for each training."""
    tested = series.filter("trained_in_defocus", "tested_in_defocus").group_by("trained")
    names = ("stability_cross_entropy", "stability_softmax_twice")
    means = {row[0]: row[1:] for row in tested.agg(*(pl.col(name).mean() for name in names)).iter_rows()}
    return [means[value] for value in values]


def rank_of(losses: Array, which: NDArray[np.bool_]) -> str:
    """Write the rank of one loss, least first."""
    return f"{int((losses < losses[which]).sum()) + 1} of {len(losses)}"


def print_signs(series: pl.DataFrame) -> None:
    """Print what it costs to pass from one sign of defocus to the other, both ways."""
    values, loss = matrix(series, defocus=True, loss="cross_entropy")
    positive, negative = values > 0, values < 0
    print("\nmean cross-entropy, tests of the same sign / of the other sign (focus left out)")
    signs = (("trained at negative", negative, positive), ("trained at positive", positive, negative))
    for name, rows, others in signs:
        same, other = loss[np.ix_(rows, rows)].mean(), loss[np.ix_(rows, others)].mean()
        print(f"{name:22s} {same:.3f} / {other:.3f}, a factor of {other / same:.2f}")
    difference = (np.log(loss) - np.log(loss.T))[np.triu_indices(len(values), 1)]
    print(f"rms of ln CE(A to B) - ln CE(B to A): {np.sqrt(np.mean(difference**2)):.2f}")


def print_dose(series: pl.DataFrame) -> None:
    """Print the matrix of doses."""
    values, loss = matrix(series, defocus=False, loss="cross_entropy")
    print("\ndose [e/A2], trained (row), tested (column): cross-entropy")
    print_matrix([f"{value:.0f}" for value in values], loss)


def print_matrix(names: Sequence[str], loss: Array) -> None:
    """Print a matrix with its means."""
    print(" " * 10 + "".join(f"{name:>9s}" for name in (*names, "mean")))
    for name, row in zip(names, loss, strict=True):
        print(f"{name:10s}" + "".join(f"{value:9.3f}" for value in (*row, row.mean())))


def print_crystals(results: pl.DataFrame) -> None:
    """Print what networks score on their own crystal."""
    own = results.filter("in_study").with_columns(
        pl.col("training_name").str.extract(r"crystal (\w+)").alias("crystal")
    )
    columns = [pl.col(name).mean() for name in (*LOSSES, "f1")]
    seeds = pl.col("cross_entropy").log().std().alias("sd of ln CE over seeds")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=120, float_precision=3, tbl_hide_dataframe_shape=True):
        print("\n", own.group_by("crystal").agg(*columns, seeds).sort("cross_entropy"))


def draw_matrices(series: pl.DataFrame, path: Path) -> None:
    """Draw ln CE of the defocus series and of the dose series."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    for axes, (values, loss, label) in zip(figure.subplots(1, 2), shown(series), strict=True):
        draw_matrix(axes, values, loss, label)
    figure.savefig(path, dpi=100)


def shown(series: pl.DataFrame) -> Iterator[tuple[Array, Array, str]]:
    """Yield values, losses and label of both series."""
    yield *matrix(series, defocus=True, loss="cross_entropy"), "defocus [nm]"
    yield *matrix(series, defocus=False, loss="cross_entropy"), "dose [e/Å²]"


def draw_matrix(axes: Axes, values: Array, loss: Array, label: str) -> None:
    """Draw one matrix with its numbers."""
    image = axes.imshow(np.log(loss), cmap="viridis_r")
    middle = np.log(loss).mean()
    for row, column in np.ndindex(loss.shape):
        colour = "white" if np.log(loss[row, column]) > middle else "black"
        axes.text(column, row, f"{loss[row, column]:.2f}", ha="center", va="center", fontsize=6.5, color=colour)
    ticks = [f"{value:g}" for value in values]
    axes.set_xticks(range(len(values)), ticks)
    axes.set_yticks(range(len(values)), ticks)
    axes.set_xlabel(f"test {label}")
    axes.set_ylabel(f"training {label}")
    axes.figure.colorbar(image, ax=axes, label="ln cross-entropy", shrink=0.85)


if __name__ == "__main__":
    main()
