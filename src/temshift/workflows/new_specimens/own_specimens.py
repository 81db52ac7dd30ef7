"""The specimens that a network was trained on, next to others that it is scored on: the cost of both shifts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from temshift.core import InputError, content_hash
from temshift.execution import Progress
from temshift.exitwaves import WaveSource
from temshift.scoring import (
    Asked,
    Network,
    OpenedWaves,
    Reading,
    Scores,
    ScoringConditions,
    ask,
    score_conditions,
    wave_source,
)


@dataclass(frozen=True)
class OwnSpecimens:
    """New specimens of the kind that a network was trained on.

    Attributes
    ----------
    source : WaveSource
        Their waves.
    asked : Asked
        How the network is asked about images of them.
    names : pair of str
        What these and the specimens of the test are called.
    """

    source: WaveSource
    asked: Asked
    names: tuple[str, str]

    @classmethod
    def of(
        cls,
        database: Path | str,
        one_set: str | None,
        tested: WaveSource,
        network: Network,
        scoring: ScoringConditions,
        reading: Reading,
    ) -> "OwnSpecimens":
        """Open them, and settle how the network is asked about them.

        Parameters
        ----------
        database, one_set
            As for :func:`temshift.scoring.score`.
        tested : WaveSource
            The specimens of the test.
        network, scoring, reading
            As for :func:`temshift.scoring.ask`.

        Raises
        ------
        InputError
            If they are those of the test, the conditions of the training are not known, or the network tells that it
            was trained on others.
        """
        source = wave_source(database, one_set)
        if source.id == tested.id:
            raise InputError(f"{source.words} are the specimens of the test, too; leave --own-specimens out")
        if scoring.trained_on is None:
            raise InputError(
                "the conditions that the network was trained under are not known: there is no loss in distribution to "
                "compare with; give them under training in the file of conditions, or leave --own-specimens out"
            )
        asked = ask(network, source, scoring, reading)
        if asked.foreign:
            raise InputError(
                f"the network says that it was trained on other specimens than {source.words}: these differ in "
                f"{', '.join(asked.foreign[:5])}; give those that it was trained on as --own-specimens"
            )
        return cls(source, asked, _names(source, tested))

    def scores(self, scoring: ScoringConditions, device: str, progress: Progress) -> dict[str, Scores]:
        """Score the network on them under all conditions, that of its training too, by the hash of each."""
        waves = OpenedWaves(self.source, scoring, device, self.asked.shape)
        return score_conditions(self.asked, waves, scoring, progress=progress)

    def split(
        self, rows: pl.DataFrame, home: Mapping[str, Scores], there: Mapping[str, Scores], scoring: ScoringConditions
    ) -> pl.DataFrame:
        """Split the network's loss into the part of conditions, the part of specimens, and that of both together.

        Parameters
        ----------
        rows : polars.DataFrame
            A row a test condition, of :func:`temshift.scoring.result_rows`.
        home, there : mapping of str to Scores
            On the network's own specimens and on those of the test, by the hash of each distribution.
        scoring : ScoringConditions
            All conditions.

        Returns
        -------
        polars.DataFrame
            With ``in_distribution_cross_entropy``, ``g_ood`` and its three parts, and the names of both specimens.
        """
        assert scoring.trained_on is not None
        trained = content_hash(scoring.trained_on[1])
        inside, moved = home[trained].cross_entropy, there[trained].cross_entropy
        changed = pl.Series([home[content_hash(one)].cross_entropy for one in scoring.tests.values()], dtype=pl.Float64)
        loss = pl.col("cross_entropy")
        return rows.with_columns(
            training_specimens=pl.lit(self.names[0]),
            test_specimens=pl.lit(self.names[1]),
            in_distribution_cross_entropy=pl.lit(inside),
            g_ood=loss - inside,
            g_ood_condition=changed - inside,
            g_ood_specimens=pl.lit(moved - inside),
            g_ood_interaction=loss - changed - (moved - inside),
        )


def _names(own: WaveSource, tested: WaveSource) -> tuple[str, str]:
    """Names of two sets: those of their databases if these differ, else of the sets, else their places."""
    folders = [(one.store.parent.parent if one.store.parent.name == "waves" else one.store) for one in (own, tested)]
    pairs = [(folders[0].name, folders[1].name), (own.words, tested.words)]
    return next((pair for pair in pairs if pair[0] != pair[1]), (str(own.store), str(tested.store)))


def cost_sentence(results: pl.DataFrame) -> str | None:
    """Say how much conditions and specimens cost a network, on average over test conditions; None if it is not known.

    Parameters
    ----------
    results : polars.DataFrame
        With the columns of :data:`temshift.vocabulary.columns.RESULTS`.
    """
    known = results.filter(pl.col("g_ood_specimens").is_not_null())
    if known.is_empty():
        return None
    names = known.select("training_specimens", "test_specimens").row(0)
    parts = ("g_ood", "g_ood_condition", "g_ood_specimens", "g_ood_interaction")
    whole, condition, specimens, both = known.select(pl.col(parts).mean()).row(0)
    return (
        f"trained on {names[0]}, on {names[1]} the network has a cross-entropy {whole:+.3f} from that in distribution, "
        f"on average: {condition:+.3f} by the conditions, {specimens:+.3f} by the specimens, {both:+.3f} by both "
        "together"
    )
