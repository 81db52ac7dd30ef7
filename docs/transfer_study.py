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
from scipy.stats import spearmanr

from temshift.information import explained, predict_left_out

HERE = Path(__file__).parent
TABLES = HERE.parent / "examples" / "transfer_study"
COLOURS = {"CdSe": "#0072B2", "Ag": "#D55E00"}
MODELS = {
    "mean": (),
    "defocus difference": ("defocus_difference",),
    "d_image": ("distance_image",),
    "ln epsilon(test), d before": ("ln_epsilon_test", "distance_log_aperture"),
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
    "MTF and NTF half at 0.5": "MTF and NTF half at 0.5, -10 nm",
    "MTF half at 0.4, NTF at 0.8, +10 nm": "MTF half at 0.4, NTF at 0.8, +10 nm",
    "scintillator": "scintillator, -10 nm",
}
NEAR = {"astigmatism 12 nm", "focal spread 3.5 nm"}  # whose test conditions are not the same
FACTORS = (1.1, 1.5, 2.5, 5.0)  # ends of the rows of the table of factors
SIGMAS = (0.5, 0.6, 0.7, 0.8, 0.9)
# Cameras by the place where their transfer is 1/2, and what a perfect one is drawn at.
CAMERAS = {"MTF and NTF half": ("MTF and NTF", "o", "0.2"), "MTF half": ("MTF alone", "^", "0.6")}
PERFECT = 1.0
Array = NDArray[np.float64]


def main() -> None:
    """Print the numbers and write the figures."""
    cells = read_cells()
    tell_models(cells)
    tell_seeds(cells)
    tell_factors(factors(cells))
    for draw in (draw_stability, draw_axes, draw_cameras, draw_prediction, draw_directions):
        draw(cells)
    tell_failures(cells)
    tell_residuals(cells)


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


def factors(cells: pl.DataFrame) -> pl.DataFrame:
    """Pairs that have networks trained under the very test conditions: factors to those, predicted and measured."""
    columns = ["crystal", "test_name", "ln_cross_entropy", "linear", "both"]
    exact = {training: test for training, test in TWINS.items() if training not in NEAR}
    own = pl.col("training").replace_strict(exact, default="") == pl.col("test_name")
    pairs = cells.filter(~own).join(cells.filter(own).select(columns), on=columns[:2], suffix="_own")
    return pairs.with_columns(
        (pl.col(name) - pl.col(f"{name}_own")).exp().alias(f"{name}_factor") for name in columns[2:]
    )


def tell_factors(pairs: pl.DataFrame) -> None:
    """Print how predicted factors and sigma order the measured ones, and the measured ones by either."""
    measured = pairs["ln_cross_entropy_factor"]
    for name in ("linear_factor", "both_factor", "distance", "distance_log_aperture"):
        print(f"{len(pairs)} pairs, Spearman of {name}: {spearmanr(pairs[name], measured).statistic:.2f}")
    slope = np.polyfit(pairs["linear_factor"].log(), measured.log(), 1)[0]
    print(f"ln(measured) goes as {slope:.2f} ln(predicted by the linear observer)")
    for name, ends in (("linear_factor", FACTORS), ("sigma", SIGMAS)):
        print(f"measured factor by {name}: median, 10 to 90 %")
        for low, high in itertools.pairwise((-np.inf, *ends, np.inf)):
            some = pairs.filter((pl.col(name) > low) & (pl.col(name) <= high))["ln_cross_entropy_factor"]
            if len(some):
                bottom, median, top = some.quantile(0.1), some.median(), some.quantile(0.9)
                print(f"  {low:.1f} to {high:.1f}: {len(some)} pairs, {median:.2f}, {bottom:.2f} to {top:.2f}")


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


