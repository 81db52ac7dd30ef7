"""The cells of the atlas with their features, to which a predictor is fitted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.atlas.pairs import Described, features_at_home, features_under
from temshift.atlas.portraits import KINDS, Portrait, library_of, portrait_of, windows_of
from temshift.atlas.space import AtlasSpace, location
from temshift.atlas.tables import IN_DISTRIBUTION
from temshift.conditions import ImagingConditions
from temshift.core import InputError

Array = NDArray[np.float64]
Portraits = Mapping[tuple[str, str], Portrait]


@dataclass(frozen=True)
class FeaturedCells:
    """Pairs of training and test distributions with their features and scores.

    Attributes
    ----------
    table : ndarray (cells, features)
        Features, in the order of :data:`temshift.atlas.pairs.FEATURES`.
    targets : dict of str to ndarray (cells,)
        ``ln_cross_entropy`` and ``logit_f1``, means over seeds; NaN where there is none.
    kind, training, test : ndarray (cells,) of str
        Names; the test is :data:`temshift.atlas.tables.IN_DISTRIBUTION` for images like those trained on.
    """

    table: Array
    targets: Mapping[str, Array]
    kind: NDArray[np.str_]
    training: NDArray[np.str_]
    test: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.table)

    def where(self, kept: NDArray[np.bool_]) -> "FeaturedCells":
        """Return some of the cells."""
        targets = {name: values[kept] for name, values in self.targets.items()}
        return replace(
            self,
            table=self.table[kept],
            targets=targets,
            kind=self.kind[kept],
            training=self.training[kept],
            test=self.test[kept],
        )


def portraits_for(
    space: AtlasSpace, pairs: Sequence[tuple[str, str]], known: Portraits
) -> Iterator[tuple[str, str, Portrait]]:
    """Compute the portraits of distributions of the atlas that are not known yet, a second or two each.

    Parameters
    ----------
    space : AtlasSpace
        The atlas.
    pairs : sequence of (str, str)
        Kinds and names of training or test distributions.
    known : mapping of (str, str) to Portrait
        Those that are not computed again.

    Yields
    ------
    kind, name, portrait
    """
    lacking = sorted(set(pairs) - set(known))
    libraries = {kind: library_of(kind) for kind in {kind for kind, _ in lacking}}
    for kind, name in lacking:
        conditions = space.tests[name] if name in space.tests else space.trainings[name]
        yield kind, name, portrait_of(conditions, libraries[kind], space.survey)


def featured(cells: pl.DataFrame, space: AtlasSpace, portraits: Portraits) -> FeaturedCells:
    """Return the features of cells.

    Parameters
    ----------
    cells : polars.DataFrame
        Of :meth:`temshift.atlas.tables.Atlas.cells`.
    space : AtlasSpace
        The atlas.
    portraits : mapping of (str, str) to Portrait
        Of every training and test distribution on its kinds.

    Returns
    -------
    FeaturedCells

    Raises
    ------
    InputError
        If the atlas has no distribution of some name.
    """
    _require_known(cells, space)
    parts = []
    for kind in (kind for kind in KINDS if kind in set(cells["kind"])):
        some = cells.filter(pl.col("kind") == kind)
        parts += list(_of_kind(kind, some, space, portraits))
    lined = pl.concat([rows for rows, _ in parts])
    targets = {name: lined[name].fill_null(np.nan).to_numpy() for name in ("ln_cross_entropy", "logit_f1")}
    names = [lined[name].to_numpy().astype(str) for name in ("kind", "training_name", "test_name")]
    return FeaturedCells(np.concatenate([table for _, table in parts]), targets, *names)


def described(kind: str, named: Mapping[str, ImagingConditions], portraits: Portraits) -> Described:
    """Return distributions on a kind of specimens with where they lie."""
    places = np.array([location(one) for one in named.values()])
    return Described([portraits[kind, name] for name in named], places)


def _of_kind(
    kind: str, cells: pl.DataFrame, space: AtlasSpace, portraits: Portraits
) -> Iterator[tuple[pl.DataFrame, Array]]:
    library = library_of(kind)
    names = sorted(set(cells["training_name"]))
    trainings = described(kind, {name: space.trainings[name] for name in names}, portraits)
    number = {name: place for place, name in enumerate(names)}
    for (test,), rows in cells.group_by("test_name", maintain_order=True):
        some = trainings.at([number[name] for name in rows["training_name"]])
        if test == IN_DISTRIBUTION:
            yield rows, features_at_home(some)
            continue
        conditions = space.tests[str(test)]
        alone = described(kind, {str(test): conditions}, portraits)
        yield rows, features_under(some, alone, windows_of(conditions, library, space.survey))


def _require_known(cells: pl.DataFrame, space: AtlasSpace) -> None:
    unknown = set(cells["training_name"]) - set(space.trainings)
    unknown |= set(cells["test_name"]) - set(space.tests) - {IN_DISTRIBUTION}
    if unknown:
        raise InputError(
            f"{space.study.name!r} has no distribution {min(unknown)!r}; the tables are of another study: take its file"
        )
    if set(cells["kind"]) - set(KINDS):
        raise InputError(
            f"no specimens are known for {min(set(cells['kind']) - set(KINDS))!r}; take {', '.join(KINDS)}"
        )
