"""What the transfer study shows: figures and numbers of docs/what-the-study-shows.md, from its tables alone.

    python docs/transfer_study.py

``examples/transfer_study/`` holds the tables that ``temshift run examples/transfer_study.yaml`` wrote.
"""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temshift.information import explained, predict_left_out

HERE = Path(__file__).parent
TABLES = HERE.parent / "examples" / "transfer_study"
COLOURS = {"CdSe": "#0072B2", "Ag": "#D55E00"}
MODELS = {
    "mean": (),
    "defocus difference": ("defocus_difference",),
    "d_image": ("distance_image",),
    "ln epsilon(test), d": ("ln_epsilon_test", "distance"),
    "observer, linear": ("linear",),
    "observer, forest": ("forest",),
    "observer, both": ("both",),
    "probe": ("probe",),
}
# A training distribution and the test condition that is the same or the nearest to it.
TWINS = {
    **{f"defocus {at:+d} nm": f"defocus {at:+d} nm" for at in (-20, -10, -5, 0, 5, 10, 20)},
    "low dose": "dose 60 e/A2 at -10 nm",
    "low dose at +10 nm": "dose 60 e/A2 at +10 nm",
    "high dose": "dose 1600 e/A2 at -10 nm",
    "Cs 0.6 mm": "Cs 0.6 mm at -10 nm",
    "astigmatism 12 nm": "astigmatism 10 nm at -10 nm",
    "focal spread 3.5 nm": "focal spread 4 nm at -10 nm",
}
Array = NDArray[np.float64]


def main() -> None:
    """Print the numbers and write the figures."""
    cells = read_cells()
    tell_models(cells)
    tell_seeds(cells)
    for draw in (draw_stability, draw_axes, draw_prediction, draw_directions):
        draw(cells)
    tell_failures(cells)


def read_cells() -> pl.DataFrame:
    """Read the pairs of distributions, with the features that scores are predicted from."""
    cells = pl.read_parquet(TABLES / "metrics.parquet")
    logs = {rule: pl.col(f"observer_{rule}_cross_entropy").log() for rule in ("linear", "forest", "both")}
    named = pl.col("training_name").str.split_exact(", crystal ", 1)
    best = pl.col("ln_cross_entropy").min().over("test_name", "crystal")
    return cells.with_columns(
        named.struct.field("field_0").alias("training"),
        named.struct.field("field_1").alias("crystal"),
        pl.col("epsilon_test").log().alias("ln_epsilon_test"),
        pl.col("defocus_difference_nm").abs().alias("defocus_difference"),
        pl.col("probe_both_cross_entropy").log().alias("probe"),
        **logs,
    ).with_columns(regret=pl.col("ln_cross_entropy") - best)


def left_out(cells: pl.DataFrame, features: tuple[str, ...], groups: str) -> Array:
    """Predict ln CE of each cell without its group."""
    known = {name: cells[name].to_numpy() for name in features}
    found = predict_left_out(known, cells["ln_cross_entropy"].to_numpy(), cells[groups].to_numpy().astype(str))
    assert found is not None
    return found


def tell_models(cells: pl.DataFrame) -> None:
    """Print R2 of every model, whole conditions left out, of both crystals and of each."""
    print("R2 leaving out       test: both  CdSe    Ag   training: both  CdSe    Ag")
    for name, features in MODELS.items():
        row = []
        for groups in ("test_name", "training"):
            for some in (cells, *(cells.filter(pl.col("crystal") == one) for one in COLOURS)):
                target = some["ln_cross_entropy"].to_numpy()
                row.append(explained(target, left_out(some, features, groups))[0])
        print(f"{name:20s} " + "  ".join(f"{value:6.3f}" for value in row))