def draw_cameras(cells: pl.DataFrame) -> None:
    """Draw loss against the camera's half frequency at -10 nm, measured and predicted without the test condition."""
    figure = Figure(figsize=(8.6, 5.2), layout="constrained")
    shown = {
        "defocus -10 nm": "-10 nm",
        "MTF and NTF half at 0.5": "-10 nm, camera 0.5",
        "broad in everything and camera": "broad, camera too",
    }
    lines = cells.with_columns(pl.Series("line", left_out(cells, ("both",), "test_name")))
    for row, crystal in zip(figure.subplots(2, 3, sharex=True, sharey="row"), COLOURS, strict=True):
        for axes, (training, short) in zip(row, shown.items(), strict=True):
            one = lines.filter((pl.col("crystal") == crystal) & (pl.col("training") == training))
            for start, (label, marker, grey) in CAMERAS.items():
                draw_camera(axes, along_camera(one, start), (label, marker, grey), COLOURS[crystal])
            frame(axes, f"{crystal}, trained: {short}", "half frequency (Nyquist)" if crystal == "Ag" else "", "")
            axes.set(yscale="log", xticks=[0.3, 0.5, 0.8, PERFECT], xticklabels=["0.3", "0.5", "0.8", "none"])
        row[0].set_ylabel("cross-entropy", fontsize=9)
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(HERE / "transfer_study_cameras.png", dpi=130)


def along_camera(cells: pl.DataFrame, start: str) -> pl.DataFrame:
    """Rows of the tests of one kind of camera at -10 nm, and of the perfect camera, by half frequency."""
    at = pl.col("test_name").str.extract(rf"^{start} at ([0-9.]+), -10 nm$").cast(pl.Float64)
    perfect = pl.when(pl.col("test_name") == "defocus -10 nm").then(PERFECT)
    return cells.with_columns(pl.coalesce(at, perfect).alias("at")).drop_nulls("at").sort("at")


def draw_camera(axes: Axes, rows: pl.DataFrame, look: tuple[str, str, str], colour: str) -> None:
    """Draw networks with their scatter over seeds, and the prediction."""
    label, marker, grey = look
    loss, known = rows["ln_cross_entropy"].exp(), {"markersize": 4, "linewidth": 0.8, "color": colour}
    filled = {"markerfacecolor": "white"} if marker == "^" else {}
    scatter = loss * rows["ln_cross_entropy_sd"]
    axes.errorbar(rows["at"], loss, scatter, fmt=marker, label=f"{label}: networks, 3 seeds", **known, **filled)
    axes.plot(rows["at"], rows["line"].exp(), color=grey, linewidth=1, label=f"{label}: predicted, condition left out")


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
        axes.plot([0.05, 4], [0.05, 4], color="0.3", linewidth=0.8)
        title = f"{name}: R² {explained(target, predicted)[0]:.2f}"
        frame(axes, title, "predicted cross-entropy", "cross-entropy" if name.startswith("ln") else "")
        axes.set(xscale="log", yscale="log", xlim=(0.05, 3), ylim=(0.05, 6))
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


def tell_residuals(cells: pl.DataFrame) -> None:
    """Print how much of the residual are offsets of conditions, what it shares with the probe, and line to line."""
    target = cells["ln_cross_entropy"].to_numpy()
    names = {"observer": ("both",), "probe": ("probe",)}
    residuals = {name: target - left_out(cells, features, "test_name") for name, features in names.items()}
    told = cells.with_columns(residual=pl.Series(residuals["observer"]))
    whole = float(np.mean(residuals["observer"] ** 2))
    for group in ("test_name", "training"):
        offset = told.select(pl.col("residual").mean().over("crystal", group)).to_series()
        print(f"offsets by {group}: {float((offset**2).mean()) / whole:.2f} of the residual")  # type: ignore[arg-type]
    print(f"residuals of observer and probe: r = {np.corrcoef(*residuals.values())[0, 1]:.2f}")
    for one, other in itertools.permutations(COLOURS):
        here, there = (cells.filter(pl.col("crystal") == crystal) for crystal in (one, other))
        line = np.polyfit(here["both"], here["ln_cross_entropy"], 1)
        r2 = explained(there["ln_cross_entropy"].to_numpy(), np.polyval(line, there["both"].to_numpy()))[0]
        print(f"the line of {one} explains {r2:.2f} of {other}")


def frame(axes: Axes, title: str, across: str, up: str) -> None:
    """Title and labels, without the box."""
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
