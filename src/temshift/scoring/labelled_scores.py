"""Scores on images that people labelled, as the rows that simulated conditions have."""

from collections.abc import Mapping

import polars as pl

from temshift.conditions import ImagingConditions
from temshift.scoring.evaluation import results_table, training_settings
from temshift.scoring.scores import Scores
from temshift.vocabulary.columns import RESULTS


def labelled_rows(
    scores: Mapping[str, Scores],
    ids: Mapping[str, str],
    network_id: str,
    training: tuple[str, ImagingConditions] | None = None,
) -> pl.DataFrame:
    """Make one row of results for each group of labelled images.

    Parameters
    ----------
    scores : mapping of str to Scores
        By the name of the images.
    ids : mapping of str to str
        Hash of the images and their labels, by the same names.
    network_id : str
        Hash of the network.
    training : (str, ImagingConditions), optional
        Name and conditions of its training.

    Returns
    -------
    polars.DataFrame
        With the columns of :data:`temshift.vocabulary.columns.RESULTS`. The settings of the images are null, since
        files don't tell them, and so is all that needs a loss in distribution.
    """
    trained = {} if training is None else training_settings(*training)
    rows = [
        {**vars(each), **trained, "test_name": name, "test_id": ids[name], "network_id": network_id, "in_study": True}
        for name, each in scores.items()
    ]
    return results_table(pl.DataFrame(rows, schema_overrides=RESULTS) if rows else pl.DataFrame(schema=RESULTS))
