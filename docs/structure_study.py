"""What specimens change: figures and numbers of docs/what-specimens-change.md, from a study's tables alone.

    python docs/structure_study.py [FOLDER]

FOLDER (examples/structure_study) holds results.parquet, metrics.parquet and prediction.json of
``temshift run examples/structure_study.yaml``, and unlabelled.parquet of docs/structure_scores.py.
"""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from temshift.specimens import lattice_similarity, unit_cell

HERE = Path(__file__).parent
TABLES = HERE.parent / "examples" / "structure_study"
HOME = "-10 nm"  # the condition that all sets are trained and tested under
MIXED = "mixed"
LATTICES = {"Fe": "bcc", "Ag": "fcc", "Cu": "fcc", "Au": "fcc", "Pt": "fcc", "C": "diamond", "Si": "diamond"}
LATTICES |= {"ZnS": "diamond", "CdSe": "wurtzite", "Co3O4": "spinel", "Fe3O4": "spinel"}
SPLITS = {"conditions": "g_ood_condition", "specimens": "g_ood_specimens", "both together": "g_ood_interaction"}
LOSSES = tuple(f"loss_{count}" for count in (1, 2, 4, 8, 16, 32))
LUCK = 30  # random numbers for each set, as test and as training
TERMS: dict[str, tuple[str, ...]] = {
    "ln epsilon(test)": ("ln_epsilon_test",),
    "d, own particles": ("distance",),
    "ln epsilon(test) and d": ("ln_epsilon_test", "distance"),
    "d of images": ("distance_image",),
    "observer, linear": ("linear",),
    "observer, forest": ("forest",),
    "**observer, both**": ("both",),
    "observer, ideal": ("ideal",),
    "ideal observer and ln epsilon(test)": ("ideal", "ln_epsilon_test"),
    "structure factors, two bodies": ("two_bodies",),
    "structure factors, three bodies": ("three_bodies",),
    "entropy": ("entropy",),
    "confidence": ("confidence",),
    "average thresholded confidence": ("expected_error",),
    "distance of features": ("feature_distance",),
    "disagreement with other networks": ("disagreement",),
    "loss against the consensus": ("consensus_loss",),
    "LEEP, 32 labelled images": ("leep",),
    "H-score, 32 labelled images": ("h_score",),
    **{f"loss on {count} labelled image{'s' * (count > 1)}": (f"loss_{count}",) for count in (1, 2, 4, 8, 16, 32)},
}
Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def main(folder: Path) -> None:
    """Print the numbers and write the figures."""
    cells, results = pl.read_parquet(folder / "metrics.parquet"), pl.read_parquet(folder / "results.parquet")
    prediction = json.loads((folder / "prediction.json").read_text(encoding="utf-8"))["across_sets"]
    home = cells.filter(under("training", HOME) & under("test", HOME))
    order = seriated(home)
    tell_extent(cells, home)
    tell_effects(home, order)
    tell_kinds(home)
    tell_failures(results)
    tell_split(results)
    tell_models(prediction)
    tell_coverage(cells)
    tell_choice(home)
    tell_terms(with_terms(home, pl.read_parquet(folder / "unlabelled.parquet")))
    draw_matrices(home, order)
    draw_prediction(cells)


def under(role: str, condition: str) -> pl.Expr:
    """Cells whose training or test is under a condition."""
    return pl.col(f"{role}_name") == pl.concat_str(pl.lit(f"{condition}, "), f"{role}_specimens")


def matrix(home: pl.DataFrame, column: str, order: list[str]) -> Array:
    """Return a column as an array (trainings, tests) of sets in an order."""
    wide = home.pivot("test_specimens", index="training_specimens", values=column)
    rows = pl.DataFrame({"training_specimens": order}).join(wide, on="training_specimens", how="left")
    return rows.select(order).to_numpy().astype(np.float64)