def tell_seeds(cells: pl.DataFrame) -> None:
    """Print what networks trained alike differ by."""
    variance = (cells["ln_cross_entropy_sd"] ** 2).mean()
    target = cells["ln_cross_entropy"].to_numpy()
    residual = float(np.mean((target - left_out(cells, ("both",), "test_name")) ** 2))
    print(f"variance of ln CE {target.var():.3f}, of a mean over 3 seeds {variance / 3:.4f}, residual {residual:.4f}")


def draw_stability(cells: pl.DataFrame) -> None:
    """Draw how much worse than the best network for a condition the others are, against sigma."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    for axes, crystal in zip(figure.subplots(1, 2, sharey=True), COLOURS, strict=True):
        some = cells.filter((pl.col("crystal") == crystal) & pl.col("regret").is_not_null())
        sigma, regret = some["sigma"].to_numpy(), np.exp(some["regret"].to_numpy())
        axes.scatter(sigma, regret, s=3, color=COLOURS[crystal], alpha=0.3, linewidth=0)
        edges = np.array([0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
        rows = [regret[(sigma > low) & (sigma <= high)] for low, high in itertools.pairwise(edges)]
        kept = [(middle, row) for middle, row in zip((edges[:-1] + edges[1:]) / 2, rows, strict=True) if len(row) > 9]
        middle = [one for one, _ in kept]
        low, median, high = np.array([np.quantile(row, (0.1, 0.5, 0.9)) for _, row in kept]).T
        axes.plot(middle, median, color="0.1", linewidth=1.6, label="median")
        axes.fill_between(middle, low, high, color="0.5", alpha=0.25, linewidth=0, label="10 to 90 %")
        frame(axes, crystal, "sigma(training, test)", "CE / CE of the best network" if crystal == "CdSe" else "")
        axes.set(yscale="log", xlim=(0.1, 1.0))
        print(crystal, "median and 90 % of CE over the best, by sigma:")
        for at, mid, top, (_, row) in zip(middle, median, high, kept, strict=True):
            print(f"  {at:.2f}: {mid:.2f} {top:.2f} ({len(row)} cells)")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(HERE / "transfer_study_stability.png", dpi=130)


def draw_axes(cells: pl.DataFrame) -> None:
    """Draw loss along defocus at the usual dose, measured and predicted without the test condition."""
    figure = Figure(figsize=(8.6, 5.2), layout="constrained")
    shown = ("defocus -10 nm", "defocus +0 nm", "broad defocus")
    told = cells.with_columns(pl.Series("line", left_out(cells, ("both",), "test_name")))
    focus = told.filter(pl.col("test_name").str.contains(r"^defocus [+-][0-9.]+ nm$"))
    at = focus["test_name"].str.extract(r"defocus ([+-][0-9.]+) nm").cast(pl.Float64)
    focus = focus.with_columns(at.alias("at")).sort("at")
    for row, crystal in zip(figure.subplots(2, 3, sharex=True, sharey="row"), COLOURS, strict=True):
        for axes, training in zip(row, shown, strict=True):
            one = focus.filter((pl.col("crystal") == crystal) & (pl.col("training") == training))
            loss, look = one["ln_cross_entropy"].exp(), {"fmt": "o", "markersize": 3, "linewidth": 0.8}
            scatter = loss * one["ln_cross_entropy_sd"]
            axes.errorbar(one["at"], loss, scatter, color=COLOURS[crystal], label="networks, 3 seeds", **look)
            axes.plot(one["at"], one["line"].exp(), color="0.2", linewidth=1, label="predicted, condition left out")
            frame(axes, f"{crystal}, trained: {training}", "defocus of the test (nm)" if crystal == "Ag" else "", "")
            axes.set_yscale("log")
        row[0].set_ylabel("cross-entropy", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(HERE / "transfer_study_axes.png", dpi=130)


def draw_prediction(cells: pl.DataFrame) -> None:
    """Draw measured against predicted loss, test conditions left out."""
    figure = Figure(figsize=(8.6, 4.2), layout="constrained")
    models = {"ln epsilon(test), d": MODELS["ln epsilon(test), d"], "observer, both": ("both",), "probe": ("probe",)}
    for axes, (name, features) in zip(figure.subplots(1, 3, sharey=True), models.items(), strict=True):
        predicted = left_out(cells, features, "test_name")
        target = cells["ln_cross_entropy"].to_numpy()
        for crystal, colour in COLOURS.items():
            mine = (cells["crystal"] == crystal).to_numpy()
            axes.scatter(np.exp(predicted[mine]), np.exp(target[mine]), s=3, alpha=0.35, linewidth=0, color=colour)
            axes.scatter([], [], s=14, color=colour, label=crystal)
        axes.plot([0.05, 2], [0.05, 2], color="0.3", linewidth=0.8)
        title = f"{name}: R² {explained(target, predicted)[0]:.2f}"
        frame(axes, title, "predicted cross-entropy", "cross-entropy" if name.startswith("ln") else "")
        axes.set(xscale="log", yscale="log", xlim=(0.05, 2), ylim=(0.05, 2.5))
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(HERE / "transfer_study_prediction.png", dpi=130)


def draw_directions(cells: pl.DataFrame) -> None:
    """Draw ln CE there minus ln CE back of pairs of conditions, networks against the observer."""
    figure = Figure(figsize=(8.6, 3.9), layout="constrained")
    for axes, crystal in zip(figure.subplots(1, 2), COLOURS, strict=True):
        pairs = directions(cells.filter(pl.col("crystal") == crystal))
        told, measured = pairs["told"].to_numpy(), pairs["measured"].to_numpy()
        axes.axhline(0, color="0.8", linewidth=0.8), axes.axvline(0, color="0.8", linewidth=0.8)
        axes.scatter(told, measured, s=10, color=COLOURS[crystal])
        right = float(np.mean(np.sign(told) == np.sign(measured)))
        label = f"{crystal}: r = {np.corrcoef(told, measured)[0, 1]:.2f}, the right sign in {100 * right:.0f} %"
        frame(axes, label, "observer: ln CE there - ln CE back", "networks" if crystal == "CdSe" else "")
        print(label, f"({len(pairs)} pairs)")
        for one, other, network, observer in pairs.sort(pl.col("measured").abs(), descending=True).head(6).rows():
            print(f"  {one} -> {other}: networks {network:+.2f}, observer {observer:+.2f}")
    figure.savefig(HERE / "transfer_study_directions.png", dpi=130)


def directions(cells: pl.DataFrame) -> pl.DataFrame:
    """Pairs of distributions that were trained on and tested on, one row each."""
    columns = ["training", "test_name", "ln_cross_entropy", "both"]
    found = {(one, to): (loss, told) for one, to, loss, told in cells.select(columns).rows()}
    names = list(TWINS)
    rows = []
    for number, one in enumerate(names):
        for other in names[:number]:
            there, back = found[one, TWINS[other]], found[other, TWINS[one]]
            rows.append((one, other, there[0] - back[0], there[1] - back[1]))
    return pl.DataFrame(rows, schema=["one", "other", "measured", "told"], orient="row")


def tell_failures(cells: pl.DataFrame) -> None:
    """Print the test conditions and trainings that the observer misjudges most, on average."""
    told = cells.with_columns(
        (pl.col("ln_cross_entropy") - pl.Series(left_out(cells, ("both",), "test_name"))).alias("residual")
    )
    for group in ("test_name", "training"):
        means = told.group_by("crystal", group).agg(pl.col("residual").mean(), pl.col("residual").std().alias("sd"))
        ranked = means.sort("residual")
        print(f"mean residual of ln CE by {group}, least and greatest:")
        for crystal, name, residual, sd in [*ranked.head(6).rows(), *ranked.tail(8).rows()]:
            print(f"  {residual:+.2f} +- {sd:.2f}  {crystal}, {name}")


def frame(axes: Axes, title: str, across: str, up: str) -> None:
    """Title and labels, without the box."""
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
