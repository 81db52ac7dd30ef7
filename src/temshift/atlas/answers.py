"""Questions to the atlas: scores of any pair of distributions, the nearest networks, and whether it can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from temshift.atlas.cells import Portraits, described
from temshift.atlas.pairs import features_under
from temshift.atlas.portraits import library_of, portrait_of, portraits_in, windows_of
from temshift.atlas.predictor import AtlasPredictor, read_predictor
from temshift.atlas.space import AXES, AtlasSpace, location
from temshift.atlas.tables import FOLDER, Atlas, read_atlas
from temshift.conditions import ImagingConditions
from temshift.information import Reach
from temshift.storage import example, read_table

Array = NDArray[np.float64]
Named = Mapping[str, ImagingConditions]

PORTRAITS = "portraits.parquet"  # of the atlas' training distributions, beside its tables
NEIGHBOURS = 3
_PAIR = ["training_name", "test_name"]


@dataclass(frozen=True)
class AtlasAnswers:
    """An atlas that is read, with its predictor.

    Attributes
    ----------
    space : AtlasSpace
        Its definition.
    atlas : Atlas
        Its tables.
    predictor : AtlasPredictor
        The models.
    folder : Path
        Where they lie.
    """

    space: AtlasSpace
    atlas: Atlas
    predictor: AtlasPredictor
    folder: Path

    @classmethod
    def opened(cls, folder: Path | str | None = None) -> "AtlasAnswers":
        """Read an atlas, by default the one that comes with the package.

        Raises
        ------
        InputError
            If tables or predictor are not there.
        DamagedError
            If a file was altered.
        """
        place = example(FOLDER) if folder is None else Path(folder)
        atlas = read_atlas([place])
        file = place / "predictor.json"
        return cls(AtlasSpace.shipped(), atlas, read_predictor(file), place)

    @cached_property
    def trainings(self) -> Named:
        """Training distributions that networks in the tables were trained on, by name."""
        there = set(self.atlas.networks["training_name"])
        return {name: one for name, one in self.space.trainings.items() if name in there}

    @cached_property
    def places(self) -> Array:
        """Where they lie (trainings, axes); see :func:`temshift.atlas.space.location`."""
        return np.array([location(one) for one in self.trainings.values()])

    @cached_property
    def portraits(self) -> Portraits:
        """Portraits of them, which come with the tables."""
        return portraits_in(read_table(self.folder / PORTRAITS))

    def predict(self, kind: str, trainings: Named, tests: Named) -> pl.DataFrame:
        """Predict scores of networks trained on each of some distributions under each of some others.

        Parameters
        ----------
        kind : str
            Specimens, one of :data:`temshift.atlas.portraits.KINDS`, in training and test.
        trainings, tests : mapping of str to ImagingConditions
            Distributions by name.

        Returns
        -------
        polars.DataFrame
            ``training_name``, ``test_name``, ``cross_entropy`` and ``f1`` with ``_lower`` and ``_upper`` ends,
            ``inside``, and the ``reasons`` if it is not.
        """
        library, survey = library_of(kind), self.space.survey
        known = {(kind, name): portrait_of(one, library, survey) for name, one in trainings.items()}
        table = self.predict_known(kind, trainings, tests, known)
        words = {role: self._outside(role, named) for role, named in (("training", trainings), ("test", tests))}
        reasons = [[*words["training"][one], *words["test"][other]] for one, other in table.select(_PAIR).iter_rows()]
        return table.with_columns(
            pl.Series("inside", [not some for some in reasons], dtype=pl.Boolean),
            pl.Series("reasons", reasons, dtype=pl.List(pl.String)),
        )

    def predict_known(self, kind: str, trainings: Named, tests: Named, portraits: Portraits) -> pl.DataFrame:
        """Predict scores of training distributions whose portraits are known; see :meth:`predict`."""
        library, survey = library_of(kind), self.space.survey
        trained, tables = described(kind, trainings, portraits), []
        for name, conditions in tests.items():
            seen = windows_of(conditions, library, survey)
            portrait = portrait_of(conditions, library, survey, seen)
            alone = described(kind, {name: conditions}, {(kind, name): portrait})
            scores = self.predictor.predict(features_under(trained, alone, seen))
            tables.append(pl.DataFrame({"training_name": list(trainings), "test_name": name, **scores}))
        return pl.concat(tables).with_columns(pl.selectors.float().fill_nan(None))

    def nearest(self, kind: str, trainings: Named, tests: Named, count: int = NEIGHBOURS) -> pl.DataFrame:
        """Return the trained networks that are nearest to pairs of distributions, with their scores.

        Distances are Euclidean along :data:`temshift.atlas.space.AXES`, in standard deviations over the trainings of
        the atlas. The scores are those under the atlas' own test condition that is nearest to the test, on specimens of
        that kind, means over seeds.

        Returns
        -------
        polars.DataFrame
            ``training_name``, ``test_name``; ``neighbour``, the name of a training distribution of the atlas, its
            ``numbers`` of networks and its ``distance``; ``neighbour_test`` and ``test_distance`` likewise; and
            ``cross_entropy`` (geometric mean) and ``f1`` that were measured there.
        """
        measured = self._measured(kind)
        rows = []
        for training, conditions in trainings.items():
            others = self._near(conditions, list(self.trainings), self.places, count)
            for test, asked in tests.items():
                ((known, far),) = self._near(asked, list(self.space.tests), self._test_places, 1)
                for neighbour, distance in others:
                    pair = {"neighbour": neighbour, "distance": distance, "neighbour_test": known, "test_distance": far}
                    rows.append({"training_name": training, "test_name": test, **pair})
        return pl.DataFrame(rows).join(measured, on=["neighbour", "neighbour_test"], how="left", maintain_order="left")

    @cached_property
    def _test_places(self) -> Array:
        return np.array([location(one) for one in self.space.tests.values()])

    @cached_property
    def _scale(self) -> Array:
        spread = self.places.std(axis=0)
        return np.where(spread > 0, spread, 1.0)

    def _near(
        self, conditions: ImagingConditions, names: Sequence[str], places: Array, count: int
    ) -> list[tuple[str, float]]:
        distances = np.linalg.norm((places - location(conditions)) / self._scale, axis=1)
        return [(names[place], float(distances[place])) for place in np.argsort(distances, kind="stable")[:count]]

    def _measured(self, kind: str) -> pl.DataFrame:
        """Mean scores of the networks of a kind, by distribution and test condition."""
        networks = self.atlas.networks.filter(pl.col("kind") == kind).select("number", "training_name")
        rows = self.atlas.scores.filter(pl.col("test_kind").cast(pl.String) == kind).join(networks, on="number")
        means = rows.group_by("training_name", pl.col("test_name").cast(pl.String)).agg(
            pl.col("number").sort().alias("numbers"),
            pl.col("cross_entropy").cast(pl.Float64).log().mean().exp().alias("cross_entropy"),
            pl.col("f1").cast(pl.Float64).mean().alias("f1"),
        )
        return means.rename({"training_name": "neighbour", "test_name": "neighbour_test"})

    def _outside(self, role: str, named: Named) -> dict[str, list[str]]:
        """Reasons that distributions lie outside of the atlas' space, by name."""
        known = self.places if role == "training" else np.concatenate([self.places, self._test_places])
        names = np.array([str(place) for place in range(len(known))])
        reach = Reach(dict(zip(AXES, known.T, strict=True)), names)
        asked = np.array([location(one) for one in named.values()])
        reasons = reach.reasons(dict(zip(AXES, asked.T, strict=True)))
        return {
            name: [f"{role}: {word}" for word in (*self.space.foreign_words(one), *some)]
            for (name, one), some in zip(named.items(), reasons, strict=True)
        }