def seriated(home: pl.DataFrame) -> list[str]:
    """Sets in an order that puts those next to each other whose networks lose alike."""
    names = sorted(set(home["training_specimens"]) & set(home["test_specimens"]))
    losses = matrix(home, "ln_cross_entropy", names)
    profiles = np.concatenate([losses, losses.T], axis=1)
    distances = pdist(profiles)
    return [names[place] for place in leaves_list(optimal_leaf_ordering(linkage(distances, "average"), distances))]


def effects(losses: Array) -> Array:
    """The sum of row and column effects of a complete matrix."""
    return np.asarray(losses.mean(axis=1, keepdims=True) + losses.mean(axis=0) - losses.mean())


def tell_extent(cells: pl.DataFrame, home: pl.DataFrame) -> None:
    """Print how much there is."""
    print(f"{len(cells)} cells; {len(home)} at {HOME} in training and test, {home['test_specimens'].n_unique()} sets")


def tell_effects(home: pl.DataFrame, order: list[str]) -> None:
    """Print what the training set, the test set, and their combination explain."""
    losses = matrix(home, "ln_cross_entropy", order)
    total = losses.var()
    rows, columns = (losses.mean(axis=axis).var() / total for axis in (1, 0))
    print(f"\nvariance of ln CE: training set {rows:.2f}, test set {columns:.2f}, the rest {1 - rows - columns:.2f}")
    own = np.diag(losses)
    print(f"median CE at home {np.exp(np.median(own)):.3f}, elsewhere {np.exp(np.median(losses[off(losses)])):.3f}")
    gap = losses - own  # against the networks of the test's own set
    for low, high in ((0, 1.1), (1.1, 1.5), (1.5, 3), (3, 10), (10, np.inf)):
        share = np.mean((np.exp(gap[off(gap)]) >= low) & (np.exp(gap[off(gap)]) < high))
        print(f"  {share:.0%} of pairs lose a factor of {low:g} to {high:g} against the test's own networks")
    print("\n| set | CE at home | median CE of its networks elsewhere | median CE of other networks on it |")
    print("|---|---|---|---|")
    for place, name in enumerate(order):
        others = np.arange(len(order)) != place
        numbers = (own[place], np.median(losses[place, others]), np.median(losses[others, place]))
        print(f"| {name} | " + " | ".join(f"{np.exp(one):.3f}" for one in numbers) + " |")


def off(square: Array) -> NDArray[np.bool_]:
    """Entries away from the diagonal."""
    return ~np.eye(len(square), dtype=bool)


def tell_kinds(home: pl.DataFrame) -> None:
    """Print the loss by how training and test differ: crystal, lattice, size."""
    own = home.filter(pl.col("training_specimens") == pl.col("test_specimens"))
    own = own.select("test_specimens", pl.col("ln_cross_entropy").alias("own"))
    named = home.join(own, on="test_specimens").with_columns(
        *(pl.col(f"{role}_specimens").str.extract(r"^(small|large) (\w+)$", 1).alias(f"{role}_size") for role in ROLES),
        *(pl.col(f"{role}_specimens").str.extract(r"^(small|large) (\w+)$", 2).alias(f"{role}_of") for role in ROLES),
    )
    plain = named.drop_nulls(["training_of", "test_of"]).filter(
        pl.col("training_specimens") != pl.col("test_specimens")
    )
    lattice = [pl.col(f"{role}_of").replace_strict(LATTICES).alias(f"{role}_lattice") for role in ROLES]
    plain = plain.with_columns(lattice).with_columns(
        pl.when(pl.col("training_of") == pl.col("test_of"))
        .then(pl.lit("the same crystal"))
        .when(pl.col("training_lattice") == pl.col("test_lattice"))
        .then(pl.lit("another crystal, the same lattice"))
        .otherwise(pl.lit("another lattice"))
        .alias("difference"),
        (pl.col("training_size") + " to " + pl.col("test_size")).alias("sizes"),
    )
    print("\n| training and test differ in | sizes | pairs | median factor in CE over the test's own networks |")
    print("|---|---|---|---|")
    table = plain.group_by("difference", "sizes").agg(
        pl.len(), (pl.col("ln_cross_entropy") - pl.col("own")).median().exp().alias("factor")
    )
    for row in table.sort("difference", "sizes").iter_rows():
        print(f"| {row[0]} | {row[1]} | {row[2]} | {row[3]:.2f} |")


