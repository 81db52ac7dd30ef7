"""The tables of the atlas' parts, read as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from temshift.atlas.space import plain_name
from temshift.core import InputError
from temshift.storage import example, read_table

FOLDER, PATTERN = "atlas", "part-*.parquet"
SCORES = ("cross_entropy", "f1", "calibration_error", "missed", "invented")
LEAST_SHARE = 1e-3  # F1 counts as at least this, and as at most 1 less this, where its logit is taken
IN_DISTRIBUTION = "in distribution"  # in place of the name of a test condition: that which a network was trained on
_NAMES = ("study", "number", "network_id", "training_name", "training_specimens", "seed", "test_name", "test_specimens")
_NEEDED = (*_NAMES, "in_distribution_cross_entropy", *SCORES)
_OF_TESTS = ("test_name", "test_specimens", "g_ood_specimens", *SCORES)


@dataclass(frozen=True)
class Atlas:
    """Networks of the parts that are there, and their scores.

    Attributes
    ----------
    study : str
        Hash of the study that the parts are of.
    networks : polars.DataFrame
        A row a network, by number: ``number``, ``network_id``, ``training_name`` without its ``kind`` of specimens,
        ``seed``, ``cpu``, its scores in distribution, and centre and spread of every parameter of its training.
    scores : polars.DataFrame
        A row a network x test condition: ``number``, ``test_name`` without its ``test_kind``, and the scores.
    parts : int
        How many tables were read.
    """

    study: str
    networks: pl.DataFrame
    scores: pl.DataFrame
    parts: int

    @property
    def extent(self) -> str:
        """How many networks there are, in words."""
        distributions = self.networks["training_name"].n_unique()
        return f"{len(self.networks):,} networks trained on {distributions:,} distributions of conditions"

    def cells(self) -> pl.DataFrame:
        """Return scores of each training distribution on specimens of its own kind, averaged over seeds.

        Returns
        -------
        polars.DataFrame
            ``kind``, ``training_name``, ``test_name`` (:data:`IN_DISTRIBUTION` for images like those trained on), and
            the means ``ln_cross_entropy`` and ``logit_f1``, null where there is none.
        """
        own = pl.col("test_kind").cast(pl.String) == pl.col("kind")
        named = self.networks.select("number", "kind", "training_name")
        tested = self.scores.join(named, on="number").filter(own).with_columns(pl.col("test_name").cast(pl.String))
        means = tested.group_by("kind", "training_name", "test_name").agg(_ln("cross_entropy"), _LOGIT_F1)
        inside = self.networks.group_by("kind", "training_name").agg(_ln("in_distribution_cross_entropy"))
        inside = inside.rename({"in_distribution_ln_cross_entropy": "ln_cross_entropy"}).with_columns(
            test_name=pl.lit(IN_DISTRIBUTION), logit_f1=pl.lit(None, pl.Float64)
        )
        order = ["kind", "training_name", "test_name"]
        return pl.concat([means, inside.select(means.columns)]).sort(order)


def _ln(name: str) -> pl.Expr:
    short = name.removesuffix("cross_entropy")
    number = pl.col(name).cast(pl.Float64).fill_nan(None)
    return pl.when(number > 0).then(number.log()).mean().alias(f"{short}ln_cross_entropy")


_SHARE = pl.col("f1").cast(pl.Float64).fill_nan(None).clip(LEAST_SHARE, 1 - LEAST_SHARE)
_LOGIT_F1 = (_SHARE / (1 - _SHARE)).log().mean().alias("logit_f1")


def shipped_parts() -> list[Path]:
    """Return the tables of parts that come with the package, in order.

    Raises
    ------
    InputError
        If there are none.
    """
    return parts_in(example(FOLDER))


def parts_in(place: Path | str) -> list[Path]:
    """Return the tables of parts in a folder, in order; a file stands for itself.

    Raises
    ------
    InputError
        If there are none.
    """
    place = Path(place)
    if place.is_file():
        return [place]
    paths = sorted(place.glob(PATTERN)) if place.is_dir() else []
    if not paths:
        raise InputError(
            f"{place} holds no table of a part ({PATTERN}); examples/atlas/make.sh makes them, or take --atlas-data "
            "FOLDER with those that there are"
        )
    return paths


def read_atlas(places: Sequence[Path | str] | None = None) -> Atlas:
    """Read tables of parts as one.

    Parameters
    ----------
    places : sequence of path, optional
        Files that ``temshift results PART --output FILE.parquet --compact`` wrote, or folders of them; by default all
        that come with the package.

    Returns
    -------
    Atlas

    Raises
    ------
    InputError
        If there are none, a file is no such table, they are of different studies, or a network is there twice.
    DamagedError
        If a file was altered.
    """
    paths = shipped_parts() if places is None else [path for place in places for path in parts_in(place)]
    networks, scores, studies = [], [], {}
    for path in paths:
        table = _read(path)
        studies[path] = table["study"][0]
        networks.append(_networks(table))
        scores.append(_scores(table))
    _require_one(studies)
    joined = pl.concat(networks, how="diagonal_relaxed").sort("number")
    _require_once(joined)
    lined = pl.concat(scores).with_columns(pl.col("test_name", "test_kind").cast(pl.Categorical))
    return Atlas(studies[paths[0]], joined, lined, len(paths))


def _read(path: Path) -> pl.DataFrame:
    table = read_table(path)
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking or table.is_empty():
        fault = f"it lacks {lacking[0]}" if lacking else "it is empty"
        raise InputError(
            f"{path} is no table of a part: {fault}; temshift results PART --output FILE.parquet --compact writes one"
        )
    return table


def _networks(table: pl.DataFrame) -> pl.DataFrame:
    settings = [name for name in table.columns if name not in (*_OF_TESTS, "study")]
    rows = table.select(settings).unique("network_id", keep="first", maintain_order=True)
    kinds = rows["training_specimens"].to_list()
    names = [plain_name(name, kind) for name, kind in zip(rows["training_name"], kinds, strict=True)]
    return rows.with_columns(pl.Series("training_name", names)).rename({"training_specimens": "kind"})


def _scores(table: pl.DataFrame) -> pl.DataFrame:
    names = table.select("test_name", "test_specimens").unique()
    plain = [plain_name(name, kind) for name, kind in names.iter_rows()]
    named = names.with_columns(pl.Series("plain", plain))
    rows = table.join(named, on=["test_name", "test_specimens"], maintain_order="left")
    return rows.select(
        "number", pl.col("plain").alias("test_name"), pl.col("test_specimens").alias("test_kind"), *SCORES
    )


def _require_one(studies: dict[Path, str]) -> None:
    first = next(iter(studies))
    for path, study in studies.items():
        if study != studies[first]:
            raise InputError(f"{path} is of another study than {first} ({study}, {studies[first]}); read them apart")


def _require_once(networks: pl.DataFrame) -> None:
    twice = networks.filter(pl.col("number").is_duplicated())
    if len(twice):
        raise InputError(f"network {twice['number'][0]} is in two of the tables; leave one of them out")