ROLES = ("training", "test")


def tell_failures(results: pl.DataFrame) -> None:
    """Print shares of particle missed and of background invented, at home and elsewhere."""
    there = results.filter("in_study").drop_nulls(["missed", "invented"])
    home = pl.col("training_specimens") == pl.col("test_specimens")
    print("\n| specimens | missed, median and 90 % | invented, median and 90 % | largest of each |")
    print("|---|---|---|---|")
    for name, some in (("the network's own", there.filter(home)), ("others", there.filter(~home))):
        ends = [f"{some[one].median():.1%}, {some[one].quantile(0.9):.1%}" for one in ("missed", "invented")]
        most = ", ".join(f"{some[one].max():.1%}" for one in ("missed", "invented"))
        print(f"| {name} | {ends[0]} | {ends[1]} | {most} |")


def tell_split(results: pl.DataFrame) -> None:
    """Print the parts of G_OOD, where both kinds of shift meet."""
    both = results.filter("in_study").drop_nulls(list(SPLITS.values()))
    print("\n| part of G_OOD | mean | 90 % of cells below |")
    print("|---|---|---|")
    for name, column in SPLITS.items():
        print(f"| {name} | {both[column].mean():.3f} | {both[column].quantile(0.9):.3f} |")


def tell_models(prediction: dict[str, Any]) -> None:
    """Print how well each model predicts sets that are left out."""
    print(f"\n{prediction.get('formula')}; {prediction.get('cells')} cells; sets {prediction.get('sets')}")
    print("\n| R2 of ln CE | test set left out | training set left out | both left out |")
    print("|---|---|---|---|")
    for model in prediction["models"]:
        numbers = [model.get(f"r2_left_out_{role}") for role in ("test", "training", "both")]
        print(f"| {model['name']} | " + " | ".join("-" if one is None else f"{one:.2f}" for one in numbers) + " |")
    for caveat in prediction["caveats"]:
        print(caveat)


def tell_coverage(cells: pl.DataFrame) -> None:
    """Print the share of cells inside intervals, with sets left out."""
    for role in ("test", "training", "both"):
        low, high = (pl.col(f"left_out_{role}_set_{end}") for end in ("lower", "upper"))
        some = cells.drop_nulls([f"left_out_{role}_set_lower", f"left_out_{role}_set_upper"])
        if len(some):
            held = some.select(pl.col("ln_cross_entropy").is_between(low, high).mean()).item()
            print(f"90 % intervals, {role} left out, hold {held:.1%} of {len(some)} cells")


def tell_choice(home: pl.DataFrame) -> None:
    """Print what choosing the training set of an unseen test set by prediction loses against the best one."""
    other = home.filter(pl.col("training_specimens") != pl.col("test_specimens"))
    other = other.drop_nulls(["left_out_both_set_prediction", "ln_cross_entropy"])
    by_test = other.group_by("test_specimens").agg(
        pl.col("ln_cross_entropy").min().alias("best"),
        pl.col("ln_cross_entropy").sort_by("left_out_both_set_prediction").first().alias("chosen"),
        pl.col("ln_cross_entropy").mean().alias("random"),
        (pl.col("ln_cross_entropy").filter(pl.col("training_specimens") == MIXED)).first().alias("mixed"),
    )
    print(
        "\nchoice of the training set for a test set that no network was trained on, loss over the best of the others:"
    )
    for name in ("chosen", "mixed", "random"):
        lost = by_test.select((pl.col(name) - pl.col("best")).exp().alias("f"))["f"].drop_nulls()
        print(f"  {name}: geometric mean {np.exp(np.log(lost.to_numpy()).mean()) - 1:.1%}, worst {lost.max() - 1:.1%}")


def with_terms(home: pl.DataFrame, unlabelled: pl.DataFrame) -> pl.DataFrame:
    """Cells at home with everything that may say something of a set that no network was trained on."""
    keys = ["training_specimens", "test_specimens"]
    rows = [(one, other, *alike(one, other)) for one, other in home.select(keys).rows()]
    similar = pl.DataFrame(rows, schema=[*keys, "two_bodies", "three_bodies"], orient="row")
    logs = ("entropy", "expected_error", "feature_distance", "disagreement", "consensus_loss", *LOSSES)
    return (
        home.join(unlabelled, on=keys, how="left")
        .join(similar, on=keys)
        .with_columns(
            pl.col("epsilon_test").log().alias("ln_epsilon_test"),
            pl.col("epsilon_training").log().alias("ln_epsilon_training"),
            *(
                pl.col(f"observer_{rule}_cross_entropy").log().alias(rule)
                for rule in ("linear", "forest", "both", "ideal")
            ),
            *(pl.col(name).clip(1e-9).log() for name in logs),
        )
    )


def alike(one: str, other: str) -> tuple[float | None, float | None]:
    """Similarity of the crystals of two sets, missing for mixtures, shells and alloys."""
    crystals = [crystal_of(name) for name in (one, other)]
    if None in crystals:
        return None, None
    return lattice_similarity(*(unit_cell(str(name)) for name in crystals))


def crystal_of(name: str) -> str | None:
    """The crystal in the name of a set, if there is one alone."""
    last = name.split(" ")[-1]
    return last if last in LATTICES and " in " not in name else None


def left_out_r2(table: Array, target: Array, tests: Codes, trainings: Codes) -> list[float]:
    """R2 of a line in some columns with a set left out: as test, as training, and both."""
    design = np.column_stack([np.ones(len(target)), table])
    total = np.sum((target - target.mean()) ** 2)
    return [
        float(1 - np.sum(left_out(design, target, groups) ** 2) / total)
        for groups in ((tests,), (trainings,), (tests, trainings))
    ]


def left_out(design: Array, target: Array, groups: tuple[Codes, ...]) -> Array:
    """Errors of each cell by a fit without the cells that share any of its sets."""
    errors = np.empty(len(target))
    for codes in np.unique(np.stack(groups, axis=1), axis=0):
        same = np.stack([one == code for one, code in zip(groups, codes, strict=True)])
        others, mine = ~same.any(axis=0), same.all(axis=0)
        slopes = np.linalg.lstsq(design[others], target[others], rcond=None)[0]
        errors[mine] = target[mine] - design[mine] @ slopes
    return errors


def tell_terms(cells: pl.DataFrame) -> None:
    """Print what each term explains alone and next to the observer, and how much luck would."""
    print(
        "\n| term | cells | alone: test, training, both left out | with the observer | more than 95 % of random terms |"
    )
    print("|---|---|---|---|---|")
    luck: dict[int, float] = {}  # by the number of cells
    for label, columns in TERMS.items():
        some = cells.drop_nulls([*columns, "both", "ln_cross_entropy"])
        target = some["ln_cross_entropy"].to_numpy()
        codes = [
            some[f"{role}_specimens"].rank("dense").to_numpy().astype(np.int64) - 1 for role in ("test", "training")
        ]
        observer, table = (some.select(names).to_numpy().astype(np.float64) for names in (["both"], list(columns)))
        alone, beside = left_out_r2(table, target, *codes), left_out_r2(np.hstack([observer, table]), target, *codes)
        if len(some) not in luck:
            luck[len(some)] = luck_of(observer, target, *codes)
        bar = luck[len(some)]
        verdict = "-" if columns == ("both",) else f"{'yes' if beside[2] > bar else 'no'} ({bar:.2f})"
        print(f"| {label} | {len(some)} | {numbers(alone)} | {numbers(beside)} | {verdict} |")


def numbers(several: list[float]) -> str:
    """R2 with two digits; a negative one is worse than the mean."""
    return ", ".join(f"{one:.2f}" if one > -1 else "< -1" for one in several)


@functools.cache
def draws() -> Array:
    """Random numbers for sets, as test and as training."""
    return np.random.default_rng(19).normal(size=(LUCK, 2, 64))


def luck_of(observer: Array, target: Array, tests: Codes, trainings: Codes) -> float:
    """R2 with both sets left out that 95 % of random numbers for each set stay below next to the observer."""
    gains = []
    for draw in draws():
        for role, codes in enumerate((tests, trainings)):
            table = np.column_stack([observer, draw[role][codes]])
            gains.append(left_out_r2(table, target, tests, trainings)[2])
    return float(np.quantile(gains, 0.95))


def draw_matrices(home: pl.DataFrame, order: list[str]) -> None:
    """Draw measured and predicted losses, and the rest of row and column effects."""
    measured = matrix(home, "ln_cross_entropy", order)
    predicted = matrix(home, "left_out_both_set_prediction", order)
    figure = Figure(figsize=(15, 5.4), layout="constrained")
    axes = figure.subplots(1, 3)
    limits = {"vmin": float(np.nanmin(measured)), "vmax": float(np.nanmax(measured))}
    _square(axes[0], measured, "ln CE, measured", order, "viridis", limits)
    _square(axes[1], predicted, "ln CE, predicted without either set", order, "viridis", limits)
    rest = measured - effects(measured)
    most = float(np.abs(rest).max())
    _square(axes[2], rest, "measured less row and column effects", order, "RdBu_r", {"vmin": -most, "vmax": most})
    axes[0].set_yticks(range(len(order)), order, fontsize=6)
    axes[0].set_ylabel("trained on")
    figure.savefig(HERE / "structure_matrices.png", dpi=110)


def _square(axes: Axes, values: Array, title: str, order: list[str], colours: str, limits: dict[str, float]) -> None:
    picture = axes.imshow(values, cmap=colours, **limits)
    axes.plot(range(len(order)), range(len(order)), "s", mfc="none", mec="white", ms=4, mew=0.5)
    axes.set_xticks(range(len(order)), order, rotation=90, fontsize=6)
    axes.set_yticks([])
    axes.set(title=title, xlabel="tested on")
    axes.figure.colorbar(picture, ax=axes, shrink=0.6)


def draw_prediction(cells: pl.DataFrame) -> None:
    """Draw predicted against measured losses, with both sets left out."""
    some = cells.drop_nulls(["left_out_both_set_prediction", "ln_cross_entropy"])
    home = some["training_specimens"] == some["test_specimens"]
    figure = Figure(figsize=(5.2, 5), layout="constrained")
    axes = figure.subplots()
    for label, part, colour in (
        ("other specimens", some.filter(~home), "#0072B2"),
        ("its own", some.filter(home), "#D55E00"),
    ):
        axes.loglog(
            np.exp(part["left_out_both_set_prediction"]),
            np.exp(part["ln_cross_entropy"]),
            ".",
            ms=3,
            c=colour,
            label=label,
        )
    ends = [float(np.exp(some["ln_cross_entropy"].min())), float(np.exp(some["ln_cross_entropy"].max()))]
    axes.loglog(ends, ends, c="0.5", lw=0.8)
    axes.set(xlabel="CE predicted, both sets left out [nat/pixel]", ylabel="CE measured [nat/pixel]")
    axes.legend(frameon=False)
    figure.savefig(HERE / "structure_prediction.png", dpi=110)
    rank = spearmanr(some["left_out_both_set_prediction"], some["ln_cross_entropy"]).statistic
    print(f"Spearman of predicted and measured ln CE, both sets left out: {rank:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else TABLES)
